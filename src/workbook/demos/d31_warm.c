/* SPDX-License-Identifier: MIT */
/* D31: the token table before and after training, and as the beginning of another model. */
#include <heed/label.h>
#include <heed/neighbours.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/kept_model.h"
#include "workbook/demos/training.h"

enum { MOST_TOKENS = 512, N_NEAR = 6, SMOOTH = 10 };

/* --- groups of tokens --- */

typedef enum kind { VOWEL, CONSONANT, CAPITAL, OTHER, N_KINDS } kind;

static kind kind_of(const heed_model *model, int64_t id)
{
    size_t n = 0;
    const char *piece = heed_model_piece(model, (int32_t)id, &n);

    if (piece == NULL || n != 1)
        return OTHER;
    if (strchr("aeiou", piece[0]) != NULL && piece[0] != '\0')
        return VOWEL;
    return piece[0] >= 'a' && piece[0] <= 'z'   ? CONSONANT
           : piece[0] >= 'A' && piece[0] <= 'Z' ? CAPITAL
                                                : OTHER;
}

/* Cosines of all pairs of rows, [V, V], as heed finds neighbours; 1 on the diagonal. */
static heed_grid cosines(heed_demoing *d, const heed_model *model)
{
    const int64_t V = heed_model_config(model)->vocab_size;
    heed_grid x = {0};
    heed_neighbour *near = heed_arena_alloc(d->s.arena, (size_t)(V * V) * sizeof *near);
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, V);
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return x;
    if (near == NULL) {
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for neighbours");
        return x;
    }
    x = heed_grid_make(&d->s, V, V);
    for (int64_t i = 0; i < V; i++)
        ids[i] = (int32_t)i;
    if (!heed_demo_ok(
            d, heed_model_neighbours(model, ids, (int)V, &(heed_neighbour_options){0}, (int)V, near, &err),
            &err))
        return x;
    for (int64_t i = 0; i < V * V; i++) {
        if (near[i].id >= 0)
            x.data[i / V * V + near[i].id] = near[i].cosine;
    }
    for (int64_t i = 0; i < V; i++)
        x.data[i * V + i] = 1.0;
    return x;
}

/* Over all pairs of two different tokens, one of each kind; NaN where there is none. */
static double mean_cosine(const heed_model *model, heed_grid x, kind a, kind b)
{
    double sum = 0.0;
    int64_t n = 0;

    for (int64_t i = 0; i < x.rows; i++) {
        for (int64_t j = 0; j < x.columns; j++) {
            if (i != j && kind_of(model, i) == a && kind_of(model, j) == b) {
                sum += x.data[i * x.columns + j];
                n++;
            }
        }
    }
    return n > 0 ? sum / (double)n : NAN;
}

static void show_groups(heed_demoing *d, const heed_model *model, heed_grid before, heed_grid after)
{
    static const kind pairs[4][2] = {
        {VOWEL, VOWEL}, {CONSONANT, CONSONANT}, {CAPITAL, CAPITAL}, {VOWEL, CONSONANT}};
    static const char *const names[4] = {"vowels", "consonants", "capitals", "vowels_consonants"};
    heed_grid table = heed_grid_make(&d->s, 4, 2);

    for (int i = 0; d->s.status == HEED_OK && i < 4; i++) {
        table.data[2 * i] = mean_cosine(model, before, pairs[i][0], pairs[i][1]);
        table.data[2 * i + 1] = mean_cosine(model, after, pairs[i][0], pairs[i][1]);
        heed_show_figure(d, heed_demo_words(d, "%s_before", names[i]), table.data[2 * i],
                         "mean cosine, fresh table");
        heed_show_figure(d, heed_demo_words(d, "%s_after", names[i]), table.data[2 * i + 1],
                         "mean cosine, trained table");
    }
    heed_show_table(d, table, "Mean cosine of two rows of the token table",
                    "vowels|consonants|capitals|vowel and consonant", "before|after", false);
    heed_show_check(d, table.data[1] >= table.data[0] + 0.05,
                    "vowels are closer after training: mean cosine %.3f, before %.3f", table.data[1],
                    table.data[0]);
    heed_show_check(d, table.data[1] >= table.data[7] + 0.05,
                    "and closer to each other than to consonants: %.3f, %.3f", table.data[1], table.data[7]);
}

/* --- neighbours of a token --- */

static int32_t find_token(heed_demoing *d, const heed_model *model)
{
    const char *text = heed_take_text(&d->s, "token");
    const int64_t id = d->s.status == HEED_OK
                           ? heed_tokenizer_find(heed_model_tokenizer(model), text, strlen(text))
                           : -1;

    if (d->s.status == HEED_OK && id < 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "token: expected a character of the text, got \"%.40s\"", text);
    return (int32_t)id;
}

