/* SPDX-License-Identifier: MIT */
/* Kernels that work element by element, on every table this processor runs, against loops in double. */
#include "cmocka_all.h"

#include "kernels/arrays.h"

#include <float.h>

enum { GELU_TANH, GELU_ERF, RELU, N_MAPS };

static const char *const map_names[N_MAPS] = {"gelu_tanh", "gelu_erf", "relu"};

static heed_map_fn *map_of(const heed_kernels *k, int map)
{
    return map == GELU_TANH ? k->gelu_tanh : map == GELU_ERF ? k->gelu_erf : k->relu;
}

static heed_map_backward_fn *map_backward_of(const heed_kernels *k, int map)
{
    return map == GELU_TANH ? k->gelu_tanh_backward : map == GELU_ERF ? k->gelu_erf_backward : k->relu_backward;
}

static double map_oracle(int map, double x)
{
    if (map == GELU_TANH)
        return x / (1.0 + exp(-2.0 * sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    if (map == GELU_ERF)
        return 0.5 * x * erfc(-x / sqrt(2.0));
    return x > 0.0 ? x : 0.0;
}

static double map_gradient_oracle(int map, double x)
{
    if (map == GELU_TANH) {
        const double s = 1.0 / (1.0 + exp(-2.0 * sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));

        return s + x * s * (1.0 - s) * 2.0 * sqrt(2.0 / M_PI) * (1.0 + 3.0 * 0.044715 * x * x);
    }
    if (map == GELU_ERF)
        return 0.5 * erfc(-x / sqrt(2.0)) + x * exp(-0.5 * x * x) / sqrt(2.0 * M_PI);
    return x > 0.0 ? 1.0 : 0.0;
}

/*
 * A value: some 2^-24 of |x| from the last subtraction and the tail's own rounding, which exp() scales by its
 * argument: 3e-7 |x| covers |x| < 1; the tail is small beyond. A gradient is of size 1: 1e-6, as its two
 * terms (at most 1 in size) each carry the argument's rounding times up to 3.
 */
static double value_tolerance(double x)
{
    return 3e-7 * fabs(x) + 1e-37;
}

static const double gradient_tolerance = 1e-6;

static void maps_match_double_over_the_whole_range(void **state)
{
    const int64_t n = 40001;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_new(n), *y = array_new(n), *dy = array_new(n);

        for (int64_t i = 0; i < n; i++) {
            x[i] = (float)(i - n / 2) * 1e-3f;
            dy[i] = 1.0f;
        }
        for (int map = 0; map < N_MAPS; map++) {
            map_of(k, map)(y, x, n);
            for (int64_t i = 0; i < n; i++)
                check_near(k, map_names[map], n, i, y[i], map_oracle(map, x[i]), value_tolerance(x[i]));
            map_backward_of(k, map)(y, x, dy, n);
            for (int64_t i = 0; i < n; i++)
                check_near(k, map_names[map], n, i, y[i], map_gradient_oracle(map, x[i]), gradient_tolerance);
        }
        array_free(x, n);
        array_free(y, n);
        array_free(dy, n);
    }
}

static void gelu_keeps_its_digits_left_of_zero(void **state)
{
    const int64_t n = 1000;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_new(n), *y = array_new(n);

        for (int64_t i = 0; i < n; i++)
            x[i] = -8.0f * (float)(i + 1) / (float)n;
        for (int map = GELU_TANH; map <= GELU_ERF; map++) {
            map_of(k, map)(y, x, n);
            /* exp's argument reaches 52; rounded to float and once more inside, it is off by 8e-6 at most */
            for (int64_t i = 0; i < n; i++)
                check_near(k, map_names[map], n, i, y[i], map_oracle(map, x[i]),
                           1e-5 * fabs(map_oracle(map, x[i])));
        }
        array_free(x, n);
        array_free(y, n);
    }
}

static void maps_match_double_at_odd_sizes_and_in_place(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];

            for (int map = 0; map < N_MAPS; map++) {
                float *x = array_random(n, 1, 6.0f), *dy = array_random(n, 2, 2.0f), *y = array_copy(x, n);

                map_of(k, map)(y, y, n);
                for (int64_t i = 0; i < n; i++)
                    check_near(k, map_names[map], n, i, y[i], map_oracle(map, x[i]), value_tolerance(x[i]));
                memcpy(y, dy, (size_t)n * sizeof *y);
                map_backward_of(k, map)(y, x, y, n);
                for (int64_t i = 0; i < n; i++)
                    check_near(k, map_names[map], n, i, y[i], map_gradient_oracle(map, x[i]) * dy[i],
                               2 * gradient_tolerance);
                array_free(x, n);
                array_free(dy, n);
                array_free(y, n);
            }
        }
    }
}

