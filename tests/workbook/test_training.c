/* SPDX-License-Identifier: MIT */
/* Exercises of training, each against the definition in double precision. */
#include "../cmocka_all.h"

#include <math.h>
#include <stdio.h>

#include "workbook/oracle.h"

/* --- hard.h2.5a --- */

static void entropies(const json_t *params, json_t *answer)
{
    static table w;
    const json_t *all = json_object_get(params, "weights");
    const int64_t B = (int64_t)json_array_size(all), H = (int64_t)json_array_size(json_array_get(all, 0));
    double rows[512], mean[64], share[64];
    int64_t T;

    param_table(params, "weights", &w);
    T = w.columns;
    for (int64_t k = 0; k < B * H; k++) {
        double sum = 0.0, parts = 0.0;
        for (int64_t i = 0; i < T; i++) {
            double h = 0.0;
            for (int64_t j = 0; j < T; j++) {
                const double p = w.at[(k * T + i) * T + j];
                if (p > 0.0)
                    h -= p * log(p);
            }
            rows[k * T + i] = h;
            sum += h;
            if (i > 0)
                parts += h / log((double)(i + 1));
        }
        mean[k] = sum / (double)T;
        share[k] = parts / (double)(T - 1);
    }
    json_object_set_new(answer, "entropy_per_row", nested_of(rows, 3, (int64_t[]){B, H, T}));
    json_object_set_new(answer, "entropy_per_head_and_batch", matrix_of(mean, B, H));
    json_object_set_new(answer, "share_of_maximum", matrix_of(share, B, H));
}

/* Without a mask every row sees all four keys. */
static void unmasked(const json_t *params, json_t *answer)
{
    static table w;
    double rows[8], mean[1] = {0.0}, share[1] = {0.0};

    param_table(params, "weights", &w);
    for (int64_t i = 0; i < w.rows; i++) {
        rows[i] = 0.0;
        for (int64_t j = 0; j < w.columns; j++) {
            const double p = w.at[i * w.columns + j];
            rows[i] -= p > 0.0 ? p * log(p) : 0.0;
        }
        mean[0] += rows[i] / (double)w.rows;
        share[0] += rows[i] / log((double)w.columns) / (double)w.rows;
    }
    json_object_set_new(answer, "entropy_per_row", nested_of(rows, 3, (int64_t[]){1, 1, w.rows}));
    json_object_set_new(answer, "entropy_per_head_and_batch", matrix_of(mean, 1, 1));
    json_object_set_new(answer, "share_of_maximum", matrix_of(share, 1, 1));
}

static void entropies_of_heads_follow_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h2.5a", entropies);
    expect_exercise_with("hard.h2.5a",
                         "{\"weights\": [[[[1,0,0,0,0],[0.31,0.69,0,0,0],[0.333,0.334,0.333,0,0],"
                         "[0.001,0.001,0.001,0.997,0],[0.2,0.2,0.2,0.2,0.2]]]]}",
                         entropies);
    expect_exercise_with("hard.h2.5a", "{\"weights\": [[[[0.5,0.5],[0.9,0.1]]]]}", unmasked);
}

static void weights_that_are_no_distributions_are_refused(void **state)
{
    (void)state;
    expect_refused("hard.h2.5a", "{\"weights\": [[[[1,0],[0.5,0.2]]]]}", "row 2 adds up to 0.7");
    expect_refused("hard.h2.5a", "{\"weights\": [[[[1,0],[-0.5,1.5]]]]}", "from 0 to 1");
    expect_refused("hard.h2.5a", "{\"weights\": [[[[1,0,0],[0.5,0.5,0]]]]}", "[B, H, T, T]");
    expect_refused("hard.h2.5a", "{\"weights\": [[[1,0],[0.5,0.5]]]}", "nested lists");
    expect_refused("hard.h2.5a", "{\"weights\": [[[[\"nan\"]]]]}", "from 0 to 1");
}

/* --- hard.h5.1a, hard.h5.2a --- */

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

static void drops(const json_t *params, json_t *answer)
{
    const double a = param(params, "from1"), b = param(params, "to1"), c = param(params, "from2"),
                 d = param(params, "to2");

    put(answer, "factor1", exp(a) / exp(b));
    put(answer, "factor2", exp(c) / exp(d));
    put(answer, "perplexity_from1", exp(a));
    put(answer, "perplexity_to1", exp(b));
    put(answer, "perplexity_from2", exp(c));
    put(answer, "perplexity_to2", exp(d));
}

static void two_losses(const json_t *params, json_t *answer)
{
    const double a = param(params, "loss_a"), b = param(params, "loss_b");

    put(answer, "perplexity_a", exp(a));
    put(answer, "perplexity_b", exp(b));
    put(answer, "mean_p_a", 1.0 / exp(a));
    put(answer, "mean_p_b", 1.0 / exp(b));
}

