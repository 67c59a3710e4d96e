/* SPDX-License-Identifier: MIT */
/* From a name to a folder, the list of what is there, and removing one of it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"

#define SHOWN       160
#define MOST_LISTED 100000

/* --- by name --- */

static heed_status not_there(const char *model, const heed_hub_name *name, const heed_place *place,
                             heed_error *err)
{
    const char *near = heed_hub_name_near(name);
    char shown[SHOWN], shown_folder[SHOWN];

    heed_quote(shown, sizeof shown, model, strlen(model));
    if (near != NULL)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: expected a model's folder or the name of a pulled model, there is nothing of that name; "
            "did you mean \"%s\", fetched by: heed pull %s",
            shown, near, near);
    return heed_fail(
        err, HEED_ERR_FILE,
        "%s: expected a model's folder or the name of a pulled model, there is nothing of that name here "
        "nor at %s%s%s",
        shown, heed_quote(shown_folder, sizeof shown_folder, place->folder, strlen(place->folder)),
        heed_can_pull() ? "; to fetch it: heed pull " : "", heed_can_pull() ? shown : "");
}

static heed_status give(const char *path, char *folder, size_t size, heed_error *err)
{
    const size_t n = strlen(path);
    char shown[SHOWN];

    if (n >= size)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a path below %zu bytes, got %zu",
                         heed_quote(shown, sizeof shown, path, n), size, n);
    memcpy(folder, path, n + 1);
    return HEED_OK;
}

/* "notes.json" could be a model's name, but it is a file's. */
static bool ends_like_a_file(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".tiktoken", ".safetensors"};
    const size_t n = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t m = strlen(endings[i]);
        if (n > m && strcmp(name + n - m, endings[i]) == 0)
            return true;
    }
    return false;
}

heed_status heed_model_find(const char *model, char *folder, size_t size, heed_error *err)
{
    heed_hub_name name;
    heed_place place;
    heed_error why;
    heed_status status;

    /* What is a path but no name is left to whoever opens it, who says what is wrong with it. */
    if (heed_file_exists(model) || ends_like_a_file(model) ||
        heed_hub_name_read(model, NULL, &name, NULL) != HEED_OK)
        return give(model, folder, size, err);
    status = heed_place_find(&name, NULL, &place, &why);
    if (status != HEED_OK)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: expected a model's folder, there is nothing of that name; nor is there a cache of models: %s",
            name.given, why.message);
    if (!heed_place_has_model(place.folder))
        return not_there(model, &name, &place, err);
    return give(place.folder, folder, size, err);
}

/* --- the list --- */

typedef struct listing {
    heed_cached *models;
    int n, capacity;
    bool failed;
} listing;

static void add(listing *all, const char *name, int64_t bytes, bool complete)
{
    heed_cached *grown = all->models;

    if (all->n == all->capacity && all->n < MOST_LISTED) {
        const int capacity = all->capacity > 0 ? 2 * all->capacity : 16;
        grown = realloc(all->models, (size_t)capacity * sizeof *grown);
        if (grown != NULL) {
            all->models = grown;
            all->capacity = capacity;
        }
    }
    all->failed |= grown == NULL;
    if (all->n == all->capacity)
        return;
    all->models[all->n].bytes = bytes;
    all->models[all->n].complete = complete;
    snprintf(all->models[all->n].name, sizeof all->models[all->n].name, "%s", name);
    /* as revisions are written */
    for (char *c = strchr(all->models[all->n].name, '@'); c != NULL && *c != '\0'; c++)
        *c = *c == '+' ? '/' : *c;
    all->n++;
}

static int64_t bytes_in(const char *folder)
{
    char path[HEED_PULL_PATH_BYTES];
    const struct dirent *entry;
    struct stat info;
    int64_t bytes = 0;
    DIR *open_folder = opendir(folder);

    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (heed_path_join(path, sizeof path, folder, entry->d_name, NULL) == HEED_OK &&
            stat(path, &info) == 0 && S_ISREG(info.st_mode))
            bytes += info.st_size;
    }
    if (open_folder != NULL)
        closedir(open_folder);
    return bytes;
}

