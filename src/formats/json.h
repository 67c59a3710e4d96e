/* SPDX-License-Identifier: MIT */
/*
 * JSON: Jansson with limits, clear messages and typed getters.
 *
 * Accepted is one object in strict UTF-8 JSON, nested at most HEED_JSON_MAX_DEPTH deep, without
 * duplicate keys, NaN or numbers that overflow. Values are Jansson's json_t, so that everything else
 * (loops over lists, building objects) is plain Jansson.
 *
 *     json_t *root = NULL;
 *     if (heed_json_load("story/config.json", HEED_JSON_CONFIG_BYTES, &root, err) != HEED_OK)
 *         return err->status;
 *     heed_json_reader r = heed_json_read(root, "story/config.json", err);
 *     config.n_layers = heed_json_int(&r, "n_layer", 12, 1, 1024);
 *     config.activation = heed_json_string(&r, "activation_function", "gelu_new");
 *     status = r.status;                                       the first failure, or HEED_OK
 *     json_decref(root);
 *
 * A failing getter gives `story/config.json: expected an integer "n_layer" between 1 and 1024, got "abc"`.
 */
#ifndef HEED_FORMATS_JSON_H
#define HEED_FORMATS_JSON_H

#include <heed/status.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text_buffer.h"

#define HEED_JSON_MAX_DEPTH    64
#define HEED_JSON_CONFIG_BYTES ((size_t)1 << 20) /* the largest configuration taken */

/**
 * Parses size bytes as one object with at most max_values values in all (a value takes some 100 bytes
 * of memory, however short it is in the text). `where` names the text in messages. The caller gives
 * *root back with json_decref(); it is NULL after a failure.
 */
heed_status heed_json_parse(const char *text, size_t size, size_t max_values, const char *where, json_t **root,
                            heed_error *err);

/** The same for a file of at most max_bytes. */
heed_status heed_json_load(const char *path, size_t max_bytes, json_t **root, heed_error *err);

/** Appends the value as text: on one line for indent 0, else indented. Reals keep their value exactly. */
heed_status heed_json_format(const json_t *value, int indent, heed_text_buffer *out, heed_error *err);

/** Replaces the file at path by the value, indented by 2, keys in the order of insertion. */
heed_status heed_json_write(const char *path, const json_t *value, heed_error *err);

/*
 * Reads the members of one object. The first failure is kept in status and err; from then on getters
 * return their fallback. A missing member or null gives the fallback as it is.
 */
typedef struct heed_json_reader {
    const json_t *object; /* lent */
    const char *where;    /* names the file in messages; lent */
    heed_error *err;
    heed_status status;
} heed_json_reader;

/** A reader of object. Anything but an object is a failure in status. */
heed_json_reader heed_json_read(const json_t *object, const char *where, heed_error *err);

/** True when the member is there and not null. */
bool heed_json_has(const heed_json_reader *reader, const char *key);
/** Fails unless the member is there and not null; for members without a fallback. */
void heed_json_require(heed_json_reader *reader, const char *key);
/** An integer in min .. max; a real, even 4.0, is refused. */
int64_t heed_json_int(heed_json_reader *reader, const char *key, int64_t fallback, int64_t min, int64_t max);
/** An integer or a real in min .. max. */
double heed_json_number(heed_json_reader *reader, const char *key, double fallback, double min, double max);
bool heed_json_bool(heed_json_reader *reader, const char *key, bool fallback);
/** A string without zero bytes, lent by the object. */
const char *heed_json_string(heed_json_reader *reader, const char *key, const char *fallback);
/** The index of the member's string in names[0 .. n_names-1]; the message of a failure lists the names. */
int heed_json_choice(heed_json_reader *reader, const char *key, const char *const *names, int n_names,
                     int fallback);
/** A member that is itself an object, or a list; NULL when missing, null or of another type (a failure). */
json_t *heed_json_object(heed_json_reader *reader, const char *key);
json_t *heed_json_list(heed_json_reader *reader, const char *key);

#endif
