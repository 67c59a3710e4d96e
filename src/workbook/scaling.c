/* SPDX-License-Identifier: MIT */
/* B. How large scores grow, and what dividing by sqrt(head_dim) does to them and to their softmax. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/by_hand.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

/* --- what several share --- */

/* e^x of the engine's log softmax: digits are left where its softmax is 0 in floats. */
static heed_grid fine_softmax(heed_solving *s, heed_grid scores)
{
    heed_grid p = heed_log_softmax_of_rows(s, scores);

    for (int64_t i = 0; i < p.rows * p.columns; i++)
        p.data[i] = exp(p.data[i]);
    return p;
}

/* In nats, or with the slip in bits. */
static double in_nats(const heed_solving *s, double entropy)
{
    return s->slip == HEED_SLIP_LOG_BASE ? entropy / log(2.0) : entropy;
}

static void put_pair(heed_solving *s, heed_grid x, double a, double b)
{
    if (s->status == HEED_OK) {
        x.data[0] = a;
        x.data[1] = b;
    }
}

/* --- pp.q28: keys at angles --- */

/* Keys in the plane of the first two of head_dim numbers; the query lies on the first. */
static heed_grid keys_at(heed_solving *s, heed_grid cosines, double norm, int64_t head_dim)
{
    heed_grid K = heed_grid_make(s, cosines.columns, head_dim);

    for (int64_t i = 0; s->status == HEED_OK && i < K.rows; i++) {
        const double c = cosines.data[i];
        if (!(c >= -1.0 && c <= 1.0)) {
            heed_solve_fail(s, HEED_ERR_USAGE, "cosines: expected numbers from -1 to 1, got %g", c);
            return K;
        }
        K.data[i * head_dim] = norm * c;
        K.data[i * head_dim + 1] = norm * sqrt(1.0 - c * c);
    }
    return K;
}

static double take_norm(heed_solving *s, const char *name)
{
    const double x = heed_take_number(s, name);

    if (s->status == HEED_OK && !(x > 0.0 && x <= 1e4))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a length above 0 and up to 10000, got %g", name, x);
    return x;
}

static void angles(heed_solving *s)
{
    const int64_t head_dim = heed_take_int(s, "head_dim", 2, HEED_ATTEND_MOST);
    const double q_norm = take_norm(s, "q_norm"), k_norm = take_norm(s, "k_norm");
    const heed_grid cosines = heed_take_list(s, "cosines");
    heed_attend_inputs in = {.q = heed_grid_make(s, 1, head_dim), .k = keys_at(s, cosines, k_norm, head_dim)};
    heed_attended a;
    int64_t best;

    if (s->status != HEED_OK)
        return;
    in.q.data[0] = q_norm;
    a = heed_attend(s, &in);
    if (s->status != HEED_OK)
        return;
    best = heed_largest(a.scores);
    heed_step(s, "a dot product is |q| |k| cos(angle); for key 1: %.5g * %.5g * %.5g = %.5g", q_norm, k_norm,
              cosines.data[0], a.scores.data[0]);
    heed_step_grid(s, a.scores, "scores of the keys");
    heed_step_grid(s, a.scaled, "divided by sqrt(head_dim) = %.5g", sqrt((double)head_dim));
    heed_step_softmax(s, a.scaled, a.weights, 0);
    heed_step(s, "key %lld has the largest weight", (long long)best + 1);
    heed_put_list(s, "scores", a.scores);
    heed_put_list(s, "weights", a.weights);
    heed_put_number(s, "attended_key", (double)(best + 1));
}

static void vary_angles(heed_varying *v)
{
    static const double all[] = {1.0, 0.5, 0.0, -1.0};
    const int64_t left_out = heed_draw_int(v, 0, 3), first = heed_draw_int(v, 0, 2);
    double three[3];
    json_t *list = json_array();

    heed_vary_int(v, "q_norm", 1, 4);
    heed_vary_int(v, "k_norm", 1, 4);
    heed_vary_int(v, "head_dim", 2, 16);
    for (int i = 0, n = 0; i < 4; i++) {
        if (i != left_out)
            three[n++] = all[i];
    }
    for (int i = 0; i < 3; i++)
        json_array_append_new(list, heed_json_of_double(three[(first + i) % 3]));
    heed_vary_set_json(v, "cosines", list);
}

