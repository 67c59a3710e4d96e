/* SPDX-License-Identifier: MIT */
/*
 * Weights: the parameters that a configuration's graph has, and where their numbers lie.
 *
 *     heed_weights *weights = NULL;
 *     status = heed_weights_create(&config, &weights, err);        names and shapes, no numbers yet
 *     heed_weights_place(weights, block);                          heed_weights_bytes() bytes
 *     heed_weights_init(weights, seed);
 *     heed_weights_bind(weights, g);                               any graph of the same configuration
 *
 * The list is made by building the graph and looking, so it cannot disagree with the model.
 */
#ifndef HEED_NN_WEIGHTS_H
#define HEED_NN_WEIGHTS_H

#include <heed/model.h>

#include "base/memory.h"
#include "formats/shards.h"
#include "graph/graph.h"
#include "nn/precision.h"

typedef struct heed_weights {
    heed_config config;
    heed_arena *arena;
    heed_parameter *list; /* in the order of a token's way through the model */
    heed_scales *scales;  /* [n] of the 8-bit ones, as tensors point to them */
    int n;
    void *block; /* of their own, or NULL when the numbers lie elsewhere */
    size_t block_bytes;
} heed_weights;

heed_status heed_weights_create(const heed_config *config, heed_weights **weights, heed_error *err);
void heed_weights_destroy(heed_weights *weights); /* NULL is allowed */

/** The type that parameter `name` has in a graph; f32 for one that is not there. */
heed_dtype heed_weights_dtype(const heed_weights *weights, const char *name);
/** Bytes of all numbers and scales as they are stored. */
double heed_weights_stored_bytes(const heed_weights *weights);
/** Bytes that heed_weights_place() needs: every parameter in f32, at a multiple of 64. */
size_t heed_weights_bytes(const heed_weights *weights);
int64_t heed_weights_count(const heed_weights *weights);
/** Lays the parameters into a zeroed block of the caller, or into one of their own (NULL). HEED_ERR_MEMORY. */
heed_status heed_weights_place(heed_weights *weights, void *block, heed_error *err);
/**
 * GPT-2's random start: normal with deviation 0.02, the maps back into the residual stream with 0.02 / sqrt(2 n_layers),
 * gains 1, biases 0. The same seed gives the same numbers everywhere.
 */
void heed_weights_init(heed_weights *weights, uint64_t seed);
/** The same weights once more with matrices in `precision`, in a block of their own. HEED_ERR_MEMORY. */
heed_status heed_weights_narrow(const heed_weights *from, heed_precision precision, heed_weights **to,
                                heed_error *err);
/** Takes the numbers from a checkpoint: copied as f32 when the weights have been placed, used in the file otherwise where
 *  its form allows: f32, and in matrices f16, bf16 and 8-bit. HEED_ERR_FILE names the first tensor that is missing, has
 *  another shape or a type that is no number with a fraction, or has no place here. */
heed_status heed_weights_load(heed_weights *weights, const heed_shards *shards, heed_error *err);
/** The tensor of parameter i in a checkpoint, found under either name and checked as by heed_weights_load(). */
heed_status heed_weights_entry(const heed_weights *weights, int i, const heed_shards *shards,
                               const heed_safetensors_entry **entry, heed_error *err);
/**
 * The scales that belong to an 8-bit tensor of parameter p, and the length of their groups. They are lent by the file, or
 * copied into the arena where they do not lie at a multiple of four bytes. HEED_ERR_FILE, HEED_ERR_MEMORY.
 */
heed_status heed_weights_scales(const heed_parameter *p, const heed_shards *shards,
                                const heed_safetensors_entry *numbers, heed_arena *arena, const float **scales,
                                int64_t *group, heed_error *err);
/** Refuses a checkpoint with a tensor that has no place in a model of this configuration. */
heed_status heed_weights_refuse_strangers(const heed_weights *weights, const heed_shards *shards,
                                          heed_error *err);
/** Binds the parameters of g, by name. */
void heed_weights_bind(const heed_weights *weights, heed_graph *g);
/** Name of the scales of an 8-bit parameter: h.0.attn.c_attn.weight_scale; out has HEED_MAX_NAME + 8 bytes. */
const char *heed_weights_scales_name(char *out, const char *name);
heed_parameter *heed_weights_find(const heed_weights *weights, const char *name);

#endif
