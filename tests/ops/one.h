/* SPDX-License-Identifier: MIT */
/*
 * One node, run on one device: for tests of what a single op promises. Include after cases.h.
 *
 *     heed_graph *g = heed_graph_create();
 *     heed_node *y = heed_relu(g, one_source(g, "x", HEED_F32, heed_shape1(n), x));
 *     one_run(g, y, &device, values);            y's elements
 */
#ifndef HEED_TESTS_OPS_ONE_H
#define HEED_TESTS_OPS_ONE_H

#include "cases.h"

/* A parameter (f32) or an input (i32) whose numbers are at data. */
static inline heed_node *one_source(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape,
                                    void *data)
{
    heed_node *node = dtype == HEED_F32 ? heed_graph_parameter(g, name, shape)
                                        : heed_graph_input(g, name, dtype, shape);

    assert_non_null(node);
    node->tensor.data = data;
    return node;
}

/* Runs what y needs (and the graph's assignments); values (may be NULL) gets y. */
static inline void one_run(heed_graph *g, heed_node *y, heed_device *device, float *values)
{
    const heed_plan_options options = {
        .device = device, .reference = device->kernels == NULL, .targets = &y, .n_targets = 1, .assign = true};
    heed_plan *plan = NULL;
    heed_error err = {0};

    if (heed_plan_create(g, &options, &plan, &err) != HEED_OK || heed_plan_place(plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(plan);
    for (int64_t i = 0; i < heed_tensor_count(&y->tensor) && values != NULL; i++)
        values[i] = heed_tensor_get(heed_plan_value(plan, y), i);
    heed_plan_destroy(plan);
}

#endif
