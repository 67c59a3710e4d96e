/* SPDX-License-Identifier: MIT */
/* The model of a tokenizer.json, and the pair of a vocab.json and a merges.txt. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "formats/json_scan.h"
#include "text/bpe.h"
#include "text/letters.h"

static heed_status out_of_memory(const char *name, heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for the vocabulary", name);
}

static heed_status refuse_entry(const heed_text_buffer *key, int64_t id, const char *name, heed_error *err)
{
    char shown[80];

    if (key->size == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: the vocabulary has an empty token, with the id %lld", name,
                         (long long)id);
    return heed_fail(err, HEED_ERR_FILE, "%s: the token \"%s\" has the id %lld, which is no id", name,
                     heed_quote(shown, sizeof shown, key->data, key->size), (long long)id);
}

/* One entry: a key that is not written in letters keeps its text, and nothing finds it but as an added token. */
static heed_status add_entry(heed_bpe *bpe, const heed_text_buffer *key, char *bytes, int64_t id,
                             const char *name, heed_error *err)
{
    const ptrdiff_t n = heed_letters_decode(key->data, key->size, bytes);

    if (key->size == 0 || id < 0 || id > INT32_MAX - 1)
        return refuse_entry(key, id, name, err);
    if (bpe->vocabulary.n == HEED_MAX_TOKENS)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary of at most %zu tokens", name,
                         HEED_MAX_TOKENS);
    if (!heed_vocabulary_add(&bpe->vocabulary, n >= 0 ? bytes : key->data, n >= 0 ? (size_t)n : key->size,
                             (int32_t)id, n < 0))
        return out_of_memory(name, err);
    return HEED_OK;
}

heed_status heed_bpe_read_vocab(heed_bpe *bpe, const char *json, size_t n, const char *name, heed_error *err)
{
    heed_json_scan s = {.text = json, .n = n, .where = name, .err = err};
    heed_text_buffer key = {0};
    char *bytes = NULL;
    size_t capacity = 0;
    heed_status status = HEED_OK;

    if (heed_json_scan_begin(&s, '{'))
        do {
            int64_t id = 0;

            if (!heed_json_scan_key(&s, &key) || !heed_json_scan_int(&s, &id))
                break;
            if (key.capacity > capacity) {
                free(bytes);
                capacity = key.capacity;
                bytes = malloc(capacity);
            }
            status = bytes != NULL ? add_entry(bpe, &key, bytes, id, name, err) : out_of_memory(name, err);
        } while (status == HEED_OK && heed_json_scan_more(&s, '}'));
    if (status == HEED_OK && s.status == HEED_OK && heed_json_scan_peek(&s) >= 0)
        heed_json_scan_fail(&s, "nothing more");
    heed_text_free(&key);
    free(bytes);
    if (status == HEED_OK)
        status = s.status;
    return status == HEED_OK ? heed_bpe_seal(bpe, name, err) : status;
}

/* "left right" at text: the space between them; no letter is a space. */
static heed_status add_line(heed_bpe *bpe, const char *text, size_t n, const char *name, heed_error *err)
{
    const char *space = n > 0 ? memchr(text, ' ', n) : NULL;
    const size_t left = space != NULL ? (size_t)(space - text) : 0;
    char shown[80];

    if (space == NULL || memchr(space + 1, ' ', n - left - 1) != NULL)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: merge %zu: expected two tokens and a space between them, got \"%s\"", name,
                         bpe->n_merges, heed_quote(shown, sizeof shown, text, n));
    return heed_bpe_add_merge(bpe, text, left, space + 1, n - left - 1, name, err);
}

/* ["left right", ...] or [["left", "right"], ...] */
static heed_status read_merges(heed_bpe *bpe, const char *json, size_t n, const char *name, heed_error *err)
{
    heed_json_scan s = {.text = json, .n = n, .where = name, .err = err};
    heed_text_buffer left = {0}, right = {0};
    heed_status status = HEED_OK;

    if (heed_json_scan_begin(&s, '['))
        do {
            if (heed_json_scan_peek(&s) == '[') {
                if (!heed_json_scan_begin(&s, '[') || !heed_json_scan_string(&s, &left) ||
                    !heed_json_scan_more(&s, ']') || !heed_json_scan_string(&s, &right) ||
                    heed_json_scan_more(&s, ']')) {
                    heed_json_scan_fail(&s, "a merge of two tokens");
                    break;
                }
                status = heed_bpe_add_merge(bpe, left.data, left.size, right.data, right.size, name, err);
            } else {
                if (!heed_json_scan_string(&s, &left))
                    break;
                status = add_line(bpe, left.data, left.size, name, err);
            }
        } while (status == HEED_OK && s.status == HEED_OK && heed_json_scan_more(&s, ']'));
    heed_text_free(&left);
    heed_text_free(&right);
    return status != HEED_OK ? status : s.status;
}

