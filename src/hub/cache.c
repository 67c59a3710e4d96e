/* SPDX-License-Identifier: MIT */
#include "hub/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "hub/record.h"

#define SHOWN 256

heed_status heed_cache_folder(char *folder, size_t size, heed_error *err)
{
    /* As the XDG rules have it, an empty variable counts as none. */
    static const struct {
        const char *variable, *below;
    } places[] = {{"HEED_CACHE", ""}, {"XDG_CACHE_HOME", "heed"}, {"HOME", ".cache/heed"}};
    char shown[SHOWN];

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = getenv(places[i].variable);
        if (value == NULL || value[0] == '\0')
            continue;
        if (value[0] == '/' && places[i].below[0] != '\0')
            return heed_path_join(folder, size, value, places[i].below, err);
        if (value[0] == '/' && strlen(value) < size)
            return snprintf(folder, size, "%s", value) > 0 ? HEED_OK : HEED_ERR_INTERNAL;
        if (i == 0)
            return heed_fail(err, HEED_ERR_USAGE, "HEED_CACHE: expected an absolute path, got \"%s\"",
                             heed_quote(shown, sizeof shown, value, strlen(value)));
    }
    return heed_fail(err, HEED_ERR_USAGE,
                     "expected HOME, XDG_CACHE_HOME or HEED_CACHE to name a folder for models");
}

/* --- places --- */

/* The folder's own name and its parent's path, from a path that may end in slashes. */
static heed_status split(const char *path, heed_place *place, char *name, size_t size, heed_error *err)
{
    char shown[SHOWN];
    size_t n = strlen(path), begin;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/'; begin--)
        ;
    snprintf(name, size, "%.*s", (int)(n - begin), path + begin);
    if (n - begin == 0 || n - begin + 16 > size || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        n >= sizeof place->folder)
        return heed_fail(err, HEED_ERR_USAGE,
                         "\"%s\": expected the path of a folder for the model, with a name of its own",
                         heed_quote(shown, sizeof shown, path, strlen(path)));
    snprintf(place->folder, sizeof place->folder, "%.*s", (int)n, path);
    snprintf(place->parent, sizeof place->parent, "%.*s", begin > 1 ? (int)begin - 1 : (int)begin, path);
    if (begin == 0)
        snprintf(place->parent, sizeof place->parent, ".");
    return HEED_OK;
}

heed_status heed_place_find(const heed_hub_name *name, const char *folder, heed_place *place, heed_error *err)
{
    char root[HEED_PULL_PATH_BYTES], path[HEED_PULL_PATH_BYTES], below[HEED_HUB_NAME_PATH_BYTES];
    char own[256], hidden[272];
    const struct {
        const char *ending;
        char *out;
    } beside[] = {{"pulling", place->pulling}, {"old", place->old}, {"lock", place->lock}};
    heed_status status = HEED_OK;

    if (folder == NULL) {
        heed_hub_name_path(name, below);
        status = heed_cache_folder(root, sizeof root, err);
        if (status == HEED_OK)
            status = heed_path_join(path, sizeof path, root, below, err);
    }
    if (status == HEED_OK)
        status = split(folder != NULL ? folder : path, place, own, sizeof own, err);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0] && status == HEED_OK; i++) {
        snprintf(hidden, sizeof hidden, ".%s.%s", own, beside[i].ending);
        status = heed_path_join(beside[i].out, HEED_PULL_PATH_BYTES, place->parent, hidden, err);
    }
    return status;
}

static bool has_file(const char *folder, const char *name)
{
    char path[HEED_PULL_PATH_BYTES];

    return heed_path_join(path, sizeof path, folder, name, NULL) == HEED_OK && heed_file_exists(path);
}

bool heed_place_has_model(const char *folder)
{
    return has_file(folder, "config.json");
}

bool heed_place_was_pulled(const char *folder)
{
    return has_file(folder, HEED_RECORD_NAME);
}

/* --- the lock --- */

/* Whoever gives a lock back removes its file first. So a lock counts only while its file still has the name. */
static bool is_still_named(int fd, const char *path)
{
    struct stat own, named;

    return fstat(fd, &own) == 0 && stat(path, &named) == 0 && own.st_dev == named.st_dev &&
           own.st_ino == named.st_ino;
}

heed_status heed_place_lock(const heed_place *place, int *fd, heed_error *err)
{
    char shown[SHOWN];
    int reason = 0;

    *fd = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        const int file = open(place->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0) {
            reason = errno;
            if (file >= 0)
                close(file);
            if (file >= 0 && reason == EWOULDBLOCK)
                return HEED_OK;
            break;
        }
        if (is_still_named(file, place->lock)) {
            *fd = file;
            return HEED_OK;
        }
        close(file);
    }
    return heed_fail(err, HEED_ERR_FILE, "%s: cannot be locked: %s",
                     heed_quote(shown, sizeof shown, place->lock, strlen(place->lock)),
                     strerror(reason != 0 ? reason : EAGAIN));
}

void heed_place_unlock(const heed_place *place, int fd)
{
    if (fd < 0)
        return;
    unlink(place->lock);
    close(fd);
}

/* --- whole folders --- */

bool heed_place_remove(const char *folder)
{
    char path[HEED_PULL_PATH_BYTES];
    const struct dirent *entry;
    struct stat info;
    DIR *open_folder;

    if (lstat(folder, &info) == 0 && S_ISLNK(info.st_mode))
        return unlink(folder) == 0; /* what it points to is somebody else's */
    open_folder = opendir(folder);
    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            heed_path_join(path, sizeof path, folder, entry->d_name, NULL) == HEED_OK)
            unlink(path);
    }
    if (open_folder != NULL)
        closedir(open_folder);
    return rmdir(folder) == 0 || errno == ENOENT;
}

void heed_place_mend(const heed_place *place)
{
    if (!heed_file_exists(place->old))
        return;
    if (heed_place_was_pulled(place->folder) || rename(place->old, place->folder) != 0)
        heed_place_remove(place->old);
}

heed_status heed_place_publish(const heed_place *place, heed_error *err)
{
    char shown[SHOWN];
    const bool replaces = heed_place_was_pulled(place->folder);
    heed_status status = heed_folder_sync(place->pulling, err);

    if (status != HEED_OK)
        return status;
    /* An empty folder of that name gives way by itself; any other is left alone, and the renaming fails. */
    if ((replaces && rename(place->folder, place->old) != 0) || rename(place->pulling, place->folder) != 0) {
        const int reason = errno;
        heed_place_mend(place);
        return heed_fail(err, HEED_ERR_FILE, "%s: cannot become the model's folder: %s",
                         heed_quote(shown, sizeof shown, place->folder, strlen(place->folder)),
                         strerror(reason));
    }
    heed_place_mend(place);
    return heed_folder_sync(place->parent, err);
}
