/* SPDX-License-Identifier: MIT */
/*
 * Activation patching: the run of a corrupted text with activations of the clean one's.
 *
 *   recovery = (metric - metric of the corrupted run) / (metric of the clean run - metric of the corrupted run)
 *
 * Both texts are read by plans of the same shapes, so that all of the clean one patched in gives its very bits.
 */
#include <heed/ablation.h>
#include <heed/session.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "inspect/component.h"
#include "inspect/intervention.h"

struct heed_patching {
    const heed_model *model;
    heed_patch_options options;
    heed_intervention *clean, *corrupted;
    int64_t n_tokens, first_different; /* n_tokens: nowhere */
    int32_t answer, wrong;
    double clean_metric, corrupted_metric;
};

heed_patch_options heed_patch_default(void)
{
    return (heed_patch_options){.answer = -1, .wrong = -1};
}

const char *const *heed_patch_metrics(void)
{
    static const char *const metrics[] = {"logit_difference", "probability", "loss", NULL};

    return metrics;
}

/* --- the metric --- */

static double metric_of(const heed_patching *p, const heed_intervention *run)
{
    const heed_tensor *logits = heed_intervention_result(run);
    const float *row = heed_row(logits, 0);
    double log_probability;

    if (p->options.metric == HEED_PATCH_LOGIT_DIFFERENCE)
        return (double)row[p->answer] - (double)row[p->wrong];
    log_probability = heed_logits_log_probability(row, heed_cols(logits), p->answer);
    return p->options.metric == HEED_PATCH_LOSS ? -log_probability : exp(log_probability);
}

static int32_t likeliest(const heed_intervention *run)
{
    const heed_tensor *logits = heed_intervention_result(run);
    heed_likelihood best = {0};

    heed_logits_likeliest(heed_row(logits, 0), heed_cols(logits), &best, 1);
    return best.id;
}

/* --- the two texts --- */

static heed_status check(const heed_model *model, size_t n_clean, size_t n_corrupted,
                         const heed_patch_options *o, heed_error *err)
{
    const int64_t V = heed_model_config(model)->vocab_size;

    if (n_clean != n_corrupted)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected two texts of equally many tokens, got %zu and %zu: an activation goes to "
                         "the position that it comes from",
                         n_clean, n_corrupted);
    if (o->metric < HEED_PATCH_LOGIT_DIFFERENCE || o->metric > HEED_PATCH_LOSS)
        return heed_fail(err, HEED_ERR_USAGE, "metric: expected 0 to %d, got %d", HEED_PATCH_LOSS, o->metric);
    if (o->answer >= V || o->wrong >= V)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected an id below %lld, got %d",
                         o->answer >= V ? "answer" : "wrong", (long long)V,
                         (int)(o->answer >= V ? o->answer : o->wrong));
    return HEED_OK;
}

static heed_status read_text(heed_patching *p, const int32_t *ids, heed_intervention **out, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = p->n_tokens};
    heed_status status = heed_intervention_create(p->model, &in, true, (int)p->options.threads, out, err);

    if (status == HEED_OK)
        status = heed_intervention_store(*out, NULL, 0, err);
    return status == HEED_OK ? heed_intervention_run(*out, NULL, 0, err) : status;
}

static heed_status choose_tokens(heed_patching *p, heed_error *err)
{
    p->answer = p->options.answer >= 0 ? p->options.answer : likeliest(p->clean);
    p->wrong = p->options.wrong >= 0 ? p->options.wrong : likeliest(p->corrupted);
    if (p->answer == p->wrong && p->options.metric == HEED_PATCH_LOGIT_DIFFERENCE)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected an answer and a wrong token that differ, got token %d for both%s",
                         (int)p->answer,
                         p->options.wrong < 0 ? ": after both texts the model says the same, so name the "
                                                "token that would be wrong"
                                              : "");
    p->clean_metric = metric_of(p, p->clean);
    p->corrupted_metric = metric_of(p, p->corrupted);
    return HEED_OK;
}

