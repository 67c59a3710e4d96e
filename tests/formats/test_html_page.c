/* SPDX-License-Identifier: MIT */
/* Pages of attention: they reach for nothing outside, no token can break them, and their weights are what was given. */
#include "cmocka_all.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "folder.h"
#include "formats/html_page.h"
#include "formats/label.h"
#include "formats/weight_codes.h"

/* --- codes --- */

/* The header states |q - p| <= sqrt(p) / L + 1 / (4 L^2); 1e-6 for the roundings of single precision. */
static double most_error(double p, int levels)
{
    return sqrt(p) / levels + 1.0 / (4.0 * levels * levels) + 1e-6;
}

static double decoded(int code, int levels)
{
    return (double)code / levels * code / levels;
}

static void a_code_is_as_close_as_stated_and_never_falls(void **state)
{
    static const int levels[] = {254, 127, 63, 31, 15};

    (void)state;
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++)
        for (int i = 0, last = 0; i <= 20000; i++) {
            const float p = powf((float)i / 20000.0f, 3.0f); /* many small ones */
            const int code = heed_weight_code(p, levels[k]);

            if (fabs(decoded(code, levels[k]) - (double)p) > most_error((double)p, levels[k]))
                fail_msg("%d levels: %g became %g", levels[k], (double)p, decoded(code, levels[k]));
            assert_true(code >= last && code <= levels[k]);
            last = code;
        }
    assert_int_equal(heed_weight_code(NAN, 254), HEED_WEIGHT_NOT_FINITE);
    assert_int_equal(heed_weight_code(INFINITY, 254), HEED_WEIGHT_NOT_FINITE);
    assert_int_equal(heed_weight_code(1.0000001f, 254), 254);
    assert_int_equal(heed_weight_code(-0.5f, 254), 0);
}

/* Every cell holds the largest code of its part, by looking at all of them. */
static void a_small_map_shows_the_largest_codes(void **state)
{
    static unsigned char codes[50 * 51 / 2];
    unsigned char map[17 * 17];

    (void)state;
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (unsigned char)(i * 7919 % 251);
    for (int n = 17; n <= 50; n += 11) {
        heed_weight_codes_shrink(codes, n, 17, map);
        for (int a = 0; a < 17; a++)
            for (int b = 0; b < 17; b++) {
                int most = 0;

                for (int i = n * a / 17; i < n * (a + 1) / 17; i++)
                    for (int j = n * b / 17; j < n * (b + 1) / 17 && j <= i; j++)
                        most = codes[i * (i + 1) / 2 + j] > most ? codes[i * (i + 1) / 2 + j] : most;
                assert_int_equal(map[a * 17 + b], most);
            }
    }
}

/* --- the page --- */

enum { TOKENS = 23, HEADS = 3 };

static const char *const tokens[TOKENS] = {
    "</script>",
    "<!--",
    "<b onmouseover=x>",
    "&amp;",
    "\"'`",
    "${x}",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u202eevil",
    "\u65e5\u672c\u8a9e",
    "\U0001F600",
    "\x01\x1b[31m",
    "\xff\xfe",
    "\n",
    "\t",
    "\u2028",
    "\u0301",
    "]]>",
    " the",
    "",
    "a token that is a good deal longer than anybody would show as a whole, even on a wide page",
    "\\u003c",
    "{\"a\": 1}",
    "end",
};

static float patterns[HEADS][TOKENS * TOKENS];

/* Rows that add up to 1; what lies above the diagonal must not matter. */
static void make_patterns(void)
{
    heed_rng rng = heed_rng_make(7, 0);

    for (int k = 0; k < HEADS; k++)
        for (int i = 0; i < TOKENS; i++) {
            float *row = patterns[k] + i * TOKENS, sum = 0.0f;

            for (int j = 0; j <= i; j++)
                sum += row[j] = powf(heed_rng_float(&rng), (float)(1 + 4 * k));
            for (int j = 0; j < TOKENS; j++)
                row[j] = j <= i ? row[j] / sum : NAN;
        }
    patterns[1][5 * TOKENS + 2] = NAN;
}

