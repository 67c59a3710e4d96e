/* SPDX-License-Identifier: MIT */
/* D13: a learning rate from a range test, and whether runs agree. */
#include <heed/range_test.h>
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/training.h"

enum { MOST_RATES = 12, BATCHES = 16 };
#define BROKEN 10.0 /* nats: what a run that gave no number counts as */

/* --- the range test --- */

static bool told(void *context, const heed_range_point *point, const heed_progress *progress)
{
    heed_demoing *d = context;

    (void)progress;
    heed_demo_progress(d, 0.3 * (double)point->step / 200.0, "the range test");
    return d->s.status == HEED_OK;
}

static void show_test(heed_demoing *d, const heed_range_result *r)
{
    heed_grid x = heed_grid_make(&d->s, 1, r->n), y = heed_grid_make(&d->s, 1, r->n);

    for (int64_t i = 0; i < x.columns; i++) {
        x.data[i] = r->points[i].rate;
        y.data[i] = r->points[i].average;
    }
    heed_show_axes(d, "Loss while the rate grows, and at the end of runs", "learning rate", "nats", "x");
    heed_show_curve(d, "range test, averaged", x, y);
}

static void judge_test(heed_demoing *d, const heed_range_result *r)
{
    const double first = r->points[0].average, last = r->points[r->n - 1].average;

    heed_show_figure(d, "suggestion", r->suggestion,
                     "learning rate: the knee of the curve, or half of lowest_rate");
    heed_show_figure(d, "lowest_rate", r->lowest_rate, "at which the average was lowest");
    heed_show_figure(d, "broken_rate", r->broken_rate, "at which the test ended early; nan: it did not");
    heed_show_check(d, r->lowest_loss < first - 0.5, "the average falls from %.2f to %.2f nats, by 0.5 or more",
                    first, r->lowest_loss);
    heed_show_check(d, r->broken_rate > 0.0 || !(last < r->lowest_loss + 0.3),
                    "and then it rises or the test breaks off: %.2f nats at the end", last);
}

static double test_range(heed_demoing *d, heed_demo_training t)
{
    heed_range_options options = {.low = 1e-6, .high = 10.0, .steps = t.options.steps};
    heed_range_result r = {.points = NULL};
    heed_trainer *trainer;
    heed_error err = {HEED_OK, ""};
    double suggestion = NAN;

    options.steps = options.steps < 20 ? 20 : options.steps > 200 ? 200 : options.steps;
    t.options.steps = options.steps;
    t.options.clip_norm = 0.0; /* so that a rate that is too high can break */
    trainer = heed_demo_train_begin(d, &t);
    if (trainer != NULL && d->s.status == HEED_OK &&
        heed_demo_ok(d, heed_trainer_range_test(trainer, &options, told, d, &r, &err), &err) && r.n > 0) {
        show_test(d, &r);
        judge_test(d, &r);
        suggestion = r.suggestion;
    }
    heed_range_free(&r);
    heed_trainer_close(trainer);
    return suggestion;
}

/* --- runs --- */

/* A run that ends in no numbers is an outcome here, not a failure. */
static double train_at(heed_demoing *d, heed_demo_training t, double rate, double from, double to)
{
    heed_trainer *trainer;
    heed_progress progress = {0};
    heed_error err = {HEED_OK, ""};
    heed_status status = HEED_OK;
    double loss = BROKEN;

    t.options.learning_rate = rate;
    t.options.min_learning_rate = rate / 10.0;
    t.options.clip_norm = 0.0;
    trainer = heed_demo_train_begin(d, &t);
    for (int64_t i = 0; i < t.options.steps && status == HEED_OK && d->s.status == HEED_OK; i++) {
        status = heed_trainer_step(trainer, &progress, &err);
        heed_demo_progress(d, from + (to - from) * (double)i / (double)t.options.steps, "runs at fixed rates");
    }
    if (status != HEED_OK && status != HEED_ERR_CHECK)
        heed_demo_ok(d, status, &err);
    if (status == HEED_OK && d->s.status == HEED_OK) {
        loss = heed_trainer_evaluate(trainer, BATCHES);
        loss = loss < BROKEN ? loss : BROKEN; /* nan too */
    }
    heed_trainer_close(trainer);
    return loss;
}

