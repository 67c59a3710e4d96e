/* SPDX-License-Identifier: MIT */
/*
 * The graph of a worked example: the text book's ops one by one, as models have them, so that each step and its gradient
 * is a node. What is differentiated is sum(grad * output), whose gradient at the output is grad.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/plan.h"
#include "inspect/paper.h"
#include "kernels/device.h"
#include "ops/ops.h"
#include "ops/views.h"

#define HIDDEN_1E9 (-1e9f) /* what hides a pair where -inf is not wanted */

typedef struct building {
    const heed_paper_inputs *in;
    const heed_paper_sizes *sizes;
    heed_graph *g;
    heed_node *nodes[HEED_PAPER_N_PLACES];
    heed_node *loss;
    float one;
} building;

/* --- the mask, as numbers --- */

/* What the table says of a pair, and what it adds to its score. */
static bool table_sees(const heed_paper_inputs *in, int64_t i, int64_t j, float *plus)
{
    const heed_matrix *t = in->table;
    const float entry = t != NULL ? t->data[(t->rows > 1 ? i : 0) * t->columns + j] : 0.0f;

    if (t == NULL)
        return true;
    if (in->form != HEED_MASK_ADDED)
        return (entry != 0.0f) == (in->form == HEED_MASK_SEEN);
    *plus = entry;
    return entry > -INFINITY;
}

static heed_status draw_mask(const heed_paper_inputs *in, const heed_paper_sizes *s, heed_arena *arena,
                             heed_paper_numbers *numbers, heed_error *err)
{
    const size_t n = (size_t)(s->n_query * s->n_key);

    numbers->mask = heed_arena_alloc(arena, n * sizeof *numbers->mask);
    numbers->seen = heed_arena_alloc(arena, n);
    if (numbers->mask == NULL || numbers->seen == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a mask of %lld x %lld",
                         (long long)s->n_query, (long long)s->n_key);
    for (int64_t i = 0; i < s->n_query; i++) {
        for (int64_t j = 0; j < s->n_key; j++) {
            float plus = 0.0f;
            const bool sees = table_sees(in, i, j, &plus) && heed_mask_sees(&in->mask, i, j);

            numbers->mask[i * s->n_key + j] = sees ? plus : in->fill_1e9 ? HIDDEN_1E9 : -INFINITY;
            numbers->seen[i * s->n_key + j] = sees;
        }
    }
    return HEED_OK;
}

/* --- building --- */

/* What gets a gradient. Sources are only read by a run; the tensor's pointer is one for both uses. */
static heed_node *variable(building *b, heed_paper_place place, const char *name, heed_shape shape,
                           const heed_matrix *matrix)
{
    heed_node *node = matrix != NULL ? heed_graph_parameter(b->g, name, shape) : NULL;

    if (node != NULL)
        node->tensor.data = matrix->data;
    return b->nodes[place] = node;
}

static heed_shape rows_of(const heed_matrix *m)
{
    return m != NULL ? heed_shape3(1, m->rows, m->columns) : heed_shape0();
}

static heed_shape map_of(const heed_matrix *m)
{
    return m != NULL ? heed_shape2(m->rows, m->columns) : heed_shape0();
}

static heed_shape vector_of(const heed_matrix *m)
{
    return m != NULL ? heed_shape1(m->rows * m->columns) : heed_shape0();
}

static heed_weight_layout layout_of(const heed_paper_inputs *in)
{
    return in->columns ? HEED_WEIGHT_OUT_IN : HEED_WEIGHT_IN_OUT;
}

/* One of q, k and v: given, x itself, or x through its map. [1, T, n] */
static void source(building *b, const char *name, heed_paper_place place, const heed_matrix *given,
                   heed_node *x, heed_node *w, heed_node *bias)
{
    if (given != NULL)
        variable(b, place, name, rows_of(given), given);
    else /* the copy has a gradient of its own, where x has the sum of three */
        b->nodes[place] = w == NULL ? heed_copy(b->g, x, HEED_COPY_DENSE)
                                    : heed_linear(b->g, x, w, bias, layout_of(b->in));
}

