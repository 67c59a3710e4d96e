/* SPDX-License-Identifier: MIT */
#include "workbook/read_answer.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "formats/matrix_number.h"

#define NUMBER_BYTES \
    512 /* of one number as it is written, so that a long row is not looked through for each of its numbers */

/* --- one number --- */

static const struct {
    const char *name;
    double factor;
    bool bytes;
} units[] = {
    {"KiB", 1024.0, true}, {"MiB", 1048576.0, true}, {"GiB", 1073741824.0, true}, {"kB", 1e3, true},
    {"KB", 1e3, true},     {"MB", 1e6, true},        {"GB", 1e9, true},           {"B", 1.0, true},
    {"k", 1e3, false},     {"K", 1e3, false},        {"M", 1e6, false},           {"G", 1e9, false},
};

/* What a value in bytes counts in the unit that the field's name has: MiB_one_head. */
static double in_unit_of(const char *field, double bytes)
{
    static const char *const named[] = {"KiB", "MiB", "GiB", "kB", "MB", "GB"};

    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        for (size_t k = 0; strstr(field, named[i]) != NULL && k < sizeof units / sizeof units[0]; k++) {
            if (strcmp(units[k].name, named[i]) == 0)
                return bytes / units[k].factor;
        }
    }
    return bytes;
}

/* "nan", "-inf" in its spellings; 0: no such word. */
static size_t special(const char *text, double *x)
{
    static const struct {
        const char *word;
        double x;
    } words[] = {
        {"-infinity", -INFINITY},
        {"-inf", -INFINITY},
        {"-\xE2\x88\x9E", -INFINITY},
        {"\xE2\x88\x92\xE2\x88\x9E", -INFINITY},
        {"\xE2\x88\x92inf", -INFINITY},
        {"infinity", INFINITY},
        {"inf", INFINITY},
        {"\xE2\x88\x9E", INFINITY},
        {"nan", NAN},
        {"-nan", NAN}, /* as C prints 0/0 */
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t n = strlen(words[i].word);
        if (strncasecmp(text, words[i].word, n) == 0 && !isalnum((unsigned char)text[n])) {
            *x = words[i].x;
            return n;
        }
    }
    return 0;
}

/* 2,097,152 and 2 097 152 without the signs between; out [size]. */
static void join_groups(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; text[i] != '\0' && n + 4 < size; i++) {
        const bool between = i > 0 && isdigit((unsigned char)text[i - 1]) &&
                             isdigit((unsigned char)text[i + 1]) && isdigit((unsigned char)text[i + 2]) &&
                             isdigit((unsigned char)text[i + 3]) && !isdigit((unsigned char)text[i + 4]);

        if ((text[i] == ',' || text[i] == ' ' || text[i] == '_') && between)
            continue;
        if (strncmp(text + i, "\xE2\x88\x92", 3) == 0) { /* a minus sign of its own */
            out[n++] = '-';
            i += 2;
        } else
            out[n++] = text[i];
    }
    out[n] = '\0';
}

static const char *after_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Reads the number at text; *used is its bytes. */
static heed_status read_number(const heed_field_spec *f, const char *text, double *x, size_t *used,
                               heed_error *err)
{
    heed_status status;
    const char *rest;

    *used = special(text, x);
    if (*used > 0)
        return HEED_OK;
    status = heed_matrix_number(text, strnlen(text, NUMBER_BYTES), x, used, err);
    if (status != HEED_OK)
        return status;
    rest = after_blanks(text + *used);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t n = strlen(units[i].name);
        if (strncmp(rest, units[i].name, n) != 0 || isalnum((unsigned char)rest[n]))
            continue;
        *x = units[i].bytes ? in_unit_of(f->name, *x * units[i].factor) : *x * units[i].factor;
        *used = (size_t)(rest - text) + n;
        return HEED_OK;
    }
    if (*rest == '%') {
        *x = f->flags & HEED_ASKED_PERCENT ? *x : *x / 100.0;
        *used = (size_t)(rest - text) + 1;
    }
    return HEED_OK;
}

static heed_status wrong(const heed_field_spec *f, const char *expected, const char *text, heed_error *err)
{
    char shown[80];

    return heed_fail(err, HEED_ERR_USAGE, "%s: expected %s, got \"%s\"", f->name, expected,
                     heed_quote(shown, sizeof shown, text, strlen(text)));
}

