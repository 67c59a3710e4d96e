/* SPDX-License-Identifier: MIT */
/* D08: -inf and -1e9 as what hides a key, in three precisions. */
#include <heed/attention.h>
#include <math.h>

#include "tensor/tensor.h"
#include "workbook/demos/demos.h"

#define LARGE (-1e9)

/* --- softmax as its formula says, each number rounded to a precision --- */

typedef double round_fn(double x);

static double to_f32(double x)
{
    return (double)(float)x;
}

static double to_bf16(double x)
{
    return (double)heed_float_of_bf16(heed_bf16_of_float((float)x));
}

static double to_f16(double x)
{
    return (double)heed_float_of_f16(heed_f16_of_float((float)x));
}

/* Without heed's rule for a row that is hidden all over: then it is exp(-inf - -inf) = NaN. */
static void by_formula(round_fn *rounded, const double *x, int64_t n, double *y)
{
    double m = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        m = x[i] > m ? x[i] : m;
    for (int64_t i = 0; i < n; i++) {
        y[i] = rounded(exp(rounded(x[i] - m)));
        sum = rounded(sum + y[i]);
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = rounded(y[i] / sum);
}

/* --- rows: scores, of which the last `hidden` have the mask's number in their place --- */

static heed_grid weigh(heed_demoing *d, round_fn *rounded, heed_grid scores, int64_t hidden, double fill)
{
    heed_grid x = heed_grid_make(&d->s, 1, scores.columns), y = heed_grid_make(&d->s, 1, scores.columns);

    if (d->s.status != HEED_OK)
        return y;
    for (int64_t i = 0; i < x.columns; i++)
        x.data[i] = rounded(i < x.columns - hidden ? scores.data[i] : fill);
    by_formula(rounded, x.data, x.columns, y.data);
    return y;
}

static bool is_nan(heed_grid x)
{
    for (int64_t i = 0; i < x.columns; i++) {
        if (!isnan(x.data[i]))
            return false;
    }
    return true;
}

static bool is_uniform(heed_grid x)
{
    for (int64_t i = 0; i < x.columns; i++) {
        if (!(fabs(x.data[i] * (double)x.columns - 1.0) < 0.01)) /* bf16 has three digits */
            return false;
    }
    return true;
}

static void copy_row(heed_grid table, int64_t row, heed_grid x)
{
    for (int64_t i = 0; i < x.columns; i++)
        table.data[row * table.columns + i] = x.data[i];
}

/* Row 4 p of precision p: ordinary with -inf, with -1e9; then all hidden, the same. */
static void show_precisions(heed_demoing *d, heed_grid scores, int64_t hidden)
{
    static const struct {
        const char *name;
        round_fn *rounded;
        bool holds; /* -1e9 */
    } all[] = {{"float32", to_f32, true}, {"bfloat16", to_bf16, true}, {"float16", to_f16, false}};
    const double fill = d->sabotage ? -3.0 : LARGE;
    heed_grid table = heed_grid_make(&d->s, 12, scores.columns);

    for (int p = 0; d->s.status == HEED_OK && p < 3; p++) {
        const heed_grid inf = weigh(d, all[p].rounded, scores, hidden, -INFINITY),
                        large = weigh(d, all[p].rounded, scores, hidden, fill),
                        no_inf = weigh(d, all[p].rounded, scores, scores.columns, -INFINITY),
                        no_large = weigh(d, all[p].rounded, scores, scores.columns, fill);

        if (d->s.status != HEED_OK)
            return;
        copy_row(table, 4 * p, inf);
        copy_row(table, 4 * p + 1, large);
        copy_row(table, 4 * p + 2, no_inf);
        copy_row(table, 4 * p + 3, no_large);
        heed_show_check(d, heed_demo_difference(inf, large) == 0.0,
                        "%s: with keys left, both give the same weights: they differ by %.3g", all[p].name,
                        heed_demo_difference(inf, large));
        heed_show_check(d, is_nan(no_inf), "%s: nothing left, -inf gives NaN", all[p].name);
        heed_show_check(d, all[p].holds ? is_uniform(no_large) : is_nan(no_large),
                        all[p].holds ? "%s: nothing left, -1e9 gives the same weight to all"
                                     : "%s: -1e9 is -inf there, and gives NaN too",
                        all[p].name);
    }
    heed_show_table(d, table, "Weights by the formula",
                    "f32 -inf|f32 -1e9|f32 none left, -inf|f32 none left, -1e9|bf16 -inf|bf16 -1e9|bf16 none "
                    "left, -inf|bf16 none left, -1e9|f16 -inf|f16 -1e9|f16 none left, -inf|f16 none left, -1e9",
                    NULL, false);
}

/* --- backward: one row of a causal square sees nothing --- */

typedef struct spoiled {
    int64_t q, k, v; /* rows of the gradients that hold a NaN */
} spoiled;

/* dV = A^T dO, dS = A (dA - sum A dA), dQ = dS K, dK = dS^T Q, by what the formula gives for A. */
static spoiled spread_by_formula(heed_demoing *d, int64_t n, int64_t empty)
{
    heed_grid weights = heed_grid_make(&d->s, n, n), zeros = heed_grid_make(&d->s, 1, n);
    spoiled s = {0, 0, 0};

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        double row[64];

        for (int64_t j = 0; j < n; j++)
            row[j] = j <= i && i != empty ? zeros.data[j] : -INFINITY;
        by_formula(to_f32, row, n, weights.data + i * n);
    }
    /* A NaN in row i of A makes row i of dS NaN; that row meets every key, and NaN times 0 is NaN. */
    for (int64_t j = 0; d->s.status == HEED_OK && j < n; j++) {
        double column = 0.0, row = 0.0;

        for (int64_t i = 0; i < n; i++) {
            column += weights.data[i * n + j];
            row += weights.data[j * n + i];
        }
        s.q += isnan(row);
        s.k += isnan(column);
        s.v += isnan(column);
    }
    return s;
}

