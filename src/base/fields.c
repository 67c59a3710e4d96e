/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <heed/fields.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"

/* Dashes count as underscores. */
static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    }
    return *a == *b;
}

const heed_field *heed_field_find(const heed_field *fields, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (same_name(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

const char *heed_field_nearest(const heed_field *fields, int n, const char *name)
{
    const char *best = NULL;
    int best_distance = 0;

    for (int i = 0; i < n; i++) {
        const int distance = heed_edit_distance(name, fields[i].name);
        if (heed_is_near(name, distance) && (best == NULL || distance < best_distance)) {
            best = fields[i].name;
            best_distance = distance;
        }
    }
    return best;
}

/* --- one value from text --- */

static heed_status expected_range(const heed_field *f, const char *what, const char *text, heed_error *err)
{
    char shown[64];

    return heed_fail(err, HEED_ERR_USAGE, "%s: expected %s from %.15g to %.15g, got \"%s\"", f->name, what,
                     f->min, f->max, heed_quote(shown, sizeof shown, text, strlen(text)));
}

static heed_status set_integer(const heed_field *f, int64_t *to, const char *text, heed_error *err)
{
    char *end = NULL;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || (double)value < f->min || (double)value > f->max)
        return expected_range(f, "a whole number", text, err);
    *to = value;
    return HEED_OK;
}

static heed_status set_number(const heed_field *f, double *to, const char *text, heed_error *err)
{
    char *end = NULL;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= f->min && value <= f->max))
        return expected_range(f, "a number", text, err);
    *to = value;
    return HEED_OK;
}

static heed_status set_boolean(const heed_field *f, bool *to, const char *text, heed_error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    char shown[64];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *to = i % 2 == 1;
            return HEED_OK;
        }
    }
    return heed_fail(err, HEED_ERR_USAGE, "%s: expected true or false, got \"%s\"", f->name,
                     heed_quote(shown, sizeof shown, text, strlen(text)));
}

static heed_status set_choice(const heed_field *f, int *to, const char *text, heed_error *err)
{
    char shown[64], words[200] = "";

    for (int i = 0; f->choices[i] != NULL; i++) {
        if (same_name(f->choices[i], text)) {
            *to = i;
            return HEED_OK;
        }
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", i > 0 ? ", " : "", f->choices[i]);
    }
    return heed_fail(err, HEED_ERR_USAGE, "%s: expected one of %s, got \"%s\"", f->name, words,
                     heed_quote(shown, sizeof shown, text, strlen(text)));
}

static heed_status set_text(const heed_field *f, char *to, const char *text, heed_error *err)
{
    const size_t n = strlen(text);
    char shown[64];

    if (!heed_utf8_is_valid(text, n))
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected UTF-8, got \"%s\"", f->name,
                         heed_quote(shown, sizeof shown, text, n));
    if (n >= (size_t)f->max)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected at most %zu bytes, got %zu", f->name,
                         (size_t)f->max - 1, n);
    memcpy(to, text, n + 1);
    return HEED_OK;
}

heed_status heed_field_set(const heed_field *fields, int n, void *structure, const char *name, const char *text,
                           heed_error *err)
{
    const heed_field *f = heed_field_find(fields, n, name);
    const char *near = f == NULL ? heed_field_nearest(fields, n, name) : NULL;
    char shown[64];

    if (f == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "there is no setting \"%s\"%s%s%s",
                         heed_quote(shown, sizeof shown, name, strlen(name)),
                         near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    void *to = (char *)structure + f->offset;
    switch (f->type) {
    case HEED_FIELD_INTEGER:
        return set_integer(f, to, text, err);
    case HEED_FIELD_NUMBER:
        return set_number(f, to, text, err);
    case HEED_FIELD_BOOLEAN:
        return set_boolean(f, to, text, err);
    case HEED_FIELD_CHOICE:
        return set_choice(f, to, text, err);
    case HEED_FIELD_TEXT:
        return set_text(f, to, text, err);
    }
    return HEED_ERR_INTERNAL;
}

/* --- and back --- */

const char *heed_field_get(const heed_field *f, const void *structure, char *out, size_t size)
{
    const void *from = (const char *)structure + f->offset;

    switch (f->type) {
    case HEED_FIELD_INTEGER:
        snprintf(out, size, "%lld", (long long)*(const int64_t *)from);
        break;
    case HEED_FIELD_NUMBER:
        snprintf(out, size, "%.17g", *(const double *)from);
        for (int digits = 1; digits < 17; digits++) { /* the shortest that says the same: 10, not 1e+01 */
            char shorter[32];
            snprintf(shorter, sizeof shorter, "%.*g", digits, *(const double *)from);
            if (strtod(shorter, NULL) == *(const double *)from && strlen(shorter) < strlen(out))
                snprintf(out, size, "%s", shorter);
        }
        break;
    case HEED_FIELD_BOOLEAN:
        snprintf(out, size, "%s", *(const bool *)from ? "true" : "false");
        break;
    case HEED_FIELD_CHOICE:
        snprintf(out, size, "%s", f->choices[*(const int *)from]);
        break;
    case HEED_FIELD_TEXT:
        snprintf(out, size, "%s", (const char *)from);
        break;
    }
    return out;
}

static int n_choices(const heed_field *f)
{
    int n = 0;

    while (f->choices[n] != NULL)
        n++;
    return n;
}

heed_status heed_fields_check(const heed_field *fields, int n, const void *structure, heed_error *err)
{
    for (int i = 0; i < n; i++) {
        const heed_field *f = &fields[i];
        const void *from = (const char *)structure + f->offset;
        double value, min = f->min, max = f->max;

        if (f->type == HEED_FIELD_INTEGER)
            value = (double)*(const int64_t *)from;
        else if (f->type == HEED_FIELD_NUMBER)
            value = *(const double *)from;
        else if (f->type == HEED_FIELD_CHOICE) {
            value = (double)*(const int *)from;
            min = 0.0;
            max = (double)n_choices(f) - 1.0;
        } else
            continue;
        if (!(value >= min && value <= max))
            return heed_fail(err, HEED_ERR_USAGE, "%s: expected a value from %.15g to %.15g, got %.10g",
                             f->name, min, max, value);
    }
    return HEED_OK;
}
