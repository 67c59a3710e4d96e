/* SPDX-License-Identifier: MIT */
/**
 * What a part of a model is good for: the loss without it, and what of another text's run it carries.
 *
 *     heed_component parts[8];
 *     int n_parts = 0;
 *     heed_status s = heed_components_read(model, "3.5,4.mlp", parts, 8, &n_parts, &err);
 *     heed_ablation *a = NULL;
 *     s = heed_ablation_create(model, ids, n_ids, parts, n_parts, NULL, &a, &err);
 *     heed_ablation_effect(a).mean                         nats a token that the loss rises by
 *     heed_ablation_destroy(a);
 *
 * A run begins at the first layer that is changed, from residuals that were stored, and has the bits of a whole one. A text
 * that is longer than the context is read in windows of the context, one beside the other.
 */
#ifndef HEED_ABLATION_H
#define HEED_ABLATION_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- parts of a model --- */

typedef enum heed_component_kind {
    HEED_COMPONENT_HEAD,       /* one head's output before W_O: blocks.L.attn.z of head h */
    HEED_COMPONENT_ATTENTION,  /* what attention adds to the residual: blocks.L.attn_out, bias and all */
    HEED_COMPONENT_MLP,        /* what the feed-forward adds: blocks.L.mlp_out */
    HEED_COMPONENT_LAYER,      /* both */
    HEED_COMPONENT_ACTIVATION, /* all of one activation, by name */
} heed_component_kind;

typedef struct heed_component {
    int kind;       /* heed_component_kind */
    int layer;      /* of all kinds but activations */
    int head;       /* of heads */
    char name[128]; /* of activations: heed's, TransformerLens' or transformers' */
} heed_component;

/**
 * Reads a list with commas between: 3 a layer, 3.5 a head, 3.attn, 3.mlp, blocks.3.mlp.post an activation. A number may be
 * a range, 2-5, or *, all: *.mlp, 3.*. What stands twice is taken once. HEED_ERR_USAGE says what there is not, and the near
 * word; an activation that nothing is computed from (patterns and scores are written beside the computation) with what to take
 * instead; more than `capacity` parts.
 */
HEED_API heed_status heed_components_read(const heed_model *model, const char *list, heed_component *out,
                                          int capacity, int *n, heed_error *err);
/** The part as such a list has it: "3.5". out holds 128 characters; returns out. */
HEED_API const char *heed_component_text(char *out, const heed_component *component);

/* --- effects --- */

/*
 * A mean over tokens with its interval: circular block bootstrap (Politis and Romano 1992), 2000 resamples of blocks of
 * n^(1/3) neighbouring tokens, the 2.5 and 97.5 percentiles of their means. Neighbours are kept together because they are
 * not independent. It speaks of other tokens of such a text, not of other texts.
 */
typedef struct heed_effect {
    double mean; /* nats a token; NaN or infinite where a loss is */
    double low, high;
} heed_effect;

/** The same for any numbers, n from 0 on. HEED_ERR_MEMORY. */
HEED_API heed_status heed_effect_of(const double *numbers, size_t n, uint64_t seed, heed_effect *out,
                                    heed_error *err);

/* --- ablation --- */

/* By what a part's output is replaced. */
typedef enum heed_ablate_method {
    HEED_ABLATE_ZERO, /* zeros */
    HEED_ABLATE_MEAN, /* its mean over the positions of the text, or of the reference, but the last, which predicts nothing */
    HEED_ABLATE_RESAMPLE, /* its output at other positions of the text (shuffled), or at drawn ones of the reference */
} heed_ablate_method;

/** "zero", "mean", "resample", then NULL. */
HEED_API const char *const *heed_ablate_methods(void);

/** Called after each run; false stops with HEED_ERR_INTERRUPTED. */
typedef bool heed_ablate_progress_fn(void *context, int64_t n_done, int64_t n_runs);

#define HEED_ABLATE_MAX_CONTROLS 1000

