/* SPDX-License-Identifier: MIT */
/*
 * Which experts a token goes to.      p [..., E]  ->  index i32 [..., k]
 *
 *   top_k    index[t, :] = the k experts with the largest p[t, :], the largest first; of equals the first;
 *            a NaN counts as -inf
 *
 * The choice is piecewise constant, so no gradient flows through it; expert_gates has the one that trains a router.
 * Source: Shazeer et al. 2017 (arXiv:1701.06538) 2.1.
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

static bool top_k_shape(heed_graph *g, heed_node *index)
{
    const int64_t k = *(const int64_t *)index->attrs;
    heed_shape shape = index->in[0]->tensor.shape;

    if (!heed_expect_dtype(g, index, 0, "p", HEED_F32))
        return false;
    if (shape.rank < 1 || k < 1 || k > shape.size[shape.rank - 1])
        return heed_graph_fail(g, index, HEED_ERR_SHAPE, "expected 1 to %lld experts for a token, got %lld",
                               (long long)(shape.rank < 1 ? 0 : shape.size[shape.rank - 1]), (long long)k);
    shape.size[shape.rank - 1] = k;
    heed_node_set_shape(index, 0, HEED_I32, shape);
    return true;
}

static bool is_among(const int32_t *index, int64_t n, int64_t e)
{
    for (int64_t j = 0; j < n; j++) {
        if (index[j] == e)
            return true;
    }
    return false;
}

static float size_of(float p)
{
    return isnan(p) ? -INFINITY : p;
}

/* The largest p that is not among the n found before. */
static int32_t next_largest(const float *p, int64_t n_experts, const int32_t *found, int64_t n)
{
    int64_t best = -1;

    for (int64_t e = 0; e < n_experts; e++) {
        if (!is_among(found, n, e) && (best < 0 || size_of(p[e]) > size_of(p[best])))
            best = e;
    }
    return (int32_t)best;
}

static void choose_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_op_args *a = context;

    (void)thread;
    for (int64_t t = begin; t < end; t++) {
        int32_t *index = heed_row_i32(a->out, t);

        for (int64_t j = 0; j < heed_cols(a->out); j++)
            index[j] = next_largest(heed_row(a->in[0], t), heed_cols(a->in[0]), index, j);
    }
}

static void top_k_forward(const heed_op_args *a)
{
    choose_rows((void *)a, 0, heed_rows(a->out), 0);
}

static void top_k_fast(const heed_op_args *a)
{
    heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / heed_cols(a->in[0]), choose_rows,
                  (void *)a);
}

/* Comparisons count as nothing. */
static void top_k_cost(const heed_node *index, heed_cost *cost)
{
    heed_cost_add_traffic(index, cost);
}

/* Does expert i come after `last`? Of two the larger comes first, of equals the one with the smaller number; all after -1. */
static bool comes_after(const float *p, int64_t i, int64_t last)
{
    if (last < 0)
        return true;
    return size_of(p[i]) < size_of(p[last]) || (size_of(p[i]) == size_of(p[last]) && i > last);
}

/* The expert that comes next after `last`. */
static int64_t next_after(const float *p, int64_t n, int64_t last)
{
    int64_t best = -1;

    for (int64_t i = 0; i < n; i++) {
        if (comes_after(p, i, last) && (best < 0 || size_of(p[i]) > size_of(p[best])))
            best = i;
    }
    return best;
}

static void top_k_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_cols(a->in[0]), k = heed_cols(a->out), place = element % k;
    const heed_figures p = heed_explain_operand(e, a, 0, "p", element / k * n, 1, n);
    const float *values = heed_explain_values(e, p);
    heed_figure *left = heed_explain_room(e, n);
    int64_t found = -1, n_left = 0;

    (void)output;
    for (int64_t j = 0; j < place; j++)
        found = next_after(values, n, found);
    for (int64_t i = 0; i < n; i++) {
        if (comes_after(values, i, found))
            left[n_left++] = heed_explain_at(e, p, i);
    }
    found = next_after(values, n, found);
    heed_explain_formula(e, "index[t, %lld] = the expert with the largest p[t, :] but for %lld",
                         (long long)place, (long long)place);
    heed_explain_largest(e, "largest", n_left, heed_figures_of(left));
    heed_explain_found(e, "index", (double)found, "the first expert that has it, but for the %lld before",
                       (long long)place);
}

const heed_op heed_op_top_k = {
    .name = "top_k",
    .n_inputs = 1,
    .shape = top_k_shape,
    .forward = top_k_forward,
    .fast = top_k_fast,
    .cost = top_k_cost,
    .explain = top_k_explain,
};

heed_node *heed_top_k(heed_graph *g, heed_node *p, int64_t k)
{
    return heed_node_append_with(g, &heed_op_top_k, &k, sizeof k, p);
}
