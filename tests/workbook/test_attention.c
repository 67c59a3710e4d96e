/* SPDX-License-Identifier: MIT */
/* Group B, attention and softmax, against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "workbook/definition.h"
#include "workbook/oracle.h"

enum { MOST = 4096 };

/* --- attention of Q, K and V --- */

typedef struct worked {
    table Q, K, V;
    int64_t T, S, d;
    double scores[MOST], masked[MOST], weights[MOST], out[MOST];
} worked;

static worked w; /* large, and each test fills it anew */

static void work(const json_t *params, bool with_values)
{
    definition a = {0};

    param_table(params, "Q", &w.Q);
    param_table(params, "K", &w.K);
    if (with_values)
        param_table(params, "V", &w.V);
    w.T = w.Q.rows;
    w.S = w.K.rows;
    w.d = w.Q.columns;
    a = (definition){.T = w.T,
                     .S = w.S,
                     .d = w.d,
                     .dv = w.V.columns,
                     .q = w.Q.at,
                     .k = w.K.at,
                     .v = w.V.at,
                     .scale = 1.0 / sqrt((double)w.d)};
    define_attention(&a, w.scores, w.masked, w.weights, with_values ? w.out : NULL);
}

static void q06(const json_t *params, json_t *answer)
{
    work(params, false);
    json_object_set_new(answer, "value", matrix_of(w.scores, w.T, w.S));
}

static void q07a(const json_t *params, json_t *answer)
{
    json_object_set_new(answer, "value", json_real(sqrt(param(params, "head_dim"))));
}

static void q07b(const json_t *params, json_t *answer)
{
    work(params, false);
    json_object_set_new(answer, "value", matrix_of(w.masked, w.T, w.S));
}

static int64_t row_of(const json_t *params)
{
    return (int64_t)param(params, "row") - 1;
}

static void q08(const json_t *params, json_t *answer)
{
    work(params, false);
    json_object_set_new(answer, "value", list_of(w.weights + row_of(params) * w.S, w.S));
}

static void q09a(const json_t *params, json_t *answer)
{
    const int64_t row = row_of(params);

    work(params, true);
    json_object_set_new(answer, "value", list_of(w.out + row * w.V.columns, w.V.columns));
    json_object_set_new(answer, "weights", list_of(w.weights + row * w.S, w.S));
}

static void attention_by_hand(void **state)
{
    static const char long_one[] = "{\"Q\": [[3, -1, 2], [0.5, 0.25, -4]], \"K\": [[1, 2, -2], [0.5, 3, 1],"
                                   " [-1, -1, 2.5], [4, 0, 0]]";
    char params[400];

    (void)state;
    expect_exercise("pp.q06", q06);
    expect_exercise("pp.q07a", q07a);
    expect_exercise_with("pp.q07a", "{\"head_dim\": 4096}", q07a);
    expect_exercise("pp.q07b", q07b);
    expect_exercise("pp.q08", q08);
    expect_exercise("pp.q09a", q09a);
    /* two queries of four keys, and values longer than them */
    snprintf(params, sizeof params, "%s}", long_one);
    expect_exercise_with("pp.q06", params, q06);
    expect_exercise_with("pp.q07b", params, q07b);
    snprintf(params, sizeof params, "%s, \"row\": 2}", long_one);
    expect_exercise_with("pp.q08", params, q08);
    snprintf(params, sizeof params,
             "%s, \"row\": 2, \"V\": [[1, 2, 3, 4, 5], [0, 0, 0, 0, 9], [-7, 1, 0, 2, 8], "
             "[5, 5, 5, 5, 5]]}",
             long_one);
    expect_exercise_with("pp.q09a", params, q09a);
}

static void e01a(const json_t *params, json_t *answer)
{
    int64_t best = 0;
    double soft[MOST], out[MOST];

    param_table(params, "q", &w.Q);
    param_table(params, "K", &w.K);
    param_table(params, "V", &w.V);
    define_attention(&(definition){.T = 1,
                                   .S = w.K.rows,
                                   .d = w.K.columns,
                                   .dv = w.V.columns,
                                   .q = w.Q.at,
                                   .k = w.K.at,
                                   .v = w.V.at,
                                   .scale = param(params, "sharpness")},
                     w.scores, NULL, soft, out);
    for (int64_t i = 1; i < w.K.rows; i++)
        best = w.scores[i] > w.scores[best] ? i : best;
    json_object_set_new(answer, "scores", list_of(w.scores, w.K.rows));
    json_object_set_new(answer, "hard_row_1based", json_integer(best + 1));
    json_object_set_new(answer, "hard_value", list_of(w.V.at + best * w.V.columns, w.V.columns));
    json_object_set_new(answer, "soft_weights", list_of(soft, w.K.rows));
    json_object_set_new(answer, "soft_value", list_of(out, w.V.columns));
}

