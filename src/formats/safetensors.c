/* SPDX-License-Identifier: MIT */
/*
 * Reading: the header becomes a table of checked entries, once in the order of the data and once in
 * the order of names.
 */
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

#define PREFIX_BYTES      8
#define MAX_HEADER_VALUES ((size_t)1 << 18) /* 100 to 150 bytes of memory each, while the header is read */
#define METADATA          "__metadata__"
#define NAME_SIZE         128 /* how much of a tensor's name a message carries */
#define WHERE_SIZE        200

struct heed_safetensors {
    heed_file file; /* empty when the bytes are lent */
    heed_arena *arena;
    const char *where;
    heed_safetensors_entry *entries; /* by place in the data */
    const heed_safetensors_entry **by_name;
    size_t n_entries;
    heed_safetensors_pair *metadata;
    size_t n_metadata;
};

/* One header being checked. */
typedef struct header {
    heed_safetensors *file;
    const char *data; /* where offset 0 lies */
    size_t data_bytes;
    heed_error *err;
} header;

static heed_status out_of_memory(const char *where, heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its list of tensors", where);
}

/* `FILE: tensor "NAME": WHAT` */
static heed_status refuse(const header *h, const char *tensor, const char *what)
{
    char name[NAME_SIZE];

    return heed_fail(h->err, HEED_ERR_FILE, "%s: tensor \"%s\": %s", h->file->where,
                     heed_quote(name, sizeof name, tensor, strlen(tensor)), what);
}

static heed_status read_dtype(const header *h, const json_t *info, heed_safetensors_entry *entry)
{
    const json_t *value = json_object_get(info, "dtype");
    const char *text = json_string_value(value);
    char shown[32], name[NAME_SIZE];

    if (text == NULL)
        return refuse(h, entry->name, "expected a string \"dtype\"");
    for (int i = 0; i < HEED_SAFETENSORS_N_DTYPES; i++) {
        entry->dtype = (heed_safetensors_dtype)i;
        if (strcmp(text, heed_safetensors_dtype_name(entry->dtype)) == 0)
            return HEED_OK;
    }
    return heed_fail(
        h->err, HEED_ERR_FILE,
        "%s: tensor \"%s\": the type \"%s\" is not supported (F64, F32, F16, BF16, I64, I32, I16, I8, U8 "
        "and BOOL are)",
        h->file->where, heed_quote(name, sizeof name, entry->name, strlen(entry->name)),
        heed_quote(shown, sizeof shown, text, strlen(text)));
}

static heed_status read_shape(const header *h, const json_t *info, heed_safetensors_entry *entry)
{
    const json_t *shape = json_object_get(info, "shape");

    if (!json_is_array(shape) || json_array_size(shape) > HEED_SAFETENSORS_MAX_RANK)
        return refuse(h, entry->name, "expected a list \"shape\" of at most 8 sizes");
    entry->rank = (int)json_array_size(shape);
    for (int i = 0; i < entry->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);

        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return refuse(h, entry->name, "expected sizes of 0 or more in \"shape\"");
        entry->size[i] = json_integer_value(size);
    }
    if (!heed_safetensors_measure(entry))
        return refuse(h, entry->name, "its shape has more elements than fit in memory");
    return HEED_OK;
}

