/* SPDX-License-Identifier: MIT */
#include "workbook/counting.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/pattern.h"

heed_config heed_count_m0(int64_t vocab_size, int64_t d_model, int64_t n_heads, int64_t context_length)
{
    heed_config c;

    heed_config_preset("m0", &c, NULL);
    c.vocab_size = vocab_size;
    c.d_model = d_model;
    c.n_heads = n_heads;
    c.context_length = context_length;
    return c;
}

/* --- parameters --- */

double heed_count_parameters(heed_solving *s, const heed_config *config, const char *part)
{
    heed_model *model = NULL;
    heed_error err = {0};
    double count = 0.0;

    if (s->status != HEED_OK)
        return 0.0;
    if (heed_model_describe(config, &model, &err) != HEED_OK) {
        heed_solve_fail(s, HEED_ERR_USAGE, "%s", err.message);
        return 0.0;
    }
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        if (part == NULL || strcmp(p.component, part) == 0 || heed_pattern_matches(part, p.name))
            count += (double)p.count;
    }
    heed_model_close(model);
    return count;
}

/* --- shapes --- */

static heed_shapes *shapes_of(heed_solving *s, const heed_config *config, const heed_shapes_options *options)
{
    heed_shapes *all = NULL;
    heed_error err = {0};

    if (s->status == HEED_OK && heed_shapes_create(config, options, &all, &err) != HEED_OK)
        heed_solve_fail(s, HEED_ERR_USAGE, "%s", err.message);
    return all;
}

heed_shapes *heed_count_shapes(heed_solving *s, const heed_config *config, int64_t batch, int64_t length)
{
    const heed_shapes_options options = {.batch_size = batch, .length = length};

    return shapes_of(s, config, &options);
}

heed_shapes *heed_count_heads(heed_solving *s, const heed_config *config, int64_t batch, int64_t length)
{
    const heed_shapes_options options = {.batch_size = batch, .length = length, .heads = true};

    return shapes_of(s, config, &options);
}

const heed_shapes_entry *heed_count_entry(heed_solving *s, const heed_shapes *all, const char *name)
{
    const heed_shapes_entry *e = s->status == HEED_OK && all != NULL ? heed_shapes_find(all, name) : NULL;

    if (e == NULL)
        heed_solve_fail(s, HEED_ERR_INTERNAL, "the pass has no tensor \"%s\"", name);
    return e;
}

static void put_list(heed_solving *s, const char *name, int n, const int64_t *list)
{
    json_t *out = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(out, json_integer(list[i]));
    heed_put_json(s, name, out);
}

void heed_put_sizes(heed_solving *s, const char *name, const heed_shapes_entry *e)
{
    if (e != NULL)
        put_list(s, name, e->rank, e->size);
}

void heed_put_strides(heed_solving *s, const char *name, const heed_shapes_entry *e)
{
    if (e != NULL)
        put_list(s, name, e->rank, e->stride);
}

double heed_count_flops(const heed_node *node)
{
    heed_cost cost = {0};

    if (node != NULL)
        node->op->cost(node, &cost);
    return cost.flops;
}

void heed_vary_heads(heed_varying *v)
{
    const int64_t B = heed_vary_int(v, "batch_size", 1, 6), T = heed_vary_int(v, "seq_len", 3, 12);
    const int64_t H = heed_vary_pick_int(v, "n_heads", 6, INT64_C(1), INT64_C(2), INT64_C(3), INT64_C(4),
                                         INT64_C(6), INT64_C(8));
    const int64_t head_dim = heed_vary_pick_int(v, "d_model", 6, INT64_C(2), INT64_C(3), INT64_C(5), INT64_C(7),
                                                INT64_C(16), INT64_C(32));

    heed_vary_set_int(v, "d_model", H * head_dim);
    if (B == T || B == H || B == head_dim || T == H || T == head_dim || H == head_dim)
        v->again = true;
}

/* --- as text --- */

const char *heed_sizes_text(heed_solving *s, const heed_shapes_entry *e)
{
    const char *text = "";

    for (int i = 0; text != NULL && e != NULL && i < e->rank; i++)
        text = heed_arena_format(s->arena, "%s%s%lld", text, i == 0 ? "(" : ", ", (long long)e->size[i]);
    text = text != NULL && e != NULL ? heed_arena_format(s->arena, "%s)", text) : NULL;
    return text != NULL ? text : "";
}

const char *heed_count_text(heed_solving *s, double x)
{
    char digits[64], out[96];
    size_t n, used = 0;
    const char *text;

    if (x != floor(x) || fabs(x) >= 1e18) {
        text = heed_arena_format(s->arena, "%.6g", x);
        return text != NULL ? text : "";
    }
    n = (size_t)snprintf(digits, sizeof digits, "%.0f", fabs(x));
    if (x < 0.0)
        out[used++] = '-';
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    text = heed_arena_format(s->arena, "%.*s", (int)used, out);
    return text != NULL ? text : "";
}
