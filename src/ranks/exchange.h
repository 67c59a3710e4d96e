/* SPDX-License-Identifier: MIT */
/*
 * Sums over ranks that leave each rank with its piece, started without waiting (a reduce-scatter).
 *
 *     x = [ piece of rank 0 | piece of rank 1 | ... ]       at rank r, afterwards:  piece r = sum over ranks of their piece r
 *
 * Each rank sends piece i to rank i and adds up what comes for its own: everybody sends and receives (N - 1) / N of x, no
 * message waits for another one, and the sum is formed here in one order, a tree over neighbouring ranks:
 *
 *     ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7))
 *
 * where any right half may be missing. So it is the same whatever the library, the machine and the timing; and when each
 * rank's part is a branch of a binary tree itself, so is the whole.
 *
 *     heed_exchange *x = heed_exchange_create(ranks, 0, most, threads);
 *     status = heed_exchange_start(x, data, cuts, err);       data is not touched until it is done
 *     status = heed_exchange_poll(x, &done, err);             now and then, to let it get on
 *     status = heed_exchange_finish(x, err);                  waits; piece r of data holds the sum
 *     heed_exchange_destroy(x);
 */
#ifndef HEED_RANKS_EXCHANGE_H
#define HEED_RANKS_EXCHANGE_H

#include <stdint.h>

#include "ranks/ranks.h"

typedef struct heed_exchange heed_exchange;

/** most: floats of the longest piece. tag: 0, 1, … for exchanges that are under way side by side. NULL: no memory. */
heed_exchange *heed_exchange_create(heed_ranks *ranks, int tag, int64_t most, int threads);
void heed_exchange_destroy(heed_exchange *x); /* NULL is allowed; nothing may be under way */
/** Bytes that it holds. */
size_t heed_exchange_bytes(const heed_ranks *ranks, int64_t most);

/** cuts [size + 1]: rank r's piece is data[cuts[r]] .. data[cuts[r + 1] - 1]; the cuts are lent until it is done. */
heed_status heed_exchange_start(heed_exchange *x, float *data, const int64_t *cuts, heed_error *err);
/** *arrived: what is left to do is adding up. */
heed_status heed_exchange_poll(heed_exchange *x, bool *arrived, heed_error *err);
heed_status heed_exchange_finish(heed_exchange *x, heed_error *err); /* nothing under way: nothing happens */

/** x[0] becomes the sum of n numbers in the order above; the others are destroyed. */
void heed_tree_sum(double *x, int n);

#endif
