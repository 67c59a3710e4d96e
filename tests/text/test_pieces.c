/* SPDX-License-Identifier: MIT */
/*
 * Pieces: the loops of known patterns against PCRE2, several threads against one, any block size against the whole,
 * what counts as a space, and patterns that are refused or give up.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "text/block.h"

static const char *const known[] = {"gpt2", "cl100k_base", "o200k_base"};
#define N_KNOWN 3

static heed_pieces *create(const char *pattern)
{
    heed_pieces *pieces = NULL;
    heed_error err = {0};

    if (heed_pieces_create(pattern, "test", &pieces, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return pieces;
}

/* Characters of every class that a pattern asks about, in words of chance; now and then a byte that is none. */
static size_t random_text(heed_rng *rng, char *text, size_t n)
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "Z",
                                        "Q",
                                        " ",
                                        " ",
                                        "  ",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "\x0b",
                                        "\x1c",
                                        "1",
                                        "23",
                                        "4567",
                                        "'",
                                        "'s",
                                        "'S",
                                        "'re",
                                        "'LL",
                                        "'v",
                                        "'Ve",
                                        "'\xc5\xbf",
                                        "/",
                                        "!",
                                        "...",
                                        "_",
                                        "\xc3\xa4",
                                        "\xc3\x84",
                                        "e\xcc\x81",
                                        "\xcc\x81",
                                        "\xc7\x85",
                                        "\xca\xb0",
                                        "\xd7\x90",
                                        "\xe4\xb8\xad",
                                        "\xe0\xa5\x80",
                                        "\xf0\x9f\x98\x80",
                                        "\xe2\x82\xac",
                                        "\xc2\xb2",
                                        "\xe2\x85\xab",
                                        "\xd9\xa3",
                                        "\xc2\x85",
                                        "\xc2\xa0",
                                        "\xe3\x80\x80",
                                        "\xe2\x80\x8b",
                                        "\xe1\xa0\x8e",
                                        "\xef\xbb\xbf",
                                        "\xff",
                                        "\xc3",
                                        "\xe2\x82",
                                        "\xf0\x9f\x98",
                                        "\xed\xa0\x80",
                                        "\x80",
                                        "\xf4\x90\x80\x80"};
    const int64_t n_parts = (int64_t)(sizeof parts / sizeof parts[0]);
    const int64_t few = 1 + heed_rng_below(rng, n_parts); /* a text of few kinds has long runs */
    size_t used = 0;

    while (used + 8 < n) {
        const char *part = parts[(heed_rng_below(rng, few) * 7) % n_parts];

        memcpy(text + used, part, strlen(part));
        used += strlen(part);
    }
    return used;
}

/* All pieces of the text by one thread, cut in blocks of at most `step` bytes. */
static heed_piece_list cut(const heed_pieces *pieces, const char *text, size_t n, bool plain, int threads,
                           size_t step)
{
    heed_block block = {0};
    heed_piece_list all = {0};
    heed_error err = {0};
    size_t at = 0, size = step;

    assert_int_equal(heed_block_open(&block, pieces, threads, NULL), HEED_OK);
    for (int i = 0; i < threads; i++)
        block.cutters[i].plain = plain;
    while (at < n) {
        const size_t length = n - at < size ? n - at : size;
        size_t done = 0;

        if (heed_block_cut(&block, text + at, length, at + length == n, NULL, 0, &done, &err) != HEED_OK)
            fail_msg("%s", err.message);
        for (size_t r = 0; r < block.n_runs; r++)
            for (size_t i = 0; i < block.runs[r].n; i++) {
                heed_piece piece = block.runs[r].pieces[i];

                piece.begin += (uint32_t)at;
                piece.end += (uint32_t)at;
                assert_true(heed_piece_list_add(&all, piece));
            }
        size = done > 0 ? step : 2 * size;
        at += done;
    }
    heed_block_close(&block);
    return all;
}

static void assert_same(const heed_piece_list *a, const heed_piece_list *b, const char *text, const char *what)
{
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        char before[60];

        if (i < a->n && i < b->n && a->items[i].begin == b->items[i].begin &&
            a->items[i].end == b->items[i].end)
            continue;
        for (size_t k = 0; k < 20; k++)
            snprintf(before + 2 * k, 3, "%02x",
                     (unsigned)(unsigned char)text[a->items[i < a->n ? i : a->n - 1].begin + k]);
        fail_msg("%s: piece %zu is %u-%u and %u-%u, of %zu and %zu; from there on %s", what, i,
                 i < a->n ? a->items[i].begin : 0, i < a->n ? a->items[i].end : 0,
                 i < b->n ? b->items[i].begin : 0, i < b->n ? b->items[i].end : 0, a->n, b->n, before);
    }
}

