/* SPDX-License-Identifier: MIT */
/*
 * JSON read from left to right, without a tree: for the large flat parts of a file, where a tree costs a hundred bytes
 * and more time than the numbers themselves. Strict (RFC 8259) in what it reads.
 *
 *     heed_json_scan s = {.text = text, .n = n, .where = "vocab.json", .err = err};
 *     if (heed_json_scan_begin(&s, '{'))
 *         do {
 *             ok = heed_json_scan_key(&s, &key) && heed_json_scan_int(&s, &id);
 *         } while (ok && heed_json_scan_more(&s, '}'));
 *     return s.status;
 *
 * The first failure is kept in status and err; from then on every function returns false.
 */
#ifndef HEED_FORMATS_JSON_SCAN_H
#define HEED_FORMATS_JSON_SCAN_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text_buffer.h"

typedef struct heed_json_scan {
    const char *text;
    size_t n, at;
    const char *where; /* begins messages; lent */
    heed_error *err;
    heed_status status;
} heed_json_scan;

/** Skips white space; the next byte, or -1 at the end. */
int heed_json_scan_peek(heed_json_scan *s);
/** At the opening bracket: true when something is in it; false also when it is empty (then it is read). */
bool heed_json_scan_begin(heed_json_scan *s, char opening);
/** Behind a member or an element: true after a comma, false after the closing bracket. */
bool heed_json_scan_more(heed_json_scan *s, char closing);
/** A string, unescaped, in place of what out held. */
bool heed_json_scan_string(heed_json_scan *s, heed_text_buffer *out);
/** A member's name and its colon. */
bool heed_json_scan_key(heed_json_scan *s, heed_text_buffer *out);
/** An integer without fraction and exponent. */
bool heed_json_scan_int(heed_json_scan *s, int64_t *value);
/** Any value, by its quotes and brackets alone. */
bool heed_json_scan_skip(heed_json_scan *s);
/** Records a failure at this place; returns false. */
bool heed_json_scan_fail(heed_json_scan *s, const char *expected);

#endif
