/* SPDX-License-Identifier: MIT */
#include "data/token_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fnv.h"

#define HEADER_BYTES 128
#define VERSION      1
#define BLOCK_TOKENS 4096
#define LET_GO_BYTES ((size_t)1 << 24)

static const char magic[8] = {'h', 'e', 'e', 'd', 't', 'o', 'k', '\n'};

/* The numbers of a header, as they follow the magic, eight bytes each. */
typedef struct header {
    uint64_t version, bytes_per_token, marked, n, vocab_size, n_bytes, tokenizer_hash, source_hash, texts_hash;
} header;

#define N_NUMBERS 9

static void numbers_of(const header *h, uint64_t numbers[N_NUMBERS])
{
    const uint64_t all[] = {h->version, h->bytes_per_token, h->marked,      h->n,         h->vocab_size,
                            h->n_bytes, h->tokenizer_hash,  h->source_hash, h->texts_hash};

    memcpy(numbers, all, sizeof all);
}

static void put_number(unsigned char *out, uint64_t value)
{
    for (int k = 0; k < 8; k++)
        out[k] = (unsigned char)(value >> 8 * k);
}

static uint64_t get_number(const unsigned char *in)
{
    uint64_t value = 0;

    for (int k = 0; k < 8; k++)
        value |= (uint64_t)in[k] << 8 * k;
    return value;
}

/* magic, the numbers, zeros, and the FNV-1a of all that. */
static void write_header(const header *h, unsigned char out[HEADER_BYTES])
{
    uint64_t numbers[N_NUMBERS];

    memset(out, 0, HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    numbers_of(h, numbers);
    for (size_t i = 0; i < N_NUMBERS; i++)
        put_number(out + 8 + 8 * i, numbers[i]);
    put_number(out + HEADER_BYTES - 8, heed_fnv(HEED_FNV_BEGIN, out, HEADER_BYTES - 8));
}

static header read_header(const unsigned char *in)
{
    uint64_t n[N_NUMBERS];

    for (size_t i = 0; i < N_NUMBERS; i++)
        n[i] = get_number(in + 8 + 8 * i);
    return (header){n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]};
}

/* --- writing --- */

typedef struct writing {
    const heed_tokenizer *tokenizer;
    heed_documents *texts;
    const heed_documents_encoding *encoding;
    heed_file_sink *sink;
    heed_packing packing;
    bool whole; /* it is to be read as one part */
    header header;
} writing;

static heed_status put_ids(void *context, const int32_t *ids, size_t n, bool counts, heed_error *err)
{
    writing *w = context;
    uint8_t block[4 * BLOCK_TOKENS];

    for (size_t at = 0; at < n;) {
        const size_t take = n - at < BLOCK_TOKENS ? n - at : BLOCK_TOKENS;

        heed_packing_put(&w->packing, block, ids + at, take, counts);
        if (!heed_file_put(w->sink, block, take * (size_t)w->packing.bytes_per_token))
            return heed_fail(err, HEED_ERR_FILE, "the tokens cannot be written");
        at += take;
    }
    w->header.n += n;
    return HEED_OK;
}

static heed_status fill(void *context, heed_file_sink *sink, heed_error *err)
{
    writing *w = context;
    unsigned char bytes[HEADER_BYTES] = {0};
    heed_status status;

    w->sink = sink;
    if (!heed_file_put(sink, bytes, sizeof bytes))
        return HEED_ERR_FILE;
    status = heed_documents_encode(w->texts, w->tokenizer, w->encoding, put_ids, w, err);
    if (status == HEED_OK && w->whole && w->header.n < 2)
        status = heed_fail(err, HEED_ERR_FILE,
                           "%s: expected 2 tokens or more, one to predict and one before it, got %llu",
                           heed_documents_name(w->texts), (unsigned long long)w->header.n);
    if (status != HEED_OK)
        return status;
    write_header(&w->header, bytes);
    return heed_file_put_first(sink, bytes, sizeof bytes) ? HEED_OK : HEED_ERR_FILE;
}

heed_status heed_token_file_write(const char *path, const heed_tokenizer *tokenizer, heed_documents *texts,
                                  const heed_token_file_key *key, const heed_corpus_options *options,
                                  heed_error *err)
{
    const heed_documents_encoding encoding = {.end_of_text = options->end_of_text, .threads = options->threads};
    const int64_t vocab_size = heed_tokenizer_vocab_size(tokenizer);
    writing w = {.tokenizer = tokenizer,
                 .texts = texts,
                 .encoding = &encoding,
                 .packing = heed_packing_for(vocab_size, heed_documents_marked(texts)),
                 .whole = options->whole};

    w.header = (header){.version = VERSION,
                        .bytes_per_token = (uint64_t)w.packing.bytes_per_token,
                        .marked = w.packing.marked,
                        .vocab_size = (uint64_t)vocab_size,
                        .n_bytes = heed_documents_bytes(texts),
                        .tokenizer_hash = key->tokenizer_hash,
                        .source_hash = key->source_hash,
                        .texts_hash = heed_documents_hash(texts)};
    heed_file_sweep(path);
    return heed_file_write_from(path, (size_t)heed_documents_bytes(texts), fill, &w, err);
}

/* --- reading --- */

