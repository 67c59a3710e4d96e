/* SPDX-License-Identifier: MIT */
/*
 * The builders of all ops: each appends one node (and returns it), or records an error and returns NULL.
 * The mathematics of each is at the head of its file. B batch, T length, H heads, D head_dim, V vocabulary.
 */
#ifndef HEED_OPS_OPS_H
#define HEED_OPS_OPS_H

#include "graph/graph.h"
#include "graph/op.h"

/* --- looking up -------------------------------------------------------------------------------- */

/** table [V, d], ids i32 [B, T] -> [B, T, d]. An id outside 0..V-1 gives a row of NaN (callers check ids first). */
heed_node *heed_embedding(heed_graph *g, heed_node *table, heed_node *ids);
/** Rows past .. past+T-1 of table [n, d] -> [T, d]. past: i32 scalar or NULL for 0; [B] gives [B, T, d]. T > n is an error. */
heed_node *heed_position_embedding(heed_graph *g, heed_node *table, heed_node *past, int64_t T);
/** Rows past .. past+T-1 of the table of sines and cosines [.., d] -> [T, d], or with past [B] [B, T, d]; any position
 * has a row, odd d too. */
heed_node *heed_sinusoidal(heed_graph *g, heed_node *past, int64_t T, int64_t d);
/** Its rows T-1, T-2, .. 0 -> [T, d]: distances, the largest first, as relative positions are read. */
heed_node *heed_sinusoidal_back(heed_graph *g, int64_t T, int64_t d);

/* --- products ---------------------------------------------------------------------------------- */

typedef enum heed_weight_layout {
    HEED_WEIGHT_IN_OUT, /* W [in, out]: y = x W + b, GPT-2's own */
    HEED_WEIGHT_OUT_IN, /* W [out, in]: y = x W^T + b, PyTorch's nn.Linear, and a head tied to the embedding */
} heed_weight_layout;

/** x [..., in] -> [..., out]; bias [out] or NULL. x bf16: the weight counts rounded to bf16; sums and result are f32. */
heed_node *heed_linear(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                       heed_weight_layout layout);
/** The same with a result of that type: f32, or of x in bf16 also bf16. */
heed_node *heed_linear_as(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                          heed_weight_layout layout, heed_dtype out);
/** a [..., m, k], b [..., k, n] -> [..., m, n] with equal leading axes; a flag says that the operand is stored transposed. */
heed_node *heed_matmul(heed_graph *g, heed_node *a, heed_node *b, bool transpose_a, bool transpose_b);

/* --- element by element ------------------------------------------------------------------------ */

/** a + b; b's shape is the last axes of a's and repeats over the others. */
heed_node *heed_add(heed_graph *g, heed_node *a, heed_node *b);
heed_node *heed_scale(heed_graph *g, heed_node *x, float factor);
heed_node *heed_gelu_tanh(heed_graph *g, heed_node *x);
heed_node *heed_gelu_erf(heed_graph *g, heed_node *x);
heed_node *heed_relu(heed_graph *g, heed_node *x);
heed_node *heed_silu(heed_graph *g, heed_node *x);
heed_node *heed_sigmoid(heed_graph *g, heed_node *x);
heed_node *heed_tanh(heed_graph *g, heed_node *x);
heed_node *heed_swiglu(heed_graph *g, heed_node *gate, heed_node *up); /* silu(gate) * up, equal shapes */
/**
 * Sets elements to zero with probability rate and multiplies the others by 1/(1-rate). x [B, ...]: B windows, of which
 * the first has the number window (i32 scalar input). What is dropped of a window follows from its number, index and seed
 * as heed_philox(seed, HEED_STREAM_DROPOUT …) says, so backward finds the same mask, and so does a run that holds
 * other windows beside it. rate 0 returns x itself.
 */
heed_node *heed_dropout(heed_graph *g, heed_node *x, heed_node *window, float rate, uint64_t seed, int index);

/* --- shapes: views, nothing is copied where strides allow --------------------------------------- */

heed_node *heed_reshape(heed_graph *g, heed_node *x, heed_shape shape);
/** Columns start .. start+length-1 of the last axis. */
heed_node *heed_narrow(heed_graph *g, heed_node *x, int64_t start, int64_t length);
heed_node *heed_split_heads(heed_graph *g, heed_node *x, int64_t n_heads); /* [B, T, H*D] -> [B, H, T, D] */
heed_node *heed_merge_heads(heed_graph *g, heed_node *x);                  /* [B, H, T, D] -> [B, T, H*D] */

/* --- rows -------------------------------------------------------------------------------------- */

