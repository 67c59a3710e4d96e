/* SPDX-License-Identifier: MIT */
#include <heed/shapes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "inspect/meaning.h"
#include "inspect/shapes_graph.h"
#include "nn/model.h"
#include "nn/part.h"
#include "ops/list.h"

/* Graphs of other sizes, and how many of their first nodes are the same as in the real one. */
typedef struct level {
    heed_symbols symbols;
    heed_probe probes[HEED_N_PROBES];
    heed_shapes_graph graphs[HEED_N_PROBES];
    int n_alike;
} level;

struct heed_shapes {
    heed_arena *arena; /* names */
    heed_shapes_graph graph;
    level levels[HEED_PINNED_LEVELS];
    heed_shapes_symbol list[HEED_N_SYMBOLS + 2];
    int n_list;
    heed_shapes_entry *entries; /* one for each node, under its number */
    int n;
};

/* --- symbols --- */

static void build_probes(const heed_shapes *s, level *l, const heed_config *config,
                         const heed_shapes_options *options)
{
    const int64_t real_rows = heed_shapes_expert_rows(s->graph.g);
    int64_t rows[HEED_N_PROBES];

    l->n_alike = heed_graph_n_nodes(s->graph.g);
    for (int i = 0; i < HEED_N_PROBES; i++) {
        heed_shapes_graph *g = &l->graphs[i];
        l->probes[i] = heed_symbols_probe(&l->symbols, config, i);
        if (heed_shapes_build(&l->probes[i].config, NULL, l->probes[i].batch, l->probes[i].length, options, g,
                              NULL) != HEED_OK) {
            l->n_alike = 0;
            return;
        }
        l->n_alike = heed_shapes_alike(s->graph.g, g->g, l->n_alike);
        rows[i] = heed_shapes_expert_rows(g->g);
    }
    if (options->training && config->expert_capacity > 0.0 && real_rows > 0)
        heed_symbols_name_rows(&l->symbols, l->probes, real_rows, rows);
}

/*
 * Where an axis of one head or one position needs no copy, a longer one may, and from there on the graphs differ. Then sizes
 * of 1 stay 1 in further probes: first the heads, then all of them.
 */
static void build_levels(heed_shapes *s, const heed_config *config, const heed_shapes_options *options)
{
    const int n = heed_graph_n_nodes(s->graph.g);

    for (int i = 0; i < HEED_PINNED_LEVELS; i++) {
        level *l = &s->levels[i];
        l->symbols = heed_symbols_of(config, options->batch_size, options->length);
        heed_symbols_pin(&l->symbols, i);
        build_probes(s, l, config, options);
        if (l->n_alike == n)
            return;
    }
}

static void add_symbol(heed_shapes *s, const char *symbol, const char *name, int64_t size)
{
    s->list[s->n_list++] = (heed_shapes_symbol){symbol, name, size};
}

static void list_symbols(heed_shapes *s, const heed_config *c)
{
    static const struct {
        heed_symbol symbol;
        const char *letter, *name;
    } plain[] = {
        {HEED_SYMBOL_BATCH, "B", "batch_size"},         {HEED_SYMBOL_LENGTH, "T", "length"},
        {HEED_SYMBOL_CONTEXT, "C", "context_length"},   {HEED_SYMBOL_WINDOW, "W", "window"},
        {HEED_SYMBOL_VOCABULARY, "V", "vocab_size"},    {HEED_SYMBOL_MLP, "m", "d_mlp"},
        {HEED_SYMBOL_EXPERTS, "E", "n_experts"},        {HEED_SYMBOL_CHOSEN, "k", "experts_per_token"},
        {HEED_SYMBOL_ROWS, "R", "rows of all experts"},
    };
    const heed_symbols *symbols = &s->levels[0].symbols;
    const int64_t *size = symbols->size;

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (symbols->named[plain[i].symbol])
            add_symbol(s, plain[i].letter, plain[i].name, size[plain[i].symbol]);
    }
    if (c->kind == HEED_KIND_BIGRAM)
        return;
    add_symbol(s, "d", "d_model", c->d_model);
    if (!c->attention)
        return;
    add_symbol(s, "H", "n_heads", c->n_heads);
    if (symbols->named[HEED_SYMBOL_GROUP])
        add_symbol(s, "K", "n_kv_heads", size[HEED_SYMBOL_KV_HEADS]);
    add_symbol(s, "d/H", "head_dim", size[HEED_SYMBOL_HEAD_DIM]);
}

/* --- entries --- */

/* In symbols where they hold, else in figures. sizes: at the probes; l NULL: there are none. */
static void write_symbol(const level *l, char *out, int64_t real, const int64_t *sizes)
{
    heed_expression e;

    if (l != NULL && heed_symbols_read(&l->symbols, l->probes, sizes, real, &e))
        heed_expression_format(out, HEED_SHAPES_SYMBOL, &l->symbols, &e);
    else
        snprintf(out, HEED_SHAPES_SYMBOL, "%lld", (long long)real);
}

