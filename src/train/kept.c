/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_NOFOLLOW, O_DIRECTORY */
#endif
#include "train/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "train/trainer.h"

/* Also under the temporary name of a process that died while it wrote. */
static bool is_known(const char *name)
{
    for (int i = 0; i < HEED_N_CHECKPOINT_FILES; i++) {
        const char *known = heed_checkpoint_files[i];
        if (strcmp(name, known) == 0 || heed_file_is_temporary(name, known))
            return true;
    }
    return false;
}

static heed_kept look_inside(DIR *folder, char *what)
{
    const struct dirent *entry;
    struct stat info;

    while ((entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (is_known(name) && fstatat(dirfd(folder), name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
             !S_ISDIR(info.st_mode)))
            continue;
        if (what != NULL)
            heed_quote(what, HEED_KEPT_NAME_BYTES, name, strlen(name));
        return HEED_KEPT_USED;
    }
    return HEED_KEPT_ITS_OWN;
}

heed_kept heed_kept_look(const char *path, char what[HEED_KEPT_NAME_BYTES])
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    DIR *folder = NULL;
    heed_kept kept = HEED_KEPT_USED;

    if (what != NULL)
        snprintf(what, HEED_KEPT_NAME_BYTES, "%s", "something");
    if (fd < 0 && errno == ENOENT)
        return HEED_KEPT_NOTHING;
    if (fd < 0)
        return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? HEED_KEPT_USED : HEED_KEPT_OTHER;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        if (what != NULL)
            snprintf(what, HEED_KEPT_NAME_BYTES, "%s", "the run of another process");
    } else {
        folder = fdopendir(fd);
        if (folder != NULL)
            kept = look_inside(folder, what);
    }
    if (folder != NULL)
        closedir(folder);
    else
        close(fd);
    return kept;
}

heed_status heed_kept_check_place(const char *path, heed_error *err)
{
    char shown[256], what[HEED_KEPT_NAME_BYTES];
    const heed_kept kept = heed_kept_look(path, what);

    heed_quote(shown, sizeof shown, path, strlen(path));
    if (kept == HEED_KEPT_OTHER)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: a folder is to be kept there, and a link or a file has the name; move it away",
                         shown);
    if (kept == HEED_KEPT_USED)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: holds %s, which is no file of a kept model, so it is not replaced; move it away",
                         shown, what);
    return HEED_OK;
}
