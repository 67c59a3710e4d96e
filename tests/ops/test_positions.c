/* SPDX-License-Identifier: MIT */
/* What positions are made of: the slopes of ALiBi. */
#include "cmocka_all.h"

#include <math.h>

#include "ops/ops.h"

/* 1/2 .. 1/256: the paper's own example. */
static void slopes_of_eight_heads_are_halved_from_head_to_head(void **state)
{
    (void)state;
    for (int h = 0; h < 8; h++)
        assert_true(heed_alibi_slope(h, 8) == ldexpf(1.0f, -(h + 1)));
    assert_true(heed_alibi_slope(0, 1) == ldexpf(1.0f, -8));
}

static void slopes_of_twelve_heads_are_those_of_eight_and_four_between(void **state)
{
    (void)state;
    for (int h = 0; h < 8; h++)
        assert_true(heed_alibi_slope(h, 12) == heed_alibi_slope(h, 8));
    for (int h = 0; h < 4; h++)
        assert_true(heed_alibi_slope(8 + h, 12) == (float)exp2(-0.5 - h));
}

/* For any count every slope is positive, at most 1, and none is given twice. */
static void slopes_differ_for_any_count_of_heads(void **state)
{
    (void)state;
    for (int n_heads = 1; n_heads <= 130; n_heads++) {
        for (int h = 0; h < n_heads; h++) {
            const float slope = heed_alibi_slope(h, n_heads);

            assert_true(slope > 0.0f && slope < 1.0f);
            for (int other = 0; other < h; other++)
                assert_true(heed_alibi_slope(other, n_heads) != slope);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_of_eight_heads_are_halved_from_head_to_head),
        cmocka_unit_test(slopes_of_twelve_heads_are_those_of_eight_and_four_between),
        cmocka_unit_test(slopes_differ_for_any_count_of_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
