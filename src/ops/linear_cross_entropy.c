/* SPDX-License-Identifier: MIT */
/*
 * The head of a language model with its loss, in one op.      x [..., d], W [V, d], targets i32 [...]  ->  loss
 *
 *   logit_rj = sum_k x_rk W_jk           lse_r = log sum_j exp(logit_rj)
 *   loss     = sum_r (lse_r - logit_(r, target_r)) / N          N: rows whose target is not -100; 0 if none
 *
 * It equals cross_entropy(linear(x, W)), but the logits (rows x V, for V = 200,019 more than the rest of a step) never
 * exist as a whole: they are formed tile by tile, and only a maximum and a sum a row remain. The gradient
 * (linear_cross_entropy_backward.c) forms them again and finds the loss on its way, so in training this op does not
 * run at all. A target outside 0 .. V-1 makes the loss NaN.
 *
 * x may be bf16 while training: W and the gradients of logits then count rounded to bf16 on their way into products. Logits,
 * the softmax, the loss and all sums are f32 as ever.
 */
#include "ops/linear_cross_entropy.h"
#include "ops/list.h"
#include "ops/loss_lines.h"
#include "ops/ops.h"

static bool linear_cross_entropy_shape(heed_graph *g, heed_node *loss)
{
    heed_node_set_shape(loss, 0, HEED_F32, heed_shape0());
    return heed_head_check(g, loss);
}

static void linear_cross_entropy_forward(const heed_op_args *a)
{
    const heed_tensor *x = a->in[HEED_HEAD_X], *w = a->in[HEED_HEAD_W], *targets = a->in[HEED_HEAD_TARGETS];
    double total = 0.0;

    for (int64_t r = 0; r < heed_rows(x); r++) {
        const heed_head_row row = heed_head_row_of(heed_row_numbers(x, r), w, heed_head_target(targets, r),
                                                   x->dtype == HEED_BF16);
        total += (double)heed_head_loss(&row);
    }
    *(float *)a->out->data = heed_head_mean(total, heed_head_count(targets));
}

static void linear_cross_entropy_fast(const heed_op_args *a)
{
    heed_head head = heed_head_of(a->node, a->device, false);
    double total = 0.0;

    heed_head_take(&head, a);
    for (int64_t begin = 0; begin < head.n_rows; begin += head.chunk) {
        const int64_t end = head.n_rows - begin < head.chunk ? head.n_rows : begin + head.chunk;

        heed_head_logits(&head, begin, end);
        for (int64_t r = 0; r < end - begin; r++)
            total += (double)heed_head_chunk_loss(&head, begin, r);
    }
    *(float *)a->out->data = heed_head_mean(total, heed_head_count(head.targets));
}

static size_t linear_cross_entropy_workspace(const heed_node *loss, heed_device *device)
{
    const heed_head head = heed_head_of(loss, device, false);

    return heed_head_bytes(&head, loss);
}

static void linear_cross_entropy_grad(heed_graph *g, heed_node *loss, heed_node *const *dy, heed_node **dx)
{
    heed_node *backward = heed_node_append(g, &heed_op_linear_cross_entropy_backward, loss->in[HEED_HEAD_X],
                                           loss->in[HEED_HEAD_W], loss->in[HEED_HEAD_TARGETS], dy[0]);

    if (backward == NULL)
        return;
    if (heed_node_wants_grad(loss->in[HEED_HEAD_X]))
        dx[HEED_HEAD_X] = backward->outputs[1];
    if (heed_node_wants_grad(loss->in[HEED_HEAD_W]))
        dx[HEED_HEAD_W] = backward->outputs[2];
}

static int linear_cross_entropy_weight_axis(const heed_node *loss, int input)
{
    (void)loss;
    return input == HEED_HEAD_W ? 1 : -1;
}

/* The product, and four operations a logit: maximum, difference, exp, sum. */
static void linear_cross_entropy_cost(const heed_node *loss, heed_cost *cost)
{
    const heed_tensor *x = &loss->in[HEED_HEAD_X]->tensor;
    const double logits = (double)heed_rows(x) * (double)heed_rows(&loss->in[HEED_HEAD_W]->tensor);

    cost->flops += logits * (2.0 * (double)heed_cols(x) + 4.0);
    heed_cost_add_traffic(loss, cost);
}

static void linear_cross_entropy_explain(const heed_op_args *a, int output, int64_t element,
                                         heed_explanation *e)
{
    const heed_head_given given = heed_head_read(e, a, 0, heed_rows(a->in[HEED_HEAD_X]));
    heed_figure *losses = heed_explain_room(e, given.rows);

    (void)output;
    (void)element;
    heed_explain_formula(
        e,
        "loss = sum_r (log sum_j exp(x_r . W_j) - x_r . W_target) / N over the N = %lld rows that "
        "have a target%s",
        (long long)given.n, given.bf16 ? ", W rounded to bf16" : "");
    heed_explain_enter(e);
    for (int64_t r = 0; r < given.rows; r++) {
        const heed_figures logits = heed_head_explain_logits(e, &given, r,
                                                             heed_figures_part(given.x, r * given.d, 1));

        losses[r] = heed_explain_row_loss(e, heed_explain_label(e, "loss[%lld]", (long long)r), logits, given.V,
                                          (int64_t)given.target[r]);
    }
    heed_explain_leave(e);
    heed_explain_mean_loss(e, losses, given.rows, given.n);
}

const heed_op heed_op_linear_cross_entropy = {
    .name = "linear_cross_entropy",
    .n_inputs = 3,
    .value_in_gradient = 1,
    .shape = linear_cross_entropy_shape,
    .forward = linear_cross_entropy_forward,
    .fast = linear_cross_entropy_fast,
    .grad = linear_cross_entropy_grad,
    .weight_axis = linear_cross_entropy_weight_axis,
    .cost = linear_cross_entropy_cost,
    .explain = linear_cross_entropy_explain,
    .workspace = linear_cross_entropy_workspace,
};

heed_node *heed_linear_cross_entropy(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets)
{
    return heed_node_append(g, &heed_op_linear_cross_entropy, x, weight, targets);
}
