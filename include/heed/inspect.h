/* SPDX-License-Identifier: MIT */
/**
 * Looking inside: what the heads of a model attend to, and pictures of it and of a training run.
 */
#ifndef HEED_INSPECT_H
#define HEED_INSPECT_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_attention_maps heed_attention_maps;

/**
 * Runs the model over a text and keeps the attention of every head and the load of experts. HEED_ERR_USAGE: a text
 * longer than the context of a model with a table of positions; HEED_ERR_MEMORY: [n_tokens, n_tokens] for every head.
 */
HEED_API heed_status heed_attention_maps_create(const heed_model *model, const char *text, size_t n,
                                                heed_attention_maps **maps, heed_error *err);
HEED_API void heed_attention_maps_destroy(heed_attention_maps *maps);
HEED_API int heed_attention_maps_n_layers(const heed_attention_maps *maps);
HEED_API int heed_attention_maps_n_heads(const heed_attention_maps *maps);
HEED_API int heed_attention_maps_n_tokens(const heed_attention_maps *maps);
/** pattern [n_tokens, n_tokens] of a head, row = query; lent by maps. */
HEED_API const float *heed_attention_maps_pattern(const heed_attention_maps *maps, int layer, int head);
/** Experts of a layer; 0 where feed-forwards are not mixtures. */
HEED_API int heed_attention_maps_n_experts(const heed_attention_maps *maps);
/** [n_experts] shares of the tokens that a layer sends through each; they add up to experts_per_token. Lent by maps. */
HEED_API const float *heed_attention_maps_expert_shares(const heed_attention_maps *maps, int layer);

/* How text pictures are coloured. */
typedef enum heed_palette { HEED_PALETTE_NONE, HEED_PALETTE_16, HEED_PALETTE_TRUE } heed_palette;

/** All heads as a PNG, SVG or PDF (by the ending of path). HEED_ERR_FILE, HEED_ERR_USAGE for another ending. */
HEED_API heed_status heed_attention_maps_picture(const heed_attention_maps *maps, const char *path,
                                                 heed_error *err);
/** One head as text for a terminal of so many columns; *out is allocated, free() it. */
HEED_API heed_status heed_attention_maps_text(const heed_attention_maps *maps, int layer, int head, int columns,
                                              heed_palette palette, char **out, heed_error *err);

/* What a process takes more once it has drawn: the image, the drawing library and its font. Measured. */
#define HEED_PICTURE_BYTES 5.2e6

/** The loss curve of the run in folder (its log.jsonl), with its floor if it has one, as a PNG, SVG or PDF. */
HEED_API heed_status heed_run_picture(const char *folder, const char *path, heed_error *err);
/** The same as text for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_run_text(const char *folder, int columns, int rows, heed_palette palette, char **out,
                                   heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
