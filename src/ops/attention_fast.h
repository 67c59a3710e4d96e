/* SPDX-License-Identifier: MIT */
/* Attention by the kernels, on all threads. */
#ifndef HEED_OPS_ATTENTION_FAST_H
#define HEED_OPS_ATTENTION_FAST_H

#include "ops/attention.h"

void heed_attention_fast(const heed_op_args *a, const heed_attention_run *run);
size_t heed_attention_fast_workspace(const heed_attention_run *run, const heed_device *device);

/** Head (b, h) with the outputs that are asked for, scores and pattern in rows of `capacity`. */
heed_attention_bf16 heed_attention_shown_head(const heed_op_args *a, const heed_attention_run *run, int64_t b,
                                              int64_t h);

/* attention_decode.c: few queries over many keys. */
bool heed_attention_splits_keys(const heed_attention_run *run);
int64_t heed_attention_split_floats(const heed_attention_run *run);
/** partial: heed_attention_split_floats() of them; scratch: `scratch_floats` a thread. */
void heed_attention_split(const heed_op_args *a, const heed_attention_run *run, float *partial, float *scratch,
                          int64_t scratch_floats);

#endif
