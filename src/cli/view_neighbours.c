/* SPDX-License-Identifier: MIT */
/* heed inspect --near TOKENS: which tokens lie near these in the tables of the model. */
#include <heed/neighbours.h>
#include <stdlib.h>
#include <string.h>

#include "cli/token_out.h"
#include "cli/view.h"

enum { TOKEN_COLUMNS = 12, CELL_COLUMNS = 17, MOST_TOKENS = 64 };

typedef struct neighbours_options {
    const char *tokens;
    int64_t count;
    int table, by;
    bool centred;
} neighbours_options;

static const neighbours_options defaults = {.count = 8};

static const char *const tables[] = {"embedding", "head", NULL}, *const measures[] = {"cosine", "dot", NULL};

static const heed_cli_text texts[] = {
    {"near", "TEXT", "whose neighbours: the tokens of this text, or #12 for an id. Without it those of --text",
     offsetof(neighbours_options, tokens)},
};

static const heed_field fields[] = {
    {"near_count", "neighbours of each", HEED_FIELD_INTEGER, offsetof(neighbours_options, count), 1, 1000,
     NULL},
    {"near_in", "the table", HEED_FIELD_CHOICE, offsetof(neighbours_options, table), 0, 0, tables},
    {"near_by", "what makes rows near", HEED_FIELD_CHOICE, offsetof(neighbours_options, by), 0, 0, measures},
    {"near_centred", "take the mean row off first", HEED_FIELD_BOOLEAN, offsetof(neighbours_options, centred),
     0, 0, NULL},
};

/* --- which tokens --- */

typedef struct asked {
    int32_t ids[MOST_TOKENS];
    int n;
    bool cut; /* there were more of them */
} asked;

/* Each token once, in the order in which they come. */
static void add_once(asked *a, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int k = 0;
        while (k < a->n && a->ids[k] != ids[i])
            k++;
        a->cut = a->cut || (k == a->n && k == MOST_TOKENS);
        if (k == a->n && k < MOST_TOKENS)
            a->ids[a->n++] = ids[i];
    }
}

static heed_status find_tokens(const heed_cli_look *look, const neighbours_options *own, asked *a,
                               heed_error *err)
{
    int32_t *ids = NULL, id = 0;
    size_t n = 0;
    heed_status status;

    *a = (asked){.n = 0};
    if (own->tokens == NULL && look->ids == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "neighbours: expected --near TEXT, or a --text");
    if (own->tokens == NULL) {
        add_once(a, look->ids, look->n_ids);
        return HEED_OK;
    }
    if (own->tokens[0] == '#' && strspn(own->tokens + 1, "0123456789") == strlen(own->tokens) - 1) {
        status = heed_cli_find_token(look->model, "near", own->tokens, &id, err);
        if (status == HEED_OK)
            add_once(a, &id, 1);
        return status;
    }
    status = heed_model_encode(look->model, own->tokens, strlen(own->tokens), &ids, &n, err);
    if (status == HEED_OK)
        add_once(a, ids, n);
    free(ids);
    if (status == HEED_OK && a->n == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "near: expected a text of at least one token");
    return status;
}

/* --- showing --- */

static double score_of(const neighbours_options *own, const heed_neighbour *n)
{
    return own->by == 1 ? n->dot : n->cosine;
}

/* As many neighbours beside each other as fit, the others below them. */
static void put_row(const heed_cli_look *look, const neighbours_options *own, int32_t id,
                    const heed_neighbour *near)
{
    const int across = (heed_cli_columns(stdout) - TOKEN_COLUMNS - 1) / CELL_COLUMNS;

    heed_cli_put_token(look->model, id, TOKEN_COLUMNS);
    for (int k = 0; k < own->count && near[k].id >= 0; k++) {
        if (k > 0 && across > 0 && k % across == 0)
            printf("\n%*s", TOKEN_COLUMNS, "");
        printf("  ");
        heed_cli_put_token(look->model, near[k].id, CELL_COLUMNS - 9);
        printf(" %6.*f", own->by == 1 ? 2 : 3, score_of(own, &near[k]));
    }
    printf("\n");
}

static void print_text(const heed_cli_look *look, const neighbours_options *own, const asked *a,
                       const heed_neighbour *near)
{
    const bool tied = heed_model_config(look->model)->tied_head;

    printf("nearest rows of the %s%s by %s\n%s\n\n", own->table == 1 ? "head" : "token embedding",
           tied ? " (head and embedding are one table)" : "", own->by == 1 ? "dot product" : "cosine",
           own->centred ? "the mean row is taken off" : "the mean row is left in; --near-centred takes it off");
    for (int k = 0; k < a->n; k++)
        put_row(look, own, a->ids[k], near + k * own->count);
    if (a->cut)
        printf("the first %d different tokens; --near asks for others\n", MOST_TOKENS);
}

static void print_json(const heed_cli_look *look, const neighbours_options *own, const asked *a,
                       const heed_neighbour *near)
{
    heed_cli_json *json = look->json;

    heed_cli_json_text(json, "table", tables[own->table]);
    heed_cli_json_text(json, "by", measures[own->by]);
    heed_cli_json_bool(json, "centred", own->centred);
    heed_cli_json_open(json, "of", '[');
    for (int k = 0; k < a->n; k++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_token(json, look->model, a->ids[k]);
        heed_cli_json_open(json, "near", '[');
        for (int64_t i = k * own->count; i < (k + 1) * own->count && near[i].id >= 0; i++) {
            heed_cli_json_open(json, NULL, '{');
            heed_cli_json_token(json, look->model, near[i].id);
            heed_cli_json_number(json, "cosine", near[i].cosine);
            heed_cli_json_number(json, "dot", near[i].dot);
            heed_cli_json_close(json, '}');
        }
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    asked a;

    if (heed_model_config(look->model)->kind == HEED_KIND_BIGRAM)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "near: a bigram model has a table of logits and no embeddings");
    return find_tokens(look, options, &a, err);
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const neighbours_options *own = options;
    const heed_neighbour_options how = {
        .head = own->table == 1, .by_dot = own->by == 1, .centred = own->centred};
    heed_neighbour *near = calloc((size_t)MOST_TOKENS * (size_t)own->count, sizeof *near);
    asked a;
    heed_status status = near != NULL ? find_tokens(look, own, &a, err)
                                      : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for neighbours");

    if (status == HEED_OK)
        status = heed_model_neighbours(look->model, a.ids, a.n, &how, (int)own->count, near, err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(look, own, &a, near);
    else if (status == HEED_OK)
        print_text(look, own, &a, near);
    free(near);
    return status;
}

const heed_cli_view heed_cli_view_neighbours = {
    .name = "neighbours",
    .summary = "tokens with alike embeddings",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(neighbours_options),
    .defaults = &defaults,
    .without_text = true,
    .check = check,
    .show = show,
};
