/* SPDX-License-Identifier: MIT */
/* Attention as an op: against double precision, and where its tensors lie. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "ops/list.h"

typedef struct attention_config {
    int64_t B, H, Hkv, n_query, n_key, D, Dv; /* n_key: rows of k and v */
    bool causal;
    int past; /* -1: none */
} attention_config;

static const attention_config configs[] = {
    {1, 1, 1, 1, 1, 1, 1, true, -1},      {2, 3, 3, 5, 5, 7, 7, true, -1},
    {2, 4, 2, 5, 5, 8, 8, true, -1},      {1, 6, 1, 9, 9, 4, 4, true, -1},
    {1, 2, 2, 4, 11, 16, 16, true, -1},   {1, 2, 1, 6, 3, 5, 9, false, -1},
    {2, 2, 1, 3, 20, 8, 8, true, 7},      {1, 4, 2, 1, 300, 64, 64, true, 250},
    {1, 2, 2, 2, 9, 3, 3, false, 4},      {1, 2, 1, 130, 130, 32, 32, true, -1},
    {1, 1, 1, 64, 333, 64, 64, true, -1}, {1, 2, 1, 70, 70, 24, 40, false, -1},
};

static const attention_config *config; /* of the case that build_config() builds */

static heed_node *build_config(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(config->B, config->H, config->n_query, config->D));
    heed_node *k = case_parameter(c, heed_shape4(config->B, config->Hkv, config->n_key, config->D));
    heed_node *v = case_parameter(c, heed_shape4(config->B, config->Hkv, config->n_key, config->Dv));
    const heed_attention_options options = {.causal = config->causal,
                                            .past = config->past < 0 ? NULL : case_int(c, config->past)};

    return heed_attention(c->g, q, k, v, &options);
}

/* --- the oracle ---------------------------------------------------------------------------------- */

typedef struct oracle {
    double *z, *lse, *dq, *dk, *dv;
} oracle;

static double *zeros(int64_t n)
{
    double *x = calloc((size_t)n, sizeof *x);

    assert_non_null(x);
    return x;
}

static double at(const case_graph *c, int source, int64_t i)
{
    return (double)heed_tensor_get(&c->sources[source].node->tensor, i);
}

/* Query `row` of (b, h, i), key/value head `kv` of (b, h_kv): forward, then what its dz sends back. */
static void attend(const case_graph *c, oracle *o, int64_t row, int64_t kv, int64_t n)
{
    const int64_t D = config->D, Dv = config->Dv, k = kv * config->n_key;
    double p[400], sum = 0.0, max = -INFINITY, delta = 0.0;

    assert_true(n <= 400);
    for (int64_t j = 0; j < n; j++) {
        p[j] = 0.0;
        for (int64_t d = 0; d < D; d++)
            p[j] += at(c, 0, row * D + d) * at(c, 1, (k + j) * D + d) / sqrt((double)D);
        max = fmax(max, p[j]);
    }
    for (int64_t j = 0; j < n; j++)
        sum += exp(p[j] - max);
    o->lse[row] = max + log(sum);
    for (int64_t j = 0; j < n; j++) {
        p[j] = exp(p[j] - o->lse[row]);
        for (int64_t d = 0; d < Dv; d++)
            o->z[row * Dv + d] += p[j] * at(c, 2, (k + j) * Dv + d);
    }
    for (int64_t d = 0; d < Dv; d++)
        delta += (double)heed_tensor_get(&c->dout->tensor, row * Dv + d) * o->z[row * Dv + d];
    for (int64_t j = 0; j < n; j++) {
        double dp = 0.0;

        for (int64_t d = 0; d < Dv; d++) {
            const double dz = (double)heed_tensor_get(&c->dout->tensor, row * Dv + d);
            dp += dz * at(c, 2, (k + j) * Dv + d);
            o->dv[(k + j) * Dv + d] += p[j] * dz;
        }
        for (int64_t d = 0; d < D; d++) {
            const double ds = p[j] * (dp - delta) / sqrt((double)D);
            o->dq[row * D + d] += ds * at(c, 1, (k + j) * D + d);
            o->dk[(k + j) * D + d] += ds * at(c, 0, row * D + d);
        }
    }
}

static oracle solve(const case_graph *c)
{
    const int64_t queries = config->B * config->H * config->n_query,
                  keys = config->B * config->Hkv * config->n_key;
    const int64_t exist = config->past < 0 ? config->n_key : config->past + config->n_query;
    oracle o = {.z = zeros(queries * config->Dv),
                .lse = zeros(queries),
                .dq = zeros(queries * config->D),
                .dk = zeros(keys * config->D),
                .dv = zeros(keys * config->Dv)};

    for (int64_t row = 0; row < queries; row++) {
        const int64_t i = row % config->n_query, h = row / config->n_query % config->H;
        const int64_t b = row / config->n_query / config->H;

        attend(c, &o, row, b * config->Hkv + h * config->Hkv / config->H,
               config->causal ? exist - config->n_query + i + 1 : exist);
    }
    return o;
}

