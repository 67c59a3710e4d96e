/* SPDX-License-Identifier: MIT */
/* Values that are dropped and made again: the same bits at every level, in less memory, with no step more than needed. */
#include "random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan_internal.h"

enum { N_GRAPHS = 80, D = 32, ROWS = 16, N_PARTS = 6 };

/* --- random graphs --- */

/* What a level saved over all graphs. */
typedef struct savings {
    int n_again;
    double bytes, bytes_without;
} savings;

static void compare_levels(uint64_t seed, heed_device *device, int level, int flags, savings *saved)
{
    random_graph *r = random_graph_open(seed);
    heed_plan *a = random_graph_plan(r, device, flags | RANDOM_KEEP_ALL);
    heed_plan *b = random_graph_plan(r, device, flags | level), *c = random_graph_plan(r, device, flags);
    size_t n = 0;
    float *x = random_graph_outcome(r, a, &n), *y = random_graph_outcome(r, b, &n);
    float *z = random_graph_outcome(r, b, &n);

    assert_true(isfinite(x[0]));
    random_graph_expect_same(r, "made again", x, y, n);
    random_graph_expect_same(r, "made again in a second run", x, z, n);
    saved->n_again += heed_plan_memory(b).n_again;
    saved->bytes += (double)heed_plan_bytes(b);
    saved->bytes_without += (double)heed_plan_bytes(c);
    free(x);
    free(y);
    free(z);
    heed_plan_destroy(a);
    heed_plan_destroy(b);
    heed_plan_destroy(c);
    random_graph_close(r);
}

static void every_level_gives_the_same_bits(void **state)
{
    heed_device plain = random_device(true), fast = random_device(false);
    savings saved[2] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        for (int k = 0; k < 2; k++) {
            const int level = k == 0 ? RANDOM_CHEAP : RANDOM_BLOCKS;
            compare_levels(seed, &plain, level, 0, &saved[k]);
            compare_levels(seed, &fast, level, RANDOM_ASSIGN, &saved[k]);
        }
    }
    for (int k = 0; k < 2; k++) {
        printf("%s: %d steps ran again, the arenas took %.3f of their size\n", k == 0 ? "cheap" : "blocks",
               saved[k].n_again, saved[k].bytes / saved[k].bytes_without);
        assert_true(saved[k].n_again > 4 * N_GRAPHS); /* or nothing was compared */
        assert_true(saved[k].bytes < saved[k].bytes_without);
    }
    heed_device_close(&plain);
    heed_device_close(&fast);
}

/* --- a chain of parts, as in a model --- */

typedef struct chain {
    heed_graph *g;
    heed_device device;
    heed_node *loss, *step, *one;
    heed_node *targets[1 + 2 * N_PARTS];
    int n_targets;
    float *numbers;
    float seed;
    int32_t step_number;
} chain;

static heed_node *chain_parameter(chain *c, const char *kind, int i, heed_shape shape)
{
    char name[32];
    heed_node *p;

    snprintf(name, sizeof name, "%s%d", kind, i);
    p = heed_graph_parameter(c->g, name, shape);
    assert_non_null(p);
    p->tensor.data = c->numbers + (size_t)(i * 37);
    return p;
}

