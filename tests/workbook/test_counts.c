/* SPDX-License-Identifier: MIT */
/* Group H against sums written down from the definitions, in double precision. */
#include "../cmocka_all.h"

#include <math.h>

#include "workbook/oracle.h"

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

/* --- parameters --- */

typedef struct parts {
    double table, positions, one_map, attention;
} parts;

static parts parts_of(const json_t *p)
{
    const double V = param(p, "vocab_size"), d = param(p, "d_model"), T = param(p, "max_length");

    return (parts){V * d, T * d, d * d + d, 4.0 * (d * d + d)};
}

static void token_table(const json_t *p, json_t *answer)
{
    put(answer, "value", parts_of(p).table);
}

static void position_table(const json_t *p, json_t *answer)
{
    put(answer, "value", parts_of(p).positions);
}

static void attention(const json_t *p, json_t *answer)
{
    put(answer, "one_linear", parts_of(p).one_map);
    put(answer, "attention", parts_of(p).attention);
}

static void total(const json_t *p, json_t *answer)
{
    const parts x = parts_of(p);
    const double all = 2.0 * x.table + x.positions + x.attention;
    const double most = fmax(x.table, fmax(x.positions, x.attention));
    json_t *largest = json_array();

    if (x.table == most) {
        json_array_append_new(largest, json_string("token table"));
        json_array_append_new(largest, json_string("output head"));
    }
    if (x.positions == most)
        json_array_append_new(largest, json_string("position table"));
    if (x.attention == most)
        json_array_append_new(largest, json_string("attention"));
    put(answer, "total", all);
    put(answer, "millions", all / 1e6);
    json_object_set_new(answer, "largest", largest);
}

static void second_layer(const json_t *p, json_t *answer)
{
    const parts x = parts_of(p);
    const double before = 2.0 * x.table + x.positions + x.attention;

    put(answer, "added", x.attention);
    put(answer, "total_before", before);
    put(answer, "total_after", before + x.attention);
}

static void parameters_are_counted_as_by_hand(void **state)
{
    (void)state;
    expect_exercise("pp.q23", token_table);
    expect_exercise("pp.q24", position_table);
    expect_exercise("pp.q25", attention);
    expect_exercise("pp.q26", token_table); /* the head has as many */
    expect_exercise("pp.q27", total);
    expect_exercise("hard.h8.1a", second_layer);
    expect_exercise_with("pp.q27",
                         "{\"vocab_size\": 10, \"d_model\": 12, \"n_heads\": 3, \"max_length\": 4096}", total);
    expect_exercise_with("pp.q27", "{\"vocab_size\": 16000000, \"d_model\": 16384, \"n_heads\": 128}", total);
    expect_exercise_with("pp.q25", "{\"d_model\": 1, \"n_heads\": 1}", attention);
    expect_exercise_with("hard.h8.1a", "{\"vocab_size\": 1, \"d_model\": 7, \"n_heads\": 7}", second_layer);
}

/* --- tokens and losses --- */

static void one_logit(const json_t *p, json_t *answer)
{
    const double position = param(p, "position");
    json_t *reads = json_array();

    for (double i = 0.0; i <= position; i += 1.0)
        json_array_append_new(reads, json_real(i));
    put(answer, "candidate_token", param(p, "token"));
    put(answer, "predicted_position_0based", position + 1.0);
    json_object_set_new(answer, "reads_positions", reads);
}

static void shift(const json_t *p, json_t *answer)
{
    static table stream;

    param_table(p, "stream", &stream);
    json_object_set_new(answer, "input_ids", list_of(stream.at, stream.columns - 1));
    json_object_set_new(answer, "target_ids", list_of(stream.at + 1, stream.columns - 1));
}

static void first_loss(const json_t *p, json_t *answer)
{
    put(answer, "loss", log(param(p, "vocab_size")));
    put(answer, "p_each", 1.0 / param(p, "vocab_size"));
}

