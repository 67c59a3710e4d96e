/* SPDX-License-Identifier: MIT */
/* G. Embeddings and positions: predictions that experiments judge. */
#include <math.h>
#include <stdio.h>

#include "workbook/groups.h"

/* --- pp.q20b --- */

#define SAME_LOSS 0.1 /* nats, as in E01's rule */

static void beside(heed_solving *s, const heed_demo_result *r)
{
    const double added = heed_take_figure(s, r, "loss_added"), halves = heed_take_figure(s, r, "loss_halves"),
                 factor = heed_take_figure(s, r, "attention_factor");

    heed_put_number(s, "attention_factor", factor);
    heed_put_text(s, "prediction",
                  fabs(added - halves) <= SAME_LOSS ? "same"
                  : added < halves                  ? "added"
                                                    : "beside");
    heed_step(s, "side by side the stream is %.0f times as wide, and attention has %.4g times the parameters",
              heed_take_figure(s, r, "width_factor"), factor);
    heed_step(s,
              "at equal width: added %.3f nats, side by side with half of it each %.3f; within %.1f they count "
              "as equal",
              added, halves, SAME_LOSS);
    heed_step(s, "side by side and twice as wide: %.3f nats, with %.2f times all parameters",
              heed_take_figure(s, r, "loss_wide"), heed_take_figure(s, r, "parameters_factor"));
}

static void vary_width(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 4, INT64_C(16), INT64_C(24), INT64_C(32), INT64_C(48));
}

/* --- hard.h6.1b --- */

static const char *range_of(double share)
{
    return share >= 1.0    ? "all"
           : share >= 0.5  ? "most"
           : share >= 0.1  ? "under_half"
           : share >= 0.01 ? "under_10"
                           : "under_1";
}

static void touched(heed_solving *s, const heed_demo_result *r)
{
    const double own = heed_take_figure(s, r, "share"), tied = heed_take_figure(s, r, "tied_share");

    heed_put_text(s, "own_head", range_of(own));
    heed_put_text(s, "tied_head", range_of(tied));
    heed_step(s,
              "the batch has %.0f different tokens; with a head of its own %.0f rows have a gradient, %.2f %%",
              heed_take_figure(s, r, "different"), heed_take_figure(s, r, "rows"), 100.0 * own);
    heed_step(s, "with a tied head %.0f rows have one, %.2f %%", heed_take_figure(s, r, "tied_rows"),
              100.0 * tied);
}

static void vary_batch(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 4, INT64_C(1), INT64_C(4), INT64_C(16), INT64_C(64));
}

/* --- hard.h6.2b --- */

#define ROUNDING 1e-5 /* as in D28's rule */

static void swapped(heed_solving *s, const heed_demo_result *r)
{
    const double without = heed_take_figure(s, r, "swap_without"), with = heed_take_figure(s, r, "swap_with");

    heed_put_bool(s, "without_positions", without > ROUNDING);
    heed_put_bool(s, "with_positions", with > ROUNDING);
    heed_step(
        s, "the last output changes by %.2g at most without positions, by %.3g with them; up to %g is rounding",
        without, with, ROUNDING);
    heed_step(s, "the four terms (t_i + p_i) W (t_j + p_j) add up to the scores: %.2g apart at most",
              heed_take_figure(s, r, "terms_off"));
}

static void vary_model(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 4, INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(32));
}

/* --- hard.h6.3b, hard.h8.4c --- */

#define LEVEL 0.15 /* nats, as in D21's rule */

static double loss_at(heed_solving *s, const heed_demo_result *r, const char *kind, int factor)
{
    char name[64];

    snprintf(name, sizeof name, "%s_%d", kind, factor);
    return heed_take_figure(s, r, name);
}

static void put_fate(heed_solving *s, const heed_demo_result *r, const char *kind)
{
    const double before = loss_at(s, r, kind, 1), after = loss_at(s, r, kind, 2);

    heed_put_text(s, kind, isnan(after) ? "refused" : after <= before + LEVEL ? "level" : "worse");
    if (isnan(after))
        heed_step(s, "%s: %.2f nats at the trained length, and twice of it is refused", kind, before);
    else
        heed_step(s, "%s: %.2f nats at the trained length, %.2f at twice of it", kind, before, after);
}

static void twice_the_length(heed_solving *s, const heed_demo_result *r)
{
    put_fate(s, r, "learned");
    put_fate(s, r, "sinusoidal");
    put_fate(s, r, "rotary");
    put_fate(s, r, "alibi");
}

