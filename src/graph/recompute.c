/* SPDX-License-Identifier: MIT */
/*
 * Which values of the forward pass are dropped, and made again when the backward pass needs them.
 *
 * A step may run again when that gives the same value: its op writes over no input, and it reads no state that another op
 * writes. It is worth it when what it reads is there at that time anyway: a source, a value that is held for backward,
 * or one that is made again itself. So nothing is held longer for the sake of something else.
 *
 *   cheap    steps that move more bytes than they compute: they take little more than the time to read and write
 *   blocks   every step but those that write a value at a narrow place, which is held: there, one tensor carries
 *            everything from the steps before to those behind. With residuals these are the residual stream between
 *            the parts of a block. A narrow value is held once twice its bytes have been dropped behind the last one.
 *
 * Bytes, arithmetic and life times are those of the graph's nodes. When each step runs again: plan.c.
 * Source of the idea: Chen et al. 2016 (arXiv:1604.06174).
 */
#include <stdlib.h>

#include "base/error.h"
#include "graph/plan_internal.h"

#define CHEAP_FLOPS_PER_BYTE 4.0
#define SMALL_BYTES          HEED_ALIGNMENT /* as good as nothing: may be held whatever it is */
#define DROPPED_PER_HELD     2

/* By node id, of the forward pass; of storages the id is their owner's. */
typedef struct survey {
    heed_plan *plan;
    int n;           /* nodes of the forward pass */
    bool *read_late; /* storage: a step of the backward pass reads it */
    bool *held;      /* storage: nobody may drop it */
    bool *changes;   /* source: an op writes over it */
    int *last;       /* storage: the last node of the forward pass that reads it; -1 */
    size_t *bytes;   /* storage */
} survey;

static size_t bytes_behind(const heed_node *node)
{
    return (size_t)node->offset * heed_dtype_bytes(node->tensor.dtype) + heed_tensor_span_bytes(&node->tensor);
}

/* --- looking at the graph --- */

static void look_at_reader(survey *s, const heed_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = node->in[i];
        if (x == NULL || node->op->is_view)
            continue;
        if (node->id >= s->n)
            s->read_late[x->owner->id] = true;
        else
            s->last[x->owner->id] = node->id;
    }
    if (node->op->is_stateful)
        s->changes[node->in[0]->owner->id] = true;
}

static void look(survey *s)
{
    const heed_plan *plan = s->plan;

    for (int i = 0; i < plan->n_nodes; i++) {
        const heed_node *node = heed_graph_node(plan->graph, i);
        if (node->op == NULL || !plan->runs[node->first->id])
            continue;
        if (node->first == node)
            look_at_reader(s, node);
        if (bytes_behind(node) > s->bytes[node->owner->id])
            s->bytes[node->owner->id] = bytes_behind(node);
        if (plan->kept[i])
            s->held[node->owner->id] = true;
    }
    for (int i = 0; i < heed_graph_n_assigns(plan->graph); i++) {
        heed_node *source, *value;
        if (heed_plan_assigns(plan, i, &source, &value))
            s->held[value->owner->id] = true;
    }
}

/* --- narrow places --- */

typedef struct crossing {
    int n;       /* storages that live on behind a node */
    int64_t sum; /* of their ids: of the one that it is, where n is 1 */
} crossing;

/* Storages that live on behind each node, of those that gradients flow through. */
static void find_crossings(const survey *s, crossing *at)
{
    for (int i = 0; i < s->n; i++) {
        const heed_node *node = heed_graph_node(s->plan->graph, i);
        if (node->op == NULL || node->owner != node || !node->wants_grad || s->bytes[i] <= SMALL_BYTES ||
            s->last[i] < 0)
            continue;
        at[node->first->id].n++;
        at[node->first->id].sum += i;
        at[s->last[i]].n--;
        at[s->last[i]].sum -= i;
    }
    for (int i = 1; i < s->n; i++) {
        at[i].n += at[i - 1].n;
        at[i].sum += at[i - 1].sum;
    }
}

