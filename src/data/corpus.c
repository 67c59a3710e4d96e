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

#define PEEK_BYTES   ((size_t)8192)    /* a NUL this early tells binary files from texts in an old encoding */
#define LET_GO_BYTES ((size_t)1 << 24) /* checked of a mapped file before they are let go of */

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

static heed_status check(const char *text, size_t n, bool any_bytes, bool mapped, const char *name,
                         heed_error *err)
{
    heed_status status = check_start(text, n, name, err);
    size_t held = 0;

    if (status != HEED_OK || any_bytes)
        return status;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, n - i, &code);

        held += length;
        if (mapped && held >= LET_GO_BYTES) {
            heed_file_let_go(text, i);
            held = 0;
        }

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

heed_status heed_corpus_check_text(const char *text, size_t n, bool any_bytes, const char *name,
                                   heed_error *err)
{
    return check(text, n, any_bytes, false, name, err);
}

heed_status heed_corpus_open_text(heed_file *text, const char *path, bool any_bytes, heed_error *err)
{
    heed_status status = heed_file_open(text, path, err);
    char name[256];

    if (status != HEED_OK)
        return status;
    heed_quote(name, sizeof name, path, strlen(path));
    status = check(text->data, text->size, any_bytes, true, name, err);
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
    heed_packing packing;
    uint8_t *storage;
    size_t n, room;
    const char *name;
} filling;

/* Room for n ids. A text too large for the memory is refused before it is filled. */
static heed_status make_room(filling *f, size_t n, heed_error *err)
{
    const size_t available = heed_memory_available(), width = (size_t)f->packing.bytes_per_token;
    uint8_t *grown = NULL;
    size_t bytes = 0;

    if (heed_size_mul(n, width, &bytes) && bytes - f->room * width <= available)
        grown = realloc(f->storage, bytes + width);
    if (grown == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: %.1f MB are needed for its %zu tokens, %.1f MB are free",
                         f->name, 1e-6 * (double)width * (double)n, n, 1e-6 * (double)available);
    f->storage = grown;
    f->room = n;
    return HEED_OK;
}

static heed_status take_ids(void *context, const int32_t *ids, size_t n, bool counts, heed_error *err)
{
    filling *f = context;
    heed_status status = HEED_OK;

    if (n > f->room - f->n)
        status = make_room(f, f->n + n + f->room / 2, err);
    if (status == HEED_OK) {
        heed_packing_put(&f->packing, f->storage + f->n * (size_t)f->packing.bytes_per_token, ids, n, counts);
        f->n += n;
    }
    return status;
}

static void fill_window(const heed_source *source, heed_part part, int64_t at, int64_t T, int32_t *ids,
                        int32_t *targets);

static void destroy(heed_source *source)
{
    heed_corpus *c = (heed_corpus *)source;

    heed_file_close(&c->file);
    free(c->storage);
    free(c);
}

void heed_corpus_wire(heed_corpus *c, bool whole)
{
    c->n_train = whole ? 0 : c->n / 10 * 9 + c->n % 10 * 9 / 10;
    c->source = (heed_source){
        .fill = fill_window, .destroy = destroy, .n_tokens = {c->n_train, c->n - c->n_train}};
}

heed_status heed_corpus_check_length(const heed_corpus *corpus, const heed_tokenizer *tokenizer,
                                     const char *name, const heed_corpus_options *options, heed_error *err)
{
    return check_length(corpus, tokenizer, name, options, err);
}

