/* SPDX-License-Identifier: MIT */
/* The head over a vocabulary that is cut into parts: which thread does what may not show in any result. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cases.h"
#include "nn/precision.h"
#include "one.h"

/* Eight tiles and so eight parts, the last tile shorter; the loss comes from `fused` or from whole logits. */
enum { V = 3700 };

static heed_node *loss_of(case_graph *c, int64_t rows, int64_t d, bool fused)
{
    heed_node *x = case_parameter(c, heed_shape2(rows, d)), *w = case_parameter(c, heed_shape2(V, d));
    heed_node *targets = case_filled_ints(c, heed_shape1(rows), CASE_TARGETS, 0, V - 1);

    if (fused)
        return heed_linear_cross_entropy(c->g, x, w, targets);
    return heed_cross_entropy(c->g, heed_linear(c->g, x, w, NULL, HEED_WEIGHT_OUT_IN), targets);
}

static heed_node *fused_wide(case_graph *c)
{
    return loss_of(c, 20, 64, true);
}

static heed_node *whole_wide(case_graph *c)
{
    return loss_of(c, 20, 64, false);
}

/* Two chunks of rows, the second one shorter. */
static heed_node *fused_long(case_graph *c)
{
    return loss_of(c, 1033, 3, true);
}

static heed_node *whole_long(case_graph *c)
{
    return loss_of(c, 1033, 3, false);
}

static case_graph *open_case(heed_node *(*build)(case_graph *c))
{
    const op_case of = {"head", build, 1, true};

    return case_open(&of);
}

/* loss, dx and dW one after the other in one array, which is the caller's. */
static float *results(case_graph *c, heed_device *device, int64_t *n)
{
    heed_plan *plan = case_plan(c, device, CASE_ALL);
    const heed_node *nodes[] = {c->y, c->sources[0].node->grad, c->sources[1].node->grad};
    float *all = NULL;

    *n = 0;
    heed_plan_run(plan);
    for (int k = 0; k < 3; k++) {
        const heed_tensor *value = heed_plan_value(plan, nodes[k]);

        all = realloc(all, (size_t)(*n + heed_tensor_count(value)) * sizeof *all);
        assert_non_null(all);
        for (int64_t i = 0; i < heed_tensor_count(value); i++)
            all[(*n)++] = heed_tensor_get(value, i);
    }
    heed_plan_destroy(plan);
    return all;
}

/*
 * Probabilities differ by 2e-5 of each (docs/numerics.md), and logits here are sums of up to 64 products, whose
 * difference counts in full: 64 x 2^-24 x 30. A row of dx or dW is a sum of such terms and may cancel to a part of the
 * largest: a thousandth of what is largest in the row is five times what was seen, and all of what a part would leave out.
 */
static void expect_close(const char *device, const float *got, const float *want, int64_t n, int64_t d)
{
    for (int64_t begin = 0; begin < n;) {
        const int64_t length = begin == 0 ? 1 : d;
        float largest = 0.0f;

        for (int64_t i = begin; i < begin + length; i++)
            largest = fmaxf(largest, fabsf(want[i]));
        for (int64_t i = begin; i < begin + length; i++)
            if (!(fabsf(got[i] - want[i]) <= 1e-3f * largest))
                fail_msg("%s: number %lld is %.9g, with whole logits %.9g", device, (long long)i,
                         (double)got[i], (double)want[i]);
        begin += length;
    }
}

static void compare_with_whole_logits(heed_node *(*fused)(case_graph *c), heed_node *(*whole)(case_graph *c),
                                      int64_t d, int n_threads)
{
    case_graph *mine = open_case(fused), *theirs = open_case(whole);
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, n_threads);

    for (int i = 0; i < n_devices; i++) {
        int64_t n, m;
        float *got = results(mine, &devices[i], &n), *want = results(theirs, &devices[i], &m);

        assert_int_equal(n, m);
        expect_close(heed_device_name(&devices[i]), got, want, n, d);
        free(got);
        free(want);
    }
    case_close(mine);
    case_close(theirs);
    case_devices_close(devices, n_devices);
}

