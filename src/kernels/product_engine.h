/* SPDX-License-Identifier: MIT */
/*
 * What product.c asks of whoever multiplies: oneDNN (product_onednn.c) or heed's own tile (product_tile.c).
 *
 * Each `run` gives the same bits for the same shape, operands and number of threads, in every process; those of
 * the tile and of onednn_strict also for any number of threads.
 */
#ifndef HEED_KERNELS_PRODUCT_ENGINE_H
#define HEED_KERNELS_PRODUCT_ENGINE_H

#include "kernels/product.h"

/* Whether B is first copied into the order that the engine reads fastest. Float products keep their bits. */
typedef enum heed_packing { HEED_PACK_BY_SHAPE, HEED_PACK_NEVER, HEED_PACK_ALWAYS } heed_packing;

typedef struct heed_product_engine {
    heed_status (*open)(const heed_kernels *kernels, int n_threads, void **state, heed_error *err);
    void (*close)(void *state);
    const char *(*name)(const void *state); /* lives as long as state */
    bool (*has_bf16)(const void *state);

    /* The shape is checked: all sizes at least 1, bytes of every operand fit size_t, bf16 only where it exists. */
    heed_status (*plan)(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                        size_t *workspace_bytes, heed_error *err);
    void (*drop)(void *plan);
    void (*run)(const void *plan, int caller, const void *a, const void *b, const float *bias, float *c,
                void *workspace);

    /* Plans what has n_callers, over the same state; NULL: this engine does. It may pass packing over. */
    const struct heed_product_engine *for_callers;
} heed_product_engine;

extern const heed_product_engine heed_product_engine_tile;
#ifdef HEED_HAVE_ONEDNN
extern const heed_product_engine heed_product_engine_onednn, heed_product_engine_onednn_strict;
#endif

/** heed_products_create() with a given engine and packing: for tests and measurements. */
heed_status heed_products_create_with(const heed_product_engine *engine, const heed_kernels *kernels,
                                      int n_threads, heed_packing packing, heed_products **products,
                                      heed_error *err);

#endif
