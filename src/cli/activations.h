/* SPDX-License-Identifier: MIT */
/* What the forward pass of a training step leaves for its backward pass, shown. */
#ifndef HEED_CLI_ACTIVATIONS_H
#define HEED_CLI_ACTIVATIONS_H

#include <heed/model.h>
#include <stdio.h>

#include "cli/json_out.h"

/** The names of a heed_recompute's values, NULL behind the last. */
extern const char *const heed_cli_recompute_levels[];

/** "75 MB wait for the backward pass, 330 MB are made again (13 % more arithmetic)" and a newline; flops: of the step. */
void heed_cli_show_memory(FILE *out, const heed_step_memory *memory, double flops);
/** The members held_bytes, again_bytes, again_flops and steps_again. */
void heed_cli_json_memory(heed_cli_json *json, const heed_step_memory *memory);

/** Every kind of activation, as a table on stdout. */
void heed_cli_print_activations(const heed_activations *list, int n);
void heed_cli_json_activations(heed_cli_json *json, const heed_activations *list, int n);

#endif
