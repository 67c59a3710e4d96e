/* SPDX-License-Identifier: MIT */
/*
 * Where every tensor of a plan lies.
 *
 * 1. Each storage lives from the step that writes it first to the step that reads it last.
 * 2. An op that may write over an input takes its place when nobody reads that input later. The update
 *    of a parameter takes the place of the parameter itself in the same way.
 * 3. The rest is packed: big blocks first, each at the lowest offset where nothing that lives at the
 *    same time is in the way (first fit by decreasing size).
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/plan_internal.h"

/* --- life times --- */

static bool in_plan(const heed_plan *plan, const heed_node *node)
{
    return node->op != NULL && heed_plan_holds(plan, node) &&
           (plan->used[node->id] || node->output == 0 || plan->keep_all || plan->given[node->id]);
}

static size_t bytes_behind(const heed_node *node)
{
    return (size_t)node->offset * heed_dtype_bytes(node->tensor.dtype) + heed_tensor_span_bytes(&node->tensor);
}

static void live_at(plan_storage *storage, int step)
{
    if (step < storage->first)
        storage->first = step;
    if (step > storage->last)
        storage->last = step;
}

static void find_life_times(heed_plan *plan)
{
    for (int i = 0; i < 2 * plan->n_nodes; i++)
        plan->storage[i] = (plan_storage){.first = plan->n_steps, .last = -1, .root = i};
    for (int i = 0; i < plan->n_nodes; i++) {
        const heed_node *node = heed_graph_node(plan->graph, i);
        plan_storage *storage = &plan->storage[node->owner->id];
        if (!in_plan(plan, node))
            continue;
        if (bytes_behind(node) > storage->bytes)
            storage->bytes = bytes_behind(node);
        if (plan->step_of[i] >= 0)
            live_at(storage, plan->step_of[i]);
        if (plan->given[i])
            live_at(storage, 0);
        if (plan->kept[i] || plan->keep_all)
            live_at(storage, plan->n_steps);
    }
    for (int s = 0; s < plan->n_steps; s++) {
        const plan_step *step = &plan->steps[s];
        for (int i = 0; i < step->node->n_in; i++) {
            if (step->in[i] >= 0)
                live_at(&plan->storage[heed_plan_instance_owner(plan, step->in[i])], s);
        }
        for (int k = 0; k < HEED_MAX_OUTPUTS && step->again; k++) {
            const int owner = step->out[k] >= 0 ? heed_plan_instance_owner(plan, step->out[k]) : -1;
            if (owner >= 0) {
                plan->storage[owner].bytes = plan->storage[owner - plan->n_nodes].bytes;
                live_at(&plan->storage[owner], s);
            }
        }
    }
    for (int i = 0; i < heed_graph_n_assigns(plan->graph); i++) {
        heed_node *source, *value;
        if (heed_plan_assigns(plan, i, &source, &value))
            live_at(&plan->storage[value->owner->id], plan->n_steps);
    }
}

/* --- taking over a place --- */

int heed_plan_instance_root(const heed_plan *plan, int instance)
{
    int root = heed_plan_instance_owner(plan, instance);

    while (plan->storage[root].root != root)
        root = plan->storage[root].root;
    return root;
}

/* True when no other input of the step lies in the same storage, so that overwriting one disturbs none. */
static bool is_only_reader(const heed_plan *plan, const plan_step *step, int input)
{
    for (int i = 0; i < step->node->n_in; i++) {
        if (i != input && step->in[i] >= 0 &&
            heed_plan_instance_root(plan, step->in[i]) == heed_plan_instance_root(plan, step->in[input]))
            return false;
    }
    return true;
}

/* True when an earlier output of the step lies there already: outputs are written in turns, one over the other's input. */
static bool is_taken_by_sibling(const heed_plan *plan, const plan_step *step, int output, int root)
{
    for (int k = 0; k < output; k++) {
        if (step->out[k] >= 0 && heed_plan_instance_root(plan, step->out[k]) == root)
            return true;
    }
    return false;
}

