/* SPDX-License-Identifier: MIT */
/*
 * Every head and every feed-forward ablated by itself.
 *
 * A part's control is the same part moved as far in a random direction, so both are changes of one size at one place, and
 * are compared token by token. Parts of a layer follow each other: they begin at the same residuals with the same plan.
 */
#include <heed/ablation.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "inspect/ablate.h"

#define DEFAULT_CONTROLLED 24

struct heed_ablation_sweep {
    heed_sweep_entry *entries;
    int n;
    int64_t n_tokens;
    double loss, low, high;
    double *controls; /* [n * n_controls] their mean changes */
    int n_controls;   /* so far */
};

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a sweep");
}

/* --- the parts --- */

static heed_component *list_parts(const heed_config *c, int *n)
{
    const int n_layers = c->kind == HEED_KIND_GPT ? (int)c->n_layers : 0;
    heed_component *list = calloc((size_t)n_layers * (size_t)(c->n_heads + 1) + 1, sizeof *list);

    *n = 0;
    for (int layer = 0; list != NULL && layer < n_layers; layer++) {
        for (int head = 0; c->attention && head < c->n_heads; head++)
            list[(*n)++] = (heed_component){.kind = HEED_COMPONENT_HEAD, .layer = layer, .head = head};
        if (c->mlp)
            list[(*n)++] = (heed_component){.kind = HEED_COMPONENT_MLP, .layer = layer};
    }
    return list;
}

/* --- one of them --- */

static double mean_of(const double *x, int64_t n)
{
    double sum = 0.0;

    for (int64_t p = 0; p < n; p++)
        sum += x[p];
    return sum / (double)n;
}

/* By position, of all parts: how far their ablation changes the loss. */
typedef struct changes {
    double *losses; /* of the whole model */
    double *effect; /* [n_parts, positions] */
    double *control, *scratch;
} changes;

static heed_status run_part(heed_ablation_sweep *s, heed_ablator *a, int i, const changes *c, heed_error *err)
{
    const int64_t n = a->n_positions;
    double *effect = c->effect + i * n;
    heed_status status = heed_ablator_run(a, &s->entries[i].part, 1, HEED_ABLATE_PLAINLY, effect, err);

    for (int64_t p = 0; p < n && status == HEED_OK; p++)
        effect[p] -= c->losses[p];
    return status == HEED_OK ? heed_effect_of(effect, (size_t)n, a->options.seed, &s->entries[i].effect, err)
                             : status;
}

/* The mean of a part's controls, and what its ablation does beyond it. */
static heed_status run_controls(heed_ablation_sweep *s, heed_ablator *a, int i, const changes *c,
                                heed_error *err)
{
    const int64_t n = a->n_positions, n_controls = a->options.n_controls;
    heed_sweep_entry *entry = &s->entries[i];
    heed_status status = HEED_OK;

    for (int64_t p = 0; p < n; p++)
        c->control[p] = 0.0;
    for (int64_t k = 0; k < n_controls && status == HEED_OK; k++) {
        status = heed_ablator_run(a, &entry->part, 1, i * n_controls + k, c->scratch, err);
        for (int64_t p = 0; p < n && status == HEED_OK; p++) {
            c->scratch[p] -= c->losses[p];
            c->control[p] += c->scratch[p] / (double)n_controls;
        }
        if (status == HEED_OK)
            s->controls[s->n_controls++] = mean_of(c->scratch, n);
    }
    for (int64_t p = 0; p < n; p++)
        c->scratch[p] = c->effect[i * n + p] - c->control[p];
    if (status == HEED_OK)
        status = heed_effect_of(c->control, (size_t)n, a->options.seed, &entry->control, err);
    return status == HEED_OK ? heed_effect_of(c->scratch, (size_t)n, a->options.seed, &entry->beyond, err)
                             : status;
}

/* --- all of them --- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The middle nine tenths of what controls give; those that are not finite stand for nothing. */
static void find_band(heed_ablation_sweep *s)
{
    int n = 0;

    s->low = s->high = NAN;
    for (int i = 0; i < s->n_controls; i++) {
        if (isfinite(s->controls[i]))
            s->controls[n++] = s->controls[i];
    }
    if (n == 0)
        return;
    qsort(s->controls, (size_t)n, sizeof *s->controls, by_size);
    s->low = s->controls[(int)(0.05 * (n - 1) + 0.5)];
    s->high = s->controls[(int)(0.95 * (n - 1) + 0.5)];
}

