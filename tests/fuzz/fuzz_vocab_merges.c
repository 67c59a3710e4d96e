/* SPDX-License-Identifier: MIT */
/* vocab.json, a NUL, merges.txt, a NUL, and a text. */
#include <stdint.h>

#include "text/bpe.h"
#include "text_round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *part[3] = {(const char *)data, "", ""};
    size_t n[3] = {size, 0, 0};
    heed_tokenizer *tokenizer = NULL;

    for (int i = 0; i < 2; i++) {
        const char *nul = n[i] > 0 ? memchr(part[i], '\0', n[i]) : NULL;

        if (nul == NULL)
            break;
        part[i + 1] = nul + 1;
        n[i + 1] = n[i] - (size_t)(nul - part[i]) - 1;
        n[i] = (size_t)(nul - part[i]);
    }
    if (heed_bpe_read_pair(part[0], n[0], "vocab", part[1], n[1], "merges", &tokenizer, NULL) == HEED_OK) {
        check_written(tokenizer, part[2], n[2]);
        check_text(tokenizer, part[2], n[2], 1);
        heed_tokenizer_destroy(tokenizer);
    }
    return 0;
}
