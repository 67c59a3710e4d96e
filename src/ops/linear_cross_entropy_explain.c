/* SPDX-License-Identifier: MIT */
/* The lines of one row of the head: what its loss and both of its gradients begin with. */
#include "ops/linear_cross_entropy.h"
#include "ops/ops.h"

heed_head_given heed_head_read(heed_explanation *e, const heed_op_args *a, int64_t first, int64_t rows)
{
    const int64_t d = heed_cols(a->in[HEED_HEAD_X]), V = heed_rows(a->in[HEED_HEAD_W]);
    const int64_t all = heed_rows(a->in[HEED_HEAD_X]);
    heed_head_given given = {.rows = rows, .d = d, .V = V, .bf16 = a->in[HEED_HEAD_X]->dtype == HEED_BF16};

    given.x = heed_explain_operand(e, a, HEED_HEAD_X, "x", first * d, 1, rows * d);
    given.w = heed_explain_operand(e, a, HEED_HEAD_W, "W", 0, 1, V * d);
    given.target = heed_explain_read(e, a, HEED_HEAD_TARGETS, "target", 0, 1, all);
    for (int64_t r = 0; r < all; r++)
        given.n += (int64_t)given.target[r] != HEED_IGNORE_TARGET;
    return given;
}

heed_figures heed_head_explain_logits(heed_explanation *e, const heed_head_given *given, int64_t r,
                                      heed_figures x)
{
    heed_figure *logits = heed_explain_room(e, given->V);

    heed_explain_enter(e);
    for (int64_t j = 0; j < given->V; j++)
        logits[j] = heed_explain_sum(e, heed_explain_label(e, "logit[%lld,%lld]", (long long)r, (long long)j),
                                     given->d, given->bf16 ? "x[k] * bf16(W[k])" : "x[k] * W[k]", x,
                                     heed_figures_part(given->w, j * given->d, 1));
    heed_explain_leave(e);
    return heed_figures_of(logits);
}