/* Is entry i among the n whose effect is largest? Of equal ones the earlier are. */
static bool is_controlled(const heed_ablation_sweep *s, int i, int64_t n)
{
    const double size = fabs(s->entries[i].effect.mean);
    int64_t n_larger = 0;

    for (int k = 0; k < s->n && n > 0; k++) {
        const double other = fabs(s->entries[k].effect.mean);
        n_larger += other > size || (other == size && k < i);
    }
    return n == 0 || n_larger < n;
}

static int64_t n_controlled_of(const heed_ablation_sweep *s, const heed_ablate_options *o)
{
    return o->n_controlled > 0 && o->n_controlled < s->n ? o->n_controlled : s->n;
}

static heed_status run_all(heed_ablation_sweep *s, heed_ablator *a, const changes *c, heed_error *err)
{
    const heed_effect unknown = {NAN, NAN, NAN};
    heed_status status;

    a->n_runs = 1 + s->n + n_controlled_of(s, &a->options) * a->options.n_controls;
    status = heed_ablator_run(a, NULL, 0, HEED_ABLATE_PLAINLY, c->losses, err);
    s->loss = mean_of(c->losses, a->n_positions);
    for (int i = 0; i < s->n && status == HEED_OK; i++) {
        s->entries[i].control = s->entries[i].beyond = unknown;
        status = run_part(s, a, i, c, err);
    }
    for (int i = 0; i < s->n && status == HEED_OK && a->options.n_controls > 0; i++) {
        if (is_controlled(s, i, a->options.n_controlled))
            status = run_controls(s, a, i, c, err);
    }
    if (status == HEED_OK)
        find_band(s);
    return status;
}

static heed_status sweep_over(heed_ablation_sweep *s, heed_ablator *a, const heed_component *parts, int n_parts,
                              heed_error *err)
{
    const size_t n = (size_t)a->n_positions;
    double *numbers = calloc(((size_t)n_parts + 3) * n, sizeof *numbers);
    const changes c = {numbers, numbers + 3 * n, numbers + n, numbers + 2 * n};
    heed_status status = HEED_OK;

    s->n_tokens = a->n_tokens;
    s->entries = calloc((size_t)n_parts, sizeof *s->entries);
    s->controls = calloc((size_t)n_parts * (size_t)a->options.n_controls + 1, sizeof *s->controls);
    if (numbers == NULL || s->entries == NULL || s->controls == NULL)
        status = out_of_memory(err);
    for (int i = 0; i < n_parts && status == HEED_OK; i++)
        s->entries[s->n++].part = parts[i];
    if (status == HEED_OK)
        status = run_all(s, a, &c, err);
    free(numbers);
    return status;
}

heed_status heed_ablation_sweep_create(const heed_model *model, const int32_t *ids, size_t n,
                                       const heed_ablate_options *given, heed_ablation_sweep **sweep,
                                       heed_error *err)
{
    heed_ablate_options options = given != NULL ? *given : heed_ablate_default();
    heed_ablation_sweep *s = calloc(1, sizeof *s);
    heed_ablator a = {0};
    int n_parts = 0;
    heed_component *parts = list_parts(heed_model_config(model), &n_parts);
    heed_status status = s != NULL && parts != NULL ? HEED_OK : out_of_memory(err);

    *sweep = NULL;
    if (given == NULL) {
        options.n_controls = 1;
        options.n_controlled = DEFAULT_CONTROLLED;
    }
    if (status == HEED_OK && n_parts == 0)
        status = heed_fail(err, HEED_ERR_USAGE, "the model has neither heads nor feed-forwards to ablate");
    if (status == HEED_OK)
        status = heed_ablator_open(&a, model, ids, n, parts, n_parts, &options, err);
    if (status == HEED_OK)
        status = sweep_over(s, &a, parts, n_parts, err);
    heed_ablator_close(&a);
    free(parts);
    if (status != HEED_OK) {
        heed_ablation_sweep_destroy(s);
        return status;
    }
    *sweep = s;
    return HEED_OK;
}

void heed_ablation_sweep_destroy(heed_ablation_sweep *s)
{
    if (s == NULL)
        return;
    free(s->entries);
    free(s->controls);
    free(s);
}

int heed_ablation_sweep_count(const heed_ablation_sweep *s)
{
    return s->n;
}

const heed_sweep_entry *heed_ablation_sweep_at(const heed_ablation_sweep *s, int i)
{
    return &s->entries[i];
}

int64_t heed_ablation_sweep_n_tokens(const heed_ablation_sweep *s)
{
    return s->n_tokens;
}

double heed_ablation_sweep_loss(const heed_ablation_sweep *s)
{
    return s->loss;
}

void heed_ablation_sweep_band(const heed_ablation_sweep *s, double *low, double *high)
{
    *low = s->low;
    *high = s->high;
}