static void maps_of_extreme_values(void **state)
{
    static const float values[] = {0.0f,  -0.0f, 1e-40f, -1e-40f, 1e-20f,   -1e-20f,  20.0f,     -20.0f, 1e4f,
                                   -1e4f, 1e30f, -1e30f, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN};
    static const int n = sizeof values / sizeof *values;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_new(n), *y = array_new(n), *dy = array_new(n);

        memcpy(x, values, sizeof values);
        for (int i = 0; i < n; i++)
            dy[i] = 1.0f;
        for (int map = 0; map < N_MAPS; map++) {
            map_of(k, map)(y, x, n);
            for (int i = 0; i < n; i++) {
                const double tiny = map == RELU ? 1.0 : 0.5; /* gelu'(0) */
                const double want = isnan(x[i])                  ? NAN
                                    : x[i] >= 10.0f              ? x[i]
                                    : x[i] <= -10.0f             ? 0.0
                                    : x[i] > 0.0f || map != RELU ? tiny * (double)x[i]
                                                                 : 0.0;

                check_near(k, map_names[map], n, i, y[i], want, 1e-45);
            }
            map_backward_of(k, map)(y, x, dy, n);
            for (int i = 0; i < n; i++) {
                const double middle = map == RELU ? x[i] > 0.0f : 0.5;
                const double want = isnan(x[i]) ? NAN : x[i] >= 10.0f ? 1.0 : x[i] <= -10.0f ? 0.0 : middle;

                check_near(k, map_names[map], n, i, y[i], want, 1e-19);
            }
        }
        array_free(x, n);
        array_free(y, n);
        array_free(dy, n);
    }
}

static void add_and_scale_are_exact(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *a = array_random(n, 3, 1e3f), *b = array_random(n, 4, 1.0f), *y = array_new(n), *in_place;

            a[n / 2] = INFINITY;
            b[n - 1] = NAN;
            in_place = array_copy(a, n);
            k->add(y, a, b, n);
            k->add(in_place, in_place, b, n);
            for (int64_t i = 0; i < n; i++)
                check_near(k, "add", n, i, y[i], a[i] + b[i], 0.0);
            check_same_bits(k, "add", in_place, y, n);
            k->scale(y, a, -0.3f, n);
            for (int64_t i = 0; i < n; i++)
                check_near(k, "scale", n, i, y[i], a[i] * -0.3f, 0.0);
            array_free(a, n);
            array_free(b, n);
            array_free(y, n);
            array_free(in_place, n);
        }
    }
}

static const heed_adamw_step some_step = {
    .lr = 3e-3f,
    .beta1 = 0.9f,
    .beta2 = 0.99f,
    .eps = 1e-8f,
    .weight_decay = 0.1f,
    .correction1 = 0.271f,
    .correction2 = 0.0297f,
    .grad_scale = 0.7f,
    .l2 = 0.02f,
};

static void maps_and_adamw_do_not_depend_on_where_a_range_is_cut(void **state)
{
    const int64_t n = 257;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);
        float *x = array_random(n, 5, 5.0f), *dy = array_random(n, 6, 1.0f), *v = array_random(n, 7, 1.0f);
        float *whole[3] = {array_new(n), array_new(n), array_new(n)};
        float *parts[3] = {array_new(n), array_new(n), array_new(n)};

        for (int64_t i = 0; i < n; i++)
            v[i] = fabsf(v[i]);
        for (int map = 0; map < N_MAPS; map++) {
            map_of(k, map)(whole[0], x, n);
            map_backward_of(k, map)(whole[1], x, dy, n);
            for (int64_t i = 0, count = 1; i < n; i += count, count += 2) { /* 257 = 1 + 3 + 5 + ... + 31 + 1 */
                const int64_t m = count < n - i ? count : n - i;

                map_of(k, map)(parts[0] + i, x + i, m);
                map_backward_of(k, map)(parts[1] + i, x + i, dy + i, m);
            }
            check_same_bits(k, map_names[map], parts[0], whole[0], n);
            check_same_bits(k, map_names[map], parts[1], whole[1], n);
        }
        k->adamw(whole[0], whole[1], whole[2], x, dy, v, dy, n, &some_step);
        for (int64_t i = 0; i < n; i++)
            k->adamw(parts[0] + i, parts[1] + i, parts[2] + i, x + i, dy + i, v + i, dy + i, 1, &some_step);
        for (int i = 0; i < 3; i++) {
            check_same_bits(k, "adamw", parts[i], whole[i], n);
            array_free(parts[i], n);
            array_free(whole[i], n);
        }
        array_free(x, n);
        array_free(dy, n);
        array_free(v, n);
    }
}

