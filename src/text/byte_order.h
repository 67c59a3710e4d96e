/* SPDX-License-Identifier: MIT */
/*
 * The order of bytes in GPT-2's alphabet, in which byte-level tokenizers write bytes as characters of a JSON file.
 *
 * Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for the characters of the same codes, the other 68 in ascending order for
 * U+0100-U+0143. By those characters bytes are ordered: "!" is the first, "~" the 94th, a space the 221st.
 */
#ifndef HEED_TEXT_BYTE_ORDER_H
#define HEED_TEXT_BYTE_ORDER_H

#include <stdint.h>

/** 0 .. 255: the place of the byte in that order. */
int heed_byte_rank(unsigned char byte);
unsigned char heed_byte_of_rank(int rank);
/** The code of the character that stands for the byte. */
uint32_t heed_byte_character(unsigned char byte);

#endif