static void judge_runs(heed_demoing *d, heed_grid rates, heed_grid losses, double suggestion)
{
    int64_t best = 0, near = 0;

    for (int64_t i = 0; i < rates.columns; i++) {
        best = losses.data[i] < losses.data[best] ? i : best;
        near = fabs(log(rates.data[i] / suggestion)) < fabs(log(rates.data[near] / suggestion)) ? i : near;
        heed_show_figure(d, heed_demo_words(d, "loss_%g", rates.data[i]), losses.data[i],
                         "nats: validation at that rate");
    }
    heed_show_figure(d, "best_rate", rates.data[best], "of the grid");
    heed_show_figure(d, "best_loss", losses.data[best], "nats: validation, at the best rate of the grid");
    heed_show_figure(d, "best_inside", (double)(best > 0 && best + 1 < rates.columns),
                     "1: it is neither the lowest nor the highest of the grid");
    heed_show_figure(d, "near_rate", rates.data[near], "of the grid, nearest to the suggestion");
    heed_show_check(d, best > 0 && best + 1 < rates.columns, "the best rate of the grid, %g, lies inside of it",
                    rates.data[best]);
    heed_show_check(d,
                    losses.data[0] > 1.05 * losses.data[best] &&
                        losses.data[rates.columns - 1] > 1.05 * losses.data[best],
                    "the lowest and the highest rate end at %.2f and %.2f, 5 %% or more above its %.2f",
                    losses.data[0], losses.data[rates.columns - 1], losses.data[best]);
}

static void run(heed_demoing *d)
{
    const heed_grid rates = heed_take_list(&d->s, "rates");
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    heed_grid losses = heed_grid_make(&d->s, 1, rates.columns);
    double suggestion;

    t.config.d_model = 32;
    t.config.n_layers = 1;
    t.config.context_length = 32;
    for (int64_t i = 0; d->s.status == HEED_OK && i < rates.columns; i++) {
        if (rates.columns < 3 || rates.columns > MOST_RATES ||
            !(rates.data[i] > 0.0 && rates.data[i] <= 100.0) || (i > 0 && rates.data[i] <= rates.data[i - 1]))
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "rates: expected 3 to %d rising numbers above 0",
                            (int)MOST_RATES);
    }
    suggestion = test_range(d, t);
    for (int64_t i = 0; d->s.status == HEED_OK && i < rates.columns; i++)
        losses.data[i] = train_at(d, t, d->sabotage ? rates.data[0] : rates.data[i],
                                  0.3 + 0.7 * (double)i / (double)rates.columns,
                                  0.3 + 0.7 * (double)(i + 1) / (double)rates.columns);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, losses, "Validation loss of runs at fixed rates", "nats", NULL, false);
    heed_show_curve(d, "runs", rates, losses);
    judge_runs(d, rates, losses, suggestion);
}

const heed_demo heed_demo_13 = {
    .info = {.id = "D13",
             .title = "A learning rate from a range test",
             .shows = "Lets the learning rate grow from 1e-6 to 10 within one short run and watches the loss: "
                      "nothing happens, it "
                      "falls, it explodes. Then trains at rates of a grid and measures each on validation. Too "
                      "low a rate "
                      "has not arrived when the steps are used up, too high a one jumps past what it looks "
                      "for; in between is "
                      "a broad valley, and the range test points into it for the price of one run.",
             .rule = "In the range test the average falls by 0.5 nats or more and then rises by 0.3 or breaks "
                     "off; of the grid "
                     "neither the lowest nor the highest rate is the best, and both end 5 % or more above it.",
             .sabotage = "All runs of the grid are made at its lowest rate.",
             .params =
                 "{\"steps\": 250, \"rates\": [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 1], \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 1500}",
    .run = run,
};
