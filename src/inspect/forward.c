/* SPDX-License-Identifier: MIT */
#include "inspect/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct heed_forward {
    const heed_model *model;
    heed_device device;
    heed_graph *g;
    heed_gpt gpt;
    heed_weights
        *widened; /* in single precision, where gradients are wanted of narrower ones; NULL: the model's */
    int32_t *ids, *targets; /* [batch, length] */
    float one;              /* the gradient of the loss */
};

/* --- making it --- */

static heed_status check_ids(const heed_model *model, const heed_forward_ids *in, heed_error *err)
{
    const int64_t V = model->config.vocab_size;

    if (in->batch < 1 || in->length < 1)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token to read, got none");
    for (int64_t i = 0; i < in->batch * in->length; i++) {
        if (in->ids[i] < 0 || in->ids[i] >= V)
            return heed_fail(err, HEED_ERR_USAGE, "token %lld: expected an id from 0 to %lld, got %d",
                             (long long)i, (long long)V - 1, (int)in->ids[i]);
        if (in->targets != NULL && in->targets[i] >= V)
            return heed_fail(err, HEED_ERR_USAGE, "target %lld: expected an id below %lld, got %d",
                             (long long)i, (long long)V, (int)in->targets[i]);
    }
    return in->length > model->config.context_length ? heed_config_check_length(&model->config, in->length, err)
                                                     : HEED_OK;
}

static void copy_ids(heed_forward *f, const heed_forward_ids *in)
{
    for (int64_t i = 0; i < in->batch * in->length; i++) {
        const bool last = i % in->length == in->length - 1;
        const int32_t target = in->targets != NULL ? in->targets[i] : last ? -1 : in->ids[i + 1];
        f->ids[i] = in->ids[i];
        f->targets[i] = target < 0 ? HEED_IGNORE_TARGET : target;
    }
}

/* Gradients are those of single precision: narrower weights are copied. */
static heed_status widen(heed_forward *f, heed_error *err)
{
    const heed_weights *from = f->model->weights;
    bool narrow = false;
    heed_status status;

    for (int i = 0; i < from->n; i++)
        narrow = narrow || from->list[i].precision != HEED_PRECISION_F32;
    if (!narrow)
        return HEED_OK;
    status = heed_weights_create(&f->model->config, &f->widened, err);
    if (status == HEED_OK)
        status = heed_weights_place(f->widened, NULL, err);
    for (int i = 0; i < from->n && status == HEED_OK; i++)
        heed_model_read_parameter(f->model, i, (float *)(uintptr_t)f->widened->list[i].data);
    return status;
}

