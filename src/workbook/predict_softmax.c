/* SPDX-License-Identifier: MIT */
/* B. Predictions about averages of values, the softmax and its gradient, and lookup. */
#include <math.h>

#include "workbook/groups.h"

/* --- pp.q09b --- */

static void inside(heed_solving *s, const heed_demo_result *r)
{
    const double outside = heed_take_figure(s, r, "outside"),
                 off_one = heed_take_figure(s, r, "largest_off_one");

    /* floats of a weighted sum may end a rounding error beyond its largest term */
    heed_put_text(s, "prediction", outside <= 1e-5 ? "inside" : "outside");
    heed_step(s, "weights of a row add up to 1 within %.2g, and none is below 0", off_one);
    heed_step(s, "the farthest that an output leaves the range of its column of V: %.2g", outside);
}

static void vary_qkv(heed_varying *v)
{
    const int64_t tokens = heed_draw_int(v, 3, 5), head_dim = heed_draw_int(v, 2, 4);

    heed_vary_whole(v, "Q", tokens, head_dim, -2, 2);
    heed_vary_whole(v, "K", tokens, head_dim, -2, 2);
    heed_vary_whole(v, "V", tokens, head_dim, -5, 9);
}

/* --- hard.h2.1b --- */

static const char *state_of(double whole)
{
    return whole == 1.0 ? "whole" : "broken";
}

static void overflow(heed_solving *s, const heed_demo_result *r)
{
    heed_put_text(s, "formula", state_of(heed_take_figure(s, r, "naive_whole")));
    heed_put_text(s, "subtracted", state_of(heed_take_figure(s, r, "safe_whole")));
    heed_put_text(s, "divided", state_of(heed_take_figure(s, r, "scaled_whole")));
    heed_step(s, "the largest float is e^%.2f", heed_take_figure(s, r, "ln_largest"));
    heed_step(s,
              "tried from 0 up, the formula breaks at a largest score of %.2f: the sum of the row's e^x counts",
              heed_take_figure(s, r, "first_broken"));
}

static void vary_score(heed_varying *v)
{
    heed_vary_pick_int(v, "score", 6, INT64_C(40), INT64_C(85), INT64_C(95), INT64_C(300), INT64_C(600),
                       INT64_C(2000));
}

/* --- hard.h2.2b --- */

static void larger_gradient(heed_solving *s, const heed_demo_result *r)
{
    const double even = heed_take_figure(s, r, "even_norm"), spread = heed_take_figure(s, r, "spread_norm"),
                 even_reached = heed_take_figure(s, r, "even_reached"),
                 spread_reached = heed_take_figure(s, r, "spread_reached");

    heed_put_text(s, "larger", even > 1.1 * spread ? "equal" : spread > 1.1 * even ? "spread" : "alike");
    heed_put_bool(s, "all_of_equal", even_reached == 1.0);
    heed_put_bool(s, "all_of_spread", spread_reached == 1.0);
    heed_step(s, "length of the gradient of the scores: %.3g for equal ones, %.3g for those from lo to hi",
              even, spread);
    heed_step(s, "a tenth of the largest or more gets a share of %.3g of the equal ones, of %.3g of the others",
              even_reached, spread_reached);
}

static void vary_rows(heed_varying *v)
{
    const int64_t most = heed_vary_pick_int(v, "hi", 4, INT64_C(1), INT64_C(20), INT64_C(50), INT64_C(200));

    heed_vary_int(v, "len_a", 4, 20);
    heed_vary_pick_int(v, "len_b", 4, INT64_C(32), INT64_C(64), INT64_C(128), INT64_C(512));
    heed_vary_set_int(v, "lo", -most);
}

/* --- hard.h2.4b --- */

