/* SPDX-License-Identifier: MIT */
#ifndef HEED_TEXT_JSON_TEXT_H
#define HEED_TEXT_JSON_TEXT_H

#include "base/text_buffer.h"

/** Appends n bytes of UTF-8 as a JSON string, quotes included. */
void heed_json_put_string(heed_text_buffer *out, const char *text, size_t n);

#endif
