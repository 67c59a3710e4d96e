/* SPDX-License-Identifier: MIT */
/* The lines that the optimizers' updates begin with. */
#ifndef HEED_OPS_UPDATE_LINES_H
#define HEED_OPS_UPDATE_LINES_H

#include "graph/explain.h"

/* The numbers of an op's inputs; factor may be absent. */
typedef struct heed_update_inputs {
    int p, grad, factor;
} heed_update_inputs;

/**
 * g = factor grad + l2 p: the gradient with what clipping and weight decay do to it. What is not there (an l2 of 0) has no
 * line. `how` says it as it stands in the whole formula.
 */
heed_figure heed_explain_gradient(heed_explanation *e, const heed_op_args *a, heed_update_inputs inputs,
                                  int64_t element, float l2, char *how, size_t size);

#endif
