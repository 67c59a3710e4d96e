/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629): strict decoding, no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef HEED_BASE_UTF8_H
#define HEED_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of the well-formed character at text (1..4) with its code in *code, or 0 where there is none. */
size_t heed_utf8_decode(const char *text, size_t n, uint32_t *code);

/** True when the n bytes are well-formed characters and nothing else. */
bool heed_utf8_is_valid(const char *text, size_t n);

/** Writes the character and returns its length (1..4), or 0 when code is not a Unicode scalar value. */
size_t heed_utf8_encode(uint32_t code, char out[4]);

#endif
