/* SPDX-License-Identifier: MIT */
#include "formats/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define SHOWN_SIZE 64  /* how much foreign text a message carries */
#define WHERE_SIZE 224 /* and how much of a path */

static const char *show_where(char out[WHERE_SIZE], const char *where)
{
    return heed_quote(out, WHERE_SIZE, where, strlen(where));
}

/* Depth and number of values by looking at brackets, commas and quotes alone, before anything is allocated. */
static heed_status check_limits(const char *text, size_t size, size_t max_values, const char *where,
                                heed_error *err)
{
    size_t n_values = 1;
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        const char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            n_values++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            n_values++;
        }
        if (depth > HEED_JSON_MAX_DEPTH)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected JSON at most %d levels deep, got more", where,
                             HEED_JSON_MAX_DEPTH);
        if (n_values > max_values)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %zu JSON values, got more", where,
                             max_values);
    }
    return HEED_OK;
}

heed_status heed_json_parse(const char *text, size_t size, size_t max_values, const char *where, json_t **root,
                            heed_error *err)
{
    json_error_t fault;
    char shown[SHOWN_SIZE * 2], name[WHERE_SIZE];
    heed_status status;

    *root = NULL;
    where = show_where(name, where);
    if (size == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a JSON object, got nothing", where);
    status = check_limits(text, size, max_values, where, err);
    if (status != HEED_OK)
        return status;
    *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    if (*root == NULL) {
        if (json_error_code(&fault) == json_error_out_of_memory)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory to read %zu bytes of JSON", where,
                             size);
        return heed_fail(err, HEED_ERR_FILE, "%s: not valid JSON at line %d, column %d: %s", where, fault.line,
                         fault.column, heed_quote(shown, sizeof shown, fault.text, strlen(fault.text)));
    }
    if (!json_is_object(*root)) {
        json_decref(*root);
        *root = NULL;
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a JSON object { ... }, got a list", where);
    }
    return HEED_OK;
}

heed_status heed_json_load(const char *path, size_t max_bytes, json_t **root, heed_error *err)
{
    heed_file file = {0};
    char name[WHERE_SIZE];
    heed_status status = heed_file_open(&file, path, err);

    *root = NULL;
    if (status != HEED_OK)
        return status;
    if (file.size > max_bytes)
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected at most %zu bytes of JSON, got %zu",
                           show_where(name, path), max_bytes, file.size);
    else
        status = heed_json_parse(file.data, file.size, SIZE_MAX, path, root, err);
    heed_file_close(&file);
    return status;
}

/* True when every real inside value survives being printed with `digits` digits. */
static bool digits_suffice(const json_t *value, int digits)
{
    char text[64];
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_real(value)) {
        snprintf(text, sizeof text, "%.*g", digits, json_real_value(value));
        return strtod(text, NULL) == json_real_value(value);
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, member) if (!digits_suffice(member, digits)) return false;
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key,
                            member) if (!digits_suffice(member, digits)) return false;
    }
    return true;
}

static int append(const char *text, size_t size, void *out)
{
    heed_text_append(out, text, size);
    return 0;
}

heed_status heed_json_format(const json_t *value, int indent, heed_text_buffer *out, heed_error *err)
{
    size_t digits = 6; /* 17 always suffice, but would show 0.0003 as 0.00029999999999999997 */

    while (digits < 17 && !digits_suffice(value, (int)digits))
        digits++;
    if (json_dump_callback(value, append, out,
                           JSON_INDENT((size_t)indent) | JSON_REAL_PRECISION(digits) | JSON_ENCODE_ANY) != 0 ||
        out->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write JSON");
    return HEED_OK;
}

heed_status heed_json_write(const char *path, const json_t *value, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status = heed_json_format(value, 2, &text, err);

    if (status == HEED_OK) {
        const heed_bytes pieces[] = {{text.data, text.size}, {"\n", 1}};
        status = heed_file_write(path, pieces, 2, err);
    }
    heed_text_free(&text);
    return status;
}

heed_json_reader heed_json_read(const json_t *object, const char *where, heed_error *err)
{
    heed_json_reader reader = {.object = object, .where = where, .err = err, .status = HEED_OK};
    char name[WHERE_SIZE];

    if (!json_is_object(object))
        reader.status = heed_fail(err, HEED_ERR_FILE, "%s: expected a JSON object", show_where(name, where));
    return reader;
}

/* The member, or NULL when the fallback is to be used. */
static json_t *member_of(const heed_json_reader *reader, const char *key)
{
    json_t *value = reader->status == HEED_OK ? json_object_get(reader->object, key) : NULL;

    return json_is_null(value) ? NULL : value;
}

/* The value as a message shows it: a scalar as it stands in the file, cut when long. */
static const char *show(char out[SHOWN_SIZE], const json_t *value)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6);
    char *text;

    if (value == NULL || json_is_array(value) || json_is_object(value)) {
        snprintf(out, SHOWN_SIZE, "%s",
                 value == NULL          ? "nothing"
                 : json_is_array(value) ? "a list"
                                        : "an object");
        return out;
    }
    text = json_dumps(value, flags);
    heed_quote(out, SHOWN_SIZE, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
    free(text);
    return out;
}

