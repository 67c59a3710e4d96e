/* SPDX-License-Identifier: MIT */
/* Demonstrations: each observes what it claims, and not when it is sabotaged; figures against formulas. */
#include "../cmocka_all.h"

#include <heed/demo.h>
#include <heed/workbook.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static heed_demo_result *run(const char *id, const heed_demo_options *options)
{
    heed_demo_result *r = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_demo_run(id, options, &r, &err) != HEED_OK)
        fail_msg("%s: %s", id, err.message);
    return r;
}

static double figure(const heed_demo_result *r, const char *name)
{
    for (int i = 0; i < r->n_figures; i++) {
        if (strcmp(r->figures[i].name, name) == 0)
            return r->figures[i].value;
    }
    fail_msg("%s shows no figure %s", r->info->id, name);
    return NAN;
}

static void print_checks(const heed_demo_result *r)
{
    for (int i = 0; i < r->n_checks; i++)
        print_error("%s %s: %s\n", r->info->id, r->checks[i].holds ? "yes" : "NO ", r->checks[i].words);
}

/* The result has words, a table, a drawing and JSON; the same again has the same bytes. */
static void check_shown(const heed_demo_result *r, const heed_demo_options *options)
{
    heed_demo_result *again = run(r->info->id, options);
    char *text = NULL, *one = NULL, *two = NULL;

    assert_true(strlen(r->info->title) > 0 && strlen(r->info->shows) > 0);
    assert_true(strlen(r->info->rule) > 0 && strlen(r->info->sabotage) > 0);
    assert_true(r->n_tables > 0 && r->n_checks > 0);
    assert_int_equal(heed_demo_text(r, 80, HEED_PALETTE_NONE, &text, NULL), HEED_OK);
    assert_int_equal(heed_demo_json(r, &one, NULL), HEED_OK);
    assert_int_equal(heed_demo_json(again, &two, NULL), HEED_OK);
    assert_non_null(strstr(one, r->observed ? "\"observed\":true" : "\"observed\":false"));
    assert_string_equal(one, two);
    free(text);
    free(one);
    free(two);
    heed_demo_result_destroy(again);
}

/* Seconds are no ground for a verdict here, nor are three steps of training: it runs, and training repeats itself. */
static bool is_long(int i)
{
    const heed_demo_info *info = heed_demo_at(i);
    const bool sizes = strstr(info->params, "\"sizes\"") != NULL,
               steps = strstr(info->params, "\"steps\"") != NULL;
    const heed_demo_options small = {.seed = 1,
                                     .params = sizes && steps ? "{\"sizes\": 2, \"steps\": 3}"
                                               : sizes        ? "{\"sizes\": 2}"
                                               : steps        ? "{\"steps\": 3}"
                                                              : NULL};
    heed_demo_result *r;

    if (!info->timed && !info->trains)
        return false;
    r = run(info->id, &small);
    if (!info->timed)
        check_shown(r, &small);
    heed_demo_result_destroy(r);
    return true;
}

static void each_demonstration_observes_its_claim_and_twice_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < heed_demo_count(); i++) {
        for (uint64_t seed = 1; seed <= 2 && !is_long(i); seed++) {
            const heed_demo_options options = {.seed = seed};
            heed_demo_result *r = run(heed_demo_at(i)->id, &options);

            if (!r->observed) {
                print_checks(r);
                fail_msg("%s, seed %d: not observed", r->info->id, (int)seed);
            }
            if (seed == 2)
                check_shown(r, &options);
            heed_demo_result_destroy(r);
        }
    }
}

static void no_sabotaged_demonstration_observes_it(void **state)
{
    (void)state;
    for (int i = 0; i < heed_demo_count(); i++) {
        heed_demo_result *r;

        if (heed_demo_at(i)->timed || heed_demo_at(i)->trains)
            continue;
        r = run(heed_demo_at(i)->id, &(heed_demo_options){.seed = 1, .sabotage = true});

        if (r->observed) {
            print_checks(r);
            fail_msg("%s with sabotage: observed", r->info->id);
        }
        heed_demo_result_destroy(r);
    }
}

static void ids_are_found_in_any_spelling_and_unknown_ones_named(void **state)
{
    heed_demo_result *r = NULL;
    heed_error err = {HEED_OK, ""};

    (void)state;
    assert_string_equal(heed_demo_find("d3")->id, "D03");
    assert_string_equal(heed_demo_find("D03")->id, "D03");
    assert_null(heed_demo_find("D99"));
    assert_null(heed_demo_find("D"));
    assert_int_equal(heed_demo_run("D99", NULL, &r, &err), HEED_ERR_USAGE);
    assert_null(r);
    assert_non_null(strstr(err.message, "D99"));
}

static void parameters_that_do_not_fit_are_refused(void **state)
{
    static const char *const bad[] = {"{\"kyes\": 3}",
                                      "{\"keys\": 0}",
                                      "{\"keys\": 1e30}",
                                      "{\"keys\": \"many\"}",
                                      "[1]",
                                      "{",
                                      "{\"rows\": 999999999999}",
                                      "{\"keys\": -1}"};
    heed_demo_result *r = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        heed_error err = {HEED_OK, ""};

        assert_int_equal(heed_demo_run("D03", &(heed_demo_options){.params = bad[i]}, &r, &err),
                         HEED_ERR_USAGE);
        assert_null(r);
        assert_true(err.message[0] != '\0');
    }
}

