/* SPDX-License-Identifier: MIT */
/* L, C. One token after the other: predictions that runs with and without a cache and a mask judge (D16, D20, D41). */
#include "workbook/groups.h"

/* --- hard.h4.2b --- */

static void same_logits(heed_solving *s, const heed_demo_result *r)
{
    const double apart = heed_take_figure(s, r, "apart"), largest = heed_take_figure(s, r, "largest_logit");

    heed_put_text(s, "prediction",
                  apart <= 1e-5 * largest  ? "same"
                  : apart <= 0.1 * largest ? "near"
                                           : "different");
    heed_step(s, "the largest difference between row t of one pass over all tokens and step t: %.2g", apart);
    heed_step(s, "the largest logit: %.3g; a float has about 7 digits", largest);
}

static void vary_tokens(heed_varying *v)
{
    heed_vary_int(v, "tokens", 4, 64);
}

/* --- hard.h9.1b --- */

static void mask_of_a_step(heed_solving *s, const heed_demo_result *r)
{
    const double held = heed_take_figure(s, r, "keys_held"), seen = heed_take_figure(s, r, "keys_seen");

    heed_put_text(s, "prediction", seen == held ? "none" : seen == 1.0 ? "itself" : "triangle");
    heed_step(s, "in the last step the cache holds %g keys, and row %g of training's mask lets %g be seen",
              held, held - 1.0, seen);
    heed_step(s, "logits of the two differ by %.2g at most: the step has seen all that training's row sees",
              heed_take_figure(s, r, "apart"));
}

/* --- ch12.e18b --- */

static void speed_up(heed_solving *s, const heed_demo_result *r)
{
    const double tokens = heed_take_figure(s, r, "tokens"), same = heed_take_figure(s, r, "same_greedy"),
                 drawn = heed_take_figure(s, r, "same_drawn"), first = heed_take_figure(s, r, "speedup_first"),
                 last = heed_take_figure(s, r, "speedup_last");

    heed_put_bool(s, "same", same == tokens && drawn == tokens);
    heed_put_text(s, "prediction", last > 1.1 * first ? "grows" : last < first / 1.1 ? "shrinks" : "level");
    heed_step(s,
              "%g of %g likeliest tokens are the same with a cache and without, and %g of %g that were drawn",
              same, tokens, drawn, tokens);
    heed_step(s, "times as fast with the cache: %.2f for the shortest text, %.2f for the longest", first, last);
    heed_step(s,
              "from the first quarter of tokens to the last, time for one grows %.2f-fold with it, %.2f-fold "
              "without",
              heed_take_figure(s, r, "cached_growth"), heed_take_figure(s, r, "plain_growth"));
}

static void vary_speed_up(heed_varying *v)
{
    heed_vary_pick_int(v, "tokens", 3, INT64_C(80), INT64_C(100), INT64_C(120));
    heed_vary_pick_int(v, "n_layers", 3, INT64_C(2), INT64_C(3), INT64_C(4));
}

/* --- hard.h9.5b --- */

static void sliding(heed_solving *s, const heed_demo_result *r)
{
    const double slides = heed_take_figure(s, r, "slides"), changed = heed_take_figure(s, r, "changed_after");

    heed_put_number(s, "slides", slides);
    heed_put_bool(s, "first_matters", changed > 0.0);
    heed_step(s, "the window slid %g times and held %g tokens at most", slides,
              heed_take_figure(s, r, "longest"));
    heed_step(s, "once the first token was forgotten, another one in its place changed the logits of %g steps",
              changed);
    heed_step(s,
              "with a cache %g tokens were those that are written without one: keys were made again at their "
              "new positions",
              heed_take_figure(s, r, "same"));
}

static void vary_sliding(heed_varying *v)
{
    heed_vary_pick_int(v, "context_length", 4, INT64_C(8), INT64_C(16), INT64_C(24), INT64_C(32));
    heed_vary_int(v, "tokens", 50, 150);
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_writing[] = {
    {.id = "hard.h4.2b",
     .seed = "001 H4.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"tokens\": 24}",
     .vary = vary_tokens,
     .demo = "D41",
     .outcome = same_logits,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h9.1b",
     .seed = "001 H9.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"tokens\": 24}",
     .vary = vary_tokens,
     .demo = "D41",
     .outcome = mask_of_a_step,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "ch12.e18b",
     .seed = "002 e18",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"tokens\": 100, \"n_layers\": 4, \"model\": \"\"}",
     .vary = vary_speed_up,
     .demo = "D16",
     .outcome = speed_up,
     .fields = {{"same", HEED_ANSWER_TRUTH, HEED_EXACT}, PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h9.5b",
     .seed = "001 H9.5",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"context_length\": 16, \"tokens\": 100}",
     .vary = vary_sliding,
     .demo = "D20",
     .outcome = sliding,
     .fields = {{"slides", HEED_ANSWER_NUMBER, HEED_EXACT},
                {"first_matters", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = NULL},
};
