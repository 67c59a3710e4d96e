/* SPDX-License-Identifier: MIT */
#include "data/batches.h"

#include <assert.h>

#include "base/rng.h"
#include "data/order.h"

heed_batches heed_batches_make(const heed_source *source, heed_part part, int64_t batch_size,
                               int64_t context_length, uint64_t seed, uint64_t stream)
{
    const heed_batches batches = {
        .source = source,
        .part = part,
        .batch_size = batch_size,
        .context_length = context_length,
        .seed = seed,
        .stream = stream,
    };

    assert(batch_size > 0 && context_length > 0);
    assert(source->n_tokens[part] == 0 || source->n_tokens[part] > context_length);
    return batches;
}

int64_t heed_batches_epoch(const heed_batches *batches)
{
    return heed_order_n_windows(batches->source->n_tokens[batches->part], batches->context_length);
}

/*
 * floor(u n / 2^64) for 64 random bits u is uniform over 0 .. n-1 up to n / 2^64, which no run can notice; unlike
 * drawing again until it fits, it takes one block of the stream whatever u is.
 */
static int64_t random_start(const heed_batches *batches, uint64_t window)
{
    const uint64_t n = (uint64_t)(batches->source->n_tokens[batches->part] - batches->context_length);
    uint32_t words[4];
    uint64_t u = 0;

    heed_philox(batches->seed, batches->stream, window, words);
    u = (uint64_t)words[0] << 32 | words[1];
    return (int64_t)(__extension__((unsigned __int128)u * n) >> 64);
}

int64_t heed_batches_start(const heed_batches *batches, uint64_t window)
{
    const uint64_t n = (uint64_t)heed_batches_epoch(batches);

    if (n == 0)
        return (int64_t)window;
    if (!batches->epochs)
        return random_start(batches, window);
    return heed_order_place(batches->seed, window / n << 8 | HEED_STREAM_ORDER, (int64_t)n,
                            (int64_t)(window % n)) *
           batches->context_length;
}

void heed_batches_next(heed_batches *batches, int32_t *ids, int32_t *targets)
{
    const heed_source *source = batches->source;
    const int64_t T = batches->context_length;

    for (int64_t b = 0; b < batches->batch_size; b++)
        source->fill(source, batches->part, heed_batches_start(batches, batches->position++), T, ids + b * T,
                     targets + b * T);
}

int64_t heed_count_targets(const int32_t *targets, int64_t n)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        count += targets[i] != HEED_NO_TARGET;
    return count;
}

heed_sweep heed_sweep_make(const heed_corpus *corpus, heed_part part, int64_t batch_size,
                           int64_t context_length)
{
    const heed_sweep sweep = {
        .corpus = corpus,
        .part = part,
        .batch_size = batch_size,
        .context_length = context_length,
    };

    assert(batch_size > 0 && context_length > 0);
    return sweep;
}

int64_t heed_sweep_n_targets(const heed_sweep *sweep)
{
    const int64_t n = sweep->corpus->source.n_tokens[sweep->part];

    return n > 0 ? n - 1 : 0;
}

int64_t heed_sweep_n_batches(const heed_sweep *sweep)
{
    const int64_t T = sweep->context_length;
    const int64_t windows = (heed_sweep_n_targets(sweep) + T - 1) / T;

    return (windows + sweep->batch_size - 1) / sweep->batch_size;
}

int64_t heed_sweep_next(heed_sweep *sweep, int32_t *ids, int32_t *targets)
{
    const heed_source *source = &sweep->corpus->source;
    const int64_t T = sweep->context_length, n_targets = heed_sweep_n_targets(sweep);
    const int64_t before = sweep->position, left = n_targets - before;
    const int64_t n = left < T * sweep->batch_size ? left : T * sweep->batch_size;

    for (int64_t b = 0; b < sweep->batch_size; b++)
        source->fill(source, sweep->part, before + b * T, T, ids + b * T, targets + b * T);
    sweep->position += n;
    return n;
}
