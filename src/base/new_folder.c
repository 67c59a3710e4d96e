/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* renameat2(), O_NOFOLLOW */
#endif
#include "base/new_folder.h"

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

#define SHOWN_SIZE    256
#define N_NAMES_TRIED 64

static heed_status fail_path(heed_error *err, const char *path, const char *what, int reason)
{
    char shown[SHOWN_SIZE];

    return heed_fail(err, HEED_ERR_FILE, "%s: %s: %s", heed_quote(shown, sizeof shown, path, strlen(path)),
                     what, strerror(reason));
}

/* A link of that name is no folder: what it points to is somebody else's. */
void heed_new_folder_remove(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct dirent *entry;
    DIR *open_folder = fd >= 0 ? fdopendir(fd) : NULL;

    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(fd, entry->d_name, 0);
    }
    if (open_folder != NULL)
        closedir(open_folder);
    else if (fd >= 0)
        close(fd);
    rmdir(path);
}

/* path without slashes at its end, and through links where it exists. */
static heed_status resolve(heed_new_folder *f, const char *path, heed_error *err)
{
    size_t n = strlen(path);
    char *real = realpath(path, NULL);
    int written;

    while (n > 1 && path[n - 1] == '/')
        n--;
    written = real != NULL ? snprintf(f->target, sizeof f->target, "%s", real)
                           : snprintf(f->target, sizeof f->target, "%.*s", (int)n, path);
    free(real);
    if (n == 0 || written >= (int)sizeof f->target)
        return fail_path(err, path, "cannot be made", n == 0 ? ENOENT : ENAMETOOLONG);
    if (heed_file_exists(f->target) && !heed_file_is_folder(f->target))
        return fail_path(err, path, "cannot be made", ENOTDIR);
    return HEED_OK;
}

/* The folder that the target lies in. */
static void parent_of(char out[HEED_NEW_FOLDER_PATH], const char *target)
{
    const char *slash = strrchr(target, '/');

    if (slash == NULL)
        snprintf(out, HEED_NEW_FOLDER_PATH, ".");
    else
        snprintf(out, HEED_NEW_FOLDER_PATH, "%.*s", slash == target ? 1 : (int)(slash - target), target);
}

/* Opens the folder with the lock of its writer; -1 when another has it. */
static int lock_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Folders that killed processes have left beside the target. */
static void sweep(const char *parent, const char *target)
{
    const char *slash = strrchr(target, '/'), *name = slash != NULL ? slash + 1 : target;
    char full[HEED_NEW_FOLDER_PATH];
    const struct dirent *entry;
    DIR *open_folder = opendir(parent);
    int lock;

    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (!heed_file_is_temporary(entry->d_name, name) ||
            heed_path_join(full, sizeof full, parent, entry->d_name, NULL) != HEED_OK)
            continue;
        lock = lock_folder(full);
        if (lock >= 0) {
            heed_new_folder_remove(full);
            close(lock);
        }
    }
    if (open_folder != NULL)
        closedir(open_folder);
}

/* Makes the folder beside the target; false with errno set. Another's sweep may come before the lock: then once more. */
static bool make_beside(heed_new_folder *f)
{
    for (int attempt = 0; attempt < N_NAMES_TRIED; attempt++) {
        if (!heed_file_temporary_name(f->beside, sizeof f->beside, f->target, attempt))
            return false;
        if (mkdir(f->beside, 0777) != 0) {
            if (errno == EEXIST)
                continue;
            return false;
        }
        f->lock = lock_folder(f->beside);
        if (f->lock >= 0 && heed_file_is_folder(f->beside))
            return true;
        if (f->lock >= 0)
            close(f->lock);
    }
    errno = EEXIST;
    return false;
}

heed_status heed_new_folder_begin(heed_new_folder *f, const char *path, heed_error *err)
{
    char parent[HEED_NEW_FOLDER_PATH];
    heed_status status;

    *f = (heed_new_folder){.beside = "", .lock = -1};
    status = resolve(f, path, err);
    if (status != HEED_OK)
        return status;
    parent_of(parent, f->target);
    status = heed_folder_make(parent, err);
    if (status != HEED_OK)
        return status;
    sweep(parent, f->target);
    if (make_beside(f))
        return HEED_OK;
    f->beside[0] = '\0';
    return fail_path(err, path, "cannot be made", errno);
}

/* Renames the new folder to the target; the old one, if there is one, then has the name beside. */
static bool change_places(const heed_new_folder *f)
{
    char old[HEED_NEW_FOLDER_PATH];

    if (rename(f->beside, f->target) == 0) /* nothing was there, or an empty folder */
        return true;
#ifdef RENAME_EXCHANGE
    if (renameat2(AT_FDCWD, f->beside, AT_FDCWD, f->target, RENAME_EXCHANGE) == 0)
        return true;
#endif
    if (!heed_file_temporary_name(old, sizeof old, f->target, N_NAMES_TRIED) || rename(f->target, old) != 0)
        return false;
    if (rename(f->beside, f->target) != 0) {
        const int reason = errno;
        if (rename(old, f->target) != 0)
            errno = reason;
        return false;
    }
    return rename(old, f->beside) == 0;
}

heed_status heed_new_folder_commit(heed_new_folder *f, heed_error *err)
{
    char parent[HEED_NEW_FOLDER_PATH];
    heed_status status = heed_folder_sync(f->beside, err);

    if (status != HEED_OK)
        return status;
    if (!change_places(f))
        return fail_path(err, f->target, "cannot be put in its place", errno);
    parent_of(parent, f->target);
    status = heed_folder_sync(parent, err);
    heed_new_folder_abandon(f); /* what lies beside now is the old one */
    return status;
}

void heed_new_folder_abandon(heed_new_folder *f)
{
    if (f->beside[0] == '\0')
        return;
    heed_new_folder_remove(f->beside);
    f->beside[0] = '\0';
    close(f->lock);
}
