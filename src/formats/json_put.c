/* SPDX-License-Identifier: MIT */
#include "formats/json_put.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* In a page "</script>" and "<!--" would end or change the script; U+2028 and U+2029 end lines of old JavaScript. */
static bool is_plain(uint32_t code)
{
    return code >= 0x20 && code != 0x7f && code != '"' && code != '\\' && code != '<' && code != '>' &&
           code != '&' && code != 0x2028 && code != 0x2029;
}

void heed_json_put_bytes(heed_text_buffer *out, const char *text, size_t n)
{
    heed_text_puts(out, "\"");
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        const size_t step = heed_utf8_decode(text + i, n - i, &code);

        if (step == 0)
            heed_text_puts(out, "\\ufffd");
        else if (is_plain(code))
            heed_text_append(out, text + i, step);
        else
            heed_text_printf(out, "\\u%04x", (unsigned)code);
        i += step == 0 ? 1 : step;
    }
    heed_text_puts(out, "\"");
}

void heed_json_put_float(heed_text_buffer *out, float value)
{
    char text[32];
    char *comma;

    if (value == 0.0f || !isfinite(value)) {
        heed_text_puts(out, isfinite(value) ? "0" : "null");
        return;
    }
    snprintf(text, sizeof text, "%.9g", (double)value);
    comma = strchr(text, ','); /* the point of some locales */
    if (comma != NULL)
        *comma = '.';
    heed_text_puts(out, text);
}
