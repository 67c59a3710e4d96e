/* SPDX-License-Identifier: MIT */
/* G. Positions by a formula: biases that fall with the distance, rotations, sines, relative rows. */
#include <math.h>

#include "workbook/groups.h"
#include "workbook/op_graph.h"

#define MOST_T     1024
#define MOST_D     1024
#define MOST_HEADS 128
#define MOST_PLACE 1000000

/* --- hard.h8.4a --- */

/* [n_heads * T, T]: scores of queries and keys that are 0, so what ALiBi adds. */
static heed_grid alibi_bias(heed_solving *s, int64_t n_heads, int64_t T)
{
    const heed_attention_options options = {
        .scale = 1.0f, .alibi = true, .causal = s->slip != HEED_SLIP_NO_MASK};
    const heed_shape shape = heed_shape4(1, n_heads, T, 1);
    heed_graph *g = heed_op_graph(s);
    heed_node *q, *k;

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    q = heed_op_input(s, g, "q", shape, heed_grid_make(s, n_heads, T));
    k = heed_op_input(s, g, "k", shape, heed_grid_make(s, n_heads, T));
    return heed_op_run(s, g, heed_attention_scores(g, q, k, &options));
}

/* i from 0 where it is from 1: the first head has no slope of 2^(-8/H) but of 1. */
static double slope_of(const heed_solving *s, int64_t head, int64_t n_heads)
{
    const double slope = (double)heed_alibi_slope(head, n_heads);

    return s->slip == HEED_SLIP_OFF_BY_ONE ? slope / (double)heed_alibi_slope(0, n_heads) : slope;
}

static void alibi(heed_solving *s)
{
    const int64_t n_heads = heed_take_int(s, "n_heads", 1, MOST_HEADS);
    const int64_t T = heed_take_int(s, "seq_len", 1, 128);
    heed_grid all = alibi_bias(s, n_heads, T), slopes = heed_grid_make(s, 1, n_heads), bias;
    double factor;

    if (s->status != HEED_OK)
        return;
    factor = (s->slip == HEED_SLIP_SIGN ? -1.0 : 1.0) * slope_of(s, 0, n_heads) /
             (double)heed_alibi_slope(0, n_heads);
    bias = (heed_grid){T, T, all.data}; /* the first head's */
    for (int64_t h = 0; h < n_heads; h++)
        slopes.data[h] = slope_of(s, h, n_heads);
    for (int64_t i = 0; i < T * T; i++)
        bias.data[i] = isfinite(bias.data[i]) ? factor * bias.data[i] + 0.0 : bias.data[i];
    if ((n_heads & (n_heads - 1)) == 0)
        heed_step(s, "slope of head i of %lld, i from 1: 2^(-8 i / %lld)", (long long)n_heads,
                  (long long)n_heads);
    else
        heed_step(
            s,
            "%lld is no power of two: the slopes of the next smaller one, then every second of the next larger",
            (long long)n_heads);
    heed_step_grid(s, slopes, "slopes");
    heed_step_grid(s, bias, "head 1: minus its slope times the distance i - j; -inf where j > i");
    heed_put_list(s, "slopes", slopes);
    heed_put_grid(s, "bias_head1", bias);
}

static void vary_alibi(heed_varying *v)
{
    heed_vary_pick_int(v, "n_heads", 4, INT64_C(1), INT64_C(2), INT64_C(8), INT64_C(16));
    heed_vary_int(v, "seq_len", 3, 6);
}

/* --- hard.h8.4b --- */

static const char *const query_names[] = {"q", "m"}, *const key_names[] = {"k", "n"};

/* x turned by its position; names of the two in the graph. */
static heed_node *turned(heed_solving *s, heed_graph *g, const char *const *names, heed_grid x,
                         int64_t position)
{
    heed_grid place = heed_grid_make(s, 1, 1);
    heed_rotary_options options = {.interleaved = s->slip != HEED_SLIP_HALVES};

    if (s->status != HEED_OK)
        return NULL;
    place.data[0] = (double)(s->slip == HEED_SLIP_SIGN ? -position : position);
    options.positions = heed_op_input_ids(s, g, names[1], heed_shape1(1), place);
    return heed_rotary(g, heed_op_input(s, g, names[0], heed_shape4(1, 1, 1, x.columns), x), NULL, &options);
}

static heed_grid rotate(heed_solving *s, heed_grid x, int64_t position)
{
    heed_graph *g = heed_op_graph(s);

    return heed_op_run(s, g, g != NULL ? turned(s, g, query_names, x, position) : NULL);
}

