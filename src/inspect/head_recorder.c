/* SPDX-License-Identifier: MIT */
/* Heads of a model in training, measured at each evaluation and kept in the run's heads.jsonl: see head_history.h. */
#include <heed/verify.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_buffer.h"
#include "inspect/component.h"
#include "inspect/head_history.h"
#include "nn/model.h"

#define PATH_BYTES 4096

struct heed_head_recorder {
    char path[PATH_BYTES];
    heed_heads_settings settings;
    int threads;
    heed_text_buffer file; /* all of it */
};

/* --- one line --- */

static void put_number(heed_text_buffer *out, double x, int digits)
{
    if (isfinite(x))
        heed_text_printf(out, "%.*g", digits, x);
    else
        heed_text_puts(out, "null");
}

static double list_value(const heed_head_scores *s, int list)
{
    const double figures[HEED_STATE_FIGURES] = {s->entropy, s->entropy_share, s->largest, s->stripe};

    return list < HEED_STATE_FIGURES ? figures[list] : s->roles[list - HEED_STATE_FIGURES].gain;
}

static void put_named(heed_text_buffer *out, const heed_head_scores *scores, int n, heed_head_role role)
{
    bool first = true;

    heed_text_printf(out, "%s\"%s\": [", role > 0 ? ", " : "",
                     heed_state_names[HEED_STATE_FIGURES + (int)role]);
    for (int i = 0; i < n; i++) {
        if (scores[i].roles[role].named) {
            heed_text_printf(out, "%s%d", first ? "" : ", ", i);
            first = false;
        }
    }
    heed_text_puts(out, "]");
}

