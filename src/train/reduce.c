/* SPDX-License-Identifier: MIT */
#include "train/reduce.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"

enum { BLOCKS_A_PIECE = 8 };

/* --- room --- */

heed_status heed_reduce_create(heed_ranks *ranks, const heed_device *device, const heed_weights *weights,
                               const heed_split *split, heed_reduce **reduce, heed_error *err)
{
    const size_t size = (size_t)split->size;
    heed_reduce *r = calloc(1, sizeof *r);
    bool whole = r != NULL;

    *reduce = NULL;
    if (whole) {
        *r = (heed_reduce){.ranks = ranks, .device = device, .weights = weights, .split = split};
        r->missing = calloc((size_t)split->n_buckets + 1, sizeof *r->missing);
        r->room = malloc((size_t)split->most * sizeof *r->room + 1);
        r->squares = calloc((size_t)split->blocks[size] + 1, sizeof *r->squares);
        r->sums = calloc((size_t)weights->n + 1, sizeof *r->sums);
        r->losses = calloc(3 * size, sizeof *r->losses);
        r->cuts = calloc(size + 1, sizeof *r->cuts);
        whole = r->missing != NULL && r->room != NULL && r->squares != NULL && r->sums != NULL &&
                r->losses != NULL && r->cuts != NULL;
        for (int k = 0; k < HEED_REDUCE_SLOTS && whole; k++) {
            r->slots[k] = heed_exchange_create(ranks, k, split->most, device->n_threads);
            whole = r->slots[k] != NULL;
        }
        r->bytes = HEED_REDUCE_SLOTS * heed_exchange_bytes(ranks, split->most) +
                   (size_t)split->most * sizeof *r->room;
    }
    if (!whole) {
        heed_reduce_destroy(r);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for gradients on their way between %d ranks",
                         split->size);
    }
    *reduce = r;
    return HEED_OK;
}

void heed_reduce_destroy(heed_reduce *r)
{
    if (r == NULL)
        return;
    for (int k = 0; k < HEED_REDUCE_SLOTS; k++)
        heed_exchange_destroy(r->slots[k]);
    free(r->missing);
    free(r->room);
    free(r->squares);
    free(r->sums);
    free(r->losses);
    free(r->cuts);
    free(r);
}

/* --- gradients --- */

void heed_reduce_begin(heed_reduce *r, float *gradients)
{
    for (int b = 0; b < r->split->n_buckets; b++)
        r->missing[b] = r->split->buckets[b].n_parameters;
    r->gradients = gradients;
    r->n_started = 0;
    r->running = true;
    r->error = (heed_error){HEED_OK, ""};
}

/* All slots may be busy: then the run stands still until the oldest bucket is through. */
static heed_status finish_slot(heed_reduce *r, heed_exchange *slot)
{
    const double begin = heed_clock_s();
    const heed_status status = heed_exchange_finish(slot, &r->error);

    r->waited_s += heed_clock_s() - begin;
    return status;
}

/* The run goes on after a failure; it is told by heed_reduce_finish(). */
static void start_bucket(heed_reduce *r, int b)
{
    heed_exchange *slot = r->slots[r->n_started % HEED_REDUCE_SLOTS];
    heed_status status = r->error.status;

    r->missing[b] = -1;
    r->n_started++;
    if (status == HEED_OK)
        status = finish_slot(r, slot);
    if (status == HEED_OK)
        status = heed_exchange_start(slot, r->gradients, r->split->buckets[b].cuts, &r->error);
    r->error.status = status;
}

/* Sends and receives what can be sent and received now. */
static void poll(heed_reduce *r)
{
    bool arrived;

    for (int k = 0; k < HEED_REDUCE_SLOTS && r->error.status == HEED_OK; k++)
        r->error.status = heed_exchange_poll(r->slots[k], &arrived, &r->error);
}

static bool holds(const heed_split_bucket *b, int parameter)
{
    return b->first_parameter <= parameter && parameter < b->first_parameter + b->n_parameters;
}

void heed_reduce_settled(heed_reduce *r, int parameter)
{
    if (!r->running)
        return;
    for (int b = 0; b < r->split->n_buckets; b++) {
        if (holds(&r->split->buckets[b], parameter) && --r->missing[b] == 0)
            start_bucket(r, b);
    }
    poll(r);
}

heed_status heed_reduce_finish(heed_reduce *r, heed_error *err)
{
    const double begin = heed_clock_s(), within = r->waited_s;

    for (int b = 0; b < r->split->n_buckets; b++) {
        if (r->missing[b] >= 0)
            start_bucket(r, b); /* complete only at the end of the run */
    }
    for (int k = 0; k < HEED_REDUCE_SLOTS && r->error.status == HEED_OK; k++)
        r->error.status = heed_exchange_finish(r->slots[(r->n_started + k) % HEED_REDUCE_SLOTS], &r->error);
    r->running = false;
    r->waited_s = within + heed_clock_s() - begin; /* all of it, waiting for slots included */
    if (r->error.status != HEED_OK)
        return heed_fail(err, r->error.status, "%s", r->error.message);
    return HEED_OK;
}

