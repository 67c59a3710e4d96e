/* SPDX-License-Identifier: MIT */
/*
 * Products of groups of rows by the register tile.
 *
 *   for each group and each block of its columns                    (threads split these pairs)
 *       for each K_BLOCK of the summed axis
 *           pack that block of B into panels of tile_columns
 *           for each M_BLOCK of the group's rows
 *               pack that block of A, product_block()
 *
 * A thread packs for itself, so groups of very different sizes keep all threads busy without a barrier between them.
 * An element of C sums upwards, one partial sum for each K_BLOCK, whatever the blocks of columns are. A group of a few
 * rows (decoding sends one token to k experts) is bound by reading its matrix, which is streamed instead of packed.
 */
#include "kernels/product_groups.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "kernels/product_pack.h"

#include <string.h>

enum {
    N_BLOCK = 256,         /* columns, at most: a packed block of B stays in the second-level cache */
    FEW_ROWS = 4,          /* up to here B is streamed */
    FEW_TRANSPOSED = 32,   /* the same where packing B is a transpose, which costs more */
    BLOCK_WEIGHTS = 49152, /* weights (192 kB) that stay in the second-level cache while a few rows pass */
};

/* One run: what the threads share. */
typedef struct groups_job {
    const heed_groups *groups;
    const heed_device *device;
    const float *a, *b, *bias;
    float *c;
    char *workspace;
    int64_t n_block, n_blocks; /* columns that one task computes; tasks of a group */
} groups_job;

/* One group's product C [m, n] = op(A) op(B), columns j .. j + columns - 1 of it. */
typedef struct group_product {
    const float *a, *b, *bias;
    float *c;
    int64_t m, k, j, columns;
} group_product;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* A few tasks for each thread, should all groups have rows; not narrower than a panel. */
static int64_t columns_of_task(const heed_groups *groups, const heed_device *device)
{
    const int64_t tasks = (4 * device->n_threads + groups->n_groups - 1) / groups->n_groups;
    const int64_t even = (groups->n + tasks - 1) / tasks;

    return round_up(smaller(even, N_BLOCK), device->kernels->tile_columns);
}

static size_t b_bytes(const heed_groups *groups, const heed_device *device)
{
    return heed_size_align((size_t)(HEED_TILE_K * columns_of_task(groups, device)) * sizeof(float));
}

static size_t a_bytes(void)
{
    return heed_size_align((size_t)HEED_TILE_K * HEED_TILE_M * sizeof(float));
}

size_t heed_groups_workspace_bytes(const heed_groups *groups, const heed_device *device)
{
    return (size_t)device->n_threads * (b_bytes(groups, device) + a_bytes());
}

static group_product product_of(const groups_job *job, int64_t group)
{
    const heed_groups *s = job->groups;
    const int64_t first = s->offsets[group], rows = s->offsets[group + 1] - first;

    if (s->weights)
        return (group_product){.a = job->a + first * s->m,
                               .b = job->b + first * s->n,
                               .c = job->c + group * s->m * s->n,
                               .m = s->m,
                               .k = rows};
    return (group_product){.a = job->a + first * s->k,
                           .b = job->b + group * s->k * s->n,
                           .bias = job->bias != NULL ? job->bias + group * s->n : NULL,
                           .c = job->c + first * s->n,
                           .m = rows,
                           .k = s->k};
}

static bool has_few_rows(const groups_job *job, const group_product *p)
{
    return !job->groups->weights && p->m <= (job->groups->transpose_b ? FEW_TRANSPOSED : FEW_ROWS);
}

/* A few rows of A, each over a block of B while that is in the cache. */
static void stream_rows(const groups_job *job, const group_product *p)
{
    const heed_groups *s = job->groups;
    const heed_kernels *kernels = job->device->kernels;
    const int64_t step = s->transpose_b ? BLOCK_WEIGHTS / p->k / 4 * 4 + 4 : p->columns;

    for (int64_t j = p->j; j < p->j + p->columns; j += step) {
        const int64_t n = smaller(step, p->j + p->columns - j);
        const float *bias = p->bias != NULL ? p->bias + j : NULL;

        for (int64_t i = 0; i < p->m; i++) {
            float *c = p->c + i * s->n + j;

            if (s->transpose_b)
                kernels->rows_dot(c, p->b + j * p->k, p->k, p->a + i * p->k, bias, n, p->k);
            else
                kernels->rows_combine(c, p->b + j, s->n, p->a + i * p->k, bias, n, p->k);
        }
    }
}

/* One block of B and all rows of C. */
static void multiply_block(const groups_job *job, const group_product *p, int64_t l, const float *b_packed,
                           float *a_packed)
{
    const heed_groups *s = job->groups;
    const heed_kernels *kernels = job->device->kernels;
    const int64_t k_block = smaller(HEED_TILE_K, p->k - l);
    const int64_t step = s->weights ? 1 : p->k, stride = s->weights ? p->m : 1;

    for (int64_t i = 0; i < p->m; i += HEED_TILE_M) {
        const int64_t rows = smaller(HEED_TILE_M, p->m - i);
        float *c = p->c + i * s->n + p->j;

        heed_pack_panels(a_packed, p->a + i * step + l * stride, step, stride, rows, k_block,
                         kernels->tile_rows);
        for (int64_t r = 0; p->bias != NULL && l == 0 && r < rows; r++)
            heed_add_bias(c + r * s->n, p->bias + p->j, p->columns, false);
        kernels->product_block(c, s->n, a_packed, b_packed, rows, p->columns, k_block,
                               l > 0 || p->bias != NULL);
    }
}

static void multiply(const groups_job *job, const group_product *p, char *workspace)
{
    const heed_groups *s = job->groups;
    const int64_t step = s->transpose_b ? p->k : 1, stride = s->transpose_b ? 1 : s->n;
    float *b_packed = (float *)(void *)workspace;
    float *a_packed = (float *)(void *)(workspace + b_bytes(s, job->device));

    for (int64_t l = 0; l < p->k; l += HEED_TILE_K) {
        heed_pack_panels(b_packed, p->b + p->j * step + l * stride, step, stride, p->columns,
                         smaller(HEED_TILE_K, p->k - l), job->device->kernels->tile_columns);
        multiply_block(job, p, l, b_packed, a_packed);
    }
}

/* Nothing was summed. */
static void clear(const groups_job *job, const group_product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        memset(p->c + i * job->groups->n + p->j, 0, (size_t)p->columns * sizeof *p->c);
}

static void run_tasks(void *context, int64_t begin, int64_t end, int thread)
{
    const groups_job *job = context;
    const size_t bytes = b_bytes(job->groups, job->device) + a_bytes();

    for (int64_t task = begin; task < end; task++) {
        group_product p = product_of(job, task / job->n_blocks);

        p.j = task % job->n_blocks * job->n_block;
        p.columns = smaller(job->n_block, job->groups->n - p.j);
        if (p.k <= 0)
            clear(job, &p);
        else if (has_few_rows(job, &p))
            stream_rows(job, &p);
        else
            multiply(job, &p, job->workspace + (size_t)thread * bytes);
    }
}

void heed_groups_run(const heed_groups *groups, const heed_device *device, const float *a, const float *b,
                     const float *bias, float *c, void *workspace)
{
    groups_job job = {.groups = groups, .device = device, .a = a, .b = b, .bias = bias, .c = c};

    job.workspace = workspace;
    job.n_block = columns_of_task(groups, device);
    job.n_blocks = (groups->n + job.n_block - 1) / job.n_block;
    heed_parallel(device->n_threads, groups->n_groups * job.n_blocks, 1, run_tasks, &job);
}
