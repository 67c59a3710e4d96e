/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.json from hostile bytes, and texts through what it makes.
 *
 * Up to the first NUL the input is a file, after it a text. What parses must survive writing and reading again; what
 * encodes must decode to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void round_trip(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    int32_t *ids = NULL;
    char *out = NULL;
    size_t n_ids = 0, n_out = 0;

    if (heed_tokenizer_encode(tokenizer, text, n, NULL, &ids, &n_ids, NULL) == HEED_OK) {
        require(n_ids <= n);
        require(heed_tokenizer_decode(tokenizer, ids, n_ids, &out, &n_out, NULL) == HEED_OK);
        require(n_out == n && (n == 0 || memcmp(out, text, n) == 0));
    }
    free(out);
    free(ids);
}

static void write_and_read(const heed_tokenizer *tokenizer)
{
    heed_text_buffer json = {0};
    heed_tokenizer *again = NULL;

    require(heed_tokenizer_write(tokenizer, &json, NULL) == HEED_OK);
    require(heed_tokenizer_parse(json.data, json.size, "again", &again, NULL) == HEED_OK);
    require(heed_tokenizer_vocab_size(again) == heed_tokenizer_vocab_size(tokenizer));
    for (int64_t id = 0; id < heed_tokenizer_vocab_size(again); id++)
        require(strcmp(heed_tokenizer_piece(again, id, NULL), heed_tokenizer_piece(tokenizer, id, NULL)) == 0);
    heed_tokenizer_destroy(again);
    heed_text_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *nul = size > 0 ? memchr(bytes, '\0', size) : NULL;
    const size_t n_json = nul != NULL ? (size_t)(nul - bytes) : size;
    const char *text = nul != NULL ? nul + 1 : bytes;
    const size_t n_text = nul != NULL ? size - n_json - 1 : size;
    heed_tokenizer *tokenizer = NULL;
    heed_error err;

    if (heed_tokenizer_parse(bytes, n_json, "fuzz", &tokenizer, &err) == HEED_OK) {
        if (strcmp(heed_tokenizer_kind_name(tokenizer), "characters") == 0) {
            write_and_read(tokenizer);
            round_trip(tokenizer, text, n_text);
        }
        heed_tokenizer_destroy(tokenizer);
    }
    if (heed_tokenizer_characters(text, n_text, &tokenizer, &err) == HEED_OK) {
        write_and_read(tokenizer);
        round_trip(tokenizer, text, n_text);
        heed_tokenizer_destroy(tokenizer);
    }
    return 0;
}
