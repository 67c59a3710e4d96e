/* SPDX-License-Identifier: MIT */
/*
 * Files on POSIX systems.
 *
 * A write goes, where the system has O_TMPFILE, to a file without any name, which vanishes by itself
 * when the process is killed; it gets its temporary name only when complete. Elsewhere it goes to
 * "name.PID-N.tmp" beside the target from the start. A symbolic link is followed, so the link stays.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE */
#endif
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define PATH_SIZE     4096 /* longest path handled, with its zero */
#define SHOWN_SIZE    256  /* longest path shown in a message */
#define N_NAMES_TRIED 64   /* temporary names of dead processes that may lie around */

static heed_status fail_path(heed_error *err, const char *path, const char *what, int reason)
{
    char shown[SHOWN_SIZE];

    return heed_fail(err, HEED_ERR_FILE, "%s: %s: %s", heed_quote(shown, sizeof shown, path, strlen(path)),
                     what, strerror(reason));
}

heed_status heed_file_open(heed_file *file, const char *path, heed_error *err)
{
    heed_status status = HEED_OK;
    struct stat info;
    char shown[SHOWN_SIZE];
    /* Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *file = (heed_file){0};
    if (fd < 0 || fstat(fd, &info) != 0) {
        status = fail_path(err, path, "cannot be opened", errno);
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        heed_quote(shown, sizeof shown, path, strlen(path));
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected a file, got %s", shown,
                           S_ISDIR(info.st_mode) ? "a folder" : "something else (a pipe or a device)");
        goto cleanup;
    }
    if (info.st_size == 0) {
        file->data = "";
        goto cleanup;
    }
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        status = fail_path(err, path, "cannot be mapped", errno);
        goto cleanup;
    }
    file->data = data;
    file->size = (size_t)info.st_size;

cleanup:
    if (fd >= 0)
        close(fd);
    return status;
}

void heed_file_close(heed_file *file)
{
    if (file->size > 0)
        munmap((void *)(uintptr_t)file->data, file->size);
    *file = (heed_file){0};
}

void heed_file_expect_little(const heed_file *file, bool little)
{
    if (file->size > 0)
        posix_madvise((void *)(uintptr_t)file->data, file->size,
                      little ? POSIX_MADV_RANDOM : POSIX_MADV_NORMAL);
}

void heed_file_let_go(const void *data, size_t size)
{
#ifdef MADV_DONTNEED /* posix_madvise() knows the word but does nothing */
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) / page * page,
                    end = ((uintptr_t)data + size) / page * page;

    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
#else
    (void)data;
    (void)size;
#endif
}

/* Where a page is read, systems bring its neighbours along; none reaches further than this. */
#define NEIGHBOURS ((size_t)1 << 21)

void heed_file_let_go_around(const heed_file *file, const void *data, size_t size)
{
    const size_t at = (size_t)((const char *)data - file->data), end = at + size;
    const size_t from = at / NEIGHBOURS * NEIGHBOURS, to = (end + NEIGHBOURS - 1) / NEIGHBOURS * NEIGHBOURS;

    if (file->size == 0)
        return;
    if (to < file->size) {
        heed_file_let_go(file->data + from, to - from);
    } else { /* the last page is mapped as a whole, and what is behind it is not the file's */
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        heed_file_let_go(file->data + from, (file->size + page - 1) / page * page - from);
    }
}

/* The folder part of path: "." for a bare name, "/" for a name in the root. */
static bool folder_of(char *out, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (length + 2 > size)
        return false;
    if (slash == NULL)
        return snprintf(out, size, ".") > 0;
    memcpy(out, path, length);
    out[length] = '\0';
    return true;
}

struct heed_file_sink {
    int fd;
    size_t written;
    int reason; /* errno of what failed, 0: nothing did */
};

static bool write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        const ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = EIO;
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

bool heed_file_put(heed_file_sink *sink, const void *data, size_t size)
{
    if (sink->reason == 0 && !write_all(sink->fd, data, size))
        sink->reason = errno;
    sink->written += size;
    return sink->reason == 0;
}

