/* SPDX-License-Identifier: MIT */
/* Counting pieces: no count is lost, whatever the runs and threads; the bound is kept, and what goes is the same. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/piece_counter.h"

#define BLOCK_WORDS 200000
#define N_BLOCKS    46

/* A block of text: words of 1 .. 7 letters, short ones far more often. */
typedef struct block {
    char *text;
    heed_piece *pieces;
    size_t n;
} block;

/* A quick generator: there are many words. */
static uint32_t draw(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % n;
}

static block make_block(uint64_t *rng)
{
    block b = {
        .text = malloc(8 * BLOCK_WORDS), .pieces = malloc(BLOCK_WORDS * sizeof *b.pieces), .n = BLOCK_WORDS};
    uint32_t at = 0;

    assert_non_null(b.text);
    assert_non_null(b.pieces);
    for (size_t i = 0; i < b.n; i++) {
        const uint32_t letters = 1 + draw(rng, 1 + draw(rng, 7));

        b.pieces[i] = (heed_piece){.begin = at, .end = at + letters};
        for (uint32_t k = 0; k < letters; k++)
            b.text[at++] = (char)('a' + draw(rng, 12));
    }
    return b;
}

/* Hands the block to the counter in runs of about so many pieces, several at a time; some are empty. */
static void count_block(heed_piece_counter *counter, const block *b, size_t about, heed_rng *rng)
{
    heed_piece_run runs[8];

    for (size_t i = 0; i < b->n;) {
        size_t n_runs = 0;

        for (; n_runs < 8 && i < b->n; n_runs++) {
            size_t n = (size_t)heed_rng_below(rng, 2 * (int64_t)about);
            n = n < b->n - i ? n : b->n - i;
            runs[n_runs] = (heed_piece_run){b->text, b->pieces + i, n};
            i += n;
        }
        assert_int_equal(heed_piece_counter_add(counter, runs, n_runs, NULL), HEED_OK);
    }
}

static heed_piece_counter count_all(int n_blocks, size_t max_pieces, int threads, size_t about)
{
    heed_piece_counter counter = {.max_pieces = max_pieces, .threads = threads};
    heed_rng cuts = heed_rng_make(about, 2);
    uint64_t text = 3;

    for (int i = 0; i < n_blocks; i++) {
        block b = make_block(&text);
        count_block(&counter, &b, about, &cuts);
        free(b.text);
        free(b.pieces);
    }
    return counter;
}

static void assert_same(const heed_piece_counter *a, const heed_piece_counter *b)
{
    assert_int_equal(a->n_bytes, b->n_bytes);
    assert_int_equal(a->n_dropped, b->n_dropped);
    assert_int_equal(a->n_occurrences, b->n_occurrences);
    assert_int_equal(a->all.n, b->all.n);
    for (uint32_t i = 0; i < a->all.n; i++) {
        assert_int_equal(a->all.pieces[i].count, b->all.pieces[i].count);
        assert_string_equal(heed_piece_table_bytes(&a->all, i), heed_piece_table_bytes(&b->all, i));
    }
}

static void counts_are_those_of_one_table(void **state)
{
    heed_piece_counter counter = count_all(1, 1000000, 3, 5000);
    uint64_t text = 3;
    block b = make_block(&text);
    heed_piece_table table = {0};

    (void)state;
    for (size_t i = 0; i < b.n; i++)
        heed_piece_table_add(&table, b.text + b.pieces[i].begin, b.pieces[i].end - b.pieces[i].begin, 1);
    assert_int_equal(counter.all.n, table.n);
    for (uint32_t i = 0; i < table.n; i++) {
        assert_int_equal(counter.all.pieces[i].count, table.pieces[i].count);
        assert_string_equal(heed_piece_table_bytes(&counter.all, i), heed_piece_table_bytes(&table, i));
    }
    assert_int_equal(counter.n_dropped, 0);
    free(b.text);
    free(b.pieces);
    heed_piece_table_free(&table);
    heed_piece_counter_free(&counter);
}

/* 20 MB of text, so that the size is looked at once, in the middle of a run. */
static void what_is_dropped_depends_on_neither_runs_nor_threads(void **state)
{
    heed_piece_counter a = count_all(N_BLOCKS, 20000, 1, 100000), b = count_all(N_BLOCKS, 20000, 3, 3000);
    int64_t kept = 0, most = 0;

    (void)state;
    assert_true(a.n_bytes > 1 << 24);
    assert_true(a.n_dropped > 0);
    assert_same(&a, &b);
    for (uint32_t i = 0; i < a.all.n; i++) {
        kept += a.all.pieces[i].count;
        most = a.all.pieces[i].count > most ? a.all.pieces[i].count : most;
    }
    assert_int_equal(kept + a.n_occurrences,
                     N_BLOCKS * BLOCK_WORDS); /* each word is counted or said to be dropped */
    assert_true(most > 100000);               /* a frequent one loses nothing */
    heed_piece_counter_free(&a);
    heed_piece_counter_free(&b);
}

static void a_long_piece_counts_as_parts_of_whole_characters(void **state)
{
    heed_piece_counter counter = {.max_pieces = 1000, .threads = 1};
    char text[3 * 1000 + 1];
    const heed_piece piece = {.begin = 0, .end = 3000};
    const heed_piece_run run = {text, &piece, 1};

    (void)state;
    for (int i = 0; i < 1000; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 4);
    assert_int_equal(heed_piece_counter_add(&counter, &run, 1, NULL), HEED_OK);
    assert_int_equal(counter.all.n, 2); /* 1023, 1023 and 954 bytes */
    assert_int_equal(counter.all.pieces[0].length, 1023);
    assert_int_equal(counter.all.pieces[0].count, 2);
    assert_int_equal(counter.all.pieces[1].length, 954);
    heed_piece_counter_free(&counter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_one_table),
        cmocka_unit_test(what_is_dropped_depends_on_neither_runs_nor_threads),
        cmocka_unit_test(a_long_piece_counts_as_parts_of_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
