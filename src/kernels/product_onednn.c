/* SPDX-License-Identifier: MIT */
/*
 * Matrix products by oneDNN, versions 2 and 3, on its own threads.
 *
 * A plan holds a `matmul` primitive (generated code) and memory objects; a run only points those at the operands.
 * `matmul` and not `dnnl_sgemm`: the first call of sgemm builds all of its kernels (23 ms), and its rounding
 * depends on the number of rows, while row i of a matmul with an untransposed A has the same bits for every m.
 *
 * Scratch memory and the packed B live in the caller's workspace: [packed B][scratch]. What oneDNN still allocates
 * in a run is the table of arguments: a few hundred bytes, freed on return.
 */
#include "kernels/product_onednn.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

typedef struct onednn_plan {
    const heed_onednn *state;
    heed_product_shape shape;
    dnnl_primitive_t multiply;
    dnnl_memory_t a, b, bias, c, scratch;
    heed_onednn_packing packing; /* all zeros: B is read as it lies */
} onednn_plan;

/* ---- planning ---- */

static void onednn_drop(void *plan_)
{
    onednn_plan *plan = plan_;

    if (plan->multiply)
        dnnl_primitive_destroy(plan->multiply);
    heed_onednn_drop_memory(plan->a);
    heed_onednn_drop_memory(plan->b);
    heed_onednn_drop_memory(plan->bias);
    heed_onednn_drop_memory(plan->c);
    heed_onednn_drop_memory(plan->scratch);
    heed_onednn_packing_drop(&plan->packing);
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

typedef struct descriptors {
    heed_onednn_matrix a, b, b_any, bias, c;
} descriptors;

static dnnl_status_t describe_operands(descriptors *d, const heed_product_shape *s)
{
    const dnnl_data_type_t type = s->bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_status_t status = heed_onednn_describe(&d->a, s->m, s->k, s->transpose_a ? s->m : s->k, s->transpose_a,
                                                type);

    if (status == dnnl_success)
        status = heed_onednn_describe(&d->b, s->k, s->n, s->transpose_b ? s->k : s->n, s->transpose_b, type);
    if (status == dnnl_success)
        status = heed_onednn_describe_any(&d->b_any, s->k, s->n, type);
    if (status == dnnl_success)
        status = heed_onednn_describe(&d->bias, 1, s->n, s->n, false, dnnl_f32);
    if (status == dnnl_success)
        status = heed_onednn_describe(&d->c, s->m, s->n, s->n, false, dnnl_f32);
    return status;
}

/* Fills plan; the descriptors stay the caller's. */
static dnnl_status_t plan_matmul(onednn_plan *plan, const descriptors *d, bool packed,
                                 dnnl_primitive_attr_t attr, size_t *workspace_bytes)
{
    const dnnl_engine_t engine = plan->state->engine;
    const bool has_bias = plan->shape.has_bias;
    dnnl_primitive_desc_t pd = NULL;
    size_t scratch_bytes = 0;
    dnnl_status_t status = heed_onednn_describe_matmul(
        &pd, engine, heed_onednn_view_of(&d->a), heed_onednn_view_of(packed ? &d->b_any : &d->b),
        has_bias ? heed_onednn_view_of(&d->bias) : NULL, heed_onednn_view_of(&d->c), attr);

    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_create(&plan->multiply, pd);
    if (status == dnnl_success)
        status = heed_onednn_make_scratch(&plan->scratch, &scratch_bytes, pd, engine);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->a, heed_onednn_view_of(&d->a), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->b, heed_onednn_view_of(&d->b), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success && has_bias)
        status = dnnl_memory_create(&plan->bias, heed_onednn_view_of(&d->bias), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&plan->c, heed_onednn_view_of(&d->c), engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success && packed) {
        const heed_onednn_view wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);

        if (!dnnl_memory_desc_equal(wanted, heed_onednn_view_of(&d->b)))
            status = heed_onednn_packing_make(&plan->packing, engine, heed_onednn_view_of(&d->b), wanted);
    }
    dnnl_primitive_desc_destroy(pd);
    scratch_bytes = heed_size_align(scratch_bytes);
    if (plan->packing.scratch_bytes > scratch_bytes)
        scratch_bytes = plan->packing.scratch_bytes;
    *workspace_bytes = plan->packing.packed_bytes + scratch_bytes;
    return status;
}

static heed_status onednn_make(void *state, const heed_product_shape *shape, heed_packing packing, void **plan,
                               size_t *workspace_bytes, heed_error *err)
{
    const bool packed = packing == HEED_PACK_ALWAYS || (packing == HEED_PACK_BY_SHAPE && wants_packing(shape));
    descriptors d = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status;
    onednn_plan *made = calloc(1, sizeof *made);

    *plan = NULL;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to plan a matrix product");
    made->state = state;
    made->shape = *shape;

    const int before = heed_onednn_use_threads(
        made->state->n_threads); /* the plan cuts the work for that many */
    status = describe_operands(&d, shape);
    if (status == dnnl_success)
        status = heed_onednn_make_attributes(&attr, shape->accumulate);
    if (status == dnnl_success)
        status = plan_matmul(made, &d, packed, attr, workspace_bytes);
    heed_onednn_use_threads(before);

    if (attr)
        dnnl_primitive_attr_destroy(attr);
    heed_onednn_forget(&d.a);
    heed_onednn_forget(&d.b);
    heed_onednn_forget(&d.b_any);
    heed_onednn_forget(&d.bias);
    heed_onednn_forget(&d.c);
    if (status != dnnl_success) {
        onednn_drop(made);
        return heed_onednn_refused(shape, status, err);
    }
    *plan = made;
    return HEED_OK;
}

/* ---- running ---- */

static bool multiply(const onednn_plan *plan)
{
    dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, plan->a},
                               {DNNL_ARG_WEIGHTS, plan->packing.packed ? plan->packing.packed : plan->b},
                               {DNNL_ARG_DST, plan->c}};
    int n = 3;

    if (plan->bias)
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, plan->bias};
    if (plan->scratch)
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, plan->scratch};
    return dnnl_primitive_execute(plan->multiply, plan->state->stream, n, args) == dnnl_success;
}

static void onednn_run(const void *plan_, int caller, const void *a, const void *b, const float *bias, float *c,
                       void *workspace)
{
    const onednn_plan *plan = plan_;
    char *scratch = workspace ? (char *)workspace + plan->packing.packed_bytes : NULL;
    const int before = heed_onednn_use_threads(plan->state->n_threads);
    const bool done = heed_onednn_packing_run(&plan->packing, plan->state->stream, b, workspace, scratch) &&
                      heed_onednn_point(plan->a, a) && heed_onednn_point(plan->b, b) &&
                      heed_onednn_point(plan->bias, bias) && heed_onednn_point(plan->c, c) &&
                      heed_onednn_point(plan->scratch, scratch) && multiply(plan) &&
                      dnnl_stream_wait(plan->state->stream) == dnnl_success;

    (void)caller; /* there is one */
    heed_onednn_use_threads(before);
    /* Nothing of a planned product should fail; if it does, the result must not look like one. */
    for (int64_t i = 0; !done && i < plan->shape.m * plan->shape.n; i++)
        c[i] = NAN;
}

const heed_product_engine heed_product_engine_onednn = {
    .open = heed_onednn_open,
    .close = heed_onednn_close,
    .name = heed_onednn_name,
    .has_bf16 = heed_onednn_has_bf16,
    .plan = onednn_make,
    .drop = onednn_drop,
    .run = onednn_run,
    .for_callers = &heed_product_engine_onednn_strict,
};
