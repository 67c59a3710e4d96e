/* SPDX-License-Identifier: MIT */
#include "hub/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "hub/name.h"

#define PATH_BYTES 4096

void heed_record_free(heed_record *record)
{
    free(record->files);
    record->files = NULL;
    record->n = 0;
}

heed_record_file *heed_record_get(heed_record *record, const char *name)
{
    heed_record_file *grown;

    for (int i = 0; i < record->n; i++) {
        if (strcmp(record->files[i].name, name) == 0)
            return &record->files[i];
    }
    if (record->n == HEED_RECORD_MAX_FILES)
        return NULL;
    grown = realloc(record->files, (size_t)(record->n + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    record->files = grown;
    grown[record->n] = (heed_record_file){.bytes = -1};
    snprintf(grown[record->n].name, sizeof grown[record->n].name, "%s", name);
    return &grown[record->n++];
}

/* --- reading --- */

static void copy(char *out, size_t size, heed_json_reader *reader, const char *key)
{
    snprintf(out, size, "%s", heed_json_string(reader, key, ""));
}

static bool read_file(heed_record *record, const char *name, const json_t *value)
{
    heed_json_reader r = heed_json_read(value, name, NULL);
    heed_record_file *file = heed_hub_file_name_is_safe(name) ? heed_record_get(record, name) : NULL;

    if (file == NULL)
        return false;
    file->bytes = heed_json_int(&r, "bytes", -1, -1, INT64_MAX);
    copy(file->etag, sizeof file->etag, &r, "etag");
    copy(file->linked_etag, sizeof file->linked_etag, &r, "linked_etag");
    copy(file->sha256, sizeof file->sha256, &r, "sha256");
    file->done = heed_json_bool(&r, "done", false);
    return r.status == HEED_OK;
}

static bool read_record(heed_record *record, const json_t *root)
{
    heed_json_reader r = heed_json_read(root, HEED_RECORD_NAME, NULL);
    json_t *files, *value;
    const char *name;
    bool good = true;

    copy(record->base_url, sizeof record->base_url, &r, "base_url");
    copy(record->name, sizeof record->name, &r, "name");
    copy(record->revision, sizeof record->revision, &r, "revision");
    copy(record->commit, sizeof record->commit, &r, "commit");
    files = heed_json_object(&r, "files");
    json_object_foreach(files, name, value)
    {
        good = good && read_file(record, name, value);
    }
    return good && r.status == HEED_OK;
}

heed_status heed_record_load(const char *folder, heed_record *record, heed_error *err)
{
    char path[PATH_BYTES];
    json_t *root = NULL;
    heed_status status = heed_path_join(path, sizeof path, folder, HEED_RECORD_NAME, err);

    *record = (heed_record){.n = 0};
    if (status != HEED_OK)
        return status;
    if (heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, NULL) == HEED_OK && !read_record(record, root)) {
        heed_record_free(record);
        *record = (heed_record){.n = 0};
    }
    json_decref(root);
    return HEED_OK;
}

/* --- writing --- */

static json_t *file_to_json(const heed_record_file *file)
{
    json_t *object = json_object();
    int failed = json_object_set_new(object, "bytes", json_integer(file->bytes));

    if (file->etag[0] != '\0')
        failed |= json_object_set_new(object, "etag", json_string(file->etag));
    if (file->linked_etag[0] != '\0')
        failed |= json_object_set_new(object, "linked_etag", json_string(file->linked_etag));
    if (file->sha256[0] != '\0')
        failed |= json_object_set_new(object, "sha256", json_string(file->sha256));
    failed |= json_object_set_new(object, "done", json_boolean(file->done));
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

heed_status heed_record_save(const char *folder, const heed_record *record, heed_error *err)
{
    char path[PATH_BYTES];
    json_t *root = json_object(), *files = json_object();
    int failed = json_object_set_new(root, "base_url", json_string(record->base_url));
    heed_status status = heed_path_join(path, sizeof path, folder, HEED_RECORD_NAME, err);

    failed |= json_object_set_new(root, "name", json_string(record->name));
    failed |= json_object_set_new(root, "revision", json_string(record->revision));
    if (record->commit[0] != '\0')
        failed |= json_object_set_new(root, "commit", json_string(record->commit));
    for (int i = 0; i < record->n; i++)
        failed |= json_object_set_new(files, record->files[i].name, file_to_json(&record->files[i]));
    failed |= json_object_set_new(root, "files", files);
    if (status == HEED_OK && failed != 0)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %s", HEED_RECORD_NAME);
    if (status == HEED_OK)
        status = heed_json_write(path, root, err);
    json_decref(root);
    return status;
}
