/* SPDX-License-Identifier: MIT */
/* D16: writing with a cache of keys and values and without. */
#include <heed/session.h>
#include <math.h>

#include "base/clock.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/subject.h"
#include "workbook/demos/writing.h"

enum { MOST_TOKENS = 4096, BLOCKS = 16 };
enum { TOKENS, CACHED, PLAIN, FASTER, N_COLUMNS };

/* What one way of writing gave: tokens, and the seconds of each. */
typedef struct written {
    int32_t *ids;    /* [n] */
    double *seconds; /* [n] the least of all runs */
} written;

/* Writes n tokens behind the prompt. The seconds of a token are those of reading it and of what follows from it. */
static void write_on(heed_demoing *d, const heed_model *model, const heed_demo_tokens *prompt,
                     const heed_sampling *sampling, bool cache, int64_t n, const written *w)
{
    const heed_session_options options = {.threads = 1,
                                          .no_cache = !cache,
                                          .seed = d->options->seed,
                                          .context_length = prompt->n + n,
                                          .overflow = HEED_OVERFLOW_ERROR};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_session_open(model, &options, &session, &err), &err))
        return;
    heed_demo_ok(d, heed_session_feed(session, prompt->ids, (size_t)prompt->n, &err), &err);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const double begin = heed_clock_s();

        w->ids[i] = heed_session_sample(session, sampling);
        heed_demo_ok(d, heed_session_feed(session, &w->ids[i], 1, &err), &err);
        w->seconds[i] = fmin(w->seconds[i], heed_clock_s() - begin);
    }
    heed_session_close(session);
}

static written room_for(heed_demoing *d, int64_t n)
{
    const written w = {(int32_t *)(void *)heed_demo_floats(d, n), heed_grid_make(&d->s, 1, n).data};

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++)
        w.seconds[i] = INFINITY;
    return w;
}

/* Both ways with the same tokens wanted; how many of them are the same. Seconds of both calls go into one account. */
static int64_t compare(heed_demoing *d, const heed_model *model, const heed_demo_tokens *prompt,
                       const heed_sampling *sampling, int64_t n, const written *with, const written *without)
{
    int64_t same = 0;

    write_on(d, model, prompt, sampling, !d->sabotage, n, with);
    write_on(d, model, prompt, sampling, false, n, without);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++)
        same += with->ids[i] == without->ids[i];
    return same;
}

/* --- seconds --- */

static double sum(const double *x, int64_t from, int64_t to)
{
    double s = 0.0;

    for (int64_t i = from; i < to; i++)
        s += x[i];
    return s;
}

/* The last quarter's seconds over those of the first. */
static double growth(const double *seconds, int64_t n)
{
    return sum(seconds, n - n / 4, n) / sum(seconds, 0, n / 4);
}

static void show_totals(heed_demoing *d, heed_grid table, const written *with, const written *without)
{
    const int64_t n = (int64_t)table.data[(table.rows - 1) * N_COLUMNS + TOKENS];
    const double *first = table.data, *last = table.data + (table.rows - 1) * N_COLUMNS;
    const double grown[] = {growth(with->seconds, n), growth(without->seconds, n)};

    heed_show_table(d, table, "Seconds for all tokens", NULL, "tokens|with cache|without|times as fast", false);
    heed_show_figure(d, "speedup_first", first[FASTER], "times as fast with the cache, for the shortest text");
    heed_show_figure(d, "speedup_last", last[FASTER], "for the longest");
    heed_show_figure(d, "cached_growth", grown[0],
                     "seconds of the last quarter of tokens over the first's, with");
    heed_show_figure(d, "plain_growth", grown[1], "without");
    heed_show_check(d, grown[1] >= 2.0, "without a cache the last quarter takes %.2f times the first's time",
                    grown[1]);
    heed_show_check(d, grown[0] <= 0.5 * grown[1], "with it %.2f times, at most half of that", grown[0]);
    heed_show_check(d, first[FASTER] > 1.1, "%g tokens come %.2f times as fast with the cache", first[TOKENS],
                    first[FASTER]);
    heed_show_check(d, last[FASTER] > 1.1 * first[FASTER], "%g tokens %.2f times as fast", last[TOKENS],
                    last[FASTER]);
}

static void show_positions(heed_demoing *d, int64_t prompt, int64_t n, const written *with,
                           const written *without)
{
    heed_grid x = heed_grid_make(&d->s, 1, BLOCKS), y[2];

    for (int k = 0; k < 2; k++) {
        const double *seconds = k == 0 ? with->seconds : without->seconds;

        y[k] = heed_grid_make(&d->s, 1, BLOCKS);
        for (int64_t i = 0; d->s.status == HEED_OK && i < BLOCKS; i++) {
            const int64_t from = n * i / BLOCKS, to = n * (i + 1) / BLOCKS;

            x.data[i] = (double)prompt + 0.5 * (double)(from + to);
            y[k].data[i] = 1e6 * sum(seconds, from, to) / (double)(to - from);
        }
    }
    heed_show_axes(d, "Microseconds for one more token", "position", "microseconds", "y");
    heed_show_curve(d, "with a cache", x, y[0]);
    heed_show_curve(d, "without", x, y[1]);
}

