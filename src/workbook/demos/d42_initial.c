/* SPDX-License-Identifier: MIT */
/* D42: the loss of a model that has learned nothing, over the size of its weights. */
#include <math.h>

#include "nn/model.h"
#include "workbook/demo_shown.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

enum { VOCAB, DEVIATION, SIGMA, LOSS, LN_V, EXPECTED, N_COLUMNS };

/* The head's numbers, to be changed: the model is ours, and nobody else reads it. */
static const heed_parameter *head_of(const heed_model *model)
{
    return heed_weights_find(model->weights, "lm_head.weight");
}

/* Normal numbers of this deviation; sabotaged, one row for all tokens. */
static void set_head(heed_demoing *d, const heed_parameter *head, double deviation)
{
    float *x = (float *)(uintptr_t)head->data;
    const int64_t width = head->size[head->rank - 1];

    for (int64_t i = 0; i < head->count; i++)
        x[i] = d->sabotage && i >= width ? x[i % width] : (float)deviation * heed_rng_normal(&d->rng);
}

static double deviation_of(heed_grid x)
{
    const double n = (double)(x.rows * x.columns);
    double mean = 0.0, squares = 0.0;

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        mean += x.data[i] / n;
    for (int64_t i = 0; i < x.rows * x.columns; i++)
        squares += (x.data[i] - mean) * (x.data[i] - mean) / n;
    return sqrt(squares);
}

static void measure(heed_demoing *d, const heed_model *model, const heed_forward_ids *ids, double deviation,
                    double *row)
{
    const double vocab_size = (double)heed_model_config(model)->vocab_size;
    heed_grid logits, loss;

    set_head(d, head_of(model), deviation);
    logits = heed_demo_read(d, model, ids, "logits");
    loss = heed_demo_read(d, model, ids, "loss");
    if (d->s.status != HEED_OK)
        return;
    row[VOCAB] = vocab_size;
    row[DEVIATION] = deviation;
    row[SIGMA] = deviation_of(logits);
    row[LOSS] = loss.data[0];
    row[LN_V] = log(vocab_size);
    row[EXPECTED] = row[LN_V] + row[SIGMA] * row[SIGMA] / 2.0;
}

/* One vocabulary: a row for each deviation. */
static void measure_all(heed_demoing *d, int64_t vocab_size, int64_t batch, int64_t length,
                        heed_grid deviations, double *rows)
{
    const int32_t *ids = heed_demo_ids(d, batch * length, vocab_size),
                  *targets = heed_demo_ids(d, batch * length, vocab_size);
    heed_model *model = heed_demo_small_model(d, vocab_size, length);
    const heed_forward_ids all = {.ids = ids, .targets = targets, .batch = batch, .length = length};

    for (int64_t i = 0; d->s.status == HEED_OK && i < deviations.columns; i++)
        measure(d, model, &all, deviations.data[i], rows + i * N_COLUMNS);
    heed_model_close(model);
}

static void judge(heed_demoing *d, heed_grid table)
{
    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;

        if (row[SIGMA] <= 0.2)
            heed_show_check(d, fabs(row[LOSS] / row[LN_V] - 1.0) <= 0.01,
                            "V = %.0f, logits of deviation %.2f: loss %.3f, within 1 %% of ln V = %.3f",
                            row[VOCAB], row[SIGMA], row[LOSS], row[LN_V]);
        else
            heed_show_check(
                d, fabs(row[LOSS] / row[EXPECTED] - 1.0) <= 0.03 && row[LOSS] > row[LN_V],
                "V = %.0f, logits of deviation %.2f: loss %.3f, above ln V and within 3 %% of ln V + "
                "sigma^2/2 = %.3f",
                row[VOCAB], row[SIGMA], row[LOSS], row[EXPECTED]);
    }
}

/* Of the largest vocabulary with the smallest and the largest deviation, and the worst of all; n: deviations. */
static void show_figures(heed_demoing *d, heed_grid table, int64_t n)
{
    const double *first = table.data + (table.rows - n) * N_COLUMNS,
                 *last = table.data + (table.rows - 1) * N_COLUMNS;
    double worst = -INFINITY;

    for (int64_t i = 0; i < table.rows; i++)
        worst = fmax(worst, table.data[i * N_COLUMNS + LOSS] / table.data[i * N_COLUMNS + LN_V] - 1.0);
    heed_show_figure(d, "ln_V", first[LN_V], "nats: guessing evenly, of the last vocabulary");
    heed_show_figure(d, "first_sigma", first[SIGMA], "deviation of its logits with the first head");
    heed_show_figure(d, "first_loss", first[LOSS], "nats there");
    heed_show_figure(d, "last_sigma", last[SIGMA], "deviation of its logits with the last head");
    heed_show_figure(d, "last_loss", last[LOSS], "nats there");
    heed_show_figure(d, "worst", worst, "the most that a loss is above ln V, as a share of it");
}

