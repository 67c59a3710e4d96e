/* SPDX-License-Identifier: MIT */
/*
 * From logits to the probabilities that the next token is drawn from.
 *
 *   z = logits with penalties / temperature    temperature 0: all on the largest
 *   top_k     the k largest z stay             (Fan et al. 2018, arXiv:1805.04833)
 *   top_p     of those, in falling order, a token stays while the probability before it is below p; the first always
 *             stays                            (Holtzman et al. 2020, arXiv:1904.09751)
 *   min_p     of those, a token stays whose probability is at least min_p of the first's (Minh et al. 2024, arXiv:2407.01082)
 *   p = softmax of what stays, 0 elsewhere
 *
 * Equal logits are taken in the order of their ids. A logit of -inf, or NaN, is never drawn.
 *
 * A vocabulary is never sorted. The k largest come from a heap of k; for top_p, tokens with less than (1 - p) / n are out
 * before anything is put in order: all of them together have less than 1 - p, so what is left has more than p.
 */
#include "infer/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "infer/likelihood.h"
#include "kernels/device.h"

#define AT(member) offsetof(heed_sampling, member)

static const heed_field fields[] = {
    {"temperature", "logits are divided by it; 0: always the likeliest", HEED_FIELD_NUMBER, AT(temperature), 0,
     1000, NULL},
    {"top_k", "draw from the k likeliest only; 0: from all", HEED_FIELD_INTEGER, AT(top_k), 0, 16777216, NULL},
    {"top_p", "draw from the likeliest that hold this probability; 1: all", HEED_FIELD_NUMBER, AT(top_p), 0, 1,
     NULL},
    {"min_p", "draw from tokens at least so likely as this share of the likeliest; 0: all", HEED_FIELD_NUMBER,
     AT(min_p), 0, 1, NULL},
    {"repetition_penalty", "divides logits above 0, multiplies those below, of tokens that were there; 1: none",
     HEED_FIELD_NUMBER, AT(repetition_penalty), 0.01, 100, NULL},
    {"presence_penalty", "taken off the logit of a token that was there", HEED_FIELD_NUMBER,
     AT(presence_penalty), -100, 100, NULL},
    {"frequency_penalty", "the same, for each time that it was there", HEED_FIELD_NUMBER, AT(frequency_penalty),
     -100, 100, NULL},
    {"penalty_span", "tokens back that penalties look at; 0: all", HEED_FIELD_INTEGER, AT(penalty_span), 0,
     16777216, NULL},
    {"spare_prompt", "penalties look at what was written, not at the prompt", HEED_FIELD_BOOLEAN,
     AT(spare_prompt), 0, 0, NULL},
};

const heed_field *heed_sampling_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

heed_sampling heed_sampling_default(void)
{
    return (heed_sampling){.temperature = 0.8, .top_p = 1.0, .repetition_penalty = 1.0};
}

/* --- heaps --------------------------------------------------------------------------------------- */

/* The order in which tokens are kept: the larger first, of equal ones the smaller id. */
static bool comes_first(const heed_candidate *a, const heed_candidate *b)
{
    return a->z > b->z || (a->z == b->z && a->id < b->id);
}

static bool comes_last(const heed_candidate *a, const heed_candidate *b)
{
    return comes_first(b, a);
}

typedef bool order_fn(const heed_candidate *a, const heed_candidate *b);

/* Lets c[i] sink to its place in a heap of n, on whose top is what is above all others. */
static void sink(heed_candidate *c, int64_t n, int64_t i, order_fn *above)
{
    const heed_candidate x = c[i];

    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && above(&c[child + 1], &c[child]))
            child++;
        if (!above(&c[child], &x))
            break;
        c[i] = c[child];
        i = child;
    }
    c[i] = x;
}

static void make_heap(heed_candidate *c, int64_t n, order_fn *above)
{
    for (int64_t i = n / 2; i-- > 0;)
        sink(c, n, i, above);
}

/*
 * A heap gives the candidates in order, one at a time: the first goes behind the ones that are left, so after `taken`
 * of n they stand at c[n - 1], c[n - 2], …
 */
static void take_first(heed_candidate *c, int64_t left)
{
    const heed_candidate first = c[0];

    c[0] = c[left - 1];
    c[left - 1] = first;
    sink(c, left - 1, 0, comes_first);
}

/* --- filters ------------------------------------------------------------------------------------- */

static bool is_possible(float logit)
{
    return logit > -INFINITY; /* NaN is not */
}

/*
 * The k largest of what can be drawn; returns how many. Once k places are taken they are a heap with the last of all on
 * its top, which makes room for what is larger. A later token that is no larger comes behind it.
 */
static int64_t gather_largest(const float *logits, int64_t n, int64_t k, heed_candidate *c)
{
    int64_t count = 0, i = 0;
    float least;

    for (; i < n && count < k; i++) {
        if (is_possible(logits[i]))
            c[count++] = (heed_candidate){(double)logits[i], i};
    }
    if (i == n)
        return count;
    make_heap(c, count, comes_last);
    for (least = (float)c[0].z; i < n; i++) {
        if (logits[i] > least) {
            c[0] = (heed_candidate){(double)logits[i], i};
            sink(c, count, 0, comes_last);
            least = (float)c[0].z;
        }
    }
    return count;
}

