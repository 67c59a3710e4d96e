/* SPDX-License-Identifier: MIT */
/*
 * libcurl and libcrypto, loaded when a model is pulled and not before.
 *
 * A program that is linked with them pays for them at every start. Debian's libcurl brings 33 libraries along: on a
 * 2-core Xeon an empty program that is linked like heed takes 4.0 ms from start to end, 9.8 ms with libcurl and 5.0 ms
 * with libcrypto; and `heed generate` would pay that for nothing. So this table is filled by dlopen(), and the headers
 * give the types.
 */
#ifndef HEED_HUB_LIBRARIES_H
#define HEED_HUB_LIBRARIES_H

#define CURL_DISABLE_TYPECHECK 1 /* its macros would hide what is called through the table */
#include <curl/curl.h>
#include <heed/status.h>
#include <openssl/evp.h>

typedef struct heed_libraries {
    CURLcode (*global_init)(long flags);
    void (*global_cleanup)(void);
    CURL *(*easy_init)(void);
    void (*easy_reset)(CURL *curl);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
    void (*slist_free_all)(struct curl_slist *list);

    EVP_MD_CTX *(*md_ctx_new)(void);
    void (*md_ctx_free)(EVP_MD_CTX *context);
    const EVP_MD *(*sha256)(void);
    int (*digest_init)(EVP_MD_CTX *context, const EVP_MD *type);
    int (*digest_update)(EVP_MD_CTX *context, const void *data, size_t n);
    int (*digest_final)(EVP_MD_CTX *context, unsigned char *digest, unsigned *n);

    void *curl, *crypto; /* of dlopen() */
} heed_libraries;

/** Fills the table. HEED_ERR_FILE names the library that is not there. */
heed_status heed_libraries_load(heed_libraries *libraries, heed_error *err);
void heed_libraries_close(heed_libraries *libraries); /* also after a failed load */

#endif
