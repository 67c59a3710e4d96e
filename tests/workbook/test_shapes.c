/* SPDX-License-Identifier: MIT */
/* Group A against shapes and strides written down from the definitions: axes in order, dense strides, swapped axes. */
#include "../cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "workbook/oracle.h"

/* --- shapes --- */

static void put(json_t *answer, const char *name, int n, const double *x)
{
    json_object_set_new(answer, name, list_of(x, n));
}

#define PUT(answer, name, ...) \
    put(answer, name, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__})

static void put_words(json_t *answer, const char *name, int n, const char *const *words)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(words[i]));
    json_object_set_new(answer, name, list);
}

typedef struct sizes {
    double B, T, d, H, h, V;
} sizes;

static sizes sizes_of(const json_t *p)
{
    const bool plain = json_object_get(p, "batch_size") != NULL;
    sizes x = {.B = plain ? param(p, "batch_size") : param(p, "batch"),
               .T = param(p, "seq_len"),
               .d = param(p, "d_model"),
               .H = param(p, "n_heads")};

    x.V = json_object_get(p, "vocab_size") != NULL ? param(p, "vocab_size") : 0.0;
    x.h = x.d / x.H;
    return x;
}

/* --- the exercises --- */

static void head_size(const json_t *p, json_t *answer)
{
    json_object_set_new(answer, "value", json_real(param(p, "d_model") / param(p, "n_heads")));
}

static void mapped(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "value", x.B, x.T, x.d);
}

static void split(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "value", x.B, x.H, x.T, x.h);
    put_words(answer, "labels", 4, (const char *const[]){"batch", "heads", "seq", "head_dim"});
}

static void scores(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "value", x.B, x.H, x.T, x.T);
    put_words(answer, "labels", 4, (const char *const[]){"batch", "heads", "query position", "key position"});
}

static void logits(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "value", x.B, x.T, x.V);
}

static void rows_to_heads(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "a", x.B, x.T, x.d);
    PUT(answer, "b", x.B, x.T, x.H, x.h);
    PUT(answer, "c", x.B, x.H, x.T, x.h);
}

/* Each stride is the product of the sizes behind it. */
static void dense(const double *size, double *stride)
{
    stride[3] = 1.0;
    for (int i = 2; i >= 0; i--)
        stride[i] = stride[i + 1] * size[i + 1];
}

static void heads_to_rows(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);
    const double heads[] = {x.B, x.H, x.T, x.h}, rows[] = {x.B, x.T, x.H, x.h};
    double before[4], copied[4];

    dense(heads, before);
    dense(rows, copied);
    PUT(answer, "after_transpose", x.B, x.T, x.H, x.h);
    PUT(answer, "after_view", x.B, x.T, x.d);
    put(answer, "strides_before", 4, before);
    PUT(answer, "strides_after_transpose", before[0], before[2], before[1], before[3]);
    put(answer, "strides_after_copy", 4, copied);
    json_object_set_new(answer, "copy_needed", json_boolean(x.H > 1.0 && x.T > 1.0));
}

static void through_attention(const json_t *p, json_t *answer)
{
    const sizes x = sizes_of(p);

    PUT(answer, "q", x.B, x.H, x.T, x.h);
    PUT(answer, "scores", x.B, x.H, x.T, x.T);
    PUT(answer, "weights", x.B, x.H, x.T, x.T);
    PUT(answer, "out", x.B, x.H, x.T, x.h);
}

static void across(const json_t *p, json_t *answer)
{
    const double target = param(p, "target"), source = param(p, "source");

    PUT(answer, "self_scores", target, target);
    PUT(answer, "cross_scores", target, source);
    PUT(answer, "cross_output", target, param(p, "d_k"));
}

static void head_split(const json_t *p, json_t *answer)
{
    const double T = param(p, "seq_len"), H = param(p, "n_heads"), d = param(p, "d");

    PUT(answer, "split", T, H, d / H);
    PUT(answer, "qkv", H, T, d / H);
    PUT(answer, "scores", H, T, T);
    PUT(answer, "context", H, T, d / H);
    PUT(answer, "output", T, d);
}

static void choose(json_t *answer, const char *key)
{
    json_object_set_new(answer, "choice", json_string(key));
}

static void last_axis(const json_t *p, json_t *answer)
{
    (void)p;
    choose(answer, "last_axis");
}

static void fit(const json_t *p, json_t *answer)
{
    (void)p;
    choose(answer, "fit");
}

