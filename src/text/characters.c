/* SPDX-License-Identifier: MIT */
/*
 * Characters as tokens: one token for each Unicode code point of the vocabulary.
 *
 *     "hello"  ->  vocabulary e h l o  ->  1 0 2 2 3
 *
 * Built from a text, ids ascend with the code points. In tokenizer.json it is a BPE model whose vocabulary is the
 * characters and whose list of merges is empty, with nothing before and only "Fuse" after: each character stays
 * alone. A file may number its characters in any order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/json_text.h"
#include "text/position.h"
#include "text/tokenizer_kind.h"

#define N_CODES  0x110000u /* Unicode ends at U+10FFFF */
#define N_DIRECT 128u      /* codes found by index; the others by bisection */

typedef struct character {
    uint32_t code;
    int32_t id;
} character;

typedef struct characters {
    heed_tokenizer base;
    int32_t n;
    int32_t direct[N_DIRECT]; /* id of a small code, or -1 */
    character *by_code;       /* [n] ascending codes */
    char (*pieces)[5];        /* [n] by id: UTF-8 and a NUL */
} characters;

static const characters *of(const heed_tokenizer *tokenizer)
{
    return (const characters *)tokenizer;
}

static void destroy(heed_tokenizer *tokenizer)
{
    characters *c = (characters *)tokenizer;

    free(c->by_code);
    free(c->pieces);
    free(c);
}

/* A tokenizer with room for n characters, to be filled by add() in any order of ids; n > 0. NULL: no memory. */
static characters *create(int32_t n)
{
    characters *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->base.kind = &heed_tokenizer_characters_kind;
    c->n = n;
    memset(c->direct, 0xff, sizeof c->direct);
    c->by_code = calloc((size_t)n, sizeof *c->by_code);
    c->pieces = calloc((size_t)n, sizeof *c->pieces);
    if (c->by_code == NULL || c->pieces == NULL) {
        destroy(&c->base);
        return NULL;
    }
    return c;
}

static void add(characters *c, int32_t slot, uint32_t code, int32_t id)
{
    c->by_code[slot] = (character){.code = code, .id = id};
    heed_utf8_encode(code, c->pieces[id]);
    if (code < N_DIRECT)
        c->direct[code] = id;
}

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "no memory for a vocabulary of characters");
}

static heed_status not_utf8(heed_text_position at, char byte, heed_error *err)
{
    return heed_fail(err, HEED_ERR_USAGE, "line %zu, column %zu: 0x%02x is not UTF-8", at.line, at.column,
                     (unsigned)(unsigned char)byte);
}

static bool has_code(const uint64_t *seen, uint32_t code)
{
    return (seen[code / 64] >> (code % 64) & 1) != 0;
}

/* Marks the codes of the text in seen, one bit for each code, and counts them. */
static heed_status collect(const char *text, size_t n, uint64_t *seen, int32_t *count, heed_error *err)
{
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, n - i, &code);

        if (length == 0)
            return not_utf8(heed_text_position_of(text, i), text[i], err);
        if (code == 0)
            return heed_fail(err, HEED_ERR_USAGE, "byte %zu: expected a text, found a NUL", i);
        *count += !has_code(seen, code);
        seen[code / 64] |= UINT64_C(1) << (code % 64);
        i += length;
    }
    if (*count == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected a text to take characters from, got an empty one");
    return HEED_OK;
}

heed_status heed_tokenizer_characters(const char *text, size_t n, heed_tokenizer **tokenizer, heed_error *err)
{
    uint64_t *seen = calloc(N_CODES / 64, sizeof *seen);
    characters *c = NULL;
    int32_t count = 0;
    heed_status status = HEED_OK;

    *tokenizer = NULL;
    if (seen == NULL)
        return out_of_memory(err);
    status = collect(text, n, seen, &count, err);
    if (status != HEED_OK)
        goto cleanup;
    c = create(count);
    if (c == NULL) {
        status = out_of_memory(err);
        goto cleanup;
    }
    for (uint32_t code = 0, id = 0; id < (uint32_t)count; code++)
        if (has_code(seen, code)) {
            add(c, (int32_t)id, code, (int32_t)id);
            id++;
        }
    *tokenizer = &c->base;
cleanup:
    free(seen);
    return status;
}

/* ---- ids of a text --------------------------------------------------------------------------------------- */

