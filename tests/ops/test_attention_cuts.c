/* SPDX-License-Identifier: MIT */
/* Work that attention cuts in other ways than by heads, rows it copies, and the memory that a long text takes. */
#include <math.h>

#include "one.h"

/* --- cuts of the work ------------------------------------------------------------------------------ */

/* Few queries of few heads over many keys: segments of keys. */
static heed_node *few_queries(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 2, 2, 4)),
              *k = case_parameter(c, heed_shape4(1, 1, 2300, 4));
    heed_node *v = case_parameter(c, heed_shape4(1, 1, 2300, 3));
    const heed_attention_options options = {
        .causal = true, .stride = 7, .prefix = 3, .keys = case_bytes(c, heed_shape2(1, 2300), 0, 1)};

    return heed_attention(c->g, q, k, v, &options);
}

/* Many queries of two heads that share a key head: parts of queries. */
static heed_node *few_heads(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 2, 530, 4)),
              *k = case_parameter(c, heed_shape4(1, 1, 530, 4));
    heed_node *v = case_parameter(c, heed_shape4(1, 1, 530, 3));
    heed_attention_options options = {.causal = true, .relative_zero = 529};

    options.documents = case_ints(c, heed_shape2(1, 530), 0, 1);
    options.bias = case_parameter(c, heed_shape2(530, 530));
    options.q_relative = case_parameter(c, heed_shape4(1, 2, 530, 4));
    options.relative = case_parameter(c, heed_shape2(530, 4));
    return heed_attention(c->g, q, k, v, &options);
}

/* The last queries alone see keys, so that a part is left without queries. */
static heed_node *late_keys(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 2, 554, 5)),
              *k = case_parameter(c, heed_shape4(1, 1, 30, 5));
    heed_node *v = case_parameter(c, heed_shape4(1, 1, 30, 3));
    const heed_attention_options options = {.causal = true, .at_position = true, .position = -400};

    return heed_attention(c->g, q, k, v, &options);
}

/* Every node of one plan against the same node of the other. */
static void compare_plans(const op_case *of, const char *device, case_graph *c, heed_plan *got,
                          heed_plan *expected, bool to_the_bit)
{
    for (int n = 0; n < heed_graph_n_nodes(c->g); n++) {
        const heed_node *node = heed_graph_node(c->g, n);
        const heed_tensor *x = heed_plan_value(got, node), *y = heed_plan_value(expected, node);

        if (node->op == NULL || node == c->product || node == c->loss || x == NULL || y == NULL)
            continue;
        const double tolerance = case_tolerance(of, y);
        const int64_t count = heed_tensor_count(y);

        for (int64_t i = 0; i < count; i++) {
            const double a = (double)heed_tensor_get(x, i), b = (double)heed_tensor_get(y, i);

            if (a != b && (to_the_bit || !(fabs(a - b) <= tolerance)))
                fail_msg("%s, %s on %s: element %lld is %.9g, expected %.9g", of->name, node->name, device,
                         (long long)i, a, b);
        }
    }
}

static void check_cuts(const op_case *of)
{
    heed_device one[CASE_MAX_DEVICES], three[CASE_MAX_DEVICES];
    const int n = case_devices(one, 1);
    case_graph *c = case_open(of);
    heed_plan *plain = case_plan(c, &one[0], CASE_REFERENCE | CASE_ALL);

    assert_int_equal(case_devices(three, 3), n);
    heed_plan_run(plain);
    for (int d = 1; d < n; d++) {
        heed_plan *a = case_plan(c, &one[d], CASE_ALL), *b = case_plan(c, &three[d], CASE_ALL);

        heed_plan_run(a);
        heed_plan_run(b);
        compare_plans(of, heed_device_name(&one[d]), c, a, plain, false);
        compare_plans(of, "three threads", c, b, a, true);
        heed_plan_destroy(a);
        heed_plan_destroy(b);
    }
    heed_plan_destroy(plain);
    case_close(c);
    case_devices_close(one, n);
    case_devices_close(three, n);
}

static void work_that_is_cut_gives_what_plain_loops_give_on_any_threads(void **state)
{
    /* means and sums of 2300 and of 2 * 530 numbers: their roundings go in random directions, so that the root counts */
    const op_case few = {"few queries", few_queries, 48, true}, heads = {"few heads", few_heads, 33, true};
    const op_case late = {"late keys", late_keys, 33, true};

    (void)state;
    check_cuts(&few);
    check_cuts(&heads);
    check_cuts(&late);
}

/* --- segments over bfloat16 ------------------------------------------------------------------------ */

enum { HALF_HEADS = 3, HALF_KEYS = 2300, HALF_DIM = 24, MOST_QUERIES = 9 };

typedef struct half_graph {
    heed_graph *g;
    heed_node *half, *exact; /* z of bfloat16, and of floats that hold the same numbers */
    float q[HALF_HEADS * MOST_QUERIES * HALF_DIM], k[HALF_KEYS * HALF_DIM], v[HALF_KEYS * HALF_DIM];
} half_graph;

