/* SPDX-License-Identifier: MIT */
/* D15: what training holds in memory, counted beforehand and measured. */
#include <heed/accounting.h>
#include <math.h>
#include <string.h>

#include "workbook/counting.h"
#include "workbook/demos/demos.h"

enum { MOST_T = 1 << 20, SHOWN_TENSORS = 8, MEASURED_STEPS = 2 };

/* The model M0 and a step of it. */
typedef struct subject {
    heed_config config;
    int64_t batch;
} subject;

static subject take_subject(heed_demoing *d)
{
    const int64_t batch = heed_take_int(&d->s, "batch", 1, HEED_COUNT_MOST_BATCH),
                  T = heed_take_int(&d->s, "seq_len", 1, HEED_COUNT_MOST_T),
                  width = heed_take_int(&d->s, "d_model", 1, HEED_COUNT_MOST_D),
                  heads = heed_take_int(&d->s, "n_heads", 1, HEED_COUNT_MOST_HEADS),
                  V = heed_take_int(&d->s, "vocab_size", 1, HEED_COUNT_MOST_V);

    return (subject){heed_count_m0(V, width, heads, T), batch};
}

static double bytes_of(heed_demoing *d, const heed_shapes *all, const char *name)
{
    const heed_shapes_entry *e = heed_count_entry(&d->s, all, name);

    return e != NULL ? (double)e->bytes : 0.0;
}

/* --- single tensors --- */

enum { LOGITS, SCORES, STREAM, TABLE, N_TENSORS };

static void show_tensors(heed_demoing *d, const subject *m)
{
    const heed_config *c = &m->config;
    heed_shapes *all = heed_count_shapes(&d->s, c, m->batch, c->context_length);
    heed_grid table = heed_grid_make(&d->s, N_TENSORS, 1);

    if (d->s.status == HEED_OK) {
        const double bytes[] = {bytes_of(d, all, "logits"), bytes_of(d, all, "blocks.0.attn.scores"),
                                bytes_of(d, all, "blocks.0.resid_pre"),
                                4.0 * heed_count_parameters(&d->s, c, "token embedding")};

        for (int i = 0; i < N_TENSORS; i++)
            table.data[i] = bytes[i] / 1e6;
        heed_show_table(d, table, "One tensor of each kind, in MB",
                        "logits|scores, all heads|as wide as the model|token table", "MB", false);
        heed_show_figure(d, "logits_bytes", bytes[LOGITS], "of the logits, stored whole");
        heed_show_figure(d, "scores_bytes", bytes[SCORES], "of a layer's scores, all heads");
        heed_show_figure(d, "stream_bytes", bytes[STREAM], "of a tensor as wide as the model");
        heed_show_figure(d, "table_bytes", bytes[TABLE], "of the token table");
    }
    heed_shapes_destroy(all);
}

/* --- a whole step --- */

static heed_account_options options_of(const subject *m)
{
    heed_account_options o = heed_account_options_default();

    o.batch_size = m->batch;
    o.threads = 1;
    o.whole_logits = true;
    return o;
}

static heed_account *account(heed_demoing *d, const heed_config *config, const heed_account_options *options)
{
    heed_account *a = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_account_create(config, options, &a, &err), &err);
    return a;
}

static void show_peak(heed_demoing *d, const heed_account *a, double planned)
{
    int n;
    const heed_account_tensor *list = heed_account_peak(a, &n);
    const int rows = n < SHOWN_TENSORS ? n : SHOWN_TENSORS;
    heed_grid table = heed_grid_make(&d->s, rows, 2);
    const char *names = "";
    double logits = 0.0;

    for (int i = 0; i < n; i++)
        logits += strstr(list[i].name, "logits") != NULL ? list[i].bytes : 0.0;
    for (int i = 0; d->s.status == HEED_OK && i < rows; i++) {
        table.data[2 * i] = list[i].bytes / 1e6;
        table.data[2 * i + 1] = 100.0 * list[i].bytes / planned;
        names = heed_demo_words(d, "%s%s%s", names, i > 0 ? "|" : "", list[i].name);
    }
    heed_show_table(d, table, "Largest in the arena when most of it is in use", names, "MB|% of the step",
                    false);
    heed_show_figure(d, "logits_share", logits / planned, "of the step: the logits and their gradient");
    heed_show_check(d, n > 0 && strstr(list[0].name, "logits") != NULL && logits > 0.5 * planned,
                    "the logits and their gradient are %.0f %% of a step of %.4g MB, and %s is its largest "
                    "activation",
                    100.0 * logits / planned, planned / 1e6, n > 0 ? list[0].name : "nothing");
}

