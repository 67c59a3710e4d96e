/* SPDX-License-Identifier: MIT */
/* What attention.c, attention_backward.c and attention_scores.c share: who sees whom, and one score. */
#ifndef HEED_OPS_ATTENTION_H
#define HEED_OPS_ATTENTION_H

#include "ops/ops.h"

typedef struct heed_attention_attrs {
    float scale;
    bool causal;
} heed_attention_attrs;

/* Heads h of q read key/value head h / group. n_key counts the keys that exist, capacity the rows of k and v. */
typedef struct heed_attention_sizes {
    int64_t batch, n_heads, n_kv_heads, group;
    int64_t n_query, n_key, capacity, head_dim;
} heed_attention_sizes;

/** Sizes of a run; past is a scalar or NULL (then all of k's rows exist). */
heed_attention_sizes heed_attention_sizes_of(const heed_tensor *q, const heed_tensor *k,
                                             const heed_tensor *past);
/** Query i sees keys 0 .. this number - 1. */
int64_t heed_attention_visible(const heed_attention_sizes *s, bool causal, int64_t i);
/** Pairs of query and key that see each other in one head. */
double heed_attention_pairs(const heed_attention_sizes *s, bool causal);
/** Checks q (input 0), k (input 1) and past (input `past`) of node; false after heed_graph_fail(). */
bool heed_attention_check(heed_graph *g, const heed_node *node, int past);
/** Attributes from the options of the builder; 1/sqrt(head_dim) where no scale is given. */
heed_attention_attrs heed_attention_attrs_of(const heed_node *q, const heed_attention_options *options);

/** sum_d q_d k_d, d ascending. */
float heed_attention_dot(const float *q, const float *k, int64_t head_dim);
/**
 * What a key weighs: exp(scale (dot - max)) / sum. The difference comes first: where q and k are whole numbers it is
 * exact, however large the scores are.
 */
float heed_attention_weight(float dot, float max, float sum, float scale);
/** Row i of head h of batch b. */
float *heed_attention_row(const heed_tensor *x, int64_t b, int64_t h, int64_t i);

/** Floats of one thread's scratch, a whole number of cache lines. */
int64_t heed_attention_scratch(const heed_node *node, const struct heed_device *device, bool backward);

/** in: q, k, v, z, max, sum, dz, past   out: dq, dk, dv. */
heed_node *heed_attention_backward(heed_graph *g, heed_node *const *in, const heed_attention_attrs *attrs);

#endif
