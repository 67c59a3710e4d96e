/* SPDX-License-Identifier: MIT */
/*
 * Pulling a model: the lock, the files one after the other, and the folder that appears at the end.
 *
 *     config.json                               required; says at once whether heed runs such a model
 *     model.safetensors, or its index and the files that it names
 *     tokenizer.json, or vocab.json and merges.txt; a model without any still has logits
 *     generation_config.json                    where there is one
 */
#include <heed/pull.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/shard_index.h"
#include "formats/shards.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/fetch.h"

#define USUAL_HUB         "https://huggingface.co"
#define SHOWN             160
#define MOST_CONFIG       ((int64_t)1 << 20)
#define MOST_INDEX        ((int64_t)HEED_SHARD_INDEX_MAX_BYTES)
#define MOST_TOKENIZER    ((int64_t)256 << 20)
#define MOST_WEIGHT_BYTES ((int64_t)1 << 50)

typedef struct pull {
    const heed_pull_options *options;
    heed_hub_name name;
    heed_place place;
    char base_url[512];
    heed_libraries libraries;
    heed_client client;
    heed_record record;
    heed_fetching fetching;
    heed_error *err;
} pull;

/* --- which files --- */

static heed_status fetch(pull *p, const char *name, heed_form form, int64_t most_bytes, bool *absent)
{
    const heed_wanted wanted = {name, form, most_bytes};
    const heed_status status = heed_fetch(&p->fetching, &wanted, absent, p->err);

    /* From the first answer on, all files are of the commit that it named. */
    if (status == HEED_OK && p->record.commit[0] != '\0')
        snprintf(p->fetching.revision, sizeof p->fetching.revision, "%s", p->record.commit);
    return status;
}

/* A file that the model must have; what says which one else would have done. */
static heed_status fetch_needed(pull *p, const char *name, heed_form form, int64_t most_bytes, const char *what)
{
    bool absent = false;
    const heed_status status = fetch(p, name, form, most_bytes, &absent);

    if (status == HEED_OK && absent)
        return heed_fail(p->err, HEED_ERR_FILE, "%s of %s has no %s%s", p->name.revision, p->name.full, name,
                         what);
    return status;
}

/* Where a short name is completed, the hub is asked by both: a hub of one's own may have either. */
static heed_status fetch_config(pull *p)
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
static heed_status check_disk(pull *p, const char *index_path)
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

static heed_status fetch_shards(pull *p)
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
static heed_status check_whole(pull *p)
{
    heed_shards *shards = NULL;
    const heed_status status = heed_shards_open(p->place.pulling, &shards, p->err);

    heed_shards_close(shards);
    return status;
}

static heed_status fetch_weights(pull *p)
{
    bool absent = false;
    const heed_status status = fetch(p, HEED_SHARDS_SINGLE, HEED_FORM_WEIGHTS, MOST_WEIGHT_BYTES, &absent);

    return status == HEED_OK && absent ? fetch_shards(p) : status;
}

static heed_status fetch_tokenizer(pull *p)
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

static heed_status fetch_all(pull *p)
{
    bool absent = false;
    heed_status status = fetch_config(p);

    if (status == HEED_OK)
        status = fetch_tokenizer(p);
    if (status == HEED_OK)
        status = fetch(p, "generation_config.json", HEED_FORM_JSON, MOST_CONFIG, &absent);
    return status == HEED_OK ? fetch_weights(p) : status;
}

/* --- what is asked for --- */

static heed_status fail_base(const char *base, const char *what, heed_error *err)
{
    char shown[SHOWN];

    return heed_fail(err, HEED_ERR_USAGE, "base URL \"%s\": expected %s",
                     heed_quote(shown, sizeof shown, base, strlen(base)), what);
}

static heed_status read_base(pull *p)
{
    const char *variable = getenv("HEED_HUB"), *base = p->options->base_url, *host;
    size_t n;

    if (base == NULL)
        base = variable != NULL && variable[0] != '\0' ? variable : USUAL_HUB;
    n = strlen(base);
    if (strncasecmp(base, "https://", 8) != 0 && strncasecmp(base, "http://", 7) != 0)
        return fail_base(base, "https://HOST or http://HOST", p->err);
    for (size_t i = 0; i < n; i++) {
        if (base[i] <= ' ' || base[i] > '~' || strchr("?#\\\"<>", base[i]) != NULL)
            return fail_base(base, "no spaces, no control characters and nothing of ? # \\ \" < >", p->err);
    }
    host = strstr(base, "://") + 3;
    if (strcspn(host, "/") == 0 || strcspn(host, "@") < strcspn(host, "/"))
        return fail_base(base, "a host, and no user's name", p->err);
    while (n > 0 && base[n - 1] == '/')
        n--;
    if (n >= sizeof p->base_url)
        return fail_base(base, "less than 512 bytes", p->err);
    snprintf(p->base_url, sizeof p->base_url, "%.*s", (int)n, base);
    return HEED_OK;
}

