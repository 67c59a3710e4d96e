/* SPDX-License-Identifier: MIT */
/* Runs of a text with parts of the model replaced: see ablate.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "inspect/ablate.h"
#include "inspect/component.h"

/* --- the text in windows --- */

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an ablation");
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Position p is at place p of ids and targets, so a window goes on where the one before it ends. */
static heed_status read_windows(heed_ablator *a, const int32_t *ids, size_t n, heed_intervention **out,
                                heed_error *err)
{
    const int64_t n_positions = (int64_t)n - 1;
    const int64_t T = smaller(n_positions, a->model->config.context_length);
    heed_forward_ids in = {.batch = T > 0 ? (n_positions + T - 1) / T : 0, .length = T};
    int32_t *read, *targets;

    if (n < 2)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a text of at least 2 tokens, each but the first to be predicted, got %zu",
                         n);
    read = heed_arena_alloc(a->arena, (size_t)(in.batch * T) * sizeof *read);
    targets = heed_arena_alloc(a->arena, (size_t)(in.batch * T) * sizeof *targets);
    if (read == NULL || targets == NULL)
        return out_of_memory(err);
    for (int64_t p = 0; p < in.batch * T; p++) {
        read[p] = p < n_positions ? ids[p] : 0;
        targets[p] = p < n_positions ? ids[p + 1] : -1;
    }
    if (ids[n - 1] < 0)
        return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id from 0 on, got %d", n - 1,
                         (int)ids[n - 1]);
    in.ids = read;
    in.targets = targets;
    return heed_intervention_create(a->model, &in, false, (int)a->options.threads, out, err);
}

/* --- parts --- */

heed_status heed_ablator_units(const heed_ablator *a, const heed_component *part, heed_ablate_unit out[2],
                               int *n, heed_error *err)
{
    heed_node *nodes[2], *sources[2];
    heed_status status = heed_component_nodes(heed_intervention_forward(a->text), part, nodes, n, err);

    if (status == HEED_OK)
        status = heed_component_nodes(heed_intervention_forward(a->reference), part, sources, n, err);
    for (int k = 0; k < *n && status == HEED_OK; k++)
        out[k] = (heed_ablate_unit){nodes[k], sources[k], part->kind == HEED_COMPONENT_HEAD ? part->head : -1};
    return status;
}

/* --- opening --- */

static bool add_once(heed_node **list, int *n, heed_node *node)
{
    for (int i = 0; i < *n; i++) {
        if (list[i] == node)
            return false;
    }
    list[(*n)++] = node;
    return true;
}

/* Parts by themselves may be edited; their values are kept, which tells how far an ablation moves them. */
static heed_status keep_parts(heed_ablator *a, const heed_component *parts, int n_parts, heed_error *err)
{
    heed_node **nodes = heed_arena_alloc(a->arena, 2 * ((size_t)n_parts + 1) * sizeof(heed_node *));
    heed_node **sources = heed_arena_alloc(a->arena, 2 * ((size_t)n_parts + 1) * sizeof(heed_node *));
    int n_nodes = 0, n_sources = 0;
    heed_status status = nodes != NULL && sources != NULL ? HEED_OK : out_of_memory(err);

    for (int i = 0; i < n_parts && status == HEED_OK; i++) {
        heed_ablate_unit units[2];
        int n = 0;
        status = heed_ablator_units(a, &parts[i], units, &n, err);
        for (int k = 0; k < n && status == HEED_OK; k++) {
            add_once(sources, &n_sources, units[k].source);
            if (add_once(nodes, &n_nodes, units[k].node))
                status = heed_intervention_allow(a->text, units[k].node, err);
        }
    }
    if (status == HEED_OK)
        status = heed_intervention_store(a->text, nodes, n_nodes, err);
    if (status == HEED_OK && a->reference != a->text)
        status = heed_intervention_store(a->reference, sources, n_sources, err);
    a->means = heed_arena_alloc(a->arena, ((size_t)n_sources + 1) * sizeof *a->means);
    return status == HEED_OK && a->means == NULL ? out_of_memory(err) : status;
}

