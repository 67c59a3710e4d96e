/* SPDX-License-Identifier: MIT */
/* Step 20: products of whole batches. */
#include <math.h>

#include "workbook/small_graph.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK, C = HEED_WALK_HEAD };

static heed_node *batch(heed_small *m, const char *name, heed_grid x)
{
    return heed_reshape(m->g, heed_small_input(m, name, x), heed_shape3(B, T, C));
}

/* The product of one sequence alone, in double precision, against its part of the batched one. */
static double apart(heed_grid q, heed_grid k, heed_grid all)
{
    double most = 0.0;

    for (int64_t b = 0; b < B; b++) {
        for (int64_t i = 0; i < T; i++) {
            for (int64_t j = 0; j < T; j++) {
                double sum = 0.0;
                for (int64_t c = 0; c < C; c++)
                    sum += q.data[(b * T + i) * C + c] * k.data[(b * T + j) * C + c];
                most = fmax(most, fabs(sum - all.data[(b * T + i) * T + j]));
            }
        }
    }
    return most;
}

static void run(heed_walking *w)
{
    const heed_grid qs = heed_demo_normal(w->d, B * T, C), ks = heed_demo_normal(w->d, B * T, C);
    heed_node *q, *k, *scores, *shared, *mixed, *out;
    heed_grid ones = heed_grid_make(&w->d->s, T, T), all;
    double difference;
    heed_small m;

    if (!heed_small_begin(&w->d->s, &m))
        return;
    q = batch(&m, "q", qs);
    k = batch(&m, "k", ks);
    scores = heed_matmul(m.g, q, k, false, true);
    shared = heed_repeat(m.g, heed_small_input(&m, "weights", ones), heed_shape3(B, T, T));
    mixed = heed_matmul(m.g, shared, q, false, false);
    out = heed_matmul(m.g, scores, k, false, false);
    heed_small_run(&m, (heed_node *[]){scores, mixed, out}, 3);
    all = heed_small_value(&m, scores);
    if (w->d->s.status == HEED_OK) {
        difference = apart(qs, ks, all);
        heed_walk_line(w, "  q %s times k^T (%d, %d, %d)  ->  %s", heed_small_shape_text(&m, q), (int)B, (int)C,
                       (int)T, heed_small_shape_text(&m, scores));
        heed_walk_line(w, "  one (%d, %d) for all times x %s  ->  %s", (int)T, (int)T,
                       heed_small_shape_text(&m, q), heed_small_shape_text(&m, mixed));
        heed_walk_line(w, "  weights %s times v %s  ->  %s", heed_small_shape_text(&m, scores),
                       heed_small_shape_text(&m, k), heed_small_shape_text(&m, out));
        heed_walk_say(
            w,
            "Axes are compared from the right. The last two are the matrix; what stands before them says how "
            "many "
            "products there are, and a side that lacks an axis serves for all. So transposing k must swap its "
            "last two axes only. Sequence by sequence, in double precision, the scores are the same to %.1e.",
            difference);
        heed_show_figure(w->d, "difference", difference,
                         "of the batched product and a loop over sequences, at most");
        heed_show_check(w->d, difference < 1e-4, "a batched product is a loop over sequences (%.1e)",
                        difference);
    }
    heed_small_end(&m);
}

const heed_walk_step heed_walk_step_20 = {
    .info =
        {.number = 20,
         .time = "1:07:08",
         .title = "Products of whole batches",
         .words =
             "x has three axes now, (B, T, C), and a matrix product knows two. A batched product does one for "
             "each "
             "sequence, and nothing of one sequence reaches another. That is a rule of the model, not only of "
             "speed: sequences of a batch are texts that have nothing to do with each other.",
         .exercises = "a12.n20",
         .demos = "D01"},
    .run = run,
};