/* "FILE=64 digits,…" */
static heed_status check_sha256_option(const char *list, heed_error *err)
{
    char name[100], digits[HEED_DIGEST_DIGITS + 1], shown[SHOWN];

    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        const size_t n = strcspn(at, "=,");
        const bool has_name = n < sizeof name && snprintf(name, sizeof name, "%.*s", (int)n, at) > 0 &&
                              heed_hub_file_name_is_safe(name);
        if (!has_name || at[n] != '=' || !heed_digest_read(at + n + 1, digits))
            return heed_fail(err, HEED_ERR_USAGE,
                             "sha256: expected FILE=DIGITS with 64 hexadecimal digits, got \"%s\"",
                             heed_quote(shown, sizeof shown, at, strlen(at)));
    }
    return HEED_OK;
}

/* Names with a checksum must be among the files, or the checksum would check nothing. */
static heed_status check_sha256_used(pull *p)
{
    for (const char *at = p->options->sha256; at != NULL;
         at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        const size_t n = strcspn(at, "=");
        bool used = false;
        for (int i = 0; i < p->record.n; i++)
            used |= p->record.files[i].done && strlen(p->record.files[i].name) == n &&
                    strncmp(p->record.files[i].name, at, n) == 0;
        if (!used)
            return heed_fail(p->err, HEED_ERR_USAGE, "sha256: %.*s is none of the files of %s", (int)n, at,
                             p->name.full);
    }
    return HEED_OK;
}

