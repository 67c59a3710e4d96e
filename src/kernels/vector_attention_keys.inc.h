/* SPDX-License-Identifier: MIT */
/*
 * Which keys a tile of attention takes at once, and what of them its queries see.
 *
 * A tile is QUERIES queries; their keys come in chunks of up to CHUNK_MAX. Chunks that a mask hides from the whole
 * tile are passed over:
 *
 *     tile_shape t = tile_of_queries(head, query, query_end);
 *     for (tile_first_keys(&t, head);; tile_next_keys(&t, head)) {
 *         ...                                                     t.key, t.n_keys; a tile that sees nothing gets 0 keys
 *         if (t.last)
 *             break;
 *     }
 *
 * Causal masks and windows. The position of a query is that of the one before it, plus 1. So query vector v of a tile
 * sees rows of the chunk that begin at low[v], within LANES rows before the window of its first query, and end at
 * edge[v + 1], within LANES rows past the position of its last one. Only those rows are computed; a mask in the first
 * and in the last LANES of them makes weights of exactly 0 (tile_mask). Keys of the prefix that all queries see get
 * chunks of their own, without order.
 *
 * Needs vector.inc.h and TILE_VECTORS (4 with 32 registers, else 2).
 */
#include <math.h>

#include "kernels/mask.h"

enum {
    QUERIES = TILE_VECTORS * LANES,
    BLOCK_ROWS = 8,  /* the most rows of a register block */
    CHUNK = 192,     /* keys of a tile, a multiple of QUERIES; the last chunk may hold QUERIES more */
    GROUP_TILES = 4, /* tiles of queries that go over the keys together */
    LIST_KEYS = 64,  /* keys that a mask's lists are asked about at once; CHUNK is a multiple */
    CHUNK_MAX = CHUNK + QUERIES,
    ROW_QUERIES = LANES / 4, /* at most so many queries are taken one by one: beyond, a tile is faster */
};

/* Which keys a tile holds, and which of them its queries see. */
typedef struct tile_shape {
    const heed_mask *mask;
    int64_t query, n_queries; /* the tile's first query; how many there are, at most QUERIES */
    int vectors;              /* of queries: n_queries / LANES, rounded up */
    int64_t key, n_keys;      /* the chunk */
    int64_t diagonal;         /* the row of the chunk whose key is the position of the tile's first query */
    int64_t low[TILE_VECTORS + 1],
        edge[TILE_VECTORS + 1]; /* rows low[v] .. edge[v + 1] are computed for vector v */
    bool causal, lists;       /* of this chunk: order hides what is behind; lists or a stride hide some pairs */
    int64_t window, stride;   /* of this chunk; 0: none */
    bool first, last;         /* of the tile's chunks */
    int64_t next_key, next_n; /* the chunk after this one */
    bool next_lists;
} tile_shape;

