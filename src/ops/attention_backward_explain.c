/* SPDX-License-Identifier: MIT */
/* Where one number of a gradient of attention came from: the pairs that reach it, as attention_backward_plain.c sums them. */
#include "kernels/mask.h"
#include "ops/attention_backward.h"

/* --- one pair ------------------------------------------------------------------------------------- */

/* A query with keys: what their weights are made from, and the gradients of their scores. */
typedef struct query_lines {
    heed_attention_row row;
    int64_t number;
    heed_attention_operands operands;
    heed_figure m, sum;
    heed_figures dz, v; /* [Dv], [keys, Dv] */
    heed_figure delta;  /* dz_i . z_i */
} query_lines;

/* Notes query i with keys begin .. end - 1, whose k has been read: enough for weights. */
static query_lines read_query(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                              heed_figures k, int64_t begin, int64_t end)
{
    const heed_attention_run *run = row->run;
    const int64_t number = (row->b * run->n_heads + row->h) * run->n_query + row->i;
    query_lines q = {.row = *row, .number = number};

    q.m = heed_explain_shift(e, heed_explain_figure(e, a, HEED_BACKWARD_MAX, "max", number));
    q.sum = heed_explain_figure(e, a, HEED_BACKWARD_SUM, "sum", number);
    q.operands = heed_attention_read(e, a, row, HEED_BACKWARD_EXTRA, k, begin, end);
    return q;
}

/* What the gradients of its scores need, too. v: of the same keys, read before. */
static void read_gradient(heed_explanation *e, const heed_op_args *a, query_lines *q, heed_figures v)
{
    const int64_t Dv = q->row.run->v_dim;
    const heed_figures z = heed_explain_operand(e, a, HEED_BACKWARD_Z, "z", q->number * Dv, 1, Dv);

    q->v = v;
    q->dz = heed_explain_operand(e, a, HEED_BACKWARD_DZ, "dz", q->number * Dv, 1, Dv);
    q->delta = heed_explain_sum(e, "delta", Dv, "dz[c] * z[c]", q->dz, z);
}

/* The weight of key j, which takes part. */
static heed_figure explain_weight(heed_explanation *e, const query_lines *q, int64_t j)
{
    const heed_figure none = heed_constant(0.0);
    const heed_figure s = q->row.blind ? none : heed_attention_explain_score(e, &q->operands, j);

    return heed_attention_explain_weight(e, &q->row, j, s, q->m, q->sum);
}

/* The gradient of the scaled score of a key that is seen; times the scale for those of q and k. */
static heed_figure explain_score_gradient(heed_explanation *e, const query_lines *q, int64_t j, bool scaled)
{
    const int64_t Dv = q->row.run->v_dim;
    const heed_figure p = explain_weight(e, q, j);
    const heed_figure met = heed_explain_sum(e, "met", Dv, "dz[c] * v[c]", q->dz,
                                             heed_figures_part(q->v, (j - q->operands.begin) * Dv, 1));
    const char *label = heed_explain_label(e, "ds[%lld,%lld]", (long long)q->row.i, (long long)j);

    if (!scaled)
        return heed_explain_step(e, label, "p * (met - delta)", p, met, q->delta);
    return heed_explain_step(e, label, "scale * (p * (met - delta))",
                             heed_constant((double)q->row.run->attrs->scale), p, met, q->delta);
}

/* --- what reaches one number ---------------------------------------------------------------------- */

typedef struct terms {
    heed_figure_list factor, x;
} terms;

