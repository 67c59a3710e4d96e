/* SPDX-License-Identifier: MIT */
/*
 * From logits to the probabilities that the next token is drawn from.
 *
 *   z = logits / temperature                 temperature 0: all on the largest
 *   top_k     the k largest z stay           (Fan et al. 2018, arXiv:1805.04833)
 *   top_p     of those, in falling order, a token stays while the probability before it is below p; the first always
 *             stays                          (Holtzman et al. 2020, arXiv:1904.09751)
 *   p = softmax of what stays, 0 elsewhere
 *
 * Equal logits are taken in the order of their ids. A logit of -inf, or NaN, is never drawn.
 */
#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define AT(member) offsetof(heed_sampling, member)

static const heed_field fields[] = {
    {"temperature", "logits are divided by it; 0: always the likeliest", HEED_FIELD_NUMBER, AT(temperature), 0, 1000, NULL},
    {"top_k", "draw from the k likeliest only; 0: from all", HEED_FIELD_INTEGER, AT(top_k), 0, 16777216, NULL},
    {"top_p", "draw from the likeliest that hold this probability; 1: all", HEED_FIELD_NUMBER, AT(top_p), 0, 1, NULL},
};

const heed_field *heed_sampling_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

heed_sampling heed_sampling_default(void)
{
    return (heed_sampling){.temperature = 0.8, .top_k = 0, .top_p = 1.0};
}

typedef struct candidate {
    double z;
    int64_t id;
} candidate;

static int by_falling_z(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    if (x->z != y->z)
        return x->z < y->z ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* exp(z - largest) of the first n, in place; returns their sum. */
static double to_weights(candidate *c, int64_t n)
{
    const double largest = n > 0 ? c[0].z : 0.0;
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        c[i].z = c[i].z == largest ? 1.0 : exp(c[i].z - largest);
        sum += c[i].z;
    }
    return sum;
}

/* How many of the n candidates, in falling order with their weights, stay below the mass p. */
static int64_t count_top_p(const candidate *c, int64_t n, double sum, double p)
{
    double before = 0.0;
    int64_t kept = 0;

    while (kept < n && (kept == 0 || before < p)) {
        before += c[kept].z / sum;
        kept++;
    }
    return kept;
}

heed_status heed_sampling_probabilities(const heed_sampling *s, const float *logits, int64_t n, double *probabilities,
                                        heed_error *err)
{
    const double temperature = s->temperature > 0.0 ? s->temperature : 1.0;
    candidate *c = malloc((size_t)n * sizeof *c);
    int64_t kept = 0;
    double sum;

    if (c == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to sort %lld logits", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        probabilities[i] = 0.0;
        if (!isnan(logits[i]) && !(isinf(logits[i]) && logits[i] < 0.0f))
            c[kept++] = (candidate){(double)logits[i] / temperature, i};
    }
    qsort(c, (size_t)kept, sizeof *c, by_falling_z);
    if (s->temperature <= 0.0 && kept > 1)
        kept = 1;
    if (s->top_k > 0 && s->top_k < kept)
        kept = s->top_k;
    sum = to_weights(c, kept);
    if (s->top_p < 1.0) {
        kept = count_top_p(c, kept, sum, s->top_p);
        sum = 0.0;
        for (int64_t i = 0; i < kept; i++)
            sum += c[i].z;
    }
    for (int64_t i = 0; i < kept; i++)
        probabilities[c[i].id] = c[i].z / sum;
    free(c);
    return HEED_OK;
}
