/* SPDX-License-Identifier: MIT */
/* J. Epochs, learning by heart, clipping: predictions that trainings judge. */
#include <math.h>
#include <stdio.h>

#include "workbook/groups.h"

/* --- hard.h5.1b --- */

static void largest_drop(heed_solving *s, const heed_demo_result *r)
{
    const double epochs = (double)heed_take_int(s, "epochs", 1, INT64_MAX),
                 at = heed_take_figure(s, r, "largest_drop_epoch"), end = heed_take_figure(s, r, "end_loss"),
                 floor = heed_take_figure(s, r, "floor");

    heed_put_text(s, "prediction", at == 1.0 ? "first" : at >= epochs ? "last" : "middle");
    heed_put_bool(s, "near_floor", end < floor + 0.5);
    heed_step(
        s, "the largest drop is that of epoch %.0f; the first lowers the loss by %.3f nats, the last by %.3f",
        at, heed_take_figure(s, r, "first_drop"), heed_take_figure(s, r, "last_drop"));
    heed_step(s, "the first divides the perplexity by %.2f, the last by %.3f",
              heed_take_figure(s, r, "first_factor"), heed_take_figure(s, r, "last_factor"));
    heed_step(s,
              "it ends at %.3f nats; counted frequencies give %.3f, counted pairs %.3f, the entropy of the "
              "text is %.3f",
              end, heed_take_figure(s, r, "frequencies_loss"), heed_take_figure(s, r, "pairs_loss"), floor);
}

/* --- hard.h5.2b, hard.h5.4 --- */

static void best_epoch(heed_solving *s, const heed_demo_result *r)
{
    const double best = heed_take_figure(s, r, "best_epoch"), epochs = heed_take_figure(s, r, "epochs"),
                 lowest = heed_take_figure(s, r, "best_validation"),
                 end = heed_take_figure(s, r, "end_validation");
    const double share = best / epochs;

    heed_put_text(s, "prediction",
                  share < 0.25   ? "first"
                  : share < 0.5  ? "second"
                  : share < 0.75 ? "third"
                                 : "fourth");
    heed_put_bool(s, "guaranteed", end < lowest + 0.02);
    heed_step(s, "the validation loss is lowest in epoch %.1f of %.1f: %.3f nats", best, epochs, lowest);
    heed_step(s, "at the end it is %.3f, the training loss %.3f", end, heed_take_figure(s, r, "end_training"));
    heed_step(s, "early stopping ends in epoch %.1f", heed_take_figure(s, r, "stopped_epoch"));
}

static const char *gap_word(double gap)
{
    return gap < -0.05 ? "below" : gap <= 0.05 ? "equal" : gap <= 0.5 ? "above" : "far";
}

static void gap(heed_solving *s, const heed_demo_result *r)
{
    const double start = heed_take_figure(s, r, "gap_start"), end = heed_take_figure(s, r, "gap_end");

    heed_put_text(s, "start", gap_word(start));
    heed_put_text(s, "end", gap_word(end));
    heed_step(s, "validation minus training loss before the first step: %+.3f nats", start);
    heed_step(s, "at the lowest validation loss: %+.3f", heed_take_figure(s, r, "gap_best"));
    heed_step(s, "after %.1f epochs: %+.3f", heed_take_figure(s, r, "epochs"), end);
}

/* --- hard.h7.5b --- */

/* A figure of rate number i, from 1. */
static double of_rate(heed_solving *s, const heed_demo_result *r, const char *format, int i)
{
    char name[32];

    snprintf(name, sizeof name, format, i);
    return heed_take_figure(s, r, name);
}

/* Clipping matters where it decides whether the model learns, or moves the loss by a tenth. */
static bool matters(heed_solving *s, const heed_demo_result *r, int i)
{
    const bool fails = of_rate(s, r, "diverged_%d_without", i) == 1.0,
               fails_with = of_rate(s, r, "diverged_%d_with", i) == 1.0;
    const double with = of_rate(s, r, "loss_%d_with", i), without = of_rate(s, r, "loss_%d_without", i);

    return fails != fails_with || (!fails && !(fabs(with - without) <= 0.1));
}

static void where_it_matters(heed_solving *s, const heed_demo_result *r)
{
    static const char *const words[] = {"none",    "smallest", "middle",     "smaller_two",
                                        "largest", "outer",    "larger_two", "all"};
    int which = 0;

    for (int i = 1; i <= 3; i++) {
        which |= matters(s, r, i) ? 1 << (i - 1) : 0;
        heed_step(s,
                  "rate %g: the loss ends at %.3f with clipping and at %.3f without; %.0f %% of the steps are "
                  "clipped",
                  of_rate(s, r, "rate_%d", i), of_rate(s, r, "loss_%d_with", i),
                  of_rate(s, r, "loss_%d_without", i), 100.0 * of_rate(s, r, "clipped_%d", i));
    }
    heed_put_text(s, "prediction", words[which]);
    heed_put_bool(s, "cures", of_rate(s, r, "diverged_%d_with", 3) == 0.0);
    heed_step(s, "the longest gradient at the largest rate: %.3g with clipping, %.3g without",
              of_rate(s, r, "norm_%d_with", 3), of_rate(s, r, "norm_%d_without", 3));
}

/* --- variants --- */

static void vary_epochs(heed_varying *v)
{
    heed_vary_int(v, "epochs", 3, 8);
}

static void vary_slice(heed_varying *v)
{
    heed_vary_pick_int(v, "slice", 3, INT64_C(10000), INT64_C(20000), INT64_C(30000));
}

static void vary_slice_and_epochs(heed_varying *v)
{
    vary_slice(v);
    heed_vary_pick_int(v, "epochs", 3, INT64_C(5), INT64_C(15), INT64_C(35));
}

static void vary_rates(heed_varying *v)
{
    static const double middle[] = {0.5, 1.0, 1.5}, largest[] = {2.0, 3.0, 4.0};

    heed_vary_set_json(
        v, "rates",
        json_pack("[f, f, f]", 0.1, middle[heed_draw_int(v, 0, 2)], largest[heed_draw_int(v, 0, 2)]));
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_epochs[] = {
    {.id = "hard.h5.1b",
     .seed = "001 H5.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"epochs\": 5}",
     .vary = vary_epochs,
     .demo = "D09",
     .outcome = largest_drop,
     .fields = {PREDICTION, {"near_floor", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "hard.h5.2b",
     .seed = "001 H5.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"slice\": 20000}",
     .vary = vary_slice,
     .demo = "D10",
     .outcome = best_epoch,
     .fields = {PREDICTION, {"guaranteed", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "hard.h5.4",
     .seed = "001 H5.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"slice\": 20000, \"epochs\": 35}",
     .vary = vary_slice_and_epochs,
     .demo = "D10",
     .outcome = gap,
     .fields = {{"start", HEED_ANSWER_TEXT, HEED_EXACT},
                {"end", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h7.5b",
     .seed = "001 H7.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"rates\": [0.1, 1, 3]}",
     .vary = vary_rates,
     .demo = "D12",
     .outcome = where_it_matters,
     .fields = {PREDICTION, {"cures", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = NULL}};
