/* SPDX-License-Identifier: MIT */
/* Step 28: text from a trained model. */
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { PROMPT = 20, WRITTEN = 300 };

static void run(heed_walking *w)
{
    const heed_walk_trained *t = heed_walk_gpt(w, 0.0, 1.0);
    const int32_t *prompt = heed_walk_ids(w, w->corpus->n_train, PROMPT);
    const heed_model *model = t != NULL ? heed_trainer_model(t->trainer) : NULL;

    if (model == NULL || prompt == NULL)
        return;
    heed_walk_line(w, "behind %d characters of the validation part, at temperature 0.8:", (int)PROMPT);
    heed_walk_write(w, model, prompt, PROMPT, WRITTEN, 0.8, 8);
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "%s", "the likeliest character each time:");
    heed_walk_write(w, model, prompt, PROMPT, WRITTEN / 3, 0.0, 4);
    if (w->walk->out != NULL) {
        heed_walk_line(w, "%s", "");
        heed_walk_line(w, "the model is in %s:", w->walk->out);
        heed_walk_line(w, "  heed generate %s --temperature 0.8", w->walk->out);
    }
    heed_walk_say(
        w, "From counting characters to this, nothing was left out. More text, more parameters and more steps "
           "make it better; "
           "no other idea is needed. heed train does the same on a text of yours, for as long as you like, and "
           "heed trace, heed inspect and heed shapes open every number of it.");
}

const heed_walk_step heed_walk_step_28 = {
    .info = {.number = 28,
             .title = "It writes",
             .words = "The loop of step 8 once more, with the model at the end of the path: logits, "
                      "probabilities, one character, and "
                      "again.",
             .exercises = "hard.h9.2 hard.h9.4 a12.k02",
             .demos = "D18 D19 D16",
             .trains = true},
    .run = run,
};
