/* SPDX-License-Identifier: MIT */
/* heed inspect --attribute TOKEN: which parts of the model raise or lower a logit. */
#include <heed/lens.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/token_out.h"
#include "cli/view.h"

enum { NAME_COLUMNS = 30, LONGEST_BAR = 30 };

typedef struct attribution_options {
    const char *token, *against;
    int64_t position, rows;
} attribution_options;

static const attribution_options defaults = {.position = -1, .rows = 16};

static const heed_cli_text texts[] = {
    {"attribute", "TOKEN",
     "whose logit is split over the parts of the model; #12 is an id. Without it the likeliest",
     offsetof(attribution_options, token)},
    {"against", "TOKEN", "split the difference to this token's logit", offsetof(attribution_options, against)},
};

static const heed_field fields[] = {
    {"position", "where the logit is read, behind that token; -1: the last", HEED_FIELD_INTEGER,
     offsetof(attribution_options, position), -1, 1 << 24, NULL},
    {"parts", "parts that are listed, the largest; 0: all, in the order of the computation", HEED_FIELD_INTEGER,
     offsetof(attribution_options, rows), 0, 1 << 24, NULL},
};

/* --- what is asked --- */

/* The likeliest token behind a position. */
static heed_status find_likeliest(const heed_cli_look *look, int64_t position, int32_t *token, heed_error *err)
{
    heed_lens_options options = heed_lens_default();
    heed_lens *lens = NULL;
    heed_status status;

    options.predictions_only = true;
    options.first = options.last = position;
    options.n_top = 1;
    status = heed_lens_create(look->model, look->ids, look->n_ids, &options, &lens, err);
    if (status == HEED_OK)
        *token = heed_lens_at(lens, 0, position)->n_top > 0 ? heed_lens_at(lens, 0, position)->top[0].id : 0;
    heed_lens_destroy(lens);
    return status;
}

typedef struct question {
    int64_t position;
    int32_t token, against; /* token -1: the likeliest */
} question;

static heed_status read_question(const heed_cli_look *look, const attribution_options *own, question *q,
                                 heed_error *err)
{
    const int64_t last = (int64_t)look->n_ids - 1;
    heed_status status = HEED_OK;

    *q = (question){own->position < 0 ? last : own->position, -1, -1};
    if (q->position > last)
        return heed_cli_fail(err, HEED_ERR_USAGE, "position: expected 0 to %lld, got %lld", (long long)last,
                             (long long)q->position);
    if (own->token != NULL)
        status = heed_cli_find_token(look->model, "attribute", own->token, &q->token, err);
    if (status == HEED_OK && own->against != NULL)
        status = heed_cli_find_token(look->model, "against", own->against, &q->against, err);
    return status;
}

/* What is not offered, or counts as one; NULL: nothing. */
static const char *limits_of(const heed_config *c)
{
    if (!c->residual)
        return "this model has no residual stream: only its last part writes to what the head reads, and it "
               "alone is "
               "split";
    if (c->n_experts > 0)
        return "a mixture of experts counts as one part; what single experts add is not split";
    if (c->norm == HEED_NORM_POST)
        return "post-norm: each norm on a part's way to the head keeps the scale of this run";
    return NULL;
}

/* --- as text --- */

static int by_size(const void *a, const void *b)
{
    const double x = fabs((*(const heed_contribution *const *)a)->value);
    const double y = fabs((*(const heed_contribution *const *)b)->value);

    return x > y ? -1 : x < y ? 1 : 0;
}

static void put_part(const heed_contribution *c, double largest)
{
    const int bar = isfinite(c->value) && largest > 0.0 ? (int)(fabs(c->value) / largest * LONGEST_BAR + 0.5)
                                                        : 0;
    char name[160];

    if (c->head >= 0)
        snprintf(name, sizeof name, "blocks.%d.attn head %d", c->layer, c->head);
    else
        snprintf(name, sizeof name, "%s", c->name);
    printf("  %-*s %+10.4f  ", NAME_COLUMNS, name, c->value);
    for (int i = 0; i < bar; i++)
        printf("%s", c->value < 0.0 ? "-" : "+");
    printf("\n");
}

