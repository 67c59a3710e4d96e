/* SPDX-License-Identifier: MIT */
/* heads.jsonl read back: what each head was like at each evaluation of a run. */
#include "inspect/head_history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define PATH_BYTES 4096

/* What was measured on one kind of text: lists [HEED_STATE_LISTS, heads], named [roles, heads]; NULL: nothing. */
typedef struct measured {
    float *lists;
    bool *named;
} measured;

typedef struct moment {
    heed_head_moment losses;
    measured on[2];                              /* repeated tokens, the text */
    float *patterns[HEED_HEAD_HISTORY_PATTERNS]; /* [n, n] */
    int64_t n[HEED_HEAD_HISTORY_PATTERNS];
} moment;

struct heed_head_history {
    heed_heads_settings settings;
    moment *moments;
    int64_t n, capacity;
};

/* --- one line --- */

static heed_status read_list(const json_t *list, int n, const char *name, float *out, const char *where,
                             heed_error *err)
{
    const json_t *value;
    size_t i;

    if (json_array_size(list) != (size_t)n)
        return heed_fail(err, HEED_ERR_FILE,
                         "%.300s: expected a list \"%s\" of %d numbers, one a head, got %zu", where, name, n,
                         json_array_size(list));
    json_array_foreach(list, i, value)
    {
        if (!json_is_number(value) && !json_is_null(value))
            return heed_fail(err, HEED_ERR_FILE,
                             "%.300s: expected numbers in \"%s\", number %zu is something else", where, name,
                             i);
        out[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    }
    return HEED_OK;
}

static heed_status read_named(const json_t *lists, int n, bool *named, const char *where, heed_error *err)
{
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        const json_t *value;
        size_t i;

        json_array_foreach(json_object_get(lists, heed_state_names[HEED_STATE_FIGURES + role]), i, value)
        {
            const json_int_t head = json_is_integer(value) ? json_integer_value(value) : -1;
            if (head < 0 || head >= n)
                return heed_fail(err, HEED_ERR_FILE, "%.300s: expected heads below %d in \"named\"", where, n);
            named[role * n + (int)head] = true;
        }
    }
    return HEED_OK;
}

/* An absent object leaves m empty. */
static heed_status read_measured(measured *m, const json_t *object, int n, const char *where, heed_error *err)
{
    heed_status status = HEED_OK;

    if (!json_is_object(object))
        return HEED_OK;
    m->lists = calloc((size_t)n * HEED_STATE_LISTS, sizeof *m->lists);
    m->named = calloc((size_t)n * HEED_N_HEAD_ROLES, sizeof *m->named);
    if (m->lists == NULL || m->named == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", where);
    for (int list = 0; list < HEED_STATE_LISTS && status == HEED_OK; list++)
        status = read_list(json_object_get(object, heed_state_names[list]), n, heed_state_names[list],
                           m->lists + (size_t)list * (size_t)n, where, err);
    return status == HEED_OK ? read_named(json_object_get(object, "named"), n, m->named, where, err) : status;
}

/* The lower triangle of [T, T] has T (T + 1) / 2 numbers. */
static heed_status read_pattern(const json_t *list, float **out, int64_t *T, const char *where, heed_error *err)
{
    const int64_t count = (int64_t)json_array_size(list);
    const json_t *value;
    int64_t n = 0, row = 0, column = 0;
    size_t i;

    while (n * (n + 1) / 2 < count)
        n++;
    if (count == 0 || n * (n + 1) / 2 != count)
        return heed_fail(err, HEED_ERR_FILE,
                         "%.300s: expected the lower triangle of a square in \"patterns\", got %lld numbers",
                         where, (long long)count);
    *out = calloc((size_t)n * (size_t)n, sizeof **out);
    if (*out == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", where);
    *T = n;
    json_array_foreach(list, i, value)
    {
        (*out)[row * n + column] = json_is_number(value) ? (float)json_number_value(value) : NAN;
        column++;
        if (column > row) {
            row++;
            column = 0;
        }
    }
    return HEED_OK;
}

static heed_status read_moment(heed_head_history *h, json_t *root, const char *where, heed_error *err)
{
    const int n = h->settings.n_layers * h->settings.n_heads;
    heed_json_reader json = heed_json_read(root, where, err);
    moment *m = &h->moments[h->n++];
    const json_t *patterns = json_object_get(root, "patterns");
    heed_status status;

    *m = (moment){.losses = {.step = 0}};
    heed_json_require(&json, "step");
    heed_json_require(&json, "repeated");
    m->losses.step = heed_json_int(&json, "step", 0, 0, INT64_MAX);
    m->losses.validation_loss = heed_json_number(&json, "val_loss", NAN, -1e300, 1e300);
    m->losses.first_loss = heed_json_number(&json, "first_loss", NAN, -1e300, 1e300);
    m->losses.second_loss = heed_json_number(&json, "second_loss", NAN, -1e300, 1e300);
    status = json.status;
    if (status == HEED_OK && h->n > 1 && m->losses.step <= h->moments[h->n - 2].losses.step)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: expected a step after %lld, got %lld", where,
                           (long long)h->moments[h->n - 2].losses.step, (long long)m->losses.step);
    if (status == HEED_OK)
        status = read_measured(&m->on[0], json_object_get(root, "repeated"), n, where, err);
    if (status == HEED_OK)
        status = read_measured(&m->on[1], json_object_get(root, "on_text"), n, where, err);
    if (status == HEED_OK && json_array_size(patterns) != (size_t)h->settings.n_patterns)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: expected %d patterns, got %zu", where,
                           h->settings.n_patterns, json_array_size(patterns));
    for (int k = 0; k < h->settings.n_patterns && status == HEED_OK; k++)
        status = read_pattern(json_array_get(patterns, (size_t)k), &m->patterns[k], &m->n[k], where, err);
    return status;
}

