/* SPDX-License-Identifier: MIT */
/* A run's log.jsonl, line by line, and what trainer.json says about its steps. */
#include "inspect/run_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/stories.h"
#include "formats/json.h"

#define PATH_BYTES      4096
#define MAX_LINE_VALUES 4096 /* of JSON in one line; groups of parameters have a few each */
#define MAX_NAMES_BYTES 400

/* A log while it is read. */
typedef struct reading {
    heed_run_log *log;
    const char *const *keys;
    int n_keys;
    heed_plot_x x_kind;
    int64_t from;
    char where[PATH_BYTES + 32]; /* "plays/log.jsonl, line 12" */
    double step_tokens;          /* 0: not known */
    int64_t step;                /* of the line before */
    double seconds, rate;
    heed_error *err;
} reading;

/* --- curves --- */

static bool grow(heed_log_curve *c)
{
    const int64_t capacity = c->capacity > 0 ? 2 * c->capacity : 64;
    int64_t *step = realloc(c->step, (size_t)capacity * sizeof *step);
    double *x, *y;

    if (step == NULL)
        return false;
    c->step = step;
    x = realloc(c->x, (size_t)capacity * sizeof *x);
    if (x == NULL)
        return false;
    c->x = x;
    y = realloc(c->y, (size_t)capacity * sizeof *y);
    if (y == NULL)
        return false;
    c->y = y;
    c->capacity = capacity;
    return true;
}

static heed_log_curve *find_curve(heed_run_log *log, int key, const char *member)
{
    for (int i = 0; i < log->n_curves; i++)
        if (log->curves[i].key == key && strcmp(log->curves[i].member, member) == 0)
            return &log->curves[i];
    return NULL;
}

static heed_status add_curve(reading *r, int key, const char *member, heed_log_curve **curve)
{
    heed_run_log *log = r->log;
    heed_log_curve *more;

    if (log->n_curves == HEED_PLOT_MAX_CURVES)
        return heed_fail(r->err, HEED_ERR_FILE,
                         "%.300s: expected at most %d members of \"%s\" in all, got more", r->where,
                         HEED_PLOT_MAX_CURVES, r->keys[key]);
    more = realloc(log->curves, (size_t)(log->n_curves + 1) * sizeof *more);
    if (more == NULL)
        return heed_fail(r->err, HEED_ERR_MEMORY, "%.300s: not enough memory", r->where);
    log->curves = more;
    *curve = &more[log->n_curves++];
    **curve = (heed_log_curve){.key = key};
    snprintf((*curve)->member, HEED_LOG_NAME, "%s", member);
    return HEED_OK;
}

static heed_status add_point(reading *r, int key, const char *member, double x, double y)
{
    heed_log_curve *c = find_curve(r->log, key, member);
    heed_status status = HEED_OK;

    if (c == NULL)
        status = add_curve(r, key, member, &c);
    if (status != HEED_OK)
        return status;
    if (c->n == c->capacity && !grow(c))
        return heed_fail(r->err, HEED_ERR_MEMORY, "%.300s: not enough memory", r->where);
    c->step[c->n] = r->step;
    c->x[c->n] = x;
    c->y[c->n++] = y;
    return HEED_OK;
}

/* --- one line --- */

static heed_status add_value(reading *r, int key, const char *member, const json_t *value, double x)
{
    char shown[HEED_LOG_NAME], name[128];
    const char *near = member[0] != '\0' ? member : r->keys[key];

    if (json_is_number(value) || json_is_null(value))
        return add_point(r, key, member, x, json_is_null(value) ? NAN : json_number_value(value));
    return heed_fail(r->err, HEED_ERR_FILE, "%.300s: expected a number \"%s\", got %s", r->where,
                     heed_quote(name, sizeof name, near, strlen(near)),
                     json_is_string(value)
                         ? heed_quote(shown, sizeof shown, json_string_value(value), json_string_length(value))
                         : "something else");
}

