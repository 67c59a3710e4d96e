/* SPDX-License-Identifier: MIT */
#include "formats/shard_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

#define MAX_VALUES ((size_t)1 << 18)
#define MAX_NAME   255 /* bytes of a file's name */
#define SHOWN_SIZE 128
#define WHERE_SIZE 200

static heed_status out_of_memory(const char *where, heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its list of tensors", where);
}

/* A name that stays in its folder, and is not hidden. */
static bool is_bare_name(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t n = strlen(name), m = sizeof ending - 1;

    return n > m && n <= MAX_NAME && name[0] != '.' && strpbrk(name, "/\\") == NULL &&
           strcmp(name + n - m, ending) == 0;
}

/* The number of the file of that name; numbers holds those that were named before. -1: too many, or no memory. */
static int number_of(heed_shard_index *index, json_t *numbers, const char *name)
{
    const json_t *known = json_object_get(numbers, name);
    const int n = index->n_files;

    if (known != NULL)
        return (int)json_integer_value(known);
    if (n == HEED_SHARD_INDEX_MAX_FILES || json_object_set_new(numbers, name, json_integer(n)) != 0)
        return -1;
    index->files[n] = heed_arena_format(index->arena, "%s", name);
    if (index->files[n] == NULL)
        return -1;
    index->n_files++;
    return n;
}

static heed_status read_line(heed_shard_index *index, json_t *numbers, const char *name, const json_t *value,
                             const char *where, heed_error *err)
{
    heed_shard_line *line = &index->lines[index->n_lines];
    const char *file = json_string_value(value);
    char shown[SHOWN_SIZE], shown_file[SHOWN_SIZE];

    heed_quote(shown, sizeof shown, name, strlen(name));
    if (file == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: tensor \"%s\": expected the name of a file", where, shown);
    if (!is_bare_name(file))
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: tensor \"%s\": expected the name of a .safetensors file in this folder, got \"%s\"", where,
            shown, heed_quote(shown_file, sizeof shown_file, file, strlen(file)));
    line->name = heed_arena_format(index->arena, "%s", name);
    line->file = number_of(index, numbers, file);
    if (line->file < 0 && index->n_files == HEED_SHARD_INDEX_MAX_FILES)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %d files, got more", where,
                         HEED_SHARD_INDEX_MAX_FILES);
    if (line->name == NULL || line->file < 0)
        return out_of_memory(where, err);
    index->n_lines++;
    return HEED_OK;
}

static int compare_lines(const void *a, const void *b)
{
    const heed_shard_line *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static heed_status read_map(heed_shard_index *index, const json_t *root, const char *where, heed_error *err)
{
    json_t *map = json_object_get(root, "weight_map"), *numbers = NULL, *value;
    const size_t n = json_object_size(map);
    const char *name;
    heed_status status = HEED_OK;

    if (!json_is_object(map))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a \"weight_map\" from tensors to files", where);
    if (n == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: the \"weight_map\" is empty", where);
    numbers = json_object();
    index->lines = heed_arena_alloc(index->arena, n * sizeof *index->lines);
    index->files = heed_arena_alloc(index->arena, HEED_SHARD_INDEX_MAX_FILES * sizeof *index->files);
    if (numbers == NULL || index->lines == NULL || index->files == NULL)
        status = out_of_memory(where, err);
    json_object_foreach(map, name, value)
    {
        if (status == HEED_OK)
            status = read_line(index, numbers, name, value, where, err);
    }
    json_decref(numbers);
    if (status == HEED_OK)
        qsort(index->lines, index->n_lines, sizeof *index->lines, compare_lines);
    return status;
}

heed_status heed_shard_index_parse(const char *json, size_t n, const char *where, heed_shard_index **out,
                                   heed_error *err)
{
    char shown[WHERE_SIZE];
    json_t *root = NULL;
    heed_shard_index *index = NULL;
    heed_status status = heed_json_parse(json, n, MAX_VALUES, where, &root, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    heed_quote(shown, sizeof shown, where, strlen(where));
    index = calloc(1, sizeof *index);
    if (index == NULL || (index->arena = heed_arena_create()) == NULL)
        status = out_of_memory(shown, err);
    else
        status = read_map(index, root, shown, err);
    json_decref(root);
    if (status == HEED_OK)
        *out = index;
    else
        heed_shard_index_destroy(index);
    return status;
}

heed_status heed_shard_index_load(const char *path, heed_shard_index **index, heed_error *err)
{
    heed_file file = {0};
    char shown[WHERE_SIZE];
    heed_status status = heed_file_open(&file, path, err);

    *index = NULL;
    if (status != HEED_OK)
        return status;
    if (file.size > HEED_SHARD_INDEX_MAX_BYTES)
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected at most %zu bytes, got %zu",
                           heed_quote(shown, sizeof shown, path, strlen(path)), HEED_SHARD_INDEX_MAX_BYTES,
                           file.size);
    else
        status = heed_shard_index_parse(file.data, file.size, path, index, err);
    heed_file_close(&file);
    return status;
}

void heed_shard_index_destroy(heed_shard_index *index)
{
    if (index == NULL)
        return;
    heed_arena_destroy(index->arena);
    free(index);
}

const heed_shard_line *heed_shard_index_find(const heed_shard_index *index, const char *name)
{
    const heed_shard_line key = {.name = name};

    return bsearch(&key, index->lines, index->n_lines, sizeof *index->lines, compare_lines);
}
