/* SPDX-License-Identifier: MIT */
/* What trained heads look at: predictions about patterns, judged on maps, entropies and roles of a model. */
#include <math.h>
#include <string.h>

#include "workbook/groups.h"

/* --- heads read off a table --- */

static const heed_demo_table *table_of(heed_solving *s, const heed_demo_result *r, const char *begin)
{
    for (int i = 0; i < r->n_tables; i++) {
        if (strncmp(r->tables[i].title, begin, strlen(begin)) == 0 && r->tables[i].row_labels != NULL)
            return &r->tables[i];
    }
    heed_solve_fail(s, HEED_ERR_INTERNAL, "%s shows no table \"%s\"", r->info->id, begin);
    return NULL;
}

/* The heads whose number in a column is within a tenth of the best, as an answer of which one is enough. */
static void put_best(heed_solving *s, const char *name, const heed_demo_table *t, int column, bool largest)
{
    json_t *heads = json_array();
    double best = NAN;

    for (int i = 0; t != NULL && i < t->n_rows; i++) {
        const double x = t->values[i * t->n_columns + column];
        best = largest ? fmax(best, x) : fmin(best, x);
    }
    for (int i = 0; t != NULL && i < t->n_rows; i++) {
        const double x = t->values[i * t->n_columns + column];
        if (largest ? x >= 0.9 * best : x <= 1.1 * best) {
            json_array_append_new(heads, json_string(t->row_labels[i]));
            heed_step(s, "%s: head %s has %.3f", name, t->row_labels[i], x);
        }
    }
    heed_put_json(s, name, heads);
}

/* --- pp.q29b --- */

static void share_of_even(heed_solving *s, const heed_demo_result *r)
{
    const double after = heed_take_figure(s, r, "mean_share"),
                 before = heed_take_figure(s, r, "mean_share_untrained");

    heed_put_text(s, "prediction", after >= 0.95 * before ? "near" : after >= 0.5 * before ? "below" : "sharp");
    heed_step(s, "mean share of the largest entropy: %.3f before training, %.3f after it", before, after);
    heed_step(s, "the sharpest head has %.3f", heed_take_figure(s, r, "least_share"));
}

/* --- hard.h2.5b --- */

static void collapsed(heed_solving *s, const heed_demo_result *r)
{
    const double n = heed_take_figure(s, r, "collapsed"), all = heed_take_figure(s, r, "heads");

    heed_put_bool(s, "collapsed", n > 0.0);
    heed_step(s,
              "%.0f of %.0f heads are called collapsed: entropy at most a tenth of the largest, largest weight "
              "0.9 or more",
              n, all);
    put_best(s, "sharpest", table_of(s, r, "Heads of the model"), 1, false);
}

/* --- ch12.e17c, s5.e5.3c --- */

static void two_roles(heed_solving *s, const heed_demo_result *r)
{
    put_best(s, "previous", table_of(s, r, "Heads by their weight on the token before"), 0, true);
    put_best(s, "delimiter", table_of(s, r, "Heads by their weight on delimiters"), 2, true);
    heed_step(s, "even attention: %.3f on the token before, %.3f on delimiters",
              heed_take_figure(s, r, "even_previous"), heed_take_figure(s, r, "even_delimiter"));
}

static void clearest_role(heed_solving *s, const heed_demo_result *r)
{
    static const char *const roles[] = {"previous", "duplicate", "induction", "delimiter", "first"};
    const char *best = "previous";
    double most = -INFINITY;

    for (int i = 0; i < 5; i++) {
        char name[32];
        double gain;

        snprintf(name, sizeof name, "gain_%s", roles[i]);
        gain = heed_take_figure(s, r, name);
        if (gain > most) { /* not NaN */
            most = gain;
            best = roles[i];
        }
        heed_step(s, "%s: the best head gains %.3f, 0 being chance and 1 perfect", roles[i], gain);
    }
    heed_put_text(s, "prediction", best);
    heed_put_bool(s, "named", heed_take_figure(s, r, "named") > 0.0);
    heed_step(s, "heads are named for a role from a gain of 0.4 on: %.0f", heed_take_figure(s, r, "named"));
}

/* --- s5.e5.9a, b, c --- */

