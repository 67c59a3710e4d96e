/* SPDX-License-Identifier: MIT */
/*
 * Matrix products: C = op(A) op(B) (+ bias) (+ C), single precision, row-major, dense operands.
 *
 * oneDNN does the work where it is there, heed's own register tile elsewhere. A product is planned
 * once for its sizes (oneDNN generates code then) and run many times in the caller's workspace.
 *
 *     const heed_product_shape shape = {.m = rows, .n = out, .k = in, .has_bias = true};
 *     const heed_product *product = NULL;
 *     heed_status s = heed_products_get(products, &shape, &product, err);
 *     heed_product_run(product, x, w, bias, y, workspace);
 *
 * Nothing outside product_onednn.c includes dnnl.h.
 */
#ifndef HEED_KERNELS_PRODUCT_H
#define HEED_KERNELS_PRODUCT_H

#include "kernels/kernels.h"

typedef struct heed_product_shape {
    int64_t m, n, k;  /* C [m, n], op(A) [m, k], op(B) [k, n] */
    bool transpose_a; /* A is stored [k, m] */
    bool transpose_b; /* B is stored [n, k] */
    bool has_bias;    /* bias [n] is added to every row of C */
    bool accumulate;  /* C += instead of C = */
    bool bf16;        /* A and B are bfloat16, C is float; only where heed_products_has_bf16() */
    int n_callers;    /* 0: runs on all threads of the device; else on its caller's alone, of so many */
} heed_product_shape;

typedef struct heed_product heed_product;
typedef struct heed_products heed_products; /* the planned products of one device */

/**
 * kernels and n_threads are those of the device; the table outlives the products. strict: no bit depends on n_threads,
 * which is so without it for heed's own tile, but not for oneDNN.
 */
heed_status heed_products_create(const heed_kernels *kernels, int n_threads, bool strict,
                                 heed_products **products, heed_error *err);
void heed_products_destroy(heed_products *products); /* NULL is allowed */
bool heed_products_has_bf16(const heed_products *products);
/** "oneDNN 2.6.3" or "heed's register tile". */
const char *heed_products_engine(const heed_products *products);

/**
 * Finds or plans the product. The result lives as long as products. Planning is not safe beside another call; finding what is
 * planned is.
 */
heed_status heed_products_get(heed_products *products, const heed_product_shape *shape,
                              const heed_product **product, heed_error *err);
/** Bytes of workspace that a run needs (packed operands), aligned to 64. */
size_t heed_product_workspace_bytes(const heed_product *product);
/**
 * Runs on the device's threads. a, b, c dense and not overlapping; bias NULL unless has_bias. Products of one device
 * share memory objects: run them from one thread at a time, but for those of n_callers.
 */
void heed_product_run(const heed_product *product, const void *a, const void *b, const float *bias, float *c,
                      void *workspace);
/**
 * The same for a product of n_callers: on the calling thread, as number 0 .. n_callers-1 of them. Different callers may run
 * at the same time, each with a workspace of its own.
 */
void heed_product_run_by(const heed_product *product, int caller, const void *a, const void *b,
                         const float *bias, float *c, void *workspace);

#endif
