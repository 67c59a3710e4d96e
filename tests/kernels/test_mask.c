/* SPDX-License-Identifier: MIT */
/* What is said of a mask by ranges, by tiles and by counting, against every pair of it. */
#include "../cmocka_all.h"

#include "kernels/mask.h"

#include "random_mask.h"

/* A mask, and which of its pairs are seen. */
typedef struct table {
    heed_mask mask;
    void *lists[N_LISTS];
    int64_t n_query, n_key;
    unsigned rules;
} table;

static table random_table(uint32_t *state)
{
    table t = {.n_query = next(state, 1, 131), .n_key = next(state, 1, 131)};

    /* each rule alone, and any together */
    t.rules = next(state, 0, 2) ? 1u << next(state, 0, N_RULES) : (unsigned)next(state, 0, 1 << N_RULES);
    t.mask = random_mask(state, t.n_query, t.n_key, t.rules, t.lists);
    return t;
}

static void table_free(table *t)
{
    for (int n = 0; n < N_LISTS; n++)
        free(t->lists[n]);
}

static int64_t count_seen(const table *t, int64_t i, int64_t i_end, int64_t j, int64_t j_end)
{
    int64_t seen = 0;

    for (int64_t query = i; query < i_end; query++)
        for (int64_t key = j; key < j_end; key++)
            seen += heed_mask_sees(&t->mask, query, key);
    return seen;
}

static void the_definition_is_each_rule_on_its_own(void **state)
{
    const uint8_t flags[] = {1, 0, 1, 1, 1, 1, 1, 1}, blocks[] = {0, 1, 1, 0};
    const int32_t documents[] = {7, 7, 8, 8};
    const heed_mask nothing = {0}, causal = {.causal = true, .position = 2},
                    window = {.window = 2, .position = 3};
    const heed_mask prefix = {.causal = true, .prefix = 3}, stride = {.stride = 3, .position = 9};
    const heed_mask keys = {.keys = flags}, pairs = {.pairs = flags, .pairs_stride = 4};
    const heed_mask document = {.query_documents = documents, .key_documents = documents};
    const heed_mask block = {.blocks = blocks, .block = 2, .blocks_stride = 2};

    (void)state;
    assert_true(heed_mask_sees(&nothing, 0, 100));
    assert_true(heed_mask_sees(&causal, 1, 3) && !heed_mask_sees(&causal, 1, 4));
    assert_true(heed_mask_sees(&window, 0, 2) && !heed_mask_sees(&window, 0, 1) &&
                heed_mask_sees(&window, 0, 9));
    assert_true(heed_mask_sees(&prefix, 0, 2) && !heed_mask_sees(&prefix, 0, 3));
    assert_true(heed_mask_sees(&stride, 0, 7) && !heed_mask_sees(&stride, 0, 5) &&
                heed_mask_sees(&stride, 0, 6));
    assert_true(heed_mask_sees(&keys, 5, 0) && !heed_mask_sees(&keys, 5, 1));
    assert_true(!heed_mask_sees(&pairs, 0, 1) && heed_mask_sees(&pairs, 1, 1));
    assert_true(heed_mask_sees(&document, 1, 0) && !heed_mask_sees(&document, 2, 1));
    assert_true(!heed_mask_sees(&block, 1, 1) && heed_mask_sees(&block, 1, 2));
}

/* Nothing but the rule itself hides the pair, so it is the one that is named. */
static void what_hides_a_key_is_named(void **state)
{
    const uint8_t none[] = {0, 0, 0, 0};
    const int32_t documents[] = {7, 8};
    const struct {
        heed_mask mask;
        int64_t i, j;
        heed_hiding why;
    } cases[] = {
        {{.causal = true}, 0, 0, HEED_HIDDEN_NOT},
        {{.causal = true}, 0, 1, HEED_HIDDEN_LATER},
        {{.causal = true, .window = 2, .position = 5}, 0, 3, HEED_HIDDEN_WINDOW},
        {{.causal = true, .stride = 2, .position = 5}, 0, 2, HEED_HIDDEN_STRIDE},
        {{.keys = none}, 0, 1, HEED_HIDDEN_PADDING},
        {{.query_documents = documents, .key_documents = documents}, 0, 1, HEED_HIDDEN_DOCUMENT},
        {{.blocks = none, .block = 2, .blocks_stride = 2}, 0, 1, HEED_HIDDEN_BLOCK},
        {{.pairs = none, .pairs_stride = 2}, 1, 1, HEED_HIDDEN_PAIR},
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const heed_hiding why = heed_mask_hides(&cases[n].mask, cases[n].i, cases[n].j);

        if (why != cases[n].why)
            fail_msg("case %zu: %s, expected %s", n, heed_hiding_text(why), heed_hiding_text(cases[n].why));
        assert_int_equal(why == HEED_HIDDEN_NOT, heed_mask_sees(&cases[n].mask, cases[n].i, cases[n].j));
    }
}

static void keys_outside_of_a_range_are_hidden(void **state)
{
    uint32_t x = 1u;

    (void)state;
    for (int n = 0; n < 400; n++) {
        table t = random_table(&x);
        const int64_t i = next(&x, 0, t.n_query), i_end = next(&x, i + 1, t.n_query + 1);
        const heed_key_range range = heed_mask_range(&t.mask, i, i_end, t.n_key);

        assert_true(0 <= range.begin && range.begin <= range.end && range.end <= t.n_key);
        assert_int_equal(count_seen(&t, i, i_end, 0, range.begin), 0);
        assert_int_equal(count_seen(&t, i, i_end, range.end, t.n_key), 0);
        table_free(&t);
    }
}

