/* SPDX-License-Identifier: MIT */
/* What a vocabulary of logits weighs, on every table this processor runs, against the exp() of the system. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

enum { MOST = 5000 };

/*
 * exp() of the system and the polynomial are right to some 2^-52 each; the argument's rounding in n ln 2 adds as much, and
 * with a fused multiply the quotient is the same. 8 units in the last place leave a factor of two.
 */
static void weights_match_exp_to_the_last_places(void **state)
{
    static const double temperatures[] = {1.0, 0.7, 1e-3, 1e-300, 5.0, 1e9};
    static double y[MOST];

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(n, 1, 30.0f);
            float largest = x[0];
            assert_true(n <= MOST);
            if (n > 2)
                x[1] = -INFINITY;
            for (int64_t i = 0; i < n; i++)
                largest = x[i] > largest ? x[i] : largest;
            assert_true(k->largest_token(x, n) == largest);
            for (size_t q = 0; q < sizeof temperatures / sizeof temperatures[0]; q++) {
                const double sum = k->token_weights(y, x, n, (double)largest, temperatures[q]);
                double want_sum = 0.0;
                for (int64_t i = 0; i < n; i++) {
                    const double d = ((double)x[i] - (double)largest) / temperatures[q];
                    const double want = d < -708.0 ? 0.0 : exp(d);
                    if (!(fabs(y[i] - want) <= 8.0 * 2.3e-16 * want))
                        fail_msg("%s: exp(%.17g) is %.17g, expected %.17g", k->name, d, y[i], want);
                    want_sum += want;
                }
                assert_true(fabs(sum - want_sum) <= 1e-13 * want_sum);
                assert_true(k->token_weights(NULL, x, n, (double)largest, temperatures[q]) == sum);
            }
            array_free(x, n);
        }
    }
}

static void the_largest_weighs_exactly_one(void **state)
{
    const float x[3] = {-3.0f, 7.25f, 7.25f};
    double y[3];

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        heed_kernels_at(t)->token_weights(y, x, 3, 7.25, 0.3);
        assert_true(y[1] == 1.0 && y[2] == 1.0 && y[0] < 1.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_match_exp_to_the_last_places),
        cmocka_unit_test(the_largest_weighs_exactly_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