static heed_status read_alone(const heed_field_spec *f, const char *text, json_t **value, heed_error *err)
{
    char joined[512];
    double x = 0.0;
    size_t used = 0;

    if (strlen(text) >= sizeof joined - 8)
        return wrong(f, "a number", "a long text", err);
    joined[0] = '('; /* blanks may stand around signs inside of parentheses: 200,000 * 256 */
    join_groups(after_blanks(text), joined + 1, sizeof joined - 2);
    if (read_number(f, joined + 1, &x, &used, NULL) != HEED_OK || *after_blanks(joined + 1 + used) != '\0') {
        strcat(joined, ")");
        if (read_number(f, joined, &x, &used, NULL) != HEED_OK || joined[used] != '\0')
            used = 0;
    }
    if (used == 0)
        return wrong(f, "a number such as 0.5, 1/3, 2^21 or 51.2M", text, err);
    *value = heed_json_of_double(x);
    return HEED_OK;
}

/* --- lists and matrices --- */

/* What stands between numbers: blanks, commas, the x of 1x4x8, in a list that of 1 x 4 x 8 too. */
static const char *after_gap(const heed_field_spec *f, const char *text)
{
    const char *behind;

    text += strspn(text, " \t,|");
    if (*text != 'x')
        return text;
    behind = f->kind == HEED_ANSWER_LIST ? after_blanks(text + 1) : text + 1;
    return isdigit((unsigned char)*behind) ? behind : text;
}

/* The minus and the times sign of print as those of a keyboard, in place. */
static void to_ascii(char *text)
{
    char *out = text;

    while (*text != '\0') {
        const bool minus = strncmp(text, "\xE2\x88\x92", 3) == 0, times = strncmp(text, "\xC3\x97", 2) == 0;

        *out++ = (char)(minus ? '-' : times ? 'x' : *text);
        text += minus ? 3 : times ? 2 : 1;
    }
    *out = '\0';
}

/* Numbers up to the end of a row: a semicolon, a line's end, a bracket. */
static heed_status read_row(const heed_field_spec *f, const char **text, int64_t row, json_t *out,
                            heed_error *err)
{
    const char *at = after_gap(f, *text);

    while (*at != '\0' && strchr(";\n\r])}", *at) == NULL) {
        double x = 0.0;
        size_t used = 0;
        char near[24];

        snprintf(near, sizeof near, "%.20s", at);
        if (read_number(f, at, &x, &used, NULL) != HEED_OK || used == 0)
            return heed_fail(err, HEED_ERR_USAGE, "%s, row %lld, column %zu: expected a number, got \"%s\"",
                             f->name, (long long)row, json_array_size(out) + 1, near);
        json_array_append_new(out, heed_json_of_double(x));
        at = after_gap(f, at + used);
    }
    *text = at;
    return HEED_OK;
}

/* All rows of text, each a list. */
static heed_status read_rows(const heed_field_spec *f, const char *text, json_t *rows, heed_error *err)
{
    heed_status status = HEED_OK;

    while (status == HEED_OK) {
        json_t *row;

        text += strspn(text, " \t\r\n;,[({])}");
        if (*text == '\0')
            break;
        row = json_array();
        json_array_append_new(rows, row);
        status = read_row(f, &text, (int64_t)json_array_size(rows), row, err);
    }
    return status;
}

