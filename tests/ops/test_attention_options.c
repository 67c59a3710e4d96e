/* SPDX-License-Identifier: MIT */
/* What attention promises beyond its formulas: rows that see nothing, looking up, plain means, NaN, bf16, errors. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "one.h"

static void expect_near(const char *what, const heed_device *device, const float *got, const float *expected,
                        int64_t n, double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - (double)expected[i]) <= tolerance) && got[i] != expected[i])
            fail_msg("%s on %s: element %lld is %.9g, expected %.9g, tolerance %.2g", what,
                     heed_device_name(device), (long long)i, (double)got[i], (double)expected[i], tolerance);
    }
}

typedef void device_fn(heed_device *device);

static void on_all_devices(device_fn *fn)
{
    heed_device devices[CASE_MAX_DEVICES];
    const int n = case_devices(devices, 2);

    for (int d = 0; d < n; d++)
        fn(&devices[d]);
    case_devices_close(devices, n);
}

/* Values that are easy to tell apart. */
static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((i * 37 + 11) % 23 - 11) / 8.0f;
}

/* --- a mean of all that was, in three forms -------------------------------------------------------- */

static void means_agree_on(heed_device *device)
{
    enum { T = 13, D = 5 };
    float x[T * D], triangle[T * T] = {0.0f}, zeros[T * D] = {0.0f}, loop[T * D], product[T * D],
                                 softmax[T * D];
    heed_graph *g = heed_graph_create();
    const heed_attention_options causal = {.causal = true};
    heed_node *values, *zero;

    fill(x, T * D);
    for (int t = 0; t < T; t++) {
        for (int s = 0; s <= t; s++)
            triangle[t * T + s] = 1.0f / (float)(t + 1);
    }
    values = one_source(g, "x", HEED_F32, heed_shape3(1, T, D), x);
    zero = heed_split_heads(g, one_source(g, "zeros", HEED_F32, heed_shape3(1, T, D), zeros), 1);
    one_run(g, heed_running_mean(g, values), device, loop);
    one_run(g,
            heed_matmul(g, one_source(g, "triangle", HEED_F32, heed_shape3(1, T, T), triangle), values, false,
                        false),
            device, product);
    one_run(g, heed_merge_heads(g, heed_attention(g, zero, zero, heed_split_heads(g, values, 1), &causal)),
            device, softmax);
    /* up to 13 numbers below 1.5 are added in different orders: 13 roundings of their size at most */
    expect_near("a product with a triangle", device, product, loop, T * D, 13 * 1.5 * FLT_EPSILON);
    expect_near("softmax of zeros", device, softmax, loop, T * D, 13 * 1.5 * FLT_EPSILON);
    heed_graph_destroy(g);
}

static void uniform_averaging_agrees_in_three_forms(void **state)
{
    (void)state;
    on_all_devices(means_agree_on);
}

/* --- rows that see nothing ------------------------------------------------------------------------- */

enum { NQ = 5, NK = 3, ND = 2 }; /* queries 0 and 1 stand before all keys */

typedef struct blind {
    heed_graph *g;
    heed_node *z;
    float q[NQ * ND], k[NK * ND], v[NK * ND];
} blind;

static void blind_open(blind *b, bool fill_1e9)
{
    const heed_attention_options options = {
        .causal = true, .at_position = true, .position = -2, .fill_1e9 = fill_1e9};

    fill(b->q, NQ * ND);
    fill(b->k, NK * ND);
    fill(b->v, NK * ND);
    b->g = heed_graph_create();
    heed_node *q = one_source(b->g, "q", HEED_F32, heed_shape4(1, 1, NQ, ND), b->q);
    heed_node *k = one_source(b->g, "k", HEED_F32, heed_shape4(1, 1, NK, ND), b->k);
    b->z = heed_attention(b->g, q, k, one_source(b->g, "v", HEED_F32, heed_shape4(1, 1, NK, ND), b->v),
                          &options);
}

