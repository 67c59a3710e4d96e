/* SPDX-License-Identifier: MIT */
#include <heed/shapes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pattern.h"
#include "inspect/meaning.h"
#include "inspect/shapes_internal.h"
#include "nn/model.h"
#include "nn/part.h"
#include "ops/list.h"

/* --- entries --- */

/* All its numbers, in order, stand at equal distances. */
static bool flattens(const heed_tensor *x)
{
    int64_t next_stride = 0, next_size = 0;

    for (int axis = x->shape.rank - 1; axis >= 0; axis--) {
        if (x->shape.size[axis] == 1)
            continue;
        if (next_size > 0 && x->stride[axis] != next_stride * next_size)
            return false;
        next_stride = x->stride[axis];
        next_size = x->shape.size[axis];
    }
    return true;
}

static heed_shapes_kind kind_of(const heed_graph *g, const heed_node *node)
{
    if (node->role == HEED_ROLE_PARAMETER)
        return HEED_SHAPES_PARAMETER;
    if (node->op == NULL)
        return node->role == HEED_ROLE_STATE ? HEED_SHAPES_STATE : HEED_SHAPES_INPUT;
    return node->id >= heed_graph_n_forward(g) ? HEED_SHAPES_GRADIENT : HEED_SHAPES_ACTIVATION;
}

static int64_t bytes_of(const heed_tensor *x)
{
    const int64_t count = heed_tensor_count(x);

    return count * (int64_t)heed_dtype_bytes(x->dtype);
}

static bool describe(heed_shapes *s, const heed_node *node, bool needed, int layer)
{
    heed_shapes_entry *e = &s->entries[node->id];
    const heed_tensor *x = &node->tensor;
    char kind[HEED_MAX_NAME];

    *e = (heed_shapes_entry){.name = node->name,
                             .op = node->op != NULL ? node->op->name : "",
                             .meaning = heed_meaning_of(node),
                             .kind = kind_of(s->graph.g, node),
                             .layer = layer,
                             .rank = x->shape.rank,
                             .type = heed_dtype_name(x->dtype),
                             .bytes = bytes_of(x),
                             .storage = node->owner->id,
                             .offset = node->offset,
                             .of = -1,
                             .is_view = node->op != NULL && node->op->is_view,
                             .is_copy = node->op == &heed_op_copy,
                             .contiguous = heed_tensor_is_dense(x),
                             .flattens = flattens(x),
                             .on_request = !needed && node->op != NULL};
    for (int i = 0; i < node->first->n_in && e->of < 0; i++)
        e->of = node->first->in[i] != NULL ? node->first->in[i]->id : -1;
    memcpy(e->size, x->shape.size, (size_t)e->rank * sizeof e->size[0]);
    memcpy(e->stride, x->stride, (size_t)e->rank * sizeof e->stride[0]);
    heed_shapes_write_symbols(s, node, e);
    heed_part_name(kind, sizeof kind, node->name);
    e->kind_name = heed_arena_format(s->arena, "%s", kind);
    return e->kind_name != NULL;
}

/* --- making it --- */

static heed_status no_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the shapes of a model");
}

static heed_status fill(heed_shapes *s, heed_error *err)
{
    bool *needed, ok;
    int *layer;

    s->n = heed_graph_n_nodes(s->graph.g);
    s->entries = calloc((size_t)s->n, sizeof *s->entries);
    needed = calloc((size_t)s->n, sizeof *needed);
    layer = calloc((size_t)s->n, sizeof *layer);
    ok = s->entries != NULL && needed != NULL && layer != NULL;
    if (ok) {
        heed_shapes_mark_needed(&s->graph, needed);
        heed_part_layers(s->graph.g, layer);
    }
    for (int i = 0; i < s->n && ok; i++)
        ok = describe(s, heed_graph_node(s->graph.g, i), needed[i], layer[i]);
    free(needed);
    free(layer);
    return ok && heed_shapes_find_names(s) ? HEED_OK : no_memory(err);
}

static heed_status check(const heed_config *config, const heed_shapes_options *options, heed_error *err)
{
    heed_status status = heed_config_check(config, err);

    if (status == HEED_OK && options->batch_size < 1)
        status = heed_fail(err, HEED_ERR_USAGE, "batch_size: expected at least 1, got %lld",
                           (long long)options->batch_size);
    if (status == HEED_OK && options->training && options->precision != HEED_PRECISION_F32 &&
        options->precision != HEED_PRECISION_BF16)
        status = heed_fail(err, HEED_ERR_USAGE, "training is in f32 or bf16, not in %s",
                           heed_precision_name((heed_precision)options->precision));
    if (status == HEED_OK && options->heads && config->kind != HEED_KIND_GPT)
        status = heed_fail(err, HEED_ERR_USAGE, "a bigram model has no heads");
    if (status == HEED_OK && options->cache && (options->training || config->kind != HEED_KIND_GPT))
        status = heed_fail(err, HEED_ERR_USAGE, "a cache is for reading with a GPT, not for %s",
                           options->training ? "training" : "a bigram model");
    if (status == HEED_OK && options->cache && options->length > config->context_length)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "length: expected at most the %lld tokens of the cache, got %lld",
                           (long long)config->context_length, (long long)options->length);
    return status == HEED_OK ? heed_config_check_length(config, options->length, err) : status;
}

