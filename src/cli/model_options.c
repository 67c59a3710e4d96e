/* SPDX-License-Identifier: MIT */
#include "cli/model_options.h"

#include <stdio.h>

heed_status heed_cli_configure(const heed_cli_options *options, const char *preset, const char *file,
                               heed_config *config, heed_train_options *train, heed_error *err)
{
    heed_settings settings[2] = {{.structure = config}, {.structure = train}};
    heed_status status = HEED_OK;

    settings[0].fields = heed_config_fields(&settings[0].n);
    settings[1].fields = heed_train_fields(&settings[1].n);
    if (preset != NULL)
        status = heed_config_preset(preset, config, err);
    if (status == HEED_OK && file != NULL)
        status = heed_fields_load(file, settings, train != NULL ? 2 : 1, err);
    return status == HEED_OK ? heed_cli_apply(options, err) : status;
}

const char *heed_cli_describe_model(const heed_config *c, char *out, size_t size)
{
    if (c->kind == HEED_KIND_BIGRAM)
        snprintf(out, size, "a bigram table of %lld x %lld", (long long)c->vocab_size,
                 (long long)c->vocab_size);
    else
        snprintf(out, size, "a GPT of %lld layer%s, %lld head%s, d_model %lld, context %lld, vocabulary %lld",
                 (long long)c->n_layers, c->n_layers == 1 ? "" : "s", (long long)c->n_heads,
                 c->n_heads == 1 ? "" : "s", (long long)c->d_model, (long long)c->context_length,
                 (long long)c->vocab_size);
    return out;
}
