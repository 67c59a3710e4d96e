/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/rng.h"

#include <math.h>

/* The known answers published with the paper's own implementation (Random123, kat_vectors, philox4x32 10). */
static void philox_gives_the_published_answers(void **state)
{
    static const struct {
        uint64_t seed, stream, block; /* key; high and low half of the counter */
        uint32_t out[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        uint32_t out[4];

        heed_philox(known[k].seed, known[k].stream, known[k].block, out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(out[i], known[k].out[i]);
    }
}

static void a_saved_position_resumes_exactly(void **state)
{
    heed_rng rng = heed_rng_make(1337, HEED_STREAM_SAMPLE), again;
    uint32_t words[50];

    (void)state;
    for (int i = 0; i < 50; i++)
        words[i] = heed_rng_u32(&rng);
    assert_int_equal(rng.position, 50);
    for (uint64_t from = 0; from < 50; from++) {
        again = heed_rng_make(1337, HEED_STREAM_SAMPLE);
        again.position = from;
        for (uint64_t i = from; i < 50; i++)
            assert_int_equal(heed_rng_u32(&again), words[i]);
    }
}

static void words_follow_the_blocks(void **state)
{
    heed_rng rng = heed_rng_make(5, 9), pair = heed_rng_make(5, 9);

    (void)state;
    for (uint64_t block = 0; block < 3; block++) {
        uint32_t out[4];

        heed_philox(5, 9, block, out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(heed_rng_u32(&rng), out[i]);
        assert_true(heed_rng_u64(&pair) == (out[0] | (uint64_t)out[1] << 32));
        assert_true(heed_rng_u64(&pair) == (out[2] | (uint64_t)out[3] << 32));
    }
}

static void streams_and_seeds_differ(void **state)
{
    heed_rng a = heed_rng_make(1, 1), b = heed_rng_make(1, 2), c = heed_rng_make(2, 1);
    int same = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const uint32_t x = heed_rng_u32(&a), y = heed_rng_u32(&b), z = heed_rng_u32(&c);

        same += (x == y) + (y == z) + (x == z);
    }
    assert_true(same <= 1); /* expected 3000 / 2^32 */
}

/* Mean 1/2, variance 1/12: the mean of n = 10^5 draws has a deviation of 0.0009, so 0.005 is over five of them. */
static void uniform_draws_fill_the_unit_interval(void **state)
{
    heed_rng rng = heed_rng_make(3, HEED_STREAM_EVAL);
    const int n = 100000;
    double sum_f = 0.0, sum_d = 0.0;

    (void)state;
    for (int i = 0; i < n; i++) {
        const float f = heed_rng_float(&rng);
        const double d = heed_rng_double(&rng);

        assert_true(f >= 0.0f && f < 1.0f && d >= 0.0 && d < 1.0);
        sum_f += (double)f;
        sum_d += d;
    }
    assert_true(fabs(sum_f / n - 0.5) < 0.005);
    assert_true(fabs(sum_d / n - 0.5) < 0.005);
}

/* Each of 7 remainders is expected 10000 times with a deviation of 93; 500 is over five of them. */
static void bounded_draws_are_equally_likely(void **state)
{
    heed_rng rng = heed_rng_make(4, HEED_STREAM_BATCHES);
    int count[7] = {0};

    (void)state;
    for (int i = 0; i < 70000; i++)
        count[heed_rng_below(&rng, 7)]++;
    for (int k = 0; k < 7; k++)
        assert_in_range(count[k], 9500, 10500);
    for (int i = 0; i < 100; i++) {
        const int64_t huge = heed_rng_below(&rng, INT64_MAX);

        assert_int_equal(heed_rng_below(&rng, 1), 0);
        assert_true(huge >= 0 && huge < INT64_MAX);
    }
}

/*
 * With n = 10^5 the deviation of the mean is 0.0032, of the variance 0.0045, of the fourth moment 0.031, of the
 * share beyond 2 (0.0455) 0.00066: every bound is over five of them.
 */
static void normal_draws_have_the_moments_of_the_normal(void **state)
{
    heed_rng rng = heed_rng_make(6, HEED_STREAM_INIT);
    const int n = 100000;
    double sum = 0.0, squares = 0.0, fourth = 0.0, beyond = 0.0;

    (void)state;
    for (int i = 0; i < n; i++) {
        const double x = (double)heed_rng_normal(&rng);

        assert_true(isfinite(x));
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        beyond += fabs(x) > 2.0;
    }
    assert_int_equal(rng.position, 2 * n);
    assert_true(fabs(sum / n) < 0.02);
    assert_true(fabs(squares / n - 1.0) < 0.03);
    assert_true(fabs(fourth / n - 3.0) < 0.2);
    assert_true(fabs(beyond / n - 0.0455) < 0.004);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(a_saved_position_resumes_exactly),
        cmocka_unit_test(words_follow_the_blocks),
        cmocka_unit_test(streams_and_seeds_differ),
        cmocka_unit_test(uniform_draws_fill_the_unit_interval),
        cmocka_unit_test(bounded_draws_are_equally_likely),
        cmocka_unit_test(normal_draws_have_the_moments_of_the_normal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
