/* SPDX-License-Identifier: MIT */
/* K. What a block is made of: predictions that stacks with one part more or less judge. */
#include <math.h>

#include "workbook/groups.h"

#define CLEARLY 0.1 /* nats between losses that are said to differ */
#define SAME    0.05

/* --- hard.h8.1b --- */

static void bare_stacks(heed_solving *s, const heed_demo_result *r)
{
    const double one = heed_take_figure(s, r, "bare_1"), two = heed_take_figure(s, r, "bare_2"),
                 residual = heed_take_figure(s, r, "residual_2");

    heed_put_text(s, "prediction",
                  residual <= one && residual <= two ? "residual"
                  : one <= two                       ? "one"
                                                     : "two");
    heed_put_bool(s, "gains", two <= one - SAME);
    heed_step(s, "validation loss: one bare layer %.3f nats, two %.3f, two with residual connections %.3f", one,
              two, residual);
    heed_step(s, "the second bare layer changes it by %+.3f nats", two - one);
}

/* --- hard.h8.2b --- */

static void one_map(heed_solving *s, const heed_demo_result *r)
{
    const double none = heed_take_figure(s, r, "merged_none"), relu = heed_take_figure(s, r, "merged_relu"),
                 four = heed_take_figure(s, r, "blocks_2"), other = heed_take_figure(s, r, "narrow");

    heed_put_text(s, "prediction", none <= 1e-5 ? "rounding" : none <= 0.1 ? "small" : "large");
    heed_put_bool(s, "factor_matters", fabs(other - four) > CLEARLY);
    heed_step(s, "without ReLU the merged map is off by at most %.2g; with ReLU by %.2g", none, relu);
    heed_step(s, "validation loss with the factor 4 %.3f nats, with the other one %.3f", four, other);
}

/* --- hard.h8.3b --- */

static void stable_rates(heed_solving *s, const heed_demo_result *r)
{
    const double with = heed_take_figure(s, r, "stable_pre"), without = heed_take_figure(s, r, "stable_none"),
                 gained = heed_take_figure(s, r, "gained_pre"), other = heed_take_figure(s, r, "gained_none");

    heed_put_text(s, "prediction", with > without ? "higher" : with < without ? "lower" : "same");
    heed_put_bool(s, "faster", gained > other);
    heed_step(s, "largest rate with which gradient descent still learns: %g with LayerNorm, %g without", with,
              without);
    heed_step(s, "with the rate 0.1 %.2f nats of the loss are gone with LayerNorm, %.2f without", gained,
              other);
}

/* --- hard.h8.5b --- */

static void alone(heed_solving *s, const heed_demo_result *r)
{
    const double loss = heed_take_figure(s, r, "alone"), counted = heed_take_figure(s, r, "counted"),
                 attention = heed_take_figure(s, r, "attention"), past = heed_take_figure(s, r, "past");

    heed_put_text(s, "prediction",
                  loss < counted - CLEARLY    ? "below"
                  : loss <= counted + CLEARLY ? "near"
                                              : "above");
    heed_put_bool(s, "past", past != 0.0);
    heed_step(s, "validation loss: feed-forward alone %.3f nats, pairs counted %.3f, with attention %.3f", loss,
              counted, attention);
    heed_step(s, "another past changes the last logits of the feed-forwards by %g", past);
}

/* --- ch12.e20c --- */

static void whole_block(heed_solving *s, const heed_demo_result *r)
{
    const double apart = heed_take_figure(s, r, "block_apart"), one = heed_take_figure(s, r, "bare_1"),
                 blocks = heed_take_figure(s, r, "blocks_2");

    heed_put_text(s, "prediction", apart == 0.0 ? "exact" : apart <= 1e-5 ? "rounding" : "more");
    heed_put_bool(s, "trains", blocks <= one - CLEARLY);
    heed_step(s, "output and gradients are off by at most %.2g of the largest number of each", apart);
    heed_step(s, "validation loss of two such blocks %.3f nats, of one bare layer of attention %.3f", blocks,
              one);
}

/* --- variants --- */

static void vary_steps(heed_varying *v)
{
    heed_vary_pick_int(v, "steps", 3, INT64_C(160), INT64_C(200), INT64_C(240));
}

static void vary_factor(heed_varying *v)
{
    heed_vary_pick_int(v, "factor", 3, INT64_C(1), INT64_C(2), INT64_C(8));
}

static void vary_depth(heed_varying *v)
{
    heed_vary_int(v, "depth", 1, 4);
}

static void vary_alone(heed_varying *v)
{
    heed_vary_pick_int(v, "steps", 3, INT64_C(400), INT64_C(500), INT64_C(600));
}

static void vary_block(heed_varying *v)
{
    heed_vary_pick_int(v, "tokens", 3, INT64_C(16), INT64_C(32), INT64_C(48));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_pick_int(v, "head_dim", 3, INT64_C(4), INT64_C(8), INT64_C(16));
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }
#define YES_OR_NO(name)                      \
    {                                        \
        name, HEED_ANSWER_TRUTH, HEED_EXACT, \
    }

const heed_exercise heed_exercises_predict_stacks[] = {
    {.id = "hard.h8.1b",
     .seed = "001 H8.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"steps\": 200}",
     .vary = vary_steps,
     .demo = "D23",
     .outcome = bare_stacks,
     .fields = {PREDICTION, YES_OR_NO("gains"), HEED_OWN_WORDS}},
    {.id = "hard.h8.2b",
     .seed = "001 H8.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"factor\": 1}",
     .vary = vary_factor,
     .demo = "D23",
     .outcome = one_map,
     .fields = {PREDICTION, YES_OR_NO("factor_matters"), HEED_OWN_WORDS}},
    {.id = "hard.h8.3b",
     .seed = "001 H8.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"depth\": 2}",
     .vary = vary_depth,
     .demo = "D23",
     .outcome = stable_rates,
     .fields = {PREDICTION, YES_OR_NO("faster"), HEED_OWN_WORDS}},
    {.id = "hard.h8.5b",
     .seed = "001 H8.5",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"steps\": 500}",
     .vary = vary_alone,
     .demo = "D22",
     .outcome = alone,
     .fields = {PREDICTION, YES_OR_NO("past"), HEED_OWN_WORDS}},
    {.id = "ch12.e20c",
     .seed = "002 e20",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"tokens\": 32, \"n_heads\": 8, \"head_dim\": 8}",
     .vary = vary_block,
     .demo = "D23",
     .outcome = whole_block,
     .fields = {PREDICTION, YES_OR_NO("trains"), HEED_OWN_WORDS}},
    {.id = NULL},
};
