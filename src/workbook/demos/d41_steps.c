/* SPDX-License-Identifier: MIT */
/* D41: a row of training and a step of generation see the same and say the same. */
#include <heed/mask.h>
#include <heed/session.h>
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

enum { TRAINING_KEYS, GENERATION_KEYS, APART, N_COLUMNS };

/* Ones in each row of the causal mask. */
static void count_training(heed_demoing *d, heed_grid table)
{
    const heed_mask causal = {.causal = true};
    heed_mask_table drawn = {0};
    heed_error err = {HEED_OK, ""};

    if (!heed_demo_ok(d, heed_mask_draw(&causal, table.rows, table.rows, &drawn, &err), &err))
        return;
    for (int64_t i = 0; i < table.rows; i++) {
        for (int64_t j = 0; j < table.rows; j++)
            table.data[i * N_COLUMNS + TRAINING_KEYS] += drawn.pairs[i * table.rows + j];
    }
    heed_mask_table_free(&drawn);
}

/* Reads one id after another; what each step sees is what the cache holds. */
static void generate(heed_demoing *d, heed_session *session, const int32_t *ids, heed_grid logits,
                     heed_grid table)
{
    heed_error err = {HEED_OK, ""};

    for (int64_t t = d->sabotage ? 1 : 0; t < table.rows; t++) {
        const float *row;

        if (!heed_demo_ok(d, heed_session_feed(session, ids + t, 1, &err), &err))
            return;
        row = heed_session_logits(session);
        table.data[t * N_COLUMNS + GENERATION_KEYS] = (double)heed_session_length(session);
        for (int64_t v = 0; v < logits.columns; v++) {
            const double apart = fabs((double)row[v] - logits.data[t * logits.columns + v]);
            table.data[t * N_COLUMNS + APART] = fmax(table.data[t * N_COLUMNS + APART], apart);
        }
    }
}

static void judge(heed_demoing *d, heed_grid table, heed_grid logits)
{
    int64_t n_same = 0;
    double apart = 0.0, largest = 0.0;

    for (int64_t i = 0; i < table.rows; i++) {
        const double *row = table.data + i * N_COLUMNS;
        n_same += row[TRAINING_KEYS] == row[GENERATION_KEYS];
        apart = fmax(apart, row[APART]);
    }
    for (int64_t i = 0; i < logits.rows * logits.columns; i++)
        largest = fmax(largest, fabs(logits.data[i]));
    heed_show_figure(d, "keys_held", table.data[(table.rows - 1) * N_COLUMNS + GENERATION_KEYS],
                     "keys in the cache in the last step");
    heed_show_figure(d, "keys_seen", table.data[(table.rows - 1) * N_COLUMNS + TRAINING_KEYS],
                     "that the last row of training sees");
    heed_show_figure(d, "largest_logit", largest, "of all, without its sign");
    heed_show_figure(d, "apart", apart, "the largest difference of two logits");
    heed_show_check(d, n_same == table.rows, "%lld of %lld rows see as many keys as their step",
                    (long long)n_same, (long long)table.rows);
    heed_show_check(d, apart <= 1e-5, "logits of both paths differ by %.2g, at most 1e-5", apart);
}

static void measure(heed_demoing *d, const heed_model *model, const int32_t *ids, heed_grid table)
{
    const heed_forward_ids all = {.ids = ids, .batch = 1, .length = table.rows};
    const heed_session_options options = {.threads = 1};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};
    const heed_grid logits = heed_demo_read(d, model, &all, "logits");

    count_training(d, table);
    if (d->s.status == HEED_OK && heed_demo_ok(d, heed_session_open(model, &options, &session, &err), &err))
        generate(d, session, ids, logits, table);
    heed_session_close(session);
    if (d->s.status == HEED_OK)
        judge(d, table, logits);
}

static void show(heed_demoing *d, heed_grid table)
{
    heed_grid x = heed_grid_make(&d->s, 1, table.rows), training = heed_grid_make(&d->s, 1, table.rows),
              generation = heed_grid_make(&d->s, 1, table.rows);

    for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
        x.data[i] = (double)i;
        training.data[i] = table.data[i * N_COLUMNS + TRAINING_KEYS];
        generation.data[i] = table.data[i * N_COLUMNS + GENERATION_KEYS];
    }
    heed_show_table(d, table, "Keys that are seen, and logits, position by position", NULL,
                    "keys, training|keys, generation|logits apart", false);
    heed_show_axes(d, "Keys that are seen", "position, from 0", "keys", "");
    heed_show_curve(d, "row of training", x, training);
    heed_show_curve(d, "step of generation", x, generation);
}

static void run(heed_demoing *d)
{
    const int64_t tokens = heed_take_int(&d->s, "tokens", 2, 256),
                  vocab_size = heed_take_int(&d->s, "vocab_size", 2, 4096);
    const int32_t *ids = heed_demo_ids(d, tokens, vocab_size);
    heed_model *model = heed_demo_small_model(d, vocab_size, tokens);
    const heed_grid table = heed_grid_make(&d->s, tokens, N_COLUMNS);

    if (d->s.status == HEED_OK)
        measure(d, model, ids, table);
    if (d->s.status == HEED_OK)
        show(d, table);
    heed_model_close(model);
}

const heed_demo heed_demo_41 = {
    .info =
        {.id = "D41",
         .title = "A row of training is a step of generation",
         .shows =
             "Reads a text in both ways: all positions at once under the causal mask, as in training, and "
             "token "
             "by token with a cache of keys and values, as in generation. Row t of the mask has t + 1 keys, "
             "counted from 0, and so has the cache after token t. Everything else is the same arithmetic, so "
             "what is learned in parallel holds when it writes one token after another.",
         .rule = "Each row of the mask has as many keys as the cache has at that step, and the logits of both "
                 "paths "
                 "differ by at most 1e-5.",
         .sabotage = "Generation starts with the second token: the first is not in the cache.",
         .params = "{\"tokens\": 24, \"vocab_size\": 65}"},
    .full = "{\"tokens\": 256}",
    .run = run,
};
