/* SPDX-License-Identifier: MIT */
/*
 * A graph: named nodes, appended by ordinary C functions, that describe one computation.
 *
 *     heed_graph *g = heed_graph_create();
 *     heed_node *x = heed_graph_input(g, "x", HEED_F32, heed_shape2(rows, n));
 *     heed_node *W = heed_graph_parameter(g, "W", heed_shape2(n, 1));
 *     heed_node *loss = heed_name(g, heed_mean(g, heed_matmul(g, x, W)), "loss");
 *     heed_graph_differentiate(g, loss, heed_accumulate);        appends d.W and what it needs
 *     if (heed_graph_status(g, err) != HEED_OK) …                the first error of all that was built
 *
 * Nodes are in order: a node's inputs come before it. A graph is built once and then only read;
 * plans (graph/plan.h) run it. A builder that is given NULL or meets an error records the first
 * error in the graph and returns NULL, so that model code needs no checks.
 */
#ifndef HEED_GRAPH_GRAPH_H
#define HEED_GRAPH_GRAPH_H

#include <heed/status.h>

#include "tensor/tensor.h"

#define HEED_MAX_INPUTS  16
#define HEED_MAX_OUTPUTS 8
#define HEED_MAX_NAME    128

typedef struct heed_graph heed_graph;
typedef struct heed_node heed_node;
typedef struct heed_op heed_op;

typedef enum heed_role {
    HEED_ROLE_COMPUTED,  /* by an op */
    HEED_ROLE_INPUT,     /* given before each run: token ids, a learning rate */
    HEED_ROLE_PARAMETER, /* trained */
    HEED_ROLE_STATE,     /* carried from run to run: optimizer moments, a key/value cache */
} heed_role;

struct heed_node {
    const heed_op *op; /* NULL: a source (input, parameter, state) */
    heed_role role;
    const char *name; /* unique in the graph, such as blocks.0.attn.q */
    int id;           /* position in the graph */
    heed_node *in[HEED_MAX_INPUTS];
    int n_in;
    const void *attrs;
    heed_tensor tensor; /* type, shape, strides. data: only of sources, bound by their owner */
    heed_node *first;   /* the node that runs for all outputs; itself for output 0 */
    int output;         /* which output of the op this node is */
    heed_node *outputs[HEED_MAX_OUTPUTS]; /* of first: all of them */
    heed_node *owner; /* whose storage holds this tensor: itself, or through views the first of the chain */
    int64_t offset;   /* of element 0 in that storage, in elements */
    heed_node *grad;  /* d loss / d this node, after differentiation */
    heed_node
        *value; /* the gradient node that holds this node's value too (heed_op.value_in_gradient), or NULL */
    bool wants_grad; /* it depends on a parameter */
    bool named;      /* by its builder, not after its op */
};

heed_graph *heed_graph_create(void); /* NULL: out of memory */
void heed_graph_destroy(heed_graph *g);

/** The first error of everything appended so far, HEED_OK if there is none. */
heed_status heed_graph_status(const heed_graph *g, heed_error *err);
/** Records an error at node (may be NULL) unless there is one already; returns false for `return heed_graph_fail(…)`. */
bool heed_graph_fail(heed_graph *g, const heed_node *node, heed_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

heed_node *heed_graph_input(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape);
/** The same, bound to its numbers at once. */
heed_node *heed_graph_bound_input(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape,
                                  void *data);
heed_node *heed_graph_parameter(heed_graph *g, const char *name, heed_shape shape);
/** The same of any type. One that is not f32 is only read: it wants no gradient. */
heed_node *heed_graph_weight(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape);
heed_node *heed_graph_state(heed_graph *g, const char *name, heed_shape shape);

/**
 * Names inside a scope get its prefix: after heed_scope_begin(g, "blocks.%d", 0), heed_name(g, q, "attn.q") gives
 * blocks.0.attn.q. A parameter's name is not prefixed: it is the name in the checkpoint. heed_name returns its node,
 * which keeps its first name and is found under all: the output of one block is the input of the next.
 */
void heed_scope_begin(heed_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
void heed_scope_end(heed_graph *g);
heed_node *heed_name(heed_graph *g, heed_node *node, const char *name);
/** name behind the current scope's prefix, in out; returns out. */
const char *heed_scope_name(const heed_graph *g, char *out, size_t size, const char *name);

int heed_graph_n_nodes(const heed_graph *g);
/** How many of them were there before the graph was differentiated: the forward pass. Without it all of them. */
int heed_graph_n_forward(const heed_graph *g);
heed_node *heed_graph_node(const heed_graph *g, int i);
/** By name; also accepts TransformerLens' spelling (blocks.0.attn.hook_attn_scores). NULL: there is none. */
heed_node *heed_graph_find(const heed_graph *g, const char *name);
/** Calls for every name with the node that is found under it, in no order. */
void heed_graph_each_name(const heed_graph *g,
                          void (*show)(void *context, const char *name, const heed_node *node), void *context);
/** The name nearest to a wrong one, for "did you mean"; NULL when nothing is near. */
const char *heed_graph_nearest_name(const heed_graph *g, const char *name);

/** Adds up the gradients that reach one node: n >= 1 nodes of x's shape. Graph code names no op, so it is passed in. */
typedef heed_node *heed_accumulate_fn(heed_graph *g, heed_node *x, heed_node *const *contributions, int n);

/**
 * Reverse-mode differentiation: appends the nodes of d loss / d p for every parameter p that the loss depends on,
 * and sets node->grad of each node on the way. Gradient nodes are named d.NAME. loss is a scalar; its own gradient
 * is the constant 1, given by `seed` (a scalar node that holds 1).
 */
bool heed_graph_differentiate(heed_graph *g, heed_node *loss, heed_node *seed, heed_accumulate_fn *accumulate);

/** Called for each parameter as soon as its gradient is complete (p->grad), to append what is to run right behind it. */
typedef void heed_settled_fn(void *context, heed_graph *g, heed_node *p);
/** The same with such a call; settled may be NULL. */
bool heed_graph_differentiate_with(heed_graph *g, heed_node *loss, heed_node *seed,
                                   heed_accumulate_fn *accumulate, heed_settled_fn *settled, void *context);

/**
 * After a run, source (a parameter or state) holds the value of node. Shapes are equal. Values that are not computed
 * in place are copied in the order of these calls. An assignment belongs to a stage, 0 .. 31, and a plan carries out
 * those of the stages that it is made for: the gradients of several runs add up before the update is made of them. A
 * source takes one value in a stage.
 */
void heed_graph_assign_in(heed_graph *g, int stage, heed_node *source, heed_node *value);
void heed_graph_assign(heed_graph *g, heed_node *source, heed_node *value); /* in stage 0 */
int heed_graph_n_assigns(const heed_graph *g);
/** Returns the stage of assignment i. */
int heed_graph_assign_at(const heed_graph *g, int i, heed_node **source, heed_node **value);

/** Who holds the value of this node: itself, or after differentiation the gradient node that computes it anyway. */
heed_node *heed_graph_value_of(heed_node *node);

#endif
