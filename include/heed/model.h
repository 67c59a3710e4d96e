/* SPDX-License-Identifier: MIT */
/**
 * A model: a configuration, its weights and its tokenizer, in a folder of Hugging Face's layout
 * (config.json, model.safetensors, tokenizer.json or vocab.json and merges.txt). Read-only once opened; sessions and threads may share it.
 *
 *     heed_model *model = NULL;
 *     if (heed_model_open("story", &model, &err) != HEED_OK) …
 *     heed_session *session = NULL;                               (heed/session.h)
 *     heed_model_close(model);
 */
#ifndef HEED_MODEL_H
#define HEED_MODEL_H

#include <heed/config.h>
#include <heed/recompute.h>
#include <heed/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_model heed_model;

/**
 * Opens the model in folder. Weights in single, half or bfloat16 precision and 8-bit ones are used where the file has them
 * (mapped, not copied). So its files must not be changed in place while it is open: where one is cut short, a number
 * behind its new end is a SIGBUS. Replacing a file, as heed's own writers do, is no change.
 * HEED_ERR_FILE: a file that is missing, damaged, of another architecture, or whose tensors do not fit the configuration.
 */
HEED_API heed_status heed_model_open(const char *folder, heed_model **model, heed_error *err);
/** A new model with random weights and without a tokenizer, to measure or to train. HEED_ERR_USAGE, HEED_ERR_MEMORY. */
HEED_API heed_status heed_model_create(const heed_config *config, uint64_t seed, heed_model **model,
                                       heed_error *err);
/**
 * A model without numbers, whatever its size: its parameters have names and sizes, and what it costs can be counted. It
 * cannot be run, and its parameters read as zeros. HEED_ERR_USAGE, HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_describe(const heed_config *config, heed_model **model, heed_error *err);
HEED_API void heed_model_close(heed_model *model); /* NULL is allowed */

/** Lent by the model. */
HEED_API const heed_config *heed_model_config(const heed_model *model);
HEED_API bool heed_model_has_tokenizer(const heed_model *model);
/** The tokenizer, lent by the model; NULL when its folder has none (tokenizer.json, or vocab.json and merges.txt). */
HEED_API const heed_tokenizer *heed_model_tokenizer(const heed_model *model);

/** Ids of n bytes of text; *ids is allocated, free() it. HEED_ERR_USAGE names a character that the vocabulary lacks. */
HEED_API heed_status heed_model_encode(const heed_model *model, const char *text, size_t n, int32_t **ids,
                                       size_t *n_ids, heed_error *err);
/** The bytes of one token, lent by the model (not NUL-terminated text: n counts); NULL without a tokenizer or for no id. */
HEED_API const char *heed_model_piece(const heed_model *model, int32_t id, size_t *n);

/** The token that ends a text: config.json's eos_token_id, else the tokenizer's special token for it; -1: none. */
HEED_API int32_t heed_model_end_of_text(const heed_model *model);

/* How numbers are stored. Matrices keep the precision that their file has; the rest is single precision in memory. */
typedef enum heed_precision {
    HEED_PRECISION_F32,
    HEED_PRECISION_BF16,
    HEED_PRECISION_F16,
    HEED_PRECISION_INT8, /* integers with a scale for each group of neighbours: docs/formats.md */
} heed_precision;

/** "f32", "bf16", "f16", "int8". */
HEED_API const char *heed_precision_name(heed_precision precision);

/* One parameter, as it is named in the checkpoint. */
typedef struct heed_parameter {
    const char *name;      /* h.0.attn.c_attn.weight */
    const char *component; /* "token embedding", "position embedding", "attention", "mlp", "norm", "head" */
    int rank;
    int64_t size[4];
    int64_t count;
    const float *data; /* the numbers in single precision; NULL where they are stored otherwise */
    heed_precision precision;
    const void *numbers; /* as they are stored; the same as data in single precision */
    /* int8 [rows, columns]: element (r, c) is numbers[r][c] times the scale of its group of `group` along `axis` */
    const float *scales; /* axis 1: [rows, groups]; axis 0: [groups, columns] */
    int64_t group;
    int axis;
    int64_t bytes; /* of numbers and scales */
} heed_parameter;

HEED_API int heed_model_n_parameters(const heed_model *model);
/** Parameter i in the order of the checkpoint; lent by the model. */
HEED_API heed_parameter heed_model_parameter(const heed_model *model, int i);
/** Its count numbers in single precision, whatever they are stored as. */
HEED_API void heed_model_read_parameter(const heed_model *model, int i, float *out);

/* Counted by walking the graph of one forward pass, or of one whole training step. */
typedef struct heed_accounting {
    double parameters;
    double flops; /* of one run */
    double bytes_read, bytes_written;
    double arena_bytes;      /* the plan's peak: activations, workspaces */
    double state_bytes;      /* weights, and when training gradients and their moments */
    int n_nodes;             /* nodes that run */
    heed_step_memory memory; /* of a training step */
} heed_accounting;

/** One forward pass over batch x length tokens, up to the logits of every position. */
HEED_API heed_status heed_model_account_forward(const heed_model *model, int64_t batch, int64_t length,
                                                heed_accounting *out, heed_error *err);
/** One training step (forward, backward, clipping, AdamW) over batch x context_length tokens, in f32 or bf16. */
HEED_API heed_status heed_model_account_training(const heed_model *model, int64_t batch,
                                                 heed_precision precision, heed_recompute recompute,
                                                 heed_accounting *out, heed_error *err);

/* Activations of one kind in a training step. */
typedef struct heed_activations {
    char name[128]; /* "blocks.*.ln1.normalized": one in each block */
    int n;
    double bytes; /* of all of them */
    bool again;   /* dropped and made again; false: they wait for the backward pass */
} heed_activations;

/**
 * What such a step's forward pass leaves for its backward pass: first what waits, the last ones first, then what is made
 * again. The caller frees *list.
 */
HEED_API heed_status heed_model_list_activations(const heed_model *model, int64_t batch,
                                                 heed_precision precision, heed_recompute recompute,
                                                 heed_activations **list, int *n, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
