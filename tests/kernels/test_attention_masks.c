/* SPDX-License-Identifier: MIT */
/* Attention of one head under every mask, with bias, ALiBi and relative positions, against loops in double. */
#include "../cmocka_all.h"

#include "random_attention.h"

static void check_random(uint32_t *state, unsigned rules, bool bias, bool relative, bool slope)
{
    check_problem(random_problem(state, rules, bias, relative, slope));
}

static void every_rule_alone_matches_double(void **state)
{
    uint32_t x = 1u;

    (void)state;
    for (int rule = 0; rule < N_RULES; rule++)
        for (int n = 0; n < 12; n++)
            check_random(&x, 1u << rule, false, false, false);
}

static void causal_with_any_rule_matches_double(void **state)
{
    uint32_t x = 2u;

    (void)state;
    for (int rule = 1; rule < N_RULES; rule++)
        for (int n = 0; n < 8; n++)
            check_random(&x, 1u << CAUSAL | 1u << rule, n % 2, n % 4 > 1, n > 5);
}

static void bias_slope_and_relative_positions_match_double(void **state)
{
    uint32_t x = 3u;

    (void)state;
    for (int n = 0; n < 48; n++)
        check_random(&x, n % 3 ? 1u << CAUSAL : 0, n & 1, n & 2, n & 4);
}

static void any_combination_matches_double(void **state)
{
    uint32_t x = 4u;

    (void)state;
    for (int n = 0; n < 150; n++) {
        const unsigned rules = (unsigned)next(&x, 0, 1 << N_RULES);

        check_random(&x, rules, next(&x, 0, 2), next(&x, 0, 2), next(&x, 0, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_alone_matches_double),
        cmocka_unit_test(causal_with_any_rule_matches_double),
        cmocka_unit_test(bias_slope_and_relative_positions_match_double),
        cmocka_unit_test(any_combination_matches_double),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
