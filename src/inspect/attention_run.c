/* SPDX-License-Identifier: MIT */
/*
 * Attention over plain arrays, by the graph that models are made of.
 *
 * Two small graphs over the same q, k, v. The first holds the fused attention: output, statistics, gradients. The
 * second is the text book, score by score, for those who want to see what the first never stores. Looking at the
 * second changes nothing in the first. The scalar that is differentiated is sum(dout * out), so that the gradient
 * of the output is dout.
 */
#include <float.h>
#include <heed/attention.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"

/* --- what is given --- */

/* The inputs with every size said. */
static heed_attention_inputs complete(const heed_attention_inputs *given)
{
    heed_attention_inputs in = *given;

    if (in.n_heads == 0)
        in.n_heads = 1;
    if (in.n_kv_heads == 0)
        in.n_kv_heads = in.n_heads;
    if (in.n_key == 0)
        in.n_key = in.n_query;
    if (in.v_dim == 0)
        in.v_dim = in.head_dim;
    if (in.scale == 0.0 && in.head_dim > 0)
        in.scale = 1.0 / sqrt((double)in.head_dim);
    return in;
}

static heed_status check_sizes(const heed_attention_inputs *in, heed_error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"n_heads", in->n_heads}, {"n_kv_heads", in->n_kv_heads}, {"n_query", in->n_query},
                 {"n_key", in->n_key},     {"head_dim", in->head_dim},     {"v_dim", in->v_dim}};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].value < 1 || sizes[i].value > INT32_MAX)
            return heed_fail(err, HEED_ERR_SHAPE, "%s: expected 1 to %d, got %lld", sizes[i].name, INT32_MAX,
                             (long long)sizes[i].value);
    }
    if (in->n_heads % in->n_kv_heads != 0)
        return heed_fail(err, HEED_ERR_SHAPE, "n_kv_heads: expected a divisor of n_heads = %lld, got %lld",
                         (long long)in->n_heads, (long long)in->n_kv_heads);
    if (!(in->scale >= (double)FLT_MIN && in->scale <= (double)FLT_MAX)) /* NaN is neither */
        return heed_fail(err, HEED_ERR_USAGE, "scale: expected a positive number that a float holds, got %g",
                         in->scale);
    return heed_mask_check(&in->mask, in->n_query, in->n_key, err);
}

#define MOST_NUMBERS 1e15 /* of an array: more than any memory holds, far below 2^63 */

/* x [a, b, c]: the first number that is not finite is named by its place. */
static heed_status check_numbers(const char *name, const float *x, int64_t a, int64_t b, int64_t c,
                                 bool may_hide, heed_error *err)
{
    if (x == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected [%lld, %lld, %lld], got nothing", name,
                         (long long)a, (long long)b, (long long)c);
    if ((double)a * (double)b * (double)c > MOST_NUMBERS)
        return heed_fail(err, HEED_ERR_SHAPE, "%s: no memory holds [%lld, %lld, %lld]", name, (long long)a,
                         (long long)b, (long long)c);
    for (int64_t i = 0; i < a * b * c; i++) {
        if (!isfinite(x[i]) && !(may_hide && x[i] == -INFINITY))
            return heed_fail(err, HEED_ERR_USAGE, "%s[%lld,%lld,%lld]: expected a finite number%s, got %g",
                             name, (long long)(i / c / b), (long long)(i / c % b), (long long)(i % c),
                             may_hide ? " or -inf" : "", (double)x[i]);
    }
    return HEED_OK;
}

/* A look-up weighs nothing, and its choice has no slope. */
static heed_status check_lookup(const heed_attention_results *want, heed_error *err)
{
    const struct {
        const char *name;
        const float *to;
    } absent[] = {
        {"weights", want->weights}, {"lse", want->lse},         {"entropy", want->entropy},  {"dq", want->dq},
        {"dk", want->dk},           {"dscores", want->dscores}, {"dweights", want->dweights}};

    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        if (absent[i].to != NULL)
            return heed_fail(err, HEED_ERR_USAGE, "lookup: expected out, scores or dv to be wanted, got %s",
                             absent[i].name);
    }
    return HEED_OK;
}

static heed_status check(const heed_attention_inputs *in, const heed_attention_results *want, heed_error *err)
{
    const bool wants_grad = want->dq != NULL || want->dk != NULL || want->dv != NULL || want->dscores != NULL ||
                            want->dweights != NULL;
    heed_status status = check_sizes(in, err);

    if (status == HEED_OK && in->lookup)
        status = check_lookup(want, err);
    if (status == HEED_OK)
        status = check_numbers("q", in->q, in->n_heads, in->n_query, in->head_dim, false, err);
    if (status == HEED_OK)
        status = check_numbers("k", in->k, in->n_kv_heads, in->n_key, in->head_dim, false, err);
    if (status == HEED_OK)
        status = check_numbers("v", in->v, in->n_kv_heads, in->n_key, in->v_dim, false, err);
    if (status == HEED_OK && in->bias != NULL)
        status = check_numbers("bias", in->bias, in->n_heads, in->n_query, in->n_key, true, err);
    if (status == HEED_OK && (in->dout != NULL || wants_grad))
        status = check_numbers("dout", in->dout, in->n_heads, in->n_query, in->v_dim, false, err);
    return status;
}