/* what: "an integer"; suffix: " between 1 and 3" or "". */
static void refuse(heed_json_reader *reader, const char *what, const char *key, const char *suffix)
{
    char shown[SHOWN_SIZE], name[WHERE_SIZE];

    reader->status = heed_fail(reader->err, HEED_ERR_FILE, "%s: expected %s \"%s\"%s, got %s",
                               show_where(name, reader->where), what, key, suffix,
                               show(shown, json_object_get(reader->object, key)));
}

bool heed_json_has(const heed_json_reader *reader, const char *key)
{
    return member_of(reader, key) != NULL;
}

void heed_json_require(heed_json_reader *reader, const char *key)
{
    if (reader->status == HEED_OK && member_of(reader, key) == NULL)
        refuse(reader, "a value for", key, "");
}

int64_t heed_json_int(heed_json_reader *reader, const char *key, int64_t fallback, int64_t min, int64_t max)
{
    const json_t *value = member_of(reader, key);
    char range[80];

    if (value == NULL)
        return fallback;
    if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max)
        return json_integer_value(value);
    snprintf(range, sizeof range, " between %lld and %lld", (long long)min, (long long)max);
    refuse(reader, "an integer", key, range);
    return fallback;
}

double heed_json_number(heed_json_reader *reader, const char *key, double fallback, double min, double max)
{
    const json_t *value = member_of(reader, key);
    char range[80];

    if (value == NULL)
        return fallback;
    if (json_is_number(value) && json_number_value(value) >= min && json_number_value(value) <= max)
        return json_number_value(value);
    snprintf(range, sizeof range, " between %g and %g", min, max);
    refuse(reader, "a number", key, range);
    return fallback;
}

bool heed_json_bool(heed_json_reader *reader, const char *key, bool fallback)
{
    const json_t *value = member_of(reader, key);

    if (value != NULL && !json_is_boolean(value))
        refuse(reader, "true or false for", key, "");
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

const char *heed_json_string(heed_json_reader *reader, const char *key, const char *fallback)
{
    const json_t *value = member_of(reader, key);

    if (value != NULL && !json_is_string(value))
        refuse(reader, "a string", key, "");
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int heed_json_choice(heed_json_reader *reader, const char *key, const char *const *names, int n_names,
                     int fallback)
{
    const json_t *value = member_of(reader, key);
    heed_text_buffer list = {0};

    if (value == NULL)
        return fallback;
    for (int i = 0; i < n_names; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0)
            return i;
    for (int i = 0; i < n_names; i++)
        heed_text_printf(&list, "%s\"%s\"", i == 0 ? " of " : i + 1 == n_names ? " or " : ", ", names[i]);
    refuse(reader, "a value for", key, list.data == NULL ? "" : list.data);
    heed_text_free(&list);
    return fallback;
}

json_t *heed_json_object(heed_json_reader *reader, const char *key)
{
    json_t *value = member_of(reader, key);

    if (value != NULL && !json_is_object(value))
        refuse(reader, "an object", key, "");
    return json_is_object(value) ? value : NULL;
}

json_t *heed_json_list(heed_json_reader *reader, const char *key)
{
    json_t *value = member_of(reader, key);

    if (value != NULL && !json_is_array(value))
        refuse(reader, "a list", key, "");
    return json_is_array(value) ? value : NULL;
}
