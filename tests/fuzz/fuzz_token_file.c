/* SPDX-License-Identifier: MIT */
/*
 * Token files from hostile bytes. The checksum of the header is put right first, so that what is behind it is tried. Of a
 * file that opens, every window of both parts holds ids of the vocabulary.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fnv.h"
#include "data/token_file.h"

#define HEADER 128

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_windows(const heed_corpus *corpus)
{
    enum { T = 7 };

    for (int part = 0; part < 2; part++)
        for (int64_t at = 0; at < corpus->source.n_tokens[part] + T; at += T) {
            int32_t ids[T], targets[T];

            corpus->source.fill(&corpus->source, (heed_part)part, at, T, ids, targets);
            for (int t = 0; t < T; t++)
                require(ids[t] >= 0 && ids[t] < 4 &&
                        (targets[t] == HEED_NO_TARGET || (targets[t] >= 0 && targets[t] < 4)));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const heed_token_file_key key = {0};
    const heed_corpus_options options = {.context_length = 2};
    char path[] = "/tmp/heed-fuzz-tokens-XXXXXX";
    const int fd = mkstemp(path);
    uint8_t *copy = malloc(size + 1);
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    heed_error err;

    require(fd >= 0 && copy != NULL);
    memcpy(copy, data, size);
    if (size >= HEADER) {
        const uint64_t hash = heed_fnv(HEED_FNV_BEGIN, copy, HEADER - 8);
        for (int k = 0; k < 8; k++)
            copy[HEADER - 8 + k] = (uint8_t)(hash >> 8 * k);
    }
    require(write(fd, copy, size) == (ssize_t)size);
    close(fd);
    free(copy);
    require(heed_tokenizer_characters("abcd", 4, &tokenizer, &err) == HEED_OK);
    if (heed_token_file_open(path, tokenizer, &key, &options, &corpus, NULL, &err) == HEED_OK)
        check_windows(corpus);
    else
        require(corpus == NULL && memchr(err.message, '\0', sizeof err.message) != NULL);
    heed_corpus_destroy(corpus);
    heed_tokenizer_destroy(tokenizer);
    unlink(path);
    return 0;
}
