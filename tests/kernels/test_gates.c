/* SPDX-License-Identifier: MIT */
/* Sigmoid, tanh, SiLU and SwiGLU on every table this processor runs, against double precision. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

#include <float.h>

enum { SIGMOID, TANH, SILU, N_GATES };

static const char *const gate_names[N_GATES] = {"sigmoid", "tanh", "silu"};

static heed_map_fn *gate_of(const heed_kernels *k, int gate)
{
    return gate == SIGMOID ? k->sigmoid : gate == TANH ? k->tanh : k->silu;
}

static heed_map_backward_fn *gate_backward_of(const heed_kernels *k, int gate)
{
    return gate == SIGMOID ? k->sigmoid_backward : gate == TANH ? k->tanh_backward : k->silu_backward;
}

static double sigmoid_of(double x)
{
    return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

static double silu_of(double x)
{
    return x == -INFINITY ? 0.0 : x * sigmoid_of(x);
}

static double silu_slope(double x)
{
    return isinf(x) ? (double)(x > 0.0) : sigmoid_of(x) * (1.0 + x * (1.0 - sigmoid_of(x)));
}

static double gate_oracle(int gate, double x)
{
    return gate == SIGMOID ? sigmoid_of(x) : gate == TANH ? tanh(x) : silu_of(x);
}

/* Sigmoid and tanh are given y, SiLU is given x. */
static double gradient_oracle(int gate, double v)
{
    return gate == SIGMOID ? v * (1.0 - v) : gate == TANH ? (1.0 - v) * (1.0 + v) : silu_slope(v);
}

/*
 * Nothing cancels in a value: exp, the division and a product or two are off by some 2^-24 of it, 6 of them allowed.
 * Left of -87.3 sigmoid is 0 in place of less than 2e-38, and SiLU in place of less than 2e-36.
 */
static double value_tolerance(double want)
{
    return 3.6e-7 * fabs(want) + 2e-36;
}

/* y (1 - y) and (1 - y) (1 + y) round three times; SiLU's is a difference of numbers up to 1. */
static double gradient_tolerance(int gate, double want)
{
    return gate == SILU ? 5e-7 : 2.4e-7 * fabs(want) + 1e-37;
}

static void check_gate(const heed_kernels *k, int gate, const float *x, int64_t n)
{
    float *y = array_copy(x, n), *dy = array_random(n, 2, 2.0f), *dx = array_new(n);
    const float *given = gate == SILU ? x : y;

    gate_of(k, gate)(y, y, n);
    for (int64_t i = 0; i < n; i++)
        check_near(k, gate_names[gate], n, i, y[i], gate_oracle(gate, x[i]),
                   value_tolerance(gate_oracle(gate, x[i])));
    memcpy(dx, dy, (size_t)n * sizeof *dx);
    gate_backward_of(k, gate)(dx, given, dx, n);
    for (int64_t i = 0; i < n; i++)
        check_near(k, gate_names[gate], n, i, dx[i], gradient_oracle(gate, given[i]) * dy[i],
                   2.0 * gradient_tolerance(gate, gradient_oracle(gate, given[i])));
    array_free(y, n);
    array_free(dy, n);
    array_free(dx, n);
}

static void gates_match_double_over_the_whole_range(void **state)
{
    const int64_t n = 40001;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        float *x = array_new(n);

        for (int gate = 0; gate < N_GATES; gate++) {
            for (int64_t i = 0; i < n; i++)
                x[i] = (float)(i - n / 2) * 5e-3f; /* -100 .. 100 */
            check_gate(heed_kernels_at(t), gate, x, n);
            for (int64_t i = 0; i < n; i++)
                x[i] = (float)(i - n / 2) * 1e-4f; /* -2 .. 2 */
            check_gate(heed_kernels_at(t), gate, x, n);
        }
        array_free(x, n);
    }
}

/* 2 x and not x^2 lost: a small x has all its digits in tanh, down to the smallest. */
static void tanh_of_a_small_number_is_that_number(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (float x = 1e-4f; x > 0.0f; x *= 0.37f) {
            float y[2] = {x, -x};

            k->tanh(y, y, 2);
            check_near(k, "tanh", 2, 0, y[0], x, 1.2e-7 * x + 1e-45);
            assert_true(y[1] == -y[0]);
        }
    }
}

static void gates_match_double_at_odd_sizes_and_in_place(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++) {
            float *x = array_random(odd_sizes[s], 1, 8.0f);

            for (int gate = 0; gate < N_GATES; gate++)
                check_gate(heed_kernels_at(t), gate, x, odd_sizes[s]);
            array_free(x, odd_sizes[s]);
        }
    }
}

