/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NODELETE on older systems */
#endif
#include "hub/libraries.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* libcurl's interface has been the fourth since 2006; libcrypto's number is that of the headers. */
#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x
#ifdef __APPLE__
#define CURL_FILE   "libcurl.4.dylib"
#define CRYPTO_FILE "libcrypto." TEXT_OF(OPENSSL_SHLIB_VERSION) ".dylib"
#else
#define CURL_FILE   "libcurl.so.4"
#define CRYPTO_FILE "libcrypto.so." TEXT_OF(OPENSSL_SHLIB_VERSION)
#endif

typedef struct symbol {
    const char *name;
    size_t offset; /* of the pointer in the table */
} symbol;

#define AT(member) offsetof(heed_libraries, member)

static const symbol of_curl[] = {
    {"curl_global_init", AT(global_init)},       {"curl_global_cleanup", AT(global_cleanup)},
    {"curl_easy_init", AT(easy_init)},           {"curl_easy_reset", AT(easy_reset)},
    {"curl_easy_setopt", AT(easy_setopt)},       {"curl_easy_perform", AT(easy_perform)},
    {"curl_easy_getinfo", AT(easy_getinfo)},     {"curl_easy_cleanup", AT(easy_cleanup)},
    {"curl_easy_strerror", AT(easy_strerror)},   {"curl_slist_append", AT(slist_append)},
    {"curl_slist_free_all", AT(slist_free_all)}, {NULL, 0},
};

static const symbol of_crypto[] = {
    {"EVP_MD_CTX_new", AT(md_ctx_new)},
    {"EVP_MD_CTX_free", AT(md_ctx_free)},
    {"EVP_sha256", AT(sha256)},
    {"EVP_DigestInit", AT(digest_init)},
    {"EVP_DigestUpdate", AT(digest_update)},
    {"EVP_DigestFinal_ex", AT(digest_final)},
    {NULL, 0},
};

/* By the name alone, as the system finds libraries; then in the folder where the build has found it. */
static void *open_library(const char *file, const char *folder)
{
    /* Libraries that have started threads or left handlers behind must not vanish under them. */
    const int how = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    char path[1024];
    void *library = dlopen(file, how);

    if (library == NULL && snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path)
        library = dlopen(path, how);
    return library;
}

static heed_status load(heed_libraries *table, const char *file, const char *folder, const symbol *symbols,
                        void **library, heed_error *err)
{
    *library = open_library(file, folder);
    if (*library == NULL)
        return heed_fail(err, HEED_ERR_FILE, "heed pull needs the library %s, which this system does not have",
                         file);
    for (; symbols->name != NULL; symbols++) {
        void *found = dlsym(*library, symbols->name);
        if (found == NULL)
            return heed_fail(err, HEED_ERR_FILE, "heed pull needs a newer %s: this one has no %s", file,
                             symbols->name);
        memcpy((char *)table + symbols->offset, &found, sizeof found); /* C knows no cast from data to code */
    }
    return HEED_OK;
}

heed_status heed_libraries_load(heed_libraries *libraries, heed_error *err)
{
    heed_status status;

    *libraries = (heed_libraries){.curl = NULL};
    status = load(libraries, CURL_FILE, HEED_CURL_FOLDER, of_curl, &libraries->curl, err);
    if (status == HEED_OK)
        status = load(libraries, CRYPTO_FILE, HEED_CRYPTO_FOLDER, of_crypto, &libraries->crypto, err);
    return status;
}

void heed_libraries_close(heed_libraries *libraries)
{
    if (libraries->crypto != NULL)
        dlclose(libraries->crypto);
    if (libraries->curl != NULL)
        dlclose(libraries->curl);
    *libraries = (heed_libraries){.curl = NULL};
}
