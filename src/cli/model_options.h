/* SPDX-License-Identifier: MIT */
/* What a model is, from the line: --preset NAME, then --config FILE, then single fields; the later wins. */
#ifndef HEED_CLI_MODEL_OPTIONS_H
#define HEED_CLI_MODEL_OPTIONS_H

#include "cli/options.h"

#define HEED_CLI_PRESET_HELP \
    "begin with the model of that name: gpt, gpt2 (124M), m0 (one attention layer), bigram"
#define HEED_CLI_CONFIG_HELP \
    "a JSON file of settings with the names below and underscores, {\"n_layers\": 4, ...}"

/**
 * Sets config, and train if it is not NULL, from a preset and a file (each may be NULL), then from the options. Without train
 * no text comes to give a vocabulary, and where none is set it is 65: the characters of an English text.
 */
heed_status heed_cli_configure(const heed_cli_options *options, const char *preset, const char *file,
                               heed_config *config, heed_train_options *train, heed_error *err);
/** The same for a command whose operand is a model's folder. HEED_ERR_USAGE: the folder and a configuration are given. */
heed_status heed_cli_configure_or_folder(const heed_cli_options *options, const char *preset, const char *file,
                                         heed_config *config, heed_error *err);

/** "a GPT of 4 layers, 4 heads, d_model 128, context 64, vocabulary 65" in out. Returns out. */
const char *heed_cli_describe_model(const heed_config *config, char *out, size_t size);

#endif
