/* SPDX-License-Identifier: MIT */
/*
 * A text without its special tokens: each is replaced by one byte 0xFF, which no character has. So it ends the piece before
 * it, and no piece of the text holds a part of it.
 */
#ifndef HEED_TEXT_SPECIAL_FILTER_H
#define HEED_TEXT_SPECIAL_FILTER_H

#include <heed/tokenizer.h>

#define HEED_FILTER_BYTES ((size_t)1 << 16)

typedef struct heed_special_filter {
    const char *const *special; /* [n] lent, not empty */
    int n;
    heed_text_source *source;
    void *context;
    size_t longest;   /* of the special tokens */
    bool begins[256]; /* which bytes one of them begins with */
    char *block;      /* [HEED_FILTER_BYTES + longest] */
    size_t at, end;   /* what of it is still to be looked at */
    bool ended;       /* the source has */
} heed_special_filter;

/** HEED_ERR_MEMORY. Freed in any case. */
heed_status heed_special_filter_open(heed_special_filter *filter, const char *const *special, int n,
                                     heed_text_source *source, void *context, heed_error *err);
void heed_special_filter_close(heed_special_filter *filter);
/** A heed_text_source over a heed_special_filter. */
heed_status heed_special_filter_read(void *filter, char *buffer, size_t capacity, size_t *n, heed_error *err);

#endif
