/* SPDX-License-Identifier: MIT */
/*
 * Between float and bfloat16, which is the upper half of a float.       x [...]  ->  y [...]
 *
 *   to_bf16         y_i = x_i rounded to 8 bits of significand, to nearest, ties to even
 *   to_f32          y_i = x_i, exact
 *
 * The gradient of each is the other one: rounding itself counts as y = x (its own slope is 0 nearly everywhere, which would
 * teach nothing). What comes to a bf16 node from an f32 one is rounded where it enters. An op that reads a bf16 node may
 * also send it floats, which are not rounded then: the gradients of products.
 * Source: Kalamkar et al. 2019 (arXiv:1905.12322), where sums and weights stay in float, as here.
 */
#include "base/parallel.h"
#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static bool to_bf16_shape(heed_graph *g, heed_node *y)
{
    if (!heed_expect_dtype(g, y, 0, "x", HEED_F32))
        return false;
    heed_node_set_shape(y, 0, HEED_BF16, y->in[0]->tensor.shape);
    return true;
}

static bool to_f32_shape(heed_graph *g, heed_node *y)
{
    if (!heed_expect_dtype(g, y, 0, "x", HEED_BF16))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, y->in[0]->tensor.shape);
    return true;
}

static void cast_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++)
        heed_tensor_set(a->out, i, heed_tensor_get(a->in[0], i));
}

/* n elements of y from those of x, by the type that y has. */
static void cast_span(const heed_op_args *a, void *y, const void *x, int64_t n)
{
    if (a->out->dtype == HEED_BF16)
        a->device->kernels->to_bf16(y, x, n);
    else
        a->device->kernels->from_bf16(y, x, n);
}

static void cast_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;

    (void)thread;
    for (int64_t r = begin; r < end; r++)
        cast_span(a, heed_row_bytes(a->out, r), heed_row_bytes(a->in[0], r), heed_cols(a->out));
}

static void cast_elements(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;
    const heed_tensor *y = a->out, *x = a->in[0];

    (void)thread;
    cast_span(a, (char *)y->data + (size_t)begin * heed_dtype_bytes(y->dtype),
              (const char *)x->data + (size_t)begin * heed_dtype_bytes(x->dtype), end - begin);
}

static void cast_fast(const heed_op_args *a)
{
    const int n_threads = a->device->n_threads;

    if (heed_tensor_is_dense(a->in[0]) && heed_tensor_is_dense(a->out))
        heed_parallel(n_threads, heed_tensor_count(a->out), HEED_PIECE, cast_elements, (void *)a);
    else
        heed_parallel(n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->out), cast_rows, (void *)a);
}

static void to_bf16_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = dy[0]->tensor.dtype == HEED_BF16 ? heed_to_f32(g, dy[0]) : dy[0];
}

static void to_f32_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    if (heed_node_wants_grad(y->in[0]))
        dx[0] = heed_to_bf16(g, dy[0]);
}

static void cast_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_add_traffic(y, cost);
}

static void to_bf16_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = x rounded to 8 bits of significand");
    heed_explain_step(e, "y", "x", x);
}

static void to_f32_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y = x");
    heed_explain_step(e, "y", "x", x);
}

const heed_op heed_op_to_bf16 = {
    .name = "to_bf16",
    .n_inputs = 1,
    .shape = to_bf16_shape,
    .forward = cast_forward,
    .fast = cast_fast,
    .grad = to_bf16_grad,
    .cost = cast_cost,
    .explain = to_bf16_explain,
};

const heed_op heed_op_to_f32 = {
    .name = "to_f32",
    .n_inputs = 1,
    .shape = to_f32_shape,
    .forward = cast_forward,
    .fast = cast_fast,
    .grad = to_f32_grad,
    .cost = cast_cost,
    .explain = to_f32_explain,
};

heed_node *heed_to_bf16(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_to_bf16, x);
}

heed_node *heed_to_f32(heed_graph *g, heed_node *x)
{
    return heed_node_append(g, &heed_op_to_f32, x);
}