static void loss_and_gradients_are_those_of_whole_logits(void **state)
{
    (void)state;
    compare_with_whole_logits(fused_wide, whole_wide, 64, 2);
    compare_with_whole_logits(fused_wide, whole_wide, 64, 3);
    compare_with_whole_logits(fused_long, whole_long, 3, 2);
}

static void compare_threads(heed_node *(*build)(case_graph *c), int n_threads)
{
    case_graph *c = open_case(build);
    heed_device one[CASE_MAX_DEVICES], more[CASE_MAX_DEVICES];
    const int n_devices = case_devices(one, 1);

    assert_int_equal(case_devices(more, n_threads), n_devices);
    for (int i = 0; i < n_devices; i++) {
        int64_t n, m;
        float *x = results(c, &one[i], &n), *y = results(c, &more[i], &m);

        assert_int_equal(n, m);
        if (memcmp(x, y, (size_t)n * sizeof *x) != 0)
            fail_msg("%s: other bits on %d threads", heed_device_name(&one[i]), n_threads);
        free(x);
        free(y);
    }
    case_close(c);
    case_devices_close(one, n_devices);
    case_devices_close(more, n_devices);
}

/* On every engine, oneDNN too; 11 threads are more than there are parts. */
static void the_number_of_threads_changes_no_bit(void **state)
{
    static const int threads[] = {2, 3, 7, 11};

    (void)state;
    for (int i = 0; i < 4; i++)
        compare_threads(fused_wide, threads[i]);
    compare_threads(fused_long, 3);
}

static heed_node *only_dx(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(9, 5)), *w = case_state(c, heed_shape2(V, 5));

    return heed_linear_cross_entropy(c->g, x, w, case_ints(c, heed_shape1(9), 0, V - 1));
}

static heed_node *only_dw(case_graph *c)
{
    heed_node *x = case_state(c, heed_shape2(9, 5)), *w = case_parameter(c, heed_shape2(V, 5));

    return heed_linear_cross_entropy(c->g, x, w, case_ints(c, heed_shape1(9), 0, V - 1));
}

static heed_node *both(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(9, 5)), *w = case_parameter(c, heed_shape2(V, 5));

    return heed_linear_cross_entropy(c->g, x, w, case_ints(c, heed_shape1(9), 0, V - 1));
}

static float *one_gradient(case_graph *c, int source, heed_device *device)
{
    heed_plan *plan = case_plan(c, device, CASE_ALL);
    const heed_tensor *value;
    float *all;

    heed_plan_run(plan);
    value = heed_plan_value(plan, c->sources[source].node->grad);
    all = malloc((size_t)heed_tensor_count(value) * sizeof *all);
    assert_non_null(all);
    for (int64_t i = 0; i < heed_tensor_count(value); i++)
        all[i] = heed_tensor_get(value, i);
    heed_plan_destroy(plan);
    return all;
}

/* dx without dW and dW without dx: the same bits as beside each other. */
static void one_gradient_alone_is_the_same(void **state)
{
    heed_node *(*const alone[])(case_graph * c) = {only_dx, only_dw};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    case_graph *together = open_case(both);

    (void)state;
    for (int source = 0; source < 2; source++) {
        case_graph *c = open_case(alone[source]);

        for (int i = 0; i < n_devices; i++) {
            float *x = one_gradient(c, source, &devices[i]), *y = one_gradient(together, source, &devices[i]);

            assert_memory_equal(x, y, (size_t)(source == 0 ? 9 : V) * 5 * sizeof *x);
            free(x);
            free(y);
        }
        case_close(c);
    }
    case_close(together);
    case_devices_close(devices, n_devices);
}

static heed_node *without_a_token(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(2, 3)), *w = case_parameter(c, heed_shape2(V, 3));

    return heed_linear_cross_entropy(c->g, x, w, case_ints(c, heed_shape1(2), V, V));
}

static heed_node *ignored(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(2, 3)), *w = case_parameter(c, heed_shape2(V, 3));

    return heed_linear_cross_entropy(c->g, x, w,
                                     case_ints(c, heed_shape1(2), HEED_IGNORE_TARGET, HEED_IGNORE_TARGET));
}

