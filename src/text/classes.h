/* SPDX-License-Identifier: MIT */
/*
 * The classes of characters that the known patterns speak of, asked of PCRE2 once for each character that a text has.
 * One thread's.
 */
#ifndef HEED_TEXT_CLASSES_H
#define HEED_TEXT_CLASSES_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEED_CLASS_MORE = 0,  /* the text is known up to here only */
    HEED_CLASS_UPPER = 1, /* Lu Lt */
    HEED_CLASS_LOWER = 2, /* Ll */
    HEED_CLASS_OTHER = 4, /* Lm Lo */
    HEED_CLASS_MARK = 8,  /* M */
    HEED_CLASS_NUMBER = 16,
    HEED_CLASS_SPACE = 32, /* White_Space */
    HEED_CLASS_REST = 64,
    HEED_CLASS_END = 128, /* the text's end, or a byte that is no character */
    HEED_CLASS_LETTER = HEED_CLASS_UPPER | HEED_CLASS_LOWER | HEED_CLASS_OTHER
};

typedef struct heed_classes heed_classes;

/* What is asked: compiled once for all threads, by whoever makes the tables. NULL: no memory. */
pcre2_code *heed_classes_compile(void);
/** code is lent as long as the tables live. NULL: no memory. */
heed_classes *heed_classes_create(const pcre2_code *code);
void heed_classes_destroy(heed_classes *classes);

extern const uint8_t heed_byte_classes[256]; /* of ASCII characters; 0 for the other bytes */

/** The class of the character at text[at] and its length; n and last as in cutter.h. */
int heed_class_of(heed_classes *classes, const char *text, size_t at, size_t n, bool last, size_t *length);

#endif
