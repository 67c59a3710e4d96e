/* SPDX-License-Identifier: MIT */
/* The most frequent words of what was counted. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/vocab_kinds.h"
#include "text/words.h"

/* A word with what it is ordered by. */
typedef struct candidate {
    int64_t count;
    const char *word;
    uint32_t n;
} candidate;

/* The frequent first; of the same count, in the order of their bytes. */
static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    const int order = memcmp(x->word, y->word, x->n < y->n ? x->n : y->n);

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

heed_status heed_vocab_make_words(const heed_vocab_options *o, const heed_piece_table *counted,
                                  int64_t vocab_size, heed_tokenizer **tokenizer, heed_error *err)
{
    candidate *all = malloc((counted->n + 1) * sizeof *all);
    heed_piece_table vocab = {0};
    heed_status status;

    if (all == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of words");
    for (uint32_t i = 0; i < counted->n; i++)
        all[i] = (candidate){counted->pieces[i].count, heed_piece_table_bytes(counted, i),
                             counted->pieces[i].length};
    qsort(all, counted->n, sizeof *all, compare);
    if (o->unknown)
        heed_piece_table_add(&vocab, "[UNK]", 5, 0);
    for (size_t i = 0; i < counted->n && (int64_t)vocab.n < vocab_size && all[i].count >= o->min_frequency; i++)
        heed_piece_table_add(&vocab, all[i].word, all[i].n, 0);
    free(all);
    if (vocab.n == 0)
        status = heed_fail(err, HEED_ERR_USAGE, "expected a text with a word that comes %lld times, got none",
                           (long long)o->min_frequency);
    else
        status = heed_words_create(&vocab, o->unknown ? 0 : -1, HEED_WORDS_PATTERN, "words", tokenizer, err);
    heed_piece_table_free(&vocab);
    return status;
}
