/* SPDX-License-Identifier: MIT */
/* D35: how often the next token is right when the true text is read, and when the own one is. */
#include <heed/session.h>
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/subject.h"

enum { FORCED, FREE, ROW, POWER, N_COLUMNS };

/* Counts over all windows, for each of n tokens behind the prompt. */
typedef struct counts {
    heed_grid forced, free, row; /* right ones; row: all up to here right, reading the true text */
    int64_t row_free;            /* windows whose n tokens are all right, reading the own ones */
    int64_t windows;
} counts;

/* Reads ids [prompt + n]; behind the prompt it goes on with the true tokens, or with the likeliest ones. Adds to right. */
static bool read_window(heed_demoing *d, const heed_model *model, const int32_t *ids, int64_t prompt, bool free,
                        heed_grid right, heed_grid row)
{
    const heed_session_options options = {.threads = 1};
    const int64_t V = heed_model_config(model)->vocab_size;
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};
    bool all = true;

    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_session_open(model, &options, &session, &err), &err))
        return false;
    heed_demo_ok(d, heed_session_feed(session, ids, (size_t)prompt, &err), &err);
    for (int64_t i = 0; d->s.status == HEED_OK && i < right.columns; i++) {
        const int32_t true_id = ids[prompt + i];
        heed_likelihood best;

        heed_logits_likeliest(heed_session_logits(session), V, &best, 1);
        all = all && best.id == true_id;
        right.data[i] += best.id == true_id;
        if (row.data != NULL)
            row.data[i] += all;
        if (i + 1 < right.columns)
            heed_demo_ok(d, heed_session_feed(session, free ? &best.id : &true_id, 1, &err), &err);
    }
    heed_session_close(session);
    return all && d->s.status == HEED_OK;
}

static counts count(heed_demoing *d, const heed_demo_subject *who, int64_t prompt, int64_t n)
{
    counts c = {heed_grid_make(&d->s, 1, n), heed_grid_make(&d->s, 1, n), heed_grid_make(&d->s, 1, n), 0,
                who->batch};
    const heed_grid none = {0, 0, NULL};

    for (int64_t i = 0; d->s.status == HEED_OK && i < who->batch; i++) {
        const int32_t *ids = who->ids + i * who->length;

        read_window(d, who->model, ids, prompt, false, c.forced, c.row);
        c.row_free += read_window(d, who->model, ids, prompt, !d->sabotage, c.free, none);
        heed_demo_progress(d, 0.8 + 0.2 * (double)i / (double)who->batch, "reading");
    }
    return c;
}

/* --- what came out --- */

static double mean(heed_grid table, int column, int64_t from, int64_t to)
{
    double sum = 0.0;

    for (int64_t i = from; i < to; i++)
        sum += table.data[i * N_COLUMNS + column] / (double)(to - from);
    return sum;
}

static heed_grid fill(heed_demoing *d, const counts *c, int64_t n)
{
    heed_grid table = heed_grid_make(&d->s, n, N_COLUMNS);
    double p;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        double *row = table.data + i * N_COLUMNS;

        row[FORCED] = c->forced.data[i] / (double)c->windows;
        row[FREE] = c->free.data[i] / (double)c->windows;
        row[ROW] = c->row.data[i] / (double)c->windows;
    }
    p = mean(table, FORCED, 0, table.rows);
    for (int64_t i = 0; i < table.rows; i++)
        table.data[i * N_COLUMNS + POWER] = pow(p, (double)(i + 1));
    return table;
}

static void show(heed_demoing *d, heed_grid table)
{
    static const char *const labels[] = {"reading the true text", "reading its own", "all right so far", "p^n"};
    const heed_grid x = heed_grid_make(&d->s, 1, table.rows);

    heed_show_table(d, table, "Share of windows, for each token behind the prompt", NULL,
                    "true text|own text|all right|p^n", false);
    heed_show_axes(d, "How often the likeliest token is the right one", "token behind the prompt, from 1",
                   "share", "");
    for (int column = 0; column < N_COLUMNS; column++) {
        heed_grid y = heed_grid_make(&d->s, 1, table.rows);

        for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
            x.data[i] = (double)(i + 1);
            y.data[i] = table.data[i * N_COLUMNS + column];
        }
        heed_show_curve(d, labels[column], x, y);
    }
}

