/* SPDX-License-Identifier: MIT */
/* heed inspect --show lens: what the model would say at every place on the way, layers down and positions across. */
#include <heed/lens.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/token_out.h"
#include "cli/view.h"

enum { NAME_COLUMNS = 9, CELL_COLUMNS = 10, TOKEN_COLUMNS = 5 };

enum { SHOW_LIKELIEST, SHOW_NEXT, SHOW_ENTROPY, SHOW_DIVERGENCE };

typedef struct lens_options {
    const char *positions;
    int64_t top;
    int cells;
} lens_options;

static const char *const kinds[] = {"likeliest", "next", "entropy", "divergence", NULL};

/* What stands above the table of each kind. */
static const char *const explained[] = {
    "what the model would say next if it stopped there, with its probability in %\n* is what comes",
    "how likely what comes would be if the model stopped there, in %, and its rank",
    "entropy of what the model would say next if it stopped there, in nats",
    "divergence from what the model says at the end, in nats",
};

#define PLACES "pre: before a layer, mid: behind its attention, post: behind the layer"

static const lens_options defaults = {.top = 5};

static const heed_cli_text texts[] = {
    {"lens_positions", "RANGE",
     "positions such as 3-9, 4- or all; without it the last ones that fit the terminal",
     offsetof(lens_options, positions)},
};

static const heed_field fields[] = {
    {"lens_cells", "what the table shows", HEED_FIELD_CHOICE, offsetof(lens_options, cells), 0, 0, kinds},
    {"lens_top", "likeliest tokens of each place under --json", HEED_FIELD_INTEGER, offsetof(lens_options, top),
     1, HEED_LENS_MOST_TOP, NULL},
};

/* Positions beside each other in the terminal. */
static int64_t n_across(void)
{
    const int64_t n = (heed_cli_columns(stdout) - NAME_COLUMNS) / CELL_COLUMNS;

    return n > 1 ? n : 1;
}

static heed_status range_of(const heed_cli_look *look, const lens_options *own, int64_t *first, int64_t *last,
                            heed_error *err)
{
    const int64_t n = (int64_t)look->n_ids;

    if (own->positions != NULL)
        return heed_cli_read_range("lens-positions", own->positions, look->n_ids, first, last, err);
    *last = n - 1;
    *first = look->json != NULL || n <= n_across() ? 0 : n - n_across();
    return HEED_OK;
}

/* --- as text --- */

/* "embed", "0 mid", "0 post" of blocks.0.resid_mid. */
static void put_place(const char *name)
{
    char short_name[32];
    int layer, end = 0;

    if (sscanf(name, "blocks.%d.resid_%n", &layer, &end) == 1 && end > 0)
        snprintf(short_name, sizeof short_name, "%2d %s", layer, name + end);
    else
        snprintf(short_name, sizeof short_name, "   %.12s", strncmp(name, "resid_", 6) == 0 ? name + 6 : name);
    printf("%-*s", NAME_COLUMNS, short_name);
}

/* The likeliest token and its probability in percent; a star where it is the one that comes. */
static void put_likeliest(const heed_model *model, const heed_prediction *p, heed_palette palette)
{
    const bool right = p->n_top > 0 && p->top[0].id == p->next;
    const bool coloured = right && palette != HEED_PALETTE_NONE;

    printf("%s", coloured ? "\033[1;32m" : "");
    if (p->n_top == 0) {
        printf("%-*s", CELL_COLUMNS, "nan");
    } else {
        heed_cli_put_token(model, p->top[0].id, TOKEN_COLUMNS);
        printf("%4.0f%s", 100.0 * exp(p->top[0].log_probability), right ? "*" : " ");
    }
    printf("%s", coloured ? "\033[0m" : "");
}

static void put_cell(const heed_model *model, const heed_prediction *p, int kind, heed_palette palette)
{
    char rank[24] = "";

    if (kind == SHOW_LIKELIEST) {
        put_likeliest(model, p, palette);
    } else if (kind != SHOW_NEXT) {
        printf("%-*.3f", CELL_COLUMNS, kind == SHOW_ENTROPY ? p->entropy : p->divergence);
    } else {
        if (p->next >= 0)
            snprintf(rank, sizeof rank, "%.0f #%lld", 100.0 * exp(p->log_probability), (long long)p->rank);
        printf("%-*s", CELL_COLUMNS, rank);
    }
}

static void put_tokens(const heed_cli_look *look, const char *title, int64_t first, int64_t last, int64_t shift)
{
    printf("%-*s", NAME_COLUMNS, title);
    for (int64_t p = first; p <= last; p++) {
        if ((size_t)(p + shift) < look->n_ids)
            heed_cli_put_token(look->model, look->ids[p + shift], CELL_COLUMNS - 2);
        else
            printf("%*s", CELL_COLUMNS - 2, "");
        printf("  ");
    }
    printf("\n");
}

