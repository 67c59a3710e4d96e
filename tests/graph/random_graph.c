/* SPDX-License-Identifier: MIT */
#include "random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { B = 2, VOCAB = 11 };

/* --- sources --- */

static heed_node *add_source(random_graph *r, heed_node *node)
{
    assert_non_null(node);
    assert_true(r->n_sources < RANDOM_MAX_SOURCES);
    r->sources[r->n_sources++] = node;
    return node;
}

static heed_node *parameter(random_graph *r, heed_shape shape)
{
    char name[24];

    snprintf(name, sizeof name, "p%d", r->n_sources);
    return add_source(r, heed_graph_parameter(r->g, name, shape));
}

static heed_node *state(random_graph *r, heed_shape shape)
{
    char name[24];

    snprintf(name, sizeof name, "s%d", r->n_sources);
    return add_source(r, heed_graph_state(r->g, name, shape));
}

static void fill(random_graph *r, heed_node *node, heed_rng *rng)
{
    const int64_t count = heed_tensor_count(&node->tensor);

    node->tensor.data = malloc((size_t)count * heed_dtype_bytes(node->tensor.dtype));
    assert_non_null(node->tensor.data);
    for (int64_t i = 0; i < count; i++) {
        float x = 0.5f * heed_rng_normal(rng);
        if (node == r->ids)
            x = (float)heed_rng_below(rng, VOCAB);
        else if (node == r->seed_one || node == r->t)
            x = 1.0f;
        else if (node == r->window)
            x = 3.0f;
        else if (node->role == HEED_ROLE_STATE)
            x = fabsf(x); /* a second moment is never negative */
        heed_tensor_set(&node->tensor, i, x);
    }
}

void random_graph_reset(random_graph *r)
{
    for (int i = 0; i < r->n_sources; i++)
        memcpy(r->sources[i]->tensor.data, r->pristine[i], heed_tensor_span_bytes(&r->sources[i]->tensor));
}

/* --- one op --- */

static int64_t below(heed_rng *rng, int64_t n)
{
    return heed_rng_below(rng, n);
}

static heed_node *any(const random_graph *r, heed_rng *rng)
{
    /* one of the last eight, so that the graph is deep and not only wide */
    const int from = r->n_pool > 8 ? r->n_pool - 8 : 0;

    return r->pool[from + (int)below(rng, r->n_pool - from)];
}

/* Another node of x's width, or x itself when there is none. */
static heed_node *partner(const random_graph *r, heed_rng *rng, const heed_node *x)
{
    heed_node *found[RANDOM_MAX_POOL];
    int n = 0;

    for (int i = 0; i < r->n_pool; i++) {
        if (heed_shape_equal(&r->pool[i]->tensor.shape, &x->tensor.shape))
            found[n++] = r->pool[i];
    }
    return found[below(rng, n)];
}

static heed_node *linear(random_graph *r, heed_rng *rng, heed_node *x, int64_t out)
{
    const int64_t in = heed_cols(&x->tensor);
    const bool flipped = below(rng, 2) == 1;
    heed_node *weight = parameter(r, flipped ? heed_shape2(out, in) : heed_shape2(in, out));
    heed_node *bias = below(rng, 2) == 1 ? parameter(r, heed_shape1(out)) : NULL;

    return heed_linear(r->g, x, weight, bias, flipped ? HEED_WEIGHT_OUT_IN : HEED_WEIGHT_IN_OUT);
}

static heed_node *attention(random_graph *r, heed_rng *rng, heed_node *x)
{
    const int64_t d = 4 * (1 + below(rng, 3));
    const heed_attention_options options = {.causal = below(rng, 2) == 1};
    heed_node *qkv = linear(r, rng, x, 3 * d), *heads[3], *z;

    for (int i = 0; i < 3; i++)
        heads[i] = heed_split_heads(r->g, heed_narrow(r->g, qkv, i * d, d), 2);
    if (below(rng, 2) == 1)
        z = heed_attention(r->g, heads[0], heads[1], heads[2], &options);
    else
        z = heed_matmul(r->g, heed_softmax(r->g, heed_attention_scores(r->g, heads[0], heads[1], &options)),
                        heads[2], false, false);
    return heed_merge_heads(r->g, z);
}

static heed_node *through_rows(random_graph *r, heed_node *x)
{
    const heed_shape shape = x->tensor.shape, rows = heed_shape2(heed_rows(&x->tensor), heed_cols(&x->tensor));

    return heed_reshape(r->g, heed_relu(r->g, heed_reshape(r->g, x, rows)), shape);
}

