/* SPDX-License-Identifier: MIT */
/* The lines before an answer, into a heed_reply. */
#ifndef HEED_HUB_HEADERS_H
#define HEED_HUB_HEADERS_H

#include "hub/request.h"

/** Before the first answer. */
void heed_reply_reset(heed_reply *reply);
/** One line of n bytes as it came. A status line begins a new answer, and only what the hub itself said stays. */
void heed_reply_read_header(heed_reply *reply, const char *line, size_t n);

#endif