static void expect_blind_row(heed_device *device, bool fill_1e9)
{
    blind b;
    float z[NQ * ND], lse[NQ], entropy[NQ], scores[NQ * NK], pattern[NQ * NK], mean[ND] = {0.0f};
    const float log_n = logf((float)NK), none[NK] = {0.0f, 0.0f, 0.0f};
    const float each[NK] = {1.0f / NK, 1.0f / NK, 1.0f / NK};

    blind_open(&b, fill_1e9);
    for (int i = 0; i < NK * ND; i++)
        mean[i % ND] += b.v[i] / (float)NK;
    one_run(b.g, b.z, device, z);
    one_run(b.g, b.z->outputs[HEED_ATTENTION_LSE], device, lse);
    one_run(b.g, b.z->outputs[HEED_ATTENTION_ENTROPY], device, entropy);
    one_run(b.g, b.z->outputs[HEED_ATTENTION_SCORES], device, scores);
    one_run(b.g, b.z->outputs[HEED_ATTENTION_PATTERN], device, pattern);
    for (int i = 0; i < 2; i++) {
        expect_near("z", device, z + i * ND, fill_1e9 ? mean : none, ND, fill_1e9 ? 4 * FLT_EPSILON : 0.0);
        expect_near("pattern", device, pattern + i * NK, fill_1e9 ? each : none, NK, 0.0);
        expect_near("lse", device, lse + i, &(float){fill_1e9 ? -1e9f + log_n : -INFINITY}, 1, 0.0);
        expect_near("entropy", device, entropy + i, &(float){fill_1e9 ? log_n : 0.0f}, 1, 4 * FLT_EPSILON);
    }
    assert_true(scores[1] == (fill_1e9 ? -1e9f : -INFINITY));
    assert_true(scores[3 * NK + 2] ==
                (fill_1e9 ? -1e9f : -INFINITY)); /* hidden from a query that sees others */
    assert_true(pattern[3 * NK + 2] == 0.0f && lse[3] > -100.0f);
    heed_graph_destroy(b.g);
}

static void blind_rows_on(heed_device *device)
{
    expect_blind_row(device, false);
    expect_blind_row(device, true);
}

static void a_query_that_sees_nothing_gets_zeros_or_as_asked_the_mean(void **state)
{
    (void)state;
    on_all_devices(blind_rows_on);
}

/* --- looking up ------------------------------------------------------------------------------------ */

static void lookup_on(heed_device *device)
{
    float q[] = {1.0f, 0.0f, 0.0f, 1.0f, 1.0f, 1.0f}, k[] = {1.0f, 0.0f, 0.0f, 2.0f, 1.0f, 1.0f, 0.0f, 2.0f};
    float v[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f}, got[6], soft[6];
    const float expected[] = {1.0f, 2.0f, 3.0f,
                              4.0f, 3.0f, 4.0f}; /* keys 0 and 2, 1 and 3, 1, 2 and 3 are equal */
    heed_graph *g = heed_graph_create();
    heed_node *queries = one_source(g, "q", HEED_F32, heed_shape4(1, 1, 3, 2), q);
    heed_node *keys = one_source(g, "k", HEED_F32, heed_shape4(1, 1, 4, 2), k);
    heed_node *values = one_source(g, "v", HEED_F32, heed_shape4(1, 1, 4, 2), v);
    const heed_attention_options options = {.scale = 1.0f}, steep = {.scale = 1e4f, .causal = true};

    one_run(g, heed_attention_lookup(g, queries, keys, values, &options), device, got);
    expect_near("lookup", device, got, expected, 6, 0.0);
    k[4] = 0.5f; /* then no scores are equal that a query sees */
    k[6] = 0.25f;
    one_run(g, heed_attention_lookup(g, queries, keys, values, &steep), device, got);
    one_run(g, heed_attention(g, queries, keys, values, &steep), device, soft);
    expect_near("attention with a steep scale", device, soft, got, 6, 0.0);
    heed_graph_destroy(g);
}

static void a_look_up_takes_the_first_of_the_largest_scores(void **state)
{
    (void)state;
    on_all_devices(lookup_on);
}

/* --- NaN ------------------------------------------------------------------------------------------- */