bool heed_token_file_is(const char *path)
{
    heed_file file = {0};
    bool found = false;

    if (heed_file_open(&file, path, NULL) == HEED_OK)
        found = file.size >= sizeof magic && memcmp(file.data, magic, sizeof magic) == 0;
    heed_file_close(&file);
    return found;
}

static heed_status damaged(const char *name, const char *what, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE, "%s: expected a token file, %s", name, what);
}

static heed_status check_header(const heed_file *file, const char *name, header *h, heed_error *err)
{
    const unsigned char *bytes = (const unsigned char *)file->data;

    if (file->size < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return damaged(name, "it does not begin like one", err);
    *h = read_header(bytes);
    if (h->version != VERSION)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a token file of version %d, got version %llu", name,
                         VERSION, (unsigned long long)h->version);
    if (get_number(bytes + HEADER_BYTES - 8) != heed_fnv(HEED_FNV_BEGIN, bytes, HEADER_BYTES - 8))
        return damaged(name, "its header is damaged", err);
    if ((h->bytes_per_token != 1 && h->bytes_per_token != 2 && h->bytes_per_token != 4) || h->marked > 1 ||
        h->vocab_size == 0 || h->vocab_size > INT32_MAX / 2 || h->n_bytes > INT64_MAX)
        return damaged(name, "its header makes no sense", err);
    if (h->n != (file->size - HEADER_BYTES) / h->bytes_per_token ||
        (file->size - HEADER_BYTES) % h->bytes_per_token != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected %llu tokens of %d bytes, the file has %zu bytes",
                         name, (unsigned long long)h->n, (int)h->bytes_per_token, file->size - HEADER_BYTES);
    return HEED_OK;
}

static heed_status check_key(const header *h, const char *name, const heed_tokenizer *tokenizer,
                             const heed_token_file_key *key, heed_error *err)
{
    const int64_t vocab_size = heed_tokenizer_vocab_size(tokenizer);

    if (h->vocab_size != (uint64_t)vocab_size)
        return heed_fail(err, HEED_ERR_FILE, "%s: made by a tokenizer of %llu tokens, and this one has %lld",
                         name, (unsigned long long)h->vocab_size, (long long)vocab_size);
    if (h->tokenizer_hash != key->tokenizer_hash)
        return heed_fail(err, HEED_ERR_FILE, "%s: made by another tokenizer of %lld tokens", name,
                         (long long)vocab_size);
    if (key->source_hash != 0 && h->source_hash != key->source_hash)
        return heed_fail(err, HEED_ERR_FILE, "%s: made of other texts", name);
    return HEED_OK;
}

/* An id that is too large would be read from behind the embedding table. */
static heed_status check_ids(const heed_corpus *c, const char *name, heed_error *err)
{
    const size_t width = (size_t)c->packing.bytes_per_token;
    int32_t ids[BLOCK_TOKENS];
    size_t held = 0;

    for (int64_t at = 0, n; at < c->n; at += n) {
        n = c->n - at < BLOCK_TOKENS ? c->n - at : BLOCK_TOKENS;
        heed_packing_get(&c->packing, c->tokens + (size_t)at * width, n, ids, NULL);
        for (int64_t i = 0; i < n; i++)
            if (ids[i] < 0 || ids[i] >= c->vocab_size)
                return heed_fail(err, HEED_ERR_FILE, "%s: token %lld: expected an id of 0 to %lld, got %lld",
                                 name, (long long)(at + i), (long long)c->vocab_size - 1, (long long)ids[i]);
        held += (size_t)n * width;
        if (held >= LET_GO_BYTES) {
            heed_file_let_go(c->file.data, (size_t)at * width);
            held = 0;
        }
    }
    heed_file_let_go_around(&c->file, c->file.data, c->file.size);
    return HEED_OK;
}

heed_status heed_token_file_open(const char *path, const heed_tokenizer *tokenizer,
                                 const heed_token_file_key *key, const heed_corpus_options *options,
                                 heed_corpus **corpus, uint64_t *texts_hash, heed_error *err)
{
    heed_corpus *c = calloc(1, sizeof *c);
    header h = {0};
    heed_status status;
    char name[256];

    *corpus = NULL;
    if (c == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a corpus");
    heed_quote(name, sizeof name, path, strlen(path));
    status = heed_file_open(&c->file, path, err);
    if (status == HEED_OK)
        status = check_header(&c->file, name, &h, err);
    if (status == HEED_OK)
        status = check_key(&h, name, tokenizer, key, err);
    if (status == HEED_OK) {
        c->n = (int64_t)h.n;
        c->n_bytes = (int64_t)h.n_bytes;
        c->vocab_size = (int64_t)h.vocab_size;
        c->packing = (heed_packing){.bytes_per_token = (int)h.bytes_per_token, .marked = h.marked == 1};
        c->tokens = (const uint8_t *)c->file.data + HEADER_BYTES;
        heed_corpus_wire(c, options->whole);
        status = heed_corpus_check_length(c, tokenizer, name, options, err);
    }
    if (status == HEED_OK)
        status = check_ids(c, name, err);
    if (status == HEED_OK)
        status = heed_corpus_check_targets(c, name, err);
    if (status != HEED_OK) {
        heed_file_close(&c->file);
        free(c);
        return status;
    }
    heed_file_expect_little(&c->file, true); /* windows are small and lie anywhere */
    if (texts_hash != NULL)
        *texts_hash = h.texts_hash;
    *corpus = c;
    return HEED_OK;
}
