/* SPDX-License-Identifier: MIT */
/*
 * The mixture of experts as a layer, against a loop over tokens in double: what comes out, and, by differences of that
 * loop, what the gradients are. The choice of experts is taken from the layer; that it is the right one is checked apart.
 */
#include "cmocka_all.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/nn.h"

enum { BATCH = 2, LENGTH = 9, N = BATCH * LENGTH, D = 6, D_MLP = 7, MOST_EXPERTS = 5, MOST_PARAMETERS = 8 };

/* --- a layer with its numbers --- */

typedef struct layer {
    heed_config config;
    heed_nn nn;
    heed_node *x, *dout, *out, *loss;
    heed_node *parameters[MOST_PARAMETERS];
    int n_parameters;
    float one;
    heed_device device;
    heed_plan *plan;
} layer;

static heed_config config_of(int64_t n_experts, int64_t k, heed_activation activation)
{
    heed_config config = heed_config_default();

    config.d_model = D;
    config.d_mlp = D_MLP;
    config.n_experts = n_experts;
    config.experts_per_token = k;
    config.activation = (int)activation;
    config.balance_weight = 0.3;
    return config;
}

static float *numbers(int64_t n, uint64_t stream, float deviation)
{
    float *x = malloc((size_t)n * sizeof *x);
    heed_rng rng = heed_rng_make(5, stream);

    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = deviation * heed_rng_normal(&rng);
    return x;
}

