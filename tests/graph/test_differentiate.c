/* SPDX-License-Identifier: MIT */
/* Gradients of whole graphs: how contributions meet, what has none, and which node holds a loss that is computed anyway. */
#include "random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "ops/list.h"

/* --- against differences --- */

/* Is it a parameter with a gradient? */
static bool is_trained(const heed_node *source)
{
    return source->role == HEED_ROLE_PARAMETER && source->grad != NULL;
}

/* The loss with every parameter moved by `distance` along a direction. */
static double loss_at(random_graph *r, heed_plan *plan, const float *direction, double distance)
{
    size_t at = 0;

    random_graph_reset(r);
    for (int i = 0; i < r->n_sources; i++) {
        heed_node *p = r->sources[i];
        for (int64_t k = 0; is_trained(p) && k < heed_tensor_count(&p->tensor); k++)
            heed_tensor_set(&p->tensor, k,
                            heed_tensor_get(&p->tensor, k) + (float)(distance * (double)direction[at++]));
    }
    heed_plan_run(plan);
    return (double)heed_tensor_get(heed_plan_value(plan, r->loss), 0);
}

/* The gradients of all parameters in a row, and a random direction of length 1. */
static size_t gradients(random_graph *r, heed_plan *plan, float **gradient, float **direction)
{
    heed_rng rng = heed_rng_make(r->seed, 78);
    double length = 0.0;
    size_t n = 0;

    *gradient = malloc(sizeof(float) << 16);
    *direction = malloc(sizeof(float) << 16);
    random_graph_reset(r);
    heed_plan_run(plan);
    for (int i = 0; i < r->n_sources; i++) {
        heed_node *p = r->sources[i];
        for (int64_t k = 0; is_trained(p) && k < heed_tensor_count(&p->tensor); k++) {
            assert_true(n < 1 << 16);
            (*gradient)[n] = heed_tensor_get(heed_plan_value(plan, p->grad), k);
            (*direction)[n] = heed_rng_normal(&rng);
            length += (double)(*direction)[n] * (double)(*direction)[n];
            n++;
        }
    }
    for (size_t i = 0; i < n; i++)
        (*direction)[i] = (float)((double)(*direction)[i] / sqrt(length));
    return n;
}

/*
 * (L(p + h u) - L(p - h u)) / 2h against g . u. In single precision a loss of size L is off by some 1e-6 L (sums of a few
 * hundred terms), so the quotient by 1e-6 L / h; the third derivative adds h^2, and a kink of relu that falls within h
 * adds what its few elements are worth. h = 1e-2 balances them at some 1e-4.
 */
static void the_gradient_is_the_slope_of_the_loss(void **state)
{
    const double h = 1e-2;
    heed_device device = random_device(true);
    int n_checked = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        random_graph *r = random_graph_open(seed);
        float *gradient, *direction;
        double slope = 0.0, along = 0.0;
        r->n_targets = 1; /* the loss; and all gradients */
        for (int i = 0; i < r->n_sources; i++) {
            if (r->sources[i]->grad != NULL)
                r->targets[r->n_targets++] = r->sources[i]->grad;
        }
        heed_plan *plan = random_graph_plan(r, &device, 0);
        const size_t n = gradients(r, plan, &gradient, &direction);
        slope = (loss_at(r, plan, direction, h) - loss_at(r, plan, direction, -h)) / (2.0 * h);
        for (size_t i = 0; i < n; i++)
            along += (double)gradient[i] * (double)direction[i];
        const double tolerance = 1e-4 * (1.0 + fabs(loss_at(r, plan, direction, 0.0))) + 0.01 * fabs(along);
        if (!(fabs(slope - along) <= tolerance))
            fail_msg("seed %llu: the loss rises by %g a unit, its gradient says %g, tolerance %g",
                     (unsigned long long)seed, slope, along, tolerance);
        n_checked += fabs(along) > 10.0 * tolerance;
        free(gradient);
        free(direction);
        heed_plan_destroy(plan);
        random_graph_close(r);
    }
    assert_true(n_checked > 10); /* slopes that the tolerance does not hide */
    heed_device_close(&device);
}

/* --- small graphs whose gradients are known --- */

