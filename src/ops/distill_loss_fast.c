/* SPDX-License-Identifier: MIT */
/*
 * distill_loss by kernels. The logits of student and teacher never exist as a whole: rows are taken in chunks, and the
 * vocabulary in tiles of columns. Two passes over the tiles of a chunk:
 *
 *   1. both products; s / T beside s; the running maximum and sum of each row for p, q and u
 *   2. t becomes u and gives the row's KL; s becomes ds in place, and is multiplied with W and x while it is in the cache
 *
 * A chunk keeps its tiles between the passes. The first chunk writes dW, later ones add to it.
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/dense.h"
#include "ops/distill_loss.h"
#include "ops/linear_cross_entropy.h"
#include "ops/weight.h"

#define TILE_COLUMNS 1024
#define TILES_BYTES \
    (256.0 * 1024 * 1024) /* at most so much for both models' tiles of a chunk, as long as that is ... */
#define LEAST_ROWS 128    /* ... this many rows; fewer would read and write dW too often */
#define MOST_ROWS  1024   /* below 2048 oneDNN does not split sums over threads */

/* Largest logit and sum of exponentials so far, by row of the chunk. */
typedef struct summary {
    float *max, *sum;
} summary;

typedef struct distill {
    const heed_device *device;
    const heed_distill_options *options;
    bool backward;
    int64_t n_rows, V, d, e;                    /* e: width of the teacher */
    int64_t chunk, width;                       /* rows at a time; columns of a tile */
    const float *x, *w, *teacher_x, *teacher_w; /* dense; teacher_w NULL where it is not f32, then ... */
    const heed_tensor *stored, *targets;
    float *widened;                   /* ... [width, e] of it */
    float *student, *teacher;         /* all tiles of a chunk */
    float *soft, *ratio;              /* [chunk, width]: s / T and then q; log u - log q */
    summary hard, cooled, taught;     /* of p, q, u */
    float *target_logit, *one;        /* by row of the chunk; one: 1 */
    float *hard_factor, *soft_factor; /* (1 - w) dloss / N and w T dloss / N; 0 where ignored */
    double *kl;
    char *free_space; /* for products */
} distill;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t rows_of_a_chunk(int64_t n_rows, int64_t V)
{
    const int64_t fitting = (int64_t)(TILES_BYTES / (8.0 * (double)V)) / 16 * 16;

    return least(n_rows, fitting < LEAST_ROWS ? LEAST_ROWS : least(fitting, MOST_ROWS));
}

static distill distill_of(const heed_node *node, const heed_device *device, bool backward)
{
    const heed_tensor *x = &node->in[HEED_DISTILL_X]->tensor, *w = &node->in[HEED_DISTILL_W]->tensor;
    distill job = {.device = device,
                   .options = node->attrs,
                   .backward = backward,
                   .n_rows = heed_rows(x),
                   .V = heed_rows(w),
                   .d = heed_cols(x),
                   .e = heed_cols(&node->in[HEED_DISTILL_TEACHER_X]->tensor)};

    job.width = least(job.V, TILE_COLUMNS);
    job.chunk = rows_of_a_chunk(job.n_rows, job.V);
    return job;
}

/* Numbers of a model's tiles of a chunk; -1 when that passes 64 bits. */
static int64_t tiles_count(const distill *job)
{
    int64_t count;

    return __builtin_mul_overflow(job->chunk, job->V, &count) ? -1 : count;
}

static int64_t columns_of(const distill *job, int64_t first)
{
    return least(job->width, job->V - first);
}

/* --- the four products --- */

static heed_product_shape logits_product(int64_t rows, int64_t columns, int64_t d)
{
    return (heed_product_shape){.m = rows, .n = columns, .k = d, .transpose_b = true};
}

static heed_product_shape dx_product(const distill *job, int64_t rows, int64_t columns, bool accumulate)
{
    return (heed_product_shape){.m = rows, .n = job->d, .k = columns, .accumulate = accumulate};
}

static heed_product_shape dw_product(const distill *job, int64_t rows, int64_t columns, bool accumulate)
{
    return (heed_product_shape){
        .m = columns, .n = job->d, .k = rows, .transpose_a = true, .accumulate = accumulate};
}

