/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/parallel.h"

#include "base/cgroup.h"

#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

#ifdef _OPENMP
static int this_thread(void)
{
    return omp_get_thread_num();
}
#endif

/* Handles piece number `piece` of 0 .. n-1. */
static void run_piece(int64_t piece, int64_t n, int64_t grain, heed_range_fn *fn, void *context, int thread)
{
    const int64_t begin = piece * grain;
    const int64_t end = n - begin < grain ? n : begin + grain;

    fn(context, begin, end, thread);
}

void heed_parallel(int n_threads, int64_t n, int64_t grain, heed_range_fn *fn, void *context)
{
    int64_t n_pieces;

    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    n_pieces = n / grain + (n % grain != 0);
    if (n_threads > n_pieces)
        n_threads = (int)n_pieces;
#ifdef _OPENMP
    if (n_threads > 1) {
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 1)
        for (int64_t piece = 0; piece < n_pieces; piece++)
            run_piece(piece, n, grain, fn, context, this_thread());
        return;
    }
#endif
    for (int64_t piece = 0; piece < n_pieces; piece++)
        run_piece(piece, n, grain, fn, context, 0);
}

/* Processors that the scheduler lets this process run on. */
static int allowed_processors(void)
{
    long online;
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* A container often gets a share of time on all processors instead of a set of them: more threads would only wait. */
int heed_processor_count(void)
{
    const int allowed = allowed_processors(), quota = heed_cgroup_processors();

    return quota > 0 && quota < allowed ? quota : allowed;
}
