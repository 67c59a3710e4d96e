/* SPDX-License-Identifier: MIT */
/* The lines of heads.jsonl, and the first of them: what is recorded. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/head_history.h"

const char *const heed_state_names[HEED_STATE_LISTS] = {
    "entropy", "entropy_share", "largest", "stripe", "previous", "duplicate", "induction", "delimiter", "first",
};

heed_status heed_heads_next_line(const char *data, size_t size, const char *path, int64_t number, size_t *at,
                                 json_t **root, heed_error *err)
{
    const char *end = *at < size ? memchr(data + *at, '\n', size - *at) : NULL;
    const size_t begin = *at;
    char where[224];

    *root = NULL;
    if (end == NULL)
        return HEED_OK; /* the last line of a run that died while writing does not count */
    *at = (size_t)(end - data) + 1;
    snprintf(where, sizeof where, "%.180s, line %lld", path, (long long)number);
    return heed_json_parse(data + begin, *at - 1 - begin, HEED_HEADS_MAX_LINE, where, root, err);
}

/* The heads whose patterns are kept, as pairs. */
static heed_status read_patterns(heed_heads_settings *s, heed_json_reader *json)
{
    json_t *list = heed_json_has(json, "patterns") ? heed_json_list(json, "patterns") : NULL, *pair;
    size_t i;

    if (json_array_size(list) > HEED_HEAD_HISTORY_PATTERNS)
        return heed_fail(json->err, HEED_ERR_FILE, "%s: expected at most %d patterns, got %zu", json->where,
                         HEED_HEAD_HISTORY_PATTERNS, json_array_size(list));
    json_array_foreach(list, i, pair)
    {
        const json_int_t layer = json_integer_value(json_array_get(pair, 0)),
                         head = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || layer < 0 || layer >= s->n_layers || head < 0 || head >= s->n_heads)
            return heed_fail(json->err, HEED_ERR_FILE,
                             "%s: expected pairs of a layer below %d and a head below %d in \"patterns\"",
                             json->where, s->n_layers, s->n_heads);
        s->pattern_heads[s->n_patterns++] = (int)(layer * s->n_heads + head);
    }
    return json->status;
}

static heed_status read_first(heed_heads_settings *s, json_t *root, const char *path, heed_error *err)
{
    heed_json_reader json = heed_json_read(root, path, err);
    heed_status status;

    heed_json_require(&json, "heads");
    heed_json_require(&json, "n_layers");
    heed_json_require(&json, "n_heads");
    heed_json_int(&json, "heads", 1, HEED_HEADS_VERSION, HEED_HEADS_VERSION);
    s->n_layers = (int)heed_json_int(&json, "n_layers", 1, 1, 1024);
    s->n_heads = (int)heed_json_int(&json, "n_heads", 1, 1, 1024);
    s->length = heed_json_int(&json, "length", 0, 0, INT32_MAX);
    s->seed = (uint64_t)heed_json_int(&json, "seed", 0, INT64_MIN, INT64_MAX);
    if (json.status == HEED_OK && heed_json_has(&json, "text")) {
        const char *text = heed_json_string(&json, "text", "");

        s->text = json.status == HEED_OK ? strdup(text) : NULL;
        if (json.status == HEED_OK && s->text == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", path);
    }
    status = json.status;
    return status == HEED_OK ? read_patterns(s, &json) : status;
}

heed_status heed_heads_settings_read(heed_heads_settings *s, const char *data, size_t size, const char *path,
                                     size_t *rest, heed_error *err)
{
    json_t *root = NULL;
    heed_status status;

    *s = (heed_heads_settings){.n_layers = 0};
    *rest = 0;
    status = heed_heads_next_line(data, size, path, 1, rest, &root, err);
    if (status == HEED_OK && root == NULL)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: expected a first line of settings, the file has none",
                           path);
    if (status == HEED_OK)
        status = read_first(s, root, path, err);
    json_decref(root);
    return status;
}

void heed_heads_settings_free(heed_heads_settings *s)
{
    free(s->text);
    *s = (heed_heads_settings){.n_layers = 0};
}
