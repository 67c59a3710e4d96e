/* SPDX-License-Identifier: MIT */
/**
 * The walk: one path from counting the characters of a text to a GPT, trained on it, that writes. Each step computes on the
 * engine and says what came out.
 *
 *     heed_walk *walk = NULL;
 *     heed_walk_options options = {.text = "plays.txt", .seed = 1};
 *     heed_status s = heed_walk_open(&options, &walk, &err);
 *     for (int i = 1; s == HEED_OK && i <= heed_walk_count(); i++) {
 *         heed_walk_result *result = NULL;
 *         s = heed_walk_run(walk, i, &result, &err);
 *         …print result->blocks…
 *         heed_walk_result_destroy(result);
 *     }
 *     heed_walk_close(walk);
 *
 * Steps can be run in any order: a step that needs a trained model trains it, unless an earlier step of the same walk has.
 * Equal options give equal results.
 */
#ifndef HEED_WALK_H
#define HEED_WALK_H

#include <heed/demo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_walk_info {
    int number;        /* from 1 on */
    const char *time;  /* "22:44", of the video that builds a GPT; NULL: beyond where its first head is done */
    const char *title; /* a few words */
    const char *words; /* what it is about: paragraphs with blank lines between */
    const char *exercises; /* ids with blanks between; "": none */
    const char *demos;     /* demonstrations with more about it, in the same way */
    bool trains;           /* takes seconds where the others take none */
} heed_walk_info;

HEED_API int heed_walk_count(void);
/** Step number 1 .. heed_walk_count(); NULL: there is no such step. */
HEED_API const heed_walk_info *heed_walk_at(int number);

typedef struct heed_walk_options {
    const char *text;   /* a path; NULL or "": the built-in stories */
    const char *encode; /* what step 1 encodes; NULL: the first line of the text */
    const char *out;    /* a folder for the model of the last steps, which is made; NULL: it is not kept */
    uint64_t seed;      /* of everything drawn */
    int64_t steps; /* of each training; 0: as many as it takes. Few are soon done, and have learned little */
    bool (*progress)(void *context, const char *words, double done); /* as of heed_demo_options */
    void *context;
} heed_walk_options;

typedef struct heed_walk heed_walk;

/**
 * Reads the text; options NULL: all zero. HEED_ERR_FILE: a text that is missing, shorter than 2000 bytes or not UTF-8;
 * HEED_ERR_USAGE: one of more than 1000 different characters (the bigram model has the square of them as numbers);
 * HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_walk_open(const heed_walk_options *options, heed_walk **walk, heed_error *err);
HEED_API void heed_walk_close(heed_walk *walk); /* NULL is allowed */

/* A part of what a step says. */
typedef struct heed_walk_block {
    bool lines;       /* to be shown as it is: at most 76 columns wide; else words to be wrapped */
    const char *text; /* without a final newline */
} heed_walk_block;

typedef struct heed_walk_result {
    const heed_walk_info *info;
    const heed_walk_block *blocks;
    int n_blocks;
    /* Its numbers by name, what must hold of them, and where it trained a plot; observed: all of it holds. */
    const heed_demo_result *shown;
} heed_walk_result;

/**
 * Runs step `number`. HEED_ERR_USAGE: there is no such step, or it cannot take the text: a character to encode that does not
 * occur in it, too short for the step's context. HEED_ERR_FILE: the folder `out`. HEED_ERR_INTERRUPTED: progress() has said
 * so. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_walk_run(heed_walk *walk, int number, heed_walk_result **result, heed_error *err);
HEED_API void heed_walk_result_destroy(heed_walk_result *result); /* NULL is allowed */
/** Everything as one JSON object on a line, allocated. */
HEED_API heed_status heed_walk_json(const heed_walk_result *result, char **out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
