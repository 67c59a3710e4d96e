/* SPDX-License-Identifier: MIT */
/* Making interventions: where runs may begin, what may be edited, what is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/intervention_state.h"

/* --- rows of nodes --- */

static bool has_heads(const heed_node *node)
{
    return node->tensor.shape.rank == 4;
}

int64_t heed_intervention_piece(const heed_node *node)
{
    return heed_cols(&node->tensor);
}

int64_t heed_intervention_width(const heed_node *node)
{
    return heed_cols(&node->tensor) * (has_heads(node) ? node->tensor.shape.size[1] : 1);
}

float *heed_intervention_at(const heed_tensor *x, int64_t p, int64_t h)
{
    const bool heads = x->shape.rank == 4;
    const int64_t T = x->shape.size[heads ? 2 : 1], b = p / T, t = p % T;

    return (float *)x->data + b * x->stride[0] +
           (heads ? h * x->stride[1] + t * x->stride[2] : t * x->stride[1]);
}

static void copy_rows(const heed_intervention *v, const heed_node *node, const heed_tensor *value, float *rows)
{
    const int64_t piece = heed_intervention_piece(node), width = heed_intervention_width(node);

    for (int64_t p = 0; p < v->batch * v->length; p++) {
        for (int64_t h = 0; h < width / piece; h++)
            memcpy(rows + p * width + h * piece, heed_intervention_at(value, p, h),
                   (size_t)piece * sizeof(float));
    }
}

/* --- making it --- */

