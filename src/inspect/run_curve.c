/* SPDX-License-Identifier: MIT */
/* The loss curve of a training run, from its log.jsonl. */
#include <heed/inspect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/stories.h"
#include "formats/json.h"
#include "formats/picture.h"
#include "formats/terminal.h"

#define PATH_BYTES 4096

/* What a log says. */
typedef struct run_curve {
    double *step, *loss, *smooth; /* [n] every step */
    int64_t n;
    double *eval_step, *eval_loss; /* [n_eval] evaluations */
    int64_t n_eval;
    double floor; /* NaN: none */
} run_curve;

static void release(run_curve *c)
{
    free(c->step);
    free(c->loss);
    free(c->smooth);
    free(c->eval_step);
    free(c->eval_loss);
}

static heed_status read_line(run_curve *c, const char *line, size_t n, const char *path, heed_error *err)
{
    json_t *root = NULL;
    heed_status status = heed_json_parse(line, n, 64, path, &root, err);

    if (status == HEED_OK) {
        heed_json_reader r = heed_json_read(root, path, err);
        c->step[c->n] = (double)heed_json_int(&r, "step", 0, 0, INT64_MAX);
        c->loss[c->n] = heed_json_number(&r, "loss", NAN, -1e300, 1e300);
        if (heed_json_has(&r, "val_loss")) {
            c->eval_step[c->n_eval] = c->step[c->n];
            c->eval_loss[c->n_eval++] = heed_json_number(&r, "val_loss", NAN, -1e300, 1e300);
        }
        c->n++;
        status = r.status;
    }
    json_decref(root);
    return status;
}

/* An exponential average, with the start-up bias taken out, that spans about a fiftieth of the run. */
static void smooth(run_curve *c)
{
    const double keep = 1.0 - 50.0 / (50.0 + (double)c->n);
    double sum = 0.0, weight = 0.0;

    for (int64_t i = 0; i < c->n; i++) {
        if (isfinite(c->loss[i])) {
            sum = keep * sum + (1.0 - keep) * c->loss[i];
            weight = keep * weight + (1.0 - keep);
        }
        c->smooth[i] = weight > 0.0 ? sum / weight : NAN;
    }
}

static heed_status read_log(run_curve *c, const char *folder, heed_error *err)
{
    char path[PATH_BYTES];
    heed_file file = {0};
    size_t n_lines = 0, at = 0;
    heed_status status = heed_path_join(path, sizeof path, folder, "log.jsonl", err);

    if (status == HEED_OK)
        status = heed_file_open(&file, path, err);
    if (status != HEED_OK)
        return status;
    for (size_t i = 0; i < file.size; i++)
        n_lines += file.data[i] == '\n';
    c->step = calloc(n_lines + 1, sizeof(double));
    c->loss = calloc(n_lines + 1, sizeof(double));
    c->smooth = calloc(n_lines + 1, sizeof(double));
    c->eval_step = calloc(n_lines + 1, sizeof(double));
    c->eval_loss = calloc(n_lines + 1, sizeof(double));
    if (!c->step || !c->loss || !c->smooth || !c->eval_step || !c->eval_loss)
        status = heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %zu steps", path, n_lines);
    while (status == HEED_OK && at < file.size) {
        const char *end = memchr(file.data + at, '\n', file.size - at);
        if (end == NULL)
            break; /* the last line of a run that was killed while writing */
        status = read_line(c, file.data + at, (size_t)(end - file.data) - at, path, err);
        at = (size_t)(end - file.data) + 1;
    }
    heed_file_close(&file);
    if (status == HEED_OK && c->n == 0)
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected at least one step, the log is empty", path);
    if (status == HEED_OK)
        smooth(c);
    return status;
}

/* A run on the built-in stories names no text; its floor is their entropy. */
static heed_status read_floor(run_curve *c, const char *folder, heed_error *err)
{
    char path[PATH_BYTES];
    json_t *root = NULL;
    heed_status status = heed_path_join(path, sizeof path, folder, "trainer.json", err);

    c->floor = NAN;
    if (status == HEED_OK)
        status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, err);
    if (status == HEED_OK) {
        heed_json_reader r = heed_json_read(root, path, err);
        if (heed_json_string(&r, "text", "")[0] == '\0')
            c->floor = heed_stories_entropy().nats_per_character;
        status = r.status;
    }
    json_decref(root);
    return status;
}

/* The plot of a run; series and references are filled in place. */
static heed_line_plot plot_of(const run_curve *c, heed_series series[3], heed_reference *floor)
{
    series[0] = (heed_series){.label = "training, smoothed", .x = c->step, .y = c->smooth, .n = c->n};
    series[1] = (heed_series){.label = "validation", .x = c->eval_step, .y = c->eval_loss, .n = c->n_eval};
    series[2] = (heed_series){
        .label = "training, each batch", .x = c->step, .y = c->loss, .n = c->n, .faint = true};
    *floor = (heed_reference){.y = c->floor, .label = "entropy of the stories"};
    return (heed_line_plot){.title = "Loss",
                            .x_title = "step",
                            .y_title = "nats per token",
                            .series = series,
                            .n_series = 3,
                            .references = floor,
                            .n_references = isnan(c->floor) ? 0 : 1};
}

static heed_status read_run(run_curve *c, const char *folder, heed_error *err)
{
    const heed_status status = read_log(c, folder, err);

    return status == HEED_OK ? read_floor(c, folder, err) : status;
}

heed_status heed_run_picture(const char *folder, const char *path, heed_error *err)
{
    run_curve c = {0};
    heed_series series[3];
    heed_reference floor;
    heed_status status = read_run(&c, folder, err);

    if (status == HEED_OK) {
        const heed_line_plot plot = plot_of(&c, series, &floor);
        status = heed_line_plot_write(path, &plot, err);
    }
    release(&c);
    return status;
}

heed_status heed_run_text(const char *folder, int columns, int rows, heed_palette palette, char **out,
                          heed_error *err)
{
    run_curve c = {0};
    heed_series series[3];
    heed_reference floor;
    heed_text_buffer text = {0};
    heed_status status = read_run(&c, folder, err);

    *out = NULL;
    if (status == HEED_OK) {
        heed_line_plot plot = plot_of(&c, series, &floor);
        plot.n_series = 2; /* single batches are noise at this size */
        heed_terminal_line_plot(&text, &plot, columns, rows, (heed_colours)palette);
        if (text.failed || text.data == NULL) {
            heed_text_free(&text);
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw the curve");
        }
        *out = text.data;
    }
    release(&c);
    return status;
}
