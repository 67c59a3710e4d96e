/* SPDX-License-Identifier: MIT */
/* D21: models with six kinds of positions read texts that are longer than those they were trained on. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/windows.h"

enum { N_KINDS = 6, N_LENGTHS = 3, LAST = 16, TEST_TOKENS = 6144 };
enum { LEARNED, SINUSOIDAL, ROTARY, ALIBI, RELATIVE, NONE };

static const struct {
    int positions;
    const char *name;
} kinds[N_KINDS] = {
    {HEED_POSITIONS_LEARNED, "learned"},   {HEED_POSITIONS_SINUSOIDAL, "sinusoidal"},
    {HEED_POSITIONS_ROTARY, "rotary"},     {HEED_POSITIONS_ALIBI, "alibi"},
    {HEED_POSITIONS_RELATIVE, "relative"}, {HEED_POSITIONS_NONE, "none"},
};
static const int64_t factors[N_LENGTHS] = {1, 2, 4};

#define LEVEL 0.15 /* nats: what counts as no worse */
#define WORSE 0.3  /* at four times the length */

/* One kind: trained, then read at each length. NaN where the model refuses; *refusal: its words then. */
static void measure(heed_demoing *d, heed_demo_training t, int kind, int64_t T, double *losses,
                    const char **refusal)
{
    heed_trainer *trainer;

    t.config.positions = kinds[kind].positions;
    if (d->sabotage) { /* the longest text is one that they were trained on; a step has as many tokens */
        t.config.context_length = factors[N_LENGTHS - 1] * T;
        t.options.batch_size = t.options.batch_size / factors[N_LENGTHS - 1];
    }
    trainer = heed_demo_train(d, &t, kinds[kind].name, (double)kind / N_KINDS, (kind + 1.0) / N_KINDS);
    for (int i = 0; d->s.status == HEED_OK && i < N_LENGTHS; i++) {
        const int64_t length = factors[i] * T;
        heed_error err = {HEED_OK, ""};

        losses[i] = NAN;
        if (heed_config_check_length(heed_trainer_config(trainer), length, &err) == HEED_OK) {
            const heed_demo_windows w = heed_demo_windows_of(d, trainer, TEST_TOKENS / length + 8, length);
            losses[i] = heed_demo_windows_loss(d, heed_trainer_model(trainer), &w, LAST);
        } else if (*refusal == NULL)
            *refusal = heed_demo_words(d, "%s", err.message);
    }
    heed_trainer_close(trainer);
}

/* --- what came out --- */

static void show(heed_demoing *d, heed_grid table, int64_t T)
{
    heed_grid x = heed_grid_make(&d->s, 1, N_LENGTHS);

    for (int i = 0; i < N_LENGTHS; i++)
        x.data[i] = (double)(factors[i] * T);
    heed_show_table(d, table, "Loss of the last 16 positions; nan: refused",
                    "learned|sinusoidal|rotary|ALiBi|relative|none",
                    heed_demo_words(d, "T = %lld|2T|4T", (long long)T), false);
    heed_show_axes(d, "Longer than in training", "tokens", "nats, last 16 positions", "x");
    for (int k = 0; k < N_KINDS; k++) {
        if (!isnan(table.data[N_LENGTHS * k + 1]))
            heed_show_curve(d, kinds[k].name, x, heed_grid_row(table, k));
        for (int i = 0; i < N_LENGTHS; i++)
            heed_show_figure(
                d, heed_demo_words(d, "%s_%lld", kinds[k].name, (long long)factors[i]),
                table.data[N_LENGTHS * k + i],
                heed_demo_words(d, "nats, at %lld times the trained length", (long long)factors[i]));
    }
}

static void judge(heed_demoing *d, heed_grid table, const char *const *refusals)
{
    static const int tables[] = {LEARNED, RELATIVE}, formulas[] = {SINUSOIDAL, ROTARY};
    const double *alibi = heed_grid_row(table, ALIBI).data;

    for (int i = 0; i < 2; i++)
        heed_show_check(d, refusals[tables[i]] != NULL, "%s, a table: twice the length is refused: %s",
                        kinds[tables[i]].name,
                        refusals[tables[i]] != NULL ? refusals[tables[i]] : "it was not");
    heed_show_check(d, alibi[1] <= alibi[0] + LEVEL && alibi[2] <= alibi[0] + LEVEL,
                    "ALiBi stays level: %.2f nats at T, %.2f at 2T, %.2f at 4T", alibi[0], alibi[1], alibi[2]);
    for (int i = 0; i < 2; i++) {
        const double *row = heed_grid_row(table, formulas[i]).data;
        heed_show_check(d, row[1] > row[0] + LEVEL && row[2] >= row[0] + WORSE,
                        "%s gets worse: %.2f nats at T, %.2f at 2T, %.2f at 4T", kinds[formulas[i]].name,
                        row[0], row[1], row[2]);
    }
}

static void run(heed_demoing *d)
{
    const int64_t T = heed_take_int(&d->s, "context_length", 16, 512);
    const heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const heed_grid table = heed_grid_make(&d->s, N_KINDS, N_LENGTHS);
    const char *refusals[N_KINDS] = {NULL};

    for (int k = 0; d->s.status == HEED_OK && k < N_KINDS; k++) {
        heed_demo_training own = t;

        own.config.context_length = T;
        measure(d, own, k, T, heed_grid_row(table, k).data, &refusals[k]);
    }
    if (d->s.status != HEED_OK)
        return;
    show(d, table, T);
    judge(d, table, refusals);
}

const heed_demo heed_demo_21 = {
    .info =
        {.id = "D21",
         .title = "Positions beyond the trained length",
         .shows =
             "Trains a small GPT with each kind of positions on windows of T tokens, and reads windows of T, "
             "2T and 4T "
             "with it. What is a table (learned, relative) has no row beyond T, and is refused rather than "
             "read. "
             "Sines and rotations have values everywhere, but ones that no training has seen. ALiBi takes off "
             "scores what a key is away, so a longer text only has more keys that hardly count. The loss is "
             "that of "
             "the last 16 positions, which have seen most.",
         .rule = "Learned and relative positions are refused at 2T; with ALiBi the loss at 2T and 4T is at "
                 "most 0.15 nats "
                 "above that at T; with sines and with rotations it is more than that above at 2T, and at "
                 "least 0.3 nats at "
                 "4T.",
         .sabotage = "The models are trained on windows of 4T.",
         .params = "{\"context_length\": 32, \"steps\": 400, \"text\": \"\"}",
         .trains = true},
    .full = "{\"context_length\": 256, \"steps\": 1500}",
    .run = run,
};
