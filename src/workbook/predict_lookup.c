/* SPDX-License-Identifier: MIT */
/* B. Keys that are values too: a prediction that an experiment judges. */
#include "workbook/groups.h"

#define SOLVED 0.95 /* right answers, as in D43's rule */

/* --- ch12.e04 --- */

static void tied(heed_solving *s, const heed_demo_result *r)
{
    const double apart = heed_take_figure(s, r, "separate"), one = heed_take_figure(s, r, "tied"),
                 roomy = heed_take_figure(s, r, "tied_wide");

    heed_put_text(s, "prediction",
                  apart >= SOLVED ? one >= SOLVED ? "both" : "separate"
                  : one >= SOLVED ? "tied"
                                  : "neither");
    heed_put_bool(s, "with_room", roomy >= SOLVED);
    heed_step(s, "2 numbers a head: %.1f %% right with maps of their own, %.1f %% where the key is the value",
              100.0 * apart, 100.0 * one);
    heed_step(s, "8 numbers: %.1f %% and %.1f %%; solved is 95 %% and more",
              100.0 * heed_take_figure(s, r, "separate_wide"), 100.0 * roomy);
}

static void vary_task(heed_varying *v)
{
    heed_vary_int(v, "keys", 6, 10);
}

const heed_exercise heed_exercises_predict_lookup[] = {{.id = "ch12.e04",
                                                        .seed = "002 e4",
                                                        .kind = HEED_EXERCISE_CONCEPT,
                                                        .params = "{\"keys\": 8}",
                                                        .vary = vary_task,
                                                        .demo = "D43",
                                                        .outcome = tied,
                                                        .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT},
                                                                   {"with_room", HEED_ANSWER_TRUTH, HEED_EXACT},
                                                                   HEED_OWN_WORDS}},
                                                       {.id = NULL}};
