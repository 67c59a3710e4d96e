/* SPDX-License-Identifier: MIT */
/* Attention's explanations: what decides who sees whom, what scores are made from, and the lines of both. */
#include <math.h>

#include "kernels/mask.h"
#include "ops/attention.h"

static const heed_tensor *extra_of(const heed_op_args *a, int extra, heed_attention_extra which)
{
    return a->in[extra + (int)which];
}

void heed_attention_explain_mask(heed_explanation *e, const heed_op_args *a, const heed_attention_run *run,
                                 int extra, const heed_attention_row *row)
{
    const heed_tensor *blocks = extra_of(a, extra, HEED_ATTENTION_BLOCKS),
                      *pairs = extra_of(a, extra, HEED_ATTENTION_PAIRS);

    if (extra_of(a, extra, HEED_ATTENTION_PAST) != NULL)
        heed_explain_read1(e, a, extra + HEED_ATTENTION_PAST, "past",
                           heed_past_rows(run->extra[HEED_ATTENTION_PAST]) > 1 ? row->b : 0);
    if (extra_of(a, extra, HEED_ATTENTION_KEYS) != NULL)
        heed_explain_read(e, a, extra + HEED_ATTENTION_KEYS, "keys", row->b * run->capacity, 1, run->n_key);
    if (extra_of(a, extra, HEED_ATTENTION_DOCUMENTS) != NULL)
        heed_explain_read(e, a, extra + HEED_ATTENTION_DOCUMENTS, "documents", row->b * run->capacity, 1,
                          run->n_key);
    if (blocks != NULL)
        heed_explain_read(e, a, extra + HEED_ATTENTION_BLOCKS, "blocks",
                          row->i / run->attrs->block * heed_cols(blocks), 1, heed_cols(blocks));
    if (pairs != NULL)
        heed_explain_read(e, a, extra + HEED_ATTENTION_PAIRS, "pairs",
                          ((pairs->shape.size[0] == 1 ? 0 : row->b) * run->n_query + row->i) * run->capacity, 1,
                          run->n_key);
}

/* The first row of head (b, h) in a tensor [n, m], [H, n, m] or [B, H, n, m], counted in rows. */
static int64_t first_row(const heed_tensor *x, const heed_attention_row *row)
{
    const int64_t *size = x->shape.size;

    switch (x->shape.rank) {
    case 4:
        return (row->b * size[1] + row->h) * size[2];
    case 3:
        return row->h * size[1];
    default:
        return 0;
    }
}

heed_figures heed_attention_read_keys(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                      const heed_attention_row *row, int64_t n, int64_t begin, int64_t end)
{
    const heed_attention_run *run = row->run;
    const int64_t kv = (row->b * run->n_kv_heads + row->h / run->group) * run->capacity;

    return heed_explain_operand(e, a, input, role, (kv + begin) * n, 1, (end - begin) * n);
}

heed_attention_operands heed_attention_read(heed_explanation *e, const heed_op_args *a,
                                            const heed_attention_row *row, int extra, heed_figures k,
                                            int64_t begin, int64_t end)
{
    const heed_attention_run *run = row->run;
    const heed_tensor *bias = extra_of(a, extra, HEED_ATTENTION_BIAS),
                      *relative = extra_of(a, extra, HEED_ATTENTION_RELATIVE);
    const int64_t D = run->head_dim, query = (row->b * run->n_heads + row->h) * run->n_query + row->i;
    heed_attention_operands operands = {.row = row, .begin = begin, .end = end, .k = k};

    operands.q = heed_explain_operand(e, a, 0, "q", query * D, 1, D);
    if (bias != NULL)
        operands.bias = heed_explain_operand(e, a, extra + HEED_ATTENTION_BIAS, "bias",
                                             (first_row(bias, row) + row->i) * run->capacity + begin, 1,
                                             end - begin);
    if (relative != NULL) {
        const int64_t n = relative->shape.size[relative->shape.rank - 2];
        const int64_t zero = run->attrs->relative_zero - run->position - row->i;
        const int64_t from = zero + begin > 0 ? zero + begin : 0, to = zero + end < n ? zero + end : n;

        operands.relative_begin = from;
        operands.q_relative = heed_explain_operand(e, a, extra + HEED_ATTENTION_Q_RELATIVE, "q_relative",
                                                   query * D, 1, D);
        operands.relative = heed_explain_operand(e, a, extra + HEED_ATTENTION_RELATIVE, "relative",
                                                 (first_row(relative, row) + from) * D, 1,
                                                 to > from ? (to - from) * D : 0);
    }
    return operands;
}

