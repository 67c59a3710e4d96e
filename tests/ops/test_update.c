/* SPDX-License-Identifier: MIT */
/* AdamW, Adam, SGD with and without momentum, and clipping against double precision, on every device, over several steps in place. */
#include "one.h"

#include <float.h>
#include <math.h>

#include "base/rng.h"

enum { N = 37, STEPS = 10 };

static const heed_adamw_options adamw = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .weight_decay = 0.1f},
                                adam = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .l2 = 0.1f};
static const float LR = 0.01f, MAX_NORM = 3.0f;

typedef struct weights {
    double p[N], m[N], v[N];
} weights;

static void draw(float *out, uint64_t stream)
{
    heed_rng rng = heed_rng_make(5, stream);

    for (int i = 0; i < N; i++)
        out[i] = heed_rng_normal(&rng);
}

/* The formula of adamw.c, with the gradient clipped first. */
static void step_in_double(weights *w, const heed_adamw_options *o, const float *grad, int t)
{
    double squares = 0.0, factor;

    for (int i = 0; i < N; i++)
        squares += (double)grad[i] * (double)grad[i];
    factor = fmin(1.0, (double)MAX_NORM / (sqrt(squares) + 1e-6));
    for (int i = 0; i < N; i++) {
        const double g = factor * (double)grad[i] + (double)o->l2 * w->p[i];
        const double b1 = (double)o->beta1, b2 = (double)o->beta2;
        w->m[i] = b1 * w->m[i] + (1.0 - b1) * g;
        w->v[i] = b2 * w->v[i] + (1.0 - b2) * g * g;
        w->p[i] -= (double)LR * (double)o->weight_decay * w->p[i] +
                   (double)LR * (w->m[i] / (1.0 - pow(b1, t))) /
                       (sqrt(w->v[i] / (1.0 - pow(b2, t))) + (double)o->eps);
    }
}

static heed_node *state_of(heed_graph *g, const char *name, float *data)
{
    heed_node *node = heed_graph_state(g, name, heed_shape1(N));

    node->tensor.data = data;
    return node;
}

/*
 * Ten steps of size lr: each adds a rounding of p, at most 2 in size, and some epsilons of the step itself. 1 - beta2 in
 * float is off by an epsilon of 1 over 0.01, the same in v and its correction.
 */
static void check_adamw(heed_device *device, const heed_adamw_options *options)
{
    const double tolerance = STEPS * (2.0 * FLT_EPSILON + (double)LR * 64.0 * FLT_EPSILON);
    float p[N], m[N] = {0}, v[N] = {0}, grad[N], lr = LR;
    int32_t t = 1;
    weights truth = {0};
    heed_graph *g = heed_graph_create();
    heed_node *P = one_source(g, "p", HEED_F32, heed_shape1(N), p), *M = state_of(g, "m", m),
              *V = state_of(g, "v", v);
    heed_node *G = one_source(g, "grad", HEED_F32, heed_shape1(N), grad);
    heed_node *norm = heed_sqrt(g, heed_sum_squares(g, G, NULL));
    const heed_adamw_nodes next = heed_adamw(g, P, M, V, G, one_source(g, "lr", HEED_F32, heed_shape0(), &lr),
                                             one_source(g, "t", HEED_I32, heed_shape0(), &t),
                                             heed_clip_factor(g, norm, MAX_NORM), options);

    heed_graph_assign(g, P, next.p);
    heed_graph_assign(g, M, next.m);
    heed_graph_assign(g, V, next.v);
    draw(p, 0);
    for (int i = 0; i < N; i++)
        truth.p[i] = (double)p[i];
    for (; t <= STEPS; t++) {
        draw(grad, (uint64_t)t);
        one_run(g, next.p, device, NULL);
        step_in_double(&truth, options, grad, t);
    }
    for (int i = 0; i < N; i++) {
        if (!(fabs((double)p[i] - truth.p[i]) <= tolerance) ||
            !(fabs((double)m[i] - truth.m[i]) <= tolerance) || !(fabs((double)v[i] - truth.v[i]) <= tolerance))
            fail_msg(
                "on %s: element %d is p %.9g m %.9g v %.9g, expected %.9g %.9g %.9g, tolerance %.2g (seed 5)",
                heed_device_name(device), i, (double)p[i], (double)m[i], (double)v[i], truth.p[i], truth.m[i],
                truth.v[i], tolerance);
    }
    heed_graph_destroy(g);
}