/* The text's own positions shuffled (Fisher and Yates), or as many drawn ones of the reference. */
static heed_status draw_positions(heed_ablator *a, heed_error *err)
{
    heed_rng rng = heed_rng_make(a->options.seed, HEED_STREAM_RESAMPLE);

    a->index = heed_arena_alloc(a->arena, (size_t)a->n_positions * sizeof *a->index);
    if (a->index == NULL)
        return out_of_memory(err);
    for (int64_t p = 0; p < a->n_positions; p++)
        a->index[p] = a->reference == a->text ? p : heed_rng_below(&rng, a->n_reference);
    for (int64_t p = a->n_positions - 1; p > 0 && a->reference == a->text; p--) {
        const int64_t other = heed_rng_below(&rng, p + 1), kept = a->index[p];
        a->index[p] = a->index[other];
        a->index[other] = kept;
    }
    return HEED_OK;
}

heed_status heed_ablator_open(heed_ablator *a, const heed_model *model, const int32_t *ids, size_t n,
                              const heed_component *parts, int n_parts, const heed_ablate_options *options,
                              heed_error *err)
{
    heed_status status;

    *a = (heed_ablator){.model = model,
                        .options = options != NULL ? *options : heed_ablate_default(),
                        .arena = heed_arena_create(),
                        .n_tokens = (int64_t)n,
                        .n_positions = (int64_t)n - 1,
                        .n_reference = (int64_t)n - 1};
    if (a->arena == NULL)
        return out_of_memory(err);
    if (a->options.n_controls < 0 || a->options.n_controls > HEED_ABLATE_MAX_CONTROLS)
        return heed_fail(err, HEED_ERR_USAGE, "controls: expected 0 to %d, got %lld", HEED_ABLATE_MAX_CONTROLS,
                         (long long)a->options.n_controls);
    if (a->options.method < HEED_ABLATE_ZERO || a->options.method > HEED_ABLATE_RESAMPLE)
        return heed_fail(err, HEED_ERR_USAGE, "method: expected 0 to %d, got %d", HEED_ABLATE_RESAMPLE,
                         a->options.method);
    if (a->options.n_controlled < 0)
        return heed_fail(err, HEED_ERR_USAGE, "controlled: expected 0 or more, got %lld",
                         (long long)a->options.n_controlled);
    status = read_windows(a, ids, n, &a->text, err);
    a->reference = a->text;
    if (status == HEED_OK && a->options.reference != NULL) {
        status = read_windows(a, a->options.reference, a->options.n_reference, &a->reference, err);
        a->n_reference = (int64_t)a->options.n_reference - 1;
    }
    if (status != HEED_OK)
        return status;
    a->n_windows = (a->n_positions + model->config.context_length - 1) / model->config.context_length;
    status = keep_parts(a, parts, n_parts, err);
    return status == HEED_OK ? draw_positions(a, err) : status;
}

void heed_ablator_close(heed_ablator *a)
{
    if (a->reference != a->text)
        heed_intervention_destroy(a->reference);
    heed_intervention_destroy(a->text);
    heed_arena_destroy(a->arena);
    *a = (heed_ablator){0};
}

/* --- what stands in for a part --- */

/* The mean over the reference's positions, made once; NULL when memory is out. Sums are taken in double. */
static const float *mean_row(heed_ablator *a, const heed_node *source)
{
    const int64_t width = heed_intervention_width(source);
    const float *rows = heed_intervention_rows(a->reference, source);
    float *row;

    for (int i = 0; i < a->n_means; i++) {
        if (a->means[i].node == source)
            return a->means[i].row;
    }
    row = heed_arena_alloc(a->arena, (size_t)width * sizeof *row);
    if (row == NULL)
        return NULL;
    for (int64_t j = 0; j < width; j++) {
        double sum = 0.0;
        for (int64_t p = 0; p < a->n_reference; p++)
            sum += (double)rows[p * width + j];
        row[j] = (float)(sum / (double)a->n_reference);
    }
    a->means[a->n_means++] = (struct heed_ablate_mean){source, row};
    return row;
}

/* Where the unit's numbers begin in its row. */
static int64_t unit_offset(const heed_ablate_unit *unit)
{
    return unit->head >= 0 ? unit->head * heed_intervention_piece(unit->node) : 0;
}

static int64_t unit_width(const heed_ablate_unit *unit)
{
    return unit->head >= 0 ? heed_intervention_piece(unit->node) : heed_intervention_width(unit->node);
}

