/* SPDX-License-Identifier: MIT */
/* The sizes of entries in symbols, read off the graphs of other sizes. */
#include "inspect/shapes_internal.h"

#include <stdio.h>

/* --- graphs of other sizes --- */

static void build_probes(const heed_shapes *s, heed_shapes_level *l, const heed_config *config,
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
        heed_shapes_level *l = &s->levels[i];
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

/* --- what their sizes say --- */

/* In symbols where they hold, else in figures. sizes: at the probes; l NULL: there are none. */
static void write_symbol(const heed_shapes_level *l, char *out, int64_t real, const int64_t *sizes)
{
    heed_expression e;

    if (l != NULL && heed_symbols_read(&l->symbols, l->probes, sizes, real, &e))
        heed_expression_format(out, HEED_SHAPES_SYMBOL, &l->symbols, &e);
    else
        snprintf(out, HEED_SHAPES_SYMBOL, "%lld", (long long)real);
}

/* The first probes in which this node is the same. */
static const heed_shapes_level *level_of(const heed_shapes *s, const heed_node *node)
{
    for (int i = 0; i < HEED_PINNED_LEVELS; i++) {
        if (node->id < s->levels[i].n_alike)
            return &s->levels[i];
    }
    return NULL;
}

void heed_shapes_write_symbols(const heed_shapes *s, const heed_node *node, heed_shapes_entry *e)
{
    int64_t sizes[HEED_SHAPES_RANK][HEED_N_PROBES] = {{0}}, strides[HEED_SHAPES_RANK][HEED_N_PROBES] = {{0}};
    int64_t offsets[HEED_N_PROBES] = {0};
    const heed_shapes_level *l = level_of(s, node);

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

void heed_shapes_find_symbols(heed_shapes *s, const heed_config *config, const heed_shapes_options *options)
{
    build_levels(s, config, options);
    list_symbols(s, config);
}