static void build_sources(building *b)
{
    const heed_paper_inputs *in = b->in;
    heed_node **nodes = b->nodes;
    heed_node *x = variable(b, HEED_PAPER_X, "x", rows_of(in->x), in->x);
    heed_node *x_kv = variable(b, HEED_PAPER_X_KV, "x_kv", rows_of(in->x_kv), in->x_kv);

    variable(b, HEED_PAPER_W_Q, "w_q", map_of(in->w_q), in->w_q);
    variable(b, HEED_PAPER_W_K, "w_k", map_of(in->w_k), in->w_k);
    variable(b, HEED_PAPER_W_V, "w_v", map_of(in->w_v), in->w_v);
    variable(b, HEED_PAPER_W_O, "w_o", map_of(in->w_o), in->w_o);
    variable(b, HEED_PAPER_B_Q, "b_q", vector_of(in->b_q), in->b_q);
    variable(b, HEED_PAPER_B_K, "b_k", vector_of(in->b_k), in->b_k);
    variable(b, HEED_PAPER_B_V, "b_v", vector_of(in->b_v), in->b_v);
    variable(b, HEED_PAPER_B_O, "b_o", vector_of(in->b_o), in->b_o);
    if (x_kv == NULL)
        x_kv = x;
    source(b, "q", HEED_PAPER_Q, in->q, x, nodes[HEED_PAPER_W_Q], nodes[HEED_PAPER_B_Q]);
    source(b, "k", HEED_PAPER_K, in->k, x_kv, nodes[HEED_PAPER_W_K], nodes[HEED_PAPER_B_K]);
    source(b, "v", HEED_PAPER_V, in->v, x_kv, nodes[HEED_PAPER_W_V], nodes[HEED_PAPER_B_V]);
}

static void build_attention(building *b, const heed_paper_numbers *numbers)
{
    const heed_paper_sizes *s = b->sizes;
    heed_graph *g = b->g;
    heed_node **nodes = b->nodes, *scores;

    nodes[HEED_PAPER_Q_HEADS] = heed_split_heads(g, nodes[HEED_PAPER_Q], s->n_heads);
    nodes[HEED_PAPER_K_HEADS] = heed_split_heads(g, nodes[HEED_PAPER_K], s->n_heads);
    nodes[HEED_PAPER_V_HEADS] = heed_split_heads(g, nodes[HEED_PAPER_V], s->n_heads);
    scores = heed_matmul(g, nodes[HEED_PAPER_Q_HEADS], nodes[HEED_PAPER_K_HEADS], false, true);
    nodes[HEED_PAPER_SCORES] = scores;
    if (s->scale != 1.0)
        nodes[HEED_PAPER_SCALED] = scores = heed_scale(g, scores, (float)s->scale);
    if (s->masked) {
        heed_node *mask = heed_graph_bound_input(g, "mask", HEED_F32, heed_shape2(s->n_query, s->n_key),
                                                 numbers->mask);
        nodes[HEED_PAPER_MASKED] = scores = heed_add(g, scores, mask);
    }
    nodes[HEED_PAPER_WEIGHTS] = heed_softmax(g, scores);
    nodes[HEED_PAPER_OUT_HEADS] = heed_matmul(g, nodes[HEED_PAPER_WEIGHTS], nodes[HEED_PAPER_V_HEADS], false,
                                              false);
    nodes[HEED_PAPER_OUT] = heed_merge_heads(g, nodes[HEED_PAPER_OUT_HEADS]);
    if (nodes[HEED_PAPER_W_O] != NULL)
        nodes[HEED_PAPER_Y] = heed_linear(g, nodes[HEED_PAPER_OUT], nodes[HEED_PAPER_W_O],
                                          nodes[HEED_PAPER_B_O], layout_of(b->in));
}

