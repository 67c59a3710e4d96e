/* SPDX-License-Identifier: MIT */
#include "train/strict.h"

#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

enum { MOST_PARTS = 4, PIECE = 65536 };

static bool is_power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static int log2_of(int64_t power)
{
    int n = 0;

    while (power >> (n + 1) > 0)
        n++;
    return n;
}

/* --- the cut --- */

/* The largest power of two up to MOST_PARTS that divides the batch: enough for 4 ranks, with one buffer. */
static int64_t parts_of(int64_t batch_size)
{
    int64_t parts = 1;

    while (parts < MOST_PARTS && batch_size % (2 * parts) == 0)
        parts *= 2;
    return parts;
}

static heed_status check_cut(const heed_strict_sum *sum, const heed_train_options *o, int n_ranks,
                             heed_error *err)
{
    const int64_t part = o->batch_size / sum->n_parts;

    if (!is_power_of_two(sum->n_parts) || o->batch_size % sum->n_parts != 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "strict_parts: expected a power of two that divides the batch_size %lld, got %lld",
                         (long long)o->batch_size, (long long)sum->n_parts);
    if (!is_power_of_two(n_ranks) || n_ranks > sum->n_parts)
        return heed_fail(err, HEED_ERR_USAGE,
                         "strict: a step of %lld windows has %lld parts, so expected 1, 2, 4, ... up to %lld "
                         "ranks, got %d; strict_parts makes more of them",
                         (long long)o->batch_size, (long long)sum->n_parts, (long long)sum->n_parts, n_ranks);
    if (part % sum->micro_batch != 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "micro_batch: with strict expected a divisor of %lld, the windows of one of %lld "
                         "parts, got %lld",
                         (long long)part, (long long)sum->n_parts, (long long)sum->micro_batch);
    return HEED_OK;
}

heed_status heed_strict_cut(heed_strict_sum *sum, const heed_train_options *o, int n_ranks, heed_error *err)
{
    int64_t part, part_runs;
    heed_status status;

    *sum = (heed_strict_sum){.n_parts = o->strict_parts > 0 ? o->strict_parts : parts_of(o->batch_size)};
    part = o->batch_size / sum->n_parts;
    sum->micro_batch = o->micro_batch > 0 && o->micro_batch < part ? o->micro_batch : part > 0 ? part : 1;
    status = check_cut(sum, o, n_ranks, err);
    if (status != HEED_OK)
        return status;
    part_runs = part / sum->micro_batch;
    sum->n_runs = o->batch_size / n_ranks / sum->micro_batch;
    /* a sum of two parts needs no buffer when both are one run */
    sum->leaf_runs = part_runs == 1 && sum->n_runs > 1 ? 2 : part_runs;
    sum->n_levels = log2_of(sum->n_runs / sum->leaf_runs);
    return HEED_OK;
}

size_t heed_strict_bytes(const heed_strict_sum *sum, int64_t n)
{
    return (size_t)sum->n_levels * (size_t)n * sizeof(float);
}

void heed_strict_place(heed_strict_sum *sum, const heed_device *device, float *gradients, int64_t n,
                       float *buffers)
{
    sum->device = device;
    sum->gradients = gradients;
    sum->n = n;
    sum->buffers = buffers;
}

bool heed_strict_ends_in_run(const heed_strict_sum *sum)
{
    return sum->n_levels == 0;
}

/* --- the sum --- */

/* What is done with grad.p, a piece at a time. */
typedef struct piece_job {
    const heed_strict_sum *sum;
    float *buffer;
} piece_job;

static void clear_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const piece_job *job = context;

    (void)thread;
    memset(job->sum->gradients + begin, 0, (size_t)(end - begin) * sizeof(float));
}

static void keep_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const piece_job *job = context;

    (void)thread;
    memcpy(job->buffer + begin, job->sum->gradients + begin, (size_t)(end - begin) * sizeof(float));
}

/* grad.p = buffer + grad.p */
static void add_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const piece_job *job = context;
    float *x = job->sum->gradients;
    const float *earlier = job->buffer;

    (void)thread;
    if (job->sum->device->kernels != NULL) {
        job->sum->device->kernels->add(x + begin, earlier + begin, x + begin, end - begin);
        return;
    }
    for (int64_t i = begin; i < end; i++)
        x[i] = earlier[i] + x[i];
}

static void for_all_pieces(const heed_strict_sum *sum, heed_range_fn *fn, int level)
{
    piece_job job = {.sum = sum, .buffer = level >= 0 ? sum->buffers + level * sum->n : NULL};

    heed_parallel(sum->device->n_threads, sum->n, PIECE, fn, &job);
}

void heed_strict_begin(heed_strict_sum *sum, int64_t run)
{
    if (run % sum->leaf_runs != 0)
        return;
    for_all_pieces(sum, clear_piece, -1);
    sum->loss = 0.0;
}

/*
 * Counting leaves in binary: where leaf number `leaf` ends, every level whose bit is 1 holds the left half of a sum that
 * is complete now. The first level whose bit is 0 takes what has become of it, unless all is done.
 */
void heed_strict_end(heed_strict_sum *sum, int64_t run, double loss)
{
    const int64_t leaf = run / sum->leaf_runs;
    int level = 0;

    sum->loss += loss;
    if (run % sum->leaf_runs != sum->leaf_runs - 1)
        return;
    for (; leaf >> level & 1; level++) {
        for_all_pieces(sum, add_piece, level);
        sum->loss = sum->losses[level] + sum->loss;
    }
    if (level < sum->n_levels) {
        for_all_pieces(sum, keep_piece, level);
        sum->losses[level] = sum->loss;
    }
}
