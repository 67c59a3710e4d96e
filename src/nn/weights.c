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

/* The axis of groups that all users of a parameter agree on, -1 where one of them takes f32 alone. */
static int axis_of(const heed_graph *g, const heed_node *parameter)
{
    int axis = -1;
    bool first = true;

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        for (int k = 0; k < node->n_in; k++) {
            if (node->in[k] != parameter)
                continue;
            const int its = node->op->weight_axis != NULL ? node->op->weight_axis(node, k) : -1;
            axis = first || its == axis ? its : -1;
            first = false;
        }
    }
    return axis;
}

static bool list_parameters(heed_weights *w, const heed_graph *g)
{
    int n = 0;

    for (int i = 0; i < heed_graph_n_nodes(g); i++)
        n += heed_graph_node(g, i)->role == HEED_ROLE_PARAMETER;
    w->list = heed_arena_alloc(w->arena, (size_t)n * sizeof *w->list);
    w->scales = heed_arena_alloc(w->arena, (size_t)n * sizeof *w->scales);
    if (w->list == NULL || w->scales == NULL)
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
        p->axis = axis_of(g, node);
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

heed_dtype heed_weights_dtype(const heed_weights *w, const char *name)
{
    const heed_parameter *p = heed_weights_find(w, name);

    return p != NULL ? heed_precision_dtype(p->precision) : HEED_F32;
}

double heed_weights_stored_bytes(const heed_weights *w)
{
    double bytes = 0.0;

    for (int i = 0; i < w->n; i++)
        bytes += (double)w->list[i].bytes;
    return bytes;
}

heed_parameter *heed_weights_find(const heed_weights *w, const char *name)
{
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->list[i].name, name) == 0)
            return &w->list[i];
    }
    return NULL;
}

/* In single precision at x. */
static void place_at(heed_parameter *p, const float *x)
{
    p->data = x;
    p->numbers = x;
    p->precision = HEED_PRECISION_F32;
    p->bytes = p->count * (int64_t)sizeof *x;
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
        place_at(&w->list[i], (const float *)(const void *)at);
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
        const heed_parameter *p = &w->list[i];
        heed_node *node = heed_graph_find(g, p->name);
        if (node == NULL || node->tensor.dtype != heed_precision_dtype(p->precision))
            continue; /* a graph that was built for other types stays unbound, which its plan reports */
        node->tensor.data = (void *)(uintptr_t)p->numbers;
        node->tensor.scales = p->scales != NULL ? &w->scales[i] : NULL;
    }
}

/* --- from a checkpoint --- */

#define PREFIX "transformer."

static const char *without_prefix(const char *name)
{
    const size_t n = sizeof PREFIX - 1;

    return strncmp(name, PREFIX, n) == 0 ? name + n : name;
}

