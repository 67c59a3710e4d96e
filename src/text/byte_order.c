/* SPDX-License-Identifier: MIT */
#include "text/byte_order.h"

/* Bytes from `first` to `last` have ranks from `rank` on. */
typedef struct run {
    int first, last, rank;
} run;

static const run runs[] = {
    {0x21, 0x7e, 0},   {0xa1, 0xac, 94},  {0xae, 0xff, 106},
    {0x00, 0x20, 188}, {0x7f, 0xa0, 221}, {0xad, 0xad, 255},
};

int heed_byte_rank(unsigned char byte)
{
    const run *r = runs;

    while (byte < r->first || byte > r->last)
        r++;
    return r->rank + byte - r->first;
}

unsigned char heed_byte_of_rank(int rank)
{
    const run *r = runs;

    while (rank > r->rank + r->last - r->first)
        r++;
    return (unsigned char)(r->first + rank - r->rank);
}
