/* SPDX-License-Identifier: MIT */
#include "cli/model_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"

#define USUAL_VOCABULARY 65

/* The file of a run says steps or epochs. Its steps are never 0, so 0 stands for none. */
static heed_status load_run(const char *file, const heed_settings settings[2], heed_train_options *train,
                            heed_error *err)
{
    const int64_t usual = train->steps;
    char shown[256];
    heed_status status;

    train->steps = train->epochs = 0;
    status = heed_fields_load(file, settings, 2, err);
    if (status == HEED_OK && train->steps > 0 && train->epochs > 0)
        status = heed_cli_fail(err, HEED_ERR_FILE, "%s: expected steps or epochs, got both",
                               heed_cli_quote(shown, sizeof shown, file));
    if (train->steps == 0)
        train->steps = usual;
    return status;
}

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
        status = train != NULL ? load_run(file, settings, train, err)
                               : heed_fields_load(file, settings, 1, err);
    if (status == HEED_OK)
        status = heed_cli_apply(options, err);
    if (status == HEED_OK && train == NULL && config->vocab_size == 0)
        config->vocab_size = USUAL_VOCABULARY;
    return status;
}

heed_status heed_cli_configure_or_folder(const heed_cli_options *options, const char *preset, const char *file,
                                         heed_config *config, heed_error *err)
{
    if (options->n_operands > 0 && (preset != NULL || file != NULL || heed_cli_given(options, config) != NULL))
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "expected a model's folder or a configuration, got both; the folder has its own");
    return heed_cli_configure(options, preset, file, config, NULL, err);
}

/* Writes more behind the text in out. */
static void append(char *out, size_t size, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

/* What sets it apart from GPT-2, each behind a comma. */
static void describe_options(const heed_config *c, char *out, size_t size)
{
    int n;
    const heed_field *fields = heed_config_fields(&n);

    if (c->positions != HEED_POSITIONS_LEARNED)
        append(out, size, ", positions %s", heed_field_find(fields, n, "positions")->choices[c->positions]);
    if (c->n_experts > 0)
        append(out, size, ", %lld of %lld experts a token", (long long)c->experts_per_token,
               (long long)c->n_experts);
    if (c->norm != HEED_NORM_NONE && c->norm_type != HEED_NORM_LAYERNORM)
        append(out, size, ", %s", heed_field_find(fields, n, "norm_type")->choices[c->norm_type]);
    if (c->mlp && c->activation == HEED_ACTIVATION_SWIGLU)
        append(out, size, ", %s", heed_field_find(fields, n, "activation")->choices[c->activation]);
    if (!c->attention)
        return;
    if (c->n_kv_heads > 0 && c->n_kv_heads != c->n_heads)
        append(out, size, ", %lld head%s of keys and values", (long long)c->n_kv_heads,
               c->n_kv_heads == 1 ? "" : "s");
    if (c->tied_kv)
        append(out, size, ", keys that are the values");
    if (c->uniform_attention)
        append(out, size, ", uniform attention");
    if (!c->causal)
        append(out, size, ", not causal");
    if (c->window > 0)
        append(out, size, ", a window of %lld", (long long)c->window);
}

const char *heed_cli_describe_model(const heed_config *c, char *out, size_t size)
{
    if (c->kind == HEED_KIND_BIGRAM) {
        snprintf(out, size, "a bigram table of %lld x %lld", (long long)c->vocab_size,
                 (long long)c->vocab_size);
        return out;
    }
    snprintf(out, size, "a GPT of %lld layer%s, %lld head%s", (long long)c->n_layers,
             c->n_layers == 1 ? "" : "s", (long long)c->n_heads, c->n_heads == 1 ? "" : "s");
    append(out, size, ", d_model %lld, context %lld, vocabulary %lld", (long long)c->d_model,
           (long long)c->context_length, (long long)c->vocab_size);
    describe_options(c, out, size);
    return out;
}
