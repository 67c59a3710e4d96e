/* SPDX-License-Identifier: MIT */
/**
 * Generation: a model continues texts, and hands them on token by token.
 *
 *     static bool show(void *context, const heed_written *w)
 *     {
 *         fwrite(w->text, 1, w->n_text, stdout);
 *         return true;                                            false ends this text
 *     }
 *     …
 *     const heed_prompt prompt = {.text = "One day", .n_text = 7};
 *     heed_generate_options options = heed_generate_default();
 *     options.stop = (const char *[]){"\n"};
 *     options.n_stop = 1;
 *     status = heed_generate(model, &prompt, 1, &options, show, NULL, NULL, &err);
 *
 * Several prompts, and several texts of one prompt, are written side by side by one graph. A session (session.h), which
 * the caller keeps, is continued by heed_session_generate(). Calls on different threads do not disturb each other.
 */
#ifndef HEED_GENERATE_H
#define HEED_GENERATE_H

#include <heed/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a text ended. */
typedef enum heed_finish {
    HEED_FINISH_NONE,        /* it goes on */
    HEED_FINISH_LENGTH,      /* max_tokens are written */
    HEED_FINISH_STOP,        /* a stop string came */
    HEED_FINISH_END_OF_TEXT, /* the model's token for it came */
    HEED_FINISH_CONTEXT,     /* the context is full, and overflow says stop */
    HEED_FINISH_CALLER,      /* the callback gave false */
} heed_finish;

/** "length", "stop", "end_of_text", "context", "caller"; "none". */
HEED_API const char *heed_finish_name(heed_finish finish);

typedef struct heed_generate_options {
    int64_t max_tokens; /* of each text, behind its prompt */
    int64_t n;          /* texts of each prompt: text i is the one that seed + i gives alone */
    int64_t
        batch_size; /* texts that are written side by side, at most; each has a key/value cache. Others wait. */

    /*
     * beams > 0: beam search in place of drawing. Every beam is extended by every token, and the `beams` likeliest go on;
     * the n best that ended, or have max_tokens, are the texts. A text Y of |Y| tokens is as good as
     *
     *   log P(Y) / ((5 + |Y|) / 6)^length_penalty          Wu et al. 2016 (arXiv:1609.08144) 7, eq. 14; 0: log P(Y)
     *
     * The search ends when no beam that is still open can become better than the n-th.
     */
    int64_t beams;
    double length_penalty;

    /* what ends a text before max_tokens */
    const char *const *stop; /* [n_stop] in what is written, not in the prompt; not handed on themselves */
    int n_stop;
    bool ignore_end_of_text;

    bool special; /* special tokens act where a prompt spells them, such as <|endoftext|> */
    bool
        log_probabilities; /* of each token that is written: the model's own, before temperature and the like */
    int64_t likeliest;     /* and so many of the likeliest tokens in its place */
    bool
        prompt_log_probabilities; /* the same for the prompt's tokens: handed on before the first text of each prompt */

    heed_sampling sampling;
    heed_session_options session;
} heed_generate_options;

/** 200 tokens, one text, 8 side by side, heed_sampling_default(). */
HEED_API heed_generate_options heed_generate_default(void);
/** What has a name of its own in the options: not stop, sampling and session. */
HEED_API const heed_field *heed_generate_fields(int *n);

/* Text, or tokens where id_list is given. An empty text is the token that ends texts, else a newline, else token 0. */
typedef struct heed_prompt {
    const char *text;
    size_t n_text;
    const int32_t *ids;
    size_t n_ids;
} heed_prompt;

/* A token of a text. What it points to is lent for the call. */
typedef struct heed_written {
    int64_t prompt, sample; /* which text: number of its prompt; 0 .. n-1 */
    bool in_prompt;         /* it was read, not written: with prompt_log_probabilities */
    int32_t id;             /* -1: none, where a text ends without a token (max_tokens 0) */
    const char *piece;      /* its bytes; not always whole characters */
    size_t n_piece;
    double log_probability;           /* NaN when nobody asked, and for the first token of all */
    const heed_likelihood *likeliest; /* [n_likeliest] what could have stood there, the likeliest first */
    int64_t n_likeliest;
    /*
     * What is certain of the text now: whole characters, and nothing that may become a stop string. Bytes that are not
     * UTF-8 come as they are, once no character can begin with them. With the last token comes all that is left.
     */
    const char *text;
    size_t n_text;
    heed_finish finish; /* not NONE: the last call for this text */
} heed_written;

/** Returns false to end the text: its last call has then been made. */
typedef bool heed_generate_fn(void *context, const heed_written *written);

/* What a text came to. */
typedef struct heed_generated {
    heed_finish finish;
    int64_t n_prompt, n_written; /* tokens; what ended the text (a token, or one with a stop string) counts */
    heed_slides slides;
    double log_probability; /* of all that was written; NaN without log_probabilities or beams */
    double score;           /* the same by the length penalty; beams only, else NaN */
} heed_generated;

/**
 * Continues n_prompts prompts. Calls come in the order in which tokens are written: those of one text in its order, those
 * of different texts between each other; with beams text by text, at the end. results [n_prompts * n], a prompt's texts
 * one after the other, or NULL. options NULL: the default; each may be NULL.
 *
 * Text i of a prompt is the same alone and beside others, up to rounding in the logits: a token can only differ where two
 * are likely to within some 1e-6. Beams give fewer texts than n where there are not so many; results then say
 * HEED_FINISH_NONE.
 *
 * HEED_ERR_USAGE: an option out of its range or against another, a prompt without tokens or with wrong ones, one that
 * does not fit the context (overflow). HEED_ERR_MEMORY. HEED_ERR_CHECK: the logits are no numbers.
 */
HEED_API heed_status heed_generate(const heed_model *model, const heed_prompt *prompts, int64_t n_prompts,
                                   const heed_generate_options *options, heed_generate_fn *each, void *context,
                                   heed_generated *results, heed_error *err);

/**
 * Continues the text of a session, with its random numbers, until one of the options ends it. The session has then read
 * all that was written, the last token too, and can go on. n, beams, batch_size and session of the options do not count.
 * HEED_ERR_USAGE where the session has read nothing.
 */
HEED_API heed_status heed_session_generate(heed_session *session, const heed_generate_options *options,
                                           heed_generate_fn *each, void *context, heed_generated *result,
                                           heed_error *err);

/**
 * The prompts of a file's n bytes, one a line: plain text, or, where the first line is a JSON object, JSON objects with a
 * member "prompt", {"prompt": "One day"}, others being passed over. A line ends before \n or \r\n. *prompts is allocated in
 * one piece with the texts, free() it; it lends nothing from text. HEED_ERR_FILE, beginning with name and line: an empty
 * line, broken JSON, an object without a prompt; no prompt at all. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_prompts_parse(const char *text, size_t n, const char *name, heed_prompt **prompts,
                                        int64_t *n_prompts, heed_error *err);

/** Tokens of a prompt as heed_generate() reads it; *ids is allocated, free() it. */
HEED_API heed_status heed_model_encode_prompt(const heed_model *model, const heed_prompt *prompt, bool special,
                                              int32_t **ids, size_t *n_ids, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