static void show_step(heed_demoing *d, const subject *m)
{
    const heed_account_options options = options_of(m);
    heed_account *a = account(d, &m->config, &options);
    heed_grid table = heed_grid_make(&d->s, 5, 2);

    if (d->s.status == HEED_OK) {
        const heed_account_total *t = heed_account_totals(a);
        const double parts[] = {t->weights_bytes, t->gradients_bytes, t->moments_bytes, t->arena_bytes,
                                t->planned_bytes};

        for (int i = 0; i < 5; i++) {
            table.data[2 * i] = parts[i] / 1e6;
            table.data[2 * i + 1] = 100.0 * parts[i] / t->planned_bytes;
        }
        heed_show_table(d, table, "A training step with whole logits, in MB",
                        "weights|gradients|Adam's moments|activations|all", "MB|%", false);
        show_peak(d, a, t->planned_bytes);
    }
    heed_account_destroy(a);
}

/* --- what saves --- */

enum { AS_IT_IS, MICRO, CHUNKED, RECOMPUTE, BF16, VOCABULARY, HALF_LENGTH, N_MEASURES };

static double planned_bytes(heed_demoing *d, const heed_config *config, const heed_account_options *options)
{
    heed_account *a = account(d, config, options);
    const double bytes = a != NULL ? heed_account_totals(a)->planned_bytes : 0.0;

    heed_account_destroy(a);
    return bytes;
}

static double bytes_with(heed_demoing *d, const subject *m, int measure)
{
    heed_account_options o = options_of(m);
    heed_config c = m->config;

    o.micro_batch = measure == MICRO ? 1 : 0;
    o.whole_logits = measure != CHUNKED;
    o.recompute = measure == RECOMPUTE ? HEED_RECOMPUTE_BLOCKS : HEED_RECOMPUTE_NONE;
    o.precision = measure == BF16 ? HEED_PRECISION_BF16 : HEED_PRECISION_F32;
    if (measure == VOCABULARY)
        c.vocab_size = heed_take_int(&d->s, "small_vocab_size", 1, HEED_COUNT_MOST_V);
    if (measure == HALF_LENGTH)
        o.length = c.context_length > 1 ? c.context_length / 2 : 1;
    return planned_bytes(d, &c, &o);
}

static void show_measures(heed_demoing *d, const subject *m)
{
    static const char *const names[N_MEASURES] = {"step_bytes",      "micro_bytes", "chunked_bytes",
                                                  "recompute_bytes", "bf16_bytes",  "vocabulary_bytes",
                                                  "half_bytes"};
    static const char *const meanings[N_MEASURES] = {"of a step as it is",
                                                     "with micro-batches of one sequence",
                                                     "with the loss in tiles: logits never stored whole",
                                                     "with activations of blocks made again",
                                                     "with activations in bf16",
                                                     "with the smaller vocabulary",
                                                     "with half the length"};
    heed_grid table = heed_grid_make(&d->s, N_MEASURES, 2);

    for (int i = 0; d->s.status == HEED_OK && i < N_MEASURES; i++) {
        const double bytes = bytes_with(d, m, i);

        table.data[2 * i] = bytes / 1e6;
        table.data[2 * i + 1] = 100.0 * bytes / 1e6 / table.data[0];
        heed_show_figure(d, names[i], bytes, meanings[i]);
    }
    heed_show_table(d, table, "The same step with one thing changed",
                    "as it is|micro-batches of 1|loss in tiles|blocks made again|bf16|smaller vocabulary|half "
                    "the length",
                    "MB|% of it", false);
}

/* --- over the length --- */

/* Bytes of scores and logits of one sequence. */
static void sizes_at(heed_demoing *d, const heed_config *config, int64_t T, double *scores, double *logits)
{
    heed_config c = *config;
    heed_shapes *all;

    c.context_length = T;
    all = heed_count_shapes(&d->s, &c, 1, T);
    *scores = bytes_of(d, all, "blocks.0.attn.scores");
    *logits = bytes_of(d, all, "logits");
    heed_shapes_destroy(all);
}

static bool scores_win(heed_demoing *d, const heed_config *c, int64_t T)
{
    double scores, logits;

    sizes_at(d, c, T, &scores, &logits);
    return scores > logits;
}

