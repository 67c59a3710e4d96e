/* SPDX-License-Identifier: MIT */
#include "ops/loss_lines.h"

#include <math.h>

#include "ops/ops.h"

heed_row_figures heed_explain_row(heed_explanation *e, heed_figures x, int64_t V)
{
    const heed_figure m = heed_explain_largest(e, "m", V, x);

    return (heed_row_figures){m, heed_explain_sum_from(e, HEED_ADDED_IN_DOUBLE, "sum", heed_constant(0.0), V,
                                                       "exp(x[j] - m)", x, heed_explain_same(e, m))};
}

bool heed_explain_no_target(heed_explanation *e, const char *label, int64_t target, int64_t V,
                            heed_figure *found)
{
    if (target == HEED_IGNORE_TARGET)
        *found = heed_explain_found(e, label, 0.0, "the target is %d: the row does not count",
                                    HEED_IGNORE_TARGET);
    else if (target < 0 || target >= V)
        *found = heed_explain_found(e, label, (double)NAN, "there is no token %lld", (long long)target);
    else
        return false;
    return true;
}

heed_figure heed_explain_row_loss(heed_explanation *e, const char *label, heed_figures x, int64_t V,
                                  int64_t target)
{
    heed_figure loss;

    if (heed_explain_no_target(e, label, target, V, &loss))
        return loss;
    const heed_row_figures row = heed_explain_row(e, x, V);

    return heed_explain_step_in(e, HEED_IN_DOUBLE, label, "f32(log(sum) + (m - x))", row.sum, row.max,
                                heed_explain_at(e, x, target));
}

heed_figure heed_explain_probability(heed_explanation *e, const char *label, const heed_row_figures *row,
                                     heed_figure x)
{
    const heed_figure mine = heed_explain_step(e, "mine", "exp(x - m)", x, row->max);

    return heed_explain_step_in(e, HEED_IN_DOUBLE, label, "f32(mine / sum)", mine, row->sum);
}

heed_figure heed_explain_dlogit(heed_explanation *e, const char *label, const heed_row_figures *row,
                                heed_figure x, bool is_target, heed_figure scale, bool bf16)
{
    const heed_figure p = heed_explain_probability(e, "p", row, x);

    if (bf16)
        return heed_explain_step(e, label, is_target ? "bf16((p - 1) * scale)" : "bf16(p * scale)", p, scale);
    return heed_explain_step(e, label, is_target ? "(p - 1) * scale" : "p * scale", p, scale);
}

heed_figure heed_explain_mean_loss(heed_explanation *e, const heed_figure *losses, int64_t rows, int64_t n)
{
    if (n == 0)
        return heed_explain_found(e, "loss", 0.0, "no row counts");
    const heed_figure total = heed_explain_sum_from(e, HEED_IN_DOUBLE, "total", heed_constant(0.0), rows,
                                                    "loss[r]", heed_figures_of(losses));

    return heed_explain_step_in(e, HEED_IN_DOUBLE, "loss", "f32(total / N)", total, heed_constant((double)n));
}
