/* SPDX-License-Identifier: MIT */
/* heed inspect --compare: what became of heads, predictions and weights from one model to another of its shape. */
#include <heed/compare.h>
#include <heed/grid.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/open_model.h"
#include "cli/token_out.h"
#include "cli/view.h"
#include "cli/view_ablation.h"

enum { TOKEN_COLUMNS = 10, ROLE_COLUMNS = 38 /* two roles that fit one line */ };

typedef struct compare_options {
    const char *other;
    int64_t n_listed;
} compare_options;

#define AT(member) offsetof(compare_options, member)

static const compare_options defaults = {.n_listed = 10};

static const heed_cli_text texts[] = {
    {"compare", "MODEL", "another model of the same shape and tokenizer, such as a later checkpoint",
     AT(other)},
};

static const heed_field fields[] = {
    {"compare_list", "heads and tokens to list, those that moved most", HEED_FIELD_INTEGER, AT(n_listed), 0,
     100000, NULL},
};

/* --- sorted by how far they moved --- */

/* Size of the change, with what is no number first. */
static int by_size(double a, double b)
{
    a = fabs(a);
    b = fabs(b);
    if (isnan(a) != isnan(b))
        return isnan(a) ? -1 : 1;
    return a < b ? 1 : a > b ? -1 : 0;
}

static int by_variation(const void *a, const void *b)
{
    const heed_compared_head *x = *(const heed_compared_head *const *)a,
                             *y = *(const heed_compared_head *const *)b;
    const int order = by_size(x->variation, y->variation);

    if (x->role_changed != y->role_changed)
        return x->role_changed ? -1 : 1;
    return order != 0 ? order : (x > y) - (x < y);
}

static int by_change(const void *a, const void *b)
{
    const heed_compared_token *x = *(const heed_compared_token *const *)a;
    const heed_compared_token *y = *(const heed_compared_token *const *)b;
    const int order = by_size(x->loss_after - x->loss_before, y->loss_after - y->loss_before);

    return order != 0 ? order : (x > y) - (x < y);
}

/* --- weights --- */

static void group_name(const heed_compared_group *g, char out[64])
{
    if (g->layer < 0)
        snprintf(out, 64, "%s", g->component);
    else
        snprintf(out, 64, "layer %d %s", g->layer, g->component);
}

static void print_weights(const heed_comparison *c)
{
    char name[64], count[32];

    printf("\nweights                      numbers      norm    change  relative\n");
    for (int i = 0; i < heed_comparison_n_groups(c); i++) {
        const heed_compared_group *g = heed_comparison_group(c, i);
        group_name(g, name);
        printf("%-22s %13s %9.3f %9.3f %7.1f %%\n", name, heed_cli_grouped(count, (double)g->count), g->norm,
               g->change, 100.0 * g->relative);
    }
}

/* --- heads --- */

