/* SPDX-License-Identifier: MIT */
/*
 * Text on its way out, byte by byte, of which the end is held back until it is certain: it may still become a stop
 * string, or a character that more bytes complete.
 *
 *     heed_held_text held = {.stop = stop, .n_stop = 2};
 *     ended = heed_held_text_append(&held, piece, n, &n_ready);      true: a stop string came, and held ends before it
 *     hand_on(held.bytes.data, n_ready);
 *     heed_held_text_take(&held, n_ready);
 *     …at the end all that is left: held.bytes.data, held.bytes.size
 *     heed_held_text_free(&held);
 *
 * Of several stop strings the one that is complete first counts, and of those complete at the same byte the longest; so
 * where tokens begin and end does not matter.
 */
#ifndef HEED_INFER_HELD_TEXT_H
#define HEED_INFER_HELD_TEXT_H

#include "base/text_buffer.h"

/* Bytes of a stop string, at most. */
#define HEED_HELD_TEXT_STOP_BYTES 4096

typedef struct heed_held_text {
    const char *const *stop; /* [n_stop], none of them empty */
    int n_stop;
    heed_text_buffer bytes; /* what has not been taken; its `failed` says that memory was out */
} heed_held_text;

/** Adds n bytes. *n_ready: bytes from the first on that are certain. After true nothing more may be added. */
bool heed_held_text_append(heed_held_text *held, const char *piece, size_t n, size_t *n_ready);
/** Forgets the first n bytes. */
void heed_held_text_take(heed_held_text *held, size_t n);
void heed_held_text_free(heed_held_text *held);

/** Bytes at the end of text that begin a UTF-8 character and do not complete it: 0 .. 3. */
size_t heed_utf8_unfinished(const char *text, size_t n);

#endif
