/* SPDX-License-Identifier: MIT */
#include "workbook/judge.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUS_INFINITE_ENOUGH (-1e9)
#define FAR_ENOUGH            3.0 /* tolerances between right and slip: an answer that is a little off is near neither */

/* --- numbers --- */

static double by_kind(const heed_tolerance *t, double expected)
{
    const bool whole = expected == floor(expected);
    const double size = fabs(expected) > 1.0 ? fabs(expected) : 1.0;

    switch (t->kind) {
    case HEED_TOLERANCE_EXACT:
        return whole ? 1e-6 : 1e-6 * size;
    case HEED_TOLERANCE_ABS:
        return t->t + 1e-9;
    case HEED_TOLERANCE_REL:
        return t->t * fabs(expected) * (1.0 + 1e-9);
    case HEED_TOLERANCE_PROGRAM:
        return t->t * size;
    case HEED_TOLERANCE_MIXED:
        return whole ? 1e-6 : t->t + 1e-9;
    case HEED_TOLERANCE_WIDER:
        return t->t > 0.01 * fabs(expected) ? t->t : 0.01 * fabs(expected);
    }
    return 0.0;
}

static double allowed(const heed_tolerance *t, double expected)
{
    return fmax(by_kind(t, expected), t->least);
}

/* factor: of the tolerance. */
static bool near(const heed_tolerance *t, double factor, double expected, double given)
{
    if (isnan(expected) || isnan(given))
        return isnan(expected) && isnan(given);
    if (isinf(expected))
        return given == expected || (expected < 0.0 && given <= MINUS_INFINITE_ENOUGH);
    return isfinite(given) && fabs(given - expected) <= factor * allowed(t, expected);
}

/* --- words --- */

/* Letters and digits alone, in lower case. */
static void squeeze(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < size; text++) {
        if (isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80)
            out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = '\0';
}

/* Texts of blanks and signs alone are compared as they are. */
static bool same_text(const char *a, const char *b)
{
    char x[512], y[512];

    squeeze(a, x, sizeof x);
    squeeze(b, y, sizeof y);
    return x[0] == '\0' && y[0] == '\0' ? strcmp(a, b) == 0 : strcmp(x, y) == 0 || heed_same_words(x, y);
}

/* Yes and no may be said as truths, and as 1 and 0. */
static bool says_yes_or_no(const char *word, const json_t *given)
{
    const bool yes = strcmp(word, "yes") == 0;
    double x = -1.0;

    if (!yes && strcmp(word, "no") != 0)
        return false;
    if (json_is_boolean(given))
        return json_is_true(given) == yes;
    return heed_json_to_double(given, &x) && x == (yes ? 1.0 : 0.0);
}

/* The words for nothing. */
static bool is_none(const json_t *given)
{
    return json_is_string(given) &&
           (same_text("none", json_string_value(given)) || same_text("null", json_string_value(given)));
}

/* --- any value --- */

/* Where two values first differ. */
typedef struct difference {
    int depth;
    int64_t place[8];
    const json_t *expected, *given;
    bool shape; /* the lists have not the same lengths */
} difference;

static bool same(const heed_field_spec *f, double factor, const json_t *expected, const json_t *given,
                 difference *d);

/* Puts all numbers and texts of a value behind those of out, whatever lists or objects they lie in. */
static void flatten(const json_t *value, json_t *out)
{
    const char *name;
    json_t *member;

    for (size_t i = 0; i < json_array_size(value); i++)
        flatten(json_array_get(value, i), out);
    json_object_foreach((json_t *)(uintptr_t)value, name, member) flatten(member, out);
    if (!json_is_array(value) && !json_is_object(value))
        json_array_append(out, (json_t *)(uintptr_t)value);
}

