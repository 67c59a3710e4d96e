/* SPDX-License-Identifier: MIT */
/*
 * What the experts of a token say, weighed and added up.
 *
 *   z [R, d], gates [..., k], row i32 [..., k], source i32 [R]  ->  y [..., d]
 *
 *   expert_combine            y[t, :] = sum over j with row[t, j] >= 0 of gates[t, j] z[row[t, j], :]     j ascending
 *   expert_combine_backward   dz[r, :]     = gates[t, j] dy[t, :] with source[r] = t k + j; 0 where source[r] is -1
 *                             dgates[t, j] = z[row[t, j], :] . dy[t, :]; 0 where row[t, j] is -1
 *
 * A token all of whose assignments were dropped gets zeros, and a residual carries it by.
 * Source: Shazeer et al. 2017 (arXiv:1701.06538) 2, equation 1.
 */
#include <string.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

enum { Z, GATES, ROW, SOURCE, DY }; /* inputs of both; dy is that of backward */

static bool expect_inputs(heed_graph *g, const heed_node *node)
{
    const heed_shape gates = node->in[GATES]->tensor.shape;

    if (gates.rank < 1 || node->in[Z]->tensor.shape.rank != 2)
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected z [rows, d] and gates [..., k]");
    return heed_expect_dtype(g, node, Z, "z", HEED_F32) &&
           heed_expect_dtype(g, node, GATES, "gates", HEED_F32) &&
           heed_expect_shape(g, node, ROW, "row", HEED_I32, gates) &&
           heed_expect_shape(g, node, SOURCE, "source", HEED_I32, heed_shape1(heed_rows(&node->in[Z]->tensor)));
}

static bool combine_shape(heed_graph *g, heed_node *y)
{
    heed_shape shape = y->in[GATES]->tensor.shape;

    if (!expect_inputs(g, y))
        return false;
    shape.size[shape.rank - 1] = heed_cols(&y->in[Z]->tensor);
    heed_node_set_shape(y, 0, HEED_F32, shape);
    return true;
}

static bool is_row(int64_t row, const heed_tensor *rows)
{
    return row >= 0 && row < heed_rows(rows);
}

static void combine_forward(const heed_op_args *a)
{
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[GATES]);

    for (int64_t t = 0; t < heed_rows(a->out); t++) {
        const float *gates = heed_row(a->in[GATES], t);
        const int32_t *row = heed_row_i32(a->in[ROW], t);
        float *y = heed_row(a->out, t);

        memset(y, 0, (size_t)d * sizeof *y);
        for (int64_t j = 0; j < k; j++) {
            for (int64_t i = 0; i < d && is_row(row[j], a->in[Z]); i++)
                y[i] += gates[j] * heed_row(a->in[Z], row[j])[i];
        }
    }
}

static void combine_tokens(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[GATES]);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const float *gates = heed_row(a->in[GATES], t);
        const int32_t *row = heed_row_i32(a->in[ROW], t);
        float *y = heed_row(a->out, t);

        memset(y, 0, (size_t)d * sizeof *y);
        for (int64_t j = 0; j < k; j++) {
            if (is_row(row[j], a->in[Z]))
                a->device->kernels->rows_combine(y, heed_row(a->in[Z], row[j]), d, &gates[j], y, d, 1);
        }
    }
}

static void combine_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), combine_tokens,
                  (void *)a);
}

static void combine_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    heed_node *back = heed_node_append(g, &heed_op_expert_combine_backward, y->in[Z], y->in[GATES], y->in[ROW],
                                       y->in[SOURCE], dy[0]);

    if (back == NULL)
        return;
    if (heed_node_wants_grad(y->in[Z]))
        dx[Z] = back;
    if (heed_node_wants_grad(y->in[GATES]))
        dx[GATES] = back->outputs[1];
}

/* source is there for the gradient. */
static void combine_cost(const heed_node *y, heed_cost *cost)
{
    cost->flops += 2.0 * (double)heed_tensor_count(&y->in[Z]->tensor);
    heed_cost_add_traffic(y, cost);
    cost->bytes_read -= 4.0 * (double)heed_tensor_count(&y->in[SOURCE]->tensor);
}

static void combine_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), k = heed_cols(a->in[GATES]), t = element / d;
    const float *row = heed_explain_read(e, a, ROW, "row", t * k, 1, k);
    heed_figure *gates = heed_explain_room(e, k), *z = heed_explain_room(e, k);
    int64_t n = 0;

    (void)output;
    for (int64_t j = 0; j < k; j++) {
        if (!is_row((int64_t)row[j], a->in[Z]))
            continue;
        gates[n] = heed_explain_figure(e, a, GATES, "gates", t * k + j);
        z[n++] = heed_explain_figure(e, a, Z, "z", (int64_t)row[j] * d + element % d);
    }
    heed_explain_formula(e, "y[t, i] = sum over j with row[t, j] >= 0 of gates[t, j] z[row[t, j], i]");
    heed_explain_sum(e, "y", n, "gates[j] * z[j]", heed_figures_of(gates), heed_figures_of(z));
}

const heed_op heed_op_expert_combine = {
    .name = "expert_combine",
    .n_inputs = 4,
    .shape = combine_shape,
    .forward = combine_forward,
    .fast = combine_fast,
    .grad = combine_grad,
    .cost = combine_cost,
    .explain = combine_explain,
};

heed_node *heed_expert_combine(heed_graph *g, heed_node *z, const heed_routes *routes)
{
    return heed_node_append(g, &heed_op_expert_combine, z, routes->gates, routes->row, routes->source);
}

/* --- backward: z, gates, row, source, dy  ->  dz, dgates --- */