typedef struct heed_ablate_options {
    int method;               /* heed_ablate_method */
    const int32_t *reference; /* ids of a text for mean and resample; NULL: the text itself */
    size_t n_reference;
    uint64_t seed;        /* of what is drawn */
    int64_t n_controls;   /* of each kind, for each ablation */
    int64_t n_controlled; /* of a sweep: parts that get any, those that change the loss most; 0: all */
    int64_t threads;      /* 0: one a processor */
    heed_ablate_progress_fn *progress; /* NULL: none */
    void *progress_context;
} heed_ablate_options;

/** Zeros, ten controls of each kind, seed 1337. */
HEED_API heed_ablate_options heed_ablate_default(void);

/*
 * What an ablation is held against. A number is high or low only beside what chance gives.
 *   OTHERS     as many other parts of the same kinds, drawn at random: are these parts special?
 *   DIRECTION  the same parts moved as far as the ablation moves them, at each position, but in a random direction: is it
 *              what is removed that matters, or would any disturbance of that size do?
 */
typedef enum heed_control { HEED_CONTROL_OTHERS, HEED_CONTROL_DIRECTION, HEED_N_CONTROLS } heed_control;

typedef struct heed_ablation heed_ablation;

/**
 * Runs a text of n >= 2 tokens with and without the parts. options NULL: the default. HEED_ERR_USAGE: no parts, a
 * part there is not, an activation that nothing reads (patterns and scores are written beside the computation: a change there
 * changes nothing), a text that is too short, an id outside the vocabulary; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_ablation_create(const heed_model *model, const int32_t *ids, size_t n,
                                          const heed_component *parts, int n_parts,
                                          const heed_ablate_options *options, heed_ablation **ablation,
                                          heed_error *err);
HEED_API void heed_ablation_destroy(heed_ablation *ablation); /* NULL is allowed */

HEED_API int64_t heed_ablation_n_tokens(const heed_ablation *ablation);
/** Windows that the text was read in. */
HEED_API int64_t heed_ablation_n_windows(const heed_ablation *ablation);
/** Of each token, its loss with all parts and without those; NaN for the first, which nothing predicts. Lent. */
HEED_API const double *heed_ablation_losses(const heed_ablation *ablation);
HEED_API const double *heed_ablation_ablated_losses(const heed_ablation *ablation);
/** The change of the loss, a mean over the tokens but the first. */
HEED_API heed_effect heed_ablation_effect(const heed_ablation *ablation);
/** The changes that controls of a kind make, in the order in which they were drawn; *n may be 0: there are not enough others. */
HEED_API const double *heed_ablation_controls(const heed_ablation *ablation, heed_control kind, int *n);

/* --- a sweep: every part by itself --- */

typedef struct heed_sweep_entry {
    heed_component part;
    heed_effect effect;  /* of its ablation */
    heed_effect control; /* of moving it as far in random directions: the mean of its controls */
    heed_effect beyond;  /* effect - control, token by token; an interval without 0 says that they differ */
} heed_sweep_entry;

typedef struct heed_ablation_sweep heed_ablation_sweep;

/**
 * Ablates each head and each feed-forward of the model, one after the other; then the n_controlled parts that change the loss
 * most each get n_controls random directions of their own. options NULL: the default, but one control for each of 24
 * parts. Numbers of controls that there are not are NaN. Errors as above.
 */
HEED_API heed_status heed_ablation_sweep_create(const heed_model *model, const int32_t *ids, size_t n,
                                                const heed_ablate_options *options, heed_ablation_sweep **sweep,
                                                heed_error *err);
HEED_API void heed_ablation_sweep_destroy(heed_ablation_sweep *sweep); /* NULL is allowed */
/** Parts in the order of the model: the heads of layer 0, its feed-forward, the heads of layer 1, … Lent. */
HEED_API int heed_ablation_sweep_count(const heed_ablation_sweep *sweep);
HEED_API const heed_sweep_entry *heed_ablation_sweep_at(const heed_ablation_sweep *sweep, int i);
HEED_API int64_t heed_ablation_sweep_n_tokens(const heed_ablation_sweep *sweep);
HEED_API double heed_ablation_sweep_loss(
    const heed_ablation_sweep *sweep); /* of the whole model, nats a token */
