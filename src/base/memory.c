/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/memory.h"

#include "base/cgroup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* Only counted up, and only read by who measures. */
static _Thread_local int64_t n_asked;

int64_t heed_memory_asked(void)
{
    return n_asked;
}

bool heed_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool heed_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

size_t heed_size_align(size_t bytes)
{
    return (bytes + HEED_ALIGNMENT - 1) & ~(HEED_ALIGNMENT - 1);
}

/* ---- big blocks ---- */

size_t heed_memory_block_bytes(size_t bytes)
{
    const size_t page = bytes >= HUGE_PAGE ? HUGE_PAGE : (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded;

    if (!heed_size_add(bytes ? bytes : 1, page - 1, &rounded))
        return 0;
    return rounded & ~(page - 1);
}

static char *map_bytes(size_t bytes)
{
    void *block;

    n_asked++;
    block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return block == MAP_FAILED ? NULL : block;
}

void *heed_memory_reserve(size_t bytes)
{
    const size_t size = heed_memory_block_bytes(bytes);
    size_t head, mapped;
    char *block;

    if (size == 0)
        return NULL;
    if (bytes < HUGE_PAGE)
        return map_bytes(size);
    /* One huge page more than needed always holds an aligned block; both ends are given back. */
    if (!heed_size_add(size, HUGE_PAGE, &mapped))
        return NULL;
    block = map_bytes(mapped);
    if (!block)
        return NULL;
    head = (HUGE_PAGE - ((uintptr_t)block & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
    if (head > 0)
        munmap(block, head);
    munmap(block + head + size, mapped - head - size);
    block += head;
#ifdef MADV_HUGEPAGE
    madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
}

void *heed_memory_reserve_sparse(size_t bytes)
{
    const size_t size = heed_memory_block_bytes(bytes);
    char *block = size != 0 ? map_bytes(size) : NULL;

#ifdef MADV_NOHUGEPAGE
    if (block != NULL)
        madvise(block, size, MADV_NOHUGEPAGE);
#endif
    return block;
}

void heed_memory_release(void *block, size_t bytes)
{
    if (block)
        munmap(block, heed_memory_block_bytes(bytes));
}

/* ---- what the system has ---- */

/* The number behind "Key:" of a file of the kernel such as /proc/meminfo, in bytes; SIZE_MAX when missing. */
static size_t read_kb(const char *path, const char *key)
{
    char text[8192];
    const char *line;

    if (!heed_kernel_file_read(path, text, sizeof(text)))
        return SIZE_MAX;
    line = strstr(text, key);
    return line ? (size_t)strtoull(line + strlen(key), NULL, 10) * 1024 : SIZE_MAX;
}

/* Room below the limit on the address space (ulimit -v). */
static size_t address_space_left(void)
{
    struct rlimit limit;
    size_t used;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    used = read_kb("/proc/self/status", "VmSize:");
    if (used == SIZE_MAX)
        return SIZE_MAX;
    return used >= limit.rlim_cur ? 0 : (size_t)limit.rlim_cur - used;
}

size_t heed_memory_available(void)
{
    const size_t bounds[] = {
        read_kb("/proc/meminfo", "MemAvailable:"),
        heed_cgroup_memory_available(),
        address_space_left(),
    };
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        least = bounds[i] < least ? bounds[i] : least;
    return least;
}

size_t heed_memory_resident(void)
{
    const size_t bytes = read_kb("/proc/self/status", "VmRSS:");

    return bytes == SIZE_MAX ? 0 : bytes;
}

/* VmHWM comes first: ru_maxrss is inherited from the program that started this one. */
size_t heed_memory_peak(void)
{
    const size_t bytes = read_kb("/proc/self/status", "VmHWM:");
    struct rusage usage;

    if (bytes != SIZE_MAX)
        return bytes;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
#ifdef __APPLE__
    return (size_t)usage.ru_maxrss;
#else
    return (size_t)usage.ru_maxrss * 1024;
#endif
}

/* ---- arena ---- */

/* A chunk is a header of one cache line and the bytes behind it. */
typedef struct chunk {
    struct chunk *next;
    size_t size, used; /* of the bytes behind the header */
} chunk;

struct heed_arena {
    chunk *first; /* the newest chunk; only it has room */
};

enum { CHUNK_BYTES = 64 * 1024 };

heed_arena *heed_arena_create(void)
{
    return calloc(1, sizeof(heed_arena));
}

void heed_arena_destroy(heed_arena *arena)
{
    if (!arena)
        return;
    for (chunk *next, *c = arena->first; c; c = next) {
        next = c->next;
        free(c);
    }
    free(arena);
}

static bool add_chunk(heed_arena *arena, size_t bytes)
{
    const size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    chunk *c = NULL;

    if (size > SIZE_MAX / 2 || posix_memalign((void **)&c, HEED_ALIGNMENT, HEED_ALIGNMENT + size) != 0)
        return false;
    n_asked++;
    *c = (chunk){.next = arena->first, .size = size};
    arena->first = c;
    return true;
}

void *heed_arena_alloc(heed_arena *arena, size_t bytes)
{
    const size_t size = bytes > SIZE_MAX / 2 ? 0 : heed_size_align(bytes ? bytes : 1);
    char *block;

    if (size == 0)
        return NULL;
    if (!arena->first || arena->first->size - arena->first->used < size) {
        if (!add_chunk(arena, size))
            return NULL;
    }
    block = (char *)arena->first + HEED_ALIGNMENT + arena->first->used;
    arena->first->used += size;
    return memset(block, 0, size);
}

char *heed_arena_format(heed_arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int n;

    va_start(arguments, format);
    n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = n < 0 ? NULL : heed_arena_alloc(arena, (size_t)n + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)n + 1, format, arguments);
    va_end(arguments);
    return text;
}