static const heed_page_head heads[HEADS] = {
    {0, 1, patterns[0], "previous token 0.9"}, {0, 3, patterns[1], NULL}, {2, 1, patterns[2], "</script>"}};

static char *written(const heed_page *page)
{
    heed_error err = {0};
    heed_file file;
    char *copy;

    if (heed_page_write(inside("p.html"), page, &err) != HEED_OK ||
        heed_file_open(&file, inside("p.html"), &err) != HEED_OK)
        fail_msg("%s", err.message);
    copy = strndup(file.data, file.size);
    assert_non_null(copy);
    assert_int_equal(strlen(copy), file.size);
    heed_file_close(&file);
    return copy;
}

static char *small_page(void)
{
    const heed_page page = {.title = "Attention of <x> & \x02",
                            .tokens = tokens,
                            .n_tokens = TOKENS,
                            .heads = heads,
                            .n_heads = HEADS};

    make_patterns();
    return written(&page);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

static void nothing_in_the_page_reaches_outside(void **state)
{
    static const char *const ways[] = {"http",           "src=",    "@import",   "url(",       "fetch(",
                                       "XMLHttpRequest", "import ", "WebSocket", "sendBeacon", "EventSource",
                                       "<iframe",        "<img",    "<form",     "eval("};
    char *page = small_page();

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *found = strstr(page, ways[i]);
        const bool policy = found != NULL &&
                            strncmp(found, "http-equiv=\"Content-Security-Policy\"", 36) == 0 &&
                            strstr(found + 1, ways[i]) == NULL;

        if (found != NULL && !policy)
            fail_msg("the page holds \"%.60s\"", found);
    }
    assert_non_null(strstr(page, "default-src 'none'"));
    assert_int_equal(count(page, "href="), 1); /* the empty icon, so that none is asked for */
    assert_non_null(strstr(page, "href=\"data:,\""));
    free(page);
}

/* Scripts: the facts, a head each, and the program; nothing that a token holds opens or closes one. */
static void tokens_cannot_break_the_page(void **state)
{
    char *page = small_page();

    (void)state;
    assert_int_equal(count(page, "<script"), HEADS + 2);
    assert_int_equal(count(page, "</script"), HEADS + 2);
    assert_int_equal(count(page, "<!--"), 1);       /* the licence */
    assert_int_equal(count(page, "<b"), 1 + 3 + 0); /* body and buttons */
    assert_non_null(strstr(page, "<title>Attention of &lt;x&gt; &amp; \\x02</title>"));
    for (const char *p = page; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
    assert_null(strstr(page, "\u202e"));
    free(page);
}

/* The JSON between the tags of a script. */
static json_t *facts_of(const char *page)
{
    const char *begin = strstr(page, "id=\"page-facts\">");
    json_error_t error;
    json_t *facts;

    assert_non_null(begin);
    begin = strchr(begin, '>') + 1;
    facts = json_loadb(begin, (size_t)(strstr(begin, "</script>") - begin), 0, &error);
    if (facts == NULL)
        fail_msg("the facts are no JSON: %s", error.text);
    return facts;
}

static void the_facts_hold_each_token_as_it_is_shown(void **state)
{
    char *page = small_page(), shown[512];
    json_t *facts = facts_of(page), *list = json_object_get(facts, "tokens");

    (void)state;
    assert_int_equal(json_array_size(list), TOKENS);
    for (size_t i = 0; i < TOKENS; i++)
        assert_string_equal(json_string_value(json_array_get(list, i)),
                            heed_label_token(shown, sizeof shown, tokens[i], 60));
    assert_int_equal(json_array_size(json_object_get(facts, "heads")), HEADS);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(json_object_get(facts, "heads"), 1), 1)),
                     3);
    assert_string_equal(json_string_value(json_array_get(json_object_get(facts, "words"), 0)),
                        "previous token 0.9");
    assert_string_equal(json_string_value(json_array_get(json_object_get(facts, "words"), 1)), "");
    assert_string_equal(json_string_value(json_array_get(json_object_get(facts, "words"), 2)), "</script>");
    assert_int_equal(json_string_length(json_object_get(facts, "colours")), 6 * 257);
    json_decref(facts);
    free(page);
}

