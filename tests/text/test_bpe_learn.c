/* SPDX-License-Identifier: MIT */
/* Learning byte pairs: against counting everything anew in every round, on random pieces and on small known ones. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/bpe_learn.h"
#include "text/byte_order.h"
#include "text/letters.h"

#define MAX_TOKENS 600
#define MAX_BYTES  4000

/* --- the oracle: no heap, no lists, no counts that are kept --- */

typedef struct oracle {
    const heed_piece_table *pieces;
    int32_t symbols[MAX_BYTES], length[MAX_BYTES];
    char tokens[MAX_TOKENS][64];
    int token_length[MAX_TOKENS], n_tokens;
    heed_bpe_pair merges[2 * MAX_TOKENS];
    size_t n;
} oracle;

static int64_t counts[MAX_TOKENS][MAX_TOKENS];

static void count_all(const oracle *o)
{
    memset(counts, 0, sizeof counts);
    for (size_t p = 0; p < o->pieces->n; p++) {
        const int32_t *s = o->symbols + o->pieces->pieces[p].offset;
        for (int i = 0; i + 1 < o->length[p]; i++)
            counts[s[i]][s[i + 1]] += o->pieces->pieces[p].count;
    }
}

static heed_bpe_pair most_frequent(const oracle *o)
{
    heed_bpe_pair best = {0};

    for (int32_t left = 0; left < o->n_tokens; left++) {
        for (int32_t right = 0; right < o->n_tokens; right++) {
            if (counts[left][right] > best.count)
                best = (heed_bpe_pair){.left = left, .right = right, .count = counts[left][right]};
        }
    }
    return best;
}

static int32_t token_of(oracle *o, int32_t left, int32_t right)
{
    char *joined = o->tokens[o->n_tokens];
    const int n = o->token_length[left] + o->token_length[right];
    int id = 0;

    memcpy(joined, o->tokens[left], (size_t)o->token_length[left]);
    memcpy(joined + o->token_length[left], o->tokens[right], (size_t)o->token_length[right]);
    while (id < o->n_tokens && (o->token_length[id] != n || memcmp(o->tokens[id], joined, (size_t)n) != 0))
        id++;
    if (id == o->n_tokens)
        o->token_length[o->n_tokens++] = n;
    return id;
}

static void merge_all(oracle *o, const heed_bpe_pair *m)
{
    for (size_t p = 0; p < o->pieces->n; p++) {
        int32_t *s = o->symbols + o->pieces->pieces[p].offset;
        int kept = 0;
        for (int i = 0; i < o->length[p]; i++) {
            const bool here = i + 1 < o->length[p] && s[i] == m->left && s[i + 1] == m->right;
            s[kept++] = here ? m->merged : s[i];
            i += here;
        }
        o->length[p] = kept;
    }
}

static void ask_oracle(oracle *o, const heed_piece_table *pieces, int n_tokens, int64_t min_count)
{
    memset(o, 0, sizeof *o);
    o->pieces = pieces;
    for (; o->n_tokens < 256; o->n_tokens++) {
        o->tokens[o->n_tokens][0] = (char)heed_byte_of_rank(o->n_tokens);
        o->token_length[o->n_tokens] = 1;
    }
    for (size_t p = 0; p < pieces->n; p++) {
        const heed_counted_piece *piece = &pieces->pieces[p];
        o->length[p] = (int32_t)piece->length;
        for (uint32_t i = 0; i < piece->length; i++)
            o->symbols[piece->offset + i] = heed_byte_rank((unsigned char)pieces->bytes[piece->offset + i]);
    }
    while (o->n_tokens < n_tokens) {
        heed_bpe_pair best;
        count_all(o);
        best = most_frequent(o);
        if (best.count < min_count)
            return;
        best.merged = token_of(o, best.left, best.right);
        o->merges[o->n++] = best;
        merge_all(o, &best);
    }
}

/* --- comparing --- */

