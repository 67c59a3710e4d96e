/* SPDX-License-Identifier: MIT */
/* Making a trace and running it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/trace_internal.h"

/* --- stages --- */

/* A source that is written between the stages can be read from the next one on. */
static int stage_of_source(const heed_trace *t, const heed_node *source)
{
    if (heed_trace_link_of(t, source) == NULL)
        return 0;
    return strcmp(source->name, "norm") == 0 ? 2 : 1;
}

/* A node runs in the last stage of what it reads. */
static heed_status find_stages(heed_trace *t, heed_error *err)
{
    const int n = heed_graph_n_nodes(t->g);

    t->stage = calloc((size_t)n + 1, sizeof *t->stage);
    if (t->stage == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to trace %d tensors", n);
    for (int i = 0; i < n; i++) {
        const heed_node *node = heed_graph_node(t->g, i);
        if (node->op == NULL)
            t->stage[i] = stage_of_source(t, node);
        for (int k = 0; k < node->first->n_in; k++) {
            const heed_node *x = node->first->in[k];
            if (x != NULL && t->stage[x->id] > t->stage[i])
                t->stage[i] = t->stage[x->id];
        }
    }
    return HEED_OK;
}

/* --- running --- */

static heed_status plan_stage(const heed_trace *t, heed_trace_pass *pass, int stage, heed_node **targets,
                              heed_error *err)
{
    heed_plan_options options = {.device = &pass->device,
                                 .reference = pass->device.kernels == NULL,
                                 .keep_all = true,
                                 .targets = targets};
    heed_status status;

    for (int i = 0; i < heed_graph_n_nodes(t->g); i++) {
        heed_node *node = heed_graph_node(t->g, i);
        if (node->op != NULL && t->stage[i] == stage)
            targets[options.n_targets++] = node;
    }
    if (options.n_targets == 0)
        return HEED_OK;
    status = heed_plan_create(t->g, &options, &pass->plans[stage], err);
    return status == HEED_OK ? heed_plan_place(pass->plans[stage], NULL, err) : status;
}

/* What the stage has found for later ones. */
static void hand_on(const heed_trace *t, const heed_trace_pass *pass, int stage)
{
    for (int i = 0; i < t->n_links; i++) {
        const heed_trace_link *link = &t->links[i];
        if (t->stage[link->source->id] == stage + 1)
            heed_tensor_copy(&link->source->tensor, heed_trace_tensor_of(t, pass, link->value));
    }
}

static heed_status run_pass(const heed_trace *t, heed_trace_pass *pass, const char *cpu, int threads,
                            heed_error *err)
{
    heed_node **targets = calloc((size_t)heed_graph_n_nodes(t->g) + 1, sizeof *targets);
    heed_status status = HEED_OK;

    if (targets == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to trace %d tensors",
                         heed_graph_n_nodes(t->g));
    status = heed_device_open(&pass->device, cpu, threads, err);
    pass->open = status == HEED_OK;
    for (int stage = 0; stage < HEED_TRACE_STAGES && status == HEED_OK; stage++) {
        status = plan_stage(t, pass, stage, targets, err);
        if (status == HEED_OK && pass->plans[stage] != NULL) {
            heed_plan_run(pass->plans[stage]);
            hand_on(t, pass, stage);
        }
    }
    free(targets);
    return status;
}

static void close_pass(heed_trace_pass *pass)
{
    for (int stage = 0; stage < HEED_TRACE_STAGES; stage++)
        heed_plan_destroy(pass->plans[stage]);
    if (pass->open)
        heed_device_close(&pass->device);
    *pass = (heed_trace_pass){.open = false};
}

heed_status heed_trace_run(heed_trace *t, heed_error *err)
{
    heed_status status;

    close_pass(&t->reference);
    status = run_pass(t, &t->reference, "plain", 1, err);
    if (status != HEED_OK)
        close_pass(&t->reference);
    return status;
}

/* What the stages hand on lies in the sources, which both passes share: the reference's numbers go back there. */
heed_status heed_trace_run_fast(heed_trace *t, heed_error *err)
{
    heed_status status;

    close_pass(&t->fast);
    status = run_pass(t, &t->fast, NULL, 0, err);
    for (int stage = 0; stage < HEED_TRACE_STAGES && t->reference.open; stage++)
        hand_on(t, &t->reference, stage);
    if (status != HEED_OK) {
        close_pass(&t->fast);
        return status;
    }
    snprintf(t->fast.name, sizeof t->fast.name, "%s, %d thread%s", heed_device_name(&t->fast.device),
             t->fast.device.n_threads, t->fast.device.n_threads == 1 ? "" : "s");
    return HEED_OK;
}

const char *heed_trace_fast_device(const heed_trace *t)
{
    return t->fast.open ? t->fast.name : NULL;
}

/* --- making --- */

static heed_status begin(heed_trace **trace, heed_error *err)
{
    *trace = calloc(1, sizeof **trace);
    return *trace != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a trace");
}

static heed_status finish(heed_trace **trace, heed_status status, heed_error *err)
{
    if (status == HEED_OK)
        status = find_stages(*trace, err);
    if (status != HEED_OK) {
        heed_trace_close(*trace);
        *trace = NULL;
    }
    return status;
}

static heed_status read_text(heed_trace *t, const char *text, size_t n, bool gradients, heed_error *err)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_status status = heed_model_encode(t->model, text, n, &ids, &n_ids, err);

    if (status == HEED_OK && n_ids < 2 && gradients)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "a gradient needs a loss: expected a text of two tokens or more, got %zu", n_ids);
    if (status == HEED_OK)
        status = heed_forward_create(t->model, &(heed_forward_ids){ids, NULL, 1, (int64_t)n_ids}, gradients, 1,
                                     &t->forward, err);
    free(ids);
    if (status != HEED_OK)
        return status;
    t->g = heed_forward_graph(t->forward);
    t->ids = heed_graph_find(t->g, "ids")->tensor.data;
    t->batch = 1;
    t->length = (int64_t)n_ids;
    snprintf(t->what, sizeof t->what, "a text of %zu token%s, forward%s", n_ids, n_ids == 1 ? "" : "s",
             gradients ? " and backward" : "");
    snprintf(t->given_weights, sizeof t->given_weights, "the model's file");
    snprintf(t->given_text, sizeof t->given_text, "the text");
    return HEED_OK;
}