/* --- reading it back --- */

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* The n bytes that base64 text up to '<' or '"' holds, unpacked. */
static unsigned char *unpack(const char *text, size_t n)
{
    unsigned char *packed = malloc(strlen(text)), *out = malloc(n);
    size_t n_packed = 0;
    uLongf size = n;

    assert_true(packed != NULL && out != NULL);
    for (unsigned group = 0, bits = 0; digit_of(*text) >= 0; text++) {
        group = group << 6 | (unsigned)digit_of(*text);
        bits += 6;
        if (bits >= 8)
            packed[n_packed++] = (unsigned char)(group >> (bits -= 8));
    }
    assert_int_equal(uncompress(out, &size, packed, n_packed), Z_OK);
    assert_int_equal(size, n);
    free(packed);
    return out;
}

static void assert_weights(const char *page, int k, const float *pattern, int n, int levels)
{
    char id[32];
    const char *begin;

    snprintf(id, sizeof id, "id=\"head-%d\">", k);
    begin = strstr(page, id);
    assert_non_null(begin);
    unsigned char *codes = unpack(begin + strlen(id), (size_t)n * (size_t)(n + 1) / 2);
    for (int i = 0, at = 0; i < n; i++)
        for (int j = 0; j <= i; j++, at++) {
            const double p = (double)pattern[i * n + j], q = decoded(codes[at], levels);

            if (isnan(p) ? codes[at] != HEED_WEIGHT_NOT_FINITE : !(fabs(q - p) <= most_error(p, levels)))
                fail_msg("head %d, %d to %d: %g became %g with %d levels", k, i, j, p, q, levels);
        }
    free(codes);
}

static void the_weights_in_the_page_are_those_given(void **state)
{
    char *page = small_page();

    (void)state;
    for (int k = 0; k < HEADS; k++)
        assert_weights(page, k, patterns[k], TOKENS, 254);
    free(page);
}

/* Uniform weights are the worst: nothing to pack. */
static void a_page_keeps_its_size_by_taking_fewer_levels(void **state)
{
    enum { N = 300 };
    static float noise[N * N];
    static const char *many[N];
    heed_page_head head = {0, 0, noise, NULL};
    heed_page page = {.title = "", .tokens = many, .n_tokens = N, .heads = &head, .n_heads = 1};
    heed_rng rng = heed_rng_make(8, 0);
    heed_error err = {0};
    int last = 255;

    (void)state;
    for (int i = 0; i < N * N; i++)
        noise[i] = heed_rng_float(&rng);
    for (int i = 0; i < N; i++)
        many[i] = "x";
    for (page.bytes = 64000; page.bytes >= 40000; page.bytes -= 8000) {
        char *text = written(&page);
        json_t *facts = facts_of(text);
        const int levels = (int)json_integer_value(
            json_array_get(json_array_get(json_object_get(facts, "heads"), 0), 2));

        assert_true(levels <= last && levels >= 15);
        last = levels;
        assert_weights(text, 0, noise, N, levels);
        const char *data = strstr(text, "id=\"head-0\">");
        assert_true(strcspn(data, "\n") < page.bytes + 40);
        json_decref(facts);
        free(text);
    }
    assert_true(last < 127);
    page.bytes = 8000;
    assert_int_equal(heed_page_write(inside("no.html"), &page, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "choose layers or heads"));
    assert_false(heed_file_exists(inside("no.html")));
}

static void equal_input_gives_equal_pages(void **state)
{
    char *first = small_page(), *second = small_page();

    (void)state;
    assert_string_equal(first, second);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_as_close_as_stated_and_never_falls),
        cmocka_unit_test(a_small_map_shows_the_largest_codes),
        cmocka_unit_test(nothing_in_the_page_reaches_outside),
        cmocka_unit_test(tokens_cannot_break_the_page),
        cmocka_unit_test(the_facts_hold_each_token_as_it_is_shown),
        cmocka_unit_test(the_weights_in_the_page_are_those_given),
        cmocka_unit_test(a_page_keeps_its_size_by_taking_fewer_levels),
        cmocka_unit_test(equal_input_gives_equal_pages),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
