/* SPDX-License-Identifier: MIT */
#include "cli/start_options.h"

#include <heed/pull.h>
#include <string.h>

#include "cli/model_options.h"
#include "cli/output.h"

_Static_assert(HEED_PULL_PATH_BYTES <= HEED_TRAIN_PATH_BYTES, "a model that is found has a path that fits");

/* A name becomes the folder it means. */
static heed_status find_model(char *path, heed_error *err)
{
    char name[HEED_TRAIN_PATH_BYTES];

    if (path[0] == '\0')
        return HEED_OK;
    memcpy(name, path, strlen(path) + 1);
    return heed_model_find(name, path, HEED_PULL_PATH_BYTES, err);
}

/* True when the line says what a token is. */
static bool tokenizer_is_given(const heed_cli_options *options, const heed_train_options *train)
{
    for (int i = 0; i < options->n_settings; i++) {
        const heed_cli_setting *s = &options->settings[i];
        if (s->group->structure == train && strncmp(s->field->name, "tokenizer", 9) == 0)
            return true;
    }
    return false;
}

/* The checkpoint's configuration, and over it what the file and the line say. */
static heed_status configure_from(const heed_cli_options *options, const char *preset, const char *file,
                                  heed_config *config, heed_train_options *train, heed_error *err)
{
    heed_train_options said = *train;
    heed_status status;

    if (preset != NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "--from takes the model from the checkpoint, so --preset cannot be given");
    if (tokenizer_is_given(options, train))
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "--from takes the tokenizer from the checkpoint, so no other can be given");
    status = heed_config_load(train->from, config, err);
    if (status == HEED_OK)
        status = heed_cli_configure(options, NULL, file, config, train, err);
    memcpy(train, &said, sizeof said); /* its models have been found already */
    return status;
}

heed_status heed_cli_configure_run(const heed_cli_options *options, const char *preset, const char *file,
                                   heed_config *config, heed_train_options *train, heed_error *err)
{
    heed_status status = heed_cli_configure(options, preset, file, config, train, err);

    if (status == HEED_OK)
        status = find_model(train->from, err);
    if (status == HEED_OK)
        status = find_model(train->init_embeddings, err);
    if (status == HEED_OK)
        status = find_model(train->distill, err);
    if (status == HEED_OK && train->from[0] != '\0')
        status = configure_from(options, preset, file, config, train, err);
    return status;
}