/* Candidates c[begin] .. c[end - 1] are those to draw from, and their weights add up to sum. */
typedef struct kept {
    int64_t begin, end;
    double sum;
} kept;

/* Logits become weights, the largest 1. The difference comes first: a small temperature makes it -inf, no more. */
static kept weigh(heed_candidate *c, int64_t n, double largest, double temperature)
{
    kept out = {.end = n};

    for (int64_t i = 0; i < n; i++) {
        c[i].z = c[i].z == largest ? 1.0 : exp((c[i].z - largest) / temperature);
        out.sum += c[i].z;
    }
    return out;
}

/* Tokens that weigh at least so much; sum stays that of all. */
static kept gather_heavy(const double *weights, int64_t n, double least, double sum, heed_candidate *c)
{
    kept out = {.sum = sum};

    for (int64_t i = 0; i < n; i++) {
        if (weights[i] >= least && weights[i] > 0.0)
            c[out.end++] = (heed_candidate){weights[i], i};
    }
    return out;
}

static kept keep_top_p(heed_candidate *c, kept of, double top_p)
{
    kept out = {.begin = of.end, .end = of.end};
    double before = 0.0;

    make_heap(c, of.end, comes_first);
    while (out.begin > 0 && (out.begin == out.end || before < top_p)) {
        take_first(c, out.begin--);
        before += c[out.begin].z / of.sum;
        out.sum += c[out.begin].z;
    }
    return out;
}

/* The largest weighs 1. */
static kept keep_min_p(heed_candidate *c, kept of, double min_p)
{
    kept out = {0};

    for (int64_t i = of.begin; i < of.end; i++) {
        if (c[i].z >= min_p) {
            out.sum += c[i].z;
            c[out.end++] = c[i];
        }
    }
    return out;
}

static bool filters(const heed_sampling *s, int64_t n)
{
    return (s->top_k > 0 && s->top_k < n) || s->top_p < 1.0 || s->min_p > 0.0;
}

/* What stays of n logits, the largest of which is a number. */
static kept filter(heed_sampler *sampler, const heed_sampling *s, const float *logits, double largest)
{
    heed_candidate *c = sampler->candidates;
    const int64_t n = sampler->n;
    kept all;

    if (s->top_k > 0 && s->top_k < n)
        all = weigh(c, gather_largest(logits, n, s->top_k, c), largest, s->temperature);
    else {
        const double sum = heed_token_weights(sampler->kernels, logits, n, largest, s->temperature,
                                              sampler->weights);
        const double least = s->top_p < 1.0 ? (1.0 - s->top_p) * sum / (double)n : s->min_p;
        all = gather_heavy(sampler->weights, n, least, sum, c);
    }
    if (s->top_p < 1.0)
        all = keep_top_p(c, all, s->top_p);
    if (s->min_p > 0.0)
        all = keep_min_p(c, all, s->min_p);
    return all;
}

/* The first of the largest. */
static int64_t first_of(const float *logits, int64_t n, float largest)
{
    int64_t i = 0;

    while (i < n && logits[i] != largest)
        i++;
    return i;
}

heed_status heed_sampling_probabilities(const heed_sampling *s, const float *logits, int64_t n,
                                        double *probabilities, heed_error *err)
{
    const float largest = heed_largest_logit(NULL, logits, n);
    heed_sampler sampler;
    heed_status status;
    kept of;

    memset(probabilities, 0, (size_t)n * sizeof *probabilities);
    if (!is_possible(largest))
        return HEED_OK;
    if (s->temperature <= 0.0) {
        probabilities[first_of(logits, n, largest)] = 1.0;
        return HEED_OK;
    }
    status = heed_sampler_open(&sampler, n, err);
    if (status != HEED_OK)
        return status;
    of = filter(&sampler, s, logits, (double)largest);
    for (int64_t i = of.begin; i < of.end; i++)
        probabilities[sampler.candidates[i].id] = sampler.candidates[i].z / of.sum;
    heed_sampler_close(&sampler);
    return HEED_OK;
}

/* --- what was there before ----------------------------------------------------------------------- */

