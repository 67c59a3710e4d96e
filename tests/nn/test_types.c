/* SPDX-License-Identifier: MIT */
/* Training in bf16: which nodes of a model are kept in which type, what that saves, and how near it stays to f32. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/types.h"
#include "nn/weights.h"

enum { VOCAB = 29, MOST_TOKENS = 2048 };

static void expect_ok(heed_status status, const heed_error *err, const char *where)
{
    if (status != HEED_OK)
        fail_msg("%s: %s", where, err->message);
}

/* A model with its gradients, and one run of them. */
typedef struct model {
    heed_graph *g;
    heed_weights *weights;
    heed_gpt gpt;
    heed_plan *plan;
    heed_device device;
    float one;
    int32_t ids[MOST_TOKENS], targets[MOST_TOKENS];
} model;

/* Numbers of size 1 in, numbers of size 1 out of every map, so that roundings show. */
static void fill_weights(heed_weights *weights)
{
    heed_rng rng = heed_rng_make(11, 1);

    for (int i = 0; i < weights->n; i++) {
        const heed_parameter *p = &weights->list[i];
        const double wide = p->rank >= 2 ? (double)p->size[p->rank - 2] : 16.0;
        float *numbers = (float *)(uintptr_t)p->data;

        for (int64_t j = 0; j < p->count; j++)
            numbers[j] = heed_rng_normal(&rng) / (float)sqrt(wide) + (p->rank == 1 ? 0.5f : 0.0f);
    }
}

static void open_model(model *m, const char *name, const heed_config *config, heed_precision precision,
                       const char *cpu, int64_t batch)
{
    const heed_shape shape = heed_shape2(batch, config->context_length);
    heed_nn nn = {.config = config, .precision = precision, .training = true};
    heed_rng rng = heed_rng_make(3, 1);
    heed_node *ids, *targets, *seed, *wanted[256];
    heed_plan_options options = {.targets = wanted};
    heed_error err = {0};

    *m = (model){.one = 1.0f};
    assert_true(batch * config->context_length <= MOST_TOKENS);
    for (int64_t i = 0; i < batch * config->context_length; i++) {
        m->ids[i] = (int32_t)heed_rng_below(&rng, VOCAB);
        m->targets[i] = (int32_t)heed_rng_below(&rng, VOCAB);
    }
    expect_ok(heed_config_check(config, &err), &err, name);
    expect_ok(heed_device_open(&m->device, cpu, 2, &err), &err, name);
    expect_ok(heed_weights_create(config, &m->weights, &err), &err, name);
    expect_ok(heed_weights_place(m->weights, NULL, &err), &err, name);
    fill_weights(m->weights);
    nn.g = m->g = heed_graph_create();
    ids = heed_graph_bound_input(m->g, "ids", HEED_I32, shape, m->ids);
    targets = heed_graph_bound_input(m->g, "targets", HEED_I32, shape, m->targets);
    seed = heed_graph_bound_input(m->g, "seed", HEED_F32, heed_shape0(), &m->one);
    m->gpt = heed_gpt_build(&nn, ids, targets);
    heed_graph_differentiate(m->g, m->gpt.objective, seed, heed_accumulate);
    expect_ok(heed_graph_status(m->g, &err), &err, name);
    heed_weights_bind(m->weights, m->g);
    wanted[options.n_targets++] = heed_graph_value_of(m->gpt.loss);
    for (int i = 0; i < m->weights->n; i++) {
        heed_node *p = heed_graph_find(m->g, m->weights->list[i].name);
        if (p->grad != NULL)
            wanted[options.n_targets++] = p->grad;
    }
    options.device = &m->device;
    options.reference = m->device.kernels == NULL;
    expect_ok(heed_plan_create(m->g, &options, &m->plan, &err), &err, name);
}

static void run_model(model *m, const char *name)
{
    heed_error err = {0};

    expect_ok(heed_plan_place(m->plan, NULL, &err), &err, name);
    heed_plan_run(m->plan);
}

static void close_model(model *m)
{
    heed_plan_destroy(m->plan);
    heed_graph_destroy(m->g);
    heed_weights_destroy(m->weights);
    heed_device_close(&m->device);
}

static heed_config small(void)
{
    heed_config c = heed_config_default();

    c.vocab_size = VOCAB;
    c.n_layers = 2;
    c.n_heads = 4;
    c.d_model = 32;
    c.context_length = 10;
    c.dropout = 0.0;
    return c;
}

/* --- types ---------------------------------------------------------------------------------------- */

static void expect_type(const model *m, const char *name, heed_dtype dtype)
{
    const heed_node *node = heed_graph_find(m->g, name);

    if (node == NULL)
        fail_msg("there is no %s", name);
    if (node->tensor.dtype != dtype)
        fail_msg("%s is %s, expected %s", name, heed_dtype_name(node->tensor.dtype), heed_dtype_name(dtype));
}

