/* SPDX-License-Identifier: MIT */
/* The inputs and outputs of attention_backward, and its two ways of computing. */
#ifndef HEED_OPS_ATTENTION_BACKWARD_H
#define HEED_OPS_ATTENTION_BACKWARD_H

#include "ops/attention.h"

/* Inputs, the extra ones behind; the first three are also what outputs 0, 1 and 2 are the gradients of. */
enum {
    HEED_BACKWARD_Q,
    HEED_BACKWARD_K,
    HEED_BACKWARD_V,
    HEED_BACKWARD_Z,
    HEED_BACKWARD_MAX,
    HEED_BACKWARD_SUM,
    HEED_BACKWARD_DZ,
    HEED_BACKWARD_EXTRA,
    HEED_BACKWARD_INPUTS = HEED_BACKWARD_EXTRA + HEED_ATTENTION_EXTRAS,
};

/* Outputs 3, 4, 5. */
enum { HEED_BACKWARD_DBIAS = 3, HEED_BACKWARD_DQ_RELATIVE, HEED_BACKWARD_DRELATIVE, HEED_BACKWARD_OUTPUTS };

/** True for an output whose input is not there: a scalar 0. */
bool heed_attention_backward_is_absent(const heed_attention_run *run, int output);
/** The plain loops. */
void heed_attention_backward_plain(const heed_op_args *a);

void heed_attention_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e);

/* attention_backward_cut.c */
enum { HEED_BACKWARD_PARTS = 4 };

typedef struct heed_attention_cut {
    int64_t n_groups, batches, heads;                /* a group has so many batches and key heads */
    int64_t n_parts, begin[HEED_BACKWARD_PARTS + 1]; /* part p: queries begin[p] .. begin[p + 1] - 1 */
} heed_attention_cut;

/** Groups, and how many parts each is cut into: known before there is data. */
heed_attention_cut heed_attention_cut_of(const heed_attention_run *run);
/** Where the parts begin. */
void heed_attention_cut_queries(heed_attention_cut *cut, const heed_attention_run *run);

void heed_attention_backward_fast(const heed_op_args *a, const heed_attention_run *run);
size_t heed_attention_backward_fast_workspace(const heed_attention_run *run, const heed_device *device);

#endif
