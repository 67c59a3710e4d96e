/* SPDX-License-Identifier: MIT */
/* Attention over plain arrays, held against the same formulas in double precision. */
#include "cmocka_all.h"

#include <heed/attention.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* --- the formulas in double --- */

typedef struct oracle {
    double *scores, *weights, *out, *lse, *entropy, *dq, *dk, *dv, *dscores, *dweights;
} oracle;

static double slope(const heed_attention_inputs *in, int64_t h)
{
    const int64_t n = in->n_heads;
    int64_t base = 1;

    while (2 * base <= n)
        base *= 2;
    if (!in->alibi)
        return 0.0;
    return h < base ? pow(2.0, -8.0 * (double)(h + 1) / (double)base)
                    : pow(2.0, -4.0 * (double)(2 * (h - base) + 1) / (double)base);
}

static double score(const heed_attention_inputs *in, int64_t h, int64_t i, int64_t j)
{
    const float *q = in->q + (h * in->n_query + i) * in->head_dim;
    const float *k = in->k + (h * in->n_kv_heads / in->n_heads * in->n_key + j) * in->head_dim;
    double dot = 0.0;

    if (!heed_mask_sees(&in->mask, i, j))
        return in->fill_1e9 ? -1e9 : -INFINITY;
    for (int64_t d = 0; d < in->head_dim; d++)
        dot += (double)q[d] * (double)k[d];
    dot *= in->scale != 0.0 ? in->scale : 1.0 / sqrt((double)in->head_dim);
    if (in->bias != NULL)
        dot += (double)in->bias[(h * in->n_query + i) * in->n_key + j];
    return dot - slope(in, h) * (double)(in->mask.position + i - j);
}

static double *zeros(int64_t n)
{
    double *x = calloc((size_t)n, sizeof *x);

    assert_non_null(x);
    return x;
}

/* Row (h, i): scores, weights, what follows from them, and the gradients it sends. */
static void oracle_row(const heed_attention_inputs *in, oracle *o, int64_t h, int64_t i)
{
    const int64_t n_key = in->n_key, row = h * in->n_query + i, kv = h * in->n_kv_heads / in->n_heads;
    const double scale = in->scale != 0.0 ? in->scale : 1.0 / sqrt((double)in->head_dim);
    double *s = o->scores + row * n_key, *w = o->weights + row * n_key, max = -INFINITY, sum = 0.0, dot = 0.0;

    for (int64_t j = 0; j < n_key; j++) {
        s[j] = score(in, h, i, j);
        max = fmax(max, s[j]);
    }
    for (int64_t j = 0; j < n_key && max > -INFINITY; j++)
        sum += w[j] = exp(s[j] - max);
    o->lse[row] = sum > 0.0 ? max + log(sum) : -INFINITY;
    for (int64_t j = 0; j < n_key; j++) {
        w[j] = sum > 0.0 ? w[j] / sum : 0.0;
        o->entropy[row] -= w[j] > 0.0 ? w[j] * log(w[j]) : 0.0;
        for (int64_t d = 0; d < in->v_dim; d++) {
            const double v = (double)in->v[(kv * n_key + j) * in->v_dim + d];
            const double dout = (double)in->dout[row * in->v_dim + d];
            o->out[row * in->v_dim + d] += w[j] * v;
            o->dweights[row * n_key + j] += dout * v;
            o->dv[(kv * n_key + j) * in->v_dim + d] += w[j] * dout;
        }
        dot += w[j] * o->dweights[row * n_key + j];
    }
    for (int64_t j = 0; j < n_key; j++) {
        const double ds = w[j] * (o->dweights[row * n_key + j] - dot);
        o->dscores[row * n_key + j] = ds;
        if (!heed_mask_sees(&in->mask, i, j)) /* a score that is filled in is none of q and k */
            continue;
        for (int64_t d = 0; d < in->head_dim; d++) {
            o->dq[row * in->head_dim + d] += scale * ds * (double)in->k[(kv * n_key + j) * in->head_dim + d];
            o->dk[(kv * n_key + j) * in->head_dim + d] += scale * ds * (double)in->q[row * in->head_dim + d];
        }
    }
}

/* --- cases --- */

typedef struct result_arrays {
    heed_attention_results want;
    int64_t pairs, rows, out, q, k, v;
} result_arrays;

static float *floats(int64_t n)
{
    float *x = calloc((size_t)n, sizeof *x);

    assert_non_null(x);
    return x;
}

