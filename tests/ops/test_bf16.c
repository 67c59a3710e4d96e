/* SPDX-License-Identifier: MIT */
/* Products over bf16, their gradients, and activations between them: what is rounded, and that nothing else is. */
#include "one.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/product_engine.h"

enum { ROWS = 6, IN = 5, MID = 7, OUT = 4 };

static float x[ROWS * IN], w1[IN * MID], b1[MID], w2[MID * OUT], dout[ROWS * OUT];

static double rounded(float v)
{
    return (double)heed_float_of_bf16(heed_bf16_of_float(v));
}

/* Small whole numbers, which bf16 holds, and whose sums of products here it holds too. */
static void fill_whole(float *numbers, int n, int seed)
{
    for (int i = 0; i < n; i++)
        numbers[i] = (float)((i * 7 + seed * 5 + i * i % 11) % 5 - 2);
}

/* Numbers that it does not hold. */
static void fill_odd(float *numbers, int n, int seed)
{
    for (int i = 0; i < n; i++)
        numbers[i] = sinf((float)(i * 3 + seed)) * 1.7f;
}

static void fill_all(void (*fill)(float *numbers, int n, int seed))
{
    fill(x, ROWS * IN, 1);
    fill(w1, IN * MID, 2);
    fill(b1, MID, 3);
    fill(w2, MID * OUT, 4);
    fill(dout, ROWS * OUT, 5);
}

/* y [ROWS, n]: appends the gradients of sum_i dout_i y_i. */
static void differentiate(heed_graph *g, heed_node *y)
{
    static float one = 1.0f;
    const int64_t n = heed_tensor_count(&y->tensor);
    heed_node *weights = heed_graph_bound_input(g, "dout", HEED_F32, heed_shape2(n, 1), dout);
    heed_node *seed = heed_graph_bound_input(g, "seed", HEED_F32, heed_shape0(), &one);
    heed_node *loss = heed_sum(g, heed_matmul(g, heed_reshape(g, y, heed_shape2(1, n)), weights, false, false));

    if (!heed_graph_differentiate(g, loss, seed, heed_accumulate))
        fail_msg("no gradient");
}

/* A feed-forward, in f32 or in bf16 with f32 weights. */
static heed_node *feed_forward(heed_graph *g, bool bf16, heed_node **sources)
{
    heed_node *a = sources[0] = one_source(g, "x", HEED_F32, heed_shape2(ROWS, IN), x);

    sources[1] = one_source(g, "w1", HEED_F32, heed_shape2(IN, MID), w1);
    sources[2] = one_source(g, "b1", HEED_F32, heed_shape1(MID), b1);
    sources[3] = one_source(g, "w2", HEED_F32, heed_shape2(MID, OUT), w2);
    if (bf16)
        a = heed_to_bf16(g, a);
    a = heed_linear_as(g, a, sources[1], sources[2], HEED_WEIGHT_IN_OUT, bf16 ? HEED_BF16 : HEED_F32);
    assert_int_equal(a->tensor.dtype, bf16 ? HEED_BF16 : HEED_F32);
    return heed_linear(g, heed_relu(g, a), sources[3], NULL, HEED_WEIGHT_IN_OUT);
}

static void check_whole_numbers(heed_device *device)
{
    heed_graph *g[2];
    heed_node *y[2], *sources[2][4];
    float got[2][MID * OUT + ROWS * IN + IN * MID];

    for (int bf16 = 0; bf16 < 2; bf16++) {
        g[bf16] = heed_graph_create();
        y[bf16] = feed_forward(g[bf16], bf16 == 1, sources[bf16]);
        one_run(g[bf16], y[bf16], device, got[bf16]);
    }
    for (int i = 0; i < ROWS * OUT; i++)
        assert_true(got[0][i] == got[1][i]);
    differentiate(g[0], y[0]);
    differentiate(g[1], y[1]);
    for (int s = 0; s < 4; s++) {
        for (int bf16 = 0; bf16 < 2; bf16++) {
            assert_int_equal(sources[bf16][s]->grad->tensor.dtype, HEED_F32);
            one_run(g[bf16], sources[bf16][s]->grad, device, got[bf16]);
        }
        for (int64_t i = 0; i < heed_tensor_count(&sources[0][s]->tensor); i++)
            if (got[0][i] != got[1][i])
                fail_msg("%s: d %s[%lld] is %.9g in bf16, %.9g in f32", heed_device_name(device),
                         sources[0][s]->name, (long long)i, (double)got[1][i], (double)got[0][i]);
    }
    heed_graph_destroy(g[0]);
    heed_graph_destroy(g[1]);
}

