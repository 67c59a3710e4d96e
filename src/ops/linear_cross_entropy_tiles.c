/* SPDX-License-Identifier: MIT */
/* The head in rows and in tiles: see linear_cross_entropy.h, and linear_cross_entropy.c for the mathematics. */
#include "ops/linear_cross_entropy.h"

#include <math.h>

#include "base/parallel.h"
#include "ops/dense.h"
#include "ops/ops.h"
#include "ops/weight.h"

#define TILE_COLUMNS 1024 /* a tile of a chunk fits the last-level cache, its product runs at full speed */
#define TILES_BYTES  (256.0 * 1024 * 1024) /* at most so much for the tiles of a chunk, as long as that is ... */
#define LEAST_ROWS   256                   /* ... this many rows; fewer would read and write dW too often */
#define MOST_ROWS    1024 /* more gain nothing; below 2048 oneDNN does not split sums over threads */

/* --- one row ------------------------------------------------------------------------------------- */

float heed_head_logit(const heed_head_row *row, int64_t j)
{
    float sum = 0.0f;

    for (int64_t k = 0; k < row->d; k++)
        sum += heed_number_get(&row->x, k) * heed_counted(heed_matrix_get(row->w, j, k), row->bf16);
    return sum;
}

heed_head_row heed_head_row_of(heed_numbers x, const heed_tensor *w, int64_t target, bool bf16)
{
    heed_head_row row = {
        .x = x, .w = w, .d = heed_cols(w), .V = heed_rows(w), .target = target, .bf16 = bf16, .max = -INFINITY};

    for (int64_t j = 0; j < row.V; j++) {
        const float logit = heed_head_logit(&row, j);
        row.max = logit > row.max ? logit : row.max;
    }
    for (int64_t j = 0; j < row.V; j++)
        row.sum += (double)expf(heed_head_logit(&row, j) - row.max);
    return row;
}

float heed_head_loss(const heed_head_row *row)
{
    if (row->target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (row->target < 0 || row->target >= row->V)
        return NAN;
    return (float)(log(row->sum) + ((double)row->max - (double)heed_head_logit(row, row->target)));
}

float heed_head_dlogit(const heed_head_row *row, int64_t j, float factor)
{
    if (row->target == HEED_IGNORE_TARGET)
        return 0.0f;
    if (row->target < 0 || row->target >= row->V)
        return NAN;
    const float p = (float)((double)expf(heed_head_logit(row, j) - row->max) / row->sum);

    return heed_counted((p - (j == row->target ? 1.0f : 0.0f)) * factor, row->bf16);
}

int64_t heed_head_target(const heed_tensor *targets, int64_t r)
{
    return ((const int32_t *)targets->data)[heed_tensor_offset(targets, r)];
}

int64_t heed_head_count(const heed_tensor *targets)
{
    const int64_t rows = heed_tensor_count(targets);
    int64_t n = 0;

    for (int64_t r = 0; r < rows; r++)
        n += heed_head_target(targets, r) != HEED_IGNORE_TARGET;
    return n;
}

float heed_head_mean(double total, int64_t n)
{
    return n == 0 ? 0.0f : (float)(total / (double)n);
}

float heed_head_factor(float dloss, int64_t n)
{
    return n == 0 ? 0.0f : dloss / (float)n;
}

bool heed_head_check(heed_graph *g, const heed_node *node)
{
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    heed_shape leading = x->shape;
    char x_text[96], w_text[96];

    if (!heed_expect_float(g, node, HEED_HEAD_X, "x") ||
        !(x->dtype == HEED_BF16 ? heed_expect_float(g, node, HEED_HEAD_W, "weight")
                                : heed_expect_weight(g, node, HEED_HEAD_W, "weight")))
        return false;
    if (leading.rank < 1 || w->shape.rank != 2 || heed_cols(x) != heed_cols(w))
        return heed_graph_fail(g, node, HEED_ERR_SHAPE,
                               "x %s does not fit %s %s, which is [vocab_size, d_model]",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), node->in[HEED_HEAD_W]->name,
                               heed_shape_format(w_text, sizeof w_text, &w->shape));
    leading.rank--;
    return heed_expect_shape(g, node, HEED_HEAD_TARGETS, "targets", HEED_I32, leading);
}

