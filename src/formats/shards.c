/* SPDX-License-Identifier: MIT */
#include "formats/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/shard_index.h"

#define PATH_BYTES 4096
#define SHOWN_SIZE 128
#define WHERE_SIZE 200

struct heed_shards {
    char where[WHERE_SIZE];
    heed_shard_index *index; /* NULL: a single file */
    heed_safetensors **files;
    int n_files;
    size_t n_entries;
};

/* --- one file --- */

static heed_status add_file(heed_shards *s, const char *path, heed_error *err)
{
    const heed_status status = heed_safetensors_open(path, &s->files[s->n_files], err);

    if (status == HEED_OK)
        s->n_entries += heed_safetensors_n_entries(s->files[s->n_files++]);
    return status;
}

/* --- several files and their index --- */

static heed_status open_listed(heed_shards *s, const char *folder, int i, heed_error *err)
{
    char path[PATH_BYTES], shown[SHOWN_SIZE];
    const char *name = s->index->files[i];
    const heed_status status = heed_path_join(path, sizeof path, folder, name, err);

    if (status != HEED_OK)
        return status;
    if (!heed_file_exists(path))
        return heed_fail(err, HEED_ERR_FILE, "%s: the file \"%s\" that it lists is not there (%d of %d)",
                         s->where, heed_quote(shown, sizeof shown, name, strlen(name)), i + 1,
                         s->index->n_files);
    return add_file(s, path, err);
}

/* `INDEX: tensor "NAME" should be in "FILE", WHAT` */
static heed_status misplaced(const heed_shards *s, const heed_shard_line *line, const char *what,
                             const char *other, heed_error *err)
{
    char name[SHOWN_SIZE], file[SHOWN_SIZE], shown[SHOWN_SIZE];
    const char *listed = s->index->files[line->file];

    return heed_fail(err, HEED_ERR_FILE, "%s: tensor \"%s\" should be in \"%s\"%s%s%s", s->where,
                     heed_quote(name, sizeof name, line->name, strlen(line->name)),
                     heed_quote(file, sizeof file, listed, strlen(listed)), what,
                     other != NULL ? heed_quote(shown, sizeof shown, other, strlen(other)) : "",
                     other != NULL ? "\"" : "");
}

/* Each tensor of the index is in its file. */
static heed_status check_lines(const heed_shards *s, heed_error *err)
{
    for (size_t i = 0; i < s->index->n_lines; i++) {
        const heed_shard_line *line = &s->index->lines[i];
        if (heed_safetensors_find(s->files[line->file], line->name) != NULL)
            continue;
        for (int f = 0; f < s->n_files; f++) {
            if (heed_safetensors_find(s->files[f], line->name) != NULL)
                return misplaced(s, line, " but is in \"", s->index->files[f], err);
        }
        return misplaced(s, line, ", which has none of that name", NULL, err);
    }
    return HEED_OK;
}

/* Each tensor of the files is in the index, for that file alone. */
static heed_status check_entries(const heed_shards *s, heed_error *err)
{
    char name[SHOWN_SIZE], file[SHOWN_SIZE];

    for (int f = 0; f < s->n_files; f++) {
        for (size_t i = 0; i < heed_safetensors_n_entries(s->files[f]); i++) {
            const heed_safetensors_entry *entry = heed_safetensors_at(s->files[f], i);
            const heed_shard_line *line = heed_shard_index_find(s->index, entry->name);
            const char *listed = s->index->files[f];
            if (line == NULL)
                return heed_fail(err, HEED_ERR_FILE, "%s: the tensor \"%s\" of \"%s\" is not listed", s->where,
                                 heed_quote(name, sizeof name, entry->name, strlen(entry->name)),
                                 heed_quote(file, sizeof file, listed, strlen(listed)));
            if (line->file != f)
                return misplaced(s, line, " but is in another too: \"", listed, err);
        }
    }
    return HEED_OK;
}

static heed_status open_index(heed_shards *s, const char *folder, const char *path, heed_error *err)
{
    heed_status status = heed_shard_index_load(path, &s->index, err);

    if (status != HEED_OK)
        return status;
    s->files = calloc((size_t)s->index->n_files, sizeof(heed_safetensors *));
    if (s->files == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %d files", s->where,
                         s->index->n_files);
    for (int i = 0; i < s->index->n_files && status == HEED_OK; i++)
        status = open_listed(s, folder, i, err);
    if (status == HEED_OK)
        status = check_lines(s, err);
    return status == HEED_OK ? check_entries(s, err) : status;
}

/* --- neither --- */

