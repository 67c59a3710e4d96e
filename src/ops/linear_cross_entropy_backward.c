/* SPDX-License-Identifier: MIT */
/*
 * The gradient of linear_cross_entropy.      x [..., d], W [V, d], targets, dloss  ->  loss, dx, dW
 *
 *   dlogit_rj = (exp(logit_rj - lse_r) - [j = target_r]) dloss / N       0 for a row that is ignored
 *   dx_rk     = sum_j dlogit_rj W_jk          dW_jk = sum_r dlogit_rj x_rk
 *
 * In tiles, chunk of rows by chunk of rows: one pass over the tiles of a chunk forms its logits, and with them each row's
 * largest, its sum and the loss; a second pass turns each tile into its gradient in place and multiplies it, while it is
 * in the cache, with W for dx and with x for dW. The first chunk writes dW, later ones add to it.
 */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/dense.h"
#include "ops/linear_cross_entropy.h"
#include "ops/list.h"
#include "ops/loss_lines.h"
#include "ops/ops.h"

enum { X = HEED_HEAD_X, W = HEED_HEAD_W, TARGETS = HEED_HEAD_TARGETS, DLOSS = HEED_HEAD_DLOSS };
enum { LOSS, DX, DW };

static bool backward_shape(heed_graph *g, heed_node *node)
{
    heed_node_set_shape(node, LOSS, HEED_F32, heed_shape0());
    heed_node_set_shape(node, DX, HEED_F32, node->in[X]->tensor.shape);
    heed_node_set_shape(node, DW, HEED_F32, node->in[W]->tensor.shape);
    return heed_head_check(g, node) && heed_expect_dtype(g, node, W, "weight", HEED_F32) &&
           heed_expect_scalar(g, node, DLOSS, "dloss", HEED_F32);
}

/* --- the reference ------------------------------------------------------------------------------- */

static void clear(const heed_tensor *dense)
{
    if (dense != NULL)
        memset(dense->data, 0, (size_t)heed_tensor_count(dense) * sizeof(float));
}

/* Adds what one row gives to dx (its own) and dW; either may be NULL. */
static void add_row(const heed_head_row *row, float factor, float *dx, float *dw)
{
    for (int64_t j = 0; j < row->V; j++) {
        const float dlogit = heed_head_dlogit(row, j, factor);

        for (int64_t k = 0; dx != NULL && k < row->d; k++)
            dx[k] += dlogit * heed_counted(heed_matrix_get(row->w, j, k), row->bf16);
        for (int64_t k = 0; dw != NULL && k < row->d; k++)
            dw[j * row->d + k] += dlogit * heed_number_get(&row->x, k);
    }
}

static void backward_forward(const heed_op_args *a)
{
    const heed_tensor *x = a->in[X], *w = a->in[W], *targets = a->in[TARGETS];
    const int64_t n = heed_head_count(targets);
    const float factor = heed_head_factor(heed_scalar(a->in[DLOSS]), n);
    double total = 0.0;

    clear(a->outs[DX]);
    clear(a->outs[DW]);
    for (int64_t r = 0; r < heed_rows(x); r++) {
        const heed_head_row row = heed_head_row_of(heed_row_numbers(x, r), w, heed_head_target(targets, r),
                                                   x->dtype == HEED_BF16);

        total += (double)heed_head_loss(&row);
        add_row(&row, factor, a->outs[DX] != NULL ? heed_row(a->outs[DX], r) : NULL,
                a->outs[DW] != NULL ? a->outs[DW]->data : NULL);
    }
    *(float *)a->outs[LOSS]->data = heed_head_mean(total, n);
}

/* --- fast ---------------------------------------------------------------------------------------- */

/* A tile whose logits become gradients; target_logit holds the factor of each row by then. */
typedef struct gradient_job {
    const heed_head *head;
    const heed_head_at *at;
    float *tile;
    void *dlogits; /* where they go as an operand: the tile itself, or bf16 numbers of their own */
} gradient_job;

static void gradient_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const gradient_job *job = context;
    const heed_head *head = job->head;
    const float *factor = head->target_logit;
    const int64_t columns = heed_head_columns(head, job->at->tile);

    (void)thread;
    head->device->kernels->tile_probabilities(job->tile + begin * columns, head->max + begin, head->sum + begin,
                                              factor + begin, columns, end - begin, columns);
    for (int64_t r = begin; r < end; r++) {
        const int64_t column = heed_head_target(head->targets, job->at->begin + r) -
                               job->at->tile * head->width;

        if (column >= 0 && column < columns)
            job->tile[r * columns + column] -= factor[r];
    }
    if (head->bf16) {
        const int64_t first = begin * columns;
        void *to = head->dlogits != NULL ? (void *)((uint16_t *)job->dlogits + first) : job->tile + first;

        heed_half_numbers(head->device, to, job->tile + first, (end - begin) * columns);
    }
}

