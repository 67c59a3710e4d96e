/* SPDX-License-Identifier: MIT */
/* Step 17: that model trained, and what it cannot learn. */
#include <math.h>

#include "workbook/walk/small.h"
#include "workbook/walk/steps.h"

static void run(heed_walking *w)
{
    const heed_demo_characters text = heed_walk_characters(w);
    const double loss = heed_walk_teach(w, &text, (heed_walk_parts){0}, "embeddings and a head", 0.0, 1.0, 0),
                 counted = heed_walk_counted_loss(w);

    if (w->d->s.status != HEED_OK)
        return;
    heed_walk_compare(w, "embeddings of 32 columns and a head", loss, counted);
    heed_walk_say(w, "It reads one character and knows nothing of those before it, so it ends where the table "
                     "ended. Embeddings "
                     "do not pay yet; they are what attention will work with.");
    heed_show_check(w->d, fabs(loss - counted) < 0.1,
                    "its loss, %.3f, is within 0.1 of that of counted pairs, %.3f", loss, counted);
}

const heed_walk_step heed_walk_step_17 = {
    .info = {.number = 17,
             .time = "1:00:17",
             .title = "Still a bigram",
             .words = "What has the detour through 32 numbers changed? Token table times head is a table of "
                      "logits again, one "
                      "row for each character. Train it and compare.",
             .exercises = "a12.n17",
             .demos = "E05",
             .trains = true},
    .run = run,
};