static size_t larger(const distill *job, size_t bytes, heed_product_shape shape)
{
    const size_t its = heed_product_bytes(job->device, &shape);

    return its > bytes ? its : bytes;
}

/* Plans the products of full and last chunks and tiles, writing and adding; what the largest needs. */
static size_t products_bytes(const distill *job)
{
    const int64_t rows[] = {job->chunk, (job->n_rows - 1) % job->chunk + 1};
    const int64_t columns[] = {job->width, (job->V - 1) % job->width + 1};
    size_t bytes = 0;

    for (int i = 0; i < 4; i++) {
        const int64_t r = rows[i & 1], c = columns[i >> 1];

        bytes = larger(job, bytes, logits_product(r, c, job->d));
        bytes = larger(job, bytes, logits_product(r, c, job->e));
        for (int adds = 0; adds < 2 && job->backward; adds++) {
            bytes = larger(job, bytes, dx_product(job, r, c, adds));
            bytes = larger(job, bytes, dw_product(job, r, c, adds));
        }
    }
    return bytes;
}

/* --- memory --- */

size_t heed_distill_workspace(const heed_node *node, struct heed_device *device, bool backward)
{
    const distill job = distill_of(node, device, backward);
    const int operands[] = {HEED_DISTILL_X, HEED_DISTILL_W, HEED_DISTILL_TEACHER_X};
    const heed_tensor *teacher_w = &node->in[HEED_DISTILL_TEACHER_W]->tensor;
    size_t bytes = products_bytes(&job);

    for (int i = 0; i < 2; i++) {
        bytes = heed_bytes_add(bytes, heed_floats_bytes(tiles_count(&job)));
        bytes = heed_bytes_add(bytes, heed_floats_bytes(job.chunk * job.width));
    }
    for (int i = 0; i < 12; i++)
        bytes = heed_bytes_add(bytes, heed_floats_bytes(job.chunk));
    for (int i = 0; i < 3; i++)
        bytes = heed_bytes_add(bytes, heed_dense_bytes(&node->in[operands[i]]->tensor));
    return heed_bytes_add(bytes, teacher_w->dtype == HEED_F32 ? heed_dense_bytes(teacher_w)
                                                              : heed_floats_bytes(job.width * job.e));
}

static summary take_summary(distill *job)
{
    float *max = heed_floats_take(&job->free_space, job->chunk);

    return (summary){max, heed_floats_take(&job->free_space, job->chunk)};
}

static void take(distill *job, const heed_op_args *a)
{
    char **at = &job->free_space;

    *at = a->workspace;
    job->student = heed_floats_take(at, tiles_count(job));
    job->teacher = heed_floats_take(at, tiles_count(job));
    job->soft = heed_floats_take(at, job->chunk * job->width);
    job->ratio = heed_floats_take(at, job->chunk * job->width);
    job->hard = take_summary(job);
    job->cooled = take_summary(job);
    job->taught = take_summary(job);
    job->target_logit = heed_floats_take(at, job->chunk);
    job->one = heed_floats_take(at, job->chunk);
    job->hard_factor = heed_floats_take(at, job->chunk);
    job->soft_factor = heed_floats_take(at, job->chunk);
    job->kl = (double *)(void *)heed_floats_take(at, 2 * job->chunk);
    job->x = heed_dense_operand(a->in[HEED_DISTILL_X], at);
    job->w = heed_dense_operand(a->in[HEED_DISTILL_W], at);
    job->teacher_x = heed_dense_operand(a->in[HEED_DISTILL_TEACHER_X], at);
    job->stored = a->in[HEED_DISTILL_TEACHER_W];
    if (job->stored->dtype == HEED_F32)
        job->teacher_w = heed_dense_operand(job->stored, at);
    else
        job->widened = heed_floats_take(at, job->width * job->e);
    job->targets = a->in[HEED_DISTILL_TARGETS];
}

/* --- a tile, by rows begin .. end-1 of its chunk --- */

typedef struct tile {
    const distill *job;
    float *s, *t; /* [rows, columns] of student and teacher */
    int64_t first_row, first_column, columns;
} tile;

/* The column of the row's target in this tile, or -1. */
static int64_t target_column(const tile *at, int64_t r)
{
    const int64_t column = heed_head_target(at->job->targets, at->first_row + r) - at->first_column;

    return column >= 0 && column < at->columns ? column : -1;
}

