/* SPDX-License-Identifier: MIT */
/*
 * What linear_cross_entropy.c and linear_cross_entropy_backward.c share: one row of the head in plain loops, and the
 * head in tiles for the fast path.
 *
 * Rows are taken in chunks, the vocabulary in tiles of columns. A chunk's tile holds logits [rows, columns], dense.
 * The backward pass keeps all tiles of a chunk, one after the other; the loss alone needs one a thread.
 *
 * A vocabulary that is large beside d is cut into parts. A thread takes one part after the other and does all of its
 * tiles by itself, goes on with what it has just computed, and meets the others twice a chunk; each part sums up a dx of its
 * own. Parts follow from the model alone, so no bit depends on the threads. Otherwise there is one part, and threads share
 * the rows of each tile.
 */
#ifndef HEED_OPS_LINEAR_CROSS_ENTROPY_H
#define HEED_OPS_LINEAR_CROSS_ENTROPY_H

#include "ops/common.h"

enum { HEED_HEAD_X, HEED_HEAD_W, HEED_HEAD_TARGETS, HEED_HEAD_DLOSS };

/* --- one row, plainly --- */

/* The largest logit of a row and sum_j exp(logit_j - largest). */
typedef struct heed_head_row {
    heed_numbers x;       /* [d] */
    const heed_tensor *w; /* [V, d], of any type that weights have */
    int64_t d, V, target;
    bool bf16; /* x is, so W and the gradients of logits count rounded to it in products */
    float max;
    double sum;
} heed_head_row;

/** Goes over the vocabulary twice: for the largest logit, then for the sum. */
heed_head_row heed_head_row_of(heed_numbers x, const heed_tensor *w, int64_t target, bool bf16);
float heed_head_logit(const heed_head_row *row, int64_t j);
/** -log softmax(logits)_target; 0 where ignored, NaN for a target that is none. */
float heed_head_loss(const heed_head_row *row);
/** d loss / d logit_j = (softmax(logits)_j - [j = target]) factor, factor = dloss / N; rounded where the row is bf16. */
float heed_head_dlogit(const heed_head_row *row, int64_t j, float factor);

int64_t heed_head_target(const heed_tensor *targets, int64_t r);
/** N: rows that count. */
int64_t heed_head_count(const heed_tensor *targets);
/** total / n, 0 for n = 0. */
float heed_head_mean(double total, int64_t n);
float heed_head_factor(float dloss, int64_t n);
bool heed_head_check(heed_graph *g, const heed_node *node);

/* --- its lines (linear_cross_entropy_explain.c) --- */

/* Operands that explain() has read. */
typedef struct heed_head_given {
    heed_figures x, w; /* of all rows; or x of one row alone */
    const float *target;
    int64_t rows, d, V, n; /* n: rows that count */
    bool bf16;
} heed_head_given;

/** Notes x of rows first .. first + rows - 1, W and all targets. */
heed_head_given heed_head_read(heed_explanation *e, const heed_op_args *a, int64_t first, int64_t rows);
/** logit_rj = sum_k x_k W_jk for the whole vocabulary; x: that of row r. */
heed_figures heed_head_explain_logits(heed_explanation *e, const heed_head_given *given, int64_t r,
                                      heed_figures x);

/* --- in tiles --- */

typedef struct heed_head {
    const heed_device *device;
    int n_parts, n_callers; /* of the vocabulary; threads that take them. One part: all threads share a tile */
    heed_device inner;      /* what works within a part: one thread of the device where there are several */
    bool bf16;              /* x is: operands of products are those of ops/dense.h */
    const void *x;          /* an operand, dense [n_rows, d] */
    const float *w;         /* dense [V, d]; NULL where tiles of W are made one by one */
    const heed_tensor *stored; /* W as it is */
    float *made;               /* [n_callers, width, d] of it: widened, or an operand over bf16 */
    const heed_tensor *targets;
    int64_t n_rows, d, V;
    int64_t chunk, width; /* rows at a time; columns of a tile */
    bool keep;            /* all tiles of a chunk */
    float *tiles;
    void *dlogits;        /* [n_callers] tiles as operands, where the device multiplies bf16; NULL: they stay */
    float *partial;       /* dx [chunk, d] of every part but the first */
    float *max;           /* [n_parts, chunk]; once the logits are formed, [chunk] over all parts */
    float *sum;           /* the same */
    float *target_logit;  /* [chunk] */
    char *products;       /* workspace of products: product_bytes for each caller */
    size_t product_bytes; /* aligned */
} heed_head;

/* A tile of the chunk of rows begin .. begin + rows - 1; the part that it is in, and which thread has that. */
typedef struct heed_head_at {
    int64_t begin, rows, tile;
    int part, caller;
} heed_head_at;

typedef enum heed_head_product { HEED_HEAD_LOGITS, HEED_HEAD_DX, HEED_HEAD_DW } heed_head_product;

/** Sizes from the node, buffers not yet. keep: for gradients. */
heed_head heed_head_of(const heed_node *node, const heed_device *device, bool keep);
/** Plans its products, and says what workspace it needs with them. */
size_t heed_head_bytes(const heed_head *head, const heed_node *node);
/** Takes operands and buffers for a run. */
void heed_head_take(heed_head *head, const heed_op_args *a);

int64_t heed_head_n_tiles(const heed_head *head);
int64_t heed_head_first_tile(const heed_head *head, int part);
int64_t heed_head_columns(const heed_head *head, int64_t t); /* of tile t */
/** Where its logits are. Without keep each caller has one place for its tiles. */
float *heed_head_tile(const heed_head *head, const heed_head_at *at);

/** Rows of x from number `row` on, and the rows of W of a tile (valid until the caller's next call), as operands. */
const void *heed_head_x(const heed_head *head, int64_t row);
const void *heed_head_weight(const heed_head *head, const heed_head_at *at);

/** One of the products of a tile: x W^T, dlogits W or dlogits^T x, written to c or added. */
void heed_head_compute(const heed_head *head, heed_head_product which, const heed_head_at *at, const void *a,
                       const void *b, bool accumulate, float *c);

typedef void heed_head_tile_fn(const heed_head *head, const heed_head_at *at, const void *context);
/** Calls fn for all tiles of a chunk: parts side by side, tiles of a part in order. */
void heed_head_share(const heed_head *head, int64_t begin, int64_t rows, heed_head_tile_fn *fn,
                     const void *context);

/** Forms the logits of the chunk of rows begin .. end-1; max, sum and target_logit are set. */
void heed_head_logits(const heed_head *head, int64_t begin, int64_t end);
/** Loss of row r of the chunk that begins at `begin`. */
float heed_head_chunk_loss(const heed_head *head, int64_t begin, int64_t r);

#endif
