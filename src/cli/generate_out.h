/* SPDX-License-Identifier: MIT */
/*
 * What heed generate prints: one text as it comes; several in their order, each when it has ended; with --json an object
 * a text, one a line.
 *
 *     heed_cli_generated out;
 *     status = heed_cli_generated_open(&out, model, prompts, n_prompts, &options, json, err);
 *     status = heed_generate(model, prompts, n_prompts, &options, heed_cli_generated_take, &out, out.results, err);
 *     heed_cli_generated_close(&out, status);            what is left to print, then the talk on stderr
 */
#ifndef HEED_CLI_GENERATE_OUT_H
#define HEED_CLI_GENERATE_OUT_H

#include <heed/generate.h>
#include <stdbool.h>
#include <stdio.h>

/* A token and what the model said of it. */
typedef struct heed_cli_token {
    int32_t id;
    double log_probability;
    heed_likelihood *likeliest; /* [n_likeliest] allocated */
    int64_t n_likeliest;
} heed_cli_token;

typedef struct heed_cli_tokens {
    heed_cli_token *list;
    size_t n, capacity;
} heed_cli_tokens;

/* A text that is kept until its turn comes. */
typedef struct heed_cli_kept_text {
    FILE *stream; /* into text */
    char *text;
    size_t n_text;
    heed_cli_tokens prompt, written;
    double seconds; /* until it ended */
} heed_cli_kept_text;

typedef struct heed_cli_generated {
    const heed_model *model;
    const heed_prompt *prompts;
    const heed_generate_options *options;
    heed_generated *results;   /* [n_texts] */
    heed_cli_kept_text *texts; /* [n_texts]; NULL where one text is printed as it comes */
    int64_t n_texts, printed;  /* texts */
    bool json, safe, failed;   /* safe: for a terminal; failed: memory was out */
    double begin, first_s, seconds;
    char last; /* byte of a text that is printed as it comes */
} heed_cli_generated;

heed_status heed_cli_generated_open(heed_cli_generated *out, const heed_model *model,
                                    const heed_prompt *prompts, int64_t n_prompts,
                                    const heed_generate_options *options, bool json, heed_error *err);
heed_generate_fn heed_cli_generated_take;
/** Prints what is left when all went well. speed: says how fast it was. */
heed_status heed_cli_generated_close(heed_cli_generated *out, heed_status status, bool speed, heed_error *err);

#endif
