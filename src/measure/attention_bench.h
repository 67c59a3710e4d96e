/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the benchmark of attention share: lengths (attention.c), masks (attention_masks.c), decoding
 * (attention_decode.c).
 *
 * Everything that is compared runs in turns, one after the other, again and again, and the medians are compared: the
 * clock of a processor wanders, and moves both alike. Memory is taken once before the first run.
 */
#ifndef HEED_MEASURE_ATTENTION_BENCH_H
#define HEED_MEASURE_ATTENTION_BENCH_H

#include <heed/bench.h>

#include "measure/attention_case.h"

#define HEED_ATTENTION_MOST_TURNS 100

typedef struct heed_attention_turns {
    double seconds[HEED_ATTENTION_PASSES][HEED_ATTENTION_MOST_TURNS];
    double peaks[HEED_ATTENTION_MOST_TURNS]; /* FLOP/s of a matrix product */
    int n;
} heed_attention_turns;

/** Tells who called what is being measured. */
void heed_attention_report(const heed_bench_attention_options *options, const char *doing, int64_t length);
/** One run of something; seconds. */
typedef double heed_attention_run_fn(void *context);
/** Seconds of a run: the mean over a turn of 10 ms, after one run that does not count; a single run if that is longer. */
double heed_attention_turn(heed_attention_run_fn *run, void *context);
/** The same of one pass of a case. */
double heed_attention_pass_turn(heed_attention_case *c, int pass);
/** Is another turn due, after n of them since begin? */
bool heed_attention_go_on(const heed_bench_attention_options *options, int n, double begin);
/** Reserves a block that the plans of all these cases share, since they run one at a time. */
heed_status heed_attention_place_all(heed_attention_case *cases, int n, void **block, size_t *bytes,
                                     heed_error *err);

/** Fills mask_length and masks. */
heed_status heed_attention_masks_measure(const heed_bench_attention_options *options, heed_device *device,
                                         heed_bench_attention_result *out, heed_error *err);
/** Fills decode, reading and decode_bytes. */
heed_status heed_attention_decode_measure(const heed_bench_attention_options *options, heed_device *device,
                                          heed_bench_attention_result *out, heed_error *err);

#endif