/* --- tiles --------------------------------------------------------------------------------------- */

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

static int64_t rows_of_a_chunk(int64_t n_rows, int64_t V)
{
    const int64_t fitting = (int64_t)(TILES_BYTES / (4.0 * (double)V)) / 64 * 64;

    return even_piece(n_rows, fitting < LEAST_ROWS ? LEAST_ROWS : least(fitting, MOST_ROWS), 16);
}

heed_head heed_head_of(const heed_node *node, const heed_device *device, bool keep)
{
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    heed_head head = {
        .device = device, .n_rows = heed_rows(x), .d = heed_cols(x), .V = heed_rows(w), .keep = keep};

    head.bf16 = x->dtype == HEED_BF16;

    head.width = even_piece(head.V, TILE_COLUMNS, 64);
    head.chunk = keep ? rows_of_a_chunk(head.n_rows, head.V) : even_piece(head.n_rows, MOST_ROWS, 16);
    return head;
}

int64_t heed_head_n_tiles(const heed_head *head)
{
    return divide_up(head->V, head->width);
}

int64_t heed_head_columns(const heed_head *head, int64_t t)
{
    return least(head->width, head->V - t * head->width);
}

float *heed_head_tile(const heed_head *head, int64_t t, int64_t rows)
{
    return head->keep ? head->tiles + t * head->width * rows : head->tiles;
}

/* Numbers of all tiles that are held at once; -1 when that passes 64 bits. */
static int64_t tiles_count(const heed_head *head)
{
    int64_t count;

    return __builtin_mul_overflow(head->chunk, head->keep ? head->V : head->width, &count) ? -1 : count;
}

static heed_product_shape logits_product(const heed_head *head, int64_t rows, int64_t columns)
{
    return (heed_product_shape){.m = rows,
                                .n = columns,
                                .k = head->d,
                                .transpose_b = true,
                                .bf16 = head->bf16 && heed_device_has_bf16(head->device)};
}

/* Gradients of logits need a place of their own where products read bf16. */
static bool has_dlogits(const heed_head *head)
{
    return head->keep && head->bf16 && heed_device_has_bf16(head->device);
}

size_t heed_head_bytes(const heed_head *head, const heed_node *node, size_t products)
{
    const int64_t rows[] = {head->chunk, (head->n_rows - 1) % head->chunk + 1};
    const int64_t columns[] = {head->width, (head->V - 1) % head->width + 1};
    const heed_tensor *x = &node->in[HEED_HEAD_X]->tensor, *w = &node->in[HEED_HEAD_W]->tensor;
    size_t buffers = heed_floats_bytes(tiles_count(head));

    for (int i = 0; i < 4; i++) {
        const heed_product_shape shape = logits_product(head, rows[i / 2], columns[i % 2]);
        const size_t bytes = heed_product_bytes(head->device, &shape);
        products = bytes > products ? bytes : products;
    }
    for (int i = 0; i < 3; i++)
        buffers = heed_bytes_add(buffers, heed_floats_bytes(head->chunk));
    if (has_dlogits(head))
        buffers = heed_bytes_add(buffers, heed_floats_bytes(head->chunk * head->width));
    buffers = heed_bytes_add(buffers, head->bf16 ? heed_half_bytes(x, head->n_rows) : heed_dense_bytes(x));
    buffers = heed_bytes_add(buffers, head->bf16 || w->dtype != HEED_F32
                                          ? heed_floats_bytes(head->width * head->d)
                                          : heed_dense_bytes(w));
    return heed_bytes_add(buffers, products);
}

