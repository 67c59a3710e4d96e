/* SPDX-License-Identifier: MIT */
/*
 * The gradient of written-down scores (attention_scores.c).      q, k, ds, ..  ->  dq, dk, dbias, dq_relative, drelative
 *
 *   dq_i = scale sum_j ds_ij k_j        dk_j = scale sum_i ds_ij q_i        dbias_ij = ds_ij
 *   dq_relative_i = scale sum_j ds_ij relative[relative_zero + j - position_i]
 *   drelative[r]  = scale sum_i ds_ij q_relative_i     over the pairs whose distance is that of row r
 *
 * Hidden pairs are passed over: their score is the mask's, whatever q and k are. dk sums over the query heads of its
 * group, one after the other; what batches or heads share gets the sum over them. This is the text book's way and has
 * plain loops only: attention_backward.c is the fast one.
 */
#include <string.h>

#include "ops/attention.h"
#include "ops/list.h"

enum { Q, K, DS, EXTRA, N_INPUTS = EXTRA + HEED_ATTENTION_EXTRAS };
enum { DBIAS = 2, DQ_RELATIVE, DRELATIVE, N_OUTPUTS };

static const heed_node *bias_of(const heed_node *node)
{
    return node->in[EXTRA + HEED_ATTENTION_BIAS];
}

/* Which input output k is the gradient of. */
static int input_of(int output)
{
    static const int of[] = {Q, K, EXTRA + HEED_ATTENTION_BIAS, EXTRA + HEED_ATTENTION_Q_RELATIVE,
                             EXTRA + HEED_ATTENTION_RELATIVE};

    return of[output];
}

static bool scores_backward_shape(heed_graph *g, heed_node *dq)
{
    if (!heed_expect_dtype(g, dq, Q, "q", HEED_F32))
        return false;
    for (int k = 0; k < N_OUTPUTS; k++) { /* what is not there has a gradient of one 0 */
        const heed_node *x = dq->in[input_of(k)];

        heed_node_set_shape(dq, k, HEED_F32, x != NULL ? x->tensor.shape : heed_shape0());
    }
    return true;
}

/* --- one pair: what each output gets of it --------------------------------------------------------- */

typedef struct pair {
    const heed_attention_row *row;
    int64_t j;
    float ds, scaled; /* scaled = scale ds */
} pair;

/* The row of `output` that the pair adds to, in tensor y, and what is added: factor times the numbers x. */
static heed_attention_numbers row_of_output(const pair *p, int output, const heed_tensor *y)
{
    const heed_attention_run *run = p->row->run;
    const int64_t b = p->row->b, h = p->row->h, i = p->row->i;

    switch (output) {
    case K:
        return heed_attention_numbers_of(y, b, h / run->group, p->j);
    case DRELATIVE:
        return heed_attention_numbers_of(y, b, h, run->attrs->relative_zero + p->j - run->position - i);
    default:
        return heed_attention_numbers_of(y, b, h, i);
    }
}

static heed_attention_numbers numbers_met(const pair *p, int output)
{
    const heed_attention_run *run = p->row->run;
    const int64_t b = p->row->b, h = p->row->h, i = p->row->i;

    switch (output) {
    case Q:
        return heed_attention_numbers_of(run->k, b, h / run->group, p->j);
    case K:
        return heed_attention_numbers_of(run->q, b, h, i);
    case DQ_RELATIVE:
        return heed_attention_numbers_of(run->extra[HEED_ATTENTION_RELATIVE], b, h,
                                         run->attrs->relative_zero + p->j - run->position - i);
    default:
        return heed_attention_numbers_of(run->extra[HEED_ATTENTION_Q_RELATIVE], b, h, i);
    }
}

static void add_pair(const pair *p, int output, const heed_tensor *y)
{
    const heed_attention_numbers to = row_of_output(p, output, y);
    float *sum = (float *)y->data + to.at;

    if (output == DBIAS) {
        sum[p->j] += p->ds;
        return;
    }
    const heed_attention_numbers x = numbers_met(p, output);

    for (int64_t d = 0; d < p->row->run->head_dim; d++)
        sum[d] += p->scaled * heed_attention_number(&x, d);
}

/* --- all of them ----------------------------------------------------------------------------------- */

static void scores_backward_forward(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, false);

    for (int k = 0; k < N_OUTPUTS; k++) {
        if (a->outs[k] != NULL)
            memset(a->outs[k]->data, 0, (size_t)heed_tensor_count(a->outs[k]) * sizeof(float));
    }
    for (int64_t number = 0; number < heed_rows(a->in[DS]); number++) {
        const int64_t bh = number / run.n_query;
        const heed_attention_row row = heed_attention_row_begin(&run, bh / run.n_heads, bh % run.n_heads,
                                                                number % run.n_query);
        const float *ds = heed_row(a->in[DS], number);

        for (int64_t j = 0; j < run.n_key; j++) {
            const pair p = {.row = &row, .j = j, .ds = ds[j], .scaled = run.attrs->scale * ds[j]};

            for (int k = 0; k < N_OUTPUTS && heed_attention_sees(&row, j); k++) {
                if (a->outs[k] != NULL && a->in[input_of(k)] != NULL)
                    add_pair(&p, k, a->outs[k]);
            }
        }
    }
}

