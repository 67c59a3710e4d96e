/* SPDX-License-Identifier: MIT */
#include "text/position.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

heed_text_position heed_text_position_after(heed_text_position start, const char *text, size_t n)
{
    heed_text_position position = start;

    for (const char *end; n > 0 && (end = memchr(text, '\n', n)) != NULL;) {
        position = (heed_text_position){.line = position.line + 1, .column = 1};
        n -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    for (size_t i = 0; i < n; position.column++) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, n - i, &code);

        i += length > 0 ? length : 1;
    }
    return position;
}

heed_text_position heed_text_position_of(const char *text, size_t offset)
{
    return heed_text_position_after((heed_text_position){1, 1}, text, offset);
}
