/* SPDX-License-Identifier: MIT */
#include "hub/digest.h"

#include <stdio.h>
#include <string.h>

bool heed_digest_begin(heed_digest *digest, const heed_libraries *libraries)
{
    digest->libraries = libraries;
    if (digest->context == NULL)
        digest->context = libraries->md_ctx_new();
    return digest->context != NULL && libraries->digest_init(digest->context, libraries->sha256()) == 1;
}

bool heed_digest_add(heed_digest *digest, const void *data, size_t n)
{
    return digest->libraries->digest_update(digest->context, data, n) == 1;
}

bool heed_digest_end(heed_digest *digest, char out[HEED_DIGEST_DIGITS + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (digest->libraries->digest_final(digest->context, bytes, &n) != 1 || n != HEED_DIGEST_DIGITS / 2)
        return false;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return true;
}

void heed_digest_free(heed_digest *digest)
{
    if (digest->context != NULL)
        digest->libraries->md_ctx_free(digest->context);
    digest->context = NULL;
}

bool heed_digest_read(const char *text, char out[HEED_DIGEST_DIGITS + 1])
{
    static const char digits[] = "0123456789abcdef";
    char lower[HEED_DIGEST_DIGITS + 1];

    for (int i = 0; i < HEED_DIGEST_DIGITS; i++) {
        const char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
        if (c == '\0' || strchr(digits, c) == NULL)
            return false;
        lower[i] = c;
    }
    if (text[HEED_DIGEST_DIGITS] != '\0' && strchr("\",", text[HEED_DIGEST_DIGITS]) == NULL)
        return false;
    lower[HEED_DIGEST_DIGITS] = '\0';
    memcpy(out, lower, sizeof lower);
    return true;
}

bool heed_digest_given(const char *list, const char *name, char out[HEED_DIGEST_DIGITS + 1])
{
    const size_t n = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, n) == 0 && at[n] == '=')
            return heed_digest_read(at + n + 1, out);
    }
    return false;
}
