/* SPDX-License-Identifier: MIT */
/* Batches: windows depend on their number alone, stay inside their part, and a sweep misses nothing. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/batches.h"

enum { T = 5, BATCH = 3, N = 100 };

/* Token i is i: a window tells where it came from. */
static heed_corpus *counting_corpus(bool whole)
{
    const heed_corpus_options options = {.context_length = T, .whole = whole};
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = NULL;
    char text[N];

    for (int i = 0; i < N; i++)
        text[i] = (char)(' ' - 5 + i);
    assert_int_equal(heed_tokenizer_characters(text, N, &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_corpus_create(tokenizer, text, N, "count", &options, &corpus, NULL), HEED_OK);
    heed_tokenizer_destroy(tokenizer);
    return corpus;
}

static void targets_are_the_ids_one_further_and_stay_in_the_part(void **state)
{
    heed_corpus *corpus = counting_corpus(false);
    int32_t ids[BATCH * T], targets[BATCH * T];

    (void)state;
    for (int part = HEED_PART_TRAIN; part <= HEED_PART_VALIDATION; part++) {
        heed_batches batches = heed_batches_make(&corpus->source, (heed_part)part, BATCH, T, 7,
                                                 HEED_STREAM_BATCHES);
        const heed_span span = heed_corpus_part(corpus, (heed_part)part);

        for (int step = 0; step < 200; step++) {
            heed_batches_next(&batches, ids, targets);
            for (int b = 0; b < BATCH; b++)
                for (int t = 0; t < T; t++) {
                    assert_int_equal(ids[b * T + t], ids[b * T] + t);
                    assert_int_equal(targets[b * T + t], ids[b * T] + t + 1);
                    assert_in_range(ids[b * T + t], span.begin, span.begin + span.n - 2);
                }
        }
        assert_int_equal(batches.position, 200 * BATCH);
    }
    heed_corpus_destroy(corpus);
}

static void every_window_comes_equally_often(void **state)
{
    heed_corpus *corpus = counting_corpus(false);
    heed_batches batches = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 1337, HEED_STREAM_BATCHES);
    int count[N] = {0};
    double chi2 = 0.0;
    const int places = 90 - T, draws = 1000 * places;

    (void)state;
    for (int w = 0; w < draws; w++)
        count[heed_batches_start(&batches, (uint64_t)w)]++;
    for (int i = 0; i < places; i++) {
        const double excess = count[i] - 1000.0;

        chi2 += excess * excess / 1000.0;
    }
    /* 84 degrees of freedom: mean 84, standard deviation 13; 5 of them on either side */
    if (chi2 < 84 - 65 || chi2 > 84 + 65)
        fail_msg("chi-square %.1f over %d places, seed 1337", chi2, places);
    for (int i = places; i < N; i++)
        assert_int_equal(count[i], 0);
    heed_corpus_destroy(corpus);
}

static void a_saved_position_goes_on_with_the_same_windows(void **state)
{
    heed_corpus *corpus = counting_corpus(false);
    heed_batches a = heed_batches_make(&corpus->source, HEED_PART_TRAIN, BATCH, T, 3, HEED_STREAM_BATCHES),
                 b = a;
    int32_t x[BATCH * T], y[BATCH * T], targets[BATCH * T];

    (void)state;
    for (int step = 0; step < 10; step++)
        heed_batches_next(&a, x, targets);
    b.position = a.position;
    for (int step = 0; step < 10; step++) {
        heed_batches_next(&a, x, targets);
        heed_batches_next(&b, y, targets);
        assert_memory_equal(x, y, sizeof x);
    }
    heed_corpus_destroy(corpus);
}

static void rows_do_not_depend_on_the_batch_they_come_in(void **state)
{
    heed_corpus *corpus = counting_corpus(false);
    heed_batches wide = heed_batches_make(&corpus->source, HEED_PART_TRAIN, BATCH, T, 3, HEED_STREAM_BATCHES);
    heed_batches narrow = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 3, HEED_STREAM_BATCHES);
    int32_t x[BATCH * T], y[BATCH * T], targets[BATCH * T];

    (void)state;
    heed_batches_next(&wide, x, targets);
    for (int b = 0; b < BATCH; b++)
        heed_batches_next(&narrow, y + b * T, targets);
    assert_memory_equal(x, y, sizeof x);
    heed_corpus_destroy(corpus);
}

static void seeds_and_streams_give_other_windows(void **state)
{
    heed_corpus *corpus = counting_corpus(false);
    const heed_batches a = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 3, HEED_STREAM_BATCHES);
    const heed_batches b = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 4, HEED_STREAM_BATCHES);
    const heed_batches c = heed_batches_make(&corpus->source, HEED_PART_TRAIN, 1, T, 3, HEED_STREAM_EVAL);
    int same_seed = 0, same_stream = 0;

    (void)state;
    for (uint64_t w = 0; w < 1000; w++) {
        same_seed += heed_batches_start(&a, w) == heed_batches_start(&b, w);
        same_stream += heed_batches_start(&a, w) == heed_batches_start(&c, w);
    }
    /* of 1000 pairs over 85 places 12 agree by chance, give or take 3.4 */
    assert_true(same_seed < 40 && same_stream < 40);
    heed_corpus_destroy(corpus);
}

/* Sweeps a part and checks that each token but the first is a target once, seen after the token before it. */
static void check_sweep(const heed_corpus *corpus, heed_part part, int64_t batch_size, int64_t context)
{
    heed_sweep sweep = heed_sweep_make(corpus, part, batch_size, context);
    const heed_span span = heed_corpus_part(corpus, part);
    const size_t room = (size_t)(batch_size * context);
    int32_t *ids = malloc(room * sizeof *ids), *targets = malloc(room * sizeof *targets);
    int64_t expected = span.begin + 1, n_batches = 0, n = 0;

    while ((n = heed_sweep_next(&sweep, ids, targets)) > 0) {
        int64_t counted = 0;

        for (size_t i = 0; i < room; i++) {
            assert_in_range(ids[i], 0, N - 1);
            if (targets[i] == HEED_NO_TARGET)
                continue;
            assert_int_equal(targets[i], expected);
            assert_int_equal(ids[i], expected - 1);
            expected++;
            counted++;
        }
        assert_int_equal(counted, n);
        n_batches++;
    }
    assert_int_equal(expected, span.begin + span.n);
    assert_int_equal(n_batches, heed_sweep_n_batches(&sweep));
    assert_int_equal(heed_sweep_n_targets(&sweep), span.n - 1);
    assert_int_equal(heed_sweep_next(&sweep, ids, targets), 0);
    free(ids);
    free(targets);
}

static void a_sweep_predicts_every_token_once(void **state)
{
    heed_corpus *split = counting_corpus(false), *whole = counting_corpus(true);

    (void)state;
    for (int64_t batch = 1; batch < 8; batch++)
        for (int64_t context = 1; context < 13; context++) {
            check_sweep(split, HEED_PART_TRAIN, batch, context);
            check_sweep(split, HEED_PART_VALIDATION, batch, context);
            check_sweep(whole, HEED_PART_VALIDATION, batch, context);
        }
    heed_corpus_destroy(split);
    heed_corpus_destroy(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_the_ids_one_further_and_stay_in_the_part),
        cmocka_unit_test(every_window_comes_equally_often),
        cmocka_unit_test(a_saved_position_goes_on_with_the_same_windows),
        cmocka_unit_test(rows_do_not_depend_on_the_batch_they_come_in),
        cmocka_unit_test(seeds_and_streams_give_other_windows),
        cmocka_unit_test(a_sweep_predicts_every_token_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
