/* SPDX-License-Identifier: MIT */
#include "text/pattern.h"

#include <string.h>

#include "base/error.h"

#define W "[" HEED_PATTERN_WORD_ONIG "]"

typedef struct reader {
    const char *pattern;
    size_t n, at;
    const char *name;
    heed_text_buffer *out;
    heed_error *err;
    bool anchored;
} reader;

static heed_status refuse(const reader *r, const char *what)
{
    char shown[160];

    heed_quote(shown, sizeof shown, r->pattern, r->n);
    return heed_fail(r->err, HEED_ERR_FILE, "%s: %s in the pattern \"%s\" is not supported", r->name, what,
                     shown);
}

static bool next_is(const reader *r, const char *text)
{
    const size_t n = strlen(text);

    return r->n - r->at >= n && memcmp(r->pattern + r->at, text, n) == 0;
}

static void copy(reader *r, size_t n)
{
    n = n < r->n - r->at ? n : r->n - r->at;
    heed_text_append(r->out, r->pattern + r->at, n);
    r->at += n;
}

static void replace(reader *r, size_t n, const char *by)
{
    heed_text_puts(r->out, by);
    r->at += n;
}

/* At a backslash. */
static heed_status read_escape(reader *r, bool in_class)
{
    if (next_is(r, "\\s"))
        replace(r, 2, "\\p{White_Space}");
    else if (next_is(r, "\\S"))
        replace(r, 2, "\\P{White_Space}");
    else if (next_is(r, "\\w"))
        replace(r, 2, in_class ? HEED_PATTERN_WORD_ONIG : "[" HEED_PATTERN_WORD_ONIG "]");
    else if (next_is(r, "\\W") && in_class)
        return refuse(r, "\\W within a class");
    else if (next_is(r, "\\W"))
        replace(r, 2, "[^" HEED_PATTERN_WORD_ONIG "]");
    else if (next_is(r, "\\h"))
        replace(r, 2, in_class ? "0-9A-Fa-f" : "[0-9A-Fa-f]");
    else if (next_is(r, "\\H") && in_class)
        return refuse(r, "\\H within a class");
    else if (next_is(r, "\\H"))
        replace(r, 2, "[^0-9A-Fa-f]");
    else if (next_is(r, "\\b") && !in_class)
        replace(r, 2, "(?:(?<=" W ")(?!" W ")|(?<!" W ")(?=" W "))");
    else if (next_is(r, "\\B") && !in_class)
        replace(r, 2, "(?:(?<=" W ")(?=" W ")|(?<!" W ")(?!" W "))");
    else if (next_is(r, "\\K"))
        return refuse(r, "\\K");
    else if (next_is(r, "\\C"))
        return refuse(r, "\\C");
    else if (next_is(r, "\\Q"))
        return refuse(r, "\\Q");
    else {
        r->anchored = r->anchored || next_is(r, "\\A") || next_is(r, "\\G");
        copy(r, 2);
    }
    return HEED_OK;
}

/* From the [ of a class to its ]. Classes within it are written into it. */
static heed_status read_class(reader *r)
{
    int depth = 0;
    heed_status status = HEED_OK;

    do {
        if (next_is(r, "[:")) { /* a POSIX name as a whole */
            const char *end = r->at + 2 < r->n ? memchr(r->pattern + r->at + 2, ':', r->n - r->at - 2) : NULL;

            if (end == NULL)
                return refuse(r, "[: without :]");
            copy(r, (size_t)(end - r->pattern) - r->at + 2);
        } else if (depth > 0 && next_is(r, "[^")) {
            return refuse(r, "a negated class within a class");
        } else if (next_is(r, "[")) {
            depth++;
            if (depth > 1)
                r->at++;
            else
                copy(r, 1);
            if (depth == 1 && next_is(r, "^"))
                copy(r, 1);
            if (next_is(r, "]")) /* the first one stands for itself */
                replace(r, 1, "\\]");
        } else if (next_is(r, "]")) {
            depth--;
            if (depth > 0)
                r->at++;
            else
                copy(r, 1);
        } else if (next_is(r, "&&")) {
            return refuse(r, "&& within a class");
        } else if (next_is(r, "\\")) {
            status = read_escape(r, true);
        } else {
            copy(r, 1);
        }
    } while (status == HEED_OK && depth > 0 && r->at < r->n);
    return status;
}

/* From a (? on: in flags, as in (?mi:a) and (?-m), m says what PCRE2 says by s. */
static void read_flags(reader *r)
{
    size_t n = 2;

    while (r->at + n < r->n && strchr("imx-", r->pattern[r->at + n]) != NULL && r->pattern[r->at + n] != '\0')
        n++;
    if (r->at + n == r->n || (r->pattern[r->at + n] != ':' && r->pattern[r->at + n] != ')'))
        n = 2;
    for (; n > 0; n--) {
        if (r->pattern[r->at] == 'm')
            replace(r, 1, "s");
        else
            copy(r, 1);
    }
}

heed_status heed_pattern_translate(const char *pattern, size_t n, const char *name, heed_text_buffer *out,
                                   bool *anchored, heed_error *err)
{
    reader r = {.pattern = pattern, .n = n, .name = name, .out = out, .err = err};
    heed_status status = HEED_OK;

    while (status == HEED_OK && r.at < n) {
        if (pattern[r.at] == '\\') {
            status = read_escape(&r, false);
        } else if (pattern[r.at] == '[') {
            status = read_class(&r);
        } else if (next_is(&r, "(*")) {
            status = refuse(&r, "a verb, (*");
        } else if (next_is(&r, "(?C")) {
            status = refuse(&r, "a callout, (?C");
        } else if (next_is(&r, "(?")) {
            read_flags(&r);
        } else if (pattern[r.at] == '^') { /* of a line */
            r.anchored = true;
            replace(&r, 1, "(?m:^)");
        } else if (pattern[r.at] == '$') {
            replace(&r, 1, "(?m:$)");
        } else {
            copy(&r, 1);
        }
    }
    *anchored = r.anchored;
    if (status == HEED_OK && out->failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a pattern of %zu bytes", name, n);
    return status;
}

void heed_pattern_quote(const char *text, size_t n, heed_text_buffer *out)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr("\\^$.[]|()?*+{}#-&~ ", text[i]) != NULL && text[i] != '\0')
            heed_text_puts(out, "\\");
        if (text[i] == '\0')
            heed_text_puts(out, "\\x{0}");
        else
            heed_text_append(out, text + i, 1);
    }
}
