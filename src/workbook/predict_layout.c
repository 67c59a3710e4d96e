/* SPDX-License-Identifier: MIT */
/* A, C, I. Predictions about memory: heads as rows, layouts, scores that nobody sees, and what a longer text costs. */
#include "workbook/groups.h"

/* --- pp.q16c --- */

static void without_copy(heed_solving *s, const heed_demo_result *r)
{
    const double copied = heed_take_figure(s, r, "copied"), misplaced = heed_take_figure(s, r, "misplaced"),
                 strangers = heed_take_figure(s, r, "strangers");

    heed_put_bool(s, "possible", copied == 0.0);
    heed_put_text(s, "rows", misplaced == 0.0 ? "right" : strangers == 0.0 ? "shuffled" : "mixed");
    heed_step(s, copied != 0.0 ? "the engine writes the numbers anew before it joins the heads"
                               : "the engine joins the heads by a view alone");
    heed_step(s,
              "the memory taken for rows as it is has a share of %.3g at a wrong place, of %.3g in another "
              "token's row",
              misplaced, strangers);
}

static void vary_merge(heed_varying *v)
{
    const int64_t heads = heed_vary_pick_int(v, "n_heads", 4, INT64_C(1), INT64_C(2), INT64_C(3), INT64_C(4));

    heed_vary_int(v, "batch_size", 1, 3);
    heed_vary_pick_int(v, "seq_len", 5, INT64_C(1), INT64_C(2), INT64_C(3), INT64_C(5), INT64_C(6));
    heed_vary_set_int(v, "d_model", heads * heed_draw_int(v, 2, 5));
}

/* --- hard.h1.2b --- */

static void faster_layout(heed_solving *s, const heed_demo_result *r)
{
    const double factor = heed_take_figure(s, r, "factor"), apart = heed_take_figure(s, r, "difference");

    heed_put_text(s, "faster", factor > 1.1 ? "outside" : factor < 1.0 / 1.1 ? "innermost" : "alike");
    heed_put_bool(s, "same", apart <= 1e-5);
    heed_step(s, "with heads innermost a pass takes %.2f times as long", factor);
    heed_step(s, "the two outputs are %.2g apart", apart);
}

static void vary_layout(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 3, INT64_C(1), INT64_C(2), INT64_C(4));
    heed_vary_pick_int(v, "seq_len", 2, INT64_C(128), INT64_C(256));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
}

/* --- hard.h7.3 --- */

static void hidden_gradient(heed_solving *s, const heed_demo_result *r)
{
    const double hidden = heed_take_figure(s, r, "hidden"), visible = heed_take_figure(s, r, "visible");

    heed_put_text(s, "prediction", hidden == 0.0 ? "zero" : hidden < 1e-3 * visible ? "small" : "alike");
    heed_step(s, "the largest gradient of a score above the diagonal: %g", hidden);
    heed_step(s, "on the diagonal and below: %.3g", visible);
}

static void vary_tokens(heed_varying *v)
{
    heed_vary_int(v, "tokens", 3, 8);
}

/* --- ch12.e19b --- */

static void slopes(heed_solving *s, const heed_demo_result *r)
{
    const double core = heed_take_figure(s, r, "core_slope"), layer = heed_take_figure(s, r, "layer_slope");

    heed_put_number(s, "core", core);
    heed_put_text(s, "layer", layer < core - 0.1 ? "lower" : layer > core + 0.1 ? "higher" : "alike");
    heed_step(s, "log seconds over log tokens: the core rises with slope %.2f, the whole layer with %.2f", core,
              layer);
    heed_step(s, "so a text twice as long takes 2^%.2f = %.1f and 2^%.2f = %.1f times as long", core,
              heed_take_figure(s, r, "core_doubling"), layer, heed_take_figure(s, r, "layer_doubling"));
}

static void vary_width(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

#define PREDICTION(name)                      \
    {                                         \
        name, HEED_ANSWER_TEXT, HEED_EXACT, 0 \
    }

const heed_exercise heed_exercises_predict_layout[] = {
    {.id = "pp.q16c",
     .seed = "000 Q16",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batch_size\": 1, \"seq_len\": 3, \"d_model\": 8, \"n_heads\": 2}",
     .vary = vary_merge,
     .demo = "E08",
     .outcome = without_copy,
     .fields = {{"possible", HEED_ANSWER_TRUTH, HEED_EXACT, 0}, PREDICTION("rows"), HEED_OWN_WORDS}},
    {.id = "hard.h1.2b",
     .seed = "001 H1.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batch\": 4, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4}",
     .vary = vary_layout,
     .demo = "E09",
     .outcome = faster_layout,
     .fields = {PREDICTION("faster"), {"same", HEED_ANSWER_TRUTH, HEED_EXACT, 0}, HEED_OWN_WORDS}},
    {.id = "hard.h7.3",
     .seed = "001 H7.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"tokens\": 5}",
     .vary = vary_tokens,
     .demo = "D29",
     .outcome = hidden_gradient,
     .fields = {PREDICTION("prediction"), HEED_OWN_WORDS}},
    {.id = "ch12.e19b",
     .seed = "002 e19",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"d_model\": 256}",
     .vary = vary_width,
     .demo = "D17",
     .outcome = slopes,
     .fields = {{"core", HEED_ANSWER_NUMBER, HEED_ABS(0.3), 0}, PREDICTION("layer"), HEED_OWN_WORDS}},
    {.id = NULL},
};
