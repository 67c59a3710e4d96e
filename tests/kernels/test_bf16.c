/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/memory.h"
#include "base/rng.h"
#include "kernels/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 4242 };

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The bfloat16 nearest to x by trying both neighbours in double precision: the definition, not the trick. */
static uint16_t nearest_bf16(float x)
{
    const uint32_t below = bits_of(x) >> 16;
    const double low = float_of(below << 16);
    /* past the largest bfloat16 the next step is where the following power of two would be */
    const bool last = (below & 0x7fff) == 0x7f7f;
    const double high = last ? copysign(ldexp(1.0, 128), x) : (double)float_of((below + 1) << 16);
    const double to_low = fabs((double)x - low), to_high = fabs((double)x - high);

    if (to_low < to_high || (to_low == to_high && below % 2 == 0))
        return (uint16_t)below;
    return (uint16_t)(below + 1);
}

static void to_bf16_rounds_to_nearest_with_ties_to_even(void **state)
{
    enum { N = 4096 };
    static float x[N];
    static uint16_t y[N];
    heed_rng rng = heed_rng_make(SEED, 1);

    (void)state;
    for (int i = 0; i < N; i++) {
        uint32_t bits = heed_rng_u32(&rng);

        if (i % 3 == 0)
            bits = (bits & 0xffff0000u) | 0x8000u; /* a tie */
        if (i % 7 == 0)
            bits = (bits & 0x80ffffffu); /* small or denormal */
        if (i % 11 == 0)
            bits = (bits & 0x8000ffffu) | 0x7f7f0000u; /* about to overflow */
        if ((bits & 0x7f800000u) == 0x7f800000u)
            bits &= 0xbfffffffu;
        x[i] = float_of(bits);
    }
    for (int t = 0; heed_kernels_at(t); t++) {
        heed_kernels_at(t)->to_bf16(y, x, N);
        for (int i = 0; i < N; i++)
            if (y[i] != nearest_bf16(x[i]))
                fail_msg("%s: %a becomes %04x, expected %04x", heed_kernels_at(t)->name, (double)x[i], y[i],
                         nearest_bf16(x[i]));
    }
}

static void to_bf16_keeps_zero_infinity_and_nan(void **state)
{
    const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, float_of(0x7f800001u), float_of(0xffffffffu)};
    uint16_t y[7];

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        heed_kernels_at(t)->to_bf16(y, x, 7);
        assert_int_equal(y[0], 0x0000);
        assert_int_equal(y[1], 0x8000);
        assert_int_equal(y[2], 0x7f80);
        assert_int_equal(y[3], 0xff80);
        for (int i = 4; i < 7; i++)
            assert_true(isnan(float_of((uint32_t)y[i] << 16)));
    }
}

static void every_bf16_survives_the_way_to_float_and_back(void **state)
{
    enum { N = 1 << 16 };
    static uint16_t x[N], back[N];
    static float y[N];

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (uint16_t)i;
    for (int t = 0; heed_kernels_at(t); t++) {
        heed_kernels_at(t)->from_bf16(y, x, N);
        heed_kernels_at(t)->to_bf16(back, y, N);
        for (int i = 0; i < N; i++) {
            assert_int_equal(bits_of(y[i]), (uint32_t)i << 16);
            if (!isnan(y[i]))
                assert_int_equal(back[i], i);
        }
    }
}

