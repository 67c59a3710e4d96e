/* SPDX-License-Identifier: MIT */
#include "data/batches.h"

#include <assert.h>

#include "base/rng.h"

heed_batches heed_batches_make(const heed_corpus *corpus, heed_part part, int64_t batch_size,
                               int64_t context_length, uint64_t seed, uint64_t stream)
{
    const heed_batches batches = {
        .corpus = corpus,
        .span = heed_corpus_part(corpus, part),
        .batch_size = batch_size,
        .context_length = context_length,
        .seed = seed,
        .stream = stream,
    };

    assert(batch_size > 0 && context_length > 0 && batches.span.n > context_length);
    return batches;
}

/*
 * floor(u n / 2^64) for 64 random bits u is uniform over 0 .. n-1 up to n / 2^64, which no run can notice; unlike
 * drawing again until it fits, it takes one block of the stream whatever u is.
 */
int64_t heed_batches_start(const heed_batches *batches, uint64_t window)
{
    const uint64_t n = (uint64_t)(batches->span.n - batches->context_length);
    uint32_t words[4];
    uint64_t u = 0;

    heed_philox(batches->seed, batches->stream, window, words);
    u = (uint64_t)words[0] << 32 | words[1];
    return batches->span.begin + (int64_t)(__extension__((unsigned __int128)u * n) >> 64);
}

/* One row: n ids from `begin` on and the n targets one further. */
static void read_window(const heed_corpus *corpus, int64_t begin, int64_t n, int32_t *ids, int32_t *targets)
{
    heed_corpus_read(corpus, begin, n, ids);
    heed_corpus_read(corpus, begin + 1, n, targets);
}

void heed_batches_next(heed_batches *batches, int32_t *ids, int32_t *targets)
{
    const int64_t T = batches->context_length;

    for (int64_t b = 0; b < batches->batch_size; b++)
        read_window(batches->corpus, heed_batches_start(batches, batches->position++), T, ids + b * T,
                    targets + b * T);
}

heed_sweep heed_sweep_make(const heed_corpus *corpus, heed_part part, int64_t batch_size,
                           int64_t context_length)
{
    const heed_sweep sweep = {
        .corpus = corpus,
        .span = heed_corpus_part(corpus, part),
        .batch_size = batch_size,
        .context_length = context_length,
    };

    assert(batch_size > 0 && context_length > 0);
    return sweep;
}

int64_t heed_sweep_n_targets(const heed_sweep *sweep)
{
    return sweep->span.n > 0 ? sweep->span.n - 1 : 0;
}

int64_t heed_sweep_n_batches(const heed_sweep *sweep)
{
    const int64_t T = sweep->context_length;
    const int64_t windows = (heed_sweep_n_targets(sweep) + T - 1) / T;

    return (windows + sweep->batch_size - 1) / sweep->batch_size;
}

int64_t heed_sweep_next(heed_sweep *sweep, int32_t *ids, int32_t *targets)
{
    const int64_t T = sweep->context_length, n_targets = heed_sweep_n_targets(sweep);
    const int64_t before = sweep->position;

    for (int64_t b = 0; b < sweep->batch_size; b++) {
        const int64_t left = n_targets - sweep->position;
        const int64_t n = left < T ? left : T;

        if (n > 0)
            read_window(sweep->corpus, sweep->span.begin + sweep->position, n, ids + b * T, targets + b * T);
        for (int64_t t = n; t < T; t++) {
            ids[b * T + t] = 0;
            targets[b * T + t] = HEED_NO_TARGET;
        }
        sweep->position += n;
    }
    return sweep->position - before;
}
