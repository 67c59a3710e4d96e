/* SPDX-License-Identifier: MIT */
/* What the files of the view of ablations share. */
#ifndef HEED_CLI_VIEW_ABLATION_H
#define HEED_CLI_VIEW_ABLATION_H

#include <heed/ablation.h>

#include "cli/view.h"

typedef struct heed_cli_ablation {
    const char *parts, *reference;
    int method;
    int64_t n_controls, n_controlled, seed;
} heed_cli_ablation;

/** Each part by itself, in the order of the model and sorted. options: with what the line says. */
heed_status heed_cli_show_sweep(const heed_cli_look *look, const heed_ablate_options *options, heed_error *err);
/** "zeros", "means over this text", "other positions of the reference". */
const char *heed_cli_ablated_by(const heed_ablate_options *options);
/** mean, low and high as members of the open object. */
void heed_cli_json_effect(heed_cli_json *json, const char *key, const heed_effect *effect);
/** The part as an object's member "part". */
void heed_cli_json_part(heed_cli_json *json, const heed_component *part);

#endif
