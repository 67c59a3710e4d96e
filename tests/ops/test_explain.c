/* SPDX-License-Identifier: MIT */
/* Every element can be recomputed from the operands that its explanation lists, and from nothing else. */
#include "cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/check_lines.h"

/* Elements of each output: compared to the bit, on kernels, line by line, and with all but the listed operands poisoned. */
enum { SAMPLES = 12, NEAR_SAMPLES = 4, LINES_SAMPLES = 5, POISONED_SAMPLES = 3 };

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static int64_t sample(int64_t k, int64_t n, int64_t count)
{
    return n == 1 ? 0 : k * (count - 1) / (n - 1);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static const heed_node *output_of(const heed_op_args *a, int k)
{
    return a->node->outputs[k];
}

static void explain(const op_case *of, const heed_op_args *a, int k, int64_t element, heed_explanation *e)
{
    heed_error err = {0};

    if (heed_explain(a, k, element, e, &err) != HEED_OK)
        fail_msg("%s: %s", of->name, err.message);
    if (heed_explanation_formula(e)[0] == '\0')
        fail_msg("%s: %s[%lld] has no formula", of->name, output_of(a, k)->name, (long long)element);
}

/* --- the value --- */

/* tolerance 0: to the bit. */
static void check_value(const op_case *of, const char *device, const heed_op_args *a, int k, int64_t element,
                        heed_explanation *e, double tolerance)
{
    const float expected = heed_tensor_get(a->outs[k], element);
    float got;

    explain(of, a, k, element, e);
    got = heed_explanation_value(e);
    if (!same_bits(got, expected) && !(isnan(got) && isnan(expected)) &&
        !(fabs((double)got - (double)expected) <= tolerance && tolerance > 0.0))
        fail_msg("%s on %s: %s[%lld] is %.9g, explained as %.9g = %s, tolerance %.2g (seed 1)", of->name,
                 device, output_of(a, k)->name, (long long)element, (double)expected, (double)got,
                 heed_explanation_formula(e), tolerance);
}

/* --- what it was made from --- */

/* A step's arguments over copies of its inputs in which everything is poisoned that the explanation does not list. */
typedef struct poisoned {
    heed_op_args args;
    heed_tensor in[HEED_MAX_INPUTS], out[HEED_MAX_OUTPUTS];
} poisoned;

/* Dense copies; a float becomes NaN, an integer 0, which is a valid row, target and position everywhere. */
static void *poison(heed_tensor *copy, const heed_tensor *x)
{
    const int64_t count = heed_tensor_count(x);

    *copy = heed_tensor_make(x->dtype, x->shape, calloc((size_t)count, heed_dtype_bytes(x->dtype)));
    assert_non_null(copy->data);
    for (int64_t i = 0; i < count && x->dtype == HEED_F32; i++)
        heed_tensor_set(copy, i, NAN);
    return copy->data;
}

static void poison_all(poisoned *p, const heed_op_args *a)
{
    p->args = *a;
    for (int i = 0; i < HEED_MAX_INPUTS; i++) {
        if (a->in[i] != NULL) {
            poison(&p->in[i], a->in[i]);
            p->args.in[i] = &p->in[i];
        }
    }
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
        if (a->outs[k] != NULL) {
            poison(&p->out[k], a->outs[k]);
            p->out[k].dtype = a->outs[k]->dtype;
            p->args.outs[k] = &p->out[k];
        }
    }
    p->args.out = p->args.outs[0];
}

static void poisoned_free(poisoned *p)
{
    for (int i = 0; i < HEED_MAX_INPUTS; i++)
        free(p->args.in[i] != NULL ? p->in[i].data : NULL);
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++)
        free(p->args.outs[k] != NULL ? p->out[k].data : NULL);
}

/* Puts back what the explanation lists, from its own record. An input that is given twice is restored in both places. */
static void restore_listed(poisoned *p, const heed_op_args *a, const heed_explanation *e)
{
    for (int o = 0; o < heed_explanation_n_operands(e); o++) {
        const heed_operand *operand = heed_explanation_operand(e, o);
        bool found = false;

        for (int i = 0; i < a->node->n_in; i++) {
            if (a->node->in[i] != operand->node || a->in[i] == NULL)
                continue;
            found = true;
            for (int64_t j = 0; j < operand->count; j++)
                heed_tensor_set(&p->in[i], operand->start + j * operand->step, operand->values[j]);
        }
        assert_true(found);
    }
}

