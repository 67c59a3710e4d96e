/* SPDX-License-Identifier: MIT */
/* heed inspect --show maps: what the heads attend to. */
#include <heed/heads.h>
#include <heed/inspect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"

typedef struct maps_options {
    const char *picture, *layers, *heads;
    int64_t layer, head, first;
} maps_options;

static const maps_options defaults = {.layer = -1, .head = -1};

static const heed_cli_text texts[] = {
    {"picture", "FILE",
     "write the maps as .png, .svg, .pdf, .html (a page to explore), .npy or .json by the name's ending",
     offsetof(maps_options, picture)},
    {"layers", "LIST", "only these layers, such as 0,2-3", offsetof(maps_options, layers)},
    {"heads", "LIST",
     "only these heads of a layer. With no layer and no head chosen, the most focused head is drawn",
     offsetof(maps_options, heads)},
};

static const heed_field fields[] = {
    {"layer", "one layer; -1: every layer", HEED_FIELD_INTEGER, offsetof(maps_options, layer), -1, 1023, NULL},
    {"head", "one head; -1: every head", HEED_FIELD_INTEGER, offsetof(maps_options, head), -1, 1023, NULL},
    {"first", "the first token that is drawn, of a text that is too long for the terminal", HEED_FIELD_INTEGER,
     offsetof(maps_options, first), 0, 1 << 24, NULL},
};

/* A number as a list, or the list; NULL: all. */
static const char *list_of(const char *list, int64_t number, char out[24])
{
    if (number < 0)
        return list;
    snprintf(out, 24, "%lld", (long long)number);
    return out;
}

static bool is_selected(const maps_options *own)
{
    return own->layers != NULL || own->heads != NULL || own->layer >= 0 || own->head >= 0;
}

/* Means over the rows of a pattern but the first, which has nothing to choose from, and those that are not finite. */
typedef struct head_figures {
    double tokens;   /* exp of the entropy: over how many tokens the attention is spread */
    double distance; /* how far back it looks */
    double itself, previous, first;
} head_figures;

static head_figures figures_of(const heed_attention_maps *maps, int layer, int head)
{
    const heed_head_pattern pattern = {.weights = heed_attention_maps_pattern(maps, layer, head),
                                       .n = heed_attention_maps_n_tokens(maps)};
    heed_head_scores s = {.rows = 0};

    if (heed_head_measure(&pattern, &s, NULL) != HEED_OK || s.rows == 0) {
        const double none = s.not_finite > 0 ? NAN : 0.0;
        return (head_figures){none, none, none, none, none};
    }
    return (head_figures){.tokens = exp(s.entropy),
                          .distance = s.distance,
                          .itself = s.itself,
                          .previous = s.roles[HEED_HEAD_PREVIOUS].found,
                          .first = s.roles[HEED_HEAD_FIRST].found};
}

/* --- the most focused heads --- */

typedef struct listed_head {
    int layer, head;
    head_figures figures;
} listed_head;

static int by_focus(const void *a, const void *b)
{
    const listed_head *x = a, *y = b;

    if (x->figures.tokens != y->figures.tokens && !isnan(x->figures.tokens) && !isnan(y->figures.tokens))
        return x->figures.tokens < y->figures.tokens ? -1 : 1;
    return x->layer != y->layer ? (x->layer < y->layer ? -1 : 1) : (x->head > y->head) - (x->head < y->head);
}

/* All selected heads in their order; *list is allocated, NULL without memory. Returns how many. */
static int list_heads(const heed_attention_maps *maps, listed_head **list)
{
    const int n_heads = heed_attention_maps_n_heads(maps), all = heed_attention_maps_n_layers(maps) * n_heads;
    int n = 0;

    *list = malloc((size_t)all * sizeof **list);
    for (int i = 0; *list != NULL && i < all; i++) {
        if (heed_attention_maps_pattern(maps, i / n_heads, i % n_heads) != NULL)
            (*list)[n++] = (listed_head){i / n_heads, i % n_heads, figures_of(maps, i / n_heads, i % n_heads)};
    }
    return n;
}

