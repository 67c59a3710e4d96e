/* SPDX-License-Identifier: MIT */
/* The lines of cross-entropy: what the losses of logits, of a head and of a student share. Arithmetic as in cross_entropy.c. */
#ifndef HEED_OPS_LOSS_LINES_H
#define HEED_OPS_LOSS_LINES_H

#include "graph/explain.h"

/* m = max_j x_j, and sum_j exp(x_j - m). */
typedef struct heed_row_figures {
    heed_figure max, sum;
} heed_row_figures;

heed_row_figures heed_explain_row(heed_explanation *e, heed_figures x, int64_t V);
/** Where the target is no token: true, and what the row's loss or gradient is then. */
bool heed_explain_no_target(heed_explanation *e, const char *label, int64_t target, int64_t V,
                            heed_figure *found);
/** log sum_j exp(x_j) - x_target. */
heed_figure heed_explain_row_loss(heed_explanation *e, const char *label, heed_figures x, int64_t V,
                                  int64_t target);
/** exp(x - m) / sum, rounded to float. */
heed_figure heed_explain_probability(heed_explanation *e, const char *label, const heed_row_figures *row,
                                     heed_figure x);
/** (p - [x is the target's]) scale, rounded to bf16 where it counts as that. */
heed_figure heed_explain_dlogit(heed_explanation *e, const char *label, const heed_row_figures *row,
                                heed_figure x, bool is_target, heed_figure scale, bool bf16);
/** The mean of the losses of all rows over the n that count; 0 where none does. */
heed_figure heed_explain_mean_loss(heed_explanation *e, const heed_figure *losses, int64_t rows, int64_t n);

#endif
