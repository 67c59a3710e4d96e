/* SPDX-License-Identifier: MIT */
/*
 * Dropout, element by element.       x [B, ...], window i32 []  ->  y [B, ...]
 *
 *   y_i = 0 where word_i < rate 2^32, else x_i / (1 - rate)        dx_i = the same of dy_i
 *
 * Row b of x belongs to window w = window + b, as the windows of a training run are counted. Element k of its n has word
 * k mod 4 of block  w ceil(n / 4) + k / 4  of a stream of its own (base/rng.h). The mask is a function of seed, index, w
 * and k, never stored: the gradient is dropout of dy with the same attributes, any thread may compute any part, and a
 * window is dropped the same way in whatever company it runs.
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
    return heed_shape_like_first(g, y) && heed_expect_scalar(g, y, 1, "window", HEED_I32);
}

/* Elements of one window. */
static int64_t window_elements(const heed_tensor *x)
{
    const int64_t count = heed_tensor_count(x);

    return x->shape.rank > 0 && x->shape.size[0] > 0 ? count / x->shape.size[0] : count;
}

/* The first of the blocks of random words of window b of the run. The count of windows starts again after 2^32. */
static uint64_t first_block(int32_t window, int64_t b, int64_t n)
{
    return (uint64_t)((uint32_t)window + (uint32_t)b) * (uint64_t)((n + 3) / 4);
}

static uint32_t limit_of(float rate)
{
    return (uint32_t)((double)rate * 4294967296.0); /* rate < 1 */
}

static float dropout_of(float x, uint32_t word, float rate)
{
    return word < limit_of(rate) ? 0.0f : x / (1.0f - rate);
}

/* Elements k .. k+n-1 of one window, whose blocks begin at `block`. */
typedef void part_fn(const heed_op_args *a, uint64_t block, int64_t k, int64_t n, const float *x, float *y);

static void plain_part(const heed_op_args *a, uint64_t block, int64_t k, int64_t n, const float *x, float *y)
{
    const dropout_attrs *attrs = a->attrs;
    uint32_t word[4];

    for (int64_t j = 0; j < n; j++) {
        const uint64_t i = (uint64_t)(k + j);

        if (j == 0 || i % 4 == 0)
            heed_philox(attrs->seed, attrs->stream, block + i / 4, word);
        y[j] = dropout_of(x[j], word[i % 4], attrs->rate);
    }
}

static void fast_part(const heed_op_args *a, uint64_t block, int64_t k, int64_t n, const float *x, float *y)
{
    const dropout_attrs *attrs = a->attrs;
    const heed_dropout_words words = {
        .seed = attrs->seed,
        .stream = attrs->stream,
        .first = 4 * block + (uint64_t)k,
        .limit = limit_of(attrs->rate),
        .keep = 1.0f - attrs->rate,
    };

    a->device->kernels->dropout(y, x, n, &words);
}

/* Elements first .. first+n-1 of the tensor, window by window. */
static void drop(const heed_op_args *a, const heed_span *s, part_fn *part)
{
    const int32_t window = heed_scalar_i32(a->in[1]);
    const int64_t n = window_elements(a->out);

    for (int64_t j = 0; j < s->n;) {
        const int64_t b = (s->first + j) / n, k = (s->first + j) % n;
        const int64_t here = n - k < s->n - j ? n - k : s->n - j;

        part(a, first_block(window, b, n), k, here, s->in[0] + j, s->out[0] + j);
        j += here;
    }
}

static void dropout_forward(const heed_op_args *a)
{
    const int64_t rows = heed_rows(a->out), n = heed_cols(a->out);

    for (int64_t r = 0; r < rows; r++) {
        const heed_span row = {
            .first = r * n, .n = n, .out = {heed_row(a->out, r)}, .in = {heed_row(a->in[0], r)}};
        drop(a, &row, plain_part);
    }
}

static void dropout_span(const void *context, const heed_span *s)
{
    drop(context, s, fast_part);
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
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);
    const int32_t window = heed_scalar_i32(a->in[1]);
    const int64_t n = window_elements(a->out), b = element / n, k = element % n;
    uint32_t word[4];

    (void)output;
    heed_explain_read1(e, a, 1, "window", 0); /* listed as a float; counted as the integer that it is */
    heed_philox(attrs->seed, attrs->stream, first_block(window, b, n) + (uint64_t)k / 4, word);
    heed_explain_formula(e, "y = 0 where the random word %lu < %g * 2^32, else x / (1 - %g)",
                         (unsigned long)word[k % 4], (double)attrs->rate, (double)attrs->rate);
    heed_explain_note(e, "the random word of element %lld of window %lld is %lu", (long long)k,
                      (long long)window + (long long)b, (unsigned long)word[k % 4]);
    if (word[k % 4] < limit_of(attrs->rate))
        heed_explain_found(e, "y", 0.0, "dropped: the word is below %lu", (unsigned long)limit_of(attrs->rate));
    else
        heed_explain_step(e, "y", "x / (1 - rate)", x, heed_constant((double)attrs->rate));
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

heed_node *heed_dropout(heed_graph *g, heed_node *x, heed_node *window, float rate, uint64_t seed, int index)
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
    return heed_node_append_with(g, &heed_op_dropout, &attrs, sizeof attrs, x, window);
}
