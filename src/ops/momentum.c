/* SPDX-License-Identifier: MIT */
/*
 * One step of gradient descent with momentum.       p, m, grad [...], lr [], factor [] or none  ->  p', m' [...]
 *
 *   g  = factor grad + l2 p
 *   m' = momentum m + g
 *   p' = p - lr m'                     nesterov: p' = p - lr (g + momentum m')
 *
 * m is 0 before the first step. The learning rate is outside of m, so that a new one acts at once. factor
 * comes from clipping; without it 1. An update: it has no gradient.
 * Source: Sutskever et al. 2013, On the importance of initialization and momentum, in the form of torch.optim.SGD.
 */
#include <stdio.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/update_lines.h"

enum { P, M, GRAD, LR, FACTOR };

static bool momentum_shape(heed_graph *g, heed_node *node)
{
    const heed_shape shape = node->in[P]->tensor.shape;

    if (!heed_expect_dtype(g, node, P, "p", HEED_F32) || !heed_expect_shape(g, node, M, "m", HEED_F32, shape) ||
        !heed_expect_shape(g, node, GRAD, "grad", HEED_F32, shape) ||
        !heed_expect_scalar(g, node, LR, "lr", HEED_F32) ||
        !heed_expect_scalar(g, node, FACTOR, "factor", HEED_F32))
        return false;
    heed_node_set_shape(node, 0, HEED_F32, shape);
    heed_node_set_shape(node, 1, HEED_F32, shape);
    return true;
}

static float gradient_of(const heed_momentum_options *o, float p, float grad, float factor)
{
    return o->l2 != 0.0f ? factor * grad + o->l2 * p : factor * grad;
}

static float next_m(const heed_momentum_options *o, float m, float g)
{
    return o->momentum * m + g;
}

/* m is that after the step. */
static float next_p(const heed_momentum_options *o, float p, float m, float g, float lr)
{
    return p - lr * (o->nesterov ? g + o->momentum * m : m);
}

static void momentum_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;
    const heed_momentum_options o = *(const heed_momentum_options *)a->attrs;
    const float *p = s->in[P], *m = s->in[M], *grad = s->in[GRAD];
    const float lr = heed_scalar(a->in[LR]), factor = a->in[FACTOR] != NULL ? heed_scalar(a->in[FACTOR]) : 1.0f;

    for (int64_t i = 0; i < s->n; i++) {
        const float g = gradient_of(&o, p[i], grad[i], factor), m_i = next_m(&o, m[i], g);
        const float p_i = next_p(&o, p[i], m_i, g, lr);

        if (s->out[0] != NULL)
            s->out[0][i] = p_i;
        if (s->out[1] != NULL)
            s->out[1][i] = m_i;
    }
}

static void momentum_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[P]), n = heed_cols(a->in[P]);

    for (int64_t r = 0; r < rows; r++) {
        const heed_span row = {.first = r * n,
                               .n = n,
                               .out = {a->outs[0] != NULL ? heed_row(a->outs[0], r) : NULL,
                                       a->outs[1] != NULL ? heed_row(a->outs[1], r) : NULL},
                               .in = {heed_row(a->in[P], r), heed_row(a->in[M], r), heed_row(a->in[GRAD], r)}};
        momentum_span(a, &row);
    }
}

static void momentum_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(P) | HEED_INPUT(M) | HEED_INPUT(GRAD), momentum_span, a);
}

static void momentum_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 7, cost);
}

static void momentum_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_momentum_options *o = a->attrs;
    const heed_figure momentum = heed_constant((double)o->momentum);
    char how[64], step[48] = "m'";
    heed_figure g = heed_explain_gradient(e, a, (heed_update_inputs){P, GRAD, FACTOR}, element, o->l2, how,
                                          sizeof how);
    const heed_figure m = heed_explain_step(e, "m'", "momentum * m + g", momentum,
                                            heed_explain_figure(e, a, M, "m", element), g);

    if (output == 1) {
        heed_explain_formula(e, "m' = %g * m + g, g = %s", (double)o->momentum, how);
        return;
    }
    if (o->nesterov)
        snprintf(step, sizeof step, "(g + %g * m')", (double)o->momentum);
    heed_explain_formula(e, "p' = p - lr * %s, m' = %g * m + g, g = %s", step, (double)o->momentum, how);
    g = o->nesterov ? heed_explain_step(e, "ahead", "g + momentum * m'", g, momentum, m) : m;
    const heed_figure p = heed_explain_figure(e, a, P, "p", element);
    const heed_figure lr = heed_explain_figure(e, a, LR, "lr", 0);

    heed_explain_step(e, "p'", o->nesterov ? "p - lr * ahead" : "p - lr * m'", p, lr, g);
}

const heed_op heed_op_momentum = {
    .name = "momentum",
    .n_inputs = 5,
    .required_inputs = 4,
    .n_outputs = 2,
    .shape = momentum_shape,
    .forward = momentum_forward,
    .fast = momentum_fast,
    .cost = momentum_cost,
    .explain = momentum_explain,
    .reuse = {HEED_INPUT(P), HEED_INPUT(M)},
};

heed_momentum_nodes heed_momentum(heed_graph *g, heed_node *p, heed_node *m, heed_node *grad, heed_node *lr,
                                  heed_node *factor, const heed_momentum_options *options)
{
    heed_node *first = heed_node_append_with(g, &heed_op_momentum, options, sizeof *options, p, m, grad, lr,
                                             factor);

    if (first == NULL)
        return (heed_momentum_nodes){NULL, NULL};
    return (heed_momentum_nodes){first->outputs[0], first->outputs[1]};
}
