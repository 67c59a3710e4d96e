/* SPDX-License-Identifier: MIT */
/*
 * Cases of the ops of a mixture of experts. A choice of experts jumps where two probabilities meet, so those that are
 * chosen from are at least 2/5 apart, further than differences step; elsewhere the choice is an input.
 */
#include "cases_experts.h"

#include "ops/experts.h"

/* --- the router --- */

heed_node *top_k(case_graph *c)
{
    return heed_top_k(c->g, case_parameter(c, heed_shape3(2, 3, 7)), 3);
}

heed_node *top_k_equal(case_graph *c)
{
    return heed_top_k(c->g, case_filled(c, heed_shape2(4, 5), CASE_RANGE), 2); /* all are 0 */
}

heed_node *top_k_all(case_graph *c)
{
    return heed_top_k(c->g, heed_narrow(c->g, case_parameter(c, heed_shape2(3, 9)), 2, 5), 5);
}

static heed_node *gates_of(case_graph *c, heed_shape shape, int64_t k)
{
    heed_node *p = heed_softmax(c->g, case_filled(c, shape, CASE_RANKED));

    return heed_expert_gates(c->g, p, heed_top_k(c->g, p, k));
}

heed_node *gates(case_graph *c)
{
    return gates_of(c, heed_shape3(2, 3, 5), 2);
}

heed_node *gates_one(case_graph *c)
{
    return gates_of(c, heed_shape3(2, 3, 5), 1);
}

/* Their sum is 1 already, so this is the softmax again. */
heed_node *gates_all(case_graph *c)
{
    return gates_of(c, heed_shape2(4, 5), 5);
}

heed_node *gates_many(case_graph *c)
{
    return gates_of(c, heed_shape2(7000, 6), 3);
}

/* --- rows --- */

/* Routes whose index is random and whose gates are a source. */
static heed_routes routes_of(case_graph *c, heed_shape index, int most, int64_t n_experts, double capacity)
{
    heed_node *rows = heed_expert_rows(c->g, case_ints(c, index, 0, most), n_experts, capacity);

    assert_non_null(rows);
    return (heed_routes){
        .row = rows->outputs[HEED_EXPERT_ROW],
        .source = rows->outputs[HEED_EXPERT_SOURCE],
        .offsets = rows->outputs[HEED_EXPERT_OFFSETS],
        .load = rows->outputs[HEED_EXPERT_LOAD],
    };
}

heed_node *expert_rows(case_graph *c)
{
    return routes_of(c, heed_shape3(2, 5, 2), 3, 4, 0.0).row;
}

heed_node *expert_rows_full(case_graph *c)
{
    return routes_of(c, heed_shape2(9, 2), 3, 4, 0.6).row;
}

heed_node *expert_rows_empty(case_graph *c)
{
    return routes_of(c, heed_shape2(4, 1), 2, 9, 1.0).row;
}

static heed_node *dispatched(case_graph *c, heed_node *x, heed_shape index, double capacity)
{
    const heed_routes routes = routes_of(c, index, 3, 4, capacity);

    return heed_expert_dispatch(c->g, x, &routes);
}

heed_node *dispatch(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape3(2, 4, 7));

    return dispatched(c, x, heed_shape3(2, 4, 3), 0.0);
}

heed_node *dispatch_full(case_graph *c)
{
    heed_node *x = case_parameter(c, heed_shape2(8, 5));

    return dispatched(c, x, heed_shape2(8, 3), 0.7);
}

heed_node *dispatch_strided(case_graph *c)
{
    heed_node *x = heed_narrow(c->g, case_parameter(c, heed_shape2(6, 11)), 3, 5);

    return dispatched(c, x, heed_shape3(3, 2, 2), 1.0);
}

/* --- the experts --- */

static heed_node *mapped(case_graph *c, heed_shape x, int64_t n_out, bool bias, double capacity)
{
    const heed_routes routes = routes_of(c, heed_shape1(x.size[0]), 2, 4, capacity);
    heed_node *rows = case_parameter(c, heed_shape2(heed_tensor_count(&routes.source->tensor), x.size[1]));
    heed_node *weight = case_parameter(c, heed_shape3(4, x.size[1], n_out));
    heed_node *b = bias ? case_parameter(c, heed_shape2(4, n_out)) : NULL;

    return heed_expert_linear(c->g, rows, weight, b, routes.offsets);
}

heed_node *experts_linear(case_graph *c)
{
    return mapped(c, heed_shape2(21, 7), 5, true, 0.0);
}

heed_node *experts_linear_no_bias(case_graph *c)
{
    return mapped(c, heed_shape2(6, 7), 19, false, 0.0);
}

/* 21 rows for 23 assignments of which three experts take 6 each: the last rows are nobody's. */
heed_node *experts_linear_full(case_graph *c)
{
    return mapped(c, heed_shape2(23, 5), 6, true, 0.9);
}

heed_node *experts_linear_strided(case_graph *c)
{
    const heed_routes routes = routes_of(c, heed_shape1(13), 2, 3, 0.0);
    heed_node *x = heed_narrow(c->g, case_parameter(c, heed_shape2(13, 9)), 1, 7);
    heed_node *weight = heed_narrow(c->g, case_parameter(c, heed_shape3(3, 7, 8)), 2, 5);
    heed_node *y = heed_expert_linear(c->g, x, weight, NULL, routes.offsets);

    return heed_narrow(c->g, y, 0, 4);
}

/* More than one block of every size. */
heed_node *experts_linear_many(case_graph *c)
{
    return mapped(c, heed_shape2(400, 300), 290, true, 0.0);
}

/* --- back to the tokens --- */

static heed_node *combined(case_graph *c, heed_shape index, int64_t d, double capacity)
{
    heed_routes routes = routes_of(c, index, 3, 4, capacity);
    heed_node *z = case_parameter(c, heed_shape2(heed_tensor_count(&routes.source->tensor), d));

    routes.gates = case_parameter(c, index);
    return heed_expert_combine(c->g, z, &routes);
}

heed_node *combine(case_graph *c)
{
    return combined(c, heed_shape3(2, 4, 3), 7, 0.0);
}

heed_node *combine_full(case_graph *c)
{
    return combined(c, heed_shape2(8, 2), 5, 0.5);
}

heed_node *combine_many(case_graph *c)
{
    return combined(c, heed_shape2(MANY_ROWS, 2), MANY_COLUMNS, 0.0);
}

heed_node *balance(case_graph *c)
{
    heed_node *p = heed_softmax(c->g, case_filled(c, heed_shape3(2, 5, 4), CASE_RANKED));

    return heed_balance_loss(c->g, p, heed_route(c->g, p, 2, 0.0).load);
}

/* All of it: what one expert says is added to the loss of balance, so both reach the router. */
heed_node *mixture(case_graph *c)
{
    heed_graph *g = c->g;
    heed_node *p = heed_softmax(g, case_filled(c, heed_shape3(2, 6, 5), CASE_RANKED));
    heed_node *x = case_parameter(c, heed_shape3(2, 6, 3));
    heed_node *weight = case_parameter(c, heed_shape3(5, 3, 4)), *bias = case_parameter(c, heed_shape2(5, 4));
    const heed_routes routes = heed_route(g, p, 2, 1.25);
    heed_node *z = heed_expert_linear(g, heed_expert_dispatch(g, x, &routes), weight, bias, routes.offsets);

    return heed_add(g, heed_expert_combine(g, z, &routes), heed_balance_loss(g, p, routes.load));
}