/* --- as text --- */

enum {
    MOST_HEADS = 16, /* as many are listed in their order; of more the most focused */
    FEW_HEADS = 8
};

static void print_table(listed_head *list, int n)
{
    const int shown = n <= MOST_HEADS ? n : FEW_HEADS;

    printf("layer  head    over tokens  distance    itself  previous     first\n");
    for (int i = 0; i < shown; i++) {
        const head_figures *f = &list[i].figures;
        printf("%5d %5d %14.1f %9.1f %7.0f %% %7.0f %% %7.0f %%\n", list[i].layer, list[i].head, f->tokens,
               f->distance, 100.0 * f->itself, 100.0 * f->previous, 100.0 * f->first);
    }
    if (shown < n)
        printf("and %d heads that spread their attention over more tokens\n", n - shown);
}

enum { EXPERTS_A_LINE = 10 };

/* The experts of each layer, ten a line. */
static void print_experts(const heed_attention_maps *maps, int64_t experts_per_token)
{
    const int n = heed_attention_maps_n_experts(maps);

    printf("\nlayer  expert  share of tokens that go through it%s; even: %.0f %%\n",
           n > 1 ? " and those behind" : "", 100.0 * (double)experts_per_token / n);
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        const float *shares = heed_attention_maps_expert_shares(maps, layer);

        for (int e = 0; e < n; e++) {
            if (e % EXPERTS_A_LINE == 0)
                printf("%5d %7d ", layer, e);
            printf("%4.0f %%%s", 100.0 * (double)shares[e],
                   e + 1 == n || e % EXPERTS_A_LINE == EXPERTS_A_LINE - 1 ? "\n" : "");
        }
    }
}

static heed_status draw_head(const heed_attention_maps *maps, int layer, int head, const maps_options *own,
                             heed_error *err)
{
    char *drawing = NULL;
    const heed_status status = heed_attention_maps_text(maps, layer, head, (int)own->first,
                                                        heed_cli_columns(stdout) - 1, heed_cli_palette(stdout),
                                                        &drawing, err);

    if (status == HEED_OK)
        printf("\n%s", drawing);
    free(drawing);
    return status;
}

/* Every selected head; without a selection the most focused one. */
static heed_status draw_heads(const heed_attention_maps *maps, const listed_head *list, int n,
                              const listed_head *focused, const maps_options *own, heed_error *err)
{
    heed_status status = HEED_OK;

    if (!is_selected(own))
        return draw_head(maps, focused->layer, focused->head, own, err);
    for (int i = 0; i < n && status == HEED_OK; i++)
        status = draw_head(maps, list[i].layer, list[i].head, own, err);
    return status;
}

static heed_status show_text(const heed_cli_look *look, const heed_attention_maps *maps,
                             const maps_options *own, heed_error *err)
{
    listed_head *list = NULL, *sorted = NULL;
    char shown[512];
    const int n = list_heads(maps, &list);
    heed_status status = HEED_OK;

    if (list != NULL)
        sorted = malloc((size_t)n * sizeof *sorted);
    if (sorted == NULL) {
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of heads");
    } else {
        memcpy(sorted, list, (size_t)n * sizeof *sorted);
        qsort(sorted, (size_t)n, sizeof *sorted, by_focus);
        print_table(n <= MOST_HEADS ? list : sorted, n);
        if (heed_attention_maps_n_experts(maps) > 0)
            print_experts(maps, heed_model_config(look->model)->experts_per_token);
        status = draw_heads(maps, list, n, sorted, own, err);
    }
    if (status == HEED_OK && own->picture != NULL)
        printf("\n%s: %s\n", is_selected(own) ? "these heads" : "all heads",
               heed_cli_quote(shown, sizeof shown, own->picture));
    free(sorted);
    free(list);
    return status;
}

/* --- as JSON --- */

