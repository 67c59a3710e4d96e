/* SPDX-License-Identifier: MIT */
/* The graph of one pass, as it is built for real sizes and for the probes of symbols.h; nothing is bound or run. */
#ifndef HEED_INSPECT_SHAPES_GRAPH_H
#define HEED_INSPECT_SHAPES_GRAPH_H

#include <heed/shapes.h>

#include "inspect/symbols.h"
#include "nn/nn.h"
#include "nn/weights.h"

typedef struct heed_shapes_graph {
    heed_graph *g;
    heed_node *result; /* what the pass is run for: the logits, or the loss */
    bool training;
    bool all; /* it is run for all of its nodes */
} heed_shapes_graph;

/** weights: their types; NULL: all f32. The caller destroys out->g, also after an error. */
heed_status heed_shapes_build(const heed_config *config, const heed_weights *weights, int64_t batch,
                              int64_t length, const heed_shapes_options *options, heed_shapes_graph *out,
                              heed_error *err);
/** How many of the first n nodes have the same ops, inputs and ranks, up to the first that has not. */
int heed_shapes_alike(const heed_graph *a, const heed_graph *b, int n);
/** Marks in needed, one for each node, what a run computes that nobody watches. */
void heed_shapes_mark_needed(const heed_shapes_graph *graph, bool *needed);
/** Rows of all experts; 0: none, or not bounded. */
int64_t heed_shapes_expert_rows(const heed_graph *g);

#endif
