/* SPDX-License-Identifier: MIT */
/*
 * The gradient of attention in plain sums, one output row at a time; see attention_backward.c for the formulas.
 *
 * Weights are formed again from max and sum. dk and dv sum over the query heads of their group too, first all queries of
 * one head, then those of the next. A bias or a table of distances that is shared by batches or heads gets the sum over
 * them, batches outside. A number is summed in f32 and rounded once.
 */
#include "ops/attention_backward.h"

enum { Q = HEED_BACKWARD_Q, K = HEED_BACKWARD_K, V = HEED_BACKWARD_V };

enum { PART = 64 }; /* numbers of a row that are summed side by side */

/* --- one pair ------------------------------------------------------------------------------------ */

/* A query with the gradient of its z. */
typedef struct backward_row {
    heed_attention_row row;
    heed_attention_numbers dz;
    float delta; /* dz_i . z_i */
} backward_row;

static float statistic_at(const heed_tensor *x, const heed_attention_row *row)
{
    return ((const float *)x->data)[(row->b * row->run->n_heads + row->h) * row->run->n_query + row->i];
}

static backward_row row_of(const heed_op_args *a, const heed_attention_run *run, int64_t b, int64_t h,
                           int64_t i)
{
    const heed_attention_numbers z = heed_attention_numbers_of(a->in[HEED_BACKWARD_Z], b, h, i);
    backward_row of = {.row = heed_attention_row_begin(run, b, h, i),
                       .dz = heed_attention_numbers_of(a->in[HEED_BACKWARD_DZ], b, h, i)};

    of.row.max = statistic_at(a->in[HEED_BACKWARD_MAX], &of.row);
    of.row.sum = statistic_at(a->in[HEED_BACKWARD_SUM], &of.row);
    of.delta = heed_attention_dot(&of.dz, &z, run->v_dim);
    return of;
}

/* The gradient of the scaled score of a key that is seen. */
static float score_gradient(const backward_row *of, int64_t j)
{
    const heed_attention_run *run = of->row.run;
    const heed_attention_numbers v = heed_attention_numbers_of(run->v, of->row.b, of->row.h / run->group, j);

    return heed_attention_pattern(&of->row, j) * (heed_attention_dot(&of->dz, &v, run->v_dim) - of->delta);
}

static void add_multiple(float *sum, float factor, const heed_attention_numbers *x, int64_t d, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        sum[c] += factor * heed_attention_number(x, d + c);
}

/* --- rows of the outputs: numbers d .. d+n-1 are added to sum ------------------------------------- */

/* dq_i or dq_relative_i: what the query met at each key, times the score's gradient. */
static void sum_query(const heed_op_args *a, const heed_attention_run *run, int output, int64_t number,
                      int64_t d, int64_t n, float *sum)
{
    const int64_t i = number % run->n_query, h = number / run->n_query % run->n_heads;
    const int64_t b = number / run->n_query / run->n_heads,
                  zero = run->attrs->relative_zero - run->position - i;
    const backward_row of = row_of(a, run, b, h, i);

    for (int64_t j = 0; j < run->n_key; j++) {
        if (!heed_attention_sees(&of.row, j))
            continue;
        const heed_attention_numbers x = output == Q ? heed_attention_numbers_of(run->k, b, h / run->group, j)
                                                     : heed_attention_numbers_of(
                                                           run->extra[HEED_ATTENTION_RELATIVE], b, h, zero + j);
        add_multiple(sum, run->attrs->scale * score_gradient(&of, j), &x, d, n);
    }
}

/* dk_j or dv_j: every query of the heads that share the key. */
static void sum_key(const heed_op_args *a, const heed_attention_run *run, int output, int64_t number, int64_t d,
                    int64_t n, float *sum)
{
    const int64_t j = number % run->capacity, h_kv = number / run->capacity % run->n_kv_heads;
    const int64_t b = number / run->capacity / run->n_kv_heads;

    for (int64_t h = h_kv * run->group; j < run->n_key && h < (h_kv + 1) * run->group; h++) {
        for (int64_t i = 0; i < run->n_query; i++) {
            const backward_row of = row_of(a, run, b, h, i);
            const heed_attention_numbers q = heed_attention_numbers_of(run->q, b, h, i);

            if (output == V && heed_attention_weighs(&of.row, j))
                add_multiple(sum, heed_attention_pattern(&of.row, j), &of.dz, d, n);
            if (output == K && heed_attention_sees(&of.row, j))
                add_multiple(sum, run->attrs->scale * score_gradient(&of, j), &q, d, n);
        }
    }
}

