/* SPDX-License-Identifier: MIT */
/**
 * Two models of one shape side by side, such as two checkpoints of one run: which heads play another role and whose patterns
 * moved, which tokens are predicted otherwise, which weights changed.
 *
 *     heed_comparison *c = NULL;
 *     heed_status s = heed_comparison_create(before, after, ids, n_ids, NULL, &c, &err);
 *     for (int i = 0; s == HEED_OK && i < heed_comparison_n_heads(c); i++)
 *         …heed_comparison_head(c, i)->variation…
 *     heed_comparison_destroy(c);
 */
#ifndef HEED_COMPARE_H
#define HEED_COMPARE_H

#include <heed/ablation.h>
#include <heed/heads.h>
#include <heed/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One head on the text. Rows that see one key have no choice and are left out.
 *
 *   variation    mean over rows of 1/2 sum_j |A_ij - B_ij|        total variation: 0 the same, 1 nothing in common
 *   divergence   mean over rows of sum_j A_ij ln(A_ij / B_ij)     KL(before || after), nats; infinite where after has a 0
 *                                                                 that before has not
 *
 * Roles are those of heed/heads.h: delimiter and first token on the text, the others on repeated random tokens, which both
 * models read alike, or on the text where the context has no room for them.
 */
typedef struct heed_compared_head {
    int layer, head;
    heed_head_scores before, after;
    bool role_changed; /* another set of roles is named */
    double variation, divergence;
} heed_compared_head;

/* One token, and what was said of it at the position before. */
typedef struct heed_compared_token {
    int32_t id;
    double loss_before, loss_after;
    heed_likelihood top_before, top_after; /* the likeliest there */
} heed_compared_token;

/* Parameters of one component in one layer. Norms are roots of sums of squares. */
typedef struct heed_compared_group {
    const char *component; /* "attention", as heed_model_parameter() has it; lent by the first model */
    int layer;             /* -1: outside of blocks */
    int64_t count;
    double norm;     /* of the weights before */
    double change;   /* of the difference */
    double relative; /* change / norm; NaN where norm is 0 */
} heed_compared_group;

typedef struct heed_compare_options {
    uint64_t seed; /* of the repeated random tokens and the interval */
    int64_t threads;
} heed_compare_options;

typedef struct heed_comparison heed_comparison;

/**
 * options NULL: seed 1337, a thread a processor. HEED_ERR_USAGE: models of another shape or with another tokenizer (the
 * message names the first difference), fewer than two ids, more than the models can read at once; HEED_ERR_MEMORY. Models
 * may differ in the precision of their weights.
 */
HEED_API heed_status heed_comparison_create(const heed_model *before, const heed_model *after,
                                            const int32_t *ids, size_t n, const heed_compare_options *options,
                                            heed_comparison **comparison, heed_error *err);
/** What the former refuses of two models; nothing else is done. */
HEED_API heed_status heed_comparison_check(const heed_model *before, const heed_model *after, heed_error *err);
HEED_API void heed_comparison_destroy(heed_comparison *comparison); /* NULL is allowed */

/** Layer by layer; none where the models have no attention. Lent. */
HEED_API int heed_comparison_n_heads(const heed_comparison *comparison);
HEED_API const heed_compared_head *heed_comparison_head(const heed_comparison *comparison, int i);
/** Were roles measured on repeated random tokens? */
HEED_API bool heed_comparison_has_test(const heed_comparison *comparison);

/** The tokens of the text but the first, which nothing predicts. Lent. */
HEED_API int64_t heed_comparison_n_tokens(const heed_comparison *comparison);
HEED_API const heed_compared_token *heed_comparison_token(const heed_comparison *comparison, int64_t i);
/** The change of the loss, a mean over these tokens. */
HEED_API heed_effect heed_comparison_effect(const heed_comparison *comparison);

/** In the order of a token's way through the model. Lent. */
HEED_API int heed_comparison_n_groups(const heed_comparison *comparison);
HEED_API const heed_compared_group *heed_comparison_group(const heed_comparison *comparison, int i);

#ifdef __cplusplus
}
#endif
#endif
