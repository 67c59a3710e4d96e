/* SPDX-License-Identifier: MIT */
/* heed train --stats: gradients, weights and updates of the groups of parameters, after evaluations. */
#ifndef HEED_CLI_GROUPS_H
#define HEED_CLI_GROUPS_H

#include <heed/train.h>
#include <stdio.h>

/** A table of the last step's groups; nothing where it was not looked at. */
void heed_cli_show_groups(FILE *out, const heed_trainer *trainer);

#endif
