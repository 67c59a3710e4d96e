/* SPDX-License-Identifier: MIT */
/*
 * What the ops of attention share: what they are asked for, who sees whom, and one score.
 *
 *     const heed_attention_run run = heed_attention_run_of(a, V + 1, true);
 *     heed_attention_row row = heed_attention_row_of(&run, b, h, i);                  query i of head h, batch b
 *     for (int64_t j = 0; j < run.n_key; j++)
 *         if (heed_attention_weighs(&row, j))                                         hidden keys are passed over
 *             p = heed_attention_weight(&row, heed_attention_score(&row, j));
 *
 * heed_attention_score() and heed_mask_sees() are the definitions; forward, scores, backward, look-up and explain go
 * through them, and the kernels are tested against them.
 */
#ifndef HEED_OPS_ATTENTION_H
#define HEED_OPS_ATTENTION_H

#include "ops/common.h"
#include "ops/ops.h"

/* The inputs behind an op's own, in this order; all optional. */
typedef enum heed_attention_extra {
    HEED_ATTENTION_PAST,
    HEED_ATTENTION_KEYS,
    HEED_ATTENTION_DOCUMENTS,
    HEED_ATTENTION_BLOCKS,
    HEED_ATTENTION_PAIRS,
    HEED_ATTENTION_BIAS,
    HEED_ATTENTION_Q_RELATIVE,
    HEED_ATTENTION_RELATIVE,
    HEED_ATTENTION_EXTRAS,
} heed_attention_extra;

/* heed_attention_options without its nodes, which are inputs. */
typedef struct heed_attention_attrs {
    float scale;
    bool causal, at_position, fill_1e9, alibi;
    int64_t position, window, stride, prefix, block, relative_zero;
} heed_attention_attrs;

/*
 * Head h of q reads key/value head h / group. n_key counts the keys that exist, capacity the rows of k and v. Where `past`
 * has a number for each row of the batch, n_key and position are those of row 0: see heed_attention_run_in().
 */
typedef struct heed_attention_run {
    const heed_attention_attrs *attrs;
    const heed_tensor *q, *k, *v; /* v: NULL where there are only scores */
    const heed_tensor *extra[HEED_ATTENTION_EXTRAS];
    int64_t batch, n_heads, n_kv_heads, group;
    int64_t n_query, n_key, capacity, head_dim, v_dim;
    int64_t position; /* of query 0 */
    bool has_lists;   /* masks that are inputs */
} heed_attention_run;

/* --- attention_options.c ------------------------------------------------------------------------- */

/** Attributes from the options of the builder; 1/sqrt(head_dim) where no scale is given. */
heed_attention_attrs heed_attention_attrs_of(const heed_node *q, const heed_attention_options *options);
/** The nodes of the options in the order of the inputs. */
void heed_attention_extras_of(const heed_attention_options *options, heed_node **extra);
/** A run of a node whose inputs 0 and 1 are q and k, 2 is v where has_v, and the extra ones begin at `extra`. */
heed_attention_run heed_attention_run_of(const heed_op_args *a, int extra, bool has_v);
/** The same before any data is known: a cache is taken as full, masks that are inputs are left out. */
heed_attention_run heed_attention_run_of_node(const heed_node *node, int extra, bool has_v);
/** The run as row b of the batch sees it: n_key and position are its own where `past` has a number for each row. */
heed_attention_run heed_attention_run_in(const heed_attention_run *run, int64_t b);
/** The mask of one batch. */
heed_mask heed_attention_mask(const heed_attention_run *run, int64_t b);
/** Pairs that see each other, of all batches and heads. */
double heed_attention_pairs(const heed_attention_run *run);

/** Where rows of [b, h, ..] lie in a tensor [n, m], [H, n, m] or [B, H, n, m]: missing axes repeat. */
int64_t heed_attention_leading(const heed_tensor *x, int64_t b, int64_t h);
/** Row i of head (b, h) of an f32 tensor. */
float *heed_attention_floats(const heed_tensor *x, int64_t b, int64_t h, int64_t i);

/* --- attention_check.c --------------------------------------------------------------------------- */

/**
 * Checks everything that a run_of_node() of this node takes for granted; false after heed_graph_fail(). past_rows: an
 * op that asks for heed_attention_run_in() may be given a past for each row.
 */
bool heed_attention_check(heed_graph *g, const heed_node *node, int extra, bool has_v, bool past_rows);

/* --- attention_pairs.c: the reference ------------------------------------------------------------ */

/* A row of numbers of either type. */
typedef struct heed_attention_numbers {
    const heed_tensor *x;
    int64_t at;
} heed_attention_numbers;

heed_attention_numbers heed_attention_numbers_of(const heed_tensor *x, int64_t b, int64_t h, int64_t i);
float heed_attention_number(const heed_attention_numbers *x, int64_t d);
/** Element i of x, in the order of memory; rounded where x is bf16. */
void heed_attention_put(const heed_tensor *x, int64_t at, float value);
/** sum_d x_d y_d, d ascending. */
float heed_attention_dot(const heed_attention_numbers *x, const heed_attention_numbers *y, int64_t n);