static heed_status replace(heed_ablator *a, const heed_ablate_unit *unit, heed_edit *edit, heed_error *err)
{
    *edit = (heed_edit){.node = unit->node, .head = unit->head, .n = a->n_positions};
    if (a->options.method == HEED_ABLATE_MEAN) {
        edit->rows = mean_row(a, unit->source);
        if (edit->rows == NULL)
            return out_of_memory(err);
        edit->rows += unit_offset(unit);
    } else if (a->options.method == HEED_ABLATE_RESAMPLE) {
        edit->rows = heed_intervention_rows(a->reference, unit->source) + unit_offset(unit);
        edit->stride = heed_intervention_width(unit->source);
        edit->index = a->index;
    }
    return HEED_OK;
}

/* to = from moved by `distance` in a random direction: normal numbers point everywhere alike. */
static void move_at_random(const float *from, float *to, int64_t n, double distance, heed_rng *rng)
{
    double squares = 0.0;

    for (int64_t j = 0; j < n; j++) {
        to[j] = heed_rng_normal(rng);
        squares += (double)to[j] * (double)to[j];
    }
    for (int64_t j = 0; j < n; j++)
        to[j] = (float)((double)from[j] + (squares > 0.0 ? distance / sqrt(squares) : 0.0) * (double)to[j]);
}

/* What the edit puts at position p, a row of `width` numbers; NULL: zeros. */
static const float *row_of(const heed_edit *edit, int64_t p)
{
    return edit->rows != NULL ? edit->rows + (edit->index != NULL ? edit->index[p] : p) * edit->stride : NULL;
}

/* The edit becomes one that moves each position as far, but in a random direction. *rows is to be freed. */
static heed_status disturb(const heed_ablator *a, const heed_ablate_unit *unit, heed_edit *edit, heed_rng *rng,
                           float **rows, heed_error *err)
{
    const int64_t width = unit_width(unit), stride = heed_intervention_width(unit->node);
    const float *own = heed_intervention_rows(a->text, unit->node) + unit_offset(unit);

    *rows = malloc((size_t)(a->n_positions * width) * sizeof **rows);
    if (*rows == NULL)
        return out_of_memory(err);
    for (int64_t p = 0; p < a->n_positions; p++) {
        const float *from = own + p * stride, *there = row_of(edit, p);
        double squares = 0.0;
        for (int64_t j = 0; j < width; j++) {
            const double d = (there != NULL ? (double)there[j] : 0.0) - (double)from[j];
            squares += d * d;
        }
        move_at_random(from, *rows + p * width, width, sqrt(squares), rng);
    }
    edit->rows = *rows;
    edit->stride = width;
    edit->index = NULL;
    return HEED_OK;
}

/* --- running --- */

static heed_status report(heed_ablator *a, heed_error *err)
{
    a->n_done++;
    if (a->options.progress != NULL && !a->options.progress(a->options.progress_context, a->n_done, a->n_runs))
        return heed_fail(err, HEED_ERR_INTERRUPTED, "stopped after %lld of %lld runs", (long long)a->n_done,
                         (long long)a->n_runs);
    return HEED_OK;
}

heed_status heed_ablator_run(heed_ablator *a, const heed_component *parts, int n_parts, int64_t control,
                             double *losses, heed_error *err)
{
    heed_rng rng = heed_rng_make(a->options.seed, HEED_STREAM_CONTROL | ((uint64_t)(control + 1) << 8));
    heed_edit *edits = calloc(2 * (size_t)n_parts + 1, sizeof *edits);
    float **rows = calloc(2 * (size_t)n_parts + 1, sizeof *rows);
    heed_status status = edits != NULL && rows != NULL ? HEED_OK : out_of_memory(err);
    int n_edits = 0;

    for (int i = 0; i < n_parts && status == HEED_OK; i++) {
        heed_ablate_unit units[2];
        int n = 0;
        status = heed_ablator_units(a, &parts[i], units, &n, err);
        for (int k = 0; k < n && status == HEED_OK; k++, n_edits++) {
            status = replace(a, &units[k], &edits[n_edits], err);
            if (status == HEED_OK && control != HEED_ABLATE_PLAINLY)
                status = disturb(a, &units[k], &edits[n_edits], &rng, &rows[n_edits], err);
        }
    }
    if (status == HEED_OK)
        status = heed_intervention_run(a->text, edits, n_edits, err);
    for (int64_t p = 0; p < a->n_positions && status == HEED_OK; p++)
        losses[p] = (double)heed_tensor_get(heed_intervention_result(a->text), p);
    for (int i = 0; rows != NULL && i < n_edits; i++)
        free(rows[i]);
    free(rows);
    free(edits);
    return status == HEED_OK ? report(a, err) : status;
}