/* ---- tokenizer.json -------------------------------------------------------------------------------------------- */

/* Behind "model": copies the members to rest, the two lists as empty ones. */
static void split_model(heed_json_scan *s, heed_bpe_file *file, heed_text_buffer *key, heed_text_buffer *rest)
{
    size_t copied = s->at;

    if (heed_json_scan_peek(s) == '{' && heed_json_scan_begin(s, '{'))
        do {
            const char *begin = NULL;
            bool is_vocab = false, is_merges = false;

            if (!heed_json_scan_key(s, key) || heed_json_scan_peek(s) < 0)
                break;
            begin = s->text + s->at;
            is_vocab = strcmp(key->data, "vocab") == 0 && *begin == '{';
            is_merges = strcmp(key->data, "merges") == 0 && *begin == '[';
            if (!heed_json_scan_skip(s))
                break;
            if (is_vocab || is_merges) {
                heed_text_append(rest, s->text + copied, (size_t)(begin - s->text) - copied);
                heed_text_puts(rest, is_vocab ? "{}" : "[]");
                *(is_vocab ? &file->vocab : &file->merges) = begin;
                *(is_vocab ? &file->n_vocab : &file->n_merges) = (size_t)(s->text + s->at - begin);
                copied = s->at;
            }
        } while (heed_json_scan_more(s, '}'));
    else if (s->status == HEED_OK)
        heed_json_scan_skip(s);
    heed_text_append(rest, s->text + copied, s->at - copied);
}

heed_status heed_bpe_split(const char *json, size_t n, size_t max_values, heed_bpe_file *file, heed_error *err)
{
    heed_json_scan s = {.text = json, .n = n, .where = file->name, .err = err};
    heed_text_buffer rest = {0}, key = {0};
    size_t copied = 0;
    heed_status status = HEED_OK;

    file->root = NULL;
    if (heed_json_scan_begin(&s, '{'))
        do {
            if (!heed_json_scan_key(&s, &key))
                break;
            if (strcmp(key.data, "model") == 0) {
                heed_text_append(&rest, json + copied, s.at - copied);
                split_model(&s, file, &key, &rest);
                copied = s.at;
            } else {
                heed_json_scan_skip(&s);
            }
        } while (s.status == HEED_OK && heed_json_scan_more(&s, '}'));
    heed_text_append(&rest, json + copied, n - copied);
    status = s.status;
    if (status == HEED_OK && (rest.failed || key.failed))
        status = out_of_memory(file->name, err);
    if (status == HEED_OK)
        status = heed_json_parse(rest.data, rest.size, max_values, file->name, &file->root, err);
    heed_text_free(&rest);
    heed_text_free(&key);
    return status;
}

static bool has_byte_level(const json_t *part, const char *list)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *parts = json_object_get(part, list);

    if (type != NULL && strcmp(type, "ByteLevel") == 0)
        return true;
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (has_byte_level(json_array_get(parts, i), list))
            return true;
    return false;
}

static bool has_merges(const heed_bpe_file *file)
{
    heed_json_scan s = {.text = file->merges, .n = file->n_merges, .where = file->name};

    return file->merges != NULL && heed_json_scan_begin(&s, '[');
}

bool heed_bpe_claims(const heed_bpe_file *file)
{
    const json_t *type = json_object_get(json_object_get(file->root, "model"), "type");

    if (file->vocab == NULL || file->merges == NULL)
        return false;
    if (type != NULL && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
        return false;
    return has_merges(file) || has_byte_level(json_object_get(file->root, "pre_tokenizer"), "pretokenizers") ||
           has_byte_level(json_object_get(file->root, "decoder"), "decoders");
}

static heed_status refuse(const char *name, const char *what, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE, "%s: a BPE model with a \"%s\" is not supported", name, what);
}

/* The members of the model beside vocab and merges. */
static heed_status read_model(heed_bpe *bpe, const json_t *model, const char *name, heed_error *err)
{
    heed_json_reader r = heed_json_read(model, name, err);
    const double dropout = heed_json_number(&r, "dropout", 0.0, 0.0, 1.0);
    const char *unknown = heed_json_string(&r, "unk_token", NULL);
    const char *prefix = heed_json_string(&r, "continuing_subword_prefix", "");
    const char *suffix = heed_json_string(&r, "end_of_word_suffix", "");
    const bool fallback = heed_json_bool(&r, "byte_fallback", false);

    bpe->fuse_unknown = heed_json_bool(&r, "fuse_unk", false);
    bpe->whole = heed_json_bool(&r, "ignore_merges", false);
    if (r.status != HEED_OK)
        return r.status;
    if (dropout > 0.0)
        return refuse(name, "dropout", err);
    if (prefix[0] != '\0')
        return refuse(name, "continuing_subword_prefix", err);
    if (suffix[0] != '\0')
        return refuse(name, "end_of_word_suffix", err);
    if (fallback && bpe->lacks_bytes)
        return refuse(name, "byte_fallback", err);
    if (unknown != NULL && unknown[0] != '\0' && bpe->lacks_bytes) {
        char shown[80], *bytes = malloc(strlen(unknown) + 1);
        const ptrdiff_t n = bytes != NULL ? heed_letters_decode(unknown, strlen(unknown), bytes) : -1;

        bpe->unknown = n > 0 ? heed_vocabulary_find(&bpe->vocabulary, bytes, (size_t)n) : -1;
        free(bytes);
        if (bpe->unknown < 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the unk_token \"%s\" is no token of the vocabulary", name,
                             heed_quote(shown, sizeof shown, unknown, strlen(unknown)));
    }
    return HEED_OK;
}

