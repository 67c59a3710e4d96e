/* SPDX-License-Identifier: MIT */
#include "measure/attention_case.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "kernels/mask.h"
#include "ops/ops.h"

/* --- arrays --- */

static void *random_numbers(size_t n, bool bf16, uint64_t seed, size_t *bytes)
{
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_INIT);
    void *x;

    *bytes = n * (bf16 ? sizeof(uint16_t) : sizeof(float));
    x = *bytes < heed_memory_available() ? heed_memory_reserve(*bytes) : NULL;
    for (size_t i = 0; x != NULL && i < n; i++) {
        const float value = 2.0f * heed_rng_float(&rng) - 1.0f;
        if (bf16)
            ((uint16_t *)x)[i] = heed_bf16_of_float(value);
        else
            ((float *)x)[i] = value;
    }
    return x;
}

heed_status heed_attention_arrays_create(heed_attention_arrays *arrays, const heed_attention_shape *s,
                                         heed_error *err)
{
    const size_t n_q = (size_t)(s->n_heads * s->n_query * s->head_dim);
    const size_t n_k = (size_t)(s->n_heads * s->n_key * s->head_dim);

    *arrays = (heed_attention_arrays){0};
    arrays->q = random_numbers(s->rows ? n_q + 2 * n_k : n_q, s->bf16, 1, &arrays->q_bytes);
    if (!s->rows) {
        arrays->k = random_numbers(n_k, s->bf16, 2, &arrays->k_bytes);
        arrays->v = random_numbers(n_k, s->bf16, 3, &arrays->k_bytes);
    }
    if (s->backward)
        arrays->dout = random_numbers(n_q, false, 4, &arrays->dout_bytes);
    if (arrays->q != NULL && (s->rows || (arrays->k != NULL && arrays->v != NULL)) &&
        (!s->backward || arrays->dout != NULL))
        return HEED_OK;
    heed_attention_arrays_destroy(arrays);
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the numbers of %lld keys of %lld heads",
                     (long long)s->n_key, (long long)s->n_heads);
}

void heed_attention_arrays_destroy(heed_attention_arrays *arrays)
{
    heed_memory_release(arrays->q, arrays->q_bytes);
    heed_memory_release(arrays->k, arrays->k_bytes);
    heed_memory_release(arrays->v, arrays->k_bytes);
    heed_memory_release(arrays->dout, arrays->dout_bytes);
    *arrays = (heed_attention_arrays){0};
}

/* --- the graph --- */

/* q, k or v, or their rows: it gets a gradient, in whatever type it is. */
static heed_node *variable(heed_attention_case *c, const char *name, heed_shape shape, void *data)
{
    heed_node *node = heed_graph_bound_input(c->g, name, c->shape.bf16 ? HEED_BF16 : HEED_F32, shape, data);

    if (node != NULL)
        node->wants_grad = c->shape.backward;
    c->variables[c->n_variables++] = node;
    return node;
}

/* q, k and v one after the other, each head by itself; or as columns of one row a token, as models have them. */
static void make_qkv(heed_attention_case *c, const heed_attention_arrays *arrays, heed_node **qkv)
{
    const heed_attention_shape *s = &c->shape;
    const int64_t width = s->n_heads * s->head_dim;

    if (s->rows) {
        heed_node *rows = variable(c, "qkv", heed_shape3(1, s->n_query, 3 * width), arrays->q);

        for (int i = 0; i < 3; i++)
            qkv[i] = heed_split_heads(c->g, heed_narrow(c->g, rows, i * width, width), s->n_heads);
        return;
    }
    qkv[0] = variable(c, "q", heed_shape4(1, s->n_heads, s->n_query, s->head_dim), arrays->q);
    qkv[1] = variable(c, "k", heed_shape4(1, s->n_heads, s->n_key, s->head_dim), arrays->k);
    qkv[2] = variable(c, "v", heed_shape4(1, s->n_heads, s->n_key, s->head_dim), arrays->v);
}

static heed_attention_options options_of(heed_attention_case *c)
{
    const heed_mask *m = &c->shape.mask;
    const int64_t n_query = c->shape.n_query, n_key = c->shape.n_key;
    heed_attention_options o = {.causal = m->causal,
                                .window = m->window,
                                .prefix = m->prefix,
                                .at_position = m->position != n_key - n_query, /* its own default otherwise */
                                .position = m->position};

    if (m->key_documents != NULL)
        o.documents = heed_graph_bound_input(c->g, "documents", HEED_I32, heed_shape2(1, n_key),
                                             (void *)(uintptr_t)m->key_documents);
    if (m->blocks != NULL) {
        o.block = m->block;
        o.blocks = heed_graph_bound_input(
            c->g, "blocks", HEED_U8,
            heed_shape2((n_query + m->block - 1) / m->block, (n_key + m->block - 1) / m->block),
            (void *)(uintptr_t)m->blocks);
    }
    return o;
}