/* Calls what follows for the batches and heads that share rows of x [.., n, m]. */
static void heads_that_share(const heed_tensor *x, const heed_attention_run *run, int64_t leading,
                             int64_t *b_begin, int64_t *b_end, int64_t *h_begin, int64_t *h_end)
{
    const int rank = x->shape.rank;

    *b_begin = rank == 4 ? leading / run->n_heads : 0;
    *b_end = rank == 4 ? *b_begin + 1 : run->batch;
    *h_begin = rank >= 3 ? leading % run->n_heads : 0;
    *h_end = rank >= 3 ? *h_begin + 1 : run->n_heads;
}

/* dbias: numbers of a row are keys. */
static void sum_bias(const heed_op_args *a, const heed_attention_run *run, int64_t number, int64_t d, int64_t n,
                     float *sum)
{
    const int64_t i = number % run->n_query;
    int64_t b_begin, b_end, h_begin, h_end;

    heads_that_share(run->extra[HEED_ATTENTION_BIAS], run, number / run->n_query, &b_begin, &b_end, &h_begin,
                     &h_end);
    for (int64_t b = b_begin; b < b_end; b++) {
        for (int64_t h = h_begin; h < h_end; h++) {
            const backward_row of = row_of(a, run, b, h, i);

            for (int64_t j = d; j < d + n && j < run->n_key; j++) {
                if (heed_attention_sees(&of.row, j))
                    sum[j - d] += score_gradient(&of, j);
            }
        }
    }
}

/* A row of drelative belongs to one distance: query i meets it at one key. */
static void sum_relative(const heed_op_args *a, const heed_attention_run *run, int64_t number, int64_t d,
                         int64_t n, float *sum)
{
    const heed_tensor *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const int64_t rows = relative->shape.size[relative->shape.rank - 2];
    const int64_t ahead = number % rows - run->attrs->relative_zero +
                          run->position; /* of key j before query 0 */
    int64_t b_begin, b_end, h_begin, h_end;

    heads_that_share(relative, run, number / rows, &b_begin, &b_end, &h_begin, &h_end);
    for (int64_t b = b_begin; b < b_end; b++) {
        for (int64_t h = h_begin; h < h_end; h++) {
            for (int64_t i = 0; i < run->n_query; i++) {
                const int64_t j = ahead + i;

                if (j < 0 || j >= run->n_key)
                    continue;
                const backward_row of = row_of(a, run, b, h, i);
                const heed_attention_numbers q = heed_attention_numbers_of(
                    run->extra[HEED_ATTENTION_Q_RELATIVE], b, h, i);
                if (heed_attention_sees(&of.row, j))
                    add_multiple(sum, run->attrs->scale * score_gradient(&of, j), &q, d, n);
            }
        }
    }
}

bool heed_attention_backward_is_absent(const heed_attention_run *run, int output)
{
    static const heed_attention_extra of[] = {HEED_ATTENTION_BIAS, HEED_ATTENTION_Q_RELATIVE,
                                              HEED_ATTENTION_RELATIVE};

    return output >= HEED_BACKWARD_DBIAS && run->extra[of[output - HEED_BACKWARD_DBIAS]] == NULL;
}

static void sum_row(const heed_op_args *a, const heed_attention_run *run, int output, int64_t number, int64_t d,
                    int64_t n, float *sum)
{
    for (int64_t c = 0; c < n; c++)
        sum[c] = 0.0f;
    if (heed_attention_backward_is_absent(run, output))
        return;
    switch (output) {
    case HEED_BACKWARD_Q:
    case HEED_BACKWARD_DQ_RELATIVE:
        sum_query(a, run, output, number, d, n, sum);
        break;
    case HEED_BACKWARD_K:
    case HEED_BACKWARD_V:
        sum_key(a, run, output, number, d, n, sum);
        break;
    case HEED_BACKWARD_DBIAS:
        sum_bias(a, run, number, d, n, sum);
        break;
    default:
        sum_relative(a, run, number, d, n, sum);
    }
}

void heed_attention_backward_plain(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, HEED_BACKWARD_EXTRA, true);

    for (int k = 0; k < HEED_BACKWARD_OUTPUTS; k++) {
        const int64_t rows = a->outs[k] != NULL ? heed_rows(a->outs[k]) : 0;

        for (int64_t row = 0; row < rows; row++) {
            const int64_t columns = heed_cols(a->outs[k]), at = heed_tensor_offset(a->outs[k], row * columns);

            for (int64_t d = 0; d < columns; d += PART) {
                const int64_t n = columns - d < PART ? columns - d : PART;
                float sum[PART];

                sum_row(a, &run, k, row, d, n, sum);
                for (int64_t c = 0; c < n; c++)
                    heed_attention_put(a->outs[k], at + d + c, sum[c]);
            }
        }
    }
}