/* --- losses --- */

heed_status heed_reduce_losses(heed_reduce *r, double *x, heed_error *err)
{
    const int size = r->split->size;
    double *all = r->losses, *one = r->losses + 2 * size;
    const double begin = heed_clock_s();
    const heed_status status = heed_ranks_gather(r->ranks, x, 2 * sizeof *x, all, err);

    r->waited_s += heed_clock_s() - begin;
    for (int k = 0; k < 2 && status == HEED_OK; k++) {
        for (int i = 0; i < size; i++)
            one[i] = all[2 * i + k];
        heed_tree_sum(one, size);
        x[k] = one[0];
    }
    return status;
}

heed_status heed_reduce_evaluated(heed_reduce *r, const double *own, int n, double *sums, heed_error *err)
{
    const heed_status status = heed_ranks_gather(r->ranks, own, 2 * sizeof *own, r->losses, err);

    for (int i = 0; i < n && status == HEED_OK; i++) {
        sums[0] += r->losses[2 * i];
        sums[1] += r->losses[2 * i + 1];
    }
    return status;
}

/* --- norm --- */

typedef struct squares_job {
    const heed_device *device;
    const float *x;
    int64_t n;
    double *squares; /* one a block */
} squares_job;

static void sum_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const squares_job *job = context;

    (void)thread;
    for (int64_t b = begin; b < end; b++) {
        const float *x = job->x + b * HEED_SPLIT_BLOCK;
        const int64_t rest = job->n - b * HEED_SPLIT_BLOCK,
                      n = rest < HEED_SPLIT_BLOCK ? rest : HEED_SPLIT_BLOCK;
        double sum = 0.0;

        if (job->device->kernels != NULL)
            sum = job->device->kernels->sum_squares(x, n);
        for (int64_t i = 0; i < n && job->device->kernels == NULL; i++)
            sum += (double)x[i] * (double)x[i];
        job->squares[b] = sum;
    }
}

/* A rank's blocks are in the order of its parts, and the ranks one behind the other. */
static void sum_own_blocks(heed_reduce *r)
{
    const heed_split *s = r->split;
    const int rank = heed_ranks_rank(r->ranks);
    double *squares = r->squares + s->blocks[rank];

    for (int k = 0; k < s->n_parts; k++) {
        const heed_split_part *part = &s->parts[k];
        const squares_job job = {r->device, r->gradients + s->places[part->parameter] + part->first, part->n,
                                 squares};
        if (part->rank != rank)
            continue;
        heed_parallel(r->device->n_threads, heed_split_blocks(part->n), BLOCKS_A_PIECE, sum_blocks,
                      (void *)(uintptr_t)&job);
        squares += heed_split_blocks(part->n);
    }
}

heed_status heed_reduce_norm(heed_reduce *r, float *norm, heed_error *err)
{
    const heed_split *s = r->split;
    size_t *at = r->cuts; /* after sharing: where the next block of each rank lies */
    float total = 0.0f;
    double begin;
    heed_status status;

    sum_own_blocks(r);
    for (int rank = 0; rank <= s->size; rank++)
        r->cuts[rank] = (size_t)s->blocks[rank] * sizeof(double);
    begin = heed_clock_s();
    status = heed_ranks_share(r->ranks, r->squares, r->cuts, err);
    r->waited_s += heed_clock_s() - begin;
    if (status != HEED_OK)
        return status;
    memset(r->sums, 0, (size_t)r->weights->n * sizeof *r->sums);
    for (int k = 0; k < s->n_parts; k++) {
        const heed_split_part *part = &s->parts[k];
        for (int64_t b = 0; b < heed_split_blocks(part->n); b++, at[part->rank] += sizeof(double))
            r->sums[part->parameter] += r->squares[at[part->rank] / sizeof(double)];
    }
    /* as the graph does: sum_squares of one parameter after the other, then sqrt, each rounded to float */
    for (int i = 0; i < r->weights->n; i++)
        total = (float)((double)total + r->sums[i]);
    *norm = sqrtf(total);
    return HEED_OK;
}

/* --- weights --- */

heed_status heed_reduce_share(heed_reduce *r, heed_error *err)
{
    const heed_split *s = r->split;
    const double begin = heed_clock_s();
    heed_status status = HEED_OK;

    for (int b = 0; b < s->n_buckets && status == HEED_OK; b++) {
        for (int i = 0; i <= s->size; i++)
            r->cuts[i] = (size_t)s->buckets[b].cuts[i] * sizeof(float);
        status = heed_ranks_share(r->ranks, (void *)(uintptr_t)r->weights->list[0].data, r->cuts, err);
    }
    r->waited_s += heed_clock_s() - begin;
    return status;
}