/* Each output multiplies once for each pair and number. */
static void scores_backward_cost(const heed_node *node, heed_cost *cost)
{
    const heed_attention_run run = heed_attention_run_of_node(node, EXTRA, false);
    const int64_t products = run.extra[HEED_ATTENTION_RELATIVE] != NULL ? 4 : 2;

    cost->flops += (2.0 * (double)(products * run.head_dim) + (bias_of(node) != NULL ? 1.0 : 0.0)) *
                   heed_attention_pairs(&run);
    heed_cost_add_traffic(node, cost);
}

/* --- explaining: the same sum over the pairs that reach one number --------------------------------- */

/* Where the numbers of row `of` that the pair meets begin, as an index into the input. */
static int64_t met_index(const pair *p, int output)
{
    const heed_attention_run *run = p->row->run;
    const heed_tensor *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const int64_t query = (p->row->b * run->n_heads + p->row->h) * run->n_query + p->row->i;

    if (output == Q)
        return ((p->row->b * run->n_kv_heads + p->row->h / run->group) * run->capacity + p->j) * run->head_dim;
    if (output == DQ_RELATIVE)
        return ((relative->shape.rank == 3 ? p->row->h * relative->shape.size[1] : 0) +
                run->attrs->relative_zero + p->j - run->position - p->row->i) *
               run->head_dim;
    return query * run->head_dim;
}

static const char *role_of(int output)
{
    static const char *const roles[] = {"k", "q", "ds", "relative", "q_relative"};

    return roles[output];
}

/* What one element of an output adds up. */
typedef struct met_pairs {
    heed_figure_list ds, x;
} met_pairs;

/* Adds the pairs of one query that reach column d of the output's row at `place`. */
static void explain_query(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row, int output,
                          int64_t place, int64_t d, met_pairs *pairs)
{
    static const int met[] = {K, Q, DS, EXTRA + HEED_ATTENTION_RELATIVE, EXTRA + HEED_ATTENTION_Q_RELATIVE};
    const heed_attention_run *run = row->run;
    const int64_t number = (row->b * run->n_heads + row->h) * run->n_query + row->i;
    bool noted = false;

    for (int64_t j = 0; j < run->n_key; j++) {
        const pair p = {.row = row, .j = j};

        if (row_of_output(&p, output, a->outs[output]).at != place || (output == DBIAS && j != d))
            continue;
        if (!noted)
            heed_attention_explain_mask(e, a, run, EXTRA, row);
        noted = true;
        if (!heed_attention_sees(row, j))
            continue;
        heed_explain_add(e, &pairs->ds, heed_explain_figure(e, a, DS, "ds", number * run->capacity + j));
        if (output != DBIAS)
            heed_explain_add(
                e, &pairs->x,
                heed_explain_figure(e, a, met[output], role_of(output), met_index(&p, output) + d));
    }
}

static void scores_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, false);
    const heed_figure scale = heed_constant((double)run.attrs->scale);
    const int64_t d = element % heed_cols(a->outs[output]);
    const int64_t place = heed_tensor_offset(a->outs[output], element - d);
    met_pairs pairs = {{0}, {0}};

    for (int64_t number = 0; a->in[input_of(output)] != NULL && number < heed_rows(a->in[DS]); number++) {
        const int64_t bh = number / run.n_query;
        const heed_attention_row row = heed_attention_row_begin(&run, bh / run.n_heads, bh % run.n_heads,
                                                                number % run.n_query);
        explain_query(e, a, &row, output, place, d, &pairs);
    }
    if (output == DBIAS) {
        heed_explain_formula(e, "sum of ds_ij over the heads and batches that share it");
        heed_explain_sum(e, "dbias", pairs.ds.n, "ds", heed_figures_of(pairs.ds.figures));
        return;
    }
    heed_explain_formula(e, "sum of %g ds_ij %s over the pairs that meet here", (double)run.attrs->scale,
                         role_of(output));
    heed_explain_sum(e, "sum", pairs.ds.n, "scale * ds * x", heed_explain_same(e, scale),
                     heed_figures_of(pairs.ds.figures), heed_figures_of(pairs.x.figures));
}

const heed_op heed_op_attention_scores_backward = {
    .name = "attention_scores_backward",
    .n_inputs = N_INPUTS,
    .required_inputs = EXTRA,
    .n_outputs = N_OUTPUTS,
    .shape = scores_backward_shape,
    .forward = scores_backward_forward,
    .cost = scores_backward_cost,
    .explain = scores_backward_explain,
};