typedef struct small {
    heed_graph *g;
    heed_device device;
    heed_node *one;
    float seed;
    heed_plan *plan;
} small;

static void open_small(small *s)
{
    *s = (small){.g = heed_graph_create(), .device = random_device(true), .seed = 1.0f};
    assert_non_null(s->g);
    s->one = heed_graph_bound_input(s->g, "one", HEED_F32, heed_shape0(), &s->seed);
}

static heed_node *bound_parameter(small *s, const char *name, heed_shape shape, float *data)
{
    heed_node *p = heed_graph_parameter(s->g, name, shape);

    assert_non_null(p);
    p->tensor.data = data;
    return p;
}

static void run_small(small *s, heed_node **targets, int n)
{
    const heed_plan_options options = {
        .device = &s->device, .reference = true, .targets = targets, .n_targets = n};
    heed_error err = {0};

    if (heed_plan_create(s->g, &options, &s->plan, &err) != HEED_OK ||
        heed_plan_place(s->plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(s->plan);
}

static float at(const small *s, const heed_node *node, int64_t i)
{
    const heed_tensor *value = heed_plan_value(s->plan, node);

    assert_non_null(value);
    return heed_tensor_get(value, i);
}

static void close_small(small *s)
{
    heed_plan_destroy(s->plan);
    heed_graph_destroy(s->g);
    heed_device_close(&s->device);
}

/* loss = sum(2a + a) + sum of the middle column of a: 3 everywhere, 4 in the middle. */
static void a_node_that_is_used_several_times_adds_up(void **state)
{
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    small s;

    (void)state;
    open_small(&s);
    heed_node *a = bound_parameter(&s, "a", heed_shape2(2, 3), numbers);
    heed_node *sum = heed_sum(s.g, heed_add(s.g, heed_scale(s.g, a, 2.0f), a));
    heed_node *loss = heed_add(s.g, sum, heed_sum(s.g, heed_narrow(s.g, a, 1, 1)));
    assert_true(heed_graph_differentiate(s.g, loss, s.one, heed_accumulate));
    assert_string_equal(a->grad->name, "d.a");
    run_small(&s, &a->grad, 1);
    for (int i = 0; i < 6; i++)
        assert_true(at(&s, a->grad, i) == (i % 3 == 1 ? 4.0f : 3.0f));
    close_small(&s);
}

/* W is the matrix of a product and, seen as one row, is added up: d W = x^T 1 + 1. */
static void a_node_that_is_seen_and_multiplied_adds_up(void **state)
{
    float weights[6] = {1, 2, 3, 4, 5, 6}, numbers[4] = {1, 10, 100, 1000};
    small s;

    (void)state;
    open_small(&s);
    heed_node *W = bound_parameter(&s, "W", heed_shape2(2, 3), weights);
    heed_node *x = heed_graph_bound_input(s.g, "x", HEED_F32, heed_shape2(2, 2), numbers);
    heed_node *y = heed_linear(s.g, x, W, NULL, HEED_WEIGHT_IN_OUT);
    heed_node *loss = heed_add(s.g, heed_sum(s.g, y), heed_sum(s.g, heed_reshape(s.g, W, heed_shape1(6))));
    assert_true(heed_graph_differentiate(s.g, loss, s.one, heed_accumulate));
    assert_null(x->grad); /* an input wants none */
    run_small(&s, &W->grad, 1);
    for (int i = 0; i < 6; i++)
        assert_true(at(&s, W->grad, i) == (i < 3 ? 102.0f : 1011.0f));
    close_small(&s);
}

static void what_the_loss_does_not_depend_on_has_no_gradient(void **state)
{
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    small s;

    (void)state;
    open_small(&s);
    heed_node *a = bound_parameter(&s, "a", heed_shape1(6), numbers);
    heed_node *b = bound_parameter(&s, "b", heed_shape1(6), numbers);
    heed_node *aside = heed_relu(s.g, b), *loss = heed_sum(s.g, heed_relu(s.g, a));
    assert_true(heed_graph_differentiate(s.g, loss, s.one, heed_accumulate));
    assert_non_null(a->grad);
    assert_null(b->grad);
    assert_null(aside->grad);
    close_small(&s);
}

static void only_a_scalar_can_be_differentiated(void **state)
{
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    heed_error err = {0};
    small s;

    (void)state;
    open_small(&s);
    heed_node *y = heed_name(s.g, heed_relu(s.g, bound_parameter(&s, "a", heed_shape1(6), numbers)), "y");
    assert_false(heed_graph_differentiate(s.g, y, s.one, heed_accumulate));
    assert_int_equal(heed_graph_status(s.g, &err), HEED_ERR_INTERNAL);
    assert_non_null(strstr(err.message, "y"));
    close_small(&s);
}

/* --- a loss that its gradient computes anyway --- */

enum { ROWS = 4, D = 3, V = 5 };

/* loss = wrap(cross-entropy of x W^T): who holds the cross-entropy, and is it right? */
static void check_value(heed_node *(*wrap)(heed_graph *, heed_node *), bool redirected)
{
    float x_numbers[ROWS * D], w_numbers[V * D];
    int32_t targets_numbers[ROWS] = {0, 4, HEED_IGNORE_TARGET, 2};
    heed_rng rng = heed_rng_make(3, 3);
    bool forward_ran = false;
    small s, alone;

    for (int i = 0; i < ROWS * D; i++)
        x_numbers[i] = heed_rng_normal(&rng);
    for (int i = 0; i < V * D; i++)
        w_numbers[i] = heed_rng_normal(&rng);
    open_small(&s);
    open_small(&alone);
    heed_node *x = heed_graph_bound_input(s.g, "x", HEED_F32, heed_shape2(ROWS, D), x_numbers);
    heed_node *targets = heed_graph_bound_input(s.g, "targets", HEED_I32, heed_shape1(ROWS), targets_numbers);
    heed_node *W = bound_parameter(&s, "W", heed_shape2(V, D), w_numbers);
    heed_node *entropy = heed_linear_cross_entropy(s.g, x, W, targets), *loss = wrap(s.g, entropy);
    assert_true(heed_graph_differentiate(s.g, loss, s.one, heed_accumulate));
    heed_node *held = heed_graph_value_of(entropy);
    assert_int_equal(held != entropy, redirected);
    run_small(&s, (heed_node *[]){held, W->grad}, 2);
    for (int i = 0; i < heed_plan_n_steps(s.plan); i++)
        forward_ran |= heed_plan_step(s.plan, i) == entropy;
    assert_int_equal(forward_ran, !redirected);

    heed_node *same = heed_linear_cross_entropy(
        alone.g, heed_graph_bound_input(alone.g, "x", HEED_F32, heed_shape2(ROWS, D), x_numbers),
        bound_parameter(&alone, "W", heed_shape2(V, D), w_numbers),
        heed_graph_bound_input(alone.g, "targets", HEED_I32, heed_shape1(ROWS), targets_numbers));
    run_small(&alone, &same, 1);
    assert_true(at(&s, held, 0) == at(&alone, same, 0));
    close_small(&alone);
    close_small(&s);
}

static heed_node *itself(heed_graph *g, heed_node *x)
{
    (void)g;
    return x;
}

static heed_node *half(heed_graph *g, heed_node *x)
{
    return heed_scale(g, x, 0.5f);
}

/* The slope of gelu at the loss needs the loss: its gradient node cannot come first. */
static heed_node *curved(heed_graph *g, heed_node *x)
{
    return heed_gelu_tanh(g, x);
}

/* As many ways lead through this as 2^40: each node must be looked at once and not once a way. */
static heed_node *many_ways(heed_graph *g, heed_node *x)
{
    for (int i = 0; i < 40; i++)
        x = heed_add(g, x, heed_scale(g, x, 0.01f));
    return x;
}

static void a_loss_that_its_gradient_computes_anyway_runs_once(void **state)
{
    (void)state;
    check_value(itself, true);
    check_value(half, true);
    check_value(curved, false);
    check_value(many_ways, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(a_node_that_is_used_several_times_adds_up),
        cmocka_unit_test(a_node_that_is_seen_and_multiplied_adds_up),
        cmocka_unit_test(what_the_loss_does_not_depend_on_has_no_gradient),
        cmocka_unit_test(only_a_scalar_can_be_differentiated),
        cmocka_unit_test(a_loss_that_its_gradient_computes_anyway_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
