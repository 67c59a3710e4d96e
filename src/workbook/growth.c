/* SPDX-License-Identifier: MIT */
/* I. How cost grows: with the width of the model, with the length of the text. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

#define MOST_LENGTH 16777216

/* --- costs of attention's steps, by the ops' own accounts --- */

typedef struct step_costs {
    double scores;           /* numbers */
    double product, softmax; /* operations of Q K^T and of the softmax over its rows */
} step_costs;

static step_costs costs_of(heed_solving *s, int64_t batch, int64_t n_heads, int64_t T, int64_t head_dim)
{
    heed_graph *g = s->status == HEED_OK ? heed_graph_create() : NULL;
    step_costs c = {0};
    heed_node *q, *k, *scores, *weights;

    if (g == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
        return c;
    }
    q = heed_graph_input(g, "q", HEED_F32, heed_shape4(batch, n_heads, T, head_dim));
    k = heed_graph_input(g, "k", HEED_F32, heed_shape4(batch, n_heads, T, head_dim));
    scores = heed_matmul(g, q, k, false, true);
    weights = heed_softmax(g, scores);
    if (heed_graph_status(g, NULL) == HEED_OK)
        c = (step_costs){(double)heed_tensor_count(&scores->tensor), heed_count_flops(scores),
                         heed_count_flops(weights)};
    else
        heed_solve_fail(s, HEED_ERR_USAGE, "expected sizes of which matrices can be made");
    heed_graph_destroy(g);
    return c;
}

/* --- hard.h1.3a --- */

static double qkv_of(heed_solving *s, int64_t d, int64_t n_heads, bool bias)
{
    heed_config c = heed_count_m0(1, d, n_heads, 1);

    c.attention_bias = bias;
    return heed_count_parameters(s, &c, "h.0.attn.c_attn.*");
}

static const char *largest_of(double qkv, double scores, double softmax, double product)
{
    const struct {
        const char *name;
        double factor;
    } all[] = {{"projections", qkv}, {"QK^T", product}, {"scores", scores}, {"softmax", softmax}};
    int most = 0;

    for (int i = 1; i < 4; i++)
        most = all[i].factor > all[most].factor ? i : most;
    return all[most].name;
}

static void wider(heed_solving *s)
{
    const int64_t before = heed_take_int(s, "d_before", 1, HEED_COUNT_MOST_D);
    const int64_t after = heed_take_int(s, "d_after", 1, HEED_COUNT_MOST_D);
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const int64_t batch = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH);
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const bool bias = s->slip != HEED_SLIP_NO_BIAS;
    const double a = qkv_of(s, before, H, bias), b = qkv_of(s, after, H, bias); /* also sees that H divides */
    const double bare = qkv_of(s, after, H, false) / qkv_of(s, before, H, false);
    const step_costs x = costs_of(s, batch, H, T, before / H), y = costs_of(s, batch, H, T, after / H);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "q, k and v: 3 (d^2 + d) parameters, %s -> %s, a factor of %.6g (%.6g without biases)",
              heed_count_text(s, a), heed_count_text(s, b), b / a, bare);
    heed_step(s, "scores: batch * n_heads * seq_len^2 = %s numbers, whatever the width: 1",
              heed_count_text(s, x.scores));
    heed_step(s, "softmax: over the same numbers: %.6g", y.softmax / x.softmax);
    heed_step(s, "Q K^T: each of the scores takes head_dim = %lld, then %lld multiplications: %.6g",
              (long long)(before / H), (long long)(after / H), y.product / x.product);
    heed_put_number(s, "qkv_before", a);
    heed_put_number(s, "qkv_after", b);
    heed_put_number(s, "qkv_factor", b / a);
    heed_put_number(s, "qkv_factor_no_bias", bare);
    heed_put_number(s, "scores_before", x.scores);
    heed_put_number(s, "scores_after", y.scores);
    heed_put_number(s, "scores_factor", y.scores / x.scores);
    heed_put_number(s, "softmax_factor", y.softmax / x.softmax);
    heed_put_number(s, "qk_multiplications_factor", y.product / x.product);
    heed_put_text(s, "fastest",
                  largest_of(b / a, y.scores / x.scores, y.softmax / x.softmax, y.product / x.product));
}

