/* SPDX-License-Identifier: MIT */
/*
 * Attention that takes one value and no mean: a look-up.      q, k, v, ..  ->  z
 *
 *   z_i = v_j of the key j with the largest score s_ij, the first of equals; 0 where nothing is seen
 *
 * Shapes, options and scores are those of attention.c; it is its limit as the scale grows. A score that is NaN is no
 * candidate, and a query whose every score is NaN gets NaN. With fill_1e9 a query that sees nothing meets equal scores
 * and takes the first value. Where the largest score lies does not change with small changes of q and k, so these get no
 * gradient; v gets the gradient of the rows that were taken:
 *
 *   attention_lookup_backward   dv_j = sum of dz_i over the queries i, of all heads of the group, that took row j
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/list.h"

enum { Q, K, V, EXTRA, N_INPUTS = EXTRA + HEED_ATTENTION_EXTRAS };

enum { NOTHING = -1, NOT_A_NUMBER = -2 };

/* The key that query i takes. */
static int64_t taken_key(const heed_attention_run *run, int64_t b, int64_t h, int64_t i)
{
    const heed_attention_row row = heed_attention_row_begin(run, b, h, i);
    int64_t taken = row.blind ? 0 : NOTHING;
    float largest = -INFINITY;

    for (int64_t j = 0; !row.blind && j < run->n_key; j++) {
        const float score = heed_attention_sees(&row, j) ? heed_attention_score(&row, j) : -INFINITY;

        if (score != score && taken == NOTHING)
            taken = NOT_A_NUMBER;
        if (score > largest) {
            largest = score;
            taken = j;
        }
    }
    return taken;
}

static bool lookup_shape(heed_graph *g, heed_node *z)
{
    const int64_t *q = z->in[Q]->tensor.shape.size;

    if (!heed_attention_check(g, z, EXTRA, true, false) || !heed_expect_dtype(g, z, Q, "q", HEED_F32))
        return false;
    const int64_t B = q[0], H = q[1], T = q[2], Dv = z->in[V]->tensor.shape.size[3];

    heed_node_set_shape(z, 0, HEED_F32, heed_shape4(B, H, T, Dv)); /* lies as that of attention does */
    z->tensor.stride[0] = T * H * Dv;
    z->tensor.stride[1] = Dv;
    z->tensor.stride[2] = H * Dv;
    return true;
}

/* Number d of a taken row. */
static float number_of(const heed_attention_run *run, int64_t b, int64_t h, int64_t taken, int64_t d)
{
    if (taken == NOTHING)
        return 0.0f;
    return taken == NOT_A_NUMBER ? NAN : heed_attention_floats(run->v, b, h / run->group, taken)[d];
}

static void lookup_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, true);

    (void)thread;
    for (int64_t number = begin; number < end; number++) {
        const int64_t bh = number / run.n_query, b = bh / run.n_heads, h = bh % run.n_heads;
        const int64_t taken = taken_key(&run, b, h, number % run.n_query);
        float *z = heed_row(a->out, number);

        for (int64_t d = 0; d < run.v_dim; d++)
            z[d] = number_of(&run, b, h, taken, d);
    }
}

static void lookup_forward(const heed_op_args *a)
{
    lookup_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void lookup_fast(const heed_op_args *a)
{
    const int64_t row_work = a->in[K]->shape.size[2] * heed_cols(a->in[Q]);

    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / row_work, lookup_rows, (void *)a);
}

static void lookup_grad(heed_graph *g, heed_node *z, heed_node *const *dy, heed_node **dx)
{
    heed_node *in[N_INPUTS + 1] = {z->in[Q], z->in[K], z->in[V], dy[0]};

    if (!heed_node_wants_grad(z->in[V]))
        return;
    for (int i = 0; i < HEED_ATTENTION_EXTRAS; i++)
        in[EXTRA + 1 + i] = z->in[EXTRA + i];
    dx[V] = heed_node_append_list(g, &heed_op_attention_lookup_backward, z->attrs, sizeof(heed_attention_attrs),
                                  in, N_INPUTS + 1);
}

/* The products of the scores that are compared. */
static void add_cost(const heed_node *node, int extra, heed_cost *cost)
{
    const heed_attention_run run = heed_attention_run_of_node(node, extra, true);

    cost->flops += 2.0 * (double)run.head_dim * heed_attention_pairs(&run);
    heed_cost_add_traffic(node, cost);
}

static void lookup_cost(const heed_node *z, heed_cost *cost)
{
    add_cost(z, EXTRA, cost);
}