static void free_oracle(oracle *o)
{
    free(o->z);
    free(o->lse);
    free(o->dq);
    free(o->dk);
    free(o->dv);
}

/*
 * Scores are of size 1 (a sum of D products of size 1 over sqrt(D)), so exp() multiplies their rounding, about
 * sqrt(D) epsilons, by 1; a sum of n terms adds sqrt(n) more; the largest gradients of a key gather n_query * group
 * such terms. 16 (8 + sqrt(n)) epsilons of the largest number leave a factor of about 4.
 */
static void expect_near(const char *what, const char *device, const heed_tensor *got, const double *expected)
{
    const double n = (double)(config->n_key + config->n_query * config->H / config->Hkv);
    double largest = 1.0;

    assert_non_null(got);
    for (int64_t i = 0; i < heed_tensor_count(got); i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < heed_tensor_count(got); i++) {
        const double x = (double)heed_tensor_get(got, i),
                     tolerance = 16.0 * (8.0 + sqrt(n)) * FLT_EPSILON * largest;

        if (!(fabs(x - expected[i]) <= tolerance))
            fail_msg(
                "%s of configuration %d on %s: element %lld is %.9g, in double %.9g, tolerance %.2g (seed 1)",
                what, (int)(config - configs), device, (long long)i, x, expected[i], tolerance);
    }
}

/* Runs the plan in memory full of NaN: what is not written shows. */
static void *run_in_used_memory(heed_plan *plan)
{
    const size_t bytes = (heed_plan_bytes(plan) + 63) / 64 * 64;
    void *block = aligned_alloc(64, bytes);

    assert_non_null(block);
    memset(block, 0xff, bytes);
    assert_int_equal(heed_plan_place(plan, block, NULL), HEED_OK);
    heed_plan_run(plan);
    return block;
}

static void attention_and_its_gradient_agree_with_double(void **state)
{
    const op_case of = {"attention", build_config, 1, true};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        config = &configs[i];
        case_graph *c = case_open(&of);
        oracle o = solve(c);

        for (int d = 0; d < n_devices; d++) {
            const char *name = heed_device_name(&devices[d]);
            heed_plan *plan = case_plan(c, &devices[d], CASE_ALL);
            void *block = run_in_used_memory(plan);

            expect_near("z", name, heed_plan_value(plan, c->y), o.z);
            expect_near("lse", name, heed_plan_value(plan, c->y->outputs[1]), o.lse);
            expect_near("dq", name, heed_plan_value(plan, c->sources[0].node->grad), o.dq);
            expect_near("dk", name, heed_plan_value(plan, c->sources[1].node->grad), o.dk);
            expect_near("dv", name, heed_plan_value(plan, c->sources[2].node->grad), o.dv);
            heed_plan_destroy(plan);
            free(block);
        }
        free_oracle(&o);
        case_close(c);
    }
    case_devices_close(devices, n_devices);
}

/* --- where things lie ---------------------------------------------------------------------------- */

/* x W -> q | k | v (in the order of `order`) -> attention -> merged heads. */
static heed_node *attention_of_linear(case_graph *c, int64_t H, int64_t Hkv, const int order[3])
{
    const int64_t D = 4, columns[] = {H * D, Hkv * D, Hkv * D}, heads[] = {H, Hkv, Hkv};
    heed_node *x = case_parameter(c, heed_shape3(2, 5, 7)), *part[3];
    heed_node *w = case_parameter(c, heed_shape2(7, (H + 2 * Hkv) * D));
    heed_node *row = heed_name(c->g, heed_linear(c->g, x, w, NULL, HEED_WEIGHT_IN_OUT), "row");
    const heed_attention_options options = {.causal = true};
    int64_t start = 0;

    for (int i = 0; i < 3; i++) {
        const int which = order[i];

        part[which] = heed_split_heads(c->g, heed_narrow(c->g, row, start, columns[which]), heads[which]);
        start += columns[which];
    }
    return heed_merge_heads(c->g, heed_attention(c->g, part[0], part[1], part[2], &options));
}

static heed_node *fused(case_graph *c)
{
    return attention_of_linear(c, 2, 2, (const int[]){0, 1, 2});
}

static heed_node *fused_shared(case_graph *c)
{
    return attention_of_linear(c, 4, 2, (const int[]){0, 1, 2});
}

static heed_node *fused_values_first(case_graph *c)
{
    return attention_of_linear(c, 4, 2, (const int[]){2, 0, 1});
}

