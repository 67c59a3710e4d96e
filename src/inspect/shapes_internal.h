/* SPDX-License-Identifier: MIT */
/* Shapes from inside: shapes.c makes the entries, shapes_symbols.c their symbols, shapes_names.c their further names. */
#ifndef HEED_INSPECT_SHAPES_INTERNAL_H
#define HEED_INSPECT_SHAPES_INTERNAL_H

#include "base/memory.h"
#include "inspect/shapes_graph.h"

/* Graphs of other sizes, and how many of their first nodes are the same as in the real one. */
typedef struct heed_shapes_level {
    heed_symbols symbols;
    heed_probe probes[HEED_N_PROBES];
    heed_shapes_graph graphs[HEED_N_PROBES];
    int n_alike;
} heed_shapes_level;

struct heed_shapes {
    heed_arena *arena; /* names */
    heed_shapes_graph graph;
    heed_shapes_level levels[HEED_PINNED_LEVELS];
    heed_shapes_symbol list[HEED_N_SYMBOLS + 2];
    int n_list;
    heed_shapes_entry *entries; /* one for each node, under its number */
    int n;
};

/** Builds the probes of the real graph, and lists the named sizes. */
void heed_shapes_find_symbols(heed_shapes *s, const heed_config *config, const heed_shapes_options *options);
/** Writes the sizes, strides and offset of an entry in symbols. */
void heed_shapes_write_symbols(const heed_shapes *s, const heed_node *node, heed_shapes_entry *e);
/** Fills in what else the entries are called; false when memory is out. */
bool heed_shapes_find_names(heed_shapes *s);

#endif