/** A row that is -inf throughout gives zeros: nothing was there to choose from, and no gradient flows. */
heed_node *heed_softmax(heed_graph *g, heed_node *x);
heed_node *heed_log_softmax(heed_graph *g, heed_node *x);
/** gamma [n] scales, beta [n] or NULL shifts. */
heed_node *heed_layernorm(heed_graph *g, heed_node *x, heed_node *gamma, heed_node *beta, float eps);
/** x / sqrt(mean(x^2) + eps) * gamma, gamma [n]. */
heed_node *heed_rmsnorm(heed_graph *g, heed_node *x, heed_node *gamma, float eps);

/* --- attention --------------------------------------------------------------------------------- */

typedef struct heed_attention_options {
    float scale; /* of the scores; 0 means 1/sqrt(head_dim) */

    /* where query 0 stands; neither: at n_key - n_query, so that the last query stands at the last key */
    /* i32 scalar, or [B] where each row has its own: keys that were there before (a cache). Only the first
     * past + n_query keys exist. [B] is for heed_attention() alone, and has no gradient. */
    heed_node *past;
    bool at_position; /* at `position`, which may be negative, and past the last key */
    int64_t position;

    /* which keys a query sees: <heed/mask.h>. All that is given must allow a pair. */
    bool causal;
    int64_t window, stride, prefix; /* 0: none */
    heed_node *keys;                /* u8 [B, n_key]: 1 seen, 0 padding */
    heed_node *documents;           /* i32 [B, n_key]: a query's own is that of the key at its position */
    heed_node *blocks;              /* u8 [ceil(n_query / block), ceil(n_key / block)] */
    int64_t block;
    heed_node *pairs; /* u8 [B or 1, n_query, n_key] */
    bool fill_1e9; /* hidden scores are -1e9, not -inf: a query that sees nothing gets the mean of all values */

    /* what is added to the scores */
    heed_node *bias; /* [n_query, n_key], [H, ..] or [B, H, ..] */
    bool alibi;      /* - slope_h times the distance; heed_alibi_slope() */
    /*
     * q_relative_i . relative[relative_zero + j - position_i], before the scale: q_relative [B, H, n_query, D],
     * relative [H, rows, D] or [rows, D]. Source: Dai et al. 2019 (arXiv:1901.02860) 3.3.
     */
    heed_node *q_relative, *relative;
    int64_t relative_zero; /* the row of distance 0; rows before it are distances back */
} heed_attention_options;

/* Outputs of heed_attention() beside 0, what it found. What nobody asks for is not computed. */
enum {
    HEED_ATTENTION_Z,       /* [B, H, n_query, Dv] */
    HEED_ATTENTION_LSE,     /* [B, H, n_query] log-sum-exp of the scores; -inf where nothing is seen */
    HEED_ATTENTION_MAX,     /* [B, H, n_query] the largest score, before the scale */
    HEED_ATTENTION_SUM,     /* [B, H, n_query] */
    HEED_ATTENTION_ENTROPY, /* [B, H, n_query] of the weights, in nats */
    HEED_ATTENTION_SCORES,  /* [B, H, n_query, n_key] scaled and masked */
    HEED_ATTENTION_PATTERN, /* [B, H, n_query, n_key] the weights */
};

/**
 * q [B, H, n_query, D], k [B, Hkv, n_key, D], v [B, Hkv, n_key, Dv] -> [B, H, n_query, Dv], laid out so that
 * heed_merge_heads() of it is a view. Head h reads key/value head h * Hkv / H. q, k, v are all f32 or all bf16, and so is
 * the result; statistics are f32. Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.1.
 */
heed_node *heed_attention(heed_graph *g, heed_node *q, heed_node *k, heed_node *v,
                          const heed_attention_options *options);
/**
 * The text book: the scores of heed_attention() as a node of their own, [B, H, n_query, n_key], -inf where hidden. With
 * heed_softmax() and a product with v it is attention step by step, each with its gradient.
 */
heed_node *heed_attention_scores(heed_graph *g, heed_node *q, heed_node *k,
                                 const heed_attention_options *options);
/** z_i = v_j of the key with the largest score (the first of equals), 0 where nothing is seen. No gradient to q and k. */
heed_node *heed_attention_lookup(heed_graph *g, heed_node *q, heed_node *k, heed_node *v,
                                 const heed_attention_options *options);
/** y_t = mean of x_0 .. x_t, x [B, T, d]: attention that looks at all alike, as a loop. */
heed_node *heed_running_mean(heed_graph *g, heed_node *x);
/** What ALiBi takes off the scores of head h of n_heads for each step back. Press et al. 2022 (arXiv:2108.12409) 3. */
float heed_alibi_slope(int64_t h, int64_t n_heads);

