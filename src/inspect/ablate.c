/* SPDX-License-Identifier: MIT */
/* The loss of a text without some parts of the model, beside what controls give. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"
#include "inspect/ablate.h"

#define DEFAULT_SEED     1337
#define DEFAULT_CONTROLS 10

struct heed_ablation {
    int64_t n_tokens, n_windows;
    double *losses, *ablated; /* [n_tokens] */
    heed_effect effect;
    double *controls[HEED_N_CONTROLS];
    int n_controls[HEED_N_CONTROLS];
};

heed_ablate_options heed_ablate_default(void)
{
    return (heed_ablate_options){.seed = DEFAULT_SEED, .n_controls = DEFAULT_CONTROLS};
}

const char *const *heed_ablate_methods(void)
{
    static const char *const methods[] = {"zero", "mean", "resample", NULL};

    return methods;
}

/* --- others of the same kinds --- */

/* All parts of the model of some kinds that are not ablated, kind by kind in random order. */
typedef struct others {
    heed_component *list;
    int first[HEED_COMPONENT_ACTIVATION], n[HEED_COMPONENT_ACTIVATION]; /* of each kind in the list */
    int wanted[HEED_COMPONENT_ACTIVATION];                              /* in a set */
    int n_sets;                                                         /* that have no part in common */
} others;

static bool is_among(const heed_component *part, const heed_component *parts, int n_parts)
{
    for (int i = 0; i < n_parts; i++) {
        if (parts[i].kind == part->kind && parts[i].layer == part->layer &&
            (part->kind != HEED_COMPONENT_HEAD || parts[i].head == part->head))
            return true;
    }
    return false;
}

static void list_kind(others *o, int kind, const heed_config *c, const heed_component *parts, int n_parts,
                      int *n)
{
    const int n_heads = kind == HEED_COMPONENT_HEAD ? (int)c->n_heads : 1;

    o->first[kind] = *n;
    for (int layer = 0; layer < c->n_layers; layer++) {
        for (int head = 0; head < n_heads; head++) {
            const heed_component part = {.kind = kind, .layer = layer, .head = head};
            if (!is_among(&part, parts, n_parts))
                o->list[(*n)++] = part;
        }
    }
    o->n[kind] = *n - o->first[kind];
}

static void shuffle(heed_component *list, int n, heed_rng *rng)
{
    for (int i = n - 1; i > 0; i--) {
        const int64_t other = heed_rng_below(rng, i + 1);
        const heed_component kept = list[i];
        list[i] = list[other];
        list[other] = kept;
    }
}

/*
 * At most `most` sets (none of a number that will be refused), fewer where there are not so many others; none for
 * activations, which have no others of their kind.
 */
static heed_status find_others(others *o, const heed_config *c, const heed_component *parts, int n_parts,
                               int64_t most, uint64_t seed, heed_error *err)
{
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_CONTROL);
    int n = 0;

    *o = (others){.n_sets = most > 0 && most <= HEED_ABLATE_MAX_CONTROLS ? (int)most : 0};
    o->list = calloc((size_t)(c->n_layers * (c->n_heads + 3) + 1), sizeof *o->list);
    if (o->list == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of the model's parts");
    for (int i = 0; i < n_parts; i++) {
        if (parts[i].kind < HEED_COMPONENT_HEAD || parts[i].kind >= HEED_COMPONENT_ACTIVATION)
            o->n_sets = 0; /* an activation has no others of its kind; what is no kind is refused later */
        else
            o->wanted[parts[i].kind]++;
    }
    for (int kind = 0; kind < HEED_COMPONENT_ACTIVATION; kind++) {
        if (o->wanted[kind] == 0)
            continue;
        list_kind(o, kind, c, parts, n_parts, &n);
        shuffle(o->list + o->first[kind], o->n[kind], &rng);
        if (o->n[kind] / o->wanted[kind] < o->n_sets)
            o->n_sets = o->n[kind] / o->wanted[kind];
    }
    return HEED_OK;
}

/* Set i, as many parts as are ablated. */
static void take_set(const others *o, int i, heed_component *set)
{
    int n = 0;

    for (int kind = 0; kind < HEED_COMPONENT_ACTIVATION; kind++) {
        for (int k = 0; k < o->wanted[kind]; k++)
            set[n++] = o->list[o->first[kind] + i * o->wanted[kind] + k];
    }
}

/* --- runs --- */

static double mean_change(const double *losses, const double *changed, int64_t n)
{
    double sum = 0.0;

    for (int64_t p = 0; p < n; p++)
        sum += changed[p] - losses[p];
    return sum / (double)n;
}

/* Control number i of a kind; scratch [positions]. */
static heed_status run_control(heed_ablation *out, heed_ablator *a, heed_control kind,
                               const heed_component *parts, int n_parts, int64_t number, double *scratch,
                               heed_error *err)
{
    const heed_status status = heed_ablator_run(a, parts, n_parts, number, scratch, err);

    if (status == HEED_OK)
        out->controls[kind][out->n_controls[kind]++] = mean_change(out->losses + 1, scratch, a->n_positions);
    return status;
}