static void a_target_that_is_none_is_nan_and_an_ignored_one_zero(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    case_graph *none = open_case(without_a_token), *no = open_case(ignored);

    (void)state;
    for (int i = 0; i < n_devices; i++) {
        int64_t n;
        float *x = results(none, &devices[i], &n), *y = results(no, &devices[i], &n);

        for (int64_t k = 0; k < n; k++)
            assert_true(isnan(x[k]) && y[k] == 0.0f);
        free(x);
        free(y);
    }
    case_close(none);
    case_close(no);
    case_devices_close(devices, n_devices);
}

/*
 * One logit of +inf, one row of -inf: as in plain loops, where the first makes a loss of NaN or inf. x is a row of [1, 0] and one
 * of [0, 1]; column j of W is [w_j, u_j].
 */
static void logits_without_end_give_what_plain_loops_give(void **state)
{
    static float x[2 * 2] = {1.0f, 0.0f, 0.0f, 1.0f}, w[V * 2];
    static const float odd[] = {INFINITY, NAN, -INFINITY, 3e38f};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    int32_t targets[2] = {5, 3000};

    (void)state;
    for (int k = 0; k < 4; k++) {
        float want[2] = {0};

        for (int j = 0; j < V * 2; j++)
            w[j] = (float)(j % 7) * 0.25f;
        w[2 * 2222] = odd[k];
        for (int i = 0; i < n_devices; i++) {
            heed_graph *g = heed_graph_create();
            heed_node *loss = heed_linear_cross_entropy_rows(
                g, one_source(g, "x", HEED_F32, heed_shape2(2, 2), x),
                one_source(g, "w", HEED_F32, heed_shape2(V, 2), w),
                one_source(g, "targets", HEED_I32, heed_shape1(2), targets));
            float got[2];

            one_run(g, loss, &devices[i], i == 0 ? want : got);
            for (int r = 0; r < 2 && i > 0; r++)
                if (isfinite(want[r]) ? !(fabsf(got[r] - want[r]) <= 1e-5f * fabsf(want[r])) : isfinite(got[r]))
                    fail_msg("%s, %g: row %d is %g, in plain loops %g", heed_device_name(&devices[i]),
                             (double)odd[k], r, (double)got[r], (double)want[r]);
            heed_graph_destroy(g);
        }
    }
    case_devices_close(devices, n_devices);
}

/* Tiles of W are widened by each thread for itself. */
static void weights_of_every_type_are_taken(void **state)
{
    enum { ROWS = 7, D = 64 };
    static const heed_dtype dtypes[] = {HEED_BF16, HEED_F16, HEED_Q8};
    static float x[ROWS * D], numbers[V * D], stored[V * D], scales[V * D];
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 3);
    heed_rng rng = heed_rng_make(52, 1);
    int32_t targets[ROWS];

    (void)state;
    for (int i = 0; i < V * D; i++)
        numbers[i] = heed_rng_normal(&rng);
    for (int i = 0; i < ROWS * D; i++)
        x[i] = 2.0f * heed_rng_float(&rng) - 1.0f;
    for (int i = 0; i < ROWS; i++)
        targets[i] = (int32_t)heed_rng_below(&rng, V);
    for (int t = 0; t < 3; t++) {
        heed_tensor w = heed_tensor_make(dtypes[t], heed_shape2(V, D), stored);
        const heed_scales its = {scales, 64, 1};
        float want = 0.0f;

        if (dtypes[t] == HEED_Q8) {
            assert_true(heed_int8_quantize(numbers, V, D, 64, 1, w.data, scales));
            w.scales = &its;
        }
        for (int i = 0; i < V * D && dtypes[t] != HEED_Q8; i++)
            heed_tensor_set(&w, i, numbers[i]);
        for (int i = 0; i < n_devices; i++) {
            heed_graph *g = heed_graph_create();
            heed_node *node = heed_graph_weight(g, "w", dtypes[t], w.shape);
            float got;

            node->tensor.data = w.data;
            node->tensor.scales = w.scales;
            one_run(g,
                    heed_linear_cross_entropy(g, one_source(g, "x", HEED_F32, heed_shape2(ROWS, D), x), node,
                                              one_source(g, "targets", HEED_I32, heed_shape1(ROWS), targets)),
                    &devices[i], i == 0 ? &want : &got);
            if (i > 0 && !(fabsf(got - want) <= 1e-5f * want))
                fail_msg("%s on %s: %.9g, in plain loops %.9g", heed_dtype_name(dtypes[t]),
                         heed_device_name(&devices[i]), (double)got, (double)want);
            heed_graph_destroy(g);
        }
    }
    case_devices_close(devices, n_devices);
}

