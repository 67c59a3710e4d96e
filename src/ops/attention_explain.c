/* SPDX-License-Identifier: MIT */
/* The operands of attention's explanations: what decides who sees whom, and what scores are made from. */
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

/* bias, q_relative and relative of keys begin .. end-1. */
static void explain_added(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row, int extra,
                          int64_t begin, int64_t end)
{
    const heed_attention_run *run = row->run;
    const heed_tensor *bias = extra_of(a, extra, HEED_ATTENTION_BIAS),
                      *relative = extra_of(a, extra, HEED_ATTENTION_RELATIVE);
    const int64_t D = run->head_dim;

    if (bias != NULL)
        heed_explain_read(e, a, extra + HEED_ATTENTION_BIAS, "bias",
                          (first_row(bias, row) + row->i) * run->capacity + begin, 1, end - begin);
    if (relative != NULL) {
        const int64_t n = relative->shape.size[relative->shape.rank - 2];
        const int64_t zero = run->attrs->relative_zero - run->position - row->i;
        const int64_t from = zero + begin > 0 ? zero + begin : 0, to = zero + end < n ? zero + end : n;

        heed_explain_read(e, a, extra + HEED_ATTENTION_Q_RELATIVE, "q_relative",
                          ((row->b * run->n_heads + row->h) * run->n_query + row->i) * D, 1, D);
        heed_explain_read(e, a, extra + HEED_ATTENTION_RELATIVE, "relative",
                          (first_row(relative, row) + from) * D, 1, to > from ? (to - from) * D : 0);
    }
}

void heed_attention_explain_row(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                                int extra)
{
    const heed_attention_run *run = row->run;
    const int64_t kv = (row->b * run->n_kv_heads + row->h / run->group) * run->capacity, D = run->head_dim;
    heed_key_range range = heed_mask_range(&row->mask, row->i, row->i + 1, run->n_key);

    heed_attention_explain_mask(e, a, run, extra, row);
    heed_explain_read(e, a, 0, "q", ((row->b * run->n_heads + row->h) * run->n_query + row->i) * D, 1, D);
    heed_explain_read(e, a, 1, "k", (kv + range.begin) * D, 1, (range.end - range.begin) * D);
    explain_added(e, a, row, extra, range.begin, range.end);
}

void heed_attention_explain_pair(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                                 int extra, int64_t j)
{
    explain_added(e, a, row, extra, j, j + 1);
}
