/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "kernels/limits.h"

static void check_rate(const heed_rate *rate, double least, double most)
{
    assert_true(rate->repetitions >= 1);
    assert_true(rate->median <= rate->best);
    assert_true(rate->median > least);
    assert_true(rate->best < most);
}

/* No processor of these years is outside: 10 MFLOP/s to 1 PFLOP/s, 10 MB/s to 100 TB/s. */
static void limits_are_measured_within_reason(void **state)
{
    heed_device device;
    heed_limits limits;

    (void)state;
    assert_int_equal(heed_device_open(&device, "", 2, NULL), HEED_OK);
    assert_int_equal(heed_limits_measure(&device, 0.02, &limits, NULL), HEED_OK);
    check_rate(&limits.f32_flops, 1e7, 1e15);
    check_rate(&limits.read_bytes, 1e7, 1e14);
    if (heed_products_has_bf16(device.products))
        check_rate(&limits.bf16_flops, 1e7, 1e15);
    else
        assert_int_equal(limits.bf16_flops.repetitions, 0);
    heed_device_close(&device);
}

static void a_reference_device_is_measured_by_the_best_kernels(void **state)
{
    heed_device device;
    heed_limits limits;

    (void)state;
    assert_int_equal(heed_device_open(&device, "plain", 1, NULL), HEED_OK);
    assert_int_equal(heed_limits_measure(&device, 0.0, &limits, NULL), HEED_OK);
    check_rate(&limits.f32_flops, 1e7, 1e15);
    heed_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_measured_within_reason),
        cmocka_unit_test(a_reference_device_is_measured_by_the_best_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
