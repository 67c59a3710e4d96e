/* SPDX-License-Identifier: MIT */
/*
 * Work over several threads: the only place that knows OpenMP.
 *
 * Work is cut into pieces by its size alone, and pieces write disjoint results; a sum is never cut
 * differently for another number of threads. So results do not depend on the number of threads.
 */
#ifndef HEED_BASE_PARALLEL_H
#define HEED_BASE_PARALLEL_H

#include <stdint.h>

/** Handles items begin .. end-1; `thread` is 0 .. n_threads-1 and names a scratch area. */
typedef void heed_range_fn(void *context, int64_t begin, int64_t end, int thread);

/**
 * Calls fn over 0 .. n-1 in pieces of `grain` items (the last may be shorter), on at most n_threads threads,
 * and returns when all is done. Pieces are handed out in order as threads become free. One piece runs inline.
 */
void heed_parallel(int n_threads, int64_t n, int64_t grain, heed_range_fn *fn, void *context);

/** Processors this process may use. */
int heed_processor_count(void);

#endif