static heed_node *random_op(random_graph *r, heed_rng *rng)
{
    heed_node *x = any(r, rng);
    const int64_t d = heed_cols(&x->tensor);

    switch (below(rng, 14)) {
    case 0:
        return heed_add(r->g, x, partner(r, rng, x));
    case 1:
        return heed_add(r->g, x, parameter(r, heed_shape1(d)));
    case 2:
        return heed_add(r->g, x, x);
    case 3:
        return heed_scale(r->g, x, 0.7f);
    case 4:
        return heed_gelu_tanh(r->g, x);
    case 5:
        return heed_gelu_erf(r->g, x);
    case 6:
        return heed_softmax(r->g, x);
    case 7:
        return heed_layernorm(r->g, x, parameter(r, heed_shape1(d)),
                              below(rng, 2) ? parameter(r, heed_shape1(d)) : NULL, 1e-5f);
    case 8:
        return d > 2 ? heed_narrow(r->g, x, below(rng, d / 2), 1 + below(rng, d / 2)) : heed_relu(r->g, x);
    case 9:
        return attention(r, rng, x);
    case 10:
        return heed_dropout(r->g, x, r->window, 0.25f, r->seed, r->n_pool);
    case 11:
        return through_rows(r, x);
    case 12:
        return heed_matmul(r->g, x, partner(r, rng, x), false, true);
    default:
        return linear(r, rng, x, 1 + below(rng, 24));
    }
}

/* --- the whole --- */

static void update(random_graph *r)
{
    const heed_adamw_options options = {.beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .weight_decay = 0.1f};
    const int n = r->n_sources;
    heed_node *squares = NULL, *factor;

    for (int i = 0; i < n; i++) {
        if (r->sources[i]->role == HEED_ROLE_PARAMETER && r->sources[i]->grad != NULL)
            squares = heed_sum_squares(r->g, r->sources[i]->grad, squares);
    }
    factor = heed_clip_factor(r->g, heed_sqrt(r->g, squares), 1.0f);
    for (int i = 0; i < n; i++) {
        heed_node *p = r->sources[i];
        if (p->role != HEED_ROLE_PARAMETER || p->grad == NULL)
            continue;
        if (i % 3 == 0) {
            heed_graph_assign(r->g, p, heed_sgd(r->g, p, p->grad, r->lr, factor, 0.1f));
            continue;
        }
        heed_node *m = state(r, p->tensor.shape), *v = state(r, p->tensor.shape);
        const heed_adamw_nodes after = heed_adamw(r->g, p, m, v, p->grad, r->lr, r->t, factor, &options);
        heed_graph_assign(r->g, p, after.p);
        heed_graph_assign(r->g, m, after.m);
        heed_graph_assign(r->g, v, after.v);
    }
}

static void choose_targets(random_graph *r, heed_rng *rng)
{
    r->targets[r->n_targets++] = r->loss;
    for (int i = 0; i < r->n_sources; i++) {
        if (r->sources[i]->grad != NULL && below(rng, 2) == 1)
            r->targets[r->n_targets++] = r->sources[i]->grad;
    }
    for (int i = 0; i < r->n_pool; i++) {
        if (below(rng, 6) == 0)
            r->targets[r->n_targets++] = r->pool[i];
    }
}

static void build(random_graph *r, heed_rng *rng)
{
    const int64_t T = 3 + below(rng, 5);
    const int n_ops = 10 + (int)below(rng, 30);
    heed_graph *g = r->g;

    r->ids = add_source(r, heed_graph_input(g, "ids", HEED_I32, heed_shape2(B, T)));
    r->window = add_source(r, heed_graph_input(g, "window", HEED_I32, heed_shape0()));
    r->lr = add_source(r, heed_graph_input(g, "lr", HEED_F32, heed_shape0()));
    r->t = add_source(r, heed_graph_input(g, "t", HEED_I32, heed_shape0()));
    r->seed_one = add_source(r, heed_graph_input(g, "one", HEED_F32, heed_shape0()));
    r->unused = parameter(r, heed_shape2(3, 5));
    r->pool[r->n_pool++] = heed_embedding(g, parameter(r, heed_shape2(VOCAB, 12)), r->ids);
    r->pool[r->n_pool++] = add_source(r, heed_graph_input(g, "x", HEED_F32, heed_shape3(B, T, 8)));
    for (int i = 0; i < n_ops && r->n_pool < RANDOM_MAX_POOL; i++) {
        r->pool[r->n_pool] = random_op(r, rng);
        if (r->pool[r->n_pool++] == NULL)
            return; /* the graph says why */
    }
    for (int i = 0; i < r->n_pool; i++) {
        heed_node *mean = i == 0 || below(rng, 3) == 0 || i + 1 == r->n_pool ? heed_mean(g, r->pool[i]) : NULL;
        if (mean != NULL)
            r->loss = r->loss == NULL ? mean : heed_add(g, r->loss, mean);
    }
    heed_name(g, r->loss, "loss");
    heed_graph_differentiate(g, r->loss, r->seed_one, heed_accumulate);
    update(r);
}

