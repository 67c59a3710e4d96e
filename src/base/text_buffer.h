/* SPDX-License-Identifier: MIT */
/* A growing string. A failed allocation is remembered in `failed` and further appends do nothing. */
#ifndef HEED_BASE_TEXT_BUFFER_H
#define HEED_BASE_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct heed_text_buffer {
    char *data; /* terminated; NULL while empty */
    size_t size, capacity;
    bool failed;
} heed_text_buffer;

void heed_text_append(heed_text_buffer *buffer, const char *text, size_t n);
void heed_text_puts(heed_text_buffer *buffer, const char *text);
void heed_text_printf(heed_text_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void heed_text_free(heed_text_buffer *buffer);

#endif
