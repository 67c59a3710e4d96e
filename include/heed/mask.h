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
#include <stddef.h>
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

/** What a description can hold: no number below 0, lists with their partners. HEED_ERR_USAGE names what is not so. */
HEED_API heed_status heed_mask_check(const heed_mask *mask, int64_t n_query, int64_t n_key, heed_error *err);

/* A mask drawn out, pair by pair: 1 where query i may see key j. */
typedef struct heed_mask_table {
    int64_t n_query, n_key;
    uint8_t *pairs; /* [n_query, n_key] */
} heed_mask_table;

/* How tables are written down in the field; the same word can mean opposite things, so the form is always said. */
typedef enum heed_mask_form {
    HEED_MASK_SEEN,    /* 1: may be seen, 0: hidden. PyTorch: scaled_dot_product_attention, where True is 1 */
    HEED_MASK_BLOCKED, /* true: hidden. PyTorch: the masks of nn.MultiheadAttention, key_padding_mask among them */
    HEED_MASK_ADDED, /* added to the scores: 0 where seen, -inf where hidden; -1e9 and below count as hidden */
} heed_mask_form;

/** Draws a description; heed_mask_table_free() it. HEED_ERR_USAGE, HEED_ERR_MEMORY. */
HEED_API heed_status heed_mask_draw(const heed_mask *mask, int64_t n_query, int64_t n_key,
                                    heed_mask_table *table, heed_error *err);
/**
 * Reads a table from text: words apart by spaces or commas, a row a line. Where brackets stand, a row is what the inner
 * ones hold, so that what Python prints can be read, with tensor(..) or array(..) around it too. 1 and 0, true and false,
 * -inf in any case. HEED_ERR_USAGE says line and column of a row that is longer or shorter than the first, or of a word
 * that is none of these.
 */
HEED_API heed_status heed_mask_read(const char *text, size_t n, heed_mask_form form, heed_mask_table *table,
                                    heed_error *err);
/** The table as text, a row a line, words apart by spaces; *out is allocated, free() it. */
HEED_API heed_status heed_mask_write(const heed_mask_table *table, heed_mask_form form, char **out,
                                     heed_error *err);
/** A description by the table's pairs, which it borrows. */
HEED_API heed_mask heed_mask_from_table(const heed_mask_table *table);
HEED_API void heed_mask_table_free(heed_mask_table *table);

#ifdef __cplusplus
}
#endif
#endif
