/* SPDX-License-Identifier: MIT */
/*
 * What all kinds of tokenizers share: finding the kind of a tokenizer.json, and calls through the kind's table.
 */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "formats/json.h"
#include "formats/json_scan.h"
#include "text/bpe.h"
#include "text/tokenizer_kind.h"

#define PATH_BYTES 4096
#define MAX_VALUES ((size_t)1 << 21) /* in a tokenizer.json: enough for every character there is, twice */

static const heed_tokenizer_kind *const kinds[] = {
    &heed_tokenizer_characters_kind,
    &heed_tokenizer_words_kind,
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    return type != NULL ? type : "";
}

/* Says which kind the file holds, as far as its own words tell. */
static heed_status refuse(const json_t *root, const char *name, heed_error *err)
{
    const json_t *model = json_object_get(root, "model");
    const char *type = type_of(model);
    char quoted[64];

    if (!json_is_object(model))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a tokenizer with a \"model\", found none", name);
    heed_quote(quoted, sizeof quoted, type, strlen(type));
    return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of type \"%s\" is not supported", name, quoted);
}

/* A kind that takes the file as a tree. */
static heed_status parse_tree(const char *json, size_t n, const char *name, heed_tokenizer **tokenizer,
                              heed_error *err)
{
    json_t *root = NULL;
    heed_status status = heed_json_parse(json, n, MAX_VALUES, name, &root, err);
    size_t i = 0;

    if (status != HEED_OK)
        return status;
    while (i < N_KINDS && !kinds[i]->claims(root))
        i++;
    if (i < N_KINDS)
        status = kinds[i]->read(root, name, tokenizer, err);
    else
        status = refuse(root, name, err);
    json_decref(root);
    return status;
}

heed_status heed_tokenizer_parse(const char *json, size_t n, const char *name, heed_tokenizer **tokenizer,
                                 heed_error *err)
{
    heed_bpe_file file = {.name = name};
    heed_status status = heed_bpe_split(json, n, MAX_VALUES, &file, err);

    *tokenizer = NULL;
    if (status != HEED_OK)
        return status;
    if (heed_bpe_claims(&file))
        status = heed_bpe_read(&file, tokenizer, err);
    else
        status = parse_tree(json, n, name, tokenizer, err);
    json_decref(file.root);
    return status;
}

heed_status heed_tokenizer_load(const char *path, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_file file = {0};
    heed_status status = HEED_OK;
    char name[256];

    *tokenizer = NULL;
    status = heed_file_open(&file, path, err);
    if (status != HEED_OK)
        return status;
    heed_quote(name, sizeof name, path, strlen(path));
    status = heed_tokenizer_parse(file.data, file.size, name, tokenizer, err);
    heed_file_close(&file);
    return status;
}

/* ---- the forms on disk ----------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);

    return n >= m && strcmp(path + n - m, end) == 0;
}

static heed_status open_ranks(const char *path, const char *encoding, heed_tokenizer **tokenizer,
                              heed_error *err)
{
    heed_file file = {0};
    heed_status status = heed_file_open(&file, path, err);

    if (status != HEED_OK)
        return status;
    status = heed_bpe_read_ranks(file.data, file.size, path, encoding, tokenizer, err);
    heed_file_close(&file);
    return status;
}

/* The merges of a vocab.json: the same name with "merges" and ".txt" in it, else merges.txt beside it. */
static heed_status merges_path(const char *vocab, char out[PATH_BYTES], heed_error *err)
{
    const char *slash = strrchr(vocab, '/'), *file = slash != NULL ? slash + 1 : vocab;
    const char *word = strstr(file, "vocab");
    int n = -1;

    if (word != NULL && ends_with(file, ".json"))
        n = snprintf(out, PATH_BYTES, "%.*smerges%.*s.txt", (int)(word - vocab), vocab,
                     (int)(strlen(word) - strlen("vocab") - strlen(".json")), word + strlen("vocab"));
    if (n > 0 && n < PATH_BYTES && heed_file_exists(out))
        return HEED_OK;
    n = snprintf(out, PATH_BYTES, "%.*smerges.txt", (int)(file - vocab), vocab);
    return n > 0 && n < PATH_BYTES ? HEED_OK
                                   : heed_fail(err, HEED_ERR_USAGE, "%.200s: the path is too long", vocab);
}

