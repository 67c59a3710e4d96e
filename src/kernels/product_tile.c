/* SPDX-License-Identifier: MIT */
/*
 * heed's own matrix product, for builds without oneDNN and for kernel tables other than the widest.
 *
 *   for each block of N_BLOCK columns and K_BLOCK of the summed axis
 *       pack that block of B into panels of tile_columns           (threads split the panels)
 *       for each block of rows                                     (threads split the blocks)
 *           pack that block of A into panels of tile_rows
 *           product_block(): C block (+)= A block times B block
 *
 * Packed panels are read from front to back, whatever the transposes were. A block of B stays in the second-level
 * cache, a panel of A in the first. An element of C sums k upwards, one partial sum for each K_BLOCK, so its
 * bits do not depend on the number of threads, nor on m.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "kernels/product_engine.h"
#include "kernels/product_pack.h"

#include <stdlib.h>

enum {
    K_BLOCK = HEED_TILE_K,
    N_BLOCK = 1024, /* a multiple of every tile_columns */
    M_BLOCK = HEED_TILE_M,
};

typedef struct tile_state {
    const heed_kernels *kernels;
    int n_threads;
} tile_state;

typedef struct tile_plan {
    const heed_kernels *kernels;
    int n_threads;
    heed_product_shape shape;
    int64_t row_block;       /* rows of C that one task computes */
    size_t b_bytes, a_bytes; /* packed block of B; packed block of A of one thread */
} tile_plan;

/* One block of B and all rows of C: what the threads share. */
typedef struct tile_pass {
    const tile_plan *plan;
    const float *a, *b, *bias;
    float *c;
    float *b_packed;
    char *a_packed;                 /* a_bytes for each thread */
    int64_t j, n_block, l, k_block; /* columns j .. j + n_block - 1, summed axis l .. l + k_block - 1 */
} tile_pass;

static heed_status tile_open(const heed_kernels *kernels, int n_threads, void **state, heed_error *err)
{
    tile_state *made = malloc(sizeof *made);

    *state = made;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for matrix products");
    *made = (tile_state){.kernels = kernels, .n_threads = n_threads};
    return HEED_OK;
}

static const char *tile_name(const void *state)
{
    (void)state;
    return "heed's register tile";
}

static bool tile_has_bf16(const void *state)
{
    (void)state;
    return false;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static heed_status tile_make(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                             size_t *workspace_bytes, heed_error *err)
{
    const tile_state *tile = state;
    const int64_t rows = tile->kernels->tile_rows, columns = tile->kernels->tile_columns;
    tile_plan *made = malloc(sizeof *made);

    (void)packing; /* always packs */
    *plan = made;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to plan a matrix product");
    *made = (tile_plan){
        .kernels = tile->kernels, .n_threads = shape->n_callers > 0 ? 1 : tile->n_threads, .shape = *shape};

    /* enough tasks for all threads, and the last of them not much smaller than the others */
    const int64_t n_tasks = round_up((shape->m + M_BLOCK - 1) / M_BLOCK, made->n_threads);
    made->row_block = round_up((shape->m + n_tasks - 1) / n_tasks, rows);

    const int64_t k_block = smaller(shape->k, K_BLOCK);
    const int64_t n_block = round_up(smaller(shape->n, N_BLOCK), columns);
    made->b_bytes = heed_size_align((size_t)(k_block * n_block) * sizeof(float));
    made->a_bytes = heed_size_align((size_t)(k_block * made->row_block) * sizeof(float));
    *workspace_bytes = made->b_bytes + (size_t)made->n_threads * made->a_bytes;
    return HEED_OK;
}

static void pack_columns(void *context, int64_t begin, int64_t end, int thread)
{
    const tile_pass *pass = context;
    const heed_product_shape *s = &pass->plan->shape;
    const int64_t width = pass->plan->kernels->tile_columns;
    const int64_t step = s->transpose_b ? s->k : 1, stride = s->transpose_b ? 1 : s->n;
    const int64_t first = begin * width, last = smaller(end * width, pass->n_block);

    (void)thread;
    heed_pack_panels(pass->b_packed + first * pass->k_block,
                     pass->b + (pass->j + first) * step + pass->l * stride, step, stride, last - first,
                     pass->k_block, width);
}

static void multiply_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const tile_pass *pass = context;
    const tile_plan *plan = pass->plan;
    const heed_product_shape *s = &plan->shape;
    const int64_t step = s->transpose_a ? 1 : s->k, stride = s->transpose_a ? s->m : 1;
    float *a_packed = (float *)(void *)(pass->a_packed + (size_t)thread * plan->a_bytes);
    float *c = pass->c + begin * s->n + pass->j;
    const bool first = pass->l == 0;

    heed_pack_panels(a_packed, pass->a + begin * step + pass->l * stride, step, stride, end - begin,
                     pass->k_block, plan->kernels->tile_rows);
    for (int64_t i = 0; first && s->has_bias && i < end - begin; i++)
        heed_add_bias(c + i * s->n, pass->bias + pass->j, pass->n_block, s->accumulate);
    plan->kernels->product_block(c, s->n, a_packed, pass->b_packed, end - begin, pass->n_block, pass->k_block,
                                 !first || s->has_bias || s->accumulate);
}

static void tile_run(const void *plan_, int caller, const void *a, const void *b, const float *bias, float *c,
                     void *workspace)
{
    const tile_plan *plan = plan_;
    const heed_product_shape *s = &plan->shape;
    const int64_t columns = plan->kernels->tile_columns;
    tile_pass pass = {.plan = plan, .a = a, .b = b, .bias = bias, .c = c};

    (void)caller; /* the plan holds nothing that a run changes */
    pass.b_packed = workspace;
    pass.a_packed = (char *)workspace + plan->b_bytes;
    for (pass.j = 0; pass.j < s->n; pass.j += N_BLOCK) {
        pass.n_block = smaller(N_BLOCK, s->n - pass.j);
        for (pass.l = 0; pass.l < s->k; pass.l += K_BLOCK) {
            pass.k_block = smaller(K_BLOCK, s->k - pass.l);
            heed_parallel(plan->n_threads, (pass.n_block + columns - 1) / columns, 1, pack_columns, &pass);
            heed_parallel(plan->n_threads, s->m, plan->row_block, multiply_rows, &pass);
        }
    }
}

const heed_product_engine heed_product_engine_tile = {
    .open = tile_open,
    .close = free,
    .name = tile_name,
    .has_bf16 = tile_has_bf16,
    .plan = tile_make,
    .drop = free,
    .run = tile_run,
};