static double score_at(heed_solving *s, heed_grid q, int64_t m, heed_grid k, int64_t n)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *a = g != NULL ? turned(s, g, query_names, q, m) : NULL,
              *b = g != NULL ? turned(s, g, key_names, k, n) : NULL;
    const heed_grid score = heed_op_run(s, g, s->status == HEED_OK ? heed_matmul(g, a, b, false, true) : NULL);

    return s->status == HEED_OK ? score.data[0] : 0.0;
}

static void rotary(heed_solving *s)
{
    const heed_grid q = heed_take_list(s, "q"), k = heed_take_list(s, "k");
    int64_t m = heed_take_int(s, "m", -MOST_PLACE, MOST_PLACE),
            n = heed_take_int(s, "n", -MOST_PLACE, MOST_PLACE);
    const int64_t shift = heed_take_int(s, "shift", -MOST_PLACE, MOST_PLACE), d = q.columns;

    if (s->status == HEED_OK && (d != k.columns || d % 2 != 0 || d > MOST_D))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "q and k: expected the same even number of numbers, at most %d, got %lld and %lld",
                        MOST_D, (long long)d, (long long)k.columns);
    if (s->slip == HEED_SLIP_TURNED_INPUT) {
        const int64_t swap = m;
        m = n;
        n = swap;
    }
    for (int64_t i = 0; s->status == HEED_OK && i < d / 2 && i < 3; i++)
        heed_step(
            s,
            "pair %lld: numbers %lld and %lld turn by 10000^(-%lld/%lld) = %.5g a place; q by %.5g, k by %.5g",
            (long long)i, (long long)(2 * i + 1), (long long)(2 * i + 2), (long long)(2 * i), (long long)d,
            pow(10000.0, -2.0 * (double)i / (double)d), (double)m * pow(10000.0, -2.0 * (double)i / (double)d),
            (double)n * pow(10000.0, -2.0 * (double)i / (double)d));
    heed_step(s, "a pair (a, b) turned by w is (a cos w - b sin w, a sin w + b cos w)");
    heed_step_grid(s, rotate(s, q, m), "q turned for place %lld", (long long)m);
    heed_step_grid(s, rotate(s, k, n), "k turned for place %lld", (long long)n);
    heed_step(s, "their dot product: %.5g; with both places %lld further: %.5g, as only m - n = %lld matters",
              score_at(s, q, m, k, n), (long long)shift, score_at(s, q, m + shift, k, n + shift),
              (long long)(m - n));
    heed_put_list(s, "q_rotated", rotate(s, q, m));
    heed_put_list(s, "k_rotated", rotate(s, k, n));
    heed_put_number(s, "score", score_at(s, q, m, k, n));
    heed_put_number(s, "score_both_shifted", score_at(s, q, m + shift, k, n + shift));
}

static void vary_rotary(heed_varying *v)
{
    const int64_t d = 2 * heed_draw_int(v, 1, 3), m = heed_vary_int(v, "m", 0, 9),
                  n = heed_vary_int(v, "n", 0, 9);
    double q = 0.0, k = 0.0;

    heed_vary_whole(v, "q", 0, d, -2, 2);
    heed_vary_whole(v, "k", 0, d, -2, 2);
    heed_vary_int(v, "shift", 1, 20);
    for (size_t i = 0; i < 2; i++) { /* the first pair, which turns fastest */
        q += fabs(json_number_value(json_array_get(json_object_get(v->params, "q"), i)));
        k += fabs(json_number_value(json_array_get(json_object_get(v->params, "k"), i)));
    }
    v->again = m == n || q == 0.0 || k == 0.0;
}

/* --- s5.e5.8 --- */

/* Sines in the first half of the columns, cosines in the second: the slip of other pairs. */
static heed_grid halves(heed_solving *s, heed_grid x)
{
    const int64_t half = (x.columns + 1) / 2;
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++) {
        const int64_t j = i % x.columns, from = j < half ? 2 * j : 2 * (j - half) + 1;
        out.data[i] = x.data[i - j + from];
    }
    return out;
}

static void sines(heed_solving *s)
{
    const int64_t T = heed_take_int(s, "seq_len", 1, MOST_T), d = heed_take_int(s, "d_model", 1, MOST_D);
    heed_graph *g = heed_op_graph(s);
    heed_grid first = heed_grid_make(s, 1, 1), table;
    heed_node *past = NULL;

    if (g == NULL)
        return;
    if (s->slip == HEED_SLIP_OFF_BY_ONE) {
        first.data[0] = 1.0;
        past = heed_op_input_ids(s, g, "past", heed_shape0(), first);
    }
    table = heed_op_run(s, g, heed_sinusoidal(g, past, T, d));
    for (int64_t j = 0; j < d && j < 4; j++)
        heed_step(s, "column %lld: %s(p / 10000^(%lld/%lld)) = %s(%.5g p), p = 0 .. %lld", (long long)j,
                  j % 2 == 0 ? "sin" : "cos", (long long)(j / 2 * 2), (long long)d, j % 2 == 0 ? "sin" : "cos",
                  pow(10000.0, -2.0 * (double)(j / 2) / (double)d), (long long)T - 1);
    heed_step_grid(s, table, "the table, a row for each position from 0");
    heed_put_grid(s, "encoding", s->slip == HEED_SLIP_HALVES ? halves(s, table) : table);
}

