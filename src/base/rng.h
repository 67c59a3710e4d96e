/* SPDX-License-Identifier: MIT */
/*
 * Random numbers by counting: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy
 * as 1, 2, 3"). The i-th block of a stream is a function of (seed, stream, i) alone, so a saved
 * position resumes exactly, and threads may draw any part of a stream in any order.
 *
 *     heed_rng rng = heed_rng_make(1337, HEED_STREAM_BATCHES);
 *     int64_t start = heed_rng_below(&rng, n_windows);
 */
#ifndef HEED_BASE_RNG_H
#define HEED_BASE_RNG_H

#include <stdint.h>

/* Streams of one seed. A stream is never reused for two purposes. */
enum {
    HEED_STREAM_INIT = 1,
    HEED_STREAM_BATCHES = 2,
    HEED_STREAM_EVAL = 3,
    HEED_STREAM_DROPOUT = 4,
    HEED_STREAM_SAMPLE = 5,
    HEED_STREAM_CORPUS = 6,
    HEED_STREAM_ORDER = 7,           /* in the low byte; the epoch lies above it */
    HEED_STREAM_TASK = 8,            /* examples of a task to learn from */
    HEED_STREAM_TASK_VALIDATION = 9, /* and to validate; the number of the window lies above both */
    HEED_STREAM_HELD_OUT = 10,       /* which pairs of a task are kept for validation */
    HEED_STREAM_REPEATED = 11,       /* tokens of the test for induction heads */
    HEED_STREAM_BOOTSTRAP = 12,      /* blocks of tokens */
    HEED_STREAM_RESAMPLE = 13,       /* positions whose activations stand in for others */
    HEED_STREAM_CONTROL = 14,        /* in the low byte; the number of the control lies above it */
    HEED_STREAM_DEMO = 15,           /* of the workbook */
    HEED_STREAM_LEARNER = 16,        /* parameters and inputs of its own graphs */
};

typedef struct heed_rng {
    uint64_t seed, stream; /* which sequence */
    uint64_t position;     /* 32-bit words drawn so far: the whole state */
} heed_rng;

heed_rng heed_rng_make(uint64_t seed, uint64_t stream);
uint32_t heed_rng_u32(heed_rng *rng);
uint64_t heed_rng_u64(heed_rng *rng);
/** Uniform in [0, 1) with 24 bits. */
float heed_rng_float(heed_rng *rng);
/** Uniform in [0, 1) with 53 bits. */
double heed_rng_double(heed_rng *rng);
/** Uniform in 0 .. n-1 without bias; n > 0. */
int64_t heed_rng_below(heed_rng *rng, int64_t n);
/** Standard normal (Box-Muller, cosine branch; two words a draw of 32 bits each). */
float heed_rng_normal(heed_rng *rng);

/** The four words of block `block` of (seed, stream), without any state. */
void heed_philox(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]);

#endif
