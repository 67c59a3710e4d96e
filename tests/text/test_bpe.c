/* SPDX-License-Identifier: MIT */
/*
 * Byte-level BPE over vocabularies of chance: merging against the definition carried out naively, any bytes back from
 * their ids, the forms on disk against each other, special tokens.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "folder.h"
#include "text/letters.h"
#include "text/tokenizer.h"

/* ---- a vocabulary of chance: bytes first, then pairs of what is there ---- */

enum { N_TOKENS = 700, LONGEST = 40 };

typedef struct made {
    char bytes[N_TOKENS][LONGEST];
    size_t n[N_TOKENS];
    int left[N_TOKENS], right[N_TOKENS];
    int count;
} made;

static int find_token(const made *m, const char *bytes, size_t n)
{
    for (int i = 0; i < m->count; i++)
        if (m->n[i] == n && memcmp(m->bytes[i], bytes, n) == 0)
            return i;
    return -1;
}

/* Few letters, so that the same bytes can be reached in many ways. Byte b has the id (b * 7) % 256. */
static void make(made *m, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 0);

    memset(m, 0, sizeof *m);
    for (int i = 0; i < 256; i++) {
        m->bytes[i * 7 % 256][0] = (char)i;
        m->n[i * 7 % 256] = 1;
    }
    m->count = 256;
    while (m->count < N_TOKENS) {
        const int letters[] = {'a' * 7 % 256, 'b' * 7 % 256, ' ' * 7 % 256, 0xe9 * 7 % 256};
        int part[2];
        char both[2 * LONGEST];
        size_t n = 0;

        for (int k = 0; k < 2; k++) {
            part[k] = m->count > 256 && heed_rng_below(&rng, 3) > 0
                          ? 256 + (int)heed_rng_below(&rng, m->count - 256)
                          : letters[heed_rng_below(&rng, 4)];
            memcpy(both + n, m->bytes[part[k]], m->n[part[k]]);
            n += m->n[part[k]];
        }
        if (n > LONGEST || find_token(m, both, n) >= 0)
            continue;
        memcpy(m->bytes[m->count], both, n);
        m->n[m->count] = n;
        m->left[m->count] = part[0];
        m->right[m->count] = part[1];
        m->count++;
    }
}

/* ---- its forms ---- */

static void put_letters(heed_text_buffer *out, const char *bytes, size_t n, bool json)
{
    for (size_t i = 0; i < n; i++) {
        char letter[4];
        const size_t length = heed_letter_write((unsigned char)bytes[i], letter);

        if (json && (letter[0] == '"' || letter[0] == '\\'))
            heed_text_puts(out, "\\");
        heed_text_append(out, letter, length);
    }
}

static void save(const char *name, heed_text_buffer *text)
{
    assert_false(text->failed);
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text->data, text->size}, 1, NULL), HEED_OK);
    heed_text_free(text);
}

static void save_ranks(const made *m)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    heed_text_buffer out = {0};

    for (int id = 0; id < m->count; id++) {
        for (size_t i = 0; i < m->n[id]; i += 3) {
            const size_t left = m->n[id] - i;
            uint32_t bits = 0;

            for (size_t k = 0; k < 3; k++)
                bits = bits << 8 | (k < left ? (unsigned char)m->bytes[id][i + k] : 0);
            for (size_t k = 0; k < 4; k++)
                heed_text_printf(&out, "%c", k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=');
        }
        heed_text_printf(&out, " %d\n", id);
    }
    save("made.gpt2.tiktoken", &out);
}

static void save_pair(const made *m)
{
    heed_text_buffer vocab = {0}, merges = {0};

    heed_text_puts(&merges, "#version: 0.2\n");
    for (int id = 0; id < m->count; id++) {
        heed_text_puts(&vocab, id == 0 ? "{\"" : ", \"");
        put_letters(&vocab, m->bytes[id], m->n[id], true);
        heed_text_printf(&vocab, "\": %d", id);
        if (m->n[id] == 1)
            continue;
        put_letters(&merges, m->bytes[m->left[id]], m->n[m->left[id]], false);
        heed_text_puts(&merges, " ");
        put_letters(&merges, m->bytes[m->right[id]], m->n[m->right[id]], false);
        heed_text_puts(&merges, "\n");
    }
    heed_text_printf(&vocab, ", \"<|endoftext|>\": %d}", m->count);
    save("made-vocab.json", &vocab);
    save("made-merges.txt", &merges);
}

