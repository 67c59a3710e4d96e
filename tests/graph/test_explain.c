/* SPDX-License-Identifier: MIT */
/*
 * Where a number of a training step comes from: in reference arithmetic every element of every node of a whole small
 * GPT's step, forward, backward and update, is what its explanation makes of its operands, to the bit.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/check_lines.h"
#include "ops/ops.h"
#include "train/step.h"

enum { BATCH = 2, LENGTH = 6, VOCAB = 13, SAMPLES = 12, MAX_NODES = 4096 };

typedef struct step_under_test {
    heed_config config;
    heed_weights *weights;
    heed_step_inputs inputs;
    int32_t ids[BATCH * LENGTH], targets[BATCH * LENGTH];
    heed_step_graph graph;
    float *numbers; /* gradients and moments */
    heed_device device;
    heed_plan *plan;
} step_under_test;

static void expect_ok(heed_status status, const heed_error *err)
{
    if (status != HEED_OK)
        fail_msg("%s", err->message);
}

static void fill(step_under_test *s)
{
    heed_rng rng = heed_rng_make(11, 1);
    float *at = s->numbers;

    for (int i = 0; i < BATCH * LENGTH; i++) {
        s->ids[i] = (int32_t)heed_rng_below(&rng, VOCAB);
        s->targets[i] = i == 5 ? HEED_IGNORE_TARGET : (int32_t)heed_rng_below(&rng, VOCAB);
    }
    for (int i = 0; i < s->weights->n; i++) {
        const heed_parameter *p = &s->weights->list[i];
        float *numbers = (float *)(uintptr_t)p->data;
        for (int64_t k = 0; k < p->count; k++) {
            numbers[k] += 0.2f * heed_rng_normal(&rng); /* biases too */
            at[k] = 0.1f * heed_rng_normal(&rng);
            at[p->count + k] = heed_rng_float(&rng);
            at[2 * p->count + k] = 0.1f * heed_rng_normal(&rng);
        }
        s->graph.m[i]->tensor.data = at;
        s->graph.v[i]->tensor.data = at + p->count;
        s->graph.grad[i]->tensor.data = at + 2 * p->count;
        at += 3 * p->count;
    }
}

static void open_step(step_under_test *s, heed_config config)
{
    const heed_train_options options = heed_train_options_default();
    const heed_step_shape shape = {.batch = BATCH, .length = LENGTH, .training = true};
    heed_error err = {0};

    *s = (step_under_test){.config = config, .inputs = {.lr = 1e-3f, .t = 7, .window = 6, .norm = 1.5f}};
    s->inputs.ids = s->ids;
    s->inputs.targets = s->targets;
    expect_ok(heed_weights_create(&s->config, &s->weights, &err), &err);
    expect_ok(heed_weights_place(s->weights, NULL, &err), &err);
    heed_weights_init(s->weights, 5);
    expect_ok(heed_step_graph_create(s->weights, &options, &shape, &s->inputs, &s->graph, &err), &err);
    s->numbers = malloc(3 * sizeof(float) * (size_t)heed_weights_count(s->weights));
    assert_non_null(s->numbers);
    fill(s);
    expect_ok(heed_device_open(&s->device, "plain", 1, &err), &err);
}

static void close_step(step_under_test *s)
{
    heed_plan_destroy(s->plan);
    heed_device_close(&s->device);
    heed_step_graph_destroy(&s->graph);
    heed_weights_destroy(s->weights);
    free(s->numbers);
}

/* Every node is a target and observed, so that views take part; nothing is assigned, so that operands keep their values. */
static void run_all(step_under_test *s)
{
    static heed_node *nodes[MAX_NODES];
    const int n = heed_graph_n_nodes(s->graph.g);
    const heed_plan_options options = {.device = &s->device,
                                       .reference = true,
                                       .keep_all = true,
                                       .targets = nodes,
                                       .n_targets = n,
                                       .observed = nodes,
                                       .n_observed = n};
    heed_error err = {0};

    assert_true(n <= MAX_NODES);
    for (int i = 0; i < n; i++)
        nodes[i] = heed_graph_node(s->graph.g, i);
    expect_ok(heed_plan_create(s->graph.g, &options, &s->plan, &err), &err);
    expect_ok(heed_plan_place(s->plan, NULL, &err), &err);
    heed_plan_run(s->plan);
}

static void check(const heed_op_args *a, int k, int64_t element, heed_explanation *e)
{
    const float expected = heed_tensor_get(a->outs[k], element);
    heed_error err = {0};
    float got;

    expect_ok(heed_explain(a, k, element, e, &err), &err);
    got = heed_explanation_value(e);
    if (memcmp(&got, &expected, sizeof got) != 0)
        fail_msg("%s[%lld] is %.9g, explained as %.9g = %s", a->node->outputs[k]->name, (long long)element,
                 (double)expected, (double)got, heed_explanation_formula(e));
    assert_true(heed_explanation_formula(e)[0] != '\0');
    check_lines(e, a->node->outputs[k]->name);
}

static int explain_all(step_under_test *s)
{
    heed_explanation *e = heed_explanation_create();
    heed_rng rng = heed_rng_make(12, 1);
    int n = 0;

    assert_non_null(e);
    for (int i = 0; i < heed_plan_n_steps(s->plan); i++) {
        const heed_op_args *a = heed_plan_args(s->plan, i);
        for (int k = 0; k < HEED_MAX_OUTPUTS && a->outs[k] != NULL; k++) {
            const int64_t count = heed_tensor_count(a->outs[k]);
            for (int64_t j = 0; j < (count < SAMPLES ? count : SAMPLES); j++)
                check(a, k, count <= SAMPLES ? j : heed_rng_below(&rng, count), e);
            n++;
        }
    }
    heed_explanation_destroy(e);
    return n;
}

static heed_config small_gpt(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = VOCAB;
    config.context_length = LENGTH + 2;
    config.n_layers = 2;
    config.n_heads = 2;
    config.d_model = 8;
    config.dropout = 0.1;
    return config;
}

static void every_number_of_a_step_is_explained(void **state)
{
    heed_config configs[4] = {small_gpt(), small_gpt(), small_gpt(), small_gpt()};

    (void)state;
    configs[1].norm = HEED_NORM_POST;
    configs[1].activation = HEED_ACTIVATION_RELU;
    configs[1].tied_head = false;
    configs[2].norm = HEED_NORM_NONE;
    configs[2].residual = configs[2].attention_bias = configs[2].mlp_bias = false;
    configs[2].activation = HEED_ACTIVATION_GELU_ERF;
    configs[3].kind = HEED_KIND_BIGRAM;
    for (int i = 0; i < 4; i++) {
        step_under_test s;
        open_step(&s, configs[i]);
        run_all(&s);
        assert_true(isfinite(heed_tensor_get(heed_plan_value(s.plan, s.graph.loss), 0)));
        assert_true(explain_all(&s) > (i < 3 ? 100 : 8));
        close_step(&s);
    }
}

static void an_element_that_is_not_there_is_refused(void **state)
{
    heed_explanation *e = heed_explanation_create();
    heed_error err = {0};
    step_under_test s;

    (void)state;
    assert_non_null(e);
    open_step(&s, small_gpt());
    run_all(&s);
    assert_int_equal(heed_explain(heed_plan_args(s.plan, 0), 0, 1 << 30, e, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_explain(heed_plan_args(s.plan, 0), 0, -1, e, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, heed_plan_step(s.plan, 0)->name));
    heed_explanation_destroy(e);
    close_step(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_a_step_is_explained),
        cmocka_unit_test(an_element_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
