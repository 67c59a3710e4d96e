/* SPDX-License-Identifier: MIT */
/*
 * The gradient of attention by the kernels. Threads share out parts of groups, as attention_backward_cut.c cuts them.
 *
 * Part 0 writes dk, dv and drelative where they belong, the others each into an area of their own, and the areas are
 * added in order; they are as long as k and v, so memory stays linear in the length.
 */
#include <string.h>

#include "base/parallel.h"
#include "ops/attention_backward.h"
#include "ops/attention_gather.h"
#include "ops/dense.h"

enum { Q = HEED_BACKWARD_Q, K = HEED_BACKWARD_K, V = HEED_BACKWARD_V };
enum {
    DBIAS = HEED_BACKWARD_DBIAS,
    DQ_RELATIVE = HEED_BACKWARD_DQ_RELATIVE,
    DRELATIVE = HEED_BACKWARD_DRELATIVE
};

enum { ROWS = 64 }; /* of areas that a thread adds at a time */

typedef struct backward_job {
    const heed_op_args *a;
    const heed_attention_run *run;
    heed_attention_cut cut;
    int64_t scratch, dump, gathered; /* floats a thread: for the kernel; see dump_floats(); copies of k and v */
    float *areas;                    /* of parts 1 .. */
} backward_job;

/* --- places of gradients ------------------------------------------------------------------------- */

static int64_t count_of(const heed_tensor *x)
{
    return x != NULL ? heed_tensor_count(x) : 0;
}

/* Floats of an area: dk, dv, drelative, each dense. */
static int64_t area_floats(const heed_attention_run *run)
{
    return count_of(run->k) + count_of(run->v) + count_of(run->extra[HEED_ATTENTION_RELATIVE]);
}

/* dk and dv of one head, dq_relative of one head, drelative of one. */
static int64_t dump_floats(const heed_attention_run *run)
{
    const heed_tensor *relative = run->extra[HEED_ATTENTION_RELATIVE];
    int64_t n = run->capacity * (run->head_dim + run->v_dim);

    if (relative != NULL)
        n += (run->n_query + relative->shape.size[relative->shape.rank - 2]) * run->head_dim;
    return (n + 15) / 16 * 16;
}

/* The tensor that part `part` adds its share of dk, dv or drelative to: the output itself or one in the part's area. */
static heed_tensor target_of(const backward_job *job, int output, int64_t part)
{
    const heed_attention_run *run = job->run;
    const heed_tensor *like = output == K ? run->k : output == V ? run->v : run->extra[HEED_ATTENTION_RELATIVE];
    const int64_t before = output == K   ? 0
                           : output == V ? count_of(run->k)
                                         : count_of(run->k) + count_of(run->v);

    if (part == 0)
        return *job->a->outs[output];
    return heed_tensor_make(HEED_F32, like->shape, job->areas + (part - 1) * area_floats(run) + before);
}

/* --- one head ------------------------------------------------------------------------------------ */

/* What head (b, h) reads. */
static heed_attention_bf16 read_head(const backward_job *job, int64_t b, int64_t h)
{
    const heed_op_args *a = job->a;
    const heed_tensor *z = a->in[HEED_BACKWARD_Z], *dz = a->in[HEED_BACKWARD_DZ], *dq = a->outs[Q];
    const int64_t number = (b * job->run->n_heads + h) * job->run->n_query;
    heed_attention_bf16 of = heed_attention_head_of(job->run, b, h);

    if (z->dtype == HEED_BF16) {
        of.out = (uint16_t *)z->data + heed_attention_leading(z, b, h);
        of.dout = (const uint16_t *)dz->data + heed_attention_leading(dz, b, h);
        of.dq = (uint16_t *)dq->data + heed_attention_leading(dq, b, h);
    } else {
        of.head.out = heed_attention_floats(z, b, h, 0);
        of.head.dout = heed_attention_floats(dz, b, h, 0);
        of.head.dq = heed_attention_floats(dq, b, h, 0);
    }
    of.head.out_stride = z->stride[2];
    of.head.dout_stride = dz->stride[2];
    of.head.dq_stride = dq->stride[2];
    of.head.max = (float *)a->in[HEED_BACKWARD_MAX]->data + number;
    of.head.sum = (float *)a->in[HEED_BACKWARD_SUM]->data + number;
    return of;
}