static heed_status print_grid(const heed_comparison *c, const heed_config *config, heed_error *err)
{
    const int n = heed_comparison_n_heads(c);
    double *values = calloc((size_t)n, sizeof *values);
    heed_grid grid = {.title = "how far patterns moved: total variation, 0 to 1",
                      .values = values,
                      .n_rows = (int)config->n_layers,
                      .n_columns = (int)config->n_heads,
                      .row_name = "layer",
                      .column_name = "head",
                      .high = 1.0};
    char *text = NULL;
    heed_status status = HEED_OK;

    if (values == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a grid");
    for (int i = 0; i < n; i++)
        values[i] = heed_comparison_head(c, i)->variation;
    status = heed_grid_text(&grid, heed_cli_columns(stdout) - 1, heed_cli_palette(stdout), &text, err);
    if (status == HEED_OK)
        printf("\n%s", text);
    free(text);
    free(values);
    return status;
}

static void print_head(const heed_compared_head *h)
{
    char before[HEED_HEAD_WORDS], after[HEED_HEAD_WORDS];

    if (heed_head_say(&h->before, before)[0] == '\0')
        snprintf(before, sizeof before, "no role");
    if (heed_head_say(&h->after, after)[0] == '\0')
        snprintf(after, sizeof after, "no role");
    printf("%5d %5d %7.3f %8.3f  %s%s%s%s\n", h->layer, h->head, h->variation, h->divergence, before,
           strlen(before) + strlen(after) <= ROLE_COLUMNS ? " " : "\n                               ",
           h->role_changed ? "-> " : "and now ", after);
}

static heed_status print_heads(const heed_comparison *c, int64_t n_listed, heed_error *err)
{
    const int n = heed_comparison_n_heads(c);
    const heed_compared_head **sorted = calloc((size_t)n, sizeof *sorted);
    int n_changed = 0;

    if (sorted == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of heads");
    for (int i = 0; i < n; i++) {
        sorted[i] = heed_comparison_head(c, i);
        n_changed += sorted[i]->role_changed;
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_variation);
    printf("\nheads whose role changed (->): %d of %d\n", n_changed, n);
    printf("layer  head   moved      KL  role\n");
    for (int i = 0; i < n && i < n_listed; i++)
        print_head(sorted[i]);
    free(sorted);
    return HEED_OK;
}

/* --- tokens --- */

static void print_top(const heed_model *model, const heed_likelihood *top)
{
    printf("  ");
    heed_cli_put_token(model, top->id, TOKEN_COLUMNS);
    printf(" %5.1f", 100.0 * exp(top->log_probability));
}

static heed_status print_tokens(const heed_cli_look *look, const heed_comparison *c, int64_t n_listed,
                                heed_error *err)
{
    const int64_t n = heed_comparison_n_tokens(c);
    const heed_compared_token *first = heed_comparison_token(c, 0);
    const heed_compared_token **sorted = calloc((size_t)n, sizeof *sorted);

    if (sorted == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of tokens");
    for (int64_t i = 0; i < n; i++)
        sorted[i] = heed_comparison_token(c, i);
    qsort(sorted, (size_t)n, sizeof *sorted, by_change);
    printf("\nposition  %-*s    loss     now  change  %-*s  in %%  %-*s  in %%\n", TOKEN_COLUMNS, "token",
           TOKEN_COLUMNS, "likeliest", TOKEN_COLUMNS, "now");
    for (int64_t i = 0; i < n && i < n_listed; i++) {
        const heed_compared_token *t = sorted[i];
        printf("%8lld  ", (long long)(t - first) + 1);
        heed_cli_put_token(look->model, t->id, TOKEN_COLUMNS);
        printf(" %7.3f %7.3f %+7.3f", t->loss_before, t->loss_after, t->loss_after - t->loss_before);
        print_top(look->model, &t->top_before);
        print_top(look->model, &t->top_after);
        printf("\n");
    }
    free(sorted);
    return HEED_OK;
}

static heed_status print_text(const heed_cli_look *look, const compare_options *own, const heed_comparison *c,
                              heed_error *err)
{
    const heed_effect e = heed_comparison_effect(c);
    double before = 0.0;
    heed_status status = HEED_OK;

    for (int64_t i = 0; i < heed_comparison_n_tokens(c); i++)
        before += heed_comparison_token(c, i)->loss_before / (double)heed_comparison_n_tokens(c);
    printf("now: ");
    heed_cli_put_safe(stdout, own->other, strlen(own->other));
    printf("\nloss %.4f nats a token, now %.4f\nchange %+.4f, 95 %% interval %+.4f to %+.4f\n", before,
           before + e.mean, e.mean, e.low, e.high);
    print_weights(c);
    if (heed_comparison_n_heads(c) > 0) {
        status = print_grid(c, heed_model_config(look->model), err);
        if (status == HEED_OK)
            status = print_heads(c, own->n_listed, err);
    }
    return status == HEED_OK ? print_tokens(look, c, own->n_listed, err) : status;
}

/* --- as JSON --- */

static void json_roles(heed_cli_json *json, const char *key, const heed_head_scores *scores)
{
    heed_cli_json_open(json, key, '[');
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        if (scores->roles[role].named)
            heed_cli_json_text(json, NULL, heed_head_role_name((heed_head_role)role));
    }
    heed_cli_json_close(json, ']');
}

static void json_heads(heed_cli_json *json, const heed_comparison *c)
{
    heed_cli_json_open(json, "heads", '[');
    for (int i = 0; i < heed_comparison_n_heads(c); i++) {
        const heed_compared_head *h = heed_comparison_head(c, i);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "layer", h->layer);
        heed_cli_json_integer(json, "head", h->head);
        heed_cli_json_number(json, "variation", h->variation);
        heed_cli_json_number(json, "divergence", h->divergence);
        json_roles(json, "roles_before", &h->before);
        json_roles(json, "roles_after", &h->after);
        heed_cli_json_bool(json, "role_changed", h->role_changed);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_top(const heed_cli_look *look, const char *key, const heed_likelihood *top)
{
    heed_cli_json_open(look->json, key, '{');
    heed_cli_json_token(look->json, look->model, top->id);
    heed_cli_json_number(look->json, "probability", exp(top->log_probability));
    heed_cli_json_close(look->json, '}');
}

static void json_tokens(const heed_cli_look *look, const heed_comparison *c)
{
    heed_cli_json_open(look->json, "tokens", '[');
    for (int64_t i = 0; i < heed_comparison_n_tokens(c); i++) {
        const heed_compared_token *t = heed_comparison_token(c, i);
        heed_cli_json_open(look->json, NULL, '{');
        heed_cli_json_integer(look->json, "position", i + 1);
        heed_cli_json_token(look->json, look->model, t->id);
        heed_cli_json_number(look->json, "loss_before", t->loss_before);
        heed_cli_json_number(look->json, "loss_after", t->loss_after);
        json_top(look, "likeliest_before", &t->top_before);
        json_top(look, "likeliest_after", &t->top_after);
        heed_cli_json_close(look->json, '}');
    }
    heed_cli_json_close(look->json, ']');
}

static void json_weights(heed_cli_json *json, const heed_comparison *c)
{
    heed_cli_json_open(json, "weights", '[');
    for (int i = 0; i < heed_comparison_n_groups(c); i++) {
        const heed_compared_group *g = heed_comparison_group(c, i);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "component", g->component);
        if (g->layer >= 0)
            heed_cli_json_integer(json, "layer", g->layer);
        heed_cli_json_integer(json, "numbers", g->count);
        heed_cli_json_number(json, "norm", g->norm);
        heed_cli_json_number(json, "change", g->change);
        heed_cli_json_number(json, "relative", g->relative);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void print_json(const heed_cli_look *look, const compare_options *own, const heed_comparison *c)
{
    const heed_effect e = heed_comparison_effect(c);

    heed_cli_json_text(look->json, "with", own->other);
    heed_cli_json_effect(look->json, "loss_change", &e);
    heed_cli_json_bool(look->json, "roles_on_repeated_tokens", heed_comparison_has_test(c));
    json_heads(look->json, c);
    json_tokens(look, c);
    json_weights(look->json, c);
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const compare_options *own = options;
    heed_model *other = NULL;
    heed_error said = {0};
    heed_status status;

    if (own->other == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected --compare with another model");
    if (look->n_ids < 2)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "compare: expected a text of at least two tokens, each but the first to be predicted");
    status = heed_cli_open_named(own->other, &other, err);
    if (status != HEED_OK)
        return status;
    status = heed_comparison_check(look->model, other, &said);
    heed_model_close(other);
    return status == HEED_OK ? status : heed_cli_fail(err, status, "compare: %s", said.message);
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const compare_options *own = options;
    heed_model *other = NULL;
    heed_comparison *c = NULL;
    heed_status status = heed_cli_open_named(own->other, &other, err);

    if (status == HEED_OK)
        status = heed_comparison_create(look->model, other, look->ids, look->n_ids, NULL, &c, err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(look, own, c);
    else if (status == HEED_OK)
        status = print_text(look, own, c, err);
    heed_comparison_destroy(c);
    heed_model_close(other);
    return status;
}

const heed_cli_view heed_cli_view_compare = {
    .name = "compare",
    .summary = "heads, predictions and weights beside those of another model",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof defaults,
    .defaults = &defaults,
    .check = check,
    .show = show,
};