static void assert_as_oracle(const heed_piece_table *pieces, int n_tokens, int64_t min_count, uint64_t seed)
{
    static oracle o;
    heed_bpe_merges learned = {0};

    ask_oracle(&o, pieces, n_tokens, min_count);
    assert_int_equal(heed_bpe_learn(pieces, n_tokens, min_count, NULL, NULL, &learned, NULL), HEED_OK);
    for (size_t i = 0; i < o.n && i < learned.n; i++) {
        const heed_bpe_pair *a = &learned.list[i], *b = &o.merges[i];
        if (a->left != b->left || a->right != b->right || a->merged != b->merged || a->count != b->count)
            fail_msg("seed %d, merge %zu: (%d, %d) -> %d, %lld times; expected (%d, %d) -> %d, %lld times",
                     (int)seed, i, a->left, a->right, a->merged, (long long)a->count, b->left, b->right,
                     b->merged, (long long)b->count);
    }
    assert_int_equal(learned.n, o.n);
    assert_int_equal(learned.tokens.n, o.n_tokens);
    assert_int_equal(learned.tokens.n, 256 + learned.n);
    for (int id = 0; id < o.n_tokens; id++) {
        assert_int_equal(learned.tokens.pieces[id].length, o.token_length[id]);
        assert_memory_equal(heed_piece_table_bytes(&learned.tokens, (uint32_t)id), o.tokens[id],
                            (size_t)o.token_length[id]);
    }
    heed_bpe_merges_free(&learned);
}

static void merges_are_those_of_counting_anew_each_round(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);
        heed_piece_table pieces = {0};
        const int64_t letters = 1 + heed_rng_below(&rng, 5), longest = 1 + heed_rng_below(&rng, 12);
        const int n = 1 + (int)heed_rng_below(&rng, 200);
        char bytes[16];

        for (int i = 0; i < n; i++) {
            const size_t length = (size_t)heed_rng_below(&rng, longest + 1);
            for (size_t k = 0; k < length; k++)
                bytes[k] = "a\xc3\0 z"[heed_rng_below(&rng, letters)];
            heed_piece_table_add(&pieces, bytes, length, 1 + heed_rng_below(&rng, 4));
        }
        assert_as_oracle(&pieces, 256 + (int)heed_rng_below(&rng, MAX_TOKENS - 257), 1 + (int64_t)(seed % 3),
                         seed);
        heed_piece_table_free(&pieces);
    }
}

static void of_equal_counts_the_lowest_ids_go_first(void **state)
{
    heed_piece_table pieces = {0};
    heed_bpe_merges learned = {0};

    (void)state;
    heed_piece_table_add(&pieces, "zy", 2, 5);
    heed_piece_table_add(&pieces, "bd", 2, 5);
    heed_piece_table_add(&pieces, "bc", 2, 5);
    heed_piece_table_add(&pieces, " a", 2, 5); /* a space comes behind the letters in this order */
    assert_int_equal(heed_bpe_learn(&pieces, 1000, 1, NULL, NULL, &learned, NULL), HEED_OK);
    assert_int_equal(learned.n, 4);
    assert_int_equal(learned.list[0].right, heed_byte_rank('c'));
    assert_int_equal(learned.list[1].right, heed_byte_rank('d'));
    assert_int_equal(learned.list[2].left, heed_byte_rank('z'));
    assert_int_equal(learned.list[3].left, heed_byte_rank(' '));
    heed_bpe_merges_free(&learned);
    heed_piece_table_free(&pieces);
}

static void a_run_of_one_byte_counts_overlapping_places(void **state)
{
    heed_piece_table pieces = {0};
    heed_bpe_merges learned = {0};

    (void)state;
    heed_piece_table_add(&pieces, "aaaaa", 5, 1); /* a a four times; aa aa a; aaaa a */
    assert_int_equal(heed_bpe_learn(&pieces, 1000, 1, NULL, NULL, &learned, NULL), HEED_OK);
    assert_int_equal(learned.n, 3);
    assert_int_equal(learned.list[0].count, 4);
    assert_int_equal(learned.tokens.pieces[256].length, 2);
    assert_int_equal(learned.tokens.pieces[257].length,
                     3); /* (aa, a) and (aa, aa) once each: a has the lower id */
    assert_int_equal(learned.tokens.pieces[258].length, 5);
    heed_bpe_merges_free(&learned);
    heed_piece_table_free(&pieces);
}

