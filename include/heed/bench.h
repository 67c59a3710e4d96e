/* SPDX-License-Identifier: MIT */
/**
 * Measuring this machine's own limits, and heed's work as a share of them, in the same run.
 */
#ifndef HEED_BENCH_H
#define HEED_BENCH_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Median and spread of repeated measurements. */
typedef struct heed_measure {
    double median, least, most; /* seconds */
    int n;
} heed_measure;

typedef struct heed_machine {
    double f32_flops;        /* the f32 matrix product's best rate, FLOP/s */
    double bf16_flops;       /* the same in bfloat16; 0 when this processor or library has none */
    double read_bytes_per_s; /* reading memory in order, all threads */
} heed_machine;

/** Measures for about so many seconds. threads 0: one a processor. */
HEED_API heed_status heed_machine_measure(int threads, double seconds, heed_machine *out, heed_error *err);
/** "avx512, 2 threads, oneDNN 2.6.3"; the processor's own name goes to processor (128 characters). */
HEED_API heed_status heed_machine_describe(int threads, char *out, size_t size, char *processor,
                                           heed_error *err);

/* One op's part of a measured step. */
typedef struct heed_bench_row {
    const char *op;
    double seconds, flops; /* of one step */
    int n_nodes;
} heed_bench_row;

typedef struct heed_bench_result {
    heed_measure step;
    heed_measure reading;    /* decoding: a pass that only reads as many bytes, in turns with the tokens */
    heed_machine machine;    /* measured before and after the steps, the better of each */
    double flops;            /* of one step, by walking the graph */
    double bytes;            /* read by one step of decoding: the weights and the caches; 0 for training */
    int64_t tokens;          /* of one step */
    double resident_bytes;   /* what the process held while it ran */
    heed_step_memory memory; /* of a training step */
    double planned_bytes;    /* what was announced: weights, moments, the arena of a step */
    heed_bench_row rows[48]; /* where the time went, longest first */
    int n_rows;
} heed_bench_result;

/**
 * Training steps of a model with random weights on random tokens, in f32 or bf16. HEED_ERR_USAGE for other precisions.
 */
HEED_API heed_status heed_bench_training(const heed_config *config, heed_precision precision,
                                         int64_t batch_size, heed_recompute recompute, int64_t steps,
                                         int threads, heed_bench_result *out, heed_error *err);
/**
 * Decoding one token after the other of batch_size texts side by side, after a prompt of so many tokens, with matrices in
 * a precision; between them, reading alone. A step is one token of each text.
 */
HEED_API heed_status heed_bench_decode(const heed_config *config, heed_precision precision, int64_t batch_size,
                                       int64_t prompt, int64_t tokens, int threads, heed_bench_result *out,
                                       heed_error *err);

/* --- attention alone --- */

#define HEED_BENCH_LENGTHS     16 /* at most */
#define HEED_BENCH_MASKS       6
#define HEED_BENCH_CACHED_KEYS 8192

typedef struct heed_bench_attention_options {
    int64_t n_heads, head_dim;
    const int64_t *lengths; /* causal, one batch */
    int n_lengths;
    int64_t window; /* keys that a query sees, its own included; 0: all before it */
    bool bf16;      /* q, k, v in bfloat16, sums in f32 */
    bool rows;      /* the lengths with q, k and v as columns of one row a token; false: each head by itself */
    bool plain;     /* the text book beside it: scores, softmax, product, in f32 */
    bool masks;     /* what masks save */
    bool decode;    /* one query over HEED_BENCH_CACHED_KEYS keys */
    double seconds; /* about so long for each length, each form and for the masks; 0: 2 */
    int threads;
    void (*report)(void *context, const char *doing); /* before each part; may be NULL */
    void *context;
} heed_bench_attention_options;

typedef struct heed_bench_pass {
    heed_measure time; /* n 0: not measured */
    double flops;      /* of the pairs that see each other: 4 head_dim each forward, 12 with backward */
    double peak_share; /* of the matrix product that ran in turns with it */
    double bytes;      /* what the pass works in, beside q, k and v */
} heed_bench_pass;

typedef struct heed_bench_attention_row {
    int64_t length;
    double peak_flops; /* FLOP/s of the matrix product, median */
    heed_bench_pass forward, both, plain_forward, plain_both;
} heed_bench_attention_row;

/* Exponents of growth with the length, fitted in logarithms over all rows; NaN below two. */
typedef struct heed_bench_growth {
    double forward, both, bytes;
} heed_bench_growth;

typedef struct heed_bench_mask {
    const char *mask;
    double pairs, forward, both; /* as a share of those without a mask */
} heed_bench_mask;

typedef struct heed_bench_attention_result {
    heed_bench_attention_row rows[HEED_BENCH_LENGTHS];
    int n_rows;
    heed_bench_growth growth, plain_growth;
    int64_t mask_length;
    heed_bench_mask masks[HEED_BENCH_MASKS];
    int n_masks;
    heed_measure decode, reading; /* one query; reading as many bytes right after it */
    double decode_bytes;          /* keys and values; 0: not measured */
    double peak_bytes;            /* the most that the process held, measuring included */
} heed_bench_attention_result;

/** Attention by itself on random numbers. HEED_ERR_USAGE for sizes that cannot be. */
HEED_API heed_status heed_bench_attention(const heed_bench_attention_options *options,
                                          heed_bench_attention_result *out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
