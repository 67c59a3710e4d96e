/* SPDX-License-Identifier: MIT */
/* Every model that the switches can make: it is built, differentiated and trained, and has the parameters it should. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "nn/nn.h"
#include "train/step.h"

enum { BATCH = 3, LENGTH = 6, VOCAB = 13 };

static void expect_ok(heed_status status, const heed_error *err, const char *where)
{
    if (status != HEED_OK)
        fail_msg("%s: %s", where, err->message);
}

/* --- a model that trains on one batch --- */

typedef struct trained {
    heed_config config;
    heed_weights *weights;
    heed_step_inputs inputs;
    int32_t ids[BATCH * LENGTH], targets[BATCH * LENGTH];
    heed_step_graph train, eval;
    heed_step_plans train_plans, eval_plans;
    heed_device device;
    float *numbers; /* gradients and moments */
} trained;

static void bind_numbers(trained *t)
{
    float *at = t->numbers = calloc(3 * (size_t)heed_weights_count(t->weights), sizeof *at);

    assert_non_null(at);
    for (int i = 0; i < t->weights->n; i++) {
        const int64_t count = t->weights->list[i].count;
        if (t->train.m[i] == NULL)
            continue;
        t->train.grad[i]->tensor.data = at;
        t->train.m[i]->tensor.data = at + count;
        t->train.v[i]->tensor.data = at + 2 * count;
        at += 3 * count;
    }
}

static void open_trained(trained *t, const char *name, const heed_config *config, const char *cpu, int64_t seed)
{
    heed_train_options options = heed_train_options_default();
    const heed_step_shape training = {.batch = BATCH, .length = LENGTH, .training = true};
    const heed_step_shape evaluation = {.batch = BATCH, .length = LENGTH};
    heed_rng rng = heed_rng_make(3, 1);
    heed_error err = {0};

    *t = (trained){.config = *config, .inputs = {.lr = 1e-2f}};
    options.seed = seed;
    t->inputs.ids = t->ids;
    t->inputs.targets = t->targets;
    for (int i = 0; i < BATCH * LENGTH; i++) {
        t->ids[i] = (int32_t)heed_rng_below(&rng, VOCAB);
        t->targets[i] = (t->ids[i] + 1) % VOCAB;
    }
    expect_ok(heed_config_check(config, &err), &err, name);
    expect_ok(heed_device_open(&t->device, cpu, 1, &err), &err, name);
    expect_ok(heed_weights_create(&t->config, &t->weights, &err), &err, name);
    expect_ok(heed_weights_place(t->weights, NULL, &err), &err, name);
    heed_weights_init(t->weights, 7);
    expect_ok(heed_step_graph_create(t->weights, &options, &training, &t->inputs, &t->train, &err), &err, name);
    expect_ok(heed_step_graph_create(t->weights, &options, &evaluation, &t->inputs, &t->eval, &err), &err,
              name);
    bind_numbers(t);
    expect_ok(heed_step_plan(&t->train, &t->device, &t->train_plans, &err), &err, name);
    expect_ok(heed_step_plans_place(&t->train_plans, NULL, &err), &err, name);
    expect_ok(heed_step_plan(&t->eval, &t->device, &t->eval_plans, &err), &err, name);
    expect_ok(heed_step_plans_place(&t->eval_plans, NULL, &err), &err, name);
}

static void close_trained(trained *t)
{
    heed_step_plans_destroy(&t->train_plans);
    heed_step_plans_destroy(&t->eval_plans);
    heed_step_graph_destroy(&t->train);
    heed_step_graph_destroy(&t->eval);
    heed_weights_destroy(t->weights);
    heed_device_close(&t->device);
    free(t->numbers);
}

static double take_step(trained *t, int32_t step)
{
    t->inputs.window = step * BATCH;
    t->inputs.t = step + 1;
    const float loss = heed_step_run_gradients(&t->train, &t->train_plans);

    heed_step_run_norm(&t->train, &t->train_plans, &t->inputs);
    heed_step_run_update(&t->train_plans);
    return (double)loss;
}

static double evaluate(trained *t)
{
    return (double)heed_step_run_gradients(&t->eval, &t->eval_plans);
}

/* --- all the switches --- */

static heed_config base_config(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = VOCAB;
    config.context_length = LENGTH + 1;
    config.n_layers = 2;
    config.n_heads = 2;
    config.d_model = 8;
    return config;
}

typedef struct variant {
    const char *name;
    void (*change)(heed_config *c);
} variant;

#define VARIANT(name, code)                 \
    static void make_##name(heed_config *c) \
    {                                       \
        code;                               \
    }