static void vary_wider(heed_varying *v)
{
    const int64_t before = heed_vary_pick_int(v, "d_before", 4, INT64_C(64), INT64_C(128), INT64_C(256),
                                              INT64_C(384));

    heed_vary_set_int(v, "d_after", before * heed_draw_int(v, 2, 4));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_pick_int(v, "batch", 3, INT64_C(8), INT64_C(16), INT64_C(32));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

/* --- ch12.e09 --- */

static void longer(heed_solving *s)
{
    const int64_t a = heed_take_int(s, "t_short", 1, MOST_LENGTH),
                  b = heed_take_int(s, "t_long", 1, MOST_LENGTH);
    const double x = costs_of(s, 1, 1, a, 64).product, y = costs_of(s, 1, 1, b, 64).product;

    if (s->status != HEED_OK)
        return;
    heed_step(s, "the text is %s / %s = %.6g times as long", heed_count_text(s, (double)b),
              heed_count_text(s, (double)a), (double)b / (double)a);
    heed_step(s, "every query meets every key: %.6g^2 = %.6g times the work", (double)b / (double)a, y / x);
    heed_put_number(s, "ratio", y / x);
    heed_put_number(s, "length_ratio", (double)b / (double)a);
}

static void vary_longer(heed_varying *v)
{
    const int64_t a = heed_vary_pick_int(v, "t_short", 4, INT64_C(256), INT64_C(512), INT64_C(1000),
                                         INT64_C(4096));

    heed_vary_set_int(v, "t_long",
                      a * heed_vary_pick_int(v, "t_long", 6, INT64_C(2), INT64_C(3), INT64_C(4), INT64_C(8),
                                             INT64_C(10), INT64_C(32)));
}

/* --- ch12.e19a --- */

/* The least-squares line through (log x, log y): its slope. */
static double slope_of(heed_grid x, heed_grid y)
{
    const double n = (double)x.columns;
    double mean_x = 0.0, mean_y = 0.0, xy = 0.0, xx = 0.0;

    for (int64_t i = 0; i < x.columns; i++) {
        mean_x += log(x.data[i]) / n;
        mean_y += log(y.data[i]) / n;
    }
    for (int64_t i = 0; i < x.columns; i++) {
        xy += (log(x.data[i]) - mean_x) * (log(y.data[i]) - mean_y);
        xx += (log(x.data[i]) - mean_x) * (log(x.data[i]) - mean_x);
    }
    return xy / xx;
}

static bool check_points(heed_solving *s, heed_grid x, heed_grid y)
{
    bool differ = false;

    if (s->status != HEED_OK)
        return false;
    if (x.columns != y.columns || x.columns < 2)
        return heed_solve_fail(
            s, HEED_ERR_USAGE,
            "expected two lengths or more and a time for each, got %lld lengths and %lld times",
            (long long)x.columns, (long long)y.columns);
    for (int64_t i = 0; i < x.columns; i++) {
        if (!(x.data[i] > 1e-100 && x.data[i] < 1e100 && y.data[i] > 1e-100 && y.data[i] < 1e100))
            return heed_solve_fail(s, HEED_ERR_USAGE,
                                   "entry %lld: expected a length and a time above 0, got %g and %g",
                                   (long long)i + 1, x.data[i], y.data[i]);
        differ = differ || x.data[i] != x.data[0];
    }
    return differ || heed_solve_fail(s, HEED_ERR_USAGE, "expected lengths that differ");
}

static void slope(heed_solving *s)
{
    const heed_grid lengths = heed_take_list(s, "lengths"), times = heed_take_list(s, "times");
    double k;

    if (!check_points(s, lengths, times))
        return;
    k = s->slip == HEED_SLIP_TRANSPOSED ? slope_of(times, lengths) : slope_of(lengths, times);
    for (int64_t i = 1; i < lengths.columns && i < 16; i++) {
        const double longer = lengths.data[i] / lengths.data[i - 1], slower = times.data[i] / times.data[i - 1];
        if (longer != 1.0)
            heed_step(s, "from %g to %g the time goes from %.4g to %.4g: a slope of %.3f between the two",
                      lengths.data[i - 1], lengths.data[i], times.data[i - 1], times.data[i],
                      log(slower) / log(longer));
    }
    heed_step(s, "the line of least squares through (ln length, ln time) has the slope %.4f", k);
    heed_step(s, "so doubling the length takes 2^%.4f = %.4f times as long", k, pow(2.0, k));
    heed_put_number(s, "slope", k);
    heed_put_number(s, "doubling_factor", pow(2.0, k));
}

static void vary_slope(heed_varying *v)
{
    const double exponent = 1.5 + 0.7 * (double)heed_draw_int(v, 0, 1000) / 1000.0;
    const double scale = (double)heed_draw_int(v, 20, 400) / 100.0;
    json_t *times = json_array();

    for (int i = 0; i < 5; i++) {
        const double noise = 1.0 + 0.04 * (double)heed_rng_normal(&v->rng);
        const double t = scale * pow(2.0, exponent * i) * (noise > 0.8 ? noise : 0.8);
        json_array_append_new(times, json_real(round(1000.0 * t) / 1000.0));
    }
    heed_vary_set_json(v, "times", times);
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define ABOUT(name)                           \
    {                                         \
        name, HEED_ANSWER_NUMBER, HEED_R1, 0, \
    }

const heed_exercise heed_exercises_growth[] = {
    {.id = "hard.h1.3a",
     .seed = "001 H1.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_before\": 256, \"d_after\": 512, \"n_heads\": 4, \"batch\": 32, \"seq_len\": 256}",
     .vary = vary_wider,
     .solve = wider,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("qkv_before"),
                WHOLE("qkv_after"),
                WHOLE("qkv_factor"),
                WHOLE("qkv_factor_no_bias"),
                {"scores_before", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"scores_after", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                ABOUT("scores_factor"),
                ABOUT("softmax_factor"),
                ABOUT("qk_multiplications_factor"),
                {"fastest", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D15"},
    {.id = "ch12.e09",
     .seed = "002 e9",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"t_short\": 2048, \"t_long\": 32768}",
     .vary = vary_longer,
     .solve = longer,
     .fields = {WHOLE("ratio"), WHOLE("length_ratio")},
     .demo = "D17"},
    {.id = "ch12.e19a",
     .seed = "002 e19",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"lengths\": [128, 256, 512, 1024, 2048], \"times\": [1.0, 4.0, 16.0, 64.0, 256.0]}",
     .vary = vary_slope,
     .solve = slope,
     .slips = HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {{"slope", HEED_ANSWER_NUMBER, HEED_ABS(0.01), 0},
                {"doubling_factor", HEED_ANSWER_NUMBER, HEED_ABS(0.02), 0}},
     .demo = "D17"},
    {.id = NULL},
};
