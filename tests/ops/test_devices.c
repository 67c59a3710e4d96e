/* SPDX-License-Identifier: MIT */
/* Every op on every device: kernels against the plain loops; threads and the planner's thrift change nothing. */
#include <math.h>
#include <string.h>

#include "cases.h"

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void expect_close(const op_case *of, const char *device, const heed_node *node, const heed_tensor *got,
                         const heed_tensor *expected)
{
    const double tolerance = case_tolerance(of, expected);

    for (int64_t i = 0; i < heed_tensor_count(expected); i++) {
        const double x = (double)heed_tensor_get(got, i), y = (double)heed_tensor_get(expected, i);
        if (!(fabs(x - y) <= tolerance) && x != y && !(isnan(x) && isnan(y))) /* x == y: both -inf */
            fail_msg("%s, %s on %s: element %lld is %.9g, plain %.9g, tolerance %.2g (seed 1)", of->name,
                     node->name, device, (long long)i, x, y, tolerance);
    }
}

static void expect_same(const op_case *of, const char *what, const heed_node *node, const heed_tensor *got,
                        const heed_tensor *expected)
{
    for (int64_t i = 0; i < heed_tensor_count(expected); i++) {
        if (!same_bits(heed_tensor_get(got, i), heed_tensor_get(expected, i)))
            fail_msg("%s, %s with %s: element %lld is %.9g instead of %.9g", of->name, node->name, what,
                     (long long)i, (double)heed_tensor_get(got, i), (double)heed_tensor_get(expected, i));
    }
}

typedef void compare_fn(const op_case *of, const char *what, const heed_node *node, const heed_tensor *got,
                        const heed_tensor *expected);

/* Compares all nodes that both plans can show; a node that only one of them keeps is passed over. */
static void compare(const op_case *of, const char *what, case_graph *c, heed_plan *got, heed_plan *expected,
                    compare_fn *fn)
{
    int compared = 0;

    case_reset(c);
    heed_plan_run(expected);
    case_reset(c);
    heed_plan_run(got);
    for (int i = 0; i < heed_graph_n_nodes(c->g); i++) {
        const heed_node *node = heed_graph_node(c->g, i);
        const heed_tensor *x = heed_plan_value(got, node), *y = heed_plan_value(expected, node);
        if (node->op != NULL && x != NULL && y != NULL && node != c->product && node != c->loss) {
            fn(of, what, node, x, y);
            compared++;
        }
    }
    assert_true(compared > 0);
}

static void every_op_gives_what_its_plain_loop_gives(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < n_op_cases; i++) {
        case_graph *c = case_open(&op_cases[i]);
        heed_plan *plain = case_plan(c, &devices[0], CASE_REFERENCE | CASE_ALL);

        for (int d = 1; d < n_devices; d++) {
            heed_plan *fast = case_plan(c, &devices[d], CASE_ALL);
            compare(&op_cases[i], heed_device_name(&devices[d]), c, fast, plain, expect_close);
            heed_plan_destroy(fast);
        }
        heed_plan_destroy(plain);
        case_close(c);
    }
    case_devices_close(devices, n_devices);
}

/* Strict devices, one for each kernel table and number of threads; every op has several cases, which take turns. */
static const int thread_counts[] = {2, 3, 4, 7};
enum { N_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

static int open_strict(heed_device *devices, int n_threads)
{
    heed_error err = {0};
    int n = 0;

    for (; heed_kernels_at(n) != NULL && n < CASE_MAX_DEVICES; n++) {
        if (heed_device_open_strict(&devices[n], heed_kernels_at(n)->name, n_threads, &err) != HEED_OK)
            fail_msg("%s: %s", heed_kernels_at(n)->name, err.message);
    }
    return n;
}

static void the_number_of_threads_changes_no_bit(void **state)
{
    heed_device one[CASE_MAX_DEVICES], more[N_COUNTS][CASE_MAX_DEVICES];
    const int n_devices = open_strict(one, 1);

    (void)state;
    for (int t = 0; t < N_COUNTS; t++)
        open_strict(more[t], thread_counts[t]);
    for (int i = 0; i < n_op_cases; i++) {
        case_graph *c = case_open(&op_cases[i]);

        for (int d = 0; d < n_devices; d++) {
            heed_plan *a = case_plan(c, &one[d], CASE_ALL);
            heed_plan *b = case_plan(c, &more[(i + d) % N_COUNTS][d], CASE_ALL);
            compare(&op_cases[i], "more threads", c, b, a, expect_same);
            heed_plan_destroy(a);
            heed_plan_destroy(b);
        }
        case_close(c);
    }
    case_devices_close(one, n_devices);
    for (int t = 0; t < N_COUNTS; t++)
        case_devices_close(more[t], n_devices);
}

/* Without CASE_ALL tensors take over the places of others, as the ops' reuse masks allow. */
static void memory_that_is_used_again_changes_no_bit(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < n_op_cases; i++) {
        case_graph *c = case_open(&op_cases[i]);

        for (int d = 0; d < n_devices; d++) {
            heed_plan *roomy = case_plan(c, &devices[d], CASE_ALL), *thrifty = case_plan(c, &devices[d], 0);
            compare(&op_cases[i], heed_device_name(&devices[d]), c, thrifty, roomy, expect_same);
            heed_plan_destroy(roomy);
            heed_plan_destroy(thrifty);
        }
        case_close(c);
    }
    case_devices_close(devices, n_devices);
}

/* A loss whose gradient computes it on the way: both values have the same bits. */
static void a_loss_computed_with_its_gradient_is_the_loss(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);
    int met = 0;

    (void)state;
    for (int i = 0; i < n_op_cases; i++) {
        case_graph *c = case_open(&op_cases[i]);
        const heed_node *value = heed_graph_value_of(c->y);

        for (int d = 0; d < n_devices && value != c->y; d++) {
            heed_plan *plan = case_plan(c, &devices[d], CASE_ALL);
            heed_plan_run(plan);
            expect_same(&op_cases[i], "its gradient", c->y, heed_plan_value(plan, value),
                        heed_plan_value(plan, c->y));
            heed_plan_destroy(plan);
            met++;
        }
        case_close(c);
    }
    assert_true(met > 0);
    case_devices_close(devices, n_devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_gives_what_its_plain_loop_gives),
        cmocka_unit_test(the_number_of_threads_changes_no_bit),
        cmocka_unit_test(memory_that_is_used_again_changes_no_bit),
        cmocka_unit_test(a_loss_computed_with_its_gradient_is_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