static void nan_on(heed_device *device)
{
    enum { T = 40, D = 4 };
    float q[T * D], k[T * D], v[T * D], z[T * D];
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {.causal = true};

    fill(q, T * D);
    fill(k, T * D);
    fill(v, T * D);
    k[20 * D + 1] = NAN;
    heed_node *queries = one_source(g, "q", HEED_F32, heed_shape4(1, 1, T, D), q);
    heed_node *keys = one_source(g, "k", HEED_F32, heed_shape4(1, 1, T, D), k);
    one_run(
        g, heed_attention(g, queries, keys, one_source(g, "v", HEED_F32, heed_shape4(1, 1, T, D), v), &options),
        device, z);
    for (int i = 0; i < T * D; i++) {
        if (i / D >= 20 && !isnan(z[i]))
            fail_msg("on %s: query %d sees a NaN and gives %.9g", heed_device_name(device), i / D,
                     (double)z[i]);
        if (i / D < 5 && isnan(z[i])) /* kernels may carry it to the 15 queries before */
            fail_msg("on %s: query %d sees no NaN and gives one", heed_device_name(device), i / D);
    }
    heed_graph_destroy(g);
}

/* What is shown of such a query, too: neither its pattern nor its entropy are numbers. */
static void shown_nan_on(heed_device *device, bool half)
{
    enum { T = 40, D = 4 };
    float q[T * D], k[T * D], pattern[T * T], entropy[T];
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {.causal = true};

    fill(q, T * D);
    fill(k, T * D);
    k[20 * D + 1] = NAN;
    heed_node *queries = one_source(g, "q", HEED_F32, heed_shape4(1, 1, T, D), q);
    heed_node *keys = one_source(g, "k", HEED_F32, heed_shape4(1, 1, T, D), k);

    if (half) {
        queries = heed_to_bf16(g, queries);
        keys = heed_to_bf16(g, keys);
    }
    heed_node *z = heed_attention(g, queries, keys, queries, &options);

    one_run(g, z->outputs[HEED_ATTENTION_PATTERN], device, pattern);
    one_run(g, z->outputs[HEED_ATTENTION_ENTROPY], device, entropy);
    for (int i = 20; i < T; i++) {
        for (int j = 0; j <= i; j++)
            if (!isnan(pattern[i * T + j]))
                fail_msg("on %s, %s: query %d sees a NaN and weighs key %d by %.9g", heed_device_name(device),
                         half ? "bf16" : "f32", i, j, (double)pattern[i * T + j]);
        if (!isnan(entropy[i]))
            fail_msg("on %s, %s: query %d sees a NaN and has entropy %.9g", heed_device_name(device),
                     half ? "bf16" : "f32", i, (double)entropy[i]);
    }
    heed_graph_destroy(g);
}

static void shown_nans_on(heed_device *device)
{
    shown_nan_on(device, false);
    shown_nan_on(device, true);
}

static void nan_reaches_the_queries_that_see_it(void **state)
{
    (void)state;
    on_all_devices(nan_on);
    on_all_devices(shown_nans_on);
}

/* --- bf16 ------------------------------------------------------------------------------------------ */

/* The same numbers as bf16 and as f32: they differ by the rounding of the result, 2^-9 of it, and of the weights. */
static void bf16_on(heed_device *device)
{
    enum { T = 70, D = 8 };
    float x[3][T * D], z[T * D], half[T * D];
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {.causal = true, .window = 30, .alibi = true};
    heed_node *f[3], *h[3];

    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        fill(x[i], T * D);
        f[i] = one_source(g, name, HEED_F32, heed_shape4(1, 1, T, D), x[i]); /* eighths: exact in bf16 */
        h[i] = heed_to_bf16(g, f[i]);
    }
    heed_node *of_half = heed_attention(g, h[0], h[1], h[2], &options);
    assert_non_null(of_half);
    assert_int_equal(of_half->tensor.dtype, HEED_BF16);
    one_run(g, heed_attention(g, f[0], f[1], f[2], &options), device, z);
    one_run(g, heed_to_f32(g, of_half), device, half);
    expect_near("bf16", device, half, z, T * D, 1.5 * 0.0078125);
    heed_graph_destroy(g);
}

static void bf16_is_near_f32(void **state)
{
    (void)state;
    on_all_devices(bf16_on);
}

