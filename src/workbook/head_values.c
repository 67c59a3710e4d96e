/* SPDX-License-Identifier: MIT */
/* A. ch12.e14 as a program answers it: the numbers of a split into heads, at each stage. */
#include <heed/attention.h>

#include "graph/graph.h"
#include "ops/ops.h"
#include "workbook/groups.h"
#include "workbook/op_graph.h"

#define MOST_T       1024
#define MOST_HEADS   1024
#define MOST_D       16384
#define MOST_NUMBERS 65536 /* of Q */

/* n arrays of T rows: heads, or, where heads and positions are not swapped, positions whose rows are heads. */
typedef struct heads {
    int64_t n, T, head_dim;
    heed_grid q, k, v; /* [n, T, head_dim] */
} heads;

/* --- the split --- */

/* x [T, d] as [n_heads, T, head_dim]: a view of it, with the axes of positions and heads swapped. */
static heed_grid split(heed_solving *s, heed_grid x, int64_t n_heads)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *rows = heed_op_input(s, g, "rows", heed_shape3(1, x.rows, x.columns), x);

    return heed_op_run(s, g, rows != NULL ? heed_split_heads(g, rows, n_heads) : NULL);
}

/* Number m of head h is m n_heads + h in a row, as of a view (T, head_dim, n_heads). */
static heed_grid deal_out(heed_solving *s, heed_grid x, int64_t n_heads)
{
    const int64_t head_dim = x.columns / n_heads;
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t t = 0; s->status == HEED_OK && t < x.rows; t++)
        for (int64_t h = 0; h < n_heads; h++)
            for (int64_t m = 0; m < head_dim; m++)
                out.data[t * x.columns + h * head_dim + m] = x.data[t * x.columns + m * n_heads + h];
    return out;
}

static heed_grid heads_of(heed_solving *s, heed_grid x, int64_t n_heads)
{
    if (s->slip == HEED_SLIP_NO_SWAP) /* (T, n_heads, head_dim) is x as it is */
        return x;
    return split(s, s->slip == HEED_SLIP_WRONG_SPLIT ? deal_out(s, x, n_heads) : x, n_heads);
}

/* --- attention in each head --- */

static heed_grid grid_of(heed_solving *s, int64_t rows, int64_t columns, const float *x)
{
    heed_grid out = heed_grid_make(s, rows, columns);

    for (int64_t i = 0; s->status == HEED_OK && i < rows * columns; i++)
        out.data[i] = (double)x[i];
    return out;
}

static void attend(heed_solving *s, const heads *x, heed_grid *scores, heed_grid *context)
{
    heed_error err = {HEED_OK, ""};
    const heed_attention_inputs in = {.n_heads = x->n,
                                      .n_query = x->T,
                                      .head_dim = x->head_dim,
                                      .q = heed_op_floats(s, x->q),
                                      .k = heed_op_floats(s, x->k),
                                      .v = heed_op_floats(s, x->v),
                                      .scale = s->slip == HEED_SLIP_NO_SCALE ? 1.0 : 0.0,
                                      .plain = true,
                                      .threads = 1};
    float *found = heed_op_floats(s, heed_grid_make(s, x->n * x->T, x->T));
    float *out = heed_op_floats(s, heed_grid_make(s, x->n * x->T, x->head_dim));
    heed_status status;

    if (s->status != HEED_OK)
        return;
    status = heed_attention_run(&in, &(heed_attention_results){.out = out, .scores = found}, &err);
    if (status != HEED_OK)
        heed_solve_fail(s, status, "%s", err.message);
    *scores = grid_of(s, x->n * x->T, x->T, found);
    *context = grid_of(s, x->n * x->T, x->head_dim, out);
}

/* context [n_heads, T, head_dim] as rows [T, d]; rows they are already where nothing was swapped. */
static heed_grid join(heed_solving *s, const heads *x, heed_grid context, int64_t T, int64_t d)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *in;

    if (s->slip == HEED_SLIP_NO_SWAP) {
        heed_graph_destroy(g);
        return (heed_grid){T, d, context.data};
    }
    in = heed_op_input(s, g, "context", heed_shape4(1, x->n, x->T, x->head_dim), context);
    return heed_op_run(s, g, heed_merge_heads(g, in));
}

