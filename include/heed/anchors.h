/* SPDX-License-Identifier: MIT */
/**
 * Is this loss normal? What a run's validation loss can be held against: what guessing would give, what the frequencies
 * of tokens and of pairs would, the entropy where it is known, and what others have reached with the same recipe.
 *
 *     heed_anchors anchors;
 *     char words[HEED_ANCHORS_WORDS];
 *     if (heed_trainer_anchors(trainer, &anchors, &err) == HEED_OK)
 *         puts(heed_anchors_say(&anchors, progress.step, progress.validation_loss, words));
 */
#ifndef HEED_ANCHORS_H
#define HEED_ANCHORS_H

#include <heed/train.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_ANCHORS_WORDS 512 /* bytes of a sentence, with its zero */

/* Losses are in nats a token, on validation; NaN: not known. */
typedef struct heed_anchors {
    double uniform;       /* ln vocab_size: every token is as likely */
    double unigram;       /* tokens by their frequencies in the training part */
    double bigram;        /* and by the token before */
    double floor;         /* the entropy of a built-in text */
    double first_loss;    /* of the run's first step that had targets */
    const char *recipe;   /* whose settings these are; NULL: nobody's that is known */
    const char *source;   /* where its loss stands */
    double recipe_loss;   /* after recipe_steps */
    int64_t recipe_steps; /* 0: no recipe */
    const double *
        curve; /* [n_curve] pairs of step and validation loss on the way, rising in steps; measured with heed */
    int n_curve;
} heed_anchors;

/**
 * Counts the tokens of the run's text, at most its first 20 million, or 2 million with a vocabulary above 2048. Counts
 * are smoothed by Witten and Bell's method, in which a context with u different followers gives u / (n + u) of its
 * probability to the shorter context.
 *
 *   p1(b)     = (n_b  + u / V)      / (n   + u)        u   different tokens, V vocab_size
 *   p2(b | a) = (n_ab + u_a p1(b))  / (n_a + u_a)      u_a different tokens after a
 *
 * HEED_ERR_MEMORY: heed_anchors_bytes(). Source: Witten and Bell 1991, IEEE Transactions on Information Theory 37 (4),
 * method C.
 */
HEED_API heed_status heed_trainer_anchors(const heed_trainer *trainer, heed_anchors *anchors, heed_error *err);

/** Bytes that heed_trainer_anchors() takes while it counts, at most: 12 a token of the vocabulary and up to 32 MB for pairs. */
HEED_API double heed_anchors_bytes(const heed_trainer *trainer);

/** The validation loss that runs of so many steps of this recipe usually end with; NaN where it is not known. */
HEED_API double heed_anchors_usual(const heed_anchors *anchors, int64_t steps);

/** One sentence on where the validation loss at the end of so many steps lies. Returns out. */
HEED_API const char *heed_anchors_say(const heed_anchors *anchors, int64_t steps, double validation_loss,
                                      char out[HEED_ANCHORS_WORDS]);

#ifdef __cplusplus
}
#endif
#endif
