/* SPDX-License-Identifier: MIT */
#include "ops/common.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/parallel.h"

/* --- checks --- */

bool heed_expect_dtype(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype)
{
    const heed_node *x = node->in[input];

    if (x == NULL || x->tensor.dtype == dtype)
        return true;
    return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected %s of type %s, got %s of type %s", role,
                           heed_dtype_name(dtype), x->name, heed_dtype_name(x->tensor.dtype));
}

bool heed_expect_shape(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype,
                       heed_shape shape)
{
    const heed_node *x = node->in[input];
    char expected[96], got[96];

    if (!heed_expect_dtype(g, node, input, role, dtype))
        return false;
    if (x == NULL || heed_shape_equal(&x->tensor.shape, &shape))
        return true;
    return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected %s of shape %s, got %s", role,
                           heed_shape_format(expected, sizeof expected, &shape),
                           heed_shape_format(got, sizeof got, &x->tensor.shape));
}

bool heed_expect_scalar(heed_graph *g, const heed_node *node, int input, const char *role, heed_dtype dtype)
{
    return heed_expect_shape(g, node, input, role, dtype, heed_shape0());
}

bool heed_expect_past(heed_graph *g, const heed_node *node, int input, int64_t batch)
{
    const heed_node *past = node->in[input];

    if (past == NULL || past->tensor.shape.rank == 0)
        return heed_expect_scalar(g, node, input, "past", HEED_I32);
    return heed_expect_shape(g, node, input, "past", HEED_I32,
                             heed_shape1(batch >= 0 ? batch : past->tensor.shape.size[0]));
}

bool heed_shape_like_first(heed_graph *g, heed_node *node)
{
    if (!heed_expect_dtype(g, node, 0, "x", HEED_F32))
        return false;
    heed_node_set_shape(node, 0, HEED_F32, node->in[0]->tensor.shape);
    return true;
}

bool heed_expect_float(heed_graph *g, const heed_node *node, int input, const char *role)
{
    const heed_node *x = node->in[input];

    if (x == NULL || x->tensor.dtype == HEED_F32 || x->tensor.dtype == HEED_BF16)
        return true;
    return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected %s of type f32 or bf16, got %s of type %s", role,
                           x->name, heed_dtype_name(x->tensor.dtype));
}

bool heed_expect_floats(heed_graph *g, const heed_node *node, int input, const char *role,
                        const heed_shape *shape)
{
    const heed_node *x = node->in[input];

    return heed_expect_float(g, node, input, role) &&
           (x == NULL || heed_expect_shape(g, node, input, role, x->tensor.dtype, *shape));
}

bool heed_shape_of_map(heed_graph *g, heed_node *node)
{
    const heed_tensor *x = &node->in[0]->tensor;

    if (!heed_expect_float(g, node, 0, "x"))
        return false;
    heed_node_set_shape(node, 0, x->dtype, x->shape);
    return true;
}

/* --- shapes --- */

heed_shape heed_shape_last(const heed_shape *shape, int rank)
{
    heed_shape last = {.rank = rank};

    for (int axis = 0; axis < rank; axis++)
        last.size[axis] = shape->size[shape->rank - rank + axis];
    return last;
}

bool heed_shape_ends_with(const heed_shape *a, const heed_shape *b)
{
    heed_shape last;

    if (b->rank > a->rank)
        return false;
    last = heed_shape_last(a, b->rank);
    return heed_shape_equal(&last, b);
}

/* --- costs --- */

void heed_cost_elementwise(const heed_node *node, double flops, heed_cost *cost)
{
    heed_cost_add_traffic(node, cost);
    cost->flops += flops * (double)heed_tensor_count(&node->in[0]->tensor);
}

/* --- scalars --- */

float heed_scalar(const heed_tensor *tensor)
{
    return *(const float *)tensor->data;
}

int32_t heed_scalar_i32(const heed_tensor *tensor)
{
    return *(const int32_t *)tensor->data;
}

