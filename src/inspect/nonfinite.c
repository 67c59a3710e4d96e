/* SPDX-License-Identifier: MIT */
/*
 * Where numbers stop being finite: the first node in running order, and the weight that brings it in.
 *
 * A first reading looks at everything that leads to the logits. What attention writes down beside it (scores, patterns)
 * is large, so it is looked at only once something was found. A score of -inf hides a key; so does the log-sum-exp of a
 * query that sees none.
 */
#include <float.h>
#include <heed/activations.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/forward.h"

typedef struct finder {
    heed_nonfinite *out;
    int64_t n_tokens;
} finder;

/* The index of element i in a tensor of that shape. */
static void place_of(const heed_shape *shape, int64_t i, int64_t *index)
{
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        index[axis] = i % shape->size[axis];
        i /= shape->size[axis];
    }
}

/* The axis of tokens: behind the batch, and behind the heads where there are any; -1: none. */
static int token_axis(const heed_node *node, int64_t n_tokens)
{
    const heed_shape *shape = &node->tensor.shape;
    const bool by_head = node->output > 0 ||
                         shape->rank == 4; /* scores [1, H, T, T], lse [1, H, T], z [1, H, T, D] */
    const int axis = shape->rank < 2 ? -1 : shape->rank == 2 && shape->size[0] != 1 ? 0 : by_head ? 2 : 1;

    return axis >= 0 && axis < shape->rank && shape->size[axis] == n_tokens ? axis : -1;
}

/* How many of n numbers are finite; this loop sees every number of a run. */
static int64_t count_finite(const float *x, int64_t n)
{
    int64_t finite = 0;

    for (int64_t i = 0; i < n; i++)
        finite += fabsf(x[i]) <= FLT_MAX;
    return finite;
}

/* Numbers that are not finite, and the first of them; hiding: -inf counts as a number. */
static int64_t count_bad(const heed_tensor *x, bool hiding, int64_t *first, double *value)
{
    const int64_t n = heed_cols(x);
    int64_t bad = 0;

    for (int64_t r = 0; r < heed_rows(x); r++) {
        const heed_numbers row = heed_row_numbers(x, r);
        if (x->dtype == HEED_F32 && count_finite(row.data, n) == n)
            continue;
        for (int64_t i = 0; i < n; i++) {
            const float number = heed_number_get(&row, i);
            if (isfinite(number) || (hiding && number == -INFINITY))
                continue;
            if (bad++ == 0) {
                *first = r * n + i;
                *value = (double)number;
            }
        }
    }
    return bad;
}

/* The first weight that the node reads with a number that is not finite. */
static void find_weight(heed_nonfinite *out, const heed_node *node)
{
    for (int k = 0; k < node->n_in; k++) {
        const heed_node *p = node->in[k];
        int64_t first = 0;
        if (p == NULL || p->role != HEED_ROLE_PARAMETER)
            continue;
        for (int64_t i = heed_tensor_count(&p->tensor) - 1; i >= 0; i--) {
            const int64_t n = heed_cols(&p->tensor);
            const float number = p->tensor.shape.rank == 2 ? heed_matrix_get(&p->tensor, i / n, i % n)
                                                           : heed_tensor_get(&p->tensor, i);
            if (!isfinite(number)) {
                out->parameter_n++;
                first = i;
            }
        }
        if (out->parameter_n == 0)
            continue;
        snprintf(out->parameter, sizeof out->parameter, "%s", p->name);
        out->parameter_rank = p->tensor.shape.rank;
        place_of(&p->tensor.shape, first, out->parameter_index);
        return;
    }
}

static void look(void *context, const heed_node *node, const heed_tensor *value)
{
    finder *f = context;
    heed_nonfinite *out = f->out;
    int64_t first = 0;
    int axis;

    if (out->found || (value->dtype != HEED_F32 && value->dtype != HEED_BF16))
        return;
    out->n = count_bad(value, node->output > 0, &first, &out->value);
    if (out->n == 0)
        return;
    out->found = true;
    snprintf(out->node, sizeof out->node, "%s", node->name);
    out->rank = value->shape.rank;
    place_of(&value->shape, first, out->index);
    axis = token_axis(node, f->n_tokens);
    out->position = axis >= 0 ? out->index[axis] : -1;
    find_weight(out, node->first);
}

/* What runs on the way to the logits. Views show nothing new; the loss of a text is not on the way. */
static int list_nodes(const heed_forward *f, bool beside, heed_node **nodes)
{
    const heed_graph *g = heed_forward_graph(f);
    const int last = heed_forward_gpt(f)->logits->id;
    int n = 0;

    for (int i = 0; i <= last; i++) {
        heed_node *node = heed_graph_node(g, i);
        if (node->op != NULL && !node->op->is_view && (beside || node->output == 0))
            nodes[n++] = node;
    }
    return n;
}

heed_status heed_model_find_nonfinite(const heed_model *model, const int32_t *ids, size_t n,
                                      heed_nonfinite *out, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = (int64_t)n};
    finder find = {out, (int64_t)n};
    heed_forward *f = NULL;
    heed_node **nodes = NULL;
    heed_status status = heed_forward_create(model, &in, false, 0, &f, err);

    *out = (heed_nonfinite){.position = -1};
    if (status != HEED_OK)
        return status;
    nodes = calloc((size_t)heed_graph_n_nodes(heed_forward_graph(f)), sizeof(heed_node *));
    if (nodes == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    if (status == HEED_OK)
        status = heed_forward_run(f, nodes, list_nodes(f, false, nodes), look, &find, err);
    if (status == HEED_OK && out->found) {
        *out = (heed_nonfinite){.position = -1};
        status = heed_forward_run(f, nodes, list_nodes(f, true, nodes), look, &find, err);
    }
    free(nodes);
    heed_forward_destroy(f);
    return status;
}
