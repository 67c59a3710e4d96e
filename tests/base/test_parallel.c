/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/parallel.h"

#include <string.h>

enum { N = 1009, MAX_THREADS = 4 };

typedef struct visits {
    int count[N];             /* how often each item was handled */
    int64_t begin[N], end[N]; /* the piece it was handled in */
    int thread[N];
} visits;

static void visit(void *context, int64_t begin, int64_t end, int thread)
{
    visits *v = context;

    for (int64_t i = begin; i < end; i++) {
        v->count[i]++;
        v->begin[i] = begin;
        v->end[i] = end;
        v->thread[i] = thread;
    }
}

static void parallel_handles_every_item_once_in_pieces_of_the_grain(void **state)
{
    static const int64_t grains[] = {1, 7, 100, N - 1, N, N + 1, INT64_MAX, 0, -3};
    static visits v;

    (void)state;
    for (int n_threads = 0; n_threads <= MAX_THREADS; n_threads++) {
        for (size_t g = 0; g < sizeof(grains) / sizeof(grains[0]); g++) {
            const int64_t grain = grains[g] < 1 ? 1 : grains[g];

            memset(&v, 0, sizeof(v));
            heed_parallel(n_threads, N, grains[g], visit, &v);
            for (int64_t i = 0; i < N; i++) {
                const int64_t begin = i / grain * grain;

                assert_int_equal(v.count[i], 1);
                assert_int_equal(v.begin[i], begin);
                assert_int_equal(v.end[i], N - begin < grain ? N : begin + grain);
                assert_true(v.thread[i] >= 0 && (v.thread[i] < n_threads || v.thread[i] == 0));
            }
        }
    }
}

static void parallel_over_nothing_calls_nothing(void **state)
{
    static visits v;

    (void)state;
    heed_parallel(4, 0, 1, visit, &v);
    heed_parallel(4, -5, 1, visit, &v);
    for (int i = 0; i < N; i++)
        assert_int_equal(v.count[i], 0);
}

/* Each thread adds to its own cell without a lock: two threads of one number would lose counts. */
static void count_by_thread(void *context, int64_t begin, int64_t end, int thread)
{
    int64_t(*cells)[16] = context; /* one cache line a thread */

    for (int64_t i = begin; i < end; i++)
        cells[thread][0]++;
}

static void parallel_threads_have_distinct_numbers(void **state)
{
    int64_t cells[MAX_THREADS][16] = {{0}}, sum = 0;

    (void)state;
    heed_parallel(MAX_THREADS, 1000000, 10, count_by_thread, cells);
    for (int t = 0; t < MAX_THREADS; t++)
        sum += cells[t][0];
    assert_int_equal(sum, 1000000);
}

static void nest(void *context, int64_t begin, int64_t end, int thread)
{
    visits *all = context;

    (void)thread;
    for (int64_t i = begin; i < end; i++)
        heed_parallel(2, N, 50, visit, &all[i]);
}

static void parallel_inside_parallel_still_handles_every_item_once(void **state)
{
    static visits all[4];

    (void)state;
    heed_parallel(2, 4, 1, nest, all);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < N; i++)
            assert_int_equal(all[k].count[i], 1);
    }
}

static void there_is_a_processor(void **state)
{
    (void)state;
    assert_true(heed_processor_count() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_handles_every_item_once_in_pieces_of_the_grain),
        cmocka_unit_test(parallel_over_nothing_calls_nothing),
        cmocka_unit_test(parallel_threads_have_distinct_numbers),
        cmocka_unit_test(parallel_inside_parallel_still_handles_every_item_once),
        cmocka_unit_test(there_is_a_processor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