static result_arrays make_results(const heed_attention_inputs *in)
{
    result_arrays r = {.rows = in->n_heads * in->n_query};

    r.pairs = r.rows * in->n_key;
    r.out = r.rows * in->v_dim;
    r.q = r.rows * in->head_dim;
    r.k = in->n_kv_heads * in->n_key * in->head_dim;
    r.v = in->n_kv_heads * in->n_key * in->v_dim;
    r.want = (heed_attention_results){floats(r.out),   floats(r.rows), floats(r.rows), floats(r.pairs),
                                      floats(r.pairs), floats(r.q),    floats(r.k),    floats(r.v),
                                      floats(r.pairs), floats(r.pairs)};
    return r;
}

static void free_results(const result_arrays *r)
{
    float *all[] = {r->want.out, r->want.lse, r->want.entropy, r->want.scores,  r->want.weights,
                    r->want.dq,  r->want.dk,  r->want.dv,      r->want.dscores, r->want.dweights};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static float *random_floats(int64_t n, uint64_t stream)
{
    heed_rng rng = heed_rng_make(7, stream);
    float *x = floats(n);

    for (int64_t i = 0; i < n; i++)
        x[i] = heed_rng_float(&rng) * 2.0f - 1.0f;
    return x;
}

/*
 * Single precision loses 6e-8 of the largest term in each of n additions, the errors of signs that alternate add up like
 * a root; 2e-6 beside numbers of size one and sums of up to 40 terms leaves some room.
 */
static void expect_near(const char *name, const char *what, const float *got, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double tolerance = 2e-6 + 4e-6 * (isfinite(want[i]) ? fabs(want[i]) : 0.0);
        const bool same = isinf(want[i]) ? (double)got[i] == want[i]
                                         : fabs((double)got[i] - want[i]) <= tolerance;
        if (!same)
            fail_msg("%s: %s[%lld] is %.9g, expected %.9g", name, what, (long long)i, (double)got[i], want[i]);
    }
}

static void compare(const char *name, const heed_attention_inputs *in, const result_arrays *r)
{
    oracle o = {zeros(r->pairs), zeros(r->pairs), zeros(r->out), zeros(r->rows),  zeros(r->rows),
                zeros(r->q),     zeros(r->k),     zeros(r->v),   zeros(r->pairs), zeros(r->pairs)};
    double *all[] = {o.scores, o.weights, o.out, o.lse, o.entropy, o.dq, o.dk, o.dv, o.dscores, o.dweights};

    for (int64_t row = 0; row < r->rows; row++)
        oracle_row(in, &o, row / in->n_query, row % in->n_query);
    expect_near(name, "scores", r->want.scores, o.scores, r->pairs);
    expect_near(name, "weights", r->want.weights, o.weights, r->pairs);
    expect_near(name, "out", r->want.out, o.out, r->out);
    expect_near(name, "lse", r->want.lse, o.lse, r->rows);
    expect_near(name, "entropy", r->want.entropy, o.entropy, r->rows);
    expect_near(name, "dweights", r->want.dweights, o.dweights, r->pairs);
    expect_near(name, "dscores", r->want.dscores, o.dscores, r->pairs);
    expect_near(name, "dq", r->want.dq, o.dq, r->q);
    expect_near(name, "dk", r->want.dk, o.dk, r->k);
    expect_near(name, "dv", r->want.dv, o.dv, r->v);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static const uint8_t some_keys[9] = {1, 0, 1, 1, 1, 1, 1, 0, 0}, blocks[6] = {1, 0, 0, 0, 1, 1};
static const uint8_t pairs[5 * 9] = {[3] = 1, [4] = 1, [9] = 1, [10] = 1, [30] = 1, [44] = 1};
static const int32_t documents[9] = {0, 0, 0, 1, 1, 1, 2, 2, 2}, other_documents[5] = {2, 2, 0, 7, 1};

typedef struct attention_case {
    const char *name;
    heed_mask mask;
    bool bias, alibi, fill_1e9;
    double scale;
} attention_case;

static const attention_case cases[] = {
    {.name = "nothing hidden"},
    {.name = "a scale of its own", .scale = 0.7},
    {.name = "causal from the first key", .mask = {.causal = true}},
    {.name = "causal to the last key", .mask = {.causal = true, .position = 4}},
    {.name = "window", .mask = {.causal = true, .position = 4, .window = 3}},
    {.name = "window without a direction", .mask = {.position = 4, .window = 2}},
    {.name = "stride", .mask = {.causal = true, .position = 4, .stride = 3}},
    {.name = "prefix", .mask = {.causal = true, .position = 1, .prefix = 4}},
    {.name = "padding", .mask = {.causal = true, .position = 1, .keys = some_keys}},
    {.name = "documents",
     .mask = {.causal = true, .position = 4, .query_documents = documents + 4, .key_documents = documents}},
    {.name = "documents of other queries",
     .mask = {.query_documents = other_documents, .key_documents = documents}},
    {.name = "blocks", .mask = {.blocks = blocks, .block = 3, .blocks_stride = 3}},
    {.name = "pairs", .mask = {.pairs = pairs, .pairs_stride = 9}},
    {.name = "-1e9 in place of -inf", .mask = {.pairs = pairs, .pairs_stride = 9}, .fill_1e9 = true},
    {.name = "all before the first key", .mask = {.causal = true, .position = -9}},
    {.name = "bias", .mask = {.causal = true, .position = 4}, .bias = true},
    {.name = "ALiBi", .mask = {.causal = true, .position = 4}, .alibi = true},
    {.name = "ALiBi, pairs by other documents",
     .mask = {.position = 4, .query_documents = other_documents, .key_documents = documents},
     .alibi = true},
};

/* Arrays of a case: 6 heads that share 3, 5 queries, 9 keys, values of another length. */
static heed_attention_inputs make_inputs(const attention_case *c, float **owned)
{
    heed_attention_inputs in = {.n_heads = 6,
                                .n_kv_heads = 3,
                                .n_query = 5,
                                .n_key = 9,
                                .head_dim = 7,
                                .v_dim = 4,
                                .scale = c->scale,
                                .mask = c->mask,
                                .alibi = c->alibi,
                                .fill_1e9 = c->fill_1e9,
                                .threads = 2};

    in.q = owned[0] = random_floats(6 * 5 * 7, 1);
    in.k = owned[1] = random_floats(3 * 9 * 7, 2);
    in.v = owned[2] = random_floats(3 * 9 * 4, 3);
    in.dout = owned[3] = random_floats(6 * 5 * 4, 4);
    owned[4] = random_floats(6 * 5 * 9, 5);
    in.bias = c->bias ? owned[4] : NULL;
    return in;
}

static void every_kind_of_attention_is_what_its_formula_says(void **state)
{
    float *owned[5];
    heed_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_attention_inputs in = make_inputs(&cases[i], owned);

        for (int plain = 0; plain < 2; plain++) {
            result_arrays r = make_results(&in);
            in.plain = plain;
            if (heed_attention_run(&in, &r.want, &err) != HEED_OK)
                fail_msg("%s: %s", cases[i].name, err.message);
            compare(cases[i].name, &in, &r);
            free_results(&r);
        }
        for (int k = 0; k < 5; k++)
            free(owned[k]);
    }
}