/* "gpt2" of ".gpt2.pulling"; false for any other entry with a dot in front. */
static bool stopped_name(const char *entry, char *out, size_t size)
{
    const size_t n = strlen(entry), n_ending = strlen(".pulling");

    if (entry[0] != '.' || n <= 1 + n_ending || strcmp(entry + n - n_ending, ".pulling") != 0)
        return false;
    snprintf(out, size, "%.*s", (int)(n - 1 - n_ending), entry + 1);
    return true;
}

/* The models right in a folder of the cache, named with their owner; without one, the owners' folders too. */
static void list_folder(const char *folder, const char *owner, listing *all)
{
    char path[HEED_PULL_PATH_BYTES], own[256], name[320];
    const struct dirent *entry;
    DIR *open_folder = opendir(folder);

    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (heed_path_join(path, sizeof path, folder, entry->d_name, NULL) != HEED_OK ||
            !heed_file_is_folder(path))
            continue;
        const bool stopped = stopped_name(entry->d_name, own, sizeof own);
        if (!stopped && entry->d_name[0] == '.')
            continue;
        const char *shown = stopped ? own : entry->d_name;
        const int n = snprintf(name, sizeof name, "%s%s%s", owner, owner[0] != '\0' ? "/" : "", shown);
        heed_hub_name checked;
        char text[320];
        snprintf(text, sizeof text, "%s", name);
        for (char *c = strchr(text, '@'); c != NULL && *c != '\0'; c++)
            *c = *c == '+' ? '/' : *c;
        if (n < 0 || (size_t)n >= sizeof name || heed_hub_name_read(text, NULL, &checked, NULL) != HEED_OK)
            continue;
        if (stopped || heed_place_has_model(path))
            add(all, name, bytes_in(path), !stopped);
        else if (owner[0] == '\0')
            list_folder(path, entry->d_name, all);
    }
    if (open_folder != NULL)
        closedir(open_folder);
}

static int by_name(const void *a, const void *b)
{
    const heed_cached *x = a, *y = b;
    const int order = strcmp(x->name, y->name);

    return order != 0 ? order : (int)y->complete - (int)x->complete;
}

heed_status heed_cache_list(heed_cached **models, int *n, heed_error *err)
{
    char root[HEED_PULL_PATH_BYTES], folder[HEED_PULL_PATH_BYTES];
    listing all = {0};
    heed_status status = heed_cache_folder(root, sizeof root, err);

    *models = NULL;
    *n = 0;
    if (status == HEED_OK)
        status = heed_path_join(folder, sizeof folder, root, "models", err);
    if (status != HEED_OK)
        return status;
    list_folder(folder, "", &all);
    if (all.failed) {
        free(all.models);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the list of models");
    }
    if (all.n > 0)
        qsort(all.models, (size_t)all.n, sizeof all.models[0], by_name);
    *models = all.models;
    *n = all.n;
    return HEED_OK;
}

/* --- removing --- */

heed_status heed_cache_remove(const char *text, heed_error *err)
{
    char shown[SHOWN];
    heed_hub_name name;
    heed_place place;
    bool is_there, gone = true;
    int lock = -1;
    heed_status status = heed_hub_name_read(text, NULL, &name, err);

    if (status == HEED_OK)
        status = heed_place_find(&name, NULL, &place, err);
    if (status != HEED_OK)
        return status;
    heed_quote(shown, sizeof shown, place.folder, strlen(place.folder));
    is_there = heed_place_was_pulled(place.folder);
    if (!is_there && !heed_file_is_folder(place.pulling))
        return heed_fail(err, HEED_ERR_FILE, "%s: there is no pulled model of that name", shown);
    status = heed_place_lock(&place, &lock, err);
    if (status != HEED_OK)
        return status;
    if (lock < 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: is being pulled by another process", shown);
    /* Under another name first: a model that is half gone must not be found. */
    heed_place_mend(&place);
    if (is_there)
        gone = rename(place.folder, place.old) == 0 && heed_place_remove(place.old);
    gone &= heed_place_remove(place.pulling);
    heed_place_unlock(&place, lock);
    if (!gone)
        return heed_fail(err, HEED_ERR_FILE, "%s: cannot be removed: %s", shown, strerror(errno));
    rmdir(place.parent); /* the owner's, where this was the last model of it */
    return HEED_OK;
}
