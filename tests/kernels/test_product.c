/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "kernels/device.h"
#include "kernels/product_engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20241, GUARD = 16 };

/* A way to multiply that this build and this processor have. */
typedef struct way {
    const heed_product_engine *engine;
    const heed_kernels *kernels;
    heed_packing packing;
} way;

static int all_ways(way *ways)
{
    int n = 0;

    for (int i = 0; heed_kernels_at(i); i++)
        ways[n++] = (way){&heed_product_engine_tile, heed_kernels_at(i), HEED_PACK_BY_SHAPE};
#ifdef HEED_HAVE_ONEDNN
    ways[n++] = (way){&heed_product_engine_onednn, heed_kernels_at(0), HEED_PACK_BY_SHAPE};
    ways[n++] = (way){&heed_product_engine_onednn, heed_kernels_at(0), HEED_PACK_NEVER};
    ways[n++] = (way){&heed_product_engine_onednn, heed_kernels_at(0), HEED_PACK_ALWAYS};
    ways[n++] = (way){&heed_product_engine_onednn_strict, heed_kernels_at(0), HEED_PACK_BY_SHAPE};
#endif
    return n;
}

/* Random numbers that repeat after a prime number of them: drawing millions would take longer than multiplying. */
static float *random_floats(heed_rng *rng, int64_t n)
{
    enum { PERIOD = 4099 };
    float *x = malloc((size_t)n * sizeof(float));

    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = i < PERIOD ? heed_rng_normal(rng) : x[i - PERIOD];
    return x;
}

static heed_products *open_products(const way *w, int n_threads)
{
    heed_products *products = NULL;
    heed_error err = {0};

    if (heed_products_create_with(w->engine, w->kernels, n_threads, w->packing, &products, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return products;
}

/* Plans and runs with a workspace full of NaN, which must not reach the result. */
static void run_product(heed_products *products, const heed_product_shape *s, const float *a, const float *b,
                        const float *bias, float *c)
{
    const heed_product *product = NULL;
    heed_error err = {0};

    if (heed_products_get(products, s, &product, &err) != HEED_OK)
        fail_msg("%s", err.message);
    const size_t bytes = heed_product_workspace_bytes(product);
    void *workspace = heed_memory_reserve(bytes);
    assert_non_null(workspace);
    memset(workspace, 0xff, bytes);
    heed_product_run(product, a, b, bias, c, workspace);
    heed_memory_release(workspace, bytes);
}

/*
 * Any order of summation of k products, with or without fused additions, errs by at most about
 * (k + 2) u sum |a b|, u = 2^-24, where start value and bias count as products. (Higham 2002, 3.1)
 */
static void check_product(const way *w, const heed_product_shape *s, const float *a, const float *b,
                          const float *bias, const float *start, const float *c)
{
    const double u = 1.0 / (1 << 24);

    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) {
            double want = 0, size = 0;

            if (s->has_bias)
                want += bias[j], size += fabsf(bias[j]);
            if (s->accumulate)
                want += start[i * s->n + j], size += fabsf(start[i * s->n + j]);
            for (int64_t l = 0; l < s->k; l++) {
                const double x = s->transpose_a ? a[l * s->m + i] : a[i * s->k + l];
                const double y = s->transpose_b ? b[j * s->k + l] : b[l * s->n + j];

                want += x * y;
                size += fabs(x * y);
            }
            const double got = c[i * s->n + j], tolerance = (double)(s->k + 4) * u * size;
            if (!(fabs(got - want) <= tolerance))
                fail_msg("%s: [%ld, %ld] x [%ld, %ld], transposes %d %d, bias %d, accumulate %d: element %ld "
                         "%ld is %.9g, "
                         "expected %.9g +- %.2g (seed %d)",
                         w->kernels->name, (long)s->m, (long)s->k, (long)s->k, (long)s->n, s->transpose_a,
                         s->transpose_b, s->has_bias, s->accumulate, (long)i, (long)j, got, want, tolerance,
                         SEED);
        }
}

static void check_one(const way *w, heed_products *products, const heed_product_shape *s, heed_rng *rng)
{
    const int64_t size = s->m * s->n;
    float *a = random_floats(rng, s->m * s->k), *b = random_floats(rng, s->k * s->n),
          *bias = random_floats(rng, s->n);
    float *start = random_floats(rng, size), *c = malloc((size_t)(size + 2 * GUARD) * sizeof(float));

    assert_non_null(c);
    for (int64_t i = 0; i < size + 2 * GUARD; i++)
        c[i] = NAN; /* C = must not read what was there */
    if (s->accumulate)
        memcpy(c + GUARD, start, (size_t)size * sizeof(float));
    run_product(products, s, a, b, s->has_bias ? bias : NULL, c + GUARD);
    check_product(w, s, a, b, bias, start, c + GUARD);
    for (int i = 0; i < GUARD; i++)
        assert_true(isnan(c[i]) && isnan(c[GUARD + size + i]));
    free(a);
    free(b);
    free(bias);
    free(start);
    free(c);
}

static void product_equals_a_sum_in_double_precision(void **state)
{
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++) {
        heed_products *products = open_products(&ways[w], 1 + w % 3);
        heed_rng rng = heed_rng_make(SEED, 1);

        for (int i = 0; i < 48; i++) { /* every combination of the four flags three times */
            const heed_product_shape shape = {.m = 1 + heed_rng_below(&rng, 130),
                                              .n = 1 + heed_rng_below(&rng, 130),
                                              .k = 1 + heed_rng_below(&rng, 130),
                                              .transpose_a = i & 1,
                                              .transpose_b = i & 2,
                                              .has_bias = i & 4,
                                              .accumulate = i & 8};

            check_one(&ways[w], products, &shape, &rng);
        }
        heed_products_destroy(products);
    }
}

