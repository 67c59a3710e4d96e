/* SPDX-License-Identifier: MIT */
/* Building graphs: names, scopes, the first error, what runs and who may look. */
#include "random_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "nn/nn.h"
#include "ops/list.h"

static heed_graph *new_graph(void)
{
    heed_graph *g = heed_graph_create();

    assert_non_null(g);
    return g;
}

static heed_node *input(heed_graph *g, const char *name, int64_t rows, int64_t cols)
{
    heed_node *node = heed_graph_input(g, name, HEED_F32, heed_shape2(rows, cols));

    assert_non_null(node);
    return node;
}

static void expect_no_error(const heed_graph *g)
{
    heed_error err = {0};

    if (heed_graph_status(g, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* Each has 2^60 bytes, and 16 of them more than a count of bytes holds: long before, they are refused by name. */
static void sources_beyond_any_memory_are_refused(void **state)
{
    const int64_t wide = (int64_t)1 << 29;
    heed_graph *g = new_graph();
    heed_error err = {0};
    char name[8];

    (void)state;
    for (int i = 1; i <= 14; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_non_null(heed_graph_parameter(g, name, heed_shape2(wide, wide)));
    }
    assert_int_equal(heed_graph_status(g, &err), HEED_OK);
    assert_null(heed_graph_parameter(g, "p15", heed_shape2(wide, wide)));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_MEMORY);
    assert_non_null(strstr(err.message, "p15: "));
    heed_graph_destroy(g);
}

/* --- names --- */

static void names_are_unique_and_found(void **state)
{
    heed_graph *g = new_graph();
    heed_node *x = input(g, "x", 2, 3), *a, *b;

    (void)state;
    heed_scope_begin(g, "blocks.%d", 7);
    a = heed_name(g, heed_relu(g, x), "out");
    b = heed_name(g, heed_relu(g, a), "out");
    heed_scope_begin(g, "attn");
    heed_name(g, b, "q");
    heed_scope_end(g);
    heed_scope_end(g);
    assert_string_equal(a->name, "blocks.7.out");
    assert_string_equal(b->name, "blocks.7.out.2");
    assert_ptr_equal(heed_graph_find(g, "blocks.7.out"), a);
    assert_ptr_equal(heed_graph_find(g, "blocks.7.out.2"), b);
    assert_ptr_equal(heed_graph_find(g, "blocks.7.attn.q"), b); /* a second name leads to the same node */
    assert_ptr_equal(heed_name(g, b, "blocks.7.attn.q"), b);
    assert_string_equal(b->name, "blocks.7.out.2");
    assert_null(heed_graph_find(g, "blocks.7"));
    assert_null(heed_graph_find(g, ""));
    expect_no_error(g);
    heed_graph_destroy(g);
}

static void two_sources_of_one_name_are_an_error(void **state)
{
    heed_graph *g = new_graph();
    heed_error err = {0};

    (void)state;
    input(g, "x", 2, 3);
    assert_null(heed_graph_parameter(g, "x", heed_shape1(4)));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_INTERNAL);
    assert_non_null(strstr(err.message, "x"));
    heed_graph_destroy(g);
}

/* Blocks of a very deep model append many nodes of one kind: naming them must not take the square of their number. */
static void many_nodes_of_one_op_are_named_quickly(void **state)
{
    enum { MANY = 30000 };
    heed_graph *g = new_graph();
    heed_node *x = input(g, "x", 1, 1);
    const double start = heed_clock_s();
    char last[32];

    (void)state;
    for (int i = 0; i < MANY; i++)
        x = heed_relu(g, x);
    expect_no_error(g);
    snprintf(last, sizeof last, "relu.%d", MANY);
    assert_ptr_equal(heed_graph_find(g, last), x);
    if (heed_clock_s() - start > 2.0) /* a fiftieth of a second, and half a minute when it is quadratic */
        fail_msg("naming %d nodes took %.1f s", MANY, heed_clock_s() - start);
    heed_graph_destroy(g);
}

static heed_graph *gpt_graph(heed_config *config, heed_gpt *gpt)
{
    heed_graph *g = new_graph();
    heed_nn nn = {.g = g, .config = config};

    *config = heed_config_default();
    config->vocab_size = 11;
    config->n_layers = 2;
    config->n_heads = 2;
    config->d_model = 8;
    config->context_length = 6;
    *gpt = heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(2, 6)), NULL);
    expect_no_error(g);
    return g;
}

