/* SPDX-License-Identifier: MIT */
/* What a model says of the next token: log softmax of its logits, in double. */
#include "infer/likelihood.h"

#include <math.h>

float heed_largest_logit(const heed_kernels *kernels, const float *logits, int64_t n)
{
    float largest = -INFINITY;

    if (kernels != NULL) {
        largest = kernels->largest_token(logits, n);
        if (largest == largest)
            return largest;
        largest = -INFINITY;
    }
    for (int64_t i = 0; i < n; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    return largest;
}

double heed_token_weights(const heed_kernels *kernels, const float *logits, int64_t n, double largest,
                          double temperature, double *weights)
{
    double sum = 0.0;

    if (kernels != NULL) {
        sum = kernels->token_weights(weights, logits, n, largest, temperature);
        if (sum == sum)
            return sum;
        sum = 0.0;
    }
    for (int64_t i = 0; i < n; i++) {
        /* the difference comes first: a small temperature makes it -inf, no more; largest may be inf itself */
        const double z = (double)logits[i], w = z == largest ? 1.0
                                                : z != z     ? 0.0
                                                             : exp((z - largest) / temperature);
        sum += w;
        if (weights != NULL)
            weights[i] = w;
    }
    return sum;
}

static double log_sum_exp(const heed_kernels *kernels, const float *logits, int64_t n)
{
    const double largest = (double)heed_largest_logit(kernels, logits, n);

    if (largest == (double)-INFINITY)
        return largest;
    return largest + log(heed_token_weights(kernels, logits, n, largest, 1.0, NULL));
}

double heed_log_probability(const heed_kernels *kernels, const float *logits, int64_t n, int32_t id)
{
    return (double)logits[id] - log_sum_exp(kernels, logits, n);
}

static bool comes_first(const heed_likelihood *a, const heed_likelihood *b)
{
    return a->log_probability > b->log_probability ||
           (a->log_probability == b->log_probability && a->id < b->id);
}

/* Each token is tried behind the last of those that are kept, in order: n_out is small, and few get in. */
void heed_likeliest(const heed_kernels *kernels, const float *logits, int64_t n, heed_likelihood *out,
                    int64_t n_out)
{
    const double log_sum = log_sum_exp(kernels, logits, n);
    int64_t kept = 0;

    for (int32_t id = 0; id < n && n_out > 0; id++) {
        const heed_likelihood x = {id, isnan(logits[id]) ? -INFINITY : (double)logits[id]};
        int64_t at = kept < n_out ? kept : n_out - 1;
        if (kept == n_out && !comes_first(&x, &out[at]))
            continue;
        for (; at > 0 && comes_first(&x, &out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = x;
        kept += kept < n_out;
    }
    for (int64_t i = 0; i < kept; i++)
        out[i].log_probability -= log_sum;
}

/* --- for whoever has only logits --- */

static const heed_kernels *best_kernels(void)
{
    const heed_kernels *kernels = NULL;

    heed_kernels_select(NULL, &kernels, NULL);
    return kernels;
}

double heed_logits_log_probability(const float *logits, int64_t n, int32_t id)
{
    return heed_log_probability(best_kernels(), logits, n, id);
}

void heed_logits_likeliest(const float *logits, int64_t n, heed_likelihood *out, int64_t n_out)
{
    heed_likeliest(best_kernels(), logits, n, out, n_out);
}
