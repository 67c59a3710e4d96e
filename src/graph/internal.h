/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef HEED_GRAPH_INTERNAL_H
#define HEED_GRAPH_INTERNAL_H

#include "base/memory.h"
#include "graph/op.h"

#define HEED_MAX_SCOPES 16

typedef struct heed_assign {
    heed_node *source, *value;
} heed_assign;

struct heed_graph {
    heed_arena *arena; /* nodes, names, attributes */
    heed_node **nodes;
    int n_nodes, node_capacity;
    heed_node **names; /* open hash table of nodes by name; capacity is a power of two */
    int name_capacity;
    heed_assign *assigns;
    int n_assigns, assign_capacity;
    char scope[HEED_MAX_NAME]; /* the current prefix, "blocks.0." */
    size_t scope_end[HEED_MAX_SCOPES];
    int n_scopes;
    heed_error error;
};

/* Gives node a name nobody has: `name` itself, or with ".2", ".3", … behind it. False when memory is out. */
bool heed_names_set(heed_graph *g, heed_node *node, const char *name);
heed_node *heed_names_find(const heed_graph *g, const char *name);

#endif
