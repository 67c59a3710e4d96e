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

#define ONES UINT64_C(0x0101010101010101)

/* Each pass reads every word of its pieces, the last of them in part, and the next one goes on behind it. */
static void reading_passes_go_round_the_buffer(void **state)
{
    const size_t odd_bytes = (5u << 20) + 100;
    heed_reading r;

    (void)state;
    assert_int_equal(heed_reading_open(&r, 2, odd_bytes, NULL), HEED_OK);
    const int64_t n_pieces = r.n_words >> 17;
    assert_int_equal(r.n_pass, ((5 << 20) + 128) / 8);
    for (int64_t i = 1; i <= n_pieces; i++) {
        assert_true(heed_reading_pass(&r) > 0.0);
        assert_int_equal(r.first_piece, i * 6 % n_pieces);
        for (int piece = 0; piece < 6; piece++)
            assert_true(r.sums[piece] == (piece < 5 ? (UINT64_C(1) << 17) * ONES : 16 * ONES));
    }
    heed_reading_close(&r);
    heed_reading_close(&r);
}

static void a_reading_that_no_memory_holds_is_refused(void **state)
{
    heed_reading r;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_reading_open(&r, 1, (size_t)1 << 55, &err), HEED_ERR_MEMORY);
    assert_null(r.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_measured_within_reason),
        cmocka_unit_test(reading_passes_go_round_the_buffer),
        cmocka_unit_test(a_reading_that_no_memory_holds_is_refused),
        cmocka_unit_test(a_reference_device_is_measured_by_the_best_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
