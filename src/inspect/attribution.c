/* SPDX-License-Identifier: MIT */
/*
 * Direct logit attribution: a logit as a sum over the parts that write to the residual stream.
 *
 * The walk goes from the head back to the embeddings and carries u, what the logit reads of the stream there:
 *
 *   at the head      u = W_U[token] - W_U[against]                       logit = u . y
 *   at a norm        y = gamma (x - mean x) r + beta, r as in this run:  a row u . beta, and
 *                    u_i <- r (gamma_i u_i - mean_j gamma_j u_j)         an RMSNorm takes no mean off
 *   at a part        a row u . x_c for what it writes; for a head the sum over k of z_hk (W_O u)_hk
 *
 * Beside u goes v, what u would be if nothing cancelled: v . |x_c| is what rounding may grow from.
 */
#include <heed/lens.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/forward.h"
#include "ops/norm.h"

/* The numbers of one node at the position: [d_model], or [n_heads, head_dim] one after the other; of the logits two. */
typedef struct kept {
    const heed_node *node;
    float *row;
} kept;

typedef struct walk {
    heed_arena *arena; /* what the attribution keeps, behind its list */
    const heed_config *config;
    const heed_graph *g;
    heed_attribution *out;
    heed_node **nodes; /* what is looked at while the model reads */
    kept *rows;
    int n_rows, capacity;
    double *u, *v;    /* [d_model] */
    double magnitude; /* sum of v . |x_c| */
    bool failed;      /* memory was out */
} walk;

/* --- what is looked at --- */

static void want(walk *w, heed_node *node, int64_t count)
{
    if (node == NULL)
        return;
    w->nodes[w->n_rows] = node;
    w->rows[w->n_rows].node = node;
    w->rows[w->n_rows].row = heed_arena_alloc(w->arena, (size_t)count * sizeof(float));
    w->failed = w->failed || w->rows[w->n_rows].row == NULL;
    w->n_rows++;
}

static heed_node *find(const walk *w, int64_t layer, const char *name)
{
    char full[HEED_MAX_NAME];

    snprintf(full, sizeof full, "blocks.%lld.%s", (long long)layer, name);
    return heed_graph_find(w->g, full);
}

static void want_norm(walk *w, const heed_node *norm)
{
    if (norm != NULL)
        want(w, norm->in[0], w->config->d_model);
}

/* The rows of the position table, and the node that adds them to those of the tokens. */
static const heed_node *find_sum_of_embeddings(const heed_graph *g)
{
    const heed_node *positions = heed_graph_find(g, "pos_embed");

    for (int i = 0; positions != NULL && i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        if (node->n_in == 2 && node->in[1] == positions)
            return node;
    }
    return NULL;
}

static void want_all(walk *w)
{
    const heed_config *c = w->config;
    const heed_node *sum = find_sum_of_embeddings(w->g);

    want(w, heed_graph_find(w->g, "logits"), 2);
    want(w, sum != NULL ? sum->in[0] : heed_graph_find(w->g, "embed"), c->d_model);
    if (sum != NULL)
        want(w, sum->in[1], c->d_model);
    for (int64_t layer = 0; layer < c->n_layers; layer++) {
        want(w, find(w, layer, "attn.z"), c->d_model);
        want(w, find(w, layer, "mlp_out"), c->d_model);
        if (c->norm == HEED_NORM_POST) {
            want_norm(w, find(w, layer, "ln1.normalized"));
            want_norm(w, find(w, layer, "ln2.normalized"));
        }
    }
    want_norm(w, heed_graph_find(w->g, "ln_final.normalized"));
}

static const float *row_of(const walk *w, const heed_node *node)
{
    for (int i = 0; i < w->n_rows; i++) {
        if (w->rows[i].node == node)
            return w->rows[i].row;
    }
    return NULL;
}

/* value [1, T, n], [T, n] (positions) or [1, n_heads, T, head_dim]. */
static void keep(void *context, const heed_node *node, const heed_tensor *value)
{
    walk *w = context;
    const int64_t p = w->out->position, n = heed_cols(value), T = heed_shape_size(&value->shape, -2);
    const int64_t n_heads = value->shape.rank == 4 ? value->shape.size[1] : 1;
    float *row = (float *)(uintptr_t)row_of(w, node);

    if (node == heed_graph_find(w->g, "logits")) {
        row[0] = heed_tensor_get(value, p * n + w->out->token);
        row[1] = w->out->against >= 0 ? heed_tensor_get(value, p * n + w->out->against) : 0.0f;
        return;
    }
    for (int64_t i = 0; i < n_heads * n; i++)
        row[i] = heed_tensor_get(value, (i / n * T + p) * n + i % n);
}

/* --- rows, the last one first --- */

static void add_row(walk *w, const char *name, int64_t layer, int64_t head, double value)
{
    heed_attribution *out = w->out;

    out->list[out->n++] = (heed_contribution){name, (int)layer, (int)head, value};
}

