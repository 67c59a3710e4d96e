/* SPDX-License-Identifier: MIT */
/* The head with its loss: what memory it takes, and what it shares with the embedding it is tied to. */
#include <float.h>
#include <math.h>

#include "cases.h"
#include "ops/list.h"

enum { ROWS = 2048, D = 8, V = 20000 };

/* x [ROWS, D], W [V, D] and targets; the loss comes from `fused` or from whole logits. */
static heed_node *loss_of(case_graph *c, int64_t rows, int64_t d, int64_t vocab, bool fused)
{
    heed_node *x = case_parameter(c, heed_shape2(rows, d)), *w = case_parameter(c, heed_shape2(vocab, d));
    heed_node *targets = case_filled_ints(c, heed_shape1(rows), CASE_TARGETS, 0, (int)vocab - 1);

    if (fused)
        return heed_linear_cross_entropy(c->g, x, w, targets);
    return heed_cross_entropy(c->g, heed_linear(c->g, x, w, NULL, HEED_WEIGHT_OUT_IN), targets);
}

static heed_node *fused_small(case_graph *c)
{
    return loss_of(c, 50, 11, 1100, true);
}

static heed_node *whole_small(case_graph *c)
{
    return loss_of(c, 50, 11, 1100, false);
}

/*
 * Every third target is -100. Both add 1100 exponentials and, for a gradient, up to 1100 products; the loss is about
 * 10 and a gradient at most 1: 64 epsilons of 16 are 10 times what was seen.
 */
static void loss_and_gradients_are_those_of_whole_logits(void **state)
{
    const op_case fused_case = {"fused", fused_small, 1, true}, whole_case = {"whole", whole_small, 1, true};
    case_graph *fused = case_open(&fused_case), *whole = case_open(&whole_case);
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n_devices; d++) {
        heed_plan *a = case_plan(fused, &devices[d], CASE_ALL), *b = case_plan(whole, &devices[d], CASE_ALL);
        const heed_node *mine[] = {fused->y, fused->sources[0].node->grad, fused->sources[1].node->grad};
        const heed_node *theirs[] = {whole->y, whole->sources[0].node->grad, whole->sources[1].node->grad};

        heed_plan_run(a);
        heed_plan_run(b);
        for (int k = 0; k < 3; k++) {
            const heed_tensor *x = heed_plan_value(a, mine[k]), *y = heed_plan_value(b, theirs[k]);

            for (int64_t i = 0; i < heed_tensor_count(y); i++) {
                const double got = (double)heed_tensor_get(x, i), expected = (double)heed_tensor_get(y, i);
                if (!(fabs(got - expected) <= 64.0 * 16.0 * FLT_EPSILON))
                    fail_msg("%s on %s: element %lld is %.9g, with whole logits %.9g", mine[k]->name,
                             heed_device_name(&devices[d]), (long long)i, got, expected);
            }
        }
        heed_plan_destroy(a);
        heed_plan_destroy(b);
    }
    case_close(fused);
    case_close(whole);
    case_devices_close(devices, n_devices);
}

/* Bytes of the arena for these targets; nothing is allocated. */
static double arena_bytes(const case_graph *c, heed_device *device, heed_node **targets, int n)
{
    const heed_plan_options options = {
        .device = device, .targets = targets, .n_targets = n, .reference = device->kernels == NULL};
    heed_plan *plan = NULL;
    heed_error err = {0};
    double bytes;

    if (heed_plan_create(c->g, &options, &plan, &err) != HEED_OK)
        fail_msg("%s", err.message);
    bytes = (double)heed_plan_bytes(plan);
    heed_plan_destroy(plan);
    return bytes;
}

static heed_node *fused_big(case_graph *c)
{
    return loss_of(c, ROWS, D, V, true);
}

static void logits_never_exist_as_a_whole(void **state)
{
    const op_case of = {"big", fused_big, 1, true};
    const double all_logits = 4.0 * ROWS * V, gradients = 4.0 * D * (V + ROWS);
    case_graph *c = case_open(&of);
    heed_node *gradient[] = {c->sources[0].node->grad, c->sources[1].node->grad};
    heed_device device;
    double loss, backward;

    (void)state;
    assert_int_equal(heed_device_open(&device, heed_kernels_at(0)->name, 1, NULL), HEED_OK);
    loss = arena_bytes(c, &device, &c->y, 1);
    backward = arena_bytes(c, &device, gradient, 2);
    if (loss > 0.05 * all_logits || backward - gradients > 0.6 * all_logits)
        fail_msg("loss %.1f MB, gradients %.1f MB beside %.1f MB of their own; all logits are %.1f MB",
                 loss / 1e6, (backward - gradients) / 1e6, gradients / 1e6, all_logits / 1e6);
    heed_device_close(&device);
    case_close(c);
}

