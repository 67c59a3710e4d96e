/* SPDX-License-Identifier: MIT */
#include "nn/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "nn/nn.h"

/* --- the list --- */

/* What part of a model a parameter belongs to, by a piece of its name; the first match counts. */
static const char *component_of(const char *name)
{
    static const char *const parts[][2] = {
        {"wte", "token embedding"},
        {"wpe", "position embedding"},
        {"ln_", "norm"},
        {"relative", "relative positions"},
        {".attn.", "attention"},
        {".router", "router"},
        {".experts.", "experts"},
        {".mlp.", "mlp"},
        {"lm_head", "head"},
        {"table", "bigram table"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(name, parts[i][0]) != NULL)
            return parts[i][1];
    }
    return "other";
}

static bool list_parameters(heed_weights *w, const heed_graph *g)
{
    int n = 0;

    for (int i = 0; i < heed_graph_n_nodes(g); i++)
        n += heed_graph_node(g, i)->role == HEED_ROLE_PARAMETER;
    w->list = heed_arena_alloc(w->arena, (size_t)n * sizeof *w->list);
    if (w->list == NULL)
        return false;
    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        heed_parameter *p = &w->list[w->n];
        if (node->role != HEED_ROLE_PARAMETER)
            continue;
        p->name = heed_arena_format(w->arena, "%s", node->name);
        if (p->name == NULL)
            return false;
        p->component = component_of(p->name);
        p->rank = node->tensor.shape.rank;
        p->count = heed_tensor_count(&node->tensor);
        memcpy(p->size, node->tensor.shape.size, sizeof p->size);
        w->n++;
    }
    return true;
}

heed_status heed_weights_create(const heed_config *config, heed_weights **weights, heed_error *err)
{
    heed_weights *w = calloc(1, sizeof *w);
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = config};
    heed_status status;

    *weights = NULL;
    if (w == NULL || g == NULL || (w->arena = heed_arena_create()) == NULL) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a model");
        goto cleanup;
    }
    w->config = *config;
    heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(1, 1)), NULL);
    status = heed_graph_status(g, err);
    if (status == HEED_OK && !list_parameters(w, g))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the names of a model");
cleanup:
    heed_graph_destroy(g);
    if (status != HEED_OK) {
        heed_weights_destroy(w);
        w = NULL;
    }
    *weights = w;
    return status;
}

void heed_weights_destroy(heed_weights *w)
{
    if (w == NULL)
        return;
    heed_memory_release(w->block, w->block_bytes);
    heed_arena_destroy(w->arena);
    free(w);
}

size_t heed_weights_bytes(const heed_weights *w)
{
    size_t bytes = 0;

    for (int i = 0; i < w->n; i++)
        bytes += heed_size_align((size_t)w->list[i].count * sizeof(float));
    return bytes;
}

int64_t heed_weights_count(const heed_weights *w)
{
    int64_t n = 0;

    for (int i = 0; i < w->n; i++)
        n += w->list[i].count;
    return n;
}

heed_parameter *heed_weights_find(const heed_weights *w, const char *name)
{
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->list[i].name, name) == 0)
            return &w->list[i];
    }
    return NULL;
}

heed_status heed_weights_place(heed_weights *w, void *block, heed_error *err)
{
    char *at = block;

    if (block == NULL) {
        w->block_bytes = heed_weights_bytes(w);
        at = w->block = heed_memory_reserve(w->block_bytes);
        if (at == NULL)
            return heed_fail(err, HEED_ERR_MEMORY,
                             "the weights need %.1f MB of memory, which the system does not give",
                             (double)w->block_bytes / 1e6);
    }
    for (int i = 0; i < w->n; i++) {
        w->list[i].data = (const float *)(const void *)at;
        at += heed_size_align((size_t)w->list[i].count * sizeof(float));
    }
    return HEED_OK;
}

/* --- the numbers --- */

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Placed weights are ours to write, although those who read a model see them as constant. */
static float *numbers_of(const heed_parameter *p)
{
    return (float *)(uintptr_t)p->data;
}

void heed_weights_init(heed_weights *w, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_INIT);
    const float residual = w->config.n_layers > 0 ? 0.02f / sqrtf(2.0f * (float)w->config.n_layers) : 0.02f;

    for (int i = 0; i < w->n; i++) {
        const heed_parameter *p = &w->list[i];
        float *x = numbers_of(p);
        const bool constant = p->rank < 2 ||
                              ends_with(p->name, ".bias"); /* experts have a row of biases each */
        const float value = constant && ends_with(p->name, ".weight") ? 1.0f : 0.0f;
        const float deviation = ends_with(p->name, "c_proj.weight") && w->config.residual ? residual : 0.02f;

        for (int64_t k = 0; k < p->count; k++)
            x[k] = constant ? value : deviation * heed_rng_normal(&rng);
    }
}

