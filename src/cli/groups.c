/* SPDX-License-Identifier: MIT */
#include "cli/groups.h"

#include <math.h>

/* What |update| / |weights| usually is, give or take a factor of ten. Source: the notes to Stanford's CS231n, Learning. */
#define USUAL_RATIO 1e-3

/* A group that starts at zero, such as shifts, moves by a large share of nothing at first: that says little. */
static const char *remark(const heed_group_stats *g)
{
    const double ratio = heed_group_update_ratio(g);

    return isnan(ratio)                 ? "  no weights yet"
           : g->update_norm == 0.0      ? "  stands still"
           : ratio > 10.0 * USUAL_RATIO ? "  fast"
           : ratio < USUAL_RATIO / 10.0 ? "  slow"
                                        : "";
}

void heed_cli_show_groups(FILE *out, const heed_trainer *trainer)
{
    int n;
    const heed_group_stats *groups = heed_trainer_groups(trainer, &n);

    if (n == 0 || out == NULL)
        return;
    fprintf(out, "    %-20s %12s %12s %12s %14s\n", "group", "parameters", "|gradient|", "|weights|",
            "update ratio");
    for (int i = 0; i < n; i++) {
        const double ratio = heed_group_update_ratio(&groups[i]);

        fprintf(out, "    %-20s %12lld %12.3g %12.4g ", groups[i].name, (long long)groups[i].n_parameters,
                groups[i].gradient_norm, groups[i].weight_norm);
        if (isnan(ratio))
            fprintf(out, "%14s", "-");
        else
            fprintf(out, "%14.2g", ratio);
        fprintf(out, "%s\n", remark(&groups[i]));
    }
    fprintf(out, "    usual: |update| / |weights| about 0.001, ten times more is fast, ten times less slow\n");
}