heed_status heed_patching_create(const heed_model *model, const int32_t *clean, size_t n_clean,
                                 const int32_t *corrupted, size_t n_corrupted,
                                 const heed_patch_options *options, heed_patching **patching, heed_error *err)
{
    const heed_patch_options defaults = heed_patch_default(), *given = options != NULL ? options : &defaults;
    heed_patching *p;
    heed_status status = check(model, n_clean, n_corrupted, given, err);

    *patching = NULL;
    if (status != HEED_OK)
        return status;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to patch");
    p->model = model;
    p->options = *given;
    p->n_tokens = (int64_t)n_clean;
    while (p->first_different < p->n_tokens && clean[p->first_different] == corrupted[p->first_different])
        p->first_different++;
    status = read_text(p, clean, &p->clean, err);
    if (status == HEED_OK)
        status = read_text(p, corrupted, &p->corrupted, err);
    if (status == HEED_OK)
        status = choose_tokens(p, err);
    if (status != HEED_OK) {
        heed_patching_destroy(p);
        return status;
    }
    *patching = p;
    return HEED_OK;
}

void heed_patching_destroy(heed_patching *p)
{
    if (p == NULL)
        return;
    heed_intervention_destroy(p->clean);
    heed_intervention_destroy(p->corrupted);
    free(p);
}

int64_t heed_patching_n_tokens(const heed_patching *p)
{
    return p->n_tokens;
}

int32_t heed_patching_answer(const heed_patching *p)
{
    return p->answer;
}

int32_t heed_patching_wrong(const heed_patching *p)
{
    return p->wrong;
}

double heed_patching_metric(const heed_patching *p, bool clean)
{
    return clean ? p->clean_metric : p->corrupted_metric;
}

/* --- a run --- */

