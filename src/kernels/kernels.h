/* SPDX-License-Identifier: MIT */
/*
 * Fast loops: pointers and sizes, no tensors, no threads, no allocation.
 *
 * One table for each instruction set. The bodies are written once, over vectors of LANES floats, and
 * compiled once for each set (generic.c, avx2.c, avx512.c, avx512bf16.c, amx.c). The readable reference of every
 * function is the `forward` of the op that uses it; tests hold the two against each other.
 * All rows are contiguous floats; `stride` is the distance of rows in floats where one is given.
 * Callers split rows over threads; a function never sums over anything its arguments do not show.
 */
#ifndef HEED_KERNELS_KERNELS_H
#define HEED_KERNELS_KERNELS_H

#include <heed/mask.h>
#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Activations that a kernel and its gradient exist for. */
typedef void heed_map_fn(float *y, const float *x, int64_t n); /* y_i = f(x_i) */
typedef void heed_map_backward_fn(float *dx, const float *x, const float *dy,
                                  int64_t n); /* dx_i = f'(x_i) dy_i */

/* What one step of AdamW does to each weight; see src/ops/adamw.c for the formula. */
typedef struct heed_adamw_step {
    float lr, beta1, beta2, eps, weight_decay;
    float correction1, correction2; /* 1 - beta1^t and 1 - beta2^t */
    float grad_scale;               /* from clipping; multiplies every gradient first */
    float l2;                       /* times the weight, joins the gradient after that */
} heed_adamw_step;

/* Which random words decide over a range of elements: word first, first + 1, .. of a stream; see src/ops/dropout.c. */
typedef struct heed_dropout_words {
    uint64_t seed, stream, first;
    uint32_t limit; /* an element is dropped when its word is below */
    float keep;     /* the others are divided by it: 1 - rate */
} heed_dropout_words;

/*
 * One head's attention of some queries over keys, by strides: row i of q is q + i * q_stride.
 *
 *   s_ij = q_i . k_j + (bias_ij - slope (position_i - j)) / scale + q_relative_i . relative[j - position_i]
 *   p_ij = exp(scale (s_ij - max_i)) / sum_i      out_i = sum_j p_ij v_j      over the keys j that query i sees
 *
 * mask.position + i = position_i is where query i stands. What is NULL or 0 adds nothing.
 */
typedef struct heed_attention_head {
    const float *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    int64_t n_query, n_key, head_dim, v_dim; /* v_dim: length of a row of v and out */
    float scale;                             /* of the scores, positive */
    heed_mask mask;
    const float *bias; /* [n_query, n_key] by bias_stride, in units of scaled scores */
    int64_t bias_stride;
    float slope; /* ALiBi: what a score loses for each step of distance */
    /* relative positions: rows of head_dim; relative points to the row of distance 0, the row before it is distance 1 */
    const float *q_relative, *relative;
    int64_t q_relative_stride, relative_stride;

    float *out; /* [n_query, v_dim] by out_stride; forward writes it */
    int64_t out_stride;
    /*
     * max_i = max_j s_ij and sum_i = sum_j exp(scale (s_ij - max_i)); -inf and 0 for a query that sees nothing.
     * Optional: forward writes them. Backward takes both, or max NULL: it then costs 2 head_dim more for each pair once
     * n_key is in the hundreds. lse in their place would have lost, in the thousands, the digits that exp() needs.
     */
    float *max, *sum;
    /* what forward shows when asked; out keeps its bits */
    float *lse;              /* [n_query] log sum_j exp(scale s_ij) = scale max_i + log sum_i */
    float *entropy;          /* [n_query] -sum_j p_ij log p_ij; 0 where nothing is seen */
    float *scores, *pattern; /* [n_query, n_key] scale s_ij, -inf where hidden; p_ij, 0 where hidden */
    int64_t scores_stride, pattern_stride;

    /* backward only; it also reads out. dq, dk, dv are overwritten */
    const float *dout;
    int64_t dout_stride;
    float *dq, *dk, *dv;
    int64_t dq_stride, dk_stride, dv_stride;
    bool accumulate_kv; /* dk and dv are added to: a further query head that shares k and v */
    float *dbias;       /* optional, added to: [n_query, n_key] by dbias_stride */
    int64_t dbias_stride;
    float *dq_relative, *drelative; /* like q_relative (overwritten) and relative (added to); both or neither */
    int64_t dq_relative_stride, drelative_stride;
} heed_attention_head;

/*
 * The same over bfloat16: the strides, sizes and statistics of `head`, whose q, k, v, out, dout, dq, dk, dv stand here.
 * Where head.dk or head.dv is given, the sums go there as floats and not here; accumulate_kv adds to those alone, so that
 * what several heads add up is rounded once.
 * Forward with out NULL writes head.out, not rounded: a part of the keys, whose result is still to be joined with others.
 */