static void exercises_name_demonstrations_that_exist(void **state)
{
    heed_workbook *book = NULL;
    int n = 0;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const char *demo = heed_workbook_info(book, i)->demo;

        if (demo != NULL) {
            assert_non_null(heed_demo_find(demo));
            n++;
        }
    }
    assert_true(n > 10);
    heed_workbook_close(book);
}

/* --- figures against the definition --- */

/* Softmax of the source's masked scores in double precision: rows of D02's weights. */
static void worked_weights_are_those_of_the_definition(void **state)
{
    static const double q[3][2] = {{1, 0}, {0, 1}, {1, 1}};
    heed_demo_result *r = run("D02", NULL);

    (void)state;
    for (int i = 0; i < 3; i++) {
        double e[3], sum = 0.0;

        for (int j = 0; j <= i; j++)
            sum += e[j] = exp((q[i][0] * q[j][0] + q[i][1] * q[j][1]) / sqrt(2.0));
        for (int j = 0; j < 3; j++) {
            const double expected = j <= i ? e[j] / sum : 0.0;
            /* three floats near 1 are added and divided: a few times 6e-8 */
            assert_true(fabs(r->tables[3].values[3 * i + j] - expected) < 5e-7);
        }
    }
    heed_demo_result_destroy(r);
}

/*
 * The variance of q . k is d. A product of two uniform numbers of variance 1 has a fourth moment of (9/5)^2 = 3.24, so that
 * measured on n pairs it is off by about d sqrt((2 + 0.24/d)/n). Four times that.
 */
static void variances_of_dot_products_are_their_length(void **state)
{
    heed_demo_result *r = run("D05", &(heed_demo_options){.seed = 5, .params = "{\"pairs\": 20000}"});

    (void)state;
    for (int i = 0; i < r->tables[0].n_rows; i++) {
        const double d = r->tables[0].values[i * 5], variance = r->tables[0].values[i * 5 + 1];
        const double tolerance = 4.0 * d * sqrt((2.0 + 0.24 / d) / 20000.0);

        if (fabs(variance - d) > tolerance)
            fail_msg("d %g: variance %g, tolerance %g", d, variance, tolerance);
    }
    heed_demo_result_destroy(r);
}

/* ln 32, and the entropy that -sum p ln p of one key with everything has. */
static void entropies_stay_between_0_and_their_ceiling(void **state)
{
    heed_demo_result *r = run("D03", NULL);
    const heed_demo_table *t = &r->tables[0];

    (void)state;
    assert_true(fabs(figure(r, "ceiling") - log(32.0)) < 1e-12);
    for (int i = 0; i < t->n_rows; i++) {
        const double *row = t->values + i * t->n_columns;

        assert_true(row[1] > 0.0 && row[1] < log(32.0) && row[3] > 0.0 && row[3] < log(32.0));
        assert_true(row[2] > 1.0 / 32.0 && row[4] < 1.0 && row[4] > row[2]);
    }
    heed_demo_result_destroy(r);
}

static void figures_of_formats_are_those_of_ieee(void **state)
{
    heed_demo_result *r = run("D08", NULL);

    (void)state;
    assert_true(figure(r, "f16_largest") == 65504.0);
    assert_true(figure(r, "f16_of_minus_1e9") == -INFINITY);
    heed_demo_result_destroy(r);
}

/* E ln sum exp(z) of V normal logits of deviation s is ln V + s^2/2 - (e^(s^2) - 1)/(2V) + ..; 1024 targets give noise of s/32. */
static void initial_losses_are_those_of_normal_logits(void **state)
{
    heed_demo_result *r = run("D42", &(heed_demo_options){.seed = 9});
    const heed_demo_table *t = &r->tables[0];

    (void)state;
    for (int i = 0; i < t->n_rows; i++) {
        const double *row = t->values + i * t->n_columns, s = row[2];
        const double expected = log(row[0]) + s * s / 2.0 - (exp(s * s) - 1.0) / (2.0 * row[0]);

        /* five standard errors, and what the next terms leave out */
        if (fabs(row[3] - expected) > 5.0 * s / 32.0 + 0.01)
            fail_msg("V %g, deviation %g: loss %g, expected %g", row[0], s, row[3], expected);
    }
    heed_demo_result_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_demonstration_observes_its_claim_and_twice_the_same),
        cmocka_unit_test(no_sabotaged_demonstration_observes_it),
        cmocka_unit_test(ids_are_found_in_any_spelling_and_unknown_ones_named),
        cmocka_unit_test(parameters_that_do_not_fit_are_refused),
        cmocka_unit_test(exercises_name_demonstrations_that_exist),
        cmocka_unit_test(worked_weights_are_those_of_the_definition),
        cmocka_unit_test(variances_of_dot_products_are_their_length),
        cmocka_unit_test(entropies_stay_between_0_and_their_ceiling),
        cmocka_unit_test(figures_of_formats_are_those_of_ieee),
        cmocka_unit_test(initial_losses_are_those_of_normal_logits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