static void differentiate(building *b)
{
    const int64_t n = b->sizes->n_query * b->sizes->out;
    heed_node *out = b->nodes[b->nodes[HEED_PAPER_Y] != NULL ? HEED_PAPER_Y : HEED_PAPER_OUT];
    heed_node *grad = heed_graph_bound_input(b->g, "grad", HEED_F32, heed_shape2(n, 1), b->in->grad->data);

    b->loss = heed_sum(b->g, heed_matmul(b->g, heed_reshape(b->g, out, heed_shape2(1, n)), grad, false, false));
    heed_graph_differentiate(
        b->g, b->loss, heed_graph_bound_input(b->g, "one", HEED_F32, heed_shape0(), &b->one), heed_accumulate);
}

/* --- running --- */

static float *copy_value(const heed_plan *plan, const heed_node *node, heed_arena *arena)
{
    const heed_tensor *value = heed_plan_value(plan, node);
    float *out = heed_arena_alloc(arena, (size_t)heed_tensor_count(value) * sizeof *out);

    if (out != NULL) {
        const heed_tensor dense = heed_tensor_make(HEED_F32, value->shape, out);
        heed_tensor_copy(&dense, value);
    }
    return out;
}

static heed_status copy_values(const building *b, const heed_plan *plan, heed_arena *arena,
                               heed_paper_numbers *numbers, heed_error *err)
{
    for (int p = 0; p < HEED_PAPER_N_PLACES; p++) {
        const heed_node *node = b->nodes[p];
        const bool has_grad = node != NULL && b->loss != NULL && node->grad != NULL;

        if (node == NULL)
            continue;
        numbers->value[p] = copy_value(plan, node, arena);
        if (has_grad)
            numbers->grad[p] = copy_value(plan, node->grad, arena);
        if (numbers->value[p] == NULL || (has_grad && numbers->grad[p] == NULL))
            return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the steps");
    }
    return HEED_OK;
}

static heed_status run(const building *b, heed_arena *arena, heed_paper_numbers *numbers, heed_error *err)
{
    heed_node *targets[2 * HEED_PAPER_N_PLACES];
    heed_device device = {0};
    heed_plan *plan = NULL;
    heed_plan_options options = {.device = &device, .reference = true, .targets = targets, .keep_all = true};
    heed_status status = heed_graph_status(b->g, err);

    for (int p = 0; p < HEED_PAPER_N_PLACES; p++) {
        heed_node *node = b->nodes[p];
        if (node != NULL)
            targets[options.n_targets++] = node;
        if (node != NULL && b->loss != NULL && node->grad != NULL)
            targets[options.n_targets++] = node->grad;
    }
    if (status == HEED_OK)
        status = heed_device_open(&device, "plain", 1, err);
    if (status == HEED_OK)
        status = heed_plan_create(b->g, &options, &plan, err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, err);
    if (status == HEED_OK) {
        heed_plan_run(plan);
        status = copy_values(b, plan, arena, numbers, err);
    }
    heed_plan_destroy(plan);
    heed_device_close(&device);
    return status;
}

heed_status heed_paper_run(const heed_paper_inputs *in, const heed_paper_sizes *sizes, heed_arena *arena,
                           heed_paper_numbers *numbers, heed_error *err)
{
    building b = {.in = in, .sizes = sizes, .g = heed_graph_create(), .one = 1.0f};
    heed_status status;

    *numbers = (heed_paper_numbers){0};
    if (b.g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    status = draw_mask(in, sizes, arena, numbers, err);
    if (status == HEED_OK) {
        build_sources(&b);
        build_attention(&b, numbers);
        if (in->grad != NULL)
            differentiate(&b);
        status = run(&b, arena, numbers, err);
    }
    heed_graph_destroy(b.g);
    return status;
}
