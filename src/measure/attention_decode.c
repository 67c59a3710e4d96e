/* SPDX-License-Identifier: MIT */
/* Attention while decoding: one query over a long cache, in turns with reading as many bytes and nothing else. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/limits.h"
#include "measure/attention_bench.h"
#include "measure/measure.h"

/* Caches take turns, so that each query finds its own in memory and no nearer. */
#define POOL_BYTES 384e6
#define TURNS      60
#define MOST_POOL  128

/* Caches of keys and values, one after the other; the first is random, the others are copies of it. */
typedef struct cache_pool {
    char *block;
    size_t block_bytes, k_bytes;
    int n;
} cache_pool;

static heed_status make_pool(cache_pool *pool, const heed_attention_arrays *arrays, heed_error *err)
{
    const size_t one = 2 * arrays->k_bytes;
    const double wanted = POOL_BYTES / (double)one;

    *pool = (cache_pool){.k_bytes = arrays->k_bytes};
    pool->n = wanted < 2.0 ? 2 : wanted > MOST_POOL ? MOST_POOL : (int)wanted;
    pool->block_bytes = (size_t)pool->n * one;
    pool->block = pool->block_bytes < heed_memory_available() ? heed_memory_reserve(pool->block_bytes) : NULL;
    if (pool->block == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %d caches of %.1f MB", pool->n,
                         (double)one / 1e6);
    for (int i = 0; i < pool->n; i++) {
        memcpy(pool->block + (size_t)i * one, arrays->k, arrays->k_bytes);
        memcpy(pool->block + (size_t)i * one + arrays->k_bytes, arrays->v, arrays->k_bytes);
    }
    return HEED_OK;
}

static void take_turns(heed_attention_case *c, void *block, const cache_pool *pool, heed_reading *reading,
                       heed_bench_attention_result *out)
{
    double decode[TURNS], read[TURNS];

    for (int turn = -2; turn < TURNS; turn++) {
        char *k = pool->block + (size_t)((turn + 2) % pool->n) * 2 * pool->k_bytes;

        c->variables[1]->tensor.data = k;
        c->variables[2]->tensor.data = k + pool->k_bytes;
        heed_attention_case_place(c, block, NULL);
        const double decode_s = heed_attention_case_run(c, HEED_ATTENTION_FORWARD);
        const double read_s = heed_reading_pass(reading);
        if (turn < 0)
            continue;
        decode[turn] = decode_s;
        read[turn] = read_s;
    }
    out->decode = heed_measure_of(decode, TURNS);
    out->reading = heed_measure_of(read, TURNS);
}

heed_status heed_attention_decode_measure(const heed_bench_attention_options *o, heed_device *device,
                                          heed_bench_attention_result *out, heed_error *err)
{
    const heed_attention_shape shape = {.n_heads = o->n_heads,
                                        .n_query = 1,
                                        .n_key = HEED_BENCH_CACHED_KEYS,
                                        .head_dim = o->head_dim,
                                        .bf16 = o->bf16,
                                        .mask = {.causal = true, .position = HEED_BENCH_CACHED_KEYS - 1}};
    heed_attention_arrays arrays = {0};
    heed_attention_case c = {0};
    heed_reading reading = {0};
    cache_pool pool = {0};
    void *block = NULL;
    heed_status status;

    heed_attention_report(o, "decoding", shape.n_key);
    status = heed_attention_arrays_create(&arrays, &shape, err);
    if (status == HEED_OK)
        status = make_pool(&pool, &arrays, err);
    if (status == HEED_OK)
        status = heed_reading_open(&reading, device->n_threads, 2 * arrays.k_bytes, err);
    if (status == HEED_OK)
        status = heed_attention_case_plan(&c, &shape, &arrays, device, err);
    if (status == HEED_OK && (block = heed_memory_reserve(c.bytes)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to decode in");
    if (status == HEED_OK) {
        take_turns(&c, block, &pool, &reading, out);
        out->decode_bytes = 2.0 * (double)arrays.k_bytes;
    }
    heed_memory_release(block, c.bytes);
    heed_attention_case_destroy(&c);
    heed_reading_close(&reading);
    heed_memory_release(pool.block, pool.block_bytes);
    heed_attention_arrays_destroy(&arrays);
    return status;
}
