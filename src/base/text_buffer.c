/* SPDX-License-Identifier: MIT */
#include "base/text_buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for n more bytes and the terminating zero; doubles, so that appending is linear in all. */
static bool grow(heed_text_buffer *buffer, size_t n)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 64;

    if (buffer->failed || n >= SIZE_MAX / 4 || buffer->size >= SIZE_MAX / 4) {
        buffer->failed = true;
        return false;
    }
    while (capacity < buffer->size + n + 1)
        capacity *= 2;
    if (capacity != buffer->capacity) {
        char *data = realloc(buffer->data, capacity);

        if (!data) {
            buffer->failed = true;
            return false;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return true;
}

void heed_text_append(heed_text_buffer *buffer, const char *text, size_t n)
{
    if (!grow(buffer, n))
        return;
    if (n > 0)
        memcpy(buffer->data + buffer->size, text, n);
    buffer->size += n;
    buffer->data[buffer->size] = '\0';
}

void heed_text_puts(heed_text_buffer *buffer, const char *text)
{
    heed_text_append(buffer, text, strlen(text));
}

void heed_text_printf(heed_text_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (n < 0) {
        buffer->failed = true;
        return;
    }
    if (!grow(buffer, (size_t)n))
        return;
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->size, (size_t)n + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)n;
}

void heed_text_free(heed_text_buffer *buffer)
{
    free(buffer->data);
    *buffer = (heed_text_buffer){0};
}
