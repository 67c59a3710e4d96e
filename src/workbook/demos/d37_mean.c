/* SPDX-License-Identifier: MIT */
/* D37: the mean of what came before, in three forms. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/op_graph.h"

#define RELATIVE 1e-5 /* torch.allclose's defaults: |a - b| <= atol + rtol |b| */
#define ABSOLUTE 1e-8

typedef struct sizes {
    int64_t batch, length, width;
} sizes;

/* By the loop of the op. */
static heed_grid by_loop(heed_demoing *d, const sizes *n, heed_grid x)
{
    heed_graph *g = heed_op_graph(&d->s);
    heed_node *in = heed_op_input(&d->s, g, "x", heed_shape3(n->batch, n->length, n->width), x);

    return heed_op_run(&d->s, g, heed_running_mean(g, in));
}

/* w x for each sequence: a row of w says how much of each token. */
static heed_grid times(heed_demoing *d, const sizes *n, heed_grid w, heed_grid x, bool softmax)
{
    heed_graph *g = heed_op_graph(&d->s);
    heed_grid all = heed_grid_make(&d->s, n->batch * n->length, n->length);
    heed_node *in, *weights;

    for (int64_t i = 0; d->s.status == HEED_OK && i < all.rows * all.columns; i++)
        all.data[i] = w.data[i % (n->length * n->length)];
    in = heed_op_input(&d->s, g, "x", heed_shape3(n->batch, n->length, n->width), x);
    weights = heed_op_input(&d->s, g, "w", heed_shape3(n->batch, n->length, n->length), all);
    if (softmax)
        weights = heed_softmax(g, weights);
    return heed_op_run(&d->s, g, heed_matmul(g, weights, in, false, false));
}

/* 1/i in row i up to the diagonal. */
static heed_grid triangle(heed_demoing *d, int64_t n)
{
    heed_grid w = heed_grid_make(&d->s, n, n);

    for (int64_t i = 0; i < w.rows * w.columns; i++)
        w.data[i] = i % n <= i / n ? 1.0 / (double)(i / n + 1) : 0.0;
    return w;
}

/* 0 up to the diagonal, -inf above. */
static heed_grid masked_zeros(heed_demoing *d, int64_t n)
{
    heed_grid w = heed_grid_make(&d->s, n, n);

    for (int64_t i = 0; i < w.rows * w.columns; i++)
        w.data[i] = i % n <= i / n || d->sabotage ? 0.0 : -INFINITY;
    return w;
}

static bool all_close(heed_grid a, heed_grid b, double absolute)
{
    for (int64_t i = 0; i < a.rows * a.columns; i++) {
        if (!(fabs(a.data[i] - b.data[i]) <= absolute + RELATIVE * fabs(b.data[i])))
            return false;
    }
    return true;
}

static void run(heed_demoing *d)
{
    const sizes n = {heed_take_int(&d->s, "batch", 1, 64), heed_take_int(&d->s, "seq_len", 1, 256),
                     heed_take_int(&d->s, "channels", 1, 64)};
    const heed_grid x = heed_demo_normal(d, n.batch * n.length, n.width), loop = by_loop(d, &n, x),
                    product = times(d, &n, triangle(d, n.length), x, false),
                    softmax = times(d, &n, masked_zeros(d, n.length), x, true);
    double to_product, to_softmax;

    if (d->s.status != HEED_OK)
        return;
    to_product = heed_demo_difference(loop, product);
    to_softmax = heed_demo_difference(loop, softmax);
    heed_show_table(d, (heed_grid){n.length, n.width, loop.data}, "By a loop, the first sequence", NULL, NULL,
                    false);
    heed_show_table(d, (heed_grid){n.length, n.width, product.data}, "By a triangle of 1/i", NULL, NULL, false);
    heed_show_table(d, (heed_grid){n.length, n.width, softmax.data}, "By the softmax of masked zeros", NULL,
                    NULL, true);
    heed_show_figure(d, "loop_product", to_product, "largest difference");
    heed_show_figure(d, "loop_softmax", to_softmax, "largest difference");
    heed_show_figure(d, "allclose_default", (double)all_close(softmax, loop, ABSOLUTE),
                     "softmax and loop, |a - b| <= 1e-8 + 1e-5 |b|: 1 holds");
    heed_show_figure(d, "allclose_1e-7", (double)all_close(softmax, loop, 1e-7),
                     "the same with 1e-7 in place of 1e-8");
    heed_show_check(d, to_product <= 1e-6, "loop and triangle differ by %.2g, at most 1e-6", to_product);
    heed_show_check(d, to_softmax <= 1e-6, "loop and softmax differ by %.2g, at most 1e-6", to_softmax);
}

const heed_demo heed_demo_37 = {
    .info =
        {.id = "D37",
         .title = "The mean of the past, three times",
         .shows =
             "Averages each token with those before it: by a loop, by a triangular matrix whose row i holds "
             "1/i, and by the softmax of zeros with -inf above the diagonal. All three are the same sums in "
             "another order, so they agree up to rounding. The third is attention whose scores are all alike. "
             "Whether allclose calls them equal depends on its tolerances and is computed.",
         .rule = "All three agree within 1e-6.",
         .sabotage = "The mask is left out of the third: it averages the future too.",
         .params = "{\"batch\": 4, \"seq_len\": 8, \"channels\": 2}"},
    .full = "{\"batch\": 8, \"seq_len\": 256, \"channels\": 32}",
    .run = run,
};