static heed_status hold_narrow_places(survey *s, heed_error *err)
{
    crossing *at = calloc((size_t)s->n + 1, sizeof *at);
    size_t dropped = 0;

    if (at == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan of %d nodes", s->n);
    find_crossings(s, at);
    for (int i = 0; i < s->n; i++) {
        const heed_node *node = heed_graph_node(s->plan->graph, i);
        if (node->op == NULL || node->first != node || !s->plan->runs[i])
            continue;
        if (at[i].n == 1 && dropped / DROPPED_PER_HELD >= s->bytes[at[i].sum]) {
            s->held[at[i].sum] = true;
            dropped = 0;
        }
        for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++) {
            const int id = node->outputs[k]->id;
            if (s->read_late[id] && !s->held[id])
                dropped += s->bytes[id];
        }
    }
    free(at);
    return HEED_OK;
}

/* --- the choice --- */

static bool is_cheap(const heed_node *node)
{
    heed_cost cost = {0};

    node->op->cost(node, &cost);
    return cost.flops <= CHEAP_FLOPS_PER_BYTE * (cost.bytes_read + cost.bytes_written);
}

/* There when the backward pass runs, without being held for that alone. */
static bool is_there(const survey *s, const heed_node *x)
{
    const heed_node *owner = x->owner;

    if (owner->op == NULL)
        return !s->changes[owner->id];
    return s->plan->again[owner->first->id] || s->read_late[owner->id] || s->held[owner->id] ||
           s->bytes[owner->id] <= SMALL_BYTES;
}

static bool may_be_dropped(const survey *s, const heed_node *node)
{
    bool is_read = false;

    for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++) {
        const heed_node *owner = node->outputs[k]->owner;
        if (s->held[owner->id] || owner->first != node)
            return false;
        is_read |= s->last[owner->id] >= 0;
    }
    return is_read && !node->op->is_stateful; /* what the forward pass ends in is read at once */
}

static bool is_made_again(const survey *s, const heed_node *node)
{
    if (!may_be_dropped(s, node))
        return false;
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] != NULL && !is_there(s, node->in[i]))
            return false;
    }
    return is_cheap(node) || (s->plan->recompute == HEED_RECOMPUTE_BLOCKS && node->wants_grad);
}

static heed_status choose(survey *s, heed_error *err)
{
    heed_status status = HEED_OK;

    look(s);
    if (s->plan->recompute == HEED_RECOMPUTE_BLOCKS)
        status = hold_narrow_places(s, err);
    for (int i = 0; i < s->n && status == HEED_OK; i++) {
        const heed_node *node = heed_graph_node(s->plan->graph, i);
        s->plan->again[i] = node->op != NULL && node->first == node && !node->op->is_view && s->plan->runs[i] &&
                            is_made_again(s, node);
    }
    return status;
}

heed_status heed_plan_choose_again(heed_plan *plan, heed_error *err)
{
    const size_t n = (size_t)plan->n_nodes + 1;
    survey s = {.plan = plan, .n = heed_graph_n_forward(plan->graph)};
    heed_status status;

    if (plan->recompute == HEED_RECOMPUTE_NONE || s.n == plan->n_nodes)
        return HEED_OK;
    s.read_late = calloc(n, sizeof *s.read_late);
    s.held = calloc(n, sizeof *s.held);
    s.changes = calloc(n, sizeof *s.changes);
    s.last = malloc(n * sizeof *s.last);
    s.bytes = calloc(n, sizeof *s.bytes);
    if (s.read_late == NULL || s.held == NULL || s.changes == NULL || s.last == NULL || s.bytes == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan of %zu nodes", n);
    else {
        for (int i = 0; i < plan->n_nodes; i++)
            s.last[i] = -1;
        status = choose(&s, err);
    }
    free(s.read_late);
    free(s.held);
    free(s.changes);
    free(s.last);
    free(s.bytes);
    return status;
}
