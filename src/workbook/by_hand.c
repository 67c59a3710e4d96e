/* SPDX-License-Identifier: MIT */
#include "workbook/by_hand.h"

#include <heed/attention.h>
#include <math.h>
#include <stdio.h>

#include "workbook/attend.h"

/* --- rows --- */

int64_t heed_take_row(heed_solving *s, const char *name, int64_t n)
{
    const int64_t row = heed_take_int(s, name, 1, n) - 1;

    if (s->slip == HEED_SLIP_OFF_BY_ONE && n > 1)
        return row + 1 < n ? row + 1 : row - 1;
    return row;
}

int64_t heed_largest(heed_grid x)
{
    int64_t best = 0;

    for (int64_t i = 1; i < x.rows * x.columns; i++)
        best = x.data[i] > x.data[best] ? i : best;
    return best;
}

static float *floats_of(heed_solving *s, heed_grid x)
{
    const size_t n = (size_t)(x.rows * x.columns);
    float *out = s->status == HEED_OK ? heed_arena_alloc(s->arena, (n + 1) * sizeof *out) : NULL;

    if (out == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %zu numbers", n);
    for (size_t i = 0; out != NULL && i < n; i++)
        out[i] = (float)x.data[i];
    return out;
}

heed_grid heed_look_up(heed_solving *s, heed_grid q, heed_grid K, heed_grid V)
{
    heed_grid value = heed_grid_make(s, 1, V.columns);
    float *out = floats_of(s, value);
    const heed_attention_inputs in = {.n_query = 1,
                                      .n_key = K.rows,
                                      .head_dim = q.columns,
                                      .v_dim = V.columns,
                                      .q = floats_of(s, q),
                                      .k = floats_of(s, K),
                                      .v = floats_of(s, V),
                                      .lookup = true,
                                      .plain = true,
                                      .threads = 1};
    const heed_attention_results want = {.out = out};
    heed_error err = {HEED_OK, ""};
    heed_status status;

    if (s->status == HEED_OK && (q.columns != K.columns || K.rows != V.rows))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected a key as long as the query, and a value for each key");
    if (s->status != HEED_OK)
        return value;
    status = heed_attention_run(&in, &want, &err);
    if (status != HEED_OK)
        heed_solve_fail(s, status, "%s", err.message);
    for (int64_t j = 0; j < value.columns; j++)
        value.data[j] = (double)out[j];
    return value;
}

/* --- words --- */

#define MOST_SHOWN    8
#define EASY_EXPONENT 20.0 /* e^20 is 5e8: larger ones are easier without the largest score */

static double shift_of(const double *x, int64_t n)
{
    double largest = -INFINITY;

    for (int64_t j = 0; j < n; j++)
        largest = x[j] > largest ? x[j] : largest;
    return isfinite(largest) && fabs(largest) > EASY_EXPONENT ? largest : 0.0;
}

void heed_step_softmax(heed_solving *s, heed_grid scores, heed_grid weights, int64_t row)
{
    const int64_t n = scores.columns;
    char terms[400] = "", shares[400] = "";
    size_t used = 0, shown = 0;
    double shift, sum = 0.0;

    if (s->status != HEED_OK || s->steps == NULL)
        return;
    shift = shift_of(scores.data + row * n, n);
    if (shift != 0.0)
        heed_step(s,
                  "the largest score of row %lld, %.5g, is subtracted: it changes nothing but keeps e^x small",
                  (long long)row + 1, shift);
    for (int64_t j = 0; j < n; j++) {
        const double e = exp(scores.data[row * n + j] - shift);
        sum += e;
        if (j < MOST_SHOWN) {
            used += (size_t)snprintf(terms + used, sizeof terms - used, "%s%.4g", j > 0 ? " + " : "", e);
            shown += (size_t)snprintf(shares + shown, sizeof shares - shown, "%s%.4g", j > 0 ? ", " : "",
                                      weights.data[row * n + j]);
        }
    }
    heed_step(s, "softmax of row %lld: the e^x of its scores add up to %s%s = %.5g", (long long)row + 1, terms,
              n > MOST_SHOWN ? " + .." : "", sum);
    heed_step(s, "each divided by that sum: %s%s", shares, n > MOST_SHOWN ? ", .." : "");
}

void heed_step_mean(heed_solving *s, heed_grid weights, heed_grid values, heed_grid mean)
{
    if (s->status != HEED_OK || s->steps == NULL)
        return;
    for (int64_t c = 0; c < values.columns && c < MOST_SHOWN; c++) {
        char terms[400] = "";
        size_t used = 0;

        for (int64_t j = 0; j < values.rows && j < MOST_SHOWN; j++)
            used += (size_t)snprintf(terms + used, sizeof terms - used, "%s%.4g (%.5g)", j > 0 ? " + " : "",
                                     weights.data[j], values.data[j * values.columns + c]);
        heed_step(s, "number %lld of the output: %s%s = %.5g", (long long)c + 1, terms,
                  values.rows > MOST_SHOWN ? " + .." : "", mean.data[c]);
    }
}

/* --- varying --- */

json_t *heed_vary_solve(heed_varying *v, void (*solve)(heed_solving *s))
{
    heed_solving s = {.params = v->params, .answer = json_object(), .arena = heed_arena_create()};

    if (s.arena != NULL && s.answer != NULL)
        solve(&s);
    heed_arena_destroy(s.arena);
    if (s.status == HEED_OK && s.arena != NULL)
        return s.answer;
    json_decref(s.answer);
    return NULL;
}

int64_t heed_vary_rows(const heed_varying *v, const char *name)
{
    return (int64_t)json_array_size(json_object_get(v->params, name));
}

bool heed_has_ties(const json_t *list)
{
    const size_t n = json_array_size(list);
    double largest = -INFINITY;
    int times = 0;

    for (size_t i = 0; i < n; i++) {
        const double x = json_number_value(json_array_get(list, i));
        times = x > largest ? 1 : times + (x == largest);
        largest = x > largest ? x : largest;
    }
    return times > 1;
}

/* Scores that their transpose does not equal are not degenerate. */
static void put_symmetric(heed_solving *s)
{
    const heed_attended a = heed_attend(
        s, &(heed_attend_inputs){.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")});
    const int64_t n = a.scores.rows;
    bool symmetric = true;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            symmetric = symmetric && a.scores.data[i * n + j] == a.scores.data[j * n + i];
    }
    heed_put_bool(s, "degenerate", symmetric);
}

#define TOO_NEAR 0.05 /* to the plain mean: an answer by hand could not tell them apart */

static void put_plain_mean(heed_solving *s)
{
    const heed_grid V = heed_take_grid(s, "V");
    const heed_attended a = heed_attend(
        s, &(heed_attend_inputs){.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .v = V});
    bool degenerate = false;

    for (int64_t i = 0; i < a.output.rows; i++) {
        double farthest = 0.0;
        for (int64_t c = 0; c < V.columns; c++) {
            double mean = 0.0;
            for (int64_t j = 0; j < V.rows; j++)
                mean += V.data[j * V.columns + c] / (double)V.rows;
            farthest = fmax(farthest, fabs(mean - a.output.data[i * V.columns + c]));
        }
        degenerate = degenerate || farthest < TOO_NEAR;
    }
    heed_put_bool(s, "degenerate", degenerate);
}

static bool is_degenerate(heed_varying *v, void (*put)(heed_solving *s))
{
    json_t *answer = heed_vary_solve(v, put);
    const bool yes = answer == NULL || json_is_true(json_object_get(answer, "degenerate"));

    json_decref(answer);
    return yes;
}

void heed_vary_qk(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 5), head_dim = heed_draw_int(v, 2, 4);

    heed_vary_whole(v, "Q", n, head_dim, -2, 2);
    heed_vary_whole(v, "K", n, head_dim, -2, 2);
    v->again = is_degenerate(v, put_symmetric);
}

void heed_vary_qk_row(heed_varying *v)
{
    heed_vary_qk(v);
    heed_vary_int(v, "row", 1, heed_vary_rows(v, "Q"));
}

void heed_vary_qkv_row(heed_varying *v)
{
    heed_vary_qk_row(v);
    heed_vary_whole(v, "V", heed_vary_rows(v, "Q"), heed_draw_int(v, 2, 4), -5, 9);
    v->again = v->again || is_degenerate(v, put_plain_mean);
}
