/* SPDX-License-Identifier: MIT */
#include "cli/open_model.h"

#include <heed/pull.h>

heed_status heed_cli_open_named(const char *name, heed_model **model, heed_error *err)
{
    char folder[HEED_PULL_PATH_BYTES];
    const heed_status status = heed_model_find(name, folder, sizeof folder, err);

    *model = NULL;
    return status == HEED_OK ? heed_model_open(folder, model, err) : status;
}

heed_status heed_cli_open_model(heed_cli_options *options, int argc, char **argv, heed_model **model,
                                heed_error *err)
{
    heed_status status = heed_cli_read(options, argc, argv, err);

    *model = NULL;
    if (status != HEED_OK || options->help_shown)
        return status;
    status = heed_cli_apply(options, err);
    return status == HEED_OK ? heed_cli_open_named(options->operands[0], model, err) : status;
}
