/* SPDX-License-Identifier: MIT */
/* Attention maps as their makers, drawers and writers share them. */
#ifndef HEED_INSPECT_ATTENTION_MAPS_H
#define HEED_INSPECT_ATTENTION_MAPS_H

#include <heed/inspect.h>
#include <heed/mask.h>

#include "base/memory.h"

struct heed_attention_maps {
    heed_arena *arena;
    int n_layers, n_heads, n_tokens, n_experts;
    int n_chosen_layers, n_chosen_heads;
    int *layer_place, *head_place; /* [n_layers], [n_heads] among the selected ones; -1: not selected */
    float *patterns;               /* [n_chosen_layers, n_chosen_heads, n_tokens, n_tokens] */
    float *shares;                 /* [n_layers, n_experts] of the tokens */
    float *losses;       /* [n_tokens] of each token after those before it; the first NaN; NULL: not selected */
    int32_t *ids;        /* [n_tokens] */
    uint8_t *delimiters; /* [n_tokens] 1: the token parts words or sentences; NULL: not known */
    heed_mask mask;      /* which keys a query sees */
    const char **labels; /* [n_tokens] the text of each token */
};

#endif
