/* SPDX-License-Identifier: MIT */
/* From a part of a model to the nodes that hold what it puts out. */
#ifndef HEED_INSPECT_COMPONENT_H
#define HEED_INSPECT_COMPONENT_H

#include <heed/ablation.h>

#include "inspect/forward.h"

/** As heed_components_read(), but that activations are taken by their names, whether the model has them or not. */
heed_status heed_components_of(const heed_config *config, const char *list, heed_component *out, int capacity,
                               int *n, heed_error *err);
/**
 * One node, or for a whole layer the two that it adds to the residual. HEED_ERR_USAGE: the model has no such part, with the
 * near name of an activation.
 */
heed_status heed_component_nodes(const heed_forward *forward, const heed_component *part, heed_node *out[2],
                                 int *n, heed_error *err);

#endif