/* x <- x + dropout(gelu(norm(x) W)) W', N_PARTS times. */
static void open_chain(chain *c)
{
    heed_error err = {0};
    heed_node *x;

    *c = (chain){.g = heed_graph_create(), .device = random_device(false), .seed = 1.0f, .step_number = 5};
    c->numbers = malloc((8 * D * D + N_PARTS * 37) * sizeof(float));
    assert_non_null(c->g);
    assert_non_null(c->numbers);
    for (int i = 0; i < 8 * D * D + N_PARTS * 37; i++)
        c->numbers[i] = 0.2f * sinf(1.7f * (float)i);
    c->step = heed_graph_bound_input(c->g, "step", HEED_I32, heed_shape0(), &c->step_number);
    c->one = heed_graph_bound_input(c->g, "one", HEED_F32, heed_shape0(), &c->seed);
    x = heed_add(c->g, heed_graph_bound_input(c->g, "x", HEED_F32, heed_shape2(ROWS, D), c->numbers),
                 chain_parameter(c, "shift", 0, heed_shape1(D)));
    for (int i = 0; i < N_PARTS; i++) {
        heed_node *y = heed_layernorm(c->g, x, chain_parameter(c, "gain", i, heed_shape1(D)), NULL, 1e-5f);
        heed_node *W = chain_parameter(c, "up", i, heed_shape2(D, 4 * D));
        c->targets[1 + c->n_targets++] = W;
        y = heed_gelu_tanh(c->g, heed_linear(c->g, y, W, NULL, HEED_WEIGHT_IN_OUT));
        y = heed_dropout(c->g, y, c->step, 0.25f, 7, i);
        W = chain_parameter(c, "down", i, heed_shape2(4 * D, D));
        c->targets[1 + c->n_targets++] = W;
        x = heed_add(c->g, x, heed_linear(c->g, y, W, NULL, HEED_WEIGHT_IN_OUT));
    }
    c->loss = c->targets[0] = heed_mean(
        c->g, heed_layernorm(c->g, x, chain_parameter(c, "gain", N_PARTS, heed_shape1(D)), NULL, 1e-5f));
    heed_graph_differentiate(c->g, c->loss, c->one, heed_accumulate);
    for (int i = 1; i <= c->n_targets; i++)
        c->targets[i] = c->targets[i]->grad;
    c->n_targets++;
    if (heed_graph_status(c->g, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static heed_plan *plan_chain(chain *c, heed_recompute level)
{
    const heed_plan_options options = {
        .device = &c->device, .targets = c->targets, .n_targets = c->n_targets, .recompute = level};
    heed_plan *plan = NULL;
    heed_error err = {0};

    if (heed_plan_create(c->g, &options, &plan, &err) != HEED_OK ||
        heed_plan_place(plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(plan);
    return plan;
}

static void close_chain(chain *c)
{
    heed_graph_destroy(c->g);
    heed_device_close(&c->device);
    free(c->numbers);
}

/* What the turn from forward to backward holds of each part, in numbers of ROWS x D: x, norm, 4 before and after gelu, 4 dropped out. */
static void each_level_holds_what_it_says(void **state)
{
    const double unit = ROWS * D * sizeof(float);
    chain c;

    (void)state;
    open_chain(&c);
    heed_plan *none = plan_chain(&c, HEED_RECOMPUTE_NONE), *cheap = plan_chain(&c, HEED_RECOMPUTE_CHEAP);
    heed_plan *blocks = plan_chain(&c, HEED_RECOMPUTE_BLOCKS);
    const heed_step_memory a = heed_plan_memory(none), b = heed_plan_memory(cheap);
    const heed_step_memory d = heed_plan_memory(blocks);

    assert_int_equal(a.n_again, 0);
    assert_true(a.again_bytes == 0.0);
    /* x, norm(x), before gelu, after dropout (in gelu's place); and what the last norm reads, its output, the loss */
    assert_true(a.held_bytes >= N_PARTS * 10 * unit && a.held_bytes <= (N_PARTS * 10 + 2) * unit + 128);
    /* x and what is before gelu; the first x is a cheap sum of sources itself */
    assert_true(b.held_bytes >= (N_PARTS * 5 - 1) * unit && b.held_bytes <= (N_PARTS * 5 + 2) * unit + 128);
    assert_int_equal(b.n_again, 1 + 3 * N_PARTS);
    /* x alone */
    assert_true(d.held_bytes >= (N_PARTS - 1) * unit && d.held_bytes <= (N_PARTS + 2) * unit + 128);
    assert_int_equal(d.n_again, 1 + 4 * N_PARTS);
    assert_true(heed_plan_bytes(cheap) < heed_plan_bytes(none));
    assert_true(heed_plan_bytes(blocks) < heed_plan_bytes(cheap));
    assert_true(heed_plan_cost(blocks).flops == heed_plan_cost(none).flops); /* the model's work is the same */
    assert_true(d.again_flops > b.again_flops && b.again_flops > 0.0);
    for (int i = 0; i < c.n_targets; i++) {
        const heed_tensor *x = heed_plan_value(none, c.targets[i]), *y = heed_plan_value(cheap, c.targets[i]);
        const heed_tensor *z = heed_plan_value(blocks, c.targets[i]);
        assert_memory_equal(x->data, y->data, heed_tensor_span_bytes(x));
        assert_memory_equal(x->data, z->data, heed_tensor_span_bytes(x));
    }
    heed_plan_destroy(none);
    heed_plan_destroy(cheap);
    heed_plan_destroy(blocks);
    close_chain(&c);
}

/* Made again late: only when backward has come to it, so that one part is there at a time. */
static void a_part_is_made_again_when_backward_has_come_to_it(void **state)
{
    chain c;

    (void)state;
    open_chain(&c);
    heed_plan *plan = plan_chain(&c, HEED_RECOMPUTE_BLOCKS);
    int n_runs = 0, n_late = 0;

    for (int s = 0; s < heed_plan_n_steps(plan); s++) {
        const bool again = heed_plan_is_again(plan, s);
        n_late += !again && heed_plan_step(plan, s)->id >= heed_graph_n_forward(c.g);
        n_runs += again && !heed_plan_is_again(plan, s - 1);
        if (again)
            assert_true(n_late > 0); /* the end of the forward pass is still there when backward begins */
    }
    assert_true(n_runs >= N_PARTS);
    heed_plan_destroy(plan);
    close_chain(&c);
}

/* A target and what somebody looks at keep their one value. */
static void targets_are_not_made_again(void **state)
{
    chain c;

    (void)state;
    open_chain(&c);
    for (int i = 0; i < heed_graph_n_forward(c.g); i++) {
        heed_node *node = heed_graph_node(c.g, i);
        heed_node *targets[] = {c.targets[1], node};
        const heed_plan_options options = {
            .device = &c.device, .targets = targets, .n_targets = 2, .recompute = HEED_RECOMPUTE_BLOCKS};
        heed_plan *plan = NULL;
        assert_int_equal(heed_plan_create(c.g, &options, &plan, NULL), HEED_OK);
        for (int s = 0; s < heed_plan_n_steps(plan); s++)
            assert_false(heed_plan_is_again(plan, s) && heed_plan_step(plan, s) == node->owner->first);
        heed_plan_destroy(plan);
    }
    close_chain(&c);
}

/* --- what may not run again --- */

static bool count_shape(heed_graph *g, heed_node *y)
{
    (void)g;
    heed_node_set_shape(y, 0, HEED_F32, y->in[1]->tensor.shape);
    return true;
}

/* Adds one to the state on each run. */
static void count_forward(const heed_op_args *a)
{
    heed_tensor_set(a->in[0], 0, heed_tensor_get(a->in[0], 0) + 1.0f);
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, heed_tensor_get(a->in[1], i));
}

static void count_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    (void)g;
    (void)y;
    dx[1] = dy[0];
}

static void count_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_add_traffic(y, cost);
}

static const heed_op count_op = {.name = "count",
                                 .n_inputs = 2,
                                 .is_stateful = true,
                                 .shape = count_shape,
                                 .forward = count_forward,
                                 .grad = count_grad,
                                 .cost = count_cost};

static void an_op_that_changes_a_state_runs_once(void **state)
{
    float counter[64] = {0.0f}, one = 1.0f, numbers[64];
    heed_device device = random_device(false);
    heed_graph *g = heed_graph_create();
    heed_node *count = heed_graph_state(g, "counter", heed_shape1(64));
    heed_node *p = heed_graph_parameter(g, "p", heed_shape1(64)), *y, *targets[2];
    heed_plan *plan = NULL;

    (void)state;
    for (int i = 0; i < 64; i++)
        numbers[i] = (float)i / 64.0f;
    count->tensor.data = counter;
    p->tensor.data = numbers;
    y = heed_gelu_tanh(g, heed_node_append(g, &count_op, count, heed_scale(g, p, 2.0f)));
    y = heed_gelu_tanh(g, heed_add(g, y, count)); /* reads the state that is changed */
    targets[0] = heed_mean(g, heed_gelu_tanh(g, y));
    heed_graph_differentiate(g, targets[0], heed_graph_bound_input(g, "one", HEED_F32, heed_shape0(), &one),
                             heed_accumulate);
    targets[1] = p->grad;
    const heed_plan_options options = {
        .device = &device, .targets = targets, .n_targets = 2, .recompute = HEED_RECOMPUTE_BLOCKS};
    assert_int_equal(heed_plan_create(g, &options, &plan, NULL), HEED_OK);
    assert_int_equal(heed_plan_place(plan, NULL, NULL), HEED_OK);
    heed_plan_run(plan);
    assert_true(counter[0] == 1.0f);
    for (int s = 0; s < heed_plan_n_steps(plan); s++) {
        const heed_node *node = heed_plan_step(plan, s);
        for (int i = 0; i < node->n_in && heed_plan_is_again(plan, s); i++)
            assert_ptr_not_equal(node->in[i], count);
    }
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_gives_the_same_bits),
        cmocka_unit_test(each_level_holds_what_it_says),
        cmocka_unit_test(a_part_is_made_again_when_backward_has_come_to_it),
        cmocka_unit_test(targets_are_not_made_again),
        cmocka_unit_test(an_op_that_changes_a_state_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
