/* SPDX-License-Identifier: MIT */
/* B. Predictions about the scale 1/sqrt(head_dim), judged by D03. */
#include "workbook/groups.h"

/* --- pp.q30b --- */

/* Which part of the most that there can be. */
static const char *part_of(double entropy, double ceiling)
{
    return entropy > ceiling * 2.0 / 3.0 ? "most" : entropy > ceiling / 3.0 ? "middle" : "little";
}

static void unscaled(heed_solving *s, const heed_demo_result *r)
{
    const double ceiling = heed_take_figure(s, r, "ceiling"), scaled = heed_take_figure(s, r, "scaled_here"),
                 plain = heed_take_figure(s, r, "unscaled_here");

    heed_put_text(s, "unscaled", part_of(plain, ceiling));
    heed_put_text(s, "scaled", part_of(scaled, ceiling));
    heed_step(s, "the most that 32 keys can have: ln 32 = %.2f nats", ceiling);
    heed_step(s, "without the division: %.2f nats, a share of %.2f", plain, plain / ceiling);
    heed_step(s, "with it: %.2f nats, a share of %.2f", scaled, scaled / ceiling);
}

static void vary_head_dim(heed_varying *v)
{
    heed_vary_pick_int(v, "head_dim", 4, INT64_C(8), INT64_C(16), INT64_C(64), INT64_C(256));
}

/* --- ch12.e03b --- */

static const char *trend(double first, double last)
{
    return last < 0.8 * first ? "falls" : last > 1.25 * first ? "rises" : "level";
}

static void over_widths(heed_solving *s, const heed_demo_result *r)
{
    const double first = heed_take_figure(s, r, "unscaled_first"),
                 last = heed_take_figure(s, r, "unscaled_entropy"),
                 scaled_first = heed_take_figure(s, r, "scaled_first"),
                 scaled_last = heed_take_figure(s, r, "scaled_entropy");

    heed_put_text(s, "unscaled", trend(first, last));
    heed_put_text(s, "scaled", trend(scaled_first, scaled_last));
    heed_step(s, "without the division: %.2f nats at the narrowest heads, %.2f at the widest", first, last);
    heed_step(s, "with it: %.2f and %.2f", scaled_first, scaled_last);
}

/* --- s5.e5.2c --- */

static const char *share_of(double largest)
{
    return largest > 0.9 ? "one" : largest > 0.3 ? "few" : "many";
}

static void largest_weight(heed_solving *s, const heed_demo_result *r)
{
    const double plain = heed_take_figure(s, r, "unscaled_largest"),
                 scaled = heed_take_figure(s, r, "scaled_largest");

    heed_put_text(s, "unscaled", share_of(plain));
    heed_put_text(s, "scaled", share_of(scaled));
    heed_step(s, "the largest of 32 weights, on average: %.3f without the division, %.3f with it", plain,
              scaled);
}

const heed_exercise heed_exercises_predict_scale[] = {
    {.id = "pp.q30b",
     .seed = "000 Q30",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"head_dim\": 64}",
     .vary = vary_head_dim,
     .demo = "D03",
     .outcome = unscaled,
     .fields = {{"unscaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                {"scaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                HEED_OWN_WORDS}},
    {.id = "ch12.e03b",
     .seed = "002 e3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D03",
     .outcome = over_widths,
     .fields = {{"unscaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                {"scaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                HEED_OWN_WORDS}},
    {.id = "s5.e5.2c",
     .seed = "004 5.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D03",
     .outcome = largest_weight,
     .fields = {{"unscaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                {"scaled", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                HEED_OWN_WORDS}},
    {.id = NULL},
};
