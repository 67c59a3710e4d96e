/* SPDX-License-Identifier: MIT */
#include "inspect/intervention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* The runs that begin before one block; number 0 are the whole ones. */
typedef struct start {
    heed_node *resid; /* NULL: of the whole runs, and where a run cannot begin */
    float *rows;      /* its values in the whole run */
    heed_plan *plan;  /* made when it is first wanted */
} start;

typedef struct stored {
    const heed_node *node;
    float *rows;
} stored;

struct heed_intervention {
    const heed_model *model;
    heed_forward *forward;
    heed_node *target;
    int64_t batch, length;
    start *starts; /* [n_layers + 1] */
    int n_starts;
    stored *stored;
    int n_stored;
    heed_node **editable; /* what plans hand to edit() */
    int n_editable, editable_capacity;
    int current; /* the start whose plan has the block; -1: none */
    void *block;
    size_t block_bytes;
    const heed_edit *edits; /* of the run in progress */
    int n_edits;
};

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

/* The piece of head h at position p. */
static float *piece_at(const heed_tensor *x, int64_t p, int64_t h)
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
            memcpy(rows + p * width + h * piece, piece_at(value, p, h), (size_t)piece * sizeof(float));
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
    stored *more = realloc(v->stored, (size_t)(v->n_stored + n + 1) * sizeof *more);
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
        v->stored[v->n_stored] = (stored){.node = nodes[i]};
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

/* --- running --- */

static void apply(const heed_edit *edit, const heed_tensor *value)
{
    const int64_t piece = heed_cols(value), n_pieces = value->shape.rank == 4 ? value->shape.size[1] : 1;
    const int64_t from = edit->head >= 0 ? edit->head : 0, to = edit->head >= 0 ? from + 1 : n_pieces;

    for (int64_t p = edit->first; p < edit->first + edit->n; p++) {
        const int64_t whose = edit->index != NULL ? edit->index[p] : p;
        for (int64_t h = from; h < to; h++) {
            float *x = piece_at(value, p, h);
            if (edit->rows == NULL)
                memset(x, 0, (size_t)piece * sizeof *x);
            else
                memcpy(x, edit->rows + whose * edit->stride + (h - from) * piece, (size_t)piece * sizeof *x);
        }
    }
}

static void edit_node(void *context, const heed_node *node, const heed_tensor *value)
{
    const heed_intervention *v = context;

    for (int i = 0; i < v->n_edits; i++) {
        if (v->edits[i].node == node)
            apply(&v->edits[i], value);
    }
}

/* The last start whose residuals come before all that is edited and have been kept; 0: a whole run. */
static int start_of(const heed_intervention *v, const heed_edit *edits, int n)
{
    int found = 0, first = heed_graph_n_nodes(heed_forward_graph(v->forward));

    for (int i = 0; i < n; i++)
        first = edits[i].node->first->id < first ? edits[i].node->first->id : first;
    for (int i = 1; i < v->n_starts && n > 0; i++) {
        if (v->starts[i].rows != NULL && v->starts[i].resid->id < first)
            found = i;
    }
    return found;
}

static heed_status make_plan(heed_intervention *v, int i, heed_error *err)
{
    heed_device *device = heed_forward_device(v->forward);
    heed_node *const given[] = {v->starts[i].resid};
    heed_node **edited = calloc((size_t)v->n_editable + 1, sizeof(heed_node *));
    heed_plan_options options = {.device = device,
                                 .reference = device->kernels == NULL,
                                 .targets = &v->target,
                                 .n_targets = 1,
                                 .given = given,
                                 .n_given = i > 0,
                                 .edited = edited,
                                 .edit = edit_node,
                                 .edit_context = v};
    heed_status status;

    if (edited == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    for (int k = 0; k < v->n_editable; k++) {
        if (i == 0 || v->editable[k]->first->id > v->starts[i].resid->id)
            edited[options.n_edited++] = v->editable[k];
    }
    status = heed_plan_create(heed_forward_graph(v->forward), &options, &v->starts[i].plan, err);
    free(edited);
    return status;
}

/* The block, large enough for this plan; what another plan has in it is lost. */
static heed_status grow_block(heed_intervention *v, size_t bytes, heed_error *err)
{
    if (bytes <= v->block_bytes)
        return HEED_OK;
    heed_memory_release(v->block, v->block_bytes);
    v->block_bytes = 0;
    v->block = bytes < heed_memory_available() ? heed_memory_reserve(bytes) : NULL;
    if (v->block == NULL)
        return heed_fail(err, HEED_ERR_MEMORY,
                         "one run of the model needs %.1f MB of memory, the system has %.1f MB to give",
                         (double)bytes / 1e6, (double)heed_memory_available() / 1e6);
    v->block_bytes = bytes;
    return HEED_OK;
}

/* Makes start i the one whose plan has the block, and gives it its residuals. */
static heed_status go_to(heed_intervention *v, int i, heed_error *err)
{
    start *s = &v->starts[i];
    heed_status status = s->plan == NULL ? make_plan(v, i, err) : HEED_OK;

    if (status != HEED_OK || v->current == i)
        return status;
    v->current = -1;
    status = grow_block(v, heed_plan_bytes(s->plan), err);
    if (status == HEED_OK)
        status = heed_plan_place(s->plan, v->block, err);
    if (status != HEED_OK)
        return status;
    if (s->resid != NULL) {
        const heed_tensor *to = heed_plan_given(s->plan, s->resid);
        const int64_t width = heed_intervention_width(s->resid);
        for (int64_t p = 0; p < v->batch * v->length; p++)
            memcpy(piece_at(to, p, 0), s->rows + p * width, (size_t)width * sizeof(float));
    }
    v->current = i;
    return HEED_OK;
}

heed_status heed_intervention_run(heed_intervention *v, const heed_edit *edits, int n, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < n && status == HEED_OK; i++)
        status = heed_intervention_allow(v, edits[i].node, err);
    if (status == HEED_OK)
        status = go_to(v, start_of(v, edits, n), err);
    if (status != HEED_OK)
        return status;
    v->edits = edits;
    v->n_edits = n;
    heed_plan_run(v->starts[v->current].plan);
    v->edits = NULL;
    v->n_edits = 0;
    return HEED_OK;
}

const heed_tensor *heed_intervention_result(const heed_intervention *v)
{
    return v->current >= 0 ? heed_plan_value(v->starts[v->current].plan, v->target) : NULL;
}