static heed_status read_numbers(const heed_field_spec *f, const char *text, json_t **value, heed_error *err)
{
    json_t *rows = json_array();
    char *plain = strdup(text);
    heed_status status = HEED_OK;
    size_t n, width;

    if (plain == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
    else {
        to_ascii(plain);
        status = read_rows(f, plain, rows, err);
    }
    free(plain);
    n = json_array_size(rows);
    width = json_array_size(json_array_get(rows, 0));

    for (size_t i = 0; status == HEED_OK && f->kind == HEED_ANSWER_MATRIX && i < n; i++) {
        if (json_array_size(json_array_get(rows, i)) != width)
            status = heed_fail(err, HEED_ERR_USAGE, "%s, row %zu: expected %zu numbers as in row 1, got %zu",
                               f->name, i + 1, width, json_array_size(json_array_get(rows, i)));
    }
    if (status == HEED_OK && n == 0)
        status = wrong(f, f->kind == HEED_ANSWER_MATRIX ? "rows of numbers" : "numbers", text, err);
    if (status == HEED_OK && f->kind == HEED_ANSWER_LIST &&
        (f->flags & HEED_ASKED_FLAT) == 0) { /* one row, or one column, or both as they come */
        *value = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_extend(*value, json_array_get(rows, i));
    } else if (status == HEED_OK)
        *value = json_incref(rows);
    json_decref(rows);
    return status;
}

/* --- words --- */

static json_t *word(const char *text, size_t n)
{
    while (n > 0 && strchr(" \t\"'[(", *text) != NULL) {
        text++;
        n--;
    }
    while (n > 0 && strchr(" \t\r\n\"'])", text[n - 1]) != NULL)
        n--;
    return json_stringn(text, n);
}

/* 'x' or "x" as it is, blanks and signs too; NULL: text begins with nothing of the kind. *used: its bytes. */
static json_t *quoted(const char *text, size_t *used)
{
    const char *begin = text + strspn(text, " \t\r\n[("), *end;

    if (*begin != '"' && *begin != '\'')
        return NULL;
    end = begin[1] != '\0' ? strchr(begin + 2, *begin) : NULL; /* one sign at least: ''' is a quote */
    if (end == NULL)
        return NULL;
    *used = (size_t)(end + 1 - text);
    return json_stringn(begin + 1, (size_t)(end - begin) - 1);
}

/* Apart by commas or semicolons; where there are none, by blanks. */
static heed_status read_words(const heed_field_spec *f, const char *text, json_t **value, heed_error *err)
{
    const char *signs = strpbrk(text, ",;\n") != NULL ? ",;\n" : " \t";

    *value = json_array();
    while (*text != '\0') {
        size_t n = 0;
        json_t *item = f->flags & HEED_ASKED_LITERAL ? quoted(text, &n) : NULL;
        const bool literal = item != NULL;

        n += strcspn(text + n, signs);
        if (!literal)
            item = word(text, n);

        if (item == NULL) {
            json_decref(*value);
            *value = NULL;
            return wrong(f, "words in UTF-8", text, err);
        }
        if (json_string_length(item) > 0)
            json_array_append_new(*value, item);
        else
            json_decref(item);
        text += n + (text[n] != '\0');
    }
    return HEED_OK;
}

/* Letter by letter, in quotes or without the blanks around it. */
static json_t *literal(const char *text)
{
    size_t n, used = 0;
    json_t *whole = quoted(text, &used);

    if (whole != NULL && text[used + strspn(text + used, " \t\r\n")] == '\0')
        return whole;
    json_decref(whole);
    text += strspn(text, " \t\r\n");
    for (n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL;)
        n--;
    return json_stringn(text, n);
}

static heed_status read_truth(const heed_field_spec *f, const char *text, json_t **value, heed_error *err)
{
    static const char *const yes[] = {"yes", "y", "true", "1"}, *const no[] = {"no", "n", "false", "0"};

    text = after_blanks(text);
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = json_boolean(strcasecmp(text, yes[i]) == 0);
            return HEED_OK;
        }
    }
    return wrong(f, "yes or no", text, err);
}

heed_status heed_answer_read(const heed_field_spec *f, bool words, const char *text, json_t **value,
                             heed_error *err)
{
    *value = NULL;
    if (strlen(text) > HEED_ANSWER_MOST_BYTES)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected at most %d bytes, got %zu", f->name,
                         HEED_ANSWER_MOST_BYTES, strlen(text));
    switch (f->kind) {
    case HEED_ANSWER_NUMBER:
        return read_alone(f, text, value, err);
    case HEED_ANSWER_LIST:
        return words ? read_words(f, text, value, err) : read_numbers(f, text, value, err);
    case HEED_ANSWER_MATRIX:
        return read_numbers(f, text, value, err);
    case HEED_ANSWER_TENSOR:
        *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        return *value != NULL ? HEED_OK : wrong(f, "nested lists, [[[1, 2], [3, 4]]]", text, err);
    case HEED_ANSWER_TEXT:
        *value = f->flags & HEED_ASKED_LITERAL ? literal(text) : word(text, strlen(text));
        return *value != NULL ? HEED_OK : wrong(f, "a text in UTF-8", text, err);
    case HEED_ANSWER_TRUTH:
        return read_truth(f, text, value, err);
    }
    return heed_fail(err, HEED_ERR_INTERNAL, "%s: no such kind of answer", f->name);
}
