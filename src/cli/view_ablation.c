/* SPDX-License-Identifier: MIT */
/* heed inspect --ablate: the loss of each token without some parts of the model, beside what chance gives. */
#include "cli/view_ablation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_count.h"
#include "cli/token_out.h"

enum { MAX_PARTS = 512, N_WORST = 10, TOKEN_COLUMNS = 12 };

#define AT(member) offsetof(heed_cli_ablation, member)

static const heed_cli_ablation defaults = {.n_controls = -1, .n_controlled = 24, .seed = 1337};

static const heed_cli_text texts[] = {
    {"ablate", "PARTS",
     "without these parts: 3.5 a head, 3.attn, 3.mlp, 3 a whole layer, an activation's name; numbers may be "
     "ranges, 2-5, or *; each: every head and feed-forward by itself",
     AT(parts)},
    {"ablate_reference", "TEXT", "for mean and resample: the text whose outputs stand in", AT(reference)},
};

static const char *const methods[] = {"zero", "mean", "resample", NULL};

static const heed_field fields[] = {
    {"ablate_method",
     "what stands in for a part: zeros, its mean over positions, or its output at other positions, drawn at "
     "random",
     HEED_FIELD_CHOICE, AT(method), 0, 0, methods},
    {"controls", "random controls of each kind; -1: 10, and one for each part of a sweep that gets any",
     HEED_FIELD_INTEGER, AT(n_controls), -1, HEED_ABLATE_MAX_CONTROLS, NULL},
    {"controlled", "parts of a sweep that get controls, those that change the loss most; 0: all",
     HEED_FIELD_INTEGER, AT(n_controlled), 0, 1e6, NULL},
    {"ablate_seed", "where controls and other positions are drawn from", HEED_FIELD_INTEGER, AT(seed), 0, 9e15,
     NULL},
};

static bool wants_sweep(const heed_cli_ablation *own)
{
    return own->parts == NULL || strcmp(own->parts, "each") == 0;
}

const char *heed_cli_ablated_by(const heed_ablate_options *options)
{
    if (options->method == HEED_ABLATE_ZERO)
        return "zeros";
    if (options->method == HEED_ABLATE_MEAN)
        return options->reference != NULL ? "means over the reference" : "means over the text";
    return options->reference != NULL ? "outputs at positions of the reference" : "outputs at other positions";
}

/* --- the text --- */

/* Tokens from the one that loses most on; losses that are no numbers come first. */
typedef struct hit {
    int64_t at;
    double change;
} hit;

static int by_change(const void *a, const void *b)
{
    const hit *x = a, *y = b;

    if (isnan(x->change) != isnan(y->change))
        return isnan(x->change) ? -1 : 1;
    return x->change < y->change ? 1 : x->change > y->change ? -1 : (x->at > y->at) - (x->at < y->at);
}

static hit *sort_hits(const heed_ablation *a)
{
    const double *before = heed_ablation_losses(a), *after = heed_ablation_ablated_losses(a);
    const int64_t n = heed_ablation_n_tokens(a);
    hit *hits = malloc((size_t)n * sizeof *hits);

    for (int64_t i = 1; hits != NULL && i < n; i++)
        hits[i - 1] = (hit){i, after[i] - before[i]};
    if (hits != NULL)
        qsort(hits, (size_t)(n - 1), sizeof *hits, by_change);
    return hits;
}

static bool is_worst(const hit *hits, int64_t n_hits, int64_t at)
{
    for (int64_t i = 0; i < n_hits && i < N_WORST; i++) {
        if (hits[i].at == at)
            return !(hits[i].change <= 0.0);
    }
    return false;
}

static void print_marked(const heed_cli_look *look, const hit *hits, int64_t n)
{
    const bool coloured = heed_cli_palette(stdout) != HEED_PALETTE_NONE;

    printf("\ntokens that lose most are marked [so]:\n\n");
    for (int64_t i = 0; i < n; i++) {
        const bool worst = is_worst(hits, n - 1, i);
        size_t n_bytes = 0;
        const char *piece = heed_model_piece(look->model, look->ids[i], &n_bytes);

        printf("%s", worst ? coloured ? "\033[1;31m[" : "[" : "");
        if (piece != NULL)
            heed_cli_put_safe(stdout, piece, n_bytes);
        else
            printf("#%d ", (int)look->ids[i]);
        printf("%s", worst ? coloured ? "]\033[0m" : "]" : "");
    }
    printf("\n");
}

