/* SPDX-License-Identifier: MIT */
/* Step 15: the same by a softmax of masked scores. */
#include "workbook/distribution.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/toy.h"

static void run(heed_walking *w)
{
    const heed_grid x = heed_toy_draw(w), zeros = heed_toy_masked_zeros(w, HEED_TOY_T),
                    loop = heed_toy_loop(w, x), third = heed_toy_product(w, zeros, x, true);
    double apart;

    if (w->d->s.status != HEED_OK)
        return;
    apart = heed_demo_difference(loop, third);
    heed_walk_grid(w, heed_toy_masked_zeros(w, 5), 0, "scores: zeros, and -inf where a position must not look");
    heed_walk_grid(w, heed_softmax_of_rows(&w->d->s, heed_toy_masked_zeros(w, 5)), 3, "their softmax, by rows");
    heed_walk_say(
        w,
        "These are the weights of step 13, and on the toy tensor they give the same means: the largest "
        "difference is "
        "%.1e. But now the zeros can be replaced. A score says how much position i wants to hear from "
        "position j; let the data decide it, and this is attention.",
        apart);
    heed_show_figure(w->d, "difference", apart, "of this form and loops, at most");
    heed_show_check(w->d, apart < 1e-6, "loops and softmax agree within 1e-6");
}

const heed_walk_step heed_walk_step_15 = {
    .info = {.number = 15,
             .time = "55:35",
             .title = "The same, by a softmax",
             .words =
                 "A third way to the same weights. Begin with scores of 0: everybody is equally interesting. "
                 "Put -inf "
                 "where a position must not look, since e to -inf is 0. A softmax makes each row add up to 1.",
             .exercises = "a12.n15",
             .demos = "D37"},
    .run = run,
};
