/* SPDX-License-Identifier: MIT */
/* B. Softmax by itself: how peaked it is, and what its gradient lets through. */
#include <math.h>

#include "workbook/by_hand.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

/* --- the Jacobian --- */

/* d p_i / d s_j for all i and j: row i is the gradient that arrives as 1 at p_i alone. */
static heed_grid jacobian(heed_solving *s, heed_grid p)
{
    const int64_t n = p.columns;
    heed_grid all = heed_grid_make(s, n, n), one = heed_grid_make(s, n, n);

    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            all.data[i * n + j] = p.data[j];
        one.data[i * n + i] = 1.0;
    }
    return heed_softmax_gradient(s, all, one);
}

/* --- hard.h2.2a: equal logits and spread ones --- */

#define MOST_LOGITS 65536

/* n numbers from lo to hi at equal distances. */
static heed_grid spaced(heed_solving *s, int64_t n, double lo, double hi)
{
    heed_grid x = heed_grid_make(s, 1, n);

    for (int64_t i = 0; s->status == HEED_OK && i < n; i++)
        x.data[i] = n > 1 ? lo + (hi - lo) * (double)i / (double)(n - 1) : hi;
    return x;
}

typedef struct peak {
    double largest, entropy, jacobian;
} peak;

/* p (1 - p) is largest for the weight that is nearest to 1/2, and no entry off the diagonal is larger. */
static double largest_entry(heed_solving *s, heed_grid p)
{
    heed_grid one = heed_grid_make(s, 1, p.columns), row;
    int64_t nearest = 0;

    for (int64_t i = 1; i < one.columns; i++)
        nearest = fabs(p.data[i] - 0.5) < fabs(p.data[nearest] - 0.5) ? i : nearest;
    if (s->status == HEED_OK)
        one.data[nearest] = 1.0;
    row = heed_softmax_gradient(s, p, one);
    return s->status == HEED_OK ? row.data[heed_largest(row)] : 0.0;
}

static peak peak_of(heed_solving *s, heed_grid logits)
{
    const heed_grid p = heed_softmax_of_rows(s, logits), entropy = heed_entropy_of_rows(s, logits);
    peak out = {0.0, 0.0, largest_entry(s, p)};

    if (s->status != HEED_OK)
        return out;
    out.largest = p.data[heed_largest(p)];
    out.entropy = s->slip == HEED_SLIP_LOG_BASE ? entropy.data[0] / log(2.0) : entropy.data[0];
    return out;
}

static void peaks(heed_solving *s)
{
    const int64_t n_a = heed_take_int(s, "len_a", 1, MOST_LOGITS),
                  n_b = heed_take_int(s, "len_b", 1, MOST_LOGITS);
    const double lo = heed_take_number(s, "lo"), hi = heed_take_number(s, "hi");
    peak a, b, even;

    if (s->status == HEED_OK && !(lo <= hi && fabs(lo) <= 1e5 && fabs(hi) <= 1e5))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected lo up to hi, both from -1e5 to 1e5, got %g and %g", lo,
                        hi);
    a = peak_of(s, heed_grid_make(s, 1, n_a));
    b = peak_of(s, spaced(s, n_b, lo, hi));
    even = peak_of(s, heed_grid_make(s, 1, n_b));
    if (s->status != HEED_OK)
        return;
    heed_step(s, "A: %lld equal logits, so each weight is 1/%lld = %.4g, entropy ln %lld = %.4g",
              (long long)n_a, (long long)n_a, a.largest, (long long)n_a, a.entropy);
    heed_step(s, "B: neighbours differ by %.4g, so each weight is e^-%.4g = %.4g of the next one",
              n_b > 1 ? (hi - lo) / (double)(n_b - 1) : 0.0, n_b > 1 ? (hi - lo) / (double)(n_b - 1) : 0.0,
              n_b > 1 ? exp(-(hi - lo) / (double)(n_b - 1)) : 1.0);
    heed_step(s, "the largest weight of B is %.4g, its entropy %.4g, of at most ln %lld = %.4g", b.largest,
              b.entropy, (long long)n_b, even.entropy);
    heed_step(s, "the largest entry of a Jacobian is p (1 - p): %.4g in A, %.4g in B", a.jacobian, b.jacobian);
    heed_put_number(s, "max_a", a.largest);
    heed_put_number(s, "entropy_a", a.entropy);
    heed_put_number(s, "max_b", b.largest);
    heed_put_number(s, "entropy_b", b.entropy);
    heed_put_number(s, "uniform_entropy_b", even.entropy);
    heed_put_text(s, "more_peaked", b.largest > a.largest ? "B" : "A");
    heed_put_number(s, "jacobian_largest_a", a.jacobian);
    heed_put_number(s, "jacobian_largest_b", b.jacobian);
}