static void show_neighbours(heed_demoing *d, const heed_model *model, heed_grid before, heed_grid after)
{
    const int32_t id = find_token(d, model);
    heed_neighbour near[N_NEAR];
    heed_grid table = heed_grid_make(&d->s, N_NEAR, 2);
    char label[HEED_LABEL_BYTES];
    const char *labels = "";
    heed_error err = {HEED_OK, ""};
    int n = 0;

    if (d->s.status != HEED_OK ||
        !heed_demo_ok(d, heed_model_neighbours(model, &id, 1, &(heed_neighbour_options){0}, N_NEAR, near, &err),
                      &err))
        return;
    for (; n < N_NEAR && near[n].id >= 0; n++) {
        heed_token_label(model, near[n].id, 8, label, sizeof label);
        labels = heed_demo_words(d, "%s%s%s", labels, n > 0 ? "|" : "",
                                 strcmp(label, "|") == 0 ? "bar" : label);
        table.data[2 * n] = before.data[id * before.columns + near[n].id];
        table.data[2 * n + 1] = after.data[id * after.columns + near[n].id];
    }
    table.rows = n;
    heed_token_label(model, id, 8, label, sizeof label);
    heed_show_table(d, table, heed_demo_words(d, "Nearest tokens of \"%s\" after training, by cosine", label),
                    labels, "before|after", false);
    heed_show_figure(d, "nearest_kind", n > 0 ? (double)kind_of(model, near[0].id) : NAN,
                     "the nearest token: 0 a vowel, 1 a consonant, 2 a capital, 3 something else");
    heed_show_figure(d, "nearest_cosine", n > 0 ? near[0].cosine : NAN, "its cosine after training");
}

/* --- another model begins with the table --- */

typedef enum start { COLD, WARM, FROZEN, N_STARTS } start;

static const char *const starts[N_STARTS] = {"cold", "warm", "warm and frozen"};

static heed_demo_training second(const heed_demo_training *first, const char *folder, start how)
{
    heed_demo_training t = *first;

    t.options.seed++;
    t.options.freeze[0] = '\0';
    if (how != COLD)
        snprintf(t.options.init_embeddings, sizeof t.options.init_embeddings, "%s", folder);
    if (how == FROZEN)
        snprintf(t.options.freeze, sizeof t.options.freeze, "wte.weight");
    return t;
}

/* The first step after which the smoothed loss is at most the target; one more than there are: none. */
static double steps_to(heed_grid curve, double target)
{
    for (int64_t i = 0; i < curve.columns; i++) {
        if (curve.data[i] <= target)
            return (double)(i + 1);
    }
    return (double)(curve.columns + 1);
}

static void show_starts(heed_demoing *d, const heed_demo_training *first, const heed_demo_folder *folder)
{
    heed_grid curves[N_STARTS], steps = heed_grid_make(&d->s, 1, N_STARTS);
    double target;

    for (int i = 0; d->s.status == HEED_OK && i < N_STARTS; i++) {
        heed_demo_training t = second(first, folder->path, (start)i);

        t.options.steps = (t.options.steps + 1) / 2;
        heed_trainer_close(heed_demo_train(d, &t, starts[i], 0.4 + 0.2 * i, 0.6 + 0.2 * i));
        curves[i] = heed_demo_smoothed(d, t.curve, SMOOTH);
    }
    if (d->s.status != HEED_OK)
        return;
    target = curves[COLD].data[(curves[COLD].columns - 1) / 2];
    heed_show_axes(d, "Another model: cold, and with the trained table", "step", "nats a token", "");
    for (int i = 0; i < N_STARTS; i++) {
        heed_show_curve(d, starts[i], heed_demo_counted(d, curves[i].columns), curves[i]);
        steps.data[i] = steps_to(curves[i], target);
    }
    heed_show_figure(d, "target", target, "nats: the loss that is to be reached");
    heed_show_figure(d, "cold_steps", steps.data[COLD], "to reach it, all numbers fresh");
    heed_show_figure(d, "warm_steps", steps.data[WARM], "the table, and the head, from the trained model");
    heed_show_figure(d, "frozen_steps", steps.data[FROZEN], "the same, and the table stays as it is");
    heed_show_table(d, steps, heed_demo_words(d, "Steps to a loss of %.3f", target), "steps",
                    "cold|warm|warm, frozen", false);
    heed_show_check(d, steps.data[WARM] <= 0.9 * steps.data[COLD],
                    "a loss of %.3f is reached after %.0f steps with the trained table, after %.0f without",
                    target, steps.data[WARM], steps.data[COLD]);
}

