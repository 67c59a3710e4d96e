/* SPDX-License-Identifier: MIT */
/* The notebook: what a learner has done, read and changed. */
#include "workbook/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "formats/json.h"
#include "workbook/book.h"

struct heed_notebook {
    char path[HEED_STATE_PATH]; /* "": nowhere */
    json_t *root;               /* with the changes that are not saved yet */
    json_t *unsaved;            /* these changes */
    char *params;               /* the text that heed_notebook_entry_of() lent last */
};

/* --- opening --- */

static heed_status no_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a notebook");
}

static void apply_unsaved(heed_notebook *notebook)
{
    for (size_t i = 0; i < json_array_size(notebook->unsaved); i++)
        heed_state_change(notebook->root, json_array_get(notebook->unsaved, i));
}

/* Where the file cannot be read, what is in memory stays. */
static heed_status load(heed_notebook *notebook, heed_error *err)
{
    json_t *root = NULL;
    const heed_status status = heed_state_load(notebook->path, &root, err);

    if (status != HEED_OK)
        return status;
    json_decref(notebook->root);
    notebook->root = root;
    apply_unsaved(notebook);
    return HEED_OK;
}

heed_status heed_notebook_open(const char *path, heed_notebook **out, heed_error *err)
{
    heed_notebook *notebook = calloc(1, sizeof *notebook);
    heed_status status = HEED_OK;

    *out = NULL;
    if (notebook != NULL) {
        notebook->root = heed_state_empty();
        notebook->unsaved = json_array();
    }
    if (notebook == NULL || notebook->root == NULL || notebook->unsaved == NULL) {
        heed_notebook_close(notebook);
        return no_memory(err);
    }
    *out = notebook;
    if (path == NULL)
        status = heed_state_place(notebook->path, err);
    else if (strlen(path) + 16 < sizeof notebook->path)
        snprintf(notebook->path, sizeof notebook->path, "%s", path);
    else
        status = heed_fail(err, HEED_ERR_USAGE, "expected a shorter path for a notebook");
    return status == HEED_OK ? load(notebook, err) : status;
}

void heed_notebook_close(heed_notebook *notebook)
{
    if (notebook == NULL)
        return;
    json_decref(notebook->root);
    json_decref(notebook->unsaved);
    free(notebook->params);
    free(notebook);
}

heed_status heed_notebook_refresh(heed_notebook *notebook, heed_error *err)
{
    return notebook->path[0] != '\0' ? load(notebook, err) : HEED_OK;
}

const char *heed_notebook_path(const heed_notebook *notebook)
{
    return notebook->path;
}

/* --- reading --- */

static const json_t *entry_of(const heed_notebook *notebook, const char *id)
{
    return json_object_get(json_object_get(notebook->root, "exercises"), id);
}

static int64_t count_of(const json_t *entry, const char *name)
{
    const json_int_t n = json_integer_value(json_object_get(entry, name));

    return n > 0 ? n : 0;
}

const char *heed_notebook_now(const heed_notebook *notebook)
{
    return json_string_value(json_object_get(notebook->root, "now"));
}

heed_notebook_entry heed_notebook_entry_of(const heed_notebook *notebook, const char *id)
{
    const json_t *entry = entry_of(notebook, id), *params = json_object_get(entry, "params");

    free(notebook->params);
    ((heed_notebook *)(uintptr_t)notebook)->params = json_is_object(params) ? json_dumps(params, JSON_COMPACT)
                                                                            : NULL;
    return (heed_notebook_entry){.variant = count_of(entry, "variant"),
                                 .params = notebook->params,
                                 .n_right = count_of(entry, "right"),
                                 .n_wrong = count_of(entry, "wrong"),
                                 .n_tried = count_of(entry, "tried"),
                                 .n_hints = count_of(entry, "hints"),
                                 .explained = json_is_true(json_object_get(entry, "explained")),
                                 .note = json_string_value(json_object_get(entry, "note")),
                                 .words = json_string_value(json_object_get(entry, "words")),
                                 .waiting = json_string_value(json_object_get(entry, "waiting"))};
}