static void a_map(heed_solving *s, const heed_demo_result *r)
{
    const double before = heed_take_figure(s, r, "entropy_share_before");

    heed_put_number(s, "above", heed_take_figure(s, r, "above_diagonal"));
    heed_put_number(s, "row_sum", heed_take_figure(s, r, "row_sum"));
    heed_put_text(s, "prediction", before >= 0.95 ? "even" : before >= 0.3 ? "between" : "sharp");
    heed_step(s, "largest weight above a diagonal %g; rows add up to %.6f",
              heed_take_figure(s, r, "above_diagonal"), heed_take_figure(s, r, "row_sum"));
    heed_step(s, "share of the largest entropy before training %.3f, after it %.3f", before,
              heed_take_figure(s, r, "entropy_share"));
}

static void do_they_differ(heed_solving *s, const heed_demo_result *r)
{
    const double least = heed_take_figure(s, r, "least_alike"), near = heed_take_figure(s, r, "nearest"),
                 far = heed_take_figure(s, r, "farthest"), ratio = far / near;

    heed_put_bool(s, "differ", least < 0.9);
    heed_put_text(s, "prediction", ratio < 1.5 ? "same" : ratio < 3.0 ? "some" : "far");
    heed_step(s, "the two heads that differ most have a cosine of %.3f; differ: below 0.9", least);
    heed_step(s, "mean distance from %.1f to %.1f tokens back: %.1f times as far", near, far, ratio);
}

static void previous_word(heed_solving *s, const heed_demo_result *r)
{
    const double best = heed_take_figure(s, r, "best_previous"), even = heed_take_figure(s, r, "even_previous");

    put_best(s, "head", table_of(s, r, "How far back heads look"), 1, true);
    heed_put_bool(s, "clearly", best > 2.0 * even);
    heed_step(s, "best %.3f, even attention %.3f: %.1f times as much; clearly above it: more than twice", best,
              even, best / even);
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }
#define HEADS(name)                                                               \
    {                                                                             \
        name, HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_ANY_ONE | HEED_ASKED_TEXTS \
    }
#define TRUTH(name)                         \
    {                                       \
        name, HEED_ANSWER_TRUTH, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_patterns[] = {
    {.id = "pp.q29b",
     .seed = "000 Q29",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"\"}",
     .demo = "D07",
     .outcome = share_of_even,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h2.5b",
     .seed = "001 H2.5",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"model\": \"\", \"text\": \"\"}",
     .demo = "D07",
     .outcome = collapsed,
     .fields = {TRUTH("collapsed"), HEADS("sharpest"), HEED_OWN_WORDS}},
    {.id = "ch12.e17c",
     .seed = "002 e17",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"model\": \"\", \"text\": \"\"}",
     .demo = "D26",
     .outcome = two_roles,
     .fields = {HEADS("previous"), HEADS("delimiter"), HEED_OWN_WORDS}},
    {.id = "s5.e5.3c",
     .seed = "004 5.3c",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"model\": \"\", \"text\": \"\"}",
     .demo = "D26",
     .outcome = clearest_role,
     .fields = {PREDICTION, TRUTH("named"), HEED_OWN_WORDS}},
    {.id = "s5.e5.9a",
     .seed = "004 5.9a",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"model\": \"\", \"text\": \"\"}",
     .demo = "D46",
     .outcome = a_map,
     .fields = {{"above", HEED_ANSWER_NUMBER, HEED_ABS(1e-4)},
                {"row_sum", HEED_ANSWER_NUMBER, HEED_ABS(1e-4)},
                PREDICTION,
                HEED_OWN_WORDS}},
    {.id = "s5.e5.9b",
     .seed = "004 5.9b",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"model\": \"\"}",
     .demo = "D46",
     .outcome = do_they_differ,
     .fields = {TRUTH("differ"), PREDICTION, HEED_OWN_WORDS}},
    {.id = "s5.e5.9c",
     .seed = "004 5.9c",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"model\": \"\"}",
     .demo = "D46",
     .outcome = previous_word,
     .fields = {HEADS("head"), TRUTH("clearly"), HEED_OWN_WORDS}},
    {.id = NULL}};
