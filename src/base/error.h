/* SPDX-License-Identifier: MIT */
/*
 * Writing error messages.
 *
 *     if (rows == 0)
 *         return heed_fail(err, HEED_ERR_FILE, "%s: expected at least one line, got an empty file", path);
 *
 * Text that came from outside (names in files, characters of a text) goes through heed_quote()
 * first, so that a message never carries terminal escapes or broken UTF-8.
 */
#ifndef HEED_BASE_ERROR_H
#define HEED_BASE_ERROR_H

#include <heed/status.h>
#include <stddef.h>

/** Stores the message in err (if not NULL) and returns status, so that a caller can `return heed_fail(...)`. */
heed_status heed_fail(heed_error *err, heed_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Copies n bytes of foreign text into out (size bytes, always terminated), with control characters,
 * escapes and invalid UTF-8 as \xNN and a trailing "..." when cut. Returns out.
 */
const char *heed_quote(char *out, size_t size, const char *text, size_t n);

#endif