bool heed_file_put_first(heed_file_sink *sink, const void *data, size_t size)
{
    const char *at = data;

    for (size_t done = 0; done < size && sink->reason == 0;) {
        const ssize_t n = pwrite(sink->fd, at + done, size - done, (off_t)done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            sink->reason = n == 0 ? EIO : errno;
    }
    return sink->reason == 0;
}

size_t heed_file_sink_bytes(const heed_file_sink *sink)
{
    return sink->written;
}

static bool sync_all(int fd)
{
    while (fsync(fd) != 0)
        if (errno != EINTR)
            return errno == EINVAL || errno == ENOTSUP; /* a file system that has no fsync is no failure */
    return true;
}

bool heed_file_temporary_name(char *out, size_t size, const char *target, int attempt)
{
    const int n = snprintf(out, size, "%s.%ld-%d.tmp", target, (long)getpid(), attempt);

    errno = ENAMETOOLONG;
    return n > 0 && (size_t)n < size;
}

/* A file without a name in the target's folder, or -1 where the system cannot do that. */
static int open_nameless(const char *folder)
{
#ifdef O_TMPFILE
    if (access("/proc/self/fd", X_OK) == 0)
        return open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#endif
    (void)folder;
    return -1;
}

static int open_named(char *name, const char *target)
{
    for (int attempt = 0; attempt < N_NAMES_TRIED; attempt++) {
        if (!heed_file_temporary_name(name, PATH_SIZE, target, attempt))
            break;
        const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            break;
    }
    name[0] = '\0';
    return -1;
}

static bool give_name(int fd, char *name, const char *target)
{
    char source[64];

    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    for (int attempt = 0; attempt < N_NAMES_TRIED; attempt++) {
        if (!heed_file_temporary_name(name, PATH_SIZE, target, attempt))
            break;
        if (linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    name[0] = '\0';
    return false;
}

/* Flushes, names and renames what lies in fd; false with errno set. name tells the caller what to unlink ("" for nothing). */
static bool publish(int fd, bool nameless, char *name, const char *target, const struct stat *old)
{
    /* A failing chmod (a FAT disk, say) only loses the old permissions. */
    if (old != NULL && fchmod(fd, old->st_mode & 0777) != 0)
        errno = 0;
    if (!sync_all(fd))
        return false;
    if (nameless && !give_name(fd, name, target))
        return false;
    if (rename(name, target) != 0)
        return false;
    name[0] = '\0';
    return true;
}

/* Finds the file that path means: through links when it exists. old is filled and *exists set. */
static heed_status resolve(const char *path, char target[PATH_SIZE], struct stat *old, bool *exists,
                           heed_error *err)
{
    char shown[SHOWN_SIZE];

    *exists = stat(path, old) == 0;
    heed_quote(shown, sizeof shown, path, strlen(path));
    if (*exists && !S_ISREG(old->st_mode))
        return heed_fail(err, HEED_ERR_FILE, "%s: cannot be written: it is %s", shown,
                         S_ISDIR(old->st_mode) ? "a folder" : "not an ordinary file");
    if (path[0] == '\0' || strlen(path) >= PATH_SIZE)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a path of 1 to %d bytes, got %zu", shown,
                         PATH_SIZE - 1, strlen(path));
    if (*exists) {
        char *real = realpath(path, NULL);

        if (real == NULL || strlen(real) >= PATH_SIZE) {
            free(real);
            return fail_path(err, path, "cannot be resolved", errno);
        }
        snprintf(target, PATH_SIZE, "%s", real);
        free(real);
    } else {
        snprintf(target, PATH_SIZE, "%s", path);
    }
    return HEED_OK;
}

static heed_status fail_write(const char *path, size_t total, int reason, bool exists, heed_error *err)
{
    char shown[SHOWN_SIZE];

    return heed_fail(err, HEED_ERR_FILE, "%s: %zu bytes cannot be written: %s%s",
                     heed_quote(shown, sizeof shown, path, strlen(path)), total, strerror(reason),
                     exists ? " (the earlier file is kept)" : "");
}

heed_status heed_file_write_from(const char *path, size_t total, heed_file_fill_fn *fill, void *context,
                                 heed_error *err)
{
    char target[PATH_SIZE], folder[PATH_SIZE], name[PATH_SIZE] = "";
    struct stat old;
    bool exists = false, nameless;
    heed_file_sink sink = {.fd = -1};
    heed_status status = resolve(path, target, &old, &exists, err);

    if (status != HEED_OK)
        return status;
    if (!folder_of(folder, sizeof folder, target))
        return fail_path(err, path, "cannot be written", ENAMETOOLONG);
    sink.fd = open_nameless(folder);
    nameless = sink.fd >= 0;
    if (!nameless)
        sink.fd = open_named(name, target);
    if (sink.fd < 0)
        return fail_write(path, total, errno, exists, err);
    status = fill(context, &sink, err);
    if (sink.reason != 0)
        status = fail_write(path, total, sink.reason, exists, err);
    else if (status == HEED_OK && !publish(sink.fd, nameless, name, target, exists ? &old : NULL))
        status = fail_write(path, total, errno, exists, err);
    if (status == HEED_OK)
        status = heed_folder_sync(folder, err);
    if (name[0] != '\0')
        unlink(name);
    close(sink.fd);
    return status;
}

/* Pieces that lie in memory. */
typedef struct piece_list {
    const heed_bytes *pieces;
    size_t n;
} piece_list;

static heed_status put_pieces(void *context, heed_file_sink *sink, heed_error *err)
{
    const piece_list *list = context;

    (void)err;
    for (size_t i = 0; i < list->n; i++)
        if (!heed_file_put(sink, list->pieces[i].data, list->pieces[i].size))
            return HEED_ERR_FILE;
    return HEED_OK;
}

heed_status heed_file_write(const char *path, const heed_bytes *pieces, size_t n_pieces, heed_error *err)
{
    piece_list list = {pieces, n_pieces};
    size_t total = 0;

    for (size_t i = 0; i < n_pieces; i++)
        total += pieces[i].size;
    return heed_file_write_from(path, total, put_pieces, &list, err);
}

/* The process in a temporary name "NAME.PID-N.tmp", 0 for any other name. */
static long writer_of(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    long pid = 0;
    int attempt = 0, end = 0;

    if (strncmp(entry, name, length) != 0 ||
        sscanf(entry + length, ".%ld-%d.tmp%n", &pid, &attempt, &end) != 2 || end == 0 ||
        entry[length + (size_t)end] != '\0' || pid <= 0)
        return 0;
    return pid;
}

bool heed_file_is_temporary(const char *entry, const char *name)
{
    return writer_of(entry, name) > 0;
}

/* Its process is gone, or is this one, which is not writing now. */
static bool is_left_over(const char *entry, const char *name)
{
    const long pid = writer_of(entry, name);

    return pid > 0 && (pid == (long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH));
}

void heed_file_sweep(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char folder[PATH_SIZE], full[PATH_SIZE];
    const struct dirent *entry;
    DIR *open_folder = folder_of(folder, sizeof folder, path) ? opendir(folder) : NULL;

    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        if (is_left_over(entry->d_name, name) &&
            heed_path_join(full, sizeof full, folder, entry->d_name, NULL) == HEED_OK)
            unlink(full);
    }
    if (open_folder != NULL)
        closedir(open_folder);
}

bool heed_file_exists(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0;
}

bool heed_file_is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

heed_status heed_folder_make(const char *path, heed_error *err)
{
    char part[PATH_SIZE];
    const size_t length = strlen(path);

    if (length == 0 || length >= sizeof part)
        return fail_path(err, path, "cannot be made", length == 0 ? ENOENT : ENAMETOOLONG);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        const char here = part[i];
        part[i] = '\0';
        const int reason = mkdir(part, 0777) == 0 ? 0 : errno;
        if (reason != 0 && !heed_file_is_folder(part))
            return fail_path(err, part, "cannot be made", reason == EEXIST ? ENOTDIR : reason);
        part[i] = here;
    }
    return HEED_OK;
}

heed_status heed_folder_sync(const char *path, heed_error *err)
{
    heed_status status = HEED_OK;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd <
        0) /* a folder that may be written but not listed cannot be flushed; its files are complete all the same */
        return errno == EACCES ? HEED_OK : fail_path(err, path, "cannot be opened", errno);
    if (!sync_all(fd))
        status = fail_path(err, path, "cannot be flushed to the disk", errno);
    close(fd);
    return status;
}

heed_status heed_path_join(char *out, size_t size, const char *folder, const char *name, heed_error *err)
{
    const size_t length = strlen(folder);
    const char *slash = length == 0 || folder[length - 1] == '/' ? "" : "/";
    const int n = snprintf(out, size, "%s%s%s", folder, slash, name);

    if (n < 0 || (size_t)n >= size) {
        char shown[SHOWN_SIZE], shown_name[64];
        return heed_fail(err, HEED_ERR_USAGE, "%s: the path with %s is longer than %zu bytes",
                         heed_quote(shown, sizeof shown, folder, length),
                         heed_quote(shown_name, sizeof shown_name, name, strlen(name)), size);
    }
    return HEED_OK;
}
