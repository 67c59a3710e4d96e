/* SPDX-License-Identifier: MIT */
/*
 * The rows of all experts: which token goes where.      index i32 [..., k]  ->  row, source, offsets, load
 *
 * Assignment a = t k + j sends token t to expert index[t, j]. Each expert takes the first `limit` of its own, in order
 * of a; the others are dropped. What is taken is sorted by expert, and within one by a:
 *
 *   limit   = ceil(capacity A / E) for A assignments in all; A where capacity is 0
 *   row     i32 [..., k]   where assignment a stands among the rows of all experts; -1: dropped
 *   source  i32 [R]        the assignment that stands in a row; -1: none        R = min(A, E limit)
 *   offsets i32 [E + 1]    rows offsets[e] .. offsets[e+1]-1 are those of expert e
 *   load    [E]            share of the assignments that are for e, before any is dropped; they sum to 1
 *
 * R follows from the shapes alone, so the memory of a run is known before it, whatever the router says.
 * Source: capacity as in Fedus et al. 2021 (arXiv:2101.03961) 2.2.
 */
#include <inttypes.h>
#include <math.h>

#include "ops/common.h"
#include "ops/experts.h"
#include "ops/list.h"

typedef struct rows_attrs {
    int64_t n_experts;
    double capacity;
} rows_attrs;

static int64_t limit_of(const heed_node *node)
{
    const rows_attrs *attrs = node->attrs;
    const int64_t n = heed_tensor_count(&node->in[0]->tensor);
    const double limit = ceil(attrs->capacity * (double)n / (double)attrs->n_experts);

    return attrs->capacity > 0.0 && limit < (double)n ? (int64_t)limit : n;
}

static bool rows_shape(heed_graph *g, heed_node *row)
{
    const rows_attrs *attrs = row->attrs;
    const heed_tensor *index = &row->in[0]->tensor;
    const int64_t n = heed_tensor_count(index), limit = limit_of(row);

    if (!heed_expect_dtype(g, row, 0, "index", HEED_I32))
        return false;
    if (attrs->n_experts < 1 || !(attrs->capacity >= 0.0))
        return heed_graph_fail(g, row, HEED_ERR_SHAPE,
                               "expected at least one expert and a capacity of 0 or more, got %" PRId64
                               " and %g",
                               attrs->n_experts, attrs->capacity);
    if (index->shape.rank < 1 || n > INT32_MAX)
        return heed_graph_fail(g, row, HEED_ERR_SHAPE,
                               "expected at most %d assignments to experts, got %" PRId64, INT32_MAX, n);
    heed_node_set_shape(row, HEED_EXPERT_ROW, HEED_I32, index->shape);
    heed_node_set_shape(row, HEED_EXPERT_SOURCE, HEED_I32,
                        heed_shape1(limit <= n / attrs->n_experts ? limit * attrs->n_experts : n));
    heed_node_set_shape(row, HEED_EXPERT_OFFSETS, HEED_I32, heed_shape1(attrs->n_experts + 1));
    heed_node_set_shape(row, HEED_EXPERT_LOAD, HEED_F32, heed_shape1(attrs->n_experts));
    return true;
}

static int32_t *integers(const heed_tensor *tensor)
{
    return tensor != NULL ? tensor->data : NULL;
}

/* An output that nobody needs is NULL. One pass over the assignments for each expert needs no memory of its own. */
static void rows_forward(const heed_op_args *a)
{
    const rows_attrs *attrs = a->node->attrs;
    const int64_t n = heed_tensor_count(a->in[0]), k = heed_cols(a->in[0]), limit = limit_of(a->node);
    int32_t *row = integers(a->outs[HEED_EXPERT_ROW]), *source = integers(a->outs[HEED_EXPERT_SOURCE]);
    int32_t *offsets = integers(a->outs[HEED_EXPERT_OFFSETS]);
    float *load = a->outs[HEED_EXPERT_LOAD] != NULL ? a->outs[HEED_EXPERT_LOAD]->data : NULL;
    int64_t next = 0;

    for (int64_t i = 0; row != NULL && i < n; i++)
        row[i] = -1; /* also where the index is that of no expert */
    for (int64_t e = 0; e < attrs->n_experts; e++) {
        int64_t count = 0;

        if (offsets != NULL)
            offsets[e] = (int32_t)next;
        for (int64_t i = 0; i < n; i++) {
            if (heed_row_i32(a->in[0], i / k)[i % k] != e || count++ >= limit)
                continue;
            if (row != NULL)
                row[i] = (int32_t)next;
            if (source != NULL)
                source[next] = (int32_t)i;
            next++;
        }
        if (load != NULL)
            load[e] = (float)count / (float)n;
    }
    if (offsets != NULL)
        offsets[attrs->n_experts] = (int32_t)next;
    for (int64_t r = next; source != NULL && r < heed_tensor_count(a->outs[HEED_EXPERT_SOURCE]); r++)
        source[r] = -1;
}

/* Comparisons count as nothing. */
static void rows_cost(const heed_node *row, heed_cost *cost)
{
    heed_cost_add_traffic(row, cost);
}

/* --- explain --- */

static int64_t count_of(const float *index, int64_t n, int64_t expert)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        count += (int64_t)index[i] == expert;
    return count;
}

