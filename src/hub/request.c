/* SPDX-License-Identifier: MIT */
#include "hub/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "hub/headers.h"

#define MOST_HOPS         5
#define MOST_HEADER_BYTES (256 << 10)
#define MOST_OTHER_BYTES  (1 << 20) /* of an answer that is not the file: an error page */
#define URL_BYTES         4096
#define SHOWN             160

/* One answer while it comes. */
typedef struct exchange {
    const heed_request *request;
    heed_reply *reply;
    size_t n_header, n_other;
    bool has_begun, stopped, interrupted, too_much, stalled;
    curl_off_t n_came; /* bytes of the body */
    double came_s;     /* when something came last */
    double timeout_s;
} exchange;

/* --- what libcurl calls --- */

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    exchange *e = context;
    const size_t bytes = size * n;

    e->n_header += bytes;
    e->came_s = heed_clock_s();
    e->too_much |= e->n_header > MOST_HEADER_BYTES;
    if (e->too_much)
        return 0;
    heed_reply_read_header(e->reply, data, bytes);
    return bytes;
}

static bool begin_once(exchange *e)
{
    if (!e->has_begun)
        e->stopped = !e->request->begin(e->request->context, e->reply);
    e->has_begun = true;
    return !e->stopped;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    exchange *e = context;
    const size_t bytes = size * n;

    if (e->reply->code != 200 && e->reply->code != 206) {
        e->n_other += bytes;
        e->too_much |= e->n_other > MOST_OTHER_BYTES;
        return e->too_much ? 0 : bytes;
    }
    if (!begin_once(e))
        return 0;
    e->stopped = !e->request->body(e->request->context, data, bytes);
    return e->stopped ? 0 : bytes;
}

/* libcurl's own limit of the speed looks at an average of several seconds, and so comes late. */
static int on_progress(void *context, curl_off_t total, curl_off_t came, curl_off_t total_up, curl_off_t up)
{
    exchange *e = context;
    const double now_s = heed_clock_s();

    (void)total, (void)total_up, (void)up;
    if (came != e->n_came)
        e->came_s = now_s;
    e->n_came = came;
    e->stalled = now_s - e->came_s > e->timeout_s;
    e->interrupted |= !e->request->go_on(e->request->context);
    return e->interrupted || e->stalled;
}

/* --- the client --- */

heed_status heed_client_open(heed_client *client, const heed_libraries *libraries, heed_error *err)
{
    *client = (heed_client){.libraries = libraries};
    if (libraries->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        client->curl = libraries->easy_init();
        if (client->curl != NULL)
            return HEED_OK;
        libraries->global_cleanup();
    }
    return heed_fail(err, HEED_ERR_MEMORY, "libcurl cannot begin; not enough memory?");
}

void heed_client_close(heed_client *client)
{
    if (client->curl == NULL)
        return;
    client->libraries->easy_cleanup(client->curl);
    client->libraries->global_cleanup();
    client->curl = NULL;
}