static bool can_take_over(const heed_plan *plan, int s, int output, int input)
{
    const plan_step *step = &plan->steps[s];
    const heed_node *out = step->node->outputs[output], *x = step->node->in[input];
    const plan_storage *mine = &plan->storage[step->out[output]], *place;
    int root;

    if (x == NULL || x->owner->op == NULL)
        return false;
    root = heed_plan_instance_root(plan, step->in[input]);
    place = &plan->storage[root];
    return out->owner == out && x->offset == 0 && x->tensor.dtype == out->tensor.dtype &&
           heed_shape_equal(&x->tensor.shape, &out->tensor.shape) && heed_tensor_is_dense(&x->tensor) &&
           heed_tensor_is_dense(&out->tensor) && place->last == s && place->bytes == mine->bytes &&
           mine->root == step->out[output] && mine->in_source == NULL && place->in_source == NULL &&
           is_only_reader(plan, step, input) && !is_taken_by_sibling(plan, step, output, root);
}

static void reuse_places(heed_plan *plan)
{
    for (int s = 0; s < plan->n_steps; s++) {
        const plan_step *step = &plan->steps[s];
        for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
            for (int i = 0; i < step->node->n_in && step->out[k] >= 0; i++) {
                if ((step->node->op->reuse[k] >> i & 1u) && plan->storage[step->out[k]].bytes > 0 &&
                    can_take_over(plan, s, k, i)) {
                    const int root = heed_plan_instance_root(plan, step->in[i]);
                    plan->storage[root].last = plan->storage[step->out[k]].last;
                    plan->storage[step->out[k]].root = root;
                    break;
                }
            }
        }
    }
}

/* Nobody in this run reads what the source held before. */
static bool is_unread(const heed_plan *plan, const heed_node *source)
{
    return plan->storage[source->id].last < 0;
}

/* The node that computes value may write over the source, which nobody reads later. */
static bool may_overwrite(const heed_plan *plan, const heed_node *source, const heed_node *value)
{
    for (int k = 0; k < value->first->n_in; k++) {
        if (value->first->in[k] == source && (value->op->reuse[value->output] >> k & 1u) &&
            plan->storage[source->id].last == plan->step_of[value->id] &&
            is_only_reader(plan, &plan->steps[plan->step_of[value->id]], k))
            return true;
    }
    return false;
}

/* The input whose place the op of value may take over, seen from value: computed, as large, and read last here. */
static const heed_node *input_to_write_over(const heed_plan *plan, const heed_node *value)
{
    for (int k = 0; k < value->first->n_in; k++) {
        const heed_node *x = value->first->in[k];
        if ((value->first->op->reuse[value->output] >> k & 1u) && x != NULL && x->op != NULL && x->owner == x &&
            x->tensor.dtype == value->tensor.dtype &&
            heed_shape_equal(&x->tensor.shape, &value->tensor.shape) && heed_tensor_is_dense(&x->tensor) &&
            plan->storage[x->id].in_source == NULL && plan->storage[x->id].last == plan->step_of[value->id] &&
            is_only_reader(plan, &plan->steps[plan->step_of[value->id]], k))
            return x;
    }
    return NULL;
}

/*
 * value is computed where source lies, which nobody else reads; so are those that it is written over: the gradient of a
 * tied table begins as that of the head, and is one buffer all the way.
 */
static void place_in(heed_plan *plan, const heed_node *source, const heed_node *value)
{
    while (value != NULL) {
        plan->storage[value->id].in_source = source;
        value = input_to_write_over(plan, value);
    }
}

