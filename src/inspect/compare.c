/* SPDX-License-Identifier: MIT */
/* Two models of one shape: are they, what became of their weights, and of what they say of a text. */
#include "inspect/compare.h"

#include <heed/fields.h>
#include <heed/lens.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/part.h"

#define DEFAULT_SEED 1337

/* --- are they of one kind? --- */

/* Settings of training, and the length of a context without a table: a table shows among the parameters. */
static bool is_of_no_shape(const char *field)
{
    static const char *const names[] = {"dropout", "expert_capacity", "balance_weight", "context_length"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], field) == 0)
            return true;
    }
    return false;
}

static heed_status check_configs(const heed_model *before, const heed_model *after, heed_error *err)
{
    int n;
    const heed_field *fields = heed_config_fields(&n);

    for (int i = 0; i < n; i++) {
        char a[64], b[64];
        heed_field_get(&fields[i], heed_model_config(before), a, sizeof a);
        heed_field_get(&fields[i], heed_model_config(after), b, sizeof b);
        if (strcmp(a, b) != 0 && !is_of_no_shape(fields[i].name))
            return heed_fail(err, HEED_ERR_USAGE, "expected two models of one shape, their %s is %s and %s",
                             fields[i].name, a, b);
    }
    return HEED_OK;
}

static heed_status check_parameters(const heed_model *before, const heed_model *after, heed_error *err)
{
    const int n = heed_model_n_parameters(before);
    char name[128];

    if (n != heed_model_n_parameters(after))
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected two models of one shape, they have %d and %d parameter tensors", n,
                         heed_model_n_parameters(after));
    for (int i = 0; i < n; i++) {
        const heed_parameter a = heed_model_parameter(before, i), b = heed_model_parameter(after, i);
        if (strcmp(a.name, b.name) != 0 || a.rank != b.rank ||
            memcmp(a.size, b.size, (size_t)a.rank * sizeof a.size[0]) != 0)
            return heed_fail(
                err, HEED_ERR_USAGE, "expected two models of one shape, their %s has %lld and %lld numbers",
                heed_quote(name, sizeof name, a.name, strlen(a.name)), (long long)a.count, (long long)b.count);
    }
    return HEED_OK;
}

static heed_status check_tokens(const heed_model *before, const heed_model *after, heed_error *err)
{
    char first[64], second[64];

    if (heed_model_has_tokenizer(before) != heed_model_has_tokenizer(after))
        return heed_fail(err, HEED_ERR_USAGE, "expected two models with one tokenizer, only the %s has any",
                         heed_model_has_tokenizer(before) ? "first" : "second");
    for (int32_t id = 0; id < heed_model_config(before)->vocab_size; id++) {
        size_t n = 0, m = 0;
        const char *a = heed_model_piece(before, id, &n), *b = heed_model_piece(after, id, &m);
        if (a == NULL && b == NULL)
            continue;
        if (a == NULL || b == NULL || n != m || memcmp(a, b, n) != 0)
            return heed_fail(err, HEED_ERR_USAGE,
                             "expected two models with one tokenizer, their token %d is \"%s\" and \"%s\"",
                             (int)id, heed_quote(first, sizeof first, a != NULL ? a : "", n),
                             heed_quote(second, sizeof second, b != NULL ? b : "", m));
    }
    return HEED_OK;
}

heed_status heed_comparison_check(const heed_model *before, const heed_model *after, heed_error *err)
{
    heed_status status = check_configs(before, after, err);

    if (status == HEED_OK)
        status = check_parameters(before, after, err);
    return status == HEED_OK ? check_tokens(before, after, err) : status;
}

/* --- weights --- */

static heed_compared_group *group_of(heed_comparison *c, const heed_parameter *p)
{
    const int layer = heed_part_name(NULL, 0, p->name);

    for (int i = 0; i < c->n_groups; i++) {
        if (c->groups[i].layer == layer && strcmp(c->groups[i].component, p->component) == 0)
            return &c->groups[i];
    }
    c->groups[c->n_groups] = (heed_compared_group){.component = p->component, .layer = layer};
    return &c->groups[c->n_groups++];
}

/* norm and change hold squares until all are added. */
static heed_status add_parameter(heed_comparison *c, const heed_model *before, const heed_model *after, int i,
                                 heed_error *err)
{
    const heed_parameter p = heed_model_parameter(before, i);
    heed_compared_group *group = group_of(c, &p);
    float *numbers = malloc(2 * (size_t)p.count * sizeof *numbers + 1);

    if (numbers == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for two copies of %lld weights",
                         (long long)p.count);
    heed_model_read_parameter(before, i, numbers);
    heed_model_read_parameter(after, i, numbers + p.count);
    for (int64_t k = 0; k < p.count; k++) {
        const double a = (double)numbers[k], d = (double)numbers[p.count + k] - a;
        group->norm += a * a;
        group->change += d * d;
    }
    group->count += p.count;
    free(numbers);
    return HEED_OK;
}