/* Degenerate: the one has the larger weight, the other the lower entropy. */
static bool is_undecided(heed_varying *v)
{
    json_t *answer = heed_vary_solve(v, peaks);
    const bool by_weight = json_number_value(json_object_get(answer, "max_b")) >
                           json_number_value(json_object_get(answer, "max_a"));
    const bool by_entropy = json_number_value(json_object_get(answer, "entropy_b")) <
                            json_number_value(json_object_get(answer, "entropy_a"));
    const bool undecided = answer == NULL || by_weight != by_entropy;

    json_decref(answer);
    return undecided;
}

static void vary_peaks(heed_varying *v)
{
    const int64_t reach = heed_draw_int(v, 20, 200);

    heed_vary_int(v, "len_a", 4, 20);
    heed_vary_pick_int(v, "len_b", 5, (int64_t)32, (int64_t)64, (int64_t)128, (int64_t)256, (int64_t)512);
    heed_vary_set_int(v, "lo", -reach);
    heed_vary_set_int(v, "hi", reach);
    v->again = is_undecided(v);
}

/* --- hard.h2.4a: entries of the Jacobian --- */

static void entries(heed_solving *s)
{
    const double p = heed_take_number(s, "p_main");
    const int64_t n = heed_take_int(s, "n_others", 2, 1000), all = n + 1;
    heed_grid weights = heed_grid_make(s, 1, all), J, half = heed_grid_make(s, 1, 2), best;
    double p_other;

    if (s->status == HEED_OK && !(p > 0.0 && p < 1.0))
        heed_solve_fail(s, HEED_ERR_USAGE, "p_main: expected a weight between 0 and 1, got %g", p);
    if (s->status != HEED_OK)
        return;
    p_other = (1.0 - p) / (double)n;
    for (int64_t i = 0; i < all; i++)
        weights.data[i] = i == 0 ? p : p_other;
    half.data[0] = half.data[1] = 0.5;
    J = jacobian(s, weights);
    best = jacobian(s, half);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "the others share 1 - %.6g: each has %.6g / %lld = %.6g", p, 1.0 - p, (long long)n, p_other);
    heed_step(s,
              "on the diagonal p (1 - p): %.6g * %.6g = %.6g for the main one, %.6g * %.6g = %.6g for another",
              p, 1.0 - p, J.data[0], p_other, 1.0 - p_other, J.data[all + 1]);
    heed_step(s, "off it -p_i p_j: main and other -%.6g * %.6g = %.6g, two others %.6g", p, p_other, J.data[1],
              J.data[all + 2]);
    heed_step(s, "p (1 - p) is largest at p = 1/2, where it is %.4g; the main one has %.4g of that",
              best.data[0], J.data[0] / best.data[0]);
    heed_put_number(s, "p_other", p_other);
    heed_put_number(s, "d_main", J.data[0]);
    heed_put_number(s, "d_other", J.data[all + 1]);
    heed_put_number(s, "cross_main_other", J.data[1]);
    heed_put_number(s, "cross_other_other", J.data[all + 2]);
    heed_put_number(s, "ratio_main_to_other", J.data[0] / J.data[all + 1]);
    heed_put_number(s, "ratio_to_best_case_quarter", J.data[0] / best.data[0]);
}

static void vary_entries(heed_varying *v)
{
    heed_vary_pick(v, "p_main", 7, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.999);
    heed_vary_int(v, "n_others", 2, 50);
}

/* --- hard.h7.1a: a gradient through it --- */

#define NEAR_ONE 0.05 /* weights may be rounded to two digits */

