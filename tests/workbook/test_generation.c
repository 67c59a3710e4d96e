/* SPDX-License-Identifier: MIT */
/* Exercises of generation, each against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

/* --- hard.h9.1a, ch12.e18a --- */

/* Step by step: without a cache every token meets every token; with one only the new ones ask. */
static void whole_run(const json_t *params, json_t *answer)
{
    const int64_t prompt = (int64_t)param(params, "prompt"), n = (int64_t)param(params, "new");
    double without = 0.0, with = 0.0;
    int64_t known = 0;

    for (int64_t step = 1; step <= n; step++) {
        const int64_t all = prompt + step - 1, fresh = all - known;
        without += (double)all * (double)all;
        with += (double)fresh * (double)all;
        known = all;
    }
    put(answer, "scores_without_cache", without);
    put(answer, "scores_with_cache", with);
    put(answer, "ratio", without / with);
}

static void with_last_step(const json_t *params, json_t *answer)
{
    const double last = param(params, "prompt") + param(params, "new") - 1.0;

    whole_run(params, answer);
    put(answer, "last_step_without", last * last);
    put(answer, "last_step_with", last);
}

static void scores_are_counted_step_by_step(void **state)
{
    (void)state;
    expect_exercise("hard.h9.1a", with_last_step);
    expect_exercise_with("hard.h9.1a", "{\"prompt\": 100, \"new\": 2}", with_last_step);
    expect_exercise_with("hard.h9.1a", "{\"prompt\": 1, \"new\": 1}", with_last_step);
    expect_exercise("ch12.e18a", whole_run);
    expect_exercise_with("ch12.e18a", "{\"prompt\": 17, \"new\": 4000}", whole_run);
    expect_refused("ch12.e18a", "{\"new\": 0}", "new: expected");
    expect_refused("hard.h9.1a", "{\"prompt\": 1e9}", "prompt: expected");
    expect_slip("hard.h9.1a", "{\"prompt\": 1, \"new\": 3}", "{\"scores_without_cache\": 10}",
                "scores_without_cache", "the whole matrix");
    expect_slip("hard.h9.1a", "{\"prompt\": 1, \"new\": 3}", "{\"scores_without_cache\": 30}",
                "scores_without_cache", "count from 1");
}

/* --- hard.h9.3a --- */

/* All rows of second have as many tokens. */
static void paths(const json_t *params, json_t *answer)
{
    static table first, second;
    const int64_t width = (int64_t)param(params, "width");
    double found[3] = {-1.0, -1.0, -1.0}, way[3][2] = {{0}};

    param_table(params, "first", &first);
    param_table(params, "second", &second);
    for (int64_t i = 0; i < first.columns; i++) {
        int64_t before = 0; /* tokens that are likelier */
        for (int64_t k = 0; k < first.columns; k++)
            before += first.at[k] > first.at[i] || (first.at[k] == first.at[i] && k < i);
        for (int64_t j = 0; j < second.columns; j++) {
            const double p = first.at[i] * second.at[i * second.columns + j];
            const int64_t keeps[3] = {1, width, first.columns};
            for (int kind = 0; kind < 3; kind++) {
                if (before < keeps[kind] && p > found[kind]) {
                    found[kind] = p;
                    way[kind][0] = (double)i;
                    way[kind][1] = (double)j;
                }
            }
        }
    }
    json_object_set_new(answer, "greedy", list_of(way[0], 2));
    json_object_set_new(answer, "beam", list_of(way[1], 2));
    json_object_set_new(answer, "best", list_of(way[2], 2));
    put(answer, "greedy_p", found[0]);
    put(answer, "beam_p", found[1]);
    put(answer, "best_p", found[2]);
}

static void names(const json_t *params, json_t *answer)
{
    (void)params;
    json_object_set_new(answer, "greedy", json_pack("[s, s]", "the", "cat"));
    json_object_set_new(answer, "beam", json_pack("[s, s]", "a", "dog"));
    json_object_set_new(answer, "best", json_pack("[s, s]", "a", "dog"));
    put(answer, "greedy_p", 0.5 * 0.4);
    put(answer, "beam_p", 0.3 * 0.9);
    put(answer, "best_p", 0.3 * 0.9);
}

