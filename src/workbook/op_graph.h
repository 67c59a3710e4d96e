/* SPDX-License-Identifier: MIT */
/*
 * A small graph over the grids of an exercise, run once by the plain loops of its ops.
 *
 *     heed_graph *g = heed_op_graph(s);
 *     heed_node *table = heed_op_input(s, g, "table", heed_shape2(rows, d), grid);
 *     heed_node *ids = heed_op_input_ids(s, g, "ids", heed_shape1(n), list);
 *     heed_grid out = heed_op_run(s, g, heed_embedding(g, table, ids));
 *
 * All numbers are the engine's floats. A failure (of the graph too, with its sentence) is that of s; then grids are empty.
 */
#ifndef HEED_WORKBOOK_OP_GRAPH_H
#define HEED_WORKBOOK_OP_GRAPH_H

#include "ops/ops.h"
#include "workbook/exercise.h"

/** NULL after a failure, which all the others take. */
heed_graph *heed_op_graph(heed_solving *s);
/** The numbers of x in their order; as many as the shape has. */
heed_node *heed_op_input(heed_solving *s, heed_graph *g, const char *name, heed_shape shape, heed_grid x);
/** The same as i32: they must be whole. */
heed_node *heed_op_input_ids(heed_solving *s, heed_graph *g, const char *name, heed_shape shape, heed_grid x);
/** The numbers as the engine's, of the arena; NULL after a failure. */
float *heed_op_floats(heed_solving *s, heed_grid x);
/** The value of y: its last axis as columns, all others as rows. Destroys g. */
heed_grid heed_op_run(heed_solving *s, heed_graph *g, heed_node *y);

#endif
