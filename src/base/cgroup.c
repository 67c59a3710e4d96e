/* SPDX-License-Identifier: MIT */
#include "base/cgroup.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, TEXT_BYTES = 8192 };

bool heed_kernel_file_read(const char *path, char *text, size_t size)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;

    if (file < 0)
        return false;
    while (n < size - 1) {
        const ssize_t got = read(file, text + n, size - 1 - n);

        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(file);
    text[n] = '\0';
    return n > 0;
}

/* The number in file `name` of the group's folder; UINT64_MAX for "max", "-1" and whatever is not there. */
static uint64_t read_number(const char *group, const char *name)
{
    char path[PATH_BYTES + 64], text[64];

    snprintf(path, sizeof(path), "%s/%s", group, name);
    if (!heed_kernel_file_read(path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
        return UINT64_MAX;
    return strtoull(text, NULL, 10);
}

/* The number behind `key` in a file of lines "key number"; 0 when missing. */
static uint64_t read_key(const char *group, const char *name, const char *key)
{
    char path[PATH_BYTES + 64], text[TEXT_BYTES];
    const size_t n = strlen(key);

    snprintf(path, sizeof(path), "%s/%s", group, name);
    if (!heed_kernel_file_read(path, text, sizeof(text)))
        return 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n + 1, NULL, 10);
    }
    return 0;
}

/* True when `name` is one of the comma-separated words in list[0 .. n-1]. */
static bool has_word(const char *list, size_t n, const char *name)
{
    const size_t length = strlen(name);

    for (size_t i = 0; i + length <= n; i++) {
        const bool starts = i == 0 || list[i - 1] == ',';
        const bool ends = i + length == n || list[i + length] == ',';

        if (starts && ends && memcmp(list + i, name, length) == 0)
            return true;
    }
    return false;
}

/*
 * Our group's folder below `mount`, from the lines "id:controllers:/path" of /proc/self/cgroup; version 2 has
 * no controllers there. Inside a container the path may be that of the host and not exist: the mount itself
 * is then our group. Returns false when no line names the controller.
 */
static bool find_group(char *group, size_t size, const char *mount, const char *controller)
{
    char text[TEXT_BYTES];
    const size_t wanted = strlen(controller);

    if (!heed_kernel_file_read("/proc/self/cgroup", text, sizeof(text)))
        return false;
    for (char *line = text, *end; *line; line = end) {
        const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

        end = line + strcspn(line, "\n");
        if (path && path < end) {
            const size_t n = (size_t)(path - list - 1);

            if (wanted ? has_word(list + 1, n, controller) : n == 0) {
                snprintf(group, size, "%s%.*s", mount, (int)(end - path - 1), path + 1);
                if (access(group, R_OK) != 0)
                    snprintf(group, size, "%s", mount);
                return true;
            }
        }
        end += *end == '\n';
    }
    return false;
}

/* Cuts the last folder off the group's path; false when the mount itself was reached. */
static bool to_parent(char *group, const char *mount)
{
    char *slash = strrchr(group, '/');

    if (!slash || slash < group + strlen(mount))
        return false;
    *slash = '\0';
    return true;
}

static size_t memory_left(const char *group, const char *limit_file, const char *used_file, const char *prefix)
{
    const uint64_t limit = read_number(group, limit_file), used = read_number(group, used_file);
    char key[32];
    uint64_t cache;

    /* version 1 writes "no limit" as a number near 2^63 */
    if (limit >= (uint64_t)1 << 62 || used == UINT64_MAX)
        return SIZE_MAX;
    snprintf(key, sizeof(key), "%sactive_file", prefix);
    cache = read_key(group, "memory.stat", key);
    snprintf(key, sizeof(key), "%sinactive_file", prefix);
    cache += read_key(group, "memory.stat", key);
    if (cache > used)
        cache = used;
    return used - cache >= limit ? 0 : (size_t)(limit - (used - cache));
}

size_t heed_cgroup_memory_available(void)
{
    const char *v2 = "/sys/fs/cgroup", *v1 = "/sys/fs/cgroup/memory";
    char group[PATH_BYTES];
    size_t least = SIZE_MAX;

    if (find_group(group, sizeof(group), v1, "memory")) {
        do {
            const size_t left = memory_left(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_");

            least = left < least ? left : least;
        } while (to_parent(group, v1));
    }
    if (find_group(group, sizeof(group), v2, "")) {
        do {
            const size_t left = memory_left(group, "memory.max", "memory.current", "");

            least = left < least ? left : least;
        } while (to_parent(group, v2));
    }
    return least;
}

/* ceil(quota / period) as a number of processors; 0 without a limit. */
static int processors(uint64_t quota, uint64_t period)
{
    uint64_t n;

    if (quota == UINT64_MAX || period == UINT64_MAX || period == 0)
        return 0;
    n = quota / period + (quota % period != 0);
    return n < 1 ? 1 : n > 1 << 16 ? 1 << 16 : (int)n;
}

/* "quota period" in microseconds, or "max period". */
static int processors_v2(const char *group)
{
    char path[PATH_BYTES + 64], text[64], *end;
    uint64_t quota;

    snprintf(path, sizeof(path), "%s/cpu.max", group);
    if (!heed_kernel_file_read(path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
        return 0;
    quota = strtoull(text, &end, 10);
    return processors(quota, strtoull(end, NULL, 10));
}

static int fewer(int a, int b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

int heed_cgroup_processors(void)
{
    const char *v2 = "/sys/fs/cgroup", *v1 = "/sys/fs/cgroup/cpu";
    char group[PATH_BYTES];
    int least = 0;

    if (find_group(group, sizeof(group), v1, "cpu")) {
        do
            least = fewer(least, processors(read_number(group, "cpu.cfs_quota_us"),
                                            read_number(group, "cpu.cfs_period_us")));
        while (to_parent(group, v1));
    }
    if (find_group(group, sizeof(group), v2, "")) {
        do
            least = fewer(least, processors_v2(group));
        while (to_parent(group, v2));
    }
    return least;
}