/* The rows' losses on the plan of the loss itself: the same tiles in the same order, so the same bits. */
static void losses_of_rows_have_the_loss_as_their_mean(void **state)
{
    const op_case of = {"fused", fused_small, 1, true};
    case_graph *c = case_open(&of);
    heed_node *rows = heed_linear_cross_entropy_rows(c->g, c->y->in[0], c->y->in[1], c->y->in[2]);
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n_devices; d++) {
        const heed_plan_options options = {.device = &devices[d],
                                           .reference = devices[d].kernels == NULL,
                                           .targets = (heed_node *[]){c->y, rows},
                                           .n_targets = 2};
        heed_plan *plan = NULL;
        double total = 0.0;
        int64_t n = 0;

        assert_int_equal(heed_plan_create(c->g, &options, &plan, NULL), HEED_OK);
        assert_int_equal(heed_plan_place(plan, NULL, NULL), HEED_OK);
        heed_plan_run(plan);
        for (int64_t r = 0; r < heed_tensor_count(&rows->tensor); r++) {
            total += (double)heed_tensor_get(heed_plan_value(plan, rows), r);
            n += heed_tensor_get(&rows->in[2]->tensor, r) >= 0.0f;
        }
        assert_true(n > 0 && n < heed_tensor_count(&rows->tensor));
        if ((float)(total / (double)n) != heed_tensor_get(heed_plan_value(plan, c->y), 0))
            fail_msg("%s: the mean of rows is %.9g, the loss %.9g", heed_device_name(&devices[d]),
                     total / (double)n, (double)heed_tensor_get(heed_plan_value(plan, c->y), 0));
        heed_plan_destroy(plan);
    }
    case_close(c);
    case_devices_close(devices, n_devices);
}

enum { TAUGHT_ROWS = 8192 };

static heed_node *distilled_big(case_graph *c)
{
    const heed_distill_options options = {2.0f, 0.5f};
    heed_node *x = case_parameter(c, heed_shape2(TAUGHT_ROWS, D)), *w = case_parameter(c, heed_shape2(V, D));
    heed_node *teacher = case_state(c, heed_shape2(TAUGHT_ROWS, D)), *its = case_state(c, heed_shape2(V, D));
    heed_node *targets = case_ints(c, heed_shape1(TAUGHT_ROWS), 0, V - 1);

    return heed_distill_loss(c->g, x, w, targets, teacher, its, &options).loss;
}

/* Neither those of the student nor those of the teacher: a chunk of 1024 rows of each at most. */
static void logits_of_student_and_teacher_never_exist_as_a_whole(void **state)
{
    const op_case of = {"big", distilled_big, 1, true};
    const double all_logits = 2.0 * 4.0 * TAUGHT_ROWS * V, gradients = 4.0 * D * (V + TAUGHT_ROWS);
    case_graph *c = case_open(&of);
    heed_node *gradient[] = {c->sources[0].node->grad, c->sources[1].node->grad};
    heed_device device;
    double loss, backward;

    (void)state;
    assert_int_equal(heed_device_open(&device, heed_kernels_at(0)->name, 1, NULL), HEED_OK);
    loss = arena_bytes(c, &device, &c->y, 1);
    backward = arena_bytes(c, &device, gradient, 2);
    if (loss > 0.15 * all_logits || backward - gradients > 0.15 * all_logits)
        fail_msg("loss %.1f MB, gradients %.1f MB beside %.1f MB of their own; all logits are %.1f MB",
                 loss / 1e6, (backward - gradients) / 1e6, gradients / 1e6, all_logits / 1e6);
    heed_device_close(&device);
    case_close(c);
}

static heed_node *tied(case_graph *c)
{
    heed_node *table = case_parameter(c, heed_shape2(5000, 64));
    heed_node *x = heed_embedding(c->g, table, case_ints(c, heed_shape1(6), 0, 4999));

    return heed_linear_cross_entropy(c->g, x, table, case_ints(c, heed_shape1(6), 0, 4999));
}

static void a_tied_table_has_one_gradient_in_one_buffer(void **state)
{
    const op_case of = {"tied", tied, 1, true};
    const double table_bytes = 4.0 * 5000 * 64;
    case_graph *c = case_open(&of);
    heed_node *gradient = c->sources[0].node->grad;
    heed_device device = {.n_threads = 1};
    double bytes;

    (void)state;
    assert_ptr_equal(gradient->op, &heed_op_embedding_backward);
    assert_non_null(gradient->in[2]);
    assert_ptr_equal(gradient->in[2]->op, &heed_op_linear_cross_entropy_backward);
    bytes = arena_bytes(c, &device, &gradient, 1);
    if (bytes > 1.2 * table_bytes)
        fail_msg("%.0f bytes for a gradient of %.0f", bytes, table_bytes);
    case_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients_are_those_of_whole_logits),
        cmocka_unit_test(logits_never_exist_as_a_whole),
        cmocka_unit_test(losses_of_rows_have_the_loss_as_their_mean),
        cmocka_unit_test(logits_of_student_and_teacher_never_exist_as_a_whole),
        cmocka_unit_test(a_tied_table_has_one_gradient_in_one_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