INLINE int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* A row length, filled up to whole vectors. */
INLINE int64_t whole_vectors(int64_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* The tile of the queries that begin at `query`, without keys yet. */
INLINE tile_shape tile_of_queries(const heed_attention_head *head, int64_t query, int64_t query_end)
{
    const int64_t n = query_end - query < QUERIES ? query_end - query : QUERIES;

    return (tile_shape){
        .mask = &head->mask, .query = query, .n_queries = n, .vectors = (int)((n + LANES - 1) / LANES)};
}

/* Does the mask hide pairs by more than a causal rule: are there keys before a query's position that it misses? */
INLINE bool mask_is_plain(const heed_mask *m)
{
    return m->window == 0 && m->stride == 0 && m->prefix == 0 && m->keys == NULL && m->key_documents == NULL &&
           m->blocks == NULL && m->pairs == NULL;
}

/* Keys that are seen whatever order says; 0 where there is no order to exempt them from. */
INLINE int64_t prefix_keys(const heed_mask *m, int64_t n_key)
{
    return m->causal || m->window > 0 || m->stride > 0 ? clamp(m->prefix, 0, n_key) : 0;
}

/*
 * Takes pieces of begin .. end until one that the tile sees nothing of, after passing over those that begin with. The
 * pieces begin at multiples of LIST_KEYS, as block tables and documents may. Sets the tile's next chunk.
 */
static void chunk_by_lists(tile_shape *t, int64_t begin, int64_t end, bool in_prefix)
{
    heed_mask lists = *t->mask;
    int64_t key = begin;

    lists.causal = false; /* low and edge say it */
    lists.window = lists.prefix = 0;
    if (in_prefix)
        lists.stride = 0;
    t->next_key = begin;
    t->next_n = 0;
    t->next_lists = false;
    while (key < end && t->next_n < CHUNK) {
        const int64_t of_piece = (key / LIST_KEYS + 1) * LIST_KEYS, full = t->next_key + CHUNK;
        const int64_t stop = of_piece < end ? of_piece : end, piece_end = stop < full ? stop : full;
        const heed_seen seen = heed_mask_tile(&lists, t->query, t->query + t->n_queries, key, piece_end);

        if (seen != HEED_SEEN_NONE) {
            t->next_n = piece_end - t->next_key;
            t->next_lists |= seen == HEED_SEEN_SOME;
        } else if (t->next_n > 0) {
            break;
        } else {
            t->next_key = piece_end;
        }
        key = piece_end;
    }
}

/* Finds the first chunk at `from` or later that the tile sees something of; next_n is 0 when there is none. */
static void find_chunk(tile_shape *t, const heed_attention_head *head, int64_t from)
{
    const heed_mask *m = t->mask;
    const int64_t first = m->position + t->query, prefix = prefix_keys(m, head->n_key);
    const int64_t low = m->window > 0 ? clamp(first - m->window + 1, prefix, head->n_key) : prefix;
    const int64_t high = m->causal ? clamp(first + t->n_queries, 0, head->n_key) : head->n_key;
    const bool whole = m->stride == 0 && m->keys == NULL && m->key_documents == NULL && m->blocks == NULL &&
                       m->pairs == NULL;

    for (;;) {
        const bool in_prefix = from < prefix;
        const int64_t end = in_prefix ? prefix : high;

        t->next_key = in_prefix || from > low ? from : low;
        t->next_n = 0;
        t->next_lists = false;
        if (t->next_key >= end)
            return;
        if (whole)
            t->next_n = end - t->next_key <= CHUNK_MAX ? end - t->next_key : CHUNK;
        else
            chunk_by_lists(t, t->next_key, end, in_prefix);
        if (t->next_n > 0)
            return;
        from = end;
    }
}

/* Moves the tile to the chunk that was found, and finds the one after it. */
static void take_chunk(tile_shape *t, const heed_attention_head *head)
{
    const heed_mask *m = t->mask;
    const bool ordered = t->next_key >= prefix_keys(m, head->n_key);

    t->key = t->next_key;
    t->n_keys = t->next_n;
    t->lists = t->next_lists;
    t->causal = ordered && m->causal;
    t->window = ordered ? m->window : 0;
    t->stride = ordered ? m->stride : 0;
    t->diagonal = m->position + t->query - t->key;
    t->edge[0] = 0;
    for (int v = 0; v < t->vectors; v++) {
        t->edge[v + 1] = t->causal ? clamp(t->diagonal + (v + 1) * LANES, 0, t->n_keys) : t->n_keys;
        t->low[v] = t->window > 0 ? clamp(t->diagonal + v * LANES - t->window + 1, 0, t->n_keys) : 0;
    }
    if (t->n_keys > 0)
        find_chunk(t, head, t->key + t->n_keys);
    t->last = t->next_n == 0;
}

/* The first chunk of keys that the tile sees something of; an empty one when there is none. */
INLINE void tile_first_keys(tile_shape *t, const heed_attention_head *head)
{
    find_chunk(t, head, 0);
    t->first = true;
    take_chunk(t, head);
}

INLINE void tile_next_keys(tile_shape *t, const heed_attention_head *head)
{
    t->first = false;
    take_chunk(t, head);
}

/* ---- what is hidden inside a chunk ---- */

/* Keys behind a query's position, and keys before its window, become -inf. */
INLINE void hide_by_order(float *tile, const tile_shape *t)
{
    for (int v = 0; v < t->vectors; v++) {
        const int64_t diagonal = t->diagonal +
                                 v * LANES; /* the row whose key is the position of the first lane */
        const int64_t behind = t->causal ? diagonal + 1 : t->n_keys;
        const int64_t inside = t->window > 0 ? diagonal - t->window + LANES : 0;

        for (int64_t j = t->low[v]; j < inside && j < t->edge[v + 1]; j++) {
            float *x = tile + j * QUERIES + v * LANES;
            const vi seen = vi_first(j - (diagonal - t->window));

            vf_store(x, vf_select(seen, vf_load(x), vf_splat(-INFINITY)));
        }
        for (int64_t j = clamp(behind, t->low[v], t->edge[v + 1]); j < t->edge[v + 1]; j++)
            vf_store_first(tile + j * QUERIES + v * LANES, vf_splat(-INFINITY), j - diagonal);
    }
}

/* Padding, other documents, and distances between the strides. */
static void hide_by_rows(float *tile, const tile_shape *t, int v)
{
    const heed_mask *m = t->mask;
    const int64_t diagonal = t->diagonal + v * LANES;
    int32_t documents[LANES] = {0};
    vi document, back, rest;

    for (int64_t i = v * LANES; m->key_documents && i < t->n_queries && i < (v + 1) * LANES; i++)
        documents[i - v * LANES] = m->query_documents[t->query + i];
    memcpy(&document, documents, sizeof document);
    for (int l = 0; l < LANES; l++) {
        const int64_t distance = diagonal + l - t->low[v];

        back[l] = (int32_t)distance;
        rest[l] = t->stride > 0 ? (int32_t)((distance % t->stride + t->stride) % t->stride) : 0;
    }
    for (int64_t j = t->low[v]; j < t->edge[v + 1]; j++) {
        float *x = tile + j * QUERIES + v * LANES;
        vi seen = vi_splat(m->keys == NULL || m->keys[t->key + j] ? -1 : 0);

        if (m->key_documents)
            seen &= document == vi_splat(m->key_documents[t->key + j]);
        if (t->stride > 0)
            seen &= (back < vi_splat((int32_t)t->stride)) | (rest == vi_splat(0));
        vf_store(x, vf_select(seen, vf_load(x), vf_splat(-INFINITY)));
        back -= 1;
        rest -= 1;
        rest += (rest < vi_splat(0)) & vi_splat((int32_t)t->stride);
    }
}

/* Blocks that a block of queries does not see: rectangles of the tile. */
static void hide_by_blocks(float *tile, const tile_shape *t)
{
    const heed_mask *m = t->mask;
    const int64_t size = m->block, end = t->query + t->n_queries, key_end = t->key + t->n_keys;

    for (int64_t i = t->query, i_end; i < end; i = i_end) {
        i_end = (i / size + 1) * size < end ? (i / size + 1) * size : end;
        for (int64_t j = t->key, j_end; j < key_end; j = j_end) {
            j_end = (j / size + 1) * size < key_end ? (j / size + 1) * size : key_end;
            if (m->blocks[i / size * m->blocks_stride + j / size])
                continue;
            for (int64_t row = j; row < j_end; row++)
                for (int64_t query = i; query < i_end; query++)
                    tile[(row - t->key) * QUERIES + query - t->query] = -INFINITY;
        }
    }
}

/* Of each of LANES queries, `rows` at most exist, the flags of four keys: key c is byte c of a lane. */
INLINE vi load_four_flags(const uint8_t *flags, int64_t stride, int64_t rows)
{
    uint32_t four[LANES] = {0};
    vi lanes;

    for (int64_t l = 0; l < rows; l++) {
        const uint8_t *f = flags + l * stride;

        four[l] = (uint32_t)f[0] | (uint32_t)f[1] << 8 | (uint32_t)f[2] << 16 | (uint32_t)f[3] << 24;
    }
    memcpy(&lanes, four, sizeof lanes);
    return lanes;
}

static void hide_by_pairs(float *tile, const tile_shape *t)
{
    const heed_mask *m = t->mask;

    for (int64_t i = 0; i < t->n_queries; i += LANES) {
        const int64_t rows = t->n_queries - i < LANES ? t->n_queries - i : LANES;
        const uint8_t *seen = m->pairs + (t->query + i) * m->pairs_stride + t->key;
        int64_t j = 0;

        for (; j + 4 <= t->n_keys; j += 4) {
            const vi four = load_four_flags(seen + j, m->pairs_stride, rows);

            for (int c = 0; c < 4; c++) {
                float *x = tile + (j + c) * QUERIES + i;
                const vi hidden = (four & vi_splat((int32_t)(0xffu << 8 * c))) == vi_splat(0);

                vf_store(x, vf_select(hidden, vf_splat(-INFINITY), vf_load(x)));
            }
        }
        for (; j < t->n_keys; j++)
            for (int64_t l = 0; l < rows; l++)
                if (!seen[l * m->pairs_stride + j])
                    tile[j * QUERIES + i + l] = -INFINITY;
    }
}

/* Scores of pairs that the mask hides become -inf. */
INLINE void tile_mask(float *tile, const tile_shape *t)
{
    const heed_mask *m = t->mask;

    if (t->causal || t->window > 0)
        hide_by_order(tile, t);
    if (!t->lists)
        return;
    for (int v = 0; v < t->vectors && (m->keys || m->key_documents || t->stride > 0); v++)
        hide_by_rows(tile, t, v);
    if (m->blocks)
        hide_by_blocks(tile, t);
    if (m->pairs)
        hide_by_pairs(tile, t);
}

/*
 * Keys that a group of tiles goes over before it moves on: with their values, and the gradients of both, they stay in a
 * second-level cache of 1 or 2 MB. A whole number of chunks.
 */
INLINE int64_t group_keys(const heed_attention_head *head)
{
    enum { NUMBERS = 131072 }; /* of k and v, half a megabyte */
    const int64_t chunks = NUMBERS / (head->head_dim + head->v_dim) / CHUNK;

    return CHUNK * (chunks > 1 ? chunks : 1);
}
