/* SPDX-License-Identifier: MIT */
/* Step 8: writing, before training and after it. */
#include <heed/model.h>

#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

static heed_model *fresh_bigram(heed_walking *w)
{
    heed_config config;
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    if (w->d->s.status != HEED_OK || !heed_demo_ok(w->d, heed_config_preset("bigram", &config, &err), &err))
        return NULL;
    config.vocab_size = w->V;
    config.context_length = HEED_WALK_BLOCK;
    heed_demo_ok(w->d, heed_model_create(&config, w->d->options->seed, &model, &err), &err);
    return model;
}

static void run(heed_walking *w)
{
    const int32_t *start = heed_walk_ids(w, 0, 1);
    heed_model *fresh = fresh_bigram(w);
    const heed_walk_trained *trained = heed_walk_bigram(w, 0.0, 1.0);

    if (fresh != NULL && trained != NULL) {
        heed_walk_line(w, "100 characters behind %s, from a fresh table:", heed_walk_sign(w, start[0]));
        heed_walk_write(w, fresh, start, 1, 100, 1.0, 8);
        heed_walk_line(w, "%s", "");
        heed_walk_line(w, "from the same table after training (step 9 shows how):");
        heed_walk_write(w, heed_trainer_model(trained->trainer), start, 1, 100, 1.0, 8);
        heed_walk_line(w, "%s", "");
        heed_walk_line(w, "  passes 100   length at the end 101   longest context fed %d",
                       (int)HEED_WALK_BLOCK);
    }
    heed_model_close(fresh);
}

const heed_walk_step heed_walk_step_08 = {
    .info =
        {.number = 8,
         .time = "29:07",
         .title = "Writing, one character at a time",
         .words =
             "To write, take the logits of the last position, turn them into probabilities, draw one "
             "character, "
             "put it behind the text, and begin again. That is the whole loop, for a table as for the largest "
             "model. The context is cut to its last block_size characters when it grows too long.",
         .exercises = "a12.n08 a12.k02",
         .demos = "D18 D36",
         .trains = true},
    .run = run,
};
