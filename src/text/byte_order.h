/* SPDX-License-Identifier: MIT */
/*
 * The order of bytes by the letters that stand for them (text/letters.h), which is that of their ids in GPT-2's
 * vocabulary: "!" is 0, "~" is 93, a space 220.
 */
#ifndef HEED_TEXT_BYTE_ORDER_H
#define HEED_TEXT_BYTE_ORDER_H

/** 0 .. 255: the place of the byte in that order. */
int heed_byte_rank(unsigned char byte);
unsigned char heed_byte_of_rank(int rank);

#endif