heed_status heed_trace_text(const heed_model *model, const char *text, size_t n, bool gradients,
                            heed_trace **trace, heed_error *err)
{
    heed_status status = begin(trace, err);

    if (status != HEED_OK)
        return status;
    (*trace)->model = model;
    (*trace)->config = &model->config;
    return finish(trace, read_text(*trace, text, n, gradients, err), err);
}

heed_status heed_trace_step(const char *folder, const char *text, size_t n, const heed_train_options *options,
                            heed_trace **trace, heed_error *err)
{
    heed_status status = begin(trace, err);

    if (status != HEED_OK)
        return status;
    return finish(trace, heed_trace_build_step(*trace, folder, text, n, options, err), err);
}

void heed_trace_close(heed_trace *t)
{
    if (t == NULL)
        return;
    close_pass(&t->reference);
    close_pass(&t->fast);
    if (t->forward != NULL)
        heed_forward_destroy(t->forward);
    else
        heed_trace_close_step(t);
    free(t->stage);
    free(t->links);
    free(t);
}

const heed_model *heed_trace_model(const heed_trace *t)
{
    return t->model;
}

const char *heed_trace_describe(const heed_trace *t)
{
    return t->what;
}

const int32_t *heed_trace_ids(const heed_trace *t, int64_t *batch, int64_t *length)
{
    *batch = t->batch;
    *length = t->length;
    return t->ids;
}

/* --- its numbers --- */

const heed_node *heed_trace_link_of(const heed_trace *t, const heed_node *source)
{
    for (int i = 0; i < t->n_links; i++) {
        if (t->links[i].source == source)
            return t->links[i].value;
    }
    return NULL;
}

static bool is_gradient_state(const heed_trace *t, const heed_node *source)
{
    return heed_trace_link_of(t, source) != NULL;
}

