/* SPDX-License-Identifier: MIT */
/* Any bytes through small vocabularies of the three known patterns: the ids give them back, and patterns agree with PCRE2. */
#include <stdint.h>

#include "rank_table.h"
#include "text/block.h"
#include "text/bpe.h"
#include "text_round_trip.h"

static const char *const encodings[] = {"gpt2", "cl100k_base", "o200k_base"};

/* "th", "the", " the", "aa", "aaaa", "\r\n", two bytes of U+017F, "'s" */
static const char more[] =
    "dGg= 256\ndGhl 257\nIHRoZQ== 258\nYWE= 259\nYWFhYQ== 260\nDQo= 261\nxb8= 262\nJ3M= 263\n";

static heed_tokenizer *made[3];
static heed_pieces *pieces[3];

static void make(void)
{
    heed_text_buffer table = {0};

    put_bytes(&table);
    heed_text_puts(&table, more);
    for (int i = 0; i < 3; i++) {
        require(heed_bpe_read_ranks(table.data, table.size, "fuzz", encodings[i], &made[i], NULL) == HEED_OK);
        require(heed_pieces_create(heed_pieces_named(encodings[i]), "fuzz", &pieces[i], NULL) == HEED_OK);
    }
    heed_text_free(&table);
}

static void check_pieces(const heed_pieces *p, const char *text, size_t n)
{
    heed_block block[2];
    size_t done[2] = {0, 0};

    for (int k = 0; k < 2; k++) {
        require(heed_block_open(&block[k], p, 1, NULL) == HEED_OK);
        block[k].cutters[0].plain = k == 1;
        require(heed_block_cut(&block[k], text, n, true, NULL, 0, &done[k], NULL) == HEED_OK);
    }
    require(done[0] == n && done[1] == n && block[0].n_runs == block[1].n_runs);
    if (block[0].n_runs > 0) {
        require(block[0].runs[0].n == block[1].runs[0].n);
        for (size_t i = 0; i < block[0].runs[0].n; i++)
            require(block[0].runs[0].pieces[i].end == block[1].runs[0].pieces[i].end);
    }
    heed_block_close(&block[0]);
    heed_block_close(&block[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (made[0] == NULL)
        make();
    for (int i = 0; i < 3; i++) {
        check_text(made[i], (const char *)data, size, 1);
        if (size > 0)
            check_pieces(pieces[i], (const char *)data, size);
    }
    return 0;
}
