/* SPDX-License-Identifier: MIT */
/* Activations against double precision, and what dropout promises, on every device. */
#include "one.h"

#include <float.h>
#include <math.h>

#include "ops/list.h"

enum { N = 2001 };

static float x[N], y[N], z[N];

/* -10 .. 10 in steps of 1/100, 0 among them. */
static void fill_x(void)
{
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - N / 2) / 100.0f;
}

/* --- activations --- */

static double relu_of(double v)
{
    return v > 0.0 ? v : 0.0;
}

static double gelu_tanh_of(double v)
{
    return 0.5 * v * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (v + 0.044715 * v * v * v)));
}

static double gelu_erf_of(double v)
{
    return 0.5 * v * (1.0 + erf(v / sqrt(2.0)));
}

static double sigmoid_of(double v)
{
    return 1.0 / (1.0 + exp(-v));
}

static double silu_of(double v)
{
    return v * sigmoid_of(v);
}

typedef heed_node *activation(heed_graph *g, heed_node *x);

/*
 * The plain loops form 1 + tanh or 1 + erf, which is off by an epsilon (and where it cancels by one of 1), times |x| / 2;
 * the other roundings are relative to y. 4 epsilons of max(|x|, 1) hold both.
 */
static void check_activation(heed_device *device, activation *build, double (*truth)(double))
{
    heed_graph *g = heed_graph_create();

    one_run(g, build(g, one_source(g, "x", HEED_F32, heed_shape1(N), x)), device, y);
    for (int i = 0; i < N; i++) {
        const double expected = truth((double)x[i]),
                     tolerance = 4.0 * FLT_EPSILON * fmax(fabs((double)x[i]), 1.0);
        if (!(fabs((double)y[i] - expected) <= tolerance))
            fail_msg("on %s: f(%g) is %.9g, expected %.9g, tolerance %.2g", heed_device_name(device),
                     (double)x[i], (double)y[i], expected, tolerance);
    }
    heed_graph_destroy(g);
}

static void activations_are_those_of_double_precision(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    fill_x();
    for (int d = 0; d < n_devices; d++) {
        check_activation(&devices[d], heed_relu, relu_of);
        check_activation(&devices[d], heed_gelu_tanh, gelu_tanh_of);
        check_activation(&devices[d], heed_gelu_erf, gelu_erf_of);
        check_activation(&devices[d], heed_silu, silu_of);
        check_activation(&devices[d], heed_sigmoid, sigmoid_of);
        check_activation(&devices[d], heed_tanh, tanh);
    }
    case_devices_close(devices, n_devices);
}

static void a_nan_passes_through_activations(void **state)
{
    static activation *const activations[] = {heed_relu, heed_gelu_tanh, heed_gelu_erf,
                                              heed_silu, heed_sigmoid,   heed_tanh};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 1);

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = NAN;
    for (int d = 0; d < n_devices; d++) {
        for (size_t k = 0; k < sizeof activations / sizeof activations[0]; k++) {
            heed_graph *g = heed_graph_create();
            one_run(g, activations[k](g, one_source(g, "x", HEED_F32, heed_shape1(N), x)), &devices[d], y);
            for (int i = 0; i < N; i++)
                assert_true(isnan(y[i]));
            heed_graph_destroy(g);
        }
    }
    case_devices_close(devices, n_devices);
}

/* Where a gate is open or shut for good nothing overflows, in the value or in the gradient. */
static void gates_end_at_their_limits(void **state)
{
    static const float ends[] = {-INFINITY, -1e30f, -1000.0f, 1000.0f, 1e30f, INFINITY};
    static activation *const gates[] = {heed_sigmoid, heed_tanh, heed_silu};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 1);
    float one = 1.0f;

    (void)state;
    for (int i = 0; i < 6; i++)
        x[i] = ends[i];
    for (int k = 0; k < 3 * n_devices; k++) {
        heed_graph *g = heed_graph_create();
        heed_node *source = one_source(g, "x", HEED_F32, heed_shape1(6), x), *value = gates[k % 3](g, source);

        heed_graph_differentiate(g, heed_sum(g, value), one_source(g, "seed", HEED_F32, heed_shape0(), &one),
                                 heed_accumulate);
        one_run(g, value, &devices[k / 3], y);
        one_run(g, source->grad, &devices[k / 3], z);
        for (int i = 0; i < 6; i++) {
            const float low = k % 3 == 1 ? -1.0f : 0.0f, high = k % 3 == 2 ? x[i] : 1.0f;
            const float slope = k % 3 == 2 && i >= 3 ? 1.0f : 0.0f;

            if (y[i] != (i < 3 ? low : high) || z[i] != slope)
                fail_msg("gate %d on %s: f(%g) is %g, its gradient %g", k % 3,
                         heed_device_name(&devices[k / 3]), (double)x[i], (double)y[i], (double)z[i]);
        }
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n_devices);
}

