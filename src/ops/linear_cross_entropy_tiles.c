/* SPDX-License-Identifier: MIT */
/* The head in tiles: see linear_cross_entropy.h, and linear_cross_entropy.c for the mathematics. */
#include "ops/linear_cross_entropy.h"

#include <math.h>

#include "base/parallel.h"
#include "ops/dense.h"
#include "ops/ops.h"
#include "ops/weight.h"

#define TILE_COLUMNS 1024                  /* a tile that threads share fits the last-level cache */
#define PART_COLUMNS 512                   /* one of a thread's own: its second-level cache is smaller */
#define TILES_BYTES  (256.0 * 1024 * 1024) /* at most so much for the tiles of a chunk, as long as that is ... */
#define LEAST_ROWS   256                   /* ... this many rows; fewer would read and write dW too often */
#define MOST_ROWS    1024 /* more gain nothing; below 2048 oneDNN does not split sums over threads */
#define MOST_PARTS   32   /* more threads than parts have nothing to do */
#define LEAST_PARTS  8    /* fewer are not worth it: threads share the rows of a tile then */
#define PARTS_ROOM   0.25 /* of the tiles: so much may the parts' own dx take */

/* --- sizes --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* Cuts n into equal pieces of at most `most`; all but the last have a multiple of `unit`, as `most` is. */
static int64_t even_piece(int64_t n, int64_t most, int64_t unit)
{
    const int64_t piece = divide_up(divide_up(n, divide_up(n, most)), unit) * unit;

    return least(n, piece);
}

/* From sizes of the model alone. */
static int parts_of(int64_t V, int64_t d)
{
    const int64_t tiles = divide_up(V, PART_COLUMNS), room = (int64_t)(PARTS_ROOM * (double)V / (double)d);
    const int64_t parts = least(least(tiles, room), MOST_PARTS);

    return parts < LEAST_PARTS ? 1 : (int)parts;
}

/* row_floats: what a row takes in all tiles and in the parts' dx. */
static int64_t rows_of_a_chunk(int64_t n_rows, int64_t row_floats)
{
    const int64_t fitting = (int64_t)(TILES_BYTES / (4.0 * (double)row_floats)) / 64 * 64;

    return even_piece(n_rows, fitting < LEAST_ROWS ? LEAST_ROWS : least(fitting, MOST_ROWS), 16);
}

heed_head heed_head_of(const heed_node *node, const heed_device *device, bool keep)
{
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    heed_head head = {.device = device,
                      .inner = *device,
                      .n_rows = heed_rows(x),
                      .d = heed_cols(x),
                      .V = heed_rows(w),
                      .keep = keep};

    head.bf16 = x->dtype == HEED_BF16;
    head.n_parts = parts_of(head.V, head.d);
    head.n_callers = (int)least(head.n_parts, device->n_threads);
    if (head.n_parts > 1)
        head.inner.n_threads = 1;
    head.width = head.n_parts > 1 ? PART_COLUMNS : even_piece(head.V, TILE_COLUMNS, 64);
    head.chunk = keep ? rows_of_a_chunk(head.n_rows, head.V + (head.n_parts - 1) * head.d)
                      : even_piece(head.n_rows, MOST_ROWS, 16);
    return head;
}

int64_t heed_head_n_tiles(const heed_head *head)
{
    return divide_up(head->V, head->width);
}

int64_t heed_head_first_tile(const heed_head *head, int part)
{
    return part * heed_head_n_tiles(head) / head->n_parts;
}

int64_t heed_head_columns(const heed_head *head, int64_t t)
{
    return least(head->width, head->V - t * head->width);
}

float *heed_head_tile(const heed_head *head, const heed_head_at *at)
{
    return head->tiles +
           (head->keep ? at->tile * head->width * at->rows : at->caller * head->width * head->chunk);
}

/* --- products --- */

static heed_product_shape product_of(const heed_head *head, heed_head_product which, int64_t rows,
                                     int64_t columns, bool accumulate)
{
    heed_product_shape shape = {.accumulate = accumulate};

    shape.bf16 = head->bf16 && heed_device_has_bf16(head->device);
    shape.n_callers = head->n_parts > 1 ? head->n_callers : 0;
    shape.m = which == HEED_HEAD_DW ? columns : rows;
    shape.n = which == HEED_HEAD_LOGITS ? columns : head->d;
    shape.k = which == HEED_HEAD_LOGITS ? head->d : which == HEED_HEAD_DX ? columns : rows;
    shape.transpose_a = which == HEED_HEAD_DW;
    shape.transpose_b = which == HEED_HEAD_LOGITS;
    return shape;
}

