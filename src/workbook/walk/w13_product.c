/* SPDX-License-Identifier: MIT */
/* Step 13: the same by a matrix product. */
#include "workbook/distribution.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/toy.h"

static void small_example(heed_walking *w)
{
    static double numbers[] = {2, 7, 6, 4, 6, 5};
    const heed_grid b = {3, 2, numbers}, ones = heed_toy_triangle(w, 3, false),
                    shares = heed_toy_triangle(w, 3, true);

    heed_walk_grid(w, b, 0, "b, three rows");
    heed_walk_grid(w, ones, 0, "a, a triangle of ones");
    heed_walk_grid(w, heed_grid_times(&w->d->s, ones, b), 0, "a b: running sums");
    heed_walk_grid(w, shares, 2, "a, each row over its sum");
    heed_walk_grid(w, heed_grid_times(&w->d->s, shares, b), 2, "a b: running means");
}

static void run(heed_walking *w)
{
    const heed_grid x = heed_toy_draw(w), loop = heed_toy_loop(w, x),
                    product = heed_toy_product(w, heed_toy_triangle(w, HEED_TOY_T, true), x, false);
    double apart;

    if (w->d->s.status != HEED_OK)
        return;
    apart = heed_demo_difference(loop, product);
    small_example(w);
    heed_walk_say(w,
                  "On the toy tensor, one product of a triangle with each sequence gives what the loops of "
                  "step 12 gave: the "
                  "largest difference is %.1e.",
                  apart);
    heed_show_figure(w->d, "difference", apart, "of product and loops, at most");
    heed_show_check(w->d, apart < 1e-6, "loops and product agree within 1e-6");
}

const heed_walk_step heed_walk_step_13 = {
    .info =
        {.number = 13,
         .time = "47:48",
         .title = "The same, by one matrix product",
         .words =
             "Row i of a matrix product mixes all rows of the right side, by the numbers in row i of the left "
             "side. With zeros above the diagonal later rows are left out; with rows that add up to 1 the mix "
             "is a mean. So a triangular matrix does all positions at once, and, what matters more, "
             "its numbers need not be even.",
         .exercises = "a12.n13",
         .demos = "D37"},
    .run = run,
};