/* dq and dq_relative: one query against all keys that it sees. */
static void add_keys(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row, int output,
                     int64_t d, terms *t)
{
    const heed_attention_run *run = row->run;
    const heed_key_range range = heed_mask_range(&row->mask, row->i, row->i + 1, run->n_key);
    const int64_t D = run->head_dim, back = run->position + row->i;

    heed_attention_explain_mask(e, a, run, HEED_BACKWARD_EXTRA, row);
    const heed_figures k = heed_attention_read_keys(e, a, HEED_BACKWARD_K, "k", row, D, range.begin, range.end);
    const heed_figures v = heed_attention_read_keys(e, a, HEED_BACKWARD_V, "v", row, run->v_dim, range.begin,
                                                    range.end);
    query_lines q = read_query(e, a, row, k, range.begin, range.end);

    read_gradient(e, a, &q, v);
    heed_attention_explain_hidden(e, row);
    for (int64_t j = range.begin; j < range.end; j++) {
        const int64_t relative = run->attrs->relative_zero + j - back - q.operands.relative_begin;

        if (!heed_attention_sees(row, j))
            continue;
        heed_explain_add(e, &t->factor, explain_score_gradient(e, &q, j, true));
        heed_explain_add(e, &t->x,
                         output == HEED_BACKWARD_Q ? heed_explain_at(e, k, (j - range.begin) * D + d)
                                                   : heed_explain_at(e, q.operands.relative, relative * D + d));
    }
}

/* The others: one key of one query, when they meet. */
static void add_pair(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row, int output,
                     int64_t j, int64_t d, heed_figures k, heed_figures v, terms *t)
{
    const bool takes_part = output == HEED_BACKWARD_V ? heed_attention_weighs(row, j)
                                                      : heed_attention_sees(row, j);

    heed_attention_explain_mask(e, a, row->run, HEED_BACKWARD_EXTRA, row);
    if (!takes_part)
        return;
    query_lines q = read_query(e, a, row, k, j, j + 1);

    if (output == HEED_BACKWARD_V) {
        heed_explain_add(e, &t->factor, explain_weight(e, &q, j));
        heed_explain_add(e, &t->x,
                         heed_explain_figure(e, a, HEED_BACKWARD_DZ, "dz", q.number * row->run->v_dim + d));
        return;
    }
    read_gradient(e, a, &q, v);
    heed_explain_add(e, &t->factor, explain_score_gradient(e, &q, j, output != HEED_BACKWARD_DBIAS));
    if (output == HEED_BACKWARD_K)
        heed_explain_add(e, &t->x, heed_explain_at(e, q.operands.q, d));
    else if (output == HEED_BACKWARD_DRELATIVE)
        heed_explain_add(e, &t->x, heed_explain_at(e, q.operands.q_relative, d));
}

/* dk and dv: one key against all queries of its heads. */
static void add_queries(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run, int output,
                        int64_t number, int64_t d, terms *t)
{
    const int64_t j = number % run->capacity, h_kv = number / run->capacity % run->n_kv_heads;
    const int64_t b = number / run->capacity / run->n_kv_heads, first = h_kv * run->group;

    if (j >= run->n_key)
        return;
    const heed_attention_row any = heed_attention_row_begin(run, b, first, 0);
    const heed_figures k = heed_attention_read_keys(e, a, HEED_BACKWARD_K, "k", &any, run->head_dim, j, j + 1);
    const heed_figures v = output == HEED_BACKWARD_V ? (heed_figures){0}
                                                     : heed_attention_read_keys(e, a, HEED_BACKWARD_V, "v",
                                                                                &any, run->v_dim, j, j + 1);

    for (int64_t h = first; h < first + run->group; h++) {
        const int64_t before = t->factor.n;

        for (int64_t i = 0; i < run->n_query; i++) {
            const heed_attention_row row = heed_attention_row_begin(run, b, h, i);

            add_pair(e, a, &row, output, j, d, k, v, t);
        }
        heed_explain_note(e, "%lld of the %lld queries of head %lld see key %lld",
                          (long long)(t->factor.n - before), (long long)run->n_query, (long long)h,
                          (long long)j);
    }
}