/* loss = sum_i dout_i out_i + balance; every node keeps its value. */
static void open_layer(layer *m, const heed_config *config, const char *cpu, bool training)
{
    heed_graph *g = heed_graph_create();
    heed_node *targets[512], *seed;
    heed_plan_options options = {.device = &m->device, .targets = targets, .keep_all = true};
    heed_error err = {0};

    *m = (layer){.config = *config, .one = 1.0f};
    m->nn = (heed_nn){.g = g, .config = &m->config, .training = training};
    m->x = heed_graph_parameter(g, "x", heed_shape3(BATCH, LENGTH, D));
    m->dout = heed_graph_input(g, "dout", HEED_F32, heed_shape2(N * D, 1));
    heed_scope_begin(g, "blocks.0");
    m->out = heed_name(g, heed_nn_moe(&m->nn, m->x), "mlp_out");
    heed_scope_end(g);
    m->loss = heed_sum(g,
                       heed_matmul(g, heed_reshape(g, m->out, heed_shape2(1, N * D)), m->dout, false, false));
    if (m->nn.balance != NULL)
        m->loss = heed_add(g, m->loss, m->nn.balance);
    seed = heed_graph_bound_input(g, "seed", HEED_F32, heed_shape0(), &m->one);
    heed_graph_differentiate(g, m->loss, seed, heed_accumulate);
    if (heed_graph_status(g, &err) != HEED_OK || heed_device_open(&m->device, cpu, 2, &err) != HEED_OK)
        fail_msg("%s", err.message);

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        heed_node *node = heed_graph_node(g, i);

        assert_true(options.n_targets < 512);
        targets[options.n_targets++] = node;
        if (node->op != NULL || node->tensor.data != NULL)
            continue;
        /* rows of x differ much, so that probabilities do; gains of matrices keep sums at size 1 */
        node->tensor.data = numbers(heed_tensor_count(&node->tensor), (uint64_t)i + 10,
                                    node == m->x || node == m->dout ? 1.0f : 0.6f);
        if (node->role == HEED_ROLE_PARAMETER)
            m->parameters[m->n_parameters++] = node;
    }
    options.reference = m->device.kernels == NULL;
    if (heed_plan_create(g, &options, &m->plan, &err) != HEED_OK ||
        heed_plan_place(m->plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(m->plan);
}

static void close_layer(layer *m)
{
    for (int i = 0; i < m->n_parameters; i++)
        free(m->parameters[i]->tensor.data);
    free(m->dout->tensor.data);
    heed_plan_destroy(m->plan);
    heed_graph_destroy(m->nn.g);
    heed_device_close(&m->device);
}

static const heed_node *node_of(const layer *m, const char *name)
{
    const heed_node *node = heed_graph_find(m->nn.g, name);

    if (node == NULL)
        fail_msg("there is no node %s", name);
    return node;
}

static const heed_tensor *value_of(const layer *m, const char *name)
{
    return heed_plan_value(m->plan, node_of(m, name));
}

/* --- the loop in double --- */

/* Numbers of a parameter in double; one element may be moved a little. */
typedef struct moved {
    const layer *m;
    const heed_node *node; /* NULL: none is moved */
    int64_t element;
    double step;
} moved;

static double number(const moved *at, const char *name, int64_t i)
{
    const heed_node *node = heed_graph_find(at->m->nn.g, name);

    if (node == NULL)
        return 0.0; /* a bias that the configuration has not got */
    return (double)heed_tensor_get(&node->tensor, i) + (node == at->node && i == at->element ? at->step : 0.0);
}

static double activated(int activation, double x)
{
    switch (activation) {
    case HEED_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case HEED_ACTIVATION_GELU_ERF:
        return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case HEED_ACTIVATION_SILU:
    case HEED_ACTIVATION_SWIGLU:
        return x / (1.0 + exp(-x));
    default:
        return x;
    }
}

/* Element h of map `name` of expert e, of a row of n numbers. */
static double mapped(const moved *at, const char *name, int64_t e, const double *row, int64_t n, int64_t out,
                     int64_t h)
{
    char weight[64], bias[64];
    double sum;

    snprintf(weight, sizeof weight, "h.0.mlp.experts.%s.weight", name);
    snprintf(bias, sizeof bias, "h.0.mlp.experts.%s.bias", name);
    sum = number(at, bias, e * out + h);
    for (int64_t k = 0; k < n; k++)
        sum += row[k] * number(at, weight, (e * n + k) * out + h);
    return sum;
}

/* out += gate times what expert e makes of token t. */
static void add_expert(const moved *at, int64_t t, int64_t e, double gate, double *out)
{
    const int activation = at->m->config.activation;
    const bool gated = activation == HEED_ACTIVATION_SWIGLU;
    double x[D], hidden[D_MLP];

    for (int64_t i = 0; i < D; i++)
        x[i] = number(at, "x", t * D + i);
    for (int64_t h = 0; h < D_MLP; h++) {
        hidden[h] = activated(activation, mapped(at, gated ? "c_gate" : "c_fc", e, x, D, D_MLP, h));
        if (gated)
            hidden[h] *= mapped(at, "c_fc", e, x, D, D_MLP, h);
    }
    for (int64_t i = 0; i < D; i++)
        out[i] += gate * mapped(at, "c_proj", e, hidden, D_MLP, D, i);
}

static void router(const moved *at, int64_t t, double *p)
{
    const int64_t n_experts = at->m->config.n_experts;
    double sum = 0.0;

    for (int64_t e = 0; e < n_experts; e++) {
        p[e] = 0.0;
        for (int64_t i = 0; i < D; i++)
            p[e] += number(at, "x", t * D + i) * number(at, "h.0.mlp.router.weight", i * n_experts + e);
        p[e] = exp(p[e]);
        sum += p[e];
    }
    for (int64_t e = 0; e < n_experts; e++)
        p[e] /= sum;
}

/* All of it, with the layer's own choice and its own drops. out [N * D]; returns the loss. */
static double loop(const moved *at, double *out)
{
    const heed_config *c = &at->m->config;
    const heed_tensor *index = value_of(at->m, "blocks.0.mlp.expert_index");
    const heed_tensor *row = value_of(at->m, "blocks.0.mlp.expert_row");
    double loss = 0.0, mean[MOST_EXPERTS] = {0}, load[MOST_EXPERTS] = {0};

    memset(out, 0, N * D * sizeof *out);
    for (int64_t t = 0; t < N; t++) {
        double p[MOST_EXPERTS], sum = 0.0;

        router(at, t, p);
        for (int64_t e = 0; e < c->n_experts; e++)
            mean[e] += p[e] / N;
        for (int64_t j = 0; j < c->experts_per_token; j++) {
            const int64_t e = (int64_t)heed_tensor_get(index, t * c->experts_per_token + j);
            sum += p[e];
            load[e] += 1.0 / (double)(N * c->experts_per_token);
        }
        for (int64_t j = 0; j < c->experts_per_token; j++) {
            const int64_t a = t * c->experts_per_token + j, e = (int64_t)heed_tensor_get(index, a);
            if (heed_tensor_get(row, a) >= 0.0f)
                add_expert(at, t, e, c->experts_per_token > 1 ? p[e] / sum : p[e], out + t * D);
        }
        for (int64_t i = 0; i < D; i++)
            loss += out[t * D + i] * (double)heed_tensor_get(&at->m->dout->tensor, t * D + i);
    }
    for (int64_t e = 0; e < c->n_experts; e++)
        loss += c->balance_weight * (double)c->n_experts * load[e] * mean[e];
    return loss;
}

/* --- checks --- */

/* The k largest probabilities, the largest first. */
static void check_choice(const layer *m)
{
    const int64_t n_experts = m->config.n_experts, k = m->config.experts_per_token;
    const heed_tensor *p = value_of(m, "blocks.0.mlp.router_probs");
    const heed_tensor *index = value_of(m, "blocks.0.mlp.expert_index");

    for (int64_t t = 0; t < N; t++) {
        for (int64_t j = 0; j < k; j++) {
            const int64_t e = (int64_t)heed_tensor_get(index, t * k + j);
            int64_t larger = 0;

            for (int64_t i = 0; i < n_experts; i++)
                larger += heed_tensor_get(p, t * n_experts + i) > heed_tensor_get(p, t * n_experts + e);
            assert_int_equal(larger, j);
        }
    }
}

/* Sums of up to 7 numbers of size 1 in three layers, of which the largest partial sums are near 8. */
static void check_out(const layer *m, const double *expected, double tolerance)
{
    const heed_tensor *out = heed_plan_value(m->plan, m->out);

    for (int64_t i = 0; i < N * D; i++) {
        const double got = (double)heed_tensor_get(out, i);
        if (!(fabs(got - expected[i]) <= tolerance))
            fail_msg("%s, E = %d, k = %d: element %d is %.9g, in double %.9g", heed_device_name(&m->device),
                     (int)m->config.n_experts, (int)m->config.experts_per_token, (int)i, got, expected[i]);
    }
}

/*
 * Central differences of the loop in double leave about 1e-9. A gradient sums up to N * D products, some tens large, in
 * float.
 */
static void check_gradients(const layer *m)
{
    double out[N * D];

    for (int p = 0; p < m->n_parameters; p++) {
        const heed_node *node = m->parameters[p];
        const int64_t count = heed_tensor_count(&node->tensor);
        const heed_tensor *gradient = node->grad != NULL ? heed_plan_value(m->plan, node->grad) : NULL;

        if (gradient == NULL)
            fail_msg("no gradient flows to %s", node->name);
        for (int64_t i = 0; i < count; i += 1 + count / 24) {
            const double h = 1e-5;
            const moved up = {m, node, i, h}, down = {m, node, i, -h};
            const double expected = (loop(&up, out) - loop(&down, out)) / (2.0 * h);
            const double got = (double)heed_tensor_get(gradient, i);

            if (!(fabs(got - expected) <= 2e-5 * (1.0 + fabs(expected))))
                fail_msg("%s, E = %d, k = %d: d loss / d %s[%d] is %.9g, differences of double give %.9g",
                         heed_device_name(&m->device), (int)m->config.n_experts,
                         (int)m->config.experts_per_token, node->name, (int)i, got, expected);
        }
    }
}

static void check(const heed_config *config, const char *cpu, bool training)
{
    double out[N * D], expected, got;
    layer m;

    open_layer(&m, config, cpu, training);
    check_choice(&m);
    expected = loop(&(moved){.m = &m}, out);
    got = (double)heed_tensor_get(heed_plan_value(m.plan, m.loss), 0);
    if (!(fabs(got - expected) <=
          1e-5 * (1.0 + fabs(expected)))) /* as many products of size 1 as there are outputs */
        fail_msg("%s: the loss is %.9g, in double %.9g", heed_device_name(&m.device), got, expected);
    check_out(&m, out, 64.0 * FLT_EPSILON * 8.0);
    check_gradients(&m);
    close_layer(&m);
}

static void the_layer_and_its_gradients_are_those_of_a_loop_in_double(void **state)
{
    static const heed_activation activations[] = {HEED_ACTIVATION_GELU_TANH, HEED_ACTIVATION_SWIGLU,
                                                  HEED_ACTIVATION_NONE, HEED_ACTIVATION_GELU_ERF};

    (void)state;
    for (int64_t k = 1; k <= 4; k++) {
        heed_config config = config_of(k == 4 ? 4 : MOST_EXPERTS, k, activations[k - 1]);

        check(&config, "plain", false);
        check(&config, NULL, false);
        config.mlp_bias = false;
        check(&config, NULL, false);
    }
}

/* Room for 0.6 of an even share: some assignments are dropped whatever the router says, and the gradients know. */
static void what_is_dropped_adds_nothing_and_gets_no_gradient(void **state)
{
    heed_config config = config_of(4, 2, HEED_ACTIVATION_GELU_TANH);
    int dropped = 0, without = 0;
    layer m;

    (void)state;
    config.expert_capacity = 0.6;
    check(&config, "plain", true);
    check(&config, NULL, true);

    open_layer(&m, &config, NULL, true);
    for (int64_t t = 0; t < N; t++) {
        const heed_tensor *row = value_of(&m, "blocks.0.mlp.expert_row");
        const int lost = (heed_tensor_get(row, 2 * t) < 0.0f) + (heed_tensor_get(row, 2 * t + 1) < 0.0f);

        dropped += lost;
        for (int64_t i = 0; i < D && lost == 2; i++, without += i == D)
            assert_true(heed_tensor_get(heed_plan_value(m.plan, m.out), t * D + i) == 0.0f);
    }
    assert_true(dropped >= 2 * N - 4 * 6); /* four experts with room for ceil(0.6 * 36 / 4) = 6 */
    assert_true(without > 0);
    close_layer(&m);

    open_layer(&m, &config, NULL, false); /* not training: no limit */
    for (int64_t a = 0; a < 2 * N; a++)
        assert_true(heed_tensor_get(value_of(&m, "blocks.0.mlp.expert_row"), a) >= 0.0f);
    close_layer(&m);
}

/* No routing at all: every expert computes every token, weighed by the router's softmax. */
static void all_experts_are_the_mixture_by_the_routers_softmax(void **state)
{
    heed_config config = config_of(3, 3, HEED_ACTIVATION_SWIGLU);
    double out[N * D] = {0}, p[MOST_EXPERTS];
    layer m;

    (void)state;
    open_layer(&m, &config, NULL, false);
    for (int64_t t = 0; t < N; t++) {
        const moved at = {.m = &m};

        router(&at, t, p);
        for (int64_t e = 0; e < 3; e++)
            add_expert(&at, t, e, p[e], out + t * D);
    }
    check_out(&m, out, 64.0 * FLT_EPSILON * 8.0);
    close_layer(&m);
}

static void what_the_router_does_can_be_seen_by_name(void **state)
{
    static const char *const names[] = {"router_logits", "router_probs", "expert_index", "expert_gates",
                                        "expert_load",   "balance_loss", "pre",          "post"};
    const heed_config config = config_of(5, 2, HEED_ACTIVATION_RELU);
    double sum = 0.0;
    char name[64];
    layer m;

    (void)state;
    open_layer(&m, &config, NULL, true);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "blocks.0.mlp.%s", names[i]);
        assert_non_null(value_of(&m, name));
    }
    for (int64_t e = 0; e < 5; e++)
        sum += (double)heed_tensor_get(value_of(&m, "blocks.0.mlp.expert_load"), e);
    assert_true(fabs(sum - 1.0) < 1e-6);
    assert_int_equal(node_of(&m, "h.0.mlp.experts.c_fc.weight")->tensor.shape.rank, 3);
    assert_int_equal(node_of(&m, "h.0.mlp.experts.c_proj.bias")->tensor.shape.size[0], 5);
    close_layer(&m);
}