static void paths_are_searched_as_defined(void **state)
{
    (void)state;
    expect_exercise("hard.h9.3a", paths);
    /* a beam of two does not see the best path */
    expect_exercise_with(
        "hard.h9.3a",
        "{\"first\": [0.4, 0.35, 0.25], \"second\": [[0.4, 0.3, 0.2, 0.1], [0.5, 0.2, 0.2, 0.1], "
        "[0.01, 0.01, 0.01, 0.97]], \"width\": 2}",
        paths);
    expect_exercise_with("hard.h9.3a", "{\"width\": 1}", paths);
    expect_exercise_with("hard.h9.3a", "{\"width\": 3}", paths);
    expect_exercise_with("hard.h9.3a", "{\"width\": 100}", paths);
    expect_exercise_with("hard.h9.3a", "{\"first\": [1, 0], \"second\": [[0, 1], [1, 0]]}", paths);
    expect_slip("hard.h9.3a", "{}", "{\"greedy_p\": 0.9}", "greedy_p", "added up");
}

/* The same probabilities with names, in each form. */
static void tokens_may_have_names(void **state)
{
    (void)state;
    expect_exercise_with(
        "hard.h9.3a",
        "{\"first\": {\"the\": 0.5, \"a\": 0.3, \"one\": 0.2}, \"second\": {\"a\": {\"dog\": 0.9, "
        "\"cat\": 0.1}, \"one\": {\"cat\": 1}, \"the\": {\"dog\": 0.3, \"cat\": 0.4, \"hen\": 0.3}}}",
        names);
    expect_exercise_with("hard.h9.3a",
                         "{\"first\": [[\"the\", 0.5], [\"a\", 0.3]], \"second\": [[[\"cat\", 0.4], [\"dog\", "
                         "0.3]], [[\"cat\", 0.1], [\"dog\", 0.9]]]}",
                         names);
    expect_refused("hard.h9.3a", "{\"first\": {\"the\": 0.5, \"a\": 0.3}, \"second\": {\"the\": {\"cat\": 1}}}",
                   "behind \"a\"");
    expect_refused("hard.h9.3a", "{\"first\": [0.5, 0.5]}", "behind each of 2");
    expect_refused("hard.h9.3a", "{\"first\": [0.5, [\"a\", 0.5], 0]}", "pairs");
    expect_refused("hard.h9.3a", "{\"first\": [[1, 0.5], [\"a\", 0.5], [\"b\", 0]]}", "name");
    expect_refused("hard.h9.3a", "{\"first\": 1}", "probabilities of 1 to");
    expect_refused("hard.h9.3a", "{\"first\": [0.5, 0.3, 2]}", "from 0 to 1");
    expect_refused("hard.h9.3a", "{\"second\": [[0.5], [], [0.5]]}", "probabilities of 1 to");
    expect_refused("hard.h9.3a", "{\"width\": 0}", "width: expected");
}

/* --- hard.h9.5a --- */

static void overflow(const json_t *params, json_t *answer)
{
    const int64_t prompt = (int64_t)param(params, "prompt"), n = (int64_t)param(params, "new"),
                  T = (int64_t)param(params, "max_length");
    int64_t first = 0, over = 0, dropped = 0;

    for (int64_t step = 1, length = prompt; step <= n; step++, length++) {
        dropped = length > T ? length - T : 0;
        over += dropped > 0;
        first = first == 0 && dropped > 0 ? step : first;
    }
    put(answer, "steps_that_overflow", (double)over);
    json_object_set_new(answer, "first_overflow_step_1based", first > 0 ? json_integer(first) : json_null());
    put(answer, "tokens_dropped_at_last_step", (double)dropped);
}

static void the_table_of_positions_ends(void **state)
{
    (void)state;
    expect_exercise("hard.h9.5a", overflow);
    expect_exercise_with("hard.h9.5a", "{\"prompt\": 300, \"new\": 5, \"max_length\": 256}", overflow);
    expect_exercise_with("hard.h9.5a", "{\"prompt\": 1, \"new\": 257, \"max_length\": 256}", overflow);
    expect_exercise_with("hard.h9.5a", "{\"prompt\": 1, \"new\": 256, \"max_length\": 256}", overflow);
    expect_refused("hard.h9.5a", "{\"max_length\": 0}", "max_length: expected");
    expect_slip("hard.h9.5a", "{}", "{\"steps_that_overflow\": 745}", "steps_that_overflow", "count from 1");
    expect_slip("hard.h9.5a", "{}", "{\"first_overflow_step_1based\": 256}", "first_overflow_step_1based",
                "count from 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_counted_step_by_step),
        cmocka_unit_test(paths_are_searched_as_defined),
        cmocka_unit_test(tokens_may_have_names),
        cmocka_unit_test(the_table_of_positions_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
