/* SPDX-License-Identifier: MIT */
/*
 * The loss of a model that has learned nothing yet.
 *
 * Weights of maps start as N(0, 0.02^2) (nn/weights.c). Behind the last norm a row h has length sqrt(d_model), so a logit
 * h . w_j is N(0, s^2) with s^2 = 0.02^2 d_model. For V of them
 *
 *   loss = ln sum_j exp(z_j) - z_target,   E ln sum_j exp(z_j) ~ ln V + s^2 / 2,   E z_target = 0
 *
 * Without that norm rows are short, and s is 0 as far as this can tell. One logit is not as small: where the head is the
 * embedding, that of the token which has just been read. It counts for something only where nothing but embeddings has
 * reached the end, so for a tied head without feed-forwards there is no expectation here. Nor is there one for a task: its
 * few different targets say too little of an average.
 */
#include <math.h>

#include "train/trainer.h"

#define DEVIATION 0.02

double heed_initial_loss(const heed_config *c, int64_t n_targets, double *tolerance)
{
    const bool has_norm = c->norm == HEED_NORM_PRE || (c->norm == HEED_NORM_POST && c->n_layers > 0);
    const bool is_gpt = c->kind == HEED_KIND_GPT;
    const double variance = is_gpt && has_norm ? DEVIATION * DEVIATION * (double)c->d_model : 0.0;
    const double loss = log((double)c->vocab_size) + variance / 2.0;

    *tolerance = 0.02 * loss + 5.0 * sqrt(variance / (double)(n_targets > 0 ? n_targets : 1));
    if (n_targets == 0)
        return NAN;
    return is_gpt && c->tied_head && has_norm && (!c->mlp || c->n_layers == 0) ? NAN : loss;
}
