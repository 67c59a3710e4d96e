/* SPDX-License-Identifier: MIT */
/* Pieces with counts: against a list that is searched from its beginning. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/piece_table.h"

#define N_STRINGS 3000

typedef struct item {
    char bytes[12];
    size_t n;
    int64_t count;
} item;

static item list[N_STRINGS];
static size_t n_list;

/* Strings of 0 .. 9 bytes over three letters and NUL: many come twice. */
static size_t random_string(heed_rng *rng, char out[12])
{
    const size_t n = (size_t)heed_rng_below(rng, 10);

    for (size_t i = 0; i < n; i++)
        out[i] = "abc"[heed_rng_below(rng, 4)];
    return n;
}

static void add_to_list(const char *bytes, size_t n, int64_t count)
{
    for (size_t i = 0; i < n_list; i++) {
        if (list[i].n == n && memcmp(list[i].bytes, bytes, n) == 0) {
            list[i].count += count;
            return;
        }
    }
    memcpy(list[n_list].bytes, bytes, n);
    list[n_list].n = n;
    list[n_list++].count = count;
}

static void fill(heed_piece_table *table, heed_rng *rng, int n)
{
    char bytes[12];

    for (int i = 0; i < n; i++) {
        const size_t length = random_string(rng, bytes);
        const int64_t count = 1 + heed_rng_below(rng, 5);

        if (table != NULL)
            assert_int_not_equal(heed_piece_table_add(table, bytes, length, count), HEED_PIECE_NONE);
        add_to_list(bytes, length, count);
    }
}

static void assert_is_list(const heed_piece_table *table)
{
    assert_int_equal(table->n, n_list);
    for (size_t i = 0; i < n_list; i++) {
        assert_int_equal(table->pieces[i].length, list[i].n);
        assert_int_equal(table->pieces[i].count, list[i].count);
        assert_memory_equal(heed_piece_table_bytes(table, (uint32_t)i), list[i].bytes, list[i].n);
        assert_int_equal(heed_piece_table_find(table, list[i].bytes, list[i].n), i);
    }
    assert_int_equal(heed_piece_table_find(table, "nowhere", 7), HEED_PIECE_NONE);
}

static void pieces_are_numbered_as_they_came_and_counted(void **state)
{
    heed_piece_table table = {0};
    heed_rng rng = heed_rng_make(11, 1);

    (void)state;
    n_list = 0;
    assert_int_equal(heed_piece_table_find(&table, "a", 1), HEED_PIECE_NONE);
    fill(&table, &rng, N_STRINGS);
    assert_is_list(&table);
    heed_piece_table_clear(&table);
    assert_int_equal(heed_piece_table_find(&table, list[5].bytes, list[5].n), HEED_PIECE_NONE);
    n_list = 0;
    fill(&table, &rng, 100);
    assert_is_list(&table);
    heed_piece_table_free(&table);
}

static void merging_parts_counts_as_one_table_does(void **state)
{
    heed_piece_table whole = {0}, part = {0};
    heed_rng rng = heed_rng_make(12, 1);

    (void)state;
    n_list = 0;
    for (int i = 0; i < 20; i++) {
        heed_piece_table_clear(&part);
        fill(&part, &rng, 100);
        heed_piece_table_merge(&whole, &part);
    }
    assert_is_list(&whole);
    heed_piece_table_free(&whole);
    heed_piece_table_free(&part);
}

static void dropping_keeps_the_frequent_in_their_order(void **state)
{
    heed_piece_table table = {0};
    heed_rng rng = heed_rng_make(13, 1);
    int64_t occurrences = 0, expected = 0;
    size_t kept = 0, n;

    (void)state;
    n_list = 0;
    fill(&table, &rng, 2000);
    n = n_list;
    for (size_t i = 0; i < n; i++) {
        if (list[i].count > 3)
            list[kept++] = list[i];
        else
            expected += list[i].count;
    }
    n_list = kept;
    assert_true(kept > 10 && kept < n - 10);
    assert_int_equal(heed_piece_table_drop(&table, 3, &occurrences), n - kept);
    assert_int_equal(occurrences, expected);
    assert_is_list(&table);
    fill(&table, &rng, 200);
    assert_is_list(&table);
    assert_int_equal(heed_piece_table_drop(&table, INT64_MAX, &occurrences), n_list);
    assert_int_equal(table.n, 0);
    heed_piece_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_numbered_as_they_came_and_counted),
        cmocka_unit_test(merging_parts_counts_as_one_table_does),
        cmocka_unit_test(dropping_keeps_the_frequent_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
