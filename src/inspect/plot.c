/* SPDX-License-Identifier: MIT */
/*
 * Curves of runs, from their logs to a picture.
 *
 * A noisy key gives two curves, an average over its raw numbers. The average is exponential, without the bias of its
 * start:   s_i = keep s_(i-1) + (1 - keep) y_i,   w_i = keep w_(i-1) + 1 - keep,   average_i = s_i / w_i
 */
#include <heed/plot.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/picture.h"
#include "formats/terminal.h"
#include "inspect/run_log.h"

#define LABEL_BYTES   256
#define MOST_WITH_RAW 3 /* runs in one picture that still show their raw numbers */

/* What can be drawn, and how; other keys are drawn as they are. */
typedef struct subject {
    const char *word;    /* of the options */
    const char *keys[2]; /* of the log; the second one is the validation of the first */
    int n_keys;
    bool noisy, exponential, has_floor;
    const char *title, *y_title;
} subject;

static const subject subjects[] = {
    {"loss", {"loss", "val_loss"}, 2, true, false, true, "Loss", "nats per token"},
    {"val", {"val_loss"}, 1, false, false, true, "Validation loss", "nats per token"},
    {"perplexity", {"loss", "val_loss"}, 2, true, true, true, "Perplexity", "exp(loss)"},
    {"lr", {"lr"}, 1, false, false, false, "Learning rate", NULL},
    {"grad_norm", {"grad_norm"}, 1, true, false, false, "Gradient norm, before clipping", NULL},
    {"tokens_per_s", {"tokens_per_s"}, 1, false, false, false, "Speed", "tokens/s"},
    {"update_ratio",
     {"update_ratio"},
     1,
     false,
     false,
     false,
     "Update ratio",
     "|update| / |weights|, usually near 0.001"},
};

typedef struct curve {
    heed_plot_curve shown;
    char label[LABEL_BYTES];
    double *owned; /* y, where it is not the log's */
    bool raw, dashed;
    int look;
} curve;

struct heed_plot {
    heed_plot_options options;
    subject subject;
    char *what, *title, **names; /* copies of what was given; names [n_runs] */
    heed_run_log *logs;          /* [n_runs] */
    int n_runs;
    curve *curves;
    int n_curves;
};

heed_plot_options heed_plot_default(void)
{
    return (heed_plot_options){.what = NULL};
}

/* --- from logs to curves --- */

static subject subject_of(const char *what)
{
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        if (strcmp(subjects[i].word, what) == 0)
            return subjects[i];
    return (subject){.word = what, .keys = {what}, .n_keys = 1, .title = what};
}

static bool is_known(const char *word)
{
    return subject_of(word).word != word;
}

/* What is left of an average after one more number. */
static double keep_of(const heed_plot *p, int64_t n)
{
    if (p->options.smooth > 0)
        return 1.0 - 1.0 / (double)p->options.smooth;
    return p->subject.noisy ? 1.0 - 50.0 / (50.0 + (double)n) : 0.0;
}

/* A copy of y, averaged, and raised to e where perplexities are asked for. */
static double *derive(const heed_plot *p, const double *y, int64_t n, double keep)
{
    double *out = malloc((size_t)(n + 1) * sizeof *out);
    double sum = 0.0, weight = 0.0;

    for (int64_t i = 0; out != NULL && i < n; i++) {
        if (isfinite(y[i])) {
            sum = keep * sum + (1.0 - keep) * y[i];
            weight = keep * weight + (1.0 - keep);
        }
        out[i] = keep > 0.0 ? (weight > 0.0 ? sum / weight : NAN) : y[i];
        out[i] = p->subject.exponential ? exp(out[i]) : out[i];
    }
    return out;
}

/* "plays" for "runs/plays/". */
static const char *last_name(const char *path, char out[LABEL_BYTES])
{
    size_t end = strlen(path), begin;

    while (end > 1 && path[end - 1] == '/')
        end--;
    begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    snprintf(out, LABEL_BYTES, "%.*s", (int)(end - begin < 120 ? end - begin : 120), path + begin);
    return out;
}

