/* SPDX-License-Identifier: MIT */
/* heed plot RUN…: curves of training runs, side by side. */
#include <heed/plot.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/out_file.h"
#include "cli/output.h"

typedef struct plot_options {
    const char *what, *out, *title;
    int x;
    bool log_x, log_y, json;
    int64_t smooth, from, rows;
} plot_options;

#define AT(member) offsetof(plot_options, member)

static const char *const axes[] = {"step", "tokens", "time", "lr", NULL};

static const heed_cli_text texts[] = {
    {"what", "KEY",
     "loss (training and validation), val, perplexity, lr, grad_norm, tokens_per_s, or another key of the log "
     "[loss]",
     AT(what)},
    {"out", "FILE",
     "write it as .png, .svg, .pdf, .csv or .json by the name's ending, instead of drawing it here", AT(out)},
    {"title", "TEXT", "above the picture", AT(title)},
};

static const heed_field fields[] = {
    {"x", "what lies to the right; time is that of training steps, lr is for range tests", HEED_FIELD_CHOICE,
     AT(x), 0, 0, axes},
    {"log_x", "powers of ten to the right", HEED_FIELD_BOOLEAN, AT(log_x), 0, 0, NULL},
    {"log_y", "powers of ten upwards", HEED_FIELD_BOOLEAN, AT(log_y), 0, 0, NULL},
    {"smooth", "steps that an average spans; 1: none; 0: a fiftieth of the run, for what is noisy",
     HEED_FIELD_INTEGER, AT(smooth), 0, 1e12, NULL},
    {"from", "leave out earlier steps", HEED_FIELD_INTEGER, AT(from), 0, 1e15, NULL},
    {"rows", "lines of the drawing here", HEED_FIELD_INTEGER, AT(rows), 8, 200, NULL},
    {"json", "print the points as one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- the points --- */

static void put_json(const heed_plot *plot, const plot_options *own, FILE *out)
{
    heed_cli_json json = {.out = out};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "what", own->what != NULL ? own->what : "loss");
    heed_cli_json_text(&json, "x", axes[own->x]);
    heed_cli_json_number(&json, "floor", heed_plot_floor(plot));
    heed_cli_json_open(&json, "curves", '[');
    for (int i = 0; i < heed_plot_n_curves(plot); i++) {
        const heed_plot_curve c = heed_plot_get(plot, i);

        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "run", c.run);
        heed_cli_json_text(&json, "key", c.key);
        if (c.member[0] != '\0')
            heed_cli_json_text(&json, "member", c.member);
        heed_cli_json_bool(&json, "smoothed", c.smoothed);
        heed_cli_json_open(&json, "points", '['); /* [step, x, y] each */
        for (int64_t k = 0; k < c.n; k++) {
            heed_cli_json_open(&json, NULL, '[');
            heed_cli_json_integer(&json, NULL, c.step[k]);
            heed_cli_json_number(&json, NULL, c.x[k]);
            heed_cli_json_number(&json, NULL, c.y[k]);
            heed_cli_json_close(&json, ']');
        }
        heed_cli_json_close(&json, ']');
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

/* A field of RFC 4180: quoted, quotes doubled. */
static void put_csv_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_csv(const heed_plot *plot, const plot_options *own, FILE *out)
{
    fprintf(out, "run,key,member,smoothed,step,%s,y\n", own->x == HEED_PLOT_STEP ? "x" : axes[own->x]);
    for (int i = 0; i < heed_plot_n_curves(plot); i++) {
        const heed_plot_curve c = heed_plot_get(plot, i);

        for (int64_t k = 0; k < c.n; k++) {
            put_csv_text(out, c.run);
            fputc(',', out);
            put_csv_text(out, c.key);
            fputc(',', out);
            put_csv_text(out, c.member);
            fprintf(out, ",%d,%lld,%.9g,", c.smoothed, (long long)c.step[k], c.x[k]);
            if (isfinite(c.y[k]))
                fprintf(out, "%.9g", c.y[k]);
            fputc('\n', out);
        }
    }
}

static bool ends_in(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);

    return n > m && strcasecmp(path + n - m, ending) == 0;
}

static heed_status write_points(const heed_plot *plot, const plot_options *own, heed_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    heed_cli_out out;
    heed_status status;

    if (memory == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the points");
    if (ends_in(own->out, ".csv"))
        put_csv(plot, own, memory);
    else
        put_json(plot, own, memory);
    const bool failed = ferror(memory) != 0;
    if (fclose(memory) != 0 || failed) {
        free(text);
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the points");
    }
    status = heed_cli_out_open(&out, own->out, true, err);
    if (status == HEED_OK) {
        status = heed_cli_out_put(&out, text, n, err);
        status = heed_cli_out_close(&out, status, err);
    }
    free(text);
    return status;
}

/* --- the command --- */

static heed_status draw(const heed_plot *plot, const plot_options *own, heed_error *err)
{
    const int columns = heed_cli_columns(stdout);
    char *text = NULL;
    const heed_status status = heed_plot_text(plot, columns < 121 ? columns - 1 : 120, (int)own->rows,
                                              heed_cli_palette(stdout), &text, err);

    if (status == HEED_OK)
        fputs(text, stdout);
    free(text);
    return status;
}

static heed_status show(const heed_plot *plot, const plot_options *own, heed_error *err)
{
    heed_status status = HEED_OK;

    if (own->out != NULL)
        status = ends_in(own->out, ".csv") || ends_in(own->out, ".json") ? write_points(plot, own, err)
                                                                         : heed_plot_write(plot, own->out, err);
    if (status == HEED_OK && own->json)
        put_json(plot, own, stdout);
    else if (status == HEED_OK && own->out == NULL)
        status = draw(plot, own, err);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    plot_options own = {.rows = 22};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 3,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = HEED_PLOT_MAX_RUNS};
    heed_plot *plot = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status == HEED_OK && !options.help_shown)
        status = heed_cli_apply(&options, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    const heed_plot_options how = {.what = own.what,
                                   .x = own.x,
                                   .log_x = own.log_x || own.x == HEED_PLOT_RATE,
                                   .log_y = own.log_y,
                                   .smooth = own.smooth,
                                   .from = own.from,
                                   .title = own.title};
    status = heed_plot_create(options.operands, options.n_operands, &how, &plot, err);
    if (status == HEED_OK)
        status = show(plot, &own, err);
    heed_plot_destroy(plot);
    return status;
}

const heed_cli_command heed_cli_plot = {
    .name = "plot",
    .operands = "RUN...",
    .summary = "draw and compare the curves of training runs",
    .details =
        "RUN is the folder of a training run, while it trains too, or of a range test, or a log.jsonl alone.\n"
        "Several runs share one picture; each has a colour and a sign. Without --out the picture is drawn\n"
        "here. Averages lie over the numbers of single steps; validation losses are drawn as they are.\n",
    .examples = "  heed plot plays\n"
                "  heed plot plays plays-wide --what val --x time\n"
                "  heed plot plays plays-wide --out loss.svg --log-y\n"
                "  heed plot plays --what lr --out points.csv\n",
    .run = run,
};