static void a_dictionary(void **state)
{
    (void)state;
    expect_exercise("ch12.e01a", e01a);
    expect_exercise_with(
        "ch12.e01a",
        "{\"q\": [0.5, -1, 2], \"K\": [[1, 1, 0], [2, -2, 1], [0, 0, 1], [-1, 3, 1], [1, 0, 1]],"
        " \"V\": [[1, 0.125], [0.1, 2], [3, -7], [4, 4], [5, 0.3]], \"sharpness\": 3}",
        e01a);
    expect_refused("ch12.e01a", "{\"sharpness\": 0}", "sharpness: expected a number above 0");
    expect_refused("ch12.e01a", "{\"q\": [1, 0, 0]}", "columns");
}

/* --- scaling --- */

static void q28(const json_t *params, json_t *answer)
{
    const double norms = param(params, "q_norm") * param(params, "k_norm");
    double scores[16], weights[16];
    int64_t best = 0;
    table cosines;

    param_table(params, "cosines", &cosines);
    for (int64_t i = 0; i < cosines.columns; i++) {
        scores[i] = norms * cosines.at[i];
        weights[i] = scores[i] / sqrt(param(params, "head_dim"));
        best = scores[i] > scores[best] ? i : best;
    }
    define_softmax(weights, cosines.columns, weights);
    json_object_set_new(answer, "scores", list_of(scores, cosines.columns));
    json_object_set_new(answer, "weights", list_of(weights, cosines.columns));
    json_object_set_new(answer, "attended_key", json_integer(best + 1));
}

static void q29a(const json_t *params, json_t *answer)
{
    json_object_set_new(answer, "weight", json_real(1.0 / param(params, "seq_len")));
    json_object_set_new(answer, "entropy_nats", json_real(log(param(params, "seq_len"))));
}

static void q30a(const json_t *params, json_t *answer)
{
    const double d = param(params, "head_dim"), entry = param(params, "entry");
    const double dot = d * entry * entry, scaled = dot / sqrt(d);
    double plain[] = {dot, 0.0}, divided[] = {scaled, 0.0};

    define_softmax(plain, 2, plain);
    define_softmax(divided, 2, divided);
    json_object_set_new(answer, "max_dot", json_real(dot));
    json_object_set_new(answer, "scaled", json_real(scaled));
    json_object_set_new(answer, "weights_vs_zero_unscaled", list_of(plain, 2));
    json_object_set_new(answer, "weights_vs_zero_scaled", list_of(divided, 2));
}

static void h2_1a(const json_t *params, json_t *answer)
{
    const double factor = 1.0 / sqrt(param(params, "d_head")), lo = param(params, "lo"),
                 hi = param(params, "hi");

    json_object_set_new(answer, "lo", json_real(lo * factor));
    json_object_set_new(answer, "hi", json_real(hi * factor));
    json_object_set_new(answer, "factor", json_real(factor));
    json_object_set_new(answer, "weight_ratio_before", json_real(exp(hi - lo)));
    json_object_set_new(answer, "weight_ratio_after", json_real(exp((hi - lo) * factor)));
}

static void e02(const json_t *params, json_t *answer)
{
    const double one = param(params, "var_q") * param(params, "var_k"), all = param(params, "d") * one;

    json_object_set_new(answer, "variance", json_real(all));
    json_object_set_new(answer, "std", json_real(sqrt(all)));
    json_object_set_new(answer, "variance_scaled", json_real(one));
}

static void e03a(const json_t *params, json_t *answer)
{
    const double factors[] = {1.0, sqrt(param(params, "d"))};
    const char *const largest[] = {"max_scaled", "max_unscaled"};
    const char *const entropies[] = {"entropy_scaled", "entropy_unscaled"};
    table base;

    param_table(params, "base_scores", &base);
    for (int f = 0; f < 2; f++) {
        double p[64], most = 0.0;
        for (int64_t i = 0; i < base.columns; i++)
            p[i] = factors[f] * base.at[i];
        define_softmax(p, base.columns, p);
        for (int64_t i = 0; i < base.columns; i++)
            most = fmax(most, p[i]);
        json_object_set_new(answer, largest[f], json_real(most));
        json_object_set_new(answer, entropies[f], json_real(define_entropy(p, base.columns)));
    }
}

static void e5_2a(const json_t *params, json_t *answer)
{
    json_object_set_new(answer, "value", json_real(sqrt(param(params, "d_k"))));
}