VARIANT(gpt, (void)c)
VARIANT(no_layers, c->n_layers = 0)
VARIANT(one_layer, c->n_layers = 1)
VARIANT(three_layers, c->n_layers = 3)
VARIANT(post_norm, c->norm = HEED_NORM_POST)
VARIANT(no_norm, c->norm = HEED_NORM_NONE)
VARIANT(no_residual, c->residual = false)
VARIANT(no_mlp, c->mlp = false)
VARIANT(no_attention, c->attention = false)
VARIANT(no_attention_bias, c->attention_bias = false)
VARIANT(no_mlp_bias, c->mlp_bias = false)
VARIANT(no_norm_bias, c->norm_bias = false)
VARIANT(untied, c->tied_head = false)
VARIANT(no_positions, c->positions = HEED_POSITIONS_NONE)
VARIANT(gelu_erf, c->activation = HEED_ACTIVATION_GELU_ERF)
VARIANT(relu, c->activation = HEED_ACTIVATION_RELU)
VARIANT(linear_mlp, c->activation = HEED_ACTIVATION_NONE)
VARIANT(wide_mlp, c->d_mlp = 19)
VARIANT(narrow_mlp, c->mlp_factor = 0.5)
VARIANT(dropout, c->dropout = 0.1)
VARIANT(one_head, c->n_heads = 1)
VARIANT(heads_of_one, c->n_heads = c->d_model)
VARIANT(post_norm_no_residual, c->norm = HEED_NORM_POST; c->residual = false)
VARIANT(bare, c->norm = HEED_NORM_NONE; c->residual = c->attention_bias = c->mlp_bias = false; c->mlp = false)
VARIANT(bare_mlp, c->attention = false; c->n_layers = 1; c->norm = HEED_NORM_NONE; c->tied_head = false;
        c->positions = HEED_POSITIONS_NONE)
VARIANT(silu, c->activation = HEED_ACTIVATION_SILU)
VARIANT(swiglu, c->activation = HEED_ACTIVATION_SWIGLU)
VARIANT(swiglu_no_bias, c->activation = HEED_ACTIVATION_SWIGLU; c->mlp_bias = false)
VARIANT(rmsnorm, c->norm_type = HEED_NORM_RMSNORM)
VARIANT(rmsnorm_post, c->norm_type = HEED_NORM_RMSNORM; c->norm = HEED_NORM_POST)
VARIANT(grouped, c->n_heads = 4; c->n_kv_heads = 2)
VARIANT(multi_query, c->n_heads = 4; c->n_kv_heads = 1)
VARIANT(tied_kv, c->tied_kv = true)
VARIANT(tied_kv_grouped, c->n_heads = 4; c->n_kv_heads = 2; c->tied_kv = true)
VARIANT(uniform, c->uniform_attention = true)
VARIANT(uniform_grouped, c->uniform_attention = true; c->n_kv_heads = 1)
VARIANT(two_ways, c->causal = false)
VARIANT(two_ways_rotary, c->causal = false; c->positions = HEED_POSITIONS_ROTARY)
VARIANT(unscaled, c->attention_scale = 1.0)
VARIANT(windowed, c->window = 3)
VARIANT(sinusoidal, c->positions = HEED_POSITIONS_SINUSOIDAL)
VARIANT(rotary, c->positions = HEED_POSITIONS_ROTARY)
VARIANT(rotary_half, c->positions = HEED_POSITIONS_ROTARY; c->rotary_dim = 2; c->rotary_interleaved = true)
VARIANT(rotary_linear, c->positions = HEED_POSITIONS_ROTARY; c->rotary_scaling = HEED_ROTARY_LINEAR;
        c->rotary_factor = 4.0)
VARIANT(rotary_tied, c->positions = HEED_POSITIONS_ROTARY; c->tied_kv = true; c->n_kv_heads = 1)
VARIANT(alibi, c->positions = HEED_POSITIONS_ALIBI)
VARIANT(alibi_windowed, c->positions = HEED_POSITIONS_ALIBI; c->window = 4; c->n_heads = 4; c->n_kv_heads = 2)
VARIANT(relative, c->positions = HEED_POSITIONS_RELATIVE)
VARIANT(relative_grouped, c->positions = HEED_POSITIONS_RELATIVE; c->n_kv_heads = 1; c->attention_scale = 0.3)
VARIANT(relative_windowed, c->positions = HEED_POSITIONS_RELATIVE; c->window = 4)
VARIANT(transformer_xl, c->positions = HEED_POSITIONS_TRANSFORMER_XL)
VARIANT(transformer_xl_tied, c->positions = HEED_POSITIONS_TRANSFORMER_XL; c->tied_kv = true)
VARIANT(as_llama, c->positions = HEED_POSITIONS_ROTARY; c->norm_type = HEED_NORM_RMSNORM;
        c->activation = HEED_ACTIVATION_SWIGLU; c->attention_bias = c->mlp_bias = c->tied_head = false;
        c->n_heads = 4; c->n_kv_heads = 2)
