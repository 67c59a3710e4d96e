/* SPDX-License-Identifier: MIT */
/* What a pull is asked for: the name, the hub, the checksums. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/pulling.h"

#define USUAL_HUB "https://huggingface.co"
#define SHOWN     160

static heed_status fail_base(const char *base, const char *what, heed_error *err)
{
    char shown[SHOWN];

    return heed_fail(err, HEED_ERR_USAGE, "base URL \"%s\": expected %s",
                     heed_quote(shown, sizeof shown, base, strlen(base)), what);
}

static heed_status read_base(heed_pulling *p)
{
    const char *variable = getenv("HEED_HUB"), *base = p->options->base_url, *host;
    size_t n;

    if (base == NULL)
        base = variable != NULL && variable[0] != '\0' ? variable : USUAL_HUB;
    n = strlen(base);
    if (strncasecmp(base, "https://", 8) != 0 && strncasecmp(base, "http://", 7) != 0)
        return fail_base(base, "https://HOST or http://HOST", p->err);
    for (size_t i = 0; i < n; i++) {
        if (base[i] <= ' ' || base[i] > '~' || strchr("?#\\\"<>", base[i]) != NULL)
            return fail_base(base, "no spaces, no control characters and nothing of ? # \\ \" < >", p->err);
    }
    host = strstr(base, "://") + 3;
    if (strcspn(host, "/") == 0 || strcspn(host, "@") < strcspn(host, "/"))
        return fail_base(base, "a host, and no user's name", p->err);
    while (n > 0 && base[n - 1] == '/')
        n--;
    if (n >= sizeof p->base_url)
        return fail_base(base, "less than 512 bytes", p->err);
    snprintf(p->base_url, sizeof p->base_url, "%.*s", (int)n, base);
    return HEED_OK;
}

/* "FILE=64 digits,…" */
static heed_status check_sha256_option(const char *list, heed_error *err)
{
    char name[100], digits[HEED_DIGEST_DIGITS + 1], shown[SHOWN];

    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        const size_t n = strcspn(at, "=,");
        const bool has_name = n < sizeof name && snprintf(name, sizeof name, "%.*s", (int)n, at) > 0 &&
                              heed_hub_file_name_is_safe(name);
        if (!has_name || at[n] != '=' || !heed_digest_read(at + n + 1, digits))
            return heed_fail(err, HEED_ERR_USAGE,
                             "sha256: expected FILE=DIGITS with 64 hexadecimal digits, got \"%s\"",
                             heed_quote(shown, sizeof shown, at, strlen(at)));
    }
    return HEED_OK;
}

/* A file that is not there would leave its checksum unchecked. */
static heed_status check_digest(const heed_pulling *p, const char *name, const char *digits)
{
    for (int i = 0; i < p->record.n; i++) {
        const heed_record_file *file = &p->record.files[i];
        if (!file->done || strcmp(file->name, name) != 0)
            continue;
        if (strcmp(file->sha256, digits) == 0)
            return HEED_OK;
        return heed_fail(p->err, HEED_ERR_FILE, "%s: expected the SHA-256 %s, got %s", name, digits,
                         file->sha256);
    }
    return heed_fail(p->err, HEED_ERR_USAGE, "sha256: %s is none of the files of %s", name, p->name.full);
}

heed_status heed_pulling_check_sha256(const heed_pulling *p)
{
    char name[100], digits[HEED_DIGEST_DIGITS + 1];
    heed_status status = HEED_OK;

    for (const char *at = p->options->sha256; at != NULL && status == HEED_OK;
         at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "="), at);
        if (heed_digest_given(p->options->sha256, name, digits))
            status = check_digest(p, name, digits);
    }
    return status;
}

heed_status heed_pulling_read_options(heed_pulling *p, const char *name)
{
    const char *near;
    heed_status status = heed_hub_name_read(name, p->options->revision, &p->name, p->err);

    if (status == HEED_OK)
        status = read_base(p);
    if (status == HEED_OK)
        status = check_sha256_option(p->options->sha256, p->err);
    if (status != HEED_OK)
        return status;
    near = heed_hub_name_near(&p->name);
    if (p->name.is_short && !p->name.is_known && strcmp(p->base_url, USUAL_HUB) == 0)
        return heed_fail(p->err, HEED_ERR_USAGE,
                         "\"%s\": expected OWNER/MODEL, or one of gpt2, gpt2-medium, gpt2-large, gpt2-xl, "
                         "distilgpt2%s%s%s",
                         p->name.given, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "");
    return heed_place_find(&p->name, p->options->folder, &p->place, p->err);
}
