/* SPDX-License-Identifier: MIT */
/*
 * Sigmoid, tanh, SiLU and SwiGLU, and their gradients, element by element.
 *
 * Needs vector_maps.inc.h. No power of e grows: all are of numbers <= 0. NaN passes everywhere.
 */

/*
 * 1 / (1 + e^-x) for x >= 0, and e^x / (1 + e^x) for x < 0: no digits are lost on either side. 0 left of -87.3, where
 * the result would be denormal.
 */
INLINE vf sigmoid_of(vf x)
{
    const vf e = vf_exp_negative(-vf_abs(x));
    const vf above = 1.0f / (1.0f + e);

    return vf_select(x < vf_splat(0.0f), e * above, above);
}

INLINE vf sigmoid_gradient(vf y, vf dy)
{
    return dy * (y * (1.0f - y));
}

/*
 * With t = |x| and m = e^(-2 t) - 1, tanh t = -m / (2 + m). m is formed without the 1, so that a small x keeps its
 * digits: with -2 t = n ln 2 + r as in vf_exp_negative(),
 *
 *   m = 2^n (e^r - 1) + (2^n - 1)        e^r - 1 = r + r^2 q(r)
 *
 * where 2^n - 1 is 0 or at most -1/2. From t = 10 on the result is 1, so t stops there. -0 stays -0.
 */
INLINE vf tanh_of(vf x)
{
    const vf round = vf_splat(12582912.0f); /* 1.5 * 2^23 */
    const vf t = vf_min(vf_splat(10.0f), vf_abs(x));
    const vf shifted = vf_fma(t, vf_splat(-2.88539008f), round); /* -2 / ln 2 */
    const vf n = shifted - round;
    vf r = vf_fma(n, vf_splat(-0.693359375f), t * -2.0f);
    r = vf_fma(n, vf_splat(2.12194440e-4f), r);
    vf q = vf_splat(0.00138145394f);
    q = vf_fma(q, r, vf_splat(0.00836874545f));
    q = vf_fma(q, r, vf_splat(0.041668389f));
    q = vf_fma(q, r, vf_splat(0.166665211f));
    q = vf_fma(q, r, vf_splat(0.49999994f));
    const vf rest = vf_fma(r * r, q, r);
    const vf power = (vf)(((vu)shifted << 23) + (127u << 23)); /* 2^n */
    const vf m = vf_fma(power, rest, power - 1.0f);

    return (vf)((vi)vf_abs(m / (2.0f + m)) | ((vi)x & vi_splat(INT32_MIN)));
}

INLINE vf tanh_gradient(vf y, vf dy)
{
    return dy * ((1.0f - y) * (1.0f + y));
}

/*
 * SiLU is x times the probability that a logistic variable lies below x: what is said of GELU in vector_maps.inc.h
 * holds here, with the tail q(t) = e / (1 + e), e = e^-t, and q' = -q (1 - q). t stops at 88, where e is 0.
 */
INLINE vf silu_distance(vf x)
{
    return vf_min(vf_splat(88.0f), vf_abs(x));
}

INLINE vf silu_of(vf x)
{
    const vf t = silu_distance(x), e = vf_exp_negative(-t);

    return gelu_from_tail(x, t, e / (1.0f + e));
}

/* The derivative of SiLU: d = q - t q (1 - q) left of 0, 1 - d right of it. */
INLINE vf silu_slope(vf x)
{
    const vf t = silu_distance(x), e = vf_exp_negative(-t);
    const vf below = 1.0f / (1.0f + e), tail = e * below;
    const vf d = vf_fma(-tail * below, t, tail);

    return vf_select(x > vf_splat(0.0f), 1.0f - d, d);
}

INLINE vf silu_gradient(vf x, vf dy)
{
    return silu_slope(x) * dy;
}

INLINE vf swiglu_of(vf gate, vf up)
{
    return silu_of(gate) * up;
}

static void sigmoid(float *y, const float *x, int64_t n)
{
    map(y, x, n, sigmoid_of);
}

static void sigmoid_backward(float *dx, const float *y, const float *dy, int64_t n)
{
    map_pair(dx, y, dy, n, sigmoid_gradient);
}

static void tanh_map(float *y, const float *x, int64_t n)
{
    map(y, x, n, tanh_of);
}

static void tanh_backward(float *dx, const float *y, const float *dy, int64_t n)
{
    map_pair(dx, y, dy, n, tanh_gradient);
}

static void silu(float *y, const float *x, int64_t n)
{
    map(y, x, n, silu_of);
}

static void silu_backward(float *dx, const float *x, const float *dy, int64_t n)
{
    map_pair(dx, x, dy, n, silu_gradient);
}

static void swiglu(float *y, const float *gate, const float *up, int64_t n)
{
    map_pair(y, gate, up, n, swiglu_of);
}

/* Everything of a vector is read before anything is written: outputs may lie over inputs. */
static void swiglu_backward(float *dgate, float *dup, const float *gate, const float *up, const float *dy,
                            int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = n - i < LANES ? n - i : LANES;
        const vf gate_i = vf_load_up_to(gate + i, count, 0.0f), up_i = vf_load_up_to(up + i, count, 0.0f);
        const vf dy_i = vf_load_up_to(dy + i, count, 0.0f);

        if (dgate)
            vf_store_up_to(dgate + i, silu_slope(gate_i) * (up_i * dy_i), count);
        if (dup)
            vf_store_up_to(dup + i, silu_of(gate_i) * dy_i, count);
    }
}
