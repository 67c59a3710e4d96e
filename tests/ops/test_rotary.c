/* SPDX-License-Identifier: MIT */
/* What rotary and sinusoidal positions promise, on every device. */
#include "one.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { D = 16, T = 70 }; /* more positions than are computed one by one */

/* x [1, 1, rows, D] turned; positions past .. or those given. */
static void turn(heed_device *device, float *y, float *x, int64_t rows, int32_t past,
                 heed_rotary_options options, int32_t *positions)
{
    heed_graph *g = heed_graph_create();
    heed_node *source = one_source(g, "x", HEED_F32, heed_shape4(1, 1, rows, D), x), *start = NULL;

    if (positions != NULL)
        options.positions = one_source(g, "positions", HEED_I32, heed_shape1(rows), positions);
    else
        start = one_source(g, "past", HEED_I32, heed_shape0(), &past);
    one_run(g, heed_rotary(g, source, start, &options), device, y);
    heed_graph_destroy(g);
}

/* Rows (1, 0), (1, 0), …: y then holds cosines in the first half of a row and sines in the second. */
static void ones(float *x, int64_t rows)
{
    for (int64_t i = 0; i < rows * D; i++)
        x[i] = i % D < D / 2 ? 1.0f : 0.0f;
}

typedef double frequency_fn(int m);

static void check_turns(heed_device *device, int32_t past, heed_rotary_options options, frequency_fn *frequency,
                        double amplitude)
{
    float x[T * D], y[T * D];

    ones(x, T);
    turn(device, y, x, T, past, options, NULL);
    for (int t = 0; t < T; t++) {
        for (int m = 0; m < D / 2; m++) {
            const double angle = (double)(past + t) * frequency(m);
            const double c = amplitude * cos(angle), s = amplitude * sin(angle);

            /* rounded once to float; 2e9 in double is 2e-7 of a turn at most */
            if (fabs((double)y[t * D + m] - c) > 2e-7 * amplitude ||
                fabs((double)y[t * D + D / 2 + m] - s) > 2e-7 * amplitude)
                fail_msg("on %s, scaling %d: pair %d at %d is turned to (%.9g, %.9g), expected (%.9g, %.9g)",
                         heed_device_name(device), options.scaling, m, past + t, (double)y[t * D + m],
                         (double)y[t * D + D / 2 + m], c, s);
        }
    }
}

static double plain(int m)
{
    return pow(10000.0, -m / 8.0);
}

static double fourth(int m)
{
    return plain(m) / 4.0;
}

/* The base that makes the slowest of 8 pairs four times slower. */
static double larger_base(int m)
{
    return pow(10000.0 * pow(4.0, 16.0 / 14.0), -m / 8.0);
}

/* 1000 trained positions: pair m turns 1000 plain(m) / 2 pi = 159, 50, 15.9, 5.03, 1.59, 0.50, .. times. */
static double by_parts(int m)
{
    const double turns = 1000.0 * plain(m) / (2.0 * M_PI), share = (turns - 1.0) / 31.0;

    return m < 2 ? plain(m) : m > 4 ? fourth(m) : share * plain(m) + (1.0 - share) * fourth(m);
}

static void frequencies_are_those_of_the_papers(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n; d++) {
        check_turns(&devices[d], 0, (heed_rotary_options){.base = 0.0}, plain, 1.0);
        check_turns(&devices[d], 5, (heed_rotary_options){.scaling = HEED_ROTARY_LINEAR, .factor = 4.0}, fourth,
                    1.0);
        check_turns(&devices[d], 5, (heed_rotary_options){.scaling = HEED_ROTARY_NTK, .factor = 4.0},
                    larger_base, 1.0);
        check_turns(&devices[d], 5,
                    (heed_rotary_options){.scaling = HEED_ROTARY_YARN, .factor = 4.0, .trained_length = 1000},
                    by_parts, 0.1 * log(4.0) + 1.0);
    }
    case_devices_close(devices, n);
}

/* Beyond any trained length, before the first position, and where a float could not hold the position. */
static void far_positions_lose_no_digits(void **state)
{
    static const int32_t far[] = {-3, -100000, 1000000, 99999999};
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n; d++) {
        for (int i = 0; i < 4; i++)
            check_turns(&devices[d], far[i], (heed_rotary_options){.base = 0.0}, plain, 1.0);
    }
    case_devices_close(devices, n);
}

static void given_positions_are_a_past_when_they_follow_each_other(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);
    float x[T * D], y[T * D], z[T * D];
    int32_t positions[T];

    (void)state;
    for (int i = 0; i < T * D; i++)
        x[i] = (float)(i % 13) - 6.0f;
    for (int t = 0; t < T; t++)
        positions[t] = 1000 + t;
    for (int d = 0; d < 2 * n; d++) {
        const heed_rotary_options options = {.rotary_dim = 10, .interleaved = d % 2 == 1};

        turn(&devices[d / 2], y, x, T, 1000, options, NULL);
        turn(&devices[d / 2], z, x, T, 0, options, positions);
        for (int i = 0; i < T * D; i++) /* cosines may round to the other side */
            assert_true(fabsf(y[i] - z[i]) <= 12.0f * FLT_EPSILON);
    }
    case_devices_close(devices, n);
}

/* What rotary positions are for: q_i . k_j is a function of i - j. Sixteen products of size 1, each off by some 2^-24. */
static void a_score_depends_on_the_distance_alone(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 1);
    float q[D], k[D], q_turned[D], k_turned[D];

    (void)state;
    for (int i = 0; i < D; i++) {
        q[i] = (float)sin(i + 1.0);
        k[i] = (float)cos(3.0 * i);
    }
    for (int d = 0; d < n; d++) {
        double first = 0.0;

        for (int32_t at = 0; at < 50000; at += 4999) {
            const heed_rotary_options options = {.interleaved = d % 2 == 1};
            double score = 0.0;

            turn(&devices[d], q_turned, q, 1, at + 23, options, NULL);
            turn(&devices[d], k_turned, k, 1, at, options, NULL);
            for (int i = 0; i < D; i++)
                score += (double)q_turned[i] * (double)k_turned[i];
            first = at == 0 ? score : first;
            assert_true(fabs(score - first) < 3e-6);
        }
    }
    case_devices_close(devices, n);
}

/* Rows far out, odd and even lengths; distances are the same rows from the last to the first. */
static void sinusoidal_rows_are_right_at_any_position(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    (void)state;
    for (int k = 0; k < 4 * n; k++) {
        const int64_t d = k % 2 == 0 ? 7 : 8;
        const bool back = k % 4 >= 2;
        heed_graph *g = heed_graph_create();
        int32_t past = 3000000;
        float y[T * 8];
        heed_node *start = one_source(g, "past", HEED_I32, heed_shape0(), &past);

        one_run(g, back ? heed_sinusoidal_back(g, T, d) : heed_sinusoidal(g, start, T, d), &devices[k / 4], y);
        for (int64_t i = 0; i < T * d; i++) {
            const int64_t t = i / d, j = i % d;
            const double p = back ? (double)(T - 1 - t) : (double)(past + t);
            const double angle = p * pow(10000.0, -(double)(j / 2 * 2) / (double)d);

            assert_true(fabs((double)y[i] - (j % 2 == 0 ? sin(angle) : cos(angle))) < 1e-7);
        }
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_those_of_the_papers),
        cmocka_unit_test(far_positions_lose_no_digits),
        cmocka_unit_test(given_positions_are_a_past_when_they_follow_each_other),
        cmocka_unit_test(a_score_depends_on_the_distance_alone),
        cmocka_unit_test(sinusoidal_rows_are_right_at_any_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
