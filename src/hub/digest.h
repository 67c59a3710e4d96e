/* SPDX-License-Identifier: MIT */
/* SHA-256 of bytes as they come, by libcrypto. */
#ifndef HEED_HUB_DIGEST_H
#define HEED_HUB_DIGEST_H

#include <stdbool.h>

#include "hub/libraries.h"

#define HEED_DIGEST_DIGITS 64

typedef struct heed_digest {
    const heed_libraries *libraries; /* lent */
    EVP_MD_CTX *context;
} heed_digest;

/** Begins anew, also in the middle. Each of these is false when memory is out. */
bool heed_digest_begin(heed_digest *digest, const heed_libraries *libraries);
bool heed_digest_add(heed_digest *digest, const void *data, size_t n);
/** Writes the digits in lower case, with a zero behind. */
bool heed_digest_end(heed_digest *digest, char out[HEED_DIGEST_DIGITS + 1]);
void heed_digest_free(heed_digest *digest);

/** True when the text begins with the digits of a SHA-256 and nothing else of a word follows; out gets them in lower case. */
bool heed_digest_read(const char *text, char out[HEED_DIGEST_DIGITS + 1]);
/** The digits of the file `name` in a list "FILE=DIGITS,..." (NULL: an empty one); false where it has none. */
bool heed_digest_given(const char *list, const char *name, char out[HEED_DIGEST_DIGITS + 1]);

#endif
