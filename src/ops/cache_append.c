/* SPDX-License-Identifier: MIT */
/*
 * New keys or values written into a cache.      cache [B, H, C, D], x [B, H, T, D], past (scalar or [B])  ->  the cache
 *
 *   cache_append   cache[b, h, past_b + t, :] = x[b, h, t, :]        the other rows stay
 *
 * The output is the cache itself: it shares the storage, and whoever reads the output sees the new rows. Positions
 * that the cache does not have are left out. No gradient: generation alone uses it.
 */
#include <string.h>

#include "ops/common.h"
#include "ops/list.h"
#include "ops/ops.h"

static bool cache_append_shape(heed_graph *g, heed_node *y)
{
    const heed_node *cache = y->in[0];
    const heed_tensor *to = &cache->tensor, *x = &y->in[1]->tensor;
    char cache_text[96], x_text[96];

    if (!heed_expect_dtype(g, y, 0, "cache", HEED_F32) || !heed_expect_dtype(g, y, 1, "x", HEED_F32) ||
        !heed_expect_past(g, y, 2, x->shape.rank == 4 ? x->shape.size[0] : -1))
        return false;
    if (to->shape.rank != 4 || x->shape.rank != 4 || to->shape.size[0] != x->shape.size[0] ||
        to->shape.size[1] != x->shape.size[1] || to->shape.size[2] < x->shape.size[2] ||
        to->shape.size[3] != x->shape.size[3])
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "x %s does not fit into the cache %s %s",
                               heed_shape_format(x_text, sizeof x_text, &x->shape), cache->name,
                               heed_shape_format(cache_text, sizeof cache_text, &to->shape));
    heed_node_set_shape(y, 0, HEED_F32, to->shape);
    memcpy(y->tensor.stride, to->stride, sizeof to->stride);
    heed_node_share_storage(y, 0, cache->owner, cache->offset);
    return true;
}

static void cache_append_forward(const heed_op_args *a)
{
    const heed_tensor *x = a->in[1];
    const int64_t H = x->shape.size[1], T = x->shape.size[2], C = a->out->shape.size[2];
    const size_t row_bytes = (size_t)heed_cols(x) * sizeof(float);

    for (int64_t r = 0; r < heed_rows(x); r++) {
        const int64_t bh = r / T, position = heed_past_of(a->in[2], bh / H) + r % T;

        if (position >= 0 && position < C)
            memcpy(heed_row(a->out, bh * C + position), heed_row(x, r), row_bytes);
    }
}

static void cache_append_cost(const heed_node *node, heed_cost *cost)
{
    const double bytes = 4.0 * (double)heed_tensor_count(&node->in[1]->tensor);

    cost->bytes_read += bytes;
    cost->bytes_written += bytes;
}

static void cache_append_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t T = a->in[1]->shape.size[2], C = a->out->shape.size[2], D = heed_cols(a->out);
    const int64_t row = element / D, b = a->in[2]->shape.rank == 0 ? 0 : row / C / a->out->shape.size[1];
    const int64_t past = (int64_t)heed_explain_read1(e, a, 2, "past", b);
    const int64_t t = row % C - past;

    (void)output;
    if (t >= 0 && t < T) {
        heed_explain_formula(e, "x[b, h, %lld, d], new at position %lld", (long long)t, (long long)(row % C));
        heed_explain_note(e, "position %lld is new: token %lld of x", (long long)(row % C), (long long)t);
        heed_explain_step(e, "y", "x", heed_explain_figure(e, a, 1, "x", (row / C * T + t) * D + element % D));
    } else {
        heed_explain_formula(e, "as it was in the cache");
        heed_explain_step(e, "y", "cache", heed_explain_figure(e, a, 0, "cache", element));
    }
}

const heed_op heed_op_cache_append = {
    .name = "cache_append",
    .n_inputs = 3,
    .is_stateful = true,
    .shape = cache_append_shape,
    .forward = cache_append_forward,
    .cost = cache_append_cost,
    .explain = cache_append_explain,
};

heed_node *heed_cache_append(heed_graph *g, heed_node *cache, heed_node *x, heed_node *past)
{
    return heed_node_append(g, &heed_op_cache_append, cache, x, past);
}