static void product_of_more_than_one_cache_block_is_right(void **state)
{
    static const int64_t sizes[][3] = {
        {1, 1, 1}, {1, 2100, 300}, {250, 1, 600}, {131, 1037, 519}, {3, 65, 1025}};
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++) {
        heed_products *products = open_products(&ways[w], 2);
        heed_rng rng = heed_rng_make(SEED, 2);

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            for (int flags = 0; flags < 16; flags += 5) {
                const heed_product_shape shape = {sizes[i][0], sizes[i][1], sizes[i][2], flags & 1, flags & 2,
                                                  flags & 4,   flags & 8,   false,       0};

                check_one(&ways[w], products, &shape, &rng);
            }
        heed_products_destroy(products);
    }
}

/* The shapes of a small and of a large model: forward, dX and dW. */
static const heed_product_shape model_shapes[] = {
    {.m = 768, .n = 384, .k = 128, .has_bias = true},
    {.m = 768, .n = 128, .k = 512, .transpose_b = true},
    {.m = 128, .n = 512, .k = 768, .transpose_a = true},
    {.m = 768, .n = 65, .k = 128, .transpose_b = true},
    {.m = 65, .n = 128, .k = 768, .transpose_a = true, .accumulate = true},
    {.m = 64, .n = 768, .k = 3072, .has_bias = true},
    {.m = 96, .n = 3072, .k = 768},
    {.m = 96, .n = 768, .k = 3072, .transpose_b = true},
    {.m = 64,
     .n = 64,
     .k = 4100,
     .transpose_a = true}, /* long enough for oneDNN to split the sum over threads */
    {.m = 1, .n = 1000, .k = 768, .transpose_b = true},
    {.m = 512, .n = 512, .k = 256},
};
enum { N_MODEL_SHAPES = sizeof(model_shapes) / sizeof(model_shapes[0]) };

/* Runs the shape on newly planned products, n_runs times. Returns C of the first run; the others must equal it. */
static float *product_bits(const way *w, const heed_product_shape *s, int n_threads, int n_runs)
{
    heed_rng rng = heed_rng_make(SEED, 3);
    float *a = random_floats(&rng, s->m * s->k), *b = random_floats(&rng, s->k * s->n);
    float *bias = random_floats(&rng, s->n), *start = random_floats(&rng, s->m * s->n);
    const size_t bytes = (size_t)(s->m * s->n) * sizeof(float);
    float *first = malloc(bytes), *c = malloc(bytes);
    heed_products *products = open_products(w, n_threads);

    assert_true(first && c);
    for (int run = 0; run < n_runs; run++) {
        float *out = run == 0 ? first : c;

        memcpy(out, start, bytes);
        run_product(products, s, a, b, s->has_bias ? bias : NULL, out);
        if (run > 0)
            assert_memory_equal(first, c, bytes);
    }
    heed_products_destroy(products);
    free(a);
    free(b);
    free(bias);
    free(start);
    free(c);
    return first;
}

static void product_gives_the_same_bits_every_time(void **state)
{
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++)
        for (int i = 0; i < N_MODEL_SHAPES; i++) {
            const size_t bytes = (size_t)(model_shapes[i].m * model_shapes[i].n) * sizeof(float);
            float *once = product_bits(&ways[w], &model_shapes[i], 2, 4);
            float *again = product_bits(&ways[w], &model_shapes[i], 2, 1);

            assert_memory_equal(once, again, bytes);
            free(once);
            free(again);
        }
}