/* "name": {…} with a list for each figure and role. */
static heed_status put_states(heed_head_recorder *r, heed_text_buffer *out, const char *name,
                              const heed_heads *heads, heed_error *err)
{
    const int n = r->settings.n_layers * r->settings.n_heads;
    heed_head_scores *scores = malloc((size_t)n * sizeof *scores);

    if (scores == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the scores of %d heads", n);
    for (int i = 0; i < n; i++)
        heed_heads_scores(heads, HEED_HEADS_ALL, i / r->settings.n_heads, i % r->settings.n_heads, &scores[i]);
    heed_text_printf(out, ", \"%s\": {", name);
    for (int list = 0; list < HEED_STATE_LISTS; list++) {
        heed_text_printf(out, "\"%s\": [", heed_state_names[list]);
        for (int i = 0; i < n; i++) {
            heed_text_puts(out, i > 0 ? ", " : "");
            put_number(out, list_value(&scores[i], list), 5);
        }
        heed_text_puts(out, "], ");
    }
    heed_text_puts(out, "\"named\": {");
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        put_named(out, scores, n, (heed_head_role)role);
    heed_text_puts(out, "}}");
    free(scores);
    return HEED_OK;
}

/* The patterns of chosen heads, as they are observed. */
typedef struct pattern_writer {
    const heed_head_recorder *r;
    heed_text_buffer *lists; /* one for each of the settings' patterns */
} pattern_writer;

static void keep_pattern(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    const pattern_writer *w = context;
    const heed_heads_settings *s = &w->r->settings;
    const int64_t T = size[rank - 1];
    char layer_name[64];

    for (int k = 0; k < s->n_patterns; k++) {
        const int layer = s->pattern_heads[k] / s->n_heads, head = s->pattern_heads[k] % s->n_heads;

        snprintf(layer_name, sizeof layer_name, "blocks.%d.attn.pattern", layer);
        if (strcmp(layer_name, name) != 0 || w->lists[k].size > 0)
            continue;
        for (int64_t i = 0; i < T; i++) {
            for (int64_t j = 0; j <= i; j++) {
                heed_text_puts(&w->lists[k], i > 0 ? ", " : "");
                put_number(&w->lists[k], (double)numbers[(head * T + i) * T + j], 3);
            }
        }
    }
}

static heed_status put_patterns(heed_head_recorder *r, heed_text_buffer *out, const heed_model *model,
                                const int32_t *ids, size_t n, heed_error *err)
{
    const int n_patterns = r->settings.n_patterns;
    heed_text_buffer lists[HEED_HEAD_HISTORY_PATTERNS] = {{.data = NULL}};
    char names[HEED_HEAD_HISTORY_PATTERNS][64];
    const char *wanted[HEED_HEAD_HISTORY_PATTERNS] = {NULL};
    pattern_writer writer = {r, lists};
    heed_status status;

    if (n_patterns == 0)
        return HEED_OK;
    for (int k = 0; k < n_patterns; k++) {
        snprintf(names[k], sizeof names[k], "blocks.%d.attn.pattern",
                 r->settings.pattern_heads[k] / r->settings.n_heads);
        wanted[k] = names[k];
    }
    status = heed_model_observe(model, ids, n, wanted, n_patterns, keep_pattern, &writer, err);
    heed_text_puts(out, ", \"patterns\": [");
    for (int k = 0; k < n_patterns; k++) {
        heed_text_printf(out, "%s[", k > 0 ? ", " : "");
        heed_text_append(out, lists[k].data != NULL ? lists[k].data : "", lists[k].size);
        heed_text_puts(out, "]");
        out->failed = out->failed || lists[k].failed;
        heed_text_free(&lists[k]);
    }
    heed_text_puts(out, "]");
    return status;
}

/* The heads on the text of the settings; *heads stays NULL without one. */
static heed_status look_at_text(heed_head_recorder *r, const heed_model *model, heed_heads **heads,
                                heed_error *err)
{
    const heed_heads_options options = {.threads = r->threads};
    int32_t *ids = NULL;
    size_t n = 0;
    heed_status status;

    if (r->settings.text == NULL)
        return HEED_OK;
    status = heed_model_encode(model, r->settings.text, strlen(r->settings.text), &ids, &n, err);
    if (status == HEED_OK)
        status = heed_heads_look(model, ids, 1, (int64_t)n, &options, heads, err);
    free(ids);
    return status;
}

static heed_status put_line(heed_head_recorder *r, heed_text_buffer *out, const heed_model *model, int64_t step,
                            double validation_loss, heed_error *err)
{
    const heed_repeated_options options = {
        .length = r->settings.length, .seed = r->settings.seed, .threads = r->threads};
    heed_heads *repeated = NULL, *on_text = NULL;
    const heed_heads *shown;
    heed_repeated test = {0};
    heed_status status = heed_heads_repeat(model, &options, &repeated, &test, err);

    if (status == HEED_OK)
        status = look_at_text(r, model, &on_text, err);
    if (status == HEED_OK) {
        heed_text_printf(out, "{\"step\": %lld, \"val_loss\": ", (long long)step);
        put_number(out, validation_loss, 9);
        heed_text_puts(out, ", \"first_loss\": ");
        put_number(out, test.first_loss, 6);
        heed_text_puts(out, ", \"second_loss\": ");
        put_number(out, test.second_loss, 6);
        status = put_states(r, out, "repeated", repeated, err);
    }
    if (status == HEED_OK && on_text != NULL)
        status = put_states(r, out, "on_text", on_text, err);
    shown = on_text != NULL ? on_text : repeated;
    if (status == HEED_OK)
        status = put_patterns(r, out, model, heed_heads_ids(shown), (size_t)heed_heads_length(shown), err);
    heed_text_puts(out, "}\n");
    heed_heads_destroy(repeated);
    heed_heads_destroy(on_text);
    return status;
}

heed_status heed_head_recorder_take(heed_head_recorder *r, const heed_model *model, int64_t step,
                                    double validation_loss, heed_error *err)
{
    heed_text_buffer line = {0};
    heed_status status = put_line(r, &line, model, step, validation_loss, err);

    if (status == HEED_OK) {
        heed_text_append(&r->file, line.data, line.size);
        if (line.failed || r->file.failed)
            status = heed_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", r->path);
    }
    heed_text_free(&line);
    if (status == HEED_OK)
        status = heed_file_write(r->path, &(heed_bytes){r->file.data, r->file.size}, 1, err);
    return status;
}

/* --- a new record --- */

/* "0.1,1.3", ranges too; NULL: none. */
static heed_status read_heads(heed_heads_settings *s, const heed_config *config, const char *list,
                              heed_error *err)
{
    heed_component heads[HEED_HEAD_HISTORY_PATTERNS];
    heed_error own = {HEED_OK, ""};
    heed_status status = HEED_OK;
    char shown[80];
    int n = 0;

    if (list != NULL)
        status = heed_components_of(config, list, heads, HEED_HEAD_HISTORY_PATTERNS, &n, &own);
    for (int i = 0; i < n && status == HEED_OK; i++) {
        if (heads[i].kind != HEED_COMPONENT_HEAD)
            return heed_fail(err, HEED_ERR_USAGE, "patterns: expected heads such as 0.1,1.3, got \"%s\"",
                             heed_quote(shown, sizeof shown, list, strlen(list)));
        s->pattern_heads[s->n_patterns++] = heads[i].layer * s->n_heads + heads[i].head;
    }
    return status == HEED_OK ? HEED_OK : heed_fail(err, status, "patterns: %s", own.message);
}

heed_status heed_head_recorder_check(const heed_config *config, const heed_head_recorder_options *options,
                                     heed_error *err)
{
    heed_heads_settings s = {.n_layers = (int)config->n_layers, .n_heads = (int)config->n_heads};

    if (config->kind != HEED_KIND_GPT || !config->attention || config->n_layers == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected a model with attention, whose heads can be recorded");
    return options != NULL ? read_heads(&s, config, options->patterns, err) : HEED_OK;
}

static heed_status put_settings(heed_head_recorder *r, heed_error *err)
{
    const heed_heads_settings *s = &r->settings;
    json_t *root = json_pack("{s:i, s:i, s:i, s:I, s:I, s:[]}", "heads", HEED_HEADS_VERSION, "n_layers",
                             s->n_layers, "n_heads", s->n_heads, "length", (json_int_t)s->length, "seed",
                             (json_int_t)s->seed, "patterns");
    json_t *patterns = json_object_get(root, "patterns");
    heed_status status;

    for (int k = 0; k < s->n_patterns; k++)
        json_array_append_new(
            patterns, json_pack("[i, i]", s->pattern_heads[k] / s->n_heads, s->pattern_heads[k] % s->n_heads));
    if (s->text != NULL && json_object_set_new(root, "text", json_string(s->text)) != 0) {
        json_decref(root);
        return heed_fail(err, HEED_ERR_USAGE, "text: expected text in UTF-8, to be kept in %s",
                         HEED_HEADS_FILE);
    }
    status = heed_json_format(root, 0, &r->file, err);
    heed_text_puts(&r->file, "\n");
    json_decref(root);
    return status;
}

static heed_status begin(heed_head_recorder *r, const heed_model *model, int64_t step,
                         const heed_head_recorder_options *o, heed_error *err)
{
    heed_heads_settings *s = &r->settings;
    heed_status status;

    *s = (heed_heads_settings){.n_layers = (int)model->config.n_layers,
                               .n_heads = (int)model->config.n_heads,
                               .length = o->length,
                               .seed = o->seed,
                               .text = o->text != NULL ? strdup(o->text) : NULL};
    if (o->text != NULL && s->text == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the text");
    status = read_heads(s, &model->config, o->patterns, err);
    if (status == HEED_OK)
        status = put_settings(r, err);
    return status == HEED_OK ? heed_head_recorder_take(r, model, step, NAN, err) : status;
}

/* --- going on with one --- */

/* Keeps the lines up to the step of the checkpoint. */
static heed_status keep_lines(heed_head_recorder *r, const heed_file *file, size_t at, int64_t step,
                              heed_error *err)
{
    heed_status status = HEED_OK;
    size_t kept = at;

    for (int64_t number = 2; status == HEED_OK; number++) {
        json_t *root = NULL;
        status = heed_heads_next_line(file->data, file->size, r->path, number, &at, &root, err);
        if (root == NULL)
            break;
        heed_json_reader json = heed_json_read(root, r->path, err);
        heed_json_require(&json, "step");
        const bool later = heed_json_int(&json, "step", 0, 0, INT64_MAX) > step;
        status = json.status;
        json_decref(root);
        if (later)
            break;
        kept = at;
    }
    if (status == HEED_OK)
        heed_text_append(&r->file, file->data, kept);
    return status;
}

/* What is asked for must be what is recorded; where nothing is asked for it holds. */
static heed_status check_same(const heed_head_recorder *r, const heed_model *model,
                              const heed_head_recorder_options *o, heed_error *err)
{
    const heed_heads_settings *s = &r->settings;
    heed_heads_settings asked = {.n_layers = s->n_layers, .n_heads = s->n_heads};
    heed_status status;

    if (s->n_layers != model->config.n_layers || s->n_heads != model->config.n_heads)
        return heed_fail(
            err, HEED_ERR_FILE, "%.300s: expected %lld layers of %lld heads, the record has %d of %d", r->path,
            (long long)model->config.n_layers, (long long)model->config.n_heads, s->n_layers, s->n_heads);
    if (o->text != NULL && (s->text == NULL || strcmp(s->text, o->text) != 0))
        return heed_fail(err, HEED_ERR_USAGE, "text: the record in %.300s has another one; it cannot change",
                         r->path);
    if (o->length != 0 && o->length != s->length)
        return heed_fail(err, HEED_ERR_USAGE,
                         "length: the record in %.300s repeats %lld tokens; it cannot change", r->path,
                         (long long)s->length);
    status = read_heads(&asked, &model->config, o->patterns, err);
    if (status == HEED_OK && o->patterns != NULL &&
        (asked.n_patterns != s->n_patterns ||
         memcmp(asked.pattern_heads, s->pattern_heads, sizeof(int) * (size_t)asked.n_patterns) != 0))
        return heed_fail(err, HEED_ERR_USAGE,
                         "patterns: the record in %.300s keeps other heads; they cannot change", r->path);
    return status;
}

static heed_status go_on(heed_head_recorder *r, const heed_model *model, int64_t step,
                         const heed_head_recorder_options *o, heed_error *err)
{
    heed_file file = {0};
    size_t at = 0;
    heed_status status = heed_file_open(&file, r->path, err);

    if (status == HEED_OK)
        status = heed_heads_settings_read(&r->settings, file.data, file.size, r->path, &at, err);
    if (status == HEED_OK)
        status = check_same(r, model, o, err);
    if (status == HEED_OK)
        status = keep_lines(r, &file, at, step, err);
    heed_file_close(&file);
    return status;
}

/* --- opening --- */

bool heed_head_recorder_exists(const char *folder)
{
    char path[PATH_BYTES];

    return heed_path_join(path, sizeof path, folder, HEED_HEADS_FILE, NULL) == HEED_OK &&
           heed_file_exists(path);
}

heed_status heed_head_recorder_open(const char *folder, const heed_model *model, int64_t step,
                                    const heed_head_recorder_options *options, heed_head_recorder **out,
                                    heed_error *err)
{
    const heed_head_recorder_options none = {.text = NULL};
    heed_head_recorder *r = calloc(1, sizeof *r);
    heed_status status;

    *out = NULL;
    if (r == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to record heads");
    if (options == NULL)
        options = &none;
    r->threads = options->threads;
    status = heed_path_join(r->path, sizeof r->path, folder, HEED_HEADS_FILE, err);
    if (status == HEED_OK)
        status = heed_file_exists(r->path) ? go_on(r, model, step, options, err)
                                           : begin(r, model, step, options, err);
    if (status != HEED_OK) {
        heed_head_recorder_close(r);
        return status;
    }
    *out = r;
    return HEED_OK;
}

void heed_head_recorder_close(heed_head_recorder *r)
{
    if (r == NULL)
        return;
    heed_heads_settings_free(&r->settings);
    heed_text_free(&r->file);
    free(r);
}
