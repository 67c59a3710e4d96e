/* SPDX-License-Identifier: MIT */
/* D02: attention on three small matrices, step by step. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/demos/demos.h"

typedef struct sums {
    double off_one;    /* the largest |sum of a row - 1| */
    double hidden;     /* the largest weight of a key that is hidden */
    double below_zero; /* the smallest weight */
    heed_grid rows;    /* [1, n] */
} sums;

static sums sum_up(heed_demoing *d, heed_grid weights)
{
    sums out = {.rows = heed_grid_make(&d->s, 1, weights.rows)};

    for (int64_t i = 0; d->s.status == HEED_OK && i < weights.rows; i++) {
        const heed_grid row = heed_grid_row(weights, i);
        double sum = 0.0;

        for (int64_t j = 0; j < row.columns; j++) {
            sum += row.data[j];
            out.below_zero = fmin(out.below_zero, row.data[j]);
            if (j > i)
                out.hidden = fmax(out.hidden, fabs(row.data[j]));
        }
        out.rows.data[i] = sum;
        out.off_one = fmax(out.off_one, fabs(sum - 1.0));
    }
    return out;
}

/* The farthest that an output leaves the range of the values that its query sees, column by column; 0: none does. */
static double outside(heed_demoing *d, heed_grid v, heed_grid output)
{
    double most = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < output.rows; i++) {
        for (int64_t c = 0; c < output.columns; c++) {
            const double y = output.data[i * output.columns + c];
            double low = INFINITY, high = -INFINITY;

            for (int64_t j = 0; j <= i && j < v.rows; j++) {
                low = fmin(low, v.data[j * v.columns + c]);
                high = fmax(high, v.data[j * v.columns + c]);
            }
            most = fmax(most, fmax(low - y, y - high));
        }
    }
    return most;
}

/* Given, or drawn where it is an empty list or not there. */
static heed_grid take(heed_demoing *d, const char *name, int64_t rows, int64_t columns)
{
    const json_t *given = json_object_get(d->s.params, name);

    if (given == NULL || (json_is_array(given) && json_array_size(given) == 0))
        return heed_demo_normal(d, rows, columns);
    return heed_take_grid(&d->s, name);
}

static void run(heed_demoing *d)
{
    const int64_t tokens = heed_take_int(&d->s, "tokens", 1, 512),
                  head_dim = heed_take_int(&d->s, "head_dim", 1, 256);
    const heed_attend_inputs in = {.q = take(d, "Q", tokens, head_dim),
                                   .k = take(d, "K", tokens, head_dim),
                                   .v = take(d, "V", tokens, head_dim),
                                   .causal = true};
    heed_attended a;
    sums s;

    /* The mask behind the softmax: what was hidden took its share all the same. */
    d->s.slip = d->sabotage ? HEED_SLIP_MASK_LATE : HEED_SLIP_NONE;
    a = heed_attend(&d->s, &in);
    s = sum_up(d, a.weights);
    heed_show_table(d, a.scores, "Scores Q K^T", NULL, NULL, false);
    heed_show_table(d, a.scaled, "Divided by sqrt(head_dim)", NULL, NULL, false);
    heed_show_table(d, a.masked, "Masked: -inf where a query may not look", NULL, NULL, false);
    heed_show_table(d, a.weights, "Weights: softmax of each row", NULL, NULL, true);
    heed_show_table(d, s.rows, "Sums of the rows of weights", "sum", NULL, false);
    heed_show_table(d, a.output, "Output: weights times V", NULL, NULL, false);
    heed_show_figure(d, "largest_off_one", s.off_one, "of the sums of the rows, from 1");
    heed_show_figure(d, "largest_hidden", s.hidden, "weight of a key that the mask hides");
    heed_show_figure(d, "outside", outside(d, in.v, a.output),
                     "the farthest that an output leaves the range of the values it may see");
    heed_show_check(d, s.off_one <= 1e-6, "each row adds up to 1 within 1e-6: the farthest is %.2g off",
                    s.off_one);
    heed_show_check(d, s.hidden == 0.0, "hidden keys weigh exactly 0: the largest weighs %.3g", s.hidden);
    heed_show_check(d, s.below_zero >= 0.0, "no weight is below 0: the smallest is %.3g", s.below_zero);
}

const heed_demo heed_demo_02 = {
    .info =
        {.id = "D02",
         .title = "Attention, step by step",
         .shows = "Works out causal attention for given Q, K and V: scores, scaled, masked, weights, output. A "
                  "row of weights is a distribution over the keys that its query may see, so the output is a "
                  "mean of their values and cannot leave their range.",
         .rule =
             "Each row of weights adds up to 1 within 1e-6, no weight is below 0, and each hidden key weighs "
             "exactly 0.",
         .sabotage = "The mask comes behind the softmax: what is hidden has taken its share before.",
         .params =
             "{\"tokens\": 3, \"head_dim\": 2, \"Q\": [[1, 0], [0, 1], [1, 1]], \"K\": [[1, 0], [0, 1], [1, "
             "1]], \"V\": [[1, 2], [3, 4], [5, 6]]}"},
    .full = "{\"tokens\": 64, \"head_dim\": 32, \"Q\": [], \"K\": [], \"V\": []}",
    .run = run,
};
