/* SPDX-License-Identifier: MIT */
/* These functions take the place of the C library's, so nothing may rename them to their 64-bit twins. */
#undef _FILE_OFFSET_BITS
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "file_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static fault_kind armed;
static int strike, count, death; /* numbers of operations; death 0: none */
static const char *struck = "";

void fault_arm(fault_kind kind, int at)
{
    armed = kind;
    strike = at;
    count = death = 0;
    struck = "";
}

void fault_then_exit(int after)
{
    death = strike + after;
}

void fault_clear(void)
{
    fault_arm(FAULT_NONE, 0);
}

int fault_count(void)
{
    return count;
}

const char *fault_struck(void)
{
    return struck;
}

/* Counts one operation; true when it must fail. needs_room: a full disk stops it. */
static bool strikes(const char *what, bool needs_room)
{
    const bool now = ++count == strike, later = count > strike && armed == FAULT_FULL && needs_room;

    if (death > 0 && count == death)
        _exit(FAULT_EXIT_CODE);
    if (armed == FAULT_NONE || !(now || later))
        return false;
    if (struck[0] == '\0')
        struck = what;
    if (armed == FAULT_EXIT)
        _exit(FAULT_EXIT_CODE);
    errno = ENOSPC;
    return true;
}

static int open_counted(const char *path, int flags, int mode)
{
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0 && strikes("open", true))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    const int mode = mode_of(flags, args);
    va_end(args);
    return open_counted(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    const int mode = mode_of(flags, args);
    va_end(args);
    return open_counted(path, flags, mode);
}

/* Half of the bytes are written before the fault strikes. */
ssize_t write(int fd, const void *data, size_t n)
{
    if (armed != FAULT_NONE && count + 1 == strike && n > 1)
        syscall(SYS_write, fd, data, n / 2);
    return strikes("write", true) ? -1 : syscall(SYS_write, fd, data, n);
}

int fsync(int fd)
{
    return strikes("fsync", false) ? -1 : (int)syscall(SYS_fsync, fd);
}

int truncate(const char *path, off_t size)
{
    return strikes("truncate", false) ? -1 : (int)syscall(SYS_truncate, path, size);
}

int truncate64(const char *path, off64_t size)
{
    return strikes("truncate", false) ? -1 : (int)syscall(SYS_truncate, path, size);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    return strikes("linkat", true) ? -1 : (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    return strikes("link", true) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return strikes("renameat2", false) ? -1
                                       : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int rmdir(const char *path)
{
    return strikes("rmdir", false) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int rename(const char *from, const char *to)
{
    return strikes("rename", false) ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int folder, const char *path, int flags)
{
    return strikes("unlinkat", false) ? -1 : (int)syscall(SYS_unlinkat, folder, path, flags);
}

int ftruncate(int fd, off_t size)
{
    return strikes("ftruncate", false) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return strikes("ftruncate", false) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int unlink(const char *path)
{
    return strikes("unlink", false) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