/** The middle nine tenths of all controls' changes. */
HEED_API void heed_ablation_sweep_band(const heed_ablation_sweep *sweep, double *low, double *high);

/* --- activation patching --- */

/* What says how near a run has come to the clean one; measured at the last position. */
typedef enum heed_patch_metric {
    HEED_PATCH_LOGIT_DIFFERENCE, /* logit of the answer - logit of the wrong token */
    HEED_PATCH_PROBABILITY,      /* of the answer */
    HEED_PATCH_LOSS,             /* -log of it */
} heed_patch_metric;

/** "logit_difference", "probability", "loss", then NULL. */
HEED_API const char *const *heed_patch_metrics(void);

typedef struct heed_patch_options {
    int metric;            /* heed_patch_metric */
    int32_t answer, wrong; /* tokens; -1: the likeliest after the clean text, and after the corrupted one */
    int64_t threads;       /* 0: one a processor */
    heed_ablate_progress_fn *progress; /* NULL: none */
    void *progress_context;
} heed_patch_options;

HEED_API heed_patch_options heed_patch_default(void); /* logit difference, both tokens from the model */

typedef struct heed_patching heed_patching;

/**
 * Two texts of equally many tokens, within the context: activations of the clean one's run are patched into the corrupted
 * one's. Source: causal tracing, Meng et al. 2022 (arXiv:2202.05262); its normalised form is that of TransformerLens'
 * activation patching: 0 is the corrupted run, 1 the clean one. HEED_ERR_USAGE says how the texts differ in length.
 */
HEED_API heed_status heed_patching_create(const heed_model *model, const int32_t *clean, size_t n_clean,
                                          const int32_t *corrupted, size_t n_corrupted,
                                          const heed_patch_options *options, heed_patching **patching,
                                          heed_error *err);
HEED_API void heed_patching_destroy(heed_patching *patching); /* NULL is allowed */

HEED_API int64_t heed_patching_n_tokens(const heed_patching *patching);
HEED_API int32_t heed_patching_answer(const heed_patching *patching);
HEED_API int32_t heed_patching_wrong(const heed_patching *patching);
/** The metric of the two runs. */
HEED_API double heed_patching_metric(const heed_patching *patching, bool clean);

/**
 * The corrupted run with these parts of the clean one, at one position or at all (-1). *metric is the metric itself, *recovery
 * (metric - corrupted) / (clean - corrupted): NaN where the two runs give the same. Either may be NULL. HEED_ERR_USAGE.
 */
HEED_API heed_status heed_patching_run(heed_patching *patching, const heed_component *parts, int n_parts,
                                       int64_t position, double *metric, double *recovery, heed_error *err);

/* What a grid patches, a cell a run. */
typedef enum heed_patch_grid {
    HEED_PATCH_RESIDUALS, /* [n_tokens, n_layers] blocks.L.resid_pre at a position */
    HEED_PATCH_HEADS,     /* [n_layers, n_heads] a head's output at all positions */
    HEED_PATCH_ATTENTION, /* [n_tokens, n_layers] blocks.L.attn_out at a position */
    HEED_PATCH_MLP,       /* [n_tokens, n_layers] blocks.L.mlp_out at a position */
} heed_patch_grid;

/** "residuals", "heads", "attention", "mlp", then NULL. */
HEED_API const char *const *heed_patch_grids(void);

/**
 * *recovery [*n_rows, *n_columns], allocated: free() it. Positions before the first where the texts differ are 0 without a
 * run: there both runs have the same bits.
 */
HEED_API heed_status heed_patching_sweep(heed_patching *patching, heed_patch_grid grid, double **recovery,
                                         int64_t *n_rows, int64_t *n_columns, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