/* --- scores --------------------------------------------------------------------------------------- */

/* s, the product with a distance's row added. */
static heed_figure explain_relative(heed_explanation *e, const heed_attention_operands *operands,
                                    const char *label, int64_t distance, heed_figure s)
{
    const int64_t D = operands->row->run->head_dim;
    const int64_t at = operands->row->run->attrs->relative_zero - distance - operands->relative_begin;
    const heed_figure met = heed_explain_sum(e, "met", D, "q_relative[d] * relative[d]", operands->q_relative,
                                             heed_figures_part(operands->relative, at * D, 1));

    return heed_explain_step(e, label, "s + met", s, met);
}

heed_figure heed_attention_explain_score(heed_explanation *e, const heed_attention_operands *operands,
                                         int64_t j)
{
    const heed_attention_row *row = operands->row;
    const heed_attention_run *run = row->run;
    const int64_t distance = run->position + row->i - j, D = run->head_dim, nth = j - operands->begin;
    const bool biased = run->extra[HEED_ATTENTION_BIAS] != NULL, leans = row->slope != 0.0f;
    const bool relative = run->extra[HEED_ATTENTION_RELATIVE] != NULL;
    const char *label = heed_explain_label(e, "s[%lld,%lld]", (long long)row->i, (long long)j);
    const heed_figure slope = heed_constant((double)row->slope), back = heed_constant((double)distance);
    const heed_figure scale = heed_constant((double)run->attrs->scale);
    heed_figure s = heed_explain_sum(e, relative || biased || leans ? "q . k" : label, D, "q[d] * k[d]",
                                     operands->q, heed_figures_part(operands->k, nth * D, 1));

    if (relative)
        s = explain_relative(e, operands, biased || leans ? "q . (k + relative)" : label, distance, s);
    if (biased && leans)
        return heed_explain_step(e, label, "s + (bias - slope * back) / scale", s,
                                 heed_explain_at(e, operands->bias, nth), slope, back, scale);
    if (biased)
        return heed_explain_step(e, label, "s + bias / scale", s, heed_explain_at(e, operands->bias, nth),
                                 scale);
    return leans ? heed_explain_step(e, label, "s - slope * back / scale", s, slope, back, scale) : s;
}

void heed_attention_explain_scaled(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                                   int extra, int64_t j)
{
    heed_attention_explain_mask(e, a, row->run, extra, row);
    const heed_figures k = heed_attention_read_keys(e, a, 1, "k", row, row->run->head_dim, j, j + 1);
    const heed_attention_operands operands = heed_attention_read(e, a, row, extra, k, j, j + 1);
    const heed_figure s = heed_attention_explain_score(e, &operands, j);

    heed_explain_step(e, "score", "scale * s", heed_constant((double)row->run->attrs->scale), s);
}

void heed_attention_explain_hidden_pair(heed_explanation *e, const heed_attention_row *row, int64_t j,
                                        const char *label, float value)
{
    if (j >= row->run->n_key)
        heed_explain_found(e, label, (double)value, "key %lld does not exist yet", (long long)j);
    else
        heed_explain_found(e, label, (double)value, "query %lld does not see key %lld: %s", (long long)row->i,
                           (long long)j, heed_hiding_text(heed_mask_hides(&row->mask, row->i, j)));
}

