/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define STATUS_ROW(name, exit_code, text) [name] = {exit_code, text},
static const struct {
    int exit_code;
    const char *text;
} statuses[HEED_N_STATUSES] = {HEED_STATUS_LIST(STATUS_ROW)};
#undef STATUS_ROW

int heed_status_exit_code(heed_status status)
{
    return (unsigned)status < HEED_N_STATUSES ? statuses[status].exit_code : 70;
}

const char *heed_status_text(heed_status status)
{
    return (unsigned)status < HEED_N_STATUSES ? statuses[status].text : "an unknown status";
}

static bool is_printable(uint32_t code)
{
    return code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0);
}

/*
 * Paths go into messages as they are, and a long one may be cut within a character: whatever is no printable UTF-8
 * becomes '?', so that a message can always be shown.
 */
static void make_printable(char *text)
{
    const size_t n = strlen(text);
    size_t step;

    for (size_t i = 0; i < n; i += step) {
        uint32_t code = 0;

        step = heed_utf8_decode(text + i, n - i, &code);
        if (step > 0 && is_printable(code))
            continue;
        step = step > 0 ? step : 1;
        memset(text + i, '?', step);
    }
}

heed_status heed_fail(heed_error *err, heed_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->status = status;
        if (vsnprintf(err->message, sizeof err->message, format, args) < 0)
            err->message[0] = '\0';
        va_end(args);
        make_printable(err->message);
    }
    return status;
}

const char *heed_quote(char *out, size_t size, const char *text, size_t n)
{
    size_t used = 0, i = 0;

    while (i < n) {
        uint32_t code = 0;
        const size_t step = heed_utf8_decode(text + i, n - i, &code);
        const bool plain = step > 0 && is_printable(code);
        const size_t need = plain ? step : 4;

        if (used + need + 4 > size)
            break;
        if (plain)
            memcpy(out + used, text + i, step);
        else
            snprintf(out + used, 5, "\\x%02X", (unsigned)(unsigned char)text[i]);
        used += need;
        i += plain ? step : 1;
    }
    if (i < n && used + 4 <= size) {
        memcpy(out + used, "...", 3);
        used += 3;
    }
    if (size > 0)
        out[used] = '\0';
    return out;
}
