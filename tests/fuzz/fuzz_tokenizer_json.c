/* SPDX-License-Identifier: MIT */
/* tokenizer.json from hostile bytes, up to the first NUL; behind it a text for what it makes. */
#include <stdint.h>

#include "text_round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *nul = size > 0 ? memchr(bytes, '\0', size) : NULL;
    const size_t n_json = nul != NULL ? (size_t)(nul - bytes) : size;
    const char *text = nul != NULL ? nul + 1 : bytes;
    const size_t n_text = nul != NULL ? size - n_json - 1 : 0;
    heed_tokenizer *tokenizer = NULL;

    if (heed_tokenizer_parse(bytes, n_json, "fuzz", &tokenizer, NULL) == HEED_OK) {
        check_written(tokenizer, text, n_text);
        check_text(tokenizer, text, n_text, 0);
        heed_tokenizer_destroy(tokenizer);
    }
    return 0;
}