static void json_head(heed_cli_json *json, const heed_attention_maps *maps, int layer, int head)
{
    const int n = heed_attention_maps_n_tokens(maps);
    const float *pattern = heed_attention_maps_pattern(maps, layer, head);
    const head_figures f = figures_of(maps, layer, head);

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_integer(json, "layer", layer);
    heed_cli_json_integer(json, "head", head);
    heed_cli_json_number(json, "over_tokens", f.tokens);
    heed_cli_json_number(json, "distance", f.distance);
    heed_cli_json_number(json, "itself", f.itself);
    heed_cli_json_number(json, "previous", f.previous);
    heed_cli_json_number(json, "first", f.first);
    heed_cli_json_open(json, "pattern", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(json, NULL, '[');
        for (int j = 0; j < n; j++)
            heed_cli_json_number(json, NULL, (double)pattern[(size_t)i * (size_t)n + (size_t)j]);
        heed_cli_json_close(json, ']');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

/* A list of shares for each layer. */
static void json_experts(heed_cli_json *json, const heed_attention_maps *maps)
{
    heed_cli_json_open(json, "expert_shares", '[');
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        heed_cli_json_open(json, NULL, '[');
        for (int e = 0; e < heed_attention_maps_n_experts(maps); e++)
            heed_cli_json_number(json, NULL, (double)heed_attention_maps_expert_shares(maps, layer)[e]);
        heed_cli_json_close(json, ']');
    }
    heed_cli_json_close(json, ']');
}

static void show_json(heed_cli_json *json, const heed_attention_maps *maps, const maps_options *own)
{
    heed_cli_json_open(json, "heads", '[');
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        for (int head = 0; head < heed_attention_maps_n_heads(maps); head++) {
            if (heed_attention_maps_pattern(maps, layer, head) != NULL)
                json_head(json, maps, layer, head);
        }
    }
    heed_cli_json_close(json, ']');
    if (heed_attention_maps_n_experts(maps) > 0)
        json_experts(json, maps);
    if (own->picture != NULL)
        heed_cli_json_text(json, "picture", own->picture);
}

/* --- the view --- */

/* Is there each number of the list? */
static heed_status check_list(const char *list, int64_t number, const char *what, int64_t count,
                              heed_error *err)
{
    bool *chosen = malloc(((size_t)count + 1) * sizeof *chosen);
    char text[24];
    heed_status status;

    if (list != NULL && number >= 0) {
        status = heed_cli_fail(err, HEED_ERR_USAGE, "expected --%s or --%ss, got both", what, what);
    } else if (chosen == NULL) {
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of %lld", (long long)count);
    } else {
        status = heed_select_numbers(list_of(list, number, text), what, count, chosen, err);
    }
    free(chosen);
    return status;
}

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const maps_options *own = options;
    const heed_config *config = heed_model_config(look->model);
    heed_status status = HEED_OK;

    if (config->kind != HEED_KIND_GPT || !config->attention || config->n_layers == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "this model has no attention to look at");
    if (own->picture != NULL)
        status = heed_attention_maps_check_path(own->picture, err);
    if (status == HEED_OK)
        status = check_list(own->layers, own->layer, "layer", config->n_layers, err);
    if (status == HEED_OK)
        status = check_list(own->heads, own->head, "head", config->n_heads, err);
    return status;
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const maps_options *own = options;
    char layer[24], head[24];
    const heed_head_selection selection = {.layers = list_of(own->layers, own->layer, layer),
                                           .heads = list_of(own->heads, own->head, head),
                                           .losses = own->picture != NULL};
    heed_attention_maps *maps = NULL;
    heed_status status = heed_attention_maps_create_selected(look->model, look->text, look->n_text, &selection,
                                                             &maps, err);

    if (status == HEED_OK && own->picture != NULL)
        status = heed_attention_maps_write(maps, own->picture, err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        show_json(look->json, maps, own);
    else if (status == HEED_OK)
        status = show_text(look, maps, own, err);
    heed_attention_maps_destroy(maps);
    return status;
}

const heed_cli_view heed_cli_view_maps = {
    .name = "maps",
    .summary = "what each head attends to",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(maps_options),
    .defaults = &defaults,
    .check = check,
    .show = show,
};
