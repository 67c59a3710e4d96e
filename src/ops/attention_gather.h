/* SPDX-License-Identifier: MIT */
/* Keys and values of a head brought together: when that is worth it, and the copying. */
#ifndef HEED_OPS_ATTENTION_GATHER_H
#define HEED_OPS_ATTENTION_GATHER_H

#include "ops/attention.h"

/** Do the rows of a head of x lie apart? */
bool heed_attention_is_scattered(const heed_tensor *x);
/** Are keys and values worth a copy? It depends on sizes and strides alone; the same when planned and when run. */
bool heed_attention_gathers(const heed_attention_run *run);
/** Floats of the copies of one head, a whole number of cache lines; 0 where they are not worth it. */
int64_t heed_attention_gathered_floats(const heed_attention_run *run);
/** Has the head read k and v from `copies`. They hold the keys that order lets queries begin .. end-1 see. */
void heed_attention_gather(heed_attention_head *head, int64_t begin, int64_t end, float *copies);

#endif
