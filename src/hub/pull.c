/* SPDX-License-Identifier: MIT */
/* Pulling a model: the lock, the record, all of its files, and the folder that appears at the end. */
#include <heed/pull.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/pulling.h"

#define SHOWN 160

/* --- the folder --- */

static heed_status wait_for_lock(heed_pulling *p, int *lock)
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
static bool is_there(heed_pulling *p, const heed_record *there)
{
    if (p->options->folder == NULL && there->name[0] == '\0')
        return heed_place_has_model(p->place.folder);
    return strcmp(there->name, p->name.full) == 0 && strcmp(there->revision, p->name.revision) == 0;
}

/*
 * *already: the model is there, and p->record is its own. Otherwise its folder must be free, or one that was pulled and
 * may be replaced: any other one is somebody's work. rmdir() removes an empty one only.
 */
static heed_status look_at_folder(heed_pulling *p, bool *already)
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
static heed_status open_record(heed_pulling *p)
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

static bool is_recorded(const heed_record *record, const char *name)
{
    bool found = strcmp(name, HEED_RECORD_NAME) == 0;

    for (int i = 0; i < record->n && !found; i++)
        found = strcmp(record->files[i].name, name) == 0;
    return found;
}

/* The record keeps the files that this pull has seen and found whole; of all others, nothing stays. */
static heed_status close_record(heed_pulling *p)
{
    heed_record *r = &p->record;
    char path[HEED_PULL_PATH_BYTES];
    const struct dirent *entry;
    DIR *open_folder = opendir(p->place.pulling);
    int n = 0;

    for (int i = 0; i < r->n; i++) {
        if (r->files[i].done && r->files[i].seen)
            r->files[n++] = r->files[i];
    }
    r->n = n;
    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (entry->d_name[0] != '.' && !is_recorded(r, entry->d_name) &&
            heed_path_join(path, sizeof path, p->place.pulling, entry->d_name, NULL) == HEED_OK)
            unlink(path);
    }
    if (open_folder != NULL)
        closedir(open_folder);
    return heed_record_save(p->place.pulling, r, p->err);
}

/* After a pull that has nothing to go on from, nothing stays. */
static void tidy(heed_pulling *p)
{
    bool any = false;

    for (int i = 0; i < p->record.n; i++)
        any |= p->record.files[i].done || p->record.files[i].bytes > 0;
    if (!any)
        heed_place_remove(p->place.pulling);
}

/* --- the whole --- */

/* With no network at all, what is left is to carry the files by hand. */
static heed_status add_advice(heed_pulling *p, heed_status status)
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

static heed_status pull_files(heed_pulling *p)
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
    status = heed_pulling_fetch(p);
    if (status == HEED_OK)
        status = heed_pulling_check_sha256(p);
    if (status == HEED_OK)
        status = close_record(p);
    if (status == HEED_OK)
        status = heed_place_publish(&p->place, p->err);
    return add_advice(p, status);
}

static heed_status pull_locked(heed_pulling *p, heed_pulled *pulled)
{
    heed_status status;

    heed_place_mend(&p->place);
    status = look_at_folder(p, &pulled->already);
    if (status == HEED_OK && pulled->already)
        return heed_pulling_check_sha256(p);
    if (status != HEED_OK)
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
    heed_pulling p = {.options = options, .err = err != NULL ? err : &own};
    const double begun_s = heed_clock_s();
    bool made_parent;
    int lock = -1;
    heed_status status = heed_pulling_read_options(&p, name);

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
