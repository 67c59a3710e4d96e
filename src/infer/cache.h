/* SPDX-License-Identifier: MIT */
/*
 * The key/value cache of several texts: for each layer, for keys and for values, a tensor [rows, Hkv, C, head_dim], the
 * rows of which are the texts. C tokens of each are held.
 *
 *     heed_cache cache = {0};
 *     status = heed_cache_open(&cache, model, 8, C, err);
 *     heed_cache_bind(&cache, g, 3);                  a graph of two texts then works on rows 3 and 4
 *     heed_cache_copy(&cache, 5, 3, 0, 100);          row 5 has read what row 3 read, 100 tokens of it
 *     heed_cache_close(&cache);
 */
#ifndef HEED_INFER_CACHE_H
#define HEED_INFER_CACHE_H

#include "graph/graph.h"
#include "nn/model.h"

/* The tensor of one layer's keys or values. */
typedef struct heed_cache_part {
    float *data;
    int64_t n_heads, head_dim;
} heed_cache_part;

typedef struct heed_cache {
    int64_t rows, length; /* C */
    heed_cache_part *parts;
    int n_parts;
    float *data;
    size_t bytes;
} heed_cache;

/** HEED_ERR_MEMORY says how many bytes. rows 0 or length 0: an empty one, as models without attention have. */
heed_status heed_cache_open(heed_cache *cache, const heed_model *model, int64_t rows, int64_t length,
                            heed_error *err);
void heed_cache_close(heed_cache *cache);
/** Lets the states of a graph, which are in the order of the parts, be those of row and the rows behind it. */
void heed_cache_bind(const heed_cache *cache, heed_graph *g, int64_t row);
/** Copies tokens begin .. end-1. Returns the bytes that were copied. */
size_t heed_cache_copy(const heed_cache *cache, int64_t to, int64_t from, int64_t begin, int64_t end);

#endif
