/* SPDX-License-Identifier: MIT */
/* Ops over weights that are not single precision: kernels against the plain loops, which read every number as a float. */
#include "one.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/explain.h"
#include "nn/precision.h"

enum { SEED = 51 };

static const heed_dtype dtypes[] = {HEED_F32, HEED_BF16, HEED_F16, HEED_Q8};
enum { N_DTYPES = 4 };

/* A matrix of random weights, and what a graph is given of it. */
typedef struct matrix {
    heed_tensor tensor;
    heed_scales scales;
} matrix;

static matrix *make_matrix(heed_dtype dtype, int64_t rows, int64_t columns, int axis, heed_rng *rng)
{
    const int64_t count = rows * columns;
    matrix *m = calloc(1, sizeof *m);
    float *x = malloc((size_t)count * sizeof *x);

    assert_true(m != NULL && x != NULL);
    m->tensor = heed_tensor_make(dtype, heed_shape2(rows, columns), malloc((size_t)count * sizeof *x));
    assert_non_null(m->tensor.data);
    for (int64_t i = 0; i < count; i++)
        x[i] = heed_rng_normal(rng);
    if (dtype == HEED_Q8) {
        float *scales = malloc((size_t)count * sizeof *scales);

        assert_non_null(scales);
        assert_true(heed_int8_quantize(x, rows, columns, 64, axis, m->tensor.data, scales));
        m->scales = (heed_scales){scales, 64, axis};
        m->tensor.scales = &m->scales;
    }
    for (int64_t i = 0; i < count && dtype != HEED_Q8; i++)
        heed_tensor_set(&m->tensor, i, x[i]);
    free(x);
    return m;
}

static void free_matrix(matrix *m)
{
    free(m->tensor.data);
    free((float *)(uintptr_t)m->scales.data);
    free(m);
}

static heed_node *weight(heed_graph *g, const matrix *m)
{
    heed_node *node = heed_graph_weight(g, "w", m->tensor.dtype, m->tensor.shape);

    assert_non_null(node);
    node->tensor.data = m->tensor.data;
    node->tensor.scales = m->tensor.scales;
    return node;
}

/* Both orders of the same sum err by (n + 2) u sum |x w| at most; |x| <= 1, |w| hardly over 5. */
static void compare(const char *what, heed_dtype dtype, const char *device, const float *got, const float *want,
                    int64_t count, int64_t terms)
{
    const float tolerance = 2.0f * (float)(terms + 3) / (1 << 24) * 2.0f * (float)terms;

    for (int64_t i = 0; i < count; i++) {
        if (!(fabsf(got[i] - want[i]) <= tolerance))
            fail_msg("%s of %s on %s, element %lld: %.9g, expected %.9g +- %.2g (seed %d)", what,
                     heed_dtype_name(dtype), device, (long long)i, (double)got[i], (double)want[i],
                     (double)tolerance, SEED);
    }
}

/* rows of x, of which each is a part of a longer row when strided. */
static void check_linear(heed_dtype dtype, heed_weight_layout layout, int64_t rows, int64_t n_in, int64_t n_out,
                         bool strided, heed_device *devices, int n_devices, heed_rng *rng)
{
    const bool in_out = layout == HEED_WEIGHT_IN_OUT;
    const int64_t width = n_in + (strided ? 3 : 0);
    matrix *m = in_out ? make_matrix(dtype, n_in, n_out, 0, rng) : make_matrix(dtype, n_out, n_in, 1, rng);
    float *x = malloc((size_t)(rows * width) * sizeof *x), *bias = malloc((size_t)n_out * sizeof *bias);
    float *y[2] = {malloc((size_t)(rows * n_out) * sizeof *x), malloc((size_t)(rows * n_out) * sizeof *x)};

    assert_true(x != NULL && bias != NULL && y[0] != NULL && y[1] != NULL);
    for (int64_t i = 0; i < rows * width; i++)
        x[i] = 2.0f * heed_rng_float(rng) - 1.0f;
    for (int64_t o = 0; o < n_out; o++)
        bias[o] = heed_rng_float(rng);
    for (int d = 0; d < n_devices; d++) {
        heed_graph *g = heed_graph_create();
        heed_node *from = one_source(g, "x", HEED_F32, heed_shape2(rows, width), x);
        heed_node *b = one_source(g, "b", HEED_F32, heed_shape1(n_out), bias);

        from = strided ? heed_narrow(g, from, 2, n_in) : from;
        one_run(g, heed_linear(g, from, weight(g, m), b, layout), &devices[d], y[d > 0]);
        if (d > 0)
            compare(in_out ? "linear [in, out]" : "linear [out, in]", dtype, heed_device_name(&devices[d]),
                    y[1], y[0], rows * n_out, n_in);
        heed_graph_destroy(g);
    }
    free(x);
    free(bias);
    free(y[0]);
    free(y[1]);
    free_matrix(m);
}

static void linear_takes_weights_of_every_type(void **state)
{
    static const int64_t rows[] = {1, 3, 9, 16, 17, 40};
    static const int64_t sizes[][2] = {{5, 3}, {130, 67}, {257, 515}};
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 3);
    heed_rng rng = heed_rng_make(SEED, 1);

    (void)state;
    for (int t = 0; t < N_DTYPES; t++)
        for (int layout = 0; layout < 2; layout++)
            for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
                for (size_t s = 0; s < 3; s++)
                    check_linear(dtypes[t], layout == 0 ? HEED_WEIGHT_IN_OUT : HEED_WEIGHT_OUT_IN, rows[r],
                                 sizes[s][0], sizes[s][1], (r + s) % 2, devices, n, &rng);
    case_devices_close(devices, n);
}