static bool begins_with(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* "https://host:port" of a URL: the bytes up to the path. */
static size_t host_end(const char *url)
{
    const char *host = strstr(url, "://");

    return host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
}

static const char *show_host(const char *url, char out[SHOWN])
{
    const char *host = strstr(url, "://");
    const size_t n = host != NULL ? strcspn(host + 3, "/?#") : 0;

    return heed_quote(out, SHOWN, host != NULL ? host + 3 : url, host != NULL ? n : strlen(url));
}

/* The token goes to the hub alone, never to where it leads. */
static bool is_the_hub(const heed_client *client, const char *url)
{
    const size_t n = host_end(client->base_url);

    return n > 0 && host_end(url) == n && strncasecmp(url, client->base_url, n) == 0;
}

/* The lines of our own: If-Range, Authorization. False: memory is out. */
static bool add_lines(const heed_client *client, const heed_request *request, const char *url,
                      struct curl_slist **lines)
{
    char line[1200];
    const char *formats[] = {"If-Range: %s", "Authorization: Bearer %s"};
    const char *values[] = {request->from > 0 ? request->if_range : NULL,
                            is_the_hub(client, url) ? client->token : NULL};

    for (int i = 0; i < 2; i++) {
        struct curl_slist *more;
        if (values[i] == NULL || snprintf(line, sizeof line, formats[i], values[i]) >= (int)sizeof line)
            continue;
        more = client->libraries->slist_append(*lines, line);
        if (more == NULL)
            return false;
        *lines = more;
    }
    return true;
}

static bool prepare(heed_client *client, const heed_request *request, const char *url, exchange *e,
                    struct curl_slist **lines)
{
    const heed_libraries *l = client->libraries;
    CURL *c = client->curl;
    int failed = !add_lines(client, request, url, lines);

    l->easy_reset(c);
    failed |= l->easy_setopt(c, CURLOPT_URL, url) != CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    failed |= l->easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
#else
    failed |= l->easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) != CURLE_OK;
#endif
    l->easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* no signal of libcurl's in somebody else's program */
    l->easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    l->easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    l->easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(client->timeout_s * 1e3));
    l->easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
    l->easy_setopt(c, CURLOPT_ERRORBUFFER, client->detail);
    l->easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    l->easy_setopt(c, CURLOPT_HEADERDATA, e);
    l->easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    l->easy_setopt(c, CURLOPT_WRITEDATA, e);
    l->easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    l->easy_setopt(c, CURLOPT_XFERINFODATA, e);
    l->easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    failed |= l->easy_setopt(c, CURLOPT_USERAGENT, "heed/" HEED_VERSION) != CURLE_OK;
    failed |= l->easy_setopt(c, CURLOPT_HTTPHEADER, *lines) != CURLE_OK;
    if (request->from > 0) {
        char range[32];
        snprintf(range, sizeof range, "%lld-", (long long)request->from);
        failed |= l->easy_setopt(c, CURLOPT_RANGE, range) != CURLE_OK;
    }
    client->detail[0] = '\0';
    return !failed;
}

/* --- what it came to --- */

static heed_outcome fail_transport(const heed_client *client, CURLcode code, const char *url, heed_error *err)
{
    char host[SHOWN], detail[SHOWN];
    const char *why = client->detail[0] != '\0' ? client->detail : client->libraries->easy_strerror(code);

    show_host(url, host);
    heed_quote(detail, sizeof detail, why, strlen(why));
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        heed_fail(err, HEED_ERR_FILE, "%s cannot be reached: %s", host, detail);
        return client->has_answered ? HEED_AGAIN : HEED_FAILED; /* no network, or one that has just gone */
    case CURLE_OPERATION_TIMEDOUT:
        heed_fail(err, HEED_ERR_FILE, "%s has sent nothing for %.0f s", host, client->timeout_s);
        return HEED_AGAIN;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        heed_fail(err, HEED_ERR_FILE, "%s has cut the connection: %s", host, detail);
        return HEED_AGAIN;
    case CURLE_OUT_OF_MEMORY:
        heed_fail(err, HEED_ERR_MEMORY, "not enough memory to ask %s", host);
        return HEED_FAILED;
    default:
        heed_fail(err, HEED_ERR_FILE, "%s cannot be asked: %s", host, detail);
        return HEED_FAILED;
    }
}

static heed_outcome judge_code(const heed_client *client, const heed_reply *reply, const char *url,
                               heed_error *err)
{
    char host[SHOWN];

    show_host(url, host);
    switch (reply->code) {
    case 200:
    case 206:
        return HEED_CAME;
    case 404:
    case 410:
        heed_fail(err, HEED_ERR_FILE, "%s has no such file (%d)", host, reply->code);
        return HEED_ABSENT;
    case 416:
        return HEED_NO_RANGE;
    case 401:
    case 403:
        heed_fail(err, HEED_ERR_FILE,
                  client->token != NULL ? "%s refuses (%d): the account of this token may not read the model, "
                                          "or there is none of that name"
                                        : "%s refuses (%d): the model is gated, private, or there is none of "
                                          "that name; with an account "
                                          "that may read it, set HEED_HUB_TOKEN",
                  host, reply->code);
        return HEED_FAILED;
    default:
        break;
    }
    if (reply->code == 408 || reply->code == 429 || reply->code >= 500) {
        heed_fail(err, HEED_ERR_FILE, "%s answers %d%s", host, reply->code,
                  reply->code == 429 ? ", too many requests" : "");
        return HEED_AGAIN;
    }
    heed_fail(err, HEED_ERR_FILE, "%s: expected a file, the answer is %d", host, reply->code);
    return HEED_FAILED;
}