static void loss_and_chance(const json_t *params, json_t *answer)
{
    const double p = exp(-param(params, "loss")), uniform = 1.0 / param(params, "vocab_size");
    static table chances;

    param_table(params, "p", &chances);
    for (int64_t i = 0; i < chances.columns; i++)
        chances.at[i] = -log(chances.at[i]);
    json_object_set_new(answer, "losses", list_of(chances.at, chances.columns));
    put(answer, "p_from_loss", p);
    put(answer, "uniform_p", uniform);
    put(answer, "one_in", 1.0 / p); /* not rounded: within one half */
    json_object_set_new(answer, "verdict",
                        json_string(p > 1.2 * uniform   ? "better"
                                    : p < 0.8 * uniform ? "worse"
                                                        : "same"));
}

static void tokens_and_losses_are_those_of_the_definition(void **state)
{
    (void)state;
    expect_exercise("pp.q21", one_logit);
    expect_exercise("pp.q22a", shift);
    expect_exercise("pp.q31a", first_loss);
    expect_exercise("hard.h5.3a", loss_and_chance);
    expect_exercise_with("pp.q21", "{\"seq_len\": 1, \"position\": 0, \"token\": 0}", one_logit);
    expect_exercise_with("pp.q22a", "{\"stream\": [200018, 0]}", shift);
    expect_exercise_with("pp.q31a", "{\"vocab_size\": 1}", first_loss);
    expect_exercise_with("hard.h5.3a", "{\"p\": [1, 1e-30, 0.999999], \"loss\": 0, \"vocab_size\": 2}",
                         loss_and_chance);
    expect_exercise_with("hard.h5.3a", "{\"p\": [0.25], \"loss\": 33.5, \"vocab_size\": 65}", loss_and_chance);
}

/* --- what is refused, what is named --- */

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    expect_refused("pp.q23", "{\"d_model\": 258}", "divisor");
    expect_refused("pp.q27", "{\"vocab_size\": 0}", "vocab_size");
    expect_refused("pp.q24", "{\"max_length\": 1e18}", "max_length");
    expect_refused("pp.q21", "{\"position\": 3}", "position");
    expect_refused("pp.q21", "{\"token\": 50}", "token");
    expect_refused("pp.q22a", "{\"stream\": [7]}", "2 ids at least, got 1");
    expect_refused("pp.q22a", "{\"stream\": [7, -1, 2]}", "entry 2");
    expect_refused("pp.q22a", "{\"stream\": [7, 1.5, 2]}", "entry 2");
    expect_refused("pp.q31a", "{\"vocab_size\": 1e9}", "vocab_size");
    expect_refused("hard.h5.3a", "{\"p\": [0.5, 0]}", "entry 2");
    expect_refused("hard.h5.3a", "{\"p\": [1.5]}", "entry 1");
    expect_refused("hard.h5.3a", "{\"loss\": -1}", "loss");
    expect_refused("hard.h5.3a", "{\"loss\": 40}", "loss");
    expect_refused("hard.h5.3a", "{\"loss\": \"nan\"}", "loss");
}

static void slips_of_counting_are_named(void **state)
{
    (void)state;
    expect_slip("pp.q25", "{}", "{\"one_linear\": 65536}", "one_linear", "biases");
    expect_slip("pp.q25", "{}", "{\"attention\": 262144}", "attention", "biases");
    expect_slip("hard.h8.1a", "{}", "{\"added\": 262144}", "added", "biases");
    expect_slip("pp.q21", "{}", "{\"predicted_position_0based\": 2}", "predicted_position_0based", "from 1");
    expect_slip("pp.q21", "{\"seq_len\": 4}", "{\"reads_positions\": [0, 1, 2, 3]}", "reads_positions", "mask");
    expect_slip("pp.q21", "{}", "{\"reads_positions\": [1, 2, 3]}", "reads_positions", "from 1");
    expect_slip("pp.q22a", "{}", "{\"target_ids\": [7, 12, 3]}", "target_ids", "one later");
    expect_slip("pp.q31a", "{}", "{\"loss\": 5.301}", "loss", "logarithm");
    expect_slip("hard.h5.3a", "{}", "{\"losses\": [0.301, 1, 2]}", "losses", "logarithm");
    expect_slip("hard.h5.3a", "{}", "{\"losses\": [-0.693, -2.303, -4.605]}", "losses", "sign");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_counted_as_by_hand),
        cmocka_unit_test(tokens_and_losses_are_those_of_the_definition),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(slips_of_counting_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
