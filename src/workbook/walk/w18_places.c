/* SPDX-License-Identifier: MIT */
/* Step 18: a table of positions. */
#include <math.h>

#include "workbook/small_graph.h"
#include "workbook/walk/small.h"
#include "workbook/walk/steps.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK, N = HEED_WALK_EMBED };

static void show_sum(heed_walking *w)
{
    const heed_grid tokens = heed_demo_normal(w->d, B * T, N), places = heed_demo_normal(w->d, T, N);
    heed_node *x, *p, *sum;
    heed_grid out;
    heed_small m;

    if (!heed_small_begin(&w->d->s, &m))
        return;
    x = heed_reshape(m.g, heed_small_input(&m, "tokens", tokens), heed_shape3(B, T, N));
    p = heed_position_embedding(m.g, heed_small_matrix(&m, "position_table", places), NULL, T);
    sum = heed_add(m.g, x, p);
    heed_small_run(&m, &sum, 1);
    out = heed_small_value(&m, sum);
    if (w->d->s.status == HEED_OK) {
        heed_walk_line(w, "  tokens %s + positions %s  ->  %s", heed_small_shape_text(&m, x),
                       heed_small_shape_text(&m, p), heed_small_shape_text(&m, sum));
        for (int b = 0; b < 3; b++)
            heed_walk_line(w, "  sequence %d, position 5, column 0:  %7.3f + %7.3f = %7.3f", b,
                           tokens.data[(b * T + 5) * N], places.data[5 * N], out.data[(b * T + 5) * N]);
    }
    heed_small_end(&m);
}

static void run(heed_walking *w)
{
    const heed_demo_characters text = heed_walk_characters(w);
    double plain, placed;

    show_sum(w);
    plain = heed_walk_teach(w, &text, (heed_walk_parts){0}, "without positions", 0.0, 0.5, 0);
    placed = heed_walk_teach(w, &text, (heed_walk_parts){.positions = true}, "with positions", 0.5, 1.0, 0);
    if (w->d->s.status != HEED_OK)
        return;
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "  validation loss without positions %.4f, with positions %.4f", plain, placed);
    heed_walk_say(
        w,
        "The row of position 5 is the same in every sequence: the sum repeats it. The loss hardly moves, since "
        "a "
        "window begins anywhere in the text, and without attention a place says nothing. The table has "
        "%d more parameters.",
        (int)(T * N));
    heed_show_figure(w->d, "added_parameters", (double)(T * N), "of the position table");
    heed_show_figure(w->d, "loss_change", placed - plain, "nats: what positions change");
    heed_show_check(w->d, fabs(placed - plain) < 0.05, "positions change the loss by %.4f, less than 0.05",
                    placed - plain);
}

const heed_walk_step heed_walk_step_18 = {
    .info =
        {.number = 18,
         .time = "1:00:57",
         .title = "A table of positions",
         .words =
             "Attention, which comes next, looks at tokens as at a heap: it does not see where they stand. So "
             "each "
             "place of the window gets a vector of its own, learned like the others, and it is added to the "
             "vector of the token that stands there.",
         .exercises = "a12.n18 a12.k08",
         .demos = "D28 D21",
         .trains = true},
    .run = run,
};