static void vary_sines(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 2, 8);
    heed_vary_pick_int(v, "d_model", 5, INT64_C(2), INT64_C(4), INT64_C(5), INT64_C(6), INT64_C(8));
}

/* --- s5.e5.11 --- */

typedef struct relative {
    heed_grid q, k, v, r, u, w; /* w: the source's v, what is added to queries that meet rows of R */
    bool causal;
} relative;

static bool is_row(heed_grid x, int64_t d)
{
    return x.columns == d;
}

static relative take_relative(heed_solving *s)
{
    const relative x = {.q = heed_take_grid(s, "Q"),
                        .k = heed_take_grid(s, "K"),
                        .v = heed_take_grid(s, "V"),
                        .r = heed_take_grid(s, "R"),
                        .u = heed_take_list(s, "u"),
                        .w = heed_take_list(s, "v"),
                        .causal = heed_take_bool(s, "causal")};
    const int64_t T = x.q.rows, d = x.q.columns;

    if (s->status != HEED_OK)
        return x;
    if (T > MOST_T || d > MOST_D || x.v.columns > MOST_D)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected at most %d rows and columns", MOST_T);
    else if (x.k.rows != T || x.v.rows != T)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected as many rows in Q, K and V, got %lld, %lld and %lld",
                        (long long)T, (long long)x.k.rows, (long long)x.v.rows);
    else if (!is_row(x.k, d) || !is_row(x.r, d) || !is_row(x.u, d) || !is_row(x.w, d))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "expected %lld columns in K, R, u and v as in Q, got %lld, %lld, %lld and %lld",
                        (long long)d, (long long)x.k.columns, (long long)x.r.columns, (long long)x.u.columns,
                        (long long)x.w.columns);
    else if (x.r.rows != 2 * T - 1)
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "R: expected a row for each offset from %lld to %lld, %lld in all, got %lld",
                        1 - (long long)T, (long long)T - 1, 2 * (long long)T - 1, (long long)x.r.rows);
    return x;
}

/* Rows in the opposite order: heed's row of offset i - j stands at zero + j - i. */
static heed_grid backward(heed_solving *s, heed_grid x)
{
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = x.data[(x.rows - 1 - i / x.columns) * x.columns + i % x.columns];
    return out;
}

typedef enum relative_step { SCORES, WEIGHTS, OUTPUT } relative_step;

static heed_grid work_out(heed_solving *s, const relative *x, relative_step wanted)
{
    const int64_t T = x->q.rows, d = x->q.columns;
    const heed_shape rows = heed_shape4(1, 1, T, d);
    heed_graph *g = heed_op_graph(s);
    heed_attention_options options = {.relative_zero = T - 1,
                                      .causal = wanted != SCORES && x->causal && s->slip != HEED_SLIP_NO_MASK,
                                      .scale = s->slip == HEED_SLIP_NO_SCALE   ? 1.0f
                                               : s->slip == HEED_SLIP_HEAD_DIM ? (float)(1.0 / (double)d)
                                                                               : 0.0f};
    heed_node *q, *k, *content, *y;

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    q = heed_op_input(s, g, "Q", rows, x->q);
    k = heed_op_input(s, g, "K", rows, x->k);
    content = heed_add(g, q, heed_op_input(s, g, "u", heed_shape1(d), x->u));
    options.q_relative = heed_add(g, q, heed_op_input(s, g, "v", heed_shape1(d), x->w));
    options.relative = heed_op_input(s, g, "R", heed_shape2(2 * T - 1, d),
                                     s->slip == HEED_SLIP_SIGN ? x->r : backward(s, x->r));
    y = heed_attention_scores(g, content, k, &options);
    if (wanted >= WEIGHTS)
        y = heed_softmax(g, y);
    if (wanted >= OUTPUT)
        y = heed_matmul(g, y, heed_op_input(s, g, "V", heed_shape4(1, 1, T, x->v.columns), x->v), false, false);
    return heed_op_run(s, g, y);
}

static bool is_zero(heed_grid x)
{
    bool zero = true;

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        zero = zero && x.data[i] == 0.0;
    return zero;
}

