/* SPDX-License-Identifier: MIT */
/*
 * The loss of each row under the head of a language model.      x [..., d], W [V, d], targets i32 [...]  ->  y [...]
 *
 *   logit_rj = sum_k x_rk W_jk        y_r = log sum_j exp(logit_rj) - logit_(r, target_r), 0 where the target is -100
 *
 * It is linear_cross_entropy before the mean, tile by tile like it: the logits never exist as a whole. A target outside
 * 0 .. V-1 makes its row NaN. It is there for whoever looks, and has no gradient.
 */
#include "ops/linear_cross_entropy.h"
#include "ops/list.h"
#include "ops/loss_lines.h"
#include "ops/ops.h"

static bool linear_cross_entropy_rows_shape(heed_graph *g, heed_node *y)
{
    if (!heed_head_check(g, y))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, y->in[HEED_HEAD_TARGETS]->tensor.shape);
    return true;
}

static void linear_cross_entropy_rows_forward(const heed_op_args *a)
{
    const heed_tensor *x = a->in[HEED_HEAD_X], *w = a->in[HEED_HEAD_W], *targets = a->in[HEED_HEAD_TARGETS];
    float *y = a->out->data;

    for (int64_t r = 0; r < heed_rows(x); r++) {
        const heed_head_row row = heed_head_row_of(heed_row_numbers(x, r), w, heed_head_target(targets, r),
                                                   x->dtype == HEED_BF16);
        y[r] = heed_head_loss(&row);
    }
}

static void linear_cross_entropy_rows_fast(const heed_op_args *a)
{
    heed_head head = heed_head_of(a->node, a->device, false);
    float *y = a->out->data;

    heed_head_take(&head, a);
    for (int64_t begin = 0; begin < head.n_rows; begin += head.chunk) {
        const int64_t end = head.n_rows - begin < head.chunk ? head.n_rows : begin + head.chunk;

        heed_head_logits(&head, begin, end);
        for (int64_t r = 0; r < end - begin; r++)
            y[begin + r] = heed_head_chunk_loss(&head, begin, r);
    }
}

static size_t linear_cross_entropy_rows_workspace(const heed_node *y, heed_device *device)
{
    const heed_head head = heed_head_of(y, device, false);

    return heed_head_bytes(&head, y);
}

static int linear_cross_entropy_rows_weight_axis(const heed_node *y, int input)
{
    (void)y;
    return input == HEED_HEAD_W ? 1 : -1;
}

/* The product, and four operations a logit: maximum, difference, exp, sum. */
static void linear_cross_entropy_rows_cost(const heed_node *y, heed_cost *cost)
{
    const heed_tensor *x = &y->in[HEED_HEAD_X]->tensor;
    const double logits = (double)heed_rows(x) * (double)heed_rows(&y->in[HEED_HEAD_W]->tensor);

    cost->flops += logits * (2.0 * (double)heed_cols(x) + 4.0);
    heed_cost_add_traffic(y, cost);
}

static void linear_cross_entropy_rows_explain(const heed_op_args *a, int output, int64_t r, heed_explanation *e)
{
    const heed_head_given given = heed_head_read(e, a, r, 1);
    const int64_t target = (int64_t)given.target[r];

    (void)output;
    if (target == HEED_IGNORE_TARGET)
        heed_explain_formula(e, "y = 0: the target is ignored");
    else
        heed_explain_formula(e, "y = log sum_j exp(x . W_j) - x . W_%lld%s", (long long)target,
                             given.bf16 ? ", W rounded to bf16" : "");
    heed_explain_row_loss(e, "y", heed_head_explain_logits(e, &given, r, given.x), given.V, target);
}

const heed_op heed_op_linear_cross_entropy_rows = {
    .name = "linear_cross_entropy_rows",
    .n_inputs = 3,
    .shape = linear_cross_entropy_rows_shape,
    .forward = linear_cross_entropy_rows_forward,
    .fast = linear_cross_entropy_rows_fast,
    .weight_axis = linear_cross_entropy_rows_weight_axis,
    .cost = linear_cross_entropy_rows_cost,
    .explain = linear_cross_entropy_rows_explain,
    .workspace = linear_cross_entropy_rows_workspace,
};

heed_node *heed_linear_cross_entropy_rows(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets)
{
    return heed_node_append(g, &heed_op_linear_cross_entropy_rows, x, weight, targets);
}