void heed_weights_bind(const heed_weights *w, heed_graph *g)
{
    for (int i = 0; i < w->n; i++) {
        heed_node *node = heed_graph_find(g, w->list[i].name);
        if (node != NULL)
            node->tensor.data = numbers_of(&w->list[i]);
    }
}

/* --- from a checkpoint --- */

#define PREFIX "transformer."

static const char *without_prefix(const char *name)
{
    const size_t n = sizeof PREFIX - 1;

    return strncmp(name, PREFIX, n) == 0 ? name + n : name;
}

/* Buffers that published files carry and no model needs: the causal mask h.N.attn.bias and its constant. */
static bool is_mask_buffer(const char *name)
{
    size_t n;

    if (strncmp(name, "h.", 2) != 0)
        return false;
    n = strspn(name + 2, "0123456789");
    return n > 0 && (strcmp(name + 2 + n, ".attn.bias") == 0 || strcmp(name + 2 + n, ".attn.masked_bias") == 0);
}

heed_status heed_weights_refuse_strangers(const heed_weights *w, const heed_shards *shards, heed_error *err)
{
    for (size_t i = 0; i < heed_shards_n_entries(shards); i++) {
        const heed_safetensors_entry *entry = heed_shards_at(shards, i);
        const char *name = without_prefix(entry->name);
        char shown[128];
        if (heed_weights_find(w, name) == NULL && !is_mask_buffer(name) &&
            !(w->config.tied_head && strcmp(name, "lm_head.weight") == 0))
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: a model of this configuration has no place for the tensor %s", entry->where,
                             heed_quote(shown, sizeof shown, entry->name, strlen(entry->name)));
    }
    return HEED_OK;
}

static heed_status check_shape(const heed_parameter *p, const heed_safetensors_entry *entry, heed_error *err)
{
    char expected[96], got[192];
    heed_shape shape = {.rank = p->rank};
    bool same = entry->rank == p->rank;

    memcpy(shape.size, p->size, sizeof p->size);
    for (int i = 0; same && i < p->rank; i++)
        same = entry->size[i] == p->size[i];
    if (same)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_FILE, "%s: %s: expected %s, file has %s", entry->where, p->name,
                     heed_shape_format(expected, sizeof expected, &shape),
                     heed_safetensors_shape(got, sizeof got, entry));
}

heed_status heed_weights_entry(const heed_weights *w, int i, const heed_shards *shards,
                               const heed_safetensors_entry **entry, heed_error *err)
{
    const heed_parameter *p = &w->list[i];
    char prefixed[HEED_MAX_NAME + sizeof PREFIX];
    const heed_safetensors_entry *bare = heed_shards_find(shards, p->name), *other;

    snprintf(prefixed, sizeof prefixed, PREFIX "%s", p->name);
    other = heed_shards_find(shards, prefixed);
    *entry = bare != NULL ? bare : other;
    if (*entry == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a tensor %s, the file has none",
                         heed_shards_where(shards), p->name);
    if (bare != NULL && other != NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: %s is there twice, with " PREFIX " before it and without",
                         heed_shards_where(shards), p->name);
    if (!heed_safetensors_is_real((*entry)->dtype))
        return heed_fail(err, HEED_ERR_FILE, "%s: %s: expected F32, F16, BF16 or F64, file has %s",
                         (*entry)->where, p->name, heed_safetensors_dtype_name((*entry)->dtype));
    return check_shape(p, *entry, err);
}

static heed_status take(heed_weights *w, heed_parameter *p, const heed_safetensors_entry *entry,
                        heed_error *err)
{
    if (p->data == NULL && heed_safetensors_f32(entry) != NULL) {
        p->data = heed_safetensors_f32(entry);
        return HEED_OK;
    }
    if (p->data == NULL) {
        p->data = heed_arena_alloc(w->arena, (size_t)p->count * sizeof(float));
        if (p->data == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %s", entry->where, p->name);
    }
    return heed_safetensors_read_f32(entry, numbers_of(p), err);
}

heed_status heed_weights_load(heed_weights *w, const heed_shards *shards, heed_error *err)
{
    const heed_safetensors_entry *entry;
    heed_status status = HEED_OK;

    for (int i = 0; i < w->n && status == HEED_OK; i++) {
        status = heed_weights_entry(w, i, shards, &entry, err);
        if (status == HEED_OK)
            status = take(w, &w->list[i], entry, err);
    }
    return status == HEED_OK ? heed_weights_refuse_strangers(w, shards, err) : status;
}