/* --- pp.q29a: uniform attention --- */

static void uniform(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "seq_len", 1, 65536);
    const heed_grid zeros = heed_grid_make(s, 1, n), weights = heed_softmax_of_rows(s, zeros),
                    entropy = heed_entropy_of_rows(s, zeros);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "%lld equal scores share 1 among them: each weight is 1/%lld = %.6g", (long long)n,
              (long long)n, weights.data[0]);
    heed_step(s, "entropy: -sum p ln p = -%lld (1/%lld) ln(1/%lld) = ln %lld = %.5g", (long long)n,
              (long long)n, (long long)n, (long long)n, entropy.data[0]);
    heed_put_number(s, "weight", weights.data[0]);
    heed_put_number(s, "entropy_nats", in_nats(s, entropy.data[0]));
}

static void vary_uniform(heed_varying *v)
{
    heed_vary_pick_int(v, "seq_len", 7, (int64_t)16, (int64_t)50, (int64_t)100, (int64_t)128, (int64_t)512,
                       (int64_t)1000, (int64_t)2048);
}

/* --- pp.q30a: the largest dot product --- */

/* Queries and keys whose numbers all are `entry`. */
static heed_grid filled(heed_solving *s, int64_t rows, int64_t columns, double entry)
{
    heed_grid x = heed_grid_make(s, rows, columns);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = entry;
    return x;
}

static void largest_dot(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "head_dim", 1, HEED_ATTEND_MOST);
    const double entry = heed_take_number(s, "entry");
    const heed_attended a = heed_attend(
        s, &(heed_attend_inputs){.q = filled(s, 1, d, entry), .k = filled(s, 1, d, entry)});
    heed_grid pair = heed_grid_make(s, 1, 2), unscaled, scaled;

    if (s->status != HEED_OK)
        return;
    put_pair(s, pair, a.scores.data[0], 0.0);
    unscaled = fine_softmax(s, pair);
    put_pair(s, pair, a.scaled.data[0], 0.0);
    scaled = fine_softmax(s, pair);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "%lld products of %.5g * %.5g add up to %.6g", (long long)d, entry, entry, a.scores.data[0]);
    heed_step(s, "divided by sqrt(%lld) = %.5g: %.6g", (long long)d, sqrt((double)d), a.scaled.data[0]);
    heed_step(s, "beside a score of 0, unscaled: e^%.6g against e^0, weights %.6g and %.4g", a.scores.data[0],
              unscaled.data[0], unscaled.data[1]);
    heed_step(s, "scaled: e^%.6g against e^0, weights %.6g and %.4g", a.scaled.data[0], scaled.data[0],
              scaled.data[1]);
    heed_put_number(s, "max_dot", a.scores.data[0]);
    heed_put_number(s, "scaled", a.scaled.data[0]);
    heed_put_list(s, "weights_vs_zero_unscaled", unscaled);
    heed_put_list(s, "weights_vs_zero_scaled", scaled);
}

static void vary_largest_dot(heed_varying *v)
{
    heed_vary_pick_int(v, "head_dim", 6, (int64_t)8, (int64_t)16, (int64_t)32, (int64_t)64, (int64_t)128,
                       (int64_t)256);
    heed_vary_pick(v, "entry", 4, 0.5, 1.0, 1.5, 2.0);
}

/* --- hard.h2.1a: a range of scores --- */

/* Keys along one axis, so that a query of length 1 there has these scores. */
static heed_grid keys_with_scores(heed_solving *s, double lo, double hi, int64_t d)
{
    heed_grid K = heed_grid_make(s, 2, d);

    if (s->status == HEED_OK) {
        K.data[0] = lo;
        K.data[d] = hi;
    }
    return K;
}

/* The larger weight by the smaller one. */
static double ratio_of(heed_solving *s, heed_grid scores)
{
    const heed_grid p = heed_log_softmax_of_rows(s, scores);

    return s->status == HEED_OK ? exp(p.data[1] - p.data[0]) : 0.0;
}

