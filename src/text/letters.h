/* SPDX-License-Identifier: MIT */
/*
 * The letters in which byte-level vocabularies write bytes: 33-126, 161-172 and 174-255 are the characters of the same
 * number; the other 68, in ascending order, U+0100, U+0101, ... So a space is U+0120.
 */
#ifndef HEED_TEXT_LETTERS_H
#define HEED_TEXT_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#define HEED_N_LETTERS 0x144 /* codes that may be letters: below this */

/** The code point that stands for a byte. */
uint32_t heed_letter_of(unsigned char byte);
/** Writes its UTF-8 (1 or 2 bytes) and returns the length. */
size_t heed_letter_write(unsigned char byte, char out[4]);
/** The byte that a letter stands for, or -1. */
int heed_letter_byte(uint32_t code);

/** The bytes that n bytes of letters stand for, in out (n bytes of room, may be text itself); their number, or -1. */
ptrdiff_t heed_letters_decode(const char *text, size_t n, char *out);

#endif