static void print_worst(const heed_cli_look *look, const heed_ablation *a, const hit *hits, int64_t n_hits)
{
    const double *before = heed_ablation_losses(a), *after = heed_ablation_ablated_losses(a);

    printf("\nposition  %-*s %-*s     loss  without   change    probability\n", TOKEN_COLUMNS, "behind",
           TOKEN_COLUMNS, "token");
    for (int64_t k = 0; k < n_hits && k < N_WORST; k++) {
        const int64_t i = hits[k].at;
        printf("%8lld  ", (long long)i);
        heed_cli_put_token(look->model, look->ids[i - 1], TOKEN_COLUMNS);
        printf(" ");
        heed_cli_put_token(look->model, look->ids[i], TOKEN_COLUMNS);
        printf(" %8.3f %8.3f %+8.3f %6.1f -> %5.1f %%\n", before[i], after[i], hits[k].change,
               100.0 * exp(-before[i]), 100.0 * exp(-after[i]));
    }
}

/* --- figures --- */

static double mean_loss(const double *losses, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 1; i < n; i++)
        sum += losses[i];
    return sum / (double)(n - 1);
}

/* How many of them change the loss by less, in size. */
static int n_below(const double *controls, int n, double change)
{
    int below = 0;

    for (int i = 0; i < n; i++)
        below += fabs(controls[i]) < fabs(change);
    return below;
}

static void print_controls(const heed_ablation *a, heed_control kind, const char *what)
{
    const double change = heed_ablation_effect(a).mean;
    double least = INFINITY, most = -INFINITY, sum = 0.0;
    int n = 0;
    const double *controls = heed_ablation_controls(a, kind, &n);

    for (int i = 0; i < n; i++) {
        least = fmin(least, controls[i]);
        most = fmax(most, controls[i]);
        sum += controls[i];
    }
    if (n == 0)
        printf("%-19s %4s\n", what, "none");
    else
        printf("%-19s %4d %+9.4f %+9.4f %+9.4f  %d of %d\n", what, n, sum / n, least, most,
               n_below(controls, n, change), n);
}

static void print_figures(const heed_ablation *a, const heed_cli_ablation *own,
                          const heed_ablate_options *options)
{
    const int64_t n = heed_ablation_n_tokens(a), n_windows = heed_ablation_n_windows(a);
    const heed_effect e = heed_ablation_effect(a);
    char text[1200];

    snprintf(text, sizeof text, "without %.1000s; in their place: %s; %lld tokens to predict in %lld window%s",
             own->parts, heed_cli_ablated_by(options), (long long)(n - 1), (long long)n_windows,
             n_windows == 1 ? "" : "s");
    heed_cli_put_sentence(stdout, text);
    printf("\n");
    printf("  loss    %8.4f nats a token\n", mean_loss(heed_ablation_losses(a), n));
    printf("  without %8.4f\n", mean_loss(heed_ablation_ablated_losses(a), n));
    printf("  change  %+8.4f, 95 %% interval %+.4f to %+.4f (block bootstrap)\n", e.mean, e.low, e.high);
    if (e.low <= 0.0 && e.high >= 0.0)
        printf("  the interval holds 0: too few tokens, or too unlike, to tell it from none\n");
    putchar('\n');
    printf("beside chance          n      mean     least      most  change it less\n");
    print_controls(a, HEED_CONTROL_OTHERS, "other parts");
    print_controls(a, HEED_CONTROL_DIRECTION, "random directions");
    printf("Other parts: as many of the same kinds, no two of these sets share one. Random\n"
           "directions move the same parts as far as the ablation does, at each position.\n");
}

/* --- as JSON --- */

void heed_cli_json_effect(heed_cli_json *json, const char *key, const heed_effect *effect)
{
    heed_cli_json_open(json, key, '{');
    heed_cli_json_number(json, "mean", effect->mean);
    heed_cli_json_number(json, "low", effect->low);
    heed_cli_json_number(json, "high", effect->high);
    heed_cli_json_close(json, '}');
}

void heed_cli_json_part(heed_cli_json *json, const heed_component *part)
{
    char text[128];

    heed_cli_json_text(json, "part", heed_component_text(text, part));
}

static void json_numbers(heed_cli_json *json, const char *key, const double *numbers, int64_t n)
{
    heed_cli_json_open(json, key, '[');
    for (int64_t i = 0; i < n; i++)
        heed_cli_json_number(json, NULL, numbers[i]);
    heed_cli_json_close(json, ']');
}

static void print_json(heed_cli_json *json, const heed_ablation *a, const heed_component *parts, int n_parts,
                       const heed_ablate_options *options)
{
    static const char *const kinds[] = {"other_parts", "random_directions"};
    const heed_effect effect = heed_ablation_effect(a);
    char text[128];

    heed_cli_json_open(json, "parts", '[');
    for (int i = 0; i < n_parts; i++)
        heed_cli_json_text(json, NULL, heed_component_text(text, &parts[i]));
    heed_cli_json_close(json, ']');
    heed_cli_json_text(json, "method", methods[options->method]);
    heed_cli_json_integer(json, "windows", heed_ablation_n_windows(a));
    heed_cli_json_effect(json, "change", &effect);
    heed_cli_json_open(json, "controls", '{');
    for (int kind = 0; kind < HEED_N_CONTROLS; kind++) {
        int n = 0;
        const double *controls = heed_ablation_controls(a, (heed_control)kind, &n);
        json_numbers(json, kinds[kind], controls, n);
    }
    heed_cli_json_close(json, '}');
    json_numbers(json, "losses", heed_ablation_losses(a), heed_ablation_n_tokens(a));
    json_numbers(json, "ablated_losses", heed_ablation_ablated_losses(a), heed_ablation_n_tokens(a));
}

