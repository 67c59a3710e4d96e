/* SPDX-License-Identifier: MIT */
/* Step 19: one head: queries, keys, values. */
#include <math.h>

#include "workbook/small_graph.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK, N = HEED_WALK_EMBED, H = HEED_WALK_HEAD };

/* Maps as PyTorch draws them: about 1/sqrt(n) times a number around 0. */
static heed_node *map(heed_walking *w, heed_small *m, const char *name)
{
    heed_grid x = heed_demo_normal(w->d, N, H);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] /= sqrt(3.0 * N);
    return heed_small_matrix(m, name, x);
}

static heed_node *through(heed_small *m, heed_node *x, heed_node *weight)
{
    return heed_linear(m->g, x, weight, NULL, HEED_WEIGHT_IN_OUT);
}

/* Columns of row i of the first sequence add up to 1 and are 0 behind i. */
static double fault(heed_grid weights)
{
    double most = 0.0;

    for (int64_t i = 0; i < B * T; i++) {
        double sum = 0.0;
        for (int64_t j = 0; j < T; j++) {
            sum += weights.data[i * T + j];
            if (j > i % T)
                most = fmax(most, fabs(weights.data[i * T + j]));
        }
        most = fmax(most, fabs(sum - 1.0));
    }
    return most;
}

static void run(heed_walking *w)
{
    const heed_grid numbers = heed_demo_normal(w->d, B * T, N);
    heed_node *x, *q, *k, *v, *scores, *weights, *out;
    heed_grid shown, raw;
    heed_small m;

    if (!heed_small_begin(&w->d->s, &m))
        return;
    x = heed_reshape(m.g, heed_small_input(&m, "x", numbers), heed_shape3(B, T, N));
    q = through(&m, x, map(w, &m, "query"));
    k = through(&m, x, map(w, &m, "key"));
    v = through(&m, x, map(w, &m, "value"));
    scores = heed_attention_scores(m.g, heed_split_heads(m.g, q, 1), heed_split_heads(m.g, k, 1),
                                   &(heed_attention_options){.scale = 1.0f, .causal = true});
    weights = heed_softmax(m.g, heed_reshape(m.g, scores, heed_shape3(B, T, T)));
    out = heed_matmul(m.g, weights, v, false, false);
    heed_small_run(&m, (heed_node *[]){scores, weights, out}, 3);
    raw = heed_small_value(&m, scores);
    shown = heed_small_value(&m, weights);
    if (w->d->s.status == HEED_OK) {
        heed_walk_line(w, "  x %s   q, k, v %s   weights %s   out %s", heed_small_shape_text(&m, x),
                       heed_small_shape_text(&m, q), heed_small_shape_text(&m, weights),
                       heed_small_shape_text(&m, out));
        heed_walk_grid(w, (heed_grid){T, T, raw.data}, 2,
                       "scores of sequence 0: q k^T, and -inf where a key comes later");
        heed_walk_grid(w, (heed_grid){T, T, shown.data}, 2, "weights of sequence 0: their softmax");
        heed_walk_say(
            w,
            "The maps are fresh, so these weights mean nothing yet; but no two rows are alike, as in step 15 "
            "they "
            "would be. The maps have 3 * %d * %d = %d numbers and no biases: a bias of the keys would add the "
            "same to all scores of a row, and the softmax does not see that.",
            (int)N, (int)H, (int)(3 * N * H));
        heed_show_figure(w->d, "parameters", 3.0 * N * H, "of the three maps");
        heed_show_check(w->d, fault(shown) < 1e-6, "rows add up to 1, and nothing is given to later keys");
    }
    heed_small_end(&m);
}

const heed_walk_step heed_walk_step_19 = {
    .info =
        {.number = 19,
         .time = "1:05:11",
         .title = "One head: query, key, value",
         .words =
             "Every position sends out two vectors: a query, what it looks for, and a key, what it can be "
             "found by. "
             "The score of position i for position j is the dot product of query i and key j: large where they "
             "point the same way. What is then handed over is a third vector, the value. All three are linear "
             "maps of "
             "the position's own vector, from n_embd = 32 to head_size = 16 numbers.",
         .exercises = "a12.n19 a12.k09 a12.k10",
         .demos = "D02 D28"},
    .run = run,
};