/* What is written to the stream as it is: x [d_model]. */
static void add_vector(walk *w, const heed_node *node, int64_t layer)
{
    const float *x = row_of(w, node);
    double value = 0.0;

    for (int64_t i = 0; i < w->config->d_model; i++) {
        value += w->u[i] * (double)x[i];
        w->magnitude += w->v[i] * fabs((double)x[i]);
    }
    add_row(w, node->name, layer, -1, value);
}

/* A bias [d_model], a parameter. */
static void add_bias(walk *w, const heed_node *bias, int64_t layer)
{
    double value = 0.0;

    if (bias == NULL)
        return;
    for (int64_t i = 0; i < w->config->d_model; i++) {
        value += w->u[i] * (double)heed_tensor_get(&bias->tensor, i);
        w->magnitude += w->v[i] * fabs((double)heed_tensor_get(&bias->tensor, i));
    }
    add_row(w, bias->name, layer, -1, value);
}

/* z_h W_O of each head. */
static void add_heads(walk *w, int64_t layer)
{
    const int64_t d = w->config->d_model, head_dim = d / w->config->n_heads;
    const heed_node *z = find(w, layer, "attn.z");
    const heed_tensor *W = &find(w, layer, "attn_out")->in[1]->tensor;
    const float *row = row_of(w, z);

    for (int64_t head = w->config->n_heads - 1; head >= 0; head--) {
        double value = 0.0;
        for (int64_t k = head * head_dim; k < (head + 1) * head_dim; k++) {
            double read = 0.0, most = 0.0;
            for (int64_t i = 0; i < d; i++) {
                const double weight = (double)heed_matrix_get(W, k, i);
                read += weight * w->u[i];
                most += fabs(weight) * w->v[i];
            }
            value += (double)row[k] * read;
            w->magnitude += fabs((double)row[k]) * most;
        }
        add_row(w, z->name, layer, head, value);
    }
}

/* Leads u back through a norm: from what it gives to what it reads. */
static void pass_norm(walk *w, const heed_node *norm, int64_t layer)
{
    const heed_config *c = w->config;
    const int64_t d = c->d_model;
    const bool centred = c->norm_type == HEED_NORM_LAYERNORM;
    const float *x = row_of(w, norm->in[0]);
    const double r = centred ? heed_layernorm_rstd(x, d, (float)c->norm_eps)
                             : heed_rmsnorm_rstd(x, d, (float)c->norm_eps);
    double mean = 0.0, most = 0.0;

    add_bias(w, norm->n_in > 2 ? norm->in[2] : NULL, layer);
    for (int64_t i = 0; i < d; i++) {
        const double gamma = (double)heed_tensor_get(&norm->in[1]->tensor, i);
        w->u[i] *= gamma * r;
        w->v[i] *= fabs(gamma) * r;
        mean += w->u[i] / (double)d;
        most += w->v[i] / (double)d;
    }
    for (int64_t i = 0; centred && i < d; i++) {
        w->u[i] -= mean;
        w->v[i] += most;
    }
}

/* A block from its end to its begin; false where nothing before it reaches the head. */
static bool walk_block(walk *w, int64_t layer)
{
    const heed_config *c = w->config;
    const heed_node *out;

    if (c->mlp) {
        if (c->norm == HEED_NORM_POST)
            pass_norm(w, find(w, layer, "ln2.normalized"), layer);
        add_vector(w, find(w, layer, "mlp_out"), layer);
        if (!c->residual)
            return false;
    }
    if (c->attention) {
        if (c->norm == HEED_NORM_POST)
            pass_norm(w, find(w, layer, "ln1.normalized"), layer);
        out = find(w, layer, "attn_out");
        add_bias(w, out->n_in > 2 ? out->in[2] : NULL, layer);
        add_heads(w, layer);
        if (!c->residual)
            return false;
    }
    return true;
}

static void walk_back(walk *w)
{
    const heed_node *final = heed_graph_find(w->g, "ln_final.normalized");
    const heed_node *sum = find_sum_of_embeddings(w->g);
    bool reached = true;

    if (final != NULL)
        pass_norm(w, final, -1);
    for (int64_t layer = w->config->n_layers - 1; reached && layer >= 0; layer--)
        reached = walk_block(w, layer);
    if (!reached)
        return;
    if (sum != NULL)
        add_vector(w, sum->in[1], -1);
    add_vector(w, sum != NULL ? sum->in[0] : heed_graph_find(w->g, "embed"), -1);
    w->out->list[w->out->n - 1].name = "embed"; /* scaled where positions are sinusoidal */
}

/* --- the whole --- */

/* u and v at the head. */
static void begin(walk *w)
{
    const heed_tensor *head = &heed_graph_find(w->g, "logits")->in[1]->tensor;
    const heed_attribution *out = w->out;

    for (int64_t i = 0; i < w->config->d_model; i++) {
        const double of = (double)heed_matrix_get(head, out->token, i);
        const double less = out->against >= 0 ? (double)heed_matrix_get(head, out->against, i) : 0.0;
        w->u[i] = of - less;
        w->v[i] = fabs(of) + fabs(less);
    }
}