static void gradient_of_a_fused_row_is_written_in_place(void **state)
{
    const op_case cases[] = {
        {"fused", fused, 1, true}, {"shared", fused_shared, 1, true}, {"v first", fused_values_first, 1, true}};
    heed_device device = {.n_threads = 1};

    (void)state;
    for (int i = 0; i < 3; i++) {
        case_graph *c = case_open(&cases[i]);
        const heed_node *drow = heed_graph_find(c->g, "d.row");
        heed_plan *plan = case_plan(c, &device, CASE_REFERENCE);

        assert_non_null(drow);
        assert_ptr_equal(drow->op, &heed_op_alias);
        assert_ptr_equal(drow->owner->op, &heed_op_attention_backward);
        assert_int_equal(drow->offset, 0);
        assert_true(heed_tensor_is_dense(&drow->tensor));
        for (int s = 0; s < heed_plan_n_steps(plan); s++) {
            const heed_op *op = heed_plan_step(plan, s)->op;
            if (op == &heed_op_copy || op == &heed_op_widen || op == &heed_op_add)
                fail_msg("%s: step %d is a %s", cases[i].name, s, op->name);
        }
        heed_plan_destroy(plan);
        case_close(c);
    }
}

static void merging_the_heads_of_attention_copies_nothing(void **state)
{
    const op_case of = {"fused", fused, 1, false};
    case_graph *c = case_open(&of);

    (void)state;
    assert_ptr_equal(c->y->op, &heed_op_merge_heads);
    assert_ptr_equal(c->y->owner->op, &heed_op_attention);
    assert_true(heed_tensor_is_dense(&c->y->tensor));
    case_close(c);
}

/* --- a cache ------------------------------------------------------------------------------------- */

static heed_node *cached(case_graph *c)
{
    heed_node *k = case_state(c, heed_shape4(1, 2, 40, 8)), *v = case_state(c, heed_shape4(1, 2, 40, 8));
    const heed_attention_options options = {.causal = true, .past = case_int(c, 20)};

    return heed_attention(c->g, case_parameter(c, heed_shape4(1, 4, 3, 8)), k, v, &options);
}

/* Rows past .. of the cache hold what an earlier, longer text left there. */
static void keys_that_do_not_exist_yet_change_no_bit(void **state)
{
    const op_case of = {"cached", cached, 1, false};
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 1);

    (void)state;
    for (int d = 0; d < n_devices; d++) {
        case_graph *c = case_open(&of);
        heed_plan *plan = case_plan(c, &devices[d], CASE_ALL);
        float before[4 * 3 * 8];

        heed_plan_run(plan);
        for (int i = 0; i < 96; i++)
            before[i] = heed_tensor_get(heed_plan_value(plan, c->y), i);
        for (int i = 0; i < 2 * 40 * 8; i++) {
            for (int s = 0; s < 2; s++) /* 23 keys exist: 20 before these 3 queries */
                heed_tensor_set(&c->sources[s].node->tensor, i,
                                i / 8 % 40 < 23 ? heed_tensor_get(&c->sources[s].node->tensor, i) : 1e30f);
        }
        heed_plan_run(plan);
        for (int i = 0; i < 96; i++) {
            if (before[i] != heed_tensor_get(heed_plan_value(plan, c->y), i))
                fail_msg("%s: element %d was %.9g and is %.9g", heed_device_name(&devices[d]), i,
                         (double)before[i], (double)heed_tensor_get(heed_plan_value(plan, c->y), i));
        }
        heed_plan_destroy(plan);
        case_close(c);
    }
    case_devices_close(devices, n_devices);
}

/* --- errors -------------------------------------------------------------------------------------- */

static void expect_refused(heed_shape q, heed_shape k, heed_shape v, const char *words)
{
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {.causal = true};
    heed_error err = {0};

    assert_non_null(g);
    assert_null(heed_attention(g, heed_graph_parameter(g, "q", q), heed_graph_parameter(g, "k", k),
                               heed_graph_parameter(g, "v", v), &options));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    if (strstr(err.message, words) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", words, err.message);
    heed_graph_destroy(g);
}

static void shapes_that_do_not_fit_are_named(void **state)
{
    const heed_shape q = heed_shape4(2, 4, 5, 8);

    (void)state;
    expect_refused(q, heed_shape4(2, 3, 5, 8), heed_shape4(2, 3, 5, 8),
                   "4 query heads cannot share 3 key heads");
    expect_refused(q, heed_shape4(2, 4, 5, 7), heed_shape4(2, 4, 5, 7), "q [2, 4, 5, 8] and k [2, 4, 5, 7]");
    expect_refused(q, heed_shape4(2, 4, 4, 8), heed_shape4(2, 4, 4, 8), "5 queries but only 4 keys");
    expect_refused(q, heed_shape4(2, 4, 5, 8), heed_shape4(2, 4, 6, 8), "[2, 4, 6, 8]");
    expect_refused(heed_shape3(2, 5, 32), heed_shape4(2, 4, 5, 8), heed_shape4(2, 4, 5, 8), "q [2, 5, 32]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_and_its_gradient_agree_with_double),
        cmocka_unit_test(gradient_of_a_fused_row_is_written_in_place),
        cmocka_unit_test(merging_the_heads_of_attention_copies_nothing),
        cmocka_unit_test(keys_that_do_not_exist_yet_change_no_bit),
        cmocka_unit_test(shapes_that_do_not_fit_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
