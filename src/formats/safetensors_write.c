/* SPDX-License-Identifier: MIT */
/* Writing: a header in the order given, spaces up to a multiple of 64 bytes, then the data itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text_buffer.h"
#include "formats/json.h"
#include "formats/safetensors.h"

#define PREFIX_BYTES 8
#define METADATA     "__metadata__"

static heed_status fail_entry(const char *path, const char *name, const char *what, heed_error *err)
{
    char shown_path[200], shown[128];

    return heed_fail(err, HEED_ERR_USAGE, "%s: tensor \"%s\" cannot be written: %s",
                     heed_quote(shown_path, sizeof shown_path, path, strlen(path)),
                     heed_quote(shown, sizeof shown, name, strlen(name)), what);
}

static json_t *shape_list(const heed_safetensors_entry *entry)
{
    json_t *list = json_array();

    for (int i = 0; i < entry->rank && list != NULL; i++)
        if (json_array_append_new(list, json_integer(entry->size[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* Adds the entry's line to the header; *end is the byte after the last tensor. */
static heed_status add_entry(const char *path, json_t *root, heed_safetensors_entry entry, size_t *end,
                             heed_error *err)
{
    const size_t begin = *end;

    if (entry.rank < 0 || entry.rank > HEED_SAFETENSORS_MAX_RANK || !heed_safetensors_measure(&entry) ||
        !heed_size_add(begin, entry.bytes, end) || *end > INT64_MAX)
        return fail_entry(path, entry.name, "its shape has more elements than fit in memory", err);
    if (strcmp(entry.name, METADATA) == 0)
        return fail_entry(path, entry.name, "the name is taken for the metadata", err);
    if (json_object_get(root, entry.name) != NULL)
        return fail_entry(path, entry.name, "the name is given twice", err);
    json_t *info = json_pack("{s:s, s:o, s:[I,I]}", "dtype", heed_safetensors_dtype_name(entry.dtype), "shape",
                             shape_list(&entry), "data_offsets", (json_int_t)begin, (json_int_t)*end);
    if (json_object_set_new(root, entry.name, info) != 0)
        return fail_entry(path, entry.name, "the name is not UTF-8, or memory is out", err);
    return HEED_OK;
}

static heed_status add_metadata(const char *path, json_t *root, const heed_safetensors_pair *metadata,
                                size_t n_metadata, heed_error *err)
{
    json_t *map = n_metadata > 0 ? json_object() : NULL;

    if (n_metadata == 0)
        return HEED_OK;
    for (size_t i = 0; i < n_metadata; i++)
        if (json_object_set_new(map, metadata[i].key, json_string(metadata[i].value)) != 0) {
            json_decref(map);
            return fail_entry(path, METADATA, "a string is not UTF-8, or memory is out", err);
        }
    if (json_object_set_new(root, METADATA, map) != 0)
        return fail_entry(path, METADATA, "memory is out", err);
    return HEED_OK;
}

/* prefix: the header's size; text: the header with its padding. */
static heed_status format_header(const char *path, const json_t *root, heed_text_buffer *text,
                                 unsigned char prefix[PREFIX_BYTES], heed_error *err)
{
    static const char spaces[HEED_ALIGNMENT + 1] =
        "                                                                ";
    char *compact = json_dumps(root, JSON_COMPACT);

    if (compact != NULL)
        heed_text_puts(text, compact);
    free(compact);
    heed_text_append(text, spaces, heed_size_align(PREFIX_BYTES + text->size) - PREFIX_BYTES - text->size);
    if (compact == NULL || text->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write the header of a safetensors file");
    if (text->size > HEED_SAFETENSORS_MAX_HEADER)
        return fail_entry(path, "", "the names and shapes take more than 16 MB", err);
    for (int i = 0; i < PREFIX_BYTES; i++)
        prefix[i] = (unsigned char)((uint64_t)text->size >> (8 * i));
    return HEED_OK;
}

/* A file on its way out. */
typedef struct writing {
    const unsigned char *prefix;
    const heed_text_buffer *header;
    const heed_safetensors_entry *entries;
    size_t n_entries;
    heed_safetensors_fill_fn *fill;
    void *context;
} writing;

static heed_status put_all(void *context, heed_file_sink *sink, heed_error *err)
{
    const writing *w = context;
    heed_status status = heed_file_put(sink, w->prefix, PREFIX_BYTES) &&
                                 heed_file_put(sink, w->header->data, w->header->size)
                             ? HEED_OK
                             : HEED_ERR_FILE;

    for (size_t i = 0; i < w->n_entries && status == HEED_OK; i++) {
        heed_safetensors_entry entry = w->entries[i];
        const size_t before = heed_file_sink_bytes(sink);
        heed_safetensors_measure(&entry);
        if (entry.data == NULL && entry.bytes > 0 && w->fill != NULL)
            status = w->fill(w->context, i, sink, err);
        else if (!heed_file_put(sink, entry.data, entry.bytes))
            status = HEED_ERR_FILE;
        if (status == HEED_OK && heed_file_sink_bytes(sink) - before != entry.bytes)
            status = heed_fail(err, HEED_ERR_INTERNAL, "tensor %zu: %zu bytes were written in the place of %zu",
                               i, heed_file_sink_bytes(sink) - before, entry.bytes);
    }
    return status;
}

heed_status heed_safetensors_write_from(const char *path, const heed_safetensors_entry *entries,
                                        size_t n_entries, const heed_safetensors_pair *metadata,
                                        size_t n_metadata, heed_safetensors_fill_fn *fill, void *context,
                                        heed_error *err)
{
    unsigned char prefix[PREFIX_BYTES];
    heed_text_buffer text = {0};
    const writing w = {prefix, &text, entries, n_entries, fill, context};
    size_t end = 0;
    json_t *root = json_object();
    heed_status status;

    if (root == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write a safetensors file");
    status = add_metadata(path, root, metadata, n_metadata, err);
    for (size_t i = 0; i < n_entries && status == HEED_OK; i++)
        status = add_entry(path, root, entries[i], &end, err);
    if (status == HEED_OK)
        status = format_header(path, root, &text, prefix, err);
    if (status == HEED_OK)
        status = heed_file_write_from(path, PREFIX_BYTES + text.size + end, put_all, (void *)(uintptr_t)&w,
                                      err);
    heed_text_free(&text);
    json_decref(root);
    return status;
}

heed_status heed_safetensors_write(const char *path, const heed_safetensors_entry *entries, size_t n_entries,
                                   const heed_safetensors_pair *metadata, size_t n_metadata, heed_error *err)
{
    return heed_safetensors_write_from(path, entries, n_entries, metadata, n_metadata, NULL, NULL, err);
}