/* Positions first .. last, all places. */
static void print_block(const heed_cli_look *look, const heed_lens *lens, int kind, int64_t first, int64_t last)
{
    const heed_palette palette = heed_cli_palette(stdout);

    printf("%-*s", NAME_COLUMNS, "position");
    for (int64_t p = first; p <= last; p++)
        printf("%-*lld", CELL_COLUMNS, (long long)p);
    printf("\n");
    put_tokens(look, "reads", first, last, 0);
    for (int place = 0; place < heed_lens_n_places(lens); place++) {
        put_place(heed_lens_name(lens, place));
        for (int64_t p = first; p <= last; p++)
            put_cell(look->model, heed_lens_at(lens, place, p), kind, palette);
        printf("\n");
    }
    put_tokens(look, "comes", first, last, 1);
}

/* Means over the positions that have a next token: how the way to the answer goes. */
static void print_means(const heed_lens *lens)
{
    printf("\nplace    rank of what comes  its loss  entropy  divergence from the end\n");
    for (int place = 0; place < heed_lens_n_places(lens); place++) {
        double loss = 0.0, entropy = 0.0, divergence = 0.0, rank = 0.0;
        int n = 0;
        for (int64_t p = heed_lens_first(lens); p <= heed_lens_last(lens); p++) {
            const heed_prediction *it = heed_lens_at(lens, place, p);
            if (it->next < 0)
                continue;
            loss -= it->log_probability;
            rank += (double)it->rank;
            entropy += it->entropy;
            divergence += it->divergence;
            n++;
        }
        if (n == 0)
            return;
        put_place(heed_lens_name(lens, place));
        printf("%18.1f %9.3f %8.3f %23.3f\n", rank / n, loss / n, entropy / n, divergence / n);
    }
}

static void print_text(const heed_cli_look *look, const lens_options *own, const heed_lens *lens)
{
    const int64_t first = heed_lens_first(lens), last = heed_lens_last(lens), across = n_across();

    printf("%s\n%s\n\n", explained[own->cells], PLACES);
    for (int64_t p = first; p <= last; p += across) {
        if (p > first)
            printf("\n");
        print_block(look, lens, own->cells, p, p + across - 1 < last ? p + across - 1 : last);
    }
    if (first > 0 && own->positions == NULL)
        printf("positions %lld to %lld of %zu; --lens-positions all shows them all\n", (long long)first,
               (long long)last, look->n_ids);
    print_means(lens);
}

/* --- as JSON --- */

static void json_prediction(const heed_cli_look *look, const heed_prediction *p)
{
    heed_cli_json *json = look->json;

    heed_cli_json_open(json, NULL, '{');
    if (p->next >= 0) {
        heed_cli_json_integer(json, "next_rank", p->rank);
        heed_cli_json_number(json, "next_probability", exp(p->log_probability));
        heed_cli_json_number(json, "loss", -p->log_probability);
    }
    heed_cli_json_number(json, "entropy", p->entropy);
    heed_cli_json_number(json, "divergence", p->divergence);
    heed_cli_json_open(json, "top", '[');
    for (int k = 0; k < p->n_top; k++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_token(json, look->model, p->top[k].id);
        heed_cli_json_number(json, "probability", exp(p->top[k].log_probability));
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static void print_json(const heed_cli_look *look, const heed_lens *lens)
{
    heed_cli_json *json = look->json;

    heed_cli_json_integer(json, "first_position", heed_lens_first(lens));
    heed_cli_json_integer(json, "last_position", heed_lens_last(lens));
    heed_cli_json_open(json, "places", '[');
    for (int place = 0; place < heed_lens_n_places(lens); place++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", heed_lens_name(lens, place));
        heed_cli_json_open(json, "positions", '[');
        for (int64_t p = heed_lens_first(lens); p <= heed_lens_last(lens); p++)
            json_prediction(look, heed_lens_at(lens, place, p));
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    int64_t first, last;

    if (heed_model_config(look->model)->kind == HEED_KIND_BIGRAM)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "lens: it reads a residual stream, and a bigram model is a table without one; "
                             "--show predictions works");
    return range_of(look, options, &first, &last, err);
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const lens_options *own = options;
    heed_lens_options how = heed_lens_default();
    heed_lens *lens = NULL;
    heed_status status = range_of(look, own, &how.first, &how.last, err);

    how.n_top = look->json != NULL ? (int)own->top : 1;
    if (status == HEED_OK)
        status = heed_lens_create(look->model, look->ids, look->n_ids, &how, &lens, err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(look, lens);
    else if (status == HEED_OK)
        print_text(look, own, lens);
    heed_lens_destroy(lens);
    return status;
}

const heed_cli_view heed_cli_view_lens = {
    .name = "lens",
    .summary = "what each layer would say next",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(lens_options),
    .defaults = &defaults,
    .check = check,
    .show = show,
};
