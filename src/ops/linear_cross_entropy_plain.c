/* SPDX-License-Identifier: MIT */
/* The head row by row in plain loops, and its check: see linear_cross_entropy.h; linear_cross_entropy.c has the mathematics. */
#include "ops/linear_cross_entropy.h"

#include <math.h>

#include "ops/ops.h"
#include "ops/weight.h"

float heed_head_logit(const heed_head_row *row, int64_t j)
{
    float sum = 0.0f;

    for (int64_t k = 0; k < row->d; k++)
        sum += heed_number_get(&row->x, k) * heed_counted(heed_matrix_get(row->w, j, k), row->bf16);
    return sum;
}

heed_head_row heed_head_row_of(heed_numbers x, const heed_tensor *w, int64_t target, bool bf16)
{
    heed_head_row row = {
        .x = x, .w = w, .d = heed_cols(w), .V = heed_rows(w), .target = target, .bf16 = bf16, .max = -INFINITY};

    for (int64_t j = 0; j < row.V; j++) {
        const float logit = heed_head_logit(&row, j);
        row.max = logit > row.max ? logit : row.max;
    }
    for (int64_t j = 0; j < row.V; j++)
        row.sum += (double)expf(heed_head_logit(&row, j) - row.max);
    return row;
}

float heed_head_loss(const heed_head_row *row)
{
    if (row->target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (row->target < 0 || row->target >= row->V)
        return NAN;
    return (float)(log(row->sum) + ((double)row->max - (double)heed_head_logit(row, row->target)));
}

float heed_head_dlogit(const heed_head_row *row, int64_t j, float factor)
{
    if (row->target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (row->target < 0 || row->target >= row->V)
        return NAN;
    const float p = (float)((double)expf(heed_head_logit(row, j) - row->max) / row->sum);

    return heed_counted((p - (j == row->target ? 1.0f : 0.0f)) * factor, row->bf16);
}

int64_t heed_head_target(const heed_tensor *targets, int64_t r)
{
    return ((const int32_t *)targets->data)[heed_tensor_offset(targets, r)];
}

int64_t heed_head_count(const heed_tensor *targets)
{
    const int64_t rows = heed_tensor_count(targets);
    int64_t n = 0;

    for (int64_t r = 0; r < rows; r++)
        n += heed_head_target(targets, r) != HEED_IGNORE_TARGET;
    return n;
}

float heed_head_mean(double total, int64_t n)
{
    return n == 0 ? 0.0f : (float)(total / (double)n);
}

float heed_head_factor(float dloss, int64_t n)
{
    return n == 0 ? 0.0f : dloss / (float)n;
}

bool heed_head_check(heed_graph *g, const heed_node *node)
{
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    heed_shape leading = x->shape;
    char x_text[96], w_text[96];

    if (!heed_expect_float(g, node, HEED_HEAD_X, "x") ||
        !(x->dtype == HEED_BF16 ? heed_expect_float(g, node, HEED_HEAD_W, "weight")
                                : heed_expect_weight(g, node, HEED_HEAD_W, "weight")))
        return false;
    if (leading.rank < 1 || w->shape.rank != 2 || heed_cols(x) != heed_cols(w))
        return heed_graph_fail(g, node, HEED_ERR_SHAPE,
                               "x %s does not fit %s %s, which is [vocab_size, d_model]",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), node->in[HEED_HEAD_W]->name,
                               heed_shape_format(w_text, sizeof w_text, &w->shape));
    leading.rank--;
    return heed_expect_shape(g, node, HEED_HEAD_TARGETS, "targets", HEED_I32, leading);
}
