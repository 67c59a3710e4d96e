/* SPDX-License-Identifier: MIT */
/* Tables of ranks: a line a token, base64 of its bytes, a space, its rank, which is its id. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/bpe.h"

typedef struct special {
    const char *text;
    int32_t id;
} special;

/* What the tables do not say. */
static const struct encoding {
    const char *name, *other_name;
    size_t n_ranks;
    special special[6];
} encodings[] = {
    {"gpt2", "r50k_base", 50256, {{"<|endoftext|>", 50256}}},
    {"p50k_base", "p50k_base", 50280, {{"<|endoftext|>", 50256}}},
    {"cl100k_base",
     "cl100k_base",
     100256,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}}},
    {"o200k_base", "o200k_base", 199998, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
};
#define N_ENCODINGS (sizeof encodings / sizeof encodings[0])
#define KNOWN       "gpt2, p50k_base, cl100k_base or o200k_base"

static heed_status choose(const char *encoding, const char *path, size_t n_ranks, const char *name,
                          const struct encoding **chosen, heed_error *err)
{
    const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
    char shown[60];

    for (size_t i = 0; i < N_ENCODINGS; i++) {
        *chosen = &encodings[i];
        if (encoding != NULL &&
            (strcmp(encoding, (*chosen)->name) == 0 || strcmp(encoding, (*chosen)->other_name) == 0))
            return HEED_OK;
        if (encoding == NULL &&
            (strstr(file, (*chosen)->name) != NULL || strstr(file, (*chosen)->other_name) != NULL))
            return HEED_OK;
    }
    for (size_t i = 0; encoding == NULL && i < N_ENCODINGS; i++) {
        *chosen = &encodings[i];
        if (n_ranks == (*chosen)->n_ranks)
            return HEED_OK;
    }
    if (encoding != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected the encoding " KNOWN ", got \"%s\"", name,
                         heed_quote(shown, sizeof shown, encoding, strlen(encoding)));
    return heed_fail(err, HEED_ERR_FILE,
                     "%s: a table of %zu ranks does not say its encoding: name it, " KNOWN
                     ", in the file's name (x.gpt2.tiktoken) or by option",
                     name, n_ranks);
}

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* The bytes of n characters of base64 (RFC 4648, padded) in out, which has room for n; their number, or -1. */
static ptrdiff_t decode_base64(const char *text, size_t n, char *out)
{
    ptrdiff_t count = 0;

    if (n == 0 || n % 4 != 0)
        return -1;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        int padding = 0;

        for (size_t k = 0; k < 4; k++) {
            const char c = text[i + k];
            const int digit = c == '=' && i + 4 == n && k >= 2 ? 0 : digit_of(c);

            padding += c == '=';
            if (digit < 0 || (padding > 0 && c != '='))
                return -1;
            bits = bits << 6 | (uint32_t)digit;
        }
        if ((padding == 1 && (bits & 0xff) != 0) || (padding == 2 && (bits & 0xffff) != 0))
            return -1; /* bits that belong to no byte */
        for (int k = 0; k < 3 - padding; k++)
            out[count++] = (char)(bits >> (16 - 8 * k) & 0xff);
    }
    return count;
}

/* A rank of at most nine digits, or -1. */
static int32_t read_rank(const char *text, size_t n)
{
    int32_t rank = 0;

    if (n == 0 || n > 9 || (text[0] == '0' && n > 1))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        rank = rank * 10 + (text[i] - '0');
    }
    return rank;
}

static heed_status read_line(heed_bpe *bpe, const char *line, size_t n, size_t number, char *bytes,
                             const char *name, heed_error *err)
{
    const char *space = memchr(line, ' ', n);
    const size_t length = space != NULL ? (size_t)(space - line) : n;
    const ptrdiff_t n_bytes = decode_base64(line, length, bytes);
    const int32_t rank = space != NULL ? read_rank(space + 1, n - length - 1) : -1;
    char shown[60];

    if (n_bytes <= 0)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: line %zu: expected base64 of a token, a space and its rank, got \"%s\"", name,
                         number, heed_quote(shown, sizeof shown, line, n));
    if (rank < 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: line %zu: expected a rank behind the token, got \"%s\"", name,
                         number, heed_quote(shown, sizeof shown, line, n));
    if (bpe->vocabulary.n == HEED_MAX_TOKENS)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary of at most %zu tokens", name,
                         HEED_MAX_TOKENS);
    if (!heed_vocabulary_add(&bpe->vocabulary, bytes, (size_t)n_bytes, rank, false))
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for the vocabulary", name);
    return HEED_OK;
}

static heed_status read_lines(heed_bpe *bpe, const char *text, size_t n, const char *name, heed_error *err)
{
    char *bytes = NULL;
    size_t number = 0, capacity = 0;
    heed_status status = HEED_OK;

    for (size_t at = 0; status == HEED_OK && at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        const size_t end = newline != NULL ? (size_t)(newline - text) : n;
        const size_t length = end > at && text[end - 1] == '\r' ? end - at - 1 : end - at;

        number++;
        if (length > capacity) {
            free(bytes);
            capacity = 2 * length;
            bytes = malloc(capacity);
        }
        if (length > 0 && bytes == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for the vocabulary", name);
        else if (length > 0)
            status = read_line(bpe, text + at, length, number, bytes, name, err);
        at = end + 1;
    }
    free(bytes);
    if (status == HEED_OK && bpe->vocabulary.n == 0)
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected a table of ranks, found an empty one", name);
    return status == HEED_OK ? heed_bpe_seal(bpe, name, err) : status;
}

static heed_status check_bytes(const heed_bpe *bpe, const char *name, heed_error *err)
{
    for (int byte = 0; byte < 256; byte++)
        if (bpe->byte_ids[byte] < 0)
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: expected a rank for each of the 256 bytes, 0x%02x has none", name,
                             (unsigned)byte);
    return HEED_OK;
}

heed_status heed_bpe_read_ranks(const char *text, size_t n, const char *path, const char *encoding,
                                heed_tokenizer **tokenizer, heed_error *err)
{
    heed_bpe *bpe = heed_bpe_create();
    const struct encoding *chosen = NULL;
    json_t *root = NULL;
    char name[256];
    heed_status status = HEED_OK;

    heed_quote(name, sizeof name, path, strlen(path));
    if (bpe == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for the vocabulary", name);
    bpe->by_ranks = true;
    bpe->whole = true;
    status = read_lines(bpe, text, n, name, err);
    if (status == HEED_OK)
        status = check_bytes(bpe, name, err);
    if (status == HEED_OK)
        status = choose(encoding, path, bpe->vocabulary.n, name, &chosen, err);
    if (status == HEED_OK) {
        bool made = true;

        root = heed_bpe_parts_for(heed_pieces_named(chosen->name));
        for (const special *s = chosen->special; root != NULL && s->text != NULL; s++)
            made = made && heed_bpe_parts_add_special(root, s->text, strlen(s->text), s->id);
        if (root == NULL || !made)
            status = heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a tokenizer", name);
    }
    if (status == HEED_OK)
        status = heed_bpe_read_parts(bpe, root, name, err);
    if (status == HEED_OK)
        status = heed_bpe_finish(bpe, name, err);
    json_decref(root);
    if (status != HEED_OK) {
        heed_bpe_destroy(bpe);
        return status;
    }
    *tokenizer = &bpe->base;
    return HEED_OK;
}
