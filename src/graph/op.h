/* SPDX-License-Identifier: MIT */
/*
 * The contract of an op: everything that is true of one kind of node, in one file of src/ops.
 *
 *   shape     what comes out for these inputs, or a clear error
 *   forward   the plain loop that anyone can read: the reference
 *   fast      the same result through the device's kernels (optional)
 *   grad      which ordinary nodes compute the gradients of the inputs
 *   cost      FLOPs and bytes
 *   explain   for one element of an output: the formula, the operands it was made from, and the calculation in lines
 *
 *     static bool relu_shape(heed_graph *g, heed_node *y)
 *     {
 *         heed_node_set_shape(y, 0, HEED_F32, y->in[0]->tensor.shape);
 *         return true;
 *     }
 *     const heed_op heed_op_relu = {.name = "relu", .n_inputs = 1, .shape = relu_shape, …};
 *     heed_node *heed_relu(heed_graph *g, heed_node *x) { return heed_node_append(g, &heed_op_relu, x); }
 *
 * An op with several outputs (n_outputs > 1) has one node for each; the first one runs for all of
 * them. An output that nobody needs arrives as NULL. So does an optional input.
 * In every tensor the last axis is contiguous; the other strides are free unless shape() refuses them.
 */
#ifndef HEED_GRAPH_OP_H
#define HEED_GRAPH_OP_H

#include "graph/graph.h"

struct heed_device; /* kernels/device.h; the graph only hands it on */

typedef struct heed_op_args {
    const heed_node *node; /* the first output's node */
    const void *attrs;
    const heed_tensor *in[HEED_MAX_INPUTS];    /* NULL: an optional input that is absent */
    const heed_tensor *out;                    /* outs[0] */
    const heed_tensor *outs[HEED_MAX_OUTPUTS]; /* NULL: not needed in this run */
    void *workspace;                           /* workspace() bytes, aligned to 64, contents undefined */
    struct heed_device *device;
} heed_op_args;

typedef struct heed_cost {
    double flops;                     /* multiplications and additions, 2 for a multiply-add */
    double bytes_read, bytes_written; /* of tensors, each counted once */
} heed_cost;

typedef struct heed_explanation heed_explanation; /* graph/explain.h */

struct heed_op {
    const char *name;
    int n_inputs;        /* at most; see required_inputs */
    int required_inputs; /* the first so many must be there; 0 means all of them, -1 none */
    int n_outputs;       /* 0 means 1 */
    bool is_view;        /* output 0 shares the storage of input 0 and nothing runs */
    bool
        is_stateful; /* forward writes into input 0 (a cache), so that what it read is gone: tests restore it */
    /* reuse[k]: bit i set when output k may be written over input i (same shape; elementwise reading order) */
    unsigned reuse[HEED_MAX_OUTPUTS];
    /*
     * Output of the gradient's first node that holds this node's own value, plus one; 0 when there is none. Further
     * outputs of this node follow it there.
     * A fused loss computes itself on the way to its gradient, and need not run twice.
     */
    int value_in_gradient;

    bool (*shape)(heed_graph *g, heed_node *node); /* false after heed_graph_fail() */
    void (*forward)(const heed_op_args *a);        /* NULL only for views */
    void (*fast)(const heed_op_args *a);           /* NULL: forward serves */
    /*
     * Appends the gradient nodes. dy[k] is the gradient of output k, NULL when none flows; dx[i] is set for each
     * input that wants one (heed_node_wants_grad) and left NULL where none flows. NULL: no gradient flows at all.
     */
    void (*grad)(heed_graph *g, heed_node *node, heed_node *const *dy, heed_node **dx);
    /*
     * Where input i may be a matrix of weights in bf16, f16 or 8-bit as well as f32 (no gradient then): the axis that is
     * summed over or looked up along, which groups of 8-bit numbers run along; -1 for f32 alone. NULL: -1 for all.
     */
    int (*weight_axis)(const heed_node *node, int input);
    void (*cost)(const heed_node *node, heed_cost *cost);
    void (*explain)(const heed_op_args *a, int output, int64_t element, heed_explanation *e);
    /* Bytes of workspace on this device; the place to plan matrix products. SIZE_MAX after an error. NULL: none. */
    size_t (*workspace)(const heed_node *node, struct heed_device *device);
};

/** Appends a node; as many heed_node * follow as the op has inputs, absent optional ones as (heed_node *)NULL. */
heed_node *heed_node_append(heed_graph *g, const heed_op *op, ...);
/** The same with attributes, which are copied. */
heed_node *heed_node_append_with(heed_graph *g, const heed_op *op, const void *attrs, size_t attrs_bytes, ...);
/** The same with the inputs in an array. attrs may be NULL. */
heed_node *heed_node_append_list(heed_graph *g, const heed_op *op, const void *attrs, size_t attrs_bytes,
                                 heed_node *const *in, int n_in);

/** For shape(): output k is dense, of this type and shape. */
void heed_node_set_shape(heed_node *node, int k, heed_dtype dtype, heed_shape shape);
/** For shape(): output k lies in the storage of `owner` (an output of the same node, or input 0 of a view). */
void heed_node_share_storage(heed_node *node, int k, heed_node *owner, int64_t offset);

/** True when the node depends on a parameter, so that a gradient of it is of use. NULL: false. */
bool heed_node_wants_grad(const heed_node *node);

/** Counts the bytes of a node's inputs and outputs, each once: what most ops' cost() begins with. */
void heed_cost_add_traffic(const heed_node *node, heed_cost *cost);

#endif
