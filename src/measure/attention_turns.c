/* SPDX-License-Identifier: MIT */
#include "measure/attention_bench.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define USUAL_SECONDS    2.0
#define LEAST_TURNS      3
#define PATIENCE_SECONDS 20.0 /* after which one turn must do */
#define TURN_SECONDS     0.01 /* that a turn lasts at least */

void heed_attention_report(const heed_bench_attention_options *o, const char *doing, int64_t length)
{
    char text[96];

    if (o->report == NULL)
        return;
    snprintf(text, sizeof text, "%s, %lld keys", doing, (long long)length);
    o->report(o->context, text);
}

bool heed_attention_go_on(const heed_bench_attention_options *o, int n, double begin)
{
    const double spent = heed_clock_s() - begin;

    if (n >= HEED_ATTENTION_MOST_TURNS || (n >= 1 && spent > PATIENCE_SECONDS))
        return false;
    return n < LEAST_TURNS || spent < (o->seconds > 0.0 ? o->seconds : USUAL_SECONDS);
}

/*
 * What runs before a turn has filled the caches with its own numbers, so the first run of a short pass does not count.
 * The product's turn is as long: a moment in which others use the machine weighs the same in both.
 */
double heed_attention_turn(heed_attention_run_fn *run, void *context)
{
    const double first = run(context);
    double spent = 0.0;
    int n = 0;

    if (first >= TURN_SECONDS)
        return first;
    for (; spent < TURN_SECONDS; n++)
        spent += run(context);
    return spent / n;
}

static double run_forward(void *c)
{
    return heed_attention_case_run(c, HEED_ATTENTION_FORWARD);
}

static double run_both(void *c)
{
    return heed_attention_case_run(c, HEED_ATTENTION_BOTH);
}

double heed_attention_pass_turn(heed_attention_case *c, int pass)
{
    return heed_attention_turn(pass == HEED_ATTENTION_FORWARD ? run_forward : run_both, c);
}

heed_status heed_attention_place_all(heed_attention_case *cases, int n, void **block, size_t *bytes,
                                     heed_error *err)
{
    heed_status status = HEED_OK;

    *bytes = 0;
    for (int i = 0; i < n; i++)
        *bytes = cases[i].bytes > *bytes ? cases[i].bytes : *bytes;
    *block = *bytes < heed_memory_available() ? heed_memory_reserve(*bytes) : NULL;
    if (*block == NULL)
        return heed_fail(err, HEED_ERR_MEMORY,
                         "attention over %lld keys works in %.1f GB of memory, the system has %.1f GB to give",
                         (long long)cases[0].shape.n_key, (double)*bytes / 1e9,
                         (double)heed_memory_available() / 1e9);
    for (int i = 0; i < n && status == HEED_OK; i++)
        status = heed_attention_case_place(&cases[i], *block, err);
    return status;
}
