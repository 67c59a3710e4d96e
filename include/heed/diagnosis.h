/* SPDX-License-Identifier: MIT */
/**
 * Why does a model write what it writes? A text is generated with everything noted that went into each token, and judged:
 * does it go in a circle, was each choice sure or a guess, what did it look at, what helps.
 *
 *     heed_diagnosis *d = NULL;
 *     heed_status s = heed_diagnose(model, &prompt, &options, &d, &err);
 *     puts(heed_diagnosis_words(d));                                 "the text goes in a circle: …"
 *     for (int i = 0; i < heed_diagnosis_n_remedies(d); i++)
 *         … heed_diagnosis_remedy(d, i) …                           what to try, and what came of it
 *     heed_diagnosis_destroy(d);
 */
#ifndef HEED_DIAGNOSIS_H
#define HEED_DIAGNOSIS_H

#include <heed/generate.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- repetition of any ids --------------------------------------------------------------------------------- */

/* A circle: copies in a row up to the end, the last one perhaps cut short; three of them and six tokens, or two long ones. */
#define HEED_REPETITION_COPIES 3
#define HEED_REPETITION_SPAN   6
#define HEED_REPETITION_LONG   8 /* tokens of a copy, of which two will do */
#define HEED_REPETITION_GRAMS  4

/*
 *   loop_start   place of the first token of the first copy; -1: the ids do not end in a circle
 *   loop_length  its tokens: the shortest period of the longest stretch at the end that has one
 *   loop_copies  how often it comes, in whole copies
 *   distinct[n-1]  different n-grams / n-grams, n = 1 … 4; NaN where there are none. Li et al. 2016 (arXiv:1510.03055) 5.2
 */
typedef struct heed_repetition {
    int64_t loop_start, loop_length, loop_copies;
    double distinct[HEED_REPETITION_GRAMS];
} heed_repetition;

/** HEED_ERR_MEMORY. */
HEED_API heed_status heed_repetition_find(const int32_t *ids, size_t n, heed_repetition *out, heed_error *err);

/* ---- of a text that a model writes ------------------------------------------------------------------------- */

enum { HEED_DIAGNOSIS_ATTENDED = 3 };

/* One token that was written. Probabilities are the model's own, before temperature and filters. */
typedef struct heed_diagnosis_step {
    int32_t id;
    double probability; /* of this token */
    int32_t likeliest;
    double top, margin; /* probability of the likeliest token, and how far the second is below it */
    double entropy;     /* -sum p ln p, nats */
    /*
     * Where the position that foresaw it looked, in the mean over all heads of all layers: the places with the largest
     * weights, counted from the start of the prompt; and the weight on the token before. -1 and NaN: not known (no
     * attention, or the place has slid out of the window by the end).
     */
    int64_t attended[HEED_DIAGNOSIS_ATTENDED];
    double weight[HEED_DIAGNOSIS_ATTENDED];
    double previous;
} heed_diagnosis_step;

/* What is wrong, by the first rule that holds; thresholds are below. */
typedef enum heed_verdict {
    HEED_VERDICT_SOUND,     /* none of the others */
    HEED_VERDICT_PEAKED,    /* a circle; the mean top probability in it is HEED_VERDICT_SURE or more */
    HEED_VERDICT_CIRCLE,    /* a circle of tokens that the model is less sure of */
    HEED_VERDICT_UNTRAINED, /* no circle, and the mean entropy is at least HEED_VERDICT_FLAT of ln V */
    HEED_VERDICT_REPEATING, /* no circle, and distinct-4 is below HEED_VERDICT_DISTINCT */
    HEED_VERDICT_SCATTERED /* the text's tokens have a mean probability below HEED_VERDICT_UNLIKELY of the likeliest ones' */
} heed_verdict;

#define HEED_VERDICT_SURE     0.5
#define HEED_VERDICT_FLAT     0.9
#define HEED_VERDICT_DISTINCT 0.5
#define HEED_VERDICT_UNLIKELY 0.25

/** "sound", "peaked", "circle", "untrained", "repeating", "scattered". */
HEED_API const char *heed_verdict_name(heed_verdict verdict);

/* Something to try, and what came of it with the same prompt, length and seed. */
typedef struct heed_remedy {
    const char *words;      /* "temperature 0.8, top-p 0.95"; lent */
    heed_sampling sampling; /* with which the text was written again */
    const int32_t *ids;     /* what was written; lent */
    size_t n;
    heed_repetition repetition;
    double log_probability; /* mean of a token, the model's own */
} heed_remedy;

typedef struct heed_diagnosis heed_diagnosis;

/**
 * Writes max_tokens behind the prompt and looks at it. Of the options max_tokens, ignore_end_of_text, special, sampling and
 * session count. Where something is wrong that sampling can help, remedies are tried. HEED_ERR_USAGE: as heed_generate(), or
 * nothing was written; HEED_ERR_MEMORY; HEED_ERR_CHECK: the logits are no numbers.
 */
HEED_API heed_status heed_diagnose(const heed_model *model, const heed_prompt *prompt,
                                   const heed_generate_options *options, heed_diagnosis **diagnosis,
                                   heed_error *err);
HEED_API void heed_diagnosis_destroy(heed_diagnosis *diagnosis); /* NULL is allowed */

/** The ids of the prompt and of what was written behind it; lent. */
HEED_API const int32_t *heed_diagnosis_ids(const heed_diagnosis *diagnosis, size_t *n_prompt, size_t *n);
/** [n - n_prompt], lent. */
HEED_API const heed_diagnosis_step *heed_diagnosis_steps(const heed_diagnosis *diagnosis);
/** Of what was written; loop_start counts from its first token. */
HEED_API const heed_repetition *heed_diagnosis_repetition(const heed_diagnosis *diagnosis);
HEED_API heed_verdict heed_diagnosis_verdict(const heed_diagnosis *diagnosis);
/** The verdict with its figures and what to try, in a few sentences; lent. */
HEED_API const char *heed_diagnosis_words(const heed_diagnosis *diagnosis);
/** Means over all steps, or those of the circle where there is one. */
HEED_API heed_diagnosis_step heed_diagnosis_means(const heed_diagnosis *diagnosis);
HEED_API int heed_diagnosis_n_remedies(const heed_diagnosis *diagnosis);
HEED_API const heed_remedy *heed_diagnosis_remedy(const heed_diagnosis *diagnosis, int i);

#ifdef __cplusplus
}
#endif
#endif
