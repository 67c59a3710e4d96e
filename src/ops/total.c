/* SPDX-License-Identifier: MIT */
#include "ops/total.h"

#include "base/parallel.h"

enum { BLOCK = HEED_TOTAL_BLOCK, BLOCKS_A_PIECE = 8 };

typedef struct total_job {
    heed_total_fn *fn;
    const heed_tensor *x;
    const int32_t *marks; /* of rows, or NULL: all of them count */
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

/* No marked row reaches into elements first .. first + n - 1. */
static bool is_unmarked(const total_job *job, int64_t first, int64_t n)
{
    const int64_t d = heed_cols(job->x);

    if (job->marks == NULL)
        return false;
    for (int64_t r = first / d; r * d < first + n; r++) {
        if (job->marks[r] != 0)
            return false;
    }
    return true;
}

static void sum_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const total_job *job = context;
    const int64_t count = heed_tensor_count(job->x);

    (void)thread;
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = b * BLOCK, rest = count - first;

        if (job->dense && is_unmarked(job, first, rest < BLOCK ? rest : BLOCK))
            job->totals[b] = 0.0;
        else if (job->dense)
            job->totals[b] = job->fn((const float *)job->x->data + first, rest < BLOCK ? rest : BLOCK);
        else
            job->totals[b] = job->fn(heed_row(job->x, b), heed_cols(job->x));
    }
}

double heed_total(const heed_device *device, heed_total_fn *fn, const heed_tensor *x, void *workspace)
{
    return heed_total_of_marked(device, fn, x, NULL, workspace);
}

double heed_total_of_marked(const heed_device *device, heed_total_fn *fn, const heed_tensor *x,
                            const int32_t *marks, void *workspace)
{
    total_job job = {.fn = fn, .x = x, .marks = marks, .dense = heed_tensor_is_dense(x), .totals = workspace};
    const int64_t n_blocks = blocks_of(x);
    double total = 0.0;

    heed_parallel(device->n_threads, n_blocks, BLOCKS_A_PIECE, sum_blocks, &job);
    for (int64_t b = 0; b < n_blocks; b++)
        total += job.totals[b];
    return total;
}