static void relative_attention(heed_solving *s)
{
    const relative x = take_relative(s);
    const heed_grid scores = work_out(s, &x, SCORES), weights = work_out(s, &x, WEIGHTS),
                    output = work_out(s, &x, OUTPUT);

    heed_step(s, is_zero(x.u) && is_zero(x.w) ? "u and v are 0: the plain form, q_i . (k_j + r(i - j))"
                                              : "u and v are not 0: the form of Transformer-XL");
    heed_step(s, "row %lld of R (from 0) is the offset 0; i - j is row i - j + %lld", (long long)x.q.rows - 1,
              (long long)x.q.rows - 1);
    heed_step_grid(s, scores, "scores ((q_i + u).k_j + (q_i + v).r(i - j)) / sqrt(%lld), before the mask",
                   (long long)x.q.columns);
    heed_step_grid(s, weights, "softmax of each row%s", x.causal ? ", with -inf where j > i" : "");
    heed_step_grid(s, output, "weights times V");
    heed_step(
        s,
        "i and j enter through Q, K and i - j alone: the same rows, all places shifted, give the same scores");
    heed_put_grid(s, "scores", scores);
    heed_put_grid(s, "weights", weights);
    heed_put_grid(s, "output", output);
}

static void vary_relative(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 2, 4), d = 2;
    const double bias = heed_draw_int(v, 0, 1) == 1 ? 1.0 : 0.0;

    heed_vary_normal(v, "Q", T, d, 1.0);
    heed_vary_normal(v, "K", T, d, 1.0);
    heed_vary_normal(v, "V", T, d, 1.0);
    heed_vary_normal(v, "R", 2 * T - 1, d, 1.0);
    heed_vary_normal(v, "u", 0, d, bias);
    heed_vary_normal(v, "v", 0, d, bias);
    heed_vary_set_json(v, "causal", json_boolean(heed_draw_int(v, 0, 1)));
}

const heed_exercise heed_exercises_positions[] = {
    {.id = "hard.h8.4a",
     .seed = "001 H8.4",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"n_heads\": 4, \"seq_len\": 4}",
     .vary = vary_alibi,
     .solve = alibi,
     .slips = HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_OFF_BY_ONE) | HEED_SLIP(HEED_SLIP_SIGN),
     .fields = {{"slopes", HEED_ANSWER_LIST, HEED_ABS_OR_R1(1e-4), 0},
                {"bias_head1", HEED_ANSWER_MATRIX, HEED_T3, 0}},
     .demo = "D21"},
    {.id = "hard.h8.4b",
     .seed = "001 H8.4",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"q\": [1, 0], \"k\": [1, 0], \"m\": 3, \"n\": 1, \"shift\": 5}",
     .vary = vary_rotary,
     .solve = rotary,
     .slips = HEED_SLIP(HEED_SLIP_SIGN) | HEED_SLIP(HEED_SLIP_HALVES) | HEED_SLIP(HEED_SLIP_TURNED_INPUT),
     .fields = {{"q_rotated", HEED_ANSWER_LIST, HEED_T2, 0},
                {"k_rotated", HEED_ANSWER_LIST, HEED_T2, 0},
                {"score", HEED_ANSWER_NUMBER, HEED_ABS(0.01), 0},
                {"score_both_shifted", HEED_ANSWER_NUMBER, HEED_ABS(0.01), 0}},
     .demo = "D21"},
    {.id = "s5.e5.8",
     .seed = "004 5.8",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"seq_len\": 4, \"d_model\": 4}",
     .vary = vary_sines,
     .solve = sines,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE) | HEED_SLIP(HEED_SLIP_HALVES),
     .fields = {{"encoding", HEED_ANSWER_MATRIX, HEED_ABS(0.0005), 0}}},
    {.id = "s5.e5.11",
     .seed = "004 5.11",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": [[-0.66, 0.16], [-0.1, -1.21], [-0.45, 1.89], [0.08, 1.01]], "
               "\"K\": [[-0.58, 1.56], [1.61, -0.84], [-0.87, -0.69], [0.38, -0.88]], "
               "\"V\": [[-0.56, -1.08], [-0.41, 0.88], [1.78, 1.37], [0.56, -0.72]], "
               "\"R\": [[0.9, -0.92], [0.43, 3.12], [0.04, -2.17], [-0.27, 0.32], [0.3, -0.1], [1.97, 0.21], "
               "[0.16, -0.85]], \"u\": [0, 0], \"v\": [0, 0], \"causal\": true}",
     .vary = vary_relative,
     .solve = relative_attention,
     .slips = HEED_SLIP(HEED_SLIP_NO_SCALE) | HEED_SLIP(HEED_SLIP_HEAD_DIM) | HEED_SLIP(HEED_SLIP_NO_MASK) |
              HEED_SLIP(HEED_SLIP_SIGN),
     .fields = {{"scores", HEED_ANSWER_MATRIX, HEED_E5, HEED_ASKED_MAY_HIDE},
                {"weights", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"output", HEED_ANSWER_MATRIX, HEED_E5, 0}}},
    {.id = NULL},
};