/* What the legend calls a run: its last name, or its path where another run has that name too. */
static void name_run(const heed_plot *p, int run, char out[LABEL_BYTES])
{
    char other[LABEL_BYTES];
    bool alone = true;

    last_name(p->names[run], out);
    for (int i = 0; i < p->n_runs; i++)
        alone = alone && (i == run || strcmp(last_name(p->names[i], other), out) != 0);
    if (!alone)
        snprintf(out, LABEL_BYTES, "%.120s", p->names[run]);
}

static void name_curve(const heed_plot *p, int run, const heed_log_curve *from, bool smoothed,
                       char out[LABEL_BYTES])
{
    const bool validates = from->key == 1;
    char name[LABEL_BYTES];

    name_run(p, run, name);
    if (p->n_runs > 1)
        snprintf(out, LABEL_BYTES, "%.120s%s%.64s%s", name, from->member[0] != '\0' ? ": " : "", from->member,
                 validates ? ", validation" : "");
    else if (from->member[0] != '\0')
        snprintf(out, LABEL_BYTES, "%.64s", from->member);
    else if (p->subject.n_keys == 2)
        snprintf(out, LABEL_BYTES, "%s",
                 validates  ? "validation"
                 : smoothed ? "training, smoothed"
                            : "training");
    else
        snprintf(out, LABEL_BYTES, "%s", smoothed ? "smoothed" : "");
}

