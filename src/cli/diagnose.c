/* SPDX-License-Identifier: MIT */
#include "cli/diagnose.h"

#include <heed/diagnosis.h>
#include <heed/label.h>
#include <heed/neighbours.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/output.h"
#include "cli/token_out.h"

enum {
    LABEL_COLUMNS = 12,
    N_NEAR = 3,
    MOST_NEAR = 8,
    STEPS_BEFORE = 6,
    STEPS_IN_ALL = 24,
    ROW_COLUMNS = 56 /* before the places */
};

#define SHOWN_WEIGHT 0.05

/* What is shown: the diagnosis, and the parts of it that are asked for again and again. */
typedef struct shown {
    const heed_model *model;
    const heed_diagnosis *d;
    const int32_t *ids;
    size_t n_prompt, n;
    const heed_diagnosis_step *steps;
    const heed_repetition *repetition;
    int32_t near_of[MOST_NEAR]; /* the first different tokens of the circle, or of the text */
    heed_neighbour near[MOST_NEAR][N_NEAR];
    int n_near;
} shown;

/* --- nearest embeddings --- */

static void choose_tokens(shown *s)
{
    const size_t first = s->n_prompt + (s->repetition->loop_start > 0 ? (size_t)s->repetition->loop_start : 0);

    for (size_t i = first; i < s->n && s->n_near < MOST_NEAR; i++) {
        bool known = false;
        for (int k = 0; k < s->n_near; k++)
            known = known || s->near_of[k] == s->ids[i];
        if (!known)
            s->near_of[s->n_near++] = s->ids[i];
    }
}

/* A model without a table of embeddings has no neighbours to show. */
static heed_status find_near(shown *s, heed_error *err)
{
    const heed_neighbour_options options = {.centred = true};

    if (heed_model_config(s->model)->kind == HEED_KIND_BIGRAM)
        return HEED_OK;
    choose_tokens(s);
    return heed_model_neighbours(s->model, s->near_of, s->n_near, &options, N_NEAR, s->near[0], err);
}

/* --- as text --- */

static void put_ids(const heed_model *model, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t n_piece = 0;
        const char *piece = heed_model_piece(model, ids[i], &n_piece);

        if (piece != NULL)
            heed_cli_put_text(stdout, piece, n_piece);
        else
            printf("<%d>", (int)ids[i]);
    }
    printf("\n");
}

/* The places that most is taken from, as many as fit the line and the first at least. */
static void put_step(const shown *s, int64_t i)
{
    const heed_diagnosis_step *step = &s->steps[i];
    const int columns = heed_cli_columns(stdout);
    int used = ROW_COLUMNS;

    printf("%6lld  ", (long long)i);
    heed_cli_put_token(s->model, step->id, LABEL_COLUMNS);
    printf(" %5.1f %% %5.1f %% %5.1f %% %7.2f  ", 100.0 * step->probability, 100.0 * step->top,
           100.0 * step->margin, step->entropy);
    if (step->attended[0] < 0 || step->weight[0] < SHOWN_WEIGHT)
        printf("%s", step->attended[0] < 0 ? "-" : "nothing much");
    for (int k = 0; k < HEED_DIAGNOSIS_ATTENDED && step->attended[k] >= 0 && step->weight[k] >= SHOWN_WEIGHT;
         k++) {
        char label[HEED_LABEL_BYTES], place[32], weight[16];
        const int label_columns = heed_token_label(s->model, s->ids[step->attended[k]], 6, label, sizeof label);

        snprintf(place, sizeof place, "%lld", (long long)step->attended[k] - (long long)s->n_prompt);
        snprintf(weight, sizeof weight, "%.0f%%", 100.0 * step->weight[k]);
        used += (k > 0 ? 2 : 0) + (int)strlen(place) + label_columns + (int)strlen(weight) + 2;
        if (k > 0 && used > columns)
            break;
        printf("%s%s %s %s", k > 0 ? ", " : "", place, label, weight);
    }
    printf("\n");
}

