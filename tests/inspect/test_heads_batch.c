/* SPDX-License-Identifier: MIT */
/* Many heads at once: what is known of each is what its pattern alone says, in whatever order they come. */
#include "cmocka_all.h"

#include <stdlib.h>

#include "inspect/head_patterns.h"
#include "inspect/heads.h"

/* Sums of single precision numbers in double; a float holds the cosine. */
static const double tolerance = 1e-6;

enum { B = 2, L = 2, H = 3, T = 26 };

static heed_heads *prepare(const int32_t *ids, const uint8_t *delimiters)
{
    const heed_heads_plan what = {.ids = ids,
                                  .delimiters = delimiters,
                                  .batch = B,
                                  .length = T,
                                  .mask = {.causal = true},
                                  .n_layers = L,
                                  .n_heads = H,
                                  .options = {.n_largest = 4, .similarity = true, .threads = 2}};
    heed_heads *heads = NULL;
    heed_error err = {0};

    if (heed_heads_prepare(&what, &heads, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return heads;
}

/* patterns [L, B, H, T, T]; the head in place h is head order[h]. */
static void take(heed_heads *heads, const float *patterns, const int *order)
{
    static float moved[B * H * T * T];
    const heed_tensor tensor = heed_tensor_make(HEED_F32, heed_shape4(B, H, T, T), moved);

    for (int layer = 0; layer < L; layer++) {
        for (int b = 0; b < B; b++) {
            for (int h = 0; h < H; h++)
                memcpy(moved + (b * H + h) * T * T, patterns + ((layer * B + b) * H + order[h]) * T * T,
                       sizeof(float) * T * T);
        }
        heed_heads_take(heads, layer, 0, &tensor);
    }
}

typedef struct fixture {
    float patterns[L * B * H * T * T];
    int32_t ids[B * T];
    uint8_t delimiters[B * T];
} fixture;

static void fill(fixture *f, uint64_t seed)
{
    heed_rng rng = heed_rng_make(seed, 6);

    make_text(&rng, B * T, 12, f->ids, f->delimiters);
    for (int64_t r = 0; r < L * B * H * T; r++)
        random_row(&rng, r % T, T, 1.0, f->patterns + r * T);
}

/* Element by element and head by head they are what each pattern alone gives, bit for bit; all together, the means. */
static void heads_of_a_batch_are_what_each_is_alone(void **state)
{
    static fixture f;
    const int order[H] = {0, 1, 2};
    heed_heads *heads;

    (void)state;
    fill(&f, 1);
    heads = prepare(f.ids, f.delimiters);
    for (int twice = 0; twice < 2; twice++) { /* what was taken before is forgotten */
        heed_heads_clear(heads);
        take(heads, f.patterns, order);
    }
    for (int layer = 0; layer < L; layer++) {
        for (int h = 0; h < H; h++) {
            double entropy = 0.0, found = 0.0, rows = 0.0;
            heed_head_scores both;
            for (int b = 0; b < B; b++) {
                const heed_head_pattern p = {.weights = f.patterns + ((layer * B + b) * H + h) * T * T,
                                             .ids = f.ids + b * T,
                                             .delimiters = f.delimiters + b * T,
                                             .n = T};
                const heed_head_scores alone = measure(&p);
                heed_head_scores s;
                heed_heads_scores(heads, b, layer, h, &s);
                assert_true(s.entropy == alone.entropy && s.largest == alone.largest &&
                            s.distance == alone.distance && s.rows == alone.rows);
                for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
                    assert_true(s.roles[role].mul == alone.roles[role].mul &&
                                s.roles[role].abs == alone.roles[role].abs &&
                                s.roles[role].odds == alone.roles[role].odds);
                entropy += s.entropy / B;
                found += s.roles[HEED_HEAD_DUPLICATE].found * (double)s.roles[HEED_HEAD_DUPLICATE].rows;
                rows += (double)s.roles[HEED_HEAD_DUPLICATE].rows;
            }
            heed_heads_scores(heads, HEED_HEADS_ALL, layer, h, &both);
            expect("entropy", both.entropy, entropy, 1e-12, 1);
            expect("found", both.roles[HEED_HEAD_DUPLICATE].found, found / rows, 1e-12, 1);
        }
    }
    heed_heads_destroy(heads);
}

static void heads_in_another_order_give_the_same_in_that_order(void **state)
{
    static fixture f;
    static const int order[H] = {0, 1, 2}, other[H] = {2, 0, 1};
    float similarity[2][L * H * L * H];
    heed_heads *heads[2];

    (void)state;
    fill(&f, 2);
    for (int k = 0; k < 2; k++) {
        heads[k] = prepare(f.ids, f.delimiters);
        take(heads[k], f.patterns, k == 0 ? order : other);
        assert_int_equal(heed_heads_similarity(heads[k], similarity[k], NULL), HEED_OK);
    }
    for (int a = 0; a < L * H; a++) {
        const int from = a / H * H + other[a % H];
        heed_head_scores x, y;
        heed_heads_scores(heads[0], 1, from / H, from % H, &x);
        heed_heads_scores(heads[1], 1, a / H, a % H, &y);
        assert_true(x.entropy == y.entropy && x.roles[HEED_HEAD_FIRST].abs == y.roles[HEED_HEAD_FIRST].abs);
        for (int b = 0; b < L * H; b++) {
            const int to = b / H * H + other[b % H];
            assert_true(similarity[1][a * L * H + b] == similarity[0][from * L * H + to]);
        }
    }
    heed_heads_destroy(heads[0]);
    heed_heads_destroy(heads[1]);
}

static void profiles_similarity_and_largest_weights_are_those_of_the_definitions(void **state)
{
    static fixture f;
    const int order[H] = {0, 1, 2};
    float similarity[L * H * L * H];
    double profile[T];
    heed_heads *heads;

    (void)state;
    fill(&f, 3);
    heads = prepare(f.ids, f.delimiters);
    take(heads, f.patterns, order);
    heed_heads_profile(heads, 1, 2, profile);
    for (int d = 0; d < T; d++) {
        double sum = 0.0, n = 0.0;
        for (int b = 0; b < B; b++) {
            for (int i = d > 1 ? d : 1; i < T; i++, n++)
                sum += (double)f.patterns[(((B + b) * H + 2) * T + i) * T + i - d];
        }
        expect("profile", profile[d], sum / n, 1e-12, 3);
    }
    assert_int_equal(heed_heads_similarity(heads, similarity, NULL), HEED_OK);
    for (int a = 0; a < L * H; a++) {
        for (int c = 0; c < L * H; c++) {
            double xy = 0.0, xx = 0.0, yy = 0.0;
            for (int k = 0; k < B * T * T; k++) {
                const int b = k / (T * T), at = k % (T * T);
                if (at / T == 0 || at % T > at / T)
                    continue;
                const double x = (double)f.patterns[((a / H * B + b) * H + a % H) * T * T + at];
                const double y = (double)f.patterns[((c / H * B + b) * H + c % H) * T * T + at];
                xy += x * y;
                xx += x * x;
                yy += y * y;
            }
            expect("similarity", (double)similarity[a * L * H + c], xy / sqrt(xx * yy), tolerance, 3);
        }
    }
    for (int b = 0; b < B; b++) {
        int n = 0;
        const float *pattern = f.patterns + ((B + b) * H + 2) * T * T;
        const heed_head_weight *largest = heed_heads_largest(heads, b, 1, 2, &n);
        assert_int_equal(n, 4);
        for (int k = 0; k < n; k++) {
            int larger = 0;
            assert_true(largest[k].weight == pattern[largest[k].query * T + largest[k].key]);
            for (int at = T; at < T * T; at++)
                larger += pattern[at] > largest[k].weight;
            assert_int_equal(larger, k);
        }
    }
    heed_heads_destroy(heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_a_batch_are_what_each_is_alone),
        cmocka_unit_test(heads_in_another_order_give_the_same_in_that_order),
        cmocka_unit_test(profiles_similarity_and_largest_weights_are_those_of_the_definitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