static heed_status create(const heed_config *config, const heed_weights *weights,
                          const heed_shapes_options *given, heed_shapes **shapes, heed_error *err)
{
    heed_shapes_options options = *given;
    heed_shapes *s = NULL;
    heed_status status;

    *shapes = NULL;
    options.batch_size = options.batch_size != 0 ? options.batch_size : 1;
    if (options.length == 0)
        options.length = options.cache ? 1 : config->context_length;
    status = check(config, &options, err);
    if (status != HEED_OK)
        return status;
    s = calloc(1, sizeof *s);
    if (s == NULL || (s->arena = heed_arena_create()) == NULL) {
        free(s);
        return no_memory(err);
    }
    status = heed_shapes_build(config, weights, options.batch_size, options.length, &options, &s->graph, err);
    if (status == HEED_OK) {
        heed_shapes_find_symbols(s, config, &options);
        status = fill(s, err);
    }
    if (status != HEED_OK) {
        heed_shapes_destroy(s);
        s = NULL;
    }
    *shapes = s;
    return status;
}

heed_status heed_shapes_create(const heed_config *config, const heed_shapes_options *options,
                               heed_shapes **shapes, heed_error *err)
{
    return create(config, NULL, options, shapes, err);
}

heed_status heed_shapes_create_of(const heed_model *model, const heed_shapes_options *options,
                                  heed_shapes **shapes, heed_error *err)
{
    return create(&model->config, model->weights, options, shapes, err);
}

void heed_shapes_destroy(heed_shapes *s)
{
    if (s == NULL)
        return;
    heed_graph_destroy(s->graph.g);
    for (int i = 0; i < HEED_PINNED_LEVELS; i++) {
        for (int k = 0; k < HEED_N_PROBES; k++)
            heed_graph_destroy(s->levels[i].graphs[k].g);
    }
    heed_arena_destroy(s->arena);
    free(s->entries);
    free(s);
}

/* --- reading it --- */

int heed_shapes_n(const heed_shapes *s)
{
    return s->n;
}

const heed_shapes_entry *heed_shapes_get(const heed_shapes *s, int i)
{
    return &s->entries[i];
}

const heed_shapes_entry *heed_shapes_find(const heed_shapes *s, const char *name)
{
    const heed_node *node = strlen(name) < HEED_MAX_NAME ? heed_graph_find(s->graph.g, name) : NULL;

    return node != NULL ? &s->entries[node->id] : NULL;
}

static bool name_matches(const char *name, const char *filter)
{
    return strpbrk(filter, "*?") != NULL ? heed_pattern_matches(filter, name) : strstr(name, filter) != NULL;
}

/* Is it what the name has behind its last point? */
static bool ends_in(const char *name, const char *last)
{
    const char *point = strrchr(name, '.');

    return point != NULL && strcmp(point + 1, last) == 0;
}

static bool entry_ends_in(const heed_shapes_entry *e, const char *last)
{
    bool found = ends_in(e->name, last);

    for (int k = 0; k < e->n_also && !found; k++)
        found = ends_in(e->also[k], last);
    return found;
}

static bool any_ends_in(const heed_shapes *s, const char *last)
{
    bool found = false;

    for (int i = 0; i < heed_shapes_n(s) && !found; i++)
        found = entry_ends_in(&s->entries[i], last);
    return found;
}

bool heed_shapes_matches(const heed_shapes *s, int i, const char *filter)
{
    const heed_shapes_entry *e = &s->entries[i], *exact = heed_shapes_find(s, filter);
    bool found = name_matches(e->name, filter) || name_matches(e->kind_name, filter);

    if (exact != NULL)
        return e == exact;
    if (any_ends_in(s, filter))
        return entry_ends_in(e, filter);
    for (int k = 0; k < e->n_also && !found; k++)
        found = name_matches(e->also[k], filter);
    return found;
}

const char *heed_shapes_nearest(const heed_shapes *s, const char *name)
{
    const char *near = heed_graph_nearest_name(s->graph.g, name);
    char in_block[HEED_MAX_NAME];

    snprintf(in_block, sizeof in_block, "blocks.0.%s", name);
    return near != NULL ? near : heed_graph_nearest_name(s->graph.g, in_block);
}

const heed_shapes_symbol *heed_shapes_symbols(const heed_shapes *s, int *n)
{
    *n = s->n_list;
    return s->list;
}
