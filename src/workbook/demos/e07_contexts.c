/* SPDX-License-Identifier: MIT */
/* E07: one word in two texts, layer by layer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/subject.h"
#include "workbook/demos/training.h"

#define MOST_TOKENS 256
#define APART       1e-3 /* of the vectors' length: less is rounding */

typedef struct reading {
    int32_t *ids;
    size_t n;
    int64_t at; /* the last token of the word */
} reading;

/* Two texts that end with the same tokens, and begin otherwise; the word is the last token of both. */
static reading encode(heed_demoing *d, const heed_model *model, const char *text)
{
    reading r = {.ids = NULL};
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_model_encode(model, text, strlen(text), &r.ids, &r.n, &err), &err);
    if (d->s.status == HEED_OK && (r.n < 2 || r.n > MOST_TOKENS))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected texts of 2 to %d tokens, got %zu", MOST_TOKENS, r.n);
    r.at = (int64_t)r.n - 1;
    return r;
}

/* |a - b| over the mean of their lengths. */
static double distance(const double *a, const double *b, int64_t n)
{
    double aa = 0.0, bb = 0.0, dd = 0.0;

    for (int64_t i = 0; i < n; i++) {
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        dd += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return aa + bb > 0.0 ? sqrt(dd) / (0.5 * (sqrt(aa) + sqrt(bb))) : 0.0;
}

static double apart(heed_demoing *d, const heed_model *model, const reading *a, const reading *b,
                    const char *name)
{
    const heed_forward_ids one = {.ids = a->ids, .batch = 1, .length = (int64_t)a->n},
                           two = {.ids = b->ids, .batch = 1, .length = (int64_t)b->n};
    const heed_grid x = heed_demo_read(d, model, &one, name), y = heed_demo_read(d, model, &two, name);

    return d->s.status == HEED_OK ? distance(x.data + a->at * x.columns, y.data + b->at * y.columns, x.columns)
                                  : NAN;
}

static void judge(heed_demoing *d, heed_grid table, int64_t n_layers)
{
    const double before = table.data[0], first = table.data[1], last = table.data[2 * n_layers];
    int64_t widest = 0;

    for (int64_t i = 1; i <= 2 * n_layers; i++)
        widest = table.data[i] > table.data[widest] ? i : widest;
    heed_show_figure(d, "before", before,
                     "of their length: how far apart the two vectors are before any attention");
    heed_show_figure(d, "first_attention", first, "after the attention of the first block");
    heed_show_figure(d, "first_block", table.data[2], "after the first block");
    heed_show_figure(d, "last_block", last, "after the last block");
    heed_show_figure(d, "widest", (double)widest,
                     "where they are farthest apart: 0 before all blocks, then two parts a block");
    heed_show_check(d, before <= APART,
                    "before any attention they are %.1e of their length apart: they are the same", before);
    heed_show_check(d, first > APART, "the first attention moves them %.3f apart", first);
    heed_show_check(d, last > APART, "after the last block they are %.3f apart", last);
}

static void compare(heed_demoing *d, const heed_model *model, const char *first, const char *second)
{
    const int64_t n_layers = heed_model_config(model)->n_layers;
    heed_grid table = heed_grid_make(&d->s, 1, 2 * n_layers + 1),
              x = heed_grid_make(&d->s, 1, 2 * n_layers + 1);
    reading a = encode(d, model, first), b = encode(d, model, second);

    if (d->s.status == HEED_OK && (a.ids[a.at] != b.ids[b.at] || a.n != b.n))
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "expected two texts of as many tokens (got %zu and %zu) that end with the same one",
                        a.n, b.n);
    for (int64_t i = 0; d->s.status == HEED_OK && i <= 2 * n_layers; i++) {
        x.data[i] = (double)i / 2.0;
        table.data[i] = apart(d, model, &a, &b,
                              i == 0 ? "blocks.0.resid_pre"
                              : i % 2 == 1
                                  ? heed_demo_words(d, "blocks.%lld.resid_mid", (long long)i / 2)
                                  : heed_demo_words(d, "blocks.%lld.resid_post", (long long)i / 2 - 1));
    }
    if (d->s.status == HEED_OK) {
        heed_show_table(
            d, table, "Distance of the two vectors, over their length: before all blocks, and after each part",
            "distance", NULL, false);
        heed_show_axes(d, "One word, two contexts", "block", "distance over length", "");
        heed_show_curve(d, "the last token of both texts", x, table);
        judge(d, table, n_layers);
    }
    free(a.ids);
    free(b.ids);
}

static void run(heed_demoing *d)
{
    const char *first = heed_take_text(&d->s, "first"), *second = heed_take_text(&d->s, "second");
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    heed_model *model = heed_demo_given_model(d);
    heed_trainer *trainer = model == NULL ? heed_demo_train(d, &t, "a model", 0.0, 0.9) : NULL;

    if (model != NULL && heed_model_config(model)->kind != HEED_KIND_GPT)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "model: expected a GPT");
    if (d->s.status == HEED_OK) /* sabotaged, there is one text only */
        compare(d, model != NULL ? model : heed_trainer_model(trainer), first, d->sabotage ? first : second);
    heed_trainer_close(trainer);
    heed_model_close(model);
}

const heed_demo heed_demo_e07 = {
    .info =
        {.id = "E07",
         .title = "One word, two contexts",
         .shows =
             "Reads two texts that end with the same token and begin otherwise, and measures how far apart its "
             "two "
             "vectors are, layer by layer. A table knows a token and its place, so before any attention both "
             "are the "
             "same vector. Attention alone brings in what stood before, and from there on they differ. With "
             "\"model\" it is a model in a folder that reads them, else one that is trained here on the "
             "stories.",
         .rule = "Before any attention the distance is at most 0.001 of the vectors' length; after the first "
                 "attention and "
                 "after the last block it is more.",
         .sabotage = "Both texts are the same.",
         .params = "{\"steps\": 300, \"text\": \"\", \"model\": \"\", \"first\": \"The hare lost a red ball\", "
                   "\"second\": \"She "
                   "stood by a grey wall\"}",
         .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