static void e5_2b(const json_t *params, json_t *answer)
{
    double ones[64];
    table d;

    param_table(params, "d_k", &d);
    for (int64_t i = 0; i < d.columns; i++) {
        d.at[i] = sqrt(d.at[i]);
        ones[i] = 1.0;
    }
    json_object_set_new(answer, "std", list_of(d.at, d.columns));
    json_object_set_new(answer, "std_scaled", list_of(ones, d.columns));
}

static void scores_and_their_scale(void **state)
{
    (void)state;
    expect_exercise("pp.q28", q28);
    expect_exercise_with("pp.q28", "{\"cosines\": [0.3, -0.25, 0.9, 0.1], \"q_norm\": 1.5, \"head_dim\": 9}",
                         q28);
    expect_refused("pp.q28", "{\"cosines\": [2]}", "cosines: expected numbers from -1 to 1");
    expect_exercise("pp.q29a", q29a);
    expect_exercise_with("pp.q29a", "{\"seq_len\": 5000}", q29a);
    expect_refused("pp.q29a", "{\"seq_len\": 1e12}", "seq_len: expected a whole number");
    expect_exercise("pp.q30a", q30a);
    expect_exercise_with("pp.q30a", "{\"head_dim\": 96, \"entry\": 0.7}", q30a);
    expect_exercise("hard.h2.1a", h2_1a);
    expect_exercise_with("hard.h2.1a", "{\"d_head\": 50, \"lo\": -300.5, \"hi\": 210}", h2_1a);
    expect_refused("hard.h2.1a", "{\"lo\": 11}", "expected lo below hi");
    expect_exercise("ch12.e02", e02);
    expect_exercise("ch12.e03a", e03a);
    expect_exercise_with("ch12.e03a", "{\"base_scores\": [0.1, 2.25, -3, 0.7, 1.9, 2.2], \"d\": 49}", e03a);
    expect_exercise("s5.e5.2a", e5_2a);
    expect_exercise("s5.e5.2b", e5_2b);
    expect_exercise_with("s5.e5.2b", "{\"d_k\": [1, 2, 3, 5, 7, 11]}", e5_2b);
    expect_refused("s5.e5.2b", "{\"d_k\": [1.5]}", "d_k: expected whole numbers");
}

/* --- softmax --- */

static double largest_of(const double *p, int64_t n)
{
    double most = 0.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, p[i]);
    return most;
}

static double largest_entry(const double *p, int64_t n)
{
    double most = 0.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, p[i] * (1.0 - p[i]));
    return most;
}

static void h2_2a(const json_t *params, json_t *answer)
{
    const int64_t n_a = (int64_t)param(params, "len_a"), n_b = (int64_t)param(params, "len_b");
    const double lo = param(params, "lo"), hi = param(params, "hi");
    double b[1024];

    for (int64_t i = 0; i < n_b; i++)
        b[i] = lo + (hi - lo) * (double)i / (double)(n_b - 1);
    define_softmax(b, n_b, b);
    json_object_set_new(answer, "max_a", json_real(1.0 / (double)n_a));
    json_object_set_new(answer, "entropy_a", json_real(log((double)n_a)));
    json_object_set_new(answer, "max_b", json_real(largest_of(b, n_b)));
    json_object_set_new(answer, "entropy_b", json_real(define_entropy(b, n_b)));
    json_object_set_new(answer, "uniform_entropy_b", json_real(log((double)n_b)));
    json_object_set_new(answer, "more_peaked", json_string(largest_of(b, n_b) > 1.0 / (double)n_a ? "B" : "A"));
    json_object_set_new(answer, "jacobian_largest_a", json_real((1.0 - 1.0 / (double)n_a) / (double)n_a));
    json_object_set_new(answer, "jacobian_largest_b", json_real(largest_entry(b, n_b)));
}

static void h2_4a(const json_t *params, json_t *answer)
{
    const double p = param(params, "p_main"), q = (1.0 - p) / param(params, "n_others");

    json_object_set_new(answer, "p_other", json_real(q));
    json_object_set_new(answer, "d_main", json_real(p * (1.0 - p)));
    json_object_set_new(answer, "d_other", json_real(q * (1.0 - q)));
    json_object_set_new(answer, "cross_main_other", json_real(-p * q));
    json_object_set_new(answer, "cross_other_other", json_real(-q * q));
    json_object_set_new(answer, "ratio_main_to_other", json_real(p * (1.0 - p) / (q * (1.0 - q))));
    json_object_set_new(answer, "ratio_to_best_case_quarter", json_real(p * (1.0 - p) / 0.25));
}