static void what_is_wanted_changes_no_bit_of_the_others(void **state)
{
    const attention_case causal = {.name = "causal", .mask = {.causal = true, .position = 4}};
    float *owned[5], out[6 * 5 * 4], dq[6 * 5 * 7];
    const heed_attention_inputs in = make_inputs(&causal, owned);
    result_arrays r = make_results(&in);

    (void)state;
    assert_int_equal(heed_attention_run(&in, &r.want, NULL), HEED_OK);
    assert_int_equal(heed_attention_run(&in, &(heed_attention_results){.out = out}, NULL), HEED_OK);
    assert_memory_equal(out, r.want.out, sizeof out);
    assert_int_equal(heed_attention_run(&in, &(heed_attention_results){.dq = dq}, NULL), HEED_OK);
    assert_memory_equal(dq, r.want.dq, sizeof dq);
    free_results(&r);
    for (int k = 0; k < 5; k++)
        free(owned[k]);
}

static void sizes_have_their_defaults(void **state)
{
    const float x[3][2] = {{1, 0}, {0, 1}, {1, 1}};
    const heed_attention_inputs in = {.n_query = 3, .head_dim = 2, .q = x[0], .k = x[0], .v = x[0]};
    float weights[3][3];

    (void)state;
    assert_int_equal(heed_attention_run(&in, &(heed_attention_results){.weights = weights[0]}, NULL), HEED_OK);
    for (int i = 0; i < 3; i++) {
        const double e[3] = {exp((double)(x[i][0]) / sqrt(2.0)), exp((double)(x[i][1]) / sqrt(2.0)),
                             exp((double)(x[i][0] + x[i][1]) / sqrt(2.0))};
        for (int j = 0; j < 3; j++)
            assert_true(fabs((double)weights[i][j] - e[j] / (e[0] + e[1] + e[2])) < 1e-6);
    }
}