VARIANT(experts, c->n_experts = 4)
VARIANT(one_expert_a_token, c->n_experts = 3; c->experts_per_token = 1; c->expert_capacity = 1.5)
VARIANT(experts_gated, c->n_experts = 4; c->activation = HEED_ACTIVATION_SWIGLU; c->mlp_bias = false)
VARIANT(experts_unbalanced, c->n_experts = 2; c->balance_weight = 0.0)
VARIANT(m0, c->n_layers = 1; c->norm = HEED_NORM_NONE; c->mlp = c->residual = c->tied_head = false)
VARIANT(bigram, c->kind = HEED_KIND_BIGRAM; c->n_layers = 0)
#undef VARIANT

#define ROW(name)          \
    {                      \
#name, make_##name \
    }
static const variant variants[] = {
    ROW(gpt),
    ROW(no_layers),
    ROW(one_layer),
    ROW(three_layers),
    ROW(post_norm),
    ROW(no_norm),
    ROW(no_residual),
    ROW(no_mlp),
    ROW(no_attention),
    ROW(no_attention_bias),
    ROW(no_mlp_bias),
    ROW(no_norm_bias),
    ROW(untied),
    ROW(no_positions),
    ROW(gelu_erf),
    ROW(relu),
    ROW(linear_mlp),
    ROW(wide_mlp),
    ROW(narrow_mlp),
    ROW(dropout),
    ROW(one_head),
    ROW(heads_of_one),
    ROW(post_norm_no_residual),
    ROW(bare),
    ROW(bare_mlp),
    ROW(silu),
    ROW(swiglu),
    ROW(swiglu_no_bias),
    ROW(rmsnorm),
    ROW(rmsnorm_post),
    ROW(grouped),
    ROW(multi_query),
    ROW(tied_kv),
    ROW(tied_kv_grouped),
    ROW(uniform),
    ROW(uniform_grouped),
    ROW(two_ways),
    ROW(two_ways_rotary),
    ROW(unscaled),
    ROW(windowed),
    ROW(sinusoidal),
    ROW(rotary),
    ROW(rotary_half),
    ROW(rotary_linear),
    ROW(rotary_tied),
    ROW(alibi),
    ROW(alibi_windowed),
    ROW(relative),
    ROW(relative_grouped),
    ROW(relative_windowed),
    ROW(transformer_xl),
    ROW(transformer_xl_tied),
    ROW(as_llama),
    ROW(experts),
    ROW(one_expert_a_token),
    ROW(experts_gated),
    ROW(experts_unbalanced),
    ROW(m0),
    ROW(bigram),
};
#undef ROW
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static heed_config config_of(const variant *v)
{
    heed_config config = base_config();

    v->change(&config);
    return config;
}

/* Forty steps on one batch of a few tokens: even norms without residuals, the hardest to train, learn some of it. */
static void every_model_learns(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        const heed_config config = config_of(&variants[i]);
        trained t;
        open_trained(&t, variants[i].name, &config, NULL, 1);
        const double before = evaluate(&t);
        for (int32_t step = 0; step < 40; step++)
            assert_true(isfinite(take_step(&t, step)));
        const double after = evaluate(&t);
        if (fabs(before - log(VOCAB)) > 0.3 || !(after < 0.93 * before))
            fail_msg("%s: the loss goes from %g to %g", variants[i].name, before, after);
        close_trained(&t);
    }
}

/* Sums of some hundred products in another order, through two layers and three steps of Adam: 1e-4 of the loss. */
static void every_model_is_the_same_on_fast_kernels(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        const heed_config config = config_of(&variants[i]);
        trained plain, fast;
        open_trained(&plain, variants[i].name, &config, "plain", 1);
        open_trained(&fast, variants[i].name, &config, NULL, 1);
        for (int32_t step = 0; step < 3; step++) {
            const double a = take_step(&plain, step), b = take_step(&fast, step);
            const double n_a = (double)plain.inputs.norm, n_b = (double)fast.inputs.norm;
            if (!(fabs(a - b) < 1e-4 * a) || !(fabs(n_a - n_b) < 1e-3 * n_a))
                fail_msg("%s, step %d: loss %.7g and %.7g, length of the gradient %.7g and %.7g",
                         variants[i].name, step, a, b, n_a, n_b);
        }
        close_trained(&plain);
        close_trained(&fast);
    }
}