/* Row by row, what is in a row as one list. */
static bool same_rows(const heed_field_spec *f, double factor, const json_t *expected, const json_t *given,
                      difference *d)
{
    const size_t n = json_array_size(expected);
    bool ok = json_is_array(given) && json_array_size(given) == n;

    for (size_t i = 0; ok && i < n; i++) {
        json_t *a = json_array(), *b = json_array();
        difference inside = {0};

        flatten(json_array_get(expected, i), a);
        flatten(json_array_get(given, i), b);
        ok = same(f, factor, a, b, &inside);
        d->place[0] = (int64_t)i;
        d->depth = 1;
        json_decref(a);
        json_decref(b);
    }
    d->shape = d->depth == 0;
    d->expected = d->depth == 0 ? expected : json_array_get(expected, (size_t)d->place[0]);
    d->given = d->depth == 0 ? given : json_array_get(given, (size_t)d->place[0]);
    return ok;
}

static bool same_lists(const heed_field_spec *f, double factor, const json_t *expected, const json_t *given,
                       difference *d)
{
    const size_t n = json_array_size(expected);

    if (!json_is_array(given) || json_array_size(given) != n) {
        d->expected = expected;
        d->given = given;
        d->shape = true;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (d->depth < 8)
            d->place[d->depth] = (int64_t)i;
        d->depth++;
        if (!same(f, factor, json_array_get(expected, i), json_array_get(given, i), d))
            return false;
        d->depth--;
    }
    return true;
}

/* -inf in a row and a column behind it. */
static bool is_hidden(const difference *d, const json_t *given)
{
    double x;

    return d->depth == 2 && d->place[1] > d->place[0] && heed_json_to_double(given, &x) && x == -INFINITY;
}

static bool same(const heed_field_spec *f, double factor, const json_t *expected, const json_t *given,
                 difference *d)
{
    double x, y;
    bool ok;

    if (json_is_array(expected) && d->depth == 0 && (f->flags & HEED_ASKED_FLAT) &&
        json_is_array(json_array_get(expected, 0)))
        return same_rows(f, factor, expected, given, d);
    if (json_is_array(expected))
        return same_lists(f, factor, expected, given, d);
    if ((f->flags & HEED_ASKED_MAY_HIDE) && is_hidden(d, given))
        ok = true;
    else if (heed_json_to_double(expected, &x))
        ok = heed_json_to_double(given, &y) && near(&f->tolerance, factor, x, y) &&
             !((f->flags & HEED_ASKED_INFINITE) && isfinite(x) != isfinite(y));
    else if (json_is_boolean(expected))
        ok = json_is_boolean(given) && json_is_true(given) == json_is_true(expected);
    else if (json_is_string(expected) && (f->flags & HEED_ASKED_LITERAL))
        ok = json_equal(expected, given);
    else if (json_is_string(expected))
        ok = json_is_string(given) ? same_text(json_string_value(expected), json_string_value(given))
                                   : says_yes_or_no(json_string_value(expected), given);
    else
        ok = json_equal(expected, given) || (json_is_null(expected) && is_none(given));
    if (!ok) {
        d->expected = expected;
        d->given = given;
    }
    return ok;
}

static bool holds(const json_t *list, const json_t *word, const heed_field_spec *f)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        difference d = {0};
        if (same(f, 1.0, json_array_get(list, i), word, &d))
            return true;
    }
    return false;
}

/* Any one or more of the names, in any order; or all of them. A single text counts as a list of one. */
static bool same_set(const heed_field_spec *f, const json_t *expected, const json_t *given)
{
    const size_t n = json_array_size(given);

    if (json_is_string(given))
        return holds(expected, given, f) &&
               ((f->flags & HEED_ASKED_ANY_ONE) != 0 || json_array_size(expected) == 1);
    for (size_t i = 0; i < n; i++) {
        if (!holds(expected, json_array_get(given, i), f))
            return false;
    }
    for (size_t i = 0; (f->flags & HEED_ASKED_ANY_ONE) == 0 && i < json_array_size(expected); i++) {
        if (!holds(given, json_array_get(expected, i), f))
            return false;
    }
    return json_is_array(given) && n > 0;
}

/* --- what is wrong --- */

