/* SPDX-License-Identifier: MIT */
/*
 * Which files a model has:
 *
 *     config.json                               required; says at once whether heed runs such a model
 *     tokenizer.json, or vocab.json and merges.txt; a model without any still has logits
 *     generation_config.json                    where there is one
 *     model.safetensors, or its index and the files that it lists
 */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/shard_index.h"
#include "formats/shards.h"
#include "hub/pulling.h"

#define SHOWN             160
#define MOST_CONFIG       ((int64_t)1 << 20)
#define MOST_INDEX        ((int64_t)HEED_SHARD_INDEX_MAX_BYTES)
#define MOST_TOKENIZER    ((int64_t)256 << 20)
#define MOST_WEIGHT_BYTES ((int64_t)1 << 50)

static heed_status fetch(heed_pulling *p, const char *name, heed_form form, int64_t most_bytes, bool *absent)
{
    const heed_wanted wanted = {name, form, most_bytes};
    const heed_status status = heed_fetch(&p->fetching, &wanted, absent, p->err);

    /* From the first answer on, all files are of the commit that it named. */
    if (status == HEED_OK && p->record.commit[0] != '\0')
        snprintf(p->fetching.revision, sizeof p->fetching.revision, "%s", p->record.commit);
    return status;
}

/* A file that the model must have; what says which one else would have done. */
static heed_status fetch_needed(heed_pulling *p, const char *name, heed_form form, int64_t most_bytes,
                                const char *what)
{
    bool absent = false;
    const heed_status status = fetch(p, name, form, most_bytes, &absent);

    if (status == HEED_OK && absent)
        return heed_fail(p->err, HEED_ERR_FILE, "%s of %s has no %s%s", p->name.revision, p->name.full, name,
                         what);
    return status;
}

/* Where a short name is completed, the hub is asked by both: a hub of one's own may have either. */
static heed_status fetch_config(heed_pulling *p)
{
    const char *near = heed_hub_name_near(&p->name);
    char shown[SHOWN];
    bool absent = false;
    heed_status status = fetch(p, "config.json", HEED_FORM_CONFIG, MOST_CONFIG, &absent);

    if (status == HEED_OK && absent && p->name.is_known) {
        p->fetching.hub_name = p->name.given;
        status = fetch(p, "config.json", HEED_FORM_CONFIG, MOST_CONFIG, &absent);
    }
    if (status != HEED_OK || !absent)
        return status;
    return heed_fail(p->err, HEED_ERR_FILE, "%s has no model %s (revision %s)%s%s%s",
                     heed_quote(shown, sizeof shown, p->base_url, strlen(p->base_url)), p->name.given,
                     p->name.revision, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

/* Bytes of all weights as the index has them, 0 where it does not say. */
static double total_size(const char *index_path)
{
    json_t *root = NULL;
    double bytes = 0.0;

    if (heed_json_load(index_path, HEED_SHARD_INDEX_MAX_BYTES, &root, NULL) == HEED_OK) {
        const json_t *size = json_object_get(json_object_get(root, "metadata"), "total_size");
        bytes = json_is_number(size) ? json_number_value(size) : 0.0;
    }
    json_decref(root);
    return bytes;
}

/* Before the first of many files: is there room for all? */
static heed_status check_disk(heed_pulling *p, const char *index_path)
{
    const double bytes = total_size(index_path);
    struct statvfs disk;
    double here = 0.0, free_bytes;

    if (statvfs(p->place.pulling, &disk) != 0)
        return HEED_OK;
    for (int i = 0; i < p->record.n; i++)
        here += p->record.files[i].done ? (double)p->record.files[i].bytes : 0.0;
    free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if (bytes - here <= free_bytes)
        return HEED_OK;
    return heed_fail(p->err, HEED_ERR_FILE, "the weights of %s have %.3g MB, the disk has %.3g MB left",
                     p->name.full, bytes * 1e-6, free_bytes * 1e-6);
}

static heed_status fetch_shards(heed_pulling *p)
{
    char path[HEED_PULL_PATH_BYTES], shown[SHOWN];
    heed_shard_index *index = NULL;
    heed_status status = fetch_needed(p, HEED_SHARDS_INDEX, HEED_FORM_JSON, MOST_INDEX,
                                      ", and no " HEED_SHARDS_SINGLE
                                      ": its weights are in no form that heed reads");

    if (status == HEED_OK)
        status = heed_path_join(path, sizeof path, p->place.pulling, HEED_SHARDS_INDEX, p->err);
    if (status == HEED_OK)
        status = heed_shard_index_load(path, &index, p->err);
    if (status == HEED_OK)
        status = check_disk(p, path);
    for (int i = 0; status == HEED_OK && i < index->n_files; i++) {
        const char *name = index->files[i];
        if (heed_hub_file_name_is_safe(name)) /* in an address, too */
            status = fetch_needed(p, name, HEED_FORM_WEIGHTS, MOST_WEIGHT_BYTES, ", which its index names");
        else
            status = heed_fail(p->err, HEED_ERR_FILE,
                               "%s names \"%s\": expected letters, digits, \".\", \"_\" and \"-\"",
                               HEED_SHARDS_INDEX, heed_quote(shown, sizeof shown, name, strlen(name)));
    }
    heed_shard_index_destroy(index);
    return status;
}

/* All files are there: do they make up one set? */
static heed_status check_whole(heed_pulling *p)
{
    heed_shards *shards = NULL;
    const heed_status status = heed_shards_open(p->place.pulling, &shards, p->err);

    heed_shards_close(shards);
    return status;
}

static heed_status fetch_weights(heed_pulling *p)
{
    bool absent = false;
    const heed_status status = fetch(p, HEED_SHARDS_SINGLE, HEED_FORM_WEIGHTS, MOST_WEIGHT_BYTES, &absent);

    return status == HEED_OK && absent ? fetch_shards(p) : status;
}

static heed_status fetch_tokenizer(heed_pulling *p)
{
    bool absent = false;
    heed_status status = fetch(p, "tokenizer.json", HEED_FORM_JSON, MOST_TOKENIZER, &absent);

    if (status != HEED_OK || !absent)
        return status;
    status = fetch(p, "vocab.json", HEED_FORM_JSON, MOST_TOKENIZER, &absent);
    if (status != HEED_OK || absent)
        return status;
    return fetch_needed(p, "merges.txt", HEED_FORM_TEXT, MOST_TOKENIZER, ", which belongs to its vocab.json");
}

heed_status heed_pulling_fetch(heed_pulling *p)
{
    bool absent = false;
    heed_status status = fetch_config(p);

    if (status == HEED_OK)
        status = fetch_tokenizer(p);
    if (status == HEED_OK)
        status = fetch(p, "generation_config.json", HEED_FORM_JSON, MOST_CONFIG, &absent);
    if (status == HEED_OK)
        status = fetch_weights(p);
    return status == HEED_OK ? check_whole(p) : status;
}
