/* SPDX-License-Identifier: MIT */
/*
 * Views: the same numbers under another shape. Nothing runs and nothing is copied; only strides change.
 *
 *   reshape       x [...]          ->  y [...]            element i of y is element i of x, both in row-major order
 *   narrow        x [..., n]       ->  y [..., length]    y[..., j] = x[..., start + j]
 *   split_heads   x [B, T, H*D]    ->  y [B, H, T, D]     y[b, h, t, d] = x[b, t, h*D + d]
 *   merge_heads   x [B, H, T, D]   ->  y [B, T, H*D]      the inverse
 *   alias         parts            ->  y                  a dense tensor that the parts, side by side in one
 *                                                         storage, already are (see accumulate.c)
 *
 * Their gradients are views again: reshape and reshape, split and merge undo each other. Only narrow needs an op
 * that computes: widen, which puts dy among zeros. Where the strides of x do not allow the view, x is copied first.
 */
#include <string.h>

#include "graph/explain.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/views.h"

/* Output 0 of node is x seen from `offset` on; its shape and strides are already set. */
static bool share_input(heed_node *node, int64_t offset)
{
    const heed_node *x = node->in[0];

    heed_node_share_storage(node, 0, x->owner, x->offset + offset);
    return true;
}

/* --- reshape ------------------------------------------------------------------------------------- */

/*
 * Strides under which x's elements, in order, have shape `to`; false when there are none. Axes of x that follow each
 * other without a gap form a run; the new axes must fill one run after the other, from the last to the first.
 */
static bool reshaped_strides(const heed_tensor *x, const heed_shape *to, int64_t *stride)
{
    int64_t size[HEED_MAX_RANK], step[HEED_MAX_RANK];
    int n = 0, to_axis = to->rank - 1;

    for (int axis = 0; axis < x->shape.rank; axis++) {
        if (x->shape.size[axis] == 1)
            continue;
        size[n] = x->shape.size[axis];
        step[n++] = x->stride[axis];
    }
    for (int axis = n - 1; axis >= 0;) {
        const int64_t unit = step[axis];
        int64_t run = size[axis--], filled = 1;

        for (; axis >= 0 && step[axis] == run * unit; axis--)
            run *= size[axis];
        for (; to_axis >= 0 && filled < run; to_axis--) {
            stride[to_axis] = filled * unit;
            filled *= to->size[to_axis];
        }
        if (filled != run)
            return false;
    }
    for (; to_axis >= 0; to_axis--) /* axes of size one that are left: any stride will do */
        stride[to_axis] = to_axis + 1 < to->rank ? to->size[to_axis + 1] * stride[to_axis + 1] : 1;
    return to->rank == 0 || to->size[to->rank - 1] == 1 || stride[to->rank - 1] == 1;
}

static bool reshape_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor;
    const heed_shape *to = y->attrs;
    int64_t stride[HEED_MAX_RANK] = {0};

    if (!reshaped_strides(x, to, stride))
        return heed_graph_fail(g, y, HEED_ERR_INTERNAL, "%s has gaps and cannot be reshaped in place",
                               y->in[0]->name);
    heed_node_set_shape(y, 0, x->dtype, *to);
    memcpy(y->tensor.stride, stride, sizeof stride);
    return share_input(y, 0);
}

static void reshape_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    dx[0] = heed_reshape(g, dy[0], y->in[0]->tensor.shape);
}

static void reshape_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_figure x = heed_explain_figure(e, a, 0, "x", element);

    (void)output;
    heed_explain_formula(e, "y[i] = x[i], i counted over all elements in order");
    heed_explain_step(e, "y", "x", x);
}

const heed_op heed_op_reshape = {
    .name = "reshape",
    .n_inputs = 1,
    .is_view = true,
    .shape = reshape_shape,
    .grad = reshape_grad,
    .explain = reshape_explain,
};

