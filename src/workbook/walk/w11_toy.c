/* SPDX-License-Identifier: MIT */
/* Step 11: a toy tensor in place of embeddings. */
#include "workbook/walk/steps.h"
#include "workbook/walk/toy.h"

static void run(heed_walking *w)
{
    const heed_grid x = heed_toy_draw(w);

    heed_walk_line(w, "x has shape (%d, %d, %d): B sequences, T positions, C channels", (int)HEED_TOY_B,
                   (int)HEED_TOY_T, (int)HEED_TOY_C);
    heed_walk_grid(w, heed_toy_sequence(x, 0), 4, "sequence 0, a row for each position");
    heed_walk_say(
        w,
        "What follows works on any such tensor: how a position gathers what stood before it does not depend on "
        "where the numbers come from. Soon they will be embeddings of characters again.");
    heed_show_figure(w->d, "numbers", (double)(HEED_TOY_B * HEED_TOY_T * HEED_TOY_C), "B times T times C");
}

const heed_walk_step heed_walk_step_11 = {
    .info =
        {.number = 11,
         .time = "43:16",
         .title = "A toy to look at",
         .words =
             "The bigram model ends here: it never looks back. To let positions speak to each other, forget "
             "about text for a moment and take random numbers: 4 sequences of 8 positions with 2 numbers each. "
             "They are small enough to print, and all that is tried on them holds for real ones.",
         .exercises = "a12.n11",
         .demos = "E11"},
    .run = run,
};
