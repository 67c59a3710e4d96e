/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "base/parallel.h"
#include "kernels/device.h"

#include <stdlib.h>
#include <string.h>

static void the_first_table_runs_everywhere_and_the_best_is_the_default(void **state)
{
    const heed_kernels *best = NULL, *last = NULL;

    (void)state;
    assert_string_equal(heed_kernels_at(0)->name, "generic");
    for (int i = 0; heed_kernels_at(i); i++) {
        if (last)
            assert_true(heed_kernels_at(i)->lanes >= last->lanes);
        last = heed_kernels_at(i);
    }
    assert_int_equal(heed_kernels_select(NULL, &best, NULL), HEED_OK);
    assert_ptr_equal(best, last);
    assert_int_equal(heed_kernels_select("", &best, NULL), HEED_OK);
    assert_ptr_equal(best, last);
    assert_null(heed_kernels_at(-1));
    assert_null(heed_kernels_at(100));
}

static void a_table_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; heed_kernels_at(i); i++) {
        const heed_kernels *kernels = NULL;

        assert_int_equal(heed_kernels_select(heed_kernels_at(i)->name, &kernels, NULL), HEED_OK);
        assert_ptr_equal(kernels, heed_kernels_at(i));
    }
}

static void an_unknown_table_is_refused_and_the_known_are_named(void **state)
{
    const heed_kernels *kernels = heed_kernels_at(0);
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_kernels_select("avx\033[31m", &kernels, &err), HEED_ERR_USAGE);
    assert_null(kernels);
    assert_non_null(strstr(err.message, "generic"));
    assert_null(strchr(err.message, '\033'));
}

static void the_reference_device_has_no_tables(void **state)
{
    heed_device device;

    (void)state;
    assert_int_equal(heed_device_open(&device, "plain", 3, NULL), HEED_OK);
    assert_null(device.kernels);
    assert_null(device.products);
    assert_int_equal(device.n_threads, 3);
    assert_string_equal(heed_device_name(&device), "plain");
    heed_device_close(&device);
}

static void a_device_takes_its_table_from_the_environment(void **state)
{
    heed_device device;
    heed_error err = {0};

    (void)state;
    setenv("HEED_CPU", "generic", 1);
    assert_int_equal(heed_device_open(&device, NULL, 0, NULL), HEED_OK);
    assert_string_equal(heed_device_name(&device), "generic");
    assert_int_equal(device.n_threads, heed_processor_count());
    heed_device_close(&device);

    setenv("HEED_CPU", "z80", 1);
    assert_int_equal(heed_device_open(&device, NULL, 0, &err), HEED_ERR_USAGE);
    assert_null(device.products);
    assert_non_null(strstr(err.message, "z80"));
    unsetenv("HEED_CPU");
    assert_int_equal(heed_device_open(&device, NULL, -1, &err), HEED_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_table_runs_everywhere_and_the_best_is_the_default),
        cmocka_unit_test(a_table_is_found_by_its_name),
        cmocka_unit_test(an_unknown_table_is_refused_and_the_known_are_named),
        cmocka_unit_test(the_reference_device_has_no_tables),
        cmocka_unit_test(a_device_takes_its_table_from_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