/* bfloat16 products are exact in float, so only the additions round: (k + 1) u sum |a b|, u = 2^-24. */
static void check_product(heed_products *products, const heed_product_shape *s, heed_rng *rng)
{
    const heed_kernels *kernels = heed_kernels_at(0);
    const int64_t n_a = s->m * s->k, n_b = s->k * s->n, n_c = s->m * s->n;
    uint16_t *a = malloc((size_t)n_a * 2), *b = malloc((size_t)n_b * 2);
    float *wide_a = malloc((size_t)n_a * 4), *wide_b = malloc((size_t)n_b * 4), *c = malloc((size_t)n_c * 4);
    const heed_product *product = NULL;

    assert_true(a && b && wide_a && wide_b && c);
    for (int64_t i = 0; i < n_a; i++)
        wide_a[i] = heed_rng_normal(rng);
    for (int64_t i = 0; i < n_b; i++)
        wide_b[i] = heed_rng_normal(rng);
    for (int64_t i = 0; i < n_c; i++)
        c[i] = s->accumulate ? 1.0f : NAN;
    kernels->to_bf16(a, wide_a, n_a);
    kernels->to_bf16(b, wide_b, n_b);
    kernels->from_bf16(wide_a, a, n_a);
    kernels->from_bf16(wide_b, b, n_b);

    assert_int_equal(heed_products_get(products, s, &product, NULL), HEED_OK);
    const size_t bytes = heed_product_workspace_bytes(product);
    void *workspace = heed_memory_reserve(bytes);
    heed_product_run(product, a, b, NULL, c, workspace);
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++) {
            double want = s->accumulate ? 1.0 : 0.0, size = want;

            for (int64_t l = 0; l < s->k; l++) {
                const double p = (double)(s->transpose_a ? wide_a[l * s->m + i] : wide_a[i * s->k + l]) *
                                 (double)(s->transpose_b ? wide_b[j * s->k + l] : wide_b[l * s->n + j]);

                want += p;
                size += fabs(p);
            }
            const double tolerance = (double)(s->k + 2) / (1 << 24) * size;
            if (!(fabs((double)c[i * s->n + j] - want) <= tolerance))
                fail_msg("[%ld, %ld] x [.., %ld], element %ld %ld: %.9g, expected %.9g +- %.2g (seed %d)",
                         (long)s->m, (long)s->k, (long)s->n, (long)i, (long)j, (double)c[i * s->n + j], want,
                         tolerance, SEED);
        }
    heed_memory_release(workspace, bytes);
    free(a);
    free(b);
    free(wide_a);
    free(wide_b);
    free(c);
}

static void bf16_product_sums_in_single_precision(void **state)
{
    heed_device device;
    heed_rng rng = heed_rng_make(SEED, 2);

    (void)state;
    assert_int_equal(heed_device_open(&device, "", 2, NULL), HEED_OK);
    if (!heed_products_has_bf16(device.products)) {
        heed_device_close(&device);
        skip();
    }
    for (int i = 0; i < 40; i++) {
        const heed_product_shape shape = {.m = 1 + heed_rng_below(&rng, 130),
                                          .n = 1 + heed_rng_below(&rng, 130),
                                          .k = 1 + heed_rng_below(&rng, 130),
                                          .transpose_a = i & 1,
                                          .transpose_b = i & 2,
                                          .accumulate = i & 4,
                                          .bf16 = true};

        check_product(device.products, &shape, &rng);
    }
    heed_device_close(&device);
}

static void bf16_product_is_refused_where_it_does_not_exist(void **state)
{
    const heed_product_shape shape = {.m = 2, .n = 2, .k = 2, .bf16 = true};
    const heed_product *product = NULL;
    heed_device device;
    heed_error err = {0};

    (void)state;
    if (!heed_kernels_at(1))
        skip();
    /* narrower kernels than the widest use heed's own tile, which has no bfloat16 */
    assert_int_equal(heed_device_open(&device, "generic", 1, NULL), HEED_OK);
    assert_false(heed_products_has_bf16(device.products));
    assert_int_equal(heed_products_get(device.products, &shape, &product, &err), HEED_ERR_USAGE);
    assert_null(product);
    heed_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_bf16_rounds_to_nearest_with_ties_to_even),
        cmocka_unit_test(to_bf16_keeps_zero_infinity_and_nan),
        cmocka_unit_test(every_bf16_survives_the_way_to_float_and_back),
        cmocka_unit_test(bf16_product_sums_in_single_precision),
        cmocka_unit_test(bf16_product_is_refused_where_it_does_not_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
