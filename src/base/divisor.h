/* SPDX-License-Identifier: MIT */
/* The greatest common divisor, by Euclid's algorithm. */
#ifndef HEED_BASE_DIVISOR_H
#define HEED_BASE_DIVISOR_H

#include <stdint.h>

/** Of two numbers that are not negative; 0 and n give n. */
static inline int64_t heed_common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

#endif
