/* SPDX-License-Identifier: MIT */
/* D09: a few epochs of M0, and what each of them brings. */
#include <math.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/study.h"
#include "workbook/demos/training.h"
#include "workbook/demos/unit_start.h"

enum { MOST_EPOCHS = 40, SMOOTH = 20, BATCHES = 12 };
enum { EPOCH, TRAINING, VALIDATION, PERPLEXITY, TYPICAL_P, DROP, FACTOR, N_COLUMNS };

/* --- what counting knows --- */

/* The loss of a table of counts over the text behind n_train: of the frequencies of characters, or of pairs. One is added to each. */
static double counted_loss(heed_demoing *d, const heed_demo_reading *r, int64_t n_train, bool pairs)
{
    const int64_t V = r->vocab_size, rows = pairs ? V : 1;
    const heed_grid counts = heed_grid_make(&d->s, rows, V), totals = heed_grid_make(&d->s, 1, rows);
    double sum = 0.0;

    for (int64_t i = 1; d->s.status == HEED_OK && i < r->n; i++) {
        const int64_t row = pairs ? r->ids[i - 1] : 0;
        double *count = &counts.data[row * V + r->ids[i]];

        if (i >= n_train)
            sum -= log((*count + 1.0) / (totals.data[row] + (double)V));
        else {
            *count += 1.0;
            totals.data[row] += 1.0;
        }
    }
    return sum / (double)(r->n - n_train);
}

/* The first step at which the smoothed loss lies below; NaN: never. */
static double step_below(heed_grid curve, double loss)
{
    for (int64_t i = 0; i < curve.columns; i++) {
        if (curve.data[i] < loss)
            return (double)(i + 1);
    }
    return NAN;
}

/* --- epochs --- */

static void put_row(double *row, int64_t epoch, double training, double validation, const double *before)
{
    row[EPOCH] = (double)epoch;
    row[TRAINING] = training;
    row[VALIDATION] = validation;
    row[PERPLEXITY] = exp(validation);
    row[TYPICAL_P] = exp(-validation);
    row[DROP] = before != NULL ? before[VALIDATION] - validation : NAN;
    row[FACTOR] = exp(row[DROP]);
}

static void go_through(heed_demoing *d, heed_demo_study *s, int64_t epochs, int64_t steps, heed_grid table,
                       heed_grid curve)
{
    double validation = heed_demo_study_loss(s, HEED_PART_VALIDATION, BATCHES);

    put_row(table.data, 0, heed_demo_study_loss(s, HEED_PART_TRAIN, BATCHES), validation, NULL);
    for (int64_t e = 1; d->s.status == HEED_OK && e <= epochs; e++) {
        double sum = 0.0;

        for (int64_t i = 0; i < steps; i++) {
            const int64_t at = (e - 1) * steps + i;
            sum += curve.data[at] = heed_demo_study_step(s);
            heed_demo_progress(d, (double)(at + 1) / (double)curve.columns, "epochs");
        }
        validation = heed_demo_study_loss(s, HEED_PART_VALIDATION, BATCHES);
        put_row(table.data + e * N_COLUMNS, e, sum / (double)steps, validation,
                table.data + (e - 1) * N_COLUMNS);
    }
}

/* --- what came out --- */

/* Drops of the validation loss: the largest one, and whether none is larger than the one before it. */
static bool shrinking(heed_grid table, int64_t *largest)
{
    bool holds = true;

    *largest = 1;
    for (int64_t e = 1; e < table.rows; e++) {
        const double *row = table.data + e * N_COLUMNS;
        holds = holds && (e == 1 || row[DROP] < row[DROP - N_COLUMNS] + 0.02);
        if (row[DROP] > table.data[*largest * N_COLUMNS + DROP])
            *largest = e;
    }
    return holds;
}

static void judge(heed_demoing *d, heed_grid table, double frequencies, double pairs)
{
    const int64_t epochs = table.rows - 1;
    const double *first = table.data + N_COLUMNS, *last = table.data + epochs * N_COLUMNS;
    int64_t largest;
    const bool holds = shrinking(table, &largest);

    heed_show_figure(d, "largest_drop_epoch", (double)largest,
                     "the epoch with the largest drop of the validation loss");
    heed_show_figure(d, "first_drop", first[DROP], "nats, validation");
    heed_show_figure(d, "last_drop", last[DROP], "nats, validation");
    heed_show_figure(d, "first_factor", first[FACTOR], "by which the perplexity falls in the first epoch");
    heed_show_figure(d, "last_factor", last[FACTOR], "and in the last");
    heed_show_figure(d, "start_loss", table.data[VALIDATION], "nats, before the first step");
    heed_show_figure(d, "end_loss", last[VALIDATION], "nats, validation");
    heed_show_figure(d, "frequencies_loss", frequencies, "nats: counted frequencies of characters");
    heed_show_figure(d, "pairs_loss", pairs, "nats: counted pairs");
    heed_show_check(
        d, holds && largest == 1,
        "the loss falls most in the first epoch, by %.3f, and in none by 0.02 more than in the one before; "
        "in the last by %.3f",
        first[DROP], last[DROP]);
    heed_show_check(d, first[FACTOR] > 3.0 && last[FACTOR] < 1.25,
                    "the perplexity is divided by %.2f in the first epoch and by %.3f in the last",
                    first[FACTOR], last[FACTOR]);
    heed_show_check(d, last[VALIDATION] < frequencies - 0.3,
                    "it has learned more than which characters are frequent: %.3f, frequencies alone give %.3f",
                    last[VALIDATION], frequencies);
}

