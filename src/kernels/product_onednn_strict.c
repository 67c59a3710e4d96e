/* SPDX-License-Identifier: MIT */
/*
 * Matrix products by oneDNN whose bits do not depend on the number of threads.
 *
 *   pack B, where many rows will read it                            (oneDNN's threads; nothing is summed)
 *   for each piece of the rows of C                                 (heed's threads split the pieces)
 *       piece of C (+)= piece of op(A) op(B)                        (oneDNN on one thread)
 *
 * On its own threads oneDNN cuts a product by their number: long sums into partial ones, and blocks that it then adds up
 * in another order. Here pieces follow from the shape alone, and oneDNN plans and computes each as if there was
 * one thread. The price: a piece is smaller than a thread's share, and the last pieces may leave threads idle.
 *
 * A product of n_callers is one piece, B as it lies, that the calling thread computes: worker i is that of caller i.
 *
 * Workspace: [packed B][scratch of packing, or of each worker]; that of a caller: [scratch].
 */
#include "kernels/product_onednn.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>

#define ROWS_UNIT  64 /* pieces have a multiple of so many rows: fewer read B too often for what they compute */
#define MOST_ROWS  256       /* of a piece */
#define PIECES     16        /* as many as this while they are not too small: so many threads are kept busy */
#define LEAST_WORK (4 << 20) /* multiplications of a piece: about 0.1 ms of one core */

/* The primitives of pieces: all have the same rows but the last. */
enum { FULL, LAST, N_KINDS };

/* What one thread points at its operands; a memory object belongs to one thread at a time. */
typedef struct worker {
    dnnl_stream_t stream;
    dnnl_memory_t a[N_KINDS], c[N_KINDS], scratch[N_KINDS], b, bias;
} worker;

typedef struct strict_plan {
    const heed_onednn *state;
    heed_product_shape shape;
    int64_t rows, n_pieces; /* of a full piece; pieces in all */
    int n_workers;
    worker *workers;
    dnnl_primitive_t multiply[N_KINDS];
    size_t scratch_bytes;        /* of one worker */
    heed_onednn_packing packing; /* all zeros: B is read as it lies */
} strict_plan;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* By the shape alone: no number of threads may come in here. */
static int64_t rows_of_a_piece(const heed_product_shape *s)
{
    if (s->n_callers > 0)
        return s->m;

    const double work = (double)s->n * (double)s->k;
    int64_t rows = smaller(divide_up(s->m, PIECES), MOST_ROWS);

    if (work * (double)rows < LEAST_WORK)
        rows = (int64_t)smaller(s->m, (int64_t)(LEAST_WORK / work) + 1);
    return smaller(divide_up(rows, ROWS_UNIT) * ROWS_UNIT, s->m);
}

/*
 * Every piece reads all of B, so a copy in oneDNN's order pays for fewer rows than on many threads: without one, products of
 * 1024 rows and 2304 or 3072 columns ran at 0.3 to 0.4 of the speed. Where A or B is a transpose oneDNN copies blocks for
 * itself, and one more copy gains nothing.
 */
static bool wants_packing(const heed_product_shape *s)
{
    return !s->transpose_a && !s->transpose_b && s->m >= 128 && s->k >= 64 && s->n >= 64;
}

/* --- planning --- */

static void drop_worker(worker *w)
{
    for (int kind = 0; kind < N_KINDS; kind++) {
        heed_onednn_drop_memory(w->a[kind]);
        heed_onednn_drop_memory(w->c[kind]);
        heed_onednn_drop_memory(w->scratch[kind]);
    }
    heed_onednn_drop_memory(w->b);
    heed_onednn_drop_memory(w->bias);
    if (w->stream)
        dnnl_stream_destroy(w->stream);
}

