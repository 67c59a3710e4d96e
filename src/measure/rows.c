/* SPDX-License-Identifier: MIT */
#include "measure/measure.h"

#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

heed_measure heed_measure_of(double *seconds, int n)
{
    qsort(seconds, (size_t)n, sizeof *seconds, by_size);
    return (heed_measure){.median = seconds[n / 2], .least = seconds[0], .most = seconds[n - 1], .n = n};
}

/* The row of an op; the last one takes what finds no room. */
static heed_bench_row *row_of(heed_bench_result *out, const char *op)
{
    const int most = (int)(sizeof out->rows / sizeof out->rows[0]);
    int i = 0;

    while (i < out->n_rows && strcmp(out->rows[i].op, op) != 0)
        i++;
    if (i == most)
        return &out->rows[most - 1];
    if (i == out->n_rows)
        out->rows[out->n_rows++] = (heed_bench_row){.op = op};
    return &out->rows[i];
}

static int by_falling_time(const void *a, const void *b)
{
    const heed_bench_row *x = a, *y = b;

    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

void heed_measure_rows(const heed_plan *plan, int64_t n_runs, heed_bench_result *out)
{
    for (int i = 0; i < heed_plan_n_steps(plan); i++) {
        const heed_node *node = heed_plan_step(plan, i);
        heed_bench_row *row = row_of(out, node->op->name);
        heed_cost cost = {0};
        if (node->op->cost != NULL)
            node->op->cost(node, &cost);
        row->seconds += heed_plan_step_seconds(plan, i) / (double)n_runs;
        row->flops += cost.flops;
        row->n_nodes++;
    }
    qsort(out->rows, (size_t)out->n_rows, sizeof out->rows[0], by_falling_time);
}