/* All of a short text; else its beginning, and the way into the circle or its end. */
static void put_steps(const shown *s)
{
    const int64_t n = (int64_t)(s->n - s->n_prompt);
    const int64_t loop = s->repetition->loop_start;
    int64_t from = loop >= 0 ? loop - STEPS_BEFORE : n - (STEPS_IN_ALL - STEPS_BEFORE), to;

    from = from < STEPS_BEFORE ? STEPS_BEFORE : from;
    to = from + STEPS_IN_ALL - STEPS_BEFORE < n ? from + STEPS_IN_ALL - STEPS_BEFORE : n;
    printf("  step  token         chance     top  margin entropy  place, token, weight\n");
    for (int64_t i = 0; i < n; i++) {
        if (i < STEPS_BEFORE || (i >= from && i < to))
            put_step(s, i);
        else if (i == STEPS_BEFORE || i == to)
            printf("   ...\n");
        if (i == loop)
            printf("        ^ the circle begins\n");
    }
    printf("Places looked at count from the first token written; those of the prompt are\n"
           "negative. Weights are means over all heads.\n");
}

static void put_near(const shown *s)
{
    for (int i = 0; i < s->n_near; i++) {
        printf("%s", i == 0 ? "\nnearest embeddings (cosine, mean taken off)\n" : "");
        printf("  ");
        heed_cli_put_token(s->model, s->near_of[i], LABEL_COLUMNS);
        for (int k = 0; k < N_NEAR && s->near[i][k].id >= 0; k++) {
            printf("  ");
            heed_cli_put_token(s->model, s->near[i][k].id, LABEL_COLUMNS);
            printf("%5.2f", s->near[i][k].cosine);
        }
        printf("\n");
    }
}

static void put_distinct(const heed_repetition *r)
{
    for (int k = 0; k < HEED_REPETITION_GRAMS; k++) {
        if (!isnan(r->distinct[k]))
            printf("%s%.2f", k > 0 ? " " : "", r->distinct[k]);
    }
}

static void put_remedies(const shown *s)
{
    for (int i = 0; i < heed_diagnosis_n_remedies(s->d); i++) {
        const heed_remedy *r = heed_diagnosis_remedy(s->d, i);

        printf("\ntried: %s\ndistinct-1 to -4 ", r->words);
        put_distinct(&r->repetition);
        printf("; %s; %.2f nats a token\n", r->repetition.loop_start >= 0 ? "still a circle" : "no circle",
               -r->log_probability);
        put_ids(s->model, r->ids, r->n);
    }
}

static void show_text(const shown *s)
{
    const heed_diagnosis_step means = heed_diagnosis_means(s->d);
    const char *words = heed_diagnosis_words(s->d);
    const int columns = heed_cli_columns(stdout);

    put_ids(s->model, s->ids, s->n);
    printf("\n");
    put_steps(s);
    printf("\ndistinct-1 to -4: ");
    put_distinct(s->repetition);
    printf("\nin the mean%s: top %.1f %%, margin %.1f %%, entropy %.2f",
           s->repetition->loop_start >= 0 ? " of the circle" : "", 100.0 * means.top, 100.0 * means.margin,
           means.entropy);
    if (!isnan(means.previous))
        printf(",\n    on the token before %.1f %%", 100.0 * means.previous);
    printf("\n");
    put_near(s);
    printf("\nverdict (%s):\n", heed_verdict_name(heed_diagnosis_verdict(s->d)));
    heed_cli_put_paragraph(stdout, words, strlen(words), columns < 100 ? columns : 100);
    put_remedies(s);
}

/* --- as JSON --- */

static void json_repetition(heed_cli_json *json, const heed_repetition *r)
{
    heed_cli_json_integer(json, "loop_start", r->loop_start);
    heed_cli_json_integer(json, "loop_length", r->loop_length);
    heed_cli_json_integer(json, "loop_copies", r->loop_copies);
    heed_cli_json_open(json, "distinct", '[');
    for (int k = 0; k < HEED_REPETITION_GRAMS; k++)
        heed_cli_json_number(json, NULL, r->distinct[k]);
    heed_cli_json_close(json, ']');
}

static void json_piece(heed_cli_json *json, const heed_model *model, const char *key, int32_t id)
{
    size_t n = 0;
    const char *piece = heed_model_piece(model, id, &n);

    heed_cli_json_bytes(json, key, piece != NULL ? piece : "", n);
}

