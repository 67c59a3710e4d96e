/* SPDX-License-Identifier: MIT */
/* Addresses of a trace: which number is meant, and how it is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/address.h"
#include "inspect/trace_internal.h"
#include "inspect/weight_names.h"

/* What belongs to a parameter or to a node, in front of its name. */
static const struct {
    const char *prefix;
    heed_trace_part part;
} prefixes[] = {
    {"d.", HEED_TRACE_BACKWARD},   {"grad/", HEED_TRACE_BACKWARD}, {"grad.", HEED_TRACE_STEP},
    {"adamw.m.", HEED_TRACE_STEP}, {"adamw.v.", HEED_TRACE_STEP},  {"momentum.m.", HEED_TRACE_STEP},
    {"new.", HEED_TRACE_STEP},
};

/* Sources and results that only a step has. */
static const char *const of_step[] = {"lr", "t", "norm", "grad_norm", "clip_factor"};

enum { N_PREFIXES = sizeof prefixes / sizeof prefixes[0] };

/* The prefix that the name begins with, -1: none. */
static int prefix_of(const char *name)
{
    for (int i = 0; i < N_PREFIXES; i++) {
        if (strncmp(name, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
            return i;
    }
    return -1;
}

heed_trace_part heed_trace_part_of(const char *address)
{
    heed_address a;
    int i;

    if (heed_address_read(address, strlen(address), &a, NULL) != HEED_OK)
        return HEED_TRACE_FORWARD;
    for (size_t k = 0; k < sizeof of_step / sizeof of_step[0]; k++) {
        if (strcmp(a.name, of_step[k]) == 0)
            return HEED_TRACE_STEP;
    }
    i = prefix_of(a.name);
    return i >= 0 ? prefixes[i].part : HEED_TRACE_FORWARD;
}

/* --- names --- */

/* A node, and how the indices behind the name count its elements. */
typedef struct meaning {
    heed_node *node;
    heed_shape shape;
    int64_t stride[HEED_MAX_RANK], offset;
} meaning;

static meaning whole(heed_node *node)
{
    meaning m = {.node = node};
    int64_t stride = 1;

    if (node == NULL)
        return m;
    m.shape = node->tensor.shape;
    for (int i = m.shape.rank - 1; i >= 0; i--) {
        m.stride[i] = stride;
        stride *= m.shape.size[i];
    }
    return m;
}

/* A weight by a name of the field; of the node that belongs to it under `prefix`. */
static meaning find_weight(const heed_trace *t, const char *prefix, const char *name, int rank)
{
    char full[HEED_MAX_NAME + 16];
    heed_weight_view view;
    heed_node *parameter, *node;
    meaning m;

    if (!heed_weight_view_find(t->config, name, rank, &view))
        return (meaning){0};
    parameter = heed_graph_find(t->g, view.parameter);
    if (parameter == NULL)
        return (meaning){0};
    snprintf(full, sizeof full, "%s%s", prefix, view.parameter);
    node = strcmp(prefix, "d.") == 0 || strcmp(prefix, "grad/") == 0 ? parameter->grad
                                                                     : heed_graph_find(t->g, full);
    m = whole(node);
    if (node != NULL && view.shape.rank >= 0) {
        m.shape = view.shape;
        m.offset = view.offset;
        memcpy(m.stride, view.stride, sizeof m.stride);
    }
    return m;
}

/* What the update makes of a parameter or a moment, under its name or the field's. */
static meaning find_new(const heed_trace *t, const char *name, int rank)
{
    const int i = prefix_of(name);
    const char *prefix = i >= 0 ? prefixes[i].prefix : "";
    heed_node *source = heed_graph_find(t->g, name);
    meaning m = source != NULL ? whole(source) : find_weight(t, prefix, name + strlen(prefix), rank);

    if (m.node != NULL)
        m.node = heed_trace_update_of(t, m.node);
    return m;
}

static meaning find_name(const heed_trace *t, const char *name, int rank)
{
    const int i = prefix_of(name);
    const char *prefix = i >= 0 ? prefixes[i].prefix : "", *rest = name + strlen(prefix);
    heed_node *node = heed_graph_find(t->g, name);

    if (node != NULL)
        return whole(node);
    if (strcmp(prefix, "new.") == 0)
        return find_new(t, rest, rank);
    if (strcmp(prefix, "d.") == 0 || strcmp(prefix, "grad/") == 0) {
        node = heed_graph_find(t->g, rest);
        if (node != NULL && node->grad != NULL)
            return whole(node->grad);
    }
    if (i < 0 && t->forward != NULL) {
        node = heed_forward_find(t->forward, name);
        if (node != NULL)
            return whole(node);
    }
    return find_weight(t, prefix, rest, rank);
}

/* The name in the first block that ends like this one: W_q is d.blocks.0.attn.W_q where d.W_q was asked. */
static bool find_in_block(const heed_trace *t, const heed_address *a, char *out, size_t size)
{
    static const char *const places[] = {"blocks.0.", "blocks.0.attn.", "blocks.0.mlp.", "h.0.", "h.0.attn."};
    const int i = prefix_of(a->name);
    const char *prefix = i >= 0 ? prefixes[i].prefix : "";
    bool found = false;

    for (size_t k = 0; k < sizeof places / sizeof places[0] && !found; k++) {
        const int n = snprintf(out, size, "%s%s%s", prefix, places[k], a->name + strlen(prefix));
        found = n > 0 && (size_t)n < size && find_name(t, out, a->n).node != NULL;
    }
    return found;
}

/* Why there is no such name: a layer that the model lacks, a near name, a run that does not go as far. */
static heed_status no_name(const heed_trace *t, const heed_address *a, heed_error *err)
{
    const char *near = heed_graph_nearest_name(t->g, a->name);
    const heed_trace_part part = heed_trace_part_of(a->name);
    const int i = prefix_of(a->name);
    const char *bare = i >= 0 ? a->name + strlen(prefixes[i].prefix) : a->name;
    char in_block[HEED_MAX_NAME + 16];
    long layer = -1;

    if (strncmp(bare, "blocks.", 7) == 0)
        layer = strtol(bare + 7, NULL, 10);
    else if (strncmp(bare, "h.", 2) == 0)
        layer = strtol(bare + 2, NULL, 10);
    if (layer >= t->config->n_layers)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a block from 0 to %lld, got %ld", a->name,
                         (long long)t->config->n_layers - 1, layer);
    if (part == HEED_TRACE_STEP && t->forward != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: only a training step has such a number, this is a text",
                         a->name);
    if (part == HEED_TRACE_BACKWARD && heed_graph_n_forward(t->g) == heed_graph_n_nodes(t->g))
        return heed_fail(err, HEED_ERR_USAGE, "%s: this run has no backward pass", a->name);
    if (part == HEED_TRACE_BACKWARD && find_name(t, bare, a->n).node != NULL)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "%s: the loss has no gradient by %s here: what leads to the loss does not read it, or it "
            "does not train",
            a->name, bare);
    if (near == NULL && find_in_block(t, a, in_block, sizeof in_block))
        near = in_block;
    if (near == NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "there is no tensor %s in this run; heed trace MODEL lists them, without an address",
                         a->name);
    return heed_fail(err, HEED_ERR_USAGE, "there is no tensor %s; did you mean %s?", a->name, near);
}

