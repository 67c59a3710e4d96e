/* SPDX-License-Identifier: MIT */
/*
 * One query of attention, in plain loops: the score of a pair, and what a row of scores becomes.
 *
 *   s_ij    = q_i . k_j + q_relative_i . relative[relative_zero + j - position_i]
 *             + (bias_ij - slope_h (position_i - j)) / scale                       what is not given adds nothing
 *   max_i   = max_j s_ij              sum_i = sum_j exp(scale (s_ij - max_i))      over the keys that are seen
 *   p_ij    = exp(scale (s_ij - max_i)) / sum_i                                    0 for keys that are hidden
 *   lse_i   = scale max_i + log sum_i           entropy_i = -sum_j p_ij log p_ij
 *
 * Where all is hidden: sum 0, weights 0, lse -inf, entropy 0. With fill_1e9 hidden scores are -1e9 and not -inf: it
 * changes nothing for a query that sees something, since exp(-1e9) is 0; one that sees nothing weighs all n keys alike,
 * so p = 1/n, lse = -1e9 + log n, entropy = log n. A score that is NaN makes its whole row NaN.
 */
#include <math.h>

#include "kernels/mask.h"
#include "ops/attention.h"

static const float hidden_score = -1e9f; /* of fill_1e9 */

/* --- numbers of either type ---------------------------------------------------------------------- */

static float number_at(const heed_tensor *x, int64_t at)
{
    return x->dtype == HEED_BF16 ? heed_float_of_bf16(((const uint16_t *)x->data)[at])
                                 : ((const float *)x->data)[at];
}

heed_attention_numbers heed_attention_numbers_of(const heed_tensor *x, int64_t b, int64_t h, int64_t i)
{
    return (heed_attention_numbers){x, heed_attention_leading(x, b, h) + i * x->stride[x->shape.rank - 2]};
}

float heed_attention_number(const heed_attention_numbers *x, int64_t d)
{
    return number_at(x->x, x->at + d);
}

void heed_attention_put(const heed_tensor *x, int64_t at, float value)
{
    if (x->dtype == HEED_BF16)
        ((uint16_t *)x->data)[at] = heed_bf16_of_float(value);
    else
        ((float *)x->data)[at] = value;
}

float heed_attention_dot(const heed_attention_numbers *x, const heed_attention_numbers *y, int64_t n)
{
    float sum = 0.0f;

    for (int64_t d = 0; d < n; d++)
        sum += number_at(x->x, x->at + d) * number_at(y->x, y->at + d);
    return sum;
}

/* --- one pair ------------------------------------------------------------------------------------ */

bool heed_attention_sees(const heed_attention_row *row, int64_t j)
{
    return heed_mask_sees(&row->mask, row->i, j);
}

float heed_attention_score(const heed_attention_row *row, int64_t j)
{
    const heed_attention_run *run = row->run;
    const heed_tensor *bias = run->extra[HEED_ATTENTION_BIAS], *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const heed_attention_numbers q = heed_attention_numbers_of(run->q, row->b, row->h, row->i);
    const heed_attention_numbers k = heed_attention_numbers_of(run->k, row->b, row->h / run->group, j);
    const int64_t distance = run->position + row->i - j; /* back */
    float score = heed_attention_dot(&q, &k, run->head_dim);

    if (relative != NULL) {
        const heed_attention_numbers with = heed_attention_numbers_of(run->extra[HEED_ATTENTION_Q_RELATIVE],
                                                                      row->b, row->h, row->i);
        const heed_attention_numbers r = heed_attention_numbers_of(relative, row->b, row->h,
                                                                   run->attrs->relative_zero - distance);
        score += heed_attention_dot(&with, &r, run->head_dim);
    }
    if (bias != NULL || row->slope != 0.0f) {
        const float added = bias != NULL ? heed_attention_floats(bias, row->b, row->h, row->i)[j] : 0.0f;

        score += (added - row->slope * (float)distance) / run->attrs->scale;
    }
    return score;
}

float heed_attention_shown_score(const heed_attention_row *row, int64_t j)
{
    if (heed_attention_sees(row, j))
        return row->run->attrs->scale * heed_attention_score(row, j);
    return row->run->attrs->fill_1e9 ? hidden_score : -INFINITY;
}

/* --- one row ------------------------------------------------------------------------------------- */

static bool is_blind(const heed_attention_row *row)
{
    for (int64_t j = 0; j < row->run->n_key; j++) {
        if (heed_attention_sees(row, j))
            return false;
    }
    return true;
}

heed_attention_row heed_attention_row_begin(const heed_attention_run *run, int64_t b, int64_t h, int64_t i)
{
    heed_attention_row row = {
        .run = run,
        .mask = heed_attention_mask(run, b),
        .b = b,
        .h = h,
        .i = i,
        .slope = run->attrs->alibi ? heed_alibi_slope(h, run->n_heads) : 0.0f,
    };

    row.blind = run->attrs->fill_1e9 && is_blind(&row);
    return row;
}

/* What is subtracted before exp(); 0 where every score is -inf, as -inf - -inf would be NaN. */
static float shift_of(const heed_attention_row *row)
{
    return row->max == -INFINITY ? 0.0f : row->max;
}

heed_attention_row heed_attention_row_of(const heed_attention_run *run, int64_t b, int64_t h, int64_t i)
{
    heed_attention_row row = heed_attention_row_begin(run, b, h, i);

    row.max = -INFINITY;
    if (row.blind) {
        row.max = hidden_score / run->attrs->scale;
        row.sum = (float)run->n_key;
        return row;
    }
    for (int64_t j = 0; j < run->n_key; j++) {
        const float score = heed_attention_sees(&row, j) ? heed_attention_score(&row, j) : -INFINITY;

        if (score > row.max)
            row.max = score;
    }
    for (int64_t j = 0; j < run->n_key; j++) {
        if (heed_attention_sees(&row, j))
            row.sum += expf(run->attrs->scale * (heed_attention_score(&row, j) - shift_of(&row)));
    }
    return row;
}

float heed_attention_weight(const heed_attention_row *row, float score)
{
    return row->sum == 0.0f ? 0.0f : expf(row->run->attrs->scale * (score - shift_of(row))) / row->sum;
}

bool heed_attention_weighs(const heed_attention_row *row, int64_t j)
{
    return row->blind || heed_attention_sees(row, j);
}

float heed_attention_pattern(const heed_attention_row *row, int64_t j)
{
    if (!heed_attention_weighs(row, j))
        return 0.0f;
    return row->blind ? 1.0f / row->sum : heed_attention_weight(row, heed_attention_score(row, j));
}

float heed_attention_lse(const heed_attention_row *row)
{
    if (row->blind)
        return hidden_score + logf(row->sum);
    return row->run->attrs->scale * shift_of(row) + logf(row->sum);
}

float heed_attention_entropy(const heed_attention_row *row)
{
    float entropy = 0.0f;

    for (int64_t j = 0; j < row->run->n_key; j++) {
        const float p = heed_attention_pattern(row, j);

        if (p != 0.0f) /* p log p goes to 0 with p */
            entropy -= p * logf(p);
    }
    return entropy;
}
