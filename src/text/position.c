/* SPDX-License-Identifier: MIT */
#include "text/position.h"

#include "base/utf8.h"

#include <stdint.h>

heed_text_position heed_text_position_of(const char *text, size_t offset)
{
    heed_text_position position = {.line = 1, .column = 1};

    for (size_t i = 0; i < offset;) {
        uint32_t code = 0;
        const size_t length = heed_utf8_decode(text + i, offset - i, &code);

        if (text[i] == '\n') {
            position.line++;
            position.column = 1;
        } else {
            position.column++;
        }
        i += length > 0 ? length : 1;
    }
    return position;
}
