/* SPDX-License-Identifier: MIT */
/*
 * Does a text end in a circle, and how many of its n-grams are new?
 *
 * A list x_0 … x_(n-1) read backwards has the border array b: b_m is the longest proper prefix of its first m that is a
 * suffix of them, too; so m - b_m is the shortest period of the last m tokens (Knuth, Morris and Pratt 1977). Of all m whose
 * last m tokens are copies enough, the largest is the circle.
 */
#include <heed/diagnosis.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static bool is_circle(int64_t tokens, int64_t period)
{
    const int64_t copies = tokens / period;

    return (copies >= HEED_REPETITION_COPIES && tokens >= HEED_REPETITION_SPAN) ||
           (copies >= 2 && period >= HEED_REPETITION_LONG);
}

static void find_loop(const int32_t *ids, int64_t n, int64_t *border, heed_repetition *out)
{
    out->loop_start = -1;
    border[0] = -1;
    for (int64_t m = 1; m <= n; m++) {
        int64_t b = border[m - 1];
        while (b >= 0 && ids[n - 1 - b] != ids[n - m])
            b = border[b];
        border[m] = b + 1;
        if (!is_circle(m, m - border[m]))
            continue;
        out->loop_start = n - m;
        out->loop_length = m - border[m];
        out->loop_copies = m / out->loop_length;
    }
}

/* An n-gram by where it begins, so that it can be sorted. */
typedef struct gram {
    const int32_t *ids;
    int n;
} gram;

static int compare(const void *a, const void *b)
{
    const gram *x = a, *y = b;

    for (int i = 0; i < x->n; i++) {
        if (x->ids[i] != y->ids[i])
            return x->ids[i] < y->ids[i] ? -1 : 1;
    }
    return 0;
}

static double distinct(const int32_t *ids, int64_t n, int n_gram, gram *grams)
{
    const int64_t count = n - n_gram + 1;
    int64_t different = 0;

    if (count <= 0)
        return NAN;
    for (int64_t i = 0; i < count; i++)
        grams[i] = (gram){ids + i, n_gram};
    qsort(grams, (size_t)count, sizeof *grams, compare);
    for (int64_t i = 0; i < count; i++)
        different += i == 0 || compare(&grams[i - 1], &grams[i]) != 0;
    return (double)different / (double)count;
}

heed_status heed_repetition_find(const int32_t *ids, size_t n, heed_repetition *out, heed_error *err)
{
    int64_t *border = malloc((n + 1) * sizeof *border);
    gram *grams = malloc((n + 1) * sizeof *grams);

    *out = (heed_repetition){.loop_start = -1};
    if (border != NULL && grams != NULL) {
        find_loop(ids, (int64_t)n, border, out);
        for (int k = 1; k <= HEED_REPETITION_GRAMS; k++)
            out->distinct[k - 1] = distinct(ids, (int64_t)n, k, grams);
    }
    free(grams);
    free(border);
    if (border == NULL || grams == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare %zu tokens", n);
    return HEED_OK;
}
