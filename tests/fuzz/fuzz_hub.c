/* SPDX-License-Identifier: MIT */
/* Names of models, and the lines before a hub's answer, from hostile bytes: what is kept is safe in paths and addresses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/headers.h"
#include "hub/name.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void read_name(const char *text)
{
    char path[HEED_HUB_NAME_PATH_BYTES];
    heed_error err = {0};
    heed_hub_name name;

    if (heed_hub_name_read(text, NULL, &name, &err) != HEED_OK) {
        require(err.message[0] != '\0' && strpbrk(err.message, "\n\033") == NULL);
        return;
    }
    heed_hub_name_path(&name, path);
    require(strncmp(path, "models/", 7) == 0 && strstr(path, "..") == NULL && strstr(path, "/.") == NULL);
    require(strpbrk(path, " \t\n\\%?#:\"") == NULL);
    heed_hub_name_near(&name);
}

static void read_headers(const char *data, size_t n)
{
    heed_reply reply;

    heed_reply_reset(&reply);
    while (n > 0) {
        const char *end = memchr(data, '\n', n);
        const size_t line = end != NULL ? (size_t)(end + 1 - data) : n;
        heed_reply_read_header(&reply, data, line);
        require(reply.code >= 0 && reply.code <= 999);
        require(reply.length >= -1 && reply.linked_size >= -1 && reply.retry_after_s >= 0.0);
        require(reply.range_total == -1 || (reply.range_from >= 0 && reply.range_from < reply.range_total));
        require(strpbrk(reply.etag, " \t\r\n") == NULL && strpbrk(reply.linked_etag, " \t\r\n") == NULL);
        require(reply.commit[0] == '\0' || strlen(reply.commit) == 40);
        data += line;
        n -= line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_name(text);
    read_headers(text, size);
    free(text);
    return 0;
}
