/* SPDX-License-Identifier: MIT */
/* Predictions about the scale 1/sqrt(head_dim) and about averages of values. */
#include "workbook/groups.h"

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
    {.id = NULL},
};
