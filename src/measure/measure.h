/* SPDX-License-Identifier: MIT */
/* What the benchmarks of training and of decoding share. */
#ifndef HEED_MEASURE_MEASURE_H
#define HEED_MEASURE_MEASURE_H

#include <heed/bench.h>

#include "graph/plan.h"

/** Median, least and most of n times; sorts them. */
heed_measure heed_measure_of(double *seconds, int n);
/** Adds to rows, which begin empty: the seconds and FLOPs of a plan's steps, one run's worth, added up by op, longest first. */
void heed_measure_rows(const heed_plan *plan, int64_t n_runs, heed_bench_result *out);
/** The better of two measurements of the machine, limit by limit. */
heed_machine heed_machine_better(const heed_machine *a, const heed_machine *b);

#endif