static void adamw_and_adam_follow_their_formulas_over_ten_steps(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n_devices; d++) {
        check_adamw(&devices[d], &adamw);
        check_adamw(&devices[d], &adam);
    }
    case_devices_close(devices, n_devices);
}

/* The first step of AdamW goes lr in the direction of the sign, whatever the size of the gradient. */
static void the_first_step_of_adamw_has_the_size_of_the_learning_rate(void **state)
{
    const heed_adamw_options plain = {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-12f};
    float p[2] = {0}, m[2] = {0}, v[2] = {0}, grad[2] = {1e-4f, -1e4f}, lr = 0.125f, out[2];
    int32_t t = 1;
    heed_device device;
    heed_graph *g = heed_graph_create();
    const heed_shape two = heed_shape1(2);
    const heed_adamw_nodes next = heed_adamw(
        g, one_source(g, "p", HEED_F32, two, p), one_source(g, "m", HEED_F32, two, m),
        one_source(g, "v", HEED_F32, two, v), one_source(g, "grad", HEED_F32, two, grad),
        one_source(g, "lr", HEED_F32, heed_shape0(), &lr), one_source(g, "t", HEED_I32, heed_shape0(), &t),
        NULL, &plain);

    (void)state;
    assert_int_equal(heed_device_open(&device, NULL, 1, NULL), HEED_OK);
    one_run(g, next.p, &device, out);
    assert_true(fabsf(out[0] + 0.125f) < 1e-6f && fabsf(out[1] - 0.125f) < 1e-6f);
    heed_graph_destroy(g);
    heed_device_close(&device);
}

static float factor_of(float norm, float max_norm)
{
    heed_graph *g = heed_graph_create();
    heed_device device;
    float factor;

    assert_int_equal(heed_device_open(&device, "plain", 1, NULL), HEED_OK);
    one_run(g, heed_clip_factor(g, one_source(g, "norm", HEED_F32, heed_shape0(), &norm), max_norm), &device,
            &factor);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return factor;
}

static void clipping_only_shortens(void **state)
{
    (void)state;
    assert_true(factor_of(0.0f, 1.0f) == 1.0f);
    assert_true(factor_of(0.5f, 1.0f) == 1.0f);
    assert_true(fabsf(factor_of(4.0f, 1.0f) - 0.25f) < 1e-6f);
    assert_true(factor_of(1e30f, 0.0f) == 1.0f); /* no limit */
    assert_true(isnan(factor_of(NAN, 1.0f)));    /* a broken step shows */
}

/* In float, 2^24 + 1/16 is 2^24 again. */
static void a_sum_of_squares_is_taken_in_double(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    enum { MANY = 100000 };
    static float x[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++)
        x[i] = i == 0 ? 4096.0f : 0.25f;
    for (int d = 0; d < n_devices; d++) {
        heed_graph *g = heed_graph_create();
        float sum;

        one_run(g, heed_sum_squares(g, one_source(g, "x", HEED_F32, heed_shape1(MANY), x), NULL), &devices[d],
                &sum);
        assert_true(sum == (float)(4096.0 * 4096.0 + (MANY - 1) / 16.0));
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n_devices);
}