static void strict_drop(void *plan_)
{
    strict_plan *plan = plan_;

    for (int i = 0; i < plan->n_workers; i++)
        drop_worker(&plan->workers[i]);
    free(plan->workers);
    for (int kind = 0; kind < N_KINDS; kind++)
        if (plan->multiply[kind])
            dnnl_primitive_destroy(plan->multiply[kind]);
    heed_onednn_packing_drop(&plan->packing);
    free(plan);
}

typedef struct descriptors {
    heed_onednn_matrix a[N_KINDS], c[N_KINDS], b, b_any, bias;
} descriptors;

static void forget(descriptors *d)
{
    for (int kind = 0; kind < N_KINDS; kind++) {
        heed_onednn_forget(&d->a[kind]);
        heed_onednn_forget(&d->c[kind]);
    }
    heed_onednn_forget(&d->b);
    heed_onednn_forget(&d->b_any);
    heed_onednn_forget(&d->bias);
}

static dnnl_status_t describe_operands(descriptors *d, const strict_plan *plan)
{
    const heed_product_shape *s = &plan->shape;
    const dnnl_data_type_t type = s->bf16 ? dnnl_bf16 : dnnl_f32;
    const int64_t rows[N_KINDS] = {plan->rows, s->m - (plan->n_pieces - 1) * plan->rows};
    dnnl_status_t status = heed_onednn_describe(&d->b, s->k, s->n, s->transpose_b ? s->k : s->n, s->transpose_b,
                                                type);

    if (status == dnnl_success)
        status = heed_onednn_describe_any(&d->b_any, s->k, s->n, type);
    if (status == dnnl_success)
        status = heed_onednn_describe(&d->bias, 1, s->n, s->n, false, dnnl_f32);
    for (int kind = 0; kind < N_KINDS && status == dnnl_success; kind++) {
        status = heed_onednn_describe(&d->a[kind], rows[kind], s->k, s->transpose_a ? s->m : s->k,
                                      s->transpose_a, type);
        if (status == dnnl_success)
            status = heed_onednn_describe(&d->c[kind], rows[kind], s->n, s->n, false, dnnl_f32);
    }
    return status;
}

/* One piece is the last. */
static int first_kind(const strict_plan *plan)
{
    return plan->n_pieces > 1 ? FULL : LAST;
}

static dnnl_status_t make_workers(strict_plan *plan, const descriptors *d, heed_onednn_view b)
{
    const dnnl_engine_t engine = plan->state->engine;
    dnnl_status_t status = dnnl_success;

    for (int i = 0; i < plan->n_workers && status == dnnl_success; i++) {
        worker *w = &plan->workers[i];

        status = dnnl_stream_create(&w->stream, engine, dnnl_stream_default_flags);
        if (status == dnnl_success)
            status = dnnl_memory_create(&w->b, b, engine, DNNL_MEMORY_NONE);
        if (status == dnnl_success && plan->shape.has_bias)
            status = dnnl_memory_create(&w->bias, heed_onednn_view_of(&d->bias), engine, DNNL_MEMORY_NONE);
        for (int kind = first_kind(plan); kind < N_KINDS && status == dnnl_success; kind++) {
            status = dnnl_memory_create(&w->a[kind], heed_onednn_view_of(&d->a[kind]), engine,
                                        DNNL_MEMORY_NONE);
            if (status == dnnl_success)
                status = dnnl_memory_create(&w->c[kind], heed_onednn_view_of(&d->c[kind]), engine,
                                            DNNL_MEMORY_NONE);
        }
    }
    return status;
}

/* The primitive of one kind of piece, and every worker's scratch for it. */
static dnnl_status_t plan_kind(strict_plan *plan, int kind, const_dnnl_primitive_desc_t pd)
{
    size_t bytes = 0;
    dnnl_status_t status = dnnl_primitive_create(&plan->multiply[kind], pd);

    for (int i = 0; i < plan->n_workers && status == dnnl_success; i++)
        status = heed_onednn_make_scratch(&plan->workers[i].scratch[kind], &bytes, pd, plan->state->engine);
    bytes = heed_size_align(bytes);
    plan->scratch_bytes = bytes > plan->scratch_bytes ? bytes : plan->scratch_bytes;
    return status;
}