static void range(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_head", 1, HEED_ATTEND_MOST);
    const double lo = heed_take_number(s, "lo"), hi = heed_take_number(s, "hi");
    heed_attend_inputs in = {.q = heed_grid_make(s, 1, d), .k = keys_with_scores(s, lo, hi, d)};
    heed_attended a;
    double before, after;

    if (s->status == HEED_OK && !(lo < hi && fabs(lo) <= 1e4 && fabs(hi) <= 1e4))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected lo below hi, both from -10000 to 10000, got %g and %g", lo,
                        hi);
    if (s->status != HEED_OK)
        return;
    in.q.data[0] = 1.0;
    a = heed_attend(s, &in);
    before = ratio_of(s, a.scores);
    after = ratio_of(s, a.scaled);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "sqrt(%lld) = %.5g, so the factor is %.5g", (long long)d, sqrt((double)d),
              1.0 / sqrt((double)d));
    heed_step(s, "%.5g and %.5g become %.5g and %.5g", lo, hi, a.scaled.data[0], a.scaled.data[1]);
    heed_step(s, "weights are to each other as e^x: before e^(%.5g - (%.5g)) = %.4g", hi, lo, before);
    heed_step(s, "after e^(%.5g - (%.5g)) = %.4g", a.scaled.data[1], a.scaled.data[0], after);
    heed_put_number(s, "lo", a.scaled.data[0]);
    heed_put_number(s, "hi", a.scaled.data[1]);
    heed_put_number(s, "factor", (a.scaled.data[1] - a.scaled.data[0]) / (a.scores.data[1] - a.scores.data[0]));
    heed_put_number(s, "weight_ratio_before", before);
    heed_put_number(s, "weight_ratio_after", after);
}

static void vary_range(heed_varying *v)
{
    heed_vary_pick_int(v, "d_head", 6, (int64_t)4, (int64_t)16, (int64_t)36, (int64_t)100, (int64_t)144,
                       (int64_t)256);
    heed_vary_int(v, "lo", -40, -2);
    heed_vary_int(v, "hi", 2, 40);
}

/* --- ch12.e02, s5.e5.2: variance of a dot product --- */

static double take_variance(heed_solving *s, const char *name)
{
    const double x = heed_take_number(s, name);

    if (s->status == HEED_OK && !(x > 0.0 && x <= 1e9))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a variance above 0 and up to 1e9, got %g", name, x);
    return x;
}

/* By what a score is divided, squared: head_dim, or what a slip makes of it. */
static double squared_divisor(const heed_solving *s, double d)
{
    return s->slip == HEED_SLIP_NO_SCALE ? 1.0 : s->slip == HEED_SLIP_HEAD_DIM ? d * d : d;
}

static void variance(heed_solving *s)
{
    const double d = (double)heed_take_int(s, "d", 1, 1000000), var_q = take_variance(s, "var_q"),
                 var_k = take_variance(s, "var_k");
    const double one = var_q * var_k, all = d * one, scaled = all / squared_divisor(s, d);
    const bool mixed_up = s->slip == HEED_SLIP_VARIANCE;

    heed_step(s, "q and k are independent with mean 0: Var(q_i k_i) = E[q_i^2] E[k_i^2] = %.5g * %.5g = %.5g",
              var_q, var_k, one);
    heed_step(s, "the %.0f products are independent too, so their variances add up: %.0f * %.5g = %.6g", d, d,
              one, all);
    heed_step(s, "std = sqrt(%.6g) = %.5g", all, sqrt(all));
    heed_step(s, "a factor f makes f^2 of a variance: divided by sqrt(%.0f) it is %.6g / %.0f = %.5g", d, all,
              d, scaled);
    heed_put_number(s, "variance", mixed_up ? sqrt(all) : all);
    heed_put_number(s, "std", mixed_up ? all : sqrt(all));
    heed_put_number(s, "variance_scaled", mixed_up ? sqrt(scaled) : scaled);
}

static void vary_variance(heed_varying *v)
{
    heed_vary_int(v, "d", 2, 512);
    heed_vary_pick(v, "var_q", 4, 0.25, 1.0, 2.0, 4.0);
    heed_vary_pick(v, "var_k", 3, 0.5, 1.0, 4.0);
}