/* Plans the products of full and last chunks and tiles, writing and adding; what the largest needs. */
static size_t product_bytes(const heed_head *head)
{
    const int64_t rows[] = {head->chunk, (head->n_rows - 1) % head->chunk + 1};
    const int64_t columns[] = {head->width, (head->V - 1) % head->width + 1};
    size_t most = 0;

    for (int which = HEED_HEAD_LOGITS; which <= (head->keep ? HEED_HEAD_DW : HEED_HEAD_LOGITS); which++) {
        for (int i = 0; i < (which == HEED_HEAD_LOGITS ? 4 : 8); i++) {
            const heed_product_shape shape = product_of(head, which, rows[i & 1], columns[i >> 1 & 1], i >> 2);
            const size_t bytes = heed_product_bytes(head->device, &shape);

            most = bytes > most ? bytes : most;
        }
    }
    return most;
}

void heed_head_compute(const heed_head *head, heed_head_product which, const heed_head_at *at, const void *a,
                       const void *b, bool accumulate, float *c)
{
    const heed_product_shape shape = product_of(head, which, at->rows, heed_head_columns(head, at->tile),
                                                accumulate);

    heed_product_compute_by(head->device, &shape, at->caller, a, b, NULL, c,
                            head->products + (size_t)at->caller * head->product_bytes);
}

/* --- memory --- */

/* Numbers of all tiles that are held at once; -1 when that passes 64 bits. */
static int64_t tiles_count(const heed_head *head)
{
    int64_t count;

    return __builtin_mul_overflow(head->chunk, head->keep ? head->V : head->n_callers * head->width, &count)
               ? -1
               : count;
}

/* Gradients of logits need a place of their own where products read bf16. */
static bool has_dlogits(const heed_head *head)
{
    return head->keep && head->bf16 && heed_device_has_bf16(head->device);
}

static int64_t dlogits_count(const heed_head *head)
{
    return has_dlogits(head) ? head->n_callers * head->chunk * head->width : 0;
}

/* dx of every part but the first, which has the result itself. */
static int64_t partial_count(const heed_head *head)
{
    return head->keep ? (head->n_parts - 1) * head->chunk * head->d : 0;
}

static bool is_made(const heed_head *head, const heed_tensor *w)
{
    return head->bf16 || w->dtype != HEED_F32;
}

size_t heed_head_bytes(const heed_head *head, const heed_node *node)
{
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    const size_t products = product_bytes(head);
    size_t bytes = heed_floats_bytes(tiles_count(head));

    bytes = heed_bytes_add(bytes, heed_floats_bytes(dlogits_count(head)));
    bytes = heed_bytes_add(bytes, heed_floats_bytes(partial_count(head)));
    for (int i = 0; i < 2; i++)
        bytes = heed_bytes_add(bytes, heed_floats_bytes(head->n_parts * head->chunk));
    bytes = heed_bytes_add(bytes, heed_floats_bytes(head->chunk));
    bytes = heed_bytes_add(bytes, head->bf16 ? heed_half_bytes(x, head->n_rows) : heed_dense_bytes(x));
    bytes = heed_bytes_add(bytes, is_made(head, w) ? heed_floats_bytes(head->n_callers * head->width * head->d)
                                                   : heed_dense_bytes(w));
    for (int caller = 0; caller < head->n_callers; caller++)
        bytes = heed_bytes_add(bytes, products);
    return bytes;
}

void heed_head_take(heed_head *head, const heed_op_args *a)
{
    const heed_half_rows x = {head->device, a->in[HEED_HEAD_X], 0, head->n_rows};
    char *free_space = a->workspace;

    head->tiles = heed_floats_take(&free_space, tiles_count(head));
    if (has_dlogits(head))
        head->dlogits = heed_floats_take(&free_space, dlogits_count(head));
    head->partial = heed_floats_take(&free_space, partial_count(head));
    head->max = heed_floats_take(&free_space, head->n_parts * head->chunk);
    head->sum = heed_floats_take(&free_space, head->n_parts * head->chunk);
    head->target_logit = heed_floats_take(&free_space, head->chunk);
    if (head->bf16)
        head->x = heed_half_operand(&x, &free_space);
    else
        head->x = heed_dense_operand(x.tensor, &free_space);
    head->stored = a->in[HEED_HEAD_W];
    if (is_made(head, head->stored))
        head->made = heed_floats_take(&free_space, head->n_callers * head->width * head->d);
    else
        head->w = heed_dense_operand(head->stored, &free_space);
    head->targets = a->in[HEED_HEAD_TARGETS];
    head->products = free_space;
    head->product_bytes = product_bytes(head);
}

const void *heed_head_x(const heed_head *head, int64_t row)
{
    const size_t bytes = head->bf16 ? heed_half_number_bytes(head->device) : sizeof(float);

    return (const char *)head->x + (size_t)(row * head->d) * bytes;
}