/*
 * Logits down to 89 below the largest, whose probabilities and products with x reach into the denormal numbers: there a
 * product takes many times as long, so kernels leave them out.
 */
static void no_gradient_is_denormal(void **state)
{
    static float x[2] = {1.0f, 1e-3f}, w[V * 2], one = 1.0f;
    int32_t target = 0;
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int j = 0; j < V; j++)
        w[2 * j] = -(float)(j % 90);
    for (int i = 1; i < n_devices; i++) {
        heed_graph *g = heed_graph_create();
        heed_node *weight = one_source(g, "w", HEED_F32, heed_shape2(V, 2), w);
        heed_node *loss = heed_linear_cross_entropy(
            g, one_source(g, "x", HEED_F32, heed_shape2(1, 2), x), weight,
            one_source(g, "targets", HEED_I32, heed_shape1(1), &target));
        static float gradient[V * 2];

        assert_true(heed_graph_differentiate(g, loss, one_source(g, "seed", HEED_F32, heed_shape0(), &one),
                                             heed_accumulate));
        one_run(g, weight->grad, &devices[i], gradient);
        for (int k = 0; k < V * 2; k++) {
            const double p = exp((double)w[k / 2 * 2]) / 41.0 /
                             1.582; /* about: 41 or 42 tokens with each logit */

            assert_true(fpclassify(gradient[k]) != FP_SUBNORMAL);
            assert_true(p < 1e-20 || gradient[k] != 0.0f);
        }
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n_devices);
}

/* Bytes of the arena for the gradients of GPT-2's head; nothing is allocated. */
static double arena_bytes(int n_threads)
{
    enum { ROWS = 1024, D = 768, GPT2 = 50257 };
    heed_graph *g = heed_graph_create();
    heed_node *x = heed_graph_parameter(g, "x", heed_shape2(ROWS, D));
    heed_node *w = heed_graph_parameter(g, "w", heed_shape2(GPT2, D));
    heed_node *targets = heed_graph_input(g, "targets", HEED_I32, heed_shape1(ROWS));
    heed_node *loss = heed_linear_cross_entropy(g, x, w, targets);
    heed_device device;
    heed_plan *plan = NULL;
    heed_error err = {0};
    double bytes;

    assert_int_equal(heed_device_open(&device, NULL, n_threads, NULL), HEED_OK);
    assert_true(heed_graph_differentiate(g, loss, heed_graph_input(g, "seed", HEED_F32, heed_shape0()),
                                         heed_accumulate));
    heed_node *gradients[] = {x->grad, w->grad};
    const heed_plan_options options = {.device = &device, .targets = gradients, .n_targets = 2};

    if (heed_plan_create(g, &options, &plan, &err) != HEED_OK)
        fail_msg("%s", err.message);
    bytes = (double)heed_plan_bytes(plan) - 4.0 * D * (ROWS + GPT2);
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return bytes;
}

/* Tiles and parts share 256 MiB; what each thread adds is the workspace of its products. */
static void parts_keep_to_the_room_of_the_tiles(void **state)
{
    const double room = 256.0 * 1024 * 1024, one = arena_bytes(1), many = arena_bytes(16);

    (void)state;
    if (one > 1.02 * room || many > one + 16 * 4e6)
        fail_msg("%.0f MB on one thread, %.0f on 16", one / 1e6, many / 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients_are_those_of_whole_logits),
        cmocka_unit_test(the_number_of_threads_changes_no_bit),
        cmocka_unit_test(one_gradient_alone_is_the_same),
        cmocka_unit_test(a_target_that_is_none_is_nan_and_an_ignored_one_zero),
        cmocka_unit_test(logits_without_end_give_what_plain_loops_give),
        cmocka_unit_test(weights_of_every_type_are_taken),
        cmocka_unit_test(no_gradient_is_denormal),
        cmocka_unit_test(parts_keep_to_the_room_of_the_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
