/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/clock.h"

#include <time.h>

static void clock_never_goes_back(void **state)
{
    double before = heed_clock_s();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        const double now = heed_clock_s();

        assert_true(now >= before);
        before = now;
    }
}

static void clock_counts_seconds(void **state)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    const double before = heed_clock_s();
    double passed;

    (void)state;
    nanosleep(&pause, NULL);
    passed = heed_clock_s() - before;
    /* a sleep is never shorter than asked for; the upper end leaves room for a busy machine */
    assert_true(passed >= 0.0199 && passed < 10.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_never_goes_back),
        cmocka_unit_test(clock_counts_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