static void h7_1a(const json_t *params, json_t *answer)
{
    double mean = 0.0, l1 = 0.0, ds[64];
    table p, g;

    param_table(params, "weights", &p);
    param_table(params, "upstream", &g);
    for (int64_t i = 0; i < p.columns; i++)
        mean += p.at[i] * g.at[i];
    for (int64_t i = 0; i < p.columns; i++) {
        ds[i] = p.at[i] * (g.at[i] - mean);
        l1 += fabs(ds[i]);
    }
    json_object_set_new(answer, "dscores", list_of(ds, p.columns));
    json_object_set_new(answer, "l1", json_real(l1));
}

static void the_softmax_and_its_gradient(void **state)
{
    (void)state;
    expect_exercise("hard.h2.2a", h2_2a);
    expect_exercise_with("hard.h2.2a", "{\"len_a\": 3, \"len_b\": 17, \"lo\": -1.5, \"hi\": 2}", h2_2a);
    expect_refused("hard.h2.2a", "{\"len_b\": 1e8}", "len_b: expected a whole number");
    expect_exercise("hard.h2.4a", h2_4a);
    expect_exercise_with("hard.h2.4a", "{\"p_main\": 0.123, \"n_others\": 3}", h2_4a);
    expect_refused("hard.h2.4a", "{\"p_main\": 1}", "p_main: expected a weight between 0 and 1");
    expect_exercise("hard.h7.1a", h7_1a);
    expect_exercise_with(
        "hard.h7.1a", "{\"weights\": [0.2, 0.05, 0.5, 0.15, 0.1], \"upstream\": [3, -2, 0.25, 0, 1.5]}", h7_1a);
    expect_refused("hard.h7.1a", "{\"weights\": [0.5, 0.1]}", "weights: expected numbers that add up to 1");
    expect_refused("hard.h7.1a", "{\"upstream\": [1]}", "upstream: expected 2 numbers");
}

/* --- by program --- */

static void e11(const json_t *params, json_t *answer)
{
    double sums[64], scaled[64], unscaled[64], p[MOST];

    work(params, true);
    for (int64_t i = 0; i < w.T; i++) {
        define_softmax(w.scores + i * w.S, w.S, p);
        sums[i] = 1.0;
        scaled[i] = define_entropy(w.weights + i * w.S, w.S);
        unscaled[i] = define_entropy(p, w.S);
    }
    json_object_set_new(answer, "weights", matrix_of(w.weights, w.T, w.S));
    json_object_set_new(answer, "output", matrix_of(w.out, w.T, w.V.columns));
    json_object_set_new(answer, "row_sums", list_of(sums, w.T));
    json_object_set_new(answer, "entropy_scaled", list_of(scaled, w.T));
    json_object_set_new(answer, "entropy_unscaled", list_of(unscaled, w.T));
}

/* Sizes of a parameter of that many axes. */
static void sizes_of(const json_t *params, const char *name, int rank, int64_t *size)
{
    const json_t *x = json_object_get(params, name);

    for (int i = 0; i < rank; i++) {
        size[i] = (int64_t)json_array_size(x);
        x = json_array_get(x, 0);
    }
}

/* All [T, d] of Q, K and V; out and weights lie in w. */
static void work_each(const json_t *params, int rank, bool causal, int64_t *out_size, int64_t *weights_size)
{
    int64_t q[4], v[4], n = 1;

    sizes_of(params, "Q", rank, q);
    sizes_of(params, "V", rank, v);
    param_table(params, "Q", &w.Q);
    param_table(params, "K", &w.K);
    param_table(params, "V", &w.V);
    for (int i = 0; i < rank - 2; i++)
        n *= q[i];
    w.T = q[rank - 2];
    w.S = v[rank - 2];
    w.d = q[rank - 1];
    for (int64_t i = 0; i < n; i++)
        define_attention(&(definition){.T = w.T,
                                       .S = w.S,
                                       .d = w.d,
                                       .dv = v[rank - 1],
                                       .q = w.Q.at + i * w.T * w.d,
                                       .k = w.K.at + i * w.S * w.d,
                                       .v = w.V.at + i * w.S * v[rank - 1],
                                       .scale = 1.0 / sqrt((double)w.d),
                                       .causal = causal},
                         NULL, NULL, w.weights + i * w.T * w.S, w.out + i * w.T * v[rank - 1]);
    memcpy(out_size, q, sizeof q);
    memcpy(weights_size, q, sizeof q);
    out_size[rank - 1] = v[rank - 1];
    weights_size[rank - 1] = w.S;
}

