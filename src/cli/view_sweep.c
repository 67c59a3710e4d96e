/* SPDX-License-Identifier: MIT */
/* heed inspect --ablate each: every head and feed-forward without the others' help. */
#include <heed/grid.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/run_count.h"
#include "cli/view_ablation.h"

enum { N_LISTED = 20 };

/* Does it differ from a random change of the same size? */
static bool is_beyond(const heed_sweep_entry *e)
{
    return e->beyond.low > 0.0 || e->beyond.high < 0.0;
}

/* --- the grid --- */

/* Layers down, heads across, the feed-forward behind them. */
static void fill_grid(const heed_ablation_sweep *s, double *values, int n_columns)
{
    for (int i = 0; i < heed_ablation_sweep_count(s); i++) {
        const heed_sweep_entry *e = heed_ablation_sweep_at(s, i);
        const int column = e->part.kind == HEED_COMPONENT_HEAD ? e->part.head : n_columns - 1;
        values[e->part.layer * n_columns + column] = e->effect.mean;
    }
}

static const char **column_labels(int n_heads, int n_columns, char (*room)[16])
{
    const char **labels = calloc((size_t)n_columns, sizeof *labels);

    for (int i = 0; labels != NULL && i < n_columns; i++) {
        snprintf(room[i], sizeof room[i], "%d", i);
        labels[i] = i < n_heads ? room[i] : "mlp";
    }
    return labels;
}

static heed_status print_grid(const heed_ablation_sweep *s, const heed_config *c, heed_error *err)
{
    const int n_heads = c->attention ? (int)c->n_heads : 0, n_columns = n_heads + c->mlp;
    double *values = calloc((size_t)c->n_layers * (size_t)n_columns, sizeof *values);
    char(*room)[16] = calloc((size_t)n_columns, sizeof *room);
    const char **labels = room != NULL ? column_labels(n_heads, n_columns, room) : NULL;
    char *text = NULL;
    heed_grid grid = {.title = "change of the loss, nats a token, without",
                      .values = values,
                      .n_rows = (int)c->n_layers,
                      .n_columns = n_columns,
                      .row_name = "layer",
                      .column_name = "head",
                      .column_labels = labels,
                      .diverging = true};
    heed_status status = HEED_OK;

    if (values == NULL || labels == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a grid");
    if (status == HEED_OK) {
        fill_grid(s, values, n_columns);
        status = heed_grid_text(&grid, heed_cli_columns(stdout) - 1, heed_cli_palette(stdout), &text, err);
    }
    if (status == HEED_OK)
        printf("%s", text);
    free(text);
    free(labels);
    free(room);
    free(values);
    return status;
}

/* --- the list --- */

static int by_effect(const void *a, const void *b)
{
    const heed_sweep_entry *x = *(const heed_sweep_entry *const *)a, *y = *(const heed_sweep_entry *const *)b;
    const double u = fabs(x->effect.mean), v = fabs(y->effect.mean);

    if (isnan(u) != isnan(v))
        return isnan(u) ? -1 : 1;
    return u < v ? 1 : u > v ? -1 : (x > y) - (x < y);
}

static void print_entry(const heed_sweep_entry *e)
{
    char text[128];

    printf("%-8s %+8.4f  %+8.4f to %+8.4f", heed_component_text(text, &e->part), e->effect.mean, e->effect.low,
           e->effect.high);
    if (isnan(e->control.mean))
        printf("\n");
    else
        printf("  %+8.4f  %+8.4f to %+8.4f%s\n", e->control.mean, e->beyond.low, e->beyond.high,
               is_beyond(e) ? "  *" : "");
}

static heed_status print_list(const heed_ablation_sweep *s, heed_error *err)
{
    const int n = heed_ablation_sweep_count(s);
    const heed_sweep_entry **sorted = calloc((size_t)n, sizeof *sorted);
    double low, high;

    if (sorted == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of %d parts", n);
    for (int i = 0; i < n; i++)
        sorted[i] = heed_ablation_sweep_at(s, i);
    qsort(sorted, (size_t)n, sizeof *sorted, by_effect);
    printf("\npart       change  95 %% interval          control  change - control\n");
    for (int i = 0; i < n && i < N_LISTED; i++)
        print_entry(sorted[i]);
    if (n > N_LISTED)
        printf("and %d parts that change it less; --json has them all\n", n - N_LISTED);
    heed_ablation_sweep_band(s, &low, &high);
    if (!isnan(low))
        printf("* differs from its control: the same part moved as far in random directions.\n"
               "The middle nine tenths of all controls change the loss by %+.4f to %+.4f.\n",
               low, high);
    free(sorted);
    return HEED_OK;
}

/* --- as JSON --- */

static void print_json(heed_cli_json *json, const heed_ablation_sweep *s, const heed_ablate_options *options)
{
    double low, high;

    heed_ablation_sweep_band(s, &low, &high);
    heed_cli_json_text(json, "method", heed_ablate_methods()[options->method]);
    heed_cli_json_number(json, "loss", heed_ablation_sweep_loss(s));
    heed_cli_json_open(json, "control_band", '[');
    heed_cli_json_number(json, NULL, low);
    heed_cli_json_number(json, NULL, high);
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "parts", '[');
    for (int i = 0; i < heed_ablation_sweep_count(s); i++) {
        const heed_sweep_entry *e = heed_ablation_sweep_at(s, i);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_part(json, &e->part);
        heed_cli_json_integer(json, "layer", e->part.layer);
        if (e->part.kind == HEED_COMPONENT_HEAD)
            heed_cli_json_integer(json, "head", e->part.head);
        heed_cli_json_effect(json, "change", &e->effect);
        heed_cli_json_effect(json, "control", &e->control);
        heed_cli_json_effect(json, "beyond_control", &e->beyond);
        heed_cli_json_bool(json, "differs_from_control", is_beyond(e));
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

heed_status heed_cli_show_sweep(const heed_cli_look *look, const heed_ablate_options *options, heed_error *err)
{
    heed_ablation_sweep *s = NULL;
    heed_status status = heed_ablation_sweep_create(look->model, look->ids, look->n_ids, options, &s, err);

    heed_cli_run_count_end(options->progress_context);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL) {
        print_json(look->json, s, options);
    } else if (status == HEED_OK) {
        printf("each part by itself; in its place: %s; %lld tokens to predict, loss %.4f\n\n",
               heed_cli_ablated_by(options), (long long)heed_ablation_sweep_n_tokens(s) - 1,
               heed_ablation_sweep_loss(s));
        status = print_grid(s, heed_model_config(look->model), err);
        if (status == HEED_OK)
            status = print_list(s, err);
    }
    heed_ablation_sweep_destroy(s);
    return status;
}
