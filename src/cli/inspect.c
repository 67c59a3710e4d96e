/* SPDX-License-Identifier: MIT */
/* heed inspect MODEL: what the heads attend to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"

#define OWN_TOKENS 36 /* of the sentence that the model writes for itself: its map fits 80 columns */

typedef struct inspect_options {
    const char *text, *picture;
    int64_t layer, head;
    bool json;
} inspect_options;

#define AT(member) offsetof(inspect_options, member)

static const heed_cli_text texts[] = {
    {"text", "TEXT",
     "what the model reads; without it a sentence that it writes itself. It may be longer than the "
     "context unless positions are a table",
     AT(text)},
    {"picture", "FILE", "write the maps of all heads, as .png, .svg or .pdf by the name's ending", AT(picture)},
};

static const heed_field fields[] = {
    {"layer", "draw the heads of this layer; -1: of every layer", HEED_FIELD_INTEGER, AT(layer), -1, 1023,
     NULL},
    {"head", "draw this head; -1: every head. With neither: the most focused one", HEED_FIELD_INTEGER, AT(head),
     -1, 1023, NULL},
    {"json", "print one JSON object: the tokens, figures and pattern of each head, shares of experts",
     HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
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

/* --- the text --- */

typedef struct own_text {
    char *text; /* [size] */
    size_t n, size;
} own_text;

/* Keeps the first line that is not empty. */
static bool keep_line(void *context, const heed_written *w)
{
    own_text *own = context;

    for (size_t i = 0; i < w->n_text; i++) {
        if (w->text[i] == '\n' && own->n > 0)
            return false;
        if (w->text[i] != '\n' && own->n < own->size)
            own->text[own->n++] = w->text[i];
    }
    return true;
}

/* *text is allocated. A model that writes nothing but empty lines is shown one. */
static heed_status write_text(const heed_model *model, char **text, size_t *n, heed_error *err)
{
    const int64_t context = heed_model_config(model)->context_length;
    own_text own = {.text = malloc(16 * OWN_TOKENS), .size = 16 * OWN_TOKENS};
    heed_generate_options options = heed_generate_default();
    const heed_prompt empty = {.text = ""};
    heed_status status;

    *text = own.text;
    if (own.text == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the text");
    options.sampling.temperature = 0.5;
    options.max_tokens = context < OWN_TOKENS ? context : OWN_TOKENS;
    status = heed_generate(model, &empty, 1, &options, keep_line, &own, NULL, err);
    if (own.n == 0)
        own.text[own.n++] = '\n';
    *n = own.n;
    return status;
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

static heed_status draw_heads(const heed_attention_maps *maps, const inspect_options *own, heed_error *err)
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

static heed_status print_text(const heed_model *model, const heed_attention_maps *maps,
                              const inspect_options *own, const char *text, size_t n, heed_error *err)
{
    heed_status status;

    printf("text: ");
    heed_cli_put_safe(stdout, text, n);
    printf("\n\n");
    print_table(maps);
    if (heed_attention_maps_n_experts(maps) > 0)
        print_experts(maps, heed_model_config(model)->experts_per_token);
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

static heed_status print_json(const heed_model *model, const heed_attention_maps *maps,
                              const inspect_options *own, const char *text, size_t n, heed_error *err)
{
    heed_cli_json json = {.out = stdout};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    const heed_status status = heed_model_encode(model, text, n, &ids, &n_ids, err);

    if (status != HEED_OK)
        return status;
    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_bytes(&json, "text", text, n);
    heed_cli_json_open(&json, "tokens", '[');
    for (size_t i = 0; i < n_ids; i++) {
        size_t n_piece = 0;
        const char *piece = heed_model_piece(model, ids[i], &n_piece);
        heed_cli_json_bytes(&json, NULL, piece != NULL ? piece : "", n_piece);
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_open(&json, "heads", '[');
    for (int layer = 0; layer < heed_attention_maps_n_layers(maps); layer++) {
        for (int head = 0; head < heed_attention_maps_n_heads(maps); head++) {
            if ((own->layer < 0 || layer == own->layer) && (own->head < 0 || head == own->head))
                json_head(&json, maps, layer, head);
        }
    }
    heed_cli_json_close(&json, ']');
    if (heed_attention_maps_n_experts(maps) > 0)
        json_experts(&json, maps);
    if (own->picture != NULL)
        heed_cli_json_text(&json, "picture", own->picture);
    heed_cli_json_close(&json, '}');
    free(ids);
    return HEED_OK;
}

/* --- the command --- */

static heed_status check_heads(const heed_attention_maps *maps, const inspect_options *own, heed_error *err)
{
    const int n_layers = heed_attention_maps_n_layers(maps), n_heads = heed_attention_maps_n_heads(maps);

    if (own->layer >= n_layers)
        return heed_cli_fail(err, HEED_ERR_USAGE, "layer: expected 0 to %d, got %lld", n_layers - 1,
                             (long long)own->layer);
    if (own->head >= n_heads)
        return heed_cli_fail(err, HEED_ERR_USAGE, "head: expected 0 to %d, got %lld", n_heads - 1,
                             (long long)own->head);
    return HEED_OK;
}

static heed_status look(const heed_model *model, const inspect_options *own, const char *text, size_t n,
                        heed_error *err)
{
    heed_attention_maps *maps = NULL;
    heed_status status = heed_attention_maps_create(model, text, n, &maps, err);

    if (status == HEED_OK)
        status = check_heads(maps, own, err);
    if (status == HEED_OK && own->picture != NULL)
        status = heed_attention_maps_picture(maps, own->picture, err);
    if (status == HEED_OK)
        status = own->json ? print_json(model, maps, own, text, n, err)
                           : print_text(model, maps, own, text, n, err);
    heed_attention_maps_destroy(maps);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    inspect_options own = {.layer = -1, .head = -1};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    heed_model *model = NULL;
    char *text = NULL;
    size_t n = 0;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_open_model(&options, argc, argv, &model, err);
    if (model == NULL)
        return status;
    if (status == HEED_OK && own.text == NULL)
        status = write_text(model, &text, &n, err);
    if (status == HEED_OK)
        status = look(model, &own, own.text != NULL ? own.text : text, own.text != NULL ? strlen(own.text) : n,
                      err);
    free(text);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_inspect = {
    .name = "inspect",
    .operands = "MODEL",
    .summary = "show what the heads of a model attend to",
    .details =
        "Each row of a map is a token and shows how much of each earlier token it takes in. The table says,\n"
        "as means over the tokens: over how many tokens a head spreads its attention, how far back it\n"
        "looks, and how much goes to the token itself, to the one before it and to the first. Where\n"
        "feed-forwards are mixtures of experts, a second table says how many tokens each expert gets.\n",
    .examples = "  heed inspect story\n"
                "  heed inspect story --text \"The cat sat down.\" --layer 1 --head 0\n"
                "  heed inspect story --picture attention.png\n",
    .run = run,
};
