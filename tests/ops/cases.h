/* SPDX-License-Identifier: MIT */
/*
 * Small graphs for every op: the cases that all tests of ops walk. A new op needs one more case in cases_table.c.
 *
 *     case_graph *c = case_open(&op_cases[i]);             y and its gradients, sources filled with random numbers
 *     heed_plan *plan = case_plan(c, &device, CASE_REFERENCE | CASE_ALL);
 *     case_reset(c);                                       sources as they were (a cache changes)
 *     heed_plan_run(plan);
 */
#ifndef HEED_TESTS_OPS_CASES_H
#define HEED_TESTS_OPS_CASES_H

#include "cmocka_all.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"

enum { CASE_MAX_SOURCES = 16, CASE_MAX_DEVICES = 8 };

typedef enum case_fill {
    CASE_NORMAL,   /* standard normal */
    CASE_APART,    /* normal, at least 1/2 away from 0: for ops with a kink there */
    CASE_POSITIVE, /* uniform in 1/8 .. 1 */
    CASE_RANKED,   /* numbers of one row at least 2/5 apart: for ops that choose the largest */
    CASE_RANGE,    /* integers (in either type) uniform in low .. high */
    CASE_TARGETS,  /* the same with every third one -100 */
} case_fill;

typedef struct case_source {
    heed_node *node;
    case_fill fill;
    int low, high;
    void *data, *pristine;
} case_source;

typedef struct case_graph {
    heed_graph *g;
    heed_node *y;              /* what the case builds */
    heed_node *dout;           /* [count of y, 1], random: the loss is sum_i dout_i y_i */
    heed_node *seed;           /* the scalar 1 */
    heed_node *product, *loss; /* made from y and dout; of no interest but for their gradients */
    case_source sources[CASE_MAX_SOURCES];
    int n_sources;
} case_graph;

typedef struct op_case {
    const char *name;
    heed_node *(*build)(case_graph *c);
    int terms;     /* numbers in the longest sum (or chain of roundings): tolerances grow with it */
    bool gradient; /* y has one */
} op_case;

extern const op_case op_cases[];
extern const int n_op_cases;

/* For build(): sources. */
heed_node *case_parameter(case_graph *c, heed_shape shape);
heed_node *case_filled(case_graph *c, heed_shape shape, case_fill fill);
heed_node *case_state(case_graph *c, heed_shape shape);
heed_node *case_filled_ints(case_graph *c, heed_shape shape, case_fill fill, int low, int high);
heed_node *case_ints(case_graph *c, heed_shape shape, int low, int high);
heed_node *case_bytes(case_graph *c, heed_shape shape, int low, int high); /* u8 */
heed_node *case_int(case_graph *c, int value);

/** [3, 7]: columns 2 .. 8 of rows of 12, so rows lie apart. */
heed_node *case_strided(case_graph *c);
/** [2, 3, 5, 4], heads side by side in rows: rows of one head do not fold into one stride. */
heed_node *case_heads(case_graph *c);
/** Past this many elements the work is handed to several threads in several pieces. */
enum { MANY_ROWS = 71, MANY_COLUMNS = 515 };
heed_node *case_many(case_graph *c);

/** Builds the case, differentiates it, and fills the sources. Fails the test when the graph has an error. */
case_graph *case_open(const op_case *of);
void case_close(case_graph *c);
/** Gives every source its first numbers again. */
void case_reset(case_graph *c);

/* Without CASE_ALL or CASE_FORWARD a plan computes y and the gradients of the parameters. */
enum {
    CASE_REFERENCE = 1, /* the plain loops */
    CASE_ALL = 2,       /* every node runs and keeps its place */
    CASE_FORWARD = 4,   /* y alone */
};
heed_plan *case_plan(case_graph *c, heed_device *device, int flags);

/** The device without kernels, then one for each table that this processor can run. Returns their number. */
int case_devices(heed_device *devices, int n_threads);
void case_devices_close(heed_device *devices, int n);

/** Largest |x| of the elements that are finite. */
double case_largest(const heed_tensor *x);
/** What kernels may differ from the plain loops by: see the comment in cases.c. */
double case_tolerance(const op_case *of, const heed_tensor *reference);

#endif
