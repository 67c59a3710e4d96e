/* SPDX-License-Identifier: MIT */
/* C. Without the causal mask: predictions that trainings with it and without it judge. */
#include <math.h>
#include <stdio.h>

#include "workbook/groups.h"

/* A figure of the model that is asked about: "P2s_last_without". */
static double of(heed_solving *s, const heed_demo_result *r, const char *what)
{
    char name[64];

    snprintf(name, sizeof name, "%s_%s", heed_take_text(s, "model"), what);
    return heed_take_figure(s, r, name);
}

/* A loss without the mask beside that with it. */
static const char *loss_word(double without, double with, double uniform)
{
    if (!(without <= uniform))
        return "hopeless";
    if (without < with / 3.0)
        return "collapses";
    return without < 0.9 * with ? "lower" : without <= 1.1 * with ? "same" : "higher";
}

static bool is_garbage(heed_solving *s, const heed_demo_result *r)
{
    return of(s, r, "distinct_drawn_without") < 0.7 || of(s, r, "apart_without") > 0.4;
}

/* --- pp.q14, s5.e5.4c, hard.h4.3 --- */

static void say_text(heed_solving *s, const heed_demo_result *r)
{
    heed_step(s, "of the text drawn without the mask %.0f %% of the runs of four are new (with it %.0f %%)",
              100.0 * of(s, r, "distinct_drawn_without"), 100.0 * of(s, r, "distinct_drawn_with"));
    heed_step(s, "the shares of its characters are %.2f off the real text's (with the mask %.2f)",
              of(s, r, "apart_without"), of(s, r, "apart_with"));
}

static void training_and_text(heed_solving *s, const heed_demo_result *r)
{
    const double with = of(s, r, "training_with"), without = of(s, r, "training_without");

    heed_put_text(s, "prediction", loss_word(without, with, of(s, r, "uniform")));
    heed_put_bool(s, "garbage", is_garbage(s, r));
    heed_step(s, "training loss without the mask %.3f nats, with it %.3f", without, with);
    say_text(s, r);
}

static void why_needed(heed_solving *s, const heed_demo_result *r)
{
    const double with = of(s, r, "last_with"), without = of(s, r, "last_without"),
                 uniform = of(s, r, "uniform");

    heed_put_text(s, "prediction", loss_word(without, with, uniform));
    heed_put_bool(s, "garbage", is_garbage(s, r));
    heed_step(s,
              "at the end of a text, where nothing stands behind: %.3f nats without the mask, %.3f with it, ln "
              "V = %.3f",
              without, with, uniform);
    heed_step(s, "on whole windows it had %.3f without the mask", of(s, r, "validation_without"));
    say_text(s, r);
}

static void three_losses(heed_solving *s, const heed_demo_result *r)
{
    static const char *const names[] = {"training", "validation", "last"};
    const double uniform = of(s, r, "uniform");

    for (int i = 0; i < 3; i++) {
        char key[32];
        double with, without;

        snprintf(key, sizeof key, "%s_with", names[i]);
        with = of(s, r, key);
        snprintf(key, sizeof key, "%s_without", names[i]);
        without = of(s, r, key);
        heed_put_text(s, names[i], loss_word(without, with, uniform));
        heed_step(s, "%s: %.3f nats without the mask, %.3f with it", names[i], without, with);
    }
    heed_step(s, "ln V = %.3f is what guessing evenly has", uniform);
}

/* --- hard.h4.5 --- */

static void loosened(heed_solving *s, const heed_demo_result *r)
{
    const double with = of(s, r, "distinct_greedy_with"), without = of(s, r, "distinct_greedy_without"),
                 drawn = of(s, r, "distinct_drawn_with");

    heed_put_text(s, "prediction",
                  without >= 0.7          ? "cured"
                  : without > with + 0.1  ? "better"
                  : without >= with - 0.1 ? "same"
                                          : "worse");
    heed_put_bool(s, "drawing", drawn >= 0.7);
    heed_step(s, "new runs of four, always the likeliest token: %.0f %% with the mask, %.0f %% without it",
              100.0 * with, 100.0 * without);
    heed_step(s, "with the mask and drawn by probability: %.0f %%", 100.0 * drawn);
    heed_step(s, "weight on the token before, of the head with most of it: %.2f with the mask, %.2f without it",
              of(s, r, "previous_with"), of(s, r, "previous_without"));
}