static void e16(const json_t *params, json_t *answer)
{
    int64_t out[4], weights[4];

    work_each(params, 4, json_is_true(json_object_get(params, "causal")), out, weights);
    json_object_set_new(answer, "output", nested_of(w.out, 4, out));
}

static void e5_5(const json_t *params, json_t *answer)
{
    int64_t out[4], weights[4];

    work_each(params, 3, false, out, weights);
    json_object_set_new(answer, "output", nested_of(w.out, 3, out));
    json_object_set_new(answer, "weights", nested_of(w.weights, 3, weights));
    json_object_set_new(answer, "shape",
                        json_pack("[I, I, I]", (json_int_t)out[0], (json_int_t)out[1], (json_int_t)out[2]));
}

static void attention_by_program(void **state)
{
    (void)state;
    expect_exercise("ch12.e11", e11);
    expect_exercise("ch12.e16", e16);
    expect_exercise_with("ch12.e16",
                         "{\"Q\": [[[[1, 2, 3]], [[0.5, 0.1, -1]]], [[[2, 2, 2]], [[-1, 0, 1]]]],"
                         " \"K\": [[[[1, 0, 0]], [[0, 1, 0]]], [[[0, 0, 1]], [[1, 1, 1]]]],"
                         " \"V\": [[[[7]], [[8]]], [[[9]], [[10]]]], \"causal\": true}",
                         e16);
    expect_exercise("s5.e5.5", e5_5);
    expect_exercise_with(
        "s5.e5.5", "{\"Q\": [[[0.1, 4]]], \"K\": [[[1, 2], [3, -1], [0, 1]]], \"V\": [[[1], [-2], [0.5]]]}",
        e5_5);
    expect_refused("s5.e5.5", "{\"Q\": [[[1, 0, 0]]]}", "as many sequences");
    expect_refused("s5.e5.5", "{\"Q\": [[1, 0, 0]]}", "Q: expected nested lists");
}

/* --- what goes wrong --- */

/* The answers are worked out here, with the slip, for Q = [[1, 0], [0, 1]], K = [[1, 2], [3, -1]]: S = [[1, 3], [2, -1]]. */
static void slips_have_names(void **state)
{
    static const char qk[] = "{\"Q\": [[1, 0], [0, 1]], \"K\": [[1, 2], [3, -1]]}";
    static const char row[] = "{\"Q\": [[1, 0], [0, 1]], \"K\": [[1, 2], [3, -1]], \"row\": 1}";

    (void)state;
    /* of the weights of all rows, what stands below each other in column 2 */
    expect_slip("pp.q08", "{\"Q\": [[1, 0], [0, 2]], \"K\": [[1, 0], [1, 1]], \"row\": 2}",
                "{\"value\": [0.5, 0.804]}", "value", "rows and columns");
    expect_slip("pp.q06", qk, "{\"value\": [[1, 2], [3, -1]]}", "value", "swapped");
    expect_slip("pp.q07b", qk, "{\"value\": [[1, 3], [2, -1]]}", "value", "not to be divided");
    expect_slip("pp.q07b", qk, "{\"value\": [[0.5, 1.5], [1, -0.5]]}", "value", "divided by head_dim");
    /* three tokens of two numbers: Q^T K is 2 by 2 */
    expect_slip("pp.q06", "{}", "{\"value\": [[2, 1], [1, 2]]}", "value", "wrong place");
    /* e^-2 = 0.1353, so the weights without scaling are 0.1192 and 0.8808 */
    expect_slip("pp.q08", row, "{\"value\": [0.12, 0.88]}", "value", "not to be divided");
    /* columns: e^(1/1.414) = 2.028 by 2.028 + e^(2/1.414) = 4.113; e^(3/1.414) = 8.342 by 8.342 + e^-0.7071 = 0.4931 */
    expect_slip("pp.q08", row, "{\"value\": [0.33, 0.94]}", "value", "over columns");
    expect_slip("hard.h7.1a", "{}", "{\"dscores\": [0.99, -0.01], \"l1\": 1.0}", "dscores", "mean");
    expect_slip("pp.q29a", "{\"seq_len\": 16}", "{\"weight\": 0.0625, \"entropy_nats\": 4}", "entropy_nats",
                "base");
    expect_slip("s5.e5.2b", "{}", "{\"std\": [16, 64, 256, 1024], \"std_scaled\": [1, 1, 1, 1]}", "std",
                "variance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_by_hand),      cmocka_unit_test(a_dictionary),
        cmocka_unit_test(scores_and_their_scale), cmocka_unit_test(the_softmax_and_its_gradient),
        cmocka_unit_test(attention_by_program),   cmocka_unit_test(slips_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