static void show_curves(heed_demoing *d, heed_grid table, int64_t n)
{
    const double *last = table.data + (table.rows - n) * N_COLUMNS; /* of the largest vocabulary */
    heed_grid x = heed_grid_make(&d->s, 1, n), loss = heed_grid_make(&d->s, 1, n),
              expected = heed_grid_make(&d->s, 1, n), ln = heed_grid_make(&d->s, 1, n);

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        x.data[i] = last[i * N_COLUMNS + SIGMA];
        loss.data[i] = last[i * N_COLUMNS + LOSS];
        expected.data[i] = last[i * N_COLUMNS + EXPECTED];
        ln.data[i] = last[i * N_COLUMNS + LN_V];
    }
    heed_show_axes(d, "Loss before training, of the largest vocabulary", "deviation of the logits", "nats", "");
    heed_show_curve(d, "measured", x, loss);
    heed_show_curve(d, "ln V + sigma^2/2", x, expected);
    heed_show_curve(d, "ln V", x, ln);
}

static void run(heed_demoing *d)
{
    const heed_grid sizes = heed_take_list(&d->s, "vocab_sizes"),
                    deviations = heed_take_list(&d->s, "deviations");
    const int64_t batch = heed_take_int(&d->s, "batch_size", 1, 64),
                  length = heed_take_int(&d->s, "seq_len", 2, 256);
    heed_grid table;

    if (d->s.status == HEED_OK &&
        (sizes.columns < 1 || deviations.columns < 1 || sizes.columns * deviations.columns > HEED_DEMO_CHECKS))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected sizes and deviations that make 1 to %d runs",
                        HEED_DEMO_CHECKS);
    for (int64_t i = 0; i < sizes.columns; i++) {
        if (!(sizes.data[i] >= 2.0 && sizes.data[i] <= 60000.0) ||
            sizes.data[i] * (double)(batch * length) > 4194304.0)
            heed_solve_fail(&d->s, HEED_ERR_USAGE,
                            "vocab_sizes: expected 2 to 60000, and at most 4 million logits in a batch");
    }
    for (int64_t i = 0; i < deviations.columns; i++) {
        if (!(deviations.data[i] > 0.0 && deviations.data[i] <= 10.0))
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "deviations: expected numbers above 0 and up to 10");
    }
    table = heed_grid_make(&d->s, sizes.columns * deviations.columns, N_COLUMNS);
    for (int64_t i = 0; d->s.status == HEED_OK && i < sizes.columns; i++)
        measure_all(d, (int64_t)sizes.data[i], batch, length, deviations,
                    table.data + i * deviations.columns * N_COLUMNS);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Random weights, random text", NULL, "V|deviation|sigma|loss|ln V|ln V + s^2/2",
                    false);
    show_curves(d, table, deviations.columns);
    show_figures(d, table, deviations.columns);
    judge(d, table);
}

const heed_demo heed_demo_42 = {
    .info =
        {.id = "D42",
         .title = "The loss before anything is learned",
         .shows =
             "Measures the loss of an untrained model on random text for several vocabularies and sizes of the "
             "head's weights. With small logits all tokens are about as likely, and the loss is ln V. Logits "
             "of "
             "deviation sigma raise the log of their summed exponentials by sigma^2/2 on average, while the "
             "right token's own logit is 0 on average: such a model is worse than guessing evenly.",
         .rule = "Where logits have a deviation of at most 0.2, the loss is ln V within 1 %; elsewhere it is "
                 "above ln "
                 "V, and ln V + sigma^2/2 within 3 %.",
         .sabotage = "All tokens share one row of the head: large logits, but none larger than another.",
         .params = "{\"vocab_sizes\": [65, 1000], \"deviations\": [0.02, 0.0625, 0.125], \"batch_size\": 16, "
                   "\"seq_len\": 64}"},
    .full = "{\"vocab_sizes\": [65, 1000, 8000], \"deviations\": [0.01, 0.02, 0.05, 0.1, 0.125], "
            "\"batch_size\": 8}",
    .run = run,
};