static void sgd_steps_against_the_gradient(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    float p[N], grad[N], out[N], lr = 0.5f, factor = 0.25f;

    (void)state;
    draw(p, 0);
    draw(grad, 1);
    for (int d = 0; d < n_devices; d++) {
        heed_graph *g = heed_graph_create();
        heed_node *P = one_source(g, "p", HEED_F32, heed_shape1(N), p);
        heed_node *G = one_source(g, "grad", HEED_F32, heed_shape1(N), grad);
        heed_node *step = one_source(g, "lr", HEED_F32, heed_shape0(), &lr);
        heed_node *clip = one_source(g, "factor", HEED_F32, heed_shape0(), &factor);

        one_run(g, heed_sgd(g, P, G, step, clip, 0.125f), &devices[d], out);
        for (int i = 0; i < N; i++)
            assert_true(fabs((double)out[i] - ((double)p[i] * (1.0 - 0.5 * 0.125) - 0.125 * (double)grad[i])) <
                        4.0 * FLT_EPSILON * 3.0); /* four roundings of numbers up to 3 */
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n_devices);
}

/* torch.optim.SGD with momentum, in double. */
static void momentum_in_double(double *p, double *m, const float *grad, double lr,
                               const heed_momentum_options *o)
{
    for (int i = 0; i < N; i++) {
        const double g = (double)grad[i] + (double)o->l2 * p[i];

        m[i] = (double)o->momentum * m[i] + g;
        p[i] -= lr * (o->nesterov ? g + (double)o->momentum * m[i] : m[i]);
    }
}

/* m grows to 2 / (1 - 0.9) at most; each step adds a rounding of it, a tenth of that to p, and a rounding of p. */
static void check_momentum(heed_device *device, const heed_momentum_options *options)
{
    const double tolerance = STEPS * 20.0 * 2.0 * FLT_EPSILON;
    float p[N], m[N] = {0}, grad[N], lr = 0.1f;
    double true_p[N], true_m[N] = {0};
    heed_graph *g = heed_graph_create();
    heed_node *P = one_source(g, "p", HEED_F32, heed_shape1(N), p), *M = state_of(g, "m", m);
    heed_node *G = one_source(g, "grad", HEED_F32, heed_shape1(N), grad);
    const heed_momentum_nodes next = heed_momentum(
        g, P, M, G, one_source(g, "lr", HEED_F32, heed_shape0(), &lr), NULL, options);

    heed_graph_assign(g, P, next.p);
    heed_graph_assign(g, M, next.m);
    draw(p, 0);
    for (int i = 0; i < N; i++)
        true_p[i] = (double)p[i];
    for (int t = 1; t <= STEPS; t++) {
        draw(grad, (uint64_t)t);
        one_run(g, next.p, device, NULL);
        momentum_in_double(true_p, true_m, grad, (double)lr, options);
    }
    for (int i = 0; i < N; i++) {
        if (!(fabs((double)p[i] - true_p[i]) <= tolerance) || !(fabs((double)m[i] - true_m[i]) <= tolerance))
            fail_msg("on %s: element %d is p %.9g m %.9g, expected %.9g %.9g, tolerance %.2g (seed 5)",
                     heed_device_name(device), i, (double)p[i], (double)m[i], true_p[i], true_m[i], tolerance);
    }
    heed_graph_destroy(g);
}

static void momentum_follows_its_formula_over_ten_steps(void **state)
{
    static const heed_momentum_options all[] = {
        {.momentum = 0.9f},
        {.momentum = 0.9f, .l2 = 0.1f},
        {.momentum = 0.9f, .l2 = 0.1f, .nesterov = true},
        {.momentum = 0.0f, .l2 = 0.1f, .nesterov = true}, /* no momentum: plain descent either way */
    };
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int d = 0; d < n_devices; d++) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            check_momentum(&devices[d], &all[i]);
    }
    case_devices_close(devices, n_devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw_and_adam_follow_their_formulas_over_ten_steps),
        cmocka_unit_test(the_first_step_of_adamw_has_the_size_of_the_learning_rate),
        cmocka_unit_test(clipping_only_shortens),
        cmocka_unit_test(a_sum_of_squares_is_taken_in_double),
        cmocka_unit_test(sgd_steps_against_the_gradient),
        cmocka_unit_test(momentum_follows_its_formula_over_ten_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
