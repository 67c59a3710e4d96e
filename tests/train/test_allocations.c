/* SPDX-License-Identifier: MIT */
/*
 * A step allocates nothing after the first one, nor does a token that is written. Every malloc, free and mmap of the process goes through here and is
 * counted while steps run, by the library that asked.
 *
 * oneDNN itself makes a small table of arguments for each product and drops it before the product returns; its interface
 * has no way around that. So with oneDNN the test is that heed asks for nothing and that oneDNN keeps nothing; with
 * heed's own products nobody asks for anything.
 */
#define _GNU_SOURCE
#include "run.h"

#include <heed/session.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "infer/reader.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SANITIZED 1 /* the sanitizer wants these functions for itself */
#endif

enum { MAX_CALLERS = 64 };

static volatile int counting;
static int n_taken, n_given; /* while counting */
static const void *callers[MAX_CALLERS];
static int calls[MAX_CALLERS];

#ifndef SANITIZED
static void count_taken(const void *caller)
{
    if (!counting)
        return;
    __atomic_add_fetch(&n_taken, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < MAX_CALLERS; i++) {
        const void *free_entry = NULL;
        if (__atomic_compare_exchange_n(&callers[i], &free_entry, caller, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST) ||
            free_entry == caller) {
            __atomic_add_fetch(&calls[i], 1, __ATOMIC_SEQ_CST);
            return;
        }
    }
}

