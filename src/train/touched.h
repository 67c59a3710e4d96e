/* SPDX-License-Identifier: MIT */
/*
 * The rows of looked-up tables that have a gradient: those whose tokens occur in a step.
 *
 * The gradient of a table that is only looked up is 0 but in these rows. It stays in its place from step to step: what
 * the last step wrote is cleared, what occurs is added, and the norm passes over the rest. The numbers are those of a
 * gradient that is written as a whole.
 */
#ifndef HEED_TRAIN_TOUCHED_H
#define HEED_TRAIN_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

typedef struct heed_touched {
    int64_t n_rows; /* of the tables; 0: there are none */
    int32_t *marks; /* [n_rows] 1 where the row has a gradient */
    int32_t *rows;  /* the marked ones, in order of first sight */
    int64_t n;
} heed_touched;

bool heed_touched_open(heed_touched *touched, int64_t n_rows); /* false: out of memory */
void heed_touched_close(heed_touched *touched);

/** Sets the marked rows of a table's gradient [n_rows, d] to 0. */
void heed_touched_clear(const heed_touched *touched, const heed_tensor *grad);
/** Forgets all marks, and marks the rows of n ids; those that are no rows are passed over. */
void heed_touched_mark(heed_touched *touched, const int32_t *ids, int64_t n);

#endif
