/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static void reserved_memory_is_zeroed_aligned_and_writable(void **state)
{
    const size_t sizes[] = {0, 1, 4096, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 7 * MIB + 3};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *block = heed_memory_reserve(sizes[i]);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % (sizes[i] >= 2 * MIB ? 2 * MIB : HEED_ALIGNMENT), 0);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(block[k], 0);
            block[k] = 0xff;
        }
        heed_memory_release(block, sizes[i]);
    }
    heed_memory_release(NULL, 5);
}

static void reserving_more_than_any_machine_has_gives_null(void **state)
{
    (void)state;
    assert_null(heed_memory_reserve(SIZE_MAX));
    assert_null(heed_memory_reserve(SIZE_MAX - 2 * MIB));
    assert_null(heed_memory_reserve((size_t)1 << 62));
}

static void released_memory_leaves_nothing_behind(void **state)
{
    size_t before, after;

    (void)state;
    heed_memory_release(memset(heed_memory_reserve(8 * MIB), 1, 8 * MIB), 8 * MIB);
    before = heed_memory_resident();
    for (int i = 0; i < 20; i++)
        heed_memory_release(memset(heed_memory_reserve(8 * MIB), 1, 8 * MIB), 8 * MIB);
    after = heed_memory_resident();
    /* a leak would be 160 MiB; the counters of the kernel lag by a few pages a thread */
    assert_true(after < before + 8 * MIB);
}

static void peak_is_never_below_what_was_held(void **state)
{
    const size_t before = heed_memory_resident();
    char *block = heed_memory_reserve(32 * MIB);

    (void)state;
    if (before == 0)
        skip();
    memset(block, 1, 32 * MIB);
    assert_true(heed_memory_resident() >= before + 24 * MIB);
    heed_memory_release(block, 32 * MIB);
    assert_true(heed_memory_peak() >= before + 24 * MIB);
}

/* In a child, because a limit cannot be raised again. */
static void available_memory_obeys_the_address_space_limit(void **state)
{
    const size_t room = 64 * MIB;
    const pid_t child = fork();
    int status = -1;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        FILE *file = fopen("/proc/self/statm", "r");
        unsigned long pages = 0;
        struct rlimit limit;
        size_t available;

        if (!file || fscanf(file, "%lu", &pages) != 1)
            _exit(77);
        fclose(file);
        limit.rlim_cur = limit.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + room;
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            _exit(77);
        available = heed_memory_available();
        _exit(available > 0 && available <= room ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void available_memory_is_at_most_what_is_installed(void **state)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const size_t available = heed_memory_available();

    (void)state;
    assert_true(available > 0);
    if (available != SIZE_MAX && pages > 0)
        assert_true(available <= (size_t)pages * (size_t)sysconf(_SC_PAGESIZE));
}

static void size_arithmetic_reports_overflow(void **state)
{
    size_t out = 0;

    (void)state;
    assert_true(heed_size_mul(SIZE_MAX / 2, 2, &out));
    assert_true(out == SIZE_MAX - 1);
    assert_false(heed_size_mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(heed_size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(heed_size_add(SIZE_MAX, 1, &out));
    assert_int_equal(heed_size_align(0), 0);
    assert_int_equal(heed_size_align(1), 64);
    assert_int_equal(heed_size_align(64), 64);
    assert_int_equal(heed_size_align(65), 128);
}

static void arena_blocks_are_zeroed_aligned_and_apart(void **state)
{
    heed_arena *arena = heed_arena_create();
    unsigned char *blocks[300];

    (void)state;
    assert_non_null(arena);
    for (size_t i = 0; i < 300; i++) {
        const size_t bytes = i * i; /* up to 89 kB: more than a chunk at the end */

        blocks[i] = heed_arena_alloc(arena, bytes);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % HEED_ALIGNMENT, 0);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 251), bytes);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i * i; k++)
            assert_int_equal(blocks[i][k], i % 251);
    }
    assert_null(heed_arena_alloc(arena, SIZE_MAX));
    heed_arena_destroy(arena);
    heed_arena_destroy(NULL);
}

/* One a block; one a chunk, which many small things share. */
static void what_was_asked_for_is_counted(void **state)
{
    int64_t before = heed_memory_asked();
    heed_arena *arena = heed_arena_create();
    void *block = heed_memory_reserve(100);

    (void)state;
    assert_int_equal(heed_memory_asked() - before, 1);
    heed_memory_release(block, 100);
    assert_int_equal(heed_memory_asked() - before, 1);
    for (int i = 0; i < 100; i++)
        heed_arena_alloc(arena, 8);
    assert_int_equal(heed_memory_asked() - before, 2);
    heed_arena_alloc(arena, 1 << 20);
    assert_int_equal(heed_memory_asked() - before, 3);
    heed_arena_destroy(arena);
    before = heed_memory_asked();
    heed_memory_available();
    assert_int_equal(heed_memory_asked(), before);
}

static void arena_formats_a_string_of_any_length(void **state)
{
    heed_arena *arena = heed_arena_create();
    char *text;

    (void)state;
    assert_string_equal(heed_arena_format(arena, "blocks.%d.%s", 3, "attn"), "blocks.3.attn");
    text = heed_arena_format(arena, "%100000d", 7);
    assert_int_equal(strlen(text), 100000);
    assert_int_equal(text[99999], '7');
    heed_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_memory_is_zeroed_aligned_and_writable),
        cmocka_unit_test(reserving_more_than_any_machine_has_gives_null),
        cmocka_unit_test(released_memory_leaves_nothing_behind),
        cmocka_unit_test(peak_is_never_below_what_was_held),
        cmocka_unit_test(available_memory_obeys_the_address_space_limit),
        cmocka_unit_test(available_memory_is_at_most_what_is_installed),
        cmocka_unit_test(size_arithmetic_reports_overflow),
        cmocka_unit_test(arena_blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(what_was_asked_for_is_counted),
        cmocka_unit_test(arena_formats_a_string_of_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
