/* SPDX-License-Identifier: MIT */
#include "ops/update_lines.h"

#include <stdio.h>

heed_figure heed_explain_gradient(heed_explanation *e, const heed_op_args *a, heed_update_inputs inputs,
                                  int64_t element, float l2, char *how, size_t size)
{
    const bool clipped = a->in[inputs.factor] != NULL;
    const int n = snprintf(how, size, "%sgrad", clipped ? "factor * " : "");
    heed_figure g = heed_explain_figure(e, a, inputs.grad, "grad", element);

    if (clipped)
        g = heed_explain_step(e, l2 == 0.0f ? "g" : "clipped", "factor * grad",
                              heed_explain_figure(e, a, inputs.factor, "factor", 0), g);
    if (l2 == 0.0f)
        return g;
    snprintf(how + n, size - (size_t)n, " + %g * p", (double)l2);
    return heed_explain_step(e, "g", clipped ? "clipped + l2 * p" : "grad + l2 * p", g,
                             heed_constant((double)l2), heed_explain_figure(e, a, inputs.p, "p", element));
}
