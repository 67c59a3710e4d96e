/* SPDX-License-Identifier: MIT */
/**
 * What a model thinks on the way: the logit lens, what it predicts of each token, and which parts of it say so.
 *
 *     heed_lens *lens = NULL;
 *     heed_lens_options options = heed_lens_default();
 *     status = heed_lens_create(model, ids, n, &options, &lens, &err);
 *     for (int place = 0; place < heed_lens_n_places(lens); place++)
 *         …heed_lens_name(lens, place), heed_lens_at(lens, place, position)->top[0].id…
 *     heed_lens_destroy(lens);
 *
 * The lens reads the residual stream where a block begins, between its parts and where it ends, and hands it to the
 * model's own final norm and head. The last place is what the model says: its logits have the bits of the model's own
 * where all positions are looked at; a part of them is another size of product, whose sums may round differently.
 * Source of the lens: nostalgebraist 2020, "interpreting GPT: the logit lens"; of the divergence: Belrose et al. 2023
 * (arXiv:2303.08112) 2.
 */
#ifndef HEED_LENS_H
#define HEED_LENS_H

#include <heed/model.h>
#include <heed/session.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_LENS_MOST_TOP 100

typedef struct heed_lens_options {
    int64_t first, last;   /* positions that are looked at; last -1: to the end */
    int n_top;             /* likeliest tokens to keep at each, 1 .. HEED_LENS_MOST_TOP */
    bool predictions_only; /* the last place alone, the only one that a bigram model has */
    int threads;           /* 0: one a processor */
} heed_lens_options;

/** All positions and places, five tokens at each. */
HEED_API heed_lens_options heed_lens_default(void);

/* What one place says at one position of the token behind it. */
typedef struct heed_prediction {
    int32_t next; /* the token that comes; -1 behind the last, and then rank is 0 and log_probability NaN */
    int64_t rank; /* of next: 1 where no token is likelier */
    double log_probability; /* of next, natural: the loss there is -log_probability */
    double entropy;         /* of all tokens, nats; at most log(vocab_size) */
    double divergence;      /* KL(what the last place says || what this place says), nats; 0 at the last */
    int n_top;
    const heed_likelihood *top; /* the likeliest first, equal ones by their ids */
} heed_prediction;

typedef struct heed_lens heed_lens;

/**
 * Reads n ids once. HEED_ERR_USAGE: an id outside the vocabulary, more ids than positions have values for, a range of
 * positions that there is not, n_top; places of a bigram model, which has no residual stream. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_lens_create(const heed_model *model, const int32_t *ids, size_t n,
                                      const heed_lens_options *options, heed_lens **lens, heed_error *err);
HEED_API void heed_lens_destroy(heed_lens *lens); /* NULL is allowed */
/** Places in the order of the computation, the last one what the model says. */
HEED_API int heed_lens_n_places(const heed_lens *lens);
/** "blocks.0.resid_pre"; lent. */
HEED_API const char *heed_lens_name(const heed_lens *lens, int place);
/** Positions first .. last that were looked at. */
HEED_API int64_t heed_lens_first(const heed_lens *lens);
HEED_API int64_t heed_lens_last(const heed_lens *lens);
/** Lent; NULL for a place or position that is not there. */
HEED_API const heed_prediction *heed_lens_at(const heed_lens *lens, int place, int64_t position);

/* --- which parts say so --- */

/* One part that writes to the residual stream, or one bias on the way. */
typedef struct heed_contribution {
    const char *
        name; /* "embed", "pos_embed", "blocks.0.attn.z" (a head), "h.0.attn.c_proj.bias", "blocks.0.mlp_out" */
    int layer, head; /* -1: none */
    double value;    /* what it adds to the logit */
} heed_contribution;

typedef struct heed_attribution {
    int64_t position;
    int32_t token, against; /* against -1: the logit of token, otherwise the difference of the two */
    double logit;           /* the model's own */
    double remainder;       /* logit less the sum of all contributions */
    double bound;           /* what rounding may make of the remainder */
    int n;
    heed_contribution *list; /* in the order of the computation */
} heed_attribution;

/**
 * Direct logit attribution at one position: the logit (or the difference of two) as a sum over the parts that write to
 * the residual stream. What a part writes goes straight to the head; norms on its way keep the scale that they have in
 * this run. So
 *
 *     logit = sum_c u . x_c + biases       u = the head's row (less against's), led back through the frozen norms
 *
 * with x_c the embeddings, z_h W_O of each head, each feed-forward with its bias (a mixture of experts counts as one), and
 * as rows of their own the biases of attention and of norms. Post-norm: each norm on the way is frozen. Without
 * residuals only the last part writes to what the head reads, and it alone is split.
 * Source: TransformerLens, ActivationCache.get_full_resid_decomposition and apply_ln_to_stack, which freeze the scale in
 * the same way; Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits".
 * HEED_ERR_USAGE: a token or position that there is not, a bigram model, which adds nothing up.
 */
HEED_API heed_status heed_model_attribute(const heed_model *model, const int32_t *ids, size_t n,
                                          int64_t position, int32_t token, int32_t against,
                                          heed_attribution *out, heed_error *err);
HEED_API void heed_attribution_free(heed_attribution *attribution); /* an empty struct is allowed */

#ifdef __cplusplus
}
#endif
#endif
