/* SPDX-License-Identifier: MIT */
/*
 * Token files of large texts, in the cache: CACHE/tokens/NAME.tokens. NAME is made of the texts' paths, the tokenizer and how
 * documents are read, so that the next run with the same finds it, and one over a text that has changed since takes its
 * place. Sizes and times of the texts, which the file notes, tell whether they have changed; their bytes are not read again.
 */
#include <heed/pull.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "data/token_file.h"
#include "train/trainer.h"

static const char *path_of(const heed_text_identity *text, int i)
{
    return i == 0 ? text->path : text->more[i - 1];
}

heed_status heed_text_add(heed_text_identity *text, const char *path, heed_error *err)
{
    const size_t n = strlen(path) + 1;
    char **more = realloc(text->more, (size_t)(text->n_more + 1) * sizeof *more);
    char *copy = malloc(n);

    if (more != NULL)
        text->more = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the paths of texts");
    }
    text->more[text->n_more++] = memcpy(copy, path, n);
    return HEED_OK;
}

uint64_t heed_text_size(const heed_text_identity *text)
{
    uint64_t bytes = 0;

    for (int i = 0; i <= text->n_more; i++) {
        struct stat info;

        if (stat(path_of(text, i), &info) != 0)
            return 0;
        bytes += (uint64_t)info.st_size;
    }
    return bytes;
}

/* Names a file (where the texts lie), or says what is in it (with their sizes and times). */
static uint64_t hash_of(const heed_trainer *t, bool contents)
{
    const heed_train_options *o = &t->options;
    const unsigned char end_of_text = o->end_of_text;
    uint64_t hash = HEED_FNV_BEGIN;

    for (int i = 0; i <= t->text.n_more; i++) {
        const char *path = path_of(&t->text, i);
        struct stat info;

        hash = heed_fnv(hash, path, strlen(path) + 1);
        if (contents && stat(path, &info) == 0) {
            const int64_t numbers[] = {(int64_t)info.st_size, (int64_t)info.st_mtim.tv_sec,
                                       (int64_t)info.st_mtim.tv_nsec};
            hash = heed_fnv(hash, numbers, sizeof numbers);
        }
    }
    hash = heed_fnv(hash, o->text_field, strlen(o->text_field) + 1);
    hash = heed_fnv(hash, o->target_field, strlen(o->target_field) + 1);
    hash = heed_fnv(hash, &end_of_text, 1);
    return heed_fnv(hash, &t->tokenizer.hash, sizeof t->tokenizer.hash);
}

static heed_status place_of(const heed_trainer *t, char path[HEED_PATH_BYTES], heed_error *err)
{
    char cache[HEED_PATH_BYTES], name[64];
    heed_status status = heed_cache_folder(cache, sizeof cache, err);

    snprintf(name, sizeof name, "tokens/%016llx.tokens", (unsigned long long)hash_of(t, false));
    return status == HEED_OK ? heed_path_join(path, HEED_PATH_BYTES, cache, name, err) : status;
}

/* The folder that path lies in. */
static heed_status make_folder(const char *path, heed_error *err)
{
    char folder[HEED_PATH_BYTES];

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    return heed_folder_make(folder, err);
}

heed_status heed_token_cache_open(const heed_trainer *t, const heed_tokenizer *tokenizer, heed_documents *texts,
                                  const heed_corpus_options *options, heed_corpus **corpus,
                                  uint64_t *texts_hash, heed_error *err)
{
    const heed_token_file_key key = {.tokenizer_hash = t->tokenizer.hash, .source_hash = hash_of(t, true)};
    char path[HEED_PATH_BYTES];
    heed_status status = place_of(t, path, err);

    if (status != HEED_OK)
        return status;
    if (heed_token_file_open(path, tokenizer, &key, options, corpus, texts_hash, NULL) == HEED_OK)
        return HEED_OK;
    if (texts == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: no tokens of this text and this tokenizer", path);
    status = make_folder(path, err);
    if (status == HEED_OK)
        status = heed_token_file_write(path, tokenizer, texts, &key, options, err);
    if (status == HEED_OK)
        status = heed_token_file_open(path, tokenizer, &key, options, corpus, texts_hash, err);
    return status;
}
