/* SPDX-License-Identifier: MIT */
/* Special tokens leave a text that is learned from: against searching the whole text, with sources that give little. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/special_filter.h"

typedef struct drip {
    const char *text;
    size_t n;
    heed_rng rng;
} drip;

static heed_status read_drip(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    drip *d = context;
    const size_t most = 1 + (size_t)heed_rng_below(&d->rng, 5);

    (void)err;
    *n = most < d->n ? most : d->n;
    *n = *n < capacity ? *n : capacity;
    memcpy(buffer, d->text, *n);
    d->text += *n;
    d->n -= *n;
    return HEED_OK;
}

/* From left to right, the longest first. */
static size_t replace_all(const char *text, size_t n, const char *const *special, int n_special, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < n;) {
        size_t found = 0;
        for (int k = 0; k < n_special; k++) {
            const size_t length = strlen(special[k]);
            if (length <= n - i && memcmp(text + i, special[k], length) == 0 && length > found)
                found = length;
        }
        out[used++] = found > 0 ? '\xff' : text[i];
        i += found > 0 ? found : 1;
    }
    return used;
}

static void special_tokens_become_one_byte_wherever_the_source_cuts(void **state)
{
    static const char *const special[] = {"ab", "abba", "<|e|>", "<|", "b"};

    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);
        const int n_special = 1 + (int)heed_rng_below(&rng, 5);
        char text[200], expected[200], got[200];
        const size_t n = (size_t)heed_rng_below(&rng, sizeof text);
        drip d = {text, n, heed_rng_make(seed, 2)};
        heed_special_filter filter;
        size_t n_got = 0, n_expected, more;

        for (size_t i = 0; i < n; i++)
            text[i] = "ab<|e>\0"[heed_rng_below(&rng, 7)];
        n_expected = replace_all(text, n, special, n_special, expected);
        assert_int_equal(heed_special_filter_open(&filter, special, n_special, read_drip, &d, NULL), HEED_OK);
        do {
            const size_t most = 1 + (size_t)heed_rng_below(&rng, 30);
            assert_int_equal(heed_special_filter_read(&filter, got + n_got,
                                                      most < sizeof got - n_got ? most : sizeof got - n_got,
                                                      &more, NULL),
                             HEED_OK);
            n_got += more;
        } while (more > 0);
        heed_special_filter_close(&filter);
        assert_int_equal(n_got, n_expected);
        assert_memory_equal(got, expected, n_got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_tokens_become_one_byte_wherever_the_source_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
