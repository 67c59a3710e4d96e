/* SPDX-License-Identifier: MIT */
/* The lines of gates.h's functions: each step is one of theirs. */
#include "ops/gates.h"

heed_figure heed_explain_sigmoid(heed_explanation *e, const char *label, heed_figure x)
{
    const heed_figure small = heed_explain_step(e, "small", "exp(-abs(x))", x);

    return heed_explain_step(e, label, x.value < 0.0 ? "small / (1 + small)" : "1 / (1 + small)", small);
}

/* x as it is multiplied with. */
static heed_figure explain_end(heed_explanation *e, heed_figure x)
{
    const double end = (double)heed_silu_end((float)x.value);

    if (end < x.value || end > x.value)
        return heed_explain_found(e, "x", end, "cut at 1000: nothing changes beyond");
    return x;
}

heed_figure heed_explain_silu(heed_explanation *e, const char *label, heed_figure x)
{
    const heed_figure s = heed_explain_sigmoid(e, "s", x);

    return heed_explain_step(e, label, "x * s", x.value < 0.0 ? explain_end(e, x) : x, s);
}

heed_figure heed_explain_silu_slope(heed_explanation *e, heed_figure x)
{
    const heed_figure s = heed_explain_sigmoid(e, "s", x);

    return heed_explain_step(e, "slope", "s * (1 + x * (1 - s))", s, explain_end(e, x));
}