/* Puts the rows in the order of the computation, and says what is left. */
static void finish(walk *w)
{
    heed_attribution *out = w->out;
    const float *logits = row_of(w, heed_graph_find(w->g, "logits"));
    double sum = 0.0;

    for (int i = 0; i < out->n / 2; i++) {
        const heed_contribution c = out->list[i];
        out->list[i] = out->list[out->n - 1 - i];
        out->list[out->n - 1 - i] = c;
    }
    for (int i = 0; i < out->n; i++)
        sum += out->list[i].value;
    out->logit = (double)logits[0] - (double)logits[1];
    out->remainder = out->logit - sum;
    /*
     * Single precision rounds by 2^-24 at each of the 2 n_layers additions to the stream and a few times in norms; the
     * errors of the head's and the heads' sums of d_model terms add up like a root. Four of these for kernels that add
     * up in several accumulators.
     */
    out->bound = ldexp(2.0 * (double)w->config->n_layers + 8.0 + 4.0 * sqrt((double)w->config->d_model), -24) *
                 w->magnitude;
}

static heed_status reserve(walk *w, heed_error *err)
{
    const heed_config *c = w->config;
    const size_t layers = (size_t)c->n_layers, d = (size_t)c->d_model;
    const size_t most_rows = layers * ((size_t)c->n_heads + 4) + 4, most_kept = 4 * layers + 4;

    w->nodes = heed_arena_alloc(w->arena, most_kept * sizeof *w->nodes);
    w->rows = heed_arena_alloc(w->arena, most_kept * sizeof *w->rows);
    w->u = heed_arena_alloc(w->arena, d * sizeof *w->u);
    w->v = heed_arena_alloc(w->arena, d * sizeof *w->v);
    w->out->list = calloc(most_rows, sizeof *w->out->list);
    if (w->nodes != NULL && w->rows != NULL && w->u != NULL && w->v != NULL && w->out->list != NULL)
        want_all(w);
    else
        w->failed = true;
    return w->failed ? heed_fail(err, HEED_ERR_MEMORY, "not enough memory to split a logit") : HEED_OK;
}

static heed_status check(const heed_model *model, size_t n, const heed_attribution *a, heed_error *err)
{
    const int64_t V = model->config.vocab_size;
    const int32_t wrong = a->token < 0 || a->token >= V ? a->token : a->against;

    if (model->config.kind == HEED_KIND_BIGRAM)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "a bigram model looks its logits up in a table: there are no parts to split them over");
    if (wrong >= V || wrong < -1 || a->token < 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected a token id from 0 to %lld, got %d", (long long)V - 1,
                         (int)wrong);
    if (a->position < 0 || (uint64_t)a->position >= n)
        return heed_fail(err, HEED_ERR_USAGE, "expected a position from 0 to %lld, got %lld", (long long)n - 1,
                         (long long)a->position);
    return HEED_OK;
}

/* Names that are lent by the graph, copied before it goes. */
static bool own_names(heed_attribution *out)
{
    for (int i = 0; i < out->n; i++) {
        const size_t size = strlen(out->list[i].name) + 1;
        char *copy = malloc(size);
        if (copy == NULL) {
            out->n = i;
            return false;
        }
        out->list[i].name = memcpy(copy, out->list[i].name, size);
    }
    return true;
}

heed_status heed_model_attribute(const heed_model *model, const int32_t *ids, size_t n, int64_t position,
                                 int32_t token, int32_t against, heed_attribution *out, heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = (int64_t)n};
    heed_forward *f = NULL;
    walk w = {.config = &model->config, .out = out};
    heed_status status;

    *out = (heed_attribution){.position = position, .token = token, .against = against};
    status = check(model, n, out, err);
    if (status == HEED_OK)
        status = heed_forward_create(model, &in, false, 0, &f, err);
    if (status != HEED_OK)
        return status;
    w.g = heed_forward_graph(f);
    w.arena = heed_arena_create();
    status = w.arena != NULL ? reserve(&w, err)
                             : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list");
    if (status == HEED_OK)
        status = heed_forward_run(f, w.nodes, w.n_rows, keep, &w, err);
    if (status == HEED_OK) {
        begin(&w);
        walk_back(&w);
        finish(&w);
        if (!own_names(out))
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for names");
    }
    heed_forward_destroy(f);
    heed_arena_destroy(w.arena);
    if (status != HEED_OK)
        heed_attribution_free(out);
    return status;
}

void heed_attribution_free(heed_attribution *a)
{
    for (int i = 0; i < a->n; i++)
        free((char *)(uintptr_t)a->list[i].name);
    free(a->list);
    *a = (heed_attribution){0};
}
