/* SPDX-License-Identifier: MIT */
/* The activations of a model by name: shown as they come, or written to a file. */
#include <heed/verify.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/safetensors.h"
#include "inspect/forward.h"
#include "inspect/weight_names.h"

/* --- shown --- */

typedef struct watcher {
    heed_activation_fn *show;
    void *context;
    heed_arena *arena;
    heed_node **nodes;
    const char **names; /* what each was asked for as */
    int n;
    bool failed; /* memory was out */
} watcher;

static heed_status add_node(watcher *w, heed_node *node, const char *name)
{
    w->nodes[w->n] = node;
    w->names[w->n++] = name;
    return HEED_OK;
}

/* All that builders have named, in the order of the computation. */
static void add_all(watcher *w, const heed_graph *g)
{
    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        heed_node *node = heed_graph_node(g, i);
        if (node->op != NULL && node->named)
            add_node(w, node, node->name);
    }
}

/* A weight by a name of the field is no activation, but its parameter has a gradient. */
static heed_status no_activation(const heed_forward *f, const heed_config *config, const char *name,
                                 heed_error *err)
{
    const char *bare = strncmp(name, "grad/", 5) == 0 ? name + 5
                       : strncmp(name, "d.", 2) == 0  ? name + 2
                                                      : name;
    const heed_node *node = heed_graph_find(heed_forward_graph(f), name);
    const char *near = heed_graph_nearest_name(heed_forward_graph(f), name);
    char shown[HEED_MAX_NAME];
    heed_weight_view view;

    heed_quote(shown, sizeof shown, name, strlen(name));
    if (node != NULL && node->role == HEED_ROLE_PARAMETER)
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\" is a weight, no activation; its gradient is \"grad/%s\"",
                         shown, shown);
    if (heed_weight_view_find(config, bare, -1, &view))
        return heed_fail(err, HEED_ERR_USAGE,
                         "the model has no activation \"%s\"; that weight is %s, its gradient \"grad/%s\"",
                         shown, view.parameter, view.parameter);
    return heed_fail(err, HEED_ERR_USAGE, "the model has no activation \"%s\"%s%s%s", shown,
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

static heed_status add_named(watcher *w, const heed_forward *f, const heed_config *config, const char *name,
                             heed_error *err)
{
    heed_node *node = heed_forward_find(f, name);

    if (node != NULL) /* TransformerLens has heads elsewhere, so what is in heed's layout has heed's name */
        return add_node(w, node, strstr(name, "hook_") != NULL ? node->name : name);
    return no_activation(f, config, name, err);
}

/* All numbers in the order of the shape, as floats. */
static void copy_numbers(const heed_tensor *value, float *numbers)
{
    const int64_t n = heed_cols(value);

    for (int64_t r = 0; value->dtype == HEED_F32 && r < heed_rows(value); r++)
        memcpy(numbers + r * n, heed_row(value, r), (size_t)n * sizeof *numbers);
    for (int64_t i = 0; value->dtype != HEED_F32 && i < heed_tensor_count(value); i++)
        numbers[i] = heed_tensor_get(value, i);
}

/* Hands the node on under each name it was asked for, as dense floats; they are copied where they do not lie so. */
static void show_node(void *context, const heed_node *node, const heed_tensor *value)
{
    watcher *w = context;
    const bool dense = value->dtype == HEED_F32 && heed_tensor_is_dense(value);
    float *copy = dense ? NULL : malloc(((size_t)heed_tensor_count(value) + 1) * sizeof *copy);
    const float *numbers = dense ? value->data : copy;

    w->failed = w->failed || numbers == NULL;
    if (copy != NULL)
        copy_numbers(value, copy);
    for (int i = 0; numbers != NULL && i < w->n; i++) {
        if (w->nodes[i] == node)
            w->show(w->context, w->names[i], value->shape.rank, value->shape.size, numbers);
    }
    free(copy);
}

static bool any_gradient(const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(names[i], "grad/", 5) == 0 || strncmp(names[i], "d.", 2) == 0)
            return true;
    }
    return false;
}

heed_status heed_model_observe(const heed_model *model, const int32_t *ids, size_t n, const char *const *names,
                               int n_names, heed_activation_fn *show, void *context, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = (int64_t)n};
    watcher w = {.show = show, .context = context, .arena = heed_arena_create()};
    heed_forward *f = NULL;
    heed_status status = heed_forward_create(model, &in, names != NULL && any_gradient(names, n_names), 0, &f,
                                             err);
    size_t room;

    if (status == HEED_OK) {
        room = names != NULL ? (size_t)n_names : (size_t)heed_graph_n_nodes(heed_forward_graph(f));
        w.nodes = w.arena != NULL ? heed_arena_alloc(w.arena, (room + 1) * sizeof *w.nodes) : NULL;
        w.names = w.arena != NULL ? heed_arena_alloc(w.arena, (room + 1) * sizeof *w.names) : NULL;
        if (w.nodes == NULL || w.names == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    }
    if (status == HEED_OK && names == NULL)
        add_all(&w, heed_forward_graph(f));
    for (int i = 0; status == HEED_OK && names != NULL && i < n_names; i++)
        status = add_named(&w, f, heed_model_config(model), names[i], err);
    if (status == HEED_OK)
        status = heed_forward_run(f, w.nodes, w.n, show_node, &w, err);
    if (status == HEED_OK && w.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a copy of an activation");
    heed_forward_destroy(f);
    heed_arena_destroy(w.arena);
    return status;
}

/* --- written --- */

typedef struct recording {
    heed_arena *arena;
    heed_safetensors_entry *entries;
    size_t n, capacity;
    bool failed;
} recording;

static bool make_room(recording *r)
{
    heed_safetensors_entry *more;

    if (r->n < r->capacity)
        return true;
    r->capacity = 2 * r->capacity + 64;
    more = realloc(r->entries, r->capacity * sizeof *more);
    if (more != NULL)
        r->entries = more;
    return more != NULL;
}

static void keep(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    recording *r = context;
    heed_safetensors_entry entry = {
        .name = heed_arena_format(r->arena, "%s", name), .dtype = HEED_SAFETENSORS_F32, .rank = rank};
    void *copy;

    memcpy(entry.size, size, (size_t)rank * sizeof *size);
    if (entry.name == NULL || !heed_safetensors_measure(&entry) || !make_room(r) ||
        entry.bytes > heed_memory_available() || (copy = heed_arena_alloc(r->arena, entry.bytes)) == NULL) {
        r->failed = true;
        return;
    }
    if (entry.bytes > 0)
        memcpy(copy, numbers, entry.bytes);
    entry.data = copy;
    r->entries[r->n++] = entry;
}

heed_status heed_model_record(const heed_model *model, const int32_t *ids, size_t n, const char *const *names,
                              int n_names, const char *path, heed_error *err)
{
    const heed_safetensors_pair metadata = {"format", "pt"};
    recording r = {.arena = heed_arena_create()};
    heed_status status = HEED_OK;

    if (r.arena == NULL || !make_room(&r))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to record activations");
    if (status == HEED_OK) {
        r.entries[r.n++] = (heed_safetensors_entry){
            .name = "ids", .dtype = HEED_SAFETENSORS_I32, .rank = 2, .size = {1, (int64_t)n}, .data = ids};
        status = heed_model_observe(model, ids, n, names, n_names, keep, &r, err);
    }
    if (status == HEED_OK && r.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to keep the activations of %zu tokens", n);
    if (status == HEED_OK)
        status = heed_safetensors_write(path, r.entries, r.n, &metadata, 1, err);
    heed_arena_destroy(r.arena);
    free(r.entries);
    return status;
}