static const struct {
    const char *id;
    oracle_fn *oracle;
} exercises[] = {{"pp.q01", head_size},       {"pp.q02a", mapped},
                 {"pp.q02b", last_axis},      {"pp.q03a", split},
                 {"pp.q04a", scores},         {"pp.q04b", fit},
                 {"pp.q05a", logits},         {"pp.q15abc", rows_to_heads},
                 {"pp.q16ab", heads_to_rows}, {"hard.h1.2a", through_attention},
                 {"ch12.e06", across},        {"ch12.e14", head_split}};

static void answers_are_those_of_the_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exercises / sizeof exercises[0]; i++)
        expect_exercise(exercises[i].id, exercises[i].oracle);
}

/* Sizes that no variant has: of one, equal ones, large ones. */
static void sizes_of_any_kind_are_answered(void **state)
{
    static const char *const both[] = {"pp.q15abc", "pp.q16ab"};
    heed_rng rng = heed_rng_make(11, 7);
    char params[256];

    (void)state;
    for (int i = 0; i < 40; i++) {
        const int H = 1 + (int)heed_rng_below(&rng, 5), h = 1 + (int)heed_rng_below(&rng, 40);
        snprintf(params, sizeof params,
                 "{\"batch_size\": %d, \"seq_len\": %d, \"n_heads\": %d, \"d_model\": %d}",
                 1 + (int)heed_rng_below(&rng, 3), 1 + (int)heed_rng_below(&rng, 5), H, H * h);
        for (size_t k = 0; k < sizeof exercises / sizeof exercises[0] && i < 40; k++) {
            if (strncmp(exercises[k].id, "pp.q0", 5) == 0 && strcmp(exercises[k].id, "pp.q04b") != 0)
                expect_exercise_with(exercises[k].id, params, exercises[k].oracle);
        }
        for (size_t k = 0; h > 1 && k < 2; k++) /* h = 1: whether a copy is needed is a matter of taste */
            expect_exercise_with(both[k], params, k == 0 ? rows_to_heads : heads_to_rows);
    }
    expect_exercise_with("hard.h1.2a",
                         "{\"batch\": 4096, \"seq_len\": 32768, \"d_model\": 16384, \"n_heads\": 128}",
                         through_attention);
    expect_exercise_with("ch12.e06", "{\"target\": 1, \"source\": 5000, \"d_k\": 1}", across);
    expect_exercise_with("ch12.e14", "{\"d\": 12288, \"n_heads\": 96, \"seq_len\": 2048}", head_split);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    expect_refused("pp.q01", "{\"n_heads\": 3}", "divisor");
    expect_refused("pp.q03a", "{\"d_model\": 0}", "d_model");
    expect_refused("pp.q16ab", "{\"n_heads\": 16}", "n_heads");
    expect_refused("pp.q15abc", "{\"seq_len\": 2.5}", "seq_len");
    expect_refused("pp.q05a", "{\"vocab_size\": 1e30}", "vocab_size");
    expect_refused("hard.h1.2a", "{\"n_heads\": 5}", "divisor");
    expect_refused("ch12.e06", "{\"source\": -1}", "source");
    expect_refused("ch12.e14", "{\"d\": 510}", "divisor");
    expect_refused("pp.q04b", "{\"i\": 1, \"j\": 1}", "different");
}

static void a_wrong_split_is_named(void **state)
{
    (void)state;
    expect_slip("pp.q01", "{}", "{\"value\": 8}", "value", "number of heads");
    expect_slip("pp.q03a", "{\"seq_len\": 5}", "{\"value\": [1, 5, 2, 4]}", "value", "not to be swapped");
    expect_slip("pp.q03a", "{\"seq_len\": 5}", "{\"value\": [1, 4, 5, 2]}", "value", "head_dim parts");
    expect_slip("pp.q04a", "{\"seq_len\": 5}", "{\"value\": [1, 5, 5]}", "value", "number of heads");
    expect_slip("pp.q04a", "{\"seq_len\": 5}", "{\"value\": [1, 2, 4, 4]}", "value", "transposed");
    expect_slip("pp.q15abc", "{}", "{\"c\": [1, 3, 2, 4]}", "c", "not to be swapped");
    expect_slip("ch12.e06", "{}", "{\"cross_scores\": [15, 10]}", "cross_scores", "rows and columns");
    expect_slip("ch12.e14", "{}", "{\"split\": [16, 64, 8]}", "split", "head_dim parts");
    expect_slip("ch12.e14", "{}", "{\"scores\": [16, 8, 8]}", "scores", "not to be swapped");
    expect_slip("ch12.e14", "{}", "{\"scores\": [64, 16, 16]}", "scores", "head_dim parts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_definition),
        cmocka_unit_test(sizes_of_any_kind_are_answered),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_wrong_split_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
