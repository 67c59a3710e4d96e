/* SPDX-License-Identifier: MIT */
/* D and E. Programs: multi-head attention from rows to rows, and cross-attention. */
#include "workbook/attend.h"
#include "workbook/groups.h"

/* --- s5.e5.7 --- */

static heed_grid take_map(heed_solving *s, const char *name, int64_t d)
{
    const heed_grid w = heed_take_grid(s, name);

    if (s->status == HEED_OK && (w.rows != d || w.columns != d))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected %lld x %lld numbers as x has columns, got %lld x %lld",
                        name, (long long)d, (long long)d, (long long)w.rows, (long long)w.columns);
    return w;
}

#define MOST_WEIGHTS 1048576 /* of all heads */

static int64_t take_heads(heed_solving *s, int64_t T)
{
    const int64_t n_heads = heed_take_int(s, "n_heads", 1, HEED_ATTEND_MOST);

    if (s->status == HEED_OK && (T > HEED_ATTEND_MOST || n_heads * T * T > MOST_WEIGHTS))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "expected at most %d weights in all heads, %lld heads of %lld tokens", MOST_WEIGHTS,
                        (long long)n_heads, (long long)T);
    return n_heads;
}

static void multi_head(heed_solving *s)
{
    const heed_grid x = heed_take_grid(s, "x");
    const int64_t n_heads = take_heads(s, x.rows);
    const heed_attend_inputs in = {.x = x,
                                   .w_q = take_map(s, "W_q", x.columns),
                                   .w_k = take_map(s, "W_k", x.columns),
                                   .w_v = take_map(s, "W_v", x.columns),
                                   .w_o = take_map(s, "W_o", x.columns),
                                   .n_heads = n_heads,
                                   .causal = heed_take_bool(s, "causal")};
    const heed_attended a = heed_attend(s, &in);

    heed_step_grid(s, a.q, "Q = x W_q; head h has columns h d/H .. (h + 1) d/H - 1 of it, h from 0");
    heed_step_grid(s, a.k, "K = x W_k");
    heed_step_grid(s, a.v, "V = x W_v");
    heed_attend_explain(s, &in, &a, HEED_ATTEND_OUTPUT);
    heed_step_grid(s, a.y, "the heads side by side, through the out map: that W_o");
    heed_put_tensor(s, "weights", 3,
                    (int64_t[]){x.rows > 0 ? a.weights.rows / x.rows : 0, x.rows, a.weights.columns},
                    a.weights.data);
    heed_put_grid(s, "output", a.y);
}

static void vary_multi_head(heed_varying *v)
{
    static const char *const maps[] = {"W_q", "W_k", "W_v", "W_o"};
    const int64_t n_heads = heed_vary_int(v, "n_heads", 1, 2), d = 2 * n_heads;

    heed_vary_normal(v, "x", heed_draw_int(v, 2, 4), d, 1.0);
    for (int i = 0; i < 4; i++)
        heed_vary_normal(v, maps[i], d, d, 1.0);
    heed_vary_set_json(v, "causal", json_boolean(heed_draw_int(v, 0, 1)));
}

/* --- ch12.e15 --- */

static void across(heed_solving *s)
{
    const heed_attend_inputs in = {
        .q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .v = heed_take_grid(s, "V")};
    const heed_attended a = heed_attend(s, &in);
    const bool turned = s->slip == HEED_SLIP_TRANSPOSED;

    heed_step(s, "%lld queries of the target meet %lld keys of the source: the weights are %lld x %lld",
              (long long)in.q.rows, (long long)in.k.rows, (long long)a.weights.rows,
              (long long)a.weights.columns);
    heed_attend_explain(s, &in, &a, HEED_ATTEND_OUTPUT);
    heed_put_shape(s, "shape", 2, turned ? a.weights.columns : a.weights.rows,
                   turned ? a.weights.rows : a.weights.columns);
    heed_put_grid(s, "weights", turned ? heed_grid_turn(s, a.weights) : a.weights);
    heed_put_grid(s, "output", a.output);
}

static void vary_across(heed_varying *v)
{
    const int64_t target = heed_draw_int(v, 2, 5), source = heed_draw_int(v, 3, 7);

    heed_vary_normal(v, "Q", target, 2, 1.0);
    heed_vary_normal(v, "K", source, 2, 1.0);
    heed_vary_normal(v, "V", source, 2, 1.0);
    v->again = target == source; /* the order of the axes could not be told */
}

const heed_exercise heed_exercises_head_code[] = {
    {.id = "s5.e5.7",
     .seed = "004 5.7",
     .kind = HEED_EXERCISE_CODE,
     .params =
         "{\"x\": [[0.46, 1.56, 1.33, 0.16], [0.37, -1.19, -0.4, 0.32]], \"n_heads\": 2, "
         "\"W_q\": [[0.78, -0.81, -0.83, 0.52], [0.74, -1.09, 0.33, 1.34], [0.02, 0.9, 1.04, -0.75], "
         "[-0.44, -1.34, -1.15, -0.2]], "
         "\"W_k\": [[0.66, 0.52, -0.48, -1.75], [-0.02, 0.91, 0.36, 0.54], [1.99, 1.49, -0.17, -2.2], "
         "[1.25, -0.47, 0.53, -0.91]], "
         "\"W_v\": [[0.35, -0.86, 0.43, -0.73], [-0.41, -0.8, 0.41, 0.24], [0.25, -0.92, -0.15, -1.1], "
         "[-0.4, 0.19, 0.11, 1.49]], "
         "\"W_o\": [[0.16, -0.27, -0.79, 0.49], [-0.49, 1.27, -2.18, -0.72], [-1.3, -1.31, -0.12, -0.57], "
         "[-0.36, 0.64, 1.33, -1.47]], \"causal\": true}",
     .vary = vary_multi_head,
     .solve = multi_head,
     .slips = HEED_SLIPS_MASKED | HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {{"weights", HEED_ANSWER_TENSOR, HEED_E5, 0}, {"output", HEED_ANSWER_MATRIX, HEED_E5, 0}}},
    {.id = "ch12.e15",
     .seed = "002 e15",
     .kind = HEED_EXERCISE_CODE,
     .params =
         "{\"Q\": [[-1.43, -0.94], [0.39, -0.52], [0.53, 0.81], [-1.44, 1.02], [-0.6, 2.09]], "
         "\"K\": [[0.73, -0.54], [0.2, 0.21], [0.33, 1.39], [0.53, 1.66], [0.63, -0.18], [-1.52, -1.56], "
         "[0.2, 0.69]], "
         "\"V\": [[1.44, -0.61], [0.08, -0.81], [-0.42, -2.28], [0.74, -0.72], [-0.07, 0.45], [0.34, -1.31], "
         "[1.52, 0.76]]}",
     .vary = vary_across,
     .solve = across,
     .slips = HEED_SLIPS_ATTENTION | HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {{"shape", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"weights", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"output", HEED_ANSWER_MATRIX, HEED_E5, 0}},
     .demo = "D27"},
    {.id = NULL},
};
