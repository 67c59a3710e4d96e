/* SPDX-License-Identifier: MIT */
/*
 * The attention patterns of a model on a text, and where its routers send the tokens.
 *
 * The graph is the one that generates; the patterns are what its fused attention writes down on the way, the loads what
 * its routers count, and asking for them changes no logit.
 */
#include "inspect/attention_maps.h"

#include <heed/heads.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/forward.h"

/* --- the selection --- */

/* Marks what is selected, and gives each selected one its place. */
static heed_status select_some(const char *list, const char *what, int64_t count, heed_arena *arena,
                               int **place, int *n, heed_error *err)
{
    bool *chosen = heed_arena_alloc(arena, (size_t)count * sizeof *chosen);
    heed_status status;

    *place = heed_arena_alloc(arena, (size_t)count * sizeof **place);
    if (chosen == NULL || *place == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of %lld", (long long)count);
    status = heed_select_numbers(list, what, count, chosen, err);
    *n = 0;
    for (int64_t i = 0; status == HEED_OK && i < count; i++)
        (*place)[i] = chosen[i] ? (*n)++ : -1;
    return status;
}

static heed_status select_heads(heed_attention_maps *maps, const heed_head_selection *selection,
                                heed_error *err)
{
    heed_status status = select_some(selection->layers, "layer", maps->n_layers, maps->arena,
                                     &maps->layer_place, &maps->n_chosen_layers, err);

    if (status == HEED_OK)
        status = select_some(selection->heads, "head", maps->n_heads, maps->arena, &maps->head_place,
                             &maps->n_chosen_heads, err);
    return status;
}

/* --- computing them --- */

/* What is observed: the pattern of each selected layer, the load of every layer's experts, the losses. */
typedef struct watch {
    heed_attention_maps *maps;
    heed_node **nodes;
    int *layers;
    bool *is_load;
    heed_node *losses;
    int n;
    double experts_per_token;
} watch;

static void add_node(watch *w, const heed_forward *f, const char *name, int layer, bool is_load)
{
    char full[HEED_MAX_NAME];

    snprintf(full, sizeof full, "blocks.%d.%s", layer, name);
    w->nodes[w->n] = heed_forward_find(f, full);
    w->layers[w->n] = layer;
    w->is_load[w->n] = is_load;
    w->n += w->nodes[w->n] != NULL;
}

/* value [1, n_heads, n_tokens, n_tokens] */
static void keep_pattern(heed_attention_maps *maps, int layer, const heed_tensor *value)
{
    const size_t count = (size_t)maps->n_tokens * (size_t)maps->n_tokens;

    for (int head = 0; head < maps->n_heads; head++) {
        float *kept = (float *)(uintptr_t)heed_attention_maps_pattern(maps, layer, head);

        if (kept != NULL)
            memcpy(kept, (const float *)value->data + (size_t)head * count, count * sizeof *kept);
    }
}

/* A load is a share of the tokens' choices. */
static void keep(void *context, const heed_node *node, const heed_tensor *value)
{
    const watch *w = context;

    for (int i = 1; node == w->losses && i < w->maps->n_tokens; i++) /* position i - 1 guesses token i */
        w->maps->losses[i] = heed_tensor_get(value, i - 1);
    for (int k = 0; k < w->n; k++) {
        if (w->nodes[k] != node)
            continue;
        if (!w->is_load[k])
            keep_pattern(w->maps, w->layers[k], value);
        for (int e = 0; w->is_load[k] && e < w->maps->n_experts; e++)
            w->maps->shares[w->layers[k] * w->maps->n_experts + e] = (float)(w->experts_per_token *
                                                                             (double)heed_tensor_get(value, e));
    }
}

static heed_status run(heed_attention_maps *maps, const heed_model *model, const int32_t *ids, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = maps->n_tokens};
    const size_t most = 2 * (size_t)maps->n_layers + 1;
    watch w = {.maps = maps,
               .nodes = heed_arena_alloc(maps->arena, most * sizeof *w.nodes),
               .layers = heed_arena_alloc(maps->arena, most * sizeof *w.layers),
               .is_load = heed_arena_alloc(maps->arena, most * sizeof *w.is_load),
               .experts_per_token = (double)model->config.experts_per_token};
    heed_forward *f = NULL;
    heed_status status;

    if (w.nodes == NULL || w.layers == NULL || w.is_load == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    status = heed_forward_create(model, &in, false, 0, &f, err);
    for (int layer = 0; status == HEED_OK && layer < maps->n_layers; layer++) {
        if (maps->layer_place[layer] >= 0)
            add_node(&w, f, "attn.pattern", layer, false);
        if (maps->n_experts > 0)
            add_node(&w, f, "mlp.expert_load", layer, true);
    }
    if (status == HEED_OK && maps->losses != NULL && (w.losses = heed_forward_find(f, "token_loss")) != NULL)
        w.nodes[w.n] = w.losses;
    if (status == HEED_OK)
        status = heed_forward_run(f, w.nodes, w.n + (w.losses != NULL), keep, &w, err);
    heed_forward_destroy(f);
    return status;
}

/* The text of a token; one with zero bytes is escaped here, as C's strings end there. */
static const char *label_of(heed_arena *arena, const heed_model *model, int32_t id)
{
    size_t n = 0;
    const char *piece = heed_model_piece(model, id, &n);
    char shown[256];

    if (piece == NULL)
        return heed_arena_format(arena, "?");
    if (n > 0 && memchr(piece, '\0', n) != NULL)
        return heed_arena_format(arena, "%s", heed_quote(shown, sizeof shown, piece, n));
    return heed_arena_format(arena, "%.*s", (int)n, piece);
}

static bool label_tokens(heed_attention_maps *maps, const heed_model *model, const int32_t *ids)
{
    maps->labels = heed_arena_alloc(maps->arena, (size_t)maps->n_tokens * sizeof *maps->labels);
    for (int i = 0; maps->labels != NULL && i < maps->n_tokens; i++) {
        maps->labels[i] = label_of(maps->arena, model, ids[i]);
        if (maps->labels[i] == NULL)
            return false;
    }
    return maps->labels != NULL;
}

/* What heads are measured by: the ids, delimiters where there is a tokenizer, the mask. */
static bool keep_ids(heed_attention_maps *maps, const heed_model *model, const int32_t *ids)
{
    const size_t n = (size_t)maps->n_tokens;
    uint8_t *delimiters = heed_arena_alloc(maps->arena, n);

    maps->ids = heed_arena_alloc(maps->arena, n * sizeof *maps->ids);
    if (maps->ids == NULL || delimiters == NULL)
        return false;
    memcpy(maps->ids, ids, n * sizeof *maps->ids);
    maps->delimiters = heed_head_delimiters(model, ids, maps->n_tokens, delimiters) ? delimiters : NULL;
    maps->mask = (heed_mask){.causal = model->config.causal, .window = model->config.window};
    return true;
}

/* Memory for the selected heads, if there is twice as much: the run takes some. */
static bool make_room(heed_attention_maps *maps, bool losses)
{
    const size_t n = (size_t)maps->n_tokens;
    size_t bytes = 0;

    if (!heed_size_mul((size_t)maps->n_chosen_layers * (size_t)maps->n_chosen_heads * sizeof(float), n,
                       &bytes) ||
        !heed_size_mul(bytes, n, &bytes) || bytes >= heed_memory_available() / 2)
        return false;
    maps->patterns = malloc(bytes);
    maps->shares = calloc((size_t)(maps->n_layers * maps->n_experts) + 1, sizeof(float));
    maps->losses = losses ? malloc(n * sizeof *maps->losses) : NULL;
    for (size_t i = 0; maps->losses != NULL && i < n; i++)
        maps->losses[i] = NAN;
    return maps->patterns != NULL && maps->shares != NULL && (maps->losses != NULL) == losses;
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

/* Room, labels, the run. */
static heed_status fill(heed_attention_maps *maps, const heed_model *model,
                        const heed_head_selection *selection, const int32_t *ids, heed_error *err)
{
    heed_status status = maps->arena != NULL ? select_heads(maps, selection, err) : HEED_ERR_MEMORY;

    if (status == HEED_OK &&
        (!make_room(maps, selection->losses) || !label_tokens(maps, model, ids) || !keep_ids(maps, model, ids)))
        status = HEED_ERR_MEMORY;
    if (status == HEED_ERR_MEMORY)
        return heed_fail(err, status, "the attention of %d heads to %d tokens takes more memory than there is",
                         maps->n_chosen_layers * maps->n_chosen_heads, maps->n_tokens);
    return status == HEED_OK ? run(maps, model, ids, err) : status;
}

heed_status heed_attention_maps_create_selected(const heed_model *model, const char *text, size_t n,
                                                const heed_head_selection *selection, heed_attention_maps **out,
                                                heed_error *err)
{
    const heed_config *c = &model->config;
    heed_attention_maps *maps = NULL;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_status status;

    *out = NULL;
    if (c->kind != HEED_KIND_GPT || !c->attention || c->n_layers == 0)
        return heed_fail(err, HEED_ERR_USAGE, "this model has no attention to look at");
    status = heed_model_encode(model, text, n, &ids, &n_ids, err);
    if (status == HEED_OK)
        status = check_length(c, n_ids, err);
    if (status == HEED_OK && (maps = calloc(1, sizeof *maps)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for attention maps");
    if (status == HEED_OK) {
        *maps = (heed_attention_maps){.n_layers = (int)c->n_layers,
                                      .n_heads = (int)c->n_heads,
                                      .n_tokens = (int)n_ids,
                                      .n_experts = (int)c->n_experts,
                                      .arena = heed_arena_create()};
        status = fill(maps, model, selection, ids, err);
    }
    free(ids);
    if (status != HEED_OK) {
        heed_attention_maps_destroy(maps);
        maps = NULL;
    }
    *out = maps;
    return status;
}

heed_status heed_attention_maps_create(const heed_model *model, const char *text, size_t n,
                                       heed_attention_maps **maps, heed_error *err)
{
    const heed_head_selection all = {.layers = NULL};

    return heed_attention_maps_create_selected(model, text, n, &all, maps, err);
}

void heed_attention_maps_destroy(heed_attention_maps *maps)
{
    if (maps == NULL)
        return;
    heed_arena_destroy(maps->arena);
    free(maps->patterns);
    free(maps->shares);
    free(maps->losses);
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

    if (layer < 0 || layer >= maps->n_layers || maps->layer_place[layer] < 0 || head < 0 ||
        head >= maps->n_heads || maps->head_place[head] < 0)
        return NULL;
    return maps->patterns +
           (size_t)(maps->layer_place[layer] * maps->n_chosen_heads + maps->head_place[head]) * count;
}

const float *heed_attention_maps_losses(const heed_attention_maps *maps)
{
    return maps->losses;
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
