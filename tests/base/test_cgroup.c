/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/cgroup.h"

#include <string.h>

static void kernel_file_is_cut_and_terminated(void **state)
{
    char text[6];

    (void)state;
    if (!heed_kernel_file_read("/proc/meminfo", text, sizeof(text)))
        skip();
    assert_string_equal(text, "MemTo");
}

static void kernel_file_that_is_missing_reads_as_false(void **state)
{
    char text[8];

    (void)state;
    assert_false(heed_kernel_file_read("/proc/no such file", text, sizeof(text)));
}

static void limits_of_the_groups_are_sane(void **state)
{
    (void)state;
    /* this very program runs: some memory and some share of a processor are left to it */
    assert_true(heed_cgroup_memory_available() > 0);
    assert_true(heed_cgroup_processors() >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_file_is_cut_and_terminated),
        cmocka_unit_test(kernel_file_that_is_missing_reads_as_false),
        cmocka_unit_test(limits_of_the_groups_are_sane),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