/*
 * Is dk or dv added up in the dump, and delivered at the end? Of bf16, what several heads or shares add up is, in f32,
 * to be rounded once; and so are rows that would lie apart.
 */
static bool adds_in_dump(const backward_job *job, int output, int64_t part)
{
    const heed_attention_run *run = job->run;
    const heed_tensor *to = job->a->outs[output];

    if (run->k->dtype == HEED_BF16)
        return run->group > 1 || run->attrs->fill_1e9;
    return job->gathered > 0 && part == 0 && to != NULL && heed_attention_is_scattered(to);
}

/* dk or dv: to the part's place, or to the dump. */
static void place_keys(const backward_job *job, heed_attention_bf16 *of, int output, int64_t b, int64_t h_kv,
                       int64_t part, float *dump)
{
    const heed_attention_run *run = job->run;
    float *sums = dump + (output == K ? 0 : run->capacity * run->head_dim);
    uint16_t *rows = NULL;
    int64_t stride = output == K ? run->head_dim : run->v_dim;

    if (job->a->outs[output] != NULL && !adds_in_dump(job, output, part)) {
        const heed_tensor to = target_of(job, output, part);

        if (to.dtype == HEED_BF16)
            rows = (uint16_t *)to.data + heed_attention_leading(&to, b, h_kv);
        sums = to.dtype == HEED_BF16 ? NULL : heed_attention_floats(&to, b, h_kv, 0);
        stride = to.stride[2];
    }
    *(output == K ? &of->dk : &of->dv) = rows;
    *(output == K ? &of->head.dk : &of->head.dv) = sums;
    *(output == K ? &of->head.dk_stride : &of->head.dv_stride) = stride;
}

/* dbias, dq_relative, drelative: only where somebody needs them. */
static void place_added(const backward_job *job, heed_attention_head *head, int64_t b, int64_t h, int64_t part,
                        float *dump)
{
    const heed_op_args *a = job->a;
    const heed_attention_run *run = job->run;
    const int64_t D = run->head_dim;

    if (head->bias != NULL && a->outs[DBIAS] != NULL) {
        head->dbias = heed_attention_floats(a->outs[DBIAS], b, h, 0);
        head->dbias_stride = run->capacity;
    }
    if (head->relative == NULL || (a->outs[DQ_RELATIVE] == NULL && a->outs[DRELATIVE] == NULL))
        return;
    head->dq_relative = dump + run->capacity * (D + run->v_dim);
    head->drelative = head->dq_relative + (run->n_query + run->attrs->relative_zero) * D;
    head->dq_relative_stride = head->drelative_stride = D;
    if (a->outs[DQ_RELATIVE] != NULL)
        head->dq_relative = heed_attention_floats(a->outs[DQ_RELATIVE], b, h, 0);
    if (a->outs[DRELATIVE] != NULL) {
        const heed_tensor to = target_of(job, DRELATIVE, part);

        head->drelative = heed_attention_floats(&to, b, h, run->attrs->relative_zero);
    }
}

/* The head of queries begin .. end-1 alone. f32, where there are parts. */
static void take_queries(heed_attention_head *head, int64_t begin, int64_t end)
{
    heed_mask *mask = &head->mask;

    head->n_query = end - begin;
    head->q += begin * head->q_stride;
    head->out += begin * head->out_stride;
    head->dout += begin * head->dout_stride;
    head->dq += begin * head->dq_stride;
    head->max += begin;
    head->sum += begin;
    head->bias = head->bias != NULL ? head->bias + begin * head->bias_stride : NULL;
    head->dbias = head->dbias != NULL ? head->dbias + begin * head->dbias_stride : NULL;
    head->q_relative = head->q_relative != NULL ? head->q_relative + begin * head->q_relative_stride : NULL;
    head->dq_relative = head->dq_relative != NULL ? head->dq_relative + begin * head->dq_relative_stride : NULL;
    mask->position += begin;
    mask->query_documents = mask->query_documents != NULL ? mask->query_documents + begin : NULL;
    mask->pairs = mask->pairs != NULL ? mask->pairs + begin * mask->pairs_stride : NULL;
    mask->blocks = mask->blocks != NULL ? mask->blocks + begin / mask->block * mask->blocks_stride : NULL;
}

