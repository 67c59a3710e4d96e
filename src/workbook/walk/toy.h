/* SPDX-License-Identifier: MIT */
/* Steps 11 to 15: (4, 8, 2) random numbers, and the mean of the past of each row, in three ways. */
#ifndef HEED_WORKBOOK_WALK_TOY_H
#define HEED_WORKBOOK_WALK_TOY_H

#include "workbook/walk/walking.h"

enum { HEED_TOY_B = 4, HEED_TOY_T = 8, HEED_TOY_C = 2 };

/** [B T, C], the same in every step; to be drawn before anything else. */
heed_grid heed_toy_draw(heed_walking *w);
/** Sequence b of it. */
heed_grid heed_toy_sequence(heed_grid x, int b);
/** The mean of each row and those before it in its sequence: by the loop of an op. */
heed_grid heed_toy_loop(heed_walking *w, heed_grid x);
/** weights [T, T] times each sequence; softmax: of the softmax of its rows. */
heed_grid heed_toy_product(heed_walking *w, heed_grid weights, heed_grid x, bool softmax);
/** Ones up to the diagonal; each row over its sum. */
heed_grid heed_toy_triangle(heed_walking *w, int64_t n, bool normalised);
/** Zeros up to the diagonal, -inf above. */
heed_grid heed_toy_masked_zeros(heed_walking *w, int64_t n);

#endif
