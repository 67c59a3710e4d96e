/* SPDX-License-Identifier: MIT */
#include "inspect/address.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define MOST_DIGITS 18 /* of an index: below 2^63 */

/* --- reading --- */

typedef struct reader {
    const char *text;
    size_t n, at;
    heed_error *err;
} reader;

static heed_status fail_at(const reader *r, const char *expected)
{
    char shown[160];

    heed_quote(shown, sizeof shown, r->text, r->n);
    if (r->at >= r->n)
        return heed_fail(r->err, HEED_ERR_USAGE, "%s: expected %s, the address ends", shown, expected);
    return heed_fail(r->err, HEED_ERR_USAGE, "%s: expected %s at character %zu", shown, expected, r->at + 1);
}

static void skip_blanks(reader *r)
{
    while (r->at < r->n && (r->text[r->at] == ' ' || r->text[r->at] == '\t'))
        r->at++;
}

static bool is_next(const reader *r, char c)
{
    return r->at < r->n && r->text[r->at] == c;
}

static heed_status read_name(reader *r, heed_address *a)
{
    size_t used = 0;

    skip_blanks(r);
    while (r->at < r->n && r->text[r->at] != '[' && (unsigned char)r->text[r->at] > ' ' &&
           (unsigned char)r->text[r->at] < 0x7f) {
        if (used + 1 >= sizeof a->name)
            return heed_fail(r->err, HEED_ERR_USAGE, "expected a tensor's name of at most %zu characters",
                             sizeof a->name - 1);
        a->name[used++] = r->text[r->at++];
    }
    a->name[used] = '\0';
    skip_blanks(r);
    if (used == 0)
        return fail_at(r, "a tensor's name");
    return r->at == r->n || is_next(r, '[') ? HEED_OK : fail_at(r, "\"[\" behind the name");
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind a backslash; false when no byte is written like that. */
static bool read_escape(reader *r, char *out)
{
    static const char names[] = "nt\\\"'", bytes[] = "\n\t\\\"'";
    const char c = r->at < r->n ? r->text[r->at] : '\0';
    const char *found = c != '\0' ? strchr(names, c) : NULL;

    if (c == 'x' && r->at + 2 < r->n && hex_value(r->text[r->at + 1]) >= 0 &&
        hex_value(r->text[r->at + 2]) >= 0) {
        *out = (char)(16 * hex_value(r->text[r->at + 1]) + hex_value(r->text[r->at + 2]));
        r->at += 3;
        return true;
    }
    if (found == NULL)
        return false;
    *out = bytes[found - names];
    r->at++;
    return true;
}

static heed_status read_token(reader *r, heed_address_index *index)
{
    const char quote = r->text[r->at++];

    index->is_token = true;
    while (r->at < r->n && r->text[r->at] != quote) {
        char c = r->text[r->at++];
        if (c == '\\' && !read_escape(r, &c))
            return fail_at(r, "n, t, xNN, a quote or a backslash behind the backslash");
        if (index->n_token == sizeof index->token)
            return heed_fail(r->err, HEED_ERR_USAGE, "expected a token of at most %d bytes",
                             HEED_ADDRESS_TOKEN_BYTES);
        index->token[index->n_token++] = c;
    }
    if (!is_next(r, quote))
        return fail_at(r, "the quote that ends the token");
    r->at++;
    return HEED_OK;
}

static heed_status read_number(reader *r, heed_address_index *index)
{
    const bool negative = is_next(r, '-');
    int digits = 0;

    r->at += negative;
    for (; r->at < r->n && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++) {
        if (++digits > MOST_DIGITS)
            return fail_at(r, "an index of at most 18 digits");
        index->at = 10 * index->at + (r->text[r->at] - '0');
    }
    if (digits == 0 && is_next(r, ':'))
        return fail_at(r, "one number of the range");
    if (digits == 0)
        return fail_at(r, "a number or a token in quotes");
    index->at = negative ? -index->at : index->at;
    return HEED_OK;
}

static heed_status read_index(reader *r, heed_address *a)
{
    heed_address_index *index = &a->index[a->n];

    if (a->n == HEED_MAX_RANK)
        return heed_fail(r->err, HEED_ERR_USAGE, "%s: expected at most %d indices, got more", a->name,
                         HEED_MAX_RANK);
    a->n++;
    skip_blanks(r);
    if (is_next(r, '"') || is_next(r, '\''))
        return read_token(r, index);
    return read_number(r, index);
}

heed_status heed_address_read(const char *text, size_t n, heed_address *a, heed_error *err)
{
    reader r = {.text = text, .n = n, .err = err};
    heed_status status;

    *a = (heed_address){.n = 0};
    status = read_name(&r, a);
    if (status != HEED_OK || r.at == r.n)
        return status;
    r.at++; /* [ */
    skip_blanks(&r);
    for (bool more = !is_next(&r, ']'); more;) {
        status = read_index(&r, a);
        if (status != HEED_OK)
            return status;
        skip_blanks(&r);
        more = is_next(&r, ',');
        if (!more && !is_next(&r, ']'))
            return fail_at(&r, "\",\" or \"]\" behind an index");
        r.at += more;
    }
    r.at++; /* ] */
    skip_blanks(&r);
    return r.at == r.n ? HEED_OK : fail_at(&r, "nothing behind the \"]\"");
}

/* --- writing --- */

typedef struct writer {
    char *out;
    size_t size, used;
    bool full;
} writer;

static void put(writer *w, const char *text)
{
    const size_t n = strlen(text);

    if (w->full || w->used + n + 1 > w->size) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->used, text, n + 1);
    w->used += n;
}

static void put_token(writer *w, const heed_address_index *index)
{
    char byte[8];

    put(w, "\"");
    for (size_t i = 0; i < index->n_token; i++) {
        const unsigned char c = (unsigned char)index->token[i];
        if (c == '"' || c == '\\')
            snprintf(byte, sizeof byte, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            snprintf(byte, sizeof byte, "\\x%02x", c);
        else
            snprintf(byte, sizeof byte, "%c", c);
        put(w, byte);
    }
    put(w, "\"");
}

const char *heed_address_write(const heed_address *a, char *out, size_t size)
{
    writer w = {.out = out, .size = size};
    char number[24];

    if (size > 0)
        out[0] = '\0';
    put(&w, a->name);
    for (int i = 0; i < a->n; i++) {
        put(&w, i == 0 ? "[" : ",");
        snprintf(number, sizeof number, "%lld", (long long)a->index[i].at);
        if (a->index[i].is_token)
            put_token(&w, &a->index[i]);
        else
            put(&w, number);
    }
    put(&w, a->n > 0 ? "]" : "");
    if (w.full && size > 3)
        memcpy(out + (w.used + 4 <= size ? w.used : size - 4), "...", 4);
    return out;
}
