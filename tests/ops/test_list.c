/* SPDX-License-Identifier: MIT */
/* The list of ops is complete, each op fulfils the contract, and what does not fit is refused with a clear sentence. */
#include "cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/list.h"

static int place_in_list(const heed_op *op)
{
    for (int i = 0; i < heed_n_ops; i++) {
        if (heed_ops[i] == op)
            return i;
    }
    return -1;
}

static void every_op_has_what_the_contract_asks_for(void **state)
{
    (void)state;
    assert_true(heed_n_ops > 0);
    for (int i = 0; i < heed_n_ops; i++) {
        const heed_op *op = heed_ops[i];
        const bool computes = op->forward != NULL &&
                              op->cost != NULL; /* a view does nothing, which costs nothing */
        const bool complete = op->name != NULL && op->n_inputs > 0 && op->n_inputs <= HEED_MAX_INPUTS &&
                              op->n_outputs <= HEED_MAX_OUTPUTS && op->shape != NULL && op->explain != NULL &&
                              computes != op->is_view;
        if (!complete)
            fail_msg("op %s lacks something that graph/op.h asks for", op->name);
        if (place_in_list(op) != i)
            fail_msg("op %s is listed twice", op->name);
        for (int j = 0; j < i; j++) {
            if (strcmp(op->name, heed_ops[j]->name) == 0)
                fail_msg("two ops are named %s", op->name);
        }
    }
}

static bool has_inputs(const heed_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] != NULL)
            return true;
    }
    return false;
}

static void every_op_has_a_case_and_a_cost(void **state)
{
    bool *met = calloc((size_t)heed_n_ops, sizeof *met);

    (void)state;
    assert_non_null(met);
    for (int i = 0; i < n_op_cases; i++) {
        case_graph *c = case_open(&op_cases[i]);

        for (int n = 0; n < heed_graph_n_nodes(c->g); n++) {
            const heed_node *node = heed_graph_node(c->g, n);
            heed_cost cost = {0};

            if (node->op == NULL || node->first != node)
                continue;
            if (place_in_list(node->op) < 0)
                fail_msg("op %s of case \"%s\" is not in the list", node->op->name, op_cases[i].name);
            met[place_in_list(node->op)] = true;
            if (node->op->is_view)
                continue;
            node->op->cost(node, &cost);
            if (!(cost.flops >= 0.0 && (cost.bytes_read > 0.0) == has_inputs(node) && cost.bytes_written > 0.0))
                fail_msg("%s: a %s costs %g FLOPs, %g bytes read, %g written", op_cases[i].name, node->op->name,
                         cost.flops, cost.bytes_read, cost.bytes_written);
        }
        case_close(c);
    }
    for (int i = 0; i < heed_n_ops; i++) {
        if (!met[i])
            fail_msg("op %s has no case in cases_table.c", heed_ops[i]->name);
    }
    free(met);
}

/* --- what does not fit --- */

typedef struct misfit {
    const char *expected;                                             /* words of the message */
    heed_node *(*build)(heed_graph *g, heed_node *x, heed_node *ids); /* x [2, 3, 4], ids i32 [2, 3] */
} misfit;

static heed_node *vector(heed_graph *g, int64_t n)
{
    return heed_graph_parameter(g, "vector", heed_shape1(n));
}

static heed_node *wrong_add(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_add(g, x, vector(g, 3));
}

static heed_node *wrong_type(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)x;
    return heed_relu(g, ids);
}

static heed_node *wrong_gamma(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_layernorm(g, x, vector(g, 5), NULL, 1e-5f);
}

static heed_node *wrong_up(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_swiglu(g, x, heed_narrow(g, x, 0, 3));
}

static heed_node *wrong_rms_gamma(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_rmsnorm(g, x, vector(g, 3), 1e-5f);
}

static heed_node *turned(heed_graph *g, heed_node *x, const heed_rotary_options *options)
{
    return heed_rotary(g, heed_reshape(g, x, heed_shape4(1, 2, 3, 4)), NULL, options);
}

static heed_node *wrong_rotary(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_rotary(g, x, NULL, &(heed_rotary_options){.base = 10.0});
}

static heed_node *wrong_rotary_odd(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return turned(g, x, &(heed_rotary_options){.rotary_dim = 3});
}

static heed_node *wrong_rotary_wide(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return turned(g, x, &(heed_rotary_options){.rotary_dim = 6});
}

static heed_node *wrong_rotary_base(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return turned(g, x, &(heed_rotary_options){.base = -1.0});
}

static heed_node *wrong_rotary_factor(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return turned(g, x, &(heed_rotary_options){.scaling = HEED_ROTARY_NTK});
}

static heed_node *wrong_rotary_length(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return turned(g, x, &(heed_rotary_options){.scaling = HEED_ROTARY_YARN, .factor = 2.0});
}

