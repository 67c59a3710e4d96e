/* SPDX-License-Identifier: MIT */
#include "nn/part.h"

#include <stdio.h>
#include <string.h>

int heed_part_name(char *out, size_t size, const char *name)
{
    static const char *const stacks[] = {"blocks.", "h."};
    const char *bare = name;
    int layer = -1, end = 0;

    while (strncmp(bare, "d.", 2) == 0 || strncmp(bare, "grad.", 5) == 0)
        bare = strchr(bare, '.') + 1;
    for (int i = 0; i < 2 && layer < 0; i++) {
        const size_t n = strlen(stacks[i]);
        if (strncmp(bare, stacks[i], n) == 0 && sscanf(bare + n, "%d.%n", &layer, &end) == 1 && end > 0)
            snprintf(out, size, "%.*s*.%s", (int)(bare + n - name), name, bare + n + end);
        else
            layer = -1;
    }
    if (layer < 0)
        snprintf(out, size, "%s", name);
    return layer;
}

static int layer_of(const heed_node *node, const int *layer)
{
    const heed_node *latest = NULL;

    for (int i = 0; i < node->first->n_in; i++) {
        const heed_node *x = node->first->in[i];
        if (x != NULL && (latest == NULL || x->id > latest->id))
            latest = x;
    }
    return latest != NULL ? layer[latest->id] : -1;
}

void heed_part_layers(const heed_graph *g, int *layer)
{
    char name[HEED_MAX_NAME];

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        layer[i] = heed_part_name(name, sizeof name, node->name);
        if (layer[i] < 0 && !node->named && node->op != NULL && i >= heed_graph_n_forward(g))
            layer[i] = layer_of(node, layer);
    }
}