static void summarize(const tile *at, const summary *to, const float *numbers, int64_t begin, int64_t end)
{
    at->job->device->kernels->tile_max_sum(to->max + begin, to->sum + begin, numbers + begin * at->columns,
                                           at->columns, end - begin, at->columns);
}

static void first_pass(void *context, int64_t begin, int64_t end, int thread)
{
    const tile *at = context;
    const distill *job = at->job;
    const heed_kernels *kernels = job->device->kernels;
    const float cooling = 1.0f / job->options->temperature;
    const int64_t from = begin * at->columns, n = (end - begin) * at->columns;

    (void)thread;
    summarize(at, &job->hard, at->s, begin, end);
    kernels->scale(job->soft + from, at->s + from, cooling, n);
    summarize(at, &job->cooled, job->soft, begin, end);
    kernels->scale(at->t + from, at->t + from, cooling, n);
    summarize(at, &job->taught, at->t, begin, end);
    for (int64_t r = begin; r < end; r++) {
        const int64_t column = target_column(at, r);

        if (column >= 0)
            job->target_logit[r] = at->s[r * at->columns + column];
    }
}

static void probabilities(const tile *at, float *numbers, const summary *of, const float *factor, int64_t begin,
                          int64_t end)
{
    at->job->device->kernels->tile_probabilities(numbers + begin * at->columns, of->max + begin,
                                                 of->sum + begin, factor + begin, at->columns, end - begin,
                                                 at->columns);
}

/* sum_j a_j b_j: sixteen sums side by side, which the compiler may keep in vectors, then added up in order. */
static double dot(const float *a, const float *b, int64_t n)
{
    float lanes[16] = {0};
    double sum = 0.0;
    int64_t j = 0;

    for (; j + 16 <= n; j += 16) {
        for (int l = 0; l < 16; l++)
            lanes[l] += a[j + l] * b[j + l];
    }
    for (int l = 0; l < 16; l++)
        sum += (double)lanes[l];
    for (; j < n; j++)
        sum += (double)(a[j] * b[j]);
    return sum;
}

/* t becomes u, and the rows' KL grows by this tile's share. */
static void add_divergence(const tile *at, int64_t begin, int64_t end)
{
    const distill *job = at->job;
    const int64_t n = at->columns;

    for (int64_t r = begin; r < end; r++) {
        const float shift = (float)((double)job->taught.max[r] - (double)job->cooled.max[r] +
                                    log((double)job->taught.sum[r]) - log((double)job->cooled.sum[r]));
        const float *t = at->t + r * n, *q = job->soft + r * n;
        float *ratio = job->ratio + r * n;

        for (int64_t j = 0; j < n; j++)
            ratio[j] = t[j] - q[j] - shift;
    }
    probabilities(at, at->t, &job->taught, job->one, begin, end);
    for (int64_t r = begin; r < end; r++)
        job->kl[r] += dot(at->t + r * n, job->ratio + r * n, n);
}

/* s becomes ds. */
static void second_pass(void *context, int64_t begin, int64_t end, int thread)
{
    const tile *at = context;
    const distill *job = at->job;
    const int64_t from = begin * at->columns, n = at->columns;

    (void)thread;
    job->device->kernels->scale(job->soft + from, at->s + from, 1.0f / job->options->temperature,
                                (end - begin) * n);
    add_divergence(at, begin, end);
    if (!job->backward)
        return;
    probabilities(at, at->s, &job->hard, job->hard_factor, begin, end);
    probabilities(at, job->soft, &job->cooled, job->soft_factor, begin, end);
    for (int64_t r = begin; r < end; r++) {
        const float factor = job->soft_factor[r], *q = job->soft + r * n, *u = at->t + r * n;
        float *ds = at->s + r * n;
        const int64_t column = target_column(at, r);

        for (int64_t j = 0; j < n; j++)
            ds[j] += q[j] - factor * u[j];
        if (column >= 0)
            ds[column] -= job->hard_factor[r];
    }
}

/* --- a chunk --- */

