/* SPDX-License-Identifier: MIT */
/*
 * An explanation: where one element of one node came from.
 *
 * An op's explain() reads operands only through heed_explain_read(), which records them, so the
 * operands that are listed are the ones that were used. In reference arithmetic the recomputed
 * value has the bits of the element itself.
 *
 *     const float *x = heed_explain_read(e, a, 0, "x", row * n, 1, n);     n elements from row * n, step 1
 *     …
 *     heed_explain_formula(e, "y = exp(x[i] - max x) / sum_j exp(x[j] - max x)");
 *     heed_explain_value(e, value);
 */
#ifndef HEED_GRAPH_EXPLAIN_H
#define HEED_GRAPH_EXPLAIN_H

#include "graph/op.h"

/* `count` elements of one operand: logical (row-major) indices start, start + step, … */
typedef struct heed_operand {
    const heed_node *node;
    const char *role; /* its letter in the formula */
    int64_t start, step, count;
    const float *values;
} heed_operand;

heed_explanation *heed_explanation_create(void);
void heed_explanation_destroy(heed_explanation *e);
/** Explains element `element` (row-major) of output `output`; clears what e held. HEED_ERR_MEMORY, HEED_ERR_USAGE. */
heed_status heed_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e,
                         heed_error *err);

const char *heed_explanation_formula(const heed_explanation *e);
float heed_explanation_value(const heed_explanation *e);
int heed_explanation_n_operands(const heed_explanation *e);
const heed_operand *heed_explanation_operand(const heed_explanation *e, int i);

/*
 * For ops. A read that finds no memory leaves explain() at once (longjmp) and heed_explain() reports it, so
 * explain() must not hold anything that needs releasing.
 */
const float *heed_explain_read(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                               int64_t start, int64_t step, int64_t count);
float heed_explain_read1(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                         int64_t element);
void heed_explain_formula(heed_explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void heed_explain_value(heed_explanation *e, float value);

#endif