/* So many outputs that their weights are widened in several panels, the last one short. */
static void many_rows_take_weights_panel_by_panel(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);
    heed_device ends[2] = {devices[0], devices[n - 1]};
    heed_rng rng = heed_rng_make(SEED, 2);

    (void)state;
    for (int layout = 0; layout < 2; layout++)
        check_linear(layout == 0 ? HEED_BF16 : HEED_Q8, layout == 0 ? HEED_WEIGHT_IN_OUT : HEED_WEIGHT_OUT_IN,
                     17, 64, 66000, false, ends, 2, &rng);
    case_devices_close(devices, n);
}

/* Looking up adds nothing up: the same bits everywhere, and NaN where there is no row. */
static void tables_of_every_type_are_looked_up(void **state)
{
    enum { V = 9, D = 133, LENGTH = 5 };
    int32_t ids[LENGTH] = {0, 8, -1, 9, 3}, past = 6;
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);
    heed_rng rng = heed_rng_make(SEED, 3);
    float y[2][LENGTH * D];

    (void)state;
    for (int t = 0; t < N_DTYPES; t++)
        for (int d = 0; d < 2 * n; d++) {
            heed_rng same = rng;
            matrix *m = make_matrix(dtypes[t], V, D, 1, &same);
            heed_graph *g = heed_graph_create();
            heed_node *row_numbers = one_source(g, "ids", HEED_I32, heed_shape1(LENGTH), ids);
            heed_node *first = one_source(g, "past", HEED_I32, heed_shape0(), &past);
            heed_node *out = d < n ? heed_embedding(g, weight(g, m), row_numbers)
                                   : heed_position_embedding(g, weight(g, m), first, LENGTH);

            one_run(g, out, &devices[d % n], y[d % n > 0]);
            for (int i = 0; i < LENGTH; i++) {
                const int64_t row = d < n ? ids[i] : past + i;
                for (int j = 0; j < D; j++) {
                    const float got = y[d % n > 0][i * D + j];
                    const float want = row >= 0 && row < V ? heed_matrix_get(&m->tensor, row, j) : NAN;
                    if (isnan(want) ? !isnan(got) : got != want)
                        fail_msg("%s on %s, row %lld, column %d: %.9g, expected %.9g",
                                 heed_dtype_name(dtypes[t]), heed_device_name(&devices[d % n]), (long long)row,
                                 j, (double)got, (double)want);
                }
            }
            heed_graph_destroy(g);
            free_matrix(m);
        }
    case_devices_close(devices, n);
}

/* The operands that an explanation lists are the weights' numbers as floats, and give the element to the bit. */
static void an_element_is_explained_by_the_numbers_that_weights_stand_for(void **state)
{
    heed_device plain = {.n_threads = 1};
    heed_rng rng = heed_rng_make(SEED, 4);
    heed_explanation *e = heed_explanation_create();
    float x[70], y[5];

    (void)state;
    for (int i = 0; i < 70; i++)
        x[i] = heed_rng_float(&rng) - 0.5f;
    for (int t = 0; t < N_DTYPES; t++) {
        matrix *m = make_matrix(dtypes[t], 70, 5, 0, &rng);
        heed_graph *g = heed_graph_create();
        heed_node *from = one_source(g, "x", HEED_F32, heed_shape2(1, 70), x);
        heed_node *out = heed_linear(g, from, weight(g, m), NULL, HEED_WEIGHT_IN_OUT);
        const heed_tensor result = heed_tensor_make(HEED_F32, heed_shape2(1, 5), y);
        const heed_op_args args = {.node = out,
                                   .attrs = out->attrs,
                                   .in = {&from->tensor, &m->tensor},
                                   .out = &result,
                                   .outs = {&result},
                                   .device = &plain};

        one_run(g, out, &plain, y);
        for (int o = 0; o < 5; o++) {
            assert_int_equal(heed_explain(&args, 0, o, e, NULL), HEED_OK);
            assert_true(heed_explanation_value(e) == y[o]);
            for (int k = 0; k < 70; k++)
                assert_true(heed_explanation_operand(e, 1)->values[k] == heed_matrix_get(&m->tensor, k, o));
        }
        heed_graph_destroy(g);
        free_matrix(m);
    }
    heed_explanation_destroy(e);
}

static void what_is_no_weight_is_refused(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_node *x = heed_graph_parameter(g, "x", heed_shape2(2, 3));
    heed_error err = {0};

    (void)state;
    assert_null(
        heed_linear(g, x, heed_graph_weight(g, "w", HEED_U8, heed_shape2(3, 4)), NULL, HEED_WEIGHT_IN_OUT));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_non_null(strstr(err.message, "8-bit"));
    heed_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_takes_weights_of_every_type),
        cmocka_unit_test(many_rows_take_weights_panel_by_panel),
        cmocka_unit_test(tables_of_every_type_are_looked_up),
        cmocka_unit_test(an_element_is_explained_by_the_numbers_that_weights_stand_for),
        cmocka_unit_test(what_is_no_weight_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
