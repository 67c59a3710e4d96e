/* SPDX-License-Identifier: MIT */
#include "formats/label.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

const char *heed_label_text(char out[HEED_LABEL_SIZE], const char *text)
{
    return heed_quote(out, HEED_LABEL_SIZE, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

/* The next piece of the text in out[]; returns the bytes of text it stands for. visible: white space as signs. */
static size_t next_piece(char out[8], const char *token, size_t n, bool visible)
{
    uint32_t code = 0;
    const size_t step = heed_utf8_decode(token, n, &code);

    if (step == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        const char *sign = code == '\n' ? "\u23ce" : code == '\t' ? "\u21e5" : NULL;

        if (step > 0 && sign != NULL && visible)
            snprintf(out, 8, "%s", sign);
        else
            snprintf(out, 8, "\\x%02X", (unsigned)(unsigned char)*token);
        return 1;
    }
    if (code == ' ' && visible) {
        snprintf(out, 8, "\u2423");
    } else {
        memcpy(out, token, step);
        out[step] = '\0';
    }
    return step;
}

static const char *cut(char *out, size_t size, const char *text, int max_chars, bool visible)
{
    const size_t n = strlen(text);
    size_t used = 0, i = 0, before_last = 0;
    int chars = 0;

    out[0] = '\0';
    while (i < n) {
        char piece[8];
        const size_t step = next_piece(piece, text + i, n - i, visible);
        const size_t length = strlen(piece);
        const int width = heed_label_chars(piece);

        if (chars + width > max_chars || used + length + 4 > size) {
            if (chars >= max_chars) /* no room left: the ellipsis takes the place of the last piece */
                used = before_last;
            if (used + 4 <= size)
                memcpy(out + used, "\u2026", 4);
            break;
        }
        before_last = used;
        memcpy(out + used, piece, length + 1);
        used += length;
        chars += width;
        i += step;
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
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}
