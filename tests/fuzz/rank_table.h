/* SPDX-License-Identifier: MIT */
/* The lines of a .tiktoken table for the 256 bytes, in the order of their values. */
#ifndef HEED_FUZZ_RANK_TABLE_H
#define HEED_FUZZ_RANK_TABLE_H

#include "base/text_buffer.h"

static inline void put_bytes(heed_text_buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (int i = 0; i < 256; i++)
        heed_text_printf(out, "%c%c== %d\n", digits[i >> 2], digits[(i & 3) << 4], i);
}

#endif
