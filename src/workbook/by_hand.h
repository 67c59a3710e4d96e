/* SPDX-License-Identifier: MIT */
/* What exercises of attention by hand share: rows, their words, and Q, K, V with small whole numbers. */
#ifndef HEED_WORKBOOK_BY_HAND_H
#define HEED_WORKBOOK_BY_HAND_H

#include "workbook/exercise.h"

/* Q, K and V of the source: three tokens, head_dim 2. For the params of an exercise. */
#define HEED_SOURCE_QK "\"Q\": [[1, 0], [0, 1], [1, 1]], \"K\": [[1, 0], [0, 1], [1, 1]]"
#define HEED_SOURCE_V  "\"V\": [[1, 2], [3, 4], [5, 6]]"

/* --- solving --- */

/** A row or column from 1 to n, as an index from 0; with the slip OFF_BY_ONE its neighbour. */
int64_t heed_take_row(heed_solving *s, const char *name, int64_t n);
/** The place of the largest number, the first of equals. */
int64_t heed_largest(heed_grid x);
/** The value whose key fits the query q best, by the engine's hard lookup; one row. */
heed_grid heed_look_up(heed_solving *s, heed_grid q, heed_grid K, heed_grid V);
/** Steps: the softmax of a row of scores, e^x by e^x; the weights are known. */
void heed_step_softmax(heed_solving *s, heed_grid scores, heed_grid weights, int64_t row);
/** A step: the values' mean by the weights, number by number; weights and mean are one row. */
void heed_step_mean(heed_solving *s, heed_grid weights, heed_grid values, heed_grid mean);

/* --- varying --- */

/** 3 to 5 tokens, head_dim 2 to 4, numbers -2 .. 2, where Q K^T is not symmetric. */
void heed_vary_qk(heed_varying *v);
/** The same, and a `row`. */
void heed_vary_qk_row(heed_varying *v);
/** The same with V of -5 .. 9, where no row of the output is the mean of V. */
void heed_vary_qkv_row(heed_varying *v);
/** How many rows the parameter has. */
int64_t heed_vary_rows(const heed_varying *v, const char *name);
/** The answer for the numbers drawn so far, to see whether they are degenerate; new. NULL: they do not fit. */
json_t *heed_vary_solve(heed_varying *v, void (*solve)(heed_solving *s));
/** Is the largest of a list there twice? */
bool heed_has_ties(const json_t *list);

#endif
