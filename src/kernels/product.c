/* SPDX-License-Identifier: MIT */
/* The planned products of a device: which engine multiplies, and one plan for each shape. */
#include "kernels/product.h"

#include "base/error.h"
#include "base/memory.h"
#include "kernels/product_engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct heed_product {
    heed_product_shape shape;
    const heed_product_engine *engine;
    void *plan;
    size_t workspace_bytes;
    heed_product *next;
};

struct heed_products {
    const heed_product_engine *engine;
    void *state; /* of the engine */
    heed_packing packing;
    heed_product *first; /* a list: a model has a few dozen shapes */
};

heed_status heed_products_create_with(const heed_product_engine *engine, const heed_kernels *kernels,
                                      int n_threads, heed_packing packing, heed_products **products,
                                      heed_error *err)
{
    heed_status status;

    *products = calloc(1, sizeof **products);
    if (!*products)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for the table of matrix products");
    (*products)->engine = engine;
    (*products)->packing = packing;
    status = engine->open(kernels, n_threads, &(*products)->state, err);
    if (status != HEED_OK) {
        free(*products);
        *products = NULL;
    }
    return status;
}

#ifdef HEED_HAVE_ONEDNN
/* oneDNN takes the widest vectors of the processor. Whoever asked for narrower ones gets them in the products too. */
static bool is_widest(const heed_kernels *kernels)
{
    const heed_kernels *widest = kernels;

    for (int i = 0; heed_kernels_at(i); i++)
        widest = heed_kernels_at(i);
    return kernels->lanes == widest->lanes;
}
#endif

heed_status heed_products_create(const heed_kernels *kernels, int n_threads, bool strict,
                                 heed_products **products, heed_error *err)
{
    const heed_product_engine *engine = &heed_product_engine_tile; /* strict by itself */

    (void)strict;
#ifdef HEED_HAVE_ONEDNN
    if (is_widest(kernels))
        engine = strict ? &heed_product_engine_onednn_strict : &heed_product_engine_onednn;
#endif
    return heed_products_create_with(engine, kernels, n_threads, HEED_PACK_BY_SHAPE, products, err);
}

void heed_products_destroy(heed_products *products)
{
    if (!products)
        return;
    while (products->first) {
        heed_product *product = products->first;

        products->first = product->next;
        product->engine->drop(product->plan);
        free(product);
    }
    products->engine->close(products->state);
    free(products);
}

bool heed_products_has_bf16(const heed_products *products)
{
    return products->engine->has_bf16(products->state);
}

const char *heed_products_engine(const heed_products *products)
{
    return products->engine->name(products->state);
}

static bool fits(int64_t rows, int64_t cols)
{
    size_t floats, bytes;

    return heed_size_mul((size_t)rows, (size_t)cols, &floats) && heed_size_mul(floats, sizeof(float), &bytes) &&
           bytes <= PTRDIFF_MAX;
}

/* oneDNN holds sizes in 32 bits in places, and divides by what is left of larger ones. */
static bool is_counted(const heed_product_shape *s)
{
    return s->m >= 1 && s->n >= 1 && s->k >= 1 && s->m <= INT32_MAX && s->n <= INT32_MAX && s->k <= INT32_MAX;
}

static heed_status check_shape(const heed_products *products, const heed_product_shape *s, heed_error *err)
{
    if (!is_counted(s) || !fits(s->m, s->k) || !fits(s->k, s->n) || !fits(s->m, s->n))
        return heed_fail(err, HEED_ERR_SHAPE,
                         "a matrix product needs sizes from 1 to 2147483647 that fit memory, got [%" PRId64
                         ", %" PRId64 "] times [%" PRId64 ", %" PRId64 "]",
                         s->m, s->k, s->k, s->n);
    if (s->bf16 && !heed_products_has_bf16(products))
        return heed_fail(err, HEED_ERR_USAGE,
                         "bfloat16 products need a processor and a oneDNN that have them; %s has none",
                         heed_products_engine(products));
    return HEED_OK;
}

static bool same_shape(const heed_product_shape *s, const heed_product_shape *t)
{
    return s->m == t->m && s->n == t->n && s->k == t->k && s->transpose_a == t->transpose_a &&
           s->transpose_b == t->transpose_b && s->has_bias == t->has_bias && s->accumulate == t->accumulate &&
           s->bf16 == t->bf16 && s->n_callers == t->n_callers;
}

static const heed_product_engine *engine_of(const heed_products *products, const heed_product_shape *shape)
{
    const heed_product_engine *other = products->engine->for_callers;

    return shape->n_callers > 0 && other != NULL ? other : products->engine;
}

heed_status heed_products_get(heed_products *products, const heed_product_shape *shape,
                              const heed_product **product, heed_error *err)
{
    heed_status status;
    heed_product *made;

    *product = NULL;
    for (heed_product *p = products->first; p; p = p->next)
        if (same_shape(&p->shape, shape)) {
            *product = p;
            return HEED_OK;
        }

    status = check_shape(products, shape, err);
    if (status != HEED_OK)
        return status;
    made = calloc(1, sizeof *made);
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to plan a matrix product");
    made->shape = *shape;
    made->engine = engine_of(products, shape);
    status = made->engine->plan(products->state, shape, products->packing, &made->plan, &made->workspace_bytes,
                                err);
    if (status != HEED_OK) {
        free(made);
        return status;
    }
    made->next = products->first;
    products->first = made;
    *product = made;
    return HEED_OK;
}

size_t heed_product_workspace_bytes(const heed_product *product)
{
    return product->workspace_bytes;
}

void heed_product_run(const heed_product *product, const void *a, const void *b, const float *bias, float *c,
                      void *workspace)
{
    heed_product_run_by(product, 0, a, b, bias, c, workspace);
}

void heed_product_run_by(const heed_product *product, int caller, const void *a, const void *b,
                         const float *bias, float *c, void *workspace)
{
    assert(caller == 0 || caller < product->shape.n_callers);
    product->engine->run(product->plan, caller, a, b, bias, c, workspace);
}