/* --- axes that are the vocabulary --- */

/* The parameter that a name belongs to, without what stands in front. */
static const char *bare_name(const heed_trace *t, const heed_node *node)
{
    const heed_node *updated = heed_trace_updated_by(t, node);
    const char *name = updated != NULL ? updated->name : node->name;

    for (int i = prefix_of(name); i >= 0; i = prefix_of(name))
        name += strlen(prefixes[i].prefix);
    return name;
}

/* Does an index along an axis of that stride count tokens? Rows of the tables, columns of logits and of pairs. */
static bool is_vocabulary(const heed_trace *t, const heed_node *node, int64_t stride, int64_t size)
{
    const char *name = bare_name(t, node);
    const int64_t row = heed_cols(&node->tensor);

    if (size != t->config->vocab_size || node->tensor.shape.rank == 0)
        return false;
    if (strcmp(name, "table.weight") == 0)
        return true;
    if (strcmp(name, "wte.weight") == 0 || strcmp(name, "lm_head.weight") == 0)
        return stride == row;
    return strcmp(name, "logits") == 0 && stride == 1;
}

static heed_status find_token(const heed_trace *t, const heed_address_index *index, int64_t *at,
                              heed_error *err)
{
    const heed_tokenizer *tokenizer = t->model->tokenizer;
    char shown[96], spaced[HEED_ADDRESS_TOKEN_BYTES + 1] = " ";
    int32_t id = tokenizer != NULL ? heed_tokenizer_find(tokenizer, index->token, index->n_token) : -1;

    heed_quote(shown, sizeof shown, index->token, index->n_token);
    if (tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\": this model has no tokenizer, so tokens are numbers",
                         shown);
    if (id >= 0 && id < t->config->vocab_size) {
        *at = id;
        return HEED_OK;
    }
    memcpy(spaced + 1, index->token, index->n_token);
    if (heed_tokenizer_find(tokenizer, spaced, index->n_token + 1) >= 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "\"%s\" is not one token of the vocabulary; \" %s\", with a space, is", shown, shown);
    return heed_fail(err, HEED_ERR_USAGE, "\"%s\" is not one token of the vocabulary", shown);
}