/* The last piece reads B as the full ones want it: whatever order that is, it is the order of one packed copy. */
static dnnl_status_t plan_pieces(strict_plan *plan, const descriptors *d, bool packed,
                                 dnnl_primitive_attr_t attr)
{
    const dnnl_engine_t engine = plan->state->engine;
    const heed_onednn_view bias = plan->shape.has_bias ? heed_onednn_view_of(&d->bias) : NULL;
    const heed_onednn_view plain = heed_onednn_view_of(&d->b);
    dnnl_primitive_desc_t full = NULL, last = NULL;
    heed_onednn_view b = plain;
    dnnl_status_t status = heed_onednn_describe_matmul(&full, engine, heed_onednn_view_of(&d->a[FULL]),
                                                       packed ? heed_onednn_view_of(&d->b_any) : plain, bias,
                                                       heed_onednn_view_of(&d->c[FULL]), attr);

    if (status == dnnl_success && packed)
        b = dnnl_primitive_desc_query_md(full, dnnl_query_weights_md, 0);
    if (status == dnnl_success)
        status = heed_onednn_describe_matmul(&last, engine, heed_onednn_view_of(&d->a[LAST]), b, bias,
                                             heed_onednn_view_of(&d->c[LAST]), attr);
    if (status == dnnl_success && first_kind(plan) == FULL)
        status = plan_kind(plan, FULL, full);
    if (status == dnnl_success)
        status = plan_kind(plan, LAST, last);
    if (status == dnnl_success)
        status = make_workers(plan, d, b);
    if (status == dnnl_success && packed && !dnnl_memory_desc_equal(b, plain)) {
        heed_onednn_use_threads(plan->state->n_threads);
        status = heed_onednn_packing_make(&plan->packing, engine, plain, b);
        heed_onednn_use_threads(1);
    }
    if (full)
        dnnl_primitive_desc_destroy(full);
    if (last)
        dnnl_primitive_desc_destroy(last);
    return status;
}

static heed_status strict_make(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                               size_t *workspace_bytes, heed_error *err)
{
    const bool packed = shape->n_callers == 0 && (packing == HEED_PACK_ALWAYS ||
                                                  (packing == HEED_PACK_BY_SHAPE && wants_packing(shape)));
    descriptors d = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_out_of_memory;
    size_t scratch_bytes;
    strict_plan *made = calloc(1, sizeof *made);

    *plan = NULL;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to plan a matrix product");
    made->state = state;
    made->shape = *shape;
    made->rows = rows_of_a_piece(shape);
    made->n_pieces = divide_up(shape->m, made->rows);
    made->n_workers = shape->n_callers > 0 ? shape->n_callers
                                           : (int)smaller(made->state->n_threads, made->n_pieces);
    made->workers = calloc((size_t)made->n_workers, sizeof *made->workers);

    const int before = heed_onednn_use_threads(1);
    if (made->workers)
        status = describe_operands(&d, made);
    if (status == dnnl_success)
        status = heed_onednn_make_attributes(&attr, shape->accumulate);
    if (status == dnnl_success)
        status = plan_pieces(made, &d, packed, attr);
    heed_onednn_use_threads(before);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    forget(&d);
    if (status != dnnl_success) {
        strict_drop(made);
        return heed_onednn_refused(shape, status, err);
    }
    scratch_bytes = (shape->n_callers > 0 ? 1 : (size_t)made->n_workers) * made->scratch_bytes;
    if (made->packing.scratch_bytes > scratch_bytes)
        scratch_bytes = made->packing.scratch_bytes;
    *workspace_bytes = made->packing.packed_bytes + scratch_bytes;
    *plan = made;
    return HEED_OK;
}

/* --- running --- */

