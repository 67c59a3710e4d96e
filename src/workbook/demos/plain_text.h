/* SPDX-License-Identifier: MIT */
/* The text of a demonstration that reads it itself: its parameter "text", a path, "" for the built-in stories. */
#ifndef HEED_WORKBOOK_DEMOS_PLAIN_TEXT_H
#define HEED_WORKBOOK_DEMOS_PLAIN_TEXT_H

#include "base/file.h"
#include "base/text_buffer.h"
#include "workbook/demo.h"

typedef struct heed_demo_plain_text {
    const char *data; /* UTF-8 */
    size_t n;
    const char *name;
    heed_file file;
    heed_text_buffer stories;
} heed_demo_plain_text;

/** At most so many bytes of its beginning, no character cut in two. After a failure n is 0. Close it in any case. */
heed_demo_plain_text heed_demo_plain_text_of(heed_demoing *d, size_t most);
void heed_demo_plain_text_close(heed_demo_plain_text *text);

#endif