static heed_tokenizer *open_form(const char *name)
{
    heed_tokenizer *t = NULL;
    heed_error err = {0};

    if (heed_tokenizer_open(inside(name), NULL, &t, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return t;
}

static heed_tokenizer *written_and_read(const heed_tokenizer *t)
{
    heed_error err = {0};

    if (heed_tokenizer_save(t, inside("again.json"), &err) != HEED_OK)
        fail_msg("%s", err.message);
    return open_form("again.json");
}

/* ---- the definition ---- */

/* rank: of two neighbours, -1 for none */
static int rank_of(const made *m, bool by_ranks, int left, int right)
{
    char both[2 * LONGEST];

    if (!by_ranks) {
        for (int id = 256; id < m->count; id++)
            if (m->left[id] == left && m->right[id] == right)
                return id;
        return -1;
    }
    memcpy(both, m->bytes[left], m->n[left]);
    memcpy(both + m->n[left], m->bytes[right], m->n[right]);
    return find_token(m, both, m->n[left] + m->n[right]);
}

static size_t merge_naively(const made *m, bool by_ranks, const char *text, size_t n, int32_t *ids)
{
    if (by_ranks && find_token(m, text, n) >= 0) {
        ids[0] = find_token(m, text, n);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        ids[i] = (unsigned char)text[i] * 7 % 256;
    for (;;) {
        size_t best = n;
        int lowest = m->count;

        for (size_t i = 0; i + 1 < n; i++) {
            const int rank = rank_of(m, by_ranks, ids[i], ids[i + 1]);

            if (rank >= 0 && rank < lowest) {
                lowest = rank;
                best = i;
            }
        }
        if (best == n)
            return n;
        ids[best] = lowest;
        memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
        n--;
    }
}

/* ---- tests ---- */

static size_t random_word(heed_rng *rng, char *out, size_t longest)
{
    const size_t n = 1 + (size_t)heed_rng_below(rng, (int64_t)longest);

    for (size_t i = 0; i < n; i++)
        out[i] = "aab"[heed_rng_below(rng, 3)];
    return n;
}

static void assert_ids(const heed_tokenizer *t, const char *text, size_t n, const int32_t *expected,
                       size_t n_expected)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_error err = {0};

    if (heed_tokenizer_encode(t, text, n, NULL, &ids, &n_ids, &err) != HEED_OK)
        fail_msg("%s", err.message);
    if (n_ids != n_expected || memcmp(ids, expected, n_ids * sizeof *ids) != 0)
        fail_msg("%.*s: %zu ids, expected %zu; the first is %d, expected %d", (int)n, text, n_ids, n_expected,
                 n_ids > 0 ? (int)ids[0] : -1, (int)expected[0]);
    free(ids);
}

/* Short pieces go over flat arrays and long ones through a heap: 64 bytes lie between the two. */
static void merging_is_what_the_definition_says_by_ranks_and_by_merges(void **state)
{
    static made m;
    char text[400];
    int32_t expected[400];

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        heed_rng rng = heed_rng_make(seed, 1);

        make(&m, seed);
        save_ranks(&m);
        save_pair(&m);
        heed_tokenizer *forms[] = {open_form("made.gpt2.tiktoken"), open_form("made-vocab.json")};
        for (int round = 0; round < 120; round++) {
            const size_t n = random_word(&rng, text, round % 3 == 0 ? 60 : round % 3 == 1 ? 70 : 160);

            for (int k = 0; k < 2; k++)
                assert_ids(forms[k], text, n, expected, merge_naively(&m, k == 0, text, n, expected));
        }
        heed_tokenizer_destroy(forms[0]);
        heed_tokenizer_destroy(forms[1]);
    }
}

static void decode_inverts_encode_for_any_bytes(void **state)
{
    static made m;
    heed_rng rng = heed_rng_make(5, 0);
    const size_t n = 200000;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    make(&m, 4);
    save_ranks(&m);
    save_pair(&m);
    heed_tokenizer *forms[] = {open_form("made.gpt2.tiktoken"), open_form("made-vocab.json")};
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < n; i++) /* all bytes; few of them; long runs */
            text[i] = (char)(round % 3 == 0   ? heed_rng_below(&rng, 256)
                             : round % 3 == 1 ? "ab \xe9\xc3\xa9\n1"[heed_rng_below(&rng, 8)]
                                              : "a\x80"[i / 50000 % 2]);
        for (int k = 0; k < 2; k++) {
            const heed_encode_options options = {.threads = 1 + round % 3};
            int32_t *ids = NULL;
            size_t n_ids = 0, n_back = 0;
            char *back = NULL;

            assert_int_equal(heed_tokenizer_encode(forms[k], text, n, &options, &ids, &n_ids, NULL), HEED_OK);
            assert_int_equal(heed_tokenizer_decode(forms[k], ids, n_ids, &back, &n_back, NULL), HEED_OK);
            assert_int_equal(n_back, n);
            assert_memory_equal(back, text, n);
            free(ids);
            free(back);
        }
    }
    heed_tokenizer_destroy(forms[0]);
    heed_tokenizer_destroy(forms[1]);
    free(text);
}

