/* SPDX-License-Identifier: MIT */
/* What softmax, layernorm and cross-entropy promise, on every device, by properties and by sums in double. */
#include "one.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { ROWS = 3, N = 33 };

static float numbers[ROWS * N];

typedef void check_fn(const char *device, const float *y);

/* Runs y everywhere and hands its elements to check(). Destroys g. */
static void on_every_device(heed_graph *g, heed_node *y, check_fn *check)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    float values[ROWS * N];

    assert_non_null(y);
    for (int d = 0; d < n_devices; d++) {
        one_run(g, y, &devices[d], values);
        check(heed_device_name(&devices[d]), values);
    }
    case_devices_close(devices, n_devices);
    heed_graph_destroy(g);
}

static void expect(const char *device, int64_t i, double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("on %s: element %lld is %.9g, expected %.9g, tolerance %.2g", device, (long long)i, got,
                 expected, tolerance);
}

/* --- softmax --- */

/* Far from 0 and far apart: the last row reaches 1e4. */
static void fill_numbers(float offset)
{
    heed_rng rng = heed_rng_make(3, 1);

    for (int i = 0; i < ROWS * N; i++)
        numbers[i] = offset + heed_rng_normal(&rng) * (i / N == ROWS - 1 ? 1e4f : 1.0f);
}

/* x - m is rounded where x is of size 1e4 only in its last place, exp() and a sum of N add some epsilons. */
static void check_softmax(const char *device, const float *y)
{
    for (int64_t r = 0; r < ROWS; r++) {
        const float *x = numbers + r * N;
        double m = -INFINITY, sum = 0.0, total = 0.0;

        for (int i = 0; i < N; i++)
            m = fmax(m, (double)x[i]);
        for (int i = 0; i < N; i++)
            sum += exp((double)x[i] - m);
        for (int i = 0; i < N; i++) {
            expect(device, r * N + i, (double)y[r * N + i], exp((double)x[i] - m) / sum, N * FLT_EPSILON);
            total += (double)y[r * N + i];
        }
        expect(device, r, total, 1.0, N * FLT_EPSILON);
    }
}

static void softmax_is_a_distribution_for_numbers_of_any_size(void **state)
{
    heed_graph *g = heed_graph_create();

    (void)state;
    fill_numbers(0.0f);
    on_every_device(g, heed_softmax(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, N), numbers)),
                    check_softmax);
}

static void check_masked(const char *device, const float *y)
{
    for (int i = 0; i < N; i++) {
        expect(device, i, (double)y[i], 0.0, 0.0);                                /* all masked */
        expect(device, N + i, (double)y[N + i], i == 5 ? 1.0 : 0.0, FLT_EPSILON); /* all but one */
        if (!isnan(y[2 * N + i]))
            fail_msg("on %s: a NaN in the row is lost at %d", device, i);
    }
}

static void softmax_of_a_fully_masked_row_is_zero(void **state)
{
    heed_graph *g = heed_graph_create();

    (void)state;
    for (int i = 0; i < ROWS * N; i++)
        numbers[i] = -INFINITY;
    numbers[N + 5] = -1000.0f;
    numbers[2 * N + 7] = NAN;
    on_every_device(g, heed_softmax(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, N), numbers)),
                    check_masked);
}

/* --- layernorm --- */

/*
 * Rows lie at 100, where a float has steps of 7.6e-6: a mean with such an error would show in the sixth digit. It is
 * summed in double or corrected, so what stays are some epsilons of y, which is at most 2 * 3 + 0.5 here.
 */
static void check_layernorm(const char *device, const float *y)
{
    for (int64_t r = 0; r < ROWS; r++) {
        double mean = 0.0, var = 0.0;

        for (int i = 0; i < N; i++)
            mean += (double)numbers[r * N + i] / N;
        for (int i = 0; i < N; i++)
            var += pow((double)numbers[r * N + i] - mean, 2.0) / N;
        for (int i = 0; i < N; i++)
            expect(device, r * N + i, (double)y[r * N + i],
                   ((double)numbers[r * N + i] - mean) / sqrt(var + 1e-5) * 2.0 + 0.5, 4e-6);
    }
}