static bool backward_shape(heed_graph *g, heed_node *dz)
{
    heed_shape dy = dz->in[GATES]->tensor.shape;

    if (!expect_inputs(g, dz))
        return false;
    heed_node_set_shape(dz, 0, HEED_F32, dz->in[Z]->tensor.shape);
    heed_node_set_shape(dz, 1, HEED_F32, dy);
    dy.size[dy.rank - 1] = heed_cols(&dz->in[Z]->tensor);
    return heed_expect_shape(g, dz, DY, "dy", HEED_F32, dy);
}

static float dot_product(const float *x, const float *y, int64_t n)
{
    float sum = 0.0f;

    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static bool is_assignment(int64_t source, const heed_tensor *gates)
{
    return source >= 0 && source < heed_tensor_count(gates);
}

static void backward_forward(const heed_op_args *a)
{
    const int64_t d = heed_cols(a->in[Z]), k = heed_cols(a->in[GATES]);
    const int32_t *source = a->in[SOURCE]->data;

    for (int64_t r = 0; r < heed_rows(a->in[Z]) && a->outs[0] != NULL; r++) {
        const bool there = is_assignment(source[r], a->in[GATES]);
        float *dz = heed_row(a->outs[0], r);

        for (int64_t i = 0; i < d; i++)
            dz[i] = there ? heed_row(a->in[GATES], source[r] / k)[source[r] % k] *
                                heed_row(a->in[DY], source[r] / k)[i]
                          : 0.0f;
    }
    for (int64_t t = 0; t < heed_rows(a->in[GATES]) && a->outs[1] != NULL; t++) {
        const int32_t *row = heed_row_i32(a->in[ROW], t);

        for (int64_t j = 0; j < k; j++)
            heed_row(a->outs[1], t)[j] = is_row(row[j], a->in[Z]) ? dot_product(heed_row(a->in[Z], row[j]),
                                                                                heed_row(a->in[DY], t), d)
                                                                  : 0.0f;
    }
}

static void scale_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t d = heed_cols(a->in[Z]), k = heed_cols(a->in[GATES]);
    const int32_t *source = a->in[SOURCE]->data;

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        float *dz = heed_row(a->outs[0], r);

        if (is_assignment(source[r], a->in[GATES]))
            a->device->kernels->scale(dz, heed_row(a->in[DY], source[r] / k),
                                      heed_row(a->in[GATES], source[r] / k)[source[r] % k], d);
        else
            memset(dz, 0, (size_t)d * sizeof *dz);
    }
}

static void dot_tokens(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const int64_t d = heed_cols(a->in[Z]), k = heed_cols(a->in[GATES]);

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        const int32_t *row = heed_row_i32(a->in[ROW], t);
        float *dgates = heed_row(a->outs[1], t);

        for (int64_t j = 0; j < k; j++) {
            dgates[j] = 0.0f;
            if (is_row(row[j], a->in[Z]))
                a->device->kernels->rows_dot(&dgates[j], heed_row(a->in[Z], row[j]), d, heed_row(a->in[DY], t),
                                             NULL, 1, d);
        }
    }
}

static void backward_fast(const heed_op_args *a)
{
    const int64_t grain = 1 + HEED_PIECE / heed_cols(a->in[Z]);

    if (a->outs[0] != NULL)
        heed_parallel(a->device->n_threads, heed_rows(a->in[Z]), grain, scale_rows, (void *)a);
    if (a->outs[1] != NULL)
        heed_parallel(a->device->n_threads, heed_rows(a->in[GATES]), grain, dot_tokens, (void *)a);
}

static void backward_cost(const heed_node *dz, heed_cost *cost)
{
    cost->flops += 3.0 * (double)heed_tensor_count(&dz->in[Z]->tensor);
    heed_cost_add_traffic(dz, cost);
}

static void dz_explain(const heed_op_args *a, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->in[Z]), k = heed_cols(a->in[GATES]);
    const int64_t source = (int64_t)heed_explain_read1(e, a, SOURCE, "source", element / d);

    heed_explain_formula(e, "dz[r, i] = gates[t, j] dy[t, i] with source[r] = t * %lld + j; 0 where it is -1",
                         (long long)k);
    if (!is_assignment(source, a->in[GATES])) {
        heed_explain_found(e, "dz", 0.0, "no token stands in row %lld", (long long)(element / d));
        return;
    }
    const heed_figure gate = heed_explain_figure(e, a, GATES, "gates", source);
    const heed_figure dy = heed_explain_figure(e, a, DY, "dy", source / k * d + element % d);

    heed_explain_step(e, "dz", "gate * dy", gate, dy);
}

static void dgates_explain(const heed_op_args *a, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->in[Z]), k = heed_cols(a->in[GATES]);
    const int64_t row = (int64_t)heed_explain_read1(e, a, ROW, "row", element);

    heed_explain_formula(e, "dgates[t, j] = sum_i z[row[t, j], i] dy[t, i]; 0 where row[t, j] is -1");
    if (!is_row(row, a->in[Z])) {
        heed_explain_found(e, "dgates", 0.0, "the expert had no room for the token");
        return;
    }
    const heed_figures z = heed_explain_operand(e, a, Z, "z", row * d, 1, d);
    const heed_figures dy = heed_explain_operand(e, a, DY, "dy", element / k * d, 1, d);

    heed_explain_sum(e, "dgates", d, "z[i] * dy[i]", z, dy);
}

static void backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    if (output == 0)
        dz_explain(a, element, e);
    else
        dgates_explain(a, element, e);
}

const heed_op heed_op_expert_combine_backward = {
    .name = "expert_combine_backward",
    .n_inputs = 5,
    .n_outputs = 2,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = backward_explain,
};
