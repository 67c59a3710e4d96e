/* SPDX-License-Identifier: MIT */
/* L, C. One token after the other: predictions that runs with and without a cache and a mask judge (D16, D20, D41), and
 * what ways of choosing make of one model (D18, D19, D35). */
#include <heed/diagnosis.h>
#include <math.h>
#include <stdio.h>

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

/* --- a12.k02 --- */

static void appended(heed_solving *s, const heed_demo_result *r)
{
    const double all = heed_take_figure(s, r, "apart_all"), prompt = heed_take_figure(s, r, "apart_prompt"),
                 last = heed_take_figure(s, r, "apart_last");

    heed_put_text(s, "prediction", all <= prompt && all <= last ? "all" : prompt <= last ? "prompt" : "last");
    heed_step(
        s, "after 12 written tokens, the logits for the next one were compared with those of a fresh reading");
    heed_step(s, "of the prompt and all that was written: %.2g apart", all);
    heed_step(s, "of the prompt alone: %.2g apart; of the last token alone: %.2g", prompt, last);
}

/* --- hard.h9.2 --- */

enum { N_WAYS = 4 };

static const char *const ways[N_WAYS] = {"greedy", "cool", "plain", "top_k"};

static void choices(heed_solving *s, const heed_demo_result *r)
{
    static const char *const names[N_WAYS] = {"greedy", "temperature 0.7", "temperature 1", "top-k 10"};
    double distinct[N_WAYS], off[N_WAYS];
    int least = 0, most = 0, nearest = 0;

    for (int i = 0; i < N_WAYS; i++) {
        char figure[32];

        snprintf(figure, sizeof figure, "distinct_%s", ways[i]);
        distinct[i] = heed_take_figure(s, r, figure);
        snprintf(figure, sizeof figure, "off_%s", ways[i]);
        off[i] = heed_take_figure(s, r, figure);
        least = distinct[i] < distinct[least] ? i : least;
        most = distinct[i] > distinct[most] ? i : most;
        nearest = off[i] < off[nearest] ? i : nearest;
        heed_step(s, "%s: distinct-4 %.3f; shares of tokens are up to %.3g standard errors off", names[i],
                  distinct[i], off[i]);
    }
    heed_put_text(s, "least", ways[least]);
    heed_put_text(s, "most", ways[most]);
    heed_put_text(s, "matches", ways[nearest]);
}

/* --- hard.h9.3b --- */

static void beams(heed_solving *s, const heed_demo_result *r)
{
    const double greedy = heed_take_figure(s, r, "log_p_greedy"), least = heed_take_figure(s, r, "log_p_least"),
                 most = heed_take_figure(s, r, "log_p_most");

    heed_put_text(s, "prediction", least < greedy - 1e-3 ? "lower" : most > greedy + 1e-3 ? "higher" : "equal");
    heed_step(s, "ln P of the greedy text: %.3f", greedy);
    heed_step(s, "of the texts that 1, 2, 4 and 8 beams find: from %.3f to %.3f", least, most);
    heed_step(s, "the most probable of them is e^%.3f = %.3g times as probable as the greedy one",
              most - greedy, exp(most - greedy));
}

/* --- hard.h9.4 --- */

#define HELPED 0.2 /* of distinct-4: as in the demonstration's rule */

static void put_helps(heed_solving *s, const heed_demo_result *r, const char *field, const char *figure,
                      const char *words)
{
    const double before = heed_take_figure(s, r, "distinct"), after = heed_take_figure(s, r, figure);

    heed_put_bool(s, field, after >= before + HELPED);
    heed_step(s, "%s: distinct-4 from %.3f to %.3f", words, before, after);
}

static void cause_and_cure(heed_solving *s, const heed_demo_result *r)
{
    const int verdict = (int)heed_take_figure(s, r, "verdict");
    const double length = heed_take_figure(s, r, "loop_length");

    heed_put_text(s, "cause", heed_verdict_name((heed_verdict)verdict));
    heed_step(s,
              "the circle has %g tokens; in it the likeliest token has %.2f in the mean, the second %.2f less",
              length, heed_take_figure(s, r, "top"), heed_take_figure(s, r, "margin"));
    heed_step(s, "entropy %.2f nats; weight on the token before %.2f", heed_take_figure(s, r, "entropy"),
              heed_take_figure(s, r, "previous"));
    put_helps(s, r, "temperature", "distinct_temperature", "temperature 0.8");
    put_helps(s, r, "penalty", "distinct_penalty", "a repetition penalty of 1.3");
    put_helps(s, r, "training", "distinct_trained", "training longer");
}

/* --- hard.h10.5b --- */

static void free_running(heed_solving *s, const heed_demo_result *r)
{
    const double forced = heed_take_figure(s, r, "accuracy"), last = heed_take_figure(s, r, "free_last"),
                 power = heed_take_figure(s, r, "power");

    heed_put_text(s, "prediction", last >= forced - 0.05 ? "same" : last <= power + 0.01 ? "power" : "between");
    heed_step(s, "reading the true text the likeliest token is right in %.3f of all cases: p", forced);
    heed_step(s, "the last of them, reading its own text: %.3f", last);
    heed_step(s, "p^n = %.3g; all of them were right in %.3f of the texts", power,
              heed_take_figure(s, r, "row"));
}

static void vary_free_running(heed_varying *v)
{
    heed_vary_int(v, "n", 8, 28);
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
    {.id = "a12.k02",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"prompt\": \"The best way to learn\"}",
     .demo = "D18",
     .outcome = appended,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h9.2",
     .seed = "001 H9.2",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"prompt\": \"The best way to learn\", \"model\": \"\"}",
     .demo = "D18",
     .outcome = choices,
     .fields = {{"least", HEED_ANSWER_TEXT, HEED_EXACT},
                {"most", HEED_ANSWER_TEXT, HEED_EXACT},
                {"matches", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h9.3b",
     .seed = "001 H9.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"prompt\": \"The best way to learn\", \"beam_tokens\": 40}",
     .demo = "D18",
     .outcome = beams,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h9.4",
     .seed = "001 H9.4",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"prompt\": \"The best way to learn\", \"model\": \"\"}",
     .demo = "D19",
     .outcome = cause_and_cure,
     .fields = {{"cause", HEED_ANSWER_TEXT, HEED_EXACT},
                {"temperature", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"penalty", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"training", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h10.5b",
     .seed = "001 H10.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"n\": 20}",
     .vary = vary_free_running,
     .demo = "D35",
     .outcome = free_running,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = NULL},
};