/* Nodes of the clean run whose rows are not kept yet. */
static heed_status keep_clean(heed_patching *p, const heed_component *parts, int n_parts, heed_error *err)
{
    heed_node **missing = calloc(2 * (size_t)n_parts + 1, sizeof(heed_node *));
    heed_status status = HEED_OK;
    int n_missing = 0;

    if (missing == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to patch");
    for (int i = 0; i < n_parts && status == HEED_OK; i++) {
        heed_node *nodes[2], *there[2];
        int n = 0;
        status = heed_component_nodes(heed_intervention_forward(p->clean), &parts[i], nodes, &n, err);
        if (status == HEED_OK)
            status = heed_component_nodes(heed_intervention_forward(p->corrupted), &parts[i], there, &n, err);
        for (int k = 0; k < n && status == HEED_OK; k++) {
            status = heed_intervention_allow(p->corrupted, there[k], err);
            if (heed_intervention_rows(p->clean, nodes[k]) == NULL)
                missing[n_missing++] = nodes[k];
        }
    }
    if (status == HEED_OK && n_missing > 0)
        status = heed_intervention_store(p->clean, missing, n_missing, err);
    free(missing);
    return status;
}

static double recovery_of(const heed_patching *p, double metric)
{
    const double whole = p->clean_metric - p->corrupted_metric;

    return whole != 0.0 ? (metric - p->corrupted_metric) / whole : NAN;
}

/* The part's clean rows, kept before, as edits of the corrupted run. */
static heed_status patch_part(const heed_patching *p, const heed_component *part, int64_t position,
                              heed_edit edits[2], int *n, heed_error *err)
{
    heed_node *from[2], *to[2];
    heed_status status = heed_component_nodes(heed_intervention_forward(p->clean), part, from, n, err);

    if (status == HEED_OK)
        status = heed_component_nodes(heed_intervention_forward(p->corrupted), part, to, n, err);
    for (int k = 0; k < *n && status == HEED_OK; k++) {
        const bool head = part->kind == HEED_COMPONENT_HEAD;
        edits[k] = (heed_edit){.node = to[k],
                               .head = head ? part->head : -1,
                               .first = position < 0 ? 0 : position,
                               .n = position < 0 ? p->n_tokens : 1,
                               .stride = heed_intervention_width(from[k])};
        edits[k].rows = heed_intervention_rows(p->clean, from[k]) +
                        (head ? part->head * heed_intervention_piece(from[k]) : 0);
    }
    return status;
}

heed_status heed_patching_run(heed_patching *p, const heed_component *parts, int n_parts, int64_t position,
                              double *metric, double *recovery, heed_error *err)
{
    heed_edit *edits = calloc(2 * (size_t)n_parts + 2, sizeof *edits);
    heed_status status = keep_clean(p, parts, n_parts, err);
    int n_edits = 0;

    if (status == HEED_OK && edits == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to patch");
    if (status == HEED_OK && position >= p->n_tokens)
        status = heed_fail(err, HEED_ERR_USAGE, "there is no position %lld: positions are 0 to %lld",
                           (long long)position, (long long)p->n_tokens - 1);
    for (int i = 0; i < n_parts && status == HEED_OK; i++) {
        int n = 0;
        status = patch_part(p, &parts[i], position, edits + n_edits, &n, err);
        n_edits += n;
    }
    if (status == HEED_OK)
        status = heed_intervention_run(p->corrupted, edits, n_edits, err);
    if (status == HEED_OK) {
        const double value = metric_of(p, p->corrupted);
        if (metric != NULL)
            *metric = value;
        if (recovery != NULL)
            *recovery = recovery_of(p, value);
    }
    free(edits);
    return status;
}

/* --- a grid of runs --- */

const char *const *heed_patch_grids(void)
{
    static const char *const grids[] = {"residuals", "heads", "attention", "mlp", NULL};

    return grids;
}

/* What is patched in layer `layer`; head of a grid of heads. */
static heed_component grid_part(heed_patch_grid grid, int layer, int head)
{
    heed_component part = {.kind = HEED_COMPONENT_ACTIVATION, .layer = layer, .head = head};

    switch (grid) {
    case HEED_PATCH_RESIDUALS:
        snprintf(part.name, sizeof part.name, "blocks.%d.resid_pre", layer);
        break;
    case HEED_PATCH_HEADS:
        part.kind = HEED_COMPONENT_HEAD;
        break;
    case HEED_PATCH_ATTENTION:
        part.kind = HEED_COMPONENT_ATTENTION;
        break;
    case HEED_PATCH_MLP:
        part.kind = HEED_COMPONENT_MLP;
        break;
    }
    return part;
}

/* What all cells of a grid need is kept by one run, and allowed once. */
static heed_status keep_grid(heed_patching *p, heed_patch_grid grid, int n_layers, heed_error *err)
{
    heed_component *parts = calloc((size_t)n_layers + 1, sizeof *parts);
    heed_status status;

    if (parts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to patch");
    for (int layer = 0; layer < n_layers; layer++)
        parts[layer] = grid_part(grid, layer, 0);
    status = keep_clean(p, parts, n_layers, err);
    free(parts);
    return status;
}

static heed_status run_cell(heed_patching *p, heed_patch_grid grid, int layer, int64_t other, double *recovery,
                            heed_error *err)
{
    const bool heads = grid == HEED_PATCH_HEADS;
    const heed_component part = grid_part(grid, layer, heads ? (int)other : 0);

    if (!heads && other < p->first_different) {
        *recovery = recovery_of(p, p->corrupted_metric);
        return HEED_OK;
    }
    return heed_patching_run(p, &part, 1, heads ? -1 : other, NULL, recovery, err);
}

/* Layer by layer, so that runs that begin at the same residuals follow each other. */
static heed_status run_cells(heed_patching *p, heed_patch_grid grid, int n_layers, int64_t n_others,
                             double *recovery, heed_error *err)
{
    const bool heads = grid == HEED_PATCH_HEADS;
    const int64_t n_runs = n_layers * n_others;
    heed_status status = keep_grid(p, grid, n_layers, err);

    for (int64_t i = 0; i < n_runs && status == HEED_OK; i++) {
        const int64_t layer = i / n_others, other = i % n_others;
        status = run_cell(p, grid, (int)layer, other, &recovery[heads ? i : other * n_layers + layer], err);
        if (status == HEED_OK && p->options.progress != NULL &&
            !p->options.progress(p->options.progress_context, i + 1, n_runs))
            status = heed_fail(err, HEED_ERR_INTERRUPTED, "stopped after %lld of %lld runs", (long long)i + 1,
                               (long long)n_runs);
    }
    return status;
}

heed_status heed_patching_sweep(heed_patching *p, heed_patch_grid grid, double **recovery, int64_t *n_rows,
                                int64_t *n_columns, heed_error *err)
{
    const heed_config *c = heed_model_config(p->model);
    const int n_layers = c->kind == HEED_KIND_GPT ? (int)c->n_layers : 0;
    const bool heads = grid == HEED_PATCH_HEADS;
    const int64_t n_others = heads ? c->n_heads : p->n_tokens;
    heed_status status;

    *recovery = NULL;
    *n_rows = heads ? n_layers : n_others;
    *n_columns = heads ? n_others : n_layers;
    if (n_layers == 0)
        return heed_fail(err, HEED_ERR_USAGE, "the model has no layers to patch");
    *recovery = calloc((size_t)n_layers * (size_t)n_others, sizeof **recovery);
    if (*recovery == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to patch");
    status = run_cells(p, grid, n_layers, n_others, *recovery, err);
    if (status != HEED_OK) {
        free(*recovery);
        *recovery = NULL;
    }
    return status;
}