static int32_t find(const characters *c, uint32_t code)
{
    int32_t low = 0, high = c->n;

    if (code < N_DIRECT)
        return c->direct[code];
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;

        if (c->by_code[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n && c->by_code[low].code == code ? c->by_code[low].id : -1;
}

static heed_status lacks(const characters *c, heed_text_position at, const char *bytes, size_t length,
                         uint32_t code, heed_error *err)
{
    heed_text_buffer all = {0};
    char quoted[32], list[300];

    for (int32_t i = 0; i < c->n && all.size < sizeof list; i++)
        heed_text_puts(&all, c->pieces[c->by_code[i].id]);
    heed_quote(quoted, sizeof quoted, bytes, length);
    heed_quote(list, sizeof list, all.data != NULL ? all.data : "", all.size);
    heed_text_free(&all);
    return heed_fail(
        err, HEED_ERR_USAGE,
        "line %zu, column %zu: the character \"%s\" (U+%04X) is not among the %d of the vocabulary: %s",
        at.line, at.column, quoted, (unsigned)code, (int)c->n, list);
}

#define IDS_AT_ONCE 4096

static heed_status encode_from(const heed_tokenizer *tokenizer, const char *text, size_t n,
                               heed_text_position start, const heed_encode_options *options, heed_id_sink *sink,
                               void *context, heed_error *err)
{
    const characters *c = of(tokenizer);
    int32_t ids[IDS_AT_ONCE];
    size_t n_ids = 0;

    (void)options; /* no special tokens, no template, and too quick for threads */
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, n - i, &code);
        int32_t id = 0;

        if (length == 0)
            return not_utf8(heed_text_position_after(start, text, i), text[i], err);
        id = find(c, code);
        if (id < 0)
            return lacks(c, heed_text_position_after(start, text, i), text + i, length, code, err);
        ids[n_ids++] = id;
        i += length;
        if (n_ids == IDS_AT_ONCE || i == n) {
            const heed_status status = sink(context, ids, n_ids, err);

            if (status != HEED_OK)
                return status;
            n_ids = 0;
        }
    }
    return HEED_OK;
}

static heed_status encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                          const heed_encode_options *options, heed_id_sink *sink, void *context,
                          heed_error *err)
{
    return encode_from(tokenizer, text, n, (heed_text_position){1, 1}, options, sink, context, err);
}

/* Before the last character's first byte: what follows may complete the character. */
static size_t cut(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    (void)tokenizer;
    for (size_t back = 1; back <= 4 && back < n; back++)
        if (((unsigned char)text[n - back] & 0xc0) != 0x80)
            return n - back;
    return n > 4 ? n - 4 : 0; /* not UTF-8: encode() says so */
}

static int64_t vocab_size(const heed_tokenizer *tokenizer)
{
    return of(tokenizer)->n;
}

static const char *piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n)
{
    const char *text = of(tokenizer)->pieces[id];

    *n = strlen(text);
    return text;
}

static int32_t find_piece(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    uint32_t code = 0;

    return n > 0 && heed_utf8_decode(text, n, &code) == n ? find(of(tokenizer), code) : -1;
}

/* ---- tokenizer.json -------------------------------------------------------------------------------------- */

static void write_json(const heed_tokenizer *tokenizer, heed_text_buffer *out)
{
    const characters *c = of(tokenizer);

    heed_text_puts(out, "{\n"
                        "  \"version\": \"1.0\",\n"
                        "  \"truncation\": null,\n"
                        "  \"padding\": null,\n"
                        "  \"added_tokens\": [],\n"
                        "  \"normalizer\": null,\n"
                        "  \"pre_tokenizer\": null,\n"
                        "  \"post_processor\": null,\n"
                        "  \"decoder\": {\"type\": \"Fuse\"},\n"
                        "  \"model\": {\n"
                        "    \"type\": \"BPE\",\n"
                        "    \"dropout\": null,\n"
                        "    \"unk_token\": null,\n"
                        "    \"continuing_subword_prefix\": null,\n"
                        "    \"end_of_word_suffix\": null,\n"
                        "    \"fuse_unk\": false,\n"
                        "    \"byte_fallback\": false,\n"
                        "    \"vocab\": {\n");
    for (int32_t id = 0; id < c->n; id++) {
        heed_text_puts(out, "      ");
        heed_json_put_string(out, c->pieces[id], strlen(c->pieces[id]));
        heed_text_printf(out, ": %d%s\n", (int)id, id + 1 < c->n ? "," : "");
    }
    heed_text_puts(out, "    },\n"
                        "    \"merges\": []\n"
                        "  }\n"
                        "}\n");
}

static bool is_type(const json_t *part, const char *type)
{
    const char *is = json_string_value(json_object_get(part, "type"));

    return is != NULL && strcmp(is, type) == 0;
}

