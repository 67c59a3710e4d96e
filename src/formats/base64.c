/* SPDX-License-Identifier: MIT */
#include "formats/base64.h"

void heed_base64_put(heed_text_buffer *out, const void *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < n; i += 3) {
        const unsigned b = i + 1 < n ? bytes[i + 1] : 0, c = i + 2 < n ? bytes[i + 2] : 0;
        const unsigned group = (unsigned)bytes[i] << 16 | b << 8 | c;
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63], '=', '='};

        if (i + 1 < n)
            text[2] = digits[group >> 6 & 63];
        if (i + 2 < n)
            text[3] = digits[group & 63];
        heed_text_append(out, text, 4);
    }
}