static void lookup_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, true);
    const int64_t number = element / run.v_dim, d = element % run.v_dim, bh = number / run.n_query;
    const int64_t b = bh / run.n_heads, h = bh % run.n_heads;
    const heed_attention_row row = heed_attention_row_begin(&run, b, h, number % run.n_query);
    const int64_t taken = taken_key(&run, b, h, row.i);

    (void)output;
    heed_attention_explain_scores(e, a, &row, EXTRA);
    if (taken < 0) {
        heed_explain_formula(e, "no key has a score");
        heed_explain_found(e, "z", (double)number_of(&run, b, h, taken, d), "no key has a score");
        return;
    }
    heed_explain_formula(e, "v_j of key %lld, whose score is the largest", (long long)taken);
    heed_explain_note(e, "key %lld is the first that has it", (long long)taken);
    const heed_figures v = heed_attention_read_keys(e, a, V, "v", &row, run.v_dim, taken, taken + 1);

    heed_explain_step(e, "z", "v", heed_explain_at(e, v, d));
}

const heed_op heed_op_attention_lookup = {
    .name = "attention_lookup",
    .n_inputs = N_INPUTS,
    .required_inputs = EXTRA,
    .shape = lookup_shape,
    .forward = lookup_forward,
    .fast = lookup_fast,
    .grad = lookup_grad,
    .cost = lookup_cost,
    .explain = lookup_explain,
};

heed_node *heed_attention_lookup(heed_graph *g, heed_node *q, heed_node *k, heed_node *v,
                                 const heed_attention_options *options)
{
    const heed_attention_attrs attrs = heed_attention_attrs_of(q, options);
    heed_node *in[N_INPUTS] = {q, k, v};

    heed_attention_extras_of(options, in + EXTRA);
    return heed_node_append_list(g, &heed_op_attention_lookup, &attrs, sizeof attrs, in, N_INPUTS);
}

/* --- backward: q, k, v, dz, ..  ->  dv -------------------------------------------------------------- */

enum { DZ = EXTRA, B_EXTRA, B_INPUTS = B_EXTRA + HEED_ATTENTION_EXTRAS };

static bool lookup_backward_shape(heed_graph *g, heed_node *dv)
{
    (void)g;
    heed_node_set_shape(dv, 0, HEED_F32, dv->in[V]->tensor.shape);
    return true;
}

static void lookup_backward_forward(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, B_EXTRA, true);

    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        ((float *)a->out->data)[i] = 0.0f;
    for (int64_t number = 0; number < heed_rows(a->in[DZ]); number++) {
        const int64_t bh = number / run.n_query, b = bh / run.n_heads, h = bh % run.n_heads;
        const int64_t taken = taken_key(&run, b, h, number % run.n_query);
        const float *dz = heed_row(a->in[DZ], number);

        for (int64_t d = 0; taken >= 0 && d < run.v_dim; d++)
            heed_attention_floats(a->out, b, h / run.group, taken)[d] += dz[d];
    }
}

static void lookup_backward_cost(const heed_node *dv, heed_cost *cost)
{
    add_cost(dv, B_EXTRA, cost);
}

static void lookup_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_run run = heed_attention_run_of(a, B_EXTRA, true);
    const int64_t key = element / run.v_dim, d = element % run.v_dim, kv = key / run.capacity;
    const int64_t b = kv / run.n_kv_heads, first = kv % run.n_kv_heads * run.group;
    heed_figure_list dz = {0};

    (void)output;
    heed_explain_formula(e, "sum of dz_i over the queries that took key %lld", (long long)(key % run.capacity));
    heed_explain_enter(e);
    for (int64_t h = first; h < first + run.group; h++) {
        for (int64_t i = 0; i < run.n_query; i++) {
            const heed_attention_row row = heed_attention_row_begin(&run, b, h, i);

            heed_attention_explain_scores(e, a, &row, B_EXTRA);
            if (taken_key(&run, b, h, i) == key % run.capacity)
                heed_explain_add(
                    e, &dz,
                    heed_explain_figure(e, a, DZ, "dz",
                                        ((b * run.n_heads + h) * run.n_query + i) * run.v_dim + d));
        }
    }
    heed_explain_leave(e);
    heed_explain_sum(e, "dv", dz.n, "dz[i]", heed_figures_of(dz.figures));
}

const heed_op heed_op_attention_lookup_backward = {
    .name = "attention_lookup_backward",
    .n_inputs = B_INPUTS,
    .required_inputs = B_EXTRA,
    .shape = lookup_backward_shape,
    .forward = lookup_backward_forward,
    .cost = lookup_backward_cost,
    .explain = lookup_backward_explain,
};