int64_t heed_past_of(const heed_tensor *past, int64_t b)
{
    return past == NULL ? 0 : ((const int32_t *)past->data)[past->shape.rank == 0 ? 0 : b];
}

int64_t heed_past_rows(const heed_tensor *past)
{
    return past == NULL || past->shape.rank == 0 ? 1 : past->shape.size[0];
}

/* --- explanations --- */

heed_figure heed_explain_shift(heed_explanation *e, heed_figure max)
{
    return max.value == (double)-INFINITY
               ? heed_explain_found(e, "m", 0.0, "nothing is subtracted: all are -inf")
               : max;
}

/* --- pieces of tensors --- */

typedef struct map_job {
    const heed_op_args *a;
    unsigned inputs;
    heed_span_fn *fn;
    const void *context;
    bool by_rows; /* spans count rows */
    bool halves;  /* some tensor is bf16 */
} map_job;

enum { HALVES = 256 }; /* elements of bf16 tensors that are floats at a time */

static const heed_tensor *first_output(const heed_op_args *a)
{
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
        if (a->outs[k] != NULL)
            return a->outs[k];
    }
    return NULL;
}

static bool asked_for(const map_job *job, int input)
{
    return (job->inputs & HEED_INPUT(input)) && job->a->in[input] != NULL;
}

/* True when every tensor of the job lies densely and none repeats: then an index is a place. */
static bool all_dense(const map_job *job)
{
    const int64_t count = heed_tensor_count(first_output(job->a));

    for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
        if (job->a->outs[k] != NULL && !heed_tensor_is_dense(job->a->outs[k]))
            return false;
    }
    for (int i = 0; i < HEED_MAX_INPUTS; i++) {
        if (asked_for(job, i) &&
            (!heed_tensor_is_dense(job->a->in[i]) || heed_tensor_count(job->a->in[i]) != count))
            return false;
    }
    return true;
}

/* --- bf16 in, floats between, bf16 out --- */

/* Element i behind `start`, which is where a float or a bf16 begins. */
static void *element(const heed_tensor *t, const void *start, int64_t i)
{
    return (char *)(uintptr_t)start + (size_t)i * heed_dtype_bytes(t->dtype);
}

/* Elements begin .. begin+n-1 of the span, n <= HALVES. */
static void run_halves(const map_job *job, const heed_span *span, int64_t begin, int64_t n)
{
    const heed_op_args *a = job->a;
    const heed_kernels *kernels = a->device->kernels;
    float in[HEED_MAX_INPUTS][HALVES], out[HEED_MAX_OUTPUTS][HALVES];
    heed_span part = {.first = span->first + begin, .n = n};

    for (int i = 0; i < HEED_MAX_INPUTS; i++) {
        if (span->in[i] == NULL)
            continue;
        part.in[i] = element(a->in[i], span->in[i], begin);
        if (a->in[i]->dtype == HEED_BF16) {
            kernels->from_bf16(in[i], element(a->in[i], span->in[i], begin), n);
            part.in[i] = in[i];
        }
    }
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
        if (span->out[k] != NULL)
            part.out[k] = a->outs[k]->dtype == HEED_BF16 ? out[k] : element(a->outs[k], span->out[k], begin);
    }
    job->fn(job->context, &part);
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
        if (span->out[k] != NULL && a->outs[k]->dtype == HEED_BF16)
            kernels->to_bf16(element(a->outs[k], span->out[k], begin), out[k], n);
    }
}

/* The span's pointers to bf16 tensors are addresses alone. */
static void run_span(const map_job *job, const heed_span *span)
{
    if (!job->halves)
        job->fn(job->context, span);
    for (int64_t begin = 0; job->halves && begin < span->n; begin += HALVES)
        run_halves(job, span, begin, span->n - begin < HALVES ? span->n - begin : HALVES);
}

static bool has_halves(const map_job *job)
{
    bool any = false;

    for (int k = 0; k < HEED_MAX_OUTPUTS; k++)
        any |= job->a->outs[k] != NULL && job->a->outs[k]->dtype == HEED_BF16;
    for (int i = 0; i < HEED_MAX_INPUTS; i++)
        any |= asked_for(job, i) && job->a->in[i]->dtype == HEED_BF16;
    return any;
}