/* 600 queries that see nothing send 1 each to the one value there is: in bf16, 256 + 1 would be 256. */
static void shares_on(heed_device *device)
{
    enum { T = 600 };
    static float q[T];
    float k[1] = {0.0f}, one[1] = {1.0f}, dv;
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {
        .causal = true, .at_position = true, .position = -2 * T, .fill_1e9 = true};
    heed_node *queries = heed_to_bf16(g, one_source(g, "q", HEED_F32, heed_shape4(1, 1, T, 1), q));
    heed_node *key = one_source(g, "k", HEED_F32, heed_shape4(1, 1, 1, 1), k), *half = heed_to_bf16(g, key);

    heed_graph_differentiate(g, heed_sum(g, heed_to_f32(g, heed_attention(g, queries, half, half, &options))),
                             heed_graph_bound_input(g, "one", HEED_F32, heed_shape0(), one), heed_accumulate);
    one_run(g, key->grad, device, &dv);
    expect_near("the gradient of a value", device, &dv, &(float){(float)T}, 1, 0.0);
    heed_graph_destroy(g);
}

/* 600 heads that share the one key and value there is: the same sum. */
static void heads_on(heed_device *device)
{
    enum { H = 600 };
    static float q[H];
    float k[1] = {0.0f}, one[1] = {1.0f}, dv;
    heed_graph *g = heed_graph_create();
    const heed_attention_options options = {.causal = true};
    heed_node *queries = heed_to_bf16(g, one_source(g, "q", HEED_F32, heed_shape4(1, H, 1, 1), q));
    heed_node *key = one_source(g, "k", HEED_F32, heed_shape4(1, 1, 1, 1), k), *half = heed_to_bf16(g, key);

    heed_graph_differentiate(g, heed_sum(g, heed_to_f32(g, heed_attention(g, queries, half, half, &options))),
                             heed_graph_bound_input(g, "one", HEED_F32, heed_shape0(), one), heed_accumulate);
    one_run(g, key->grad, device, &dv);
    expect_near("the gradient of a value", device, &dv, &(float){(float)H}, 1, 0.0);
    heed_graph_destroy(g);
}

static void what_many_queries_or_heads_send_is_added_in_f32(void **state)
{
    (void)state;
    on_all_devices(shares_on);
    on_all_devices(heads_on);
}

/* --- errors ---------------------------------------------------------------------------------------- */

typedef struct misfit {
    const char *words;
    heed_attention_options options;
} misfit;

static void expect_refused(heed_graph *g, const heed_attention_options *options, const char *words)
{
    heed_node *q = heed_graph_parameter(g, "q", heed_shape4(2, 4, 5, 8));
    heed_node *k = heed_graph_parameter(g, "k", heed_shape4(2, 2, 7, 8));
    heed_error err = {HEED_OK, ""};

    assert_null(heed_attention(g, q, k, heed_graph_parameter(g, "v", heed_shape4(2, 2, 7, 8)), options));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    if (strstr(err.message, words) == NULL || strstr(err.message, "attention") == NULL)
        fail_msg("expected \"%s\" and the node's name in \"%s\"", words, err.message);
    heed_graph_destroy(g);
}

