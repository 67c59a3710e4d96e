/* SPDX-License-Identifier: MIT */
/* heed inspect --patch-text: which activations of one text carry its answer into the run of another. */
#include <heed/ablation.h>
#include <heed/grid.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_count.h"
#include "cli/token_out.h"
#include "cli/view.h"

enum { MAX_PARTS = 512, LABEL_COLUMNS = 12, N_GRIDS = 4 };

typedef struct patch_options {
    const char *text, *parts, *position, *answer, *wrong;
    int metric;
} patch_options;

#define AT(member) offsetof(patch_options, member)

static const char *const metrics[] = {"logit_difference", "probability", "loss", NULL};

static const heed_cli_text texts[] = {
    {"patch_text", "TEXT", "the corrupted text, of as many tokens as --text, which is the clean one", AT(text)},
    {"patch", "PARTS",
     "what of the clean run: residuals, heads, attention or mlp, a grid of all; or parts as --ablate takes "
     "them. "
     "Without it residuals and heads",
     AT(parts)},
    {"patch_position", "N", "of such parts only this position; without it all", AT(position)},
    {"answer", "TOKEN", "the next token that is right after the clean text; without it the likeliest one",
     AT(answer)},
    {"wrong", "TOKEN", "the one that is likely after the corrupted text; without it the likeliest one",
     AT(wrong)},
};

static const heed_field fields[] = {
    {"patch_metric", "what is measured of the next token", HEED_FIELD_CHOICE, AT(metric), 0, 0, metrics},
};

/* The number of the grid with that name, -1 for none. */
static int grid_named(const char *name)
{
    for (int i = 0; name != NULL && heed_patch_grids()[i] != NULL; i++) {
        if (strcmp(heed_patch_grids()[i], name) == 0)
            return i;
    }
    return -1;
}

/* --- what is asked --- */

static heed_status read_parts(const heed_cli_look *look, const patch_options *own, heed_component *parts,
                              int *n, int64_t *position, heed_error *err)
{
    heed_error said = {0};
    int64_t last;
    heed_status status = heed_components_read(look->model, own->parts, parts, MAX_PARTS, n, &said);

    *position = -1;
    if (status != HEED_OK)
        return heed_cli_fail(err, status, "patch: %s", said.message);
    if (own->position != NULL)
        status = heed_cli_read_range("patch-position", own->position, look->n_ids, position, &last, err);
    if (status == HEED_OK && own->position != NULL && *position != last)
        return heed_cli_fail(err, HEED_ERR_USAGE, "patch-position: expected one position, got several");
    return status;
}

static heed_status check_length(const heed_cli_look *look, const char *text, heed_error *err)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_status status = heed_model_encode(look->model, text, strlen(text), &ids, &n_ids, err);

    free(ids);
    if (status == HEED_OK && n_ids != look->n_ids)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "patch-text: expected as many tokens as --text, %zu, got %zu: an activation goes to "
            "the position that it comes from",
            look->n_ids, n_ids);
    return status;
}

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const heed_config *config = heed_model_config(look->model);
    const patch_options *own = options;
    const bool parts_are_named = own->parts != NULL && grid_named(own->parts) < 0;
    heed_component *parts = malloc(MAX_PARTS * sizeof *parts);
    int64_t position;
    int32_t id;
    int n;
    heed_status status = HEED_OK;

    if (parts == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of parts");
    if (config->kind != HEED_KIND_GPT || config->n_layers == 0)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "patch: the model has no layers to patch");
    else if (own->text == NULL)
        status = heed_cli_fail(err, HEED_ERR_USAGE,
                               "expected --patch-text, the corrupted text that parts of the clean one go into");
    if (status == HEED_OK)
        status = check_length(look, own->text, err);
    if (status == HEED_OK && own->position != NULL && !parts_are_named)
        status = heed_cli_fail(
            err, HEED_ERR_USAGE,
            "patch-position: expected --patch with parts such as 3.5, a grid has all positions");
    if (status == HEED_OK && parts_are_named)
        status = read_parts(look, own, parts, &n, &position, err);
    if (status == HEED_OK && own->answer != NULL)
        status = heed_cli_find_token(look->model, "answer", own->answer, &id, err);
    if (status == HEED_OK && own->wrong != NULL)
        status = heed_cli_find_token(look->model, "wrong", own->wrong, &id, err);
    free(parts);
    return status;
}

