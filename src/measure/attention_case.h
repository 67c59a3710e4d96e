/* SPDX-License-Identifier: MIT */
/*
 * One attention over random numbers, planned once and run against the clock.
 *
 *     heed_attention_arrays arrays;               q, k, v, dout; several cases may share them
 *     heed_attention_case c;
 *     heed_attention_case_plan(&c, &shape, &arrays, &device, err);
 *     heed_attention_case_place(&c, block, err);  a block of c.bytes or more, which cases may share too
 *     seconds = heed_attention_case_run(&c, HEED_ATTENTION_BOTH);
 *
 * Only attention's own nodes are timed, not the scalar that is differentiated.
 */
#ifndef HEED_MEASURE_ATTENTION_CASE_H
#define HEED_MEASURE_ATTENTION_CASE_H

#include <heed/mask.h>

#include "graph/plan.h"
#include "kernels/device.h"

typedef struct heed_attention_shape {
    int64_t n_heads, n_query, n_key, head_dim;
    bool bf16;
    bool plain; /* the text book: scores, softmax, product */
    bool backward;
    bool rows; /* q, k and v are columns of one row a token, as in models; n_query = n_key, and not plain */
    heed_mask mask;
} heed_attention_shape;

typedef struct heed_attention_arrays {
    void *q, *k, *v; /* f32, or bf16; q the rows, where q, k and v are columns of them */
    float *dout;     /* NULL without backward */
    size_t q_bytes, k_bytes, dout_bytes;
} heed_attention_arrays;

enum { HEED_ATTENTION_FORWARD, HEED_ATTENTION_BOTH, HEED_ATTENTION_PASSES };

typedef struct heed_attention_case {
    heed_attention_shape shape;
    heed_graph *g;
    heed_node *variables[3]; /* q, k and v, or their rows */
    int n_variables;
    float one;
    heed_plan *plans[HEED_ATTENTION_PASSES];  /* forward; forward and backward, or NULL */
    double pass_bytes[HEED_ATTENTION_PASSES]; /* of memory that a pass works in, beside q, k, v */
    double flops[HEED_ATTENTION_PASSES];      /* of the pairs that see each other */
    size_t bytes;                             /* of the block */
    uint8_t *timed;                           /* [n_nodes] 1: a node of attention itself */
} heed_attention_case;

/** Random numbers for a shape; HEED_ERR_MEMORY where they are more than there is. */
heed_status heed_attention_arrays_create(heed_attention_arrays *arrays, const heed_attention_shape *shape,
                                         heed_error *err);
void heed_attention_arrays_destroy(heed_attention_arrays *arrays);

heed_status heed_attention_case_plan(heed_attention_case *c, const heed_attention_shape *shape,
                                     const heed_attention_arrays *arrays, heed_device *device, heed_error *err);
heed_status heed_attention_case_place(heed_attention_case *c, void *block, heed_error *err);
/** Runs a pass; the seconds that attention took of it. */
double heed_attention_case_run(heed_attention_case *c, int pass);
void heed_attention_case_destroy(heed_attention_case *c);

#endif