typedef struct heed_attention_bf16 {
    heed_attention_head head;
    const uint16_t *q, *k, *v, *dout;
    uint16_t *out, *dq, *dk, *dv;
} heed_attention_bf16;

/*
 * A matrix of weights as decoding streams it, in the type that it has in its file: rows of numbers, `stride` apart.
 * An 8-bit number counts a scale that it shares with `group` neighbours: those of its row where group_in_row is set (row r
 * has its scales at scales + r * scale_stride), of its column else (row r has one for each column, at
 * scales + r / group * scale_stride). group is a multiple of 16.
 */
typedef enum heed_weight_type {
    HEED_WEIGHT_F32,
    HEED_WEIGHT_BF16,
    HEED_WEIGHT_F16,
    HEED_WEIGHT_8BIT,
} heed_weight_type;

typedef struct heed_weight_matrix {
    heed_weight_type type;
    const void *data;
    int64_t stride;
    const float *scales;
    int64_t group, scale_stride;
    bool group_in_row;
} heed_weight_matrix;

/* Rows of x that a pass of stream_dot or stream_combine takes at most. */
#define HEED_STREAM_ROWS 8
/* stream_combine adds up so many rows of W at a time, or a group of them. */
#define HEED_STREAM_BLOCK 64

typedef struct heed_kernels {
    const char *name; /* "generic", "avx2", "avx512", "avx512bf16", "amx" */
    int lanes;        /* floats in a vector */

    /* element by element; y may be x or a (in place) */
    void (*add)(float *y, const float *a, const float *b, int64_t n); /* y = a + b */
    void (*scale)(float *y, const float *x, float factor, int64_t n); /* y = factor x */
    heed_map_fn *gelu_tanh, *gelu_erf, *relu, *silu, *sigmoid, *tanh;
    heed_map_backward_fn *gelu_tanh_backward, *gelu_erf_backward, *relu_backward, *silu_backward;
    heed_map_backward_fn *sigmoid_backward, *tanh_backward;                  /* of y = f(x) in place of x */
    void (*swiglu)(float *y, const float *gate, const float *up, int64_t n); /* y = silu(gate) up */
    /* dgate or dup may be NULL, and either may lie over any input */
    void (*swiglu_backward)(float *dgate, float *dup, const float *gate, const float *up, const float *dy,
                            int64_t n);

    /*
     * Turns n_heads heads of one position: the first rotary_dim of head_dim numbers, the others are copied. Pairs
     * (m, m + rotary_dim / 2): cosine and sine hold one number a pair. Interleaved pairs (2m, 2m + 1): cosine holds each
     * number twice, sine too, the first of the two negated. y may be x.
     */
    void (*rotary)(float *y, const float *x, const float *cosine, const float *sine, int64_t n_heads,
                   int64_t y_stride, int64_t x_stride, int64_t rotary_dim, int64_t head_dim, bool interleaved);

    /* row by row, rows of n contiguous floats one after the other */
    void (*softmax)(float *y, const float *x, int64_t rows, int64_t n);
    void (*softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
    void (*log_softmax)(float *y, const float *x, int64_t rows, int64_t n);
    void (*log_softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
    /* one row of logits: y_i = exp((x_i - largest) / temperature) in double, and their sum; y may be NULL */
    double (*token_weights)(double *y, const float *x, int64_t n, double largest, double temperature);
    float (*largest_token)(const float *x, int64_t n); /* any where one is NaN */
    void (*layernorm)(float *y, const float *x, const float *gamma, const float *beta, float eps, int64_t rows,
                      int64_t n);
    /* dgamma, dbeta [n] are added to; beta is optional everywhere (NULL), dbeta then too. dx may be NULL. */
    void (*layernorm_backward)(float *dx, float *dgamma, float *dbeta, const float *x, const float *gamma,
                               const float *dy, float eps, int64_t rows, int64_t n);
    /* dgamma is added to; dx may be NULL */
    void (*rmsnorm)(float *y, const float *x, const float *gamma, float eps, int64_t rows, int64_t n);
    void (*rmsnorm_backward)(float *dx, float *dgamma, const float *x, const float *gamma, const float *dy,
                             float eps, int64_t rows, int64_t n);
    /* sums[j] += sum over rows of x[row][j], rows in order */
    void (*column_sums)(float *sums, const float *x, int64_t stride, int64_t rows, int64_t n);

    /*
     * Softmax over rows that come in tiles of columns (the fused head). max and sum hold one number a row and
     * start at -inf and 0; after the last tile log(sum) + max is the log-sum-exp of the row. max and sum stay apart: their
     * log-sum-exp would lose the digits that exp() needs when logits are large.
     */
    void (*tile_max_sum)(float *max, float *sum, const float *tile, int64_t stride, int64_t rows, int64_t n);
    /* tile[r][j] = factor[r] exp(tile[r][j] - max[r]) / sum[r], the probabilities times a factor a row; 0 where sum is 0 */
    void (*tile_probabilities)(float *tile, const float *max, const float *sum, const float *factor,
                               int64_t stride, int64_t rows, int64_t n);

    double (*sum_squares)(const float *x, int64_t n);
    double (*sum)(const float *x, int64_t n);
    void (*adamw)(float *p_out, float *m_out, float *v_out, const float *p, const float *m, const float *v,
                  const float *g, int64_t n, const heed_adamw_step *step);
    void (*dropout)(float *y, const float *x, int64_t n, const heed_dropout_words *words); /* y may be x */

    /* matrix times vector for decoding: rows lie one after the other, n_in floats (row_stride) each */
    void (*rows_dot)(float *y, const float *w, int64_t row_stride, const float *x, const float *bias,
                     int64_t n_out, int64_t n_in); /* y_o = bias_o + sum_k w[o][k] x_k, weights [out, in] */
    void (*rows_combine)(float *y, const float *w, int64_t row_stride, const float *x, const float *bias,
                         int64_t n_out, int64_t n_in); /* y_o = bias_o + sum_k x_k w[k][o], weights [in, out];
                                                          bias may be y: the sum is added to it */

    /*
     * Some rows of x times a matrix of weights that is read once, as fast as memory gives it; x and y by their strides.
     * A result has the same bits whatever other rows and outputs stand beside it.
     *
     *   stream_dot        y[r][o]  = bias_o + sum_k x[r][k] W[o][k]     o from 0 to n_out; bias may be NULL
     *   stream_combine    y[r][o] += sum_k x[r][k] W[k][o]              k from begin to end; begin is a multiple of
     *                                                                   HEED_STREAM_BLOCK and of the group
     *   widen_weights     y[i]     = W[row][begin + i] for i < n; begin is a multiple of 16
     */
    void (*stream_dot)(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                       int64_t x_stride, const float *bias, int64_t n_rows, int64_t n_out, int64_t n_in);
    void (*stream_combine)(float *y, int64_t y_stride, const heed_weight_matrix *w, const float *x,
                           int64_t x_stride, int64_t n_rows, int64_t n_out, int64_t begin, int64_t end);
    void (*widen_weights)(float *y, const heed_weight_matrix *w, int64_t row, int64_t begin, int64_t n);

    /*
     * Attention of one head; scratch holds attention_scratch() floats, aligned to 64 bytes; of the pointers that asks
     * `relative` alone, and only whether it is NULL. Calls that cut the queries at multiples of 64 give the same bits
     * as one call. Rows of relative and drelative are touched from the nearest to the farthest distance between pairs
     * that see each other, no further. NaN and inf in a key or value that is hidden by order alone may reach the 15
     * queries next to those that see it (0 * inf); hidden by a list, those queries that see keys of the same 192.
     * Finite numbers never do.
     */
    int64_t (*attention_scratch)(const heed_attention_head *head, bool backward);
    void (*attention)(const heed_attention_head *head, int64_t query_begin, int64_t query_end, float *scratch);
    void (*attention_backward)(const heed_attention_head *head, float *scratch);
    /* The same over bfloat16, added up in floats; each result is rounded once. */
    int64_t (*attention_bf16_scratch)(const heed_attention_bf16 *head, bool backward);
    void (*attention_bf16)(const heed_attention_bf16 *head, int64_t query_begin, int64_t query_end,
                           float *scratch);
    void (*attention_bf16_backward)(const heed_attention_bf16 *head, float *scratch);

    /*
     * C[m,n] (=, or += when accumulate) A[m,k] B[k,n] for the product without oneDNN; see product_tile.c.
     * a_packed is [panel][k][tile_rows], b_packed [panel][k][tile_columns]; panels past the edge are filled up.
     */
    int tile_rows, tile_columns;
    void (*product_block)(float *c, int64_t c_stride, const float *a_packed, const float *b_packed, int64_t m,
                          int64_t n, int64_t k, bool accumulate);

    void (*from_bf16)(float *y, const uint16_t *x, int64_t n);
    void (*to_bf16)(uint16_t *y, const float *x, int64_t n); /* round to nearest, ties to even; NaN stays NaN */
} heed_kernels;

/**
 * The table for this processor, or the one named (HEED_CPU): "generic", "avx2", "avx512", "avx512bf16", "amx".
 * name NULL or "": the best that runs here. HEED_ERR_USAGE: unknown name, or this processor lacks it.
 */
heed_status heed_kernels_select(const char *name, const heed_kernels **kernels, heed_error *err);
/** Table number i of those that this processor can run, worst first; NULL past the last. */
const heed_kernels *heed_kernels_at(int i);

#endif
