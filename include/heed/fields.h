/* SPDX-License-Identifier: MIT */
/**
 * Settings by name: one table says what a structure holds, and options, JSON files and help all read it.
 *
 *     int n;
 *     const heed_field *fields = heed_config_fields(&n);
 *     heed_config config = heed_config_default();
 *     heed_status s = heed_field_set(fields, n, &config, "n_layers", "4", &err);
 *
 * Names are written with underscores; dashes are accepted.
 */
#ifndef HEED_FIELDS_H
#define HEED_FIELDS_H

#include <heed/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_field_type {
    HEED_FIELD_INTEGER, /* int64_t */
    HEED_FIELD_NUMBER,  /* double */
    HEED_FIELD_BOOLEAN, /* bool: true or false, yes or no, on or off, 1 or 0 */
    HEED_FIELD_CHOICE,  /* int: the index of the word in choices */
    HEED_FIELD_TEXT,    /* char[max]: UTF-8, ended by 0 */
} heed_field_type;

typedef struct heed_field {
    const char *name; /* d_model */
    const char *help; /* a few words */
    heed_field_type type;
    size_t offset;   /* in the structure */
    double min, max; /* of integers and numbers, both allowed; max of a text: bytes, the 0 included */
    const char *const *choices; /* of a choice: words, then NULL */
} heed_field;

/** The field of that name, NULL if there is none. */
HEED_API const heed_field *heed_field_find(const heed_field *fields, int n, const char *name);
/** The field name nearest to a wrong one, NULL if none is near. */
HEED_API const char *heed_field_nearest(const heed_field *fields, int n, const char *name);
/**
 * Sets a field from text. HEED_ERR_USAGE says what was expected: an unknown name (with the near one), not a number,
 * out of range, not one of the words, a text that is too long or not UTF-8.
 */
HEED_API heed_status heed_field_set(const heed_field *fields, int n, void *structure, const char *name,
                                    const char *text, heed_error *err);
/**
 * The field's value as text that heed_field_set() takes; out holds 32 characters or more, and what a text needs. Returns
 * out.
 */
HEED_API const char *heed_field_get(const heed_field *field, const void *structure, char *out, size_t size);
/** Every number in its range and not NaN. HEED_ERR_USAGE names the first that is not. */
HEED_API heed_status heed_fields_check(const heed_field *fields, int n, const void *structure, heed_error *err);

/* A structure with its table. */
typedef struct heed_settings {
    const heed_field *fields;
    int n;
    void *structure;
} heed_settings;

/**
 * Sets fields from a JSON file, {"n_layers": 4, "steps": 500, ...}: each member goes to the first of the tables that has
 * its name. HEED_ERR_FILE: no such file, a name that no table has (with the near one), a value that is not possible.
 */
HEED_API heed_status heed_fields_load(const char *path, const heed_settings *settings, int n_settings,
                                      heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
