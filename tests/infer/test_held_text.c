/* SPDX-License-Identifier: MIT */
/* Text on its way out: stop strings and characters, wherever the tokens are cut. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "infer/held_text.h"

typedef struct outcome {
    char text[256];
    size_t n;
    bool stopped;
} outcome;

/* By definition: the first end of a stop string, the longest that ends there. */
static outcome search(const char *text, size_t n, const char *const *stop, int n_stop)
{
    outcome out = {.n = n};

    for (size_t end = 1; end <= n && !out.stopped; end++) {
        size_t longest = 0;
        for (int i = 0; i < n_stop; i++) {
            const size_t m = strlen(stop[i]);
            if (m <= end && m > longest && memcmp(text + end - m, stop[i], m) == 0)
                longest = m;
        }
        if (longest > 0) {
            out.n = end - longest;
            out.stopped = true;
        }
    }
    memcpy(out.text, text, out.n);
    return out;
}

/* Whether nothing is held back that is certain: what is held begins a stop string, or is no whole character. */
static void expect_needed(const heed_held_text *held, const char *const *stop, int n_stop)
{
    const size_t n = held->bytes.size;

    for (size_t from = 0; from <= n && from <= heed_utf8_unfinished(held->bytes.data, n) + 3; from++) {
        for (int i = 0; i < n_stop; i++) {
            if (n - from < strlen(stop[i]) && memcmp(held->bytes.data + from, stop[i], n - from) == 0)
                return;
        }
    }
    if (n > heed_utf8_unfinished(held->bytes.data, n))
        fail_msg("%zu bytes are held back for nothing", n);
}

/* Pieces as the bits of `cuts` say; whole: every part that is handed on is whole characters. */
static outcome stream(const char *text, size_t n, const char *const *stop, int n_stop, uint64_t cuts,
                      bool whole)
{
    heed_held_text held = {.stop = stop, .n_stop = n_stop};
    outcome out = {0};

    for (size_t begin = 0, end = 1; begin < n && !out.stopped; begin = end++) {
        size_t n_ready;
        while (end < n && (cuts >> (end % 64) & 1) == 0)
            end++;
        out.stopped = heed_held_text_append(&held, text + begin, end - begin, &n_ready);
        assert_true(n_ready <= held.bytes.size);
        for (size_t i = 0; whole && !out.stopped && i < n_ready;) {
            uint32_t code;
            const size_t size = heed_utf8_decode(held.bytes.data + i, n_ready - i, &code);
            if (size == 0)
                fail_msg("cuts %llx: a part that is no whole character was handed on",
                         (unsigned long long)cuts);
            i += size;
        }
        memcpy(out.text + out.n, held.bytes.data, n_ready);
        out.n += n_ready;
        heed_held_text_take(&held, n_ready);
        if (!out.stopped)
            expect_needed(&held, stop, n_stop);
    }
    memcpy(out.text + out.n, held.bytes.data, held.bytes.size);
    out.n += held.bytes.size;
    heed_held_text_free(&held);
    return out;
}

static void expect_same(const outcome *got, const outcome *expected)
{
    if (got->n != expected->n || got->stopped != expected->stopped ||
        memcmp(got->text, expected->text, got->n) != 0)
        fail_msg("got \"%.*s\" (stopped: %d), expected \"%.*s\" (%d)", (int)got->n, got->text, got->stopped,
                 (int)expected->n, expected->text, expected->stopped);
}

/* One, two, three and four bytes; cut at every set of its 13 places. */
static void every_split_of_a_text_hands_on_whole_characters(void **state)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82z\xed\x9f\xbf";
    const size_t n = sizeof text - 1;
    const outcome all = search(text, n, NULL, 0);

    (void)state;
    for (uint64_t cuts = 0; cuts < (uint64_t)1 << n; cuts++) {
        const outcome got = stream(text, n, NULL, 0, cuts, true);
        expect_same(&got, &all);
    }
}

/* Bytes that cannot become a character are handed on as they are, at once, and so is what is left at the end. */
static void bytes_that_are_no_utf8_are_kept(void **state)
{
    static const char *const texts[] = {"\xff",         "\x80\x80",         "a\xc0\xaf", "\xe0\x80\x80",
                                        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80",  "\xe2\x82",
                                        "\xf0\x9f\x99", "\xed\xa0",         "\xe0\x80",  "\xf0\x80",
                                        "\xf4\x90",     "\xe2\x28\xa1",     "x\xc3"};
    static const size_t left[] = {0, 0, 0, 0, 0, 0, 0, 2,
                                  3, 0, 0, 0, 0, 0, 1}; /* what may still become a character */

    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        const size_t n = strlen(texts[t]);
        const outcome all = search(texts[t], n, NULL, 0);
        for (uint64_t cuts = 0; cuts < 16; cuts++) {
            const outcome got = stream(texts[t], n, NULL, 0, cuts, false);
            expect_same(&got, &all);
        }
        if (heed_utf8_unfinished(texts[t], n) != left[t])
            fail_msg("text %zu: %zu bytes are unfinished, expected %zu", t, heed_utf8_unfinished(texts[t], n),
                     left[t]);
    }
}

static void a_stop_string_is_found_wherever_tokens_are_cut(void **state)
{
    static const char *const stop[] = {"END", "\n\n", "\xe2\x82\xac"};
    static const char *const texts[] = {
        "the ENEND of it", "one\ntwo\n\nthree", "it costs 3 \xe2\x82\xac", "ENDless", "no", "EN"};

    (void)state;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        const size_t n = strlen(texts[t]);
        const outcome expected = search(texts[t], n, stop, 3);
        for (uint64_t cuts = 0; cuts < (uint64_t)1 << n; cuts++) {
            const outcome got = stream(texts[t], n, stop, 3, cuts, true);
            expect_same(&got, &expected);
        }
    }
}

/* Few letters, so that stop strings overlap each other and themselves, against the plain search. */
static void random_stop_strings_agree_with_a_search_of_the_whole_text(void **state)
{
    heed_rng rng = heed_rng_make(1, 60);
    int n_stopped = 0;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        char text[40], stops[3][8];
        const char *stop[3] = {stops[0], stops[1], stops[2]};
        const size_t n = 1 + (size_t)heed_rng_below(&rng, 40);
        const int n_stop = 1 + (int)heed_rng_below(&rng, 3);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)('a' + heed_rng_below(&rng, 2));
        for (int s = 0; s < n_stop; s++) {
            const size_t m = 2 + (size_t)heed_rng_below(&rng, 6);
            for (size_t i = 0; i < m; i++)
                stops[s][i] = (char)('a' + heed_rng_below(&rng, 2));
            stops[s][m] = '\0';
        }
        const outcome expected = search(text, n, stop, n_stop);
        const outcome got = stream(text, n, stop, n_stop, heed_rng_u64(&rng), true);
        expect_same(&got, &expected);
        n_stopped += got.stopped;
    }
    assert_true(n_stopped > 1000 && n_stopped < 3900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_of_a_text_hands_on_whole_characters),
        cmocka_unit_test(bytes_that_are_no_utf8_are_kept),
        cmocka_unit_test(a_stop_string_is_found_wherever_tokens_are_cut),
        cmocka_unit_test(random_stop_strings_agree_with_a_search_of_the_whole_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