static void assert_covers(const heed_piece_list *list, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < list->n; i++) {
        assert_int_equal(list->items[i].begin, at);
        assert_true(list->items[i].end > at);
        at = list->items[i].end;
    }
    assert_int_equal(at, n);
}

static void known_patterns_cut_as_pcre2_does_and_as_in_any_block_size(void **state)
{
    enum { SIZE = 3000, ROUNDS = 60 };
    char text[SIZE + 40] = {0};
    heed_rng rng = heed_rng_make(11, 0);

    (void)state;
    for (int k = 0; k < N_KNOWN; k++) {
        heed_pieces *pieces = create(heed_pieces_named(known[k]));

        assert_int_not_equal(pieces->stages[0].known, HEED_KNOWN_NONE);
        for (int round = 0; round < ROUNDS; round++) {
            const size_t n = random_text(&rng, text, SIZE);
            heed_piece_list fast = cut(pieces, text, n, false, 1, n);
            heed_piece_list plain = cut(pieces, text, n, true, 1, n);
            heed_piece_list small = cut(pieces, text, n, false, 1, 1 + (size_t)round * 3);
            heed_piece_list small_plain = cut(pieces, text, n, true, 1, 5 + (size_t)round * 7);

            assert_covers(&fast, n);
            assert_same(&plain, &fast, text, known[k]);
            assert_same(&fast, &small, text, "in small blocks");
            assert_same(&fast, &small_plain, text, "by PCRE2 in small blocks");
            free(fast.items);
            free(plain.items);
            free(small.items);
            free(small_plain.items);
        }
        heed_pieces_destroy(pieces);
    }
}

/* Every character alone, and before a letter and a space: classes and spaces are PCRE2's. */
static void every_character_is_in_the_class_that_pcre2_puts_it_in(void **state)
{
    (void)state;
    for (int k = 0; k < N_KNOWN; k++) {
        heed_pieces *pieces = create(heed_pieces_named(known[k]));
        const size_t size = 0x110000 / 4 * 12;
        char *text = malloc(size);
        size_t n = 0;

        assert_non_null(text);
        for (uint32_t code = 1; code < 0x110000; code += code < 0x3200 ? 1 : code < 0x20000 ? 5 : 97) {
            const size_t length = heed_utf8_encode(code, text + n);

            n += length;
            memcpy(text + n, "a B1", 4);
            n += length > 0 ? 4 : 0;
        }
        heed_piece_list fast = cut(pieces, text, n, false, 1, n), plain = cut(pieces, text, n, true, 1, n);

        assert_same(&plain, &fast, text, known[k]);
        free(fast.items);
        free(plain.items);
        free(text);
        heed_pieces_destroy(pieces);
    }
}

