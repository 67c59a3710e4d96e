/* SPDX-License-Identifier: MIT */
#include "hub/headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void heed_reply_reset(heed_reply *reply)
{
    *reply = (heed_reply){.length = -1, .range_from = -1, .range_total = -1, .linked_size = -1};
}

static void begin_answer(heed_reply *reply)
{
    reply->code = 0;
    reply->length = reply->range_from = reply->range_total = -1;
    reply->etag[0] = '\0';
    reply->encoded = false;
    reply->retry_after_s = 0.0;
}

/* A number of decimal digits up to 2^63 - 1; *end is behind it. -1 for anything else. */
static int64_t read_number(const char *text, const char **end)
{
    int64_t value = 0;

    *end = text;
    for (; **end >= '0' && **end <= '9'; (*end)++) {
        const int digit = **end - '0';
        if (value > (INT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    return *end > text ? value : -1;
}

static int64_t read_whole(const char *text)
{
    const char *end;
    const int64_t value = read_number(text, &end);

    return *end == '\0' ? value : -1;
}

/* "bytes 100-999/1000" */
static void read_range(heed_reply *reply, const char *text)
{
    const char *end;
    int64_t from, to, total;

    if (strncasecmp(text, "bytes ", 6) != 0)
        return;
    from = read_number(text + 6, &end);
    if (from < 0 || *end != '-')
        return;
    to = read_number(end + 1, &end);
    if (to < from || *end != '/')
        return;
    total = read_whole(end + 1);
    if (total <= to)
        return;
    reply->range_from = from;
    reply->range_total = to == total - 1 ? total : -1; /* less than all that is left was not asked for */
}

/* Visible ASCII, as marks are; anything else is as good as no mark. */
static void keep_mark(char *out, size_t size, const char *text)
{
    const size_t n = strlen(text);

    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e)
            return;
    }
    if (n < size)
        memcpy(out, text, n + 1);
}

static void keep_commit(heed_reply *reply, const char *text)
{
    if (strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40)
        snprintf(reply->commit, sizeof reply->commit, "%s", text);
}

void heed_reply_read_header(heed_reply *reply, const char *line, size_t n)
{
    char text[512];
    char *colon, *value, *end;

    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', n);
        const size_t left = space != NULL ? n - (size_t)(space + 1 - line) : 0;
        begin_answer(reply);
        for (size_t i = 1; i <= 3 && i <= left && space[i] >= '0' && space[i] <= '9'; i++)
            reply->code = reply->code * 10 + (space[i] - '0');
        return;
    }
    if (n >= sizeof text || memchr(line, '\0', n) != NULL)
        return;
    memcpy(text, line, n);
    text[n] = '\0';
    colon = strchr(text, ':');
    if (colon == NULL)
        return;
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    for (end = value + strlen(value); end > value && strchr(" \t\r\n", end[-1]) != NULL; end--)
        ;
    *end = '\0';
    if (strcasecmp(text, "Content-Length") == 0)
        reply->length = read_whole(value);
    else if (strcasecmp(text, "Content-Range") == 0)
        read_range(reply, value);
    else if (strcasecmp(text, "Content-Encoding") == 0)
        reply->encoded = value[0] != '\0' && strcasecmp(value, "identity") != 0;
    else if (strcasecmp(text, "ETag") == 0)
        keep_mark(reply->etag, sizeof reply->etag, value);
    else if (strcasecmp(text, "Retry-After") == 0)
        reply->retry_after_s = read_whole(value) > 0 ? (double)read_whole(value) : 0.0;
    else if (strcasecmp(text, "X-Linked-ETag") == 0)
        keep_mark(reply->linked_etag, sizeof reply->linked_etag, value);
    else if (strcasecmp(text, "X-Linked-Size") == 0)
        reply->linked_size = read_whole(value);
    else if (strcasecmp(text, "X-Repo-Commit") == 0)
        keep_commit(reply, value);
}