/* The gradients of one tile. context: the arguments of the op. */
static void backward_tile(const heed_head *head, const heed_head_at *at, const void *context)
{
    const heed_op_args *a = context;
    const int64_t d = head->d;
    float *tile = heed_head_tile(head, at);
    gradient_job job = {head, at, tile, tile};

    if (head->dlogits != NULL)
        job.dlogits = (uint16_t *)head->dlogits + at->caller * head->chunk * head->width;
    heed_parallel(head->inner.n_threads, at->rows, 1 + HEED_PIECE / heed_head_columns(head, at->tile),
                  gradient_rows, &job);
    if (a->outs[DX] != NULL)
        heed_head_compute(head, HEED_HEAD_DX, at, job.dlogits, heed_head_weight(head, at),
                          at->tile > heed_head_first_tile(head, at->part),
                          at->part == 0 ? (float *)a->outs[DX]->data + at->begin * d
                                        : head->partial + (at->part - 1) * head->chunk * d);
    if (a->outs[DW] != NULL)
        heed_head_compute(head, HEED_HEAD_DW, at, job.dlogits, heed_head_x(head, at->begin), at->begin > 0,
                          (float *)a->outs[DW]->data + at->tile * head->width * d);
}

/* Returns the sum of the losses of the chunk's rows; target_logit has done its work and becomes their factor. */
static double finish_rows(const heed_head *head, int64_t begin, int64_t rows, float factor)
{
    double total = 0.0;

    for (int64_t r = 0; r < rows; r++) {
        const int64_t target = heed_head_target(head->targets, begin + r);

        total += (double)heed_head_chunk_loss(head, begin, r);
        head->target_logit[r] = target == HEED_IGNORE_TARGET      ? 0.0f
                                : target < 0 || target >= head->V ? NAN
                                                                  : factor;
    }
    return total;
}

typedef struct dx_job {
    const heed_head *head;
    float *dx; /* of the chunk */
} dx_job;

/* Adds what all parts but the first have summed up, in their order. */
static void add_parts(void *context, int64_t begin, int64_t end, int thread)
{
    const dx_job *job = context;
    const heed_head *head = job->head;
    float *dx = job->dx + begin * head->d;

    (void)thread;
    for (int part = 1; part < head->n_parts; part++) {
        const float *partial = head->partial + ((part - 1) * head->chunk + begin) * head->d;

        head->device->kernels->add(dx, dx, partial, (end - begin) * head->d);
    }
}

static void backward_fast(const heed_op_args *a)
{
    heed_head head = heed_head_of(a->node, a->device, true);
    const int64_t n = heed_head_count(a->in[TARGETS]);
    const float factor = heed_head_factor(heed_scalar(a->in[DLOSS]), n);
    double total = 0.0;

    heed_head_take(&head, a);
    for (int64_t begin = 0; begin < head.n_rows; begin += head.chunk) {
        const int64_t rows = head.n_rows - begin < head.chunk ? head.n_rows - begin : head.chunk;

        heed_head_logits(&head, begin, begin + rows);
        total += finish_rows(&head, begin, rows, factor);
        if (a->outs[DX] != NULL || a->outs[DW] != NULL)
            heed_head_share(&head, begin, rows, backward_tile, a);
        if (a->outs[DX] != NULL && head.n_parts > 1) {
            dx_job job = {&head, (float *)a->outs[DX]->data + begin * head.d};

            heed_parallel(head.device->n_threads, rows, 1 + HEED_PIECE / (head.n_parts * head.d), add_parts,
                          &job);
        }
    }
    *(float *)a->outs[LOSS]->data = heed_head_mean(total, n);
}

static size_t backward_workspace(const heed_node *node, heed_device *device)
{
    const heed_head head = heed_head_of(node, device, true);

    return heed_head_bytes(&head, node);
}

/* --- the rest ------------------------------------------------------------------------------------ */

/* Three products, and about six operations a logit. */
static void backward_cost(const heed_node *node, heed_cost *cost)
{
    const heed_tensor *x = &node->in[X]->tensor;
    const double logits = (double)heed_rows(x) * (double)heed_rows(&node->in[W]->tensor);

    cost->flops += logits * (6.0 * (double)heed_cols(x) + 6.0);
    heed_cost_add_traffic(node, cost);
}