static void perplexities_are_powers_of_e(void **state)
{
    (void)state;
    expect_exercise("hard.h5.1a", drops);
    expect_exercise_with("hard.h5.1a", "{\"from1\": 0, \"to1\": 0, \"from2\": 20.5, \"to2\": 0.25}", drops);
    expect_exercise("hard.h5.2a", two_losses);
    expect_exercise_with("hard.h5.2a", "{\"loss_a\": 0.001, \"loss_b\": 11}", two_losses);
    expect_refused("hard.h5.2a", "{\"loss_a\": -1}", "from 0 to 700");
    expect_refused("hard.h5.1a", "{\"from1\": \"nan\"}", "from 0 to 700");
    expect_refused("hard.h5.1a", "{\"to2\": 1e9}", "from 0 to 700");
}

/* --- hard.h7.4a, hard.h7.5a --- */

static void penalty(const json_t *params, json_t *answer)
{
    static table w;
    const double lam = param(params, "lam");
    double extra[64], sum = 0.0;

    param_table(params, "weights", &w);
    for (int64_t i = 0; i < w.columns; i++) {
        extra[i] = lam * 2.0 * w.at[i];
        sum += w.at[i] * w.at[i];
    }
    json_object_set_new(answer, "extra_gradient", list_of(extra, w.columns));
    put(answer, "penalty", lam * sum);
    put(answer, "shrink_factor_per_unit_step", 1.0 - 2.0 * lam);
}

static void clipped(const json_t *params, json_t *answer)
{
    static table n;
    const double limit = param(params, "max_norm");
    double sum = 0.0, factor, after[64];

    param_table(params, "norms", &n);
    for (int64_t i = 0; i < n.columns; i++)
        sum += n.at[i] * n.at[i];
    factor = sqrt(sum) > limit ? limit / sqrt(sum) : 1.0;
    for (int64_t i = 0; i < n.columns; i++)
        after[i] = n.at[i] * factor;
    put(answer, "total", sqrt(sum));
    put(answer, "factor", factor);
    json_object_set_new(answer, "clipped", list_of(after, n.columns));
    put(answer, "total_after", sqrt(sum) * factor);
}

static void decay_and_clipping_follow_the_definition(void **state)
{
    (void)state;
    expect_exercise("hard.h7.4a", penalty);
    expect_exercise_with("hard.h7.4a", "{\"lam\": 0.5, \"weights\": [0, -0.003, 120]}", penalty);
    expect_exercise_with("hard.h7.4a", "{\"lam\": 0, \"weights\": [7]}", penalty);
    expect_refused("hard.h7.4a", "{\"lam\": -1}", "lam: expected");
    expect_refused("hard.h7.4a", "{\"weights\": [1e300]}", "weights: expected");
    expect_exercise("hard.h7.5a", clipped);
    expect_exercise_with("hard.h7.5a", "{\"norms\": [0.001, 0, 0.002], \"max_norm\": 1}", clipped);
    expect_exercise_with("hard.h7.5a", "{\"norms\": [1e6, 3, 2e5, 8, 9], \"max_norm\": 0.25}", clipped);
    expect_refused("hard.h7.5a", "{\"norms\": [-3, 4]}", "norms: expected");
    expect_refused("hard.h7.5a", "{\"max_norm\": 0}", "max_norm: expected");
}

/* --- hard.h10.2a, hard.h10.4a, hard.h10.5a --- */

/* Block after block and batch after batch, as a loader would. */
static double count_updates(int64_t tokens, int64_t T, int64_t batch)
{
    int64_t n = 0, waiting = 0;

    for (int64_t begin = 0; begin + T < tokens; begin += T) {
        if (++waiting == batch) {
            n++;
            waiting = 0;
        }
    }
    return (double)n;
}

static void updates(const json_t *params, json_t *answer)
{
    const int64_t n = (int64_t)param(params, "tokens"), T = (int64_t)param(params, "seq_len");

    put(answer, "updates_a", count_updates(n, T, (int64_t)param(params, "batch_a")));
    put(answer, "updates_b", count_updates(n, T, (int64_t)param(params, "batch_b")));
}

static double m0(double d, double V, double T)
{
    return V * d + T * d + 4.0 * (d * d + d) + d * V;
}

static void students(const json_t *params, json_t *answer)
{
    const double d = param(params, "d_model"), V = param(params, "vocab_size"), T = param(params, "max_length");

    put(answer, "teacher", m0(d, V, T));
    put(answer, "student", m0(param(params, "d_student"), V, T));
    put(answer, "student_same_d_one_head", m0(d, V, T));
}

