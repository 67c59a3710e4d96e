/* SPDX-License-Identifier: MIT */
/* Orders: each thing once, another order for each seed and epoch, and the same windows wherever a run goes on. */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/batches.h"
#include "data/order.h"

/* --- the permutation --- */

static void expect_each_once(uint64_t seed, uint64_t stream, int64_t n)
{
    uint8_t *seen = calloc((size_t)n, 1);

    for (int64_t i = 0; i < n; i++) {
        const int64_t place = heed_order_place(seed, stream, n, i);

        if (place < 0 || place >= n || seen[place]++ != 0)
            fail_msg("seed %d, %lld things: number %lld is %lld, once more or outside", (int)seed, (long long)n,
                     (long long)i, (long long)place);
    }
    free(seen);
}

static void each_thing_comes_once(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 300; n++)
        expect_each_once(1337, HEED_STREAM_ORDER, n);
    for (int64_t n = 1; n < 40000; n = n * 2 + 1) /* around the powers of two and four */
        for (int64_t near = n > 1 ? n - 1 : n; near <= n + 2; near++)
            expect_each_once(7, 3 << 8 | HEED_STREAM_ORDER, near);
}

static void large_orders_stay_inside(void **state)
{
    const int64_t n = (INT64_C(1) << 60) + 12345;

    (void)state;
    for (int64_t i = 0; i < 100; i++) {
        const int64_t place = heed_order_place(3, HEED_STREAM_ORDER, n, n - 1 - i);

        assert_true(place >= 0 && place < n);
    }
}

/* Where thing 0 lands, over many seeds: each place as likely as the other. */
static void no_place_is_preferred(void **state)
{
    enum { N = 50, SEEDS = 20000 };
    static const int64_t numbers[] = {0, 1, 24, 49};

    (void)state;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        int count[N] = {0};
        double chi2 = 0.0;

        for (uint64_t seed = 0; seed < SEEDS; seed++)
            count[heed_order_place(seed, HEED_STREAM_ORDER, N, numbers[k])]++;
        for (int i = 0; i < N; i++) {
            const double expected = (double)SEEDS / N, excess = count[i] - expected;
            chi2 += excess * excess / expected;
        }
        /* 49 degrees of freedom: mean 49, standard deviation 9.9; 5 of them on either side */
        if (chi2 > 49 + 50)
            fail_msg("number %d: chi-square %.1f", (int)numbers[k], chi2);
    }
}

static void seeds_and_epochs_give_other_orders(void **state)
{
    const int64_t n = 1000;
    int same_seed = 0, same_epoch = 0, fixed = 0, followed = 0;

    (void)state;
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = heed_order_place(3, HEED_STREAM_ORDER, n, i);

        same_seed += a == heed_order_place(4, HEED_STREAM_ORDER, n, i);
        same_epoch += a == heed_order_place(3, 1 << 8 | HEED_STREAM_ORDER, n, i);
        fixed += a == i;
        followed += i + 1 < n && heed_order_place(3, HEED_STREAM_ORDER, n, i + 1) == a + 1;
    }
    /* of two random orders of 1000 things one agrees, give or take one */
    assert_true(same_seed < 8 && same_epoch < 8 && fixed < 8 && followed < 8);
}

/* --- epochs of a text --- */

enum { LONGEST = 240 };

/* Token i is i. */
static heed_corpus *counting_corpus(int n, int T)
{
    const heed_corpus_options options = {.context_length = T};
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    char text[2 * LONGEST];
    size_t size = 0;

    for (int i = 0; i < n; i++) { /* code points from U+0080 on: two bytes each */
        text[size++] = (char)(0xc2 + i / 64);
        text[size++] = (char)(0x80 + i % 64);
    }
    assert_int_equal(heed_tokenizer_characters(text, size, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_corpus_create(tokenizer, text, size, "count", &options, &corpus, NULL), HEED_OK);
    heed_tokenizer_destroy(tokenizer);
    return corpus;
}

static void an_epoch_predicts_each_token_once(void **state)
{
    (void)state;
    for (int T = 1; T <= 12; T++) {
        for (int n = 10 * T + 1; n < LONGEST; n += 7) {
            heed_corpus *corpus = counting_corpus(n, T);
            heed_batches b = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 5, HEED_STREAM_BATCHES);
            const int64_t n_windows = heed_batches_epoch(&b), n_train = corpus->n_train;

            b.epochs = true;
            assert_int_equal(n_windows, (n_train - 1 + T - 1) / T);
            for (int epoch = 0; epoch < 3; epoch++) {
                int seen[LONGEST] = {0};

                for (int64_t w = 0; w < n_windows; w++) {
                    int32_t ids[12], targets[12];

                    heed_batches_next(&b, ids, targets);
                    for (int t = 0; t < T; t++) {
                        if (targets[t] == HEED_NO_TARGET)
                            continue;
                        assert_int_equal(targets[t], ids[t] + 1);
                        seen[targets[t]]++;
                    }
                }
                for (int i = 0; i < n; i++)
                    if (seen[i] != (i > 0 && i < n_train))
                        fail_msg("T %d, %d tokens, epoch %d: token %d came %d times", T, n, epoch, i, seen[i]);
            }
            heed_corpus_destroy(corpus);
        }
    }
}

static void any_place_of_an_epoch_is_found_again(void **state)
{
    enum { T = 3, BATCH = 7, STEPS = 60 };
    heed_corpus *corpus = counting_corpus(200, T);
    heed_batches all = heed_batches_make(&corpus->source, HEED_PART_TRAIN, BATCH, T, 9, HEED_STREAM_BATCHES);
    int32_t ids[STEPS][BATCH * T], targets[STEPS][BATCH * T];

    (void)state;
    all.epochs = true;
    assert_true(heed_batches_epoch(&all) * 3 <
                STEPS * BATCH); /* several epochs, and batches across their ends */
    assert_true(heed_batches_epoch(&all) % BATCH != 0);
    for (int s = 0; s < STEPS; s++)
        heed_batches_next(&all, ids[s], targets[s]);
    for (int s = STEPS - 1; s >= 0; s--) {
        heed_batches here = all;
        int32_t x[BATCH * T], y[BATCH * T];

        here.position = (uint64_t)(s * BATCH);
        heed_batches_next(&here, x, y);
        assert_memory_equal(x, ids[s], sizeof x);
        assert_memory_equal(y, targets[s], sizeof y);
    }
    heed_corpus_destroy(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_comes_once),
        cmocka_unit_test(large_orders_stay_inside),
        cmocka_unit_test(no_place_is_preferred),
        cmocka_unit_test(seeds_and_epochs_give_other_orders),
        cmocka_unit_test(an_epoch_predicts_each_token_once),
        cmocka_unit_test(any_place_of_an_epoch_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
