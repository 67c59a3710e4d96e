/* SPDX-License-Identifier: MIT */
/*
 * Memory in two forms.
 *
 * Big blocks (weights, the arena of a step) come from heed_memory_reserve(): zeroed, aligned to 2 MiB,
 * huge pages asked for, kept until released. Page faults are dear, so nothing is given back between steps.
 *
 * Small things that live and die together (the nodes of a graph) come from a heed_arena:
 *
 *     heed_arena *arena = heed_arena_create();
 *     char *name = heed_arena_format(arena, "blocks.%d", 3);
 *     heed_arena_destroy(arena);
 */
#ifndef HEED_BASE_MEMORY_H
#define HEED_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEED_ALIGNMENT ((size_t)64) /* of every tensor: one cache line, one AVX-512 register */

/** Zeroed bytes, aligned to 2 MiB when large; NULL when the system has not got them. bytes 0 gives a valid pointer. */
void *heed_memory_reserve(size_t bytes);
/**
 * The same for a block that is touched here and there (a cache of keys and values): in small pages, so that a touch costs 4
 * KB to be zeroed and not 2 MiB.
 */
void *heed_memory_reserve_sparse(size_t bytes);
/** Gives a block of either back; the same byte count must be passed. NULL is allowed. */
void heed_memory_release(void *block, size_t bytes);

/**
 * How many blocks, and chunks of arenas, this thread has been given so far: the same before and after what allocates
 * nothing. Of the thread alone, so that nobody waits for a count and others do not disturb it.
 */
int64_t heed_memory_asked(void);

/** What a block of so many bytes takes: whole pages, huge ones when it is large. 0: more than there can be. */
size_t heed_memory_block_bytes(size_t bytes);

/** Bytes of memory that this process may still take (free memory and limits of its group), or SIZE_MAX if unknown. */
size_t heed_memory_available(void);
/** Bytes that this process holds in memory now, and the most it ever held; 0 if unknown. */
size_t heed_memory_resident(void);
size_t heed_memory_peak(void);

/** *out = a * b, a + b; false on overflow (then *out is unspecified). */
bool heed_size_mul(size_t a, size_t b, size_t *out);
bool heed_size_add(size_t a, size_t b, size_t *out);
/** bytes rounded up to a multiple of HEED_ALIGNMENT. */
size_t heed_size_align(size_t bytes);

typedef struct heed_arena heed_arena;

heed_arena *heed_arena_create(void);        /* NULL: out of memory */
void heed_arena_destroy(heed_arena *arena); /* NULL is allowed */
/** Zeroed bytes that live as long as the arena; NULL when memory is out. */
void *heed_arena_alloc(heed_arena *arena, size_t bytes);
/** A formatted string in the arena; NULL when memory is out. */
char *heed_arena_format(heed_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
