/* SPDX-License-Identifier: MIT */
/* The gradients that ops append, on every device, against central differences of the plain forward. */
#include "cases.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 8 }; /* elements of each parameter */

static const float H = 0.0625f; /* step of the differences */

/* A plain forward run, and where its result was for each of the four places around x. */
typedef struct probe {
    case_graph *c;
    heed_plan *forward;
    double *y[2]; /* of the last two runs */
} probe;

/* y with element i of the source at x. */
static void run_at(probe *p, const heed_node *source, int64_t i, float x, double *y)
{
    case_reset(p->c);
    heed_tensor_set(&source->tensor, i, x);
    heed_plan_run(p->forward);
    for (int64_t j = 0; j < heed_tensor_count(&p->c->y->tensor); j++)
        y[j] = (double)heed_tensor_get(heed_plan_value(p->forward, p->c->y), j);
}

/*
 * (f(x + h) - f(x - h)) / 2h with f = sum_j dout_j y_j. *weight: the root of the sum of dout_j^2 where y_j moved, and of
 * the largest one, should a y_j stand still by rounding.
 */
static double slope(probe *p, const heed_node *source, int64_t i, float h, double *weight)
{
    float low, high;
    double difference = 0.0, squares = 0.0;
    const double largest = case_largest(&p->c->dout->tensor);

    case_reset(p->c);
    low = heed_tensor_get(&source->tensor, i) - h;
    high = heed_tensor_get(&source->tensor, i) + h;
    run_at(p, source, i, low, p->y[0]);
    run_at(p, source, i, high, p->y[1]);
    for (int64_t j = 0; j < heed_tensor_count(&p->c->y->tensor); j++) {
        const double dout = (double)heed_tensor_get(&p->c->dout->tensor, j);
        difference += dout * (p->y[1][j] - p->y[0][j]);
        squares += p->y[1][j] != p->y[0][j] ? dout * dout : 0.0;
    }
    *weight = sqrt(squares + largest * largest);
    return difference / ((double)high - (double)low);
}

/*
 * Richardson's extrapolation (4 D(h) - D(2h)) / 3 leaves h^4 / 30 of the fifth derivative: 5e-7 of a number that is
 * below 50 for what is met here. Each y_j carries a rounding of some epsilons of its size, more after a long sum,
 * which counts 1 / h times dout_j, in random directions. The gradient itself may differ by the tolerance of kernels.
 */
static double difference_quotient(const op_case *of, probe *p, const heed_node *source, int64_t i,
                                  double *tolerance)
{
    double weight, ignored;
    const double near = slope(p, source, i, H, &weight), far = slope(p, source, i, 2.0f * H, &ignored);
    const double largest = case_largest(heed_plan_value(p->forward, p->c->y));
    const double rounding = (4.0 + sqrt(of->terms)) * FLT_EPSILON * (largest > 1.0 ? largest : 1.0);

    *tolerance = 2.5e-5 + rounding * weight / (double)H + 4.0 * (16.0 + of->terms) * FLT_EPSILON * weight;
    return (4.0 * near - far) / 3.0;
}

/* Element number k of the few that are looked at: the first, the last, and others spread over the rest. */
static int64_t sample(int64_t k, int64_t n, int64_t count)
{
    return n == 1 ? 0 : k * (count - 1) / (n - 1);
}

static void check_source(const op_case *of, probe *p, const heed_node *source, heed_plan *const *plans,
                         const heed_device *devices, int n_devices)
{
    const int64_t count = heed_tensor_count(&source->tensor), n = count < SAMPLES ? count : SAMPLES;

    for (int64_t k = 0; k < n; k++) {
        const int64_t i = sample(k, n, count);
        double tolerance;
        const double expected = difference_quotient(of, p, source, i, &tolerance);

        for (int d = 0; d < n_devices; d++) {
            const double got = (double)heed_tensor_get(heed_plan_value(plans[d], source->grad), i);
            if (!(fabs(got - expected) <= tolerance * (1.0 + fabs(expected))))
                fail_msg(
                    "%s on %s: d loss / d %s[%lld] is %.9g, differences give %.9g, tolerance %.2g (seed 1)",
                    of->name, heed_device_name(&devices[d]), source->name, (long long)i, got, expected,
                    tolerance * (1.0 + fabs(expected)));
        }
    }
}

static void check_case(const op_case *of, heed_device *devices, int n_devices)
{
    case_graph *c = case_open(of);
    const size_t bytes = (size_t)heed_tensor_count(&c->y->tensor) * sizeof(double);
    probe p = {.c = c, .forward = case_plan(c, &devices[0], CASE_REFERENCE | CASE_FORWARD)};
    heed_plan *plans[CASE_MAX_DEVICES];
    int checked = 0;

    p.y[0] = malloc(bytes);
    p.y[1] = malloc(bytes);
    assert_non_null(p.y[0]);
    assert_non_null(p.y[1]);
    for (int d = 0; d < n_devices; d++) {
        plans[d] = case_plan(c, &devices[d], 0);
        case_reset(c);
        heed_plan_run(plans[d]);
    }
    for (int i = 0; i < c->n_sources; i++) {
        if (c->sources[i].node->role != HEED_ROLE_PARAMETER)
            continue;
        if (c->sources[i].node->grad == NULL)
            fail_msg("%s: no gradient flows to %s", of->name, c->sources[i].node->name);
        check_source(of, &p, c->sources[i].node, plans, devices, n_devices);
        checked++;
    }
    assert_true(checked > 0);
    for (int d = 0; d < n_devices; d++)
        heed_plan_destroy(plans[d]);
    heed_plan_destroy(p.forward);
    free(p.y[0]);
    free(p.y[1]);
    case_close(c);
}

static void gradients_are_those_of_central_differences(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < n_op_cases; i++) {
        if (op_cases[i].gradient)
            check_case(&op_cases[i], devices, n_devices);
    }
    case_devices_close(devices, n_devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_central_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