void heed_head_take(heed_head *head, const heed_op_args *a)
{
    const heed_half_rows x = {head->device, a->in[HEED_HEAD_X], 0, head->n_rows};

    head->free_space = a->workspace;
    head->tiles = heed_floats_take(&head->free_space, tiles_count(head));
    if (has_dlogits(head))
        head->dlogits = heed_floats_take(&head->free_space, head->chunk * head->width);
    head->max = heed_floats_take(&head->free_space, head->chunk);
    head->sum = heed_floats_take(&head->free_space, head->chunk);
    head->target_logit = heed_floats_take(&head->free_space, head->chunk);
    if (head->bf16)
        head->x = heed_half_operand(&x, &head->free_space);
    else
        head->x = heed_dense_operand(x.tensor, &head->free_space);
    head->stored = a->in[HEED_HEAD_W];
    if (head->bf16 || head->stored->dtype != HEED_F32)
        head->made = heed_floats_take(&head->free_space, head->width * head->d);
    else
        head->w = heed_dense_operand(head->stored, &head->free_space);
    head->targets = a->in[HEED_HEAD_TARGETS];
}

const void *heed_head_x(const heed_head *head, int64_t row)
{
    const size_t bytes = head->bf16 ? heed_half_number_bytes(head->device) : sizeof(float);

    return (const char *)head->x + (size_t)(row * head->d) * bytes;
}

const void *heed_head_weight(const heed_head *head, int64_t t)
{
    const heed_half_rows rows = {head->device, head->stored, t * head->width, heed_head_columns(head, t)};
    char *space = (char *)head->made;

    if (head->made == NULL)
        return head->w + rows.row * head->d;
    if (head->bf16)
        return heed_half_operand(&rows, &space);
    heed_weight_widen(head->device, head->stored, rows.row, rows.n_rows, 0, head->d, head->made);
    return head->made;
}

/* One tile of the chunk that begins at row `first_row`. */
typedef struct tile_job {
    const heed_head *head;
    const float *tile;
    int64_t first_row, first_column, columns;
} tile_job;

/* Rows begin .. end-1 of the chunk: their running maximum and sum, and the target's logit if it is here. */
static void summarize_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const tile_job *job = context;
    const heed_head *head = job->head;

    (void)thread;
    head->device->kernels->tile_max_sum(head->max + begin, head->sum + begin, job->tile + begin * job->columns,
                                        job->columns, end - begin, job->columns);
    for (int64_t r = begin; r < end; r++) {
        const int64_t column = heed_head_target(head->targets, job->first_row + r) - job->first_column;

        if (column >= 0 && column < job->columns)
            head->target_logit[r] = job->tile[r * job->columns + column];
    }
}

void heed_head_logits(const heed_head *head, int64_t begin, int64_t end)
{
    const int64_t rows = end - begin;

    for (int64_t r = 0; r < rows; r++) {
        head->max[r] = -INFINITY;
        head->sum[r] = 0.0f;
        head->target_logit[r] = NAN; /* stays so when the target is none */
    }
    for (int64_t t = 0; t < heed_head_n_tiles(head); t++) {
        tile_job job = {head, heed_head_tile(head, t, rows), begin, t * head->width,
                        heed_head_columns(head, t)};
        const heed_product_shape shape = logits_product(head, rows, job.columns);

        heed_product_compute(head->device, &shape, heed_head_x(head, begin), heed_head_weight(head, t), NULL,
                             heed_head_tile(head, t, rows), head->free_space);
        heed_parallel(head->device->n_threads, rows, 1 + HEED_PIECE / job.columns, summarize_rows, &job);
    }
}

float heed_head_chunk_loss(const heed_head *head, int64_t begin, int64_t r)
{
    if (heed_head_target(head->targets, begin + r) == HEED_IGNORE_TARGET)
        return 0.0f;
    return (float)(log((double)head->sum[r]) + ((double)head->max[r] - (double)head->target_logit[r]));
}
