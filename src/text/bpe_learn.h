/* SPDX-License-Identifier: MIT */
/*
 * Learning byte pairs: which two neighbours become one token, again and again.
 *
 * Every piece begins as its bytes. In each round
 *
 *   count(l, r) = sum over pieces of  count(piece) * places in the piece where r stands right behind l
 *
 * and the pair of the highest count is merged everywhere, in each piece from its beginning. Of pairs with the same count
 * the one with the lowest left id goes first, then the one with the lowest right id. So the merges are a function of
 * the pieces and their counts alone: not of their order, not of the machine.
 *
 * Ids: the 256 bytes in the order of GPT-2's alphabet (text/byte_order.h), then one more in each round. No
 * token is made twice: bytes that end as one token were merged with no others, so always in the same order.
 *
 * Places of a pair overlap: "aaa" has two of (a, a), and one merge.
 * Source: Sennrich et al. 2016 (arXiv:1508.07909), on bytes as in GPT-2.
 */
#ifndef HEED_TEXT_BPE_LEARN_H
#define HEED_TEXT_BPE_LEARN_H

#include <heed/status.h>

#include "text/piece_table.h"

typedef struct heed_bpe_pair {
    int32_t left, right, merged; /* ids */
    int64_t count;               /* when it was merged */
} heed_bpe_pair;

typedef struct heed_bpe_merges {
    heed_bpe_pair *list; /* [n] in the order of learning */
    size_t n;
    heed_piece_table tokens; /* the bytes of each id; counts mean nothing */
} heed_bpe_merges;

/* Called after each merge with the number of tokens so far; false stops, and what was learned is kept. */
typedef bool heed_bpe_learn_fn(void *context, int64_t n_tokens);

/**
 * Merges until there are n_tokens tokens (256 and the merged ones) or no pair has a count of at least min_count, which is
 * 1 or more. Memory: about 40 bytes for each byte of the pieces. each may be NULL.
 * HEED_ERR_MEMORY. merges is empty then; otherwise free it.
 */
heed_status heed_bpe_learn(const heed_piece_table *pieces, int64_t n_tokens, int64_t min_count,
                           heed_bpe_learn_fn *each, void *context, heed_bpe_merges *merges, heed_error *err);
void heed_bpe_merges_free(heed_bpe_merges *merges);

#endif
