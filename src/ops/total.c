/* SPDX-License-Identifier: MIT */
#include "ops/total.h"

#include "base/parallel.h"

enum { BLOCK = HEED_TOTAL_BLOCK, BLOCKS_A_PIECE = 8 };

typedef struct total_job {
    heed_total_fn *fn;
    const heed_tensor *x;
    bool dense;
    double *totals; /* one a block */
} total_job;

static int64_t blocks_of(const heed_tensor *x)
{
    return heed_tensor_is_dense(x) ? (heed_tensor_count(x) + BLOCK - 1) / BLOCK : heed_rows(x);
}

size_t heed_total_workspace(const heed_tensor *x)
{
    return (size_t)blocks_of(x) * sizeof(double);
}

static void sum_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const total_job *job = context;
    const int64_t count = heed_tensor_count(job->x);

    (void)thread;
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = b * BLOCK, rest = count - first;

        if (job->dense)
            job->totals[b] = job->fn((const float *)job->x->data + first, rest < BLOCK ? rest : BLOCK);
        else
            job->totals[b] = job->fn(heed_row(job->x, b), heed_cols(job->x));
    }
}

double heed_total(const heed_device *device, heed_total_fn *fn, const heed_tensor *x, void *workspace)
{
    total_job job = {.fn = fn, .x = x, .dense = heed_tensor_is_dense(x), .totals = workspace};
    const int64_t n_blocks = blocks_of(x);
    double total = 0.0;

    heed_parallel(device->n_threads, n_blocks, BLOCKS_A_PIECE, sum_blocks, &job);
    for (int64_t b = 0; b < n_blocks; b++)
        total += job.totals[b];
    return total;
}