/* Explained and computed again from the listed operands alone, the element stays what it is. */
static void check_operands(const op_case *of, const heed_op_args *a, int k, int64_t element,
                           heed_explanation *e)
{
    const float expected = heed_tensor_get(a->outs[k], element);
    const heed_op *op = a->node->op;
    poisoned p = {0};
    float got;

    explain(of, a, k, element, e);
    poison_all(&p, a);
    restore_listed(&p, a, e);
    explain(of, &p.args, k, element, e);
    got = heed_explanation_value(e);
    if (!same_bits(got, expected) && !isnan(expected))
        fail_msg("%s: the explanation of %s[%lld] reads what it does not list: %.9g becomes %.9g", of->name,
                 output_of(a, k)->name, (long long)element, (double)expected, (double)got);
    if (!op->is_view &&
        !op->is_stateful) { /* whose output is its input's own storage, which copies do not share */
        op->forward(&p.args);
        got = heed_tensor_get(&p.out[k], element);
        if (!same_bits(got, expected) && !isnan(expected))
            fail_msg("%s: %s[%lld] depends on what its explanation does not list: %.9g becomes %.9g", of->name,
                     output_of(a, k)->name, (long long)element, (double)expected, (double)got);
    }
    poisoned_free(&p);
}

/* --- all of them --- */

typedef void step_fn(const op_case *of, const heed_device *device, const heed_op_args *a, int k,
                     heed_explanation *e);

static void exact_step(const op_case *of, const heed_device *device, const heed_op_args *a, int k,
                       heed_explanation *e)
{
    const int64_t count = heed_tensor_count(a->outs[k]), n = smaller(count, SAMPLES);

    for (int64_t s = 0; s < n; s++)
        check_value(of, heed_device_name(device), a, k, sample(s, n, count), e, 0.0);
}

static void near_step(const op_case *of, const heed_device *device, const heed_op_args *a, int k,
                      heed_explanation *e)
{
    const int64_t count = heed_tensor_count(a->outs[k]), n = smaller(count, NEAR_SAMPLES);
    const double tolerance = case_tolerance(of, a->outs[k]);

    for (int64_t s = 0; s < n; s++)
        check_value(of, heed_device_name(device), a, k, sample(s, n, count), e, tolerance);
}

/* Some at random: the plain loop's own arithmetic, line by line. */
static void lines_step(const op_case *of, const heed_device *device, const heed_op_args *a, int k,
                       heed_explanation *e)
{
    const int64_t count = heed_tensor_count(a->outs[k]), n = smaller(count, LINES_SAMPLES);
    heed_rng rng = heed_rng_make(1, (uint64_t)k);

    for (int64_t s = 0; s < n; s++) {
        const int64_t element = count == n ? s : heed_rng_below(&rng, count);

        check_value(of, heed_device_name(device), a, k, element, e, 0.0);
        check_lines(e, of->name);
    }
}

static void operands_step(const op_case *of, const heed_device *device, const heed_op_args *a, int k,
                          heed_explanation *e)
{
    const int64_t count = heed_tensor_count(a->outs[k]), n = smaller(count, POISONED_SAMPLES);

    (void)device;
    for (int64_t s = 0; s < n; s++)
        check_operands(of, a, k, sample(s, n, count), e);
}

/* Calls fn for every output of every step of the case but the loss, which is not the case's own. */
static void each_step(const op_case *of, heed_device *device, step_fn *fn)
{
    case_graph *c = case_open(of);
    heed_plan *plan = case_plan(c, device, CASE_ALL);
    heed_explanation *e = heed_explanation_create();

    assert_non_null(e);
    heed_plan_run(plan);
    for (int s = 0; s < heed_plan_n_steps(plan); s++) {
        const heed_op_args *a = heed_plan_args(plan, s);
        for (int k = 0; k < HEED_MAX_OUTPUTS && a->node != c->product && a->node != c->loss; k++) {
            if (a->outs[k] != NULL)
                fn(of, device, a, k, e);
        }
    }
    heed_explanation_destroy(e);
    heed_plan_destroy(plan);
    case_close(c);
}

static void on_plain(step_fn *fn)
{
    heed_device device;
    heed_error err = {0};

    if (heed_device_open(&device, "plain", 1, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < n_op_cases; i++)
        each_step(&op_cases[i], &device, fn);
    heed_device_close(&device);
}

static void an_explained_element_has_its_bits_in_reference_arithmetic(void **state)
{
    (void)state;
    on_plain(exact_step);
}

static void every_line_follows_from_those_before_and_the_last_is_the_value(void **state)
{
    (void)state;
    on_plain(lines_step);
}

static void an_explained_element_is_near_on_every_device(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int d = 1; d < n_devices; d++) {
        for (int i = 0; i < n_op_cases; i++)
            each_step(&op_cases[i], &devices[d], near_step);
    }
    case_devices_close(devices, n_devices);
}

static void an_element_depends_on_its_listed_operands_alone(void **state)
{
    (void)state;
    on_plain(operands_step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_explained_element_has_its_bits_in_reference_arithmetic),
        cmocka_unit_test(every_line_follows_from_those_before_and_the_last_is_the_value),
        cmocka_unit_test(an_explained_element_is_near_on_every_device),
        cmocka_unit_test(an_element_depends_on_its_listed_operands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