typedef enum heed_rotary_scaling {
    HEED_ROTARY_NONE,
    HEED_ROTARY_LINEAR, /* positions divided by the factor: Chen et al. 2023 (arXiv:2306.15595) */
    HEED_ROTARY_NTK,    /* a larger base */
    HEED_ROTARY_YARN,   /* Peng et al. 2023 (arXiv:2309.00071) */
} heed_rotary_scaling;

typedef struct heed_rotary_options {
    double base;        /* 0: 10000 */
    int64_t rotary_dim; /* the first so many of D turn; 0: all; even */
    bool interleaved;   /* pairs (2m, 2m+1); otherwise (m, m + rotary_dim/2) */
    heed_rotary_scaling scaling;
    double factor;          /* how much longer the context is than trained_length; 1 or more */
    int64_t trained_length; /* yarn */
    heed_node *positions;   /* i32 [T], or NULL: past .. past+T-1 */
} heed_rotary_options;

/** x [B, H, T, D] turned by its position, laid out as [B, T, H, D]. past: i32 scalar, [B], or NULL for 0. Su et al.
 * 2021 (arXiv:2104.09864). */
heed_node *heed_rotary(heed_graph *g, heed_node *x, heed_node *past, const heed_rotary_options *options);
/** Writes x [B, H, T, D] into cache [B, H, C, D] at positions past .. past+T-1 and returns the cache. past: i32
 * scalar or [B]. */
heed_node *heed_cache_append(heed_graph *g, heed_node *cache, heed_node *x, heed_node *past);

/* --- mixture of experts ------------------------------------------------------------------------- */

/* Where tokens go: k of E experts each, A = tokens * k assignments in all. The rows of all experts are sorted by expert. */
typedef struct heed_routes {
    heed_node *index;   /* i32 [..., k] the experts of a token, the likeliest first; of equals the first */
    heed_node *gates;   /* [..., k] what they weigh: probabilities over their sum; as they are for k = 1 */
    heed_node *row;     /* i32 [..., k] where an assignment stands among the rows of all experts; -1: dropped */
    heed_node *source;  /* i32 [R] the assignment (token * k + choice) in a row, -1: none; R <= A */
    heed_node *offsets; /* i32 [E + 1] expert e has rows offsets[e] .. offsets[e+1]-1 */
    heed_node *load;    /* [E] share of the assignments that are for e, before any is dropped; they sum to 1 */
} heed_routes;

/**
 * p [..., E]: the router's probabilities. An expert takes ceil(capacity * A / E) assignments, the first ones by token;
 * 0: all. Gradients flow through the gates alone.
 */
heed_routes heed_route(heed_graph *g, heed_node *p, int64_t k, double capacity);
/** x [..., d] -> [R, d]: each token in the rows of its experts. */
heed_node *heed_expert_dispatch(heed_graph *g, heed_node *x, const heed_routes *routes);
/** x [R, in], weight [E, in, out], bias [E, out] or NULL -> [R, out]: each row with the weight of its expert. */
heed_node *heed_expert_linear(heed_graph *g, heed_node *x, heed_node *weight, heed_node *bias,
                              heed_node *offsets);
/** z [R, d] -> [..., d]: for each token the sum of its experts' rows times their gates; what was dropped adds nothing. */
heed_node *heed_expert_combine(heed_graph *g, heed_node *z, const heed_routes *routes);
/** E sum_e load_e mean_t p_te: 1 when experts are used evenly, E when one gets everything. Gradient through p alone. */
heed_node *heed_balance_loss(heed_graph *g, heed_node *p, heed_node *load);

/* --- precision --------------------------------------------------------------------------------- */

heed_node *heed_to_bf16(heed_graph *g, heed_node *x); /* f32 -> bf16, rounded to nearest */
heed_node *heed_to_f32(heed_graph *g, heed_node *x);  /* bf16 -> f32, exact */

/* --- losses and sums --------------------------------------------------------------------------- */

#define HEED_IGNORE_TARGET (-100) /* a target that counts for nothing, as in PyTorch */

/** Mean cross-entropy in nats of logits [..., V] for targets i32 [...]; a scalar. All targets ignored: 0. */
heed_node *heed_cross_entropy(heed_graph *g, heed_node *logits, heed_node *targets);
/** The same row by row, [...]; 0 where ignored. Has no gradient. */
heed_node *heed_cross_entropy_rows(heed_graph *g, heed_node *logits, heed_node *targets);
/** cross_entropy(linear(x, weight, NULL, OUT_IN), targets) without ever holding all logits. x [..., d], weight [V, d]. */
heed_node *heed_linear_cross_entropy(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets);
/** The same row by row, [...]; 0 where ignored. Has no gradient. */
heed_node *heed_linear_cross_entropy_rows(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets);

