/* SPDX-License-Identifier: MIT */
/*
 * One step of AdamW, and of Adam.       p, m, v, grad [...], lr [], t i32 [], factor [] or none  ->  p', m', v' [...]
 *
 *   g  = factor grad + l2 p
 *   m' = beta1 m + (1 - beta1) g        v' = beta2 v + (1 - beta2) g^2
 *   p' = p - lr weight_decay p - lr (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + eps)
 *
 * t is 1 at the first step; factor comes from clipping, without it 1. AdamW's decay of the weights is
 * apart from the gradient; Adam's, l2, is in it, and so goes through the moments. 1 - beta^t is
 * computed in double, once. marks (i32 [rows], or none) is 0 for rows of grad [rows, d] that hold zeros: they are not
 * read. An update: it has no gradient.
 * Source: Kingma and Ba 2015 (arXiv:1412.6980); decoupled decay: Loshchilov and Hutter 2019 (arXiv:1711.05101).
 */
#include <math.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/update_lines.h"

enum { P, M, V, GRAD, LR, T, FACTOR, MARKS };
enum { ZEROS = 1024 };

static bool adamw_shape(heed_graph *g, heed_node *node)
{
    const heed_shape shape = node->in[P]->tensor.shape;

    if (!heed_expect_dtype(g, node, P, "p", HEED_F32) || !heed_expect_shape(g, node, M, "m", HEED_F32, shape) ||
        !heed_expect_shape(g, node, V, "v", HEED_F32, shape) ||
        !heed_expect_shape(g, node, GRAD, "grad", HEED_F32, shape) ||
        !heed_expect_scalar(g, node, LR, "lr", HEED_F32) || !heed_expect_scalar(g, node, T, "t", HEED_I32) ||
        !heed_expect_scalar(g, node, FACTOR, "factor", HEED_F32) ||
        !heed_expect_shape(g, node, MARKS, "marks", HEED_I32, heed_shape1(heed_rows(&node->in[P]->tensor))))
        return false;
    for (int k = 0; k < 3; k++)
        heed_node_set_shape(node, k, HEED_F32, shape);
    return true;
}

/* 1 - beta^t */
static float correction(float beta, int32_t t)
{
    return (float)(1.0 - pow((double)beta, (double)t));
}

static heed_adamw_step step_of(const heed_op_args *a, float lr, int32_t t, float factor)
{
    const heed_adamw_options *options = a->attrs;

    return (heed_adamw_step){
        .lr = lr,
        .beta1 = options->beta1,
        .beta2 = options->beta2,
        .eps = options->eps,
        .weight_decay = options->weight_decay,
        .l2 = options->l2,
        .correction1 = correction(options->beta1, t),
        .correction2 = correction(options->beta2, t),
        .grad_scale = factor,
    };
}

static heed_adamw_step this_step(const heed_op_args *a)
{
    return step_of(a, heed_scalar(a->in[LR]), heed_scalar_i32(a->in[T]),
                   a->in[FACTOR] != NULL ? heed_scalar(a->in[FACTOR]) : 1.0f);
}

static float gradient_of(const heed_adamw_step *s, float p, float grad)
{
    return s->l2 != 0.0f ? s->grad_scale * grad + s->l2 * p : s->grad_scale * grad;
}

static float next_m(const heed_adamw_step *s, float m, float g)
{
    return s->beta1 * m + (1.0f - s->beta1) * g;
}

static float next_v(const heed_adamw_step *s, float v, float g)
{
    return s->beta2 * v + (1.0f - s->beta2) * g * g;
}

/* m and v are those after the step. */
static float next_p(const heed_adamw_step *s, float p, float m, float v)
{
    const float decayed = p - s->lr * s->weight_decay * p;

    return decayed - s->lr * (m / s->correction1) / (sqrtf(v / s->correction2) + s->eps);
}

