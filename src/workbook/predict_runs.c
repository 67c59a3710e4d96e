/* SPDX-License-Identifier: MIT */
/* J, P. Runs that are compared: predictions that experiments judge. */
#include <stdlib.h>
#include <string.h>

#include "workbook/groups.h"

/* --- hard.h10.1 --- */

/* Calls for each rate of the grid and its loss: figures "loss_0.001". */
static void each_rate(const heed_demo_result *r, void (*see)(void *context, double rate, double loss),
                      void *context)
{
    for (int i = 0; i < r->n_figures; i++) {
        const char *name = r->figures[i].name;
        char *end = NULL;
        const double rate = strncmp(name, "loss_", 5) == 0 ? strtod(name + 5, &end) : 0.0;

        if (end != NULL && *end == '\0' && rate > 0.0)
            see(context, rate, r->figures[i].value);
    }
}

typedef struct grid {
    heed_solving *s;
    double best;
    json_t *good;
} grid;

static void see_rate(void *context, double rate, double loss)
{
    grid *g = context;
    const bool good = loss <= 1.02 * g->best;

    if (good)
        json_array_append_new(g->good, json_real(rate));
    heed_step(g->s, "rate %g: validation loss %.3f%s", rate, loss, good ? ", within 2 % of the best" : "");
}

static void rate_found(heed_solving *s, const heed_demo_result *r)
{
    grid g = {.s = s, .best = heed_take_figure(s, r, "best_loss"), .good = json_array()};
    const double broken = heed_take_figure(s, r, "broken_rate"), rate = heed_take_figure(s, r, "best_rate");

    heed_step(s, "the range test suggests %.3g; its loss was lowest at %.3g",
              heed_take_figure(s, r, "suggestion"), heed_take_figure(s, r, "lowest_rate"));
    if (broken > 0.0)
        heed_step(s, "it broke off at %.3g", broken);
    each_rate(r, see_rate, &g);
    heed_step(s, "best of the grid: %g", rate);
    heed_put_json(s, "rate", g.good);
    heed_put_bool(s, "inside", heed_take_figure(s, r, "best_inside") != 0.0);
}

static void vary_steps(heed_varying *v)
{
    heed_vary_pick_int(v, "steps", 3, INT64_C(120), INT64_C(180), INT64_C(400));
}

/* --- hard.h10.2b --- */

static const char *lower(double small, double large)
{
    return large < small - 0.05 ? "large" : small < large - 0.05 ? "small" : "same";
}

static void batches(heed_solving *s, const heed_demo_result *r)
{
    const double epoch[] = {heed_take_figure(s, r, "epoch_small"), heed_take_figure(s, r, "epoch_large")},
                 steps[] = {heed_take_figure(s, r, "steps_small"), heed_take_figure(s, r, "steps_large")},
                 speed[] = {heed_take_figure(s, r, "speed_small"), heed_take_figure(s, r, "speed_large")};

    heed_put_text(s, "same_text", lower(epoch[0], epoch[1]));
    heed_put_text(s, "same_updates", lower(steps[0], steps[1]));
    heed_put_text(s, "tokens_a_second",
                  speed[1] > 1.25 * speed[0]   ? "large"
                  : speed[0] > 1.25 * speed[1] ? "small"
                                               : "same");
    heed_step(s, "after the same text, at the same rate: %.3f nats with small batches, %.3f with large ones",
              epoch[0], epoch[1]);
    heed_step(s, "the large ones at a rate that grew with the root of their size: %.3f",
              heed_take_figure(s, r, "scaled_large"));
    heed_step(s, "after the same number of updates: %.3f and %.3f; within 0.05 they count as equal", steps[0],
              steps[1]);
    heed_step(s, "tokens a second: %.0f and %.0f; within a quarter they count as equal", speed[0], speed[1]);
    heed_step(s, "noise of the gradient: %.3g and %.3g", heed_take_figure(s, r, "noise_small"),
              heed_take_figure(s, r, "noise_large"));
}

static void vary_batches(heed_varying *v)
{
    static const int sizes[][3] = {{4, 16, 64}, {8, 24, 96}, {6, 24, 72}};
    const int64_t i = heed_draw_int(v, 0, 2);

    heed_vary_set_json(v, "batches", json_pack("[i, i, i]", sizes[i][0], sizes[i][1], sizes[i][2]));
}

/* --- hard.h10.7 --- */

static void what_matters(heed_solving *s, const heed_demo_result *r)
{
    static const char *const names[][2] = {{"cost_width", "width"},         {"cost_depth", "depth"},
                                           {"cost_text", "text"},           {"cost_steps", "steps"},
                                           {"cost_attention", "attention"}, {"cost_objective", "objective"}};
    int most = 0, least = 0;

    for (int i = 0; i < 6; i++) {
        const double cost = heed_take_figure(s, r, names[i][0]);

        most = cost > heed_take_figure(s, r, names[most][0]) ? i : most;
        least = cost < heed_take_figure(s, r, names[least][0]) ? i : least;
        heed_step(s, "%s: %.3f nats", names[i][1], cost);
    }
    heed_step(s, "each of them alone saturates; with another budget the order may be another");
    heed_put_text(s, "most", names[most][1]);
    heed_put_text(s, "least", names[least][1]);
}

#define TEXT(name)                         \
    {                                      \
        name, HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_runs[] = {
    {.id = "hard.h10.1",
     .seed = "001 H10.1",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"steps\": 250, \"rates\": [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 1]}",
     .vary = vary_steps,
     .demo = "D13",
     .outcome = rate_found,
     .fields = {{"rate", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_ANY_ONE},
                {"inside", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h10.2b",
     .seed = "001 H10.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batches\": [8, 32, 128]}",
     .vary = vary_batches,
     .demo = "D14",
     .outcome = batches,
     .fields = {TEXT("same_text"), TEXT("same_updates"), TEXT("tokens_a_second"), HEED_OWN_WORDS}},
    {.id = "hard.h10.7",
     .seed = "001 H10.7",
     .kind = HEED_EXERCISE_LAB,
     .params = "{}",
     .demo = "D34",
     .outcome = what_matters,
     .fields = {TEXT("most"), TEXT("least"), HEED_OWN_WORDS}},
    {.id = NULL}};