static bool absent(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);

    return value == NULL || json_is_null(value);
}

/* A BPE model without merges, and not over bytes, is one of characters; the details are checked by read_json(). */
static bool claims(const json_t *root)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *merges = json_object_get(model, "merges");

    return is_type(model, "BPE") && json_is_array(merges) && json_array_size(merges) == 0 &&
           !is_type(json_object_get(root, "pre_tokenizer"), "ByteLevel") &&
           !is_type(json_object_get(root, "decoder"), "ByteLevel");
}

/* Refuses whatever would make other ids, or another text, of the same characters. */
static heed_status check_surroundings(const json_t *root, const char *name, heed_error *err)
{
    static const char *const unused[] = {"truncation", "padding", "normalizer", "pre_tokenizer",
                                         "post_processor"};
    static const char *const unused_in_model[] = {"unk_token", "continuing_subword_prefix",
                                                  "end_of_word_suffix"};
    const json_t *model = json_object_get(root, "model");

    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
        if (!absent(root, unused[i]))
            return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of characters with a \"%s\" is not read here",
                             name, unused[i]);
    for (size_t i = 0; i < sizeof unused_in_model / sizeof unused_in_model[0]; i++)
        if (!absent(model, unused_in_model[i]))
            return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of characters with a \"%s\" is not read here",
                             name, unused_in_model[i]);
    if (json_array_size(json_object_get(root, "added_tokens")) > 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of characters with added tokens is not read here",
                         name);
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: a tokenizer of characters with byte fallback is not read here", name);
    if (!is_type(json_object_get(root, "decoder"), "Fuse"))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected the decoder \"Fuse\" of a tokenizer of characters",
                         name);
    return HEED_OK;
}

/* One entry of the vocabulary; `taken` tells the ids seen so far. */
static heed_status read_entry(const char *key, const json_t *value, size_t n, bool *taken, character *entry,
                              const char *name, heed_error *err)
{
    const size_t length = strlen(key);
    char quoted[64];

    heed_quote(quoted, sizeof quoted, key, length);
    if (length == 0 || heed_utf8_decode(key, length, &entry->code) != length)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary of single characters, found \"%s\"",
                         name, quoted);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (size_t)json_integer_value(value) >= n)
        return heed_fail(err, HEED_ERR_FILE, "%s: the character \"%s\" needs an id of 0 to %zu", name, quoted,
                         n - 1);
    entry->id = (int32_t)json_integer_value(value);
    if (taken[entry->id])
        return heed_fail(err, HEED_ERR_FILE, "%s: the id %d belongs to two characters, one of them \"%s\"",
                         name, (int)entry->id, quoted);
    taken[entry->id] = true;
    return HEED_OK;
}

static int compare_codes(const void *a, const void *b)
{
    const uint32_t x = ((const character *)a)->code, y = ((const character *)b)->code;

    return (x > y) - (x < y);
}

/* n distinct ids below n leave no hole; distinct keys are distinct characters. */
static heed_status read_json(const json_t *root, const char *name, heed_tokenizer **tokenizer, heed_error *err)
{
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    const size_t n = json_object_size(vocab);
    heed_status status = check_surroundings(root, name, err);
    characters *c = NULL;
    bool *taken = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    int32_t slot = 0;

    if (status != HEED_OK)
        return status;
    if (n == 0 || n > N_CODES)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary of 1 to %u characters, found %zu", name,
                         N_CODES, n);
    c = create((int32_t)n);
    taken = calloc(n, sizeof *taken);
    if (c == NULL || taken == NULL) {
        status = out_of_memory(err);
        goto cleanup;
    }
    json_object_foreach(vocab, key, value)
    {
        character entry = {0};

        status = read_entry(key, value, n, taken, &entry, name, err);
        if (status != HEED_OK)
            goto cleanup;
        add(c, slot++, entry.code, entry.id);
    }
    qsort(c->by_code, n, sizeof *c->by_code, compare_codes);
    *tokenizer = &c->base;
    c = NULL;
cleanup:
    free(taken);
    if (c != NULL)
        destroy(&c->base);
    return status;
}

const heed_tokenizer_kind heed_tokenizer_characters_kind = {
    .name = "characters",
    .needs_utf8 = true,
    .claims = claims,
    .read = read_json,
    .write = write_json,
    .destroy = destroy,
    .vocab_size = vocab_size,
    .piece = piece,
    .find = find_piece,
    .encode = encode,
    .encode_from = encode_from,
    .cut = cut,
};