/* Bytes that end as one token were merged with no others, so always in the same order: runs of a letter try hardest. */
static void no_token_is_made_twice(void **state)
{
    heed_piece_table pieces = {0};
    heed_bpe_merges learned = {0};
    char run[24];

    (void)state;
    memset(run, 'a', sizeof run);
    for (size_t n = 2; n < sizeof run; n++)
        heed_piece_table_add(&pieces, run, n, 1 + (int64_t)(7 * n % 5));
    assert_as_oracle(&pieces, 300, 1, 0);
    assert_int_equal(heed_bpe_learn(&pieces, 300, 1, NULL, NULL, &learned, NULL), HEED_OK);
    assert_true(learned.n > 10);
    assert_int_equal(learned.tokens.n, 256 + learned.n);
    heed_bpe_merges_free(&learned);
    heed_piece_table_free(&pieces);
}

static void the_order_of_the_pieces_does_not_matter(void **state)
{
    heed_piece_table forwards = {0}, backwards = {0};
    heed_bpe_merges a = {0}, b = {0};
    heed_rng rng = heed_rng_make(5, 1);
    char bytes[8];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        for (int k = 0; k < 8; k++)
            bytes[k] = (char)('a' + heed_rng_below(&rng, 6));
        heed_piece_table_add(&forwards, bytes, 1 + (size_t)heed_rng_below(&rng, 8), 1);
    }
    for (size_t i = forwards.n; i-- > 0;)
        heed_piece_table_add(&backwards, heed_piece_table_bytes(&forwards, (uint32_t)i),
                             forwards.pieces[i].length, forwards.pieces[i].count);
    assert_int_equal(heed_bpe_learn(&forwards, 1500, 2, NULL, NULL, &a, NULL), HEED_OK);
    assert_int_equal(heed_bpe_learn(&backwards, 1500, 2, NULL, NULL, &b, NULL), HEED_OK);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.list[i].left, b.list[i].left);
        assert_int_equal(a.list[i].right, b.list[i].right);
        assert_int_equal(a.list[i].count, b.list[i].count);
    }
    heed_bpe_merges_free(&a);
    heed_bpe_merges_free(&b);
    heed_piece_table_free(&forwards);
    heed_piece_table_free(&backwards);
}

static bool stop_at_260(void *context, int64_t n_tokens)
{
    ++*(int *)context;
    return n_tokens < 260;
}

static void learning_can_be_stopped_and_keeps_what_it_has(void **state)
{
    heed_piece_table pieces = {0};
    heed_bpe_merges learned = {0};
    int n_calls = 0;

    (void)state;
    heed_piece_table_add(&pieces, "abcdefghijklmnop", 16, 3);
    assert_int_equal(heed_bpe_learn(&pieces, 1000, 1, stop_at_260, &n_calls, &learned, NULL), HEED_OK);
    assert_int_equal(n_calls, 4);
    assert_int_equal(learned.tokens.n, 260);
    heed_bpe_merges_free(&learned);
    heed_piece_table_free(&pieces);
}

static void no_pieces_leave_the_bytes_alone(void **state)
{
    heed_piece_table pieces = {0};
    heed_bpe_merges learned = {0};

    (void)state;
    assert_int_equal(heed_bpe_learn(&pieces, 1000, 1, NULL, NULL, &learned, NULL), HEED_OK);
    assert_int_equal(learned.n, 0);
    assert_int_equal(learned.tokens.n, 256);
    heed_bpe_merges_free(&learned);
}

static void the_order_of_bytes_is_that_of_their_letters(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        int below = 0;

        for (int other = 0; other < 256; other++)
            below += heed_letter_of((unsigned char)other) < heed_letter_of((unsigned char)byte);
        assert_int_equal(heed_byte_rank((unsigned char)byte), below);
        assert_int_equal(heed_byte_of_rank(below), byte);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_those_of_counting_anew_each_round),
        cmocka_unit_test(of_equal_counts_the_lowest_ids_go_first),
        cmocka_unit_test(a_run_of_one_byte_counts_overlapping_places),
        cmocka_unit_test(no_token_is_made_twice),
        cmocka_unit_test(the_order_of_the_pieces_does_not_matter),
        cmocka_unit_test(learning_can_be_stopped_and_keeps_what_it_has),
        cmocka_unit_test(no_pieces_leave_the_bytes_alone),
        cmocka_unit_test(the_order_of_bytes_is_that_of_their_letters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
