/* SPDX-License-Identifier: MIT */
/* Where one number of a gradient of attention came from. */
#include "ops/attention_backward.h"

/* Notes what one query contributes to any gradient, but for the values it looked at. */
static void note_query(const heed_op_args *a, const heed_attention_row *row, heed_explanation *e)
{
    const heed_attention_run *run = row->run;
    const int64_t number = (row->b * run->n_heads + row->h) * run->n_query + row->i, Dv = run->v_dim;

    heed_attention_explain_row(e, a, row, HEED_BACKWARD_EXTRA);
    heed_explain_read(e, a, HEED_BACKWARD_Z, "z", number * Dv, 1, Dv);
    heed_explain_read(e, a, HEED_BACKWARD_DZ, "dz", number * Dv, 1, Dv);
    heed_explain_read1(e, a, HEED_BACKWARD_MAX, "max", number);
    heed_explain_read1(e, a, HEED_BACKWARD_SUM, "sum", number);
}

/* Values begin .. end-1 of key/value head (b, h_kv). */
static void note_values(const heed_op_args *a, const heed_attention_run *run, int64_t b, int64_t h_kv,
                        int64_t begin, int64_t end, heed_explanation *e)
{
    const int64_t first = (b * run->n_kv_heads + h_kv) * run->capacity, Dv = run->v_dim;

    heed_explain_read(e, a, HEED_BACKWARD_V, "v", (first + begin) * Dv, 1, (end - begin) * Dv);
}

static void note_all(const heed_op_args *a, const heed_attention_run *run, int64_t b, int64_t h,
                     heed_explanation *e)
{
    note_values(a, run, b, h / run->group, 0, run->n_key, e);
    for (int64_t i = 0; i < run->n_query; i++) {
        const heed_attention_row row = heed_attention_row_begin(run, b, h, i);

        note_query(a, &row, e);
    }
}

/* dq and dq_relative: one query against all keys. */
static void note_for_query(const heed_op_args *a, const heed_attention_run *run, int64_t number,
                           heed_explanation *e)
{
    const int64_t h = number / run->n_query % run->n_heads, b = number / run->n_query / run->n_heads;
    const heed_attention_row row = heed_attention_row_begin(run, b, h, number % run->n_query);

    note_query(a, &row, e);
    note_values(a, run, b, h / run->group, 0, run->n_key, e);
}

/* dk and dv: one key against all queries of its heads. */
static void note_for_key(const heed_op_args *a, const heed_attention_run *run, int64_t number,
                         heed_explanation *e)
{
    const int64_t h_kv = number / run->capacity % run->n_kv_heads, b = number / run->capacity / run->n_kv_heads;

    for (int64_t h = h_kv * run->group; h < (h_kv + 1) * run->group; h++)
        note_all(a, run, b, h, e);
}

/* dbias and drelative: the batches and heads that share the row. */
static void note_for_shared(const heed_op_args *a, const heed_attention_run *run, int output, int64_t number,
                            heed_explanation *e)
{
    const int rank = a->outs[output]->shape.rank;
    const int64_t leading = number / a->outs[output]->shape.size[rank - 2];

    for (int64_t b = 0; b < run->batch; b++) {
        for (int64_t h = 0; h < run->n_heads; h++) {
            if ((rank < 4 || b == leading / run->n_heads) && (rank < 3 || h == leading % run->n_heads))
                note_all(a, run, b, h, e);
        }
    }
}

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
    const heed_attention_run run = heed_attention_run_of(a, HEED_BACKWARD_EXTRA, true);
    const int64_t number = element / heed_cols(a->outs[output]);

    if (heed_attention_backward_is_absent(&run, output)) {
        heed_explain_formula(e, "0: what this would be the gradient of is not there");
        heed_explain_value(e, 0.0f);
        return;
    }
    switch (output) {
    case HEED_BACKWARD_Q:
    case HEED_BACKWARD_DQ_RELATIVE:
        note_for_query(a, &run, number, e);
        break;
    case HEED_BACKWARD_K:
    case HEED_BACKWARD_V:
        note_for_key(a, &run, number, e);
        break;
    default:
        note_for_shared(a, &run, output, number, e);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    heed_explain_formula(e, formulas[output], (double)run.attrs->scale);
#pragma GCC diagnostic pop
    heed_explain_value(e, heed_attention_backward_element(a, &run, output, element));
}