/* --- a graph over it --- */

#define MOST_WANTED 8

/* One graph, and where the values of its nodes go. */
typedef struct attention_graph {
    const heed_attention_inputs *in;
    heed_graph *g;
    heed_node *q, *k, *v;
    heed_attention_options options;
    heed_mask_table drawn; /* the mask's pairs, where its lists have no node of their own */
    float one;
    heed_node *targets[MOST_WANTED];
    float *to[MOST_WANTED];
    int n_targets;
} attention_graph;

/* Sources are only read by a run; the tensor's pointer is one for both uses. */
static heed_node *input(attention_graph *a, const char *name, heed_dtype dtype, heed_shape shape,
                        const void *data)
{
    return heed_graph_bound_input(a->g, name, dtype, shape, (void *)(uintptr_t)data);
}

/* What gets a gradient. */
static heed_node *variable(attention_graph *a, const char *name, heed_shape shape, const float *data)
{
    heed_node *node = heed_graph_parameter(a->g, name, shape);

    if (node != NULL)
        node->tensor.data = (void *)(uintptr_t)data;
    return node;
}

/* A node has one row of documents: a query's is that of the key at its position. */
static bool documents_are_of_positions(const heed_mask *m, int64_t n_query, int64_t n_key)
{
    for (int64_t i = 0; i < n_query; i++) {
        const int64_t position = m->position + i;
        if (position < 0 || position >= n_key || m->query_documents[i] != m->key_documents[position])
            return false;
    }
    return true;
}

/* The mask as a node takes it; its lists are bound where they lie, or all is drawn out pair by pair. */
static heed_status set_mask(attention_graph *a, heed_error *err)
{
    const heed_mask *m = &a->in->mask;
    const int64_t n_query = a->in->n_query, n_key = a->in->n_key, block = m->blocks != NULL ? m->block : 1;
    const heed_shape pairs_shape = heed_shape3(1, n_query, n_key);
    const bool fits = (m->key_documents == NULL || documents_are_of_positions(m, n_query, n_key)) &&
                      (m->blocks == NULL || m->blocks_stride == (n_key + block - 1) / block) &&
                      (m->pairs == NULL || m->pairs_stride == n_key);
    heed_attention_options *o = &a->options;

    o->at_position = m->position != n_key - n_query; /* the default otherwise */
    o->position = m->position;
    if (!fits) {
        const heed_status status = heed_mask_draw(m, n_query, n_key, &a->drawn, err);

        if (status == HEED_OK)
            o->pairs = input(a, "pairs", HEED_U8, pairs_shape, a->drawn.pairs);
        return status;
    }
    o->causal = m->causal;
    o->window = m->window;
    o->stride = m->stride;
    o->prefix = m->prefix;
    if (m->keys != NULL)
        o->keys = input(a, "keys", HEED_U8, heed_shape2(1, n_key), m->keys);
    if (m->key_documents != NULL)
        o->documents = input(a, "documents", HEED_I32, heed_shape2(1, n_key), m->key_documents);
    if (m->blocks != NULL) {
        o->block = block;
        o->blocks = input(a, "blocks", HEED_U8,
                          heed_shape2((n_query + block - 1) / block, (n_key + block - 1) / block), m->blocks);
    }
    if (m->pairs != NULL)
        o->pairs = input(a, "pairs", HEED_U8, pairs_shape, m->pairs);
    return HEED_OK;
}