random_graph *random_graph_open(uint64_t seed)
{
    random_graph *r = calloc(1, sizeof *r);
    heed_rng rng = heed_rng_make(seed, 77);
    heed_error err = {0};

    assert_non_null(r);
    r->seed = seed;
    r->g = heed_graph_create();
    assert_non_null(r->g);
    build(r, &rng);
    if (heed_graph_status(r->g, &err) != HEED_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.message);
    choose_targets(r, &rng);
    for (int i = 0; i < r->n_sources; i++) {
        const size_t bytes = heed_tensor_span_bytes(&r->sources[i]->tensor);
        fill(r, r->sources[i], &rng);
        r->pristine[i] = malloc(bytes);
        assert_non_null(r->pristine[i]);
        memcpy(r->pristine[i], r->sources[i]->tensor.data, bytes);
    }
    return r;
}

void random_graph_close(random_graph *r)
{
    for (int i = 0; i < r->n_sources; i++) {
        free(r->sources[i]->tensor.data);
        free(r->pristine[i]);
    }
    heed_graph_destroy(r->g);
    free(r);
}

heed_plan *random_graph_plan(random_graph *r, heed_device *device, int flags)
{
    const heed_plan_options options = {
        .device = device,
        .reference = device->kernels == NULL || (flags & RANDOM_REFERENCE) != 0,
        .targets = r->targets,
        .n_targets = r->n_targets,
        .assign = (flags & RANDOM_ASSIGN) != 0,
        .keep_all = (flags & RANDOM_KEEP_ALL) != 0,
        .recompute = (flags & RANDOM_BLOCKS) != 0  ? HEED_RECOMPUTE_BLOCKS
                     : (flags & RANDOM_CHEAP) != 0 ? HEED_RECOMPUTE_CHEAP
                                                   : HEED_RECOMPUTE_NONE,
    };
    heed_plan *plan = NULL;
    heed_error err = {0};

    if (heed_plan_create(r->g, &options, &plan, &err) != HEED_OK ||
        heed_plan_place(plan, NULL, &err) != HEED_OK)
        fail_msg("seed %llu: %s", (unsigned long long)r->seed, err.message);
    return plan;
}

float *random_graph_outcome(random_graph *r, heed_plan *plan, size_t *n)
{
    float *all;

    *n = 0;
    for (int i = 0; i < r->n_targets; i++)
        *n += (size_t)heed_tensor_count(&r->targets[i]->tensor);
    for (int i = 0; i < r->n_sources; i++)
        *n += (size_t)heed_tensor_count(&r->sources[i]->tensor);
    all = malloc(*n * sizeof *all);
    assert_non_null(all);
    random_graph_reset(r);
    heed_plan_run(plan);
    *n = 0;
    for (int i = 0; i < r->n_targets; i++) {
        const heed_tensor *value = heed_plan_value(plan, r->targets[i]);
        assert_non_null(value);
        for (int64_t k = 0; k < heed_tensor_count(value); k++)
            all[(*n)++] = heed_tensor_get(value, k);
    }
    for (int i = 0; i < r->n_sources; i++) {
        for (int64_t k = 0; k < heed_tensor_count(&r->sources[i]->tensor); k++)
            all[(*n)++] = heed_tensor_get(&r->sources[i]->tensor, k);
    }
    return all;
}

void random_graph_expect_same(const random_graph *r, const char *what, const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0)
            fail_msg("%s: number %zu of %zu is %.9g in one plan, %.9g in the other (seed %llu)", what, i, n,
                     (double)a[i], (double)b[i], (unsigned long long)r->seed);
    }
}

heed_device random_device(bool plain)
{
    heed_device device;
    heed_error err = {0};

    if (heed_device_open(&device, plain ? "plain" : NULL, 1, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return device;
}
