/* SPDX-License-Identifier: MIT */
/*
 * Attention as one HTML page that needs nothing else: no network, no other file, no library. Script and style are the files
 * of the folder page, taken in when heed is built.
 *
 *     heed_page_head heads[] = {{0, 0, pattern}};
 *     heed_page page = {.title = "Attention", .tokens = tokens, .n_tokens = n, .heads = heads, .n_heads = 1};
 *     status = heed_page_write("attention.html", &page, err);
 *
 * Patterns are kept as codes of one byte (formats/weight_codes.h). The page is bounded: where 254
 * levels would take more than a head's part, it gets fewer, at least 15, and the page says how many. Equal input gives equal bytes, by the
 * same version of zlib.
 */
#ifndef HEED_FORMATS_HTML_PAGE_H
#define HEED_FORMATS_HTML_PAGE_H

#include <heed/status.h>
#include <stddef.h>

#define HEED_PAGE_BYTES ((size_t)48 << 20)

typedef struct heed_page_head {
    int layer, head;
    const float *pattern; /* [n_tokens, n_tokens]; what lies above the diagonal is not read */
    const char *words;    /* what is said of it, such as a role; NULL or "": nothing */
} heed_page_head;

typedef struct heed_page {
    const char *title;
    const char *const *tokens; /* any bytes: they are shown as heed_label_token() has them */
    int n_tokens;
    const float *loss; /* [n_tokens] nats for each token after those before it; NaN: none; NULL: not known */
    const heed_page_head *heads; /* by layers, and within them by heads */
    int n_heads;
    size_t bytes; /* at most, for the weights as they stand in the page; 0: HEED_PAGE_BYTES */
} heed_page;

/** HEED_ERR_USAGE: more heads and tokens than a page has room for; HEED_ERR_MEMORY, HEED_ERR_FILE. */
heed_status heed_page_write(const char *path, const heed_page *page, heed_error *err);

#endif