static void gates_of_extreme_values(void **state)
{
    static const float values[] = {1000.0f,  -1000.0f,  1e30f, -1e30f, FLT_MAX, -FLT_MAX,
                                   INFINITY, -INFINITY, 0.0f,  -0.0f,  1e-40f,  NAN};
    static const float sigmoids[] = {1, 0, 1, 0, 1, 0, 1, 0, 0.5f, 0.5f, 0.5f, NAN};
    static const float tanhs[] = {1, -1, 1, -1, 1, -1, 1, -1, 0.0f, -0.0f, 1e-40f, NAN};
    static const float slopes[] = {1, 0, 1, 0, 1, 0, 1, 0, 0.5f, 0.5f, 0.5f, NAN};
    enum { N = sizeof values / sizeof *values };

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_new(N), *y = array_new(N), *dy = array_new(N);

        memcpy(x, values, sizeof values);
        k->sigmoid(y, x, N);
        for (int i = 0; i < N; i++)
            check_near(k, "sigmoid", N, i, y[i], sigmoids[i], 0.0);
        k->tanh(y, x, N);
        for (int i = 0; i < N; i++) {
            check_near(k, "tanh", N, i, y[i], tanhs[i], 1e-45);
            assert_true(isnan(y[i]) || signbit(y[i]) == signbit(x[i]));
        }
        k->silu(y, x, N);
        for (int i = 0; i < N; i++)
            check_near(k, "silu", N, i, y[i], sigmoids[i] == 0.0f ? 0.0 : (double)(x[i] * sigmoids[i]), 1e-45);
        for (int i = 0; i < N; i++)
            dy[i] = 1.0f;
        k->silu_backward(y, x, dy, N);
        for (int i = 0; i < N; i++)
            check_near(k, "silu_backward", N, i, y[i], slopes[i], 0.0);
        array_free(x, N);
        array_free(y, N);
        array_free(dy, N);
    }
}

/* Value and both gradients, also one alone and over the inputs. */
static void check_swiglu(const heed_kernels *k, int64_t n)
{
    float *gate = array_random(n, 3, 6.0f), *up = array_random(n, 4, 2.0f), *dy = array_random(n, 5, 2.0f);
    float *y = array_new(n), *dgate = array_new(n), *dup = array_new(n), *alone = array_new(n);

    k->swiglu(y, gate, up, n);
    k->swiglu_backward(dgate, dup, gate, up, dy, n);
    for (int64_t i = 0; i < n; i++) {
        const double silu = silu_of(gate[i]), slope = silu_slope(gate[i]);

        check_near(k, "swiglu", n, i, y[i], silu * up[i], value_tolerance(silu * up[i]) * 1.2);
        check_near(k, "dgate", n, i, dgate[i], slope * up[i] * dy[i], 4.0 * gradient_tolerance(SILU, slope));
        check_near(k, "dup", n, i, dup[i], silu * dy[i], value_tolerance(silu * dy[i]) * 1.2);
    }
    k->swiglu_backward(alone, NULL, gate, up, dy, n);
    check_same_bits(k, "dgate alone", alone, dgate, n);
    k->swiglu_backward(NULL, alone, gate, up, dy, n);
    check_same_bits(k, "dup alone", alone, dup, n);
    k->swiglu_backward(up, gate, gate, up, dy, n);
    check_same_bits(k, "dgate over up", up, dgate, n);
    check_same_bits(k, "dup over gate", gate, dup, n);
    array_free(gate, n);
    array_free(up, n);
    array_free(dy, n);
    array_free(y, n);
    array_free(dgate, n);
    array_free(dup, n);
    array_free(alone, n);
}

static void swiglu_matches_double_at_odd_sizes_and_in_place(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES; s++)
            check_swiglu(heed_kernels_at(t), odd_sizes[s]);
    }
}

static void gates_do_not_depend_on_where_a_range_is_cut(void **state)
{
    const int64_t n = 257;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_random(n, 6, 5.0f), *dy = array_random(n, 7, 1.0f);
        float *whole = array_new(n), *parts = array_new(n);

        for (int gate = 0; gate < N_GATES; gate++) {
            gate_of(k, gate)(whole, x, n);
            for (int64_t i = 0; i < n; i++)
                gate_of(k, gate)(parts + i, x + i, 1);
            check_same_bits(k, gate_names[gate], parts, whole, n);
            gate_backward_of(k, gate)(whole, x, dy, n);
            for (int64_t i = 0; i < n; i++)
                gate_backward_of(k, gate)(parts + i, x + i, dy + i, 1);
            check_same_bits(k, gate_names[gate], parts, whole, n);
        }
        k->swiglu_backward(whole, NULL, x, dy, dy, n);
        for (int64_t i = 0; i < n; i++)
            k->swiglu_backward(parts + i, NULL, x + i, dy + i, dy + i, 1);
        check_same_bits(k, "swiglu_backward", parts, whole, n);
        array_free(x, n);
        array_free(dy, n);
        array_free(whole, n);
        array_free(parts, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates_match_double_over_the_whole_range),
        cmocka_unit_test(tanh_of_a_small_number_is_that_number),
        cmocka_unit_test(gates_match_double_at_odd_sizes_and_in_place),
        cmocka_unit_test(gates_of_extreme_values),
        cmocka_unit_test(swiglu_matches_double_at_odd_sizes_and_in_place),
        cmocka_unit_test(gates_do_not_depend_on_where_a_range_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