static bool make_room(heed_head_history *h)
{
    moment *more;

    if (h->n < h->capacity)
        return true;
    more = realloc(h->moments, (size_t)(2 * h->capacity + 16) * sizeof *more);
    if (more == NULL)
        return false;
    h->moments = more;
    h->capacity = 2 * h->capacity + 16;
    return true;
}

static heed_status read_lines(heed_head_history *h, const char *data, size_t size, const char *path,
                              heed_error *err)
{
    size_t at = 0;
    heed_status status = heed_heads_settings_read(&h->settings, data, size, path, &at, err);

    for (int64_t number = 2; status == HEED_OK; number++) {
        json_t *root = NULL;
        char where[224];

        status = heed_heads_next_line(data, size, path, number, &at, &root, err);
        if (root == NULL)
            break;
        snprintf(where, sizeof where, "%.180s, line %lld", path, (long long)number);
        status = make_room(h) ? read_moment(h, root, where, err)
                              : heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
        json_decref(root);
    }
    if (status == HEED_OK && h->n == 0)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: expected at least one evaluation, there is none", path);
    return status;
}

heed_status heed_head_history_parse(const char *data, size_t size, const char *path, heed_head_history **out,
                                    heed_error *err)
{
    heed_head_history *h = calloc(1, sizeof *h);
    heed_status status = h != NULL ? read_lines(h, data, size, path, err)
                                   : heed_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", path);

    *out = NULL;
    if (status != HEED_OK)
        heed_head_history_close(h);
    else
        *out = h;
    return status;
}

heed_status heed_head_history_read(const char *folder, heed_head_history **out, heed_error *err)
{
    char path[PATH_BYTES];
    heed_file file = {0};
    heed_status status = heed_path_join(path, sizeof path, folder, HEED_HEADS_FILE, err);

    *out = NULL;
    if (status == HEED_OK && heed_file_is_folder(folder) && !heed_file_exists(path))
        status = heed_fail(err, HEED_ERR_FILE,
                           "%.300s: it has no record of its heads (%s); heed train --record-heads makes one",
                           folder, HEED_HEADS_FILE);
    if (status == HEED_OK)
        status = heed_file_open(&file, path, err);
    if (status == HEED_OK)
        status = heed_head_history_parse(file.data, file.size, path, out, err);
    heed_file_close(&file);
    return status;
}

void heed_head_history_close(heed_head_history *h)
{
    if (h == NULL)
        return;
    for (int64_t i = 0; i < h->n; i++) {
        for (int on = 0; on < 2; on++) {
            free(h->moments[i].on[on].lists);
            free(h->moments[i].on[on].named);
        }
        for (int k = 0; k < HEED_HEAD_HISTORY_PATTERNS; k++)
            free(h->moments[i].patterns[k]);
    }
    free(h->moments);
    heed_heads_settings_free(&h->settings);
    free(h);
}

/* --- asking --- */

int heed_head_history_n_layers(const heed_head_history *h)
{
    return h->settings.n_layers;
}

int heed_head_history_n_heads(const heed_head_history *h)
{
    return h->settings.n_heads;
}

int64_t heed_head_history_count(const heed_head_history *h)
{
    return h->n;
}

heed_head_moment heed_head_history_at(const heed_head_history *h, int64_t i)
{
    return h->moments[i].losses;
}

bool heed_head_history_state(const heed_head_history *h, int64_t i, bool text, int layer, int head,
                             heed_head_state *out)
{
    const measured *m = &h->moments[i].on[text];
    const int n = h->settings.n_layers * h->settings.n_heads, at = layer * h->settings.n_heads + head;

    if (m->lists == NULL)
        return false;
    *out = (heed_head_state){.entropy = (double)m->lists[at],
                             .entropy_share = (double)m->lists[n + at],
                             .largest = (double)m->lists[2 * n + at],
                             .stripe = (double)m->lists[3 * n + at]};
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        out->gain[role] = (double)m->lists[(HEED_STATE_FIGURES + role) * n + at];
        out->named[role] = m->named[role * n + at];
    }
    return true;
}

int64_t heed_head_history_appears(const heed_head_history *h, heed_head_role role, int layer, int head)
{
    int64_t step = -1;
    heed_head_state state;

    for (int64_t i = h->n - 1; i >= 0; i--) {
        if (!heed_head_history_state(h, i, false, layer, head, &state) || !state.named[role])
            break;
        step = h->moments[i].losses.step;
    }
    return step;
}

bool heed_head_history_best(const heed_head_history *h, int64_t i, heed_head_role role, int *layer, int *head)
{
    const int n = h->settings.n_layers * h->settings.n_heads;
    double best = -INFINITY;
    heed_head_state state;

    for (int at = 0; at < n; at++) {
        const int l = at / h->settings.n_heads, k = at % h->settings.n_heads;
        if (heed_head_history_state(h, i, false, l, k, &state) && state.gain[role] > best) {
            best = state.gain[role];
            *layer = l;
            *head = k;
        }
    }
    return isfinite(best);
}

int heed_head_history_n_patterns(const heed_head_history *h)
{
    return h->settings.n_patterns;
}

void heed_head_history_pattern_head(const heed_head_history *h, int k, int *layer, int *head)
{
    *layer = h->settings.pattern_heads[k] / h->settings.n_heads;
    *head = h->settings.pattern_heads[k] % h->settings.n_heads;
}

const float *heed_head_history_pattern(const heed_head_history *h, int64_t i, int k, int64_t *n)
{
    *n = h->moments[i].n[k];
    return h->moments[i].patterns[k];
}