/* --- the two runs --- */

static void print_token(const heed_cli_look *look, const char *role, int32_t id, const char *where)
{
    char label[HEED_LABEL_BYTES];

    heed_token_label(look->model, id, 24, label, sizeof label);
    printf("%s \"%s\"%s\n", role, label, where);
}

static void print_runs(const heed_cli_look *look, const patch_options *own, const heed_patching *p)
{
    print_token(look, "answer", heed_patching_answer(p),
                own->answer == NULL ? ", the likeliest after the clean text" : "");
    if (own->metric == HEED_PATCH_LOGIT_DIFFERENCE)
        print_token(look, "wrong ", heed_patching_wrong(p),
                    own->wrong == NULL ? ", the likeliest after the corrupted text" : "");
    printf("%s: %.4f clean, %.4f corrupted\n",
           own->metric == HEED_PATCH_LOGIT_DIFFERENCE ? "logit of the answer - logit of the wrong token"
           : own->metric == HEED_PATCH_PROBABILITY    ? "probability of the answer"
                                                      : "loss of the answer",
           heed_patching_metric(p, true), heed_patching_metric(p, false));
    printf("recovery: 0 is the corrupted run, 1 the clean one\n");
}

static void json_runs(const heed_cli_look *look, const patch_options *own, const heed_patching *p)
{
    heed_cli_json *json = look->json;

    heed_cli_json_text(json, "corrupted_text", own->text);
    heed_cli_json_text(json, "metric", metrics[own->metric]);
    heed_cli_json_open(json, "answer", '{');
    heed_cli_json_token(json, look->model, heed_patching_answer(p));
    heed_cli_json_close(json, '}');
    heed_cli_json_open(json, "wrong", '{');
    heed_cli_json_token(json, look->model, heed_patching_wrong(p));
    heed_cli_json_close(json, '}');
    heed_cli_json_number(json, "clean", heed_patching_metric(p, true));
    heed_cli_json_number(json, "corrupted", heed_patching_metric(p, false));
}

/* --- a grid --- */

static const char *const titles[N_GRIDS] = {
    "recovery by the residual stream before a layer, at one position",
    "recovery by a head's output, at all positions",
    "recovery by what attention adds, at one position",
    "recovery by what a feed-forward adds, at one position",
};

/* "3 the" for each position. */
static const char **position_labels(const heed_cli_look *look, char (*room)[HEED_LABEL_BYTES + 32])
{
    const char **labels = calloc(look->n_ids, sizeof *labels);

    for (size_t i = 0; labels != NULL && i < look->n_ids; i++) {
        char token[HEED_LABEL_BYTES];
        heed_token_label(look->model, look->ids[i], LABEL_COLUMNS, token, sizeof token);
        snprintf(room[i], sizeof room[i], "%zu %s", i, token);
        labels[i] = room[i];
    }
    return labels;
}

static heed_status print_grid(const heed_cli_look *look, int kind, const double *recovery, int64_t n_rows,
                              int64_t n_columns, heed_error *err)
{
    const bool heads = kind == HEED_PATCH_HEADS;
    char(*room)[HEED_LABEL_BYTES + 32] = calloc(look->n_ids, sizeof *room);
    const char **labels = room != NULL ? position_labels(look, room) : NULL;
    const heed_grid grid = {.title = titles[kind],
                            .values = recovery,
                            .n_rows = (int)n_rows,
                            .n_columns = (int)n_columns,
                            .row_name = heads ? "layer" : "position",
                            .column_name = heads ? "head" : "layer",
                            .row_labels = heads ? NULL : labels,
                            .low = -1.0,
                            .high = 1.0,
                            .diverging = true};
    char *text = NULL;
    heed_status status = labels != NULL ? heed_grid_text(&grid, heed_cli_columns(stdout) - 1,
                                                         heed_cli_palette(stdout), &text, err)
                                        : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a grid");

    if (status == HEED_OK)
        printf("\n%s", text);
    free(text);
    free(labels);
    free(room);
    return status;
}