/* --- tables that do not fit --- */

static void show_refusals(heed_demoing *d, const heed_demo_training *first, const heed_demo_folder *folder)
{
    heed_demo_training t = second(first, folder->path, WARM);
    heed_trainer *trainer = NULL;
    heed_error err = {HEED_OK, ""};
    bool refused;

    if (d->s.status != HEED_OK)
        return;
    t.config.d_model /= 2;
    /* Its words name the folder, which is another one each time. */
    refused = heed_trainer_create(t.text, &t.config, &t.options, NULL, &trainer, &err) == HEED_ERR_USAGE &&
              strstr(err.message, "(d_model); they must be the same") != NULL;
    heed_show_check(d, refused, "a table that is %lld wide is refused for a model of %lld",
                    (long long)t.config.d_model * 2, (long long)t.config.d_model);
    heed_trainer_close(trainer);
    trainer = NULL;
    t.config.d_model *= 2;
    t.options.tokenizer = HEED_TRAIN_WORDS;
    if (heed_demo_ok(d, heed_trainer_create(t.text, &t.config, &t.options, NULL, &trainer, &err), &err)) {
        const heed_train_plan *plan = heed_trainer_plan(trainer);

        heed_show_figure(d, "rows_of_words", (double)plan->n_embeddings,
                         "rows of a model whose tokens are words");
        heed_show_figure(d, "rows_mapped", (double)plan->n_embeddings_mapped,
                         "of them, those whose token the trained model has too");
        heed_show_check(d, plan->n_embeddings_mapped < plan->n_embeddings,
                        "of another tokenizer only rows of the same tokens are taken: %lld of %lld",
                        (long long)plan->n_embeddings_mapped, (long long)plan->n_embeddings);
    }
    heed_trainer_close(trainer);
}

/* --- all of it --- */

/* The whole run, with a look at the fresh table first. */
static heed_trainer *train_first(heed_demoing *d, heed_demo_training *t, heed_grid *before)
{
    heed_trainer *trainer = heed_demo_train_begin(d, t);
    heed_progress progress = {0};

    if (trainer != NULL && heed_trainer_config(trainer)->vocab_size > MOST_TOKENS)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "text: expected at most %d different characters, it has %lld",
                        MOST_TOKENS, (long long)heed_trainer_config(trainer)->vocab_size);
    if (d->s.status == HEED_OK)
        *before = cosines(d, heed_trainer_model(trainer));
    for (int64_t i = 0; i < t->options.steps && heed_demo_train_step(d, trainer, &progress); i++)
        heed_demo_progress(d, 0.4 * (double)(i + 1) / (double)t->options.steps, "the first model");
    return trainer;
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    heed_demo_folder folder = {""};
    heed_grid before = {0};
    heed_trainer *trainer;

    if (d->sabotage)
        snprintf(t.options.freeze, sizeof t.options.freeze, "wte.weight,lm_head.weight");
    trainer = train_first(d, &t, &before);
    if (d->s.status == HEED_OK) {
        const heed_model *model = heed_trainer_model(trainer);
        const heed_grid after = cosines(d, model);

        show_groups(d, model, before, after);
        show_neighbours(d, model, before, after);
        if (heed_demo_keep(d, model, &folder)) {
            show_starts(d, &t, &folder);
            show_refusals(d, &t, &folder);
        }
        heed_demo_drop(&folder);
    }
    heed_trainer_close(trainer);
}

const heed_demo heed_demo_31 = {
    .info = {.id = "D31",
             .title = "The token table: what training makes of it, and a warm start",
             .shows = "Trains a small GPT of characters and compares rows of its token table by cosine, before "
                      "(normal numbers of "
                      "deviation 0.02) and after. Tokens that stand in the same places get the same gradients, "
                      "so vowels come "
                      "together. Then another model, with other fresh numbers, is trained three times: cold, "
                      "with the trained "
                      "table and head to begin with, and the same with the table frozen. Rows belong to tokens "
                      "and have a width: a "
                      "table of another width is refused, and of another tokenizer only rows of the same "
                      "tokens are taken.",
             .rule = "The mean cosine of two vowels rises by at least 0.05, and is then at least 0.05 above "
                     "that of a vowel and a "
                     "consonant; the warm start needs at most 0.9 times the steps of the cold one to the loss "
                     "that this one "
                     "has half-way; another width is refused, another tokenizer mapped in part.",
             .sabotage = "The first model's table and head are frozen as they were made.",
             .params = "{\"steps\": 400, \"token\": \"e\", \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
