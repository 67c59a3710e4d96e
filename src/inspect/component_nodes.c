/* SPDX-License-Identifier: MIT */
#include "inspect/component.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static heed_status no_such(const heed_forward *f, const heed_component *part, heed_error *err)
{
    char text[128], shown[HEED_MAX_NAME];
    const char *name = heed_component_text(text, part);
    const char *near = part->kind == HEED_COMPONENT_ACTIVATION
                           ? heed_graph_nearest_name(heed_forward_graph(f), name)
                           : NULL;

    heed_quote(shown, sizeof shown, name, strlen(name));
    if (near != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "the model has no activation \"%s\"; did you mean \"%s\"?", shown,
                         near);
    return heed_fail(err, HEED_ERR_USAGE,
                     "the model has no part \"%s\"; expected one such as 3.5, 3.attn, 3.mlp, 3 or the name of "
                     "an activation",
                     shown);
}

static heed_node *node_of(const heed_forward *f, const heed_component *part, const char *of_layer)
{
    char name[HEED_MAX_NAME];

    if (part->kind == HEED_COMPONENT_ACTIVATION)
        return heed_forward_find(f, part->name);
    snprintf(name, sizeof name, "blocks.%d.%s", part->layer, of_layer);
    return heed_graph_find(heed_forward_graph(f), name);
}

heed_status heed_component_nodes(const heed_forward *f, const heed_component *part, heed_node *out[2], int *n,
                                 heed_error *err)
{
    static const char *const names[][2] = {[HEED_COMPONENT_HEAD] = {"attn.z"},
                                           [HEED_COMPONENT_ATTENTION] = {"attn_out"},
                                           [HEED_COMPONENT_MLP] = {"mlp_out"},
                                           [HEED_COMPONENT_LAYER] = {"attn_out", "mlp_out"},
                                           [HEED_COMPONENT_ACTIVATION] = {""}};

    *n = 0;
    if (part->kind < HEED_COMPONENT_HEAD || part->kind > HEED_COMPONENT_ACTIVATION)
        return heed_fail(err, HEED_ERR_USAGE, "expected a kind of part from 0 to %d, got %d",
                         HEED_COMPONENT_ACTIVATION, part->kind);
    for (int k = 0; k < 2 && names[part->kind][k] != NULL; k++) {
        heed_node *node = node_of(f, part, names[part->kind][k]);
        if (node != NULL)
            out[(*n)++] = node;
    }
    if (*n == 0 ||
        (part->kind == HEED_COMPONENT_HEAD && (part->head < 0 || part->head >= out[0]->tensor.shape.size[1])))
        return no_such(f, part, err);
    return HEED_OK;
}