static heed_status read_offsets(const header *h, const json_t *info, heed_safetensors_entry *entry)
{
    const json_t *offsets = json_object_get(info, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    char name[NAME_SIZE], shape[192];

    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return refuse(h, entry->name, "expected two integers \"data_offsets\"");
    const json_int_t begin = json_integer_value(first), end = json_integer_value(second);
    heed_quote(name, sizeof name, entry->name, strlen(entry->name));
    if (begin < 0 || end < begin)
        return heed_fail(h->err, HEED_ERR_FILE,
                         "%s: tensor \"%s\": data from byte %lld to byte %lld is impossible", h->file->where,
                         name, (long long)begin, (long long)end);
    if ((uint64_t)end > h->data_bytes)
        return heed_fail(
            h->err, HEED_ERR_FILE,
            "%s: tensor \"%s\" ends at byte %lld of the data, but the file has only %zu bytes of data "
            "(is it cut off?)",
            h->file->where, name, (long long)end, h->data_bytes);
    if ((uint64_t)(end - begin) != entry->bytes)
        return heed_fail(h->err, HEED_ERR_FILE, "%s: tensor \"%s\": expected %zu bytes for %s %s, got %lld",
                         h->file->where, name, entry->bytes, heed_safetensors_dtype_name(entry->dtype),
                         heed_safetensors_shape(shape, sizeof shape, entry), (long long)(end - begin));
    entry->data = h->data + begin;
    return HEED_OK;
}

static heed_status read_entry(const header *h, const char *name, const json_t *info,
                              heed_safetensors_entry *entry)
{
    heed_status status;

    entry->where = h->file->where;
    entry->name = heed_arena_format(h->file->arena, "%s", name);
    if (entry->name == NULL)
        return out_of_memory(h->file->where, h->err);
    if (!json_is_object(info))
        return refuse(h, name, "expected an object with dtype, shape and data_offsets");
    status = read_dtype(h, info, entry);
    if (status == HEED_OK)
        status = read_shape(h, info, entry);
    if (status == HEED_OK)
        status = read_offsets(h, info, entry);
    return status;
}

static heed_status read_metadata(const header *h, json_t *map)
{
    heed_safetensors *file = h->file;
    const char *key;
    json_t *value;

    if (!json_is_object(map))
        return heed_fail(h->err, HEED_ERR_FILE, "%s: expected \"" METADATA "\" to be a map of strings",
                         file->where);
    file->metadata = heed_arena_alloc(file->arena, json_object_size(map) * sizeof *file->metadata);
    if (file->metadata == NULL)
        return out_of_memory(file->where, h->err);
    json_object_foreach(map, key, value)
    {
        heed_safetensors_pair *pair = &file->metadata[file->n_metadata++];

        if (!json_is_string(value))
            return heed_fail(h->err, HEED_ERR_FILE, "%s: expected only strings in \"" METADATA "\"",
                             file->where);
        pair->key = heed_arena_format(file->arena, "%s", key);
        pair->value = heed_arena_format(file->arena, "%s", json_string_value(value));
        if (pair->key == NULL || pair->value == NULL)
            return out_of_memory(file->where, h->err);
    }
    return HEED_OK;
}

/* By begin; an empty tensor comes before the one that starts at the same byte. */
static int compare_places(const void *a, const void *b)
{
    const heed_safetensors_entry *x = a, *y = b;
    const char *p = x->data, *q = y->data;

    if (p != q)
        return p < q ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b)
{
    const heed_safetensors_entry *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Every byte of the data belongs to exactly one tensor. entries are sorted by place. */
static heed_status check_cover(const header *h)
{
    const heed_safetensors *file = h->file;
    const char *expected = h->data;

    for (size_t i = 0; i < file->n_entries; i++) {
        const heed_safetensors_entry *entry = &file->entries[i];
        const char *begin = entry->data;

        if (begin < expected)
            return refuse(h, entry->name, "its data overlaps with that of another tensor");
        if (begin > expected)
            return refuse(h, entry->name, "there is a gap in the data before it");
        expected += entry->bytes;
    }
    if (expected != h->data + h->data_bytes)
        return heed_fail(h->err, HEED_ERR_FILE, "%s: %zu bytes of data belong to no tensor", file->where,
                         (size_t)(h->data + h->data_bytes - expected));
    return HEED_OK;
}

static heed_status read_header(const header *h, json_t *root)
{
    heed_safetensors *file = h->file;
    const size_t n = json_object_size(root);
    const char *name;
    json_t *info;
    heed_status status = HEED_OK;

    file->entries = heed_arena_alloc(file->arena, n * sizeof *file->entries);
    file->by_name = heed_arena_alloc(file->arena, n * sizeof *file->by_name);
    if (file->entries == NULL || file->by_name == NULL)
        return out_of_memory(file->where, h->err);
    json_object_foreach(root, name, info)
    {
        if (strcmp(name, METADATA) == 0)
            status = read_metadata(h, info);
        else
            status = read_entry(h, name, info, &file->entries[file->n_entries++]);
        if (status != HEED_OK)
            return status;
    }
    qsort(file->entries, file->n_entries, sizeof *file->entries, compare_places);
    for (size_t i = 0; i < file->n_entries; i++)
        file->by_name[i] = &file->entries[i];
    qsort(file->by_name, file->n_entries, sizeof *file->by_name, compare_names);
    return check_cover(h);
}

/* The size of the header, checked against the file and the limit. */
static heed_status header_bytes(const char *data, size_t size, const char *where, size_t *out, heed_error *err)
{
    uint64_t claimed = 0;

    if (size < PREFIX_BYTES)
        return heed_fail(err, HEED_ERR_FILE, "%s: not a safetensors file: expected at least 8 bytes, got %zu",
                         where, size);
    for (int i = 0; i < PREFIX_BYTES; i++)
        claimed |= (uint64_t)(unsigned char)data[i] << (8 * i);
    if (claimed > size - PREFIX_BYTES)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: not a whole safetensors file: its header takes %llu bytes, but the file has only %zu", where,
            (unsigned long long)claimed, size);
    if (claimed > HEED_SAFETENSORS_MAX_HEADER)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a header of at most %zu bytes, got %llu", where,
                         HEED_SAFETENSORS_MAX_HEADER, (unsigned long long)claimed);
    if (claimed == 0 || data[PREFIX_BYTES] != '{')
        return heed_fail(err, HEED_ERR_FILE, "%s: not a safetensors file: expected a header that starts with {",
                         where);
    *out = (size_t)claimed;
    return HEED_OK;
}

