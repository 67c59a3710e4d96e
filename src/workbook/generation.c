/* SPDX-License-Identifier: MIT */
/* L. What generation computes with and without a cache, and what happens at the end of the position table. */
#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/paths.h"

#define WHOLE(name)                             \
    {                                           \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0 \
    }

/* --- hard.h9.1a, ch12.e18a --- */

/* Scores of one head where n_query tokens are read and n_key are known afterwards, in the graph of a generating model. */
static double scores_of(heed_solving *s, int64_t n_query, int64_t n_key)
{
    const heed_config c = heed_count_m0(1, 1, 1, n_key);
    const heed_shapes_options options = {.batch_size = 1, .length = n_query, .cache = true};
    heed_shapes *all = NULL;
    heed_error err = {HEED_OK, ""};
    const heed_shapes_entry *e;
    double n = 1.0;

    if (s->status == HEED_OK && heed_shapes_create(&c, &options, &all, &err) != HEED_OK)
        heed_solve_fail(s, HEED_ERR_USAGE, "%s", err.message);
    e = s->status == HEED_OK ? heed_count_entry(s, all, "blocks.0.attn.scores") : NULL;
    for (int i = 0; e != NULL && i < e->rank; i++)
        n *= (double)e->size[i];
    heed_shapes_destroy(all);
    return n;
}

typedef struct run_cost {
    double without, with, last_without, last_with;
} run_cost;

/* Sizes of the first and the last step are read off the graph; those between are the squares, and one row each. */
static run_cost cost_of(heed_solving *s, int64_t prompt, int64_t n)
{
    const int64_t last = prompt + n - (s->slip == HEED_SLIP_OFF_BY_ONE ? 0 : 1);
    const double first = scores_of(s, prompt, prompt);
    run_cost c = {.last_without = scores_of(s, last, last),
                  .last_with = last > prompt ? scores_of(s, 1, last) : first};

    for (int64_t t = prompt; s->status == HEED_OK && t <= last; t++) {
        const double all = t == prompt ? first : t == last ? c.last_without : (double)t * (double)t;
        const double row = t == prompt ? first : t == last ? c.last_with : (double)t;
        const bool half = s->slip == HEED_SLIP_TRIANGLE;
        c.without += half ? 0.5 * (double)t * (double)(t + 1) : all;
        c.with += half && t == prompt ? 0.5 * (double)t * (double)(t + 1) : row;
    }
    if (s->slip == HEED_SLIP_TRIANGLE)
        c.last_without = 0.5 * (double)last * (double)(last + 1);
    return c;
}

static run_cost generate(heed_solving *s)
{
    const int64_t prompt = heed_take_int(s, "prompt", 1, HEED_COUNT_MOST_T);
    const int64_t n = heed_take_int(s, "new", 1, HEED_COUNT_MOST_T), last = prompt + n - 1;
    const run_cost c = cost_of(s, prompt, n);

    heed_step(s, "each new token is one step: the first reads %lld tokens, the last %lld + %lld - 1 = %lld",
              (long long)prompt, (long long)prompt, (long long)n, (long long)last);
    heed_step(
        s,
        "without a cache a step over t tokens computes t * t scores: the sum of t^2 for t = %lld .. %lld is %s",
        (long long)prompt, (long long)last, heed_count_text(s, c.without));
    heed_step(s, "with a cache the prompt costs %lld^2 once, then each step one row of t: %s",
              (long long)prompt, heed_count_text(s, c.with));
    heed_step(s, "quotient: %.5g; in the last step alone %s against %s", c.without / c.with,
              heed_count_text(s, c.last_without), heed_count_text(s, c.last_with));
    heed_put_number(s, "scores_without_cache", c.without);
    heed_put_number(s, "scores_with_cache", c.with);
    heed_put_number(s, "ratio", c.without / c.with);
    return c;
}

static void with_and_without(heed_solving *s)
{
    const run_cost c = generate(s);

    heed_put_number(s, "last_step_without", c.last_without);
    heed_put_number(s, "last_step_with", c.last_with);
}

static void whole_run(heed_solving *s)
{
    generate(s);
}

static void vary_run(heed_varying *v)
{
    heed_vary_int(v, "prompt", 1, 32);
    heed_vary_int(v, "new", 2, 256);
}

/* --- hard.h9.5a --- */

