/* SPDX-License-Identifier: MIT */
/*
 * Texts as token ids. Nothing of a text is believed before it is checked.
 */
#include "data/corpus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "text/position.h"

#define PEEK_BYTES ((size_t)8192) /* a NUL this early tells binary files from texts in an old encoding */

static heed_status check_start(const char *text, size_t n, const char *name, heed_error *err)
{
    const char *nul = NULL;

    if (n == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a text, got an empty file", name);
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected UTF-8, but the text begins like UTF-16", name);
    nul = memchr(text, '\0', n < PEEK_BYTES ? n : PEEK_BYTES);
    if (nul != NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a text, got a binary file (byte %zu is a NUL)", name,
                         (size_t)(nul - text));
    return HEED_OK;
}

heed_status heed_corpus_check_text(const char *text, size_t n, bool any_bytes, const char *name,
                                   heed_error *err)
{
    heed_status status = check_start(text, n, name, err);

    if (status != HEED_OK || any_bytes)
        return status;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, n - i, &code);

        if (length == 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected UTF-8, got 0x%02x at byte %zu (line %zu)", name,
                             (unsigned)(unsigned char)text[i], i, heed_text_position_of(text, i).line);
        if (code == 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected a text, got a binary file (byte %zu is a NUL)",
                             name, i);
        i += length;
    }
    return HEED_OK;
}

heed_status heed_corpus_open_text(heed_file *text, const char *path, bool any_bytes, heed_error *err)
{
    heed_status status = heed_file_open(text, path, err);
    char name[256];

    if (status != HEED_OK)
        return status;
    heed_quote(name, sizeof name, path, strlen(path));
    status = heed_corpus_check_text(text->data, text->size, any_bytes, name, err);
    if (status != HEED_OK) {
        heed_file_close(text);
        *text = (heed_file){0};
    }
    return status;
}

/* Both parts, or the whole, need one window and the token after it. */
static heed_status check_length(const heed_corpus *corpus, const heed_tokenizer *tokenizer, const char *name,
                                const heed_corpus_options *options, heed_error *err)
{
    const int64_t T = options->context_length;
    const char *unit = strcmp(heed_tokenizer_kind_name(tokenizer), "characters") == 0 ? "characters" : "tokens";
    const bool fits = heed_corpus_part(corpus, HEED_PART_VALIDATION).n > T &&
                      (options->whole || corpus->n_train > T);

    if (T < 1 || T > INT64_MAX / 10 - 1)
        return heed_fail(err, HEED_ERR_USAGE, "context_length: expected 1 or more, got %lld", (long long)T);
    if (fits)
        return HEED_OK;
    if (options->whole)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: expected at least %lld %s, one window of context_length %lld and the next, got %lld", name,
            (long long)(T + 1), unit, (long long)T, (long long)corpus->n);
    /* the last tenth, ceil(n / 10), is longer than T from n = 10 T + 1 on */
    return heed_fail(
        err, HEED_ERR_FILE,
        "%s: expected at least %lld %s, so that the last tenth, kept for validation, holds a window of "
        "context_length %lld and the next, got %lld",
        name, (long long)(10 * T + 1), unit, (long long)T, (long long)corpus->n);
}

/* Ids on their way into the corpus, which has room for `room` of them and grows. */
typedef struct filling {
    heed_corpus *corpus;
    size_t n, room, bytes_per_token;
    const char *name;
} filling;

/* Room for n ids. A text too large for the memory is refused before it is filled. */
static heed_status make_room(filling *f, size_t n, heed_error *err)
{
    const size_t available = heed_memory_available();
    heed_corpus *grown = NULL;
    size_t bytes = 0;

    if (heed_size_mul(n, f->bytes_per_token, &bytes) && bytes - f->room * f->bytes_per_token <= available &&
        heed_size_add(bytes, sizeof(heed_corpus), &bytes))
        grown = realloc(f->corpus, bytes);
    if (grown == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: %.1f MB are needed for its %zu tokens, %.1f MB are free",
                         f->name, 1e-6 * (double)f->bytes_per_token * (double)n, n, 1e-6 * (double)available);
    f->corpus = grown;
    f->room = n;
    return HEED_OK;
}

