/* SPDX-License-Identifier: MIT */
/* Dropout on every table this processor runs draws the words that heed_philox() gives, wherever it begins. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "kernels/arrays.h"

static float expected(float x, const heed_dropout_words *d, uint64_t i)
{
    uint32_t word[4];

    heed_philox(d->seed, d->stream, (d->first + i) / 4, word);
    return word[(d->first + i) % 4] < d->limit ? 0.0f : x / d->keep;
}

static void check(const heed_kernels *k, int64_t n, const heed_dropout_words *d, bool in_place)
{
    float *x = array_random(n, 5, 2.0f), *y = in_place ? array_random(n, 5, 2.0f) : array_new(n);

    k->dropout(y, in_place ? y : x, n, d);
    for (int64_t i = 0; i < n; i++) {
        const float want = expected(x[i], d, (uint64_t)i);
        if (memcmp(&y[i], &want, sizeof want) != 0)
            fail_msg("%s: element %lld of %lld from word %llu is %.9g, expected %.9g", k->name, (long long)i,
                     (long long)n, (unsigned long long)d->first, (double)y[i], (double)want);
    }
    array_free(x, n);
    array_free(y, n);
}

static void every_element_has_the_word_of_its_place(void **state)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 33, 64, 509, 512, 513, 1537};
    /* The last ones run over 2^32 blocks in the middle of a vector. */
    static const uint64_t firsts[] = {0, 1, 2, 3, 4, 6, 1021, (1ull << 34) - 9, (1ull << 34) - 40};

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
            const heed_dropout_words d = {.seed = 0x123456789abcdefu,
                                          .stream = 0xfedcba9876543210u,
                                          .first = firsts[f],
                                          .limit = 0x60000000u,
                                          .keep = 0.625f};
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                check(heed_kernels_at(t), sizes[s], &d, s % 2 == 1);
        }
    }
}

/* Words are unsigned: a limit above 2^31 drops more than half. */
static void limits_are_unsigned(void **state)
{
    const heed_dropout_words d = {.seed = 3, .stream = 4, .limit = 0xe0000000u, .keep = 0.125f};

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++)
        check(heed_kernels_at(t), 1000, &d, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_has_the_word_of_its_place),
        cmocka_unit_test(limits_are_unsigned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