/* The least length at which scores are larger than logits; 0: none up to MOST_T. */
static int64_t find_crossing(heed_demoing *d, const heed_config *c)
{
    int64_t low = 0, high = MOST_T; /* not at low, at high */

    if (d->s.status != HEED_OK || !scores_win(d, c, high))
        return 0;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;

        if (scores_win(d, c, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

static void show_lengths(heed_demoing *d, const heed_config *c)
{
    const int64_t crossing = find_crossing(d, c);
    heed_grid x = heed_grid_make(&d->s, 1, 12), scores = heed_grid_make(&d->s, 1, 12),
              logits = heed_grid_make(&d->s, 1, 12);

    for (int64_t i = 0; d->s.status == HEED_OK && i < x.columns; i++) {
        x.data[i] = (double)(INT64_C(64) << i);
        sizes_at(d, c, INT64_C(64) << i, &scores.data[i], &logits.data[i]);
    }
    heed_show_axes(d, "Bytes of one sequence", "tokens", "bytes", "xy");
    heed_show_curve(d, "scores of all heads", x, scores);
    heed_show_curve(d, "logits", x, logits);
    heed_show_figure(d, "crossing_length", (double)crossing,
                     "tokens: the shortest sequence whose scores are larger than its logits; 0: none");
}

/* --- measured --- */

static subject measured_subject(int64_t i, bool *whole)
{
    subject m = {heed_config_default(), 16};

    *whole = i != 1;
    if (*whole)
        m.config = heed_count_m0(i == 0 ? 8000 : INT64_C(8000) << (i - 1), 64, 4, 128);
    else {
        m.config.vocab_size = 1000;
        m.config.d_model = 256;
        m.config.context_length = 128;
    }
    return m;
}

static void measure(heed_demoing *d, int64_t i, double *row)
{
    bool whole;
    const subject m = measured_subject(i, &whole);
    heed_account_options options = options_of(&m);
    heed_account_measured measured;
    heed_account *a;
    heed_error err = {HEED_OK, ""};

    options.whole_logits = whole;
    a = account(d, &m.config, &options);
    if (a != NULL &&
        heed_demo_ok(d, heed_account_measure(&m.config, &options, MEASURED_STEPS, NULL, &measured, &err),
                     &err)) {
        const double forgotten = d->sabotage ? heed_account_totals(a)->arena_bytes : 0.0;

        row[0] = (measured.estimate_bytes - forgotten) / 1e6;
        row[1] = measured.peak_bytes / 1e6;
        row[2] = row[0] / row[1];
    }
    heed_account_destroy(a);
}

static void show_measured(heed_demoing *d, int64_t n)
{
    heed_grid table = heed_grid_make(&d->s, n, 3);
    double off = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        heed_demo_progress(d, (double)i / (double)n, "measuring steps");
        measure(d, i, table.data + 3 * i);
        off = fmax(off, fabs(table.data[3 * i + 2] - 1.0));
    }
    heed_show_table(d, table, "Estimated and measured, program included",
                    "M0, V 8000|4 blocks, d 256|M0, V 16000|M0, V 32000", "estimate, MB|measured, MB|quotient",
                    false);
    heed_show_figure(d, "estimate_off", off, "the largest relative error of an estimate");
    heed_show_check(d, off <= 0.1, "estimates are within %.1f %% of what the process held, at most 10 %%",
                    100.0 * off);
}

static void run(heed_demoing *d)
{
    const subject m = take_subject(d);
    const int64_t n = heed_take_int(&d->s, "sizes", 2, 4);

    show_tensors(d, &m);
    show_step(d, &m);
    show_measures(d, &m);
    show_lengths(d, &m.config);
    show_measured(d, n);
}

const heed_demo heed_demo_15 = {
    .info = {.id = "D15",
             .title = "What training holds in memory",
             .shows = "Counts the memory of a training step on its graph, before anything runs: single "
                      "tensors, the whole step with logits stored whole as in a text book, what each saving "
                      "would leave, and scores and logits over the length. M0 is one layer of attention with "
                      "a head of its own; with a large vocabulary its logits outweigh everything else. Then "
                      "it runs steps of smaller models and asks the system what the process really held.",
             .rule = "The logits and their gradient are more than half of the step, and the largest "
                     "activation is one of them. Estimates are within 10 % of what the process holds at "
                     "most.",
             .sabotage = "The estimates leave the activations out.",
             .params = "{\"batch\": 32, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4, \"vocab_size\": "
                       "200000, \"small_vocab_size\": 8000, \"sizes\": 3}",
             .timed = true},
    .full = "{\"sizes\": 4}",
    .run = run,
};