static heed_status open_pair(const char *path, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_file vocab = {0}, merges = {0};
    char other[PATH_BYTES], vocab_name[256], merges_name[256];
    heed_status status = merges_path(path, other, err);

    if (status != HEED_OK)
        return status;
    heed_quote(vocab_name, sizeof vocab_name, path, strlen(path));
    heed_quote(merges_name, sizeof merges_name, other, strlen(other));
    if (!heed_file_exists(other))
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: expected a tokenizer.json, or a vocab.json with its merges in %s", vocab_name,
                         merges_name);
    status = heed_file_open(&vocab, path, err);
    if (status == HEED_OK)
        status = heed_file_open(&merges, other, err);
    if (status == HEED_OK)
        status = heed_bpe_read_pair(vocab.data, vocab.size, vocab_name, merges.data, merges.size, merges_name,
                                    tokenizer, err);
    heed_file_close(&vocab);
    heed_file_close(&merges);
    return status;
}

/* A JSON file whose first value is a number is a vocabulary alone. */
static bool is_vocab(const char *path)
{
    heed_file file = {0};
    heed_text_buffer key = {0};
    heed_json_scan s = {0};
    bool found = false;
    int64_t id = 0;

    if (heed_file_open(&file, path, NULL) != HEED_OK)
        return false;
    s = (heed_json_scan){.text = file.data, .n = file.size, .where = ""};
    found = heed_json_scan_begin(&s, '{') && heed_json_scan_key(&s, &key) && heed_json_scan_int(&s, &id);
    heed_text_free(&key);
    heed_file_close(&file);
    return found;
}

static heed_status open_folder(const char *path, heed_tokenizer **tokenizer, heed_error *err)
{
    char inner[PATH_BYTES], name[256];

    if (heed_path_join(inner, sizeof inner, path, "tokenizer.json", err) != HEED_OK)
        return HEED_ERR_USAGE;
    if (heed_file_exists(inner))
        return heed_tokenizer_load(inner, tokenizer, err);
    if (heed_path_join(inner, sizeof inner, path, "vocab.json", err) != HEED_OK)
        return HEED_ERR_USAGE;
    if (heed_file_exists(inner))
        return open_pair(inner, tokenizer, err);
    return heed_fail(err, HEED_ERR_FILE,
                     "%s: expected a tokenizer.json, or a vocab.json and a merges.txt, in this folder",
                     heed_quote(name, sizeof name, path, strlen(path)));
}

heed_status heed_tokenizer_open(const char *path, const char *encoding, heed_tokenizer **tokenizer,
                                heed_error *err)
{
    char name[256];

    *tokenizer = NULL;
    if (ends_with(path, ".tiktoken") && !heed_file_is_folder(path))
        return open_ranks(path, encoding, tokenizer, err);
    if (encoding != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: an encoding is named for a .tiktoken table only",
                         heed_quote(name, sizeof name, path, strlen(path)));
    if (heed_file_is_folder(path))
        return open_folder(path, tokenizer, err);
    return is_vocab(path) ? open_pair(path, tokenizer, err) : heed_tokenizer_load(path, tokenizer, err);
}

void heed_tokenizer_destroy(heed_tokenizer *tokenizer)
{
    if (tokenizer != NULL)
        tokenizer->kind->destroy(tokenizer);
}

heed_status heed_tokenizer_write(const heed_tokenizer *tokenizer, heed_text_buffer *out, heed_error *err)
{
    tokenizer->kind->write(tokenizer, out);
    if (out->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for the tokenizer's %lld tokens as JSON",
                         (long long)heed_tokenizer_vocab_size(tokenizer));
    return HEED_OK;
}

heed_status heed_tokenizer_save(const heed_tokenizer *tokenizer, const char *path, heed_error *err)
{
    heed_text_buffer json = {0};
    heed_status status = heed_tokenizer_write(tokenizer, &json, err);

    if (status == HEED_OK) {
        const heed_bytes bytes = {json.data, json.size};

        status = heed_file_write(path, &bytes, 1, err);
    }
    heed_text_free(&json);
    return status;
}

/* ---- looking at it --------------------------------------------------------------------------------------- */