static void every_parameter_is_trained(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        const heed_config config = config_of(&variants[i]);
        trained t;
        open_trained(&t, variants[i].name, &config, "plain", 1);
        for (int p = 0; p < t.weights->n; p++) {
            const heed_node *node = heed_graph_find(t.train.g, t.weights->list[p].name);
            assert_non_null(node);
            if (node->grad == NULL)
                fail_msg("%s: %s has no gradient", variants[i].name, node->name);
        }
        close_trained(&t);
    }
}

/* The gradients of q, k and v are written side by side, where the product behind them reads them: nothing is copied. */
static void the_gradient_of_the_fused_map_needs_no_copy(void **state)
{
    const heed_config config = base_config();
    int n_aliases = 0;
    trained t;

    (void)state;
    open_trained(&t, "gpt", &config, NULL, 1);
    for (int i = 0; i < heed_plan_n_steps(t.train_plans.gradients); i++) {
        const char *op = heed_plan_step(t.train_plans.gradients, i)->op->name;
        if (strcmp(op, "copy") == 0 || strcmp(op, "widen") == 0)
            fail_msg("%s copies", heed_plan_step(t.train_plans.gradients, i)->name);
    }
    for (int i = 0; i < heed_graph_n_nodes(t.train.g); i++) {
        const heed_node *node = heed_graph_node(t.train.g, i);
        n_aliases += node->op != NULL && strcmp(node->op->name, "alias") == 0;
    }
    assert_int_equal(n_aliases, config.n_layers);
    close_trained(&t);
}

/* --- dropout --- */

static double first_loss(const heed_config *config, int64_t seed, int32_t step)
{
    double loss;
    trained t;

    open_trained(&t, "dropout", config, "plain", seed);
    loss = take_step(&t, step);
    close_trained(&t);
    return loss;
}

static void dropout_changes_with_seed_and_step_and_is_off_in_evaluation(void **state)
{
    heed_config config = base_config(), without = config;
    trained t, u;

    (void)state;
    config.dropout = 0.3;
    assert_true(first_loss(&config, 1, 5) == first_loss(&config, 1, 5));
    assert_true(first_loss(&config, 1, 5) != first_loss(&config, 1, 6));
    assert_true(first_loss(&config, 1, 5) != first_loss(&config, 2, 5));
    open_trained(&t, "dropout", &config, "plain", 1);
    open_trained(&u, "none", &without, "plain", 1);
    assert_true(evaluate(&t) == evaluate(&u));
    assert_true(take_step(&t, 5) != take_step(&u, 5));
    close_trained(&t);
    close_trained(&u);
}

/* --- parameters --- */

static int64_t count_of(const heed_config *config)
{
    heed_weights *weights = NULL;
    heed_error err = {0};
    int64_t n;

    expect_ok(heed_weights_create(config, &weights, &err), &err, "count");
    n = heed_weights_count(weights);
    heed_weights_destroy(weights);
    return n;
}

static void parameters_are_counted_on_the_graph(void **state)
{
    heed_config config;

    (void)state;
    assert_int_equal(heed_config_preset("gpt2", &config, NULL), HEED_OK);
    assert_int_equal(count_of(&config), 124439808);
    assert_int_equal(heed_config_preset("m0", &config, NULL), HEED_OK);
    config.vocab_size = 200000;
    assert_int_equal(count_of(&config), 102728704);
    config.vocab_size = 65;
    config.d_model = config.context_length = 64;
    assert_int_equal(count_of(&config), 29056);
    assert_int_equal(heed_config_preset("bigram", &config, NULL), HEED_OK);
    config.vocab_size = 65;
    assert_int_equal(count_of(&config), 65 * 65);
}

/* Attention with its output map: the columns of the fused map, and what positions add. */
static int64_t expected_attention(const heed_config *c)
{
    const int64_t d = c->d_model, head_dim = d / c->n_heads;
    const int64_t kv = head_dim * (c->n_kv_heads > 0 ? c->n_kv_heads : c->n_heads);
    const int64_t columns = c->uniform_attention ? kv : d + (c->tied_kv ? kv : 2 * kv);
    int64_t n = d * columns + d * d + (c->attention_bias ? columns + d : 0);

    if (c->positions == HEED_POSITIONS_RELATIVE)
        n += head_dim * (c->window > 0 ? c->window : c->context_length);
    if (c->positions == HEED_POSITIONS_TRANSFORMER_XL)
        n += d * d + 2 * d;
    return n;
}