static void pack(const filling *f, const int32_t *ids, size_t n)
{
    uint8_t *narrow = (uint8_t *)f->corpus->storage + f->n * f->bytes_per_token;

    if (f->bytes_per_token == 4)
        memcpy(narrow, ids, n * sizeof *ids);
    for (size_t i = 0; i < n && f->bytes_per_token == 1; i++)
        narrow[i] = (uint8_t)ids[i];
    for (size_t i = 0; i < n && f->bytes_per_token == 2; i++) {
        const uint16_t half = (uint16_t)ids[i];
        memcpy(narrow + 2 * i, &half, 2);
    }
}

static heed_status take_ids(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    filling *f = context;
    heed_status status = HEED_OK;

    if (n > f->room - f->n)
        status = make_room(f, f->n + n + f->room / 2, err);
    if (status == HEED_OK) {
        pack(f, ids, n);
        f->n += n;
    }
    return status;
}

heed_status heed_corpus_create(const heed_tokenizer *tokenizer, const char *text, size_t n, const char *name,
                               const heed_corpus_options *options, heed_corpus **corpus, heed_error *err)
{
    const heed_encode_options encoding = {.threads = options->threads};
    const int64_t vocab_size = heed_tokenizer_vocab_size(tokenizer);
    const bool characters = strcmp(heed_tokenizer_kind_name(tokenizer), "characters") == 0;
    filling f = {.name = name, .bytes_per_token = vocab_size <= 0x100 ? 1 : vocab_size <= 0x10000 ? 2 : 4};
    heed_error problem = {0};
    heed_status status = make_room(&f, characters ? n : n / 4 + 64, err);
    heed_corpus *c;

    *corpus = NULL;
    if (status != HEED_OK)
        return status;
    status = heed_tokenizer_encode_to(tokenizer, text, n, &encoding, take_ids, &f, &problem);
    c = f.corpus;
    if (status != HEED_OK) {
        status = heed_fail(err, status == HEED_ERR_USAGE ? HEED_ERR_FILE : status, "%s: %s", name,
                           problem.message);
        goto cleanup;
    }
    c->n = (int64_t)f.n;
    c->n_train = options->whole ? 0 : c->n / 10 * 9 + c->n % 10 * 9 / 10;
    c->n_bytes = (int64_t)n;
    c->vocab_size = vocab_size;
    c->bytes_per_token = (int)f.bytes_per_token;
    status = check_length(c, tokenizer, name, options, err);
    if (status != HEED_OK)
        goto cleanup;
    *corpus = realloc(c, sizeof *c + f.n * f.bytes_per_token);
    if (*corpus == NULL) /* shrinking failed: the large block is still good */
        *corpus = c;
    c = NULL;
cleanup:
    free(c);
    return status;
}

void heed_corpus_destroy(heed_corpus *corpus)
{
    free(corpus);
}

heed_span heed_corpus_part(const heed_corpus *corpus, heed_part part)
{
    if (part == HEED_PART_TRAIN)
        return (heed_span){.begin = 0, .n = corpus->n_train};
    return (heed_span){.begin = corpus->n_train, .n = corpus->n - corpus->n_train};
}

void heed_corpus_read(const heed_corpus *corpus, int64_t begin, int64_t n, int32_t *ids)
{
    const uint8_t *packed = (const uint8_t *)corpus->storage + begin * corpus->bytes_per_token;

    assert(begin >= 0 && n >= 0 && n <= corpus->n - begin);
    switch (corpus->bytes_per_token) {
    case 1:
        for (int64_t i = 0; i < n; i++)
            ids[i] = packed[i];
        break;
    case 2:
        for (int64_t i = 0; i < n; i++) {
            uint16_t id = 0;

            memcpy(&id, packed + 2 * i, 2);
            ids[i] = id;
        }
        break;
    default:
        memcpy(ids, packed, (size_t)n * sizeof *ids);
    }
}

double heed_corpus_bytes_per_token(const heed_corpus *corpus, const heed_tokenizer *tokenizer, heed_part part)
{
    const heed_span span = heed_corpus_part(corpus, part);
    double bytes = 0.0;

    for (int64_t i = 0; i < span.n; i++) {
        int32_t id = 0;
        size_t n = 0;

        heed_corpus_read(corpus, span.begin + i, 1, &id);
        heed_tokenizer_piece(tokenizer, id, &n);
        bytes += (double)n;
    }
    return span.n > 0 ? bytes / (double)span.n : 0.0;
}
