/* SPDX-License-Identifier: MIT */
#include "cli/groups.h"

/* What |update| / |weights| usually is, give or take a factor of ten. Source: the notes to Stanford's CS231n, Learning. */
#define USUAL_RATIO 1e-3

static double ratio_of(const heed_group_stats *g)
{
    return g->weight_norm > 0.0 ? g->update_norm / g->weight_norm : 0.0;
}

/* A group that starts at zero, such as shifts, moves by a large share of nothing at first: that says little. */
static const char *remark(const heed_group_stats *g)
{
    const double ratio = ratio_of(g);

    return g->weight_norm == 0.0        ? "  no weights yet"
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
    for (int i = 0; i < n; i++)
        fprintf(out, "    %-20s %12lld %12.3g %12.4g %14.2g%s\n", groups[i].name,
                (long long)groups[i].n_parameters, groups[i].gradient_norm, groups[i].weight_norm,
                ratio_of(&groups[i]), remark(&groups[i]));
    fprintf(out, "    usual: |update| / |weights| about 0.001, ten times more is fast, ten times less slow\n");
}