/* sums = the shares dz_i / n of queries begin .. end-1 that see nothing, of all heads of the group; are there any? */
static bool sum_shares(const backward_job *job, int64_t b, int64_t h_kv, int64_t begin, int64_t end,
                       float *sums)
{
    const heed_attention_run *run = job->run;
    bool any = false;

    for (int64_t d = 0; d < run->v_dim; d++)
        sums[d] = 0.0f;
    for (int64_t h = h_kv * run->group; h < (h_kv + 1) * run->group; h++) {
        for (int64_t i = begin; i < end; i++) {
            const heed_attention_numbers dz = heed_attention_numbers_of(job->a->in[HEED_BACKWARD_DZ], b, h, i);

            if (!heed_attention_row_begin(run, b, h, i).blind)
                continue;
            for (int64_t d = 0; d < run->v_dim; d++)
                sums[d] += heed_attention_number(&dz, d) / (float)run->n_key;
            any = true;
        }
    }
    return any;
}

/*
 * fill_1e9: a query that sees nothing took the mean of n values, and sends each of them dz_i / n. Those are the same for
 * all keys, and are added up before.
 */
static void fill_values(const backward_job *job, const heed_attention_head *head, int64_t b, int64_t h_kv,
                        int64_t begin, int64_t end, float *sums)
{
    if (!sum_shares(job, b, h_kv, begin, end, sums))
        return;
    for (int64_t j = 0; j < head->n_key; j++) {
        for (int64_t d = 0; d < head->v_dim; d++)
            head->dv[j * head->dv_stride + d] += sums[d];
    }
}

/* What was added up in the dump goes to its place, rounded where that is bf16. */
static void deliver_sums(const backward_job *job, int output, const float *sums, int64_t b, int64_t h_kv,
                         int64_t part)
{
    const heed_tensor *to = job->a->outs[output];
    const int64_t n = output == K ? job->run->head_dim : job->run->v_dim;

    if (to == NULL || !adds_in_dump(job, output, part))
        return;
    for (int64_t j = 0; j < job->run->n_key; j++) {
        const int64_t at = heed_attention_numbers_of(to, b, h_kv, j).at;

        if (to->dtype == HEED_BF16)
            job->a->device->kernels->to_bf16((uint16_t *)to->data + at, sums + j * n, n);
        else
            memcpy((float *)to->data + at, sums + j * n, (size_t)n * sizeof *sums);
    }
}

/* --- one unit ------------------------------------------------------------------------------------ */

static void run_head(const backward_job *job, int64_t b, int64_t h, int64_t part, float *scratch)
{
    const heed_kernels *kernels = job->a->device->kernels;
    const int64_t group = job->run->group, begin = job->cut.begin[part], end = job->cut.begin[part + 1];
    heed_attention_bf16 of = read_head(job, b, h);

    place_keys(job, &of, K, b, h / group, part, scratch + job->scratch);
    place_keys(job, &of, V, b, h / group, part, scratch + job->scratch);
    place_added(job, &of.head, b, h, part, scratch + job->scratch);
    of.head.accumulate_kv = h % group > 0;
    if (job->cut.n_parts > 1)
        take_queries(&of.head, begin, end);
    if (job->gathered > 0)
        heed_attention_gather(&of.head, 0, of.head.n_query, scratch + job->scratch + job->dump);
    if (job->run->q->dtype == HEED_BF16)
        kernels->attention_bf16_backward(&of, scratch);
    else
        kernels->attention_backward(&of.head, scratch);
    if (h % group < group - 1)
        return;
    if (job->run->attrs->fill_1e9)
        fill_values(job, &of.head, b, h / group, begin, end, scratch);
    deliver_sums(job, K, of.head.dk, b, h / group, part);
    deliver_sums(job, V, of.head.dv, b, h / group, part);
}