static void measure(heed_demoing *d, const heed_model *model, const heed_demo_tokens *prompt, int64_t sizes,
                    int64_t tokens)
{
    const int64_t n = tokens << (sizes - 1);
    const heed_sampling greedy = heed_demo_greedy(), drawn = heed_demo_drawn(1.0);
    const written with = room_for(d, n), without = room_for(d, n);
    const int64_t same_greedy = compare(d, model, prompt, &greedy, n, &with, &without),
                  same_drawn = compare(d, model, prompt, &drawn, n, &with, &without);
    heed_grid table = heed_grid_make(&d->s, sizes, N_COLUMNS);

    for (int64_t i = 0; d->s.status == HEED_OK && i < sizes; i++) {
        double *row = table.data + i * N_COLUMNS;

        row[TOKENS] = (double)(tokens << i);
        row[CACHED] = sum(with.seconds, 0, tokens << i);
        row[PLAIN] = sum(without.seconds, 0, tokens << i);
        row[FASTER] = row[PLAIN] / row[CACHED];
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_figure(d, "tokens", (double)n, "of the longest text");
    heed_show_figure(d, "same_greedy", (double)same_greedy, "of them the same both ways, always the likeliest");
    heed_show_figure(d, "same_drawn", (double)same_drawn, "drawn with the same seed");
    heed_show_check(d, same_greedy == n, "%lld of %lld likeliest tokens are the same both ways",
                    (long long)same_greedy, (long long)n);
    heed_show_check(d, same_drawn == n, "%lld of %lld tokens that are drawn", (long long)same_drawn,
                    (long long)n);
    show_totals(d, table, &with, &without);
    show_positions(d, prompt->n, n, &with, &without);
}

/* Random weights do: what is written plays no part in how long it takes. */
static heed_model *model_of(heed_demoing *d, int64_t context)
{
    heed_config c = heed_config_default();
    heed_model *model = heed_demo_given_model(d);
    heed_error err = {HEED_OK, ""};

    c.context_length = context;
    c.d_model = heed_take_int(&d->s, "d_model", 16, 1024);
    c.n_layers = heed_take_int(&d->s, "n_layers", 1, 12);
    c.vocab_size = 256;
    c.tied_head = false;
    if (d->s.status == HEED_OK && model == NULL)
        heed_demo_ok(d, heed_model_create(&c, heed_rng_u64(&d->rng), &model, &err), &err);
    return model;
}

static void run(heed_demoing *d)
{
    const int64_t sizes = heed_take_int(&d->s, "sizes", 2, 8), tokens = heed_take_int(&d->s, "tokens", 8, 1000),
                  n_prompt = heed_take_int(&d->s, "prompt", 1, 1000);
    heed_model *model = NULL;

    if (d->s.status == HEED_OK && (tokens << (sizes - 1)) > MOST_TOKENS)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected at most %d tokens in the longest text, got %lld",
                        MOST_TOKENS, (long long)(tokens << (sizes - 1)));
    if (d->s.status == HEED_OK)
        model = model_of(d, n_prompt + (tokens << (sizes - 1)));
    if (d->s.status == HEED_OK) {
        const heed_demo_tokens prompt = {heed_demo_ids(d, n_prompt, heed_model_config(model)->vocab_size),
                                         n_prompt};

        measure(d, model, &prompt, sizes, tokens);
    }
    heed_model_close(model);
}

const heed_demo heed_demo_16 = {
    .info = {.id = "D16",
             .title = "Writing with a cache of keys and values, and without",
             .shows = "Lets a model write the same text twice: once it reads the whole text again for each "
                      "token, once it keeps keys and values of what it has read and reads the new token "
                      "alone. No token looks ahead, so what is kept never changes and both ways choose the "
                      "same tokens. Without a cache a token costs as much as the text before it; with one its "
                      "maps cost the same each time, and only its row of scores grows. Seconds are the least "
                      "of two runs on one thread.",
             .rule = "Both ways write the same tokens, the likeliest ones and drawn ones. From the first "
                     "quarter of tokens to the last the time of one grows at least twofold without a cache, "
                     "and at most half as much with it. The shortest text comes more than 1.1 times as fast "
                     "with it, and the longest gains at least 1.1 times as much as that.",
             .sabotage = "What is to have a cache has none either.",
             .params = "{\"sizes\": 3, \"tokens\": 100, \"prompt\": 8, \"d_model\": 128, \"n_layers\": 4, "
                       "\"model\": \"\"}",
             .timed = true},
    .full = "{\"sizes\": 4, \"d_model\": 256}",
    .run = run,
};