/* FLOPs of the maps, forward and backward, and the arena but for the gradients of weights. */
static void measure(int64_t n_experts, int64_t k, double *flops, double *bytes)
{
    heed_config config = config_of(n_experts, k, HEED_ACTIVATION_RELU);
    heed_plan_options options = {.n_targets = 1};
    heed_error err = {0};
    heed_cost cost;
    layer m;

    config.balance_weight = 0.0;
    open_layer(&m, &config, "plain", true);
    options.device = &m.device;
    options.reference = true;
    heed_plan_destroy(m.plan);
    options.targets = &m.x->grad;
    assert_int_equal(heed_plan_create(m.nn.g, &options, &m.plan, &err), HEED_OK);
    *bytes = (double)heed_plan_bytes(m.plan);
    *flops = 0.0;
    for (int s = 0; s < heed_plan_n_steps(m.plan); s++) {
        const heed_node *node = heed_plan_step(m.plan, s);

        cost = (heed_cost){0};
        if (strncmp(node->op->name, "expert_linear", 13) == 0)
            node->op->cost(node, &cost);
        *flops += cost.flops;
    }
    close_layer(&m);
}

static void work_grows_with_the_experts_of_a_token_not_with_all_of_them(void **state)
{
    double one, two, more, one_bytes, two_bytes, more_bytes;

    (void)state;
    measure(2, 1, &one, &one_bytes);
    measure(2, 2, &two, &two_bytes);
    measure(5, 2, &more, &more_bytes);
    assert_true(one > 0.0 && two == 2.0 * one && more == two);
    assert_true(more_bytes < 1.2 * two_bytes); /* logits and probabilities alone have a column an expert */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layer_and_its_gradients_are_those_of_a_loop_in_double),
        cmocka_unit_test(what_is_dropped_adds_nothing_and_gets_no_gradient),
        cmocka_unit_test(all_experts_are_the_mixture_by_the_routers_softmax),
        cmocka_unit_test(what_the_router_does_can_be_seen_by_name),
        cmocka_unit_test(work_grows_with_the_experts_of_a_token_not_with_all_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