static void numbers_that_bf16_holds_give_the_gradients_of_f32(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    fill_all(fill_whole);
    for (int d = 0; d < n_devices; d++)
        check_whole_numbers(&devices[d]);
    case_devices_close(devices, n_devices);
}

/* --- what is rounded ------------------------------------------------------------------------------ */

/* Any order of a sum of n products errs by (n + 2) u sum |a b| at most; n + 4 leaves room for the bias. */
static void expect(const char *what, const heed_device *device, int i, float got, double sum, double sizes,
                   int n)
{
    const double tolerance = (n + 4) * (double)FLT_EPSILON / 2.0 * sizes;

    if (!(fabs((double)got - sum) <= tolerance))
        fail_msg("%s on %s: element %d is %.9g, expected %.9g, tolerance %.2g", what, heed_device_name(device),
                 i, (double)got, sum, tolerance);
}

typedef struct sums {
    double sum, sizes;
} sums;

static void add(sums *s, double product)
{
    s->sum += product;
    s->sizes += fabs(product);
}

/* One map whose result is f32: x, W and dy count rounded in products, b and the sum of dy do not. */
static void check_rounded(heed_device *device)
{
    heed_graph *g = heed_graph_create();
    heed_node *from = one_source(g, "x", HEED_F32, heed_shape2(ROWS, IN), x);
    heed_node *w = one_source(g, "w", HEED_F32, heed_shape2(IN, OUT), w1);
    heed_node *b = one_source(g, "b", HEED_F32, heed_shape1(OUT), b1);
    heed_node *y = heed_linear(g, heed_to_bf16(g, from), w, b, HEED_WEIGHT_IN_OUT);
    float got[ROWS * IN + ROWS * OUT + IN * OUT];

    one_run(g, y, device, got);
    for (int i = 0; i < ROWS * OUT; i++) {
        sums s = {0};

        add(&s, (double)b1[i % OUT]);
        for (int k = 0; k < IN; k++)
            add(&s, rounded(x[i / OUT * IN + k]) * rounded(w1[k * OUT + i % OUT]));
        expect("y", device, i, got[i], s.sum, s.sizes, IN);
    }
    differentiate(g, y);
    one_run(g, from->grad, device, got);
    for (int i = 0; i < ROWS * IN; i++) {
        sums s = {0};

        for (int o = 0; o < OUT; o++)
            add(&s, rounded(dout[i / IN * OUT + o]) * rounded(w1[i % IN * OUT + o]));
        expect("dx", device, i, got[i], s.sum, s.sizes, OUT);
    }
    one_run(g, w->grad, device, got);
    for (int i = 0; i < IN * OUT; i++) {
        sums s = {0};

        for (int r = 0; r < ROWS; r++)
            add(&s, rounded(x[r * IN + i / OUT]) * rounded(dout[r * OUT + i % OUT]));
        expect("dW", device, i, got[i], s.sum, s.sizes, ROWS);
    }
    one_run(g, b->grad, device, got);
    for (int o = 0; o < OUT; o++) {
        sums s = {0};

        for (int r = 0; r < ROWS; r++)
            add(&s, (double)dout[r * OUT + o]);
        expect("db", device, o, got[o], s.sum, s.sizes, ROWS);
    }
    heed_graph_destroy(g);
}

static void operands_of_products_are_rounded_and_nothing_else_is(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    fill_all(fill_odd);
    for (int d = 0; d < n_devices; d++)
        check_rounded(&devices[d]);
    case_devices_close(devices, n_devices);
}

/* --- the head ------------------------------------------------------------------------------------- */

enum { V = 9 };

