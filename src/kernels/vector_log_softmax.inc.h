/* SPDX-License-Identifier: MIT */
/*
 * The logarithm of softmax and its gradient, row by row; src/ops/log_softmax.c has the formulas.
 *
 * Needs vector_attention_forward.inc.h (the logarithm) and vector_rows.inc.h.
 */

/* The difference to the largest element comes first: it is small where the result is. */
static void log_softmax(float *y, const float *x, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        const float shift = shift_of(row_max(x, n));
        const float total = row_exp(NULL, x, shift, n);
        const float log_sum = total == 0.0f ? 0.0f
                                            : vf_log(vf_splat(total))[0]; /* 0: the row is -inf throughout */
        int64_t i = 0;

        for (; i + LANES <= n; i += LANES)
            vf_store(y + i, vf_load(x + i) - shift - log_sum);
        if (i < n)
            vf_store_first(y + i, vf_load_first(x + i, n - i, 0.0f) - shift - log_sum, n - i);
    }
}

INLINE float row_sum(const float *x, int64_t n)
{
    vf a = {0}, b = {0};
    int64_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        a += vf_load(x + i);
        b += vf_load(x + i + LANES);
    }
    for (; i < n; i += LANES)
        a += vf_load_up_to(x + i, n - i < LANES ? n - i : LANES, 0.0f);
    return vf_sum(a + b);
}

/* dx_i = dy_i - exp(y_i) sum_j dy_j; zeros where y is -inf throughout. */
static void log_softmax_backward(float *dx, const float *y, const float *dy, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        const bool seen = !(row_max(y, n) == -__builtin_inff()) || row_exp(NULL, y, 0.0f, n) != 0.0f;
        const float sum = row_sum(dy, n);

        for (int64_t i = 0; i < n; i += LANES) {
            const int64_t count = n - i < LANES ? n - i : LANES;
            const vf p = vf_exp_negative(vf_load_up_to(y + i, count, 0.0f));
            const vf dx_i = vf_fma(-p, vf_splat(sum), vf_load_up_to(dy + i, count, 0.0f));

            vf_store_up_to(dx + i, seen ? dx_i : vf_splat(0.0f), count);
        }
    }
}
