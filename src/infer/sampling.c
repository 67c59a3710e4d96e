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
#include "infer/sampling.h"

#define AT(member) offsetof(heed_sampling, member)

static const heed_field fields[] = {
    {"temperature", "logits are divided by it; 0: always the likeliest", HEED_FIELD_NUMBER, AT(temperature), 0,
     1000, NULL},
    {"top_k", "draw from the k likeliest only; 0: from all", HEED_FIELD_INTEGER, AT(top_k), 0, 16777216, NULL},
    {"top_p", "draw from the likeliest that hold this probability; 1: all", HEED_FIELD_NUMBER, AT(top_p), 0, 1,
     NULL},
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

/* The order in which tokens are kept: the larger first, of equal ones the smaller id. */
static bool comes_first(const heed_candidate *a, const heed_candidate *b)
{
    return a->z > b->z || (a->z == b->z && a->id < b->id);
}

/* Lets c[i] sink to its place in a heap of n whose top comes first. */
static void sink(heed_candidate *c, int64_t n, int64_t i)
{
    const heed_candidate x = c[i];

    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && comes_first(&c[child + 1], &c[child]))
            child++;
        if (!comes_first(&c[child], &x))
            break;
        c[i] = c[child];
        i = child;
    }
    c[i] = x;
}

/*
 * A heap gives the candidates in order, one at a time: the first goes behind the ones that are left, so after `taken`
 * of n they stand at c[n - 1], c[n - 2], …
 */
static void make_heap(heed_candidate *c, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;)
        sink(c, n, i);
}

static void take_first(heed_candidate *c, int64_t left)
{
    const heed_candidate first = c[0];

    c[0] = c[left - 1];
    c[left - 1] = first;
    sink(c, left - 1, 0);
}

/* The candidates that are not filtered away, at the end of c; returns how many. Their weights add up to *sum. */
static int64_t filter(const heed_sampling *s, heed_candidate *c, int64_t n, double *sum)
{
    const int64_t most = s->temperature <= 0.0 ? 1 : s->top_k > 0 && s->top_k < n ? s->top_k : n;
    double all = 0.0, before = 0.0;
    int64_t kept = 0;

    make_heap(c, n);
    for (; most < n && kept < most; kept++)
        take_first(c, n - kept);
    for (int64_t i = most < n ? n - kept : 0; i < n; i++)
        all += c[i].z;
    *sum = all;
    if (s->top_p >= 1.0)
        return most;
    for (kept = 0; kept < most && (kept == 0 || before < s->top_p); kept++) {
        if (most == n)
            take_first(c, n - kept);
        before += c[n - 1 - kept].z / all;
    }
    *sum = 0.0;
    for (int64_t i = n - kept; i < n; i++)
        *sum += c[i].z;
    return kept;
}

void heed_sampling_fill(const heed_sampling *s, const float *logits, int64_t n, double *probabilities,
                        heed_candidate *c)
{
    const double temperature = s->temperature > 0.0 ? s->temperature : 1.0;
    double largest = -INFINITY, sum;
    int64_t count = 0, kept;

    for (int64_t i = 0; i < n; i++) {
        probabilities[i] = 0.0;
        if (!isnan(logits[i]) && logits[i] > -INFINITY)
            c[count++] = (heed_candidate){(double)logits[i], i};
        if ((double)logits[i] > largest)
            largest = (double)logits[i];
    }
    /* the difference first, then the temperature: a small one makes it -inf and no more */
    for (int64_t i = 0; i < count; i++)
        c[i].z = c[i].z == largest ? 1.0 : exp((c[i].z - largest) / temperature);
    kept = count > 0 ? filter(s, c, count, &sum) : 0;
    for (int64_t i = count - kept; i < count; i++)
        probabilities[c[i].id] = c[i].z / sum;
}

heed_status heed_sampling_probabilities(const heed_sampling *sampling, const float *logits, int64_t n,
                                        double *probabilities, heed_error *err)
{
    heed_candidate *scratch = malloc((size_t)n * sizeof *scratch);

    if (scratch == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to sort %lld logits", (long long)n);
    heed_sampling_fill(sampling, logits, n, probabilities, scratch);
    free(scratch);
    return HEED_OK;
}
