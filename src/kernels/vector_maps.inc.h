/* SPDX-License-Identifier: MIT */
/*
 * Element by element: sums and products, activations and their gradients, AdamW; and sums over a whole array.
 *
 * Needs vector.inc.h. An element's result is the same wherever it lies: the last elements, too few for a
 * vector, go through the same vector arithmetic beside the array. So callers may cut a range anywhere.
 */

/* y_i = f(x_i); f is a constant in every use and ends up inside the loop. */
INLINE void map(float *y, const float *x, int64_t n, vf (*f)(vf x))
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, f(vf_load(x + i)));
    if (i < n)
        vf_store_first(y + i, f(vf_load_first(x + i, n - i, 0.0f)), n - i);
}

/* y_i = f(a_i, b_i) */
INLINE void map_pair(float *y, const float *a, const float *b, int64_t n, vf (*f)(vf a, vf b))
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, f(vf_load(a + i), vf_load(b + i)));
    if (i < n)
        vf_store_first(y + i, f(vf_load_first(a + i, n - i, 0.0f), vf_load_first(b + i, n - i, 0.0f)), n - i);
}

INLINE vf plus(vf a, vf b)
{
    return a + b;
}

static void add_maps(float *y, const float *a, const float *b, int64_t n)
{
    map_pair(y, a, b, n, plus);
}

static void scale_map(float *y, const float *x, float factor, int64_t n)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        vf_store(y + i, vf_load(x + i) * factor);
    if (i < n)
        vf_store_first(y + i, vf_load_first(x + i, n - i, 0.0f) * factor, n - i);
}

/* NaN stays NaN: vf_max() gives its second operand then. */
INLINE vf relu_of(vf x)
{
    return vf_max(vf_splat(0.0f), x);
}

/* The gradient at 0 is 0, and NaN where x is NaN. */
INLINE vf relu_gradient(vf x, vf dy)
{
    return vf_select(x > vf_splat(0.0f), dy, vf_select(x <= vf_splat(0.0f), vf_splat(0.0f), x));
}

/*
 * Both forms of GELU are x times the probability that some variable lies below x, symmetric about 0. With
 * t = |x| and the tail q(t) = P(variable > t),
 *
 *   gelu(x) = max(x, 0) - t q(t)        gelu'(x) = d for x <= 0, 1 - d for x > 0,   d = q(t) + t q'(t)
 *
 * No digits are lost for x << 0, where 1 + tanh or 1 + erf would cancel, and a large |x| gives x or 0.
 * t stops at GELU_END, beyond which exp() below is 0: so inf does not become inf * 0. NaN passes.
 */
#define GELU_END 16.0f

INLINE vf gelu_distance(vf x)
{
    return vf_min(vf_splat(GELU_END), vf_abs(x));
}

INLINE vf gelu_from_tail(vf x, vf t, vf tail)
{
    return vf_fma(-t, tail, vf_max(vf_splat(0.0f), x));
}

INLINE vf gelu_gradient_from(vf x, vf dy, vf d)
{
    return vf_select(x > vf_splat(0.0f), 1.0f - d, d) * dy;
}

/*
 * tanh form: x / 2 (1 + tanh u) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3), so
 *
 *   q = 1 / (1 + e^(2 u(t))) = e / (1 + e), e = e^(-2 u(t))       q' = -2 u'(t) q (1 - q)
 */
#define GELU_2U_1 1.5957691216f  /* 2 sqrt(2 / pi) */
#define GELU_2U_3 0.07135481283f /* 0.044715 times that */

INLINE vf gelu_tanh_of(vf x)
{
    const vf t = gelu_distance(x);
    const vf e = vf_exp_negative(t * vf_fma(t * t, vf_splat(-GELU_2U_3), vf_splat(-GELU_2U_1)));

    return gelu_from_tail(x, t, e / (1.0f + e));
}

INLINE vf gelu_tanh_gradient(vf x, vf dy)
{
    const vf t = gelu_distance(x), t2 = t * t;
    const vf e = vf_exp_negative(t * vf_fma(t2, vf_splat(-GELU_2U_3), vf_splat(-GELU_2U_1)));
    const vf below = 1.0f / (1.0f + e), tail = e * below; /* below = 1 - q */
    const vf slope = t * vf_fma(t2, vf_splat(3.0f * GELU_2U_3), vf_splat(GELU_2U_1));

    return gelu_gradient_from(x, dy, vf_fma(-tail * below, slope, tail));
}

/*
 * erf form: the variable is normal, so q(t) = 1/2 erfc(t / sqrt 2) and q'(t) = -e^(-t^2 / 2) / sqrt(2 pi).
 * q(t) e^(t^2 / 2) falls slowly from 1/2, and a quotient of polynomials of degree 4 and 5 follows it with a
 * relative error of 6e-9 over the whole range (fitted by scripts/fit_normal_tail.py). All terms are positive:
 * nothing cancels.
 */
INLINE vf normal_tail(vf t, vf bell) /* bell = e^(-t^2 / 2) */
{
    vf p = vf_fma(t, vf_splat(0.00404746505f), vf_splat(0.0401838571f));
    p = vf_fma(p, t, vf_splat(0.181923315f));
    p = vf_fma(p, t, vf_splat(0.436557174f));
    p = vf_fma(p, t, vf_splat(0.5f));
    vf q = vf_fma(t, vf_splat(0.0101453587f), vf_splat(0.100732945f));
    q = vf_fma(q, t, vf_splat(0.466001004f));
    q = vf_fma(q, t, vf_splat(1.19710743f));
    q = vf_fma(q, t, vf_splat(1.67099917f));
    q = vf_fma(q, t, vf_splat(1.0f));
    return bell * p / q;
}

