/* SPDX-License-Identifier: MIT */
/*
 * A .tiktoken table, a NUL, and a text. The first byte says of which encoding, and whether lines for all bytes stand
 * before the input's own.
 */
#include <stdint.h>

#include "rank_table.h"
#include "text/bpe.h"
#include "text_round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {"gpt2", "cl100k_base", "o200k_base", NULL};
    const char *bytes = (const char *)data + 1, *nul = NULL, *text = "";
    heed_text_buffer table = {0};
    heed_tokenizer *tokenizer = NULL;
    size_t n = size - 1, n_text = 0;

    if (size == 0)
        return 0;
    nul = n > 0 ? memchr(bytes, '\0', n) : NULL;
    if (nul != NULL) {
        text = nul + 1;
        n_text = n - (size_t)(nul - bytes) - 1;
        n = (size_t)(nul - bytes);
    }
    if ((data[0] & 4) == 0)
        put_bytes(&table);
    heed_text_append(&table, bytes, n);
    if (heed_bpe_read_ranks(table.data, table.size, "fuzz", encodings[data[0] & 3], &tokenizer, NULL) ==
        HEED_OK) {
        check_written(tokenizer, "", 0);
        check_text(tokenizer, text, n_text, 1);
        heed_tokenizer_destroy(tokenizer);
    }
    heed_text_free(&table);
    return 0;
}