/* --- the view --- */

static heed_status read_parts(const heed_cli_look *look, const heed_cli_ablation *own, heed_component *parts,
                              int *n, heed_error *err)
{
    heed_error said = {0};
    const heed_status status = heed_components_read(look->model, own->parts, parts, MAX_PARTS, n, &said);

    return status == HEED_OK ? status : heed_cli_fail(err, status, "ablate: %s", said.message);
}

static heed_status check_reference(const heed_cli_look *look, const heed_cli_ablation *own, heed_error *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    heed_status status;

    if (own->method == HEED_ABLATE_ZERO)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "ablate-reference: zeros need no other text; expected --ablate-method mean or resample");
    status = heed_model_encode(look->model, own->reference, strlen(own->reference), &ids, &n, err);
    free(ids);
    if (status == HEED_OK && n < 2)
        return heed_cli_fail(err, HEED_ERR_USAGE, "ablate-reference: expected at least two tokens, got %zu", n);
    return status;
}

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const heed_config *c = heed_model_config(look->model);
    const heed_cli_ablation *own = options;
    heed_component *parts = malloc(MAX_PARTS * sizeof *parts);
    heed_status status = HEED_OK;
    int n = 0;

    if (parts == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of parts");
    if (!wants_sweep(own))
        status = read_parts(look, own, parts, &n, err);
    else if (c->kind != HEED_KIND_GPT || c->n_layers == 0 || !(c->attention || c->mlp))
        status = heed_cli_fail(err, HEED_ERR_USAGE,
                               "ablation: the model has neither heads nor feed-forwards to ablate");
    free(parts);
    if (status == HEED_OK && look->n_ids < 2)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "ablation: expected a text of at least two tokens, each but the first to be predicted");
    return status == HEED_OK && own->reference != NULL ? check_reference(look, own, err) : status;
}

static heed_status show_one(const heed_cli_look *look, const heed_cli_ablation *own,
                            const heed_ablate_options *options, heed_error *err)
{
    heed_component *parts = malloc(MAX_PARTS * sizeof *parts);
    heed_ablation *a = NULL;
    hit *hits = NULL;
    int n = 0;
    heed_status status = parts != NULL
                             ? read_parts(look, own, parts, &n, err)
                             : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of parts");

    if (status == HEED_OK)
        status = heed_ablation_create(look->model, look->ids, look->n_ids, parts, n, options, &a, err);
    heed_cli_run_count_end(options->progress_context);
    if (status == HEED_OK && (hits = sort_hits(a)) == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a table of tokens");
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL) {
        print_json(look->json, a, parts, n, options);
    } else if (status == HEED_OK) {
        print_figures(a, own, options);
        print_marked(look, hits, heed_ablation_n_tokens(a));
        print_worst(look, a, hits, heed_ablation_n_tokens(a) - 1);
    }
    free(hits);
    heed_ablation_destroy(a);
    free(parts);
    return status;
}

static heed_status show(const heed_cli_look *look, const void *given, heed_error *err)
{
    const heed_cli_ablation *own = given;
    const bool sweep = wants_sweep(own);
    heed_ablate_options options = heed_ablate_default();
    heed_cli_run_count count = {0};
    int32_t *reference = NULL;
    heed_status status = HEED_OK;

    options.method = own->method;
    options.seed = (uint64_t)own->seed;
    options.n_controls = own->n_controls >= 0 ? own->n_controls : sweep ? 1 : options.n_controls;
    options.n_controlled = own->n_controlled;
    options.progress = heed_cli_count_run;
    options.progress_context = &count;
    if (own->reference != NULL) {
        status = heed_model_encode(look->model, own->reference, strlen(own->reference), &reference,
                                   &options.n_reference, err);
        options.reference = reference;
    }
    if (status == HEED_OK)
        status = sweep ? heed_cli_show_sweep(look, &options, err) : show_one(look, own, &options, err);
    free(reference);
    return status;
}

const heed_cli_view heed_cli_view_ablation = {
    .name = "ablation",
    .summary = "the loss without parts of the model, beside random controls",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof defaults,
    .defaults = &defaults,
    .any_length = true,
    .check = check,
    .show = show,
};
