/* SPDX-License-Identifier: MIT */
/*
 * The attention patterns of a model on a text, and where its routers send the tokens.
 *
 * The graph is the one that generates; the patterns are what its fused attention writes down on the way, the loads what
 * its routers count, and asking for them changes no logit.
 */
#include <heed/inspect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/picture.h"
#include "formats/terminal.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/model.h"
#include "nn/nn.h"

struct heed_attention_maps {
    heed_arena *arena;
    int n_layers, n_heads, n_tokens, n_experts;
    float *patterns;     /* [n_layers, n_heads, n_tokens, n_tokens] */
    float *shares;       /* [n_layers, n_experts] of the tokens */
    const char **labels; /* [n_tokens] the text of each token */
};

/* --- computing them --- */

/* The nodes to look at: the pattern of each layer, and behind them the load of its experts. */
static int find_targets(const heed_attention_maps *maps, const heed_graph *g, heed_node **targets)
{
    char name[HEED_MAX_NAME];
    int n = 0;

    for (int layer = 0; layer < maps->n_layers; layer++) {
        snprintf(name, sizeof name, "blocks.%d.attn.pattern", layer);
        targets[n++] = heed_graph_find(g, name);
    }
    for (int layer = 0; maps->n_experts > 0 && layer < maps->n_layers; layer++) {
        snprintf(name, sizeof name, "blocks.%d.mlp.expert_load", layer);
        targets[n++] = heed_graph_find(g, name);
    }
    return n;
}

static void keep_layer(heed_attention_maps *maps, const heed_plan *plan, heed_node *const *targets, int layer,
                       int64_t experts_per_token)
{
    const size_t count = (size_t)maps->n_heads * (size_t)maps->n_tokens * (size_t)maps->n_tokens;

    memcpy(maps->patterns + (size_t)layer * count, heed_plan_value(plan, targets[layer])->data,
           count * sizeof(float));
    for (int e = 0; e < maps->n_experts; e++) /* a load is a share of the tokens' choices */
        maps->shares[layer * maps->n_experts + e] =
            (float)experts_per_token *
            heed_tensor_get(heed_plan_value(plan, targets[maps->n_layers + layer]), e);
}

static heed_status run(heed_attention_maps *maps, const heed_model *model, int32_t *ids, heed_error *err)
{
    heed_device device = {0};
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .weights = model->weights};
    heed_plan_options options = {.device = &device};
    heed_plan *plan = NULL;
    heed_node **targets = heed_arena_alloc(maps->arena, 2 * (size_t)maps->n_layers * sizeof *targets);
    heed_status status = heed_device_open(&device, NULL, 0, err);

    if (status == HEED_OK && (g == NULL || targets == NULL))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    if (status == HEED_OK) {
        heed_gpt_build(&nn, heed_graph_bound_input(g, "ids", HEED_I32, heed_shape2(1, maps->n_tokens), ids),
                       NULL);
        status = heed_graph_status(g, err);
    }
    if (status == HEED_OK) {
        heed_weights_bind(model->weights, g);
        options.targets = targets;
        options.n_targets = find_targets(maps, g, targets);
        options.reference = device.kernels == NULL;
        status = heed_plan_create(g, &options, &plan, err);
    }
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, err);
    if (status == HEED_OK) {
        heed_plan_run(plan);
        for (int layer = 0; layer < maps->n_layers; layer++)
            keep_layer(maps, plan, targets, layer, model->config.experts_per_token);
    }
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return status;
}

static bool label_tokens(heed_attention_maps *maps, const heed_model *model, const int32_t *ids)
{
    maps->labels = heed_arena_alloc(maps->arena, (size_t)maps->n_tokens * sizeof *maps->labels);
    for (int i = 0; maps->labels != NULL && i < maps->n_tokens; i++) {
        size_t n_bytes = 0;
        const char *piece = heed_model_piece(model, ids[i], &n_bytes);
        maps->labels[i] = heed_arena_format(maps->arena, "%.*s", piece != NULL ? (int)n_bytes : 1,
                                            piece != NULL ? piece : "?");
        if (maps->labels[i] == NULL)
            return false;
    }
    return maps->labels != NULL;
}

/*
 * A number for every layer, head and pair of tokens, in bytes; false when there is no memory for them and for those of
 * the run.
 */
static bool pattern_bytes(const heed_config *c, size_t n_tokens, size_t *bytes)
{
    return heed_size_mul((size_t)c->n_layers * (size_t)c->n_heads * sizeof(float), n_tokens, bytes) &&
           heed_size_mul(*bytes, n_tokens, bytes) && *bytes < heed_memory_available() / 2;
}

/* Beyond the context, too, where positions have values there. */
static heed_status check_length(const heed_config *c, size_t n_tokens, heed_error *err)
{
    if (n_tokens > 0 && (n_tokens <= (size_t)c->context_length ||
                         heed_config_check_length(c, (int64_t)n_tokens, NULL) == HEED_OK))
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE, "expected a text of 1 to %lld tokens (the model's context), got %zu",
                     (long long)c->context_length, n_tokens);
}

