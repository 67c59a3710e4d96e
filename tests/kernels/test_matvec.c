/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/rng.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { SEED = 977, MAX_OUT = 5000, MAX_IN = 300, MAX_STRIDE = 5003, GUARD = 8 };

static float weights[MAX_IN * MAX_STRIDE], x[MAX_IN], bias[MAX_OUT], y[MAX_OUT + 2 * GUARD];

/* The smallest sizes, sizes around a vector and around four of them, and one past a block of columns. */
static const int64_t sizes[][2] = {{1, 1},   {2, 3},   {3, 4},    {5, 7},     {4, 16},   {17, 15},   {33, 64},
                                   {16, 65}, {65, 63}, {31, 129}, {100, 127}, {70, 300}, {4100, 11}, {4999, 8}};

static double dot(const float *w, int64_t step, int64_t n, double *size)
{
    double sum = 0;

    *size = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double)w[k * step] * (double)x[k];
        *size += fabs((double)w[k * step] * (double)x[k]);
    }
    return sum;
}

/* [out, in] when by_rows, else [in, out]; rows are `extra` floats longer than needed, and those are NaN. */
static void check(const heed_kernels *kernels, bool by_rows, int64_t n_out, int64_t n_in, int64_t extra,
                  bool has_bias)
{
    const int64_t rows = by_rows ? n_out : n_in, columns = by_rows ? n_in : n_out, stride = columns + extra;
    const double u = 1.0 / (1 << 24);
    heed_rng rng = heed_rng_make(SEED, 1);

    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < stride; c++)
            weights[r * stride + c] = c < columns ? heed_rng_float(&rng) - 0.5f : NAN;
    for (int64_t k = 0; k < n_in; k++)
        x[k] = heed_rng_normal(&rng);
    for (int64_t o = 0; o < n_out; o++)
        bias[o] = heed_rng_normal(&rng);
    for (int64_t o = 0; o < n_out + 2 * GUARD; o++)
        y[o] = NAN;

    (by_rows ? kernels->rows_dot : kernels->rows_combine)(y + GUARD, weights, stride, x, has_bias ? bias : NULL,
                                                          n_out, n_in);
    for (int64_t o = 0; o < n_out; o++) {
        double size;
        const double sum = dot(weights + o * (by_rows ? stride : 1), by_rows ? 1 : stride, n_in, &size);
        const double want = sum + (has_bias ? (double)bias[o] : 0.0);
        /* any order of adding n products errs by at most about (n + 1) u sum |w x|, u = 2^-24 */
        const double tolerance = (double)(n_in + 2) * u * (size + fabs((double)bias[o]));

        if (!(fabs((double)y[GUARD + o] - want) <= tolerance))
            fail_msg("%s, %s, %ld of %ld inputs, element %ld: %.9g, expected %.9g +- %.2g (seed %d)",
                     kernels->name, by_rows ? "rows_dot" : "rows_combine", (long)n_out, (long)n_in, (long)o,
                     (double)y[GUARD + o], want, tolerance, SEED);
    }
    for (int i = 0; i < GUARD; i++)
        assert_true(isnan(y[i]) && isnan(y[GUARD + n_out + i]));
}

static void check_all_sizes(bool by_rows)
{
    for (int t = 0; heed_kernels_at(t); t++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            for (int variant = 0; variant < 4; variant++)
                check(heed_kernels_at(t), by_rows, sizes[i][0], sizes[i][1], variant & 1 ? 3 : 0, variant & 2);
}

static void rows_dot_equals_a_sum_in_double_precision(void **state)
{
    (void)state;
    check_all_sizes(true);
}

static void rows_combine_equals_a_sum_in_double_precision(void **state)
{
    (void)state;
    check_all_sizes(false);
}

/* So that threads may split the outputs anywhere, and a result does not depend on how many there are. */
static void an_output_does_not_depend_on_which_outputs_are_asked_for(void **state)
{
    enum { OUT = 333, IN = 75 };
    static float part[OUT];
    heed_rng rng = heed_rng_make(SEED, 2);

    (void)state;
    for (int64_t i = 0; i < OUT * IN; i++)
        weights[i] = heed_rng_normal(&rng);
    for (int64_t k = 0; k < IN; k++)
        x[k] = heed_rng_normal(&rng);
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *kernels = heed_kernels_at(t);

        kernels->rows_dot(y, weights, IN, x, NULL, OUT, IN);
        for (int64_t begin = 0; begin < OUT; begin += 33)
            kernels->rows_dot(part + begin, weights + begin * IN, IN, x, NULL,
                              OUT - begin < 33 ? OUT - begin : 33, IN);
        assert_memory_equal(y, part, sizeof part);

        kernels->rows_combine(y, weights, OUT, x, NULL, OUT, IN);
        for (int64_t begin = 0; begin < OUT; begin += 41)
            kernels->rows_combine(part + begin, weights + begin, OUT, x, NULL,
                                  OUT - begin < 41 ? OUT - begin : 41, IN);
        assert_memory_equal(y, part, sizeof part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_dot_equals_a_sum_in_double_precision),
        cmocka_unit_test(rows_combine_equals_a_sum_in_double_precision),
        cmocka_unit_test(an_output_does_not_depend_on_which_outputs_are_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