typedef struct heed_distill_options {
    float temperature, weight; /* T > 0; w from 0 (cross-entropy alone) to 1 (the teacher alone) */
} heed_distill_options;

/* Scalars; only loss has a gradient. */
typedef struct heed_distill_nodes {
    heed_node *loss, *ce, *kl; /* (1 - w) ce + w T^2 kl */
} heed_distill_nodes;

/**
 * A student's head x [..., d], weight [V, d] with the loss of distillation from a teacher's, teacher_x [..., e] and
 * teacher_weight [V or more, e] of any type that weights have. No logits are ever held as a whole, and no gradient flows
 * into the teacher. Source: Hinton, Vinyals, Dean 2015 (arXiv:1503.02531).
 */
heed_distill_nodes heed_distill_loss(heed_graph *g, heed_node *x, heed_node *weight, heed_node *targets,
                                     heed_node *teacher_x, heed_node *teacher_weight,
                                     const heed_distill_options *options);
heed_node *heed_sum(heed_graph *g, heed_node *x); /* over all elements; a scalar */
heed_node *heed_mean(heed_graph *g, heed_node *x);
/** Sums over the leading axes so that the last `rank` axes remain: the gradient of broadcasting. */
heed_node *heed_sum_leading(heed_graph *g, heed_node *x, int rank);
/** Repeats x along new leading axes; x's shape is the last axes of `shape`. */
heed_node *heed_repeat(heed_graph *g, heed_node *x, heed_shape shape);

/* --- update ------------------------------------------------------------------------------------ */

/** sum of squares of x (+ before, a scalar or NULL); a scalar. */
heed_node *heed_sum_squares(heed_graph *g, heed_node *x, heed_node *before);
/** The same of x [rows, d] that holds zeros in rows whose mark (i32 [rows]) is 0; these need not be read. */
heed_node *heed_sum_squares_of_marked(heed_graph *g, heed_node *x, heed_node *marks, heed_node *before);
heed_node *heed_sqrt(heed_graph *g, heed_node *x); /* of a scalar */
/** min(1, max_norm / (norm + 1e-6)); 1 when max_norm is 0. */
heed_node *heed_clip_factor(heed_graph *g, heed_node *norm, float max_norm);

typedef struct heed_adamw_options {
    float beta1, beta2, eps, weight_decay, l2;
} heed_adamw_options;

typedef struct heed_adamw_nodes {
    heed_node *p, *m, *v; /* values after the step */
} heed_adamw_nodes;

/** One step of AdamW, or with weight_decay 0 of Adam, whose decay is l2. lr: f32 scalar; t: i32 scalar, 1 at the first step; factor: f32 scalar on the gradient, or NULL. */
heed_adamw_nodes heed_adamw(heed_graph *g, heed_node *p, heed_node *m, heed_node *v, heed_node *grad,
                            heed_node *lr, heed_node *t, heed_node *factor, const heed_adamw_options *options);
/** The same with a gradient [rows, d] that holds zeros in rows whose mark (i32 [rows]) is 0; these are not read. */
heed_adamw_nodes heed_adamw_of_marked(heed_graph *g, heed_node *p, heed_node *m, heed_node *v, heed_node *grad,
                                      heed_node *marks, heed_node *lr, heed_node *t, heed_node *factor,
                                      const heed_adamw_options *options);
/** p - lr (factor grad + weight_decay p). */
heed_node *heed_sgd(heed_graph *g, heed_node *p, heed_node *grad, heed_node *lr, heed_node *factor,
                    float weight_decay);

typedef struct heed_momentum_options {
    float momentum, l2;
    bool nesterov; /* look ahead: the gradient is added to the momentum that it has just joined */
} heed_momentum_options;

typedef struct heed_momentum_nodes {
    heed_node *p, *m; /* values after the step */
} heed_momentum_nodes;

/** One step of gradient descent with momentum; m is 0 before the first. */
heed_momentum_nodes heed_momentum(heed_graph *g, heed_node *p, heed_node *m, heed_node *grad, heed_node *lr,
                                  heed_node *factor, const heed_momentum_options *options);

/* --- differentiation --------------------------------------------------------------------------- */

/** How gradients that meet at one node add up; pass it to heed_graph_differentiate(). */
heed_node *heed_accumulate(heed_graph *g, heed_node *x, heed_node *const *contributions, int n);

/** Every op there is, gradients and updates included. */
extern const heed_op *const heed_ops[];
extern const int heed_n_ops;

#endif
