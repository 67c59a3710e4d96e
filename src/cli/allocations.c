/* SPDX-License-Identifier: MIT */
/*
 * meson.build links the program with --wrap=malloc and the others: whoever in it says malloc() calls __wrap_malloc() below, and
 * __real_malloc() is the C library's. Shared libraries keep their own calls. A count costs an addition.
 */
#define _GNU_SOURCE
#include "cli/allocations.h"

#ifdef HEED_COUNTS_ALLOCATIONS
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
int __real_posix_memalign(void **p, size_t alignment, size_t n);
void *__real_mmap(void *p, size_t n, int protection, int flags, int fd, off_t offset);
void *__real_mmap64(void *p, size_t n, int protection, int flags, int fd, int64_t offset);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
int __wrap_posix_memalign(void **p, size_t alignment, size_t n);
void *__wrap_mmap(void *p, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *p, size_t n, int protection, int flags, int fd, int64_t offset);

static atomic_llong n_asked;

static void note(void)
{
    atomic_fetch_add_explicit(&n_asked, 1, memory_order_relaxed);
}

void *__wrap_malloc(size_t n)
{
    note();
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    note();
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    note();
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    note();
    return __real_aligned_alloc(alignment, n);
}

int __wrap_posix_memalign(void **p, size_t alignment, size_t n)
{
    note();
    return __real_posix_memalign(p, alignment, n);
}

void *__wrap_mmap(void *p, size_t n, int protection, int flags, int fd, off_t offset)
{
    note();
    return __real_mmap(p, n, protection, flags, fd, offset);
}

void *__wrap_mmap64(void *p, size_t n, int protection, int flags, int fd, int64_t offset)
{
    note();
    return __real_mmap64(p, n, protection, flags, fd, offset);
}

static int64_t count(void)
{
    return (int64_t)atomic_load_explicit(&n_asked, memory_order_relaxed);
}

heed_account_count_fn *heed_cli_allocation_counter(void)
{
    return count;
}
#else
heed_account_count_fn *heed_cli_allocation_counter(void)
{
    return NULL;
}
#endif