/* --- finding --- */

static heed_status find_index(const heed_trace *t, const heed_address *a, const meaning *m, int axis,
                              const heed_address_index *index, int64_t *at, heed_error *err)
{
    const int64_t size = m->shape.size[axis];

    *at = index->at < 0 ? index->at + size : index->at;
    if (index->is_token && !is_vocabulary(t, m->node, m->stride[axis], size))
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: expected a number for axis %d, whose %lld places are no tokens; got a token",
                         a->name, axis, (long long)size);
    if (index->is_token)
        return find_token(t, index, at, err);
    if (*at < 0 || *at >= size)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected an index from 0 to %lld for axis %d, got %lld",
                         a->name, (long long)size - 1, axis, (long long)index->at);
    return HEED_OK;
}

heed_status heed_trace_find(const heed_trace *t, const char *address, heed_trace_element *element,
                            heed_error *err)
{
    heed_address a;
    heed_status status = heed_address_read(address, strlen(address), &a, err);
    char shape[96];
    meaning m;
    int first;

    *element = (heed_trace_element){-1, 0};
    if (status != HEED_OK)
        return status;
    m = find_name(t, a.name, a.n);
    if (m.node == NULL)
        return no_name(t, &a, err);
    first = m.shape.rank - a.n; /* 1: the first index is left out, of an axis with one place */
    if (first != 0 && !(first == 1 && m.shape.size[0] == 1 && m.shape.rank > 1))
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected %d ind%s, one for each axis of %s; got %d", a.name,
                         m.shape.rank, m.shape.rank == 1 ? "ex" : "ices",
                         heed_shape_format(shape, sizeof shape, &m.shape), a.n);
    element->tensor = m.node->id;
    element->element = m.offset;
    for (int i = 0; i < a.n && status == HEED_OK; i++) {
        int64_t at;
        status = find_index(t, &a, &m, first + i, &a.index[i], &at, err);
        if (status == HEED_OK)
            element->element += at * m.stride[first + i];
    }
    return status;
}

/* --- writing --- */

/* new.NAME of what an update makes; others have a name of their own. */
static void name_node(const heed_trace *t, const heed_node *node, char *out, size_t size)
{
    const heed_node *source = heed_trace_updated_by(t, node);

    snprintf(out, size, "%s%s", source != NULL ? "new." : "", source != NULL ? source->name : node->name);
}

/* The index along each axis of element number i. */
static void split(const heed_shape *shape, int64_t i, int64_t *at)
{
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        at[axis] = i % shape->size[axis];
        i /= shape->size[axis];
    }
}