static void compounding(const json_t *params, json_t *answer)
{
    const double p = param(params, "accuracy"), n = param(params, "n");
    double all = 1.0, run = 0.0, term = 1.0;

    for (int i = 0; i < (int)n; i++)
        all *= p;
    for (int i = 0; i < 20000; i++) /* the sum over runs: at 0.99 the rest is below e^-200 */
        run += term *= p;
    put(answer, "all_right", all);
    put(answer, "expected_run", run);
    put(answer, "mean_p_from_loss", exp(-param(params, "loss")));
    put(answer, "loss_if_p_equals_accuracy", log(1.0 / p));
}

static void runs_are_counted_as_defined(void **state)
{
    (void)state;
    expect_exercise("hard.h10.2a", updates);
    expect_exercise_with("hard.h10.2a",
                         "{\"tokens\": 307200, \"seq_len\": 256, \"batch_a\": 16, \"batch_b\": 75}", updates);
    expect_exercise_with("hard.h10.2a",
                         "{\"tokens\": 307201, \"seq_len\": 256, \"batch_a\": 16, \"batch_b\": 75}", updates);
    expect_exercise_with("hard.h10.2a", "{\"tokens\": 1, \"seq_len\": 3, \"batch_a\": 1, \"batch_b\": 2}",
                         updates);
    expect_refused("hard.h10.2a", "{\"seq_len\": 0}", "seq_len: expected");
    expect_exercise("hard.h10.4a", students);
    expect_exercise_with("hard.h10.4a",
                         "{\"d_model\": 6, \"d_student\": 5, \"vocab_size\": 3, \"max_length\": 2}", students);
    expect_refused("hard.h10.4a", "{\"d_model\": 1e12}", "d_model: expected");
    expect_exercise("hard.h10.5a", compounding);
    expect_exercise_with("hard.h10.5a", "{\"accuracy\": 0.123, \"n\": 1, \"loss\": 0}", compounding);
    expect_refused("hard.h10.5a", "{\"accuracy\": 1.2}", "accuracy: expected");
    expect_refused("hard.h10.5a", "{\"n\": 0}", "n: expected");
}

/* --- slips --- */

static void slips_of_training_are_named(void **state)
{
    (void)state;
    /* bits: 1 for half and half */
    expect_slip("hard.h2.5a", "{\"weights\": [[[[1,0],[0.5,0.5]]]]}", "{\"entropy_per_row\": [[[0, 1]]]}",
                "entropy_per_row", "another base");
    /* entropy ln 2 of row 2, of ln 3 in place of ln 2 */
    expect_slip("hard.h2.5a", "{\"weights\": [[[[1,0,0],[0.5,0.5,0],[0,0,1]]]]}",
                "{\"share_of_maximum\": [[0.3155]]}", "share_of_maximum", "the mask");
    expect_slip("hard.h5.1a", "{}", "{\"factor1\": 1.0609}", "factor1", "the loss itself");
    expect_slip("hard.h5.1a", "{}", "{\"factor1\": 0.4966}", "factor1", "sign");
    expect_slip("hard.h5.2a", "{}", "{\"perplexity_a\": 18.38}", "perplexity_a", "another base");
    expect_slip("hard.h5.2a", "{}", "{\"mean_p_a\": 1.5}", "mean_p_a", "per cent");
    expect_slip("hard.h7.4a", "{\"lam\": 0.1, \"weights\": [1, 2]}", "{\"extra_gradient\": [0.1, 0.2]}",
                "extra_gradient", "the 2");
    expect_slip("hard.h7.4a", "{\"lam\": 0.1, \"weights\": [3, 4]}", "{\"penalty\": 0.5}", "penalty", "square");
    expect_slip("hard.h7.5a", "{}", "{\"total\": 7}", "total", "added up");
    expect_slip("hard.h7.5a", "{}", "{\"clipped\": [1, 1]}", "clipped", "by itself");
    expect_slip("hard.h7.5a", "{\"max_norm\": 10}", "{\"factor\": 2}", "factor", "scaled up");
    expect_slip("hard.h10.2a", "{}", "{\"updates_a\": 37}", "updates_a", "rounded up");
    expect_slip("hard.h10.2a", "{}", "{\"updates_a\": 9374}", "updates_a", "tokens of a sequence");
    expect_slip("hard.h10.4a", "{}", "{\"teacher\": 102727680}", "teacher", "biases");
    expect_slip("hard.h10.5a", "{}", "{\"all_right\": 12.16}", "all_right", "per cent");
    expect_slip("hard.h10.5a", "{}", "{\"expected_run\": 10}", "expected_run", "count from 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropies_of_heads_follow_the_definition),
        cmocka_unit_test(weights_that_are_no_distributions_are_refused),
        cmocka_unit_test(perplexities_are_powers_of_e),
        cmocka_unit_test(decay_and_clipping_follow_the_definition),
        cmocka_unit_test(runs_are_counted_as_defined),
        cmocka_unit_test(slips_of_training_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