/* A value that may be computed where its source lies goes there; the others are copied after the run. */
static heed_status place_assigns(heed_plan *plan, heed_error *err)
{
    const int n = heed_graph_n_assigns(plan->graph);

    plan->copies = calloc((size_t)n + 1, sizeof *plan->copies);
    if (plan->copies == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan of %d updates", n);
    for (int i = 0; i < n; i++) {
        heed_node *source, *value;
        if (!heed_plan_assigns(plan, i, &source, &value))
            continue;
        const bool fits = value->op != NULL && !plan->keep_all && value->owner == value &&
                          value->tensor.dtype == source->tensor.dtype && heed_tensor_is_dense(&value->tensor) &&
                          heed_tensor_is_dense(&source->tensor) && plan->storage[value->id].in_source == NULL;
        if (fits && is_unread(plan, source))
            place_in(plan, source, value);
        else if (fits && may_overwrite(plan, source, value))
            plan->storage[value->id].in_source = source;
        else
            plan->copies[plan->n_copies++] = (plan_copy){source, value};
    }
    return HEED_OK;
}

/* --- packing --- */

typedef struct block {
    size_t bytes, *offset;
    int first, last;
    int order; /* ties are broken by it, so the layout is the same everywhere */
} block;

static int by_decreasing_size(const void *a, const void *b)
{
    const block *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->order - y->order;
}

static int by_offset(const void *a, const void *b)
{
    const block *x = *(const block *const *)a, *y = *(const block *const *)b;

    return *x->offset < *y->offset ? -1 : *x->offset > *y->offset;
}

/* The lowest offset at which block fits between those already placed that live at the same time. */
static size_t lowest_fit(const block *new_block, block *placed, int n_placed, block **in_the_way)
{
    size_t offset = 0;
    int n = 0;

    for (int i = 0; i < n_placed; i++) {
        if (placed[i].first <= new_block->last && new_block->first <= placed[i].last)
            in_the_way[n++] = &placed[i];
    }
    qsort(in_the_way, (size_t)n, sizeof *in_the_way, by_offset);
    for (int i = 0; i < n; i++) {
        if (offset + new_block->bytes <= *in_the_way[i]->offset)
            break;
        if (*in_the_way[i]->offset + in_the_way[i]->bytes > offset)
            offset = *in_the_way[i]->offset + in_the_way[i]->bytes;
    }
    return offset;
}

static heed_status pack(heed_plan *plan, heed_error *err)
{
    const int n_instances = 2 * plan->n_nodes;
    const size_t most = (size_t)(n_instances + plan->n_steps) + 1;
    block *blocks = calloc(most, sizeof *blocks);
    block **in_the_way = calloc(most, sizeof *in_the_way);
    size_t total = 0;
    bool fits = true;
    int n = 0;

    for (int i = 0; i < n_instances && blocks != NULL; i++) {
        plan_storage *s = &plan->storage[i];
        if (s->bytes > 0 && s->root == i && s->in_source == NULL &&
            heed_plan_instance_node(plan, i)->op != NULL) {
            blocks[n] = (block){heed_size_align(s->bytes), &s->offset, s->first, s->last, n};
            n++;
        }
    }
    for (int i = 0; i < plan->n_steps && blocks != NULL; i++) {
        const size_t bytes = heed_size_align(plan->steps[i].workspace_bytes);

        if (bytes > 0) {
            blocks[n] = (block){bytes, &plan->steps[i].workspace_offset, i, i, n};
            n++;
        }
    }
    for (int i = 0; i < n; i++)
        fits = fits && heed_size_add(total, blocks[i].bytes, &total) && total <= INT64_MAX;
    if (blocks != NULL && in_the_way != NULL && fits) {
        qsort(blocks, (size_t)n, sizeof *blocks, by_decreasing_size);
        for (int i = 0; i < n; i++) {
            *blocks[i].offset = lowest_fit(&blocks[i], blocks, i, in_the_way);
            if (*blocks[i].offset + blocks[i].bytes > plan->bytes)
                plan->bytes = *blocks[i].offset + blocks[i].bytes;
        }
    }
    free(in_the_way);
    free(blocks);
    if (blocks == NULL || in_the_way == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to lay out %zu tensors", most);
    if (!fits)
        return heed_fail(err, HEED_ERR_MEMORY,
                         "one run of the model needs more bytes than an address has room for");
    return HEED_OK;
}

heed_status heed_plan_layout(heed_plan *plan, heed_error *err)
{
    heed_status status;

    find_life_times(plan);
    status = place_assigns(plan, err);
    if (status != HEED_OK)
        return status;
    if (!plan->keep_all)
        reuse_places(plan);
    return pack(plan, err);
}
