/* SPDX-License-Identifier: MIT */
/*
 * What a vocabulary of logits weighs, in double: a token may be one of 200,000, and its probability is to be right.
 *
 *   y_i = exp((x_i - largest) / temperature)
 *
 * exp(d) for d <= 0 is 2^n p(r) with n = round(d / ln 2) and r = d - n ln 2 in two parts, |r| <= 0.347; p is the Taylor
 * polynomial of degree 13, whose next term is below 5e-18. Below -708, where doubles lose digits, it is 0. exp(0) is 1.
 * Sums are eight side by side, whatever the width of a vector, so that they have one order.
 *
 * Needs vector_rows.inc.h (row_max).
 */
enum { DOUBLES = LANES / 2, SUMS = 8, PARTS = SUMS / DOUBLES };

typedef double vd __attribute__((vector_size(DOUBLES * 8)));
typedef int64_t vl __attribute__((vector_size(DOUBLES * 8)));

INLINE vd vd_splat(double x)
{
    return (vd){0} + x;
}

/* a where the mask is set, else b */
INLINE vd vd_select(vl mask, vd a, vd b)
{
    return (vd)((mask & (vl)a) | (~mask & (vl)b));
}

INLINE vd vd_exp_negative(vd d)
{
    static const double terms[] = {1.0 / 6227020800.0,
                                   1.0 / 479001600.0,
                                   1.0 / 39916800.0,
                                   1.0 / 3628800.0,
                                   1.0 / 362880.0,
                                   1.0 / 40320.0,
                                   1.0 / 5040.0,
                                   1.0 / 720.0,
                                   1.0 / 120.0,
                                   1.0 / 24.0,
                                   1.0 / 6.0,
                                   0.5,
                                   1.0,
                                   1.0};
    const vd magic = vd_splat(0x1.8p52), least = vd_splat(-708.0); /* the last bits of n + magic are n */
    const vl small = d < least;
    const vd c = vd_select(small, least, d), n_magic = c * 0x1.71547652b82fep+0 + magic, n = n_magic - magic;
    const vd r = (c - n * 0x1.62e42fefa3800p-1) - n * 0x1.ef35793c76730p-45;
    vd p = vd_splat(terms[0]);

    for (size_t i = 1; i < sizeof terms / sizeof terms[0]; i++)
        p = p * r + terms[i];
    return vd_select(small, vd_splat(0.0), p * (vd)(((vl)n_magic + 1023) << 52));
}

/* Weights of the next SUMS logits, added to sum and, unless it is NULL, written to y. */
INLINE void weigh_eight(double *y, const float *x, double largest, double temperature, vd *sum)
{
    for (int part = 0; part < PARTS; part++) {
        vd z;

        for (int i = 0; i < DOUBLES; i++)
            z[i] = (double)x[part * DOUBLES + i];
        z = vd_exp_negative((z - largest) / temperature);
        if (y != NULL)
            __builtin_memcpy(y + part * DOUBLES, &z, sizeof z);
        sum[part] += z;
    }
}

static double token_weights(double *y, const float *x, int64_t n, double largest, double temperature)
{
    vd sum[PARTS] = {{0}};
    float last[SUMS]; /* behind the last logit nothing weighs anything */
    double last_y[SUMS], sums[SUMS];
    int64_t i = 0;

    for (; i + SUMS <= n; i += SUMS)
        weigh_eight(y != NULL ? y + i : NULL, x + i, largest, temperature, sum);
    for (int k = 0; k < SUMS; k++)
        last[k] = i + k < n ? x[i + k] : -__builtin_inff();
    if (i < n)
        weigh_eight(last_y, last, largest, temperature, sum);
    for (int k = 0; y != NULL && i + k < n; k++)
        y[i + k] = last_y[k];
    __builtin_memcpy(sums, sum, sizeof sums);
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static float largest_token(const float *x, int64_t n)
{
    return row_max(x, n);
}
