/* SPDX-License-Identifier: MIT */
/*
 * A small graph over the numbers of an exercise: made by the builders that models use, differentiated as training does it, run
 * by the ops' plain loops. Or only made, to see what shapes come out.
 *
 *     heed_small m;
 *     if (!heed_small_begin(s, &m))
 *         return;
 *     heed_node *W = heed_small_matrix(&m, "W", weights);                       has a gradient
 *     heed_node *y = heed_linear(m.g, heed_small_matrix(&m, "x", x), W, NULL, HEED_WEIGHT_IN_OUT);
 *     heed_small_differentiate(&m, y, upstream);                                of sum(upstream * y)
 *     heed_small_run(&m, (heed_node *[]){y, W->grad}, 2);
 *     heed_put_grid(s, "grad_W", heed_small_value(&m, W->grad));
 *     heed_small_end(&m);
 *
 * What fails fails s: sizes that do not fit each other with HEED_ERR_USAGE. Then nodes are NULL, values are empty, and builders take
 * both. So a caller looks at gradients of nodes only where heed_small_differentiate() was true.
 */
#ifndef HEED_WORKBOOK_SMALL_GRAPH_H
#define HEED_WORKBOOK_SMALL_GRAPH_H

#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"
#include "workbook/exercise.h"

typedef struct heed_small {
    heed_solving *s;
    heed_graph *g;
    heed_plan *plan;
    heed_device device;
    float one;
    bool has_run;
} heed_small;

/** false: s has failed, there is nothing to end. The struct must stay where it is. */
bool heed_small_begin(heed_solving *s, heed_small *m);
void heed_small_end(heed_small *m);

/* --- what is given --- */

heed_node *heed_small_matrix(heed_small *m, const char *name, heed_grid x); /* [rows, columns], a parameter */
heed_node *heed_small_batch(heed_small *m, const char *name, heed_grid x);  /* [1, rows, columns], one */
heed_node *heed_small_vector(heed_small *m, const char *name, heed_grid x); /* [n], one */
heed_node *heed_small_input(heed_small *m, const char *name,
                            heed_grid x); /* [rows, columns] without a gradient */
/** Whole numbers 0 .. n_ids-1 as i32 [n]; others fail s. */
heed_node *heed_small_ids(heed_small *m, const char *name, heed_grid x, int64_t n_ids);
/** A number that an op reads, as a learning rate. */
heed_node *heed_small_scalar(heed_small *m, const char *name, double x);

/* --- what comes of it --- */

/** Of sum(upstream * y); of y itself where it is a scalar and upstream has no data. */
bool heed_small_differentiate(heed_small *m, heed_node *y, heed_grid upstream);
/** Once. NULL among the nodes is left out. */
void heed_small_run(heed_small *m, heed_node *const *nodes, int n);
/** Of a node that was run; a vector is one row, of more axes the leading ones are rows. */
heed_grid heed_small_value(heed_small *m, const heed_node *node);

/* --- shapes alone --- */

/** Its sizes as a list; a graph with an error fails s. */
void heed_small_put_shape(heed_small *m, const char *name, const heed_node *node);
/** "(4, 8, 65)", of the arena. */
const char *heed_small_shape_text(heed_small *m, const heed_node *node);

#endif
