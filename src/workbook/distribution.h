/* SPDX-License-Identifier: MIT */
/*
 * Rows of numbers as distributions, for exercises: by the ops that models use, each by its plain loop, in float.
 *
 *     const heed_grid weights = heed_softmax_of_rows(s, scores);
 *     const heed_grid nats = heed_entropy_of_rows(s, scores);            nats.data[i]: of row i
 *
 * -inf is a score like another; a row of nothing else gives zeros. What is larger than a float fails s.
 */
#ifndef HEED_WORKBOOK_DISTRIBUTION_H
#define HEED_WORKBOOK_DISTRIBUTION_H

#include "workbook/exercise.h"

/** y_i = exp(x_i) / sum_j exp(x_j) in each row. */
heed_grid heed_softmax_of_rows(heed_solving *s, heed_grid x);
/** The same in each column: a slip. */
heed_grid heed_softmax_of_columns(heed_solving *s, heed_grid x);
/** x_i - log sum_j exp(x_j) in each row, which has digits where the softmax is 0. */
heed_grid heed_log_softmax_of_rows(heed_solving *s, heed_grid x);
/** The gradient of the scores whose softmax is y: y_i (dy_i - sum_j y_j dy_j) in each row. */
heed_grid heed_softmax_gradient(heed_solving *s, heed_grid y, heed_grid dy);
/** -sum_i y_i log y_i of y = softmax(x), in nats: one row with a number for each row of x. */
heed_grid heed_entropy_of_rows(heed_solving *s, heed_grid x);

/** [rows of a, columns of b]: summed in double precision, for slips and for what no model computes. */
heed_grid heed_grid_times(heed_solving *s, heed_grid a, heed_grid b);

#endif