/* The formula of the parts, for every variant. */
static int64_t expected_count(const heed_config *c)
{
    const int64_t d = c->d_model, V = c->vocab_size, mlp = heed_config_d_mlp(c);
    const int64_t shift = c->norm_bias && c->norm_type == HEED_NORM_LAYERNORM ? d : 0;
    const int64_t norm = c->norm == HEED_NORM_NONE ? 0 : d + shift;
    const int64_t into = c->activation == HEED_ACTIVATION_SWIGLU ? 2 : 1; /* maps into the feed-forward */
    const int64_t table = c->positions == HEED_POSITIONS_LEARNED ? c->context_length * d : 0;
    const int64_t n_mlps = c->n_experts > 0 ? c->n_experts : 1;
    int64_t block = 0;

    if (c->kind == HEED_KIND_BIGRAM)
        return V * V;
    if (c->attention)
        block += norm + expected_attention(c);
    if (c->mlp)
        block += norm + n_mlps * ((into + 1) * d * mlp + (c->mlp_bias ? into * mlp + d : 0)) + d * c->n_experts;
    return V * d * (c->tied_head ? 1 : 2) + table + c->n_layers * block + (c->norm == HEED_NORM_PRE ? norm : 0);
}

static void every_model_has_the_parameters_it_should(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        const heed_config config = config_of(&variants[i]);
        if (count_of(&config) != expected_count(&config))
            fail_msg("%s has %lld parameters, expected %lld", variants[i].name, (long long)count_of(&config),
                     (long long)expected_count(&config));
    }
}

static void components_make_up_the_whole(void **state)
{
    static const char *const known[] = {"token embedding",
                                        "position embedding",
                                        "relative positions",
                                        "attention",
                                        "mlp",
                                        "router",
                                        "experts",
                                        "norm",
                                        "head",
                                        "bigram table"};
    heed_model *model = NULL;
    heed_error err = {0};

    (void)state;
    for (int v = 0; v < N_VARIANTS; v++) {
        const heed_config config = config_of(&variants[v]);
        expect_ok(heed_model_create(&config, 1, &model, &err), &err, variants[v].name);
        for (int i = 0; i < heed_model_n_parameters(model); i++) {
            const heed_parameter p = heed_model_parameter(model, i);
            bool found = false;
            for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
                found |= strcmp(p.component, known[k]) == 0;
            if (!found)
                fail_msg("%s is of the component \"%s\"", p.name, p.component);
            assert_true((strstr(p.name, "relative") != NULL) ==
                        (strcmp(p.component, "relative positions") == 0));
        }
        heed_model_close(model);
    }
}

static void random_weights_have_the_spread_they_should(void **state)
{
    heed_config config = base_config();
    heed_model *model = NULL, *again = NULL;
    heed_error err = {0};

    (void)state;
    config.d_model = 64;
    expect_ok(heed_model_create(&config, 9, &model, &err), &err, "model");
    expect_ok(heed_model_create(&config, 9, &again, &err), &err, "model");
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        double sum = 0.0, squares = 0.0;
        for (int64_t k = 0; k < p.count; k++) {
            sum += (double)p.data[k];
            squares += (double)p.data[k] * (double)p.data[k];
        }
        assert_memory_equal(p.data, heed_model_parameter(again, i).data, (size_t)p.count * sizeof(float));
        const double mean = sum / (double)p.count, spread = sqrt(squares / (double)p.count);
        const double expected = strstr(p.name, "c_proj.weight") != NULL ? 0.02 / sqrt(2.0 * 2.0) : 0.02;
        if (p.rank == 1)
            assert_true(spread == (strstr(p.name, ".weight") != NULL ? 1.0 : 0.0));
        else if (fabs(mean) > 4.0 * expected / sqrt((double)p.count) || /* four standard errors */
                 fabs(spread / expected - 1.0) > 4.0 / sqrt(2.0 * (double)p.count))
            fail_msg("%s: mean %g, deviation %g, expected %g", p.name, mean, spread, expected);
    }
    heed_model_close(model);
    heed_model_close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_learns),
        cmocka_unit_test(every_model_is_the_same_on_fast_kernels),
        cmocka_unit_test(every_parameter_is_trained),
        cmocka_unit_test(the_gradient_of_the_fused_map_needs_no_copy),
        cmocka_unit_test(dropout_changes_with_seed_and_step_and_is_off_in_evaluation),
        cmocka_unit_test(parameters_are_counted_on_the_graph),
        cmocka_unit_test(every_model_has_the_parameters_it_should),
        cmocka_unit_test(components_make_up_the_whole),
        cmocka_unit_test(random_weights_have_the_spread_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