static void root_of_d_k(heed_solving *s)
{
    const double d = (double)heed_take_int(s, "d_k", 1, 1000000);

    heed_step(s, "sqrt(%.0f) = %.6g, because %.6g * %.6g = %.0f", d, sqrt(d), sqrt(d), sqrt(d), d);
    heed_put_number(s, "value", s->slip == HEED_SLIP_HEAD_DIM ? d : sqrt(d));
}

static void vary_d_k(heed_varying *v)
{
    heed_vary_int(v, "d_k", 2, 300);
}

static void spread(heed_solving *s)
{
    const heed_grid d_k = heed_take_list(s, "d_k");
    heed_grid std = heed_grid_make(s, 1, d_k.columns), scaled = heed_grid_make(s, 1, d_k.columns);

    for (int64_t i = 0; s->status == HEED_OK && i < d_k.columns; i++) {
        const double d = d_k.data[i];
        if (!(d == floor(d) && d >= 1.0 && d <= 1e6)) {
            heed_solve_fail(s, HEED_ERR_USAGE, "d_k: expected whole numbers from 1 to 1000000, got %g", d);
            return;
        }
        std.data[i] = s->slip == HEED_SLIP_VARIANCE ? d : sqrt(d);
        scaled.data[i] = sqrt(d / squared_divisor(s, d));
        if (i < 8)
            heed_step(
                s,
                "d_k = %.0f: %.0f products of variance 1, std sqrt(%.0f) = %.5g; divided by sqrt(%.0f): %.5g",
                d, d, d, std.data[i], d, scaled.data[i]);
    }
    heed_put_list(s, "std", std);
    heed_put_list(s, "std_scaled", scaled);
}

static void vary_spread(heed_varying *v)
{
    static const int64_t all[] = {4, 8, 32, 64, 100, 128, 400, 512, 900};
    json_t *list = json_array();
    int64_t left = 4;

    for (int64_t i = 0; i < 9; i++) { /* each stays with the chance that makes four of them */
        if (heed_draw_int(v, 1, 9 - i) <= left) {
            json_array_append_new(list, json_integer(all[i]));
            left--;
        }
    }
    heed_vary_set_json(v, "d_k", list);
}

/* --- ch12.e03a: entropy with and without --- */

static void two_softmaxes(heed_solving *s)
{
    const heed_grid base = heed_take_list(s, "base_scores");
    const double d = (double)heed_take_int(s, "d", 1, 1000000);
    const double factor = s->slip == HEED_SLIP_HEAD_DIM ? d : sqrt(d);
    heed_grid both = heed_grid_make(s, 2, base.columns), weights, entropy;

    for (int64_t i = 0; s->status == HEED_OK && i < base.columns; i++) {
        if (!(fabs(base.data[i]) <= 1e6)) {
            heed_solve_fail(s, HEED_ERR_USAGE, "base_scores: expected numbers from -1e6 to 1e6, got %g",
                            base.data[i]);
            return;
        }
        both.data[i] = base.data[i];
        both.data[base.columns + i] = factor * base.data[i];
    }
    weights = heed_softmax_of_rows(s, both);
    entropy = heed_entropy_of_rows(s, both);
    if (s->status != HEED_OK)
        return;
    heed_step_grid(s, both, "scaled scores, and below them the unscaled ones: times sqrt(%.0f) = %.5g", d,
                   factor);
    heed_step_grid(s, weights, "their softmax");
    heed_step(s, "entropies -sum p ln p: %.5g and %.5g, of at most ln %lld = %.5g", entropy.data[0],
              entropy.data[1], (long long)base.columns, log((double)base.columns));
    heed_put_number(s, "max_scaled", weights.data[heed_largest(heed_grid_row(weights, 0))]);
    heed_put_number(s, "entropy_scaled", in_nats(s, entropy.data[0]));
    heed_put_number(s, "max_unscaled", weights.data[base.columns + heed_largest(heed_grid_row(weights, 1))]);
    heed_put_number(s, "entropy_unscaled", in_nats(s, entropy.data[1]));
}

