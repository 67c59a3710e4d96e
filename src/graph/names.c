/* SPDX-License-Identifier: MIT */
/* Names of nodes: unique, found by hashing, and near ones suggested. */
#include "graph/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

/* The slot that holds the name, or the free one where it belongs. */
static heed_node **slot_of(heed_node **table, int capacity, const char *name)
{
    size_t i = (size_t)hash_of(name) & (size_t)(capacity - 1);

    while (table[i] != NULL && strcmp(table[i]->name, name) != 0)
        i = (i + 1) & (size_t)(capacity - 1);
    return &table[i];
}

/* Room for all nodes at half load; a renamed node's old slot is dropped on the way. */
static bool rebuild(heed_graph *g)
{
    int capacity = 256;
    heed_node **table;

    while (capacity < 4 * g->n_nodes)
        capacity *= 2;
    table = calloc((size_t)capacity, sizeof *table);
    if (table == NULL)
        return false;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->name != NULL)
            *slot_of(table, capacity, g->nodes[i]->name) = g->nodes[i];
    }
    free(g->names);
    g->names = table;
    g->name_capacity = capacity;
    return true;
}

heed_node *heed_names_find(const heed_graph *g, const char *name)
{
    return g->names == NULL ? NULL : *slot_of(g->names, g->name_capacity, name);
}

bool heed_names_set(heed_graph *g, heed_node *node, const char *name)
{
    char *unique = heed_arena_format(g->arena, "%s", name);

    for (int n = 2; unique != NULL && heed_names_find(g, unique) != NULL; n++)
        unique = heed_arena_format(g->arena, "%s.%d", name, n);
    if (unique == NULL)
        return false;
    if (node->name != NULL || 2 * g->n_nodes >= g->name_capacity) {
        node->name = unique;
        return rebuild(g);
    }
    node->name = unique;
    *slot_of(g->names, g->name_capacity, unique) = node;
    return true;
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
    node = heed_names_find(g, ours);
    if (node == NULL && strncmp(ours, "d.", 2) == 0) { /* a gradient that also serves another node has that one's name */
        node = heed_names_find(g, ours + 2);
        node = node != NULL ? node->grad : NULL;
    }
    return node;
}

/* Levenshtein's edit distance, given up (large) above 63 characters. */
static int edit_distance(const char *a, const char *b)
{
    int row[64];
    const int n = (int)strlen(a), m = (int)strlen(b);

    if (n > 63 || m > 63)
        return 1000;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            const int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[m];
}

const char *heed_graph_nearest_name(const heed_graph *g, const char *name)
{
    const char *best = NULL;
    int best_distance = 1 + (int)strlen(name) / 3;

    for (int i = 0; i < g->n_nodes; i++) {
        const int distance = edit_distance(name, g->nodes[i]->name);
        if (distance <= best_distance) {
            best_distance = distance - 1;
            best = g->nodes[i]->name;
        }
    }
    return best;
}