static void judge(heed_demoing *d, heed_grid table, const counts *c)
{
    const int64_t n = table.rows, quarter = n / 4;
    const double *last = table.data + (n - 1) * N_COLUMNS;
    const double early = mean(table, FREE, 0, quarter), late = mean(table, FREE, n - quarter, n),
                 forced_late = mean(table, FORCED, n - quarter, n);

    heed_show_figure(d, "accuracy", mean(table, FORCED, 0, n), "p: share right, reading the true text");
    heed_show_figure(d, "forced_last", last[FORCED], "the same of the last token alone");
    heed_show_figure(d, "free_last", last[FREE], "share right of the last token, reading its own text");
    heed_show_figure(d, "free_early", early, "of the first quarter, reading its own");
    heed_show_figure(d, "free_late", late, "of the last quarter");
    heed_show_figure(d, "forced_late", forced_late, "of the last quarter, reading the true text");
    heed_show_figure(d, "row", last[ROW], "share of windows in which all are right");
    heed_show_figure(d, "power", last[POWER], "p^n: if each were right by itself");
    heed_show_figure(d, "windows", (double)c->windows, "texts");
    heed_show_check(d, c->forced.data[0] == c->free.data[0],
                    "the first token is right in %g of %g windows both ways", c->free.data[0],
                    (double)c->windows);
    heed_show_check(d, (double)c->row_free == c->row.data[n - 1],
                    "all %lld tokens are right in %g windows both ways: nothing differs before the first error",
                    (long long)n, c->row.data[n - 1]);
    heed_show_check(
        d, late <= 0.8 * early,
        "reading its own text, %.2f of the last quarter are right and %.2f of the first: at most 0.8 "
        "times as many",
        late, early);
    heed_show_check(d, late <= forced_late - 0.1,
                    "reading the true text, %.2f of the last quarter: at least 0.1 more", forced_late);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const int64_t n = heed_take_int(&d->s, "n", 4, 500), prompt = heed_take_int(&d->s, "prompt", 1, 500),
                  windows = heed_take_int(&d->s, "windows", 1, 10000);
    heed_demo_subject who = {0};

    t.config.positions = HEED_POSITIONS_ROTARY;
    if (t.config.context_length < prompt + n)
        t.config.context_length = prompt + n;
    if (!heed_demo_subject_open(d, &t, "training", 0.0, 0.8, windows, &who))
        return;
    if (who.length < prompt + n)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected prompt and n of at most %lld tokens together",
                        (long long)who.length);
    else {
        const counts c = count(d, &who, prompt, n);
        const heed_grid table = fill(d, &c, n);

        if (d->s.status == HEED_OK) {
            show(d, table);
            judge(d, table, &c);
        }
    }
    heed_demo_subject_close(&who);
}

const heed_demo heed_demo_35 = {
    .info = {.id = "D35",
             .title = "Right when it reads the truth, right when it reads itself",
             .shows = "Asks a trained model for the likeliest next token, n times behind a prompt that it has "
                      "not been trained on: once the true text is read on whatever it said, as in training, "
                      "and once what it said itself. After its first wrong token it reads a text that nobody "
                      "wrote, shifted or about something else, and hardly ever finds back to the true one. "
                      "That need not be bad text: only the comparison token by token is lost.",
             .rule = "The first token, and texts without any error, are the same both ways. Reading its own "
                     "text, the last quarter of tokens is right at most 0.8 times as often as the first, and "
                     "at least 0.1 less often than reading the true one.",
             .sabotage = "It reads the true text both times.",
             .params = "{\"steps\": 400, \"n\": 20, \"prompt\": 32, \"windows\": 200, \"text\": \"\", "
                       "\"model\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 1500, \"windows\": 1000}",
    .run = run,
};