/* The first probes in which this node is the same. */
static const level *level_of(const heed_shapes *s, const heed_node *node)
{
    for (int i = 0; i < HEED_PINNED_LEVELS; i++) {
        if (node->id < s->levels[i].n_alike)
            return &s->levels[i];
    }
    return NULL;
}

static void write_symbols(const heed_shapes *s, const heed_node *node, heed_shapes_entry *e)
{
    int64_t sizes[HEED_SHAPES_RANK][HEED_N_PROBES] = {{0}}, strides[HEED_SHAPES_RANK][HEED_N_PROBES] = {{0}};
    int64_t offsets[HEED_N_PROBES] = {0};
    const level *l = level_of(s, node);

    for (int i = 0; i < HEED_N_PROBES && l != NULL; i++) {
        const heed_node *probe = heed_graph_node(l->graphs[i].g, node->id);
        for (int k = 0; k < e->rank; k++) {
            sizes[k][i] = probe->tensor.shape.size[k];
            strides[k][i] = probe->tensor.stride[k];
        }
        offsets[i] = probe->offset;
    }
    for (int k = 0; k < e->rank; k++) {
        write_symbol(l, e->symbol[k], e->size[k], sizes[k]);
        write_symbol(l, e->stride_symbol[k], e->stride[k], strides[k]);
    }
    write_symbol(l, e->offset_symbol, e->offset, offsets);
}

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
    write_symbols(s, node, e);
    heed_part_name(kind, sizeof kind, node->name);
    e->kind_name = heed_arena_format(s->arena, "%s", kind);
    return e->kind_name != NULL;
}

/* --- further names --- */

typedef struct named {
    int id;
    const char *name;
} named;

typedef struct names {
    named *list;
    int n, capacity;
    bool failed;
} names;

static void add_name(void *context, const char *name, const heed_node *node)
{
    names *all = context;

    if (all->n == all->capacity) {
        named *bigger = realloc(all->list, (size_t)(2 * all->capacity + 256) * sizeof *bigger);
        all->failed |= bigger == NULL;
        if (bigger == NULL)
            return;
        all->list = bigger;
        all->capacity = 2 * all->capacity + 256;
    }
    all->list[all->n++] = (named){node->id, name};
}

static int by_node(const void *a, const void *b)
{
    const named *x = a, *y = b;

    return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->name, y->name);
}

/* Before its builder named it, it was called after its op: blocks.0.add.2. That tells nobody anything. */
static bool is_after_op(const char *name, const heed_shapes_entry *e)
{
    const char *at = e->op[0] != '\0' ? strstr(name, e->op) : NULL;
    const char *end = at != NULL ? at + strlen(e->op) : NULL;

    return at != NULL && (at == name || at[-1] == '.') && (*end == '\0' || *end == '.');
}

/* The names of one entry, n of them, but for the one it goes by; each in TransformerLens' spelling as well. */
static bool set_names(heed_shapes *s, const named *list, int n)
{
    heed_shapes_entry *e = &s->entries[list[0].id];
    const char **also = heed_arena_alloc(s->arena, 2 * (size_t)n * sizeof *also);
    char lens[HEED_MAX_NAME + 16];
    int count = 0;

    if (also == NULL)
        return false;
    for (int i = 0; i < n; i++) {
        if (strcmp(list[i].name, e->name) != 0 && !is_after_op(list[i].name, e))
            also[count++] = heed_arena_format(s->arena, "%s", list[i].name);
        if (heed_meaning_lens_name(lens, sizeof lens, list[i].name)[0] != '\0')
            also[count++] = heed_arena_format(s->arena, "%s", lens);
    }
    for (int i = 0; i < count; i++) {
        if (also[i] == NULL)
            return false;
    }
    e->also = also;
    e->n_also = count;
    return true;
}

static bool find_names(heed_shapes *s)
{
    names all = {0};
    bool ok;
    int end;

    heed_graph_each_name(s->graph.g, add_name, &all);
    ok = !all.failed;
    if (ok && all.n > 0)
        qsort(all.list, (size_t)all.n, sizeof *all.list, by_node);
    for (int i = 0; ok && i < all.n; i = end) {
        for (end = i + 1; end < all.n && all.list[end].id == all.list[i].id;)
            end++;
        ok = set_names(s, all.list + i, end - i);
    }
    free(all.list);
    return ok;
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
    return ok && find_names(s) ? HEED_OK : no_memory(err);
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
        build_levels(s, config, &options);
        list_symbols(s, config);
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

bool heed_shapes_matches(const heed_shapes *s, int i, const char *filter)
{
    const heed_shapes_entry *e = &s->entries[i], *exact = heed_shapes_find(s, filter);
    bool found = name_matches(e->name, filter) || name_matches(e->kind_name, filter);

    if (exact != NULL)
        return e == exact;
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
