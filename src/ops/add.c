/* SPDX-License-Identifier: MIT */
/*
 * Addition.       a [..., s], b [s]  ->  y [..., s]        s: any number of axes, also all of a's
 *
 *   y_i = a_i + b_(i mod |b|)        da = dy        db = dy summed over the axes that b lacks
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static bool add_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *a = &y->in[0]->tensor.shape, *b = &y->in[1]->tensor.shape;
    char a_text[96], b_text[96];

    if (!heed_expect_dtype(g, y, 0, "a", HEED_F32) || !heed_expect_dtype(g, y, 1, "b", HEED_F32))
        return false;
    if (!heed_shape_ends_with(a, b))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected b with the last axes of a %s, got %s",
                               heed_shape_format(a_text, sizeof a_text, a),
                               heed_shape_format(b_text, sizeof b_text, b));
    heed_node_set_shape(y, 0, HEED_F32, *a);
    return true;
}

static void add_forward(const heed_op_args *args)
{
    const heed_tensor *b = args->in[1];
    const int64_t rows = heed_rows(args->out), n = heed_cols(args->out), count_b = heed_tensor_count(b);

    for (int64_t r = 0; r < rows; r++) {
        const float *a = heed_row(args->in[0], r);
        float *y = heed_row(args->out, r);

        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] + heed_tensor_get(b, (r * n + i) % count_b);
    }
}

static void add_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;

    a->device->kernels->add(s->out[0], s->in[0], s->in[1], s->n);
}

static void add_fast(const heed_op_args *a)
{
    if (heed_cols(a->in[1]) == heed_cols(a->out))
        heed_map_elements(a, HEED_INPUT(0) | HEED_INPUT(1), add_span, a);
    else /* a scalar onto rows */
        add_forward(a);
}

static void add_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = dy[0];
    if (heed_node_wants_grad(y->in[1]))
        dx[1] = heed_sum_leading(g, dy[0], y->in[1]->tensor.shape.rank);
}

static void add_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void add_explain(const heed_op_args *args, int output, int64_t element, heed_explanation *e)
{
    const heed_figure a = heed_explain_figure(e, args, 0, "a", element);
    const heed_figure b = heed_explain_figure(e, args, 1, "b", element % heed_tensor_count(args->in[1]));

    (void)output;
    heed_explain_formula(e, "y = a + b");
    heed_explain_step(e, "y", "a + b", a, b);
}

const heed_op heed_op_add = {
    .name = "add",
    .n_inputs = 2,
    .shape = add_shape,
    .forward = add_forward,
    .fast = add_fast,
    .grad = add_grad,
    .cost = add_cost,
    .explain = add_explain,
    .reuse = {HEED_INPUT(0) | HEED_INPUT(1)},
};

heed_node *heed_add(heed_graph *g, heed_node *a, heed_node *b)
{
    return heed_node_append(g, &heed_op_add, a, b);
}
