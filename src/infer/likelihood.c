/* SPDX-License-Identifier: MIT */
/* What a model says of the next token: log softmax of its logits, in double. */
#include <heed/session.h>
#include <math.h>

static double log_sum_exp(const float *logits, int64_t n)
{
    float largest = -INFINITY;
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    if (largest == -INFINITY)
        return -INFINITY;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)largest);
    return (double)largest + log(sum);
}

double heed_logits_log_probability(const float *logits, int64_t n, int32_t id)
{
    return (double)logits[id] - log_sum_exp(logits, n);
}

static bool comes_first(const heed_likelihood *a, const heed_likelihood *b)
{
    return a->log_probability > b->log_probability ||
           (a->log_probability == b->log_probability && a->id < b->id);
}

/* Each token is tried behind the last of those that are kept, in order: n_out is small, and few get in. */
void heed_logits_likeliest(const float *logits, int64_t n, heed_likelihood *out, int64_t n_out)
{
    const double log_sum = log_sum_exp(logits, n);
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