/* Elements or rows begin .. end-1 of tensors that lie densely; `step` elements each. */
static void run_dense(const map_job *job, int64_t begin, int64_t end, int64_t step)
{
    const heed_op_args *a = job->a;
    heed_span span = {.first = begin, .n = end - begin};

    for (int k = 0; k < HEED_MAX_OUTPUTS; k++)
        span.out[k] = a->outs[k] != NULL ? element(a->outs[k], a->outs[k]->data, begin * step) : NULL;
    for (int i = 0; i < HEED_MAX_INPUTS; i++)
        span.in[i] = asked_for(job, i) ? element(a->in[i], a->in[i]->data, begin * step) : NULL;
    run_span(job, &span);
}

static void run_elements(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    run_dense(context, begin, end, 1);
}

static void run_dense_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const map_job *job = context;

    (void)thread;
    run_dense(job, begin, end, heed_cols(first_output(job->a)));
}

/* Rows that may lie anywhere, one by one. */
static void run_single_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const map_job *job = context;
    const int64_t n = heed_cols(first_output(job->a));

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        heed_span span = {.first = job->by_rows ? r : r * n, .n = job->by_rows ? 1 : n};

        for (int k = 0; k < HEED_MAX_OUTPUTS; k++)
            span.out[k] = job->a->outs[k] != NULL ? (void *)heed_row_bytes(job->a->outs[k], r) : NULL;
        for (int i = 0; i < HEED_MAX_INPUTS; i++) {
            const heed_tensor *x = job->a->in[i];
            span.in[i] = asked_for(job, i) ? (void *)heed_row_bytes(x, r % heed_rows(x)) : NULL;
        }
        run_span(job, &span);
    }
}

static void run_job(map_job *job)
{
    const heed_tensor *out = first_output(job->a);
    const int64_t n = heed_cols(out), rows_a_piece = n < HEED_PIECE ? HEED_PIECE / n : 1;
    const int n_threads = job->a->device->n_threads;

    job->halves = has_halves(job);
    assert(!job->halves || !job->by_rows);
    if (!all_dense(job))
        heed_parallel(n_threads, heed_rows(out), rows_a_piece, run_single_rows, job);
    else if (job->by_rows)
        heed_parallel(n_threads, heed_rows(out), rows_a_piece, run_dense_rows, job);
    else
        heed_parallel(n_threads, heed_tensor_count(out), HEED_PIECE, run_elements, job);
}

void heed_map_elements(const heed_op_args *a, unsigned inputs, heed_span_fn *fn, const void *context)
{
    map_job job = {.a = a, .inputs = inputs, .fn = fn, .context = context};

    run_job(&job);
}

void heed_map_rows(const heed_op_args *a, unsigned inputs, heed_span_fn *fn, const void *context)
{
    map_job job = {.a = a, .inputs = inputs, .fn = fn, .context = context, .by_rows = true};

    run_job(&job);
}

/* --- column sums --- */

typedef struct column_job {
    const heed_device *device;
    float *sums;
    const float *x;
    int64_t row_stride, rows;
} column_job;

static void sum_columns(void *context, int64_t begin, int64_t end, int thread)
{
    const column_job *job = context;

    (void)thread;
    memset(job->sums + begin, 0, (size_t)(end - begin) * sizeof(float));
    job->device->kernels->column_sums(job->sums + begin, job->x + begin, job->row_stride, job->rows,
                                      end - begin);
}

void heed_column_sums(const heed_device *device, float *sums, const float *x, int64_t row_stride, int64_t rows,
                      int64_t n)
{
    column_job job = {.device = device, .sums = sums, .x = x, .row_stride = row_stride, .rows = rows};
    const int64_t sixteenth = n / 16 / 64 * 64; /* a multiple of a cache line */

    heed_parallel(device->n_threads, n,
                  rows * n <= HEED_PIECE ? n
                  : sixteenth > 64       ? sixteenth
                                         : 64,
                  sum_columns, &job);
}
