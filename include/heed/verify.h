/* SPDX-License-Identifier: MIT */
/**
 * Every number on the way: a model against stored reference activations, and its own activations written down.
 *
 *     heed_verification *v = NULL;
 *     heed_status s = heed_model_verify(model, "reference.safetensors", NULL, &v, &err);
 *     for (int i = 0; s == HEED_OK && i < heed_verification_count(v); i++)
 *         …heed_verification_at(v, i)…                             in the order of the computation
 *     heed_verification_destroy(v);
 *
 * The file is a safetensors. It holds token ids, and tensors with names of activations:
 *
 *     ids, input_ids, tokens, prompt      [T] or [batch, T]; or the metadata's "text", which the tokenizer encodes
 *     targets                             [batch, T] of the loss, negative: none; labels: the same, one place later. Without
 *                                         either the loss is that of predicting the ids themselves
 *     blocks.0.attn.pattern, logits, loss heed's names
 *     blocks.0.attn.hook_pattern          TransformerLens', with its layout [batch, T, n_heads, head_dim]
 *     hidden_states.3, attentions.0       transformers' outputs; last_hidden_state
 *     transformer.h.0.mlp                 what a hook on that module sees
 *     grad/h.0.mlp.c_fc.weight            the loss' gradient
 *
 * Several cases lie in one file as CASE/NAME, each with ids of its own. Tolerances are the metadata's CASE/atol/NAME and
 * CASE/rtol/NAME (a NAME of * is for all). A number passes when |got - expected| <= atol + rtol |expected|, an infinity
 * when it is the same.
 */
#ifndef HEED_VERIFY_H
#define HEED_VERIFY_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_VERIFY_TOLERANCE 1e-4 /* atol and rtol where neither the file nor the caller has one */

typedef struct heed_verify_options {
    double atol, rtol; /* negative: the file's */
    int threads;       /* 0: one a processor */
} heed_verify_options;

/* One tensor of the file. */
typedef struct heed_verified {
    const char *name; /* in the file */
    const char *node; /* heed's; NULL: no activation has this name, and it was passed over */
    const char *near; /* then perhaps a name that was meant */
    int rank;
    int64_t size[8];
    int64_t count;   /* numbers */
    int64_t n_wrong; /* that differ by more than the tolerance */
    int64_t
        worst; /* the first of them in the file's order, where none is wrong the one that differs most; -1: none */
    double got, expected; /* of that one */
    double max_error;     /* the largest |got - expected|; infinite where only one is a number */
    double atol, rtol;
    const char
        *problem; /* why it could not be compared at all, "expected [1, 4], file has [4, 1]"; NULL: it was */
    bool agrees;
} heed_verified;

typedef struct heed_verification heed_verification;

/**
 * Computes and compares. options NULL: the file's tolerances. Differences are no failure of this function.
 * HEED_ERR_FILE: a file that is damaged, has no ids or none that fit the model; HEED_ERR_USAGE: a text without a
 * tokenizer; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_verify(const heed_model *model, const char *path,
                                       const heed_verify_options *options, heed_verification **verification,
                                       heed_error *err);
HEED_API void heed_verification_destroy(heed_verification *verification); /* NULL is allowed */
/** Tensors, case by case in the order of the computation, those that were passed over last. Lent. */
HEED_API int heed_verification_count(const heed_verification *verification);
HEED_API const heed_verified *heed_verification_at(const heed_verification *verification, int i);
/** The first that differs, NULL when all that was compared agrees. */
HEED_API const heed_verified *heed_verification_first_wrong(const heed_verification *verification);

/**
 * Writes ids, and the activations of a model that reads them, to a file that heed_model_verify() takes. names NULL: every
 * activation that has a name, and the loss. One of TransformerLens' names is written as heed's. HEED_ERR_USAGE: an id or a name that there is not; HEED_ERR_FILE.
 */
HEED_API heed_status heed_model_record(const heed_model *model, const int32_t *ids, size_t n,
                                       const char *const *names, int n_names, const char *path,
                                       heed_error *err);

/** Called with dense numbers in the shape of the activation, lent for the call. */
typedef void heed_activation_fn(void *context, const char *name, int rank, const int64_t *size,
                                const float *numbers);
/**
 * Shows activations by name (any of the above) while the model reads n ids, in the order of the computation; nothing else
 * changes, and what nobody asks for is not kept. HEED_ERR_USAGE: an id or a name that there is not, with the near one.
 */
HEED_API heed_status heed_model_observe(const heed_model *model, const int32_t *ids, size_t n,
                                        const char *const *names, int n_names, heed_activation_fn *show,
                                        void *context, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