static int64_t rows_with_nan(const float *x, int64_t rows, int64_t columns)
{
    int64_t n = 0;

    for (int64_t i = 0; i < rows; i++) {
        bool any = false;

        for (int64_t j = 0; j < columns; j++)
            any = any || isnan(x[i * columns + j]);
        n += any;
    }
    return n;
}

/* The engine on the same pairs. */
static void show_engine(heed_demoing *d, int64_t n, int64_t empty)
{
    enum { HEAD_DIM = 4 };
    float *q = heed_demo_normal_floats(d, n * HEAD_DIM), *k = heed_demo_normal_floats(d, n * HEAD_DIM),
          *v = heed_demo_normal_floats(d, n * HEAD_DIM), *dout = heed_demo_normal_floats(d, n * HEAD_DIM),
          *out = heed_demo_floats(d, 3 * n * HEAD_DIM + n * n);
    uint8_t pairs[64 * 64];
    const heed_attention_inputs in = {
        .n_query = n,
        .head_dim = HEAD_DIM,
        .q = q,
        .k = k,
        .v = v,
        .dout = dout,
        .mask = {.causal = true, .pairs = pairs, .pairs_stride = n},
        .plain = true,
    };
    const heed_attention_results want = {
        .dq = out, .dk = out + n * HEAD_DIM, .dv = out + 2 * n * HEAD_DIM, .weights = out + 3 * n * HEAD_DIM};
    heed_error err = {HEED_OK, ""};
    double sum = 0.0;
    int64_t n_nan;

    for (int64_t i = 0; i < n * n; i++)
        pairs[i] = i / n != empty;
    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_attention_run(&in, &want, &err), &err))
        return;
    n_nan = rows_with_nan(want.dq, n, HEAD_DIM) + rows_with_nan(want.dk, n, HEAD_DIM) +
            rows_with_nan(want.dv, n, HEAD_DIM);
    for (int64_t j = 0; j < n; j++)
        sum += fabs((double)want.weights[empty * n + j]);
    heed_show_figure(d, "engine_weights", sum, "sum of the engine's weights of a query that sees nothing");
    heed_show_figure(d, "engine_nan_rows", (double)n_nan, "rows with a NaN in its gradients");
    heed_show_check(
        d, sum == 0.0 && n_nan == 0,
        "heed's rule: a query that sees nothing weighs nothing, and no gradient is NaN (weights %.3g, "
        "%lld rows)",
        sum, (long long)n_nan);
}

static void run(heed_demoing *d)
{
    const heed_grid scores = heed_take_list(&d->s, "scores");
    const int64_t hidden = heed_take_int(&d->s, "hidden", 0, 63), n = heed_take_int(&d->s, "tokens", 2, 64);
    spoiled s;

    if (d->s.status == HEED_OK && (scores.columns > 64 || hidden >= scores.columns))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected at most 64 scores, and fewer hidden ones");
    show_precisions(d, scores, hidden);
    s = spread_by_formula(d, n, n / 2);
    heed_show_figure(d, "nan_rows_dQ", (double)s.q, "rows of dQ with a NaN, by the formula");
    heed_show_figure(d, "nan_rows_dK", (double)s.k, "rows of dK: one such query spoils all keys");
    heed_show_figure(d, "nan_rows_dV", (double)s.v, "rows of dV");
    heed_show_figure(d, "f16_of_minus_1e9", to_f16(LARGE), "");
    heed_show_figure(d, "f16_largest", (double)heed_float_of_f16((uint16_t)(heed_f16_of_float(INFINITY) - 1)),
                     "");
    heed_show_check(d, isinf(to_f16(LARGE)) && isfinite(to_bf16(LARGE)), "-1e9 is -inf in float16 alone");
    heed_show_check(d, s.q == 1 && s.k == n && s.v == n,
                    "by the formula one empty row makes NaN of %lld row of dQ, %lld of dK and %lld of dV: of "
                    "one and of all",
                    (long long)s.q, (long long)s.k, (long long)s.v);
    show_engine(d, n, n / 2);
}

const heed_demo heed_demo_08 = {
    .info =
        {.id = "D08",
         .title = "What hides a key: -inf or -1e9",
         .shows =
             "Puts -inf and -1e9 in the place of hidden scores, in float32, bfloat16 and float16. With a key "
             "left both weigh it alike. With none left -inf gives 0/0, and the NaN spreads backwards to every "
             "key; -1e9 hides the fault by weighing all alike, and float16, whose largest number is 65504, "
             "cannot hold it. heed gives a query that sees nothing weights of 0, an output of 0 and no "
             "gradient.",
         .rule =
             "With keys left the weights are the same, to the bit. With none left: NaN with -inf; the same for "
             "all with -1e9, but NaN in float16. By the formula the NaN reaches one row of dQ and all of dK "
             "and "
             "dV; in heed none.",
         .sabotage = "Hidden scores become -3 in place of -1e9.",
         .params = "{\"scores\": [1, 2, 3, 0.5], \"hidden\": 2, \"tokens\": 6}"},
    .full = "{\"tokens\": 48}",
    .run = run,
};