static void begin_chunk(const distill *job, int64_t first, int64_t rows, float factor)
{
    const float w = job->options->weight;

    for (int64_t r = 0; r < rows; r++) {
        const int64_t target = heed_head_target(job->targets, first + r);
        const bool counts = target != HEED_IGNORE_TARGET;

        job->hard.max[r] = job->cooled.max[r] = job->taught.max[r] = -INFINITY;
        job->hard.sum[r] = job->cooled.sum[r] = job->taught.sum[r] = 0.0f;
        job->target_logit[r] = NAN; /* stays so when the target is none */
        job->one[r] = 1.0f;
        job->kl[r] = 0.0;
        job->hard_factor[r] = !counts ? 0.0f : target < 0 || target >= job->V ? NAN : (1.0f - w) * factor;
        job->soft_factor[r] = counts ? w * job->options->temperature * factor : 0.0f;
    }
}

static tile tile_at(const distill *job, int64_t first_row, int64_t rows, int64_t first_column)
{
    return (tile){.job = job,
                  .s = job->student + first_column * rows,
                  .t = job->teacher + first_column * rows,
                  .first_row = first_row,
                  .first_column = first_column,
                  .columns = columns_of(job, first_column)};
}

static void form_logits(const distill *job, const tile *at, int64_t rows)
{
    const heed_product_shape student = logits_product(rows, at->columns, job->d);
    const heed_product_shape teacher = logits_product(rows, at->columns, job->e);
    const float *w = job->widened;

    heed_product_compute(job->device, &student, job->x + at->first_row * job->d,
                         job->w + at->first_column * job->d, NULL, at->s, job->free_space);
    if (job->widened == NULL)
        w = job->teacher_w + at->first_column * job->e;
    else
        heed_weight_widen(job->device, job->stored, at->first_column, at->columns, 0, job->e, job->widened);
    heed_product_compute(job->device, &teacher, job->teacher_x + at->first_row * job->e, w, NULL, at->t,
                         job->free_space);
}

static void spread(const distill *job, const tile *at, const heed_op_args *a, int64_t rows)
{
    const heed_product_shape dx = dx_product(job, rows, at->columns, at->first_column > 0);
    const heed_product_shape dw = dw_product(job, rows, at->columns, at->first_row > 0);

    if (a->outs[HEED_DISTILL_DX] != NULL)
        heed_product_compute(job->device, &dx, at->s, job->w + at->first_column * job->d, NULL,
                             (float *)a->outs[HEED_DISTILL_DX]->data + at->first_row * job->d, job->free_space);
    if (a->outs[HEED_DISTILL_DW] != NULL)
        heed_product_compute(job->device, &dw, at->s, job->x + at->first_row * job->d, NULL,
                             (float *)a->outs[HEED_DISTILL_DW]->data + at->first_column * job->d,
                             job->free_space);
}

static void run_chunk(const distill *job, const heed_op_args *a, int64_t first, int64_t rows)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t column = 0; column < job->V; column += job->width) {
            tile at = tile_at(job, first, rows, column);

            if (pass == 0)
                form_logits(job, &at, rows);
            heed_parallel(job->device->n_threads, rows, 1 + HEED_PIECE / at.columns,
                          pass == 0 ? first_pass : second_pass, &at);
            if (pass == 1 && job->backward)
                spread(job, &at, a, rows);
        }
    }
}

void heed_distill_run(const heed_op_args *a, bool backward)
{
    distill job = distill_of(a->node, a->device, backward);
    const int64_t n = heed_head_count(a->in[HEED_DISTILL_TARGETS]);
    const float factor = backward ? heed_head_factor(heed_scalar(a->in[HEED_DISTILL_DLOSS]), n) : 0.0f;
    double ce = 0.0, kl = 0.0;

    take(&job, a);
    for (int64_t first = 0; first < job.n_rows; first += job.chunk) {
        const int64_t rows = least(job.chunk, job.n_rows - first);

        begin_chunk(&job, first, rows, factor);
        run_chunk(&job, a, first, rows);
        for (int64_t r = 0; r < rows; r++) {
            if (heed_head_target(job.targets, first + r) == HEED_IGNORE_TARGET)
                continue;
            ce += log((double)job.hard.sum[r]) + (double)job.hard.max[r] - (double)job.target_logit[r];
            kl += job.kl[r];
        }
    }
    heed_distill_put(a, ce, kl, n);
}