/* Rows of all experts before this one. */
static int64_t offset_of(const float *index, int64_t n, int64_t expert, int64_t limit)
{
    int64_t offset = 0;

    for (int64_t e = 0; e < expert; e++) {
        const int64_t count = count_of(index, n, e);
        offset += count < limit ? count : limit;
    }
    return offset;
}

static int64_t row_of(const float *index, int64_t n, int64_t n_experts, int64_t assignment, int64_t limit)
{
    const int64_t expert = (int64_t)index[assignment], before = count_of(index, assignment, expert);

    if (expert < 0 || expert >= n_experts || before >= limit)
        return -1;
    return offset_of(index, n, expert, limit) + before;
}

static void explain_row(heed_explanation *e, const float *index, int64_t n, int64_t n_experts, int64_t i,
                        int64_t limit)
{
    const int64_t expert = (int64_t)index[i], row = row_of(index, n, n_experts, i, limit);

    heed_explain_formula(e,
                         "row[a] = rows of experts below index[a] + earlier assignments to it; "
                         "-1 behind the first %" PRId64,
                         limit);
    if (row < 0) {
        heed_explain_found(e, "row", -1.0, "expert %lld has no room for it", (long long)expert);
        return;
    }
    const heed_figure below = heed_explain_found(e, "below", (double)offset_of(index, n, expert, limit),
                                                 "rows of the experts before expert %lld", (long long)expert);
    const heed_figure earlier = heed_explain_found(e, "earlier", (double)count_of(index, i, expert),
                                                   "assignments to expert %lld before this one",
                                                   (long long)expert);

    heed_explain_step_in(e, HEED_IN_DOUBLE, "row", "f32(below + earlier)", below, earlier);
}

static void explain_offset(heed_explanation *e, const float *index, int64_t n, int64_t expert, int64_t limit)
{
    heed_figure *assignments = heed_explain_room(e, expert);

    heed_explain_formula(e, "offsets[e] = sum over experts i < e of min(assignments to i, %" PRId64 ")", limit);
    for (int64_t i = 0; i < expert; i++)
        assignments[i] = heed_explain_found(e, heed_explain_label(e, "assignments[%lld]", (long long)i),
                                            (double)count_of(index, n, i), "to expert %lld", (long long)i);
    heed_explain_sum(e, "offsets", expert, "min(assignments[i], limit)", heed_figures_of(assignments),
                     heed_explain_same(e, heed_constant((double)limit)));
}

static void rows_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t n = heed_tensor_count(a->in[0]), limit = limit_of(a->node);
    const int64_t n_experts = ((const rows_attrs *)a->node->attrs)->n_experts;
    const float *index = heed_explain_read(e, a, 0, "index", 0, 1, n);
    int64_t found = -1;

    switch (output) {
    case HEED_EXPERT_ROW:
        explain_row(e, index, n, n_experts, element, limit);
        break;
    case HEED_EXPERT_SOURCE:
        for (int64_t i = 0; i < n && found < 0; i++)
            found = row_of(index, n, n_experts, i, limit) == element ? i : -1;
        heed_explain_formula(e, "source[r] = the assignment a with row[a] = r; -1: none");
        heed_explain_found(e, "source", (double)found, "the assignment whose row is %lld; -1: none",
                           (long long)element);
        break;
    case HEED_EXPERT_OFFSETS:
        explain_offset(e, index, n, element, limit);
        break;
    default:
        heed_explain_formula(e, "load[e] = assignments to e / all %" PRId64, n);
        heed_explain_step(e, "load", "assignments / all",
                          heed_explain_found(e, "assignments", (double)count_of(index, n, element),
                                             "to expert %lld", (long long)element),
                          heed_constant((double)n));
    }
}

const heed_op heed_op_expert_rows = {
    .name = "expert_rows",
    .n_inputs = 1,
    .n_outputs = 4,
    .shape = rows_shape,
    .forward = rows_forward,
    .cost = rows_cost,
    .explain = rows_explain,
};

heed_node *heed_expert_rows(heed_graph *g, heed_node *index, int64_t n_experts, double capacity)
{
    const rows_attrs attrs = {.n_experts = n_experts, .capacity = capacity};

    return heed_node_append_with(g, &heed_op_expert_rows, &attrs, sizeof attrs, index);
}

/* --- the whole way from probabilities to rows --- */

heed_routes heed_route(heed_graph *g, heed_node *p, int64_t k, double capacity)
{
    const int64_t n_experts = p != NULL ? heed_cols(&p->tensor) : 1;
    heed_routes routes = {0};
    heed_node *rows;

    routes.index = heed_top_k(g, p, k);
    routes.gates = heed_expert_gates(g, p, routes.index);
    rows = heed_expert_rows(g, routes.index, n_experts, capacity);
    if (rows == NULL)
        return (heed_routes){0};
    routes.row = rows->outputs[HEED_EXPERT_ROW];
    routes.source = rows->outputs[HEED_EXPERT_SOURCE];
    routes.offsets = rows->outputs[HEED_EXPERT_OFFSETS];
    routes.load = rows->outputs[HEED_EXPERT_LOAD];
    return routes;
}