/* The table of docs/numerics.md. */
static void what_products_read_is_bf16_and_the_rest_f32(void **state)
{
    static const char *const bf16[] = {"attn.q", "attn.k", "attn.v", "attn.z", "mlp.pre", "mlp.post"};
    static const char *const f32[] = {"resid_pre", "resid_mid",      "resid_post",     "attn_out",
                                      "mlp_out",   "ln1.normalized", "ln2.normalized", "attn.scores",
                                      "attn.lse",  "attn.pattern"};
    heed_config c = small();
    char name[HEED_MAX_NAME];
    model m;

    (void)state;
    open_model(&m, "types", &c, HEED_PRECISION_BF16, "plain", 2);
    for (int layer = 0; layer < 2; layer++) {
        for (size_t i = 0; i < sizeof bf16 / sizeof bf16[0]; i++) {
            snprintf(name, sizeof name, "blocks.%d.%s", layer, bf16[i]);
            expect_type(&m, name, HEED_BF16);
        }
        for (size_t i = 0; i < sizeof f32 / sizeof f32[0]; i++) {
            snprintf(name, sizeof name, "blocks.%d.%s", layer, f32[i]);
            expect_type(&m, name, HEED_F32);
        }
    }
    expect_type(&m, "embed", HEED_F32);
    expect_type(&m, "logits", HEED_F32);
    expect_type(&m, "loss", HEED_F32);
    for (int i = 0; i < m.weights->n; i++) {
        const heed_node *p = heed_graph_find(m.g, m.weights->list[i].name);

        assert_int_equal(p->tensor.dtype, HEED_F32);
        assert_int_equal(p->grad->tensor.dtype, HEED_F32);
    }
    close_model(&m);
}

/* Every product of the step reads what is bf16, or stays f32 by the table: routers. */
static void no_product_is_left_in_f32(void **state)
{
    heed_config c = small();
    model m;
    int products = 0;

    (void)state;
    open_model(&m, "products", &c, HEED_PRECISION_BF16, "plain", 2);
    for (int i = 0; i < heed_graph_n_nodes(m.g); i++) {
        const heed_node *node = heed_graph_node(m.g, i);

        if (node->op == NULL || node->first != node ||
            (strcmp(node->op->name, "linear") != 0 && strcmp(node->op->name, "linear_cross_entropy") != 0 &&
             strcmp(node->op->name, "linear_backward_weight") != 0))
            continue;
        if (node->in[0]->tensor.dtype != HEED_BF16)
            fail_msg("%s reads %s in %s", node->name, node->in[0]->name,
                     heed_dtype_name(node->in[0]->tensor.dtype));
        products++;
    }
    assert_true(products >= 8 * 2 + 1);
    close_model(&m);
}

static void f32_has_no_bf16(void **state)
{
    heed_config c = small();
    model m;

    (void)state;
    open_model(&m, "f32", &c, HEED_PRECISION_F32, "plain", 2);
    for (int i = 0; i < heed_graph_n_nodes(m.g); i++)
        assert_true(heed_graph_node(m.g, i)->tensor.dtype != HEED_BF16);
    close_model(&m);
}

/* --- memory --------------------------------------------------------------------------------------- */

/*
 * Of 16 d_model numbers a token and layer that a GPT-2 keeps, two stay f32 (the stream before each part) and 14 become
 * bf16: 36 of 64 bytes. Logits, packed operands and what one op works in come on top of both.
 */
static void activations_take_little_more_than_half(void **state)
{
    heed_config c = small();
    model f32, bf16;

    (void)state;
    c.n_layers = 8;
    c.d_model = 128;
    c.context_length = 128;
    open_model(&f32, "f32", &c, HEED_PRECISION_F32, NULL, 16);
    open_model(&bf16, "bf16", &c, HEED_PRECISION_BF16, NULL, 16);
    const double share = (double)heed_plan_bytes(bf16.plan) / (double)heed_plan_bytes(f32.plan);
    if (!(share > 0.5 && share < 0.68))
        fail_msg("%zu bytes in bf16, %zu in f32: %.3f", heed_plan_bytes(bf16.plan), heed_plan_bytes(f32.plan),
                 share);
    close_model(&f32);
    close_model(&bf16);
}

/* --- near f32 ------------------------------------------------------------------------------------- */

static double loss_of(const model *m)
{
    return (double)heed_tensor_get(heed_plan_value(m->plan, heed_graph_value_of(m->gpt.loss)), 0);
}