static void count_given(const void *p)
{
    if (counting && p != NULL)
        __atomic_add_fetch(&n_given, 1, __ATOMIC_SEQ_CST);
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

void *malloc(size_t n)
{
    count_taken(__builtin_return_address(0));
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count_taken(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count_taken(__builtin_return_address(0));
    count_given(p);
    return __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    count_taken(__builtin_return_address(0));
    return __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    count_taken(__builtin_return_address(0));
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    count_taken(__builtin_return_address(0));
    *p = __libc_memalign(alignment, n);
    return *p != NULL ? 0 : ENOMEM;
}

void free(void *p)
{
    count_given(p);
    __libc_free(p);
}

void *mmap(void *p, size_t n, int protection, int flags, int fd, off_t offset)
{
    count_taken(__builtin_return_address(0));
    return (void *)syscall(SYS_mmap, p, n, protection, flags, fd, offset);
}

int munmap(void *p, size_t n)
{
    count_given(p);
    return (int)syscall(SYS_munmap, p, n);
}
#endif

/* --- who asked --- */

static const char *library_of(const void *caller)
{
    Dl_info info;

    if (dladdr(caller, &info) == 0 || info.dli_fname == NULL)
        return "?";
    return strrchr(info.dli_fname, '/') != NULL ? strrchr(info.dli_fname, '/') + 1 : info.dli_fname;
}

/* C++'s new, and oneDNN itself. heed is written in C. */
static int is_onednn(const void *caller)
{
    return strstr(library_of(caller), "libstdc++") != NULL || strstr(library_of(caller), "libdnnl") != NULL;
}

/* Allocations while steps ran that are not oneDNN's; says whose. */
static int count_others(void)
{
    int n = 0;

    for (int i = 0; i < MAX_CALLERS && callers[i] != NULL; i++) {
        if (is_onednn(callers[i]))
            continue;
        printf("%d from %s at %p\n", calls[i], library_of(callers[i]), callers[i]);
        n += calls[i];
    }
    return n;
}

/* --- runs --- */

static void start_counting(void)
{
    memset(callers, 0, sizeof callers);
    memset(calls, 0, sizeof calls);
    n_taken = n_given = 0;
    counting = 1;
}

/* Nobody but oneDNN took anything, and what it took it gave back. */
static void expect_nothing_taken(bool with_onednn)
{
    assert_int_equal(count_others(), 0);
    assert_int_equal(n_taken, n_given);
    if (!with_onednn)
        assert_int_equal(n_taken, 0);
}

static void run_counted(const run_case *c, const char *name, int64_t n_steps)
{
    heed_trainer *trainer = run_create(c, name);
    heed_progress progress = {0};

    run_steps(trainer, 1, NULL);
    start_counting();
    for (int64_t i = 0; i < n_steps; i++)
        heed_trainer_step(trainer, &progress, NULL);
    counting = 0;
    printf("%s: %d allocations in %d steps\n", heed_trainer_plan(trainer)->device, n_taken, (int)n_steps);
    heed_trainer_close(trainer);
}

static void check(run_case *c, const char *cpu, int64_t threads)
{
    if (cpu == NULL)
        unsetenv("HEED_CPU");
    else
        setenv("HEED_CPU", cpu, 1);
    c->options.threads = threads;
    run_counted(c, "a", 40);
    expect_nothing_taken(cpu == NULL);
    run_remove(c, "a");
}

static void a_step_allocates_nothing_after_the_first(void **state)
{
    run_case c;

    (void)state;
#ifdef SANITIZED
    skip();
#endif
    run_open(&c);
    c.config.n_layers = 2;
    c.config.n_heads = 4;
    c.config.d_model = 64;
    c.config.context_length = 32;
    c.options.batch_size = 4;
    c.options.steps = 1000;
    c.options.save_interval = c.options.eval_interval = 0;
    check(&c, "plain", 1);
    check(&c, "generic", 1); /* heed's own products */
    check(&c, "generic", 2);
    check(&c, NULL, 1);
    check(&c, NULL, 2);
    run_close(&c);
}

/* Two windows in advance: by then the graphs for one token and for the half window after a slide are there. */
static void a_token_allocates_nothing(void **state)
{
    const heed_sampling sampling = {.temperature = 0.9, .top_k = 5, .top_p = 0.9};
    const heed_session_options options = {.threads = 2};
    heed_session *session = NULL;
    heed_trainer *trainer;
    run_case c;
    int32_t id = 1;

    (void)state;
#ifdef SANITIZED
    skip();
#endif
    run_open(&c);
    unsetenv("HEED_CPU");
    trainer = run_create(&c, "a");
    assert_int_equal(heed_session_open(heed_trainer_model(trainer), &options, &session, NULL), HEED_OK);
    for (int i = 0; i < 100; i++) {
        if (i == 40)
            start_counting();
        heed_session_feed(session, &id, 1, NULL);
        id = heed_session_sample(session, &sampling);
    }
    counting = 0;
    printf("%d allocations in 60 tokens\n", n_taken);
    expect_nothing_taken(true);
    heed_session_close(session);
    heed_trainer_close(trainer);
    run_close(&c);
}

/* What D39 counts by blocks and chunks, here by every malloc. */
static void a_forward_pass_allocates_nothing_after_the_first(void **state)
{
    int32_t ids[16] = {0};
    const heed_cache none = {0};
    heed_reader reader = {0};
    heed_reader_options options;
    heed_trainer *trainer;
    run_case c;

    (void)state;
#ifdef SANITIZED
    skip();
#endif
    run_open(&c);
    unsetenv("HEED_CPU");
    c.config.context_length = 16;
    trainer = run_create(&c, "a");
    options = (heed_reader_options){
        .model = heed_trainer_model(trainer), .threads = 2, .batch = 1, .n = 16, .all = true, .ids = ids};
    assert_int_equal(heed_reader_prepare(&reader, &options, NULL), HEED_OK);
    assert_int_equal(heed_reader_bind(&reader, &none, 0, NULL), HEED_OK);
    heed_reader_run(&reader);
    start_counting();
    for (int i = 0; i < 20; i++)
        heed_reader_run(&reader);
    counting = 0;
    expect_nothing_taken(true);
    heed_reader_close(&reader);
    heed_trainer_close(trainer);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_allocates_nothing_after_the_first),
        cmocka_unit_test(a_token_allocates_nothing),
        cmocka_unit_test(a_forward_pass_allocates_nothing_after_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
