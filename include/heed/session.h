/* SPDX-License-Identifier: MIT */
/**
 * A session: one text being read and continued by a model. It holds the key/value cache, the position, the random
 * numbers and the logits, and belongs to one thread. Several sessions may share a model.
 *
 *     heed_sampling sampling = heed_sampling_default();
 *     heed_session *session = NULL;
 *     heed_status s = heed_session_open(model, NULL, &session, &err);
 *     s = heed_session_feed(session, ids, n_ids, &err);           the prompt
 *     while (n-- > 0) {
 *         int32_t id = heed_session_sample(session, &sampling);
 *         …print heed_model_piece(model, id, &n_bytes)…
 *         s = heed_session_feed(session, &id, 1, &err);
 *     }
 *     heed_session_close(session);
 */
#ifndef HEED_SESSION_H
#define HEED_SESSION_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_session heed_session;

/* What happens when the context is full and more tokens are to be read. */
typedef enum heed_overflow {
    HEED_OVERFLOW_SLIDE, /* the older half is forgotten, the newer half read again */
    HEED_OVERFLOW_STOP,  /* generation ends there; a prompt that is too long is refused */
    HEED_OVERFLOW_ERROR, /* prompt and max_tokens must fit, or nothing is generated */
} heed_overflow;

typedef struct heed_session_options {
    bool no_cache;          /* compute the whole text again for each token: slow, the yardstick of the cache */
    int threads;            /* 0: one a processor */
    uint64_t seed;          /* of sampling */
    int64_t context_length; /* tokens the window holds; 0: the model's */
    heed_overflow overflow; /* a session itself refuses what does not fit, unless it slides */
} heed_session_options;

/* How often a window has slid, and how many tokens were forgotten by that. */
typedef struct heed_slides {
    int64_t n, forgotten;
} heed_slides;

/*
 * How the next token is drawn from the logits. All zero, but for top_p 1, is: always the likeliest token.
 *
 * Penalties act on the logits z of tokens that were there before, c times each, in the last penalty_span tokens:
 *
 *   repetition_penalty r   z / r where z > 0, z r where z < 0      Keskar et al. 2019 (arXiv:1909.05858) 4.1, both signs
 *   presence_penalty p     z - p
 *   frequency_penalty f    z - f c
 *
 * Then z is divided by the temperature, and top_k, top_p and min_p take tokens away, each from what the one before left.
 */
typedef struct heed_sampling {
    double temperature; /* 0: always the likeliest token, whatever the filters say */
    int64_t top_k;      /* only the k likeliest; 0: all */
    double top_p;       /* only the likeliest tokens whose mass before them is below p; 1: all */
    double min_p;       /* only tokens that are at least so likely as this share of the likeliest; 0: all */
    double repetition_penalty, presence_penalty, frequency_penalty; /* 1 or 0, 0, 0: none */
    int64_t penalty_span; /* how many tokens back they look; 0: at all that were read */
    bool spare_prompt;    /* they do not look at the prompt: what was read before the first token was drawn */
} heed_sampling;

HEED_API heed_sampling heed_sampling_default(void); /* temperature 0.8, all else off */
HEED_API const heed_field *heed_sampling_fields(int *n);

/**
 * options NULL: the cache, all processors, seed 0, the model's context. HEED_ERR_USAGE: a context longer than the table
 * of its positions; positions that have no table know every length. HEED_ERR_MEMORY with the number of bytes.
 */
HEED_API heed_status heed_session_open(const heed_model *model, const heed_session_options *options,
                                       heed_session **session, heed_error *err);
HEED_API void heed_session_close(heed_session *session); /* NULL is allowed */

/**
 * Reads n more tokens. When the context is full, the window slides: the older half is forgotten and the newer half is
 * read again, with or without the cache in the same way, so both give the same tokens.
 * HEED_ERR_USAGE: an id outside the vocabulary, or no token at all.
 */
HEED_API heed_status heed_session_feed(heed_session *session, const int32_t *ids, size_t n, heed_error *err);
/** Logits of the next token [vocab_size], lent until the next call; NULL before the first token. */
HEED_API const float *heed_session_logits(const heed_session *session);
/** Tokens that the window holds now. */
HEED_API int64_t heed_session_length(const heed_session *session);
/** How often the window has slid. */
HEED_API heed_slides heed_session_slides(const heed_session *session);
/** Draws the next token, or gives -1 when none has been fed yet. Equal logits are taken in the order of their ids. */
HEED_API int32_t heed_session_sample(heed_session *session, const heed_sampling *sampling);

/* --- what a model says of the next token, before temperature, filters and penalties --- */

typedef struct heed_likelihood {
    int32_t id;
    double log_probability; /* natural: log softmax(logits)[id] */
} heed_likelihood;

/** Log-probability of one of n tokens. */
HEED_API double heed_logits_log_probability(const float *logits, int64_t n, int32_t id);
/** The n_out likeliest of n tokens, the likeliest first, equal ones by their ids. n_out is at most n. */
HEED_API void heed_logits_likeliest(const float *logits, int64_t n, heed_likelihood *out, int64_t n_out);

/**
 * The probabilities [n] that sampling draws from: softmax of the logits over temperature, after top_k, top_p and min_p,
 * and renormalised. Tokens that are filtered away have 0. Penalties need a text and are left out. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_sampling_probabilities(const heed_sampling *sampling, const float *logits, int64_t n,
                                                 double *probabilities, heed_error *err);

/* A mean loss over many tokens. */
typedef struct heed_evaluation {
    double loss;          /* nats a token */
    double perplexity;    /* e^loss */
    double nats_per_byte; /* of the text; NaN when not all of its tokens count */
    int64_t n_tokens;     /* predicted */
} heed_evaluation;

typedef struct heed_evaluation_options {
    int64_t context_length; /* of the windows; 0: the model's. Refused like that of a session. */
    int64_t last; /* only the last so many tokens of each window count, those that saw the most; 0: all */
    int threads;  /* 0: one a processor */
} heed_evaluation_options;

/**
 * The loss on every token of a text but its first, in windows that do not overlap. options NULL: all zero.
 * HEED_ERR_USAGE, HEED_ERR_MEMORY; HEED_ERR_CHECK when the loss is not a number.
 */
HEED_API heed_status heed_model_evaluate(const heed_model *model, const char *text, size_t n, const char *name,
                                         const heed_evaluation_options *options, heed_evaluation *out,
                                         heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