static void check_weights(heed_solving *s, heed_grid p, heed_grid g)
{
    double sum = 0.0;

    if (s->status == HEED_OK && p.columns != g.columns)
        heed_solve_fail(s, HEED_ERR_USAGE, "upstream: expected %lld numbers as there are weights, got %lld",
                        (long long)p.columns, (long long)g.columns);
    for (int64_t i = 0; s->status == HEED_OK && i < p.columns; i++) {
        if (!(p.data[i] >= 0.0 && p.data[i] <= 1.0))
            heed_solve_fail(s, HEED_ERR_USAGE, "weights: expected numbers from 0 to 1, got %g", p.data[i]);
        else if (!(fabs(g.data[i]) <= 1e6))
            heed_solve_fail(s, HEED_ERR_USAGE, "upstream: expected numbers from -1e6 to 1e6, got %g",
                            g.data[i]);
        sum += p.data[i];
    }
    if (s->status == HEED_OK && fabs(sum - 1.0) > NEAR_ONE)
        heed_solve_fail(s, HEED_ERR_USAGE, "weights: expected numbers that add up to 1, got %g", sum);
}

static void gradient(heed_solving *s)
{
    const heed_grid p = heed_take_list(s, "weights"), g = heed_take_list(s, "upstream");
    heed_grid ds;
    double mean = 0.0, l1 = 0.0;

    check_weights(s, p, g);
    ds = heed_softmax_gradient(s, p, g);
    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < p.columns; i++)
        mean += p.data[i] * g.data[i];
    for (int64_t i = 0; i < p.columns; i++) {
        if (s->slip == HEED_SLIP_NO_MEAN)
            ds.data[i] = p.data[i] * g.data[i];
        l1 += fabs(ds.data[i]);
    }
    heed_step(s, "mean of the gradient by the weights: sum p g = %.6g", mean);
    for (int64_t i = 0; i < p.columns && i < 8; i++)
        heed_step(s, "score %lld: p (g - mean) = %.5g (%.5g - %.5g) = %.5g", (long long)i + 1, p.data[i],
                  g.data[i], mean, ds.data[i]);
    heed_step(s, "sizes without their signs: %.5g", l1);
    heed_put_list(s, "dscores", ds);
    heed_put_number(s, "l1", l1);
}

/* Weights of whole per cents that add up to 1. */
static void vary_gradient(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 2, 5);
    json_t *weights = json_array(), *upstream = json_array();
    int64_t left = 100;

    for (int64_t i = 0; i < n; i++) {
        const int64_t part = i == n - 1 ? left : heed_draw_int(v, 1, left - (n - 1 - i));
        json_array_append_new(weights, heed_json_of_double((double)part / 100.0));
        json_array_append_new(upstream, heed_json_of_double((double)heed_draw_int(v, -8, 8) / 4.0));
        left -= part;
    }
    heed_vary_set_json(v, "weights", weights);
    heed_vary_set_json(v, "upstream", upstream);
}

/* --- the list --- */

const heed_exercise heed_exercises_softmax[] = {
    {.id = "hard.h2.2a",
     .seed = "001 H2.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"len_a\": 10, \"len_b\": 256, \"lo\": -50, \"hi\": 50}",
     .vary = vary_peaks,
     .solve = peaks,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE),
     .fields = {{"max_a", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"entropy_a", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"max_b", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"entropy_b", HEED_ANSWER_NUMBER, HEED_T2, 0},
                {"uniform_entropy_b", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"more_peaked", HEED_ANSWER_TEXT, HEED_EXACT, 0},
                {"jacobian_largest_a", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"jacobian_largest_b", HEED_ANSWER_NUMBER, HEED_MIXED, 0}},
     .demo = "D06"},
    {.id = "hard.h2.4a",
     .seed = "001 H2.4",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"p_main\": 0.99, \"n_others\": 10}",
     .vary = vary_entries,
     .solve = entries,
     .fields = {{"p_other", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"d_main", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"d_other", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"cross_main_other", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"cross_other_other", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"ratio_main_to_other", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"ratio_to_best_case_quarter", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D06"},
    {.id = "hard.h7.1a",
     .seed = "001 H7.1",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"weights\": [0.99, 0.01], \"upstream\": [1.0, -1.0]}",
     .vary = vary_gradient,
     .solve = gradient,
     .slips = HEED_SLIP(HEED_SLIP_NO_MEAN),
     .fields = {{"dscores", HEED_ANSWER_LIST, HEED_ABS(0.0005), 0}, {"l1", HEED_ANSWER_NUMBER, HEED_T3, 0}},
     .demo = "D06"},
    {.id = NULL},
};