int heed_notebook_n_attempts(const heed_notebook *notebook, const char *id)
{
    return (int)json_array_size(json_object_get(entry_of(notebook, id), "attempts"));
}

heed_notebook_attempt heed_notebook_attempt_at(const heed_notebook *notebook, const char *id, int i)
{
    const json_t *one = json_array_get(json_object_get(entry_of(notebook, id), "attempts"), (size_t)i),
                 *answer = json_object_get(one, "answer");

    return (heed_notebook_attempt){.at = json_integer_value(json_object_get(one, "at")),
                                   .variant = json_integer_value(json_object_get(one, "variant")),
                                   .ok = json_is_true(json_object_get(one, "ok")),
                                   .answer = json_is_string(answer) ? json_string_value(answer) : ""};
}

int heed_notebook_walk_last(const heed_notebook *notebook)
{
    const int64_t last = count_of(json_object_get(notebook->root, "walk"), "last");

    return last < INT32_MAX ? (int)last : 0;
}

bool heed_notebook_walk_done(const heed_notebook *notebook, int step)
{
    const json_t *done = json_object_get(json_object_get(notebook->root, "walk"), "done");

    for (size_t i = 0; i < json_array_size(done); i++) {
        if (json_integer_value(json_array_get(done, i)) == step)
            return true;
    }
    return false;
}

const char *heed_notebook_walk_text(const heed_notebook *notebook)
{
    const char *text = json_string_value(json_object_get(json_object_get(notebook->root, "walk"), "text"));

    return text != NULL ? text : "";
}

heed_status heed_notebook_pose(const heed_notebook *notebook, const heed_workbook *book, const char *id,
                               heed_posing **posing, heed_error *err)
{
    const heed_notebook_entry entry = heed_notebook_entry_of(notebook, id);
    heed_status status = HEED_ERR_USAGE;

    if (entry.params != NULL)
        status = heed_workbook_pose_with(book, id, entry.params, posing, err);
    else if (entry.variant > 0)
        status = heed_workbook_pose(book, id, entry.variant, posing, err);
    return status == HEED_OK ? status : heed_workbook_pose(book, id, 0, posing, err);
}

/* --- changing --- */

/* Under the lock: everything that others have written, then what is not saved yet. */
static heed_status save(heed_notebook *notebook, heed_error *err)
{
    int lock = -1;
    heed_status status;

    if (notebook->path[0] == '\0')
        return heed_state_place(notebook->path, err);
    status = heed_state_lock(notebook->path, &lock, err);
    if (status != HEED_OK)
        return status;
    status = load(notebook, err);
    if (status == HEED_OK)
        status = heed_json_write(notebook->path, notebook->root, err);
    if (status == HEED_OK)
        json_array_clear(notebook->unsaved);
    close(lock);
    return status;
}

/* Takes the change over. */
static heed_status change(heed_notebook *notebook, json_t *what, heed_error *err)
{
    if (what == NULL)
        return no_memory(err);
    heed_state_change(notebook->root, what);
    json_array_append_new(notebook->unsaved, what);
    return save(notebook, err);
}

heed_status heed_notebook_work_on(heed_notebook *notebook, const char *id, heed_error *err)
{
    const char *now = heed_notebook_now(notebook);

    if (now != NULL && strcmp(now, id) == 0)
        return HEED_OK;
    return change(notebook, json_pack("{s:s, s:s}", "do", "work", "id", id), err);
}

