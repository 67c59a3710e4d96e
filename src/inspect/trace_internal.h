/* SPDX-License-Identifier: MIT */
/*
 * A trace from inside. Its files: trace.c makes and runs it, trace_step.c is the run of a training step, trace_find.c reads
 * and writes addresses, trace_explain.c explains one number, trace_readers.c asks who reads it.
 *
 * The run is made in stages, each a plan over the one graph that keeps every tensor (graph/plan.h). Between the stages what
 * the earlier one found is handed on as a training step does (train/step.h): d.p becomes grad.p, grad_norm becomes norm. No
 * plan carries out the update, so whoever reads a weight or a moment reads what it was before.
 */
#ifndef HEED_INSPECT_TRACE_INTERNAL_H
#define HEED_INSPECT_TRACE_INTERNAL_H

#include <heed/trace.h>

#include "graph/explain.h"
#include "graph/plan.h"
#include "inspect/forward.h"
#include "nn/model.h"
#include "train/step.h"
#include "train/trainer.h"

enum { HEED_TRACE_STAGES = 3 }; /* gradients, norm, update; of a text the first alone */

/* All stages on one device. */
typedef struct heed_trace_pass {
    heed_device device;
    bool open;
    char name[64];
    heed_plan *plans[HEED_TRACE_STAGES]; /* NULL where a stage has no nodes */
} heed_trace_pass;

/* What an earlier stage hands on: the source takes the value of the node. */
typedef struct heed_trace_link {
    heed_node *source, *value;
} heed_trace_link;

struct heed_trace {
    heed_graph *g;
    const heed_config *config;
    const heed_model *model;
    int *stage;             /* [n_nodes] */
    heed_trace_link *links; /* the stages hand on: grad.p <- d.p, norm <- grad_norm */
    int n_links;
    heed_trace_pass reference, fast;
    char what[256];
    const int32_t *ids;
    int64_t batch, length;

    heed_forward *forward; /* a text */

    /* a step */
    heed_trainer *trainer; /* of a run, opened to look; NULL: a model */
    heed_model *opened;    /* a model without a run */
    heed_weights *weights; /* its copy in single precision, in block */
    heed_step_graph step;
    heed_step_inputs inputs;
    int32_t *own_ids, *own_targets;
    void *block;
    size_t block_bytes;
    char given_weights[64], given_moments[64], given_rate[96], given_text[64];
};

/** Builds the graph of a step, binds it to its numbers and fills in the trace; what is run follows (trace.c). */
heed_status heed_trace_build_step(heed_trace *t, const char *folder, const char *text, size_t n,
                                  const heed_train_options *options, heed_error *err);
/** What closes with it. */
void heed_trace_close_step(heed_trace *t);

/** The value of a node in a pass; NULL: it has none. */
const heed_tensor *heed_trace_tensor_of(const heed_trace *t, const heed_trace_pass *pass,
                                        const heed_node *node);
/** The arguments that its op had in the pass. The tensors are lent by it. */
heed_op_args heed_trace_args(const heed_trace *t, const heed_trace_pass *pass, const heed_node *node);
/** The node whose value an earlier stage handed to this source; NULL: it is given from outside. */
const heed_node *heed_trace_link_of(const heed_trace *t, const heed_node *source);
/** The node that the update makes of this parameter or moment; NULL: none. */
heed_node *heed_trace_update_of(const heed_trace *t, const heed_node *source);
/** The parameter or moment that takes this node's value; NULL: none. */
heed_node *heed_trace_updated_by(const heed_trace *t, const heed_node *value);
/** In words, who gives a source. */
const char *heed_trace_given_by(const heed_trace *t, const heed_node *source);

#endif
