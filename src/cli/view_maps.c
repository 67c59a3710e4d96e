/* SPDX-License-Identifier: MIT */
/* heed inspect --show maps: what the heads attend to. */
#include <heed/inspect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"

typedef struct maps_options {
    const char *picture;
    int64_t layer, head;
} maps_options;

static const maps_options defaults = {.layer = -1, .head = -1};

static const heed_cli_text texts[] = {
    {"picture", "FILE", "write the maps of all heads, as .png, .svg or .pdf by the name's ending",
     offsetof(maps_options, picture)},
};

static const heed_field fields[] = {
    {"layer", "draw the heads of this layer; -1: of every layer", HEED_FIELD_INTEGER,
     offsetof(maps_options, layer), -1, 1023, NULL},
    {"head", "draw this head; -1: every head. With neither: the most focused one", HEED_FIELD_INTEGER,
     offsetof(maps_options, head), -1, 1023, NULL},
};

/* Means over the rows of a pattern but the first, which has nothing to choose from. */
typedef struct head_figures {
    double tokens;   /* exp of the entropy: over how many tokens the attention is spread */
    double distance; /* how far back it looks */
    double itself, previous, first;
} head_figures;

static head_figures measure_head(const float *pattern, int n)
{
    head_figures f = {0};
    double entropy = 0.0;

    for (int i = 1; i < n; i++) {
        const float *row = pattern + (size_t)i * (size_t)n;
        for (int j = 0; j <= i; j++) {
            const double p = (double)row[j];
            entropy -= p > 0.0 ? p * log(p) : 0.0;
            f.distance += p * (i - j);
        }
        f.itself += (double)row[i];
        f.previous += (double)row[i - 1];
        f.first += (double)row[0];
    }
    if (n > 1) {
        f.distance /= n - 1;
        f.itself /= n - 1;
        f.previous /= n - 1;
        f.first /= n - 1;
        f.tokens = exp(entropy / (n - 1));
    }
    return f;
}

static head_figures figures_of(const heed_attention_maps *maps, int layer, int head)
{
    return measure_head(heed_attention_maps_pattern(maps, layer, head), heed_attention_maps_n_tokens(maps));
}

/* The head that spreads its attention least. */
static void find_most_focused(const heed_attention_maps *maps, int *best_layer, int *best_head)
{
    double least = INFINITY;

    *best_layer = *best_head = 0;
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        for (int head = 0; head < heed_attention_maps_n_heads(maps); head++) {
            const double tokens = figures_of(maps, layer, head).tokens;
            if (tokens < least) {
                least = tokens;
                *best_layer = layer;
                *best_head = head;
            }
        }
    }
}

/* --- as text --- */

static void print_table(const heed_attention_maps *maps)
{
    printf("layer  head    over tokens  distance    itself  previous     first\n");
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        for (int head = 0; head < heed_attention_maps_n_heads(maps); head++) {
            const head_figures f = figures_of(maps, layer, head);
            printf("%5d %5d %14.1f %9.1f %7.0f %% %7.0f %% %7.0f %%\n", layer, head, f.tokens, f.distance,
                   100.0 * f.itself, 100.0 * f.previous, 100.0 * f.first);
        }
    }
}

enum { EXPERTS_A_LINE = 10 };

/* The experts of each layer, ten a line. */
static void print_experts(const heed_attention_maps *maps, int64_t experts_per_token)
{
    const int n = heed_attention_maps_n_experts(maps);

    printf("\nlayer  expert  share of the tokens that go through it%s; even: %.0f %%\n",
           n > 1 ? ", and through those after it" : "", 100.0 * (double)experts_per_token / n);
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

static heed_status draw_head(const heed_attention_maps *maps, int layer, int head, heed_error *err)
{
    char *drawing = NULL;
    const heed_status status = heed_attention_maps_text(maps, layer, head, heed_cli_columns(stdout) - 1,
                                                        heed_cli_palette(stdout), &drawing, err);

    if (status == HEED_OK)
        printf("\n%s", drawing);
    free(drawing);
    return status;
}

static heed_status draw_heads(const heed_attention_maps *maps, const maps_options *own, heed_error *err)
{
    const int n_layers = heed_attention_maps_n_layers(maps), n_heads = heed_attention_maps_n_heads(maps);
    int layer, head;
    heed_status status = HEED_OK;

    if (own->layer < 0 && own->head < 0) {
        find_most_focused(maps, &layer, &head);
        return draw_head(maps, layer, head, err);
    }
    for (int i = 0; i < n_layers * n_heads && status == HEED_OK; i++) {
        if ((own->layer < 0 || i / n_heads == own->layer) && (own->head < 0 || i % n_heads == own->head))
            status = draw_head(maps, i / n_heads, i % n_heads, err);
    }
    return status;
}

static heed_status show_text(const heed_cli_look *look, const heed_attention_maps *maps,
                             const maps_options *own, heed_error *err)
{
    heed_status status;

    print_table(maps);
    if (heed_attention_maps_n_experts(maps) > 0)
        print_experts(maps, heed_model_config(look->model)->experts_per_token);
    status = draw_heads(maps, own, err);
    if (status == HEED_OK && own->picture != NULL)
        printf("\nall heads: %s\n", own->picture);
    return status;
}

/* --- as JSON --- */

static void json_head(heed_cli_json *json, const heed_attention_maps *maps, int layer, int head)
{
    const int n = heed_attention_maps_n_tokens(maps);
    const float *pattern = heed_attention_maps_pattern(maps, layer, head);
    const head_figures f = measure_head(pattern, n);

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
            heed_cli_json_number(json, NULL, (double)pattern[i * n + j]);
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
            if ((own->layer < 0 || layer == own->layer) && (own->head < 0 || head == own->head))
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

static bool is_picture(const char *path)
{
    static const char *const endings[] = {".png", ".svg", ".pdf"};
    const size_t n = strlen(path);

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (n > 4 && strcmp(path + n - 4, endings[i]) == 0)
            return true;
    }
    return false;
}

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const maps_options *own = options;
    const heed_config *config = heed_model_config(look->model);

    char shown[80];

    if (own->picture != NULL && !is_picture(own->picture))
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected a name that ends in .png, .svg or .pdf",
                             heed_cli_quote(shown, sizeof shown, own->picture));
    if (own->layer >= config->n_layers)
        return heed_cli_fail(err, HEED_ERR_USAGE, "layer: expected 0 to %lld, got %lld",
                             (long long)config->n_layers - 1, (long long)own->layer);
    if (own->head >= config->n_heads)
        return heed_cli_fail(err, HEED_ERR_USAGE, "head: expected 0 to %lld, got %lld",
                             (long long)config->n_heads - 1, (long long)own->head);
    return HEED_OK;
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const maps_options *own = options;
    heed_attention_maps *maps = NULL;
    heed_status status = heed_attention_maps_create(look->model, look->text, look->n_text, &maps, err);

    if (status == HEED_OK && own->picture != NULL)
        status = heed_attention_maps_picture(maps, own->picture, err);
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