heed_status heed_notebook_use(heed_notebook *notebook, const char *id, int64_t variant, const char *params,
                              heed_error *err)
{
    json_t *own = params != NULL ? json_loads(params, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (params != NULL && !json_is_object(own)) {
        json_decref(own);
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected its parameters as a JSON object", id);
    }
    return change(notebook,
                  json_pack("{s:s, s:s, s:I, s:o*}", "do", "use", "id", id, "variant", (json_int_t)variant,
                            "params", own),
                  err);
}

/* The beginning of text that is whole UTF-8, at most n bytes. */
static json_t *beginning(const char *text, size_t n)
{
    json_t *kept = NULL;

    n = strnlen(text, n);
    while (kept == NULL && n > 0)
        kept = json_stringn(text, n--);
    return kept != NULL ? kept : json_string("");
}

/* NULL: it is longer than what is kept, or no UTF-8. */
static json_t *whole(const char *text)
{
    return strlen(text) <= HEED_STATE_WORDS ? json_string(text) : NULL;
}

heed_status heed_notebook_predicted(heed_notebook *notebook, const char *id, const char *answer,
                                    const char *words, heed_error *err)
{
    json_t *kept = whole(answer), *own = words != NULL ? whole(words) : NULL;

    if (kept == NULL || (words != NULL && own == NULL)) {
        json_decref(kept);
        json_decref(own);
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected an answer of at most %d bytes in UTF-8", id,
                         HEED_STATE_WORDS);
    }
    return change(notebook,
                  json_pack("{s:s, s:s, s:o, s:o*}", "do", "predict", "id", id, "answer", kept, "words", own),
                  err);
}

heed_status heed_notebook_attempted(heed_notebook *notebook, const heed_posing *posing, bool ok,
                                    const char *answer, heed_error *err)
{
    json_t *what = json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "do", "attempt", "id", posing->part->info.id,
                             "at", (json_int_t)time(NULL), "variant", (json_int_t)posing->variant, "ok", ok,
                             "answer", beginning(answer, HEED_STATE_ANSWER));
    const json_t *entry = entry_of(notebook, posing->part->info.id);

    /* a posing has all parameters, the notebook those that were given */
    if (posing->variant < 0)
        json_object_set(what, "params", json_object_get(entry, "params"));
    return change(notebook, what, err);
}

heed_status heed_notebook_hinted(heed_notebook *notebook, const char *id, int64_t n, heed_error *err)
{
    return change(notebook, json_pack("{s:s, s:s, s:I}", "do", "hint", "id", id, "n", (json_int_t)n), err);
}

heed_status heed_notebook_explained(heed_notebook *notebook, const char *id, heed_error *err)
{
    return change(notebook, json_pack("{s:s, s:s}", "do", "explain", "id", id), err);
}

heed_status heed_notebook_note(heed_notebook *notebook, const char *id, const char *text, heed_error *err)
{
    json_t *kept = strlen(text) <= HEED_STATE_NOTE ? json_string(text) : NULL;

    if (kept == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected a note of at most %d bytes in UTF-8", id,
                         HEED_STATE_NOTE);
    return change(notebook, json_pack("{s:s, s:s, s:o}", "do", "note", "id", id, "text", kept), err);
}

heed_status heed_notebook_walked(heed_notebook *notebook, int step, const char *text, heed_error *err)
{
    return change(
        notebook,
        json_pack("{s:s, s:i, s:o}", "do", "walk", "n", step, "text", beginning(text, HEED_STATE_PATH)), err);
}

heed_status heed_notebook_forget(heed_notebook *notebook, const char *id, heed_error *err)
{
    return change(notebook, json_pack("{s:s, s:s}", "do", "forget", "id", id), err);
}

heed_status heed_notebook_reset(heed_notebook *notebook, heed_error *err)
{
    json_t *empty = heed_state_empty();
    char old[HEED_STATE_PATH + 8];
    int lock = -1;
    heed_status status;

    if (empty == NULL)
        return no_memory(err);
    json_decref(notebook->root);
    notebook->root = empty;
    json_array_clear(notebook->unsaved);
    if (notebook->path[0] == '\0')
        return heed_state_place(notebook->path, err);
    status = heed_state_lock(notebook->path, &lock, err);
    if (status != HEED_OK)
        return status;
    snprintf(old, sizeof old, "%s.old", notebook->path);
    if (access(notebook->path, F_OK) == 0 && rename(notebook->path, old) != 0)
        status = heed_fail(err, HEED_ERR_FILE, "%.200s: cannot be put aside", notebook->path);
    if (status == HEED_OK)
        status = heed_json_write(notebook->path, notebook->root, err);
    close(lock);
    return status;
}