const void *heed_head_weight(const heed_head *head, const heed_head_at *at)
{
    const heed_half_rows rows = {&head->inner, head->stored, at->tile * head->width,
                                 heed_head_columns(head, at->tile)};
    if (head->made == NULL)
        return head->w + rows.row * head->d;

    float *made = head->made + at->caller * head->width * head->d;
    char *space = (char *)made;

    if (head->bf16)
        return heed_half_operand(&rows, &space);
    heed_weight_widen(&head->inner, head->stored, rows.row, rows.n_rows, 0, head->d, made);
    return made;
}

/* --- all tiles of a chunk --- */

typedef struct share {
    const heed_head *head;
    heed_head_at at;
    heed_head_tile_fn *fn;
    const void *context;
} share;

static void do_parts(void *context, int64_t begin, int64_t end, int thread)
{
    share own = *(const share *)context;

    own.at.caller = thread;
    for (int64_t part = begin; part < end; part++) {
        own.at.part = (int)part;
        for (own.at.tile = heed_head_first_tile(own.head, (int)part);
             own.at.tile < heed_head_first_tile(own.head, (int)part + 1); own.at.tile++)
            own.fn(own.head, &own.at, own.context);
    }
}

void heed_head_share(const heed_head *head, int64_t begin, int64_t rows, heed_head_tile_fn *fn,
                     const void *context)
{
    share all = {.head = head, .at = {.begin = begin, .rows = rows}, .fn = fn, .context = context};

    heed_parallel(head->n_callers, head->n_parts, 1, do_parts, &all);
}

/* One tile of the chunk. */
typedef struct tile_job {
    const heed_head *head;
    const heed_head_at *at;
    const float *tile;
    float *max, *sum; /* of its part */
} tile_job;

/* Rows begin .. end-1 of the chunk: their running maximum and sum, and the target's logit if it is here. */
static void summarize_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const tile_job *job = context;
    const heed_head *head = job->head;
    const int64_t columns = heed_head_columns(head, job->at->tile), first = job->at->tile * head->width;

    (void)thread;
    head->device->kernels->tile_max_sum(job->max + begin, job->sum + begin, job->tile + begin * columns,
                                        columns, end - begin, columns);
    for (int64_t r = begin; r < end; r++) {
        const int64_t column = heed_head_target(head->targets, job->at->begin + r) - first;

        if (column >= 0 && column < columns)
            head->target_logit[r] = job->tile[r * columns + column];
    }
}

static void form_tile(const heed_head *head, const heed_head_at *at, const void *context)
{
    float *tile = heed_head_tile(head, at);
    tile_job job = {head, at, tile, head->max + at->part * head->chunk, head->sum + at->part * head->chunk};

    (void)context;
    heed_head_compute(head, HEED_HEAD_LOGITS, at, heed_head_x(head, at->begin), heed_head_weight(head, at),
                      false, tile);
    heed_parallel(head->inner.n_threads, at->rows, 1 + HEED_PIECE / heed_head_columns(head, at->tile),
                  summarize_rows, &job);
}

/* The sums of all parts are brought to the largest of their maxima, as tile_max_sum() does from tile to tile. */
static void join_parts(const heed_head *head, int64_t r)
{
    float top = -INFINITY, sum = 0.0f;

    for (int part = 0; part < head->n_parts; part++) {
        const float max = head->max[part * head->chunk + r];

        top = max > top ? max : top;
    }
    const float shift = top == -INFINITY ? 0.0f : top;

    for (int part = 0; part < head->n_parts; part++)
        sum += head->sum[part * head->chunk + r] * expf(head->max[part * head->chunk + r] - shift);
    head->max[r] = top;
    head->sum[r] = sum;
}

void heed_head_logits(const heed_head *head, int64_t begin, int64_t end)
{
    for (int64_t i = 0; i < head->n_parts * head->chunk; i++) {
        head->max[i] = -INFINITY;
        head->sum[i] = 0.0f;
    }
    for (int64_t r = 0; r < end - begin; r++)
        head->target_logit[r] = NAN; /* stays so when the target is none */
    heed_head_share(head, begin, end - begin, form_tile, NULL);
    for (int64_t r = 0; r < end - begin && head->n_parts > 1; r++)
        join_parts(head, r);
}

float heed_head_chunk_loss(const heed_head *head, int64_t begin, int64_t r)
{
    if (heed_head_target(head->targets, begin + r) == HEED_IGNORE_TARGET)
        return 0.0f;
    return (float)(log((double)head->sum[r]) + ((double)head->max[r] - (double)head->target_logit[r]));
}