static void json_grid(heed_cli_json *json, int kind, const double *recovery, int64_t n_rows, int64_t n_columns)
{
    heed_cli_json_open(json, heed_patch_grids()[kind], '{');
    heed_cli_json_text(json, "rows", kind == HEED_PATCH_HEADS ? "layer" : "position");
    heed_cli_json_text(json, "columns", kind == HEED_PATCH_HEADS ? "head" : "layer");
    heed_cli_json_open(json, "recovery", '[');
    for (int64_t i = 0; i < n_rows; i++) {
        heed_cli_json_open(json, NULL, '[');
        for (int64_t j = 0; j < n_columns; j++)
            heed_cli_json_number(json, NULL, recovery[i * n_columns + j]);
        heed_cli_json_close(json, ']');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static heed_status show_grid(const heed_cli_look *look, heed_patching *p, int kind, heed_cli_run_count *count,
                             heed_error *err)
{
    double *recovery = NULL;
    int64_t n_rows, n_columns;
    heed_status status = heed_patching_sweep(p, (heed_patch_grid)kind, &recovery, &n_rows, &n_columns, err);

    heed_cli_run_count_end(count);
    if (status == HEED_OK && look->json != NULL)
        json_grid(look->json, kind, recovery, n_rows, n_columns);
    else if (status == HEED_OK)
        status = print_grid(look, kind, recovery, n_rows, n_columns, err);
    free(recovery);
    return status;
}

/* --- some parts --- */

static heed_status show_parts(const heed_cli_look *look, const patch_options *own, heed_patching *p,
                              heed_error *err)
{
    heed_component *parts = malloc(MAX_PARTS * sizeof *parts);
    double metric = NAN, recovery = NAN;
    int64_t position = -1;
    int n = 0;
    heed_status status = parts != NULL
                             ? read_parts(look, own, parts, &n, &position, err)
                             : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of parts");

    if (status == HEED_OK)
        status = heed_patching_run(p, parts, n, position, &metric, &recovery, err);
    if (status == HEED_OK && look->json != NULL) {
        heed_cli_json_text(look->json, "parts", own->parts);
        if (position >= 0)
            heed_cli_json_integer(look->json, "position", position);
        heed_cli_json_number(look->json, "patched", metric);
        heed_cli_json_number(look->json, "recovery", recovery);
    } else if (status == HEED_OK) {
        printf("\nwith %s of the clean run", own->parts);
        if (position >= 0)
            printf(" at position %lld", (long long)position);
        printf(": %.4f, recovery %.4f\n", metric, recovery);
    }
    free(parts);
    return status;
}

/* --- the view --- */

static heed_status open_patching(const heed_cli_look *look, const patch_options *own, heed_cli_run_count *count,
                                 heed_patching **p, heed_error *err)
{
    heed_patch_options options = heed_patch_default();
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_status status = heed_model_encode(look->model, own->text, strlen(own->text), &ids, &n_ids, err);

    options.metric = own->metric;
    options.progress = heed_cli_count_run;
    options.progress_context = count;
    if (status == HEED_OK && own->answer != NULL)
        status = heed_cli_find_token(look->model, "answer", own->answer, &options.answer, err);
    if (status == HEED_OK && own->wrong != NULL)
        status = heed_cli_find_token(look->model, "wrong", own->wrong, &options.wrong, err);
    if (status == HEED_OK)
        status = heed_patching_create(look->model, look->ids, look->n_ids, ids, n_ids, &options, p, err);
    free(ids);
    return status;
}

static heed_status show(const heed_cli_look *look, const void *given, heed_error *err)
{
    const patch_options *own = given;
    const int one = grid_named(own->parts);
    heed_cli_run_count count = {0};
    heed_patching *p = NULL;
    heed_status status = open_patching(look, own, &count, &p, err);

    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        json_runs(look, own, p);
    else if (status == HEED_OK)
        print_runs(look, own, p);
    if (status == HEED_OK && own->parts != NULL && one < 0)
        status = show_parts(look, own, p, err);
    for (int kind = 0; kind < N_GRIDS && status == HEED_OK; kind++) {
        if (kind == one || (own->parts == NULL && kind <= HEED_PATCH_HEADS))
            status = show_grid(look, p, kind, &count, err);
    }
    heed_patching_destroy(p);
    return status;
}

const heed_cli_view heed_cli_view_patch = {
    .name = "patch",
    .summary = "activations of one text in the run of another",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(patch_options),
    .check = check,
    .show = show,
};
