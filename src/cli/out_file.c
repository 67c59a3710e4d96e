/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_TMPFILE */
#endif
#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

#define BUFFER_BYTES ((size_t)1 << 18)

static heed_status cannot(const heed_cli_out *out, const char *what, heed_error *err)
{
    return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be %s: %s", out->path, what, strerror(errno));
}

/* A file without a name in the folder of path, or -1. */
static int open_nameless(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096] = ".";

    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
#ifdef O_TMPFILE
    if (access("/proc/self/fd", X_OK) == 0)
        return open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#endif
    return -1;
}

heed_status heed_cli_out_check(const char *path, bool force, heed_error *err)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return HEED_OK;
    if (S_ISDIR(info.st_mode))
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected a file's name, this is a folder", path);
    if (force)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE, "%.300s: there is a file already; --force writes over it", path);
}

heed_status heed_cli_out_open(heed_cli_out *out, const char *path, bool force, heed_error *err)
{
    const heed_status status = heed_cli_out_check(path, force, err);

    *out = (heed_cli_out){.path = path, .fd = -1, .force = force};
    if (status != HEED_OK)
        return status;
    if (snprintf(out->name, sizeof out->name, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof out->name)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%.300s...: the path is too long", path);
    out->buffer = malloc(BUFFER_BYTES);
    if (out->buffer == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory to write %.300s", path);
    out->fd = open_nameless(path);
    if (out->fd >= 0)
        out->name[0] = '\0';
    else
        out->fd = open(out->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out->fd >= 0)
        return HEED_OK;
    out->name[0] = '\0';
    free(out->buffer);
    out->buffer = NULL;
    return cannot(out, "made", err);
}

static heed_status write_all(heed_cli_out *out, const char *bytes, size_t n, heed_error *err)
{
    while (n > 0) {
        const ssize_t written = write(out->fd, bytes, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return cannot(out, "written", err);
        bytes += written;
        n -= (size_t)written;
    }
    return HEED_OK;
}

static heed_status write_buffer(heed_cli_out *out, heed_error *err)
{
    const size_t n = out->n;

    out->n = 0;
    return write_all(out, out->buffer, n, err);
}

heed_status heed_cli_out_put(heed_cli_out *out, const void *bytes, size_t n, heed_error *err)
{
    heed_status status = HEED_OK;

    if (n > BUFFER_BYTES - out->n)
        status = write_buffer(out, err);
    if (status == HEED_OK && n > BUFFER_BYTES)
        return write_all(out, bytes, n, err);
    if (status == HEED_OK && n > 0) {
        memcpy(out->buffer + out->n, bytes, n);
        out->n += n;
    }
    return status;
}

/* Gives the whole file its name. Without force it takes no other file's place, not even one made a moment ago. */
static bool give_name(heed_cli_out *out)
{
    char source[64], meanwhile[sizeof out->name];

    snprintf(source, sizeof source, "/proc/self/fd/%d", out->fd);
    if (out->name[0] == '\0' && !out->force)
        return linkat(AT_FDCWD, source, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) == 0;
    if (out->name[0] == '\0') {
        snprintf(meanwhile, sizeof meanwhile, "%s.%ld.tmp", out->path, (long)getpid());
        if (linkat(AT_FDCWD, source, AT_FDCWD, meanwhile, AT_SYMLINK_FOLLOW) != 0)
            return false;
        memcpy(out->name, meanwhile, sizeof meanwhile);
    }
    if (!out->force)
        return link(out->name, out->path) == 0;
    if (rename(out->name, out->path) != 0)
        return false;
    out->name[0] = '\0';
    return true;
}

heed_status heed_cli_out_close(heed_cli_out *out, heed_status status, heed_error *err)
{
    if (out->fd < 0)
        return status;
    if (status == HEED_OK)
        status = write_buffer(out, err);
    if (status == HEED_OK && fsync(out->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = cannot(out, "written", err);
    if (status == HEED_OK && !give_name(out))
        status = cannot(out, "given its name", err);
    if (out->name[0] != '\0')
        unlink(out->name);
    close(out->fd);
    free(out->buffer);
    out->fd = -1;
    out->buffer = NULL;
    return status;
}
