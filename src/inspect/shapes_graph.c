/* SPDX-License-Identifier: MIT */
#include "inspect/shapes_graph.h"

#include <string.h>

#include "base/error.h"
#include "ops/list.h"

/*
 * Rows [B, T, d] as heads [B, H, T, d/H] and back: views of x all the way. Heads that are stored by themselves, one matrix
 * after the other, must be copied before they are rows; swapping their axes first is a view that helps nobody.
 */
static heed_node *build_heads(heed_graph *g, const heed_config *c, int64_t batch, int64_t length)
{
    const int64_t H = c->n_heads, head_dim = c->d_model / c->n_heads;
    heed_node *x = heed_graph_input(g, "x", HEED_F32, heed_shape3(batch, length, c->d_model));
    heed_node *heads, *stored, *rows, *merged;

    heed_name(g, heed_reshape(g, x, heed_shape4(batch, length, H, head_dim)), "split");
    heads = heed_name(g, heed_split_heads(g, x, H), "heads");
    heed_name(g, heed_merge_heads(g, heads), "joined");
    stored = heed_graph_input(g, "stored", HEED_F32, heed_shape4(batch, H, length, head_dim));
    rows = heed_name(g, heed_reshape(g, stored, heed_shape3(batch, H, length * head_dim)), "rows");
    heed_name(g, heed_split_heads(g, rows, length), "swapped");
    merged = heed_merge_heads(g, stored);
    if (merged != NULL && merged->in[0] != stored)
        heed_name(g, merged->in[0], "copied");
    return heed_name(g, merged, "merged");
}

heed_status heed_shapes_build(const heed_config *config, const heed_weights *weights, int64_t batch,
                              int64_t length, const heed_shapes_options *options, heed_shapes_graph *out,
                              heed_error *err)
{
    const heed_shape shape = heed_shape2(batch, length);
    heed_nn nn = {.config = config, .weights = options->training ? NULL : weights};
    heed_node *ids, *targets = NULL, *seed;
    heed_gpt gpt;

    *out = (heed_shapes_graph){.training = options->training};
    nn.g = out->g = heed_graph_create();
    if (nn.g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    if (options->heads) {
        out->all = true;
        out->training = false;
        out->result = build_heads(nn.g, config, batch, length);
        return heed_graph_status(nn.g, err);
    }
    ids = heed_graph_input(nn.g, "ids", HEED_I32, shape);
    if (options->training) {
        nn.training = true;
        nn.precision = (heed_precision)options->precision;
        targets = heed_graph_input(nn.g, "targets", HEED_I32, shape);
        if (config->dropout > 0.0)
            nn.window = heed_graph_input(nn.g, "window", HEED_I32, heed_shape0());
    }
    if (options->cache) {
        nn.past = heed_graph_input(nn.g, "past", HEED_I32, heed_shape0());
        nn.cache_length = config->context_length;
    }
    gpt = heed_gpt_build(&nn, ids, targets);
    out->result = gpt.logits;
    if (options->training) {
        seed = heed_graph_input(nn.g, "d.objective", HEED_F32, heed_shape0());
        heed_graph_differentiate(nn.g, gpt.objective, seed, heed_accumulate);
        out->result = gpt.loss != NULL ? heed_graph_value_of(gpt.loss) : NULL;
    }
    return heed_graph_status(nn.g, err);
}

static bool nodes_alike(const heed_node *a, const heed_node *b)
{
    if (a->op != b->op || a->role != b->role || a->output != b->output || a->n_in != b->n_in ||
        a->owner->id != b->owner->id || a->tensor.shape.rank != b->tensor.shape.rank ||
        strcmp(a->name, b->name) != 0)
        return false;
    for (int i = 0; i < a->n_in; i++) {
        if ((a->in[i] != NULL ? a->in[i]->id : -1) != (b->in[i] != NULL ? b->in[i]->id : -1))
            return false;
    }
    return true;
}

int heed_shapes_alike(const heed_graph *a, const heed_graph *b, int n)
{
    int i = 0;

    while (i < n && i < heed_graph_n_nodes(b) && nodes_alike(heed_graph_node(a, i), heed_graph_node(b, i)))
        i++;
    return i;
}

void heed_shapes_mark_needed(const heed_shapes_graph *graph, bool *needed)
{
    const int n = heed_graph_n_nodes(graph->g);

    for (int i = 0; i < n && graph->all; i++)
        needed[i] = true;
    needed[graph->result->id] = needed[graph->result->first->id] = true;
    for (int i = n - 1; i >= 0; i--) {
        const heed_node *node = heed_graph_node(graph->g, i);
        if (graph->training && node->role == HEED_ROLE_PARAMETER && node->grad != NULL)
            needed[node->grad->id] = needed[node->grad->first->id] = true;
    }
    for (int i = n - 1; i >= 0; i--) {
        const heed_node *node = heed_graph_node(graph->g, i);
        for (int k = 0; needed[i] && k < node->n_in; k++) {
            if (node->in[k] != NULL)
                needed[node->in[k]->id] = needed[node->in[k]->first->id] = true;
        }
    }
}

int64_t heed_shapes_expert_rows(const heed_graph *g)
{
    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        if (node->op == &heed_op_expert_dispatch)
            return node->tensor.shape.size[0];
    }
    return 0;
}
