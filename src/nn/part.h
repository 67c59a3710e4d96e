/* SPDX-License-Identifier: MIT */
/* Which block of a model a node belongs to. */
#ifndef HEED_NN_PART_H
#define HEED_NN_PART_H

#include "graph/graph.h"

/**
 * A name without the number of its block: "blocks.3.attn.q" as "blocks.*.attn.q", "d.h.3.attn.c_attn.weight" as
 * "d.h.*.attn.c_attn.weight". Returns the block, -1: none; for it alone out may be NULL and size 0.
 */
int heed_part_name(char *out, size_t size, const char *name);
/**
 * The block of every node, -1: none, into layer [n_nodes]. A gradient without a name of its own belongs to the block of the
 * latest node that it is made from.
 */
void heed_part_layers(const heed_graph *g, int *layer);

#endif