void heed_attention_explain_hidden(heed_explanation *e, const heed_attention_row *row)
{
    const int64_t n = row->run->n_key;

    for (int64_t j = 0, end; j < n; j = end) {
        const heed_hiding why = heed_mask_hides(&row->mask, row->i, j);

        for (end = j + 1; end < n && heed_mask_hides(&row->mask, row->i, end) == why;)
            end++;
        if (why != HEED_HIDDEN_NOT && end == j + 1)
            heed_explain_note(e, "query %lld does not see key %lld: %s", (long long)row->i, (long long)j,
                              heed_hiding_text(why));
        else if (why != HEED_HIDDEN_NOT)
            heed_explain_note(e, "query %lld does not see keys %lld to %lld: %s", (long long)row->i,
                              (long long)j, (long long)(end - 1), heed_hiding_text(why));
    }
}

/* --- what a row of scores becomes ----------------------------------------------------------------- */

heed_attention_figures heed_attention_explain_scores(heed_explanation *e, const heed_op_args *a,
                                                     const heed_attention_row *row, int extra)
{
    const heed_attention_run *run = row->run;
    const heed_key_range range = heed_mask_range(&row->mask, row->i, row->i + 1, run->n_key);
    heed_attention_figures figures = {.scores = heed_explain_room(e, run->n_key)};
    heed_figure_list seen = {0};

    heed_attention_explain_mask(e, a, run, extra, row);
    const heed_figures k = heed_attention_read_keys(e, a, 1, "k", row, run->head_dim, range.begin, range.end);
    const heed_attention_operands operands = heed_attention_read(e, a, row, extra, k, range.begin, range.end);

    heed_attention_explain_hidden(e, row);
    if (row->blind) {
        heed_explain_note(e, "it sees nothing, so every score is -1e9");
        figures.max = heed_explain_step(e, "max", "-1e9 / scale", heed_constant((double)run->attrs->scale));
        return figures;
    }
    heed_explain_enter(e);
    for (int64_t j = 0; j < run->n_key; j++) {
        if (!heed_attention_sees(row, j))
            continue;
        figures.scores[j] = heed_attention_explain_score(e, &operands, j);
        heed_explain_add(e, &seen, figures.scores[j]);
    }
    heed_explain_leave(e);
    figures.max = heed_explain_largest(e, "max", seen.n, heed_figures_of(seen.figures));
    return figures;
}

void heed_attention_explain_sum(heed_explanation *e, const heed_attention_row *row,
                                heed_attention_figures *figures)
{
    const heed_attention_run *run = row->run;
    heed_figure_list seen = {0};

    figures->m = heed_explain_shift(e, figures->max);
    if (row->blind) {
        figures->sum = heed_explain_found(e, "sum", (double)run->n_key, "each of the keys weighs the same");
        return;
    }
    for (int64_t j = 0; j < run->n_key; j++) {
        if (heed_attention_sees(row, j))
            heed_explain_add(e, &seen, figures->scores[j]);
    }
    figures->sum = heed_explain_sum(e, "sum", seen.n, "exp(scale * (s[j] - m))",
                                    heed_explain_same(e, heed_constant((double)run->attrs->scale)),
                                    heed_figures_of(seen.figures), heed_explain_same(e, figures->m));
}

heed_figure heed_attention_explain_weight(heed_explanation *e, const heed_attention_row *row, int64_t j,
                                          heed_figure score, heed_figure m, heed_figure sum)
{
    const char *label = heed_explain_label(e, "p[%lld,%lld]", (long long)row->i, (long long)j);

    if (row->blind)
        return heed_explain_step(e, label, "1 / sum", sum);
    if (sum.value == 0.0)
        return heed_explain_found(e, label, 0.0, "the query sees nothing");
    return heed_explain_step(e, label, "exp(scale * (s - m)) / sum",
                             heed_constant((double)row->run->attrs->scale), score, m, sum);
}