static void a_written_tokenizer_makes_the_same_ids(void **state)
{
    static made m;
    static const char *const names[] = {"made.gpt2.tiktoken", "made-vocab.json"};
    char text[3000];

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        make(&m, 10 + seed);
        save_ranks(&m);
        save_pair(&m);
        for (int k = 0; k < 2; k++) {
            heed_tokenizer *t = open_form(names[k]), *again = written_and_read(t);
            heed_rng rng = heed_rng_make(seed, 2);

            assert_int_equal(heed_tokenizer_vocab_size(again), heed_tokenizer_vocab_size(t));
            for (int round = 0; round < 200; round++) {
                size_t n = 0, n_ids = 0;
                int32_t *ids = NULL;

                while (n < 2000 && (n == 0 || heed_rng_below(&rng, 20) > 0)) {
                    n += random_word(&rng, text + n, 100);
                    text[n++] = ' ';
                }
                assert_int_equal(heed_tokenizer_encode(t, text, n, NULL, &ids, &n_ids, NULL), HEED_OK);
                assert_ids(again, text, n, ids, n_ids);
                free(ids);
            }
            heed_tokenizer_destroy(t);
            heed_tokenizer_destroy(again);
        }
    }
}

static void special_tokens_act_only_when_asked(void **state)
{
    static made m;
    static const char text[] = "a<|endoftext|>b";
    const heed_encode_options asked = {.special = true};
    heed_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_added_token end;

    (void)state;
    make(&m, 20);
    save_pair(&m);
    t = open_form("made-vocab.json");
    assert_string_equal(heed_tokenizer_kind_name(t), "byte-level BPE");
    assert_int_equal(heed_tokenizer_vocab_size(t), N_TOKENS + 1);
    assert_int_equal(heed_tokenizer_end_of_text(t), N_TOKENS);
    assert_int_equal(heed_tokenizer_find(t, "<|endoftext|>", 13), N_TOKENS);
    assert_int_equal(heed_tokenizer_find(t, "a", 1), 'a' * 7 % 256);
    assert_int_equal(heed_tokenizer_find(t, "nothing like it", 15), -1);
    assert_int_equal(heed_tokenizer_n_added(t), 1);
    end = heed_tokenizer_added(t, 0);
    assert_true(end.special);
    assert_string_equal(end.text, "<|endoftext|>");

    assert_int_equal(heed_tokenizer_encode(t, text, strlen(text), &asked, &ids, &n, NULL), HEED_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ids[1], N_TOKENS);
    free(ids);
    assert_int_equal(heed_tokenizer_encode(t, text, strlen(text), NULL, &ids, &n, NULL), HEED_OK);
    assert_true(n > 3);
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(ids[i], N_TOKENS);
    free(ids);
    heed_tokenizer_destroy(t);
}

static void a_megabyte_without_a_space_is_encoded(void **state)
{
    static made m;
    const size_t n = 1000000;
    char *text = malloc(n), *back = NULL;
    heed_rng rng = heed_rng_make(9, 0);
    int32_t *ids = NULL;
    size_t n_ids = 0, n_back = 0;
    heed_tokenizer *t = NULL;

    (void)state;
    make(&m, 30);
    save_pair(&m);
    t = open_form("made-vocab.json");
    for (size_t i = 0; i < n; i++)
        text[i] = "ab"[heed_rng_below(&rng, 2)];
    assert_int_equal(heed_tokenizer_encode(t, text, n, NULL, &ids, &n_ids, NULL), HEED_OK);
    assert_true(n_ids < n / 2);
    assert_int_equal(heed_tokenizer_decode(t, ids, n_ids, &back, &n_back, NULL), HEED_OK);
    assert_int_equal(n_back, n);
    assert_memory_equal(back, text, n);
    free(ids);
    free(back);
    free(text);
    heed_tokenizer_destroy(t);
}

/* ---- a source or a sink that fails ---- */

static heed_status failing_source(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    int *calls = context;

    (void)err;
    if ((*calls)++ == 2)
        return HEED_ERR_INTERRUPTED;
    *n = *calls < 0 || capacity < 100 ? capacity : 100;
    for (size_t i = 0; i < capacity; i++)
        buffer[i] = "ab "[i % 3];
    return HEED_OK;
}

static heed_status failing_sink(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    (void)context;
    (void)ids;
    (void)n;
    (void)err;
    return HEED_ERR_CHECK;
}

static void the_status_of_a_callback_ends_the_stream(void **state)
{
    static made m;
    int calls = 0;
    heed_tokenizer *t = NULL;

    (void)state;
    make(&m, 40);
    save_pair(&m);
    t = open_form("made-vocab.json");
    assert_int_equal(heed_tokenizer_stream(t, NULL, failing_source, &calls, failing_sink, NULL, NULL),
                     HEED_ERR_INTERRUPTED);
    calls = -1000000;
    assert_int_equal(heed_tokenizer_stream(t, NULL, failing_source, &calls, failing_sink, NULL, NULL),
                     HEED_ERR_CHECK);
    heed_tokenizer_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_is_what_the_definition_says_by_ranks_and_by_merges),
        cmocka_unit_test(decode_inverts_encode_for_any_bytes),
        cmocka_unit_test(a_written_tokenizer_makes_the_same_ids),
        cmocka_unit_test(special_tokens_act_only_when_asked),
        cmocka_unit_test(a_megabyte_without_a_space_is_encoded),
        cmocka_unit_test(the_status_of_a_callback_ends_the_stream),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