static void names_of_transformer_lens_are_understood(void **state)
{
    static const char *const pairs[][2] = {
        {"hook_embed", "embed"},
        {"hook_pos_embed", "pos_embed"},
        {"blocks.0.hook_resid_pre", "blocks.0.resid_pre"},
        {"blocks.0.ln1.hook_normalized", "blocks.0.ln1.normalized"},
        {"blocks.0.attn.hook_q", "blocks.0.attn.q"},
        {"blocks.0.attn.hook_k", "blocks.0.attn.k"},
        {"blocks.0.attn.hook_v", "blocks.0.attn.v"},
        {"blocks.0.attn.hook_attn_scores", "blocks.0.attn.scores"},
        {"blocks.0.attn.hook_pattern", "blocks.0.attn.pattern"},
        {"blocks.0.attn.hook_z", "blocks.0.attn.z"},
        {"blocks.0.hook_attn_out", "blocks.0.attn_out"},
        {"blocks.0.hook_resid_mid", "blocks.0.resid_mid"},
        {"blocks.1.ln2.hook_normalized", "blocks.1.ln2.normalized"},
        {"blocks.1.mlp.hook_pre", "blocks.1.mlp.pre"},
        {"blocks.1.mlp.hook_post", "blocks.1.mlp.post"},
        {"blocks.1.hook_mlp_out", "blocks.1.mlp_out"},
        {"blocks.1.hook_resid_post", "blocks.1.resid_post"},
        {"ln_final.hook_normalized", "ln_final.normalized"},
        {"logits", "logits"},
    };
    heed_config config;
    heed_gpt gpt;
    heed_graph *g = gpt_graph(&config, &gpt);
    char longest[2 * HEED_MAX_NAME];

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (heed_graph_find(g, pairs[i][1]) == NULL)
            fail_msg("there is no node %s", pairs[i][1]);
        assert_ptr_equal(heed_graph_find(g, pairs[i][0]), heed_graph_find(g, pairs[i][1]));
    }
    assert_ptr_equal(heed_graph_find(g, "blocks.0.resid_post"), heed_graph_find(g, "blocks.1.resid_pre"));
    assert_ptr_equal(heed_graph_find(g, "logits"), gpt.logits);
    memset(longest, 'h', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(heed_graph_find(g, longest));
    heed_graph_destroy(g);
}

static void a_wrong_name_gets_the_nearest(void **state)
{
    char endless[5000] = "";
    heed_config config;
    heed_gpt gpt;
    heed_graph *g = gpt_graph(&config, &gpt);

    (void)state;
    assert_string_equal(heed_graph_nearest_name(g, "blocks.0.attn.patern"), "blocks.0.attn.pattern");
    assert_string_equal(heed_graph_nearest_name(g, "logit"), "logits");
    assert_null(heed_graph_nearest_name(g, "something that is like nothing in here at all"));
    memset(endless, 'a', sizeof endless - 1);
    assert_null(heed_graph_nearest_name(g, endless));
    heed_graph_destroy(g);
}

/* --- errors --- */

