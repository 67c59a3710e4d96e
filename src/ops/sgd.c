/* SPDX-License-Identifier: MIT */
/*
 * One step of stochastic gradient descent.       p, grad [...], lr [], factor [] or none  ->  p' [...]
 *
 *   p' = p - lr (factor grad + weight_decay p)
 *
 * factor comes from clipping; without it 1. An update: it has no gradient.
 */
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct sgd_attrs {
    float weight_decay;
} sgd_attrs;

enum { P, GRAD, LR, FACTOR };

static bool sgd_shape(heed_graph *g, heed_node *node)
{
    return heed_shape_like_first(g, node) &&
           heed_expect_shape(g, node, GRAD, "grad", HEED_F32, node->in[P]->tensor.shape) &&
           heed_expect_scalar(g, node, LR, "lr", HEED_F32) &&
           heed_expect_scalar(g, node, FACTOR, "factor", HEED_F32);
}

static float sgd_of(float p, float grad, float lr, float factor, float weight_decay)
{
    return p - lr * (factor * grad + weight_decay * p);
}

static void sgd_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;
    const float *p = s->in[P], *grad = s->in[GRAD];
    const float lr = heed_scalar(a->in[LR]), factor = a->in[FACTOR] != NULL ? heed_scalar(a->in[FACTOR]) : 1.0f;
    const float weight_decay = ((const sgd_attrs *)a->attrs)->weight_decay;

    for (int64_t i = 0; i < s->n; i++)
        s->out[0][i] = sgd_of(p[i], grad[i], lr, factor, weight_decay);
}

static void sgd_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const heed_span row = {.first = r * n,
                               .n = n,
                               .out = {heed_row(a->out, r)},
                               .in = {heed_row(a->in[P], r), heed_row(a->in[GRAD], r)}};
        sgd_span(a, &row);
    }
}

static void sgd_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(P) | HEED_INPUT(GRAD), sgd_span, a);
}

static void sgd_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 5, cost);
}

static void sgd_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const float weight_decay = ((const sgd_attrs *)a->attrs)->weight_decay;
    const heed_figure p = heed_explain_figure(e, a, P, "p", element);
    const heed_figure grad = heed_explain_figure(e, a, GRAD, "grad", element);
    const heed_figure lr = heed_explain_figure(e, a, LR, "lr", 0);
    heed_figure g = grad;

    (void)output;
    heed_explain_formula(e, "p' = p - lr * (%sgrad + %g * p)", a->in[FACTOR] != NULL ? "factor * " : "",
                         (double)weight_decay);
    if (a->in[FACTOR] != NULL)
        g = heed_explain_step(e, "g", "factor * grad", heed_explain_figure(e, a, FACTOR, "factor", 0), grad);
    g = heed_explain_step(e, "decayed g", "g + decay * p", g, heed_constant((double)weight_decay), p);
    heed_explain_step(e, "p'", "p - lr * g", p, lr, g);
}

const heed_op heed_op_sgd = {
    .name = "sgd",
    .n_inputs = 4,
    .required_inputs = 3,
    .shape = sgd_shape,
    .forward = sgd_forward,
    .fast = sgd_fast,
    .cost = sgd_cost,
    .explain = sgd_explain,
    .reuse = {HEED_INPUT(P) | HEED_INPUT(GRAD)},
};

heed_node *heed_sgd(heed_graph *g, heed_node *p, heed_node *grad, heed_node *lr, heed_node *factor,
                    float weight_decay)
{
    const sgd_attrs attrs = {.weight_decay = weight_decay};

    return heed_node_append_with(g, &heed_op_sgd, &attrs, sizeof attrs, p, grad, lr, factor);
}
