/* SPDX-License-Identifier: MIT */
/*
 * Which keys a tile of attention over bfloat16 meets: chunks on a grid of HALF_KEYS, and in each the rows that a block
 * of HALF_BLOCK queries may see. Scores lie as scores[key][query], for one block at a time: they stay in the nearest cache.
 *
 * Needs vector_attention_bf16_pack.inc.h.
 */
#include "kernels/mask.h"

typedef struct half_tile {
    int64_t query, n_queries;                    /* the first query, and how many there are */
    int64_t key, n_keys;                         /* the chunk */
    int64_t low[HALF_BLOCKS], high[HALF_BLOCKS]; /* rows of the chunk that a block may see; equal: none */
    bool masked;                                 /* and some of those are hidden */
} half_tile;

INLINE half_tile half_tile_of(int64_t query, int64_t query_end)
{
    const int64_t left = query_end - query;

    return (half_tile){.query = query, .n_queries = left < HALF_QUERIES ? left : HALF_QUERIES};
}

/* Moves to the chunk that begins at `key`; false where the tile sees none of it. */
static bool half_take_keys(half_tile *t, const heed_attention_head *head, int64_t key)
{
    const int64_t end = t->query + t->n_queries;
    bool any = false;

    t->key = key;
    t->n_keys = head->n_key - key < HALF_KEYS ? head->n_key - key : HALF_KEYS;
    const heed_seen seen = heed_mask_tile(&head->mask, t->query, end, key, key + t->n_keys);
    if (seen == HEED_SEEN_NONE)
        return false;
    t->masked = seen == HEED_SEEN_SOME;
    for (int b = 0; b < HALF_BLOCKS; b++) {
        const int64_t q0 = t->query + b * HALF_BLOCK, q1 = q0 + HALF_BLOCK < end ? q0 + HALF_BLOCK : end;

        t->low[b] = t->high[b] = 0;
        if (q0 >= end)
            continue;
        const heed_key_range range = heed_mask_range(&head->mask, q0, q1, head->n_key);
        t->low[b] = clamp(range.begin - key, 0, t->n_keys);
        t->high[b] = clamp(range.end - key, t->low[b], t->n_keys);
        any = any || t->low[b] < t->high[b];
    }
    return any;
}

/* The rows of the chunk that block b is multiplied with: whole blocks round those that it may see. */
INLINE int64_t block_begin(const half_tile *t, int b)
{
    return t->low[b] / HALF_BLOCK * HALF_BLOCK;
}

INLINE int64_t block_end(const half_tile *t, int b)
{
    return t->low[b] < t->high[b] ? whole_blocks(t->high[b]) : block_begin(t, b);
}

/* scores[key][query of block b] = k q^T, HALF_BLOCK a row, for the rows that the block sees. packed: words [width / 2][HALF_QUERIES]. */
static void half_scores(float *scores, const half_tile *t, int b, const uint16_t *k, int64_t width,
                        const uint32_t *packed)
{
    const int64_t begin = block_begin(t, b);

    half_product(scores + begin * HALF_BLOCK, HALF_BLOCK, k + begin * width, width, packed + b * HALF_BLOCK,
                 HALF_QUERIES, block_end(t, b) - begin, HALF_BLOCK, width, false);
}

/* ---- hidden pairs ---- */

/* Bit l: the query `i` + l does not see key j. Queries past the last do not ask. */
INLINE __mmask16 hidden_by_definition(const heed_mask *mask, int64_t i, int64_t i_end, int64_t j)
{
    unsigned hidden = 0;

    for (int l = 0; l < 16 && i + l < i_end; l++)
        hidden |= (unsigned)!heed_mask_sees(mask, i + l, j) << l;
    return (__mmask16)hidden;
}

/* The same where order alone hides, and no stride: lane l stands `back` + l behind the key. */
INLINE __mmask16 hidden_by_order(const heed_mask *mask, int64_t back, int64_t j)
{
    unsigned hidden = 0;

    if (j < mask->prefix)
        return 0;
    if (mask->causal && back < 0)
        hidden |= back <= -16 ? 0xffffu : 0xffffu >> (16 + back);
    if (mask->window > 0 && back + 15 >= mask->window)
        hidden |= back >= mask->window ? 0xffffu : 0xffffu << (mask->window - back);
    return (__mmask16)hidden;
}

INLINE void hide(float *scores, __mmask16 hidden)
{
    _mm512_mask_storeu_ps(scores, hidden, _mm512_set1_ps(-INFINITY));
}

/* -inf where a query of block b does not see a key, and in the odd rows that fill pairs up. */
static void half_hide(float *scores, const half_tile *t, int b, const heed_mask *mask)
{
    const bool by_order = mask->stride == 0 && !mask->keys && !mask->key_documents && !mask->blocks &&
                          !mask->pairs;
    const int64_t end = t->query + t->n_queries;

    for (int v = 0; v < HALF_BLOCK / 16; v++) {
        const int64_t i = t->query + b * HALF_BLOCK + v * 16, position = mask->position + i;
        /* rows from .. to - 1 are seen by all 16, as far as order says */
        const int64_t from = mask->window > 0 ? position + 16 - mask->window - t->key : 0;
        const int64_t to = mask->causal ? position + 1 - t->key : HALF_KEYS;

        for (int64_t j = t->low[b]; t->masked && j < t->high[b]; j++) {
            float *row = scores + j * HALF_BLOCK + v * 16;

            if (!by_order)
                hide(row, hidden_by_definition(mask, i, end, t->key + j));
            else if (j < from || j >= to)
                hide(row, hidden_by_order(mask, position - (t->key + j), t->key + j));
        }
        if (t->low[b] % 2 != 0 && t->low[b] < t->high[b])
            hide(scores + (t->low[b] - 1) * HALF_BLOCK + v * 16, 0xffff);
        if (t->high[b] % 2 != 0)
            hide(scores + t->high[b] * HALF_BLOCK + v * 16, 0xffff);
    }
}
