/* SPDX-License-Identifier: MIT */
/* The logistic function and SiLU in reference arithmetic, and their lines: what sigmoid.c, silu.c and swiglu.c share. */
#ifndef HEED_OPS_GATES_H
#define HEED_OPS_GATES_H

#include <math.h>

#include "graph/explain.h"

/** 1 / (1 + e^-x). e is raised to -|x| alone, so that nothing overflows. */
static inline float heed_sigmoid_of(float x)
{
    const float e = expf(-fabsf(x));

    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Beyond -1000 and 1000 nothing changes any more, except that inf would become inf * 0. */
static inline float heed_silu_end(float x)
{
    return x < -1000.0f ? -1000.0f : x > 1000.0f ? 1000.0f : x;
}

/** x s, s = 1 / (1 + e^-x). */
static inline float heed_silu_of(float x)
{
    return (x < 0.0f ? heed_silu_end(x) : x) * heed_sigmoid_of(x);
}

/** Its derivative, s (1 + x (1 - s)). */
static inline float heed_silu_slope(float x)
{
    const float s = heed_sigmoid_of(x);

    return s * (1.0f + heed_silu_end(x) * (1.0f - s));
}

/** The same three as lines of a calculation. */
heed_figure heed_explain_sigmoid(heed_explanation *e, const char *label, heed_figure x);
heed_figure heed_explain_silu(heed_explanation *e, const char *label, heed_figure x);
heed_figure heed_explain_silu_slope(heed_explanation *e, heed_figure x);

#endif
