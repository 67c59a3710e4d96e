/* SPDX-License-Identifier: MIT */
#include "cli/open_model.h"

heed_status heed_cli_open_model(heed_cli_options *options, int argc, char **argv, heed_model **model,
                                heed_error *err)
{
    heed_status status = heed_cli_read(options, argc, argv, err);

    *model = NULL;
    if (status != HEED_OK || options->help_shown)
        return status;
    status = heed_cli_apply(options, err);
    return status == HEED_OK ? heed_model_open(options->operands[0], model, err) : status;
}
