/* SPDX-License-Identifier: MIT */
/*
 * One reading of a batch of token ids, whose activations are found by the names that several programs give them.
 *
 *     heed_forward *f = NULL;
 *     status = heed_forward_create(model, &(heed_forward_ids){ids, NULL, 1, n}, false, 0, &f, err);
 *     node = heed_forward_find(f, "blocks.0.attn.hook_z");
 *     status = heed_forward_run(f, &node, 1, show, context, err);
 *     heed_forward_destroy(f);
 */
#ifndef HEED_INSPECT_FORWARD_H
#define HEED_INSPECT_FORWARD_H

#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/model.h"
#include "nn/nn.h"

typedef struct heed_forward heed_forward;

/* What is read; the numbers are copied. */
typedef struct heed_forward_ids {
    const int32_t *ids;     /* [batch, length] */
    const int32_t *targets; /* the same; NULL: the next id, and none behind the last */
    int64_t batch, length;
} heed_forward_ids;

/** gradients: those of the loss are there too. HEED_ERR_USAGE: an id outside the vocabulary, too many of them. */
heed_status heed_forward_create(const heed_model *model, const heed_forward_ids *in, bool gradients,
                                int threads, heed_forward **forward, heed_error *err);
void heed_forward_destroy(heed_forward *forward); /* NULL is allowed */

heed_graph *heed_forward_graph(const heed_forward *forward);
/** Its ends: resid_final, logits, loss. */
const heed_gpt *heed_forward_gpt(const heed_forward *forward);
/** The device that it runs on, for plans of one's own over its graph. */
heed_device *heed_forward_device(heed_forward *forward);
/** A computed node by heed's name, TransformerLens', that of an output or a module of transformers; grad/PARAMETER. NULL. */
heed_node *heed_forward_find(const heed_forward *forward, const char *name);
/** Appends to the graph: nodes made of the same parameters, by nn, from the nodes of the model. */
typedef void heed_forward_extend_fn(void *context, heed_nn *nn, const heed_gpt *gpt);
/** Calls extend once, before the first run; the graph's first error if that makes one. */
heed_status heed_forward_extend(heed_forward *forward, heed_forward_extend_fn *extend, void *context,
                                heed_error *err);
/** Runs once and shows these nodes as they come; gradients at the end. */
heed_status heed_forward_run(heed_forward *forward, heed_node *const *nodes, int n, heed_observe_fn *show,
                             void *context, heed_error *err);

#endif
