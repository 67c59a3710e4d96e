/* SPDX-License-Identifier: MIT */
/*
 * Reverse-mode differentiation (Linnainmaa 1970), by appending nodes.
 *
 * From the loss backwards, every node's gradient is the sum of what its users send it:
 *
 *   d loss / d x = sum over users y of x   (d y / d x)^T  d loss / d y
 *
 * An op's grad() writes the product with (d y / d x)^T as ordinary nodes; here they are only
 * collected, added up and named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

/* The gradients that reached one node so far. */
typedef struct contributions {
    heed_node **node;
    int n, capacity;
} contributions;

static bool contribute(contributions *to, heed_node *node)
{
    if (to->n == to->capacity) {
        heed_node **bigger = realloc(to->node, (size_t)(to->capacity * 2 + 4) * sizeof *bigger);
        if (bigger == NULL)
            return false;
        to->node = bigger;
        to->capacity = to->capacity * 2 + 4;
    }
    to->node[to->n++] = node;
    return true;
}

/* Does node need `on`, itself or through others? Nodes are in order, so one look at each tells. No memory: yes, to be safe. */
static bool depends_on(const heed_graph *g, const heed_node *node, const heed_node *on)
{
    bool *needs = calloc((size_t)g->n_nodes, sizeof *needs), result = true;

    for (int i = on->id; needs != NULL && i <= node->id; i++) {
        const heed_node *first = g->nodes[i]->first;
        needs[i] = first == on;
        for (int k = 0; k < first->n_in && !needs[i]; k++)
            needs[i] = first->in[k] != NULL && needs[first->in[k]->id];
    }
    if (needs != NULL)
        result = needs[node->id];
    free(needs);
    return result;
}

/* Adds up what reached x and names the sum. */
static bool settle(heed_graph *g, heed_node *x, const contributions *all, heed_accumulate_fn *accumulate)
{
    const contributions *c = &all[x->id];
    char name[HEED_MAX_NAME + 8], scope[HEED_MAX_NAME];

    if (c->n == 0)
        return true;
    x->grad = accumulate(g, x, c->node, c->n);
    if (x->grad == NULL)
        return false;
    if (!heed_shape_equal(&x->grad->tensor.shape, &x->tensor.shape))
        return heed_graph_fail(g, x, HEED_ERR_INTERNAL, "its gradient %s has another shape", x->grad->name);
    snprintf(name, sizeof name, "d.%s", x->name);
    memcpy(scope, g->scope, sizeof scope); /* gradients are named after their node, whatever the scope */
    g->scope[0] = '\0';
    heed_name(g, x->grad, name);
    memcpy(g->scope, scope, sizeof scope);
    return g->error.status == HEED_OK;
}

/* Lets the op of `node` write its gradient nodes and hands them to its inputs. */
static bool propagate(heed_graph *g, heed_node *node, contributions *all)
{
    heed_node *dy[HEED_MAX_OUTPUTS] = {NULL}, *dx[HEED_MAX_INPUTS] = {NULL};
    bool any = false;

    for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++) {
        dy[k] = node->outputs[k]->grad;
        any |= dy[k] != NULL;
    }
    if (!any || node->op->grad == NULL || !node->wants_grad)
        return true;
    node->op->grad(g, node, dy, dx);
    for (int i = 0; i < node->n_in; i++) {
        if (dx[i] == NULL)
            continue;
        if (node->op->value_in_gradient > 0 && !depends_on(g, dy[0], node)) {
            for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++)
                node->outputs[k]->value = dx[i]->first->outputs[node->op->value_in_gradient - 1 + k];
        }
        if (!contribute(&all[node->in[i]->id], dx[i]))
            return heed_graph_fail(g, node, HEED_ERR_MEMORY, "not enough memory for its gradient");
    }
    return g->error.status == HEED_OK;
}

bool heed_graph_differentiate(heed_graph *g, heed_node *loss, heed_node *seed, heed_accumulate_fn *accumulate)
{
    return heed_graph_differentiate_with(g, loss, seed, accumulate, NULL, NULL);
}

bool heed_graph_differentiate_with(heed_graph *g, heed_node *loss, heed_node *seed,
                                   heed_accumulate_fn *accumulate, heed_settled_fn *settled, void *context)
{
    const int n_nodes = g->n_nodes;
    contributions *all;
    bool ok;

    if (g->error.status != HEED_OK || loss == NULL || seed == NULL)
        return false;
    if (loss->tensor.shape.rank != 0 || seed->tensor.shape.rank != 0)
        return heed_graph_fail(g, loss, HEED_ERR_INTERNAL, "only a scalar can be differentiated");
    if (g->n_forward == 0)
        g->n_forward = n_nodes;
    all = calloc((size_t)n_nodes, sizeof *all);
    ok = all != NULL && contribute(&all[loss->id], seed);
    if (!ok)
        heed_graph_fail(g, loss, HEED_ERR_MEMORY, "not enough memory for its gradient");
    for (int i = loss->id; ok && i >= 0; i--) {
        heed_node *node = g->nodes[i];
        ok = settle(g, node, all, accumulate);
        if (ok && settled != NULL && node->role == HEED_ROLE_PARAMETER && node->grad != NULL) {
            settled(context, g, node);
            ok = g->error.status == HEED_OK;
        }
        if (ok && node->op != NULL && node->first == node)
            ok = propagate(g, node, all);
    }
    for (int i = 0; all != NULL && i < n_nodes; i++)
        free(all[i].node);
    free(all);
    return ok;
}