/* Two spaces and a letter: "  x" is cut before the second one only when both are white space. */
static void white_space_is_the_unicode_property(void **state)
{
    static const uint32_t spaces[] = {0x9,    0xa,    0xb,    0xc,    0xd,    0x20,   0x85,   0xa0,   0x1680,
                                      0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                      0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
    heed_pieces *pieces = create("\\s");
    size_t next = 0;

    (void)state;
    for (uint32_t code = 1; code < 0x10000; code++) {
        char text[4];
        const size_t n = heed_utf8_encode(code, text);
        heed_piece_list list = {0};
        const bool is_space = next < sizeof spaces / sizeof spaces[0] && spaces[next] == code;
        char doubled[9];

        if (n == 0)
            continue;
        memcpy(doubled, text, n);
        memcpy(doubled + n, text, n);
        list = cut(pieces, doubled, 2 * n, true, 1, 2 * n); /* a space is a match, two others are one gap */
        if ((list.n == 2) != is_space)
            fail_msg("U+%04X is%s a space", (unsigned)code, is_space ? "" : " not");
        next += is_space;
        free(list.items);
    }
    assert_int_equal(next, sizeof spaces / sizeof spaces[0]);
    heed_pieces_destroy(pieces);
}

static void several_threads_cut_as_one_does(void **state)
{
    static const char *const patterns[] = {NULL,           NULL,           NULL,       "\\d{3}",
                                           "[aeiou]+|\\s", "(?<=a)b|\\s+", "[ab ]{7}", "\\bZ\\w*"};
    const size_t size = 600000;
    char *text = malloc(size + 64);
    heed_rng rng = heed_rng_make(12, 0);

    (void)state;
    assert_non_null(text);
    for (size_t k = 0; k < sizeof patterns / sizeof patterns[0]; k++) {
        heed_pieces *pieces = create(k < N_KNOWN ? heed_pieces_named(known[k]) : patterns[k]);
        size_t n = 0;

        while (n + 4000 < size) /* stretches of different texts */
            n += random_text(&rng, text + n, 300 + (size_t)heed_rng_below(&rng, 3000));
        heed_piece_list one = cut(pieces, text, n, false, 1, n), three = cut(pieces, text, n, false, 3, n);

        assert_covers(&one, n);
        assert_same(&one, &three, text, "three threads");
        free(one.items);
        free(three.items);
        heed_pieces_destroy(pieces);
    }
    free(text);
}

static void a_long_piece_is_one_piece(void **state)
{
    const size_t n = 1000000;
    char *text = malloc(n);
    static const char fill[] = {'x', ' ', '7', '!', '\n'};

    (void)state;
    assert_non_null(text);
    for (size_t f = 0; f < sizeof fill; f++) {
        heed_pieces *pieces = create(heed_pieces_named("gpt2"));

        memset(text, fill[f], n);
        for (int plain = 0; plain < 2; plain++) {
            heed_piece_list list = cut(pieces, text, n, plain != 0, 2, 65536);

            assert_int_equal(list.n, 1);
            assert_int_equal(list.items[0].end, n);
            free(list.items);
        }
        heed_pieces_destroy(pieces);
    }
    free(text);
}

static void unusable_patterns_are_refused_and_shown(void **state)
{
    static const char *const cases[][2] = {
        {"(a", "\"(a\" is not a regular expression"},
        {"a*", "\"a*\" matches the empty text"},
        {"|a", "matches the empty text"},
        {"(?=a)", "matches the empty text"},
        {"a\\K", "\\K"},
        {"(*COMMIT)a", "(*"},
        {"[a&&[^b]]", "&&"},
        {"[a[^b]]", "negated class"},
        {"(?C1)a", "callout"},
        {"a\x1b[31m(", "a\\x1B[31m("},
        {"[[:alpha", "[:"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_pieces *pieces = NULL;
        heed_error err = {0};

        if (heed_pieces_create(cases[i][0], "t.json", &pieces, &err) != HEED_ERR_FILE)
            fail_msg("accepted: %s", cases[i][0]);
        assert_null(pieces);
        if (strncmp(err.message, "t.json: ", 8) != 0 || strstr(err.message, cases[i][1]) == NULL)
            fail_msg("%s: expected \"%s\" in \"%s\"", cases[i][0], cases[i][1], err.message);
    }
}

/* 2^40 ways to match: given up within a blink, and said with the pattern. */
static void a_pattern_that_explodes_is_an_error_and_no_hang(void **state)
{
    static const char *const patterns[] = {"(a+)+[bc]", "(a|aa)+[bc]", "(?:(?:a?){30}){30}[bc]", "((a*)*)*[bc]",
                                           "(.*)*\\1[bc]"};
    char text[2001];

    (void)state;
    memset(text, 'a', 2000);
    text[2000] = '\0';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        heed_pieces *pieces = create(patterns[i]);
        heed_block block = {0};
        heed_error err = {0};
        size_t done = 0;

        assert_int_equal(heed_block_open(&block, pieces, 1, NULL), HEED_OK);
        assert_int_equal(heed_block_cut(&block, text, 2000, true, NULL, 0, &done, &err), HEED_ERR_FILE);
        if (strstr(err.message, patterns[i]) == NULL || strstr(err.message, "too much work") == NULL)
            fail_msg("%s: %s", patterns[i], err.message);
        heed_block_close(&block);
        heed_pieces_destroy(pieces);
    }
}

/* Each piece is one letter, but whether a "b" comes at last has to be looked at for each. */
static void a_pattern_that_looks_to_the_end_for_each_piece_is_an_error(void **state)
{
    enum { N = 100000 };
    char *text = malloc(N);
    heed_pieces *pieces = create("a+b|a");
    heed_block block = {0};
    heed_error err = {0};
    size_t done = 0;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', N);
    assert_int_equal(heed_block_open(&block, pieces, 1, NULL), HEED_OK);
    assert_int_equal(heed_block_cut(&block, text, N, true, NULL, 0, &done, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "\"a+b|a\" takes too much work"));
    heed_block_close(&block);
    heed_pieces_destroy(pieces);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_patterns_cut_as_pcre2_does_and_as_in_any_block_size),
        cmocka_unit_test(every_character_is_in_the_class_that_pcre2_puts_it_in),
        cmocka_unit_test(white_space_is_the_unicode_property),
        cmocka_unit_test(several_threads_cut_as_one_does),
        cmocka_unit_test(a_long_piece_is_one_piece),
        cmocka_unit_test(unusable_patterns_are_refused_and_shown),
        cmocka_unit_test(a_pattern_that_explodes_is_an_error_and_no_hang),
        cmocka_unit_test(a_pattern_that_looks_to_the_end_for_each_piece_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
