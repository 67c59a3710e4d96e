/* SPDX-License-Identifier: MIT */
/*
 * The field's names of weights, and where their numbers lie in a checkpoint's parameters.
 *
 *     blocks.0.attn.W_Q[head, d_model, head_dim]      or [d_model, heads * head_dim]      also W_q
 *         is columns 0 .. of h.0.attn.c_attn.weight [d_model, columns of q, k and v]
 *
 *   tok_embed, W_E, embed.W_E                 wte.weight
 *   pos_embed, W_pos, pos_embed.W_pos         wpe.weight
 *   unembed, W_U, unembed.W_U                 [d_model, vocabulary], the transposed head
 *   blocks.L.attn.W_Q W_K W_V b_Q b_K b_V     parts of h.L.attn.c_attn
 *   blocks.L.attn.W_O b_O                     h.L.attn.c_proj; W_O [head, head_dim, d_model] or two axes
 *   blocks.L.mlp.W_in W_gate W_out b_in …     h.L.mlp.c_fc, c_gate, c_proj; of experts those of all
 *   blocks.L.ln1.w ln1.b ln2.w …, ln_final.w  h.L.ln_1, h.L.ln_2, ln_f
 *
 * Keys and values have n_kv_heads heads. Source of the names and shapes: TransformerLens 2, HookedTransformer.
 */
#ifndef HEED_INSPECT_WEIGHT_NAMES_H
#define HEED_INSPECT_WEIGHT_NAMES_H

#include <heed/config.h>

#include "graph/graph.h"

/* Element (i, j, …) of the view is element offset + i stride[0] + j stride[1] + … of the parameter. */
typedef struct heed_weight_view {
    char parameter[HEED_MAX_NAME];
    heed_shape shape;
    int64_t stride[HEED_MAX_RANK], offset;
} heed_weight_view;

/** The parameter that a name of the field means when rank indices follow it (-1: any); false: it is no such name. */
bool heed_weight_view_find(const heed_config *config, const char *name, int rank, heed_weight_view *view);

#endif
