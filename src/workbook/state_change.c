/* SPDX-License-Identifier: MIT */
/* What changes in a notebook. */
#include <string.h>

#include "workbook/state.h"

/* The entry of an exercise, made where it is not there. */
static json_t *entry_of(json_t *root, const char *id)
{
    json_t *exercises = json_object_get(root, "exercises"), *entry = json_object_get(exercises, id);

    if (entry == NULL) {
        entry = json_object();
        json_object_set_new(exercises, id, entry);
    }
    return entry;
}

static void add(json_t *entry, const char *name)
{
    json_object_set_new(entry, name, json_integer(json_integer_value(json_object_get(entry, name)) + 1));
}

bool heed_state_in_force(const json_t *entry, int64_t variant, const json_t *params)
{
    const json_t *own = json_object_get(entry, "params");

    if (json_is_object(own) || json_is_object(params))
        return json_equal(own, params);
    return json_integer_value(json_object_get(entry, "variant")) == variant;
}

static void use(json_t *entry, const json_t *change)
{
    json_t *params = json_object_get(change, "params");

    json_object_set(entry, "variant", json_object_get(change, "variant"));
    if (json_is_object(params))
        json_object_set(entry, "params", params);
    else
        json_object_del(entry, "params");
    json_object_del(entry, "tried");
    json_object_del(entry, "hints");
    json_object_del(entry, "explained");
    json_object_del(entry, "waiting");
}

/* It waits for its experiment. */
static void predict(json_t *entry, const json_t *change)
{
    json_object_set(entry, "waiting", json_object_get(change, "answer"));
    if (json_is_string(json_object_get(change, "words")))
        json_object_set(entry, "words", json_object_get(change, "words"));
}

/* Attempts at other numbers, which another workbook has put in force meanwhile, count too. */
static void attempt(json_t *entry, const json_t *change)
{
    json_t *attempts = json_object_get(entry, "attempts"), *one = json_copy((json_t *)(uintptr_t)change);

    if (!json_is_array(attempts)) {
        attempts = json_array();
        json_object_set_new(entry, "attempts", attempts);
    }
    json_object_del(one, "do");
    json_object_del(one, "id");
    json_object_del(one, "params");
    if (json_object_get(change, "params") != NULL)
        json_object_set_new(one, "variant", json_integer(-1));
    json_array_append_new(attempts, one);
    while (json_array_size(attempts) > HEED_STATE_ATTEMPTS)
        json_array_remove(attempts, 0);
    json_object_del(entry, "waiting");
    add(entry, json_is_true(json_object_get(change, "ok")) ? "right" : "wrong");
    if (heed_state_in_force(entry, json_integer_value(json_object_get(change, "variant")),
                            json_object_get(change, "params")))
        add(entry, "tried");
}

static void hint(json_t *entry, const json_t *change)
{
    const json_int_t n = json_integer_value(json_object_get(change, "n"));

    if (json_integer_value(json_object_get(entry, "hints")) < n)
        json_object_set_new(entry, "hints", json_integer(n));
}

static void note(json_t *entry, const json_t *change)
{
    json_t *text = json_object_get(change, "text");

    if (json_string_length(text) > 0)
        json_object_set(entry, "note", text);
    else
        json_object_del(entry, "note");
}

/* The steps that were walked, each once, in the order of their numbers. */
static void walk(json_t *root, const json_t *change)
{
    const json_int_t n = json_integer_value(json_object_get(change, "n"));
    json_t *all = json_object_get(root, "walk"), *done = json_object_get(all, "done");
    size_t at = 0;

    if (!json_is_object(all)) {
        all = json_object();
        json_object_set_new(root, "walk", all);
    }
    if (!json_is_array(done)) {
        done = json_array();
        json_object_set_new(all, "done", done);
    }
    while (at < json_array_size(done) && json_integer_value(json_array_get(done, at)) < n)
        at++;
    if (json_integer_value(json_array_get(done, at)) != n)
        json_array_insert_new(done, at, json_integer(n));
    json_object_set_new(all, "last", json_integer(n));
    json_object_set(all, "text", json_object_get(change, "text"));
}

void heed_state_change(json_t *root, const json_t *change)
{
    const char *what = json_string_value(json_object_get(change, "do")),
               *id = json_string_value(json_object_get(change, "id"));
    json_t *entry;

    if (strcmp(what, "forget") == 0) {
        json_object_del(json_object_get(root, "exercises"), id);
        return;
    }
    if (strcmp(what, "walk") == 0) {
        walk(root, change);
        return;
    }
    json_object_set(root, "now", json_object_get(change, "id"));
    if (strcmp(what, "work") == 0)
        return;
    entry = entry_of(root, id);
    if (strcmp(what, "use") == 0)
        use(entry, change);
    else if (strcmp(what, "predict") == 0)
        predict(entry, change);
    else if (strcmp(what, "attempt") == 0)
        attempt(entry, change);
    else if (strcmp(what, "hint") == 0)
        hint(entry, change);
    else if (strcmp(what, "explain") == 0)
        json_object_set_new(entry, "explained", json_true());
    else if (strcmp(what, "note") == 0)
        note(entry, change);
}
