/* SPDX-License-Identifier: MIT */
#include "workbook/walk/toy.h"

#include <math.h>

#include "workbook/op_graph.h"

enum { B = HEED_TOY_B, T = HEED_TOY_T, C = HEED_TOY_C };

heed_grid heed_toy_draw(heed_walking *w)
{
    return heed_demo_normal(w->d, B * T, C);
}

heed_grid heed_toy_sequence(heed_grid x, int b)
{
    return x.data != NULL ? (heed_grid){T, x.columns, x.data + (int64_t)b * T * x.columns} : x;
}

heed_grid heed_toy_loop(heed_walking *w, heed_grid x)
{
    heed_solving *s = &w->d->s;
    heed_graph *g = heed_op_graph(s);

    return heed_op_run(s, g, heed_running_mean(g, heed_op_input(s, g, "x", heed_shape3(B, T, C), x)));
}

heed_grid heed_toy_product(heed_walking *w, heed_grid weights, heed_grid x, bool softmax)
{
    heed_solving *s = &w->d->s;
    heed_grid all = heed_grid_make(s, B * T, T);
    heed_graph *g = heed_op_graph(s);
    heed_node *wei;

    for (int64_t i = 0; weights.data != NULL && i < all.rows * all.columns; i++)
        all.data[i] = weights.data[i % (T * T)];
    wei = heed_op_input(s, g, "weights", heed_shape3(B, T, T), all);
    if (softmax)
        wei = heed_softmax(g, wei);
    return heed_op_run(s, g,
                       heed_matmul(g, wei, heed_op_input(s, g, "x", heed_shape3(B, T, C), x), false, false));
}

heed_grid heed_toy_triangle(heed_walking *w, int64_t n, bool normalised)
{
    heed_grid t = heed_grid_make(&w->d->s, n, n);

    for (int64_t i = 0; i < t.rows; i++) {
        for (int64_t j = 0; j <= i; j++)
            t.data[i * n + j] = normalised ? 1.0 / (double)(i + 1) : 1.0;
    }
    return t;
}

heed_grid heed_toy_masked_zeros(heed_walking *w, int64_t n)
{
    heed_grid t = heed_grid_make(&w->d->s, n, n);

    for (int64_t i = 0; i < t.rows; i++) {
        for (int64_t j = i + 1; j < n; j++)
            t.data[i * n + j] = -INFINITY;
    }
    return t;
}
