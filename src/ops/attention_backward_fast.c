/* SPDX-License-Identifier: MIT */
/*
 * The gradient of attention by the kernels: threads split batch and key/value heads, never a sum.
 */
#include "base/parallel.h"
#include "ops/attention_backward.h"
#include "ops/attention_fast.h"
#include "ops/dense.h"

#include <string.h>

enum { Q = HEED_BACKWARD_Q, K = HEED_BACKWARD_K, V = HEED_BACKWARD_V };

typedef struct backward_job {
    const heed_op_args *a;
    const heed_attention_run *run;
    int64_t scratch; /* floats a thread for the kernel */
    int64_t dump;    /* floats a thread for a dk or dv that nobody needs */
} backward_job;

bool heed_attention_backward_can(const heed_op_args *a, const heed_attention_run *run)
{
    const heed_attention_attrs *attrs = run->attrs;

    (void)a;
    for (int i = HEED_ATTENTION_KEYS; i < HEED_ATTENTION_EXTRAS; i++) {
        if (run->extra[i] != NULL)
            return false;
    }
    return run->q->dtype == HEED_F32 && attrs->window == 0 && attrs->stride == 0 && attrs->prefix == 0 &&
           !attrs->at_position && !attrs->fill_1e9 && !attrs->alibi;
}

/* Floats that the dk and dv of one head take together. */
static int64_t dump_floats(const heed_attention_run *run)
{
    return (run->capacity * (run->head_dim + run->v_dim) + 15) / 16 * 16;
}

static heed_attention_head head_of(const backward_job *job, int64_t b, int64_t h)
{
    const heed_op_args *a = job->a;
    const heed_tensor *z = a->in[HEED_BACKWARD_Z], *dz = a->in[HEED_BACKWARD_DZ];
    const int64_t number = (b * job->run->n_heads + h) * job->run->n_query;
    heed_attention_head head = heed_attention_head_of(job->run, b, h);

    head.out = heed_attention_floats(z, b, h, 0);
    head.out_stride = z->stride[2];
    head.dout = heed_attention_floats(dz, b, h, 0);
    head.dout_stride = dz->stride[2];
    head.dq = heed_attention_floats(a->outs[Q], b, h, 0);
    head.dq_stride = a->outs[Q]->stride[2];
    head.max = (float *)a->in[HEED_BACKWARD_MAX]->data + number;
    head.sum = (float *)a->in[HEED_BACKWARD_SUM]->data + number;
    return head;
}

/* Points dk or dv of the head to its place, or to the dump. */
static void place_key_gradient(const heed_tensor *dx, int64_t b, int64_t h_kv, float *dump, int64_t n,
                               float **to, int64_t *stride)
{
    *to = dx != NULL ? heed_attention_floats(dx, b, h_kv, 0) : dump;
    *stride = dx != NULL ? dx->stride[2] : n;
}

/* Rows begin .. end-1 of one head. */
static void clear_rows(const heed_tensor *x, int64_t b, int64_t h, int64_t begin, int64_t end)
{
    for (int64_t j = begin; x != NULL && j < end; j++)
        memset(heed_attention_floats(x, b, h, j), 0, (size_t)heed_cols(x) * sizeof(float));
}

/* Key/value heads begin .. end-1 of all batches, each with the query heads that share it. */
static void backward_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const backward_job *job = context;
    const heed_op_args *a = job->a;
    const heed_attention_run *run = job->run;
    float *scratch = (float *)a->workspace + thread * (job->scratch + job->dump),
          *dump = scratch + job->scratch;

    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t b = piece / run->n_kv_heads, h_kv = piece % run->n_kv_heads;

        for (int64_t i = 0; i < run->group; i++) {
            heed_attention_head head = head_of(job, b, h_kv * run->group + i);

            place_key_gradient(a->outs[K], b, h_kv, dump, head.head_dim, &head.dk, &head.dk_stride);
            place_key_gradient(a->outs[V], b, h_kv, dump + run->capacity * head.head_dim, head.v_dim, &head.dv,
                               &head.dv_stride);
            head.accumulate_kv = i > 0;
            a->device->kernels->attention_backward(&head, scratch);
        }
        clear_rows(a->outs[K], b, h_kv, run->n_key, run->capacity);
        clear_rows(a->outs[V], b, h_kv, run->n_key, run->capacity);
    }
}

void heed_attention_backward_fast(const heed_op_args *a, const heed_attention_run *run)
{
    backward_job job = {.a = a, .run = run};

    job.scratch = heed_attention_scratch(run, a->device, true);
    job.dump = dump_floats(run);
    for (int k = HEED_BACKWARD_DBIAS; k < HEED_BACKWARD_OUTPUTS; k++) {
        if (a->outs[k] != NULL && heed_attention_backward_is_absent(run, k))
            *(float *)a->outs[k]->data = 0.0f;
    }
    heed_parallel(a->device->n_threads, run->batch * run->n_kv_heads, 1, backward_pieces, &job);
}

size_t heed_attention_backward_fast_workspace(const heed_node *dq, const heed_attention_run *run,
                                              const heed_device *device)
{
    (void)dq;
    return heed_floats_bytes((heed_attention_scratch(run, device, true) + dump_floats(run)) *
                             device->n_threads);
}