/* |g - h| / |g| over the gradients of all parameters together. */
static double distance(const model *a, const model *b)
{
    double difference = 0.0, length = 0.0;

    for (int i = 0; i < a->weights->n; i++) {
        const heed_node *p = heed_graph_find(a->g, a->weights->list[i].name);
        const heed_node *q = heed_graph_find(b->g, b->weights->list[i].name);

        assert_true((p->grad == NULL) == (q->grad == NULL));
        for (int64_t j = 0; p->grad != NULL && j < a->weights->list[i].count; j++) {
            const double x = (double)heed_tensor_get(heed_plan_value(a->plan, p->grad), j);
            const double y = (double)heed_tensor_get(heed_plan_value(b->plan, q->grad), j);

            difference += (x - y) * (x - y);
            length += x * x;
        }
    }
    return sqrt(difference / length);
}

/*
 * A number passes about a dozen roundings of 2^-9 of its size on its way through two layers and the head, and a gradient
 * twice as many; they fall at random. sqrt(24) 2^-9 is 1 %, and a softmax may make more of them: 2 % of the gradient.
 * The loss, a mean over 20 tokens, is off by less: 0.2 %.
 */
static void expect_near(const char *name, const heed_config *c, const char *cpu)
{
    model f32, bf16;

    open_model(&f32, name, c, HEED_PRECISION_F32, cpu, 2);
    open_model(&bf16, name, c, HEED_PRECISION_BF16, cpu, 2);
    run_model(&f32, name);
    run_model(&bf16, name);
    const double a = loss_of(&f32), b = loss_of(&bf16), apart = distance(&f32, &bf16);
    if (!(fabs(a - b) <= 0.002 * a) || !(apart <= 0.02))
        fail_msg("%s on %s: loss %.6f in f32 and %.6f in bf16, gradients %.4f apart", name, cpu, a, b, apart);
    if (c->kind == HEED_KIND_GPT && apart == 0.0)
        fail_msg("%s on %s: nothing was rounded", name, cpu);
    close_model(&f32);
    close_model(&bf16);
}

typedef struct form {
    const char *name;
    void (*change)(heed_config *c);
} form;

static void as_it_is(heed_config *c)
{
    (void)c;
}

static void make_post_norm(heed_config *c)
{
    c->norm = HEED_NORM_POST;
    c->tied_head = false;
}

static void make_llama(heed_config *c)
{
    c->positions = HEED_POSITIONS_ROTARY;
    c->norm_type = HEED_NORM_RMSNORM;
    c->activation = HEED_ACTIVATION_SWIGLU;
    c->n_kv_heads = 2;
}

static void make_alibi(heed_config *c)
{
    c->positions = HEED_POSITIONS_ALIBI;
    c->activation = HEED_ACTIVATION_RELU;
    c->window = 4;
}

static void make_relative(heed_config *c)
{
    c->positions = HEED_POSITIONS_RELATIVE;
    c->activation = HEED_ACTIVATION_GELU_ERF;
}

static void make_transformer_xl(heed_config *c)
{
    c->positions = HEED_POSITIONS_TRANSFORMER_XL;
    c->activation = HEED_ACTIVATION_SILU;
}

static void make_tied(heed_config *c)
{
    c->tied_kv = true;
    c->positions = HEED_POSITIONS_SINUSOIDAL;
}

static void make_uniform(heed_config *c)
{
    c->uniform_attention = true;
    c->activation = HEED_ACTIVATION_NONE;
}

static void make_experts(heed_config *c)
{
    c->n_experts = 3;
    c->experts_per_token = 3; /* all: which ones are chosen may hang on a rounding */
}

static void make_attention_alone(heed_config *c)
{
    c->norm = HEED_NORM_NONE;
    c->residual = false;
    c->mlp = false;
    c->n_layers = 1;
}

static const form forms[] = {
    {"GPT-2", as_it_is},
    {"post-norm", make_post_norm},
    {"rotary, swiglu", make_llama},
    {"ALiBi", make_alibi},
    {"relative", make_relative},
    {"Transformer-XL", make_transformer_xl},
    {"tied k, v", make_tied},
    {"uniform", make_uniform},
    {"experts", make_experts},
    {"attention alone", make_attention_alone},
};

static void every_model_in_bf16_is_near_itself_in_f32(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        heed_config c = small();

        forms[i].change(&c);
        expect_near(forms[i].name, &c, "plain");
        expect_near(forms[i].name, &c, NULL);
    }
}

/* No products, nothing to round. */
static void a_bigram_model_is_the_same_in_bf16(void **state)
{
    heed_config c = small();

    (void)state;
    assert_int_equal(heed_config_preset("bigram", &c, NULL), HEED_OK);
    c.vocab_size = VOCAB;
    c.context_length = 10;
    expect_near("bigram", &c, "plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_products_read_is_bf16_and_the_rest_f32),
        cmocka_unit_test(no_product_is_left_in_f32),
        cmocka_unit_test(f32_has_no_bf16),
        cmocka_unit_test(activations_take_little_more_than_half),
        cmocka_unit_test(every_model_in_bf16_is_near_itself_in_f32),
        cmocka_unit_test(a_bigram_model_is_the_same_in_bf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