heed_status heed_bpe_read(const heed_bpe_file *file, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_bpe *bpe = heed_bpe_create();
    const char *name = file->name;
    heed_status status = bpe != NULL ? HEED_OK : out_of_memory(name, err);

    if (status == HEED_OK)
        status = heed_bpe_read_vocab(bpe, file->vocab, file->n_vocab, name, err);
    if (status == HEED_OK)
        status = read_model(bpe, json_object_get(file->root, "model"), name, err);
    if (status == HEED_OK)
        status = heed_bpe_read_parts(bpe, file->root, name, err);
    if (status == HEED_OK)
        status = read_merges(bpe, file->merges, file->n_merges, name, err);
    if (status == HEED_OK)
        status = heed_bpe_finish(bpe, name, err);
    if (status != HEED_OK) {
        heed_bpe_destroy(bpe);
        return status;
    }
    *tokenizer = &bpe->base;
    return HEED_OK;
}

/* ---- vocab.json and merges.txt --------------------------------------------------------------------------------- */

/* A line a merge; a first line that begins with "#version" and empty lines do not count. */
static heed_status read_merge_lines(heed_bpe *bpe, const char *text, size_t n, const char *name,
                                    heed_error *err)
{
    heed_status status = HEED_OK;

    for (size_t at = 0; status == HEED_OK && at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        const size_t end = newline != NULL ? (size_t)(newline - text) : n;
        const size_t length = end > at && text[end - 1] == '\r' ? end - at - 1 : end - at;
        const bool is_version = at == 0 && length >= 8 && memcmp(text, "#version", 8) == 0;

        if (length > 0 && !is_version)
            status = add_line(bpe, text + at, length, name, err);
        at = end + 1;
    }
    return status;
}

/*
 * A token that is neither a byte nor made by a merge cannot come from a text: it is a special one, unless its bytes are
 * no text that JSON can hold.
 */
static heed_status collect_special(const heed_bpe *bpe, json_t *root, const char *name, heed_error *err)
{
    bool *made = calloc((size_t)bpe->vocabulary.size + 1, sizeof *made);
    heed_status status = made != NULL && root != NULL ? HEED_OK : out_of_memory(name, err);

    for (size_t i = 0; made != NULL && i < bpe->n_merges; i++)
        made[bpe->merges[i].result] = true;
    for (int64_t id = 0; status == HEED_OK && id < bpe->vocabulary.size; id++) {
        size_t n = 0;
        const char *piece = heed_vocabulary_piece(&bpe->vocabulary, id, &n);

        if (piece != NULL && n > 1 && !made[id] && heed_utf8_is_valid(piece, n) &&
            memchr(piece, '\0', n) == NULL && !heed_bpe_parts_add_special(root, piece, n, (int32_t)id))
            status = out_of_memory(name, err);
    }
    free(made);
    return status;
}

heed_status heed_bpe_read_pair(const char *vocab, size_t n_vocab, const char *vocab_name, const char *merges,
                               size_t n_merges, const char *merges_name, heed_tokenizer **tokenizer,
                               heed_error *err)
{
    heed_bpe *bpe = heed_bpe_create();
    json_t *root = heed_bpe_parts_for(heed_pieces_named("gpt2"));
    heed_status status = bpe != NULL && root != NULL ? HEED_OK : out_of_memory(vocab_name, err);

    if (status == HEED_OK)
        status = heed_bpe_read_vocab(bpe, vocab, n_vocab, vocab_name, err);
    if (status == HEED_OK)
        status = read_merge_lines(bpe, merges, n_merges, merges_name, err);
    if (status == HEED_OK)
        status = collect_special(bpe, root, vocab_name, err);
    if (status == HEED_OK)
        status = heed_bpe_read_parts(bpe, root, vocab_name, err);
    if (status == HEED_OK)
        status = heed_bpe_finish(bpe, vocab_name, err);
    json_decref(root);
    if (status != HEED_OK) {
        heed_bpe_destroy(bpe);
        return status;
    }
    *tokenizer = &bpe->base;
    return HEED_OK;
}