heed_status heed_history_reserve(heed_history *h, size_t n, heed_error *err)
{
    int32_t *grown;

    if (h->capacity - h->n >= n)
        return HEED_OK;
    grown = realloc(h->ids, (h->n + n) * sizeof *grown);
    if (grown == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a text of %zu tokens", h->n + n);
    h->ids = grown;
    h->capacity = h->n + n;
    return HEED_OK;
}

heed_status heed_history_append(heed_history *h, const int32_t *ids, size_t n, heed_error *err)
{
    heed_status status = HEED_OK;

    if (h->capacity - h->n < n)
        status = heed_history_reserve(h, n + h->capacity / 2, err);
    if (status != HEED_OK)
        return status;
    memcpy(h->ids + h->n, ids, n * sizeof *ids);
    h->n += n;
    return HEED_OK;
}

void heed_history_free(heed_history *h)
{
    free(h->ids);
    *h = (heed_history){0};
}

static bool punishes(const heed_sampling *s)
{
    return (s->repetition_penalty > 0.0 && s->repetition_penalty != 1.0) || s->presence_penalty != 0.0 ||
           s->frequency_penalty != 0.0;
}

static float punished(const heed_sampling *s, float logit, int32_t count)
{
    const double r = s->repetition_penalty > 0.0 ? s->repetition_penalty : 1.0;
    const double z = logit > 0.0f ? (double)logit / r : (double)logit * r;

    return (float)(z - s->presence_penalty - s->frequency_penalty * (double)count);
}

/* A copy of the logits in which the tokens of the span are less likely (or more, as the penalties say). */
static const float *punish(heed_sampler *sampler, const heed_sampling *s, const float *logits,
                           const heed_history *h)
{
    const size_t first = s->spare_prompt ? h->n_prompt : 0;
    const size_t span = s->penalty_span > 0 ? (size_t)s->penalty_span : h->n;
    const size_t begin = h->n > span && h->n - span > first ? h->n - span : first;

    memcpy(sampler->logits, logits, (size_t)sampler->n * sizeof *logits);
    for (size_t i = begin; i < h->n; i++)
        sampler->counts[h->ids[i]]++;
    for (size_t i = begin; i < h->n; i++) {
        int32_t *count = &sampler->counts[h->ids[i]];
        if (*count > 0)
            sampler->logits[h->ids[i]] = punished(s, logits[h->ids[i]], *count);
        *count = 0;
    }
    return sampler->logits;
}

/* --- drawing ------------------------------------------------------------------------------------- */

heed_status heed_sampler_open(heed_sampler *sampler, int64_t n, heed_error *err)
{
    heed_status status;

    *sampler = (heed_sampler){.n = n};
    status = heed_device_kernels(NULL, &sampler->kernels, err);
    if (status != HEED_OK)
        return status;
    sampler->candidates = malloc((size_t)n * sizeof *sampler->candidates);
    sampler->weights = malloc((size_t)n * sizeof *sampler->weights);
    sampler->logits = malloc((size_t)n * sizeof *sampler->logits);
    sampler->counts = calloc((size_t)n, sizeof *sampler->counts);
    if (sampler->candidates && sampler->weights && sampler->logits && sampler->counts)
        return HEED_OK;
    heed_sampler_close(sampler);
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw from %lld tokens", (long long)n);
}

void heed_sampler_close(heed_sampler *sampler)
{
    free(sampler->candidates);
    free(sampler->weights);
    free(sampler->logits);
    free(sampler->counts);
    *sampler = (heed_sampler){0};
}

/* Rounding may leave a little at the end: the last possible token takes it. */
static int64_t draw_kept(const heed_candidate *c, kept of, double share)
{
    double left = share * of.sum;

    for (int64_t i = of.end - 1; i > of.begin; i--) {
        left -= c[i].z;
        if (left < 0.0)
            return c[i].id;
    }
    return c[of.begin].id;
}

static double sum_of(const double *x, int64_t n)
{
    double sum[4] = {0.0};

    for (int64_t i = 0; i < n; i++)
        sum[i % 4] += x[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The same over a whole vocabulary: first the block, then the token in it. */
static int64_t draw_any(const double *weights, int64_t n, double left)
{
    enum { BLOCK = 1024 };
    int64_t last = 0;

    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        const int64_t end = begin + BLOCK < n ? begin + BLOCK : n;
        const double sum = sum_of(weights + begin, end - begin);
        if (left >= sum && end < n) {
            left -= sum;
            continue;
        }
        for (int64_t i = begin; i < end; i++) {
            if (weights[i] <= 0.0)
                continue;
            last = i;
            left -= weights[i];
            if (left < 0.0)
                return i;
        }
        left = left > 0.0 ? left : 0.0;
    }
    return last;
}

int32_t heed_sampler_draw(heed_sampler *sampler, const heed_sampling *s, const float *logits,
                          const heed_history *history, heed_rng *rng)
{
    const float *z = history != NULL && punishes(s) ? punish(sampler, s, logits, history) : logits;
    const float largest = heed_largest_logit(sampler->kernels, z, sampler->n);
    double share, sum;

    if (s->temperature <= 0.0)
        return is_possible(largest) ? (int32_t)first_of(z, sampler->n, largest) : 0;
    share = heed_rng_double(rng);
    if (!is_possible(largest))
        return 0; /* no logit is a number: every token is as good */
    if (filters(s, sampler->n))
        return (int32_t)draw_kept(sampler->candidates, filter(sampler, s, z, (double)largest), share);
    sum = heed_token_weights(sampler->kernels, z, sampler->n, (double)largest, s->temperature,
                             sampler->weights);
    return (int32_t)draw_any(sampler->weights, sampler->n, share * sum);
}