static void json_ids(heed_cli_json *json, const heed_model *model, const int32_t *ids, size_t n)
{
    heed_cli_json_open(json, "tokens", '[');
    for (size_t i = 0; i < n; i++)
        json_piece(json, model, NULL, ids[i]);
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "ids", '[');
    for (size_t i = 0; i < n; i++)
        heed_cli_json_integer(json, NULL, ids[i]);
    heed_cli_json_close(json, ']');
}

static void json_figures(heed_cli_json *json, const heed_diagnosis_step *step)
{
    heed_cli_json_number(json, "probability", step->probability);
    heed_cli_json_number(json, "top", step->top);
    heed_cli_json_number(json, "margin", step->margin);
    heed_cli_json_number(json, "entropy", step->entropy);
    heed_cli_json_number(json, "previous", step->previous);
}

static void json_steps(heed_cli_json *json, const shown *s)
{
    heed_cli_json_open(json, "steps", '[');
    for (size_t i = 0; i < s->n - s->n_prompt; i++) {
        const heed_diagnosis_step *step = &s->steps[i];

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "id", step->id);
        heed_cli_json_integer(json, "likeliest", step->likeliest);
        json_figures(json, step);
        heed_cli_json_open(json, "attended", '[');
        for (int k = 0; k < HEED_DIAGNOSIS_ATTENDED && step->attended[k] >= 0; k++) {
            heed_cli_json_open(json, NULL, '{');
            heed_cli_json_integer(json, "place", step->attended[k] - (int64_t)s->n_prompt);
            heed_cli_json_number(json, "weight", step->weight[k]);
            heed_cli_json_close(json, '}');
        }
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_near(heed_cli_json *json, const shown *s)
{
    heed_cli_json_open(json, "nearest", '[');
    for (int i = 0; i < s->n_near; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "id", s->near_of[i]);
        json_piece(json, s->model, "token", s->near_of[i]);
        heed_cli_json_open(json, "near", '[');
        for (int k = 0; k < N_NEAR && s->near[i][k].id >= 0; k++) {
            heed_cli_json_open(json, NULL, '{');
            heed_cli_json_integer(json, "id", s->near[i][k].id);
            json_piece(json, s->model, "token", s->near[i][k].id);
            heed_cli_json_number(json, "cosine", s->near[i][k].cosine);
            heed_cli_json_close(json, '}');
        }
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_remedies(heed_cli_json *json, const shown *s)
{
    heed_cli_json_open(json, "tried", '[');
    for (int i = 0; i < heed_diagnosis_n_remedies(s->d); i++) {
        const heed_remedy *r = heed_diagnosis_remedy(s->d, i);

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "what", r->words);
        heed_cli_json_number(json, "log_probability", r->log_probability);
        json_repetition(json, &r->repetition);
        json_ids(json, s->model, r->ids, r->n);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void show_json(const shown *s)
{
    const heed_diagnosis_step means = heed_diagnosis_means(s->d);
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_integer(&json, "prompt_tokens", (int64_t)s->n_prompt);
    json_ids(&json, s->model, s->ids, s->n);
    json_repetition(&json, s->repetition);
    heed_cli_json_text(&json, "verdict", heed_verdict_name(heed_diagnosis_verdict(s->d)));
    heed_cli_json_text(&json, "words", heed_diagnosis_words(s->d));
    heed_cli_json_open(&json, "means", '{');
    json_figures(&json, &means);
    heed_cli_json_close(&json, '}');
    json_steps(&json, s);
    json_near(&json, s);
    json_remedies(&json, s);
    heed_cli_json_close(&json, '}');
}

/* --- all of it --- */

heed_status heed_cli_diagnose(const heed_model *model, const heed_prompt *prompt,
                              const heed_generate_options *options, bool json, heed_error *err)
{
    heed_diagnosis *d = NULL;
    shown s = {.model = model};
    heed_status status = heed_diagnose(model, prompt, options, &d, err);

    if (status == HEED_OK) {
        s.d = d;
        s.ids = heed_diagnosis_ids(d, &s.n_prompt, &s.n);
        s.steps = heed_diagnosis_steps(d);
        s.repetition = heed_diagnosis_repetition(d);
        status = find_near(&s, err);
    }
    if (status == HEED_OK && json)
        show_json(&s);
    else if (status == HEED_OK)
        show_text(&s);
    heed_diagnosis_destroy(d);
    return status;
}
