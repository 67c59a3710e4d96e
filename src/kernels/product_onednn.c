/* SPDX-License-Identifier: MIT */
/*
 * Matrix products by oneDNN, versions 2 and 3: the only file that knows its interface.
 *
 * A plan holds a `matmul` primitive (generated code) and memory objects; a run only points those at the operands.
 * `matmul` and not `dnnl_sgemm`: the first call of sgemm builds all of its kernels (23 ms), and its rounding
 * depends on the number of rows, while row i of a matmul with an untransposed A has the same bits for every m.
 *
 * Scratch memory and the packed B live in the caller's workspace: [packed B][scratch]. What oneDNN still allocates
 * in a run is the table of arguments: a few hundred bytes, freed on return.
 */
#include "base/error.h"
#include "base/memory.h"
#include "kernels/product_engine.h"

#include <dnnl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _OPENMP
#include <omp.h>
#endif

typedef struct onednn_state {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int n_threads;
    char name[40];
} onednn_state;

typedef struct onednn_plan {
    const onednn_state *state;
    heed_product_shape shape;
    dnnl_primitive_t multiply, pack; /* pack NULL: B is read as it lies */
    dnnl_memory_t a, b, b_packed, bias, c, scratch, pack_scratch;
    size_t packed_bytes;
} onednn_plan;

/* ---- what differs between the versions ---- */

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;            /* a handle */
typedef const_dnnl_memory_desc_t descriptor_view; /* what functions take */
#else
typedef dnnl_memory_desc_t descriptor; /* a struct */
typedef const dnnl_memory_desc_t *descriptor_view;
#endif

static descriptor_view view(const descriptor *d)
{
#if DNNL_VERSION_MAJOR >= 3
    return *d;
#else
    return d;
#endif
}

/* A dense matrix, stored as its transpose or not. */
static dnnl_status_t describe(descriptor *d, int64_t rows, int64_t cols, bool transposed, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = {rows, cols};
    const dnnl_dims_t strides = {transposed ? 1 : cols, transposed ? rows : 1};

#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides);
#else
    return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
#endif
}

/* A matrix in whatever order the primitive likes best. */
static dnnl_status_t describe_any(descriptor *d, int64_t rows, int64_t cols, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = {rows, cols};

#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(d, 2, dims, type, dnnl_format_tag_any);
#else
    return dnnl_memory_desc_init_by_tag(d, 2, dims, type, dnnl_format_tag_any);
#endif
}

static void forget(descriptor *d)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*d)
        dnnl_memory_desc_destroy(*d);
#else
    (void)d;
#endif
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(ops, 1.0f);
#endif
}

static dnnl_status_t describe_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, descriptor_view a,
                                     descriptor_view b, descriptor_view bias, descriptor_view c,
                                     dnnl_primitive_attr_t attr)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(pd, engine, a, b, bias, c, attr);
#else
    dnnl_matmul_desc_t matmul;
    const dnnl_status_t status = dnnl_matmul_desc_init(&matmul, a, b, bias, c);

    return status != dnnl_success ? status : dnnl_primitive_desc_create(pd, &matmul, attr, engine, NULL);
#endif
}

/* ---- threads ---- */

/* oneDNN takes as many threads as OpenMP would: set that for this thread, and give back what it was. */
static int use_threads(int n_threads)
{
#ifdef _OPENMP
    const int before = omp_get_max_threads();

    if (before != n_threads)
        omp_set_num_threads(n_threads);
    return before;
#else
    return n_threads;
#endif
}

/* ---- the engine ---- */

static void onednn_close(void *state_)
{
    onednn_state *state = state_;

    if (state->stream)
        dnnl_stream_destroy(state->stream);
    if (state->engine)
        dnnl_engine_destroy(state->engine);
    free(state);
}