heed_node *heed_reshape(heed_graph *g, heed_node *x, heed_shape shape)
{
    int64_t stride[HEED_MAX_RANK] = {0};
    char from[96], to[96];

    if (x == NULL)
        return NULL;
    if (heed_shape_equal(&x->tensor.shape, &shape))
        return x;
    if (heed_shape_count(&shape) != heed_tensor_count(&x->tensor)) {
        heed_graph_fail(g, x, HEED_ERR_SHAPE, "cannot be reshaped from %s to %s: %lld elements against %lld",
                        heed_shape_format(from, sizeof from, &x->tensor.shape),
                        heed_shape_format(to, sizeof to, &shape), (long long)heed_tensor_count(&x->tensor),
                        (long long)heed_shape_count(&shape));
        return NULL;
    }
    if (!reshaped_strides(&x->tensor, &shape, stride))
        x = heed_copy(g, x, HEED_COPY_DENSE);
    return heed_node_append_with(g, &heed_op_reshape, &shape, sizeof shape, x);
}

/* --- narrow -------------------------------------------------------------------------------------- */

static bool narrow_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor;
    const heed_columns *columns = y->attrs;
    const int64_t n = heed_cols(x);
    heed_shape shape = x->shape;

    if (shape.rank == 0 || columns->start < 0 || columns->length < 1 || columns->length > n - columns->start)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "columns %lld .. %lld are not among the %lld of %s",
                               (long long)columns->start, (long long)(columns->start + columns->length - 1),
                               (long long)n, y->in[0]->name);
    shape.size[shape.rank - 1] = columns->length;
    heed_node_set_shape(y, 0, x->dtype, shape);
    memcpy(y->tensor.stride, x->stride, sizeof x->stride);
    return share_input(y, columns->start);
}

static void narrow_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    const heed_columns *columns = y->attrs;

    dx[0] = heed_widen(g, dy[0], columns->start, heed_cols(&y->in[0]->tensor));
}

static void narrow_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_columns *columns = a->attrs;
    const int64_t row = element / columns->length, column = element % columns->length;

    (void)output;
    heed_explain_formula(e, "y[r, j] = x[r, %lld + j]", (long long)columns->start);
    heed_explain_step(e, "y", "x",
                      heed_explain_figure(e, a, 0, "x", row * heed_cols(a->in[0]) + columns->start + column));
}

const heed_op heed_op_narrow = {
    .name = "narrow",
    .n_inputs = 1,
    .is_view = true,
    .shape = narrow_shape,
    .grad = narrow_grad,
    .explain = narrow_explain,
};

heed_node *heed_narrow(heed_graph *g, heed_node *x, int64_t start, int64_t length)
{
    const heed_columns columns = {.start = start, .length = length};

    if (x != NULL && start == 0 && x->tensor.shape.rank > 0 && length == heed_cols(&x->tensor))
        return x;
    return heed_node_append_with(g, &heed_op_narrow, &columns, sizeof columns, x);
}

/* --- heads --------------------------------------------------------------------------------------- */

static bool split_heads_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor;
    const int64_t n_heads = *(const int64_t *)y->attrs;
    char shape[96];

    if (x->shape.rank != 3 || n_heads < 1 || heed_cols(x) % n_heads != 0)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "%lld heads do not divide the last axis of %s %s",
                               (long long)n_heads, y->in[0]->name,
                               heed_shape_format(shape, sizeof shape, &x->shape));
    const int64_t head_dim = heed_cols(x) / n_heads;

    heed_node_set_shape(y, 0, x->dtype, heed_shape4(x->shape.size[0], n_heads, x->shape.size[1], head_dim));
    y->tensor.stride[0] = x->stride[0];
    y->tensor.stride[1] = head_dim;
    y->tensor.stride[2] = x->stride[1];
    y->tensor.stride[3] = 1;
    return share_input(y, 0);
}

static void split_heads_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    (void)y;
    dx[0] = heed_merge_heads(g, dy[0]);
}

static void split_heads_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t *size = a->node->tensor.shape.size; /* B, H, T, D */
    const int64_t d = element % size[3], t = element / size[3] % size[2];
    const int64_t h = element / (size[3] * size[2]) % size[1], b = element / (size[3] * size[2] * size[1]);

    (void)output;
    heed_explain_formula(e, "y[b, h, t, d] = x[b, t, h*%lld + d]", (long long)size[3]);
    heed_explain_step(e, "y", "x",
                      heed_explain_figure(e, a, 0, "x", ((b * size[2] + t) * size[1] + h) * size[3] + d));
}

const heed_op heed_op_split_heads = {
    .name = "split_heads",
    .n_inputs = 1,
    .is_view = true,
    .shape = split_heads_shape,
    .grad = split_heads_grad,
    .explain = split_heads_explain,
};