static void a_lookup_takes_the_value_of_the_first_of_the_largest(void **state)
{
    const float q[3][1] = {{1}, {-1}, {1}}, k[4][1] = {{2}, {3}, {3}, {9}};
    const float v[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}, dout[3][2] = {{1, 10}, {2, 20}, {4, 40}};
    const uint8_t keys[4] = {1, 1, 1, 0};
    heed_attention_inputs in = {.n_query = 3,
                                .n_key = 4,
                                .head_dim = 1,
                                .v_dim = 2,
                                .q = q[0],
                                .k = k[0],
                                .v = v[0],
                                .mask.keys = keys,
                                .dout = dout[0],
                                .lookup = true};
    const float taken[6] = {3, 4, 1, 2, 3, 4}, into[8] = {2, 20, 5, 50, 0, 0, 0, 0};
    float out[6], scores[12], dv[8];

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        in.plain = plain;
        assert_int_equal(
            heed_attention_run(&in, &(heed_attention_results){.out = out, .scores = scores, .dv = dv}, NULL),
            HEED_OK);
        assert_memory_equal(out, taken, sizeof out);
        assert_memory_equal(dv, into, sizeof dv);
        assert_true(scores[1] == 3.0f && scores[2] == 3.0f && scores[3] == -INFINITY);
    }
}

/* --- what does not fit --- */

static void expect_refusal(const heed_attention_inputs *in, const heed_attention_results *want,
                           heed_status status, const char *message)
{
    heed_error err = {0};

    assert_int_equal(heed_attention_run(in, want, &err), status);
    assert_string_equal(err.message, message);
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    const attention_case plain = {.name = "plain"};
    float *owned[5], out[6 * 5 * 7];
    const heed_attention_inputs good = make_inputs(&plain, owned);
    const heed_attention_results want = {.out = out}, gradient = {.dq = out};
    heed_attention_inputs in = good;

    (void)state;
    in.n_kv_heads = 4;
    expect_refusal(&in, &want, HEED_ERR_SHAPE, "n_kv_heads: expected a divisor of n_heads = 6, got 4");
    in = good;
    in.n_query = 0;
    expect_refusal(&in, &want, HEED_ERR_SHAPE, "n_query: expected 1 to 2147483647, got 0");
    in = good;
    in.mask.window = -1;
    expect_refusal(&in, &want, HEED_ERR_USAGE, "window: expected 0 or more, got -1");
    in = good;
    in.scale = -1.0;
    expect_refusal(&in, &want, HEED_ERR_USAGE, "scale: expected a positive number that a float holds, got -1");
    in.scale = 1e-60;
    expect_refusal(&in, &want, HEED_ERR_USAGE,
                   "scale: expected a positive number that a float holds, got 1e-60");
    in = good;
    in.mask.position = INT64_MAX;
    expect_refusal(&in, &want, HEED_ERR_USAGE,
                   "position: expected -1073741824 to 1073741824, got 9223372036854775807");
    in = good;
    in.n_query = in.head_dim = INT32_MAX;
    expect_refusal(&in, &want, HEED_ERR_SHAPE, "q: no memory holds [6, 2147483647, 2147483647]");
    in = good;
    in.v = NULL;
    expect_refusal(&in, &want, HEED_ERR_USAGE, "v: expected [3, 9, 4], got nothing");
    in = good;
    in.dout = NULL;
    expect_refusal(&in, &gradient, HEED_ERR_USAGE, "dout: expected [6, 5, 4], got nothing");
    owned[0][(1 * 5 + 2) * 7] = NAN;
    expect_refusal(&good, &want, HEED_ERR_USAGE, "q[1,2,0]: expected a finite number, got nan");
    owned[0][(1 * 5 + 2) * 7] = 0.0f;
    owned[1][(2 * 9 + 8) * 7 + 6] = INFINITY;
    expect_refusal(&good, &want, HEED_ERR_USAGE, "k[2,8,6]: expected a finite number, got inf");
    owned[1][(2 * 9 + 8) * 7 + 6] = 0.0f;
    in = good;
    in.bias = owned[4];
    owned[4][9] = NAN;
    expect_refusal(&in, &want, HEED_ERR_USAGE, "bias[0,1,0]: expected a finite number or -inf, got nan");
    in = good;
    in.lookup = true;
    expect_refusal(&in, &gradient, HEED_ERR_USAGE, "lookup: expected out, scores or dv to be wanted, got dq");
    in = good;
    in.threads = -1;
    expect_refusal(&in, &want, HEED_ERR_USAGE, "expected 0 to 1024 threads, got -1");
    for (int k = 0; k < 5; k++)
        free(owned[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_attention_is_what_its_formula_says),
        cmocka_unit_test(what_is_wanted_changes_no_bit_of_the_others),
        cmocka_unit_test(sizes_have_their_defaults),
        cmocka_unit_test(a_lookup_takes_the_value_of_the_first_of_the_largest),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