static heed_status build(heed_forward *f, const heed_forward_ids *in, bool gradients, heed_error *err)
{
    const heed_shape shape = heed_shape2(in->batch, in->length);
    const heed_weights *weights = f->widened != NULL ? f->widened : f->model->weights;
    heed_nn nn = {.config = &f->model->config, .weights = weights};
    heed_node *ids, *targets, *seed;

    f->g = nn.g = heed_graph_create();
    if (f->g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    ids = heed_graph_bound_input(f->g, "ids", HEED_I32, shape, f->ids);
    targets = heed_graph_bound_input(f->g, "targets", HEED_I32, shape, f->targets);
    f->gpt = heed_gpt_build(&nn, ids, targets);
    if (gradients) {
        f->one = 1.0f;
        seed = heed_graph_bound_input(f->g, "seed", HEED_F32, heed_shape0(), &f->one);
        heed_graph_differentiate(f->g, f->gpt.loss, seed, heed_accumulate);
    }
    heed_weights_bind(weights, f->g);
    return heed_graph_status(f->g, err);
}

heed_status heed_forward_create(const heed_model *model, const heed_forward_ids *in, bool gradients,
                                int threads, heed_forward **forward, heed_error *err)
{
    heed_forward *f;
    heed_status status = check_ids(model, in, err);

    *forward = NULL;
    if (status != HEED_OK)
        return status;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    f->model = model;
    f->ids = malloc((size_t)(in->batch * in->length) * sizeof *f->ids);
    f->targets = malloc((size_t)(in->batch * in->length) * sizeof *f->targets);
    if (f->ids == NULL || f->targets == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld tokens",
                           (long long)(in->batch * in->length));
    if (status == HEED_OK)
        status = heed_device_open(&f->device, NULL, threads, err);
    if (status == HEED_OK && gradients)
        status = widen(f, err);
    if (status == HEED_OK) {
        copy_ids(f, in);
        status = build(f, in, gradients, err);
    }
    if (status != HEED_OK) {
        heed_forward_destroy(f);
        return status;
    }
    *forward = f;
    return HEED_OK;
}

void heed_forward_destroy(heed_forward *f)
{
    if (f == NULL)
        return;
    heed_graph_destroy(f->g);
    heed_device_close(&f->device);
    heed_weights_destroy(f->widened);
    free(f->ids);
    free(f->targets);
    free(f);
}

heed_status heed_forward_extend(heed_forward *f, heed_forward_extend_fn *extend, void *context, heed_error *err)
{
    const heed_weights *weights = f->widened != NULL ? f->widened : f->model->weights;
    heed_nn nn = {.g = f->g, .config = &f->model->config, .weights = weights};

    extend(context, &nn, &f->gpt);
    heed_weights_bind(weights, f->g);
    return heed_graph_status(f->g, err);
}

heed_graph *heed_forward_graph(const heed_forward *f)
{
    return f->g;
}

const heed_gpt *heed_forward_gpt(const heed_forward *f)
{
    return &f->gpt;
}

heed_device *heed_forward_device(heed_forward *f)
{
    return &f->device;
}

/* --- names --- */

/* What transformers calls it, and heed; %d is the layer, and stands at the end or before a dot. */
static const struct {
    const char *theirs, *ours;
} modules[] = {
    {"wte", "embed"},
    {"wpe", "pos_embed"},
    {"h.%d.ln_1", "blocks.%d.ln1.normalized"},
    {"h.%d.attn.c_attn", "blocks.%d.attn.qkv"},
    {"h.%d.attn.c_proj", "blocks.%d.attn_out"},
    {"h.%d.attn", "blocks.%d.attn_out"},
    {"h.%d.ln_2", "blocks.%d.ln2.normalized"},
    {"h.%d.mlp.c_fc", "blocks.%d.mlp.pre"},
    {"h.%d.mlp.act", "blocks.%d.mlp.post"},
    {"h.%d.mlp.c_proj", "blocks.%d.mlp_out"},
    {"h.%d.mlp", "blocks.%d.mlp_out"},
    {"h.%d", "blocks.%d.resid_post"},
    {"ln_f", "ln_final.normalized"},
    {"last_hidden_state", "ln_final.normalized"},
    {"lm_head", "logits"},
    {"attentions.%d", "blocks.%d.attn.pattern"},
    {"attentions_%d", "blocks.%d.attn.pattern"},
    {"attentions/%d", "blocks.%d.attn.pattern"},
    {"hidden_states.%d", "blocks.%d.resid_pre"},
    {"hidden_states_%d", "blocks.%d.resid_pre"},
    {"hidden_states/%d", "blocks.%d.resid_pre"},
};

/* Does name follow the pattern? *layer is the number in the place of %d. */
static bool follows(const char *name, const char *pattern, int *layer)
{
    const char *place = strstr(pattern, "%d");
    const size_t before = place != NULL ? (size_t)(place - pattern) : strlen(pattern);
    size_t digits;

    if (strncmp(name, pattern, before) != 0)
        return false;
    if (place == NULL)
        return name[before] == '\0';
    digits = strspn(name + before, "0123456789");
    if (digits == 0 || digits > 4 || strcmp(name + before + digits, place + 2) != 0)
        return false;
    *layer = atoi(name + before);
    return true;
}

/* `ours` with the layer in the place of %d. */
static void put_layer(char *out, size_t size, const char *ours, int layer)
{
    const char *place = strstr(ours, "%d");

    if (place == NULL)
        snprintf(out, size, "%s", ours);
    else
        snprintf(out, size, "%.*s%d%s", (int)(place - ours), ours, layer, place + 2);
}

/* The hidden states of transformers are what each block reads, and at last what the head reads. */
static heed_node *find_module(const heed_forward *f, const char *name)
{
    char ours[HEED_MAX_NAME];
    int layer = 0;

    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        if (!follows(name, modules[i].theirs, &layer))
            continue;
        if (strncmp(modules[i].theirs, "hidden_states", 13) == 0 && layer == f->model->config.n_layers)
            return f->gpt.resid_final;
        put_layer(ours, sizeof ours, modules[i].ours, layer);
        return heed_graph_find(f->g, ours);
    }
    return NULL;
}

static const char *skip(const char *name, const char *prefix)
{
    const size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 ? name + n : name;
}

static heed_node *find_value(const heed_forward *f, const char *name)
{
    heed_node *node = heed_graph_find(f->g, name);

    return node != NULL ? node : find_module(f, skip(name, "transformer."));
}

heed_node *heed_forward_find(const heed_forward *f, const char *name)
{
    const char *bare = skip(name, "grad/");
    heed_node *node;

    if (strlen(name) >= HEED_MAX_NAME)
        return NULL;
    if (bare != name) {
        node = heed_graph_find(f->g, skip(bare, "transformer."));
        return node != NULL && node->role == HEED_ROLE_PARAMETER ? node->grad : NULL;
    }
    node = find_value(f, name);
    bare = skip(name, "d.");
    if (node == NULL && bare != name) { /* by another name of what it is the gradient of */
        node = find_value(f, bare);
        node = node != NULL ? node->grad : NULL;
    }
    return node != NULL && node->op != NULL ? node : NULL;
}

/* --- running --- */

/* A gradient may be added to after its node has run, so it is read when all is done. */
static bool is_gradient(const heed_forward *f, const heed_node *node)
{
    return f->one != 0.0f && strncmp(node->name, "d.", 2) == 0;
}

heed_status heed_forward_run(heed_forward *f, heed_node *const *nodes, int n, heed_observe_fn *show,
                             void *context, heed_error *err)
{
    heed_node **lists = calloc(2 * (size_t)n + 1, sizeof(heed_node *));
    heed_plan_options options = {.device = &f->device,
                                 .reference = f->device.kernels == NULL,
                                 .targets = lists,
                                 .observe = show,
                                 .observe_context = context};
    heed_plan *plan = NULL;
    heed_status status;

    if (lists == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    options.observed = lists + n;
    for (int i = 0; i < n; i++) {
        if (is_gradient(f, nodes[i]))
            lists[options.n_targets++] = nodes[i];
        else
            lists[n + options.n_observed++] = nodes[i];
    }
    status = heed_plan_create(f->g, &options, &plan, err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, err);
    if (status == HEED_OK)
        heed_plan_run(plan);
    for (int i = 0; status == HEED_OK && i < options.n_targets; i++)
        show(context, lists[i], heed_plan_value(plan, lists[i]));
    heed_plan_destroy(plan);
    free(lists);
    return status;
}
