/* SPDX-License-Identifier: MIT */
/* Pieces of JSON that are too many for a tree. What comes out is also safe inside a <script> of a page. */
#ifndef HEED_FORMATS_JSON_PUT_H
#define HEED_FORMATS_JSON_PUT_H

#include "base/text_buffer.h"

/** n bytes as a string with its quotes; a byte that is not UTF-8 becomes U+FFFD, and "<", ">", "&" are written as \uNNNN. */
void heed_json_put_bytes(heed_text_buffer *out, const char *text, size_t n);
/** With 9 digits, which give the same float again; null when it is not finite. */
void heed_json_put_float(heed_text_buffer *out, float value);

#endif