INLINE vf gelu_erf_of(vf x)
{
    const vf t = gelu_distance(x);

    return gelu_from_tail(x, t, normal_tail(t, vf_exp_negative(t * t * -0.5f)));
}

INLINE vf gelu_erf_gradient(vf x, vf dy)
{
    const vf t = gelu_distance(x);
    const vf bell = vf_exp_negative(t * t * -0.5f);
    const vf slope = t * 0.3989422804f; /* 1 / sqrt(2 pi) */

    return gelu_gradient_from(x, dy, vf_fma(-bell, slope, normal_tail(t, bell)));
}

static void gelu_tanh(float *y, const float *x, int64_t n)
{
    map(y, x, n, gelu_tanh_of);
}

static void gelu_tanh_backward(float *dx, const float *x, const float *dy, int64_t n)
{
    map_pair(dx, x, dy, n, gelu_tanh_gradient);
}

static void gelu_erf(float *y, const float *x, int64_t n)
{
    map(y, x, n, gelu_erf_of);
}

static void gelu_erf_backward(float *dx, const float *x, const float *dy, int64_t n)
{
    map_pair(dx, x, dy, n, gelu_erf_gradient);
}

static void relu(float *y, const float *x, int64_t n)
{
    map(y, x, n, relu_of);
}

static void relu_backward(float *dx, const float *x, const float *dy, int64_t n)
{
    map_pair(dx, x, dy, n, relu_gradient);
}

/* Half as many doubles as there are lanes, and the floats that they come from. */
typedef double vd __attribute__((vector_size(LANES * 4)));
typedef float vf_half __attribute__((vector_size(LANES * 2)));
typedef float vf_half_memory __attribute__((vector_size(LANES * 2), aligned(4), may_alias));

INLINE vd vd_load(const float *x)
{
    const vf_half half = *(const vf_half_memory *)x;

    return __builtin_convertvector(half, vd);
}

/* The lanes of a + b in order, then the n < LANES further elements x, squared or not. */
INLINE double vd_sum_and_rest(vd a, vd b, const float *x, int64_t n, bool squared)
{
    const vd lanes = a + b;
    double total = 0.0;

    for (int i = 0; i < LANES / 2; i++)
        total += lanes[i];
    for (int64_t i = 0; i < n; i++)
        total += squared ? (double)x[i] * (double)x[i] : (double)x[i];
    return total;
}

/* A square of a float is exact in double, so neither large elements nor long sums lose anything. */
static double sum_squares(const float *x, int64_t n)
{
    vd a = {0}, b = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        const vd low = vd_load(x + i), high = vd_load(x + i + LANES / 2);

        a += low * low;
        b += high * high;
    }
    return vd_sum_and_rest(a, b, x + i, n - i, true);
}

static double sum_elements(const float *x, int64_t n)
{
    vd a = {0}, b = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        a += vd_load(x + i);
        b += vd_load(x + i + LANES / 2);
    }
    return vd_sum_and_rest(a, b, x + i, n - i, false);
}

/* Lane by lane, correctly rounded; one instruction where errno need not be set (-fno-math-errno). */
INLINE vf vf_sqrt(vf x)
{
    float lane[LANES];

    memcpy(lane, &x, sizeof lane);
    for (int i = 0; i < LANES; i++)
        lane[i] = __builtin_sqrtf(lane[i]);
    memcpy(&x, lane, sizeof x);
    return x;
}

/*
 *   g <- grad_scale g + l2 p      m <- beta1 m + (1 - beta1) g      v <- beta2 v + (1 - beta2) g^2
 *   p <- p - lr weight_decay p - lr (m / correction1) / (sqrt(v / correction2) + eps)
 *
 * with the weight's decay computed first, and what depends on no element (1 / correction2 too) once. The
 * division and the root of an element take less time than reading and writing it.
 */
INLINE void adamw_vector(vf *p, vf *m, vf *v, vf g, const heed_adamw_step *s)
{
    g = g * s->grad_scale;
    if (s->l2 != 0.0f) /* 0 * p is no 0 where p is broken */
        g = vf_fma(vf_splat(s->l2), *p, g);
    const vf fresh = (1.0f - s->beta1) * g;
    const vf fresh_square = (1.0f - s->beta2) * (g * g);
    *m = vf_fma(vf_splat(s->beta1), *m, fresh);
    *v = vf_fma(vf_splat(s->beta2), *v, fresh_square);
    const vf root = vf_sqrt(*v * (1.0f / s->correction2)) + s->eps;
    const vf decayed = vf_fma(vf_splat(-s->lr * s->weight_decay), *p, *p);
    *p = vf_fma(vf_splat(-s->lr / s->correction1), *m / root, decayed);
}

static void adamw(float *p_out, float *m_out, float *v_out, const float *p, const float *m, const float *v,
                  const float *g, int64_t n, const heed_adamw_step *step)
{
    const heed_adamw_step s = *step;

    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = n - i < LANES ? n - i : LANES;
        vf p_i = vf_load_up_to(p + i, count, 0.0f), m_i = vf_load_up_to(m + i, count, 0.0f);
        vf v_i = vf_load_up_to(v + i, count, 0.0f);

        adamw_vector(&p_i, &m_i, &v_i, vf_load_up_to(g + i, count, 0.0f), &s);
        vf_store_up_to(p_out + i, p_i, count);
        vf_store_up_to(m_out + i, m_i, count);
        vf_store_up_to(v_out + i, v_i, count);
    }
}