static void place_words(const difference *d, char *out, size_t size)
{
    out[0] = '\0';
    if (d->depth == 1)
        snprintf(out, size, "entry %lld: ", (long long)d->place[0] + 1);
    else if (d->depth == 2)
        snprintf(out, size, "row %lld, column %lld: ", (long long)d->place[0] + 1, (long long)d->place[1] + 1);
    for (int i = 0; d->depth > 2 && i < d->depth && i < 8; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%lld%s", i == 0 ? "entry [" : ", ",
                 (long long)d->place[i], i == d->depth - 1 ? "]: " : "");
}

static void tell(const difference *d, heed_judged *j)
{
    char place[96], got[80];
    double number;

    place_words(d, place, sizeof place);
    if (d->shape) {
        snprintf(j->words, sizeof j->words, "%sexpected %zu %s, got %zu", place, json_array_size(d->expected),
                 json_is_array(json_array_get(d->expected, 0)) ? "rows" : "numbers",
                 json_is_array(d->given) ? json_array_size(d->given) : (size_t)(d->given != NULL));
        return;
    }
    heed_value_text(d->given, 6, got, sizeof got);
    if (json_is_number(d->expected) && json_is_string(d->given) && !heed_json_to_double(d->given, &number))
        snprintf(j->words, sizeof j->words, "%sexpected a number, got the text \"%.60s\"", place,
                 json_string_value(d->given));
    else
        snprintf(j->words, sizeof j->words, "%s%s is not right", place, got);
}

/* -inf where a finite number stands that is as good as that. */
static bool has_stand_in(const json_t *expected, const json_t *given)
{
    double x, y;

    for (size_t i = 0; json_is_array(expected) && i < json_array_size(expected); i++) {
        if (has_stand_in(json_array_get(expected, i), json_array_get(given, i)))
            return true;
    }
    return heed_json_to_double(expected, &x) && heed_json_to_double(given, &y) && x == -INFINITY && isfinite(y);
}

/* Of something that is not there people say number 0, too. */
static bool is_zero(const json_t *given)
{
    return json_is_number(given) && json_number_value(given) == 0.0;
}

heed_judged heed_judge(const heed_field_spec *f, const json_t *expected, const json_t *given)
{
    heed_judged j = {.ok = false};
    difference d = {0};

    if (f->flags & HEED_ASKED_FREE) {
        j.ok = true;
        return j;
    }
    if (given == NULL || json_is_null(given) || (json_is_null(expected) && is_zero(given))) {
        /* a number that is not there is left out; that there is nothing, in words, is to be said */
        j.ok = json_is_null(expected) && (given != NULL || f->kind != HEED_ANSWER_TEXT);
        snprintf(j.words, sizeof j.words, "%s", j.ok ? "" : "no answer");
        return j;
    }
    if (f->flags & (HEED_ASKED_ANY_ONE | HEED_ASKED_SET)) {
        j.ok = same_set(f, expected, given);
        snprintf(j.words, sizeof j.words, "%s", j.ok ? "" : "these are not the ones");
        return j;
    }
    j.ok = same(f, 1.0, expected, given, &d);
    if (!j.ok)
        tell(&d, &j);
    if (j.ok && has_stand_in(expected, given))
        j.remark = "a large negative number stands for -inf here; in float16 it is one, and on a row that is "
                   "masked all "
                   "over it gives uniform weights: see hard.h2.3a";
    return j;
}

bool heed_judge_slip(const heed_field_spec *f, const json_t *expected, const json_t *wrong, const json_t *given)
{
    difference d = {0};

    if (wrong == NULL || given == NULL || same(f, FAR_ENOUGH, expected, wrong, &d))
        return false;
    d = (difference){0};
    return same(f, 1.0, wrong, given, &d);
}

/* --- slips that need no computation --- */

static json_t *turned(const json_t *rows)
{
    json_t *all = json_array();
    const size_t n = json_array_size(json_array_get(rows, 0));

    for (size_t j = 0; j < n; j++) {
        json_t *row = json_array();
        for (size_t i = 0; i < json_array_size(rows); i++)
            json_array_append(row, json_array_get(json_array_get(rows, i), j));
        json_array_append_new(all, row);
    }
    return all;
}

/* [[1], [2]] for [1, 2], and the other way round, is a matter of how it is written. */
static bool is_turned(const heed_field_spec *f, const json_t *expected, const json_t *given)
{
    json_t *other;
    bool yes;

    if (!json_is_array(json_array_get(expected, 0)) ||
        json_is_array(json_array_get(json_array_get(expected, 0), 0)))
        return false;
    other = turned(expected);
    yes = heed_judge_slip(f, expected, other, given);
    json_decref(other);
    return yes;
}

static bool ends_with_unit(const char *name)
{
    return strstr(name, "MB") != NULL || strstr(name, "GB") != NULL || strstr(name, "MiB") != NULL ||
           strstr(name, "GiB") != NULL;
}

static bool by_factor(const heed_field_spec *f, double expected, double given, double factor)
{
    const double wrong = expected * factor;

    return !near(&f->tolerance, FAR_ENOUGH, expected, wrong) && near(&f->tolerance, 1.0, wrong, given);
}

heed_slip heed_judge_plain_slip(const heed_field_spec *f, const json_t *expected, const json_t *given)
{
    double x, y;

    if (is_turned(f, expected, given))
        return HEED_SLIP_TRANSPOSED;
    if (!heed_json_to_double(expected, &x) || !heed_json_to_double(given, &y) || !isfinite(x) || !isfinite(y))
        return HEED_SLIP_NONE;
    if (ends_with_unit(f->name)) {
        static const double factors[] = {1.048576, 1.0 / 1.048576, 1.073741824, 1.0 / 1.073741824};
        for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
            if (by_factor(f, x, y, factors[i]))
                return HEED_SLIP_MEBI;
        }
    }
    if ((f->flags & HEED_ASKED_POSITION) && fabs(fabs(y - x) - 1.0) < 1e-9)
        return HEED_SLIP_OFF_BY_ONE;
    if (x != 0.0 && (by_factor(f, x, y, 100.0) || by_factor(f, x, y, 0.01)))
        return HEED_SLIP_PERCENT;
    if (x != 0.0 && by_factor(f, x, y, -1.0))
        return HEED_SLIP_SIGN;
    return HEED_SLIP_NONE;
}