static heed_node *rounded(heed_graph *g, const char *name, heed_shape shape, float *x)
{
    for (int64_t i = 0; i < heed_shape_count(&shape); i++)
        x[i] = (float)(2.0 * sin((double)(i + 3) * 12.9898 + (double)name[0]));
    return heed_to_bf16(g, one_source(g, name, HEED_F32, shape, x));
}

static void half_open(half_graph *h, int64_t n_query)
{
    heed_graph *g = h->g = heed_graph_create();
    heed_node *q = rounded(g, "q", heed_shape4(1, HALF_HEADS, n_query, HALF_DIM), h->q);
    heed_node *k = rounded(g, "k", heed_shape4(1, 1, HALF_KEYS, HALF_DIM), h->k);
    heed_node *v = rounded(g, "v", heed_shape4(1, 1, HALF_KEYS, HALF_DIM), h->v);
    const heed_attention_options options = {.causal = true, .prefix = 3, .window = 1500};

    h->half = heed_to_f32(g, heed_attention(g, q, k, v, &options));
    h->exact = heed_attention(g, heed_to_f32(g, q), heed_to_f32(g, k), heed_to_f32(g, v), &options);
}

static void check_half_cuts(heed_device *one, heed_device *three, int64_t n_query)
{
    static half_graph h;
    static float z[3][HALF_HEADS * MOST_QUERIES * HALF_DIM];
    const int64_t n = HALF_HEADS * n_query * HALF_DIM;

    half_open(&h, n_query);
    one_run(h.g, h.half, one, z[0]);
    one_run(h.g, h.half, three, z[1]);
    one_run(h.g, h.exact, one, z[2]);
    assert_memory_equal(z[1], z[0], (size_t)n * sizeof z[0][0]);
    for (int64_t i = 0; i < n; i++) {
        /* one rounding; of 9 queries a table may round the weights too, values are up to 2 */
        const double once = fabs((double)z[2][i]) / 256.0 + 1e-5, weights = n_query > 8 ? 2.0 / 256.0 : 0.0;

        if (!(fabs((double)z[0][i] - (double)z[2][i]) <= once + weights))
            fail_msg("%lld queries over bfloat16 on %s: element %lld is %.9g, expected %.9g",
                     (long long)n_query, heed_device_name(one), (long long)i, (double)z[0][i], (double)z[2][i]);
    }
    heed_graph_destroy(h.g);
}

static void segments_over_bfloat16_are_rounded_once_on_any_threads(void **state)
{
    heed_device one[CASE_MAX_DEVICES], three[CASE_MAX_DEVICES];
    const int n = case_devices(one, 1);

    (void)state;
    assert_int_equal(case_devices(three, 3), n);
    for (int d = 0; d < n; d++)
        for (int64_t n_query = 1; n_query <= MOST_QUERIES; n_query++)
            check_half_cuts(&one[d], &three[d], n_query);
    case_devices_close(one, n);
    case_devices_close(three, n);
}

/* --- rows that lie apart ---------------------------------------------------------------------------- */

/*
 * Four long heads as columns of one row a token; n_kv key heads serve them. With `dense` q, k and v lie in tensors of
 * their own.
 */
static heed_node *long_rows(case_graph *c, int64_t n_kv, bool dense, const heed_attention_options *options)
{
    enum { T = 1025, D = 64 };
    heed_node *rows = case_parameter(c, heed_shape3(1, T, (4 + 2 * n_kv) * D));
    heed_node *q = heed_split_heads(c->g, heed_narrow(c->g, rows, 0, 4 * D), 4);
    heed_node *k = heed_split_heads(c->g, heed_narrow(c->g, rows, 4 * D, n_kv * D), n_kv);
    heed_node *v = heed_split_heads(c->g, heed_narrow(c->g, rows, (4 + n_kv) * D, n_kv * D), n_kv);

    if (dense) {
        q = heed_scale(c->g, q, 1.0f);
        k = heed_scale(c->g, k, 1.0f);
        v = heed_scale(c->g, v, 1.0f);
    }
    return heed_attention(c->g, q, k, v, options);
}

static heed_node *causal(case_graph *c, bool dense)
{
    return long_rows(c, 4, dense, &(heed_attention_options){.causal = true});
}

/* Pieces of queries see keys from the middle on, and documents end inside of them; queries are cut into parts. */
static heed_node *windows(case_graph *c, bool dense)
{
    const heed_attention_options options = {
        .causal = true, .window = 130, .documents = case_ints(c, heed_shape2(1, 1025), 0, 2)};

    return long_rows(c, 2, dense, &options);
}

static heed_node *prefixes(case_graph *c, bool dense)
{
    return long_rows(c, 1, dense, &(heed_attention_options){.causal = true, .prefix = 300, .window = 9});
}

static heed_node *causal_rows(case_graph *c)
{
    return causal(c, false);
}

