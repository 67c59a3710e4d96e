/* SPDX-License-Identifier: MIT */
#ifndef HEED_FORMATS_BASE64_H
#define HEED_FORMATS_BASE64_H

#include "base/text_buffer.h"

/** Appends n bytes as base64 (RFC 4648, section 4), padded, on one line. */
void heed_base64_put(heed_text_buffer *out, const void *data, size_t n);

#endif
