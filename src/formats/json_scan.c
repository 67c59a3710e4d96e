/* SPDX-License-Identifier: MIT */
#include "formats/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"

bool heed_json_scan_fail(heed_json_scan *s, const char *expected)
{
    size_t line = 1, begin = 0;

    if (s->status != HEED_OK)
        return false;
    for (size_t i = 0; i < s->at && i < s->n; i++)
        if (s->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    s->status = heed_fail(s->err, HEED_ERR_FILE, "%s: not valid JSON at line %zu, column %zu: expected %s",
                          s->where, line, s->at - begin + 1, expected);
    return false;
}

int heed_json_scan_peek(heed_json_scan *s)
{
    while (s->at < s->n && (s->text[s->at] == ' ' || s->text[s->at] == '\n' || s->text[s->at] == '\r' ||
                            s->text[s->at] == '\t'))
        s->at++;
    return s->status == HEED_OK && s->at < s->n ? (unsigned char)s->text[s->at] : -1;
}

bool heed_json_scan_begin(heed_json_scan *s, char opening)
{
    if (heed_json_scan_peek(s) != opening)
        return heed_json_scan_fail(s, opening == '{' ? "{" : "[");
    s->at++;
    if (heed_json_scan_peek(s) != (opening == '{' ? '}' : ']'))
        return true;
    s->at++;
    return false;
}

bool heed_json_scan_more(heed_json_scan *s, char closing)
{
    const int byte = heed_json_scan_peek(s);

    if (byte != ',' && byte != closing)
        return heed_json_scan_fail(s, closing == '}' ? "a comma or }" : "a comma or ]");
    s->at++;
    return byte == ',';
}

/* Four hexadecimal digits at s->at, or -1. */
static int32_t read_hex(heed_json_scan *s)
{
    int32_t value = 0;

    if (s->n - s->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = s->text[s->at + (size_t)i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    s->at += 4;
    return value;
}

/* Behind \u: a character, as one escape or as a pair of surrogates. */
static bool read_unicode(heed_json_scan *s, heed_text_buffer *out)
{
    int32_t code = read_hex(s);
    char bytes[4];
    size_t n = 0;

    if (code >= 0xd800 && code < 0xdc00 && s->n - s->at >= 6 && s->text[s->at] == '\\' &&
        s->text[s->at + 1] == 'u') {
        int32_t low = 0;

        s->at += 2;
        low = read_hex(s);
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    n = code >= 0 ? heed_utf8_encode((uint32_t)code, bytes) : 0;
    if (n == 0)
        return heed_json_scan_fail(s, "a character as \\uXXXX");
    heed_text_append(out, bytes, n);
    return true;
}

static bool read_escape(heed_json_scan *s, heed_text_buffer *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = s->at + 1 < s->n ? s->text[s->at + 1] : '\0';
    const char *known = c != '\0' ? strchr(from, c) : NULL;

    if (c == 'u') {
        s->at += 2;
        return read_unicode(s, out);
    }
    if (known == NULL)
        return heed_json_scan_fail(s, "an escape that JSON knows");
    heed_text_append(out, to + (known - from), 1);
    s->at += 2;
    return true;
}

/* The bytes of a word that are zero, each as its highest bit; the lowest of them is exact. */
static inline uint64_t zeros(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Passes over eight bytes at a time while none of them is a quote, a backslash, a control or beyond ASCII. */
static inline size_t pass_plain(const char *text, size_t at, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word = 0;

    while (n - at >= 8) {
        memcpy(&word, text + at, 8);
        if ((zeros(word ^ ones * '"') | zeros(word ^ ones * '\\') |
             ((word - ones * 0x20) & ~word & ones * 0x80) | (word & ones * 0x80)) != 0)
            break;
        at += 8;
    }
    return at;
}

bool heed_json_scan_string(heed_json_scan *s, heed_text_buffer *out)
{
    out->size = 0;
    if (heed_json_scan_peek(s) != '"')
        return heed_json_scan_fail(s, "a string");
    s->at++;
    for (;;) {
        const size_t begin = s->at;
        uint32_t code = 0;

        s->at = pass_plain(s->text, s->at, s->n);
        while (s->at < s->n) {
            const unsigned char c = (unsigned char)s->text[s->at];
            size_t length = 1;

            if (c == '"' || c == '\\' || c < 0x20)
                break;
            if (c >= 0x80 && (length = heed_utf8_decode(s->text + s->at, s->n - s->at, &code)) == 0)
                return heed_json_scan_fail(s, "UTF-8");
            s->at += length;
        }
        heed_text_append(out, s->text + begin, s->at - begin);
        if (s->at == s->n || (unsigned char)s->text[s->at] < 0x20)
            return heed_json_scan_fail(s, "the end of a string");
        if (s->text[s->at] == '"')
            break;
        if (!read_escape(s, out))
            return false;
    }
    s->at++;
    if (out->failed)
        s->status = heed_fail(s->err, HEED_ERR_MEMORY, "%s: no memory for a string", s->where);
    return !out->failed;
}

bool heed_json_scan_key(heed_json_scan *s, heed_text_buffer *out)
{
    if (!heed_json_scan_string(s, out))
        return false;
    if (heed_json_scan_peek(s) != ':')
        return heed_json_scan_fail(s, "a colon");
    s->at++;
    return true;
}

bool heed_json_scan_int(heed_json_scan *s, int64_t *value)
{
    const bool negative = heed_json_scan_peek(s) == '-';
    size_t begin = 0;
    int64_t number = 0;

    s->at += negative;
    begin = s->at;
    for (; s->at < s->n && s->text[s->at] >= '0' && s->text[s->at] <= '9' && s->at - begin < 18; s->at++)
        number = number * 10 + (s->text[s->at] - '0');
    if (s->status != HEED_OK || s->at == begin || (s->text[begin] == '0' && s->at - begin > 1) ||
        (s->at < s->n && strchr(".eE0123456789", s->text[s->at]) != NULL && s->text[s->at] != '\0'))
        return heed_json_scan_fail(s, "an integer");
    *value = negative ? -number : number;
    return true;
}

/* What skipping has to look at: brackets and quotes; and within a string its end and escapes. */
enum { PLAIN, QUOTE, OPEN, CLOSE, COMMA, ESCAPE };

static const uint8_t kinds[256] = {
    ['"'] = QUOTE, ['{'] = OPEN, ['['] = OPEN, ['}'] = CLOSE, [']'] = CLOSE, [','] = COMMA, ['\\'] = ESCAPE,
};

/* The end of the string behind its opening quote; n: it has none. */
static size_t skip_string(const char *text, size_t at, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word = 0;

    while (at < n) {
        uint8_t kind = 0;

        if (n - at >= 8) {
            memcpy(&word, text + at, 8);
            if ((zeros(word ^ ones * '"') | zeros(word ^ ones * '\\')) == 0) {
                at += 8;
                continue;
            }
        }
        while (at < n && (kind = kinds[(unsigned char)text[at]]) != QUOTE && kind != ESCAPE)
            at++;
        if (at++ == n)
            break;
        if (kind == QUOTE)
            return at;
        if (kind == ESCAPE)
            at++;
    }
    return n + 1;
}

bool heed_json_scan_skip(heed_json_scan *s)
{
    const char *text = s->text;
    size_t at = 0;
    int depth = 0;

    if (heed_json_scan_peek(s) < 0)
        return heed_json_scan_fail(s, "a value");
    for (at = s->at; at < s->n;) {
        const uint8_t kind = kinds[(unsigned char)text[at]];

        if (depth == 0 && (kind == COMMA || kind == CLOSE))
            break;
        at++;
        if (kind == QUOTE)
            at = skip_string(text, at, s->n);
        else if (kind == OPEN && ++depth > HEED_JSON_MAX_DEPTH)
            break;
        else if (kind == CLOSE && --depth == 0)
            break;
    }
    s->at = at < s->n ? at : s->n;
    if (at > s->n)
        return heed_json_scan_fail(s, "the end of a string");
    if (depth > HEED_JSON_MAX_DEPTH)
        return heed_json_scan_fail(s, "fewer levels of brackets");
    return depth == 0 || heed_json_scan_fail(s, "a closing bracket");
}