static void packing_does_not_change_a_bit(void **state)
{
    (void)state;
#ifdef HEED_HAVE_ONEDNN
    const way plain = {&heed_product_engine_onednn, heed_kernels_at(0), HEED_PACK_NEVER};
    const way packed = {&heed_product_engine_onednn, heed_kernels_at(0), HEED_PACK_ALWAYS};

    for (int i = 0; i < N_MODEL_SHAPES; i++) {
        const size_t bytes = (size_t)(model_shapes[i].m * model_shapes[i].n) * sizeof(float);
        float *c = product_bits(&plain, &model_shapes[i], 2, 1),
              *d = product_bits(&packed, &model_shapes[i], 2, 1);

        if (memcmp(c, d, bytes) != 0)
            fail_msg("shape %d: packing changes the result", i);
        free(c);
        free(d);
    }
#else
    skip();
#endif
}

/* Shapes of training on more rows than oneDNN sums in one piece, and one whose last piece is smaller than the others. */
#ifdef HEED_HAVE_ONEDNN
static const heed_product_shape long_shapes[] = {
    {.m = 96, .n = 96, .k = 4096, .transpose_a = true},
    {.m = 128, .n = 384, .k = 2304, .transpose_a = true, .accumulate = true},
    {.m = 2304, .n = 128, .k = 384, .transpose_b = true},
    {.m = 777, .n = 257, .k = 515, .has_bias = true},
};
enum { N_LONG_SHAPES = sizeof(long_shapes) / sizeof(long_shapes[0]) };
#endif

static void expect_same_for_threads(const way *w, const heed_product_shape *s, int n_threads)
{
    const size_t bytes = (size_t)(s->m * s->n) * sizeof(float);
    float *one = product_bits(w, s, 1, 1), *more = product_bits(w, s, n_threads, 1);

    if (memcmp(one, more, bytes) != 0)
        fail_msg("[%ld, %ld] x [%ld, %ld]: other bits on %d threads", (long)s->m, (long)s->k, (long)s->k,
                 (long)s->n, n_threads);
    free(one);
    free(more);
}

static void own_tile_gives_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const way w = {&heed_product_engine_tile, heed_kernels_at(t), HEED_PACK_BY_SHAPE};

        for (int i = 0; i < N_MODEL_SHAPES; i++)
            expect_same_for_threads(&w, &model_shapes[i], 3);
    }
}

/* Any of these that is split by threads shows on some number of them; 7 leave pieces over. */
static void strict_products_give_the_same_bits_on_any_number_of_threads(void **state)
{
    static const int threads[] = {2, 3, 4, 7};

    (void)state;
#ifdef HEED_HAVE_ONEDNN
    const way w = {&heed_product_engine_onednn_strict, heed_kernels_at(0), HEED_PACK_BY_SHAPE};

    for (int i = 0; i < N_MODEL_SHAPES; i++)
        expect_same_for_threads(&w, &model_shapes[i], threads[i % 4]);
    for (int i = 0; i < N_LONG_SHAPES; i++)
        for (int t = 0; t < 4; t++)
            expect_same_for_threads(&w, &long_shapes[i], threads[t]);
#else
    (void)threads;
    skip();
#endif
}

enum { N_CALLERS = 3, N_ROUNDS = 20 };

/* One caller's product, run again and again. */
typedef struct caller {
    float *a, *b, *bias, *start, *c;
    void *workspace;
} caller;

typedef struct callers {
    const heed_product *product;
    const heed_product_shape *shape;
    caller of[N_CALLERS];
} callers;

static void call(void *context, int64_t begin, int64_t end, int thread)
{
    const callers *all = context;
    const heed_product_shape *s = all->shape;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const caller *own = &all->of[i];

        for (int round = 0; round < N_ROUNDS; round++) {
            memset(own->workspace, 0xff, heed_product_workspace_bytes(all->product));
            memcpy(own->c, own->start, (size_t)(s->m * s->n) * sizeof(float));
            heed_product_run_by(all->product, (int)i, own->a, own->b, s->has_bias ? own->bias : NULL, own->c,
                                own->workspace);
        }
    }
}

static void check_callers(const way *w, heed_products *products, const heed_product_shape *s, heed_rng *rng)
{
    callers all = {.shape = s};

    assert_int_equal(heed_products_get(products, s, &all.product, NULL), HEED_OK);
    const size_t bytes = heed_product_workspace_bytes(all.product);

    for (int i = 0; i < N_CALLERS; i++) {
        caller *own = &all.of[i];

        *own = (caller){random_floats(rng, s->m * s->k), random_floats(rng, s->k * s->n),
                        random_floats(rng, s->n),        random_floats(rng, s->m * s->n),
                        random_floats(rng, s->m * s->n), heed_memory_reserve(bytes)};
        assert_non_null(own->workspace);
    }
    heed_parallel(N_CALLERS, N_CALLERS, 1, call, &all);
    for (int i = 0; i < N_CALLERS; i++) {
        caller *own = &all.of[i];

        check_product(w, s, own->a, own->b, own->bias, own->start, own->c);
        free(own->a);
        free(own->b);
        free(own->bias);
        free(own->start);
        free(own->c);
        heed_memory_release(own->workspace, bytes);
    }
}

