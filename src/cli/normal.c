/* SPDX-License-Identifier: MIT */
#include "cli/normal.h"

#include <heed/anchors.h>
#include <math.h>

/* A failure here is no reason to end a run that has succeeded. */
static bool get(const heed_trainer *trainer, heed_anchors *anchors)
{
    heed_error ignored;

    return heed_trainer_anchors(trainer, anchors, &ignored) == HEED_OK;
}

void heed_cli_show_normal(FILE *out, const heed_trainer *trainer, int64_t step, double validation_loss)
{
    heed_anchors anchors;
    char words[HEED_ANCHORS_WORDS];

    if (get(trainer, &anchors))
        fprintf(out, "is this normal? %s\n", heed_anchors_say(&anchors, step, validation_loss, words));
}

void heed_cli_json_normal(heed_cli_json *json, const heed_trainer *trainer, int64_t step,
                          double validation_loss)
{
    heed_anchors a;
    char words[HEED_ANCHORS_WORDS];

    if (!get(trainer, &a))
        return;
    heed_cli_json_open(json, "anchors", '{');
    heed_cli_json_number(json, "uniform", a.uniform);
    heed_cli_json_number(json, "unigram", a.unigram);
    heed_cli_json_number(json, "bigram", a.bigram);
    heed_cli_json_number(json, "floor", a.floor);
    if (a.recipe != NULL) {
        heed_cli_json_text(json, "recipe", a.recipe);
        heed_cli_json_text(json, "source", a.source);
        heed_cli_json_number(json, "recipe_loss", a.recipe_loss);
        heed_cli_json_integer(json, "recipe_steps", a.recipe_steps);
        heed_cli_json_number(json, "usual", heed_anchors_usual(&a, step));
    }
    heed_cli_json_close(json, '}');
    heed_cli_json_text(json, "verdict", heed_anchors_say(&a, step, validation_loss, words));
}