static void vary_two_softmaxes(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 5);
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, heed_json_of_double((double)heed_draw_int(v, -4, 4) / 2.0));
    v->again = heed_has_ties(list);
    heed_vary_set_json(v, "base_scores", list);
    heed_vary_pick_int(v, "d", 4, (int64_t)4, (int64_t)16, (int64_t)100, (int64_t)256);
}

/* --- the list --- */

#define SCALE (HEED_SLIP(HEED_SLIP_NO_SCALE) | HEED_SLIP(HEED_SLIP_HEAD_DIM))

const heed_exercise heed_exercises_scaling[] = {
    {.id = "pp.q28",
     .seed = "000 Q28",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"q_norm\": 2, \"k_norm\": 2, \"cosines\": [1, 0, -1], \"head_dim\": 2}",
     .vary = vary_angles,
     .solve = angles,
     .slips = SCALE,
     .fields = {{"scores", HEED_ANSWER_LIST, HEED_T2, 0},
                {"weights", HEED_ANSWER_LIST, HEED_T2, 0},
                {"attended_key", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION}},
     .demo = "D02"},
    {.id = "pp.q29a",
     .seed = "000 Q29",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"seq_len\": 256}",
     .vary = vary_uniform,
     .solve = uniform,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE),
     .fields = {{"weight", HEED_ANSWER_NUMBER, HEED_REL(0.03), 0},
                {"entropy_nats", HEED_ANSWER_NUMBER, HEED_T2, 0}},
     .demo = "D07"},
    {.id = "pp.q30a",
     .seed = "000 Q30",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"head_dim\": 64, \"entry\": 1.0}",
     .vary = vary_largest_dot,
     .solve = largest_dot,
     .slips = SCALE,
     .fields = {{"max_dot", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"scaled", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"weights_vs_zero_unscaled", HEED_ANSWER_LIST, HEED_R1, 0},
                {"weights_vs_zero_scaled", HEED_ANSWER_LIST, HEED_R1, 0}},
     .demo = "D03"},
    {.id = "hard.h2.1a",
     .seed = "001 H2.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_head\": 64, \"lo\": -10, \"hi\": 10}",
     .vary = vary_range,
     .solve = range,
     .slips = SCALE,
     .fields = {{"lo", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"hi", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"factor", HEED_ANSWER_NUMBER, HEED_ABS(0.0005), 0},
                {"weight_ratio_before", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"weight_ratio_after", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D03"},
    {.id = "ch12.e02",
     .seed = "002 e2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d\": 64, \"var_q\": 1.0, \"var_k\": 1.0}",
     .vary = vary_variance,
     .solve = variance,
     .slips = SCALE | HEED_SLIP(HEED_SLIP_VARIANCE),
     .fields = {{"variance", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"std", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"variance_scaled", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D05"},
    {.id = "ch12.e03a",
     .seed = "002 e3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"base_scores\": [1.0, 0.5, 0.0, -0.5], \"d\": 64}",
     .vary = vary_two_softmaxes,
     .solve = two_softmaxes,
     .slips = HEED_SLIP(HEED_SLIP_HEAD_DIM) | HEED_SLIP(HEED_SLIP_LOG_BASE),
     .fields = {{"max_scaled", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"entropy_scaled", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"max_unscaled", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"entropy_unscaled", HEED_ANSWER_NUMBER, HEED_T2, 0}},
     .demo = "D03"},
    {.id = "s5.e5.2a",
     .seed = "004 5.2a",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_k\": 64}",
     .vary = vary_d_k,
     .solve = root_of_d_k,
     .slips = HEED_SLIP(HEED_SLIP_HEAD_DIM),
     .fields = {{"value", HEED_ANSWER_NUMBER, HEED_T2, 0}}},
    {.id = "s5.e5.2b",
     .seed = "004 5.2b",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_k\": [16, 64, 256, 1024]}",
     .vary = vary_spread,
     .solve = spread,
     .slips = SCALE | HEED_SLIP(HEED_SLIP_VARIANCE),
     .fields = {{"std", HEED_ANSWER_LIST, HEED_R1, 0}, {"std_scaled", HEED_ANSWER_LIST, HEED_R1, 0}},
     .demo = "D05"},
    {.id = NULL},
};
