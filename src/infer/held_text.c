/* SPDX-License-Identifier: MIT */
#include "infer/held_text.h"

#include <string.h>

/* --- characters --- */

static size_t length_of(unsigned char lead)
{
    return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
}

/* Whether a second byte can follow the first: no overlong form, no surrogate, nothing above U+10FFFF. */
static bool can_follow(unsigned char lead, unsigned char second)
{
    const unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

    return second >= least && second <= most;
}

size_t heed_utf8_unfinished(const char *text, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const unsigned char *at = (const unsigned char *)text + n - back;

        if ((*at & 0xc0) == 0x80)
            continue;
        return length_of(*at) > back && (back == 1 || can_follow(at[0], at[1])) ? back : 0;
    }
    return 0;
}

/* --- stop strings --- */

/* Bytes of the longest stop string that the text ends with; 0: none. */
static size_t complete(const heed_held_text *held)
{
    const heed_text_buffer *b = &held->bytes;
    size_t longest = 0;

    for (int i = 0; i < held->n_stop; i++) {
        const size_t n = strlen(held->stop[i]);
        if (n > longest && n <= b->size && memcmp(b->data + b->size - n, held->stop[i], n) == 0)
            longest = n;
    }
    return longest;
}

/* Bytes at the end of the text that a stop string begins with. */
static size_t begun(const heed_held_text *held)
{
    const heed_text_buffer *b = &held->bytes;
    size_t longest = 0;

    for (int i = 0; i < held->n_stop; i++) {
        const size_t all = strlen(held->stop[i]);
        for (size_t n = all - 1 < b->size ? all - 1 : b->size; n > longest; n--) {
            if (memcmp(b->data + b->size - n, held->stop[i], n) == 0)
                longest = n;
        }
    }
    return longest;
}

bool heed_held_text_append(heed_held_text *held, const char *piece, size_t n, size_t *n_ready)
{
    for (size_t i = 0; i < n && !held->bytes.failed; i++) {
        size_t stop;

        heed_text_append(&held->bytes, piece + i, 1);
        stop = complete(held);
        if (stop > 0) {
            held->bytes.size -= stop;
            *n_ready = held->bytes.size;
            return true;
        }
    }
    *n_ready = held->bytes.size - begun(held);
    *n_ready -= heed_utf8_unfinished(held->bytes.data, *n_ready);
    return false;
}

void heed_held_text_take(heed_held_text *held, size_t n)
{
    held->bytes.size -= n;
    if (n > 0)
        memmove(held->bytes.data, held->bytes.data + n, held->bytes.size);
}

void heed_held_text_free(heed_held_text *held)
{
    heed_text_free(&held->bytes);
}