static heed_status add(heed_plot *p, const curve *c, heed_error *err)
{
    curve *more = realloc(p->curves, (size_t)(p->n_curves + 1) * sizeof *more);

    if (more == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the curves");
    p->curves = more;
    p->curves[p->n_curves++] = *c;
    return HEED_OK;
}

/* One curve of a log as it is drawn: averaged with keep > 0. */
static heed_status add_curve(heed_plot *p, int run, const heed_log_curve *from, double keep, int look,
                             heed_error *err)
{
    curve c = {.look = look, .dashed = p->n_runs > 1 && from->key == 1};
    heed_status status;

    c.owned = derive(p, from->y, from->n, keep);
    if (c.owned == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the curves");
    name_curve(p, run, from, keep > 0.0, c.label);
    c.shown = (heed_plot_curve){
        .run = p->names[run],
        .key = p->subject.keys[from->key],
        .member = from->member,
        .smoothed = keep > 0.0,
        .step = from->step,
        .x = from->x,
        .y = c.owned,
        .n = from->n,
    };
    status = add(p, &c, err);
    if (status != HEED_OK)
        free(c.owned);
    return status;
}

/* The curve that the average of `from` lies over. */
static heed_status add_raw(heed_plot *p, int run, const heed_log_curve *from, int look, heed_error *err)
{
    heed_status status = add_curve(p, run, from, 0.0, look, err);

    if (status != HEED_OK)
        return status;
    p->curves[p->n_curves - 1].raw = true;
    snprintf(p->curves[p->n_curves - 1].label, LABEL_BYTES, "%s",
             p->n_runs > 1            ? ""
             : p->subject.n_keys == 2 ? "training, each batch"
                                      : "each step");
    return HEED_OK;
}

/* Curves of one number share a look in pictures of several runs, where a run's validation is dashed. */
static heed_status add_run(heed_plot *p, int run, int *look, heed_error *err)
{
    const heed_run_log *log = &p->logs[run];
    const int first = *look + 1;
    heed_status status = HEED_OK;

    for (int i = 0; i < log->n_curves && status == HEED_OK; i++) {
        const heed_log_curve *from = &log->curves[i];
        const double keep = from->key == 0 ? keep_of(p, from->n) : 0.0;
        const bool shares = p->n_runs > 1 && from->key == 1;

        *look += shares ? 0 : 1;
        status = add_curve(p, run, from, keep, shares ? first : *look, err);
        if (status == HEED_OK && keep > 0.0 && from->member[0] == '\0')
            status = add_raw(p, run, from, *look, err);
    }
    return status;
}

/* --- making one --- */

static heed_status copy_names(heed_plot *p, const char *const *runs, int n_runs, const char *what,
                              const char *title)
{
    p->names = calloc((size_t)n_runs, sizeof *p->names);
    p->logs = calloc((size_t)n_runs, sizeof *p->logs);
    p->what = strdup(what);
    p->title = title != NULL ? strdup(title) : NULL;
    if (p->names == NULL || p->logs == NULL || p->what == NULL || (title != NULL && p->title == NULL))
        return HEED_ERR_MEMORY;
    for (int i = 0; i < n_runs; i++) {
        p->names[i] = strdup(runs[i]);
        if (p->names[i] == NULL)
            return HEED_ERR_MEMORY;
        p->n_runs++;
    }
    return HEED_OK;
}

static heed_status refuse_key(const heed_plot *p, heed_error *err)
{
    char shown[80];

    heed_quote(shown, sizeof shown, p->what, strlen(p->what));
    return heed_fail(err, HEED_ERR_USAGE, "what: expected something that the log has (%.400s), got \"%s\"%s",
                     p->logs[0].names.data != NULL ? p->logs[0].names.data : "nothing to draw", shown,
                     is_known(p->what) ? ", which was not logged" : "");
}

/* Nothing can be drawn: the key is in no log, or in none from that step on. */
static heed_status refuse_empty(const heed_plot *p, heed_error *err)
{
    int64_t last = -1;
    char shown[80];

    for (int i = 0; i < p->n_runs; i++)
        last = p->logs[i].last > last ? p->logs[i].last : last;
    if (last < 0 || p->options.from <= last)
        return refuse_key(p, err);
    return heed_fail(err, HEED_ERR_USAGE, "from: expected at most %lld, the last step with \"%s\", got %lld",
                     (long long)last, heed_quote(shown, sizeof shown, p->what, strlen(p->what)),
                     (long long)p->options.from);
}

static heed_status read_runs(heed_plot *p, heed_error *err)
{
    int look = 0;
    heed_status status = HEED_OK;

    for (int i = 0; i < p->n_runs && status == HEED_OK; i++) {
        status = heed_run_log_read(&p->logs[i], p->names[i], p->subject.keys, p->subject.n_keys,
                                   (heed_plot_x)p->options.x, p->options.from, err);
        if (status == HEED_OK)
            status = add_run(p, i, &look, err);
    }
    if (status == HEED_OK && p->n_curves == 0)
        status = refuse_empty(p, err);
    return status;
}

heed_status heed_plot_create(const char *const *runs, int n_runs, const heed_plot_options *options,
                             heed_plot **plot, heed_error *err)
{
    const char *what = options->what != NULL ? options->what : "loss";
    heed_plot *p = NULL;
    heed_status status;

    *plot = NULL;
    if (n_runs < 1 || n_runs > HEED_PLOT_MAX_RUNS)
        return heed_fail(err, HEED_ERR_USAGE, "expected 1 to %d runs, got %d", HEED_PLOT_MAX_RUNS, n_runs);
    if (options->x < HEED_PLOT_STEP || options->x > HEED_PLOT_RATE)
        return heed_fail(err, HEED_ERR_USAGE, "x: expected one of four axes, got number %d", options->x);
    p = calloc(1, sizeof *p);
    status = p != NULL ? copy_names(p, runs, n_runs, what, options->title) : HEED_ERR_MEMORY;
    if (status != HEED_OK) {
        heed_plot_destroy(p);
        return heed_fail(err, status, "not enough memory for a plot");
    }
    p->options = *options;
    p->options.what = p->what;
    p->options.title = p->title;
    p->subject = subject_of(p->what);
    status = read_runs(p, err);
    if (status != HEED_OK) {
        heed_plot_destroy(p);
        return status;
    }
    *plot = p;
    return HEED_OK;
}

void heed_plot_destroy(heed_plot *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->n_curves; i++)
        free(p->curves[i].owned);
    for (int i = 0; i < p->n_runs; i++) {
        heed_run_log_free(&p->logs[i]);
        free(p->names[i]);
    }
    free(p->curves);
    free(p->logs);
    free(p->names);
    free(p->what);
    free(p->title);
    free(p);
}

/* --- looking at it --- */

int heed_plot_n_curves(const heed_plot *p)
{
    return p->n_curves;
}

heed_plot_curve heed_plot_get(const heed_plot *p, int i)
{
    heed_plot_curve shown = p->curves[i].shown;

    shown.label = p->curves[i].label;
    return shown;
}

double heed_plot_floor(const heed_plot *p)
{
    for (int i = 0; i < p->n_runs; i++)
        if (!isnan(p->logs[i].floor))
            return p->logs[i].floor;
    return NAN;
}

/* --- drawing it --- */

/* The raw curves come last, and only where there is room for them. */
static int series_of(const heed_plot *p, bool with_raw, heed_series *series)
{
    int n = 0;

    for (int pass = 0; pass < (with_raw && p->n_runs <= MOST_WITH_RAW ? 2 : 1); pass++)
        for (int i = 0; i < p->n_curves; i++) {
            const curve *c = &p->curves[i];

            if (c->raw == (pass == 1))
                series[n++] = (heed_series){.label = c->label[0] != '\0' ? c->label : NULL,
                                            .x = c->shown.x,
                                            .y = c->shown.y,
                                            .n = c->shown.n,
                                            .faint = c->raw,
                                            .dashed = c->dashed,
                                            .look = c->look};
        }
    return n;
}

/* series [n_curves]; both are filled in place. */
static heed_line_plot drawing_of(const heed_plot *p, bool with_raw, heed_series *series, heed_reference *floor)
{
    static const char *const x_titles[] = {"step", "tokens", "seconds of training steps", "learning rate"};
    const double y = heed_plot_floor(p);

    *floor = (heed_reference){.y = p->subject.exponential ? exp(y) : y, .label = "floor: the least on average"};
    return (heed_line_plot){.title = p->title != NULL ? p->title : p->subject.title,
                            .x_title = x_titles[p->options.x],
                            .y_title = p->subject.y_title,
                            .series = series,
                            .n_series = series_of(p, with_raw, series),
                            .references = floor,
                            .n_references = isnan(y) || !p->subject.has_floor ? 0 : 1,
                            .log_x = p->options.log_x,
                            .log_y = p->options.log_y};
}

heed_status heed_plot_write(const heed_plot *p, const char *path, heed_error *err)
{
    heed_series *series = calloc((size_t)p->n_curves, sizeof *series);
    heed_reference floor;
    heed_status status = HEED_OK;

    if (series == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a picture");
    const heed_line_plot drawing = drawing_of(p, true, series, &floor);
    status = heed_line_plot_write(path, &drawing, err);
    free(series);
    return status;
}

heed_status heed_plot_text(const heed_plot *p, int columns, int rows, heed_palette palette, char **out,
                           heed_error *err)
{
    heed_series *series = calloc((size_t)p->n_curves, sizeof *series);
    heed_text_buffer text = {0};
    heed_reference floor;
    heed_status status = HEED_OK;

    *out = NULL;
    if (series != NULL) {
        /* Raw numbers are noise at this size. */
        const heed_line_plot drawing = drawing_of(p, false, series, &floor);
        heed_terminal_line_plot(&text, &drawing, columns, rows, (heed_colours)palette);
    }
    if (series == NULL || text.failed || text.data == NULL) {
        heed_text_free(&text);
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw the curve");
    }
    *out = text.data;
    free(series);
    return status;
}