/* --- hard.h4.4, ch12.e10 --- */

static const char *share_word(double x, double other)
{
    return x > other + 0.05 ? "higher" : x < other - 0.05 ? "lower" : "same";
}

static void say_gaps(heed_solving *s, const heed_demo_result *r)
{
    heed_step(s, "gaps filled right: encoder %.1f %%, encoder with the causal mask %.1f %%, GPT %.1f %%",
              100.0 * heed_take_figure(s, r, "accuracy_two_way"),
              100.0 * heed_take_figure(s, r, "accuracy_masked"),
              100.0 * heed_take_figure(s, r, "accuracy_gpt"));
    heed_step(s, "pairs of query and key: %.0f, with the mask %.0f", heed_take_figure(s, r, "pairs_two_way"),
              heed_take_figure(s, r, "pairs_causal"));
}

static void both_ways(heed_solving *s, const heed_demo_result *r)
{
    const double change = heed_take_figure(s, r, "change_two_way");

    heed_put_text(
        s, "prediction",
        share_word(heed_take_figure(s, r, "accuracy_two_way"), heed_take_figure(s, r, "accuracy_gpt")));
    heed_put_bool(s, "writes", heed_take_figure(s, r, "session_two_way") == 1.0);
    heed_put_bool(s, "keeps", change < 1e-3);
    say_gaps(s, r);
    heed_step(s, "one more letter moves the encoder's earlier logits by %.3g, the GPT's by %.3g", change,
              heed_take_figure(s, r, "change_gpt"));
}

static void add_the_mask(heed_solving *s, const heed_demo_result *r)
{
    const double before = heed_take_figure(s, r, "parameters_two_way"),
                 after = heed_take_figure(s, r, "parameters_masked");

    heed_put_text(
        s, "prediction",
        share_word(heed_take_figure(s, r, "accuracy_masked"), heed_take_figure(s, r, "accuracy_two_way")));
    heed_put_bool(s, "parameters", before != after);
    say_gaps(s, r);
    heed_step(s, "parameters: %.0f without the mask, %.0f with it", before, after);
}

/* --- variants --- */

static void vary_model(heed_varying *v)
{
    heed_vary_set_text(v, "model", heed_draw_int(v, 0, 1) == 0 ? "M0s" : "P2s");
}

static void vary_steps(heed_varying *v)
{
    vary_model(v);
    heed_vary_pick_int(v, "steps", 3, INT64_C(400), INT64_C(500), INT64_C(600));
}

static void vary_prompt(heed_varying *v)
{
    static const char *const prompts[] = {"she looked ", "the little ", "and then "};

    heed_vary_set_text(v, "prompt", prompts[heed_draw_int(v, 0, 2)]);
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_mask[] = {
    {.id = "pp.q14",
     .seed = "000 Q14",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"P2s\"}",
     .vary = vary_model,
     .demo = "D04",
     .outcome = training_and_text,
     .fields = {PREDICTION, {"garbage", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "hard.h4.3",
     .seed = "001 H4.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"P2s\", \"steps\": 500}",
     .vary = vary_steps,
     .demo = "D04",
     .outcome = three_losses,
     .fields = {{"training", HEED_ANSWER_TEXT, HEED_EXACT},
                {"validation", HEED_ANSWER_TEXT, HEED_EXACT},
                {"last", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h4.4",
     .seed = "001 H4.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D40",
     .outcome = both_ways,
     .fields = {PREDICTION,
                {"writes", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"keeps", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h4.5",
     .seed = "001 H4.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"P2s\", \"prompt\": \"she looked \"}",
     .vary = vary_prompt,
     .demo = "D04",
     .outcome = loosened,
     .fields = {PREDICTION, {"drawing", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "ch12.e10",
     .seed = "002 exercise 10",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D40",
     .outcome = add_the_mask,
     .fields = {PREDICTION, {"parameters", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "s5.e5.4c",
     .seed = "004 5.4c",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"P2s\"}",
     .demo = "D04",
     .outcome = why_needed,
     .fields = {PREDICTION, {"garbage", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = NULL}};