/* d loss / d logit_j of a row, from its logits. */
static heed_figure explain_dlogit(heed_explanation *e, const heed_head_given *given, const char *label,
                                  heed_figures logits, int64_t target, int64_t j, heed_figure scale)
{
    heed_figure none;

    if (heed_explain_no_target(e, label, target, given->V, &none))
        return none;
    const heed_row_figures row = heed_explain_row(e, logits, given->V);

    return heed_explain_dlogit(e, label, &row, heed_explain_at(e, logits, j), j == target, scale, given->bf16);
}

/* dW_jk: every row that counts, against the whole vocabulary. */
static void explain_dw(heed_explanation *e, const heed_head_given *given, int64_t j, int64_t k,
                       heed_figure scale)
{
    heed_figure *dlogit = heed_explain_room(e, given->rows);

    heed_explain_enter(e);
    for (int64_t r = 0; r < given->rows; r++) {
        const heed_figures logits = heed_head_explain_logits(e, given, r,
                                                             heed_figures_part(given->x, r * given->d, 1));

        dlogit[r] = explain_dlogit(e, given, heed_explain_label(e, "dlogit[%lld]", (long long)r), logits,
                                   (int64_t)given->target[r], j, scale);
    }
    heed_explain_leave(e);
    heed_explain_sum(e, "dW", given->rows, "dlogit[r] * x[r]", heed_figures_of(dlogit),
                     heed_figures_part(given->x, k, given->d));
}

/* dx_k of a row: its gradient at every token. */
static void explain_dx(heed_explanation *e, const heed_head_given *given, int64_t r, int64_t k,
                       heed_figure scale)
{
    const heed_figures logits = heed_head_explain_logits(e, given, r, given->x);
    const int64_t target = (int64_t)given->target[r];
    heed_figure *dlogit = heed_explain_room(e, given->V), none;

    if (heed_explain_no_target(e, "dlogit", target, given->V, &none)) {
        for (int64_t j = 0; j < given->V; j++)
            dlogit[j] = none;
    } else {
        const heed_row_figures row = heed_explain_row(e, logits, given->V);

        heed_explain_enter(e);
        for (int64_t j = 0; j < given->V; j++)
            dlogit[j] = heed_explain_dlogit(e, heed_explain_label(e, "dlogit[%lld]", (long long)j), &row,
                                            heed_explain_at(e, logits, j), j == target, scale, given->bf16);
        heed_explain_leave(e);
    }
    heed_explain_sum(e, "dx", given->V, given->bf16 ? "dlogit[j] * bf16(W[j])" : "dlogit[j] * W[j]",
                     heed_figures_of(dlogit), heed_figures_part(given->w, k, given->d));
}

static heed_figure explain_scale(heed_explanation *e, const heed_op_args *a, int64_t n)
{
    const heed_figure dloss = heed_explain_figure(e, a, DLOSS, "dloss", 0);

    if (n == 0)
        return heed_explain_found(e, "scale", 0.0, "no row counts");
    return heed_explain_step(e, "scale", "dloss / N", dloss, heed_constant((double)n));
}

static void backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->in[X]), row = element / d, k = element % d;

    if (output == LOSS) {
        heed_op_linear_cross_entropy.explain(a, output, element, e);
        return;
    }
    const heed_head_given given = output == DX ? heed_head_read(e, a, row, 1)
                                               : heed_head_read(e, a, 0, heed_rows(a->in[X]));
    const heed_figure scale = explain_scale(e, a, given.n);

    heed_explain_formula(e, "%s, dlogit_rj = (softmax_j(x_r . W_j) - [j = target_r]) dloss / %lld%s",
                         output == DX ? "dx_rk = sum_j dlogit_rj W_jk" : "dW_jk = sum_r dlogit_rj x_rk",
                         (long long)given.n, given.bf16 ? ", dlogit and W rounded to bf16" : "");
    if (output == DX)
        explain_dx(e, &given, row, k, scale);
    else
        explain_dw(e, &given, row, k, scale);
}

const heed_op heed_op_linear_cross_entropy_backward = {
    .name = "linear_cross_entropy_backward",
    .n_inputs = 4,
    .n_outputs = 3,
    .shape = backward_shape,
    .forward = backward_forward,
    .fast = backward_fast,
    .cost = backward_cost,
    .explain = backward_explain,
    .workspace = backward_workspace,
};