const char *heed_tokenizer_kind_name(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->name;
}

bool heed_tokenizer_needs_utf8(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->needs_utf8;
}

int64_t heed_tokenizer_vocab_size(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->vocab_size(tokenizer);
}

const char *heed_tokenizer_piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n)
{
    size_t length = 0;
    const char *piece = NULL;

    if (id >= 0 && id < heed_tokenizer_vocab_size(tokenizer))
        piece = tokenizer->kind->piece(tokenizer, id, &length);
    if (n != NULL)
        *n = length;
    return piece;
}

int32_t heed_tokenizer_find(const heed_tokenizer *tokenizer, const char *piece, size_t n)
{
    return tokenizer->kind->find(tokenizer, piece, n);
}

int heed_tokenizer_n_added(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->n_added != NULL ? tokenizer->kind->n_added(tokenizer) : 0;
}

heed_added_token heed_tokenizer_added(const heed_tokenizer *tokenizer, int i)
{
    return tokenizer->kind->added(tokenizer, i);
}

/* Files do not say which token ends a text; these names do. */
int32_t heed_tokenizer_end_of_text(const heed_tokenizer *tokenizer)
{
    static const char *const names[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<|eot_id|>",
                                        "<|im_end|>",    "<eos>",           "[EOS]"};
    const int n_added = heed_tokenizer_n_added(tokenizer);

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        for (int i = 0; i < n_added; i++) {
            const heed_added_token token = heed_tokenizer_added(tokenizer, i);

            if (token.special && token.n == strlen(names[k]) && memcmp(token.text, names[k], token.n) == 0)
                return token.id;
        }
    return -1;
}

/* ---- text to ids ----------------------------------------------------------------------------------------- */

static heed_encode_options settle(const heed_encode_options *options)
{
    heed_encode_options o = options != NULL ? *options : (heed_encode_options){0};

    if (o.threads < 1)
        o.threads = heed_processor_count();
    return o;
}

heed_status heed_tokenizer_encode_to(const heed_tokenizer *tokenizer, const char *text, size_t n,
                                     const heed_encode_options *options, heed_id_sink *sink, void *context,
                                     heed_error *err)
{
    const heed_encode_options o = settle(options);

    return tokenizer->kind->encode(tokenizer, text, n, &o, sink, context, err);
}

/* Ids that grow as they come. */
typedef struct id_list {
    int32_t *ids;
    size_t n, capacity;
} id_list;

static heed_status append_ids(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    id_list *list = context;

    if (list->capacity - list->n < n) {
        const size_t capacity = list->n + n + list->capacity / 2;
        size_t bytes = 0;
        int32_t *grown = heed_size_mul(capacity, sizeof *ids, &bytes) ? realloc(list->ids, bytes) : NULL;

        if (grown == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "no memory for %zu tokens", capacity);
        list->ids = grown;
        list->capacity = capacity;
    }
    if (n > 0)
        memcpy(list->ids + list->n, ids, n * sizeof *ids);
    list->n += n;
    return HEED_OK;
}