/* The two halves of one map's rows: what flows back to the map is one storage, and nothing is widened or added. */
static void swiglu_of_halves_writes_one_gradient(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_node *rows = heed_graph_parameter(g, "x", heed_shape3(2, 3, 4));
    heed_node *weight = heed_graph_parameter(g, "w", heed_shape2(4, 10));
    heed_node *both = heed_linear(g, rows, weight, NULL, HEED_WEIGHT_IN_OUT);
    heed_node *value = heed_swiglu(g, heed_narrow(g, both, 0, 5), heed_narrow(g, both, 5, 5));

    (void)state;
    heed_graph_differentiate(g, heed_sum(g, value), heed_graph_input(g, "seed", HEED_F32, heed_shape0()),
                             heed_accumulate);
    assert_int_equal(heed_graph_status(g, NULL), HEED_OK);
    assert_ptr_equal(both->grad->op, &heed_op_alias);
    heed_graph_destroy(g);
}

/* --- dropout --- */

/* A run of `rows` windows, the numbers x of all of them. */
static void drop_windows(heed_device *device, int64_t rows, int64_t n, float rate, int32_t window,
                         uint64_t seed, int index, float *out)
{
    heed_graph *g = heed_graph_create();
    heed_node *source = one_source(g, "x", HEED_F32, heed_shape2(rows, n), x);
    heed_node *first = one_source(g, "window", HEED_I32, heed_shape0(), &window);

    one_run(g, heed_dropout(g, source, first, rate, seed, index), device, out);
    heed_graph_destroy(g);
}

static void drop(heed_device *device, float rate, int32_t window, uint64_t seed, int index, float *out)
{
    drop_windows(device, 1, N, rate, window, seed, index, out);
}

static int kept(const float *values)
{
    int n = 0;

    for (int i = 0; i < N; i++)
        n += values[i] != 0.0f;
    return n;
}

static int kept_in_both(const float *a, const float *b)
{
    int n = 0;

    for (int i = 0; i < N; i++)
        n += a[i] != 0.0f && b[i] != 0.0f;
    return n;
}

/* The number kept is binomial: its deviation is sqrt(2001 0.3 0.7) = 20.5, and 5 of them bound it for any good seed. */
static void dropout_keeps_its_share_and_scales_it_up(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = 7.0f;
    for (int d = 0; d < n_devices; d++) {
        drop(&devices[d], 0.3f, 1, 11, 0, y);
        if (fabs(kept(y) - 0.7 * N) > 5.0 * 20.5)
            fail_msg("%d of %d are kept at rate 0.3", kept(y), N);
        for (int i = 0; i < N; i++)
            assert_true(y[i] == 0.0f || fabsf(y[i] - 10.0f) < 1e-5f);
    }
    case_devices_close(devices, n_devices);
}

/* Two masks that have nothing to do with each other keep 0.5 * 0.5 in common, within 5 deviations of 19.4. */
static void dropout_masks_differ_by_window_seed_and_index(void **state)
{
    heed_device device;

    (void)state;
    assert_int_equal(heed_device_open(&device, "plain", 1, NULL), HEED_OK);
    for (int i = 0; i < N; i++)
        x[i] = 1.0f;
    drop(&device, 0.5f, 1, 11, 0, y);
    for (int change = 0; change < 3; change++) {
        drop(&device, 0.5f, change == 0 ? 2 : 1, change == 1 ? 12 : 11, change == 2 ? 1 : 0, z);
        if (fabs(kept_in_both(y, z) - 0.25 * N) > 5.0 * 19.4)
            fail_msg("after change %d, %d of %d are kept by both masks", change, kept_in_both(y, z), N);
    }
    drop(&device, 0.5f, 1, 11, 0, z);
    assert_memory_equal(y, z, sizeof y);
    heed_device_close(&device);
}

/* Windows of an odd length, so that no row begins where a vector or a block of random words does. */
static void a_window_is_dropped_the_same_way_in_any_company(void **state)
{
    enum { ROWS = 7, LENGTH = 285 };
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = 1.0f;
    for (int d = 0; d < n_devices; d++) {
        drop_windows(&devices[d], ROWS, LENGTH, 0.5f, -3, 11, 4, y); /* the count passes 2^32 */
        for (int first = 0; first < ROWS; first += 2) {
            const int rows = first + 2 <= ROWS ? 2 : 1;

            drop_windows(&devices[d], rows, LENGTH, 0.5f, first - 3, 11, 4, z);
            assert_memory_equal(y + first * LENGTH, z, (size_t)(rows * LENGTH) * sizeof *z);
        }
    }
    case_devices_close(devices, n_devices);
}

static void dropout_at_rate_zero_is_its_input(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_node *source = one_source(g, "x", HEED_F32, heed_shape1(N), x);
    int32_t window = 0;

    (void)state;
    assert_ptr_equal(
        heed_dropout(g, source, one_source(g, "window", HEED_I32, heed_shape0(), &window), 0.0f, 1, 0), source);
    heed_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_are_those_of_double_precision),
        cmocka_unit_test(a_nan_passes_through_activations),
        cmocka_unit_test(gates_end_at_their_limits),
        cmocka_unit_test(swiglu_of_halves_writes_one_gradient),
        cmocka_unit_test(dropout_keeps_its_share_and_scales_it_up),
        cmocka_unit_test(dropout_masks_differ_by_window_seed_and_index),
        cmocka_unit_test(a_window_is_dropped_the_same_way_in_any_company),
        cmocka_unit_test(dropout_at_rate_zero_is_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