heed_status heed_safetensors_parse(const void *data, size_t size, const char *where, heed_safetensors **out,
                                   heed_error *err)
{
    char shown[WHERE_SIZE];
    json_t *root = NULL;
    size_t n = 0;
    heed_status status;
    heed_safetensors *file = calloc(1, sizeof *file);

    *out = NULL;
    heed_quote(shown, sizeof shown, where, strlen(where));
    if (file != NULL)
        file->arena = heed_arena_create();
    if (file == NULL || file->arena == NULL ||
        (file->where = heed_arena_format(file->arena, "%s", shown)) == NULL) {
        status = out_of_memory(shown, err);
        goto cleanup;
    }
    status = header_bytes(data, size, shown, &n, err);
    if (status != HEED_OK)
        goto cleanup;
    const char *text = (const char *)data + PREFIX_BYTES;
    status = heed_json_parse(text, n, MAX_HEADER_VALUES, where, &root, err);
    if (status != HEED_OK)
        goto cleanup;
    status = read_header(
        &(header){.file = file, .data = text + n, .data_bytes = size - PREFIX_BYTES - n, .err = err}, root);

cleanup:
    json_decref(root);
    if (status == HEED_OK)
        *out = file;
    else
        heed_safetensors_close(file);
    return status;
}

heed_status heed_safetensors_open(const char *path, heed_safetensors **out, heed_error *err)
{
    heed_file file = {0};
    heed_status status = heed_file_open(&file, path, err);

    *out = NULL;
    heed_file_expect_little(&file, true);
    if (status == HEED_OK)
        status = heed_safetensors_parse(file.data, file.size, path, out, err);
    heed_file_expect_little(&file, false);
    if (status == HEED_OK)
        (*out)->file = file;
    else
        heed_file_close(&file);
    return status;
}

void heed_safetensors_close(heed_safetensors *file)
{
    if (file == NULL)
        return;
    heed_file_close(&file->file);
    heed_arena_destroy(file->arena);
    free(file);
}

size_t heed_safetensors_n_entries(const heed_safetensors *file)
{
    return file->n_entries;
}

const heed_safetensors_entry *heed_safetensors_at(const heed_safetensors *file, size_t i)
{
    return &file->entries[i];
}

const heed_safetensors_entry *heed_safetensors_find(const heed_safetensors *file, const char *name)
{
    const heed_safetensors_entry wanted = {.name = name}, *key = &wanted;
    const heed_safetensors_entry *const *found = file->n_entries == 0
                                                     ? NULL
                                                     : bsearch(&key, file->by_name, file->n_entries,
                                                               sizeof *file->by_name, compare_names);

    return found == NULL ? NULL : *found;
}

heed_status heed_safetensors_get(const heed_safetensors *file, const char *name,
                                 const heed_safetensors_entry **entry, heed_error *err)
{
    char shown[NAME_SIZE];

    *entry = heed_safetensors_find(file, name);
    if (*entry != NULL)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_FILE, "%s: expected a tensor \"%s\", found none of that name among %zu",
                     file->where, heed_quote(shown, sizeof shown, name, strlen(name)), file->n_entries);
}

size_t heed_safetensors_n_metadata(const heed_safetensors *file)
{
    return file->n_metadata;
}

heed_safetensors_pair heed_safetensors_metadata_at(const heed_safetensors *file, size_t i)
{
    return file->metadata[i];
}

const char *heed_safetensors_metadata(const heed_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}
