/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef HEED_GRAPH_INTERNAL_H
#define HEED_GRAPH_INTERNAL_H

#include "base/memory.h"
#include "graph/op.h"

#define HEED_MAX_SCOPES 16

typedef struct heed_assign {
    heed_node *source, *value;
    int stage;
} heed_assign;

struct heed_name_entry {
    const char *name; /* NULL: free */
    heed_node *node;
    int n_asked; /* how often somebody wanted this name: the next one gets that number behind it */
};

struct heed_graph {
    heed_arena *arena; /* nodes, names, attributes */
    heed_node **nodes;
    int n_nodes, node_capacity;
    int n_forward;                 /* nodes before the first differentiation; 0: there was none */
    struct heed_name_entry *names; /* open hash table; the capacity is a power of two */
    int n_names, name_capacity;
    heed_assign *assigns;
    int n_assigns, assign_capacity;
    char scope[HEED_MAX_NAME]; /* the current prefix, "blocks.0." */
    size_t source_bytes;       /* of all sources, four for each element */
    size_t scope_end[HEED_MAX_SCOPES];
    int n_scopes;
    heed_error error;
};

/*
 * Makes node known under a name that nobody has yet, `name` itself or with ".2", ".3", … behind it, and returns
 * that name (NULL when memory is out). A node may have several; node->name is the caller's to set.
 */
const char *heed_names_add(heed_graph *g, heed_node *node, const char *name);
heed_node *heed_names_find(const heed_graph *g, const char *name);

#endif