heed_node *heed_trace_update_of(const heed_trace *t, const heed_node *of)
{
    for (int i = 0; i < heed_graph_n_assigns(t->g); i++) {
        heed_node *source, *value;
        heed_graph_assign_at(t->g, i, &source, &value);
        if (source == of && !is_gradient_state(t, source))
            return value;
    }
    return NULL;
}

heed_node *heed_trace_updated_by(const heed_trace *t, const heed_node *by)
{
    for (int i = 0; i < heed_graph_n_assigns(t->g); i++) {
        heed_node *source, *value;
        heed_graph_assign_at(t->g, i, &source, &value);
        if (value == by && !is_gradient_state(t, source))
            return source;
    }
    return NULL;
}

const heed_tensor *heed_trace_tensor_of(const heed_trace *t, const heed_trace_pass *pass, const heed_node *node)
{
    const heed_plan *plan = pass->plans[t->stage[node->id]]; /* NULL before it has run */
    const heed_node *link = node->op == NULL ? heed_trace_link_of(t, node) : NULL;

    if (link != NULL) /* as this pass found it, whoever's numbers lie there now */
        return heed_trace_tensor_of(t, pass, link);
    if (node->op == NULL)
        return node->tensor.data != NULL ? &node->tensor : NULL;
    return plan != NULL ? heed_plan_value(plan, node) : NULL;
}

heed_op_args heed_trace_args(const heed_trace *t, const heed_trace_pass *pass, const heed_node *node)
{
    const heed_node *first = node->first;
    heed_op_args a = {
        .node = first, .attrs = first->attrs, .device = (struct heed_device *)(uintptr_t)&pass->device};

    for (int i = 0; i < first->n_in; i++)
        a.in[i] = first->in[i] != NULL ? heed_trace_tensor_of(t, pass, first->in[i]) : NULL;
    for (int k = 0; k < HEED_MAX_OUTPUTS && first->outputs[k] != NULL; k++)
        a.outs[k] = heed_trace_tensor_of(t, pass, first->outputs[k]);
    a.out = a.outs[0];
    return a;
}

float heed_trace_value(const heed_trace *t, heed_trace_element e)
{
    const heed_tensor *x = heed_trace_tensor_of(t, &t->reference, heed_graph_node(t->g, e.tensor));

    return x != NULL ? heed_tensor_get(x, e.element) : NAN;
}

float heed_trace_fast_value(const heed_trace *t, heed_trace_element e)
{
    const heed_tensor *x = t->fast.open ? heed_trace_tensor_of(t, &t->fast, heed_graph_node(t->g, e.tensor))
                                        : NULL;

    return x != NULL ? heed_tensor_get(x, e.element) : NAN;
}

int heed_trace_n_tensors(const heed_trace *t)
{
    return heed_graph_n_nodes(t->g);
}

heed_trace_tensor heed_trace_tensor_at(const heed_trace *t, int i)
{
    const heed_node *node = heed_graph_node(t->g, i);
    heed_trace_tensor out = {.name = node->name,
                             .op = node->op != NULL ? node->op->name : NULL,
                             .rank = node->tensor.shape.rank,
                             .integers = node->tensor.dtype == HEED_I32 || node->tensor.dtype == HEED_U8,
                             .named = node->op == NULL || node->named || strncmp(node->name, "d.", 2) == 0};

    memcpy(out.size, node->tensor.shape.size, sizeof out.size);
    return out;
}

/* --- what is not finite --- */

static bool is_masked_score(const heed_node *node, float x)
{
    const size_t n = strlen(node->name);

    return x == -INFINITY && n >= 6 && strcmp(node->name + n - 6, "scores") == 0;
}

bool heed_trace_first_not_finite(const heed_trace *t, heed_trace_element *e)
{
    for (int i = 0; i < heed_graph_n_nodes(t->g); i++) {
        const heed_node *node = heed_graph_node(t->g, i);
        const heed_tensor *x = heed_trace_tensor_of(t, &t->reference, node);
        const int64_t count = x != NULL ? heed_tensor_count(x) : 0;
        for (int64_t k = 0; k < count; k++) {
            const float value = heed_tensor_get(x, k);
            if (!isfinite(value) && !is_masked_score(node, value)) {
                *e = (heed_trace_element){i, k};
                return true;
            }
        }
    }
    return false;
}
