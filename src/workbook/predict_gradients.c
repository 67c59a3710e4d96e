/* SPDX-License-Identifier: MIT */
/* B, J. Where gradients reach, what moves, and what decays: predictions about parameters in training. */
#include "workbook/groups.h"

/* --- hard.h7.1b --- */

static void sharp_row(heed_solving *s, const heed_demo_result *r)
{
    const double even = heed_take_figure(s, r, "to_Q_even"), sharp = heed_take_figure(s, r, "to_Q_sharp"),
                 weight = heed_take_figure(s, r, "sharp_top"), ratio = sharp / even;

    heed_put_text(s, "prediction",
                  ratio <= 0.2    ? "small"
                  : ratio <= 0.8  ? "less"
                  : ratio <= 1.25 ? "same"
                                  : "more");
    heed_step(s, "norm of the gradient of the query: %.3g in the evenest row, %.3g where one key has %.4f",
              even, sharp, weight);
    heed_step(s, "their ratio: %.3f", ratio);
}

/* --- hard.h5.5 --- */

/* The smallest of those that are named; each is a figure and a key of an option. */
static const char *least(heed_solving *s, const heed_demo_result *r, const char *const *figures,
                         const char *const *keys, int n)
{
    int best = 0;

    for (int i = 0; i < n; i++) {
        if (heed_take_figure(s, r, figures[i]) < heed_take_figure(s, r, figures[best]))
            best = i;
    }
    return keys[best];
}

static void slowest(heed_solving *s, const heed_demo_result *r)
{
    static const char *const figures[] = {"gd_tokens", "gd_positions", "gd_query_key",
                                          "gd_value",  "gd_out",       "gd_head"};
    static const char *const keys[] = {"tokens", "positions", "query_key", "value", "out", "head"};
    const double plain = heed_take_figure(s, r, "gd_spread"), adam = heed_take_figure(s, r, "adam_spread");

    heed_put_text(s, "prediction", least(s, r, figures, keys, 6));
    heed_put_bool(s, "evened", adam <= plain / 3.0);
    for (int i = 0; i < 6; i++)
        heed_step(s, "%s: gradient descent changes %.2g of it by a step", keys[i],
                  heed_take_figure(s, r, figures[i]));
    heed_step(s, "largest share over smallest: %.1f with gradient descent, %.1f with Adam", plain, adam);
}

/* --- hard.h7.2 --- */

static void smallest(heed_solving *s, const heed_demo_result *r)
{
    static const char *const figures[] = {"bare_tables", "bare_query_key", "bare_value_out", "bare_head"};
    static const char *const keys[] = {"tables", "query_key", "value_out", "head"};
    const double bare = heed_take_figure(s, r, "token_bare"),
                 residual = heed_take_figure(s, r, "token_residual");

    heed_put_text(s, "prediction", least(s, r, figures, keys, 4));
    heed_put_bool(s, "residual", residual >= 10.0 * bare);
    for (int i = 0; i < 4; i++)
        heed_step(s, "bare stack, %s: gradient of norm %.2g", keys[i], heed_take_figure(s, r, figures[i]));
    heed_step(s, "token table: %.2g in the bare stack, %.2g with residual connections", bare, residual);
}

/* --- hard.h7.4b --- */

static void rare_rows(heed_solving *s, const heed_demo_result *r)
{
    const double kept = heed_take_figure(s, r, "rare_l2_share"),
                 common = heed_take_figure(s, r, "common_l2_share"),
                 unused = heed_take_figure(s, r, "unused_l2");

    heed_put_text(s, "prediction",
                  kept <= 0.5    ? "half"
                  : kept <= 0.95 ? "shorter"
                  : kept <= 1.05 ? "same"
                                 : "longer");
    heed_put_bool(s, "unused", unused != 1.0);
    heed_step(s, "rare rows with L2 are %.2f times as long as those without, common ones %.2f times", kept,
              common);
    heed_step(s, "rows of ids that no token has end at %.2g of what they were", unused);
}

/* --- variants --- */

static void vary_layers(heed_varying *v)
{
    heed_vary_int(v, "layers", 2, 8);
}

static void vary_lambda(heed_varying *v)
{
    heed_vary_pick(v, "lambda", 4, 0.0003, 0.001, 0.003, 0.01);
}

static void vary_steps(heed_varying *v)
{
    heed_vary_pick_int(v, "steps", 3, INT64_C(800), INT64_C(1000), INT64_C(1200));
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }
#define YES_OR_NO(name)                      \
    {                                        \
        name, HEED_ANSWER_TRUTH, HEED_EXACT, \
    }

const heed_exercise heed_exercises_predict_gradients[] = {
    {.id = "hard.h7.1b",
     .seed = "001 H7.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D06",
     .outcome = sharp_row,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h5.5",
     .seed = "001 H5.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"steps\": 1000}",
     .vary = vary_steps,
     .demo = "D45",
     .outcome = slowest,
     .fields = {PREDICTION, YES_OR_NO("evened"), HEED_OWN_WORDS}},
    {.id = "hard.h7.2",
     .seed = "001 H7.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"layers\": 4}",
     .vary = vary_layers,
     .demo = "D11",
     .outcome = smallest,
     .fields = {PREDICTION, YES_OR_NO("residual"), HEED_OWN_WORDS}},
    {.id = "hard.h7.4b",
     .seed = "001 H7.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"lambda\": 0.001}",
     .vary = vary_lambda,
     .demo = "D32",
     .outcome = rare_rows,
     .fields = {PREDICTION, YES_OR_NO("unused"), HEED_OWN_WORDS}},
    {.id = NULL},
};