/* x and W are exact in bf16: the loss is that of f32; each dlogit is off by 2^-9 of itself, and so the gradients. */
static void check_head(heed_device *device)
{
    static int32_t targets[ROWS] = {0, 8, HEED_IGNORE_TARGET, 3, 3, 5};
    static float table[V * IN], one = 1.0f;
    heed_graph *g[2];
    heed_node *from[2], *w[2];
    float loss[2], dx[2][ROWS * IN], dw[2][V * IN];

    fill_whole(table, V * IN, 6);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        g[bf16] = heed_graph_create();
        from[bf16] = one_source(g[bf16], "x", HEED_F32, heed_shape2(ROWS, IN), x);
        w[bf16] = one_source(g[bf16], "w", HEED_F32, heed_shape2(V, IN), table);
        heed_node *to = one_source(g[bf16], "targets", HEED_I32, heed_shape1(ROWS), targets);
        heed_node *seed = heed_graph_bound_input(g[bf16], "seed", HEED_F32, heed_shape0(), &one);
        heed_node *a = bf16 ? heed_to_bf16(g[bf16], from[bf16]) : from[bf16];
        heed_node *y = heed_linear_cross_entropy(g[bf16], a, w[bf16], to);

        one_run(g[bf16], y, device, &loss[bf16]);
        if (!heed_graph_differentiate(g[bf16], y, seed, heed_accumulate))
            fail_msg("no gradient");
        one_run(g[bf16], from[bf16]->grad, device, dx[bf16]);
        one_run(g[bf16], w[bf16]->grad, device, dw[bf16]);
        heed_graph_destroy(g[bf16]);
    }
    assert_true(fabsf(loss[0] - loss[1]) <= 16.0f * FLT_EPSILON * fabsf(loss[0]));
    /* |dlogit| sums to 2 / 5 at most in a row, and numbers are up to 2; in a column, to less than 6 rows of it */
    for (int i = 0; i < ROWS * IN; i++)
        assert_true(fabsf(dx[0][i] - dx[1][i]) <= 1.01f / 512.0f * 2.0f * 0.4f);
    for (int i = 0; i < V * IN; i++)
        assert_true(fabsf(dw[0][i] - dw[1][i]) <= 1.01f / 512.0f * 2.0f * 1.2f);
}

static void a_head_over_bf16_loses_the_rounding_of_its_gradients_alone(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    fill_all(fill_whole);
    for (int d = 0; d < n_devices; d++)
        check_head(&devices[d]);
    case_devices_close(devices, n_devices);
}

/* --- a processor that multiplies bf16 -------------------------------------------------------------- */

/* An engine of plain loops that claims to have bf16, so that every machine runs what such a processor would. */
static int bf16_products;

static heed_status loops_open(const heed_kernels *kernels, int n_threads, void **state, heed_error *err)
{
    (void)kernels;
    (void)n_threads;
    (void)err;
    *state = malloc(1);
    return HEED_OK;
}

static const char *loops_name(const void *state)
{
    (void)state;
    return "loops";
}

static bool loops_have_bf16(const void *state)
{
    (void)state;
    return true;
}

static heed_status loops_plan(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                              size_t *workspace_bytes, heed_error *err)
{
    (void)state;
    (void)packing;
    (void)err;
    *plan = malloc(sizeof *shape);
    assert_non_null(*plan);
    memcpy(*plan, shape, sizeof *shape);
    *workspace_bytes = 0;
    return HEED_OK;
}

static void loops_run(const void *plan, int caller, const void *a, const void *b, const float *bias, float *c,
                      void *workspace)
{
    const heed_product_shape *s = plan;
    const heed_numbers of_a = {s->bf16 ? HEED_BF16 : HEED_F32, (void *)(uintptr_t)a};
    const heed_numbers of_b = {of_a.dtype, (void *)(uintptr_t)b};

    (void)workspace;
    (void)caller;
    bf16_products += s->bf16;
    for (int64_t i = 0; i < s->m; i++) {
        for (int64_t j = 0; j < s->n; j++) {
            float sum = s->accumulate ? c[i * s->n + j] : 0.0f;

            for (int64_t k = 0; k < s->k; k++)
                sum += heed_number_get(&of_a, s->transpose_a ? k * s->m + i : i * s->k + k) *
                       heed_number_get(&of_b, s->transpose_b ? j * s->k + k : k * s->n + j);
            c[i * s->n + j] = bias != NULL ? sum + bias[j] : sum;
        }
    }
}