static heed_status run_controls(heed_ablation *out, heed_ablator *a, const others *o,
                                const heed_component *parts, int n_parts, heed_error *err)
{
    double *scratch = malloc((size_t)a->n_positions * sizeof *scratch);
    heed_component *set = calloc((size_t)n_parts, sizeof *set);
    heed_status status = HEED_OK;

    if (scratch == NULL || set == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for controls");
    for (int i = 0; i < o->n_sets && status == HEED_OK; i++) {
        take_set(o, i, set);
        status = run_control(out, a, HEED_CONTROL_OTHERS, set, n_parts, HEED_ABLATE_PLAINLY, scratch, err);
    }
    for (int64_t i = 0; i < a->options.n_controls && status == HEED_OK; i++)
        status = run_control(out, a, HEED_CONTROL_DIRECTION, parts, n_parts, i, scratch, err);
    free(set);
    free(scratch);
    return status;
}

static heed_status find_effect(heed_ablation *out, uint64_t seed, heed_error *err)
{
    const int64_t n = out->n_tokens - 1;
    double *change = malloc((size_t)n * sizeof *change);
    heed_status status;

    if (change == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)n);
    for (int64_t p = 0; p < n; p++)
        change[p] = out->ablated[p + 1] - out->losses[p + 1];
    status = heed_effect_of(change, (size_t)n, seed, &out->effect, err);
    free(change);
    return status;
}

static heed_status run_all(heed_ablation *out, heed_ablator *a, const others *o, const heed_component *parts,
                           int n_parts, heed_error *err)
{
    heed_status status;

    a->n_runs = 2 + o->n_sets + a->options.n_controls;
    status = heed_ablator_run(a, NULL, 0, HEED_ABLATE_PLAINLY, out->losses + 1, err);
    if (status == HEED_OK)
        status = heed_ablator_run(a, parts, n_parts, HEED_ABLATE_PLAINLY, out->ablated + 1, err);
    if (status == HEED_OK)
        status = run_controls(out, a, o, parts, n_parts, err);
    return status == HEED_OK ? find_effect(out, a->options.seed, err) : status;
}

/* --- the object --- */

static heed_ablation *make(const heed_ablator *a, const others *o)
{
    heed_ablation *out = calloc(1, sizeof *out);

    if (out == NULL)
        return NULL;
    out->n_tokens = a->n_tokens;
    out->n_windows = a->n_windows;
    out->losses = calloc((size_t)a->n_tokens, sizeof *out->losses);
    out->ablated = calloc((size_t)a->n_tokens, sizeof *out->ablated);
    out->controls[HEED_CONTROL_OTHERS] = calloc((size_t)o->n_sets + 1, sizeof(double));
    out->controls[HEED_CONTROL_DIRECTION] = calloc((size_t)a->options.n_controls + 1, sizeof(double));
    if (out->losses == NULL || out->ablated == NULL || out->controls[0] == NULL || out->controls[1] == NULL) {
        heed_ablation_destroy(out);
        return NULL;
    }
    out->losses[0] = out->ablated[0] = NAN;
    return out;
}

/* The parts and all that stand in for them as controls. */
static heed_component *join(const others *o, const heed_component *parts, int n_parts, int *n)
{
    heed_component *all = calloc((size_t)n_parts * (size_t)(o->n_sets + 1), sizeof *all);

    for (int i = 0; all != NULL && i < n_parts; i++)
        all[i] = parts[i];
    for (int i = 0; all != NULL && i < o->n_sets; i++)
        take_set(o, i, all + (i + 1) * n_parts);
    *n = n_parts * (o->n_sets + 1);
    return all;
}

heed_status heed_ablation_create(const heed_model *model, const int32_t *ids, size_t n,
                                 const heed_component *parts, int n_parts, const heed_ablate_options *options,
                                 heed_ablation **ablation, heed_error *err)
{
    const heed_ablate_options defaults = heed_ablate_default(), *given = options != NULL ? options : &defaults;
    heed_ablator a = {0};
    heed_component *all = NULL;
    others o = {0};
    heed_ablation *out = NULL;
    int n_all = 0;
    heed_status status;

    *ablation = NULL;
    if (n_parts < 1)
        return heed_fail(err, HEED_ERR_USAGE, "expected a part of the model to ablate, got none");
    status = find_others(&o, heed_model_config(model), parts, n_parts, given->n_controls, given->seed, err);
    if (status == HEED_OK && (all = join(&o, parts, n_parts, &n_all)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of the model's parts");
    if (status == HEED_OK)
        status = heed_ablator_open(&a, model, ids, n, all, n_all, given, err);
    if (status == HEED_OK && (out = make(&a, &o)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the losses of %zu tokens", n);
    if (status == HEED_OK)
        status = run_all(out, &a, &o, parts, n_parts, err);
    heed_ablator_close(&a);
    free(all);
    free(o.list);
    if (status != HEED_OK) {
        heed_ablation_destroy(out);
        return status;
    }
    *ablation = out;
    return HEED_OK;
}

void heed_ablation_destroy(heed_ablation *a)
{
    if (a == NULL)
        return;
    free(a->losses);
    free(a->ablated);
    free(a->controls[HEED_CONTROL_OTHERS]);
    free(a->controls[HEED_CONTROL_DIRECTION]);
    free(a);
}

int64_t heed_ablation_n_tokens(const heed_ablation *a)
{
    return a->n_tokens;
}

int64_t heed_ablation_n_windows(const heed_ablation *a)
{
    return a->n_windows;
}

const double *heed_ablation_losses(const heed_ablation *a)
{
    return a->losses;
}

const double *heed_ablation_ablated_losses(const heed_ablation *a)
{
    return a->ablated;
}

heed_effect heed_ablation_effect(const heed_ablation *a)
{
    return a->effect;
}

const double *heed_ablation_controls(const heed_ablation *a, heed_control kind, int *n)
{
    *n = a->n_controls[kind];
    return a->controls[kind];
}
