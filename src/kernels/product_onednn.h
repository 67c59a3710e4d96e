/* SPDX-License-Identifier: MIT */
/*
 * What the two engines on oneDNN share: product_onednn.c, which leaves threads to it, and product_onednn_strict.c, which plans
 * the products of several callers for both.
 *
 * oneDNN 2 and 3 differ in their descriptions of matrices; only product_onednn*.c know its interface.
 */
#ifndef HEED_KERNELS_PRODUCT_ONEDNN_H
#define HEED_KERNELS_PRODUCT_ONEDNN_H

#include "kernels/product_engine.h"

#include <dnnl.h>

typedef struct heed_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int n_threads;
    char name[40];
} heed_onednn;

/* The state of an engine, as product_engine.h wants it. */
heed_status heed_onednn_open(const heed_kernels *kernels, int n_threads, void **state, heed_error *err);
void heed_onednn_close(void *state);
const char *heed_onednn_name(const void *state);
bool heed_onednn_has_bf16(const void *state);

/** How many threads oneDNN takes when called from this thread, from now on. Returns what it was. */
int heed_onednn_use_threads(int n_threads);

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t heed_onednn_matrix;     /* a handle */
typedef const_dnnl_memory_desc_t heed_onednn_view; /* what functions take */
#else
typedef dnnl_memory_desc_t heed_onednn_matrix; /* a struct */
typedef const dnnl_memory_desc_t *heed_onednn_view;
#endif

heed_onednn_view heed_onednn_view_of(const heed_onednn_matrix *d);
/** A matrix, stored as its transpose or not, with rows (of what is stored) `stride` apart. */
dnnl_status_t heed_onednn_describe(heed_onednn_matrix *d, int64_t rows, int64_t cols, int64_t stride,
                                   bool transposed, dnnl_data_type_t type);
/** A matrix in whatever order the primitive likes best. */
dnnl_status_t heed_onednn_describe_any(heed_onednn_matrix *d, int64_t rows, int64_t cols,
                                       dnnl_data_type_t type);
void heed_onednn_forget(heed_onednn_matrix *d);

/** bias NULL: without. */
dnnl_status_t heed_onednn_describe_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, heed_onednn_view a,
                                          heed_onednn_view b, heed_onednn_view bias, heed_onednn_view c,
                                          dnnl_primitive_attr_t attr);
/** Scratch memory of the caller's; C += where it accumulates. */
dnnl_status_t heed_onednn_make_attributes(dnnl_primitive_attr_t *attr, bool accumulate);
/** Scratch without an address, which each run sets. *bytes is 0 and nothing made where none is needed. */
dnnl_status_t heed_onednn_make_scratch(dnnl_memory_t *memory, size_t *bytes, const_dnnl_primitive_desc_t pd,
                                       dnnl_engine_t engine);
/** Sets the address; a memory that was not made is passed over. */
bool heed_onednn_point(dnnl_memory_t memory, const void *data);
void heed_onednn_drop_memory(dnnl_memory_t memory); /* NULL is allowed */

/* Copying B into the order that a primitive reads fastest. All zeros: nothing is copied. */
typedef struct heed_onednn_packing {
    dnnl_primitive_t reorder;
    dnnl_memory_t plain, packed, scratch;
    size_t packed_bytes, scratch_bytes; /* aligned */
} heed_onednn_packing;

/** On as many threads as oneDNN takes now; nothing is summed. */
dnnl_status_t heed_onednn_packing_make(heed_onednn_packing *packing, dnnl_engine_t engine,
                                       heed_onednn_view plain, heed_onednn_view packed);
bool heed_onednn_packing_run(const heed_onednn_packing *packing, dnnl_stream_t stream, const void *b,
                             void *packed, void *scratch);
void heed_onednn_packing_drop(heed_onednn_packing *packing);

/** The sentence for a product that oneDNN refused. */
heed_status heed_onednn_refused(const heed_product_shape *shape, dnnl_status_t status, heed_error *err);

#endif
