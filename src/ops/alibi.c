/* SPDX-License-Identifier: MIT */
/*
 * Attention with linear biases (ALiBi): head h takes slope_h off a score for each step between query and key.
 *
 *   H a power of two     slope_h = 2^(-8 (h + 1) / H),  h = 0 .. H-1
 *   any other H          P the largest power of two below H: first the P slopes of P heads, then every second
 *                        slope of 2P heads from the first on, which lie between those of P
 *
 * So the slopes of 8 heads are 1/2, 1/4, .. 1/256, and of 12 heads these and 2^-0.5, 2^-1.5, 2^-2.5, 2^-3.5. A distance
 * of any size has a bias: nothing ends at the length that was trained.
 * Source: Press et al. 2022 (arXiv:2108.12409) 3; the rule for other H is that of the code published with it.
 */
#include <math.h>

#include "ops/ops.h"

float heed_alibi_slope(int64_t h, int64_t n_heads)
{
    int64_t power = 1;

    while (power <= n_heads / 2)
        power *= 2;
    if (h < power)
        return (float)exp2(-8.0 * (double)(h + 1) / (double)power);
    return (float)exp2(-8.0 * (double)(2 * (h - power) + 1) / (double)(2 * power));
}