heed_status heed_attention_maps_create(const heed_model *model, const char *text, size_t n,
                                       heed_attention_maps **out, heed_error *err)
{
    const heed_config *c = &model->config;
    heed_attention_maps *maps = NULL;
    int32_t *ids = NULL;
    size_t n_ids = 0, bytes = 0;
    heed_status status;

    *out = NULL;
    if (c->kind != HEED_KIND_GPT || !c->attention || c->n_layers == 0)
        return heed_fail(err, HEED_ERR_USAGE, "this model has no attention to look at");
    status = heed_model_encode(model, text, n, &ids, &n_ids, err);
    if (status == HEED_OK)
        status = check_length(c, n_ids, err);
    if (status == HEED_OK) {
        maps = calloc(1, sizeof *maps);
        if (maps != NULL && pattern_bytes(c, n_ids, &bytes))
            *maps = (heed_attention_maps){
                .n_layers = (int)c->n_layers,
                .n_heads = (int)c->n_heads,
                .n_tokens = (int)n_ids,
                .n_experts = (int)c->n_experts,
                .arena = heed_arena_create(),
                .patterns = malloc(bytes),
                .shares = calloc((size_t)(c->n_layers * c->n_experts) + 1, sizeof(float))};
        if (maps == NULL || maps->arena == NULL || maps->patterns == NULL || maps->shares == NULL ||
            !label_tokens(maps, model, ids))
            status = heed_fail(err, HEED_ERR_MEMORY,
                               "the attention of %lld heads to %zu tokens takes more memory than there is",
                               (long long)(c->n_layers * c->n_heads), n_ids);
    }
    if (status == HEED_OK)
        status = run(maps, model, ids, err);
    free(ids);
    if (status != HEED_OK) {
        heed_attention_maps_destroy(maps);
        maps = NULL;
    }
    *out = maps;
    return status;
}

void heed_attention_maps_destroy(heed_attention_maps *maps)
{
    if (maps == NULL)
        return;
    heed_arena_destroy(maps->arena);
    free(maps->patterns);
    free(maps->shares);
    free(maps);
}

int heed_attention_maps_n_layers(const heed_attention_maps *maps)
{
    return maps->n_layers;
}

int heed_attention_maps_n_heads(const heed_attention_maps *maps)
{
    return maps->n_heads;
}

int heed_attention_maps_n_tokens(const heed_attention_maps *maps)
{
    return maps->n_tokens;
}

const float *heed_attention_maps_pattern(const heed_attention_maps *maps, int layer, int head)
{
    const size_t count = (size_t)maps->n_tokens * (size_t)maps->n_tokens;

    if (layer < 0 || layer >= maps->n_layers || head < 0 || head >= maps->n_heads)
        return NULL;
    return maps->patterns + (size_t)(layer * maps->n_heads + head) * count;
}

int heed_attention_maps_n_experts(const heed_attention_maps *maps)
{
    return maps->n_experts;
}

const float *heed_attention_maps_expert_shares(const heed_attention_maps *maps, int layer)
{
    if (maps->n_experts == 0 || layer < 0 || layer >= maps->n_layers)
        return NULL;
    return maps->shares + (size_t)layer * (size_t)maps->n_experts;
}

/* --- drawing them --- */

/* Maps of layers first .. last and heads first .. last on one scale. drawn holds one entry a map. */
static heed_heat_maps drawing(const heed_attention_maps *maps, heed_heat_map *drawn)
{
    return (heed_heat_maps){.maps = drawn,
                            .n_rows = maps->n_tokens,
                            .n_cols = maps->n_tokens,
                            .row_labels = maps->labels,
                            .col_labels = maps->labels,
                            .row_title = "from",
                            .col_title = "to",
                            .causal = true};
}

heed_status heed_attention_maps_picture(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const int n = maps->n_layers * maps->n_heads;
    heed_heat_map *drawn = calloc((size_t)n, sizeof *drawn);
    char(*titles)[48] = calloc((size_t)n, sizeof *titles);
    heed_heat_maps picture;
    heed_status status;

    if (drawn == NULL || titles == NULL) {
        free(titles);
        free(drawn);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %d heads", n);
    }
    for (int i = 0; i < n; i++) {
        snprintf(titles[i], sizeof titles[i], "layer %d head %d", i / maps->n_heads, i % maps->n_heads);
        drawn[i] = (heed_heat_map){
            .title = titles[i],
            .values = heed_attention_maps_pattern(maps, i / maps->n_heads, i % maps->n_heads)};
    }
    picture = drawing(maps, drawn);
    picture.n_maps = n;
    picture.n_across = maps->n_heads;
    picture.title = "Attention";
    picture.caption =
        "Each row is a token, and shows how much of each earlier token it takes in; a row adds up to 1.";
    status = heed_heat_maps_write(path, &picture, err);
    free(titles);
    free(drawn);
    return status;
}

heed_status heed_attention_maps_text(const heed_attention_maps *maps, int layer, int head, int columns,
                                     heed_palette palette, char **out, heed_error *err)
{
    heed_text_buffer text = {0};
    char title[48];
    heed_heat_map drawn = {.title = title, .values = heed_attention_maps_pattern(maps, layer, head)};
    heed_heat_maps picture = drawing(maps, &drawn);

    *out = NULL;
    if (drawn.values == NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a layer below %d and a head below %d, got layer %d, head %d", maps->n_layers,
                         maps->n_heads, layer, head);
    snprintf(title, sizeof title, "layer %d head %d", layer, head);
    picture.n_maps = picture.n_across = 1;
    heed_terminal_heat_maps(&text, &picture, columns, (heed_colours)palette);
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %d tokens", maps->n_tokens);
    }
    *out = text.data;
    return HEED_OK;
}
