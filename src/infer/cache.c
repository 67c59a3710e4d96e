/* SPDX-License-Identifier: MIT */
#include "infer/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "nn/nn.h"

static int64_t part_row(const heed_cache *cache, int i)
{
    return cache->parts[i].n_heads * cache->length * cache->parts[i].head_dim;
}

/* What the states of a graph say: they are made from the configuration there, and nowhere else. */
static heed_status find_parts(heed_cache *cache, const heed_graph *g, heed_error *err)
{
    const int n_nodes = heed_graph_n_nodes(g);

    cache->parts = calloc((size_t)n_nodes + 1, sizeof *cache->parts);
    if (cache->parts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a session");
    for (int i = 0; i < n_nodes; i++) {
        const heed_node *node = heed_graph_node(g, i);
        if (node->role == HEED_ROLE_STATE)
            cache->parts[cache->n_parts++] = (heed_cache_part){.n_heads = node->tensor.shape.size[1],
                                                               .head_dim = node->tensor.shape.size[3]};
    }
    return HEED_OK;
}

static heed_status ask_graph(heed_cache *cache, const heed_model *model, heed_error *err)
{
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .cache_length = cache->length};
    heed_status status;

    if (g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a session");
    nn.past = heed_graph_input(g, "past", HEED_I32, heed_shape0());
    heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(1, 1)), NULL);
    status = heed_graph_status(g, err);
    if (status == HEED_OK)
        status = find_parts(cache, g, err);
    heed_graph_destroy(g);
    return status;
}

/* Bytes of all parts; false when they are more than there can be. */
static bool count(const heed_cache *cache, size_t *bytes)
{
    *bytes = 0;
    for (int i = 0; i < cache->n_parts; i++) {
        size_t part;
        if (!heed_size_mul((size_t)part_row(cache, i), (size_t)cache->rows, &part) ||
            !heed_size_mul(part, sizeof(float), &part) || !heed_size_add(*bytes, part, bytes))
            return false;
    }
    return true;
}

heed_status heed_cache_open(heed_cache *cache, const heed_model *model, int64_t rows, int64_t length,
                            heed_error *err)
{
    heed_status status;
    float *at;

    *cache = (heed_cache){.rows = rows, .length = length};
    if (rows == 0 || length == 0)
        return HEED_OK;
    status = ask_graph(cache, model, err);
    if (status != HEED_OK) {
        heed_cache_close(cache);
        return status;
    }
    if (count(cache, &cache->bytes) &&
        cache->bytes < heed_memory_available()) /* the system would promise more than it has */
        cache->data = heed_memory_reserve_sparse(cache->bytes);
    if (cache->data == NULL) {
        const double megabytes = (double)cache->bytes / 1e6;
        heed_cache_close(cache);
        return heed_fail(err, HEED_ERR_MEMORY,
                         "a session needs %.1f MB for its cache, which the system does not give", megabytes);
    }
    at = cache->data;
    for (int i = 0; i < cache->n_parts; i++) {
        cache->parts[i].data = at;
        at += part_row(cache, i) * rows;
    }
    return HEED_OK;
}

void heed_cache_close(heed_cache *cache)
{
    if (cache->data != NULL)
        heed_memory_release(cache->data, cache->bytes);
    free(cache->parts);
    *cache = (heed_cache){0};
}

void heed_cache_bind(const heed_cache *cache, heed_graph *g, int64_t row)
{
    int part = 0;

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        heed_node *node = heed_graph_node(g, i);
        if (node->role != HEED_ROLE_STATE)
            continue;
        node->tensor.data = cache->parts[part].data + row * part_row(cache, part);
        part++;
    }
}

size_t heed_cache_copy(const heed_cache *cache, int64_t to, int64_t from, int64_t begin, int64_t end)
{
    size_t copied = 0;

    if (to == from || begin >= end)
        return 0;
    for (int i = 0; i < cache->n_parts; i++) {
        const heed_cache_part *part = &cache->parts[i];
        const int64_t head = cache->length * part->head_dim;
        const size_t bytes = (size_t)((end - begin) * part->head_dim) * sizeof(float);

        for (int64_t h = 0; h < part->n_heads; h++) {
            memcpy(part->data + to * part_row(cache, i) + h * head + begin * part->head_dim,
                   part->data + from * part_row(cache, i) + h * head + begin * part->head_dim, bytes);
            copied += bytes;
        }
    }
    return copied;
}
