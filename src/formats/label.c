/* SPDX-License-Identifier: MIT */
#include "formats/label.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"

const char *heed_label_text(char out[HEED_LABEL_SIZE], const char *text)
{
    return heed_quote(out, HEED_LABEL_SIZE, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

/* Directions, joiners, invisible operators, line and paragraph separators: what they do must not happen to a picture. */
static bool steers(utf8proc_category_t category)
{
    return category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

static bool is_mark(utf8proc_category_t category)
{
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME;
}

/* The next piece of the text in out; returns the bytes of text it stands for. visible: white space as signs. */
static size_t next_piece(char out[16], const char *token, size_t n, bool visible, bool is_first)
{
    uint32_t code = 0;
    const size_t step = heed_utf8_decode(token, n, &code);
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);

    if (step == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        const char *sign = code == '\n' ? "\u23ce" : code == '\t' ? "\u21e5" : NULL;

        if (step > 0 && sign != NULL && visible)
            snprintf(out, 16, "%s", sign);
        else
            snprintf(out, 16, "\\x%02X", (unsigned)(unsigned char)*token);
        return 1;
    }
    if (steers(category))
        snprintf(out, 16, code > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)code);
    else if (code == ' ' && visible)
        snprintf(out, 16, "\u2423");
    else
        snprintf(out, 16, "%s%.*s", is_first && is_mark(category) ? "\u25cc" : "", (int)step, token);
    return step;
}

static const char *cut(char *out, size_t size, const char *text, int max_chars, bool visible)
{
    const size_t n = strlen(text);
    size_t used = 0, i = 0, fits = 0;
    int chars = 0;

    out[0] = '\0';
    while (i < n) {
        char piece[16];
        const size_t step = next_piece(piece, text + i, n - i, visible, i == 0);
        const size_t length = strlen(piece);
        const int width = heed_label_chars(piece);

        if (chars + width > max_chars || used + length + 4 > size) {
            if (fits + 4 <= size) /* with room for the ellipsis */
                memcpy(out + fits, "\u2026", 4);
            break;
        }
        memcpy(out + used, piece, length + 1);
        used += length;
        chars += width;
        i += step;
        if (chars < max_chars)
            fits = used;
    }
    return out;
}

const char *heed_label_token(char *out, size_t size, const char *token, int max_chars)
{
    return cut(out, size, token, max_chars, true);
}

const char *heed_label_cut(char *out, size_t size, const char *text, int max_chars)
{
    return cut(out, size, text == NULL ? "" : text, max_chars, false);
}

int heed_label_chars(const char *text)
{
    const size_t n = strlen(text);
    int columns = 0;

    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t step = heed_utf8_decode(text + i, n - i, &code);

        columns += step == 0 ? 1 : utf8proc_charwidth((utf8proc_int32_t)code);
        i += step == 0 ? 1 : step;
    }
    return columns;
}