/* One query. */
typedef struct heed_attention_row {
    const heed_attention_run *run;
    heed_mask mask;
    int64_t b, h, i;
    float slope; /* ALiBi's; 0: none */
    float max, sum;
    bool blind; /* it sees no key at all, and fill_1e9 has it weigh all alike */
} heed_attention_row;

/** The row without max and sum, and with them. */
heed_attention_row heed_attention_row_begin(const heed_attention_run *run, int64_t b, int64_t h, int64_t i);
heed_attention_row heed_attention_row_of(const heed_attention_run *run, int64_t b, int64_t h, int64_t i);
bool heed_attention_sees(const heed_attention_row *row, int64_t j);
/** s_ij of a key that is seen, before the scale: q_i . k_j + q_relative_i . relative[..] + (bias_ij - slope ..) / scale. */
float heed_attention_score(const heed_attention_row *row, int64_t j);
/** The scaled score as it is shown: with the mask's filling where the key is hidden. */
float heed_attention_shown_score(const heed_attention_row *row, int64_t j);
/** exp(scale (score - max)) / sum. The difference comes first: where q and k are whole numbers it is exact. */
float heed_attention_weight(const heed_attention_row *row, float score);
/** Does key j take part in the query's mean, and by how much? */
bool heed_attention_weighs(const heed_attention_row *row, int64_t j);
float heed_attention_pattern(const heed_attention_row *row, int64_t j);
float heed_attention_lse(const heed_attention_row *row);
float heed_attention_entropy(const heed_attention_row *row);

/* --- attention_explain.c: the lines, step by step those of attention_pairs.c --------------------- */

/* Operands of one query and of keys begin .. end - 1 that explain() has read. */
typedef struct heed_attention_operands {
    const heed_attention_row *row;
    int64_t begin, end;
    heed_figures q, k;                       /* [D], [end - begin, D] */
    heed_figures bias, q_relative, relative; /* [end - begin], [D], rows from relative_begin on */
    int64_t relative_begin;
} heed_attention_operands;

/** Notes what decides who sees whom. */
void heed_attention_explain_mask(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run,
                                 int extra, const heed_attention_row *row);
/** Rows begin .. end - 1 of input `input` [B, Hkv, n_key, n]: keys or values. */
heed_figures heed_attention_read_keys(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                      const heed_attention_row *row, int64_t n, int64_t begin, int64_t end);
/** Notes what the scores of the query with these keys are made from; k: of these keys, read before. */
heed_attention_operands heed_attention_read(heed_explanation *e, const heed_op_args *a,
                                            const heed_attention_row *row, int extra, heed_figures k,
                                            int64_t begin, int64_t end);
/** s_ij of a key that is seen, before the scale. */
heed_figure heed_attention_explain_score(heed_explanation *e, const heed_attention_operands *operands,
                                         int64_t j);
/** scale s_ij, with all that it is made from. */
void heed_attention_explain_scaled(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                                   int extra, int64_t j);
/** The value of a pair whose key is hidden from the query or does not exist yet, and which of the two it is. */
void heed_attention_explain_hidden_pair(heed_explanation *e, const heed_attention_row *row, int64_t j,
                                        const char *label, float value);
/** One line for each run of keys that are hidden for the same reason. */
void heed_attention_explain_hidden(heed_explanation *e, const heed_attention_row *row);

/* A row of scores, and what they become. */
typedef struct heed_attention_figures {
    heed_figure *scores;     /* [n_key], of keys that are seen */
    heed_figure max, m, sum; /* m: max as it is subtracted, 0 where nothing is seen */
} heed_attention_figures;

/** All scores of the query, one deeper, and the largest of them. */
heed_attention_figures heed_attention_explain_scores(heed_explanation *e, const heed_op_args *a,
                                                     const heed_attention_row *row, int extra);
/** Sets m and sum. */
void heed_attention_explain_sum(heed_explanation *e, const heed_attention_row *row,
                                heed_attention_figures *figures);
/** p_ij of a key that takes part; score: unread where the row is blind. */
heed_figure heed_attention_explain_weight(heed_explanation *e, const heed_attention_row *row, int64_t j,
                                          heed_figure score, heed_figure m, heed_figure sum);

/* --- attention_head.c: the kernels' view --------------------------------------------------------- */

/** Head (b, h) of the run: q, k, v, the mask and what is added to scores; outputs are the caller's to set. */
heed_attention_bf16 heed_attention_head_of(const heed_attention_run *run, int64_t b, int64_t h);
/** Floats of one thread's scratch, a whole number of cache lines; the same when planned and when run. */
int64_t heed_attention_scratch(const heed_attention_run *run, const heed_device *device, bool backward);

/** in: q, k, v, z, max, sum, dz, then the extra ones. out: dq, dk, dv, dbias, dq_relative, drelative. */
heed_node *heed_attention_backward(heed_graph *g, heed_node *const *in, int n_in,
                                   const heed_attention_attrs *attrs);

#endif