static void adamw_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->in[P]), n = heed_cols(a->in[P]);
    const heed_adamw_step s = this_step(a);

    for (int64_t r = 0; r < rows; r++) {
        const float *p = heed_row(a->in[P], r), *m = heed_row(a->in[M], r), *v = heed_row(a->in[V], r);
        const float *grad = heed_row(a->in[GRAD], r);

        for (int64_t i = 0; i < n; i++) {
            const float g_i = gradient_of(&s, p[i], grad[i]);
            const float m_i = next_m(&s, m[i], g_i), v_i = next_v(&s, v[i], g_i);

            if (a->outs[0] != NULL)
                heed_row(a->outs[0], r)[i] = next_p(&s, p[i], m_i, v_i);
            if (a->outs[1] != NULL)
                heed_row(a->outs[1], r)[i] = m_i;
            if (a->outs[2] != NULL)
                heed_row(a->outs[2], r)[i] = v_i;
        }
    }
}

typedef struct adamw_job {
    const heed_kernels *kernels;
    heed_adamw_step step;
    const int32_t *marks; /* of rows of d, or NULL */
    int64_t d;
} adamw_job;

static void adamw_span(const void *context, const heed_span *s)
{
    const adamw_job *job = context;

    job->kernels->adamw(s->out[0], s->out[1], s->out[2], s->in[P], s->in[M], s->in[V], s->in[GRAD], s->n,
                        &job->step);
}

/* Elements i .. end-1 of the span, with zeros in the place of their gradient. */
static void adamw_without_gradient(const adamw_job *job, const heed_span *s, int64_t i, int64_t end)
{
    static const float zeros[ZEROS];

    for (; i < end; i += ZEROS)
        job->kernels->adamw(s->out[0] + i, s->out[1] + i, s->out[2] + i, s->in[P] + i, s->in[M] + i,
                            s->in[V] + i, zeros, end - i < ZEROS ? end - i : ZEROS, &job->step);
}

/* Rows one behind the other that are all marked, or all not, go together. */
static void adamw_marked_span(const void *context, const heed_span *s)
{
    const adamw_job *job = context;

    for (int64_t i = 0, end; i < s->n; i = end) {
        const int32_t mark = job->marks[(s->first + i) / job->d];

        for (end = i; end < s->n && job->marks[(s->first + end) / job->d] == mark;)
            end += job->d - (s->first + end) % job->d;
        end = end < s->n ? end : s->n;
        if (mark == 0)
            adamw_without_gradient(job, s, i, end);
        else
            job->kernels->adamw(s->out[0] + i, s->out[1] + i, s->out[2] + i, s->in[P] + i, s->in[M] + i,
                                s->in[V] + i, s->in[GRAD] + i, end - i, &job->step);
    }
}

static void adamw_fast(const heed_op_args *a)
{
    const bool marked = a->in[MARKS] != NULL && heed_tensor_is_dense(a->in[P]);
    const adamw_job job = {.kernels = a->device->kernels,
                           .step = this_step(a),
                           .marks = marked ? a->in[MARKS]->data : NULL,
                           .d = heed_cols(a->in[P])};

    if (a->outs[0] != NULL && a->outs[1] != NULL && a->outs[2] != NULL)
        heed_map_elements(a, HEED_INPUT(P) | HEED_INPUT(M) | HEED_INPUT(V) | HEED_INPUT(GRAD),
                          marked ? adamw_marked_span : adamw_span, &job);
    else /* only for those who look at one output */
        adamw_forward(a);
}

static void adamw_cost(const heed_node *node, heed_cost *cost)
{
    heed_cost_elementwise(node, 17, cost);
}

/* The moments after the step; g is the gradient that joins them. */
static heed_figure explain_m(heed_explanation *e, const heed_op_args *a, int64_t element, heed_figure g)
{
    return heed_explain_step(e, "m'", "beta1 * m + (1 - beta1) * g",
                             heed_constant((double)((const heed_adamw_options *)a->attrs)->beta1),
                             heed_explain_figure(e, a, M, "m", element), g);
}

static heed_figure explain_v(heed_explanation *e, const heed_op_args *a, int64_t element, heed_figure g)
{
    return heed_explain_step(e, "v'", "beta2 * v + (1 - beta2) * g * g",
                             heed_constant((double)((const heed_adamw_options *)a->attrs)->beta2),
                             heed_explain_figure(e, a, V, "v", element), g);
}

