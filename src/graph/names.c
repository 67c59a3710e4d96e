/* SPDX-License-Identifier: MIT */
/* Names of nodes: unique, found by hashing, and near ones suggested. */
#include "base/fnv.h"
#include "base/nearest.h"
#include "graph/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry that holds the name, or the free one where it belongs. */
static struct heed_name_entry *entry_of(struct heed_name_entry *table, int capacity, const char *name)
{
    size_t i = (size_t)heed_fnv(HEED_FNV_BEGIN, name, strlen(name)) & (size_t)(capacity - 1);

    while (table[i].name != NULL && strcmp(table[i].name, name) != 0)
        i = (i + 1) & (size_t)(capacity - 1);
    return &table[i];
}

/* Keeps the table at most half full. */
static bool make_room(heed_graph *g)
{
    const int capacity = g->name_capacity > 0 ? 2 * g->name_capacity : 256;
    struct heed_name_entry *table;

    if (2 * (g->n_names + 1) <= g->name_capacity)
        return true;
    table = calloc((size_t)capacity, sizeof *table);
    if (table == NULL)
        return false;
    for (int i = 0; i < g->name_capacity; i++) {
        if (g->names[i].name != NULL)
            *entry_of(table, capacity, g->names[i].name) = g->names[i];
    }
    free(g->names);
    g->names = table;
    g->name_capacity = capacity;
    return true;
}

heed_node *heed_names_find(const heed_graph *g, const char *name)
{
    return g->names == NULL ? NULL : entry_of(g->names, g->name_capacity, name)->node;
}

const char *heed_names_add(heed_graph *g, heed_node *node, const char *name)
{
    struct heed_name_entry *taken = g->names != NULL ? entry_of(g->names, g->name_capacity, name) : NULL;
    char *unique = heed_arena_format(g->arena, "%s", name);

    while (unique != NULL && heed_names_find(g, unique) != NULL)
        unique = heed_arena_format(g->arena, "%s.%d", name, ++taken->n_asked);
    if (unique == NULL || !make_room(g))
        return NULL;
    *entry_of(g->names, g->name_capacity, unique) = (struct heed_name_entry){unique, node, 1};
    g->n_names++;
    return unique;
}

/* TransformerLens' spelling in ours: blocks.0.attn.hook_attn_scores is blocks.0.attn.scores. */
static void from_transformer_lens(char *out, size_t size, const char *name)
{
    static const char *const words[][2] = {{"hook_attn_scores", "scores"}, {"hook_", ""}};
    size_t used = 0;

    while (*name != '\0' && used + 1 < size) {
        size_t skip = 0;
        for (size_t w = 0; w < sizeof words / sizeof words[0] && skip == 0; w++) {
            if (strncmp(name, words[w][0], strlen(words[w][0])) == 0) {
                skip = strlen(words[w][0]);
                used += (size_t)snprintf(out + used, size - used, "%s", words[w][1]);
            }
        }
        if (skip == 0 && used + 1 < size) {
            out[used++] = *name;
            skip = 1;
        }
        name += skip;
    }
    out[used < size ? used : size - 1] = '\0';
}

heed_node *heed_graph_find(const heed_graph *g, const char *name)
{
    char ours[HEED_MAX_NAME];
    heed_node *node = heed_names_find(g, name);

    if (node != NULL)
        return node;
    from_transformer_lens(ours, sizeof ours, name);
    return heed_names_find(g, ours);
}

void heed_graph_each_name(const heed_graph *g,
                          void (*show)(void *context, const char *name, const heed_node *node), void *context)
{
    for (int i = 0; i < g->name_capacity; i++) {
        if (g->names[i].name != NULL)
            show(context, g->names[i].name, g->names[i].node);
    }
}

const char *heed_graph_nearest_name(const heed_graph *g, const char *name)
{
    const char *best = NULL;
    int best_distance = 0;

    for (int i = 0; i < g->name_capacity; i++) {
        const char *candidate = g->names[i].name;
        const int distance = candidate != NULL ? heed_edit_distance(name, candidate) : INT_MAX;
        if (!heed_is_near(name, distance))
            continue;
        if (best == NULL || distance < best_distance ||
            (distance == best_distance && strcmp(candidate, best) < 0)) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}
