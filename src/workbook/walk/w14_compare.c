/* SPDX-License-Identifier: MIT */
/* Step 14: are two results the same? */
#include <math.h>

#include "workbook/walk/steps.h"
#include "workbook/walk/toy.h"

#define RELATIVE 1e-5 /* torch.allclose's: |a - b| <= atol + rtol |b| */

static int64_t count_apart(heed_grid a, heed_grid b, double absolute)
{
    int64_t n = 0;

    for (int64_t i = 0; i < a.rows * a.columns; i++)
        n += !(fabs(a.data[i] - b.data[i]) <= absolute + RELATIVE * fabs(b.data[i]));
    return n;
}

static void show_worst(heed_walking *w, heed_grid a, heed_grid b)
{
    int64_t worst = 0;

    for (int64_t i = 1; i < a.rows * a.columns; i++) {
        if (fabs(a.data[i] - b.data[i]) > fabs(a.data[worst] - b.data[worst]))
            worst = i;
    }
    heed_walk_line(w, "farthest apart: row %lld, channel %lld", (long long)(worst / a.columns),
                   (long long)(worst % a.columns));
    heed_walk_line(w, "  by loops    %.10f", a.data[worst]);
    heed_walk_line(w, "  by product  %.10f", b.data[worst]);
    heed_walk_line(w, "  difference  %.3e; a float near it has steps of %.1e",
                   fabs(a.data[worst] - b.data[worst]), ldexp(1.0, ilogb(a.data[worst]) - 23));
}

static void run(heed_walking *w)
{
    const heed_grid x = heed_toy_draw(w), loop = heed_toy_loop(w, x),
                    product = heed_toy_product(w, heed_toy_triangle(w, HEED_TOY_T, true), x, false);
    double apart;
    int64_t strict = 0, usual, wider;

    if (w->d->s.status != HEED_OK)
        return;
    apart = heed_demo_difference(loop, product);
    usual = count_apart(loop, product, 1e-8);
    wider = count_apart(loop, product, 1e-7);
    for (int64_t i = 0; i < loop.rows * loop.columns; i++)
        strict += loop.data[i] != product.data[i];
    show_worst(w, loop, product);
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "of %lld numbers, how many are not equal", (long long)(loop.rows * loop.columns));
    heed_walk_line(w, "  bit for bit                              %lld", (long long)strict);
    heed_walk_line(w, "  |a - b| <= 1e-8 + 1e-5 |b|, the default  %lld: allclose %s", (long long)usual,
                   usual == 0 ? "holds" : "does not hold");
    heed_walk_line(w, "  |a - b| <= 1e-7 + 1e-5 |b|               %lld: allclose %s", (long long)wider,
                   wider == 0 ? "holds" : "does not hold");
    heed_show_figure(w->d, "difference", apart, "at most");
    heed_show_figure(w->d, "not_bit_equal", (double)strict, "numbers");
    heed_show_check(w->d, apart < 1e-6, "the difference is rounding: at most 1e-6");
}

const heed_walk_step heed_walk_step_14 = {
    .info =
        {.number = 14,
         .time = "53:35",
         .title = "When are two results equal?",
         .words =
             "Sums of the same numbers in another order differ in their last digits, because a float is "
             "rounded "
             "after each addition. So results are compared with a tolerance: an absolute one for numbers near "
             "0, a relative one for large ones. Whether a pair passes depends on numbers, order and library; "
             "it "
             "is computed here and not promised.",
         .exercises = "a12.n14",
         .demos = "D37"},
    .run = run,
};