/* A number gives a point, an object one for each of its members; none before the first step that counts. */
static heed_status add_key(reading *r, json_t *root, int key, double x)
{
    json_t *value = json_object_get(root, r->keys[key]), *member;
    heed_status status = HEED_OK;
    const char *name;
    char safe[HEED_LOG_NAME];

    if (value != NULL)
        r->log->last = r->step;
    if (value == NULL || r->step < r->from)
        return HEED_OK;
    if (!json_is_object(value))
        return add_value(r, key, "", value, x);
    json_object_foreach(value, name, member)
    {
        if (status == HEED_OK)
            status = add_value(r, key, heed_quote(safe, sizeof safe, name, strlen(name)), member, x);
    }
    return status;
}

/* Where this step lies to the right. */
static heed_status place(reading *r, heed_json_reader *json, int64_t step, double *x)
{
    const double steps = (double)(step - r->step);
    const double speed = r->x_kind == HEED_PLOT_TIME ? heed_json_number(json, "tokens_per_s", NAN, 0, 1e300)
                                                     : 0;
    const double rate = r->x_kind == HEED_PLOT_RATE ? heed_json_number(json, "lr", NAN, 0, 1e300) : 0;

    if (json->status != HEED_OK)
        return json->status;
    if (r->x_kind == HEED_PLOT_TIME && speed > 0.0)
        r->seconds += steps * r->step_tokens / speed;
    if (r->x_kind == HEED_PLOT_RATE && !(rate > r->rate))
        return heed_fail(r->err, HEED_ERR_USAGE,
                         "%.300s: the learning rate does not rise here; only a range test can be drawn over it",
                         r->where);
    r->rate = rate;
    *x = r->x_kind == HEED_PLOT_STEP     ? (double)step
         : r->x_kind == HEED_PLOT_TOKENS ? (double)step * r->step_tokens
         : r->x_kind == HEED_PLOT_TIME   ? r->seconds
                                         : rate;
    return HEED_OK;
}

/* Keys that could be drawn, for messages. */
static void note_names(heed_run_log *log, json_t *root)
{
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        const bool drawn = (json_is_number(value) || json_is_object(value)) && strcmp(name, "step") != 0;
        char word[HEED_LOG_NAME + 2], shown[HEED_LOG_NAME];

        snprintf(word, sizeof word, "%s%s", log->names.size > 0 ? ", " : "",
                 heed_quote(shown, sizeof shown, name, strlen(name)));
        if (drawn && log->names.size < MAX_NAMES_BYTES &&
            (log->names.data == NULL || strstr(log->names.data, shown) == NULL))
            heed_text_puts(&log->names, word);
    }
}

static heed_status read_object(reading *r, json_t *root)
{
    heed_json_reader json = heed_json_read(root, r->where, r->err);
    int64_t step;
    double x = 0.0;
    heed_status status;

    heed_json_require(&json, "step");
    step = heed_json_int(&json, "step", 0, 0, INT64_MAX);
    status = json.status;
    if (status == HEED_OK && r->log->n_steps > 0 && step <= r->step)
        status = heed_fail(r->err, HEED_ERR_FILE, "%.300s: expected a step after %lld, got %lld", r->where,
                           (long long)r->step, (long long)step);
    if (status == HEED_OK)
        status = place(r, &json, step, &x);
    if (status != HEED_OK)
        return status;
    r->step = step;
    r->log->n_steps++;
    note_names(r->log, root);
    for (int i = 0; i < r->n_keys && status == HEED_OK; i++)
        status = add_key(r, root, i, x);
    return status;
}