static heed_grid level(heed_demoing *d, double height)
{
    heed_grid row = heed_grid_make(&d->s, 1, 2);

    for (int64_t i = 0; i < row.columns; i++)
        row.data[i] = height;
    return row;
}

static void show(heed_demoing *d, const heed_demo_reading *r, heed_grid table, heed_grid curve,
                 double frequencies, double pairs)
{
    const heed_grid smooth = heed_demo_smoothed(d, curve, SMOOTH), ends = heed_grid_make(&d->s, 1, 2);

    if (d->s.status != HEED_OK)
        return;
    ends.data[0] = 1.0;
    ends.data[1] = (double)curve.columns;
    heed_show_axes(d, "Loss of the batches", "step", "nats a token", "");
    heed_show_curve(d, "M0s", heed_demo_counted(d, curve.columns), smooth);
    heed_show_curve(d, "frequencies", ends, level(d, frequencies));
    heed_show_curve(d, "pairs", ends, level(d, pairs));
    heed_show_table(d, table, "Losses in nats; the perplexity is e^loss, p is e^-loss", NULL,
                    "epoch|training|validation|perplexity|p|drop|factor", false);
    heed_show_figure(d, "step_below_frequencies", step_below(smooth, frequencies),
                     "where the loss is below that of frequencies");
    heed_show_figure(d, "step_below_pairs", step_below(smooth, pairs + 0.1),
                     "where it is within 0.1 of that of pairs");
    if (!isnan(r->floor))
        heed_show_figure(d, "floor", r->floor, "nats: the entropy of the stories, which no model gets below");
}

/* Sabotaged: frequencies stay as they are, pairs go. */
static void shuffle(heed_demoing *d, heed_demo_reading *r)
{
    for (int64_t i = r->n - 1; i > 0; i--) {
        const int64_t j = heed_rng_below(&d->rng, i + 1);
        const int32_t kept = r->ids[i];
        r->ids[i] = r->ids[j];
        r->ids[j] = kept;
    }
}

static void run(heed_demoing *d)
{
    const heed_config config = heed_demo_training_of(d, HEED_DEMO_M0S).config;
    heed_train_options options = heed_learner_options(d);
    const int64_t epochs = heed_take_int(&d->s, "epochs", 2, MOST_EPOCHS),
                  steps = options.steps > epochs ? options.steps / epochs : 1;
    int64_t n_train = steps * 16 * config.context_length + 1;
    heed_demo_reading reading = {0};
    heed_demo_study study = {0};
    const heed_grid table = heed_grid_make(&d->s, epochs + 1, N_COLUMNS),
                    curve = heed_grid_make(&d->s, 1, epochs * steps);

    options.steps = epochs * steps;
    options.batch_size = 16;
    if (d->s.status == HEED_OK &&
        heed_demo_reading_open(d, n_train + n_train / 8 + 4 * config.context_length, &reading)) {
        if (d->sabotage)
            shuffle(d, &reading);
        if (reading.n <
            n_train + 2 * config.context_length) /* a short text: more than one epoch in the steps of one */
            n_train = reading.n - reading.n / 9;
        if (heed_demo_study_open(d, &config, &options, &reading, n_train, &study)) {
            const double frequencies = counted_loss(d, &reading, n_train, false),
                         pairs = counted_loss(d, &reading, n_train, true);

            heed_demo_unit_start(study.model);
            go_through(d, &study, epochs, steps, table, curve);
            show(d, &reading, table, curve, frequencies, pairs);
            if (d->s.status == HEED_OK)
                judge(d, table, frequencies, pairs);
        }
    }
    heed_demo_study_close(&study);
    heed_demo_reading_close(&reading);
}

const heed_demo heed_demo_09 = {
    .info = {.id = "D09",
             .title = "Why the loss falls slowly later on",
             .shows = "Trains M0s, one layer of attention, for a few epochs and looks at the loss on unseen "
                      "text after each. "
                      "Which characters are frequent is learned in some steps, which of them follow each other "
                      "in some more, "
                      "and each of these makes the perplexity several times smaller. What is left, rarer "
                      "structure, brings "
                      "little at a time, and below the text's own entropy nothing can go.",
             .rule = "The validation loss falls most in the first epoch, and in no epoch by 0.02 more than in "
                     "the one before; the "
                     "perplexity is divided by more than 3 in the first and by less than 1.25 in the last; the "
                     "loss ends "
                     "0.3 below what frequencies of characters alone give.",
             .sabotage = "The characters of the text are shuffled.",
             .params = "{\"epochs\": 5, \"steps\": 900, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 5000}",
    .run = run,
};
