/* SPDX-License-Identifier: MIT */
/* Positions: rotary, the table of sines and cosines, the slopes of ALiBi. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

/* x turned at the file's positions: given one by one, or as a past where they follow each other. Both must fit. */
static void check_rope(vector_case *v, bool by_past)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x");
    heed_rotary_options options = {.base = vector_number(v, "base"),
                                   .rotary_dim = (int64_t)vector_number(v, "rotary_dim"),
                                   .interleaved = strcmp(vector_text(v, "style"), "interleaved") == 0};
    heed_node *past = NULL, *out;

    if (by_past)
        past = vector_scalar_int(v, &s, "past", (int32_t)vector_number(v, "pos0"));
    else
        options.positions = vector_indices(v, &s, "pos");
    out = heed_rotary(s.g, x, past, &options);
    vector_watch(&s, "out", out);
    vector_graph_check(v, &s, out, false);
}

void run_rope(vector_case *v)
{
    check_rope(v, false);
    check_rope(v, true);
}

void run_sinusoidal(vector_case *v)
{
    vector_graph s = vector_graph_open();
    const int64_t T = (int64_t)vector_number(v, "T"), d = (int64_t)vector_number(v, "d");
    heed_node *table = heed_sinusoidal(s.g, NULL, T, d);
    heed_plan_options options = {
        .device = v->device, .reference = v->device->kernels == NULL, .targets = &table, .n_targets = 1};
    heed_plan *plan = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_graph_status(s.g, &err) == HEED_OK && heed_plan_create(s.g, &options, &plan, &err) == HEED_OK &&
        heed_plan_place(plan, NULL, &err) == HEED_OK) {
        heed_plan_run(plan);
        vector_compare_tensor(v, "table", heed_plan_value(plan, table));
    } else
        vector_fail(v, err.message);
    heed_plan_destroy(plan);
    heed_graph_destroy(s.g);
}

/* One tensor for each number of heads that the file lists: "1,2,3,4,…". */
void run_alibi_slopes(vector_case *v)
{
    const char *heads = vector_text(v, "heads");

    while (*heads != '\0') {
        char *end;
        const int64_t n = strtol(heads, &end, 10);
        float *slopes = heed_arena_alloc(v->arena, (size_t)(n + 1) * sizeof *slopes);
        char name[32];

        for (int64_t h = 0; h < n; h++)
            slopes[h] = heed_alibi_slope(h, n);
        snprintf(name, sizeof name, "n%lld", (long long)n);
        vector_compare_floats(v, name, slopes, n);
        if (end == heads)
            return;
        heads = *end == ',' ? end + 1 : end;
    }
}