const char *heed_trace_address(const heed_trace *t, heed_trace_element e, char *out)
{
    const heed_node *node = heed_graph_node(t->g, e.tensor);
    heed_address a = {.n = node->tensor.shape.rank};
    int64_t at[HEED_MAX_RANK];

    name_node(t, node, a.name, sizeof a.name);
    split(&node->tensor.shape, e.element, at);
    for (int i = 0; i < a.n; i++)
        a.index[i].at = at[i];
    return heed_address_write(&a, out, HEED_TRACE_ADDRESS_BYTES);
}

int32_t heed_trace_token(const heed_trace *t, heed_trace_element e)
{
    const heed_node *node = heed_graph_node(t->g, e.tensor);
    const heed_shape *shape = &node->tensor.shape;
    int64_t at[HEED_MAX_RANK], stride = 1, value;

    if (node->op == NULL && (strcmp(node->name, "ids") == 0 || strcmp(node->name, "targets") == 0)) {
        value = (int64_t)heed_trace_value(t, e);
        return value >= 0 && value < t->config->vocab_size ? (int32_t)value : -1;
    }
    split(shape, e.element, at);
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        if (is_vocabulary(t, node, stride, shape->size[axis]))
            return (int32_t)at[axis];
        stride *= shape->size[axis];
    }
    return -1;
}

/* The elements of an operand as a box: along each axis from `at` on so many of them, all where that is the axis' size. */
typedef struct box {
    int64_t at[HEED_MAX_RANK], n[HEED_MAX_RANK];
} box;

/* False where they are no box: rows that begin or end in their middle. */
static bool box_of(const heed_shape *shape, const heed_trace_operand *o, box *b)
{
    int64_t left = o->count, stride = 1;
    int axis = shape->rank - 1;

    split(shape, o->first.element, b->at);
    for (int i = 0; i < shape->rank; i++)
        b->n[i] = 1;
    for (; axis >= 0 && stride < o->step; axis--) /* inside of a step nothing moves */
        stride *= shape->size[axis];
    if (stride != o->step)
        return false;
    for (; axis >= 0 && left > 1; axis--) {
        b->n[axis] = left < shape->size[axis] ? left : shape->size[axis];
        if (left % b->n[axis] != 0 || b->at[axis] + b->n[axis] > shape->size[axis])
            return false;
        left /= b->n[axis];
    }
    return left == 1;
}

/* "3", ":" or "3:5" */
static const char *write_index(const heed_shape *shape, const box *b, int axis, char out[64])
{
    const long long at = (long long)b->at[axis], end = at + (long long)b->n[axis];

    if (b->n[axis] == 1)
        snprintf(out, 64, "%lld", at);
    else if (b->n[axis] == shape->size[axis])
        snprintf(out, 64, ":");
    else
        snprintf(out, 64, "%lld:%lld", at, end);
    return out;
}

const char *heed_trace_range(const heed_trace *t, const heed_trace_operand *o, char *out)
{
    const heed_node *node = heed_graph_node(t->g, o->first.tensor);
    const heed_shape *shape = &node->tensor.shape;
    const heed_trace_element last = {o->first.tensor, o->first.element + (o->count - 1) * o->step};
    char name[HEED_MAX_NAME], index[64], end[HEED_TRACE_ADDRESS_BYTES];
    size_t used;
    box b;

    if (o->count <= 1)
        return o->count == 1 ? heed_trace_address(t, o->first, out) : strcpy(out, "nothing");
    if (!box_of(shape, o, &b)) {
        heed_trace_address(t, o->first, out);
        heed_trace_address(t, last, end);
        used = strlen(out);
        snprintf(out + used, HEED_TRACE_ADDRESS_BYTES - used, "..%s",
                 strchr(end, '[') != NULL ? strchr(end, '[') : "");
        return out;
    }
    name_node(t, node, name, sizeof name);
    used = (size_t)snprintf(out, HEED_TRACE_ADDRESS_BYTES, "%s", name);
    for (int axis = 0; axis < shape->rank && used < HEED_TRACE_ADDRESS_BYTES; axis++)
        used += (size_t)snprintf(out + used, HEED_TRACE_ADDRESS_BYTES - used, "%s%s%s", axis == 0 ? "[" : ",",
                                 write_index(shape, &b, axis, index), axis == shape->rank - 1 ? "]" : "");
    return out;
}
