/* SPDX-License-Identifier: MIT */
#include "text/json_text.h"

void heed_json_put_string(heed_text_buffer *out, const char *text, size_t n)
{
    heed_text_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            heed_text_printf(out, "\\%c", byte);
        else if (byte == '\n')
            heed_text_puts(out, "\\n");
        else if (byte < 0x20)
            heed_text_printf(out, "\\u%04x", byte);
        else
            heed_text_append(out, text + i, 1);
    }
    heed_text_puts(out, "\"");
}
