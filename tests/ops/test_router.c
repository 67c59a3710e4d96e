/* SPDX-License-Identifier: MIT */
/* Where tokens go: ties, room, order, the loss of balance, and experts that nobody was sent to. */
#include <math.h>
#include <string.h>

#include "cases.h"
#include "one.h"
#include "ops/experts.h"

static heed_device plain_device(void)
{
    heed_device device;
    heed_error err = {0};

    if (heed_device_open(&device, "plain", 1, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return device;
}

static void expect_values(const char *what, const float *got, const float *expected, int n)
{
    for (int i = 0; i < n; i++) {
        if (got[i] != expected[i])
            fail_msg("%s: element %d is %g, expected %g", what, i, (double)got[i], (double)expected[i]);
    }
}

/* --- the choice --- */

static void of_equals_the_first_is_chosen_and_nan_comes_last(void **state)
{
    float p[] = {0.2f, 0.2f, 0.2f,      0.2f, 0.1f, 0.4f, 0.1f, 0.4f,
                 NAN,  0.3f, -INFINITY, 0.3f, NAN,  NAN,  NAN,  NAN};
    const float expected[] = {0, 1, 2, 1, 3, 0, 1, 3, 0, 0, 1, 2};
    heed_device device = plain_device();
    heed_graph *g = heed_graph_create();
    float index[12];

    (void)state;
    one_run(g, heed_top_k(g, one_source(g, "p", HEED_F32, heed_shape2(4, 4), p), 3), &device, index);
    expect_values("index", index, expected, 12);
    heed_graph_destroy(g);
    heed_device_close(&device);
}

static void the_gates_of_several_experts_sum_to_one_and_that_of_one_is_its_probability(void **state)
{
    float p[] = {0.5f, 0.125f, 0.25f, 0.125f};
    const float expected_two[] = {0.5f / 0.75f, 0.25f / 0.75f}, expected_one[] = {0.5f};
    heed_device device = plain_device();
    heed_graph *g = heed_graph_create();
    heed_node *probs = one_source(g, "p", HEED_F32, heed_shape2(1, 4), p);
    float gates[2];

    (void)state;
    one_run(g, heed_route(g, probs, 2, 0.0).gates, &device, gates);
    expect_values("gates of two", gates, expected_two, 2);
    one_run(g, heed_route(g, probs, 1, 0.0).gates, &device, gates);
    expect_values("gate of one", gates, expected_one, 1);
    heed_graph_destroy(g);
    heed_device_close(&device);
}

/* --- rows --- */

/* Outputs of expert_rows for six tokens with two experts each. */
static void check_rows(double capacity, const float *row, const float *source, int n_rows, const float *offsets)
{
    static const float load[] = {4.0f / 12.0f, 1.0f / 12.0f, 7.0f / 12.0f, 0.0f};
    int32_t index[] = {2, 0, 2, 0, 2, 1, 0, 2, 2, 2, 0, 2};
    heed_device device = plain_device();
    heed_graph *g = heed_graph_create();
    heed_node *rows = heed_expert_rows(g, one_source(g, "index", HEED_I32, heed_shape2(6, 2), index), 4,
                                       capacity);
    float got[12];

    assert_int_equal(heed_tensor_count(&rows->outputs[HEED_EXPERT_SOURCE]->tensor), n_rows);
    one_run(g, rows->outputs[HEED_EXPERT_ROW], &device, got);
    expect_values("row", got, row, 12);
    one_run(g, rows->outputs[HEED_EXPERT_SOURCE], &device, got);
    expect_values("source", got, source, n_rows);
    one_run(g, rows->outputs[HEED_EXPERT_OFFSETS], &device, got);
    expect_values("offsets", got, offsets, 5);
    one_run(g, rows->outputs[HEED_EXPERT_LOAD], &device, got);
    expect_values("load", got, load, 4);
    heed_graph_destroy(g);
    heed_device_close(&device);
}

static void rows_are_sorted_by_expert_and_by_token_within_one(void **state)
{
    static const float row[] = {5, 0, 6, 1, 7, 4, 2, 8, 9, 10, 3, 11};
    static const float source[] = {1, 3, 6, 10, 5, 0, 2, 4, 7, 8, 9, 11};
    static const float offsets[] = {0, 4, 5, 12, 12};

    (void)state;
    check_rows(0.0, row, source, 12, offsets);
    check_rows(4.0, row, source, 12, offsets); /* room for all */
}

/* Room for ceil(0.9 * 12 / 4) = 3: the last of expert 0 and the last four of expert 2 are dropped. */
static void an_expert_without_room_drops_the_later_tokens(void **state)
{
    static const float row[] = {4, 0, 5, 1, 6, 3, 2, -1, -1, -1, -1, -1};
    static const float source[] = {1, 3, 6, 5, 0, 2, 4, -1, -1, -1, -1, -1};
    static const float offsets[] = {0, 3, 4, 7, 7};

    (void)state;
    check_rows(0.9, row, source, 12, offsets);
}

/* Room for one each: four rows hold all that can be taken. */
static void little_room_needs_few_rows(void **state)
{
    static const float row[] = {2, 0, -1, -1, -1, 1, -1, -1, -1, -1, -1, -1};
    static const float source[] = {1, 5, 0, -1};
    static const float offsets[] = {0, 1, 2, 3, 3};

    (void)state;
    check_rows(0.1, row, source, 4, offsets);
}

/* --- the loss of balance --- */

static float balance_of(float *p, int64_t n_tokens, int64_t n_experts, int64_t k)
{
    heed_device device = plain_device();
    heed_graph *g = heed_graph_create();
    heed_node *probs = one_source(g, "p", HEED_F32, heed_shape2(n_tokens, n_experts), p);
    float loss;

    one_run(g, heed_balance_loss(g, probs, heed_route(g, probs, k, 0.0).load), &device, &loss);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return loss;
}

static void balance_is_one_when_even_and_the_number_of_experts_when_one_gets_all(void **state)
{
    float even[16], turns[16], one[16];

    (void)state;
    for (int i = 0; i < 16; i++) {
        even[i] = 0.25f;
        turns[i] = i % 4 == i / 4 ? 0.625f
                                  : 0.125f; /* each token likes another expert: loads and means are even */
        one[i] = i % 4 == 2 ? 1.0f : 0.0f;
    }
    assert_true(balance_of(even, 4, 4, 1) == 1.0f);
    assert_true(balance_of(even, 4, 4, 3) == 1.0f);
    assert_true(balance_of(turns, 4, 4, 1) == 1.0f);
    assert_true(balance_of(one, 4, 4, 1) == 4.0f);
}

/* --- experts without tokens --- */

/* On every device: zeros over whatever the memory held, to the bit. */
static void an_expert_without_tokens_gets_gradients_of_zero(void **state)
{
    int32_t offsets[] = {0, 0, 5, 5, 7};
    float x[8 * 3], dy[8 * 2], dw[4 * 3 * 2], db[4 * 2];
    heed_device devices[CASE_MAX_DEVICES];
    const int n_devices = case_devices(devices, 2);

    (void)state;
    for (int i = 0; i < 8 * 3; i++)
        x[i] = 1.0f + (float)i;
    for (int i = 0; i < 8 * 2; i++)
        dy[i] = 1.0f;
    for (int d = 0; d < n_devices; d++) {
        heed_graph *g = heed_graph_create();
        heed_node *back = heed_expert_linear_backward_weight(
            g, one_source(g, "x", HEED_F32, heed_shape2(8, 3), x),
            one_source(g, "dy", HEED_F32, heed_shape2(8, 2), dy),
            one_source(g, "offsets", HEED_I32, heed_shape1(5), offsets));

        one_run(g, back, &devices[d], dw);
        one_run(g, back->outputs[1], &devices[d], db);
        for (int i = 0; i < 4 * 6; i++)
            assert_true(i / 6 == 0 || i / 6 == 2 ? dw[i] == 0.0f : dw[i] > 0.0f);
        for (int i = 0; i < 4 * 2; i++)
            assert_true(db[i] == (i / 2 == 1 ? 5.0f : i / 2 == 3 ? 2.0f : 0.0f)); /* row 7 is nobody's */
        heed_graph_destroy(g);
    }
    case_devices_close(devices, n_devices);
}

/* --- what does not fit --- */

typedef struct misfit {
    const char *expected;
    heed_node *(*build)(heed_graph *g, heed_node *p); /* p [2, 3, 4] */
} misfit;

static heed_node *too_many(heed_graph *g, heed_node *p)
{
    return heed_top_k(g, p, 5);
}

static heed_node *none(heed_graph *g, heed_node *p)
{
    return heed_top_k(g, p, 0);
}

static heed_node *negative_capacity(heed_graph *g, heed_node *p)
{
    return heed_route(g, p, 2, -1.0).row;
}

static heed_node *other_tokens(heed_graph *g, heed_node *p)
{
    const heed_routes routes = heed_route(g, p, 2, 0.0);

    return heed_expert_dispatch(g, heed_graph_parameter(g, "x", heed_shape2(5, 7)), &routes);
}

static heed_node *wrong_weight(heed_graph *g, heed_node *p)
{
    const heed_routes routes = heed_route(g, p, 2, 0.0);
    heed_node *w = heed_graph_parameter(g, "w", heed_shape3(4, 5, 3));

    return heed_expert_linear(g, heed_graph_parameter(g, "x", heed_shape2(12, 7)), w, NULL, routes.offsets);
}

static heed_node *wrong_experts(heed_graph *g, heed_node *p)
{
    const heed_routes routes = heed_route(g, p, 2, 0.0);
    heed_node *w = heed_graph_parameter(g, "w", heed_shape3(3, 7, 3));

    return heed_expert_linear(g, heed_graph_parameter(g, "x", heed_shape2(12, 7)), w, NULL, routes.offsets);
}

static heed_node *wrong_load(heed_graph *g, heed_node *p)
{
    return heed_balance_loss(g, p, heed_graph_parameter(g, "load", heed_shape1(3)));
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    static const misfit misfits[] = {
        {"expected 1 to 4 experts for a token, got 5", too_many},
        {"expected 1 to 4 experts for a token, got 0", none},
        {"expected at least one expert and a capacity of 0 or more, got 4 and -1", negative_capacity},
        {"expected one row of experts for each token of x [5, 7], got [2, 3, 2]", other_tokens},
        {"x [12, 7] does not fit w [4, 5, 3], which is [experts, in, out]", wrong_weight},
        {"expected offsets of shape [4], got [5]", wrong_experts},
        {"expected load of shape [4], got [3]", wrong_load},
    };

    (void)state;
    for (size_t i = 0; i < sizeof misfits / sizeof misfits[0]; i++) {
        heed_graph *g = heed_graph_create();
        heed_error err = {0};

        assert_null(misfits[i].build(g, heed_graph_parameter(g, "p", heed_shape3(2, 3, 4))));
        assert_int_not_equal(heed_graph_status(g, &err), HEED_OK);
        if (strstr(err.message, misfits[i].expected) == NULL)
            fail_msg("expected \"%s\", got \"%s\"", misfits[i].expected, err.message);
        heed_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_equals_the_first_is_chosen_and_nan_comes_last),
        cmocka_unit_test(the_gates_of_several_experts_sum_to_one_and_that_of_one_is_its_probability),
        cmocka_unit_test(rows_are_sorted_by_expert_and_by_token_within_one),
        cmocka_unit_test(an_expert_without_room_drops_the_later_tokens),
        cmocka_unit_test(little_room_needs_few_rows),
        cmocka_unit_test(balance_is_one_when_even_and_the_number_of_experts_when_one_gets_all),
        cmocka_unit_test(an_expert_without_tokens_gets_gradients_of_zero),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
