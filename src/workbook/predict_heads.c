/* SPDX-License-Identifier: MIT */
/* D. One head or several: predictions that trainings with 1 to 16 heads judge. */
#include <math.h>

#include "workbook/groups.h"

#define SAME_LOSS 0.02 /* nats: below that, two of these runs are as good as each other */

static double loss_of(heed_solving *s, const heed_demo_result *r, int n_heads)
{
    char name[32];

    snprintf(name, sizeof name, "loss_%d", n_heads);
    return heed_take_figure(s, r, name);
}

/* "lower" when a is, "equal", "higher". */
static const char *compare(double a, double b)
{
    return a < b - SAME_LOSS ? "lower" : a > b + SAME_LOSS ? "higher" : "equal";
}

/* --- pp.q17b, s5.e5.3a --- */

static void against_one(heed_solving *s, const heed_demo_result *r, int several)
{
    const double one = loss_of(s, r, 1), many = loss_of(s, r, several);

    heed_put_text(s, "prediction", compare(many, one));
    heed_step(s, "validation loss with one head: %.3f nats, with %d: %.3f", one, several, many);
    heed_step(s, "difference %+.3f; within %.2f they count as equal", many - one, SAME_LOSS);
}

static void four_against_one(heed_solving *s, const heed_demo_result *r)
{
    against_one(s, r, 4);
}

static void eight_against_one(heed_solving *s, const heed_demo_result *r)
{
    against_one(s, r, 8);
}

static void vary_training(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 3, INT64_C(32), INT64_C(48), INT64_C(64));
    heed_vary_pick_int(v, "steps", 3, INT64_C(200), INT64_C(300), INT64_C(400));
}

static void vary_steps(heed_varying *v)
{
    heed_vary_pick_int(v, "steps", 3, INT64_C(200), INT64_C(300), INT64_C(400));
}

/* --- hard.h3.1, a12.k16 --- */

static void alike(heed_solving *s, const heed_demo_result *r)
{
    const double mean = heed_take_figure(s, r, "similarity_mean"),
                 least = heed_take_figure(s, r, "similarity_least"),
                 most = heed_take_figure(s, r, "similarity_most");

    heed_put_text(s, "prediction", mean < 0.3 ? "different" : mean < 0.9 ? "partly" : "alike");
    heed_step(s, "cosines of the patterns of two heads: %.2f in the mean, from %.2f to %.2f", mean, least,
              most);
    heed_step(
        s,
        "1 is the same pattern, 0 are patterns that share no pair; even attention of all heads would give 1");
}

static void ways_to_look(heed_solving *s, const heed_demo_result *r)
{
    const double share = heed_take_figure(s, r, "pairs_below_0.9"),
                 least = heed_take_figure(s, r, "similarity_least");

    heed_put_text(s, "prediction", share == 0.0 ? "none" : share < 0.5 ? "some" : "most");
    heed_step(s, "%.0f %% of all pairs of heads have patterns with a cosine below 0.9; the least is %.2f",
              100.0 * share, least);
}

/* --- hard.h3.2b --- */

static void without_map(heed_solving *s, const heed_demo_result *r)
{
    const double with = loss_of(s, r, 4), without = heed_take_figure(s, r, "loss_without_map"),
                 uniform = heed_take_figure(s, r, "uniform_loss");

    heed_put_text(s, "prediction", without > 0.75 * uniform ? "stuck" : compare(without, with));
    heed_step(s, "validation loss with the out map %.3f nats, without it %.3f; ln V is %.3f", with, without,
              uniform);
    heed_step(s, "difference %+.3f; within %.2f they count as equal", without - with, SAME_LOSS);
}

/* --- hard.h3.3 --- */

