/* SPDX-License-Identifier: MIT */
/* Step 6: (B, T, C) read as (B T, C). */
#include "workbook/small_graph.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK };

static void run(heed_walking *w)
{
    const int64_t places[][2] = {{0, 0}, {0, T - 1}, {1, 0}, {2, 3}, {B - 1, T - 1}};
    int32_t *ids, *targets;
    heed_grid table = heed_demo_normal(w->d, w->V, w->V), flat = {0, 0, NULL};
    heed_node *logits, *rows = NULL;
    int equal = 0;
    heed_small m;

    if (!heed_walk_batch(w, B, T, &ids, &targets) || !heed_small_begin(&w->d->s, &m))
        return;
    logits = heed_embedding(m.g, heed_small_matrix(&m, "table", table),
                            heed_reshape(m.g, heed_small_ids(&m, "ids", heed_walk_ids_grid(w, ids, B, T), w->V),
                                         heed_shape2(B, T)));
    if (logits != NULL)
        rows = heed_reshape(m.g, logits, heed_shape2(B * T, w->V));
    heed_small_run(&m, &rows, 1);
    flat = heed_small_value(&m, rows);
    if (w->d->s.status == HEED_OK) {
        heed_walk_line(w, "logits   %-14s  strides %lld, %lld, 1", heed_small_shape_text(&m, logits),
                       (long long)(T * w->V), (long long)w->V);
        heed_walk_line(w, "unrolled %-14s  strides %lld, 1: the same memory", heed_small_shape_text(&m, rows),
                       (long long)w->V);
        heed_walk_line(w, "targets  (%d, %d) -> (%d)", (int)B, (int)T, (int)(B * T));
        heed_walk_line(w, "%s", "");
    }
    for (int i = 0; w->d->s.status == HEED_OK && i < 5; i++) {
        const int64_t b = places[i][0], t = places[i][1], row = b * T + t;
        const double of_table = table.data[ids[row] * w->V], found = flat.data[row * w->V];

        equal += (float)of_table == (float)found;
        heed_walk_line(w, "  sequence %lld, position %lld  ->  row %2lld   character %s  logit 0: %8.4f",
                       (long long)b, (long long)t, (long long)row,
                       heed_walk_pad(w, heed_walk_sign(w, ids[row]), 4), found);
    }
    heed_show_figure(w->d, "rows", (double)(B * T), "B times T");
    heed_show_check(w->d, w->d->s.status == HEED_OK && rows->owner == logits->owner,
                    "the unrolled logits lie where the logits lie: nothing was copied");
    heed_show_check(w->d, equal == 5, "row b T + t holds the logits of (b, t) at %d of 5 places", equal);
    heed_small_end(&m);
}

const heed_walk_step heed_walk_step_06 = {
    .info =
        {.number = 6,
         .time = "27:25",
         .title = "Unrolling a batch",
         .words =
             "The loss wants one row of logits for each prediction, and does not care which sequence a row is "
             "from. So the first two axes are read as one. In memory the rows lie one behind the other "
             "already, sequence after sequence; only shape and strides change.",
         .exercises = "a12.n06",
         .demos = "D01"},
    .run = run,
};
