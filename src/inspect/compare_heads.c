/* SPDX-License-Identifier: MIT */
/* The heads of two models: how far their patterns are from each other, and their roles. */
#include <heed/verify.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/compare.h"
#include "nn/part.h"

/* --- distance of patterns --- */

/* Row i of two patterns over keys 0 .. i; weights of 0 on both sides say nothing. */
static void add_row(const float *a, const float *b, int64_t i, double *variation, double *divergence)
{
    for (int64_t j = 0; j <= i; j++) {
        const double p = (double)a[j], q = (double)b[j];

        *variation += 0.5 * fabs(p - q);
        if (p > 0.0)
            *divergence += p * log(p / q);
        else if (isnan(p))
            *divergence = NAN;
    }
}

/*
 * a, b [n, n]: means over the rows that see two keys or more. Rows see the `window` last keys at most (0: all), so that with a
 * window of one there are none.
 */
static void compare_patterns(const float *a, const float *b, int64_t n, int64_t window, heed_compared_head *out)
{
    const int64_t rows = window == 1 ? 0 : n - 1;

    out->variation = out->divergence = rows > 0 ? 0.0 : NAN;
    for (int64_t i = 1; i < n && rows > 0; i++)
        add_row(a + i * n, b + i * n, i, &out->variation, &out->divergence);
    if (rows > 0) {
        out->variation /= (double)rows;
        out->divergence /= (double)rows;
    }
}

/* The patterns of the first model, kept layer by layer, and compared when the second one shows its own. */
typedef struct patterns {
    float *kept; /* [n_layers, n_heads, n, n] */
    size_t layer_floats;
    int64_t n, window;
    int n_heads;
    bool second;
    heed_compared_head *heads;
} patterns;

static void take_pattern(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    patterns *p = context;
    const int layer = heed_part_name(NULL, 0, name);

    (void)rank;
    (void)size;
    if (layer < 0)
        return;
    float *kept = p->kept + (size_t)layer * p->layer_floats;
    if (!p->second)
        memcpy(kept, numbers, p->layer_floats * sizeof *kept);
    for (int head = 0; head < p->n_heads && p->second; head++) {
        const int64_t at = head * p->n * p->n;
        compare_patterns(kept + at, numbers + at, p->n, p->window, &p->heads[layer * p->n_heads + head]);
    }
}

static heed_status look_at_patterns(heed_comparison *c, const heed_model *before, const heed_model *after,
                                    const int32_t *ids, size_t n, heed_error *err)
{
    const heed_config *config = heed_model_config(before);
    const int n_layers = (int)config->n_layers;
    patterns p = {
        .n = (int64_t)n, .window = config->window, .n_heads = (int)config->n_heads, .heads = c->heads};
    char(*names)[64] = calloc((size_t)n_layers, sizeof *names);
    const char **list = calloc((size_t)n_layers, sizeof *list);
    size_t bytes = 0;
    heed_status status = HEED_OK;

    if (heed_size_mul((size_t)p.n_heads * n, n, &p.layer_floats) &&
        heed_size_mul(p.layer_floats, (size_t)n_layers * sizeof(float), &bytes) &&
        bytes < heed_memory_available() / 2)
        p.kept = malloc(bytes);
    if (p.kept == NULL || names == NULL || list == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the patterns of %zu tokens", n);
    for (int layer = 0; layer < n_layers && status == HEED_OK; layer++) {
        snprintf(names[layer], sizeof names[layer], "blocks.%d.attn.pattern", layer);
        list[layer] = names[layer];
    }
    if (status == HEED_OK)
        status = heed_model_observe(before, ids, n, list, n_layers, take_pattern, &p, err);
    p.second = true;
    if (status == HEED_OK)
        status = heed_model_observe(after, ids, n, list, n_layers, take_pattern, &p, err);
    free(p.kept);
    free(list);
    free(names);
    return status;
}

/* --- roles --- */

/* One model on the text, and on repeated random tokens where the context has room for them. */
typedef struct looked {
    heed_heads *text, *repeated;
} looked;

static heed_status look_at_heads(const heed_model *model, const int32_t *ids, size_t n,
                                 const heed_compare_options *options, looked *out, heed_error *err)
{
    const heed_heads_options heads = {.threads = (int)options->threads};
    const heed_repeated_options test = {.seed = options->seed, .threads = (int)options->threads};
    heed_repeated said;
    heed_error refused = {0};
    heed_status status = heed_heads_look(model, ids, 1, (int64_t)n, &heads, &out->text, err);

    if (status != HEED_OK)
        return status;
    status = heed_heads_repeat(model, &test, &out->repeated, &said, &refused);
    if (status == HEED_ERR_USAGE) {
        out->repeated = NULL;
        return HEED_OK;
    }
    return status == HEED_OK ? status : heed_fail(err, status, "%s", refused.message);
}

/* Previous token, duplicate token and induction are told by repeated tokens; the rest by the text. */
static void scores_of(const looked *seen, int layer, int head, heed_head_scores *out)
{
    heed_head_scores repeated;

    heed_heads_scores(seen->text, 0, layer, head, out);
    if (seen->repeated == NULL)
        return;
    heed_heads_scores(seen->repeated, HEED_HEADS_ALL, layer, head, &repeated);
    for (int role = HEED_HEAD_PREVIOUS; role <= HEED_HEAD_INDUCTION; role++)
        out->roles[role] = repeated.roles[role];
}

static bool is_named_otherwise(const heed_compared_head *h)
{
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        if (h->before.roles[role].named != h->after.roles[role].named)
            return true;
    }
    return false;
}

static heed_status compare_roles(heed_comparison *c, const heed_model *before, const heed_model *after,
                                 const int32_t *ids, size_t n, const heed_compare_options *options,
                                 heed_error *err)
{
    looked first = {NULL}, second = {NULL};
    heed_status status = look_at_heads(before, ids, n, options, &first, err);

    if (status == HEED_OK)
        status = look_at_heads(after, ids, n, options, &second, err);
    c->has_test = first.repeated != NULL;
    for (int i = 0; i < c->n_heads && status == HEED_OK; i++) {
        heed_compared_head *h = &c->heads[i];
        scores_of(&first, h->layer, h->head, &h->before);
        scores_of(&second, h->layer, h->head, &h->after);
        h->role_changed = is_named_otherwise(h);
    }
    heed_heads_destroy(first.text);
    heed_heads_destroy(first.repeated);
    heed_heads_destroy(second.text);
    heed_heads_destroy(second.repeated);
    return status;
}

heed_status heed_comparison_heads(heed_comparison *c, const heed_model *before, const heed_model *after,
                                  const int32_t *ids, size_t n, const heed_compare_options *options,
                                  heed_error *err)
{
    const heed_config *config = heed_model_config(before);
    const int n_heads = (int)config->n_heads;
    heed_status status;

    if (config->kind != HEED_KIND_GPT || !config->attention || config->n_layers == 0)
        return HEED_OK;
    c->heads = calloc((size_t)config->n_layers * (size_t)n_heads, sizeof *c->heads);
    if (c->heads == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of heads");
    c->n_heads = (int)config->n_layers * n_heads;
    for (int i = 0; i < c->n_heads; i++) {
        c->heads[i].layer = i / n_heads;
        c->heads[i].head = i % n_heads;
    }
    status = look_at_patterns(c, before, after, ids, n, err);
    return status == HEED_OK ? compare_roles(c, before, after, ids, n, options, err) : status;
}