static void put_title(const heed_cli_look *look, const heed_attribution *a)
{
    char token[HEED_LABEL_BYTES], against[HEED_LABEL_BYTES], behind[HEED_LABEL_BYTES];

    heed_token_label(look->model, a->token, 20, token, sizeof token);
    heed_token_label(look->model, look->ids[a->position], 20, behind, sizeof behind);
    printf("logit of \"%s\"", token);
    if (a->against >= 0) {
        heed_token_label(look->model, a->against, 20, against, sizeof against);
        printf(" less that of \"%s\"", against);
    }
    printf(" at position %lld, behind \"%s\": %.4f\n", (long long)a->position, behind, a->logit);
}

static heed_status print_text(const heed_cli_look *look, const attribution_options *own,
                              const heed_attribution *a, heed_error *err)
{
    const heed_contribution **parts = calloc((size_t)a->n + 1, sizeof *parts);
    const int n = own->rows > 0 && own->rows < a->n ? (int)own->rows : a->n;
    const char *limits = limits_of(heed_model_config(look->model));
    double largest = 0.0, rest = 0.0;

    if (parts == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of %d parts", a->n);
    for (int i = 0; i < a->n; i++) {
        parts[i] = &a->list[i];
        largest = fmax(largest, fabs(a->list[i].value));
    }
    if (own->rows > 0)
        qsort(parts, (size_t)a->n, sizeof *parts, by_size);
    put_title(look, a);
    for (int i = 0; i < n; i++)
        put_part(parts[i], largest);
    for (int i = n; i < a->n; i++)
        rest += parts[i]->value;
    if (n < a->n)
        printf("  %-*s %+10.4f\n", NAME_COLUMNS, "all smaller parts together", rest);
    printf("  %-*s %+10.2g  rounding may leave %.1g\n", NAME_COLUMNS, "remainder", a->remainder, a->bound);
    if (limits != NULL)
        heed_cli_put_paragraph(stdout, limits, strlen(limits), heed_cli_columns(stdout));
    free(parts);
    return HEED_OK;
}

/* --- as JSON --- */

static void print_json(const heed_cli_look *look, const heed_attribution *a)
{
    heed_cli_json *json = look->json;
    const char *limits = limits_of(heed_model_config(look->model));

    heed_cli_json_integer(json, "position", a->position);
    heed_cli_json_token(json, look->model, a->token);
    if (a->against >= 0) {
        heed_cli_json_open(json, "against", '{');
        heed_cli_json_token(json, look->model, a->against);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_number(json, "logit", a->logit);
    heed_cli_json_number(json, "remainder", a->remainder);
    heed_cli_json_number(json, "remainder_bound", a->bound);
    if (limits != NULL)
        heed_cli_json_text(json, "limits", limits);
    heed_cli_json_open(json, "parts", '[');
    for (int i = 0; i < a->n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", a->list[i].name);
        if (a->list[i].layer >= 0)
            heed_cli_json_integer(json, "layer", a->list[i].layer);
        if (a->list[i].head >= 0)
            heed_cli_json_integer(json, "head", a->list[i].head);
        heed_cli_json_number(json, "value", a->list[i].value);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    question q;

    if (heed_model_config(look->model)->kind == HEED_KIND_BIGRAM)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "attribution: a bigram model looks its logits up in a table: there are no parts");
    return read_question(look, options, &q, err);
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const attribution_options *own = options;
    heed_attribution a = {0};
    question q;
    heed_status status = read_question(look, own, &q, err);

    if (status == HEED_OK && q.token < 0)
        status = find_likeliest(look, q.position, &q.token, err);
    if (status == HEED_OK)
        status = heed_model_attribute(look->model, look->ids, look->n_ids, q.position, q.token, q.against, &a,
                                      err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(look, &a);
    else if (status == HEED_OK)
        status = print_text(look, own, &a, err);
    heed_attribution_free(&a);
    return status;
}

const heed_cli_view heed_cli_view_attribution = {
    .name = "attribution",
    .summary = "which parts make a logit",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(attribution_options),
    .defaults = &defaults,
    .check = check,
    .show = show,
};