static heed_status read_lines(reading *r, const char *path)
{
    heed_file file = {0};
    heed_status status = heed_file_open(&file, path, r->err);
    size_t at = 0;

    for (int64_t line = 1; status == HEED_OK && at < file.size; line++) {
        const char *end = memchr(file.data + at, '\n', file.size - at);
        json_t *root = NULL;

        if (end == NULL)
            break; /* the last line of a run that was killed while writing */
        snprintf(r->where, sizeof r->where, "%.200s, line %lld", path, (long long)line);
        status = heed_json_parse(file.data + at, (size_t)(end - file.data) - at, MAX_LINE_VALUES, r->where,
                                 &root, r->err);
        if (status == HEED_OK)
            status = read_object(r, root);
        json_decref(root);
        at = (size_t)(end - file.data) + 1;
    }
    heed_file_close(&file);
    if (status == HEED_OK && r->log->n_steps == 0)
        status = heed_fail(r->err, HEED_ERR_FILE, "%.300s: expected at least one step, the log is empty", path);
    return status;
}

/* --- the folder --- */

/*
 * A run on the built-in stories or on a task notes its floor; an earlier one on the stories named no text. A range test
 * leaves no such file, and its log is drawn without.
 */
static heed_status read_trainer(reading *r, const char *folder)
{
    char path[PATH_BYTES];
    json_t *root = NULL;
    heed_status status = heed_path_join(path, sizeof path, folder, "trainer.json", r->err);

    if (status == HEED_OK && !heed_file_exists(path))
        return HEED_OK;
    if (status == HEED_OK)
        status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, r->err);
    if (status == HEED_OK) {
        heed_json_reader state = heed_json_read(root, path, r->err);
        const bool has_options = heed_json_has(&state, "options"), has_config = heed_json_has(&state, "config");
        heed_json_reader options = heed_json_read(has_options ? heed_json_object(&state, "options") : root,
                                                  path, r->err);
        heed_json_reader config = heed_json_read(has_config ? heed_json_object(&state, "config") : root, path,
                                                 r->err);

        r->step_tokens = (double)heed_json_int(&options, "batch_size", 0, 0, INT32_MAX) *
                         (double)heed_json_int(&config, "context_length", 0, 0, INT32_MAX);
        if (heed_json_has(&state, "floor"))
            r->log->floor = heed_json_number(&state, "floor", NAN, 0.0, 1e9);
        else if (heed_json_string(&state, "text", "")[0] == '\0')
            r->log->floor = heed_stories_entropy().nats_per_character;
        status = state.status != HEED_OK     ? state.status
                 : options.status != HEED_OK ? options.status
                                             : config.status;
    }
    json_decref(root);
    return status;
}

heed_status heed_run_log_read(heed_run_log *log, const char *run, const char *const *keys, int n_keys,
                              heed_plot_x x, int64_t from, heed_error *err)
{
    reading r = {.log = log, .keys = keys, .n_keys = n_keys, .x_kind = x, .from = from, .err = err};
    const bool is_folder = !heed_file_exists(run) || heed_file_is_folder(run);
    char path[PATH_BYTES];
    heed_status status = HEED_OK;

    log->floor = NAN;
    log->last = -1;
    if (is_folder)
        status = heed_path_join(path, sizeof path, run, "log.jsonl", err);
    else if ((size_t)snprintf(path, sizeof path, "%s", run) >= sizeof path)
        status = heed_fail(err, HEED_ERR_USAGE, "%.100s...: the path is too long", run);
    if (status == HEED_OK && is_folder && heed_file_exists(path))
        status = read_trainer(&r, run);
    if (status == HEED_OK && (x == HEED_PLOT_TOKENS || x == HEED_PLOT_TIME) && !(r.step_tokens > 0.0))
        status = heed_fail(err, HEED_ERR_USAGE,
                           "%.300s: without the run's trainer.json nobody knows the tokens of a step; only "
                           "steps and rates can lie to the right",
                           run);
    return status == HEED_OK ? read_lines(&r, path) : status;
}

void heed_run_log_free(heed_run_log *log)
{
    for (int i = 0; i < log->n_curves; i++) {
        free(log->curves[i].step);
        free(log->curves[i].x);
        free(log->curves[i].y);
    }
    free(log->curves);
    heed_text_free(&log->names);
    *log = (heed_run_log){0};
}