static void removable(heed_solving *s, const heed_demo_result *r)
{
    const double least = heed_take_figure(s, r, "least_rise"), most = heed_take_figure(s, r, "most_rise"),
                 cheap = heed_take_figure(s, r, "cheap_heads"), n = heed_take_figure(s, r, "heads"),
                 twins = heed_take_figure(s, r, "twins_apart"), others = heed_take_figure(s, r, "others_apart");

    heed_put_bool(s, "removable", least < SAME_LOSS);
    heed_put_bool(s, "twins", twins <= 0.01 * others);
    heed_step(s, "the head that is missed least: the loss rises by %.4f nats without it, most: %.4f", least,
              most);
    heed_step(s, "%.0f of %.0f heads cost at most a fifth of the one that is missed most", cheap, n);
    heed_step(
        s, "numbers of the heads that began equal differ by %.2g of the largest, those of two others by %.2g",
        twins, others);
}

/* --- hard.h3.4b --- */

static void best_count(heed_solving *s, const heed_demo_result *r)
{
    static const int counts[] = {1, 2, 4, 8, 16};
    heed_grid best = heed_grid_make(s, 1, 5);
    double least = INFINITY, most = -INFINITY;

    best.columns = 0;
    for (int i = 0; i < 5; i++) {
        least = fmin(least, loss_of(s, r, counts[i]));
        most = fmax(most, loss_of(s, r, counts[i]));
    }
    for (int i = 0; s->status == HEED_OK && i < 5; i++) {
        heed_step(s, "%d head%s: %.3f nats", counts[i], counts[i] == 1 ? "" : "s", loss_of(s, r, counts[i]));
        if (loss_of(s, r, counts[i]) <= least + SAME_LOSS / 2.0)
            best.data[best.columns++] = counts[i];
    }
    heed_step(s, "any count within %.2f of the lowest is a right answer", SAME_LOSS / 2.0);
    heed_put_list(s, "best", best);
    heed_put_bool(s, "sixteen_is_worst", loss_of(s, r, 16) >= most);
}

/* --- hard.h3.5b --- */

static void unsplit(heed_solving *s, const heed_demo_result *r)
{
    const double one = loss_of(s, r, 1), four = loss_of(s, r, 4),
                 uniform = heed_take_figure(s, r, "uniform_loss");

    heed_put_bool(s, "trains", one <= 0.75 * uniform);
    heed_put_text(s, "prediction", compare(one, four));
    heed_step(s, "unsplit it ends at %.3f of ln V = %.3f nats; split into four at %.3f", one, uniform, four);
    heed_step(s, "difference %+.3f; within %.2f they count as equal", one - four, SAME_LOSS);
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_heads[] = {
    {.id = "pp.q17b",
     .seed = "000 Q17",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"d_model\": 64, \"steps\": 400}",
     .vary = vary_training,
     .demo = "D24",
     .outcome = four_against_one,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h3.1",
     .seed = "001 H3.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"text\": \"\"}",
     .demo = "D24",
     .outcome = alike,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h3.2b",
     .seed = "001 H3.2",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"steps\": 400}",
     .vary = vary_steps,
     .demo = "D24",
     .outcome = without_map,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h3.3",
     .seed = "001 H3.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"\"}",
     .demo = "D24",
     .outcome = removable,
     .fields = {{"removable", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"twins", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h3.4b",
     .seed = "001 H3.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"d_model\": 64, \"steps\": 400}",
     .vary = vary_training,
     .demo = "D24",
     .outcome = best_count,
     .fields = {{"best", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_ANY_ONE},
                {"sixteen_is_worst", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = "hard.h3.5b",
     .seed = "001 H3.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"steps\": 400}",
     .vary = vary_steps,
     .demo = "D24",
     .outcome = unsplit,
     .fields = {{"trains", HEED_ANSWER_TRUTH, HEED_EXACT}, PREDICTION, HEED_OWN_WORDS}},
    {.id = "s5.e5.3a",
     .seed = "004 5.3a",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D24",
     .outcome = eight_against_one,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "a12.k16",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D24",
     .outcome = ways_to_look,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = NULL}};
