/* SPDX-License-Identifier: MIT */
/* The turn of pairs, on every table this processor runs, against double precision. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

enum { HEADS = 3 };

/* What a kernel is given for pair m: one number a pair, or both spread over the pair's two places. */
static void fill_turns(float *cosine, float *sine, const float *angle, int64_t pairs, bool interleaved)
{
    for (int64_t m = 0; m < pairs; m++) {
        const float c = cosf(angle[m]), s = sinf(angle[m]);

        if (!interleaved) {
            cosine[m] = c;
            sine[m] = s;
        } else {
            cosine[2 * m] = cosine[2 * m + 1] = c;
            sine[2 * m] = -s;
            sine[2 * m + 1] = s;
        }
    }
}

/* One head against the formula; a product and a sum of numbers up to 3 round to 2^-24 of 6 in all. */
static void check_head(const heed_kernels *k, const float *y, const float *x, const float *angle, int64_t pairs,
                       int64_t head_dim, bool interleaved)
{
    for (int64_t m = 0; m < pairs; m++) {
        const int64_t a = interleaved ? 2 * m : m, b = interleaved ? 2 * m + 1 : pairs + m;
        const double c = (double)cosf(angle[m]), s = (double)sinf(angle[m]);

        check_near(k, "rotary", head_dim, a, y[a], x[a] * c - x[b] * s, 6e-7);
        check_near(k, "rotary", head_dim, b, y[b], x[a] * s + x[b] * c, 6e-7);
    }
    for (int64_t d = 2 * pairs; d < head_dim; d++)
        assert_true(y[d] == x[d]);
}

static void check_rotary(const heed_kernels *k, int64_t pairs, int64_t rest, bool interleaved)
{
    const int64_t head_dim = 2 * pairs + rest, x_stride = head_dim + 3, y_stride = head_dim + 1;
    const int64_t width = interleaved ? 2 * pairs : pairs;
    float *x = array_random(HEADS * x_stride, 1, 3.0f), *y = array_new(HEADS * y_stride);
    float *angle = array_random(pairs, 2, 4.0f), *cosine = array_new(width), *sine = array_new(width);

    fill_turns(cosine, sine, angle, pairs, interleaved);
    for (int64_t i = 0; i < HEADS * y_stride; i++)
        y[i] = 7.0f;
    k->rotary(y, x, cosine, sine, HEADS, y_stride, x_stride, 2 * pairs, head_dim, interleaved);
    for (int64_t h = 0; h < HEADS; h++) {
        check_head(k, y + h * y_stride, x + h * x_stride, angle, pairs, head_dim, interleaved);
        assert_true(y[h * y_stride + head_dim] == 7.0f); /* between the heads nothing is written */
    }
    k->rotary(x, x, cosine, sine, HEADS, x_stride, x_stride, 2 * pairs, head_dim, interleaved);
    for (int64_t h = 0; h < HEADS; h++)
        check_same_bits(k, "rotary in place", x + h * x_stride, y + h * y_stride, head_dim);
    array_free(x, HEADS * x_stride);
    array_free(y, HEADS * y_stride);
    array_free(angle, pairs);
    array_free(cosine, width);
    array_free(sine, width);
}

static void rotary_matches_double_at_odd_sizes_and_in_place(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int s = 0; s < N_SIZES * 4; s++)
            check_rotary(heed_kernels_at(t), odd_sizes[s / 4], s % 2 == 0 ? 0 : 5, s % 4 < 2);
    }
}

static void a_nan_stays_in_its_pair(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        for (int interleaved = 0; interleaved < 2; interleaved++) {
            float *x = array_random(64, 3, 1.0f), *y = array_new(64), *turns = array_random(128, 4, 1.0f);
            const int64_t partner = interleaved ? 11 : 42;

            x[10] = NAN;
            heed_kernels_at(t)->rotary(y, x, turns, turns + 64, 1, 64, 64, 64, 64, interleaved == 1);
            for (int64_t i = 0; i < 64; i++)
                assert_true(isnan(y[i]) == (i == 10 || i == partner));
            array_free(x, 64);
            array_free(y, 64);
            array_free(turns, 128);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotary_matches_double_at_odd_sizes_and_in_place),
        cmocka_unit_test(a_nan_stays_in_its_pair),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
