/* SPDX-License-Identifier: MIT */
/* Attention by the kernels, on all threads. */
#ifndef HEED_OPS_ATTENTION_FAST_H
#define HEED_OPS_ATTENTION_FAST_H

#include "ops/attention.h"

/** True when the kernels know all that this run asks for. */
bool heed_attention_fast_can(const heed_attention_run *run);
void heed_attention_fast(const heed_op_args *a, const heed_attention_run *run);
size_t heed_attention_fast_workspace(const heed_attention_run *run, const heed_device *device);

#endif
