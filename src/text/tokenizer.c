/* SPDX-License-Identifier: MIT */
/*
 * What all kinds of tokenizers share: finding the kind of a tokenizer.json, and calls through the kind's table.
 */
#include "text/tokenizer.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "text/tokenizer_kind.h"

#define MAX_VALUES ((size_t)1 << 21) /* in a tokenizer.json: enough for every character there is, twice */

static const heed_tokenizer_kind *const kinds[] = {
    &heed_tokenizer_characters_kind,
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    return type != NULL ? type : "";
}

/* True when the part, or one of the parts of a sequence, has the type. */
static bool has_type(const json_t *part, const char *list, const char *type)
{
    const json_t *parts = json_object_get(part, list);

    if (strcmp(type_of(part), type) == 0)
        return true;
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (strcmp(type_of(json_array_get(parts, i)), type) == 0)
            return true;
    return false;
}

/* Says which kind the file holds, as far as its own words tell. */
static heed_status refuse(const json_t *root, const char *name, heed_error *err)
{
    const json_t *model = json_object_get(root, "model");
    const bool byte_level = has_type(json_object_get(root, "pre_tokenizer"), "pretokenizers", "ByteLevel") ||
                            has_type(json_object_get(root, "decoder"), "decoders", "ByteLevel");
    const char *type = type_of(model);
    char quoted[64];

    if (!json_is_object(model))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a tokenizer with a \"model\", found none", name);
    if (strcmp(type, "BPE") == 0 && byte_level)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: a byte-level BPE tokenizer is not something this version reads; it reads characters", name);
    if (strcmp(type, "BPE") == 0 && json_array_size(json_object_get(model, "merges")) > 0)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: a BPE tokenizer with %zu merges is not something this version reads; it reads characters",
            name, json_array_size(json_object_get(model, "merges")));
    heed_quote(quoted, sizeof quoted, type, strlen(type));
    return heed_fail(err, HEED_ERR_FILE,
                     "%s: a tokenizer of type \"%s\" is not something this version reads; it reads characters",
                     name, quoted);
}

heed_status heed_tokenizer_parse(const char *json, size_t n, const char *name, heed_tokenizer **tokenizer,
                                 heed_error *err)
{
    json_t *root = NULL;
    heed_status status = HEED_OK;
    size_t i = 0;

    *tokenizer = NULL;
    status = heed_json_parse(json, n, MAX_VALUES, name, &root, err);
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

const char *heed_tokenizer_kind_name(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->name;
}

int64_t heed_tokenizer_vocab_size(const heed_tokenizer *tokenizer)
{
    return tokenizer->kind->vocab_size(tokenizer);
}

heed_status heed_tokenizer_encode(const heed_tokenizer *tokenizer, const char *text, size_t n, int32_t *ids,
                                  size_t *n_ids, heed_error *err)
{
    *n_ids = 0;
    return tokenizer->kind->encode(tokenizer, text, n, ids, n_ids, err);
}

heed_status heed_tokenizer_decode(const heed_tokenizer *tokenizer, const int32_t *ids, size_t n,
                                  heed_text_buffer *out, heed_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *piece = heed_tokenizer_piece(tokenizer, ids[i], &length);

        if (piece == NULL)
            return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id of 0 to %lld, got %d", i,
                             (long long)heed_tokenizer_vocab_size(tokenizer) - 1, (int)ids[i]);
        heed_text_append(out, piece, length);
    }
    if (out->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for the text of %zu tokens", n);
    return HEED_OK;
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
