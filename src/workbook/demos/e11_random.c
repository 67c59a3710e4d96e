/* SPDX-License-Identifier: MIT */
/* E11: random vectors in place of embeddings. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/op_graph.h"

typedef struct sizes {
    int64_t B, T, C;
} sizes;

/* The mean of the past in each channel of each sequence, through softmax of masked zeros. */
static heed_grid mix(heed_demoing *d, const sizes *n, heed_grid x)
{
    heed_solving *s = &d->s;
    heed_grid zeros = heed_grid_make(s, n->B * n->T, n->T);
    heed_graph *g = heed_op_graph(s);
    heed_node *in, *weights;

    for (int64_t i = 0; s->status == HEED_OK && i < zeros.rows; i++) {
        for (int64_t j = i % n->T + 1; j < n->T; j++)
            zeros.data[i * n->T + j] = d->sabotage ? 0.0 : -INFINITY;
    }
    in = heed_op_input(s, g, "x", heed_shape3(n->B, n->T, n->C), x);
    weights = heed_softmax(g, heed_op_input(s, g, "scores", heed_shape3(n->B, n->T, n->T), zeros));
    return heed_op_run(s, g, heed_matmul(g, weights, in, false, false));
}

/* Embeddings of random characters from a random table. */
static heed_grid look_up(heed_demoing *d, const sizes *n)
{
    enum { CHARACTERS = 65 };
    const heed_grid table = heed_demo_normal(d, CHARACTERS, n->C);
    heed_grid ids = heed_grid_make(&d->s, 1, n->B * n->T);
    heed_graph *g;

    for (int64_t i = 0; i < ids.columns; i++)
        ids.data[i] = (double)heed_rng_below(&d->rng, CHARACTERS);
    g = heed_op_graph(&d->s);
    return heed_op_run(&d->s, g,
                       heed_embedding(g, heed_op_input(&d->s, g, "table", heed_shape2(CHARACTERS, n->C), table),
                                      heed_op_input_ids(&d->s, g, "ids", heed_shape2(n->B, n->T), ids)));
}

/* How far an output is from the mean of its past, and how far other futures move it. */
typedef struct found {
    double from_mean, from_future;
} found;

static found look(heed_demoing *d, const sizes *n, heed_grid x)
{
    heed_grid out = mix(d, n, x), other = heed_grid_make(&d->s, x.rows, x.columns), moved;
    found f = {0.0, 0.0};
    const int64_t half = n->T / 2;

    for (int64_t i = 0; d->s.status == HEED_OK && i < x.rows * x.columns; i++)
        other.data[i] = i / n->C % n->T > half ? -x.data[i] - 1.0 : x.data[i];
    moved = mix(d, n, other);
    for (int64_t row = 0; d->s.status == HEED_OK && row < x.rows; row++) {
        for (int64_t c = 0; c < n->C; c++) {
            double sum = 0.0;
            for (int64_t t = row - row % n->T; t <= row; t++)
                sum += x.data[t * n->C + c];
            f.from_mean = fmax(f.from_mean, fabs(out.data[row * n->C + c] - sum / (double)(row % n->T + 1)));
            if (row % n->T <= half)
                f.from_future = fmax(f.from_future,
                                     fabs(out.data[row * n->C + c] - moved.data[row * n->C + c]));
        }
    }
    return f;
}

static void run(heed_demoing *d)
{
    const sizes n = {heed_take_int(&d->s, "B", 1, 64), heed_take_int(&d->s, "T", 2, 256),
                     heed_take_int(&d->s, "C", 1, 256)};
    const heed_grid vectors = heed_demo_normal(d, n.B * n.T, n.C), embedded = look_up(d, &n);
    const heed_grid a = mix(d, &n, vectors), b = mix(d, &n, embedded);
    found of_vectors, of_embedded;
    double apart;

    if (d->s.status != HEED_OK)
        return;
    of_vectors = look(d, &n, vectors);
    of_embedded = look(d, &n, embedded);
    apart = heed_demo_difference(a, b);
    heed_show_table(d, (heed_grid){n.T, n.C, vectors.data}, "Random vectors, the first sequence", NULL, NULL,
                    false);
    heed_show_table(d, (heed_grid){n.T, n.C, a.data}, "Mixed", NULL, NULL, true);
    heed_show_table(d, (heed_grid){n.T, n.C, embedded.data}, "Embeddings of characters, the first sequence",
                    NULL, NULL, false);
    heed_show_table(d, (heed_grid){n.T, n.C, b.data}, "Mixed", NULL, NULL, false);
    heed_show_figure(d, "same_shape", (double)(a.rows == b.rows && a.columns == b.columns),
                     "1: both results have one shape");
    heed_show_figure(d, "mean_vectors", of_vectors.from_mean,
                     "random vectors: how far from the mean of the past");
    heed_show_figure(d, "mean_embedded", of_embedded.from_mean, "embeddings: the same");
    heed_show_figure(d, "future", fmax(of_vectors.from_future, of_embedded.from_future),
                     "how far other later rows move earlier results");
    heed_show_figure(d, "outputs_apart", apart, "between both results");
    heed_show_check(d, fmax(of_vectors.from_mean, of_embedded.from_mean) <= 1e-5,
                    "of both, each result is the mean of its past (%.1e off)",
                    fmax(of_vectors.from_mean, of_embedded.from_mean));
    heed_show_check(d, fmax(of_vectors.from_future, of_embedded.from_future) <= 1e-6,
                    "in both, later rows move earlier results by %.1e",
                    fmax(of_vectors.from_future, of_embedded.from_future));
    heed_show_check(d, apart > 0.01, "only the numbers differ: by %.3g", apart);
}

const heed_demo heed_demo_e11 = {
    .info = {.id = "E11",
             .title = "Random vectors in place of embeddings",
             .shows = "Mixes each position with its past twice by the same weights: random vectors of shape "
                      "(B, T, C), and "
                      "embeddings of characters of the same shape. Shapes, weights and what may be seen do not "
                      "depend on "
                      "where the vectors come from; only the numbers that come out do. So a mechanism can be "
                      "studied on small "
                      "random numbers.",
             .rule = "Each result is the mean of its past within 1e-5 and does not move when later rows do; "
                     "the two results "
                     "differ.",
             .sabotage = "Nothing is masked.",
             .params = "{\"B\": 4, \"T\": 8, \"C\": 2}"},
    .full = "{\"B\": 16, \"T\": 64, \"C\": 32}",
    .run = run,
};
