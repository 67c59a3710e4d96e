/* SPDX-License-Identifier: MIT */
/* heed tokenize, in its parts. */
#ifndef HEED_CLI_TOKENIZE_H
#define HEED_CLI_TOKENIZE_H

#include "cli/options.h"

typedef struct heed_cli_tokenize_options {
    const char *text, *out, *tokens, *text_field, *target_field, *encoding;
    int64_t threads;
    bool pieces, count, special, complete, decode, raw, force, json;
} heed_cli_tokenize_options;

/* What to do with which tokenizer. */
typedef struct heed_cli_tokenizing {
    const heed_cli_tokenize_options *own;
    const char *name; /* of the tokenizer, as it was given */
    const heed_tokenizer *tokenizer;
    const char *const *files; /* none: --text, or standard input */
    int n_files;
} heed_cli_tokenizing;

/** Texts to ids, in the form that the options ask for. */
heed_status heed_cli_tokenize_texts(const heed_cli_tokenizing *t, heed_error *err);
/** Ids to texts. */
heed_status heed_cli_tokenize_ids(const heed_cli_tokenizing *t, heed_error *err);

/** The tokenizer at path, whatever form it has. */
heed_status heed_cli_open_tokenizer(const char *path, const char *encoding, heed_tokenizer **tokenizer,
                                    heed_error *err);

/**
 * The path of a new tokenizer: out itself where it ends in .json, else tokenizer.json in that folder, which is made.
 * HEED_ERR_USAGE: there is a file already, unless force.
 */
heed_status heed_cli_tokenizer_path(const char *out, bool force, char *path, size_t size, heed_error *err);

/** The commands behind "tokenize". */
extern const heed_cli_command heed_cli_tokenize_train;
extern const heed_cli_command heed_cli_tokenize_convert;

#endif