/* How many tokens the model can read: its table of positions says. */
static bool fits(const heed_config *c, int64_t length)
{
    return heed_config_check_length(c, length, NULL) == HEED_OK;
}

static void overflow(heed_solving *s)
{
    const int64_t prompt = heed_take_int(s, "prompt", 1, HEED_COUNT_MOST_T),
                  n = heed_take_int(s, "new", 1, HEED_COUNT_MOST_T);
    const int64_t T = heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_T), last = prompt + n - 1;
    const heed_config c = heed_count_m0(1, 1, 1, T);
    int64_t n_over = 0, first = 0;

    for (int64_t step = 1; s->status == HEED_OK && step <= n; step++) {
        if (fits(&c, prompt + step - 1))
            continue;
        first = first == 0 ? step : first;
        n_over++;
    }
    heed_step(s, "step k reads the prompt and the k - 1 tokens made so far: %lld + k - 1", (long long)prompt);
    heed_step(s, "the table has rows for %lld tokens: it is too short where k > %lld - %lld + 1 = %lld",
              (long long)T, (long long)T, (long long)prompt, (long long)(T - prompt + 1));
    if (n_over > 0)
        heed_step(s, "steps %lld to %lld overflow: %lld of them", (long long)first, (long long)n,
                  (long long)n_over);
    else
        heed_step(s, "there are only %lld steps, so none overflows", (long long)n);
    heed_step(s, "the last step would read %lld tokens, of which %lld must go", (long long)last,
              (long long)(last > T ? last - T : 0));
    heed_put_number(s, "steps_that_overflow", (double)n_over);
    if (first > 0)
        heed_put_number(s, "first_overflow_step_1based", (double)first);
    else
        heed_put_json(s, "first_overflow_step_1based", json_null());
    heed_put_number(s, "tokens_dropped_at_last_step", (double)(last > T ? last - T : 0));
}

static void vary_overflow(heed_varying *v)
{
    const int64_t prompt = heed_vary_int(v, "prompt", 1, 60), n = heed_vary_int(v, "new", 50, 2000);

    v->again = prompt + n - 1 <=
               heed_vary_pick_int(v, "max_length", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

#define PLACE(name)                                               \
    {                                                             \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION \
    }
#define RUN_SLIPS (HEED_SLIP(HEED_SLIP_OFF_BY_ONE) | HEED_SLIP(HEED_SLIP_TRIANGLE))

const heed_exercise heed_exercises_generation[] = {
    {.id = "hard.h9.1a",
     .seed = "001 H9.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"prompt\": 1, \"new\": 256}",
     .vary = vary_run,
     .solve = with_and_without,
     .slips = RUN_SLIPS,
     .fields = {WHOLE("scores_without_cache"),
                WHOLE("scores_with_cache"),
                {"ratio", HEED_ANSWER_NUMBER, HEED_R1, 0},
                WHOLE("last_step_without"),
                WHOLE("last_step_with")},
     .demo = "D16"},
    {.id = "hard.h9.3a",
     .seed = "001 H9.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"first\": [0.5, 0.3, 0.2], \"second\": [[0.4, 0.35, 0.25], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]],"
               " \"width\": 2}",
     .vary = heed_vary_paths,
     .solve = heed_solve_paths,
     .slips = HEED_SLIP(HEED_SLIP_SUM_P),
     .fields = {{"greedy", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"greedy_p", HEED_ANSWER_NUMBER, HEED_ABS(5e-4), 0},
                {"beam", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"beam_p", HEED_ANSWER_NUMBER, HEED_ABS(5e-4), 0},
                {"best", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"best_p", HEED_ANSWER_NUMBER, HEED_ABS(5e-4), 0}},
     .demo = "D18"},
    {.id = "hard.h9.5a",
     .seed = "001 H9.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"prompt\": 1, \"new\": 1000, \"max_length\": 256}",
     .vary = vary_overflow,
     .solve = overflow,
     .fields = {PLACE("steps_that_overflow"), PLACE("first_overflow_step_1based"),
                PLACE("tokens_dropped_at_last_step")},
     .demo = "D20"},
    {.id = "ch12.e18a",
     .seed = "002 e18",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"prompt\": 1, \"new\": 100}",
     .vary = vary_run,
     .solve = whole_run,
     .slips = RUN_SLIPS,
     .fields = {WHOLE("scores_without_cache"),
                WHOLE("scores_with_cache"),
                {"ratio", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D16"},
    {.id = NULL},
};
