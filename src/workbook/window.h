/* SPDX-License-Identifier: MIT */
/*
 * What a model reads and what it shall predict: a window of a stream of ids, cut as training cuts it (data/batches.h).
 *
 *     heed_grid ids, targets;
 *     heed_window_of(s, heed_take_list(s, "stream"), 0, 3, &ids, &targets);        the targets are the next ids
 */
#ifndef HEED_WORKBOOK_WINDOW_H
#define HEED_WORKBOOK_WINDOW_H

#include "workbook/exercise.h"

/**
 * T ids from place `at` of the stream on, one row each. HEED_ERR_USAGE: a stream that ends before the last target, or in
 * which something is no id; then both are empty.
 */
void heed_window_of(heed_solving *s, heed_grid stream, int64_t at, int64_t T, heed_grid *ids,
                    heed_grid *targets);

#endif
