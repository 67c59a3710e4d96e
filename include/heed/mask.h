/* SPDX-License-Identifier: MIT */
/**
 * Which keys a query may see in attention: a description of rules, not a table of pairs.
 *
 *     heed_mask mask = {.causal = true, .window = 256};       a sliding window of 256 keys, the query's own included
 *     if (heed_mask_sees(&mask, i, j)) ...                    may query i see key j?
 *
 * Key j stands at position j, query i at position `position + i`; a position may lie before the first key. A pair is
 * seen when the rules of order allow it and no list hides it:
 *
 *     order   key < prefix,  or else all of   causal: key <= position
 *                                             window: key > position - window
 *                                             stride: position - key < stride, or a multiple of it
 *     lists   keys, documents, blocks, pairs: each that is given must allow the pair
 *
 * So a prefix that all may see joins with a causal mask (prefix language models: Raffel et al. 2020, arXiv:1910.10683)
 * as with a window (attention sinks: Xiao et al. 2024, arXiv:2309.17453). Window: Beltagy et al. 2020 (arXiv:2004.05150);
 * stride: Child et al. 2019 (arXiv:1904.10509), where windows of `stride` keys and every stride-th key are seen; block
 * tables: Zaheer et al. 2020 (arXiv:2007.14062). All zero hides nothing. The arrays are the caller's.
 */
#ifndef HEED_MASK_H
#define HEED_MASK_H

#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_mask {
    int64_t position; /* of query 0 */
    bool causal;
    int64_t window; /* keys; 0: no window */
    int64_t stride; /* 0: none */
    int64_t prefix; /* the first so many keys are seen by all queries, whatever causal, window and stride say */

    const uint8_t *keys; /* [n_key] 1: the key may be seen, 0: it is padding */
    /* [n_query] and [n_key], both or neither: a query sees the keys of its own document */
    const int32_t *query_documents, *key_documents;
    /* [.., blocks_stride] 1: query block i / block may see key block j / block */
    const uint8_t *blocks;
    int64_t block, blocks_stride;
    const uint8_t *pairs; /* [n_query, pairs_stride] 1: query i may see key j */
    int64_t pairs_stride;
} heed_mask;

/** May query i see key j? The definition that every other way of masking is tested against. */
HEED_API bool heed_mask_sees(const heed_mask *mask, int64_t i, int64_t j);

#ifdef __cplusplus
}
#endif
#endif