/* The tensor of that name, with the prefix or without. */
static const heed_safetensors_entry *find_entry(const heed_shards *shards, const char *name)
{
    char prefixed[HEED_MAX_NAME + 8 + sizeof PREFIX];
    const heed_safetensors_entry *bare = heed_shards_find(shards, name);

    snprintf(prefixed, sizeof prefixed, PREFIX "%s", name);
    return bare != NULL ? bare : heed_shards_find(shards, prefixed);
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

const char *heed_weights_scales_name(char *out, const char *name)
{
    snprintf(out, HEED_MAX_NAME + 8, "%s_scale", name);
    return out;
}

/* NAME_scale beside a NAME of 8 bits. */
static bool are_scales(const heed_weights *w, const heed_shards *shards, const char *name)
{
    char of[HEED_MAX_NAME];
    const size_t n = strlen(name);
    const heed_safetensors_entry *entry;
    const heed_parameter *p;

    if (!ends_with(name, "_scale") || n >= sizeof of)
        return false;
    snprintf(of, sizeof of, "%.*s", (int)(n - 6), name);
    p = heed_weights_find(w, of);
    if (p == NULL || p->axis < 0)
        return false;
    entry = find_entry(shards, of);
    return entry != NULL && entry->dtype == HEED_SAFETENSORS_I8;
}

heed_status heed_weights_refuse_strangers(const heed_weights *w, const heed_shards *shards, heed_error *err)
{
    for (size_t i = 0; i < heed_shards_n_entries(shards); i++) {
        const heed_safetensors_entry *entry = heed_shards_at(shards, i);
        const char *name = without_prefix(entry->name);
        char shown[128];
        if (heed_weights_find(w, name) == NULL && !is_mask_buffer(name) && !are_scales(w, shards, name) &&
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
    if (!heed_safetensors_is_real((*entry)->dtype) && !((*entry)->dtype == HEED_SAFETENSORS_I8 && p->axis >= 0))
        return heed_fail(err, HEED_ERR_FILE, "%s: %s: expected F32, F16, BF16 or F64, file has %s",
                         (*entry)->where, p->name, heed_safetensors_dtype_name((*entry)->dtype));
    return check_shape(p, *entry, err);
}

/* The group that makes scales of this shape; 0: none does. Where several do there is one group alone. */
static int64_t group_of(const heed_parameter *p, const heed_safetensors_entry *scales)
{
    static const int64_t groups[] = {64, 32, 128};

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const heed_shape shape = heed_int8_scales_shape(p->size[0], p->size[1], groups[i], p->axis);
        if (scales->rank == 2 && scales->size[0] == shape.size[0] && scales->size[1] == shape.size[1])
            return groups[i];
    }
    return 0;
}

/* The floats of an F32 tensor, where they lie or as a copy. */
static heed_status take_floats(const heed_safetensors_entry *entry, heed_arena *arena, const float **out,
                               heed_error *err)
{
    float *copy;

    *out = heed_safetensors_f32(entry);
    if (*out != NULL)
        return HEED_OK;
    *out = copy = heed_arena_alloc(arena, entry->bytes);
    if (copy == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for scales", entry->where);
    return heed_safetensors_read_f32(entry, copy, err);
}

heed_status heed_weights_scales(const heed_parameter *p, const heed_shards *shards,
                                const heed_safetensors_entry *numbers, heed_arena *arena, const float **scales,
                                int64_t *group, heed_error *err)
{
    char name[HEED_MAX_NAME + 8], got[192];
    const heed_safetensors_entry *entry = find_entry(shards, heed_weights_scales_name(name, p->name));

    if (entry == NULL)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: %s has 8 bits: expected a tensor %s beside it, the file has none", numbers->where,
                         p->name, name);
    *group = group_of(p, entry);
    if (entry->dtype != HEED_SAFETENSORS_F32 || *group == 0)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: %s: expected F32 with a scale for each group of 32, 64 or 128 along axis %d of %s, "
            "file has %s %s",
            entry->where, name, p->axis, p->name, heed_safetensors_dtype_name(entry->dtype),
            heed_safetensors_shape(got, sizeof got, entry));
    return take_floats(entry, arena, scales, err);
}

/* Uses the numbers where they lie in the file, if this can be. */
static bool use_in_place(heed_parameter *p, const heed_safetensors_entry *entry)
{
    heed_precision precision;

    if (!heed_precision_of_file(entry->dtype, &precision) || (precision != HEED_PRECISION_F32 && p->axis < 0) ||
        (uintptr_t)entry->data % heed_safetensors_dtype_bytes(entry->dtype) != 0)
        return false;
    p->precision = precision;
    p->numbers = entry->data;
    p->data = precision == HEED_PRECISION_F32 ? entry->data : NULL;
    p->bytes = (int64_t)entry->bytes;
    return true;
}

static heed_status take_int8(heed_weights *w, int i, const heed_shards *shards,
                             const heed_safetensors_entry *entry, heed_error *err)
{
    heed_parameter *p = &w->list[i], stored = *p;
    heed_status status = heed_weights_scales(p, shards, entry, w->arena, &stored.scales, &stored.group, err);

    if (status != HEED_OK)
        return status;
    (void)use_in_place(&stored, entry);
    if (p->data != NULL) {
        heed_parameter_read(&stored, 0, p->count, numbers_of(p));
        return HEED_OK;
    }
    stored.bytes += heed_int8_n_scales(p->size[0], p->size[1], stored.group, p->axis) * (int64_t)sizeof(float);
    *p = stored;
    w->scales[i] = (heed_scales){p->scales, p->group, p->axis};
    return HEED_OK;
}

static heed_status take(heed_weights *w, int i, const heed_shards *shards, const heed_safetensors_entry *entry,
                        heed_error *err)
{
    heed_parameter *p = &w->list[i];

    if (entry->dtype == HEED_SAFETENSORS_I8)
        return take_int8(w, i, shards, entry, err);
    if (p->data == NULL && use_in_place(p, entry))
        return HEED_OK;
    if (p->data == NULL) {
        const float *copy = heed_arena_alloc(w->arena, (size_t)p->count * sizeof *copy);
        if (copy == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %s", entry->where, p->name);
        place_at(p, copy);
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
            status = take(w, i, shards, entry, err);
    }
    return status == HEED_OK ? heed_weights_refuse_strangers(w, shards, err) : status;
}
