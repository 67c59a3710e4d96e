/* SPDX-License-Identifier: MIT */
/* Lines of an explanation as text, and how many of them are kept. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text_buffer.h"
#include "graph/check_lines.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"

typedef struct one_node {
    heed_graph *g;
    heed_device device;
    heed_plan *plan;
    heed_explanation *e;
} one_node;

static void expect_ok(heed_status status, const heed_error *err)
{
    if (status != HEED_OK)
        fail_msg("%s", err->message);
}

/* Runs y in reference arithmetic and explains one of its elements. */
static void explain(one_node *o, heed_node *y, int64_t element)
{
    heed_error err = {0};
    const heed_plan_options options = {
        .device = &o->device, .reference = true, .keep_all = true, .targets = &y, .n_targets = 1};

    o->e = heed_explanation_create();
    assert_non_null(o->e);
    expect_ok(heed_device_open(&o->device, "plain", 1, &err), &err);
    expect_ok(heed_plan_create(o->g, &options, &o->plan, &err), &err);
    expect_ok(heed_plan_place(o->plan, NULL, &err), &err);
    heed_plan_run(o->plan);
    expect_ok(heed_explain(heed_plan_args(o->plan, 0), 0, element, o->e, &err), &err);
}

static void close_all(one_node *o)
{
    heed_explanation_destroy(o->e);
    heed_plan_destroy(o->plan);
    heed_device_close(&o->device);
    heed_graph_destroy(o->g);
}

static void expect_text(const heed_explanation *e, int line, int64_t term, heed_figure_writer *write,
                        const char *expected)
{
    heed_text_buffer text = {0};

    heed_explain_write(e, heed_explanation_line(e, line), term, write, NULL, &text);
    assert_string_equal(text.data, expected);
    heed_text_free(&text);
}

static void a_line_is_written_with_names_and_with_numbers(void **state)
{
    float x[] = {0, 0, 0, 1, 0.5f, -2}, w[] = {1, 2, 3, -0.25f, 5, 6}, b[] = {7, 8};
    one_node o = {.g = heed_graph_create()};
    heed_node *in = heed_graph_bound_input(o.g, "x", HEED_F32, heed_shape2(2, 3), x);
    heed_node *weight = heed_graph_bound_input(o.g, "w", HEED_F32, heed_shape2(3, 2), w);
    heed_node *bias = heed_graph_bound_input(o.g, "b", HEED_F32, heed_shape1(2), b);

    (void)state;
    explain(&o, heed_linear(o.g, in, weight, bias, HEED_WEIGHT_IN_OUT), 3);
    assert_int_equal(heed_explanation_n_lines(o.e), 2);
    expect_text(o.e, 0, 1, heed_figure_write_name, "x[1,1] * W[1,1]");
    expect_text(o.e, 0, 1, heed_figure_write_number, "0.5 * -0.25");
    expect_text(o.e, 1, 0, heed_figure_write_name, "sum + b[1]");
    expect_text(o.e, 1, 0, heed_figure_write_number, "-10.125 + 8"); /* 1 * 2 - 0.5 / 4 - 2 * 6 */
    assert_true(heed_explanation_line(o.e, 0)->running[1] == 1.875);
    assert_true(heed_explanation_value(o.e) == -2.125f);
    close_all(&o);
}

/* A loss over so many rows has more lines than are kept: its own are there, and its value counts all of them. */
static void lines_that_are_too_many_are_counted_and_not_kept(void **state)
{
    enum { ROWS = 60000, V = 2 };
    float *x = calloc((size_t)ROWS * V, sizeof *x);
    int32_t *targets = calloc(ROWS, sizeof *targets);
    one_node o = {.g = heed_graph_create()};
    heed_node *in = heed_graph_bound_input(o.g, "x", HEED_F32, heed_shape2(ROWS, V), x);
    heed_node *wanted = heed_graph_bound_input(o.g, "targets", HEED_I32, heed_shape1(ROWS), targets);

    (void)state;
    assert_true(x != NULL && targets != NULL);
    for (int i = 0; i < ROWS * V; i++)
        x[i] = (float)(i % 7);
    explain(&o, heed_cross_entropy(o.g, in, wanted), 0);
    assert_true(heed_explanation_n_lines(o.e) < HEED_EXPLAIN_LINES + 10);
    assert_int_equal(heed_explanation_n_lines(o.e) + heed_explanation_left_out(o.e), 3 * ROWS + 2);
    check_lines(o.e, "many rows");
    assert_true(heed_explanation_value(o.e) == *(const float *)heed_plan_args(o.plan, 0)->out->data);
    close_all(&o);
    free(targets);
    free(x);
}

/* The loss of a head whose products are too many to be kept has its bits all the same. */
static void what_is_not_kept_is_computed_all_the_same(void **state)
{
    enum { ROWS = 3, D = 1024, V = 2000 }; /* 6 million terms */
    float *x = malloc(sizeof *x * ROWS * D), *w = malloc(sizeof *w * V * D);
    int32_t targets[ROWS] = {0, 1999, 7};
    one_node o = {.g = heed_graph_create()};
    heed_rng rng = heed_rng_make(5, 1);

    (void)state;
    assert_true(x != NULL && w != NULL);
    for (int i = 0; i < ROWS * D; i++)
        x[i] = heed_rng_normal(&rng);
    for (int i = 0; i < V * D; i++)
        w[i] = 0.1f * heed_rng_normal(&rng);
    explain(
        &o,
        heed_linear_cross_entropy(o.g, heed_graph_bound_input(o.g, "x", HEED_F32, heed_shape2(ROWS, D), x),
                                  heed_graph_bound_input(o.g, "w", HEED_F32, heed_shape2(V, D), w),
                                  heed_graph_bound_input(o.g, "targets", HEED_I32, heed_shape1(ROWS), targets)),
        0);
    assert_true(heed_explanation_value(o.e) == *(const float *)heed_plan_args(o.plan, 0)->out->data);
    assert_non_null(heed_explanation_line(o.e, 0)->terms);
    assert_null(heed_explanation_line(o.e, heed_explanation_n_lines(o.e) - 8)->terms); /* a last row's logit */
    close_all(&o);
    free(w);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_written_with_names_and_with_numbers),
        cmocka_unit_test(lines_that_are_too_many_are_counted_and_not_kept),
        cmocka_unit_test(what_is_not_kept_is_computed_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