static heed_status onednn_open(const heed_kernels *kernels, int n_threads, void **state, heed_error *err)
{
    const dnnl_version_t *version = dnnl_version();
    onednn_state *made = calloc(1, sizeof *made);

    (void)kernels;
    *state = NULL;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for matrix products");
    made->n_threads = n_threads;
    snprintf(made->name, sizeof made->name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    if (dnnl_engine_create(&made->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&made->stream, made->engine, dnnl_stream_default_flags) != dnnl_success) {
        onednn_close(made);
        return heed_fail(err, HEED_ERR_INTERNAL, "oneDNN cannot use this processor");
    }
    *state = made;
    return HEED_OK;
}

static const char *onednn_name(const void *state)
{
    return ((const onednn_state *)state)->name;
}

static bool onednn_has_bf16(const void *state)
{
    (void)state;
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/* ---- planning ---- */

static void drop_memory(dnnl_memory_t memory)
{
    if (memory)
        dnnl_memory_destroy(memory);
}

static void onednn_drop(void *plan_)
{
    onednn_plan *plan = plan_;

    if (plan->multiply)
        dnnl_primitive_destroy(plan->multiply);
    if (plan->pack)
        dnnl_primitive_destroy(plan->pack);
    drop_memory(plan->a);
    drop_memory(plan->b);
    drop_memory(plan->b_packed);
    drop_memory(plan->bias);
    drop_memory(plan->c);
    drop_memory(plan->scratch);
    drop_memory(plan->pack_scratch);
    free(plan);
}

/*
 * An untransposed B with long rows is read slowly as it lies: 5 to 10 % are lost, and half of the speed where
 * rows are a bad multiple of 4 KB apart (n = 3072, 5120, 6144). oneDNN itself packs a transposed B. Copying B costs
 * as much as some 30 rows of C, so it pays for many rows. A rule of the shape and not a measurement, because it must
 * be the same in every process: bfloat16 products with a transposed A round differently once B is packed (2.6.3, AMX;
 * float products and those with an untransposed A gave the same bits wherever they were compared).
 */
static bool wants_packing(const heed_product_shape *s)
{
    const int64_t most = 16 << 20; /* elements of B: the copy is working memory that the caller must find */
    const int64_t enough_rows = s->n >= 2560 && !s->bf16 ? 128 : 512;

    return !s->transpose_b && s->k >= 256 && s->n >= 512 && s->m >= enough_rows && s->n <= most / s->k;
}

/* Memory in the workspace: made without an address, which each run sets. *bytes is 0 and nothing made where none is needed. */
static dnnl_status_t make_scratch(dnnl_memory_t *memory, size_t *bytes, const_dnnl_primitive_desc_t pd,
                                  dnnl_engine_t engine)
{
    const descriptor_view d = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);

    *bytes = d ? dnnl_memory_desc_get_size(d) : 0;
    return *bytes ? dnnl_memory_create(memory, d, engine, DNNL_MEMORY_NONE) : dnnl_success;
}

/* The reorder that packs B from `plain` into the order that the matmul asked for. */
static dnnl_status_t plan_packing(onednn_plan *plan, descriptor_view plain, descriptor_view packed,
                                  dnnl_primitive_attr_t attr, size_t *scratch_bytes)
{
    const dnnl_engine_t engine = plan->state->engine;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status;

    plan->packed_bytes = heed_size_align(dnnl_memory_desc_get_size(packed));
    status = dnnl_reorder_primitive_desc_create(&pd, plain, engine, packed, engine, attr);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&plan->pack, pd);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->b_packed, packed, engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = make_scratch(&plan->pack_scratch, scratch_bytes, pd, engine);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return status;
}

typedef struct descriptors {
    descriptor a, b, b_any, bias, c;
} descriptors;

static dnnl_status_t describe_operands(descriptors *d, const heed_product_shape *s)
{
    const dnnl_data_type_t type = s->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_status_t status = describe(&d->a, s->m, s->k, s->transpose_a, type);

    if (status == dnnl_success)
        status = describe(&d->b, s->k, s->n, s->transpose_b, type);
    if (status == dnnl_success)
        status = describe_any(&d->b_any, s->k, s->n, type);
    if (status == dnnl_success)
        status = describe(&d->bias, 1, s->n, false, dnnl_f32);
    if (status == dnnl_success)
        status = describe(&d->c, s->m, s->n, false, dnnl_f32);
    return status;
}

static dnnl_status_t make_attributes(dnnl_primitive_attr_t *attr, bool accumulate)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attr);

    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && accumulate) {
        status = dnnl_post_ops_create(&ops);
        if (status == dnnl_success)
            status = append_sum(ops);
        if (status == dnnl_success)
            status = dnnl_primitive_attr_set_post_ops(*attr, ops);
        if (ops)
            dnnl_post_ops_destroy(ops);
    }
    return status;
}

/* Fills plan; the descriptors stay the caller's. */
static dnnl_status_t plan_matmul(onednn_plan *plan, const descriptors *d, bool packed,
                                 dnnl_primitive_attr_t attr, dnnl_primitive_attr_t pack_attr,
                                 size_t *workspace_bytes)
{
    const dnnl_engine_t engine = plan->state->engine;
    const bool has_bias = plan->shape.has_bias;
    dnnl_primitive_desc_t pd = NULL;
    size_t scratch_bytes = 0, pack_scratch_bytes = 0;
    dnnl_status_t status = describe_matmul(&pd, engine, view(&d->a), view(packed ? &d->b_any : &d->b),
                                           has_bias ? view(&d->bias) : NULL, view(&d->c), attr);

    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_create(&plan->multiply, pd);
    if (status == dnnl_success)
        status = make_scratch(&plan->scratch, &scratch_bytes, pd, engine);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->a, view(&d->a), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->b, view(&d->b), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success && has_bias)
        status = dnnl_memory_create(&plan->bias, view(&d->bias), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->c, view(&d->c), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success && packed) {
        const descriptor_view wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);

        if (!dnnl_memory_desc_equal(wanted, view(&d->b)))
            status = plan_packing(plan, view(&d->b), wanted, pack_attr, &pack_scratch_bytes);
    }
    dnnl_primitive_desc_destroy(pd);
    *workspace_bytes = plan->packed_bytes +
                       heed_size_align(scratch_bytes > pack_scratch_bytes ? scratch_bytes : pack_scratch_bytes);
    return status;
}