/* What follows from order, padding and documents that grow is narrow: the ends are seen. */
static void a_range_ends_at_keys_that_are_seen(void **state)
{
    const int32_t documents[] = {0, 0, 1, 1, 1, 2, 2, 3};
    const uint8_t keys[] = {0, 1, 1, 1, 1, 1, 0, 0};
    const heed_mask order = {.causal = true, .window = 3, .position = 2}, padding = {.keys = keys};
    const heed_mask document = {.query_documents = documents, .key_documents = documents};
    const heed_key_range by_order = heed_mask_range(&order, 1, 3, 8);
    const heed_key_range by_keys = heed_mask_range(&padding, 0, 1, 8);
    const heed_key_range by_document = heed_mask_range(&document, 2, 4, 8);

    (void)state;
    assert_true(by_order.begin == 1 && by_order.end == 5);
    assert_true(by_keys.begin == 1 && by_keys.end == 6);
    assert_true(by_document.begin == 2 && by_document.end == 5);
}

static void a_tile_is_said_to_be_seen_or_hidden_only_where_it_is(void **state)
{
    uint32_t x = 2u;

    (void)state;
    for (int n = 0; n < 4000; n++) {
        table t = random_table(&x);
        const int64_t i = next(&x, 0, t.n_query), i_end = next(&x, i + 1, t.n_query + 1);
        const int64_t j = next(&x, 0, t.n_key), j_end = next(&x, j + 1, t.n_key + 1);
        const int64_t seen = count_seen(&t, i, i_end, j, j_end), all = (i_end - i) * (j_end - j);
        const heed_seen said = heed_mask_tile(&t.mask, i, i_end, j, j_end);

        if ((said == HEED_SEEN_NONE && seen > 0) || (said == HEED_SEEN_ALL && seen < all))
            fail_msg(
                "rules %x: of queries %lld to %lld and keys %lld to %lld, %lld of %lld pairs are seen, not %s",
                t.rules, (long long)i, (long long)i_end, (long long)j, (long long)j_end, (long long)seen,
                (long long)all, said == HEED_SEEN_ALL ? "all" : "none");
        table_free(&t);
    }
}

/* A rule alone, but for documents in disorder and rules of order on top of a prefix, is told exactly. */
static void a_rule_alone_is_told_exactly(void **state)
{
    uint32_t x = 3u;

    (void)state;
    for (int n = 0; n < 2000; n++) {
        static const unsigned rules[] = {CAUSAL, WINDOW, KEYS, BLOCKS, PAIRS};
        table t = {.n_query = next(&x, 1, 60), .n_key = next(&x, 1, 60)};

        t.mask = random_mask(&x, t.n_query, t.n_key, 1u << rules[n % 5], t.lists);
        const int64_t i = next(&x, 0, t.n_query), i_end = next(&x, i + 1, t.n_query + 1);
        const int64_t j = next(&x, 0, t.n_key), j_end = next(&x, j + 1, t.n_key + 1);
        const int64_t seen = count_seen(&t, i, i_end, j, j_end), all = (i_end - i) * (j_end - j);

        assert_int_equal(heed_mask_tile(&t.mask, i, i_end, j, j_end), seen == 0     ? HEED_SEEN_NONE
                                                                      : seen == all ? HEED_SEEN_ALL
                                                                                    : HEED_SEEN_SOME);
        table_free(&t);
    }
}

static void pairs_are_counted_one_by_one(void **state)
{
    uint32_t x = 4u;

    (void)state;
    for (int n = 0; n < 1000; n++) {
        table t = random_table(&x);

        if (heed_mask_pairs(&t.mask, t.n_query, t.n_key) != (double)count_seen(&t, 0, t.n_query, 0, t.n_key))
            fail_msg("rules %x, %lld queries, %lld keys: %g pairs, not %lld", t.rules, (long long)t.n_query,
                     (long long)t.n_key, heed_mask_pairs(&t.mask, t.n_query, t.n_key),
                     (long long)count_seen(&t, 0, t.n_query, 0, t.n_key));
        table_free(&t);
    }
}

static void a_mask_from_a_later_key_hides_the_same_pairs(void **state)
{
    uint32_t x = 5u;

    (void)state;
    for (int n = 0; n < 200; n++) {
        table t = random_table(&x);
        int64_t first = next(&x, 0, t.n_key);

        if (t.mask.blocks != NULL)
            first -= first % t.mask.block;
        const heed_mask part = heed_mask_from_key(&t.mask, first);

        for (int64_t i = 0; i < t.n_query; i++)
            for (int64_t j = first; j < t.n_key; j++)
                assert_int_equal(heed_mask_sees(&part, i, j - first), heed_mask_sees(&t.mask, i, j));
        table_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_definition_is_each_rule_on_its_own),
        cmocka_unit_test(what_hides_a_key_is_named),
        cmocka_unit_test(keys_outside_of_a_range_are_hidden),
        cmocka_unit_test(a_range_ends_at_keys_that_are_seen),
        cmocka_unit_test(a_tile_is_said_to_be_seen_or_hidden_only_where_it_is),
        cmocka_unit_test(a_rule_alone_is_told_exactly),
        cmocka_unit_test(pairs_are_counted_one_by_one),
        cmocka_unit_test(a_mask_from_a_later_key_hides_the_same_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