/* Where a redirection leads, into url; false, with err, where it may not. */
static bool follow(heed_client *client, char url[URL_BYTES], heed_error *err)
{
    const char *next = NULL;
    char host[SHOWN], shown[SHOWN];

    show_host(url, host);
    if (client->libraries->easy_getinfo(client->curl, CURLINFO_REDIRECT_URL, &next) != CURLE_OK ||
        next == NULL) {
        heed_fail(err, HEED_ERR_FILE, "%s leads elsewhere without saying where", host);
        return false;
    }
    heed_quote(shown, sizeof shown, next, strlen(next));
    if (!begins_with(next, "https://") && !begins_with(next, "http://")) {
        heed_fail(err, HEED_ERR_FILE, "%s leads to %s: expected https or http", host, shown);
        return false;
    }
    if (begins_with(url, "https://") && !begins_with(next, "https://")) {
        heed_fail(err, HEED_ERR_FILE, "%s leads to %s: expected https, as before", host, shown);
        return false;
    }
    if (strlen(next) >= URL_BYTES) {
        heed_fail(err, HEED_ERR_FILE, "%s leads to an address of %zu bytes, expected less than %d", host,
                  strlen(next), URL_BYTES);
        return false;
    }
    memcpy(url, next, strlen(next) + 1);
    return true;
}

static bool is_redirection(int code)
{
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

static heed_outcome ask_once(heed_client *client, const heed_request *request, const char *url,
                             heed_reply *reply, heed_error *err)
{
    exchange e = {.request = request, .reply = reply, .came_s = heed_clock_s(), .timeout_s = client->timeout_s};
    struct curl_slist *lines = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    char host[SHOWN];

    if (prepare(client, request, url, &e, &lines))
        code = client->libraries->easy_perform(client->curl);
    client->libraries->slist_free_all(lines);
    client->has_answered |= reply->code > 0;
    if (e.interrupted)
        return HEED_INTERRUPTED;
    if (e.stopped)
        return HEED_STOPPED;
    if (e.too_much) {
        heed_fail(err, HEED_ERR_FILE, "%s sends more than an answer may have", show_host(url, host));
        return HEED_FAILED;
    }
    if (e.stalled)
        code = CURLE_OPERATION_TIMEDOUT;
    if (code != CURLE_OK)
        return fail_transport(client, code, url, err);
    if ((reply->code == 200 || reply->code == 206) && !begin_once(&e)) /* an empty file has no first byte */
        return HEED_STOPPED;
    return HEED_CAME;
}

heed_outcome heed_client_get(heed_client *client, const heed_request *request, heed_reply *reply,
                             heed_error *err)
{
    char url[URL_BYTES], host[SHOWN];
    heed_outcome outcome;

    heed_reply_reset(reply);
    if (snprintf(url, sizeof url, "%s", request->url) >= (int)sizeof url) {
        heed_fail(err, HEED_ERR_USAGE, "expected an address below %d bytes", URL_BYTES);
        return HEED_FAILED;
    }
    for (int hop = 0; hop <= MOST_HOPS; hop++) {
        outcome = ask_once(client, request, url, reply, err);
        if (outcome != HEED_CAME)
            return outcome;
        if (!is_redirection(reply->code))
            return judge_code(client, reply, url, err);
        if (!follow(client, url, err))
            return HEED_FAILED;
    }
    heed_fail(err, HEED_ERR_FILE, "%s leads elsewhere more than %d times", show_host(request->url, host),
              MOST_HOPS);
    return HEED_FAILED;
}