static void best_weight(heed_solving *s, const heed_demo_result *r)
{
    const double p = heed_take_figure(s, r, "best_p"), best = heed_take_figure(s, r, "best_slope"),
                 end = heed_take_figure(s, r, "slope_at_99");

    heed_put_number(s, "p", p);
    heed_put_number(s, "times", best / end);
    heed_step(s, "tried for p = 0.01 .. 0.99: dp/dx is largest at p = %.2f, where it is %.4f", p, best);
    heed_step(s, "at p = 0.99 it is %.4f: %.4f / %.4f = %.1f", end, best, end, best / end);
}

/* --- ch12.e01b --- */

/* moved: share of small steps of the query that move the value; ratio: how far with steps half as long. */
static const char *motion(double moved, double ratio)
{
    return moved < 0.1 ? "still" : ratio < 0.75 ? "slope" : "jump";
}

static void derivative(heed_solving *s, const heed_demo_result *r)
{
    const double hard = heed_take_figure(s, r, "hard_moved"), soft = heed_take_figure(s, r, "soft_moved"),
                 hard_ratio = heed_take_figure(s, r, "hard_ratio"),
                 soft_ratio = heed_take_figure(s, r, "soft_ratio");

    heed_put_text(s, "hard", motion(hard, hard_ratio));
    heed_put_text(s, "soft", motion(soft, soft_ratio));
    heed_step(s, "of small steps of the query a share of %.3f moves the hard value, of %.3f the soft one", hard,
              soft);
    heed_step(s, "with steps half as long the largest move is %.2f of what it was, hard, and %.2f, soft",
              hard_ratio, soft_ratio);
}

static void vary_sharpness(heed_varying *v)
{
    heed_vary_pick(v, "sharpness", 4, 1.0, 2.0, 4.0, 8.0);
}

#define PREDICTION(name)                      \
    {                                         \
        name, HEED_ANSWER_TEXT, HEED_EXACT, 0 \
    }

const heed_exercise heed_exercises_predict_softmax[] = {
    {.id = "pp.q09b",
     .seed = "000 Q9",
     .kind = HEED_EXERCISE_CONCEPT,
     .params =
         "{\"Q\": [[1, 0], [0, 1], [1, 1]], \"K\": [[1, 0], [0, 1], [1, 1]], \"V\": [[1, 2], [3, 4], [5, 6]]}",
     .vary = vary_qkv,
     .demo = "D02",
     .outcome = inside,
     .fields = {PREDICTION("prediction"), HEED_OWN_WORDS}},
    {.id = "hard.h2.1b",
     .seed = "001 H2.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"score\": 100}",
     .vary = vary_score,
     .demo = "E10",
     .outcome = overflow,
     .fields = {PREDICTION("formula"), PREDICTION("subtracted"), PREDICTION("divided"), HEED_OWN_WORDS}},
    {.id = "hard.h2.2b",
     .seed = "001 H2.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"len_a\": 10, \"len_b\": 256, \"lo\": -50, \"hi\": 50}",
     .vary = vary_rows,
     .demo = "D06",
     .outcome = larger_gradient,
     .fields = {PREDICTION("larger"),
                {"all_of_equal", HEED_ANSWER_TRUTH, HEED_EXACT, 0},
                {"all_of_spread", HEED_ANSWER_TRUTH, HEED_EXACT, 0},
                HEED_OWN_WORDS}},
    {.id = "hard.h2.4b",
     .seed = "001 H2.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D06",
     .outcome = best_weight,
     .fields = {{"p", HEED_ANSWER_NUMBER, HEED_ABS(0.02), 0},
                {"times", HEED_ANSWER_NUMBER, HEED_REL(0.1), 0},
                HEED_OWN_WORDS}},
    {.id = "ch12.e01b",
     .seed = "002 e1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"sharpness\": 2}",
     .vary = vary_sharpness,
     .demo = "D44",
     .outcome = derivative,
     .fields = {PREDICTION("hard"), PREDICTION("soft"), HEED_OWN_WORDS}},
    {.id = NULL},
};
