/* SPDX-License-Identifier: MIT */
/**
 * What a training step and a generated token cost, counted on the graphs that would run: memory by tensor and by moment,
 * arithmetic by op and by block. And a real step that is run and measured, to hold beside it.
 *
 *     heed_account_options options = heed_account_options_default();
 *     heed_account *account = NULL;
 *     if (heed_account_create(&config, &options, &account, &err) == HEED_OK)
 *         heed_account_totals(account)->planned_bytes …
 *     heed_account_destroy(account);
 *
 * Counting needs no weights: a model of any size can be asked about. Bytes are those that are laid out, with every tensor
 * at a multiple of 64.
 */
#ifndef HEED_ACCOUNTING_H
#define HEED_ACCOUNTING_H

#include <heed/inspect.h>
#include <heed/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_account heed_account;

/* The step: forward, backward, clipping and update. */
typedef struct heed_account_options {
    int64_t batch_size;  /* windows */
    int64_t micro_batch; /* of them in one run; the gradients of the runs add up. 0: all at once */
    int64_t length;      /* tokens of a window; 0: context_length */
    int precision;       /* a heed_precision, f32 or bf16 */
    int recompute;       /* a heed_recompute */
    int optimizer;       /* a heed_optimizer */
    bool whole_logits;   /* the loss from logits that are stored whole, as in a text book, not in tiles */
    int threads;         /* 0: one a processor; scratch memory depends on them */
} heed_account_options;

/** 12 windows, as heed train has them by default. */
HEED_API heed_account_options heed_account_options_default(void);

typedef struct heed_account_total {
    double n_parameters;
    double weights_bytes, gradients_bytes, moments_bytes;
    double arena_bytes;   /* activations, their gradients, scratch memory: what all of a step is laid into */
    double batch_bytes;   /* ids and targets */
    double planned_bytes; /* all of these */
    int n_moments;        /* points of time in a step: nodes that run */
    int peak;             /* the moment at which most of the arena is in use */
    double peak_bytes;    /* so much; the arena is larger where places do not fit together */
    double logits_bytes;  /* of the logits as a whole; 0: there are none */
    double scores_bytes;  /* of the scores of all layers as a whole; 0: no attention */
    bool logits_stored;
    double flops;       /* of a step */
    double again_flops; /* that recompute adds to them */
    heed_step_memory memory;
} heed_account_total;

typedef enum heed_account_stage {
    HEED_ACCOUNT_FORWARD,
    HEED_ACCOUNT_BACKWARD,
    HEED_ACCOUNT_NORM,   /* the length of all gradients */
    HEED_ACCOUNT_UPDATE, /* of weights and moments */
    HEED_ACCOUNT_STAGES,
} heed_account_stage;

/** "forward", "backward", "norm", "update". */
HEED_API const char *heed_account_stage_name(heed_account_stage stage);

/* While one node runs. */
typedef struct heed_account_moment {
    const char *node, *op;
    heed_account_stage stage;
    bool again;        /* it makes again what was dropped */
    double live_bytes; /* of the arena that are in use */
} heed_account_moment;

/* Tensors of one kind in the arena: one in each block, or one alone. */
typedef struct heed_account_tensor {
    char name[128]; /* "blocks.*.attn.qkv" */
    int n;
    double bytes; /* of all of them */
    bool scratch; /* memory that the node works in, not its value */
} heed_account_tensor;

/* Parameters of one component, with what training keeps for them. */
typedef struct heed_account_component {
    const char *name; /* "token embedding", "attention", … */
    int64_t n_parameters;
    double weights_bytes, gradients_bytes, moments_bytes;
} heed_account_component;

/* Arithmetic of one op, or of one part of the model. */
typedef struct heed_account_flops {
    char name[64]; /* "linear"; "embedding", "blocks.3", "head", "update" */
    int n_nodes;
    double stage[HEED_ACCOUNT_STAGES];
    double again; /* what recompute adds, in none of the stages */
} heed_account_flops;

/** HEED_ERR_USAGE, HEED_ERR_SHAPE: sizes that cannot be; HEED_ERR_MEMORY: more than any memory. */
HEED_API heed_status heed_account_create(const heed_config *config, const heed_account_options *options,
                                         heed_account **account, heed_error *err);
HEED_API void heed_account_destroy(heed_account *account); /* NULL is allowed */

/* Everything is lent by the account. */
HEED_API const heed_account_total *heed_account_totals(const heed_account *account);
HEED_API heed_account_moment heed_account_at(const heed_account *account, int moment);
/** What the arena holds at its peak, largest first. */
HEED_API const heed_account_tensor *heed_account_peak(const heed_account *account, int *n);
/** In the order of the model. */
HEED_API const heed_account_component *heed_account_components(const heed_account *account, int *n);
/** By op, most arithmetic first, and by part in the order of the model. Both add up to the step's. */
HEED_API const heed_account_flops *heed_account_flops_by_op(const heed_account *account, int *n);
HEED_API const heed_account_flops *heed_account_flops_by_part(const heed_account *account, int *n);
/** Bytes of the arena in use over the moments of a step, drawn for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_account_draw(const heed_account *account, int columns, int rows, heed_palette palette,
                                       char **out, heed_error *err);

/* --- measured --- */

typedef struct heed_account_measured {
    double planned_bytes; /* the block that was reserved, and the batch */
    double
        program_bytes; /* what the process held before the block was touched: program, libraries, plans, threads */
    double estimate_bytes;    /* both together */
    double peak_bytes;        /* the most that the process really held */
    double loss;              /* of the last step, on random tokens */
    double seconds;           /* of the last step */
    int n_steps;              /* that were run; the first one is not counted in what follows */
    int64_t n_allocations;    /* by heed in the other steps; -1: nobody counted */
    double heap_growth_bytes; /* of the process in the other steps; NaN where the C library does not say */
} heed_account_measured;

/** How often the caller's program has asked for memory so far: what a program that can count hands in. */
typedef int64_t heed_account_count_fn(void);

/**
 * Runs some training steps (2 at least) of a model with random weights on random tokens, and looks at the process.
 * HEED_ERR_MEMORY with the number, before anything runs. peak_bytes is that of the whole process: where it held more before,
 * it is what it holds after the steps. count may be NULL.
 */
HEED_API heed_status heed_account_measure(const heed_config *config, const heed_account_options *options,
                                          int n_steps, heed_account_count_fn *count, heed_account_measured *out,
                                          heed_error *err);

/* --- a generated token --- */

typedef struct heed_account_generation {
    int64_t length;          /* tokens that have been read */
    double cache_bytes;      /* of keys and values of one text: for one token ... */
    double cache_full_bytes; /* ... and for the whole context */
    double flops_cached;     /* of the next token, with the cache */
    double flops_uncached;   /* and when all of the text is computed for it */
    double bytes_read;       /* for it with the cache: weights in single precision, keys and values */
} heed_account_generation;

/** The token after `length` others. HEED_ERR_USAGE: more than the context. */
HEED_API heed_status heed_account_generate(const heed_config *config, int64_t length,
                                           heed_account_generation *out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