static heed_status read_options(pull *p, const char *name)
{
    const char *near;
    heed_status status = heed_hub_name_read(name, p->options->revision, &p->name, p->err);

    if (status == HEED_OK)
        status = read_base(p);
    if (status == HEED_OK)
        status = check_sha256_option(p->options->sha256, p->err);
    if (status != HEED_OK)
        return status;
    near = heed_hub_name_near(&p->name);
    if (p->name.is_short && !p->name.is_known && strcmp(p->base_url, USUAL_HUB) == 0)
        return heed_fail(p->err, HEED_ERR_USAGE,
                         "\"%s\": expected OWNER/MODEL, or one of gpt2, gpt2-medium, gpt2-large, gpt2-xl, "
                         "distilgpt2%s%s%s",
                         p->name.given, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    return heed_place_find(&p->name, p->options->folder, &p->place, p->err);
}

/* --- the folder --- */

static heed_status wait_for_lock(pull *p, int *lock)
{
    const struct timespec fifth = {0, 200000000};
    const heed_pull_progress waiting = {.event = HEED_PULL_WAITING, .total = -1};

    for (;;) {
        const heed_status status = heed_place_lock(&p->place, lock, p->err);
        if (status != HEED_OK || *lock >= 0)
            return status;
        if (p->options->report != NULL && !p->options->report(p->options->context, &waiting))
            return heed_fail(p->err, HEED_ERR_INTERRUPTED, "stopped while another process pulls %s",
                             p->name.full);
        nanosleep(&fifth, NULL);
    }
}

/* Is this very model there? A folder in the cache means its name, also when it was carried there by hand. */
static bool is_there(pull *p, const heed_record *there)
{
    if (p->options->folder == NULL && there->name[0] == '\0')
        return heed_place_has_model(p->place.folder);
    return strcmp(there->name, p->name.full) == 0 && strcmp(there->revision, p->name.revision) == 0;
}

/*
 * *already: the model is there, and p->record is its own. Otherwise its folder must be free, or one that was pulled and
 * may be replaced: any other one is somebody's work. rmdir() removes an empty one only.
 */
static heed_status look_at_folder(pull *p, bool *already)
{
    char shown[SHOWN];
    heed_status status = heed_record_load(p->place.folder, &p->record, p->err);

    *already = status == HEED_OK && is_there(p, &p->record);
    if (status != HEED_OK || (*already && !p->options->force))
        return status;
    *already = false;
    heed_quote(shown, sizeof shown, p->place.folder, strlen(p->place.folder));
    if (heed_place_was_pulled(p->place.folder)) {
        if (!p->options->force)
            status = heed_fail(p->err, HEED_ERR_USAGE, "%s: holds %s (%s); --force puts %s (%s) in its place",
                               shown, p->record.name, p->record.revision, p->name.full, p->name.revision);
    } else if (heed_file_exists(p->place.folder) && rmdir(p->place.folder) != 0) {
        status = heed_fail(p->err, HEED_ERR_USAGE,
                           "%s: expected a new folder, this one holds something else; it is left alone", shown);
    }
    heed_record_free(&p->record);
    return status;
}

/* What the record says, if it is of this very model; otherwise what is here is of no use. */
static heed_status open_record(pull *p)
{
    heed_status status = heed_record_load(p->place.pulling, &p->record, p->err);
    heed_record *r = &p->record;

    if (status != HEED_OK)
        return status;
    if (strcmp(r->base_url, p->base_url) != 0 || strcmp(r->name, p->name.full) != 0 ||
        strcmp(r->revision, p->name.revision) != 0) {
        heed_record_free(r);
        heed_place_remove(p->place.pulling);
        status = heed_folder_make(p->place.pulling, p->err);
    }
    snprintf(r->base_url, sizeof r->base_url, "%s", p->base_url);
    snprintf(r->name, sizeof r->name, "%s", p->name.full);
    snprintf(r->revision, sizeof r->revision, "%s", p->name.revision);
    r->commit[0] = '\0'; /* asked for anew: a branch may have moved */
    return status;
}

/* Absent files leave no trace, and neither does an earlier form of the model (an index, say) that is no more. */
static heed_status close_record(pull *p)
{
    heed_record *r = &p->record;
    char path[HEED_PULL_PATH_BYTES];
    int n = 0;

    for (int i = 0; i < r->n; i++) {
        if (r->files[i].done && r->files[i].seen)
            r->files[n++] = r->files[i];
        else if (heed_path_join(path, sizeof path, p->place.pulling, r->files[i].name, NULL) == HEED_OK)
            unlink(path);
    }
    r->n = n;
    return heed_record_save(p->place.pulling, r, p->err);
}

/* After a pull that has nothing to go on from, nothing stays. */
static void tidy(pull *p)
{
    bool any = false;

    for (int i = 0; i < p->record.n; i++)
        any |= p->record.files[i].done || p->record.files[i].bytes > 0;
    if (!any)
        heed_place_remove(p->place.pulling);
}

/* --- the whole --- */

/* With no network at all, what is left is to carry the files by hand. */
static heed_status add_advice(pull *p, heed_status status)
{
    const heed_error why = *p->err;
    char shown[SHOWN];

    if (status != HEED_ERR_FILE || p->client.has_answered || p->client.curl == NULL)
        return status;
    return heed_fail(
        p->err, status,
        "%.250s; without a network, put config.json, model.safetensors and tokenizer.json into a folder by "
        "hand and name that folder",
        heed_quote(shown, sizeof shown, why.message, strlen(why.message)));
}

static heed_status pull_files(pull *p)
{
    heed_status status = heed_libraries_load(&p->libraries, p->err);
    const char *token = p->options->token != NULL ? p->options->token : getenv("HEED_HUB_TOKEN");

    if (status == HEED_OK)
        status = heed_client_open(&p->client, &p->libraries, p->err);
    if (status == HEED_OK)
        status = open_record(p);
    if (status != HEED_OK)
        return status;
    p->client.base_url = p->base_url;
    p->client.token = token != NULL && token[0] != '\0' ? token : NULL;
    p->client.timeout_s = p->options->timeout_s;
    p->fetching = (heed_fetching){.client = &p->client,
                                  .options = p->options,
                                  .base_url = p->base_url,
                                  .hub_name = p->name.full,
                                  .folder = p->place.pulling,
                                  .record = &p->record};
    snprintf(p->fetching.revision, sizeof p->fetching.revision, "%s", p->name.revision);
    status = fetch_all(p);
    if (status == HEED_OK)
        status = check_sha256_used(p);
    if (status == HEED_OK)
        status = close_record(p);
    if (status == HEED_OK)
        status = check_whole(p);
    if (status == HEED_OK)
        status = heed_place_publish(&p->place, p->err);
    return add_advice(p, status);
}

static heed_status pull_locked(pull *p, heed_pulled *pulled)
{
    heed_status status;

    heed_place_mend(&p->place);
    status = look_at_folder(p, &pulled->already);
    if (status != HEED_OK || pulled->already)
        return status;
    status = heed_folder_make(p->place.pulling, p->err);
    if (status == HEED_OK)
        status = pull_files(p);
    if (status != HEED_OK)
        tidy(p);
    return status;
}

heed_pull_options heed_pull_options_default(void)
{
    return (heed_pull_options){.timeout_s = 30.0, .retries = 4};
}

bool heed_can_pull(void)
{
    return true;
}

heed_status heed_pull(const char *name, const heed_pull_options *options, heed_pulled *pulled, heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    pull p = {.options = options, .err = err != NULL ? err : &own};
    const double begun_s = heed_clock_s();
    bool made_parent;
    int lock = -1;
    heed_status status = read_options(&p, name);

    *pulled = (heed_pulled){.n_files = 0};
    if (status != HEED_OK)
        return status;
    made_parent = !heed_file_exists(p.place.parent);
    status = heed_folder_make(p.place.parent, p.err);
    if (status == HEED_OK)
        status = wait_for_lock(&p, &lock);
    if (status == HEED_OK)
        status = pull_locked(&p, pulled);
    heed_place_unlock(&p.place, lock);
    if (status != HEED_OK && made_parent)
        rmdir(p.place.parent);
    for (int i = 0; i < p.record.n; i++)
        pulled->bytes += p.record.files[i].bytes;
    pulled->n_files = p.record.n;
    pulled->fetched = p.fetching.fetched;
    pulled->seconds = heed_clock_s() - begun_s;
    snprintf(pulled->name, sizeof pulled->name, "%s", p.name.full);
    snprintf(pulled->folder, sizeof pulled->folder, "%s", p.place.folder);
    heed_record_free(&p.record);
    heed_client_close(&p.client);
    heed_libraries_close(&p.libraries);
    return status;
}