typedef struct strict_run {
    const strict_plan *plan;
    const char *a, *b;
    const float *bias;
    float *c;
    char *scratch;
} strict_run;

static bool multiply(const strict_plan *plan, const worker *w, int kind)
{
    dnnl_exec_arg_t args[5] = {
        {DNNL_ARG_SRC, w->a[kind]}, {DNNL_ARG_WEIGHTS, w->b}, {DNNL_ARG_DST, w->c[kind]}};
    int n = 3;

    if (w->bias)
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, w->bias};
    if (w->scratch[kind])
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, w->scratch[kind]};
    return dnnl_primitive_execute(plan->multiply[kind], w->stream, n, args) == dnnl_success &&
           dnnl_stream_wait(w->stream) == dnnl_success;
}

/* Nothing of a planned product should fail; if it does, the result must not look like one. */
static void spoil(float *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        c[i] = NAN;
}

static void run_piece(const strict_run *run, const worker *w, int64_t piece, char *scratch)
{
    const strict_plan *plan = run->plan;
    const heed_product_shape *s = &plan->shape;
    const int kind = piece < plan->n_pieces - 1 ? FULL : LAST;
    const int64_t row = piece * plan->rows, rows = smaller(plan->rows, s->m - row);
    const size_t bytes = s->bf16 ? sizeof(uint16_t) : sizeof(float);
    const char *a = run->a + (size_t)(s->transpose_a ? row : row * s->k) * bytes;
    float *c = run->c + row * s->n;

    if (!heed_onednn_point(w->a[kind], a) || !heed_onednn_point(w->b, run->b) ||
        !heed_onednn_point(w->bias, run->bias) || !heed_onednn_point(w->c[kind], c) ||
        !heed_onednn_point(w->scratch[kind], scratch) || !multiply(plan, w, kind))
        spoil(c, rows * s->n);
}

static void run_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const strict_run *run = context;
    const strict_plan *plan = run->plan;
    const int before = heed_onednn_use_threads(1);

    for (int64_t piece = begin; piece < end; piece++)
        run_piece(run, &plan->workers[thread], piece, run->scratch + (size_t)thread * plan->scratch_bytes);
    heed_onednn_use_threads(before);
}

/* The one piece of a product that has callers. */
static void run_alone(const strict_run *run, int caller)
{
    const int before = heed_onednn_use_threads(1);

    run_piece(run, &run->plan->workers[caller], 0, run->scratch);
    heed_onednn_use_threads(before);
}

static bool pack(const strict_run *run, void *packed)
{
    const strict_plan *plan = run->plan;
    const int before = heed_onednn_use_threads(plan->state->n_threads);
    const bool done = heed_onednn_packing_run(&plan->packing, plan->state->stream, run->b, packed,
                                              run->scratch) &&
                      dnnl_stream_wait(plan->state->stream) == dnnl_success;

    heed_onednn_use_threads(before);
    return done;
}

static void strict_multiply(const void *plan_, int caller, const void *a, const void *b, const float *bias,
                            float *c, void *workspace)
{
    const strict_plan *plan = plan_;
    strict_run run = {.plan = plan, .a = a, .b = b, .bias = bias, .c = c};

    run.scratch = workspace ? (char *)workspace + plan->packing.packed_bytes : NULL;
    if (plan->shape.n_callers > 0) {
        run_alone(&run, caller);
        return;
    }
    if (!pack(&run, workspace)) {
        spoil(c, plan->shape.m * plan->shape.n);
        return;
    }
    if (plan->packing.reorder)
        run.b = workspace;
    heed_parallel(plan->n_workers, plan->n_pieces, 1, run_pieces, &run);
}

const heed_product_engine heed_product_engine_onednn_strict = {
    .open = heed_onednn_open,
    .close = heed_onednn_close,
    .name = heed_onednn_name,
    .has_bf16 = heed_onednn_has_bf16,
    .plan = strict_make,
    .drop = strict_drop,
    .run = strict_multiply,
};
