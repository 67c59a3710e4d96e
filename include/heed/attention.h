/* SPDX-License-Identifier: MIT */
/**
 * Attention over plain arrays: the numbers of one call, as on paper.
 *
 *     const float x[3][2] = {{1, 0}, {0, 1}, {1, 1}};
 *     heed_attention_inputs in = {.n_query = 3, .head_dim = 2, .q = x[0], .k = x[0], .v = x[0], .mask.causal = true};
 *     float out[3][2], weights[3][3];
 *     heed_attention_results want = {.out = out[0], .weights = weights[0]};
 *     if (heed_attention_run(&in, &want, &err) != HEED_OK) ...
 *
 *   scores_ij  = scale q_i . k_j + bias_ij, -inf where query i does not see key j
 *   weights_ij = exp(scores_ij) / sum_j exp(scores_ij)           a query that sees nothing: zeros
 *   out_i      = sum_j weights_ij v_j
 *
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.1; shared key heads: Ainslie et al. 2023 (arXiv:2305.13245).
 */
#ifndef HEED_ATTENTION_H
#define HEED_ATTENTION_H

#include <heed/mask.h>
#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero but what is given. Arrays are dense, the last axis fastest. */
typedef struct heed_attention_inputs {
    int64_t n_heads;    /* 0: 1 */
    int64_t n_kv_heads; /* shared evenly by the n_heads; 0: n_heads */
    int64_t n_query;
    int64_t n_key; /* 0: n_query */
    int64_t head_dim;
    int64_t v_dim;  /* 0: head_dim */
    const float *q; /* [n_heads, n_query, head_dim] */
    const float *k; /* [n_kv_heads, n_key, head_dim] */
    const float *v; /* [n_kv_heads, n_key, v_dim] */

    double scale;      /* of the scores; 0: 1/sqrt(head_dim) */
    heed_mask mask;    /* who sees whom; query 0 stands at mask.position, which is 0 unless it is said */
    bool fill_1e9;     /* hidden scores are -1e9: a query that sees nothing then weighs all keys alike */
    const float *bias; /* [n_heads, n_query, n_key], added to the scores; -inf hides. NULL: none */
    bool alibi;        /* scores fall with the distance, in each head by its own slope: arXiv:2108.12409 */

    /* no mean: out_i is v_j of the largest score, the first of equals. It has out, scores and dv, and nothing else */
    bool lookup;

    const float *dout; /* [n_heads, n_query, v_dim] the gradient that arrives; NULL: none is wanted */

    bool plain;  /* by the plain loops that define each op, on one thread */
    int threads; /* 0: one a processor */
} heed_attention_inputs;

/*
 * Where results go; NULL: not wanted. What is wanted changes no bit of the others. The score of a pair that is hidden
 * is -inf, its weight 0; a query that sees nothing has lse -inf, and zeros for out, entropy and gradients.
 */
typedef struct heed_attention_results {
    float *out;              /* [n_heads, n_query, v_dim] */
    float *lse, *entropy;    /* [n_heads, n_query] log sum_j exp(scores_ij); -sum_j w_ij log w_ij, in nats */
    float *scores, *weights; /* [n_heads, n_query, n_key] */

    /* gradients of sum(dout * out); they need dout */
    float *dq, *dk, *dv; /* as q, k, v */
    float *dweights;     /* [n_heads, n_query, n_key] dout_i . v_j */
    float *dscores; /* the same, through softmax: weights_ij (dweights_ij - sum_j weights_ij dweights_ij) */
} heed_attention_results;

/**
 * Computes what is wanted. Memory grows with n_query + n_key, and with their product only where scores, weights or
 * their gradients are asked for. HEED_ERR_USAGE and HEED_ERR_SHAPE name what does not fit, a number that is not
 * finite by its place: q[0,2,1]; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_attention_run(const heed_attention_inputs *in, const heed_attention_results *want,
                                        heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