heed_status heed_corpus_read_documents(const heed_tokenizer *tokenizer, heed_documents *texts,
                                       const heed_corpus_options *options, heed_corpus **corpus,
                                       heed_error *err)
{
    const heed_documents_encoding encoding = {.end_of_text = options->end_of_text, .threads = options->threads};
    const int64_t vocab_size = heed_tokenizer_vocab_size(tokenizer);
    const bool characters = strcmp(heed_tokenizer_kind_name(tokenizer), "characters") == 0;
    const size_t n = (size_t)heed_documents_bytes(texts);
    filling f = {.name = heed_documents_name(texts),
                 .packing = heed_packing_for(vocab_size, heed_documents_marked(texts))};
    heed_corpus *c = calloc(1, sizeof *c);
    heed_status status = make_room(&f, characters ? n : n / 4 + 64, err);

    *corpus = NULL;
    if (c == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a corpus");
    if (status == HEED_OK)
        status = heed_documents_encode(texts, tokenizer, &encoding, take_ids, &f, err);
    if (status == HEED_OK) {
        *c = (heed_corpus){
            .n = (int64_t)f.n, .n_bytes = (int64_t)n, .vocab_size = vocab_size, .packing = f.packing};
        heed_corpus_wire(c, options->whole);
        status = check_length(c, tokenizer, f.name, options, err);
    }
    if (status != HEED_OK) {
        free(f.storage);
        free(c);
        return status;
    }
    c->storage = realloc(f.storage, f.n * (size_t)f.packing.bytes_per_token);
    if (c->storage == NULL) /* shrinking failed: the large block is still good */
        c->storage = f.storage;
    c->tokens = c->storage;
    status = heed_corpus_check_targets(c, f.name, err);
    if (status != HEED_OK) {
        heed_corpus_destroy(c);
        return status;
    }
    *corpus = c;
    return HEED_OK;
}

heed_status heed_corpus_create(const heed_tokenizer *tokenizer, const char *text, size_t n, const char *name,
                               const heed_corpus_options *options, heed_corpus **corpus, heed_error *err)
{
    heed_documents *texts = NULL;
    heed_status status = heed_documents_wrap(text, n, name, &texts, err);

    *corpus = NULL;
    if (status == HEED_OK)
        status = heed_corpus_read_documents(tokenizer, texts, options, corpus, err);
    heed_documents_close(texts);
    return status;
}

void heed_corpus_destroy(heed_corpus *corpus)
{
    if (corpus != NULL)
        destroy(&corpus->source);
}

heed_span heed_corpus_part(const heed_corpus *corpus, heed_part part)
{
    if (part == HEED_PART_TRAIN)
        return (heed_span){.begin = 0, .n = corpus->n_train};
    return (heed_span){.begin = corpus->n_train, .n = corpus->n - corpus->n_train};
}

/* --- reading --- */

/* A mapped file stays out of memory but for the pages that are being read. */
static void let_go(const heed_corpus *c, int64_t begin, int64_t n)
{
    const size_t width = (size_t)c->packing.bytes_per_token;

    if (c->file.size > 0)
        heed_file_let_go_around(&c->file, c->tokens + (size_t)begin * width, (size_t)n * width);
}

void heed_corpus_read(const heed_corpus *corpus, int64_t begin, int64_t n, int32_t *ids)
{
    assert(begin >= 0 && n >= 0 && n <= corpus->n - begin);
    heed_packing_get(&corpus->packing, corpus->tokens + begin * corpus->packing.bytes_per_token, n, ids, NULL);
    let_go(corpus, begin, n);
}

static void fill_window(const heed_source *source, heed_part part, int64_t at, int64_t T, int32_t *ids,
                        int32_t *targets)
{
    const heed_corpus *c = (const heed_corpus *)source;
    const heed_span span = heed_corpus_part(c, part);
    const int64_t left = span.n - 1 - at > 0 ? span.n - 1 - at : 0, n = left < T ? left : T;
    const uint8_t *tokens = c->tokens + (span.begin + at) * c->packing.bytes_per_token;

    if (n > 0) {
        heed_packing_get(&c->packing, tokens, n, ids, NULL);
        heed_packing_get(&c->packing, tokens + c->packing.bytes_per_token, n, NULL, targets);
        let_go(c, span.begin + at, n + 1);
    }
    for (int64_t t = n; t < T; t++) {
        ids[t] = 0;
        targets[t] = HEED_NO_TARGET;
    }
}

/* The first token of a part is no target: nothing is before it. Most parts say so in their first tokens. */
static bool has_target(const heed_corpus *c, heed_part part)
{
    const int64_t n = heed_corpus_part(c, part).n;
    int32_t ids[1024], targets[1024];

    for (int64_t at = 0; at < n; at += 1024) {
        fill_window(&c->source, part, at, 1024, ids, targets);
        for (int i = 0; i < 1024; i++)
            if (targets[i] != HEED_NO_TARGET)
                return true;
    }
    return false;
}

heed_status heed_corpus_check_targets(const heed_corpus *c, const char *name, heed_error *err)
{
    if (!c->packing.marked)
        return HEED_OK;
    if (c->n_train > 0 && !has_target(c, HEED_PART_TRAIN))
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: expected targets in the part that is learned, got none: the target field is empty there",
            name);
    if (!has_target(c, HEED_PART_VALIDATION))
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: expected targets in %s, got none: the target field is empty there", name,
                         c->n_train > 0 ? "the last tenth, kept for validation" : "the text");
    return HEED_OK;
}

/* The bytes of every piece, 0 of special ones, which are not spelled by a text; NULL: no memory. */
static int32_t *piece_lengths(const heed_tokenizer *tokenizer, int64_t vocab_size)
{
    int32_t *lengths = malloc((size_t)vocab_size * sizeof *lengths + 1);

    for (int64_t id = 0; lengths != NULL && id < vocab_size; id++) {
        size_t n = 0;

        heed_tokenizer_piece(tokenizer, id, &n);
        lengths[id] = (int32_t)n;
    }
    for (int i = 0; lengths != NULL && i < heed_tokenizer_n_added(tokenizer); i++) {
        const heed_added_token added = heed_tokenizer_added(tokenizer, i);

        if (added.special && added.id < vocab_size)
            lengths[added.id] = 0;
    }
    return lengths;
}

double heed_corpus_bytes_per_token(const heed_corpus *corpus, const heed_tokenizer *tokenizer, heed_part part)
{
    const heed_span span = heed_corpus_part(corpus, part);
    int32_t *lengths = piece_lengths(tokenizer, corpus->vocab_size), targets[4096];
    double bytes = 0.0;
    int64_t count = 0;

    for (int64_t at = 0, n; at < span.n && lengths != NULL; at += n) {
        n = span.n - at < 4096 ? span.n - at : 4096;
        heed_packing_get(&corpus->packing, corpus->tokens + (span.begin + at) * corpus->packing.bytes_per_token,
                         n, NULL, targets);
        let_go(corpus, span.begin + at, n);
        for (int64_t i = 0; i < n; i++) {
            if (targets[i] == HEED_NO_TARGET)
                continue;
            bytes += (double)lengths[targets[i]];
            count++;
        }
    }
    free(lengths);
    return count > 0 ? bytes / (double)count : 0.0;
}