static void adamw_matches_double_in_place_and_beside(void **state)
{
    const heed_adamw_step *const h = &some_step;

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *p = array_random(n, 8, 1.0f), *m = array_random(n, 9, 0.1f), *v = array_random(n, 10, 0.01f);
            float *g = array_random(n, 11, 1.0f), *out[3] = {array_new(n), array_new(n), array_new(n)};

            for (int64_t i = 0; i < n; i++)
                v[i] = fabsf(v[i]);
            m[0] = v[0] = g[0] = p[0] = 0.0f; /* never touched: the step is 0 / eps */
            k->adamw(out[0], out[1], out[2], p, m, v, g, n, h);
            for (int64_t i = 0; i < n; i++) {
                const double gi = (double)g[i] * h->grad_scale + (double)h->l2 * p[i];
                const double mi = (double)h->beta1 * m[i] + (1.0 - h->beta1) * gi;
                const double vi = (double)h->beta2 * v[i] + (1.0 - h->beta2) * gi * gi;
                const double update = (double)h->lr * (mi / h->correction1) /
                                      (sqrt(vi / h->correction2) + h->eps);

                /* some roundings of 6e-8 each; 1 - beta is exact but beta's own rounding is in both */
                check_near(k, "adamw m", n, i, out[1][i], mi, 3e-7);
                check_near(k, "adamw v", n, i, out[2][i], vi, 3e-7 * vi);
                check_near(k, "adamw p", n, i, out[0][i],
                           p[i] - (double)h->lr * h->weight_decay * p[i] - update,
                           1.2e-7 * fabs((double)p[i]) + 2e-6 * h->lr / sqrt(h->correction2) + 1e-8);
            }
            k->adamw(p, m, v, p, m, v, g, n, h);
            check_same_bits(k, "adamw p in place", p, out[0], n);
            check_same_bits(k, "adamw m in place", m, out[1], n);
            check_same_bits(k, "adamw v in place", v, out[2], n);
            for (int i = 0; i < 3; i++)
                array_free(out[i], n);
            array_free(p, n);
            array_free(m, n);
            array_free(v, n);
            array_free(g, n);
        }
    }
}

static void sums_lose_nothing(void **state)
{
    (void)state;
    for (int t = 0; heed_kernels_at(t); t++) {
        const heed_kernels *k = heed_kernels_at(t);

        assert_true(k->sum(NULL, 0) == 0.0 && k->sum_squares(NULL, 0) == 0.0);
        for (int s = 0; s < N_SIZES; s++) {
            const int64_t n = odd_sizes[s];
            float *x = array_random(n, 12, 3.0f);
            long double sum = 0.0L, squares = 0.0L;

            x[n / 2] = 3e8f;
            x[n - 1] = -3e8f; /* cancels the large element: what is left shows whether doubles were summed */
            for (int64_t i = 0; i < n; i++) {
                sum += x[i];
                squares += (long double)x[i] * x[i];
            }
            /* n additions of numbers up to 3e8, 9e16, each rounded to 2^-53 */
            check_near(k, "sum", n, 0, k->sum(x, n), (double)sum, (double)n * 4e-8);
            check_near(k, "sum_squares", n, 0, k->sum_squares(x, n), (double)squares, (double)n * 20.0);
            x[n / 3] = 1e30f;
            check_near(k, "sum_squares", n, 0, k->sum_squares(x, n), (double)x[n / 3] * x[n / 3], 1e46);
            x[n / 3] = NAN;
            assert_true(isnan(k->sum(x, n)) && isnan(k->sum_squares(x, n)));
            array_free(x, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_match_double_over_the_whole_range),
        cmocka_unit_test(gelu_keeps_its_digits_left_of_zero),
        cmocka_unit_test(maps_match_double_at_odd_sizes_and_in_place),
        cmocka_unit_test(maps_of_extreme_values),
        cmocka_unit_test(add_and_scale_are_exact),
        cmocka_unit_test(maps_and_adamw_do_not_depend_on_where_a_range_is_cut),
        cmocka_unit_test(adamw_matches_double_in_place_and_beside),
        cmocka_unit_test(sums_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