static void backward_units(void *context, int64_t begin, int64_t end, int thread)
{
    const backward_job *job = context;
    const heed_attention_run *run = job->run;
    const int64_t head_groups = run->n_kv_heads / job->cut.heads;
    float *scratch = (float *)job->a->workspace + thread * (job->scratch + job->dump + job->gathered);

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t part = unit / job->cut.n_groups, group = unit % job->cut.n_groups;
        const int64_t first_b = group / head_groups * job->cut.batches,
                      first_kv = group % head_groups * job->cut.heads;

        for (int64_t b = first_b; b < first_b + job->cut.batches; b++) {
            for (int64_t h = first_kv * run->group; h < (first_kv + job->cut.heads) * run->group; h++)
                run_head(job, b, h, part, scratch);
        }
    }
}

/* --- all of them --------------------------------------------------------------------------------- */

typedef struct area_job {
    const backward_job *job;
    int output;
} area_job;

/* Rows begin .. end-1 of dk, dv or drelative: what the other parts found is added, in order. */
static void add_areas(void *context, int64_t begin, int64_t end, int thread)
{
    const area_job *areas = context;
    const heed_tensor to = target_of(areas->job, areas->output, 0);
    const int64_t n = heed_cols(&to);

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        for (int64_t part = 1; part < areas->job->cut.n_parts; part++) {
            const heed_tensor from = target_of(areas->job, areas->output, part);
            float *y = heed_row(&to, row);

            areas->job->a->device->kernels->add(y, y, heed_row(&from, row), n);
        }
    }
}

static void join_parts(const backward_job *job)
{
    static const int outputs[] = {K, V, DRELATIVE};

    for (int k = 0; k < 3; k++) {
        area_job areas = {.job = job, .output = outputs[k]};

        if (job->cut.n_parts > 1 && job->a->outs[outputs[k]] != NULL &&
            !heed_attention_backward_is_absent(job->run, outputs[k]))
            heed_parallel(job->a->device->n_threads, heed_rows(job->a->outs[outputs[k]]), ROWS, add_areas,
                          &areas);
    }
}

/* What is added to starts at 0; so does what is not there. */
static void clear_sums(const backward_job *job)
{
    for (int k = DBIAS; k <= DRELATIVE; k++) {
        if (job->a->outs[k] != NULL)
            memset(job->a->outs[k]->data, 0, (size_t)heed_tensor_count(job->a->outs[k]) * sizeof(float));
    }
    for (int64_t part = 1; part < job->cut.n_parts; part++)
        memset(job->areas + (part - 1) * area_floats(job->run), 0,
               (size_t)area_floats(job->run) * sizeof(float));
}

/* Keys that do not exist yet get zeros. */
static void clear_missing_keys(const backward_job *job, int output)
{
    const heed_attention_run *run = job->run;
    const heed_tensor *x = job->a->outs[output];

    for (int64_t bh = 0; x != NULL && bh < run->batch * run->n_kv_heads; bh++) {
        for (int64_t j = run->n_key; j < run->capacity; j++) {
            const heed_attention_numbers row = heed_attention_numbers_of(x, bh / run->n_kv_heads,
                                                                         bh % run->n_kv_heads, j);
            for (int64_t d = 0; d < heed_cols(x); d++)
                heed_attention_put(x, row.at + d, 0.0f);
        }
    }
}

void heed_attention_backward_fast(const heed_op_args *a, const heed_attention_run *run)
{
    backward_job job = {.a = a,
                        .run = run,
                        .cut = heed_attention_cut_of(run),
                        .dump = dump_floats(run),
                        .gathered = heed_attention_gathered_floats(run)};

    heed_attention_cut_queries(&job.cut, run);
    job.scratch = heed_attention_scratch(run, a->device, true);
    job.areas = (float *)a->workspace + (job.scratch + job.dump + job.gathered) * a->device->n_threads;
    clear_sums(&job);
    heed_parallel(a->device->n_threads, job.cut.n_groups * job.cut.n_parts, 1, backward_units, &job);
    clear_missing_keys(&job, K);
    clear_missing_keys(&job, V);
    join_parts(&job);
}

size_t heed_attention_backward_fast_workspace(const heed_attention_run *run, const heed_device *device)
{
    const heed_attention_cut cut = heed_attention_cut_of(run);
    const int64_t a_thread = heed_attention_scratch(run, device, true) + dump_floats(run) +
                             heed_attention_gathered_floats(run);

    return heed_floats_bytes(a_thread * device->n_threads + (cut.n_parts - 1) * area_floats(run));
}
