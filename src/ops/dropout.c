/* SPDX-License-Identifier: MIT */
/*
 * Dropout, element by element.       x [...], step i32 []  ->  y [...]
 *
 *   y_i = 0 where word_i < rate 2^32, else x_i / (1 - rate)        dx_i = the same of dy_i
 *
 * word_i is word i mod 4 of block  step ceil(count / 4) + i / 4  of a stream of its own (base/rng.h). The
 * mask is a function of seed, index, step and i, never stored: the gradient is dropout of dy with the
 * same attributes, and any thread may compute any part.
 */
#include "base/rng.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct dropout_attrs {
    float rate;
    uint64_t seed, stream;
} dropout_attrs;

static bool dropout_shape(heed_graph *g, heed_node *y)
{
    return heed_shape_like_first(g, y) && heed_expect_scalar(g, y, 1, "step", HEED_I32);
}

/* The first of the blocks of random words that belong to this step. */
static uint64_t first_block(int32_t step, int64_t count)
{
    return (uint64_t)(uint32_t)step * (uint64_t)((count + 3) / 4);
}

static float dropout_of(float x, uint32_t word, float rate)
{
    const uint64_t limit = (uint64_t)((double)rate * 4294967296.0);

    return word < limit ? 0.0f : x / (1.0f - rate);
}

/* Elements first .. first+n-1 of the tensor. */
static void dropout_span(const void *context, const heed_span *s)
{
    const heed_op_args *a = context;
    const dropout_attrs *attrs = a->attrs;
    const uint64_t block = first_block(heed_scalar_i32(a->in[1]), heed_tensor_count(a->out));
    uint32_t word[4];

    for (int64_t j = 0; j < s->n; j++) {
        const uint64_t i = (uint64_t)(s->first + j);

        if (j == 0 || i % 4 == 0)
            heed_philox(attrs->seed, attrs->stream, block + i / 4, word);
        s->out[0][j] = dropout_of(s->in[0][j], word[i % 4], attrs->rate);
    }
}

static void dropout_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const heed_span row = {
            .first = r * n, .n = n, .out = {heed_row(a->out, r)}, .in = {heed_row(a->in[0], r)}};
        dropout_span(a, &row);
    }
}

static void dropout_fast(const heed_op_args *a)
{
    heed_map_elements(a, HEED_INPUT(0), dropout_span, a);
}

static void dropout_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_node_append_with(g, &heed_op_dropout, y->attrs, sizeof(dropout_attrs), dy[0], y->in[1]);
}

static void dropout_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_elementwise(y, 1, cost);
}

static void dropout_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const dropout_attrs *attrs = a->attrs;
    const float x = heed_explain_read1(e, a, 0, "x", element);
    const int32_t step = heed_scalar_i32(a->in[1]);
    uint32_t word[4];

    (void)output;
    heed_explain_read1(e, a, 1, "step", 0); /* listed as a float; counted as the integer that it is */
    heed_philox(attrs->seed, attrs->stream,
                first_block(step, heed_tensor_count(a->out)) + (uint64_t)element / 4, word);
    heed_explain_formula(e, "y = 0 where the random word %lu < %g * 2^32, else x / (1 - %g)",
                         (unsigned long)word[element % 4], (double)attrs->rate, (double)attrs->rate);
    heed_explain_value(e, dropout_of(x, word[element % 4], attrs->rate));
}

const heed_op heed_op_dropout = {
    .name = "dropout",
    .n_inputs = 2,
    .shape = dropout_shape,
    .forward = dropout_forward,
    .fast = dropout_fast,
    .grad = dropout_grad,
    .cost = dropout_cost,
    .explain = dropout_explain,
    .reuse = {HEED_INPUT(0)},
};

heed_node *heed_dropout(heed_graph *g, heed_node *x, heed_node *step, float rate, uint64_t seed, int index)
{
    const dropout_attrs attrs = {
        .rate = rate, .seed = seed, .stream = HEED_STREAM_DROPOUT + 256 * ((uint64_t)index + 1)};

    if (rate == 0.0f)
        return x;
    if (!(rate > 0.0f && rate < 1.0f)) {
        heed_graph_fail(g, x, HEED_ERR_USAGE, "expected a dropout rate from 0 to below 1, got %g",
                        (double)rate);
        return NULL;
    }
    return heed_node_append_with(g, &heed_op_dropout, &attrs, sizeof attrs, x, step);
}