/* Each with operands of its own; fewer callers than the device has threads, and more. */
static void products_of_several_callers_run_at_once(void **state)
{
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++) {
        heed_products *products = open_products(&ways[w], w % 2 ? 2 : 5);
        heed_rng rng = heed_rng_make(SEED, 5);

        for (int flags = 0; flags < 16; flags++) {
            const heed_product_shape shape = {.m = 67 + flags,
                                              .n = 129,
                                              .k = 300,
                                              .transpose_a = flags & 1,
                                              .transpose_b = flags & 2,
                                              .has_bias = flags & 4,
                                              .accumulate = flags & 8,
                                              .n_callers = N_CALLERS};

            check_callers(&ways[w], products, &shape, &rng);
        }
        heed_products_destroy(products);
    }
}

/* What makes a token's logits the same whether its prompt was read in one piece or token by token. */
static void a_row_of_a_product_does_not_depend_on_the_other_rows(void **state)
{
    static const int64_t some_rows[] = {1, 2, 3, 7, 16, 33};
    enum { N = 320, K = 768, M = 64 };
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++) {
        heed_products *products = open_products(&ways[w], 2);
        heed_rng rng = heed_rng_make(SEED, 4);
        float *a = random_floats(&rng, M * K), *b = random_floats(&rng, K * N);
        float *all = malloc(sizeof(float) * M * N), *some = malloc(sizeof(float) * M * N);

        assert_true(all && some);
        run_product(products, &(heed_product_shape){.m = M, .n = N, .k = K}, a, b, NULL, all);
        for (size_t i = 0; i < sizeof(some_rows) / sizeof(some_rows[0]); i++) {
            run_product(products, &(heed_product_shape){.m = some_rows[i], .n = N, .k = K}, a, b, NULL, some);
            assert_memory_equal(all, some, sizeof(float) * (size_t)(some_rows[i] * N));
        }
        free(a);
        free(b);
        free(all);
        free(some);
        heed_products_destroy(products);
    }
}

static void the_same_shape_is_planned_once(void **state)
{
    const way w = {&heed_product_engine_tile, heed_kernels_at(0), HEED_PACK_BY_SHAPE};
    heed_products *products = open_products(&w, 1);
    const heed_product *first = NULL, *second = NULL, *other = NULL;
    heed_product_shape shape = {.m = 3, .n = 4, .k = 5};

    (void)state;
    assert_int_equal(heed_products_get(products, &shape, &first, NULL), HEED_OK);
    assert_int_equal(heed_products_get(products, &shape, &second, NULL), HEED_OK);
    shape.accumulate = true;
    assert_int_equal(heed_products_get(products, &shape, &other, NULL), HEED_OK);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    heed_products_destroy(products);
    heed_products_destroy(NULL);
}

static void impossible_shapes_are_refused_by_name(void **state)
{
    static const heed_product_shape shapes[] = {
        {.m = 0, .n = 1, .k = 1},
        {.m = 1, .n = -1, .k = 1},
        {.m = 1, .n = 1, .k = 0},
        {.m = INT64_MAX, .n = INT64_MAX, .k = 1},
        {.m = 1, .n = INT64_MAX / 2, .k = 1},
    };
    way ways[16];
    const int n_ways = all_ways(ways);

    (void)state;
    for (int w = 0; w < n_ways; w++) {
        heed_products *products = open_products(&ways[w], 1);

        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            const heed_product *product = (const heed_product *)products;
            heed_error err = {0};

            assert_int_equal(heed_products_get(products, &shapes[i], &product, &err), HEED_ERR_SHAPE);
            assert_null(product);
            assert_non_null(strstr(err.message, "matrix product"));
        }
        heed_products_destroy(products);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_equals_a_sum_in_double_precision),
        cmocka_unit_test(product_of_more_than_one_cache_block_is_right),
        cmocka_unit_test(product_gives_the_same_bits_every_time),
        cmocka_unit_test(packing_does_not_change_a_bit),
        cmocka_unit_test(own_tile_gives_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(strict_products_give_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(products_of_several_callers_run_at_once),
        cmocka_unit_test(a_row_of_a_product_does_not_depend_on_the_other_rows),
        cmocka_unit_test(the_same_shape_is_planned_once),
        cmocka_unit_test(impossible_shapes_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
