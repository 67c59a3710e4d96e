/* SPDX-License-Identifier: MIT */
/* H. Predictions about the loss before anything is learned, judged by D42. */
#include "workbook/groups.h"

/* --- pp.q31b --- */

static void initial(heed_solving *s, const heed_demo_result *r)
{
    const double ln = heed_take_figure(s, r, "ln_V"), small = heed_take_figure(s, r, "first_loss"),
                 large = heed_take_figure(s, r, "last_loss"), sigma = heed_take_figure(s, r, "last_sigma");

    heed_put_number(s, "small", small);
    heed_put_number(s, "large", large);
    heed_step(s, "ln V = %.3f nats", ln);
    heed_step(s, "the small head gives logits of deviation %.3f and a loss of %.3f",
              heed_take_figure(s, r, "first_sigma"), small);
    heed_step(s, "the large one gives %.3f, and ln V + %.3f^2 / 2 = %.3f; the loss is %.3f", sigma, sigma,
              ln + sigma * sigma / 2.0, large);
}

static void vary_start(heed_varying *v)
{
    static const int64_t sizes[] = {200, 500, 2000, 4000};
    static const double most[] = {0.0625, 0.1, 0.125, 0.15};

    heed_vary_set_json(v, "vocab_sizes", json_pack("[I]", (json_int_t)sizes[heed_draw_int(v, 0, 3)]));
    heed_vary_set_json(v, "deviations", json_pack("[f, f]", 0.01, most[heed_draw_int(v, 0, 3)]));
}

/* --- hard.h5.3b --- */

static void worse(heed_solving *s, const heed_demo_result *r)
{
    const double small = heed_take_figure(s, r, "first_loss"), large = heed_take_figure(s, r, "last_loss"),
                 worst = heed_take_figure(s, r, "worst");

    heed_put_bool(s, "worse", worst > 0.01);
    heed_put_text(s, "larger", large > 1.01 * small ? "rises" : large < 0.99 * small ? "falls" : "stays");
    heed_step(s, "of all runs the worst starts %.1f %% above ln V", 100.0 * worst);
    heed_step(s, "from the smallest head to the largest: %.3f to %.3f nats, ln V being %.3f", small, large,
              heed_take_figure(s, r, "ln_V"));
}

const heed_exercise heed_exercises_predict_start[] = {
    {.id = "pp.q31b",
     .seed = "000 Q31",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"vocab_sizes\": [1000], \"deviations\": [0.02, 0.125]}",
     .vary = vary_start,
     .demo = "D42",
     .outcome = initial,
     .fields = {{"small", HEED_ANSWER_NUMBER, HEED_REL(0.02), 0},
                {"large", HEED_ANSWER_NUMBER, HEED_REL(0.03), 0},
                HEED_OWN_WORDS}},
    {.id = "hard.h5.3b",
     .seed = "001 H5.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"deviations\": [0.02, 0.0625, 0.125]}",
     .demo = "D42",
     .outcome = worse,
     .fields = {{"worse", HEED_ANSWER_TRUTH, HEED_EXACT, 0},
                {"larger", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                HEED_OWN_WORDS}},
    {.id = NULL},
};
