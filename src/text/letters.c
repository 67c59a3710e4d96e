/* SPDX-License-Identifier: MIT */
#include "text/letters.h"

#include "base/utf8.h"

/* How many bytes below `byte` have a letter of another number: 0-32, 127-160 and 173 do. */
static uint32_t others_below(unsigned byte)
{
    const uint32_t low = byte < 33 ? byte : 33;
    const uint32_t middle = byte < 127 ? 0 : byte < 161 ? byte - 127 : 34;

    return low + middle + (byte > 173 ? 1 : 0);
}

uint32_t heed_letter_of(unsigned char byte)
{
    const int same = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);

    return same ? byte : 0x100 + others_below(byte);
}

size_t heed_letter_write(unsigned char byte, char out[4])
{
    return heed_utf8_encode(heed_letter_of(byte), out);
}

int heed_letter_byte(uint32_t code)
{
    if (code >= 0x100 && code < HEED_N_LETTERS) {
        const uint32_t i = code - 0x100;

        return (int)(i < 33 ? i : i < 67 ? i - 33 + 127 : 173);
    }
    return code < 0x100 && heed_letter_of((unsigned char)code) == code ? (int)code : -1;
}

ptrdiff_t heed_letters_decode(const char *text, size_t n, char *out)
{
    ptrdiff_t count = 0;

    for (size_t i = 0; i < n;) {
        const unsigned char lead = (unsigned char)text[i];
        uint32_t code = lead;
        size_t length = 1;
        int byte = 0;

        if (lead > ' ' && lead < 0x7f) { /* most of them */
            out[count++] = (char)lead;
            i++;
            continue;
        }
        if (lead >= 0x80)
            length = heed_utf8_decode(text + i, n - i, &code);
        byte = length > 0 ? heed_letter_byte(code) : -1;
        if (byte < 0)
            return -1;
        out[count++] = (char)byte;
        i += length;
    }
    return count;
}