static heed_status compare_weights(heed_comparison *c, const heed_model *before, const heed_model *after,
                                   heed_error *err)
{
    const int n = heed_model_n_parameters(before);
    heed_status status = HEED_OK;

    c->groups = calloc((size_t)n + 1, sizeof *c->groups);
    if (c->groups == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of weights");
    for (int i = 0; i < n && status == HEED_OK; i++)
        status = add_parameter(c, before, after, i, err);
    for (int i = 0; i < c->n_groups; i++) {
        heed_compared_group *g = &c->groups[i];
        g->norm = sqrt(g->norm);
        g->change = sqrt(g->change);
        g->relative = g->norm > 0.0 ? g->change / g->norm : NAN;
    }
    return status;
}

/* --- tokens --- */

/* What the model says at each position; the loss of the last one is not known. */
static heed_status predict(const heed_model *model, const int32_t *ids, size_t n, int threads, heed_lens **lens,
                           heed_error *err)
{
    heed_lens_options options = heed_lens_default();

    options.n_top = 1;
    options.predictions_only = true;
    options.threads = threads;
    return heed_lens_create(model, ids, n, &options, lens, err);
}

static heed_status compare_tokens(heed_comparison *c, const heed_model *before, const heed_model *after,
                                  const int32_t *ids, const heed_compare_options *options, heed_error *err)
{
    const size_t n = (size_t)c->n_tokens;
    heed_lens *first = NULL, *second = NULL;
    double *change = calloc(n, sizeof *change);
    heed_status status = predict(before, ids, n + 1, (int)options->threads, &first, err);

    if (status == HEED_OK)
        status = predict(after, ids, n + 1, (int)options->threads, &second, err);
    c->tokens = calloc(n, sizeof *c->tokens);
    if (status == HEED_OK && (change == NULL || c->tokens == NULL))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %zu tokens", n);
    for (size_t i = 0; i < n && status == HEED_OK; i++) {
        const heed_prediction *a = heed_lens_at(first, heed_lens_n_places(first) - 1, (int64_t)i);
        const heed_prediction *b = heed_lens_at(second, heed_lens_n_places(second) - 1, (int64_t)i);
        const heed_likelihood none = {-1, NAN}; /* where no logit is a number */
        c->tokens[i] = (heed_compared_token){.id = ids[i + 1],
                                             .loss_before = -a->log_probability,
                                             .loss_after = -b->log_probability,
                                             .top_before = a->n_top > 0 ? a->top[0] : none,
                                             .top_after = b->n_top > 0 ? b->top[0] : none};
        change[i] = c->tokens[i].loss_after - c->tokens[i].loss_before;
    }
    if (status == HEED_OK)
        status = heed_effect_of(change, n, options->seed, &c->effect, err);
    heed_lens_destroy(first);
    heed_lens_destroy(second);
    free(change);
    return status;
}

/* --- the object --- */

heed_status heed_comparison_create(const heed_model *before, const heed_model *after, const int32_t *ids,
                                   size_t n, const heed_compare_options *given, heed_comparison **comparison,
                                   heed_error *err)
{
    const heed_compare_options options = given != NULL ? *given : (heed_compare_options){.seed = DEFAULT_SEED};
    heed_comparison *c;
    heed_status status = heed_comparison_check(before, after, err);

    *comparison = NULL;
    if (status == HEED_OK && n < 2)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "expected a text of at least 2 tokens, each but the first to be predicted, got %zu",
                           n);
    if (status != HEED_OK)
        return status;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a comparison");
    c->n_tokens = (int64_t)n - 1;
    status = compare_weights(c, before, after, err);
    if (status == HEED_OK)
        status = compare_tokens(c, before, after, ids, &options, err);
    if (status == HEED_OK)
        status = heed_comparison_heads(c, before, after, ids, n, &options, err);
    if (status != HEED_OK) {
        heed_comparison_destroy(c);
        return status;
    }
    *comparison = c;
    return HEED_OK;
}

void heed_comparison_destroy(heed_comparison *c)
{
    if (c == NULL)
        return;
    free(c->heads);
    free(c->tokens);
    free(c->groups);
    free(c);
}

int heed_comparison_n_heads(const heed_comparison *c)
{
    return c->n_heads;
}

const heed_compared_head *heed_comparison_head(const heed_comparison *c, int i)
{
    return &c->heads[i];
}

bool heed_comparison_has_test(const heed_comparison *c)
{
    return c->has_test;
}

int64_t heed_comparison_n_tokens(const heed_comparison *c)
{
    return c->n_tokens;
}

const heed_compared_token *heed_comparison_token(const heed_comparison *c, int64_t i)
{
    return &c->tokens[i];
}

heed_effect heed_comparison_effect(const heed_comparison *c)
{
    return c->effect;
}

int heed_comparison_n_groups(const heed_comparison *c)
{
    return c->n_groups;
}

const heed_compared_group *heed_comparison_group(const heed_comparison *c, int i)
{
    return &c->groups[i];
}