/* --- as text --- */

/* A blank or signs, without a letter or digit: shown in quotes. */
static bool is_only_signs(const char *text)
{
    const char *at = text;

    while (*at != '\0' && !isalnum((unsigned char)*at) && (unsigned char)*at < 0x80)
        at++;
    return *at == '\0' && at > text;
}

static void put_value(const json_t *value, int digits, char *out, size_t size)
{
    const size_t n = json_array_size(value);
    const bool rows = n > 0 && json_is_array(json_array_get(value, 0)),
               texts = n > 0 && json_is_string(json_array_get(value, 0)) &&
                       !heed_json_to_double(json_array_get(value, 0), &(double){0.0});
    double x;

    if (json_is_array(value)) {
        snprintf(out, size, "[");
        for (size_t i = 0; i < n && strlen(out) + 8 < size; i++) {
            if (i > 0)
                snprintf(out + strlen(out), size - strlen(out), "%s", rows ? "; " : texts ? ", " : " ");
            put_value(json_array_get(value, i), digits, out + strlen(out), size - strlen(out));
        }
        snprintf(out + strlen(out), size - strlen(out), "%s", strlen(out) + 8 < size ? "]" : "...");
    } else if (heed_json_to_double(value, &x)) {
        if (x == floor(x) && fabs(x) < 1e15)
            snprintf(out, size, "%.0f", x);
        else
            snprintf(out, size, "%.*g", digits, x);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        const char *quote = !is_only_signs(text) ? "" : strchr(text, '\'') != NULL ? "\"" : "'";
        snprintf(out, size, "%s%s%s", quote, text, quote);
    } else if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(out, size, "nothing");
}

void heed_value_text(const json_t *value, int digits, char *out, size_t size)
{
    out[0] = '\0';
    put_value(value, digits, out, size);
}
