/* SPDX-License-Identifier: MIT */
/*
 * Vocabularies of hostile texts.
 *
 * The first byte chooses kind, pattern, size and a special token; the rest is the text, given in two parts. What is learned
 * must survive writing and reading again. Byte pairs must give any bytes back, words and characters the text that they
 * were made of.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <heed/vocab.h>

#include "text/tokenizer.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

typedef struct rest {
    const char *text;
    size_t n, most;
} rest;

static heed_status read_rest(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    rest *r = context;

    (void)err;
    *n = r->n < capacity ? r->n : capacity;
    *n = *n < r->most ? *n : r->most;
    memcpy(buffer, r->text, *n);
    r->text += *n;
    r->n -= *n;
    return HEED_OK;
}

static void round_trip(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    int32_t *ids = NULL;
    char *out = NULL;
    size_t n_ids = 0, n_out = 0;

    require(heed_tokenizer_encode(tokenizer, text, n, NULL, &ids, &n_ids, NULL) == HEED_OK);
    require(heed_tokenizer_decode(tokenizer, ids, n_ids, &out, &n_out, NULL) == HEED_OK);
    require(n_out == n && (n == 0 || memcmp(out, text, n) == 0));
    free(out);
    free(ids);
}

static void write_and_read(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    heed_text_buffer json = {0};
    heed_tokenizer *again = NULL;

    require(heed_tokenizer_write(tokenizer, &json, NULL) == HEED_OK);
    require(heed_tokenizer_parse(json.data, json.size, "again", &again, NULL) == HEED_OK);
    require(heed_tokenizer_vocab_size(again) == heed_tokenizer_vocab_size(tokenizer));
    round_trip(again, text, n);
    heed_tokenizer_destroy(again);
    heed_text_free(&json);
}

static heed_status learn(const heed_vocab_options *options, const char *text, size_t n,
                         heed_tokenizer **tokenizer)
{
    rest first = {text, n / 3, 7}, second = {text + n / 3, n - n / 3, SIZE_MAX};
    heed_vocab *vocab = NULL;
    heed_status status = heed_vocab_create(options, &vocab, NULL);

    require(status == HEED_OK);
    status = heed_vocab_add(vocab, read_rest, &first, NULL);
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, read_rest, &second, NULL);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, tokenizer, NULL);
    heed_vocab_destroy(vocab);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const patterns[] = {"gpt2", "cl100k_base", "o200k_base", "[a-z]+|[^a-z]"};
    static const char *const special[] = {"<|endoftext|>"};
    heed_vocab_options options = heed_vocab_options_default();
    heed_tokenizer *tokenizer = NULL;

    if (size == 0)
        return 0;
    options.kind = data[0] % 4 == 0   ? HEED_VOCAB_WORDS
                   : data[0] % 4 == 1 ? HEED_VOCAB_CHARACTERS
                                      : HEED_VOCAB_BPE;
    options.pattern = patterns[data[0] / 4 % 4];
    options.n_special = options.kind == HEED_VOCAB_BPE ? data[0] / 16 % 2 : 0;
    options.special = special;
    options.vocab_size = 0;
    options.min_frequency = 1;
    options.unknown = false;
    options.threads = 1;
    if (learn(&options, (const char *)data + 1, size - 1, &tokenizer) == HEED_OK) {
        /* words at the end of the first part may have been cut */
        if (options.kind != HEED_VOCAB_WORDS)
            write_and_read(tokenizer, (const char *)data + 1, size - 1);
        heed_tokenizer_destroy(tokenizer);
    }
    return 0;
}