static void options_that_do_not_fit_are_named(void **state)
{
    const misfit numbers[] = {
        {"window of 0 (none) or more keys, got -1", {.window = -1}},
        {"stride of 0 (none) or more keys, got -2", {.stride = -2}},
        {"prefix of 0 (none) or more keys, got -3", {.prefix = -3}},
        {"scale of the scores must be positive", {.scale = -1.0f}},
        {"positive and finite, got inf", {.scale = INFINITY}},
        {"is out of range", {.at_position = true, .position = INT64_MAX}},
        {"is out of range", {.at_position = true, .position = INT64_MIN}},
    };
    heed_graph *g;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        expect_refused(heed_graph_create(), &numbers[i].options, numbers[i].words);
    g = heed_graph_create();
    expect_refused(g, &(heed_attention_options){.keys = heed_graph_input(g, "m", HEED_U8, heed_shape2(2, 6))},
                   "keys of shape [2, 7], got [2, 6]");
    g = heed_graph_create();
    expect_refused(g, &(heed_attention_options){.keys = heed_graph_input(g, "m", HEED_I32, heed_shape2(2, 7))},
                   "keys of type u8");
    g = heed_graph_create();
    expect_refused(g, &(heed_attention_options){.blocks = heed_graph_input(g, "m", HEED_U8, heed_shape2(2, 2))},
                   "blocks of 1 key or more, got 0");
    g = heed_graph_create();
    expect_refused(g, &(heed_attention_options){.bias = heed_graph_parameter(g, "m", heed_shape2(5, 6))},
                   "got [5, 6]");
    g = heed_graph_create();
    expect_refused(g,
                   &(heed_attention_options){.documents = heed_graph_input(g, "m", HEED_I32, heed_shape2(2, 7)),
                                             .at_position = true,
                                             .position = 3},
                   "got queries at 3 .. 7 and keys at 0 .. 6");
    g = heed_graph_create();
    expect_refused(
        g,
        &(heed_attention_options){.causal = true,
                                  .q_relative = heed_graph_parameter(g, "m", heed_shape4(2, 4, 5, 8)),
                                  .relative = heed_graph_parameter(g, "n", heed_shape2(6, 8)),
                                  .relative_zero = 5},
        "distances 0 .. 6 back need 7 rows");
    g = heed_graph_create();
    expect_refused(g, &(heed_attention_options){.relative = heed_graph_parameter(g, "n", heed_shape2(6, 8))},
                   "need both q_relative and relative");
}

/* A run of z over keys that are all alike: query i finds the mean of the values that it sees. */
static void expect_accepted(heed_device *device, heed_attention_options options, const float *expected)
{
    enum { T = 3 };
    float q[T] = {0.0f}, v[T] = {1.0f, 2.0f, 4.0f}, z[T];
    heed_graph *g = heed_graph_create();
    heed_node *zeros = one_source(g, "q", HEED_F32, heed_shape4(1, 1, T, 1), q);
    heed_node *values = one_source(g, "v", HEED_F32, heed_shape4(1, 1, T, 1), v);

    if (options.relative_zero > 0) {
        options.q_relative = zeros;
        options.relative = heed_reshape(g, values, heed_shape2(T, 1));
    }
    one_run(g, heed_attention(g, zeros, zeros, values, &options), device, z);
    expect_near("z", device, z, expected, T, 4 * FLT_EPSILON);
    heed_graph_destroy(g);
}

static void far_numbers_on(heed_device *device)
{
    const float all[] = {7.0f / 3, 7.0f / 3, 7.0f / 3}, causal[] = {1.0f, 1.5f, 7.0f / 3},
                late[] = {0.0f, 0.0f, 1.0f};
    const float third[] = {1.0f, 2.0f, 4.0f}; /* queries stand at 2^30 - 4, a multiple of 3, and behind it */

    expect_accepted(device, (heed_attention_options){.window = INT64_MAX, .at_position = true, .position = -2},
                    all);
    expect_accepted(device, (heed_attention_options){.stride = INT64_MAX, .causal = true}, causal);
    expect_accepted(device, (heed_attention_options){.prefix = INT64_MAX, .causal = true}, all);
    expect_accepted(
        device, (heed_attention_options){.stride = 3, .at_position = true, .position = ((int64_t)1 << 30) - 4},
        third);
    /* queries before all keys meet no distance, so that no row is missing */
    expect_accepted(
        device,
        (heed_attention_options){.causal = true, .at_position = true, .position = -2, .relative_zero = 2},
        late);
}

static void numbers_past_all_positions_reach_everywhere(void **state)
{
    (void)state;
    on_all_devices(far_numbers_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_averaging_agrees_in_three_forms),
        cmocka_unit_test(a_query_that_sees_nothing_gets_zeros_or_as_asked_the_mean),
        cmocka_unit_test(a_look_up_takes_the_first_of_the_largest_scores),
        cmocka_unit_test(nan_reaches_the_queries_that_see_it),
        cmocka_unit_test(bf16_is_near_f32),
        cmocka_unit_test(what_many_queries_or_heads_send_is_added_in_f32),
        cmocka_unit_test(options_that_do_not_fit_are_named),
        cmocka_unit_test(numbers_past_all_positions_reach_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