static heed_status onednn_make(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                               size_t *workspace_bytes, heed_error *err)
{
    const bool packed = packing == HEED_PACK_ALWAYS || (packing == HEED_PACK_BY_SHAPE && wants_packing(shape));
    descriptors d = {0};
    dnnl_primitive_attr_t attr = NULL, pack_attr = NULL;
    dnnl_status_t status;
    onednn_plan *made = calloc(1, sizeof *made);

    *plan = NULL;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to plan a matrix product");
    made->state = state;
    made->shape = *shape;

    const int before = use_threads(made->state->n_threads); /* the plan cuts the work for that many */
    status = describe_operands(&d, shape);
    if (status == dnnl_success)
        status = make_attributes(&attr, shape->accumulate);
    if (status == dnnl_success)
        status = make_attributes(&pack_attr, false);
    if (status == dnnl_success)
        status = plan_matmul(made, &d, packed, attr, pack_attr, workspace_bytes);
    use_threads(before);

    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (pack_attr)
        dnnl_primitive_attr_destroy(pack_attr);
    forget(&d.a);
    forget(&d.b);
    forget(&d.b_any);
    forget(&d.bias);
    forget(&d.c);
    if (status != dnnl_success) {
        onednn_drop(made);
        return heed_fail(err, status == dnnl_out_of_memory ? HEED_ERR_MEMORY : HEED_ERR_INTERNAL,
                         "oneDNN cannot plan the product [%lld, %lld] times [%lld, %lld] (its status %d)",
                         (long long)shape->m, (long long)shape->k, (long long)shape->k, (long long)shape->n,
                         (int)status);
    }
    *plan = made;
    return HEED_OK;
}

/* ---- running ---- */

static bool point(dnnl_memory_t memory, const void *data)
{
    return !memory || dnnl_memory_set_data_handle(memory, (void *)(uintptr_t)data) == dnnl_success;
}

static bool pack(const onednn_plan *plan)
{
    const dnnl_exec_arg_t args[] = {
        {DNNL_ARG_FROM, plan->b}, {DNNL_ARG_TO, plan->b_packed}, {DNNL_ARG_SCRATCHPAD, plan->pack_scratch}};

    return dnnl_primitive_execute(plan->pack, plan->state->stream, plan->pack_scratch ? 3 : 2, args) ==
           dnnl_success;
}

static bool multiply(const onednn_plan *plan)
{
    dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, plan->a},
                               {DNNL_ARG_WEIGHTS, plan->b_packed ? plan->b_packed : plan->b},
                               {DNNL_ARG_DST, plan->c}};
    int n = 3;

    if (plan->bias)
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, plan->bias};
    if (plan->scratch)
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, plan->scratch};
    return dnnl_primitive_execute(plan->multiply, plan->state->stream, n, args) == dnnl_success;
}

static void onednn_run(const void *plan_, const void *a, const void *b, const float *bias, float *c,
                       void *workspace)
{
    const onednn_plan *plan = plan_;
    char *scratch = workspace ? (char *)workspace + plan->packed_bytes : NULL;
    const int before = use_threads(plan->state->n_threads);
    const bool done = point(plan->a, a) && point(plan->b, b) && point(plan->bias, bias) && point(plan->c, c) &&
                      point(plan->b_packed, workspace) && point(plan->scratch, scratch) &&
                      point(plan->pack_scratch, scratch) && (!plan->pack || pack(plan)) && multiply(plan) &&
                      dnnl_stream_wait(plan->state->stream) == dnnl_success;

    use_threads(before);
    /* Nothing of a planned product should fail; if it does, the result must not look like one. */
    for (int64_t i = 0; !done && i < plan->shape.m * plan->shape.n; i++)
        c[i] = NAN;
}

const heed_product_engine heed_product_engine_onednn = {
    .open = onednn_open,
    .close = onednn_close,
    .name = onednn_name,
    .has_bf16 = onednn_has_bf16,
    .plan = onednn_make,
    .drop = onednn_drop,
    .run = onednn_run,
};