static const heed_product_engine loops = {
    .open = loops_open,
    .close = free,
    .name = loops_name,
    .has_bf16 = loops_have_bf16,
    .plan = loops_plan,
    .drop = free,
    .run = loops_run,
};

/* Every node of a case, its gradients too, on that device and in plain loops. */
static void compare_case(const op_case *of, heed_device *device, heed_device *plain)
{
    case_graph *c = case_open(of);
    heed_plan *fast = case_plan(c, device, CASE_ALL),
              *reference = case_plan(c, plain, CASE_REFERENCE | CASE_ALL);

    case_reset(c);
    heed_plan_run(reference);
    case_reset(c);
    heed_plan_run(fast);
    for (int n = 0; n < heed_graph_n_nodes(c->g); n++) {
        const heed_node *node = heed_graph_node(c->g, n);
        const heed_tensor *got = heed_plan_value(fast, node), *expected = heed_plan_value(reference, node);

        if (node->op == NULL || got == NULL || expected == NULL)
            continue;
        const double tolerance = case_tolerance(of, expected);

        for (int64_t i = 0; i < heed_tensor_count(got); i++) {
            const double of_fast = (double)heed_tensor_get(got, i),
                         of_plain = (double)heed_tensor_get(expected, i);

            if (!(fabs(of_fast - of_plain) <= tolerance) && of_fast != of_plain)
                fail_msg("%s, %s: element %lld is %.9g, plain %.9g", of->name, node->name, (long long)i,
                         of_fast, of_plain);
        }
    }
    heed_plan_destroy(fast);
    heed_plan_destroy(reference);
    case_close(c);
}

static void a_processor_with_bf16_products_computes_the_same(void **state)
{
    heed_device device = {0}, plain;
    heed_error err = {0};
    int n = 0;

    (void)state;
    assert_int_equal(heed_device_open(&plain, "plain", 1, &err), HEED_OK);
    assert_int_equal(heed_device_open(&device, NULL, 2, &err), HEED_OK);
    heed_products_destroy(device.products);
    assert_int_equal(
        heed_products_create_with(&loops, device.kernels, 2, HEED_PACK_NEVER, &device.products, &err), HEED_OK);
    for (int i = 0; i < n_op_cases; i++) {
        const int before = bf16_products;

        if (strstr(op_cases[i].name, "bf16") == NULL)
            continue;
        compare_case(&op_cases[i], &device, &plain);
        n += bf16_products > before;
    }
    assert_true(n >= 15); /* cases with products */
    heed_device_close(&device);
    heed_device_close(&plain);
}

/* --- what does not fit ---------------------------------------------------------------------------- */

static void a_product_of_floats_is_not_stored_in_bf16(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_node *from = heed_graph_parameter(g, "x", heed_shape2(3, 4));
    heed_error err = {0};

    (void)state;
    assert_null(heed_linear_as(g, from, heed_graph_parameter(g, "w", heed_shape2(4, 2)), NULL,
                               HEED_WEIGHT_IN_OUT, HEED_BF16));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_string_equal(err.message, "linear: only what is computed from bf16 is stored in it");
    heed_graph_destroy(g);
}

static void a_weight_of_a_product_over_bf16_is_f32_or_bf16(void **state)
{
    heed_graph *g = heed_graph_create();
    heed_node *from = heed_to_bf16(g, heed_graph_parameter(g, "x", heed_shape2(3, 4)));
    heed_error err = {0};

    (void)state;
    assert_null(
        heed_linear(g, from, heed_graph_weight(g, "w", HEED_F16, heed_shape2(4, 2)), NULL, HEED_WEIGHT_IN_OUT));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_string_equal(err.message, "linear: expected weight of type f32 or bf16, got w of type f16");
    heed_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_bf16_holds_give_the_gradients_of_f32),
        cmocka_unit_test(operands_of_products_are_rounded_and_nothing_else_is),
        cmocka_unit_test(a_head_over_bf16_loses_the_rounding_of_its_gradients_alone),
        cmocka_unit_test(a_processor_with_bf16_products_computes_the_same),
        cmocka_unit_test(a_product_of_floats_is_not_stored_in_bf16),
        cmocka_unit_test(a_weight_of_a_product_over_bf16_is_f32_or_bf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