/* p' from the moments after the step. */
static void explain_p(heed_explanation *e, const heed_op_args *a, int64_t element, heed_figure m, heed_figure v)
{
    const heed_adamw_options *o = a->attrs;
    const heed_figure t = heed_explain_figure(e, a, T, "t", 0), lr = heed_explain_figure(e, a, LR, "lr", 0);
    const heed_figure p = heed_explain_figure(e, a, P, "p", element);
    const heed_figure rest1 = heed_explain_step_in(e, HEED_IN_DOUBLE, "rest1", "f32(1 - pow(beta1, t))",
                                                   heed_constant((double)o->beta1), t);
    const heed_figure rest2 = heed_explain_step_in(e, HEED_IN_DOUBLE, "rest2", "f32(1 - pow(beta2, t))",
                                                   heed_constant((double)o->beta2), t);
    const heed_figure m_hat = heed_explain_step(e, "m_hat", "m' / rest1", m, rest1);
    const heed_figure v_hat = heed_explain_step(e, "v_hat", "v' / rest2", v, rest2);
    const heed_figure decayed = heed_explain_step(e, "decayed", "p - lr * decay * p", p, lr,
                                                  heed_constant((double)o->weight_decay));
    const heed_figure step = heed_explain_step(e, "step", "lr * m_hat / (sqrt(v_hat) + eps)", lr, m_hat, v_hat,
                                               heed_constant((double)o->eps));

    heed_explain_step(e, "p'", "decayed - step", decayed, step);
}

static void adamw_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_adamw_options *o = a->attrs;
    const double b1 = (double)o->beta1, b2 = (double)o->beta2;
    char how[64];
    const heed_figure g = heed_explain_gradient(e, a, (heed_update_inputs){P, GRAD, FACTOR}, element, o->l2,
                                                how, sizeof how);

    if (output == 0) {
        const heed_figure m = explain_m(e, a, element, g), v = explain_v(e, a, element, g);

        heed_explain_formula(e,
                             "p' = p - lr * %g * p - lr * (m' / (1 - %g^t)) / (sqrt(v' / (1 - %g^t)) + %g), "
                             "m' = %g * m + (1 - %g) * g, v' = %g * v + (1 - %g) * g^2, g = %s",
                             (double)o->weight_decay, b1, b2, (double)o->eps, b1, b1, b2, b2, how);
        explain_p(e, a, element, m, v);
    } else if (output == 1) {
        heed_explain_formula(e, "m' = %g * m + (1 - %g) * g, g = %s", b1, b1, how);
        explain_m(e, a, element, g);
    } else {
        heed_explain_formula(e, "v' = %g * v + (1 - %g) * g^2, g = %s", b2, b2, how);
        explain_v(e, a, element, g);
    }
}

const heed_op heed_op_adamw = {
    .name = "adamw",
    .n_inputs = 8,
    .required_inputs = 6,
    .n_outputs = 3,
    .shape = adamw_shape,
    .forward = adamw_forward,
    .fast = adamw_fast,
    .cost = adamw_cost,
    .explain = adamw_explain,
    .reuse = {HEED_INPUT(P), HEED_INPUT(M), HEED_INPUT(V)},
};

heed_adamw_nodes heed_adamw(heed_graph *g, heed_node *p, heed_node *m, heed_node *v, heed_node *grad,
                            heed_node *lr, heed_node *t, heed_node *factor, const heed_adamw_options *options)
{
    return heed_adamw_of_marked(g, p, m, v, grad, NULL, lr, t, factor, options);
}

heed_adamw_nodes heed_adamw_of_marked(heed_graph *g, heed_node *p, heed_node *m, heed_node *v, heed_node *grad,
                                      heed_node *marks, heed_node *lr, heed_node *t, heed_node *factor,
                                      const heed_adamw_options *options)
{
    heed_node *first = heed_node_append_with(g, &heed_op_adamw, options, sizeof *options, p, m, v, grad, lr, t,
                                             factor, marks);

    if (first == NULL)
        return (heed_adamw_nodes){NULL, NULL, NULL};
    return (heed_adamw_nodes){first->outputs[0], first->outputs[1], first->outputs[2]};
}
