/* SPDX-License-Identifier: MIT */
#include "ranks/exchange.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

enum { BLOCK = 4096, BLOCKS_A_PIECE = 16 }; /* floats that are added up in the cache */

struct heed_exchange {
    heed_ranks *ranks;
    heed_messages *messages;
    float *arrived; /* [size - 1, most] */
    float **from;   /* [size]: where each rank's contribution to our piece lies */
    int64_t most;
    int threads;

    float *data; /* NULL: nothing is under way */
    const int64_t *cuts;
};

static int64_t rounded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

size_t heed_exchange_bytes(const heed_ranks *ranks, int64_t most)
{
    return (size_t)(heed_ranks_size(ranks) - 1) * (size_t)rounded(most) * sizeof(float);
}

heed_exchange *heed_exchange_create(heed_ranks *ranks, int tag, int64_t most, int threads)
{
    const int size = heed_ranks_size(ranks);
    heed_exchange *x = calloc(1, sizeof *x);

    if (x == NULL)
        return NULL;
    x->ranks = ranks;
    x->most = rounded(most);
    x->threads = threads;
    x->messages = heed_ranks_engine_of(ranks)->messages_create(ranks, 2 * (size - 1), tag);
    x->arrived = malloc(heed_exchange_bytes(ranks, most) + 1);
    x->from = calloc((size_t)size, sizeof *x->from);
    if (x->messages == NULL || x->arrived == NULL || x->from == NULL) {
        heed_exchange_destroy(x);
        return NULL;
    }
    return x;
}

void heed_exchange_destroy(heed_exchange *x)
{
    if (x == NULL)
        return;
    heed_ranks_engine_of(x->ranks)->messages_destroy(x->messages);
    free(x->arrived);
    free(x->from);
    free(x);
}

heed_status heed_exchange_start(heed_exchange *x, float *data, const int64_t *cuts, heed_error *err)
{
    const heed_ranks_engine *engine = heed_ranks_engine_of(x->ranks);
    const int size = heed_ranks_size(x->ranks), rank = heed_ranks_rank(x->ranks);
    const size_t own = (size_t)(cuts[rank + 1] - cuts[rank]) * sizeof(float);
    heed_status status = HEED_OK;

    x->data = data;
    x->cuts = cuts;
    x->from[rank] = data + cuts[rank];
    /* rank r begins with r + 1, so that not all of them send to the same one at once */
    for (int k = 1; k < size && status == HEED_OK; k++) {
        const int from = (rank + size - k) % size;
        x->from[from] = x->arrived + (k - 1) * x->most;
        if (own > 0)
            status = engine->post_receive(x->messages, from, x->from[from], own, err);
    }
    for (int k = 1; k < size && status == HEED_OK; k++) {
        const int to = (rank + k) % size;
        const size_t bytes = (size_t)(cuts[to + 1] - cuts[to]) * sizeof(float);
        if (bytes > 0)
            status = engine->post_send(x->messages, to, data + cuts[to], bytes, err);
    }
    return status;
}

heed_status heed_exchange_poll(heed_exchange *x, bool *arrived, heed_error *err)
{
    *arrived = true;
    return x->data != NULL ? heed_ranks_engine_of(x->ranks)->test(x->messages, arrived, err) : HEED_OK;
}

/* Blocks begin .. end-1 of our piece: the ranks' contributions are added pair by pair, and the sum goes home. */
static void add_up(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_exchange *x = context;
    const int size = heed_ranks_size(x->ranks), rank = heed_ranks_rank(x->ranks);
    const int64_t total = x->cuts[rank + 1] - x->cuts[rank];

    (void)thread;
    for (int64_t at = begin * BLOCK; at < end * BLOCK && at < total; at += BLOCK) {
        const int64_t n = total - at < BLOCK ? total - at : BLOCK;
        for (int stride = 1; stride < size; stride *= 2) {
            for (int r = 0; r + stride < size; r += 2 * stride) {
                float *a = x->from[r] + at;
                const float *b = x->from[r + stride] + at;
                for (int64_t i = 0; i < n; i++)
                    a[i] += b[i];
            }
        }
        if (rank != 0)
            memcpy(x->from[rank] + at, x->from[0] + at, (size_t)n * sizeof(float));
    }
}

heed_status heed_exchange_finish(heed_exchange *x, heed_error *err)
{
    const int rank = heed_ranks_rank(x->ranks);
    bool arrived = false;
    heed_status status = HEED_OK;

    if (x->data == NULL)
        return HEED_OK;
    while (status == HEED_OK && !arrived) {
        status = heed_exchange_poll(x, &arrived, err);
        if (!arrived)
            sched_yield(); /* the rank that we wait for may need this processor */
    }
    if (status == HEED_OK)
        heed_parallel(x->threads, (x->cuts[rank + 1] - x->cuts[rank] + BLOCK - 1) / BLOCK, BLOCKS_A_PIECE,
                      add_up, x);
    x->data = NULL;
    return status;
}

void heed_tree_sum(double *x, int n)
{
    for (int stride = 1; stride < n; stride *= 2) {
        for (int r = 0; r + stride < n; r += 2 * stride)
            x[r] += x[r + stride];
    }
}