static void ranking(heed_solving *s, const heed_demo_result *r)
{
    static const char *const kinds[] = {"alibi", "rotary", "sinusoidal"};
    int best = 0, worst = 0;
    double losses[3];

    for (int i = 0; i < 3; i++) {
        losses[i] = loss_at(s, r, kinds[i], 2);
        best = losses[i] < losses[best] ? i : best;
        worst = losses[i] > losses[worst] ? i : worst;
        heed_step(s, "%s: %.2f nats at twice the length, %+.2f from the trained one", kinds[i], losses[i],
                  losses[i] - loss_at(s, r, kinds[i], 1));
    }
    heed_put_text(s, "best", kinds[best]);
    heed_put_text(s, "worst", kinds[worst]);
    heed_put_bool(s, "learned", !isnan(loss_at(s, r, "learned", 2)));
    heed_step(s, "learned: %s", isnan(loss_at(s, r, "learned", 2)) ? "refused, its table ends" : "it was read");
}

static void vary_length(heed_varying *v)
{
    heed_vary_pick_int(v, "context_length", 3, INT64_C(24), INT64_C(32), INT64_C(40));
}

/* --- hard.h6.4, hard.h6.5 --- */

static void warm(heed_solving *s, const heed_demo_result *r)
{
    const double cold = heed_take_figure(s, r, "cold_steps"), warmed = heed_take_figure(s, r, "warm_steps");

    heed_put_text(s, "prediction",
                  warmed <= 0.5 * cold   ? "half"
                  : warmed <= 0.9 * cold ? "fewer"
                  : warmed <= 1.1 * cold ? "same"
                                         : "more");
    heed_put_bool(s, "all_rows",
                  heed_take_figure(s, r, "rows_mapped") == heed_take_figure(s, r, "rows_of_words"));
    heed_step(s,
              "a loss of %.3f nats is reached after %.0f steps cold, %.0f with the trained table (%.2f of "
              "them), %.0f if it is frozen",
              heed_take_figure(s, r, "target"), cold, warmed, warmed / cold,
              heed_take_figure(s, r, "frozen_steps"));
    heed_step(
        s, "of another tokenizer %.0f of %.0f rows belong to a token that both have; another width is refused",
        heed_take_figure(s, r, "rows_mapped"), heed_take_figure(s, r, "rows_of_words"));
}

static void vowels(heed_solving *s, const heed_demo_result *r)
{
    const double before = heed_take_figure(s, r, "vowels_before"),
                 after = heed_take_figure(s, r, "vowels_after"),
                 between = heed_take_figure(s, r, "vowels_consonants_after");

    heed_put_text(s, "prediction",
                  after < -0.05  ? "negative"
                  : after < 0.05 ? "zero"
                  : after < 0.5  ? "some"
                                 : "alike");
    heed_put_bool(s, "apart", between < after);
    heed_step(s, "two vowels: mean cosine %.3f before training, %.3f after", before, after);
    heed_step(s, "a vowel and a consonant: %.3f before, %.3f after",
              heed_take_figure(s, r, "vowels_consonants_before"), between);
    heed_step(s, "two capitals: %.3f before, %.3f after", heed_take_figure(s, r, "capitals_before"),
              heed_take_figure(s, r, "capitals_after"));
}

const heed_exercise heed_exercises_predict_embeddings[] = {
    {.id = "pp.q20b",
     .seed = "000 Q20",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"d_model\": 32}",
     .vary = vary_width,
     .demo = "E01",
     .outcome = beside,
     .fields = {{"attention_factor", HEED_ANSWER_NUMBER, HEED_R1},
                {"prediction", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h6.1b",
     .seed = "001 H6.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batch\": 16}",
     .vary = vary_batch,
     .demo = "E02",
     .outcome = touched,
     .fields = {{"own_head", HEED_ANSWER_TEXT, HEED_EXACT},
                {"tied_head", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h6.2b",
     .seed = "001 H6.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"d_model\": 8}",
     .vary = vary_model,
     .demo = "D28",
     .outcome = swapped,
     .fields = {{"without_positions", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"with_positions", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h6.3b",
     .seed = "001 H6.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"context_length\": 32}",
     .vary = vary_length,
     .demo = "D21",
     .outcome = twice_the_length,
     .fields = {{"learned", HEED_ANSWER_TEXT, HEED_EXACT},
                {"sinusoidal", HEED_ANSWER_TEXT, HEED_EXACT},
                {"rotary", HEED_ANSWER_TEXT, HEED_EXACT},
                {"alibi", HEED_ANSWER_TEXT, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h6.4",
     .seed = "001 H6.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D31",
     .outcome = warm,
     .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT},
                {"all_rows", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h6.5",
     .seed = "001 H6.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D31",
     .outcome = vowels,
     .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT},
                {"apart", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h8.4c",
     .seed = "001 H8.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"context_length\": 32}",
     .vary = vary_length,
     .demo = "D21",
     .outcome = ranking,
     .fields = {{"best", HEED_ANSWER_TEXT, HEED_EXACT},
                {"worst", HEED_ANSWER_TEXT, HEED_EXACT},
                {"learned", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = NULL}};