/* Weights in a form that is not read, and what makes safetensors of them. */
static const struct {
    const char *name, *advice;
} foreign[] = {
    {"pytorch_model.bin", "a pickle can run code when it is read; save the model once more in transformers, "
                          "with save_pretrained(FOLDER, safe_serialization=True)"},
    {"pytorch_model.bin.index.json",
     "pickles can run code when they are read; save the model once more in transformers, with "
     "save_pretrained(FOLDER, safe_serialization=True)"},
    {"tf_model.h5", "open it in transformers with from_tf=True and save it with save_pretrained(FOLDER)"},
    {"flax_model.msgpack",
     "open it in transformers with from_flax=True and save it with save_pretrained(FOLDER)"},
};

static heed_status refuse_folder(const char *folder, heed_error *err)
{
    char path[PATH_BYTES], shown[WHERE_SIZE];

    heed_quote(shown, sizeof shown, folder, strlen(folder));
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (heed_path_join(path, sizeof path, folder, foreign[i].name, NULL) == HEED_OK &&
            heed_file_exists(path))
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: expected weights in " HEED_SHARDS_SINGLE ", found only %s: %s", shown,
                             foreign[i].name, foreign[i].advice);
    }
    return heed_fail(err, HEED_ERR_FILE,
                     "%s: expected weights in " HEED_SHARDS_SINGLE " or, in parts, " HEED_SHARDS_INDEX
                     ", found neither",
                     shown);
}

/* --- either --- */

/* The path of the file that begins the set, "" when there is none. */
static heed_status find_first(const char *folder, char path[PATH_BYTES], bool *is_index, heed_error *err)
{
    heed_status status = heed_path_join(path, PATH_BYTES, folder, HEED_SHARDS_SINGLE, err);

    *is_index = false;
    if (status != HEED_OK || heed_file_exists(path))
        return status;
    *is_index = true;
    status = heed_path_join(path, PATH_BYTES, folder, HEED_SHARDS_INDEX, err);
    if (status == HEED_OK && !heed_file_exists(path))
        status = refuse_folder(folder, err);
    return status;
}

heed_status heed_shards_open(const char *folder, heed_shards **shards, heed_error *err)
{
    char path[PATH_BYTES];
    bool is_index;
    heed_shards *s = NULL;
    heed_status status = find_first(folder, path, &is_index, err);

    *shards = NULL;
    if (status != HEED_OK)
        return status;
    s = calloc(1, sizeof *s);
    if (s != NULL)
        heed_quote(s->where, sizeof s->where, path, strlen(path));
    if (s != NULL && !is_index)
        s->files = calloc(1, sizeof(heed_safetensors *));
    if (s == NULL || (!is_index && s->files == NULL))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to open a model's weights");
    else
        status = is_index ? open_index(s, folder, path, err) : add_file(s, path, err);
    if (status != HEED_OK) {
        heed_shards_close(s);
        return status;
    }
    *shards = s;
    return HEED_OK;
}

heed_status heed_shards_wrap(heed_safetensors *file, const char *where, heed_shards **shards, heed_error *err)
{
    heed_shards *s = calloc(1, sizeof *s);

    *shards = NULL;
    if (s == NULL || (s->files = calloc(1, sizeof(heed_safetensors *))) == NULL) {
        free(s);
        heed_safetensors_close(file);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to open a model's weights");
    }
    heed_quote(s->where, sizeof s->where, where, strlen(where));
    s->files[s->n_files++] = file;
    s->n_entries = heed_safetensors_n_entries(file);
    *shards = s;
    return HEED_OK;
}

void heed_shards_close(heed_shards *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->n_files; i++)
        heed_safetensors_close(s->files[i]);
    free(s->files);
    heed_shard_index_destroy(s->index);
    free(s);
}

const char *heed_shards_where(const heed_shards *s)
{
    return s->where;
}

int heed_shards_n_files(const heed_shards *s)
{
    return s->n_files;
}

size_t heed_shards_n_entries(const heed_shards *s)
{
    return s->n_entries;
}

const heed_safetensors_entry *heed_shards_at(const heed_shards *s, size_t i)
{
    int f = 0;

    while (i >= heed_safetensors_n_entries(s->files[f]))
        i -= heed_safetensors_n_entries(s->files[f++]);
    return heed_safetensors_at(s->files[f], i);
}

const heed_safetensors_entry *heed_shards_find(const heed_shards *s, const char *name)
{
    const heed_shard_line *line;

    if (s->index == NULL)
        return heed_safetensors_find(s->files[0], name);
    line = heed_shard_index_find(s->index, name);
    return line != NULL ? heed_safetensors_find(s->files[line->file], name) : NULL;
}