static heed_status list_starts(heed_intervention *v, heed_error *err)
{
    const int n_layers = v->model->config.kind == HEED_KIND_GPT ? (int)v->model->config.n_layers : 0;

    v->starts = calloc((size_t)n_layers + 1, sizeof *v->starts);
    if (v->starts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of layers");
    v->n_starts = n_layers + 1;
    for (int layer = 0; layer < n_layers; layer++) {
        char name[HEED_MAX_NAME];
        snprintf(name, sizeof name, "blocks.%d.resid_pre", layer);
        heed_node *resid = heed_graph_find(heed_forward_graph(v->forward), name);
        if (resid != NULL && resid->owner == resid) /* a view cannot be given */
            v->starts[layer + 1].resid = resid;
    }
    return HEED_OK;
}

/* The graph of the forward pass gets its last row of logits, which nothing else needs. */
static heed_node *last_logits(const heed_intervention *v)
{
    heed_nn nn = {
        .g = heed_forward_graph(v->forward), .config = &v->model->config, .weights = v->model->weights};

    return heed_gpt_last_logits(&nn, heed_forward_gpt(v->forward));
}

heed_status heed_intervention_create(const heed_model *model, const heed_forward_ids *in, bool last,
                                     int threads, heed_intervention **out, heed_error *err)
{
    heed_intervention *v = calloc(1, sizeof *v);
    heed_status status;

    *out = NULL;
    if (v == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of layers");
    v->model = model;
    v->batch = in->batch;
    v->length = in->length;
    v->current = -1;
    status = heed_forward_create(model, in, false, threads, &v->forward, err);
    if (status == HEED_OK) {
        v->target = last ? last_logits(v) : heed_forward_gpt(v->forward)->token_loss;
        status = heed_graph_status(heed_forward_graph(v->forward), err);
    }
    if (status == HEED_OK)
        status = list_starts(v, err);
    if (status != HEED_OK) {
        heed_intervention_destroy(v);
        return status;
    }
    *out = v;
    return HEED_OK;
}

static void drop_plans(heed_intervention *v)
{
    for (int i = 0; i < v->n_starts; i++) {
        heed_plan_destroy(v->starts[i].plan);
        v->starts[i].plan = NULL;
    }
    v->current = -1;
}

void heed_intervention_destroy(heed_intervention *v)
{
    if (v == NULL)
        return;
    drop_plans(v);
    for (int i = 0; i < v->n_starts; i++)
        free(v->starts[i].rows);
    for (int i = 0; i < v->n_stored; i++)
        free(v->stored[i].rows);
    free(v->starts);
    free(v->stored);
    free(v->editable);
    heed_memory_release(v->block, v->block_bytes);
    heed_forward_destroy(v->forward);
    free(v);
}

heed_forward *heed_intervention_forward(const heed_intervention *v)
{
    return v->forward;
}

/* --- what can be edited --- */

/* Is `target` computed from node? Readers come after what they read, so one walk back finds all. */
static bool leads_to(const heed_graph *g, const heed_node *node, const heed_node *target, bool *reached)
{
    memset(reached, 0, (size_t)heed_graph_n_nodes(g) * sizeof *reached);
    reached[target->first->id] = true;
    for (int i = heed_graph_n_nodes(g) - 1; i >= 0; i--) {
        const heed_node *reader = heed_graph_node(g, i);
        if (!reached[reader->first->id] || reader->first != reader)
            continue;
        for (int k = 0; k < reader->n_in; k++) {
            if (reader->in[k] == node)
                return true;
            if (reader->in[k] != NULL)
                reached[reader->in[k]->first->id] = true;
        }
    }
    return false;
}

static heed_status nobody_reads(const heed_node *node, heed_error *err)
{
    const heed_node *z = node->first;

    if (z != node && z->op != NULL && strstr(z->name, "attn.z") != NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s is written beside the computation and read by nothing, so a change there changes "
                         "nothing; take the head's output, %s, or what attention reads, its q, k or v",
                         node->name, z->name);
    return heed_fail(err, HEED_ERR_USAGE,
                     "the losses are not computed from %s, so a change there changes nothing", node->name);
}

static heed_status check_editable(const heed_intervention *v, const heed_node *node, heed_error *err)
{
    const heed_graph *g = heed_forward_graph(v->forward);
    const heed_shape *shape = &node->tensor.shape;
    bool *reached = malloc((size_t)heed_graph_n_nodes(g) * sizeof *reached);
    bool reads;
    char text[96];

    if (reached == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    reads = leads_to(g, node, v->target, reached);
    free(reached);
    if (!reads)
        return nobody_reads(node, err);
    if (node->tensor.dtype != HEED_F32 || shape->rank < 3 || shape->rank > 4 || shape->size[0] != v->batch ||
        shape->size[shape->rank - 2] != v->length)
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: expected numbers for each position, [batch, T, width] or [batch, n_heads, T, "
                         "head_dim]; it is %s of %s",
                         node->name, heed_shape_format(text, sizeof text, shape),
                         heed_dtype_name(node->tensor.dtype));
    return HEED_OK;
}

heed_status heed_intervention_allow(heed_intervention *v, heed_node *node, heed_error *err)
{
    heed_status status;

    for (int i = 0; i < v->n_editable; i++) {
        if (v->editable[i] == node)
            return HEED_OK;
    }
    status = check_editable(v, node, err);
    if (status == HEED_OK && v->n_editable == v->editable_capacity) {
        const int capacity = 2 * v->editable_capacity + 16;
        heed_node **more = realloc(v->editable, (size_t)capacity * sizeof(heed_node *));
        if (more == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
        v->editable = more;
        v->editable_capacity = capacity;
    }
    if (status == HEED_OK) {
        v->editable[v->n_editable++] = node;
        drop_plans(v);
    }
    return status;
}

/* --- keeping --- */

static void keep(void *context, const heed_node *node, const heed_tensor *value)
{
    heed_intervention *v = context;

    for (int i = 0; i < v->n_starts; i++) {
        if (v->starts[i].resid == node)
            copy_rows(v, node, value, v->starts[i].rows);
    }
    for (int i = 0; i < v->n_stored; i++) {
        if (v->stored[i].node == node)
            copy_rows(v, node, value, v->stored[i].rows);
    }
}

/* Room for the rows of a node; *left is what memory there is. */
static heed_status make_rows(const heed_intervention *v, const heed_node *node, float **rows, size_t *left,
                             heed_error *err)
{
    size_t bytes = 0;

    if (*rows != NULL)
        return HEED_OK;
    if (heed_size_mul((size_t)(v->batch * v->length), (size_t)heed_intervention_width(node) * sizeof(float),
                      &bytes) &&
        bytes < *left)
        *rows = malloc(bytes);
    if (*rows == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to keep the activations of %lld tokens",
                         (long long)(v->batch * v->length));
    *left -= bytes;
    return HEED_OK;
}

static heed_status make_room(heed_intervention *v, heed_node *const *nodes, int n, heed_error *err)
{
    size_t left = heed_memory_available() / 2;
    heed_intervention_stored *more = realloc(v->stored, (size_t)(v->n_stored + n + 1) * sizeof *more);
    heed_status status = HEED_OK;

    if (more == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    v->stored = more;
    for (int i = 1; i < v->n_starts && status == HEED_OK; i++) {
        if (v->starts[i].resid != NULL)
            status = make_rows(v, v->starts[i].resid, &v->starts[i].rows, &left, err);
    }
    for (int i = 0; i < n && status == HEED_OK; i++) {
        if (heed_intervention_rows(v, nodes[i]) != NULL)
            continue;
        v->stored[v->n_stored] = (heed_intervention_stored){.node = nodes[i]};
        status = make_rows(v, nodes[i], &v->stored[v->n_stored++].rows, &left, err);
    }
    return status;
}

heed_status heed_intervention_store(heed_intervention *v, heed_node *const *nodes, int n, heed_error *err)
{
    const int most = n + v->n_starts;
    heed_node **observed = calloc((size_t)most, sizeof(heed_node *));
    heed_status status = make_room(v, nodes, n, err);
    int n_observed = 0;

    if (observed == NULL && status == HEED_OK)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    if (status == HEED_OK) {
        for (int i = 1; i < v->n_starts; i++) {
            if (v->starts[i].resid != NULL)
                observed[n_observed++] = v->starts[i].resid;
        }
        for (int i = 0; i < n; i++)
            observed[n_observed++] = nodes[i];
        status = heed_forward_run(v->forward, observed, n_observed, keep, v, err);
    }
    free(observed);
    return status;
}

const float *heed_intervention_rows(const heed_intervention *v, const heed_node *node)
{
    for (int i = 0; i < v->n_stored; i++) {
        if (v->stored[i].node == node)
            return v->stored[i].rows;
    }
    return NULL;
}
