/* SPDX-License-Identifier: MIT */
/* Step 4: several chunks at once. */
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK };

static void show_rows(heed_walking *w, const char *what, const int32_t *ids)
{
    heed_walk_grid(w, heed_walk_ids_grid(w, ids, B, T), 0, "%s [%d, %d]", what, (int)B, (int)T);
}

static void show_examples(heed_walking *w, const int32_t *ids, const int32_t *targets)
{
    heed_walk_line(w, "%s", "");
    for (int b = 0; b < 2; b++) {
        for (int t = 0; t < T; t += b == 0 ? 1 : 7)
            heed_walk_line(w, "  row %d, up to column %d:  after %s comes %s", b, t,
                           heed_walk_pad(w, heed_walk_signs(w, ids + b * T, t + 1), T + 2),
                           heed_walk_sign(w, targets[b * T + t]));
    }
    heed_walk_line(w, "  .. %d examples in all", (int)(B * T));
}

static void run(heed_walking *w)
{
    int32_t *ids, *targets;
    int64_t shifted = 0;

    if (!heed_walk_batch(w, B, T, &ids, &targets))
        return;
    show_rows(w, "inputs", ids);
    show_rows(w, "targets", targets);
    show_examples(w, ids, targets);
    for (int i = 0; i < B * T; i++)
        shifted += i % T == T - 1 || targets[i] == ids[i + 1];
    heed_show_figure(w->d, "examples", (double)(B * T), "in the batch");
    heed_show_check(w->d, shifted == B * T, "targets are the inputs, one place on, at %lld of %d places",
                    (long long)shifted, (int)(B * T));
}

const heed_walk_step heed_walk_step_04 = {
    .info = {.number = 4,
             .time = "20:59",
             .title = "A batch",
             .words =
                 "Processors like much work at once, so several chunks from random places of the training part "
                 "become the rows of one batch. Rows know nothing of each other. The targets are a second "
                 "table of the same shape: what follows at each place.",
             .exercises = "a12.n04 pp.q22a pp.q22b",
             .demos = "E03"},
    .run = run,
};