static heed_status begin(attention_graph *a, const heed_attention_inputs *in, heed_error *err)
{
    *a = (attention_graph){.in = in, .g = heed_graph_create(), .one = 1.0f};
    if (a->g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    a->q = variable(a, "q", heed_shape4(1, in->n_heads, in->n_query, in->head_dim), in->q);
    a->k = variable(a, "k", heed_shape4(1, in->n_kv_heads, in->n_key, in->head_dim), in->k);
    a->v = variable(a, "v", heed_shape4(1, in->n_kv_heads, in->n_key, in->v_dim), in->v);
    a->options = (heed_attention_options){
        .scale = (float)in->scale, .alibi = in->alibi, .fill_1e9 = in->fill_1e9};
    if (in->bias != NULL)
        a->options.bias = input(a, "bias", HEED_F32, heed_shape3(in->n_heads, in->n_query, in->n_key),
                                in->bias);
    return set_mask(a, err);
}

/* Asks for the value of a node, if there is a place for it. */
static void target(attention_graph *a, heed_node *node, float *to)
{
    if (to == NULL || node == NULL)
        return;
    a->targets[a->n_targets] = node;
    a->to[a->n_targets++] = to;
}

/* Appends the gradients of sum(dout * z), z [1, n_heads, n_query, v_dim]. */
static void differentiate(attention_graph *a, heed_node *z)
{
    const int64_t n = a->in->n_heads * a->in->n_query * a->in->v_dim;
    heed_node *dout = input(a, "dout", HEED_F32, heed_shape2(n, 1), a->in->dout);
    heed_node *loss;

    if (z == NULL)
        return;
    loss = heed_sum(a->g, heed_matmul(a->g, heed_reshape(a->g, z, heed_shape2(1, n)), dout, false, false));
    heed_graph_differentiate(a->g, loss, input(a, "one", HEED_F32, heed_shape0(), &a->one), heed_accumulate);
}

/* Runs the graph for its targets, and hands their values out. */
static heed_status run(attention_graph *a, heed_device *device, heed_error *err)
{
    const heed_plan_options options = {.device = device,
                                       .reference = device->kernels == NULL,
                                       .targets = a->targets,
                                       .n_targets = a->n_targets};
    heed_plan *plan = NULL;
    heed_status status = heed_graph_status(a->g, err);

    if (status == HEED_OK)
        status = heed_plan_create(a->g, &options, &plan, err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, err);
    if (status == HEED_OK) {
        heed_plan_run(plan);
        for (int i = 0; i < a->n_targets; i++) {
            const heed_tensor *value = heed_plan_value(plan, a->targets[i]);
            const heed_tensor out = heed_tensor_make(HEED_F32, value->shape, a->to[i]);
            heed_tensor_copy(&out, value);
        }
    }
    heed_plan_destroy(plan);
    return status;
}

static void end(attention_graph *a)
{
    heed_graph_destroy(a->g);
    heed_mask_table_free(&a->drawn);
}

/* --- the two graphs --- */

static heed_status run_attention(const heed_attention_inputs *in, const heed_attention_results *want,
                                 heed_device *device, heed_error *err)
{
    attention_graph a;
    heed_status status = begin(&a, in, err);
    heed_node *z = NULL;

    if (status == HEED_OK)
        z = (in->lookup ? heed_attention_lookup : heed_attention)(a.g, a.q, a.k, a.v, &a.options);

    if (z != NULL) {
        target(&a, z, want->out);
        target(&a, z->outputs[HEED_ATTENTION_LSE], want->lse);
        target(&a, z->outputs[HEED_ATTENTION_ENTROPY], want->entropy);
        if (want->dq != NULL || want->dk != NULL || want->dv != NULL) {
            differentiate(&a, z);
            target(&a, a.q->grad, want->dq);
            target(&a, a.k->grad, want->dk);
            target(&a, a.v->grad, want->dv);
        }
    }
    if (status == HEED_OK)
        status = run(&a, device, err);
    end(&a);
    return status;
}

/*
 * scores, softmax, product. The query heads that share a key head lie one after the other, so that their weights are
 * the rows of one matrix.
 */
static heed_status run_steps(const heed_attention_inputs *in, const heed_attention_results *want,
                             heed_device *device, heed_error *err)
{
    const int64_t shared_rows = in->n_heads / in->n_kv_heads * in->n_query;
    attention_graph a;
    heed_status status = begin(&a, in, err);
    heed_node *scores = NULL, *weights = NULL;

    if (status == HEED_OK) {
        scores = heed_attention_scores(a.g, a.q, a.k, &a.options);
        weights = heed_softmax(a.g, scores);
        target(&a, scores, want->scores);
        target(&a, weights, want->weights);
        if (want->dscores != NULL || want->dweights != NULL) {
            heed_node *rows = heed_reshape(a.g, weights,
                                           heed_shape4(1, in->n_kv_heads, shared_rows, in->n_key));

            differentiate(&a, heed_matmul(a.g, rows, a.v, false, false));
        }
    }
    if (weights != NULL) {
        target(&a, scores->grad, want->dscores);
        target(&a, weights->grad, want->dweights);
    }
    if (status == HEED_OK)
        status = run(&a, device, err);
    end(&a);
    return status;
}

heed_status heed_attention_run(const heed_attention_inputs *given, const heed_attention_results *want,
                               heed_error *err)
{
    const heed_attention_inputs in = complete(given);
    const bool steps = want->scores != NULL || want->weights != NULL || want->dscores != NULL ||
                       want->dweights != NULL;
    const bool fused = want->out != NULL || want->lse != NULL || want->entropy != NULL || want->dq != NULL ||
                       want->dk != NULL || want->dv != NULL;
    heed_device device = {0};
    heed_status status = check(&in, want, err);

    if (status == HEED_OK)
        status = heed_device_open(&device, in.plain ? "plain" : NULL, in.threads, err);
    if (status == HEED_OK && steps)
        status = run_steps(&in, want, &device, err);
    if (status == HEED_OK && fused)
        status = run_attention(&in, want, &device, err);
    heed_device_close(&device);
    return status;
}