heed_status heed_tokenizer_encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                                  const heed_encode_options *options, int32_t **ids, size_t *n_ids,
                                  heed_error *err)
{
    id_list list = {0};
    heed_status status = HEED_OK;

    *ids = NULL;
    *n_ids = 0;
    list.capacity = n / 4 + 16;
    list.ids = malloc(list.capacity * sizeof *list.ids);
    if (list.ids == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for the tokens of %zu bytes of text", n);
    status = heed_tokenizer_encode_to(tokenizer, text, n, options, append_ids, &list, err);
    if (status != HEED_OK) {
        free(list.ids);
        return status;
    }
    *ids = list.ids;
    *n_ids = list.n;
    return HEED_OK;
}

/* ---- streaming ------------------------------------------------------------------------------------------- */

#define BLOCK_BYTES ((size_t)1 << 20) /* asked of the source at a time */

/* Appends the next block of the source to text; false at the end. */
static heed_status read_block(heed_text_source *source, void *context, heed_text_buffer *text, bool *more,
                              heed_error *err)
{
    size_t n = 0;
    char *block = malloc(BLOCK_BYTES);
    heed_status status = HEED_ERR_MEMORY;

    if (block != NULL) {
        status = source(context, block, BLOCK_BYTES, &n, err);
        heed_text_append(text, block, n);
    }
    free(block);
    if (block == NULL || text->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for %zu bytes of text", text->size + BLOCK_BYTES);
    *more = n > 0;
    return status;
}

/* Encodes n bytes that begin at *place of the whole text, and moves the place behind them. */
static heed_status encode_part(const heed_tokenizer *tokenizer, const char *text, size_t n,
                               heed_text_position *place, const heed_encode_options *options,
                               heed_id_sink *sink, void *context, heed_error *err)
{
    const heed_tokenizer_kind *kind = tokenizer->kind;
    heed_status status;

    if (kind->encode_from == NULL)
        return kind->encode(tokenizer, text, n, options, sink, context, err);
    status = kind->encode_from(tokenizer, text, n, *place, options, sink, context, err);
    *place = heed_text_position_after(*place, text, n);
    return status;
}

/* Encodes what can be cut off, and keeps the rest for the next block. A kind that cannot cut gets the whole. */
static heed_status stream_by_cuts(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                                  heed_text_source *source, void *source_context, heed_id_sink *sink,
                                  void *sink_context, heed_error *err)
{
    const heed_tokenizer_kind *kind = tokenizer->kind;
    heed_text_buffer text = {0};
    heed_text_position place = {1, 1};
    heed_status status = HEED_OK;
    bool more = true;

    while (status == HEED_OK && more) {
        status = read_block(source, source_context, &text, &more, err);
        if (status == HEED_OK && more && kind->cut != NULL) {
            const size_t n = kind->cut(tokenizer, text.data, text.size);

            if (n > 0) {
                status = encode_part(tokenizer, text.data, n, &place, options, sink, sink_context, err);
                memmove(text.data, text.data + n, text.size - n);
                text.size -= n;
            }
        }
    }
    if (status == HEED_OK && text.size > 0)
        status = encode_part(tokenizer, text.data, text.size, &place, options, sink, sink_context, err);
    heed_text_free(&text);
    return status;
}

heed_status heed_tokenizer_stream(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                                  heed_text_source *source, void *source_context, heed_id_sink *sink,
                                  void *sink_context, heed_error *err)
{
    const heed_encode_options o = settle(options);

    if (tokenizer->kind->stream != NULL)
        return tokenizer->kind->stream(tokenizer, &o, source, source_context, sink, sink_context, err);
    return stream_by_cuts(tokenizer, &o, source, source_context, sink, sink_context, err);
}

/* ---- ids to text ----------------------------------------------------------------------------------------- */

static heed_status check_ids(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n, heed_error *err)
{
    const int64_t vocab_size = heed_tokenizer_vocab_size(tokenizer);

    for (size_t i = 0; i < n; i++) {
        if (heed_tokenizer_piece(tokenizer, ids[i], NULL) != NULL)
            continue;
        if (ids[i] >= 0 && ids[i] < vocab_size)
            return heed_fail(err, HEED_ERR_USAGE, "token %zu: the id %d is a hole in the vocabulary", i,
                             (int)ids[i]);
        return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id of 0 to %lld, got %d", i,
                         (long long)vocab_size - 1, (int)ids[i]);
    }
    return HEED_OK;
}

static void join_pieces(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n, heed_text_buffer *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *piece = heed_tokenizer_piece(tokenizer, ids[i], &length);

        heed_text_append(out, piece, length);
    }
}

heed_status heed_tokenizer_decode(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n, char **text,
                                  size_t *n_text, heed_error *err)
{
    heed_text_buffer out = {0};
    heed_status status = check_ids(tokenizer, ids, n, err);

    *text = NULL;
    *n_text = 0;
    if (status != HEED_OK)
        return status;
    heed_text_append(&out, "", 0); /* an empty text is one, too */
    if (tokenizer->kind->decode != NULL)
        tokenizer->kind->decode(tokenizer, ids, n, &out);
    else
        join_pieces(tokenizer, ids, n, &out);
    if (out.failed) {
        heed_text_free(&out);
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for the text of %zu tokens", n);
    }
    *text = out.data;
    *n_text = out.size;
    return HEED_OK;
}