static void the_first_error_wins_and_names_its_node(void **state)
{
    heed_graph *g = new_graph();
    heed_node *x = input(g, "x", 2, 3), *W = heed_graph_parameter(g, "W", heed_shape2(4, 5)), *y;
    heed_plan *plan = (heed_plan *)g;
    heed_error err = {0};

    (void)state;
    heed_scope_begin(g, "blocks.3");
    y = heed_linear(g, x, W, NULL, HEED_WEIGHT_IN_OUT); /* 3 columns do not meet 4 rows */
    heed_scope_end(g);
    assert_null(y);
    y = heed_name(g, heed_add(g, heed_relu(g, y), x), "later"); /* model code goes on without checks */
    assert_null(y);
    assert_null(heed_reshape(g, x, heed_shape1(5)));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_non_null(strstr(err.message, "blocks.3.linear"));
    assert_non_null(strstr(err.message, "[2, 3]"));
    assert_non_null(strstr(err.message, "[4, 5]"));
    assert_int_equal(heed_plan_create(g, &(heed_plan_options){0}, &plan, &err), HEED_ERR_SHAPE);
    assert_null(plan);
    heed_graph_destroy(g);
}

static void sizes_that_overflow_are_refused(void **state)
{
    heed_graph *g = new_graph();
    heed_node *x = heed_graph_input(g, "x", HEED_F32, heed_shape2((int64_t)1 << 40, 1));
    heed_node *y = heed_graph_input(g, "y", HEED_F32, heed_shape2(1, (int64_t)1 << 40));
    heed_error err = {0};

    (void)state;
    heed_matmul(g, x, y, false, false); /* 2^80 numbers */
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_MEMORY);
    heed_graph_destroy(g);
    g = new_graph();
    heed_graph_parameter(g, "p", heed_shape3((int64_t)1 << 30, (int64_t)1 << 30, 16));
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_MEMORY);
    heed_graph_destroy(g);
}

/* --- what runs --- */

static void a_source_that_nobody_bound_is_named(void **state)
{
    heed_graph *g = new_graph();
    heed_device device = random_device(true);
    heed_node *y = heed_relu(g, input(g, "tokens", 2, 3));
    heed_plan *plan = NULL;
    heed_error err = {0};
    const heed_plan_options options = {.device = &device, .reference = true, .targets = &y, .n_targets = 1};

    (void)state;
    assert_int_equal(heed_plan_create(g, &options, &plan, &err), HEED_OK);
    assert_int_equal(heed_plan_place(plan, NULL, &err), HEED_ERR_INTERNAL);
    assert_non_null(strstr(err.message, "tokens"));
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
}

static void what_nobody_needs_does_not_run(void **state)
{
    heed_graph *g = new_graph();
    heed_device device = random_device(true);
    float numbers[6] = {1, -2, 3, -4, 5, -6};
    heed_node *x = input(g, "x", 2, 3), *y = heed_relu(g, x), *column = heed_narrow(g, y, 1, 1);
    heed_node *other = heed_gelu_tanh(g, y);
    heed_plan_options options = {.device = &device, .reference = true, .targets = &column, .n_targets = 1};
    heed_plan *plan = NULL;

    (void)state;
    x->tensor.data = numbers;
    assert_int_equal(heed_plan_create(g, &options, &plan, NULL), HEED_OK);
    assert_int_equal(heed_plan_place(plan, NULL, NULL), HEED_OK);
    assert_int_equal(heed_plan_n_steps(plan), 1); /* the view runs nothing, gelu is not asked for */
    assert_ptr_equal(heed_plan_step(plan, 0), y);
    heed_plan_run(plan);
    assert_true(heed_tensor_get(heed_plan_value(plan, column), 0) == 0.0f);
    assert_true(heed_tensor_get(heed_plan_value(plan, column), 1) == 5.0f);
    assert_null(heed_plan_value(plan, other));
    assert_null(heed_plan_value(plan, y)); /* needed on the way, not promised */
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
}

/* --- who may look --- */

typedef struct seen {
    int n;
    double sum[4096]; /* by node id */
    bool shown[4096];
} seen;

