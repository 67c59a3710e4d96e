/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "ranks/processors.h"

static heed_processors from_to(int begin, int end)
{
    heed_processors p = {.n = end - begin};

    for (int i = begin; i < end; i++)
        p.allowed[i / 64] |= (uint64_t)1 << i % 64;
    return p;
}

static void ranks_that_may_use_all_divide_them(void **state)
{
    heed_processors all[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        all[i] = from_to(0, 100);
    assert_int_equal(heed_processors_share(all, 4, &all[2]), 25);
    assert_int_equal(heed_processors_share(all, 3, &all[2]), 33);
}

static void ranks_with_processors_of_their_own_keep_them(void **state)
{
    heed_processors all[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        all[i] = from_to(8 * i, 8 * i + 8);
    assert_int_equal(heed_processors_share(all, 3, &all[1]), 8);
}

/* two ranks on each of two sockets of 16 */
static void ranks_of_a_socket_divide_it(void **state)
{
    const heed_processors all[] = {from_to(0, 16), from_to(0, 16), from_to(16, 32), from_to(16, 32)};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(heed_processors_share(all, 4, &all[i]), 8);
}

static void every_rank_has_at_least_one_thread(void **state)
{
    const heed_processors all[] = {from_to(0, 2), from_to(0, 2), from_to(0, 2)};

    (void)state;
    assert_int_equal(heed_processors_share(all, 3, &all[0]), 1);
}

/* a container that may use 64 processors for 8 processors' worth of time */
static void a_share_of_time_is_divided(void **state)
{
    heed_processors all[2] = {from_to(0, 64), from_to(0, 64)};

    (void)state;
    all[0].n = all[1].n = 8;
    assert_int_equal(heed_processors_share(all, 2, &all[0]), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_that_may_use_all_divide_them),
        cmocka_unit_test(ranks_with_processors_of_their_own_keep_them),
        cmocka_unit_test(ranks_of_a_socket_divide_it),
        cmocka_unit_test(every_rank_has_at_least_one_thread),
        cmocka_unit_test(a_share_of_time_is_divided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