static heed_node *causal_dense(case_graph *c)
{
    return causal(c, true);
}

static heed_node *window_rows(case_graph *c)
{
    return windows(c, false);
}

static heed_node *window_dense(case_graph *c)
{
    return windows(c, true);
}

static heed_node *prefix_rows(case_graph *c)
{
    return prefixes(c, false);
}

static heed_node *prefix_dense(case_graph *c)
{
    return prefixes(c, true);
}

static void expect_same(const char *what, const char *device, const heed_tensor *x, const heed_tensor *y)
{
    const int64_t n = heed_tensor_count(x);

    assert_int_equal(n, heed_tensor_count(y));
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)heed_tensor_get(x, i), b = (double)heed_tensor_get(y, i);

        if (!(a == b))
            fail_msg("%s on %s: element %lld is %.9g in rows, %.9g by itself", what, device, (long long)i, a,
                     b);
    }
}

static void check_layouts(heed_device *device, const op_case *in_rows, const op_case *by_itself)
{
    case_graph *a = case_open(in_rows), *b = case_open(by_itself);
    heed_plan *of_a = case_plan(a, device, 0), *of_b = case_plan(b, device, 0);
    const heed_node *rows = NULL, *dense = NULL;

    for (int i = 0; i < a->n_sources; i++) {
        rows = a->sources[i].node->wants_grad ? a->sources[i].node : rows;
        dense = b->sources[i].node->wants_grad ? b->sources[i].node : dense;
    }
    heed_plan_run(of_a);
    heed_plan_run(of_b);
    expect_same(in_rows->name, heed_device_name(device), heed_plan_value(of_a, a->y),
                heed_plan_value(of_b, b->y));
    expect_same("its gradient", heed_device_name(device), heed_plan_value(of_a, rows->grad),
                heed_plan_value(of_b, dense->grad));
    heed_plan_destroy(of_a);
    heed_plan_destroy(of_b);
    case_close(a);
    case_close(b);
}

static void rows_that_lie_apart_give_the_same_bits(void **state)
{
    static const op_case in_rows[] = {{"causal", causal_rows, 1, true},
                                      {"a window over documents", window_rows, 1, true},
                                      {"a prefix", prefix_rows, 1, true}};
    static const op_case by_itself[] = {{"causal", causal_dense, 1, true},
                                        {"a window over documents", window_dense, 1, true},
                                        {"a prefix", prefix_dense, 1, true}};
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    (void)state;
    for (int d = 1; d < n; d++) /* the first has no kernels */
        for (int i = 0; i < 3; i++)
            check_layouts(&devices[d], &in_rows[i], &by_itself[i]);
    case_devices_close(devices, n);
}

/* --- memory ---------------------------------------------------------------------------------------- */

/* Bytes of a run of one causal head of 64, forward and backward; nothing is allocated for it. */
static double bytes_of_length(heed_device *device, int64_t T)
{
    heed_graph *g = heed_graph_create();
    heed_node *q = heed_graph_parameter(g, "q", heed_shape4(1, 1, T, 64));
    heed_node *k = heed_graph_parameter(g, "k", heed_shape4(1, 1, T, 64));
    heed_node *v = heed_graph_parameter(g, "v", heed_shape4(1, 1, T, 64));
    const heed_attention_options options = {.causal = true};
    heed_node *targets[4] = {heed_sum(g, heed_attention(g, q, k, v, &options))};
    heed_plan_options plan_options = {.device = device, .targets = targets, .n_targets = 4};
    heed_plan *plan = NULL;
    heed_error err = {HEED_OK, ""};
    double bytes;

    heed_graph_differentiate(g, targets[0], heed_graph_input(g, "seed", HEED_F32, heed_shape0()),
                             heed_accumulate);
    targets[1] = q->grad;
    targets[2] = k->grad;
    targets[3] = v->grad;
    if (heed_graph_status(g, &err) != HEED_OK || heed_plan_create(g, &plan_options, &plan, &err) != HEED_OK)
        fail_msg("%s", err.message);
    bytes = (double)heed_plan_bytes(plan) + 3.0 * (double)T * 64.0 * 4.0; /* and q, k, v */
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    return bytes;
}

static void expect_linear(heed_device *device)
{
    const double bytes = bytes_of_length(device, 65536), half = bytes_of_length(device, 32768);

    if (bytes > 1e9 || bytes > 2.0 * half)
        fail_msg("%s: %g bytes for 65536 positions, %g for 32768", heed_device_name(device), bytes, half);
}

static void memory_is_linear_in_the_length(void **state)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    (void)state;
    for (int d = 1; d < n; d++) /* the first has no kernels */
        expect_linear(&devices[d]);
    case_devices_close(devices, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_is_cut_gives_what_plain_loops_give_on_any_threads),
        cmocka_unit_test(segments_over_bfloat16_are_rounded_once_on_any_threads),
        cmocka_unit_test(rows_that_lie_apart_give_the_same_bits),
        cmocka_unit_test(memory_is_linear_in_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