heed_node *heed_split_heads(heed_graph *g, heed_node *x, int64_t n_heads)
{
    return heed_node_append_with(g, &heed_op_split_heads, &n_heads, sizeof n_heads, x);
}

/* Heads of one position lie side by side. */
static bool heads_are_adjacent(const heed_tensor *x)
{
    return x->shape.size[1] == 1 || x->stride[1] == x->shape.size[3];
}

static bool merge_heads_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *x = &y->in[0]->tensor;
    const int64_t *size = x->shape.size;

    if (x->shape.rank != 4 || !heads_are_adjacent(x))
        return heed_graph_fail(g, y, HEED_ERR_INTERNAL, "the heads of %s do not lie side by side",
                               y->in[0]->name);
    heed_node_set_shape(y, 0, x->dtype, heed_shape3(size[0], size[2], size[1] * size[3]));
    y->tensor.stride[0] = x->stride[0];
    y->tensor.stride[1] = x->stride[2];
    y->tensor.stride[2] = 1;
    return share_input(y, 0);
}

static void merge_heads_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    dx[0] = heed_split_heads(g, dy[0], y->in[0]->tensor.shape.size[1]);
}

static void merge_heads_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t *size = a->in[0]->shape.size; /* B, H, T, D */
    const int64_t d = element % size[3], h = element / size[3] % size[1];
    const int64_t t = element / (size[3] * size[1]) % size[2], b = element / (size[3] * size[1] * size[2]);

    (void)output;
    heed_explain_formula(e, "y[b, t, h*%lld + d] = x[b, h, t, d]", (long long)size[3]);
    heed_explain_step(e, "y", "x",
                      heed_explain_figure(e, a, 0, "x", ((b * size[1] + h) * size[2] + t) * size[3] + d));
}

const heed_op heed_op_merge_heads = {
    .name = "merge_heads",
    .n_inputs = 1,
    .is_view = true,
    .shape = merge_heads_shape,
    .grad = merge_heads_grad,
    .explain = merge_heads_explain,
};

heed_node *heed_merge_heads(heed_graph *g, heed_node *x)
{
    char shape[96];

    if (x == NULL)
        return NULL;
    if (x->tensor.shape.rank != 4) {
        heed_graph_fail(g, x, HEED_ERR_SHAPE, "expected [batch, heads, T, head_dim] to merge, got %s",
                        heed_shape_format(shape, sizeof shape, &x->tensor.shape));
        return NULL;
    }
    if (!heads_are_adjacent(&x->tensor))
        x = heed_copy(g, x, HEED_COPY_HEADS_INSIDE);
    return heed_node_append(g, &heed_op_merge_heads, x);
}

/* --- alias --------------------------------------------------------------------------------------- */

static bool alias_shape(heed_graph *g, heed_node *y)
{
    const heed_alias *alias = y->attrs;

    (void)g;
    heed_node_set_shape(y, 0, y->in[0]->tensor.dtype, alias->shape);
    heed_node_share_storage(y, 0, y->in[0]->owner, alias->offset);
    return true;
}

/* The part that holds this column, and where it starts; parts lie in any order. */
static void alias_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_alias *alias = a->attrs;
    const int64_t n = heed_cols(&a->node->tensor), column = element % n;

    (void)output;
    for (int i = 0; i < a->node->n_in; i++) {
        const int64_t length = heed_cols(&a->node->in[i]->tensor), j = column - alias->start[i];

        if (j < 0 || j >= length)
            continue;
        heed_explain_formula(e, "y[r, %lld + j] = part[r, j]", (long long)alias->start[i]);
        heed_explain_step(e, "y", "part", heed_explain_figure(e, a, i, "part", element / n * length + j));
    }
}

const heed_op heed_op_alias = {
    .name = "alias",
    .n_inputs = HEED_MAX_INPUTS,
    .required_inputs = 1,
    .is_view = true,
    .shape = alias_shape,
    .explain = alias_explain,
};

heed_node *heed_alias_of(heed_graph *g, heed_node *const *parts, int n, const heed_alias *alias)
{
    return heed_node_append_list(g, &heed_op_alias, alias, sizeof *alias, parts, n);
}
