/* SPDX-License-Identifier: MIT */
/*
 * How many processors a rank may take. A launcher may have bound each rank to processors of its own, or left all of them
 * to everybody; so the ranks of one machine look at what each of them is allowed.
 */
#ifndef HEED_RANKS_PROCESSORS_H
#define HEED_RANKS_PROCESSORS_H

#include <stdint.h>

#define HEED_MOST_PROCESSORS 4096

typedef struct heed_processors {
    int n; /* that this process may use, a container's share of time counted */
    uint64_t allowed[HEED_MOST_PROCESSORS / 64]; /* a bit each; all 0: not known */
} heed_processors;

heed_processors heed_processors_own(void);
/** For one of n ranks on a machine: its own, but no more than its part of those that any of them may use. At least 1. */
int heed_processors_share(const heed_processors *all, int n, const heed_processors *own);

#endif
