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

/* What of a run is looked at. */
typedef struct heed_head_selection {
    const char *layers, *heads; /* numbers and ranges, such as "0,2-3"; NULL: all */
    bool losses;                /* the loss of each token as well: it costs the head of the model */
} heed_head_selection;

/**
 * Reads such a list of numbers below count into chosen [count]; what is "layer", "head": the word for messages.
 * HEED_ERR_USAGE: no list, or a number that there is not ("there is no head 12: heads are 0 to 11").
 */
HEED_API heed_status heed_select_numbers(const char *list, const char *what, int64_t count, bool *chosen,
                                         heed_error *err);

/**
 * Runs the model over a text and keeps the attention of every head, or of the selected ones, and the load of experts.
 * Only what is selected takes memory: [n_tokens, n_tokens] a head, and while it runs one layer's heads. HEED_ERR_USAGE: a
 * text longer than the context of a model with a table of positions, a layer or head that there is not; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_attention_maps_create(const heed_model *model, const char *text, size_t n,
                                                heed_attention_maps **maps, heed_error *err);
HEED_API heed_status heed_attention_maps_create_selected(const heed_model *model, const char *text, size_t n,
                                                         const heed_head_selection *selection,
                                                         heed_attention_maps **maps, heed_error *err);
HEED_API void heed_attention_maps_destroy(heed_attention_maps *maps);
/** Of the model, whatever is selected. */
HEED_API int heed_attention_maps_n_layers(const heed_attention_maps *maps);
HEED_API int heed_attention_maps_n_heads(const heed_attention_maps *maps);
HEED_API int heed_attention_maps_n_tokens(const heed_attention_maps *maps);
/** pattern [n_tokens, n_tokens] of a head, row = query; lent by maps. NULL: it is not among the selected ones. */
HEED_API const float *heed_attention_maps_pattern(const heed_attention_maps *maps, int layer, int head);
/** [n_tokens] the loss of each token, in nats, after those before it; NaN for the first; lent. NULL: not selected. */
HEED_API const float *heed_attention_maps_losses(const heed_attention_maps *maps);
/** Experts of a layer; 0 where feed-forwards are not mixtures. */
HEED_API int heed_attention_maps_n_experts(const heed_attention_maps *maps);
/** [n_experts] shares of the tokens that a layer sends through each; they add up to experts_per_token. Lent by maps. */
HEED_API const float *heed_attention_maps_expert_shares(const heed_attention_maps *maps, int layer);

/* How text pictures are coloured. */
typedef enum heed_palette { HEED_PALETTE_NONE, HEED_PALETTE_16, HEED_PALETTE_TRUE } heed_palette;

/**
 * The selected heads in a file, by the ending of path:
 *
 *     .png .svg .pdf   a picture: layers downwards, heads to the right, a scale; tokens at the axes where they fit
 *     .html            one page that needs nothing else: any head, any token, zoom (docs/formats.md says what is inside)
 *     .npy             floats [selected layers, selected heads, n_tokens, n_tokens]
 *     .json            tokens, their losses where selected, and layer, head and pattern of each
 *
 * HEED_ERR_USAGE: another ending, or more heads and tokens than such a file is to hold; HEED_ERR_FILE.
 */
HEED_API heed_status heed_attention_maps_write(const heed_attention_maps *maps, const char *path,
                                               heed_error *err);
/** Whether write() knows the ending: HEED_ERR_USAGE names those that it knows. */
HEED_API heed_status heed_attention_maps_check_path(const char *path, heed_error *err);
/**
 * One head as text for a terminal of so many columns; *out is allocated, free() it. A text that does not fit is shown
 * through a window of tokens that begins with token first (less where the window would end behind the text): its column
 * "<" holds what goes to tokens before it, and a line below says so. HEED_ERR_USAGE: a head that is not selected.
 */
HEED_API heed_status heed_attention_maps_text(const heed_attention_maps *maps, int layer, int head, int first,
                                              int columns, heed_palette palette, char **out, heed_error *err);

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
