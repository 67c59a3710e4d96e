/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ranks/processors.h"

#include "base/parallel.h"

#ifdef __linux__
#include <sched.h>
#endif

heed_processors heed_processors_own(void)
{
    heed_processors own = {.n = heed_processor_count()};
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int i = 0; i < CPU_SETSIZE && i < HEED_MOST_PROCESSORS; i++) {
            if (CPU_ISSET((size_t)i, &set))
                own.allowed[i / 64] |= (uint64_t)1 << i % 64;
        }
    }
#endif
    return own;
}

/* Processors that at least one of the ranks may use; 0: not known. */
static int in_all(const heed_processors *all, int n)
{
    int count = 0;

    for (int word = 0; word < HEED_MOST_PROCESSORS / 64; word++) {
        uint64_t bits = 0;
        for (int i = 0; i < n; i++)
            bits |= all[i].allowed[word];
        for (; bits != 0; bits &= bits - 1)
            count++;
    }
    return count;
}

int heed_processors_share(const heed_processors *all, int n, const heed_processors *own)
{
    const int together = in_all(all, n);
    int alone = 0, most;

    for (int word = 0; word < HEED_MOST_PROCESSORS / 64; word++)
        alone += __builtin_popcountll(own->allowed[word]);
    /* a container's share of time is shared, too */
    most = own->n < alone || together == 0 ? own->n / n : together / n;
    if (most > own->n)
        most = own->n;
    return most > 1 ? most : 1;
}
