/* SPDX-License-Identifier: MIT */
/* A mask seen by tiles: which keys a block of queries can see at all, and whether it sees all of a block. */
#ifndef HEED_KERNELS_MASK_H
#define HEED_KERNELS_MASK_H

#include <heed/mask.h>

/*
 * Positions lie between minus and plus this, so that distances fit 32 bits; a window, stride or prefix of
 * HEED_MASK_ENDLESS reaches past all of them.
 */
#define HEED_MASK_MAX_POSITION ((int64_t)1 << 30)
#define HEED_MASK_ENDLESS      INT32_MAX

typedef enum heed_seen { HEED_SEEN_NONE, HEED_SEEN_SOME, HEED_SEEN_ALL } heed_seen;

typedef struct heed_key_range {
    int64_t begin, end; /* empty: begin == end */
} heed_key_range;

/* Which rule hides a key from a query; the first that does, in this order. */
typedef enum heed_hiding {
    HEED_HIDDEN_NOT,
    HEED_HIDDEN_LATER,
    HEED_HIDDEN_WINDOW,
    HEED_HIDDEN_STRIDE,
    HEED_HIDDEN_PADDING,
    HEED_HIDDEN_DOCUMENT,
    HEED_HIDDEN_BLOCK,
    HEED_HIDDEN_PAIR,
} heed_hiding;

/** HEED_HIDDEN_NOT where heed_mask_sees() says yes. */
heed_hiding heed_mask_hides(const heed_mask *mask, int64_t i, int64_t j);
/** "later than the query" and the like. */
const char *heed_hiding_text(heed_hiding why);

/**
 * Keys outside this range are hidden from every query of query_begin .. query_end-1; inside, some may be. Found from
 * order (causal, window, prefix) and from documents and padding at the ends; never wider than 0 .. n_key.
 */
heed_key_range heed_mask_range(const heed_mask *mask, int64_t query_begin, int64_t query_end, int64_t n_key);
/** What these queries see of these keys. SOME may be said where it is NONE or ALL, never the other way round. */
heed_seen heed_mask_tile(const heed_mask *mask, int64_t query_begin, int64_t query_end, int64_t key_begin,
                         int64_t key_end);
/** Pairs that see each other; by counting where lists are given. */
double heed_mask_pairs(const heed_mask *mask, int64_t n_query, int64_t n_key);
/**
 * The same mask over keys that begin at key `first` of these: what a part of the keys is masked by. With a table of
 * blocks, first is a multiple of their size.
 */
heed_mask heed_mask_from_key(const heed_mask *mask, int64_t first);

#endif
