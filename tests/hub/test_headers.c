/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include <string.h>

#include "hub/headers.h"

static void read_line(heed_reply *reply, const char *line)
{
    heed_reply_read_header(reply, line, strlen(line));
}

static heed_reply reply_of(const char *line)
{
    heed_reply reply;

    heed_reply_reset(&reply);
    read_line(&reply, "HTTP/1.1 200 OK\r\n");
    read_line(&reply, line);
    return reply;
}

static void status_lines_of_every_version_give_the_code(void **state)
{
    static const char *const lines[] = {"HTTP/1.0 206 Partial\r\n", "HTTP/1.1 206\r\n", "HTTP/2 206 \r\n",
                                        "HTTP/3 206\n"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(reply_of(lines[i]).code, 206);
    assert_int_equal(reply_of("HTTP/1.1\r\n").code, 0);
    assert_int_equal(reply_of("HTTP/1.1 2").code, 2);
}

static void a_length_is_a_whole_number_or_unknown(void **state)
{
    static const struct {
        const char *line;
        int64_t length;
    } cases[] = {
        {"Content-Length: 0\r\n", 0},
        {"content-length:151600\r\n", 151600},
        {"Content-Length:  7 \r\n", 7},
        {"Content-Length: 9223372036854775807\r\n", INT64_MAX},
        {"Content-Length: 9223372036854775808\r\n", -1},
        {"Content-Length: 99999999999999999999999\r\n", -1},
        {"Content-Length: -1\r\n", -1},
        {"Content-Length: 1e3\r\n", -1},
        {"Content-Length: 0x10\r\n", -1},
        {"Content-Length: 1, 1\r\n", -1},
        {"Content-Length:\r\n", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const heed_reply reply = reply_of(cases[i].line);
        if (reply.length != cases[i].length)
            fail_msg("%s gives %lld, expected %lld", cases[i].line, (long long)reply.length,
                     (long long)cases[i].length);
    }
}

static void a_range_must_reach_the_end_of_the_file(void **state)
{
    static const struct {
        const char *line;
        int64_t from, total;
    } cases[] = {
        {"Content-Range: bytes 100-999/1000\r\n", 100, 1000},
        {"Content-Range: bytes 0-0/1\r\n", 0, 1},
        {"Content-Range: bytes 100-998/1000\r\n", 100, -1},
        {"Content-Range: bytes 100-1000/1000\r\n", -1, -1},
        {"Content-Range: bytes 5-4/10\r\n", -1, -1},
        {"Content-Range: bytes */1000\r\n", -1, -1},
        {"Content-Range: bytes 1-2/*\r\n", -1, -1},
        {"Content-Range: pages 0-0/1\r\n", -1, -1},
        {"Content-Range: bytes 0-9223372036854775807/9223372036854775807\r\n", -1, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const heed_reply reply = reply_of(cases[i].line);
        if (reply.range_from != cases[i].from || reply.range_total != cases[i].total)
            fail_msg("%s gives %lld of %lld", cases[i].line, (long long)reply.range_from,
                     (long long)reply.range_total);
    }
}

static void a_mark_that_is_no_plain_ascii_counts_as_none(void **state)
{
    char line[400];

    (void)state;
    assert_string_equal(reply_of("ETag: \"abc\"\r\n").etag, "\"abc\"");
    assert_string_equal(reply_of("etag: W/\"abc\"\r\n").etag, "W/\"abc\"");
    assert_string_equal(reply_of("ETag: \"a\033[31m\"\r\n").etag, "");
    assert_string_equal(reply_of("ETag: \"a\xff\"\r\n").etag, "");
    assert_string_equal(reply_of("ETag: a b\r\n").etag, "");
    memset(line, 'x', sizeof line);
    memcpy(line, "ETag: ", 6);
    line[399] = '\0';
    assert_string_equal(reply_of(line).etag, "");
    assert_string_equal(reply_of("X-Repo-Commit: ../../etc\r\n").commit, "");
    assert_string_equal(reply_of("X-Repo-Commit: 0123456789abcdef0123456789abcdef01234567\r\n").commit,
                        "0123456789abcdef0123456789abcdef01234567");
}

/* What the hub says of a file holds behind its redirection; what it says of its own answer does not. */
static void only_what_the_hub_says_of_the_file_survives_a_redirection(void **state)
{
    heed_reply reply;

    (void)state;
    heed_reply_reset(&reply);
    read_line(&reply, "HTTP/1.1 302 Found\r\n");
    read_line(&reply, "Content-Length: 5\r\n");
    read_line(&reply, "ETag: \"of the answer\"\r\n");
    read_line(&reply, "X-Linked-ETag: \"file\"\r\n");
    read_line(&reply, "X-Linked-Size: 1000\r\n");
    read_line(&reply, "HTTP/1.1 200 OK\r\n");
    assert_int_equal(reply.code, 200);
    assert_int_equal(reply.length, -1);
    assert_string_equal(reply.etag, "");
    assert_string_equal(reply.linked_etag, "\"file\"");
    assert_int_equal(reply.linked_size, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_lines_of_every_version_give_the_code),
        cmocka_unit_test(a_length_is_a_whole_number_or_unknown),
        cmocka_unit_test(a_range_must_reach_the_end_of_the_file),
        cmocka_unit_test(a_mark_that_is_no_plain_ascii_counts_as_none),
        cmocka_unit_test(only_what_the_hub_says_of_the_file_survives_a_redirection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