static heed_node *wrong_rotary_positions(heed_graph *g, heed_node *x, heed_node *ids)
{
    return turned(g, x, &(heed_rotary_options){.positions = ids});
}

static heed_node *wrong_sinusoidal(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)x;
    (void)ids;
    return heed_sinusoidal(g, NULL, 0, 4);
}

static heed_node *wrong_targets(heed_graph *g, heed_node *x, heed_node *ids)
{
    return heed_cross_entropy(g, heed_reshape(g, x, heed_shape2(6, 4)), ids);
}

static heed_node *wrong_target_type(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_cross_entropy(g, x, heed_sum(g, x));
}

static heed_node *wrong_rank(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_sum_leading(g, x, 4);
}

static heed_node *wrong_repeat(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_repeat(g, x, heed_shape4(2, 2, 4, 4));
}

static heed_node *wrong_rate(heed_graph *g, heed_node *x, heed_node *ids)
{
    return heed_dropout(g, x, ids, 1.0f, 1, 0);
}

static heed_node *wrong_step(heed_graph *g, heed_node *x, heed_node *ids)
{
    return heed_dropout(g, x, ids, 0.5f, 1, 0);
}

static heed_node *wrong_norm(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_clip_factor(g, x, 1.0f);
}

static heed_node *wrong_limit(heed_graph *g, heed_node *x, heed_node *ids)
{
    (void)ids;
    return heed_clip_factor(g, heed_sqrt(g, heed_sum_squares(g, x, NULL)), -1.0f);
}

static heed_node *wrong_moment(heed_graph *g, heed_node *x, heed_node *ids)
{
    const heed_adamw_options options = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f};
    heed_node *one = heed_sum(g, x);

    return heed_adamw(g, x, x, vector(g, 4), x, one, ids, NULL, &options).p;
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    static const misfit misfits[] = {
        {"add: expected b with the last axes of a [2, 3, 4], got [3]", wrong_add},
        {"relu: expected x of type f32 or bf16, got ids of type i32", wrong_type},
        {"layernorm: expected gamma of shape [4], got [5]", wrong_gamma},
        {"rmsnorm: expected gamma of shape [4], got [3]", wrong_rms_gamma},
        {"rotary: expected x [batch, heads, T, head_dim], got [2, 3, 4]", wrong_rotary},
        {"rotary: expected a rotary_dim that is even and from 2 to head_dim 4, got 3", wrong_rotary_odd},
        {"rotary: expected a rotary_dim that is even and from 2 to head_dim 4, got 6", wrong_rotary_wide},
        {"rotary: expected a rotary base above 0, got -1", wrong_rotary_base},
        {"rotary: expected a rotary factor of 1 or more, got 0", wrong_rotary_factor},
        {"rotary: expected a trained_length of 1 or more for yarn, got 0", wrong_rotary_length},
        {"rotary: expected positions of shape [3], got [2, 3]", wrong_rotary_positions},
        {"sinusoidal: expected at least one row of at least one number, got [0, 4]", wrong_sinusoidal},
        {"swiglu: expected up of shape [2, 3, 4], got [2, 3, 3]", wrong_up},
        {"cross_entropy: expected targets of shape [6], got [2, 3]", wrong_targets},
        {"cross_entropy: expected targets of type i32", wrong_target_type},
        {"sum_leading: expected x with at least 4 axes, got 3", wrong_rank},
        {"cannot repeat [2, 3, 4] to [2, 2, 4, 4]", wrong_repeat},
        {"expected a dropout rate from 0 to below 1, got 1", wrong_rate},
        {"dropout: expected window of shape [], got [2, 3]", wrong_step},
        {"clip_factor: expected norm of shape [], got [2, 3, 4]", wrong_norm},
        {"expected a largest norm of 0 or more, got -1", wrong_limit},
        {"adamw: expected v of shape [2, 3, 4], got [4]", wrong_moment},
    };

    (void)state;
    for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
        heed_graph *g = heed_graph_create();
        heed_node *x = heed_graph_parameter(g, "x", heed_shape3(2, 3, 4));
        heed_node *ids = heed_graph_input(g, "ids", HEED_I32, heed_shape2(2, 3));
        heed_error err = {0};

        assert_null(misfits[i].build(g, x, ids));
        assert_int_not_equal(heed_graph_status(g, &err), HEED_OK);
        if (strstr(err.message, misfits[i].expected) == NULL)
            fail_msg("expected \"%s\", got \"%s\"", misfits[i].expected, err.message);
        assert_null(heed_scale(g, heed_softmax(g, NULL), 2.0f)); /* what follows passes the failure on */
        heed_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_what_the_contract_asks_for),
        cmocka_unit_test(every_op_has_a_case_and_a_cost),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