static double sum_of(const heed_tensor *x)
{
    double sum = 0.0;

    for (int64_t i = 0; i < heed_tensor_count(x); i++)
        sum += (double)heed_tensor_get(x, i) * (double)(i % 7 + 1);
    return sum;
}

static void look(void *context, const heed_node *node, const heed_tensor *value)
{
    seen *s = context;

    assert_true(node->id < 4096);
    assert_true(heed_shape_equal(&node->tensor.shape, &value->shape));
    s->n++;
    s->shown[node->id] = true;
    s->sum[node->id] = sum_of(value);
}

/* Everything is looked at, and every value is what a run with a place for each tensor leaves behind. */
static void check_observers(uint64_t seed, heed_device *device, seen *s)
{
    random_graph *r = random_graph_open(seed);
    heed_plan *plain = random_graph_plan(r, device, RANDOM_ASSIGN), *all = NULL, *observed = NULL;
    heed_node **nodes = calloc((size_t)heed_graph_n_nodes(r->g), sizeof *nodes);
    heed_plan_options options = {.device = device,
                                 .reference = device->kernels == NULL,
                                 .targets = r->targets,
                                 .n_targets = r->n_targets,
                                 .assign = true,
                                 .observed = nodes,
                                 .observe = look,
                                 .observe_context = s};
    size_t n = 0;
    float *x = random_graph_outcome(r, plain, &n), *y;

    assert_non_null(nodes);
    for (int i = 0; i < heed_graph_n_nodes(r->g); i++) {
        heed_node *node = heed_graph_node(r->g, i);
        if (node->op != NULL && i % 3 != 0)
            nodes[options.n_observed++] = node;
    }
    *s = (seen){0};
    assert_int_equal(heed_plan_create(r->g, &options, &observed, NULL), HEED_OK);
    assert_int_equal(heed_plan_place(observed, NULL, NULL), HEED_OK);
    y = random_graph_outcome(r, observed, &n);
    random_graph_expect_same(r, "observed", x, y, n);
    assert_int_equal(s->n, options.n_observed);
    options.keep_all = true;
    assert_int_equal(heed_plan_create(r->g, &options, &all, NULL), HEED_OK);
    assert_int_equal(heed_plan_place(all, NULL, NULL), HEED_OK);
    seen *kept = calloc(1, sizeof *kept);
    assert_non_null(kept);
    *kept = *s;
    random_graph_reset(r);
    heed_plan_run(all);
    for (int i = 0; i < options.n_observed; i++) {
        assert_true(s->shown[nodes[i]->id]);
        const double a = kept->sum[nodes[i]->id], b = sum_of(heed_plan_value(all, nodes[i]));
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s: shown with the sum %g, it is %g (seed %llu)", nodes[i]->name, a, b,
                     (unsigned long long)seed);
    }
    free(kept);
    free(nodes);
    free(x);
    free(y);
    heed_plan_destroy(all);
    heed_plan_destroy(observed);
    heed_plan_destroy(plain);
    random_graph_close(r);
}

static void observers_see_every_value_and_change_no_bit(void **state)
{
    heed_device plain = random_device(true), fast = random_device(false);
    seen *s = calloc(1, sizeof *s);

    (void)state;
    assert_non_null(s);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        check_observers(seed, &plain, s);
        check_observers(seed, &fast, s);
    }
    free(s);
    heed_device_close(&plain);
    heed_device_close(&fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_beyond_any_memory_are_refused),
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(two_sources_of_one_name_are_an_error),
        cmocka_unit_test(many_nodes_of_one_op_are_named_quickly),
        cmocka_unit_test(names_of_transformer_lens_are_understood),
        cmocka_unit_test(a_wrong_name_gets_the_nearest),
        cmocka_unit_test(the_first_error_wins_and_names_its_node),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_source_that_nobody_bound_is_named),
        cmocka_unit_test(what_nobody_needs_does_not_run),
        cmocka_unit_test(observers_see_every_value_and_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
