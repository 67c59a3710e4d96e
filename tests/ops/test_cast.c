/* SPDX-License-Identifier: MIT */
/* bfloat16 in a graph: what casts give, and the gradients that go through them, views and sums, on every device. */
#include "one.h"

#include <math.h>

enum { ROWS = 3, COLUMNS = 12, N = ROWS * COLUMNS, WIDTH = 6 };

static float x[N], dout[N], got[N];

static float rounded(float v)
{
    return heed_float_of_bf16(heed_bf16_of_float(v));
}

static void fill(void)
{
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - 7) * 0.3711f;
        dout[i] = cosf((float)i);
    }
}

/* got = the gradient of sum_i dout_i y_i for `of`. */
static void gradient(heed_graph *g, heed_node *y, const heed_node *of, heed_device *device)
{
    static float one = 1.0f;
    const int64_t n = heed_tensor_count(&y->tensor);
    heed_node *weights = heed_graph_bound_input(g, "dout", HEED_F32, heed_shape2(n, 1), dout);
    heed_node *seed = heed_graph_bound_input(g, "seed", HEED_F32, heed_shape0(), &one);
    heed_node *loss = heed_sum(g, heed_matmul(g, heed_reshape(g, y, heed_shape2(1, n)), weights, false, false));

    if (!heed_graph_differentiate(g, loss, seed, heed_accumulate))
        fail_msg("no gradient");
    assert_non_null(of->grad);
    one_run(g, of->grad, device, got);
}

/* y is x rounded; dx is dy rounded: it passes through a bf16 node. */
static void check_cast(heed_device *device)
{
    heed_graph *g = heed_graph_create();
    heed_node *from = one_source(g, "x", HEED_F32, heed_shape2(ROWS, COLUMNS), x);
    heed_node *y = heed_to_f32(g, heed_to_bf16(g, from));

    one_run(g, y, device, got);
    for (int i = 0; i < N; i++)
        assert_true(got[i] == rounded(x[i]));
    gradient(g, y, from, device);
    for (int i = 0; i < N; i++)
        assert_true(got[i] == rounded(dout[i]));
    heed_graph_destroy(g);
}

/* Two views of a bf16 node that overlap: each sends its rounded gradient, and their sum is rounded once more. */
static void check_sum(heed_device *device)
{
    heed_graph *g = heed_graph_create();
    heed_node *from = one_source(g, "x", HEED_F32, heed_shape2(ROWS, COLUMNS), x);
    heed_node *half = heed_to_bf16(g, from);
    heed_node *a = heed_to_f32(g, heed_narrow(g, half, 1, WIDTH));
    heed_node *b = heed_to_f32(g, heed_narrow(g, half, 4, WIDTH));
    heed_node *y = heed_add(g, a, b);

    one_run(g, y, device, got);
    for (int r = 0; r < ROWS; r++)
        for (int j = 0; j < WIDTH; j++)
            assert_true(got[r * WIDTH + j] ==
                        rounded(x[r * COLUMNS + 1 + j]) + rounded(x[r * COLUMNS + 4 + j]));
    gradient(g, y, from, device);
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) {
            const float *dy = dout + r * WIDTH;
            const float of_a = c >= 1 && c < 1 + WIDTH ? rounded(dy[c - 1]) : 0.0f;
            const float of_b = c >= 4 && c < 4 + WIDTH ? rounded(dy[c - 4]) : 0.0f;

            assert_true(got[r * COLUMNS + c] == rounded(of_a + of_b));
        }
    heed_graph_destroy(g);
}

static void casts_and_their_gradients_are_rounded_values(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    fill();
    for (int d = 0; d < n_devices; d++) {
        check_cast(&devices[d]);
        check_sum(&devices[d]);
    }
    case_devices_close(devices, n_devices);
}

static void only_the_other_type_is_cast(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_error err = {0};

    (void)state;
    assert_null(heed_to_f32(g, heed_graph_parameter(g, "x", heed_shape1(3))));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_string_equal(err.message, "to_f32: expected x of type bf16, got x of type f32");
    heed_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_and_their_gradients_are_rounded_values),
        cmocka_unit_test(only_the_other_type_is_cast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