/* --- the whole --- */

static void put_qkv(heed_solving *s, const heads *x)
{
    const int64_t n = x->n * x->T * x->head_dim;
    heed_grid all = heed_grid_make(s, 3, n);

    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        all.data[i] = x->q.data[i];
        all.data[n + i] = x->k.data[i];
        all.data[2 * n + i] = x->v.data[i];
    }
    heed_put_tensor(s, "qkv", 4, (int64_t[]){3, x->n, x->T, x->head_dim}, all.data);
}

static void values(heed_solving *s)
{
    const int64_t T = heed_take_int(s, "seq_len", 1, MOST_T),
                  n_heads = heed_take_int(s, "n_heads", 1, MOST_HEADS), d = heed_take_int(s, "d", 1, MOST_D);
    const heed_grid q = heed_take_grid(s, "Q"), k = heed_take_grid(s, "K"), v = heed_take_grid(s, "V");
    const int64_t head_dim = n_heads > 0 ? d / n_heads : 0;
    const bool swapped = s->slip != HEED_SLIP_NO_SWAP;
    heed_grid scores = {0, 0, NULL}, context = {0, 0, NULL};
    heads x = {.n = swapped ? n_heads : T, .T = swapped ? T : n_heads, .head_dim = head_dim};

    if (s->status == HEED_OK && (d % n_heads != 0 || q.rows != T || q.columns != d || k.rows != T ||
                                 k.columns != d || v.rows != T || v.columns != d))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "expected Q, K and V of seq_len rows of d numbers, which n_heads divides");
    if (s->status != HEED_OK)
        return;
    x.q = heads_of(s, q, n_heads);
    x.k = heads_of(s, k, n_heads);
    x.v = heads_of(s, v, n_heads);
    if (s->slip == HEED_SLIP_WRONG_SPLIT)
        heed_put_tensor(s, "split", 3, (int64_t[]){T, head_dim, n_heads}, q.data);
    else
        heed_put_tensor(s, "split", 3, (int64_t[]){T, n_heads, head_dim}, q.data);
    put_qkv(s, &x);
    attend(s, &x, &scores, &context);
    heed_put_tensor(s, "scores", 3, (int64_t[]){x.n, x.T, x.T}, scores.data);
    heed_put_tensor(s, "context", 3, (int64_t[]){x.n, x.T, head_dim}, context.data);
    heed_put_grid(s, "output", join(s, &x, context, T, d));
}

/* Numbers for the sizes that are there. */
static void draw(heed_varying *v)
{
    const int64_t T = json_integer_value(json_object_get(v->params, "seq_len")),
                  d = json_integer_value(json_object_get(v->params, "d"));

    if (T < 1 || d < 1 || T > MOST_T || d > MOST_D || T * d > MOST_NUMBERS)
        return; /* then solve() misses them */
    heed_vary_normal(v, "Q", T, d, 1.0);
    heed_vary_normal(v, "K", T, d, 1.0);
    heed_vary_normal(v, "V", T, d, 1.0);
}

#define TENSOR(name)                          \
    {                                         \
        name, HEED_ANSWER_TENSOR, HEED_E5, 0, \
    }

const heed_exercise heed_program_head_split = {
    .id = "ch12.e14",
    .seed = "002 e14",
    .kind = HEED_EXERCISE_CODE,
    .params = "{}",
    .vary = draw,
    .solve = values,
    .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_WRONG_SPLIT) | HEED_SLIP(HEED_SLIP_NO_SCALE),
    .fields = {TENSOR("split"),
               TENSOR("qkv"),
               TENSOR("scores"),
               TENSOR("context"),
               {"output", HEED_ANSWER_MATRIX, HEED_E5, 0}}};