/* dbias (query `only`, key j) and drelative (only -1: all queries, key j ahead of query 0): in one head. */
static void add_head(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run, int output,
                     int64_t b, int64_t h, int64_t only, int64_t j, int64_t d, terms *t)
{
    for (int64_t i = only < 0 ? 0 : only; i < (only < 0 ? run->n_query : only + 1); i++) {
        const heed_attention_row row = heed_attention_row_begin(run, b, h, i);
        const int64_t key = only < 0 ? j + i : j;

        if (key < 0 || key >= run->n_key)
            continue;
        const heed_figures k = heed_attention_read_keys(e, a, HEED_BACKWARD_K, "k", &row, run->head_dim, key,
                                                        key + 1);
        const heed_figures v = heed_attention_read_keys(e, a, HEED_BACKWARD_V, "v", &row, run->v_dim, key,
                                                        key + 1);

        add_pair(e, a, &row, output, key, d, k, v, t);
    }
}

/* dbias and drelative: the batches and heads that share the row, batches outside. */
static void add_shared(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run, int output,
                       int64_t number, int64_t d, terms *t)
{
    const int rank = a->outs[output]->shape.rank;
    const int64_t rows = a->outs[output]->shape.size[rank - 2], leading = number / rows;
    const bool bias = output == HEED_BACKWARD_DBIAS;
    const int64_t ahead = number % rows - run->attrs->relative_zero + run->position;

    for (int64_t b = 0; b < run->batch; b++) {
        for (int64_t h = 0; h < run->n_heads; h++) {
            if ((rank < 4 || b == leading / run->n_heads) && (rank < 3 || h == leading % run->n_heads))
                add_head(e, a, run, output, b, h, bias ? number % rows : -1, bias ? d : ahead, d, t);
        }
    }
}

static terms terms_of(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run, int output,
                      int64_t element)
{
    const int64_t number = element / heed_cols(a->outs[output]), d = element % heed_cols(a->outs[output]);
    terms t = {{0}, {0}};

    if (output == HEED_BACKWARD_Q || output == HEED_BACKWARD_DQ_RELATIVE) {
        const int64_t h = number / run->n_query % run->n_heads, b = number / run->n_query / run->n_heads;
        const heed_attention_row row = heed_attention_row_begin(run, b, h, number % run->n_query);

        add_keys(e, a, &row, output, d, &t);
    } else if (output == HEED_BACKWARD_K || output == HEED_BACKWARD_V) {
        add_queries(e, a, run, output, number, d, &t);
    } else {
        add_shared(e, a, run, output, number, d, &t);
    }
    return t;
}

/* --- the sum -------------------------------------------------------------------------------------- */

void heed_attention_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    static const char *const formulas[] = {
        "dq_i = sum_j ds_ij k_j, ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i)",
        "dk_j = sum_i ds_ij q_i, ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i)",
        "dv_j = sum_i p_ij dz_i, p_ij = exp(%g (s_ij - max_i)) / sum_i",
        "dbias_ij = p_ij (dz_i . v_j - dz_i . z_i), p_ij = exp(%g (s_ij - max_i)) / sum_i",
        "dq_relative_i = sum_j ds_ij relative[j - i], ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i)",
        "drelative[j - i] = sum_i ds_ij q_relative_i, ds_ij = %g p_ij (dz_i . v_j - dz_i . z_i)",
    };
    static const struct {
        const char *label, *formula;
    } sums[] = {{"dq", "ds[j] * k[j]"}, {"dk", "ds[i] * q[i]"},           {"dv", "p[i] * dz[i]"},
                {"dbias", "ds"},        {"dq_relative", "ds * relative"}, {"drelative", "ds * q_relative"}};
    const heed_attention_run run = heed_attention_run_of(a, HEED_BACKWARD_EXTRA, true);

    if (heed_attention_backward_is_absent(&run, output)) {
        heed_explain_formula(e, "0: what this would be the gradient of is not there");
        heed_explain_found(e, "d", 0.0, "what this would be the gradient of is not there");
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    heed_explain_formula(e, formulas[output], (double)run.attrs->scale);
#pragma GCC diagnostic pop
    heed_explain_enter(e);
    const terms t = terms_of(e, a, &run, output, element);

    heed_explain_leave(e);
    heed_explain_sum(e, sums[output].label, t.factor.n, sums[output].formula, heed_figures_of(t.factor.figures),
                     heed_figures_of(t.x.figures));
}
