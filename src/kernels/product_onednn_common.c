/* SPDX-License-Identifier: MIT */
#include "kernels/product_onednn.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* --- the engine --- */

void heed_onednn_close(void *state_)
{
    heed_onednn *state = state_;

    if (state->stream)
        dnnl_stream_destroy(state->stream);
    if (state->engine)
        dnnl_engine_destroy(state->engine);
    free(state);
}

heed_status heed_onednn_open(const heed_kernels *kernels, int n_threads, void **state, heed_error *err)
{
    const dnnl_version_t *version = dnnl_version();
    heed_onednn *made = calloc(1, sizeof *made);

    (void)kernels;
    *state = NULL;
    if (!made)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for matrix products");
    made->n_threads = n_threads;
    snprintf(made->name, sizeof made->name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    if (dnnl_engine_create(&made->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&made->stream, made->engine, dnnl_stream_default_flags) != dnnl_success) {
        heed_onednn_close(made);
        return heed_fail(err, HEED_ERR_INTERNAL, "oneDNN cannot use this processor");
    }
    *state = made;
    return HEED_OK;
}

const char *heed_onednn_name(const void *state)
{
    return ((const heed_onednn *)state)->name;
}

bool heed_onednn_has_bf16(const void *state)
{
    (void)state;
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

/* oneDNN takes as many threads as OpenMP would. */
int heed_onednn_use_threads(int n_threads)
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

/* --- matrices --- */

heed_onednn_view heed_onednn_view_of(const heed_onednn_matrix *d)
{
#if DNNL_VERSION_MAJOR >= 3
    return *d;
#else
    return d;
#endif
}

dnnl_status_t heed_onednn_describe(heed_onednn_matrix *d, int64_t rows, int64_t cols, int64_t stride,
                                   bool transposed, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = {rows, cols};
    const dnnl_dims_t strides = {transposed ? 1 : stride, transposed ? stride : 1};

#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides);
#else
    return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides);
#endif
}

dnnl_status_t heed_onednn_describe_any(heed_onednn_matrix *d, int64_t rows, int64_t cols, dnnl_data_type_t type)
{
    const dnnl_dims_t dims = {rows, cols};

#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(d, 2, dims, type, dnnl_format_tag_any);
#else
    return dnnl_memory_desc_init_by_tag(d, 2, dims, type, dnnl_format_tag_any);
#endif
}

void heed_onednn_forget(heed_onednn_matrix *d)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*d)
        dnnl_memory_desc_destroy(*d);
#else
    (void)d;
#endif
}

/* --- products --- */

dnnl_status_t heed_onednn_describe_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, heed_onednn_view a,
                                          heed_onednn_view b, heed_onednn_view bias, heed_onednn_view c,
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

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(ops, 1.0f);
#endif
}

dnnl_status_t heed_onednn_make_attributes(dnnl_primitive_attr_t *attr, bool accumulate)
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

dnnl_status_t heed_onednn_make_scratch(dnnl_memory_t *memory, size_t *bytes, const_dnnl_primitive_desc_t pd,
                                       dnnl_engine_t engine)
{
    const heed_onednn_view d = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);

    *bytes = d ? dnnl_memory_desc_get_size(d) : 0;
    return *bytes ? dnnl_memory_create(memory, d, engine, DNNL_MEMORY_NONE) : dnnl_success;
}

bool heed_onednn_point(dnnl_memory_t memory, const void *data)
{
    return !memory || dnnl_memory_set_data_handle(memory, (void *)(uintptr_t)data) == dnnl_success;
}

void heed_onednn_drop_memory(dnnl_memory_t memory)
{
    if (memory)
        dnnl_memory_destroy(memory);
}

dnnl_status_t heed_onednn_packing_make(heed_onednn_packing *packing, dnnl_engine_t engine,
                                       heed_onednn_view plain, heed_onednn_view packed)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = heed_onednn_make_attributes(&attr, false);

    packing->packed_bytes = heed_size_align(dnnl_memory_desc_get_size(packed));
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&pd, plain, engine, packed, engine, attr);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&packing->reorder, pd);
    if (status == dnnl_success)
        status = dnnl_memory_create(&packing->plain, plain, engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&packing->packed, packed, engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = heed_onednn_make_scratch(&packing->scratch, &packing->scratch_bytes, pd, engine);
    packing->scratch_bytes = heed_size_align(packing->scratch_bytes);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return status;
}

bool heed_onednn_packing_run(const heed_onednn_packing *packing, dnnl_stream_t stream, const void *b,
                             void *packed, void *scratch)
{
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, packing->plain},
                                    {DNNL_ARG_TO, packing->packed},
                                    {DNNL_ARG_SCRATCHPAD, packing->scratch}};

    if (!packing->reorder)
        return true;
    return heed_onednn_point(packing->plain, b) && heed_onednn_point(packing->packed, packed) &&
           heed_onednn_point(packing->scratch, scratch) &&
           dnnl_primitive_execute(packing->reorder, stream, packing->scratch ? 3 : 2, args) == dnnl_success;
}

void heed_onednn_packing_drop(heed_onednn_packing *packing)
{
    if (packing->reorder)
        dnnl_primitive_destroy(packing->reorder);
    heed_onednn_drop_memory(packing->plain);
    heed_onednn_drop_memory(packing->packed);
    heed_onednn_drop_memory(packing->scratch);
}

heed_status heed_onednn_refused(const heed_product_shape *shape, dnnl_status_t status, heed_error *err)
{
    return heed_fail(err, status == dnnl_out_of_memory ? HEED_ERR_MEMORY : HEED_ERR_INTERNAL,
                     "oneDNN cannot plan the product [%lld, %lld] times [%lld, %lld] (its status %d)",
                     (long long)shape->m, (long long)shape->k, (long long)shape->k, (long long)shape->n,
                     (int)status);
}
