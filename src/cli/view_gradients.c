/* SPDX-License-Identifier: MIT */
/* heed inspect --show gradients: what the text would teach, by groups of parameters and by layers. */
#include <heed/gradients.h>
#include <math.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"

enum { MOST_GROUPS = 16 };

/* The components that the model has, in the order of its parameters. */
static int list_components(const heed_gradients *g, const char *names[MOST_GROUPS])
{
    int n = 0;

    for (int i = 0; i < g->n; i++) {
        int k = 0;
        while (k < n && strcmp(names[k], g->list[i].component) != 0)
            k++;
        if (k == n && n < MOST_GROUPS)
            names[n++] = g->list[i].component;
    }
    return n;
}

static double ratio_of(const heed_gradient_norms *g)
{
    return g->weight > 0.0 ? g->gradient / g->weight : NAN;
}

/* --- as text --- */

static void put_row(const char *name, const heed_gradient_norms *g)
{
    char count[32], ratio[32] = "-";

    if (g->weight > 0.0 || isnan(g->weight))
        snprintf(ratio, sizeof ratio, "%.2g", heed_cli_unsigned_nan(ratio_of(g)));
    printf("  %-20.60s %12s %11.4g %11.4g %9s %6.1f %%\n", name, heed_cli_grouped(count, (double)g->count),
           heed_cli_unsigned_nan(g->gradient), heed_cli_unsigned_nan(g->weight), ratio,
           100.0 * (double)g->n_zero / (double)g->count);
}

static void print_groups(const heed_gradients *g)
{
    const char *names[MOST_GROUPS];
    const int n = list_components(g, names);
    const heed_gradient_norms all = heed_gradients_sum(g, NULL, HEED_ANY_LAYER);

    printf("loss %.4f; |g| the norm of its gradient, |w| that of the weights\n\n",
           heed_cli_unsigned_nan(g->loss));
    printf("  %-20s %12s %11s %11s %9s %8s\n", "group", "parameters", "|g|", "|w|", "|g|/|w|", "g is 0");
    for (int k = 0; k < n; k++) {
        const heed_gradient_norms sum = heed_gradients_sum(g, names[k], HEED_ANY_LAYER);
        put_row(names[k], &sum);
    }
    put_row("all", &all);
}

static void print_layers(const heed_gradients *g, int64_t n_layers)
{
    printf("\n  %-20s %12s %11s %11s %9s %8s\n", "layer", "parameters", "|g|", "|w|", "|g|/|w|", "g is 0");
    for (int layer = 0; layer < n_layers; layer++) {
        const heed_gradient_norms sum = heed_gradients_sum(g, NULL, layer);
        char name[24];
        snprintf(name, sizeof name, "%d", layer);
        if (sum.count > 0)
            put_row(name, &sum);
    }
}

enum { MOST_REMARKS = 8 };

/* Parameters that the text says nothing about, and those whose gradients are not finite. */
static void print_remarks(const heed_gradients *g)
{
    int n = 0;

    for (int i = 0; i < g->n; i++) {
        const heed_gradient_norms *p = &g->list[i];
        if (p->n_zero < p->count && p->n_bad == 0)
            continue;
        if (n++ >= MOST_REMARKS)
            continue;
        printf("%s", n == 1 ? "\n" : "");
        if (p->n_bad > 0)
            printf("  %s: %lld of %lld gradients are not finite\n", p->name, (long long)p->n_bad,
                   (long long)p->count);
        else
            printf("  %s: the whole gradient is 0\n", p->name);
    }
    if (n > MOST_REMARKS)
        printf("  and so are %d more of %d parameters; --json has them all\n", n - MOST_REMARKS, g->n);
}

/* --- as JSON --- */

static void json_norms(heed_cli_json *json, const heed_gradient_norms *g)
{
    heed_cli_json_integer(json, "parameters", g->count);
    heed_cli_json_number(json, "gradient_norm", g->gradient);
    heed_cli_json_number(json, "weight_norm", g->weight);
    heed_cli_json_number(json, "ratio", ratio_of(g));
    heed_cli_json_integer(json, "zero", g->n_zero);
    heed_cli_json_integer(json, "not_finite", g->n_bad);
}

static void json_groups(heed_cli_json *json, const heed_gradients *g)
{
    const char *names[MOST_GROUPS];
    const int n = list_components(g, names);

    heed_cli_json_open(json, "groups", '[');
    for (int k = 0; k < n; k++) {
        const heed_gradient_norms sum = heed_gradients_sum(g, names[k], HEED_ANY_LAYER);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", names[k]);
        json_norms(json, &sum);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void print_json(heed_cli_json *json, const heed_gradients *g)
{
    heed_cli_json_number(json, "loss", g->loss);
    json_groups(json, g);
    heed_cli_json_open(json, "parameters", '[');
    for (int i = 0; i < g->n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", g->list[i].name);
        heed_cli_json_text(json, "group", g->list[i].component);
        if (g->list[i].layer >= 0)
            heed_cli_json_integer(json, "layer", g->list[i].layer);
        json_norms(json, &g->list[i]);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    (void)options;
    if (look->n_ids >= 2)
        return HEED_OK;
    return heed_cli_fail(
        err, HEED_ERR_USAGE,
        "gradients: expected a text of at least two tokens, one that predicts and one that comes");
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    heed_gradients g;
    const heed_status status = heed_model_gradients(look->model, look->ids, look->n_ids, &g, err);

    (void)options;
    if (status != HEED_OK)
        return status;
    heed_cli_view_begin(look);
    if (look->json != NULL) {
        print_json(look->json, &g);
    } else {
        print_groups(&g);
        print_layers(&g, heed_model_config(look->model)->n_layers);
        print_remarks(&g);
    }
    heed_gradients_free(&g);
    return HEED_OK;
}

const heed_cli_view heed_cli_view_gradients = {
    .name = "gradients",
    .summary = "gradients and weights by groups",
    .check = check,
    .show = show,
};