static heed_node *build(heed_attention_case *c, const heed_attention_arrays *arrays)
{
    const heed_attention_shape *s = &c->shape;
    const heed_attention_options options = options_of(c);
    heed_node *qkv[3];

    make_qkv(c, arrays, qkv);
    if (!s->plain)
        return heed_attention(c->g, qkv[0], qkv[1], qkv[2], &options);
    return heed_matmul(c->g, heed_softmax(c->g, heed_attention_scores(c->g, qkv[0], qkv[1], &options)), qkv[2],
                       false, false);
}

/*
 * Appends the gradients of sum(dout * z), and says which nodes are attention: those up to z, and those behind z's own
 * gradient. In between lies the sum.
 */
static heed_status differentiate(heed_attention_case *c, heed_node *z, float *dout, heed_error *err)
{
    const int64_t n = c->shape.n_heads * c->shape.n_query * c->shape.head_dim;
    int first = heed_graph_n_nodes(c->g), last = z->id;

    if (c->shape.backward) {
        heed_node *x = c->shape.bf16 ? heed_to_f32(c->g, z) : z, *loss;

        if (!c->shape.plain)
            x = heed_merge_heads(c->g, x); /* as z lies in memory */
        x = heed_reshape(c->g, x, heed_shape2(1, n));
        loss = heed_matmul(c->g, x, heed_graph_bound_input(c->g, "dout", HEED_F32, heed_shape2(n, 1), dout),
                           false, false);
        heed_graph_differentiate(c->g, heed_sum(c->g, loss),
                                 heed_graph_bound_input(c->g, "one", HEED_F32, heed_shape0(), &c->one),
                                 heed_accumulate);
        if (heed_graph_status(c->g, err) != HEED_OK)
            return heed_graph_status(c->g, err);
        first = z->grad->id + 1;
    }
    c->timed = calloc((size_t)heed_graph_n_nodes(c->g), 1);
    if (c->timed == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    for (int i = 0; i < heed_graph_n_nodes(c->g); i++)
        c->timed[i] = i <= last || i >= first;
    return HEED_OK;
}

/* --- plans --- */

static heed_status plan_pass(heed_attention_case *c, int pass, heed_node *const *targets, int n_targets,
                             heed_device *device, heed_error *err)
{
    const heed_plan_options options = {
        .device = device, .reference = device->kernels == NULL, .targets = targets, .n_targets = n_targets};
    heed_status status = heed_plan_create(c->g, &options, &c->plans[pass], err);

    if (status == HEED_OK) {
        c->pass_bytes[pass] = (double)heed_plan_bytes(c->plans[pass]);
        heed_plan_profile(c->plans[pass], true);
        if (heed_plan_bytes(c->plans[pass]) > c->bytes)
            c->bytes = heed_plan_bytes(c->plans[pass]);
    }
    return status;
}

heed_status heed_attention_case_plan(heed_attention_case *c, const heed_attention_shape *shape,
                                     const heed_attention_arrays *arrays, heed_device *device, heed_error *err)
{
    const double numbers = 2.0 * (double)(shape->n_heads * shape->head_dim) *
                           heed_mask_pairs(&shape->mask, shape->n_query, shape->n_key);
    heed_status status;
    heed_node *z;

    *c = (heed_attention_case){.shape = *shape, .g = heed_graph_create(), .one = 1.0f};
    if (c->g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    z = build(c, arrays);
    status = heed_graph_status(c->g, err);
    if (status == HEED_OK)
        status = differentiate(c, z, arrays->dout, err);
    /* two products forward, q k^T and weights v; four more backward, one for each of d weights, dq, dk, dv */
    c->flops[HEED_ATTENTION_FORWARD] = 2.0 * numbers;
    c->flops[HEED_ATTENTION_BOTH] = 6.0 * numbers;
    if (status == HEED_OK)
        status = plan_pass(c, HEED_ATTENTION_FORWARD, &z, 1, device, err);
    if (status == HEED_OK && shape->backward) {
        heed_node *targets[4] = {z};

        for (int i = 0; i < c->n_variables; i++)
            targets[i + 1] = c->variables[i]->grad;
        status = plan_pass(c, HEED_ATTENTION_BOTH, targets, c->n_variables + 1, device, err);
    }
    return status;
}

heed_status heed_attention_case_place(heed_attention_case *c, void *block, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int pass = 0; pass < HEED_ATTENTION_PASSES && status == HEED_OK; pass++) {
        if (c->plans[pass] != NULL)
            status = heed_plan_place(c->plans[pass], block, err);
    }
    return status;
}

double heed_attention_case_run(heed_attention_case *c, int pass)
{
    heed_plan *plan = c->plans[pass];
    double seconds = 0.0;

    heed_plan_profile(plan, true); /* from zero */
    heed_plan_run(plan);
    for (int i = 0; i < heed_plan_n_steps(plan); i++)
        seconds += c->timed[heed_plan_step(plan, i)->id] ? heed_plan_step_seconds(plan, i) : 0.0;
    return seconds;
}

void heed_attention_case_destroy(heed_attention_case *c)
{
    for (int pass = 0; pass < HEED_ATTENTION_PASSES; pass++)
        heed_plan_destroy(c->plans[pass]);
    heed_graph_destroy(c->g);
    free(c->timed);
    *c = (heed_attention_case){0};
}