static void layernorm_keeps_its_digits_far_from_zero(void **state)
{
    heed_graph *g = heed_graph_create();
    float gamma[N], beta[N];

    (void)state;
    fill_numbers(100.0f);
    for (int i = 0; i < N; i++) {
        gamma[i] = 2.0f;
        beta[i] = 0.5f;
    }
    on_every_device(g,
                    heed_layernorm(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, N), numbers),
                                   one_source(g, "gamma", HEED_F32, heed_shape1(N), gamma),
                                   one_source(g, "beta", HEED_F32, heed_shape1(N), beta), 1e-5f),
                    check_layernorm);
}

static void check_constant(const char *device, const float *y)
{
    for (int64_t i = 0; i < ROWS * N; i++)
        expect(device, i, (double)y[i], 0.0, 0.0);
}

/* A constant row has variance 0; eps keeps the division finite. */
static void layernorm_of_a_constant_row_is_beta(void **state)
{
    heed_graph *g = heed_graph_create();
    float gamma[N];

    (void)state;
    for (int i = 0; i < ROWS * N; i++)
        numbers[i] = 3.0f;
    for (int i = 0; i < N; i++)
        gamma[i] = 1.0f;
    on_every_device(g,
                    heed_layernorm(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, N), numbers),
                                   one_source(g, "gamma", HEED_F32, heed_shape1(N), gamma), NULL, 1e-5f),
                    check_constant);
}

/* --- cross-entropy --- */

static heed_node *loss_of(heed_graph *g, int32_t *targets)
{
    return heed_cross_entropy(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, N), numbers),
                              one_source(g, "targets", HEED_I32, heed_shape1(ROWS), targets));
}

static void check_uniform(const char *device, const float *y)
{
    expect(device, 0, (double)y[0], log(N), 4 * FLT_EPSILON * log(N));
}

static void cross_entropy_of_equal_logits_is_the_logarithm_of_their_number(void **state)
{
    heed_graph *g = heed_graph_create();
    int32_t targets[ROWS] = {0, N - 1, 7};

    (void)state;
    for (int i = 0; i < ROWS * N; i++)
        numbers[i] = -2000.0f * (float)(1 + i / N); /* adding a constant to a row changes nothing */
    on_every_device(g, loss_of(g, targets), check_uniform);
}

static void check_middle_row(const char *device, const float *y)
{
    double sum = 0.0;

    for (int i = 0; i < N; i++)
        sum += exp((double)numbers[N + i]);
    expect(device, 0, (double)y[0], log(sum) - (double)numbers[N + 4], 16 * FLT_EPSILON);
}

static void cross_entropy_leaves_ignored_targets_out_of_the_mean(void **state)
{
    heed_graph *g = heed_graph_create();
    int32_t targets[ROWS] = {HEED_IGNORE_TARGET, 4, HEED_IGNORE_TARGET};

    (void)state;
    fill_numbers(0.0f);
    on_every_device(g, loss_of(g, targets), check_middle_row);
}

static void check_zero(const char *device, const float *y)
{
    expect(device, 0, (double)y[0], 0.0, 0.0);
}

static void cross_entropy_of_ignored_targets_alone_is_zero(void **state)
{
    heed_graph *g = heed_graph_create();
    int32_t targets[ROWS] = {HEED_IGNORE_TARGET, HEED_IGNORE_TARGET, HEED_IGNORE_TARGET};

    (void)state;
    fill_numbers(0.0f);
    on_every_device(g, loss_of(g, targets), check_zero);
}

static void check_nan(const char *device, const float *y)
{
    if (!isnan(y[0]))
        fail_msg("on %s: the loss of a target that does not exist is %g", device, (double)y[0]);
}

static void cross_entropy_of_a_target_outside_the_vocabulary_is_nan(void **state)
{
    static const int32_t wrong[] = {N, -1, INT32_MAX, INT32_MIN};

    (void)state;
    fill_numbers(0.0f);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_graph *g = heed_graph_create();
        int32_t targets[ROWS] = {1, wrong[i], 2};

        on_every_device(g, loss_of(g, targets), check_nan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_is_a_distribution_for_numbers_of_any_size),
        cmocka_unit_test(softmax_of_a_fully_masked_row_is_zero),
        cmocka_unit_test(layernorm_keeps_its_digits_far_from_zero),
        cmocka_unit_test(layernorm_of_a_constant_row_is_beta),
        cmocka_unit_test(cross_entropy_of_equal_logits_is_the_logarithm_of_their_number),
        cmocka_unit_test(cross_entropy_leaves_ignored_targets_out_of_the_mean),
        cmocka_unit_test(cross_entropy_of_ignored_targets_alone_is_zero),
        cmocka_unit_test(cross_entropy_of_a_target_outside_the_vocabulary_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
