/* SPDX-License-Identifier: MIT */
/*
 * How many parameters a model has and how large everything is that it makes: read off a model that is only described and off
 * the graph of its pass. No number of it is computed, so the sizes may be those of large models.
 *
 *     const heed_config c = heed_count_m0(vocab_size, d_model, n_heads, max_length);
 *     heed_put_number(s, "value", heed_count_parameters(s, &c, "token embedding"));
 *
 *     heed_shapes *all = heed_count_shapes(s, &c, batch, seq_len);
 *     heed_put_sizes(s, "scores", heed_count_entry(s, all, "blocks.0.attn.scores"));
 *     heed_shapes_destroy(all);
 *
 * What does not fit (n_heads that do not divide d_model) fails s with HEED_ERR_USAGE; then counts are 0 and entries NULL.
 */
#ifndef HEED_WORKBOOK_COUNTING_H
#define HEED_WORKBOOK_COUNTING_H

#include <heed/shapes.h>

#include "graph/op.h"
#include "workbook/exercise.h"

/* The largest sizes that are taken: products of them stay below 2^63 bytes. */
#define HEED_COUNT_MOST_BATCH 65536
#define HEED_COUNT_MOST_T     65536
#define HEED_COUNT_MOST_HEADS 1024
#define HEED_COUNT_MOST_D     1048576
#define HEED_COUNT_MOST_V     16777216

/** The model of the exercises, preset m0: one layer of attention with biases, nothing else, a head of its own. */
heed_config heed_count_m0(int64_t vocab_size, int64_t d_model, int64_t n_heads, int64_t context_length);

/**
 * Numbers in the parameters whose component ("token embedding", "position embedding", "attention", "mlp", "norm",
 * "head") or name matches; in names * is any, "h.0.attn.c_proj.*". NULL: in all of them.
 */
double heed_count_parameters(heed_solving *s, const heed_config *config, const char *part);

/** Of one pass over [batch, length] tokens. NULL after a failure; heed_shapes_destroy() it. */
heed_shapes *heed_count_shapes(heed_solving *s, const heed_config *config, int64_t batch, int64_t length);
/** How rows of that many heads become heads, and heads rows: "x", "split", "heads", "stored", "swapped", "merged". */
heed_shapes *heed_count_heads(heed_solving *s, const heed_config *config, int64_t batch, int64_t length);
/** A tensor by its name; NULL after a failure. */
const heed_shapes_entry *heed_count_entry(heed_solving *s, const heed_shapes *all, const char *name);

/** Its sizes, its strides in numbers, as a list. */
void heed_put_sizes(heed_solving *s, const char *name, const heed_shapes_entry *e);
void heed_put_strides(heed_solving *s, const char *name, const heed_shapes_entry *e);

/** What a node costs by its op's own account: 2 for a multiply-add. */
double heed_count_flops(const heed_node *node);

/**
 * Draws batch_size, seq_len, n_heads and d_model for questions of shapes: batch, heads, positions and head_dim all differ, so
 * that an order of axes can be told from another.
 */
void heed_vary_heads(heed_varying *v);

/** "(1, 2, 4, 4)", of the arena. */
const char *heed_sizes_text(heed_solving *s, const heed_shapes_entry *e);
/** 51,200,000; of the arena. */
const char *heed_count_text(heed_solving *s, double x);

#endif
