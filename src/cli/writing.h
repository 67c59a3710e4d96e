/* SPDX-License-Identifier: MIT */
/* A model writing: the prompt, and the tokens that follow, handed on in whole characters. */
#ifndef HEED_CLI_WRITING_H
#define HEED_CLI_WRITING_H

#include <heed/session.h>
#include <stdbool.h>
#include <stdio.h>

/* Text on its way out. Bytes that do not make up a character yet are held back. */
typedef struct heed_cli_stream {
    FILE *out;
    bool safe; /* control characters are escaped, for a terminal */
    char held[8];
    size_t n_held;
    char last; /* the byte that was written last, 0 before the first */
} heed_cli_stream;

void heed_cli_stream_put(heed_cli_stream *stream, const char *text, size_t n);
/** Writes what was held back, as it is. */
void heed_cli_stream_end(heed_cli_stream *stream);

/**
 * The tokens of a prompt of n bytes. An empty one is the newline, or the first token where the vocabulary has none.
 * *ids is allocated.
 */
heed_status heed_cli_prompt(const heed_model *model, const char *prompt, size_t n, int32_t **ids, size_t *n_ids,
                            heed_error *err);

/* What is called after each token with its bytes; false stops. */
typedef bool heed_cli_write_fn(void *context, const char *piece, size_t n);

typedef struct heed_cli_writing {
    const heed_model *model;
    heed_session_options session;
    heed_sampling sampling;
    int32_t *ids; /* [n_ids] the tokens of the prompt */
    size_t n_ids;
    int64_t max_tokens; /* behind them */
    /* what it came to */
    int64_t n_tokens;
    double first_s, seconds; /* until the first token; in all */
} heed_cli_writing;

/** Continues the prompt. */
heed_status heed_cli_write(heed_cli_writing *writing, heed_cli_write_fn *each, void *context, heed_error *err);

#endif
