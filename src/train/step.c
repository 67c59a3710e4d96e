/* SPDX-License-Identifier: MIT */
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/nn.h"

static heed_node *moment(heed_graph *g, const char *which, const heed_node *p)
{
    char name[HEED_MAX_NAME];

    snprintf(name, sizeof name, "adamw.%s.%s", which, p->name);
    return heed_graph_state(g, name, p->tensor.shape);
}

/* The length of all gradients together, and by how much they must shrink. */
static heed_node *clip(heed_graph *g, const heed_weights *weights, float max_norm, heed_node **norm)
{
    heed_node *squares = NULL;

    for (int i = 0; i < weights->n; i++) {
        heed_node *p = heed_graph_find(g, weights->list[i].name);
        if (p->grad != NULL)
            squares = heed_sum_squares(g, p->grad, squares);
    }
    *norm = heed_name(g, heed_sqrt(g, squares), "grad_norm");
    return heed_name(g, heed_clip_factor(g, *norm, max_norm), "clip_factor");
}

/* Decay is for the matrices of maps: gains and shifts have one axis, the biases of experts two. */
static bool decays(const heed_node *p)
{
    const size_t n = strlen(p->name);

    return p->tensor.shape.rank >= 2 && (n < 5 || strcmp(p->name + n - 5, ".bias") != 0);
}

static void update(heed_step_graph *step, const heed_weights *weights, const heed_train_options *options,
                   heed_step_inputs *inputs)
{
    heed_graph *g = step->g;
    heed_node *lr = heed_graph_bound_input(g, "lr", HEED_F32, heed_shape0(), &inputs->lr);
    heed_node *t = heed_graph_bound_input(g, "t", HEED_I32, heed_shape0(), &inputs->t);
    heed_node *factor = clip(g, weights, (float)options->clip_norm, &step->norm);

    for (int i = 0; i < weights->n; i++) {
        heed_node *p = heed_graph_find(g, weights->list[i].name);
        const heed_adamw_options adamw = {
            .beta1 = (float)options->beta1,
            .beta2 = (float)options->beta2,
            .eps = (float)options->eps,
            .weight_decay = decays(p) ? (float)options->weight_decay : 0.0f,
        };
        heed_adamw_nodes after;
        if (p->grad == NULL)
            continue;
        step->m[i] = moment(g, "m", p);
        step->v[i] = moment(g, "v", p);
        after = heed_adamw(g, p, step->m[i], step->v[i], p->grad, lr, t, factor, &adamw);
        heed_graph_assign(g, p, after.p);
        heed_graph_assign(g, step->m[i], after.m);
        heed_graph_assign(g, step->v[i], after.v);
    }
}

heed_status heed_step_graph_create(const heed_weights *weights, const heed_train_options *options,
                                   int64_t batch, int64_t length, bool training, heed_step_inputs *inputs,
                                   heed_step_graph *out, heed_error *err)
{
    const heed_config *config = &weights->config;
    const heed_shape shape = heed_shape2(batch, length);
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = config, .seed = (uint64_t)options->seed, .training = training};
    heed_status status;
    heed_node *ids, *targets;
    heed_gpt gpt;

    *out = (heed_step_graph){.g = g};
    out->m = calloc((size_t)weights->n, sizeof(heed_node *));
    out->v = calloc((size_t)weights->n, sizeof(heed_node *));
    if (g == NULL || out->m == NULL || out->v == NULL) {
        heed_step_graph_destroy(out);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a step");
    }
    inputs->one = 1.0f;
    ids = heed_graph_bound_input(g, "ids", HEED_I32, shape, inputs->ids);
    targets = heed_graph_bound_input(g, "targets", HEED_I32, shape, inputs->targets);
    if (training && config->dropout > 0.0)
        nn.step = heed_graph_bound_input(g, "step", HEED_I32, heed_shape0(), &inputs->step);
    gpt = heed_gpt_build(&nn, ids, targets);
    out->loss = gpt.loss;
    if (training) {
        heed_node *one = heed_graph_bound_input(g, "d.objective", HEED_F32, heed_shape0(), &inputs->one);
        if (heed_graph_differentiate(g, gpt.objective, one, heed_accumulate))
            update(out, weights, options, inputs);
        out->loss = heed_graph_value_of(out->loss);
    }
    heed_weights_bind(weights, g);
    status = heed_graph_status(g, err);
    if (status != HEED_OK)
        heed_step_graph_destroy(out);
    return status;
}

void heed_step_graph_destroy(heed_step_graph *step)
{
    heed_graph_destroy(step->g);
    free(step->m);
    free(step->v);
    *step = (heed_step_graph){0};
}

size_t heed_step_state_bytes(const heed_weights *weights)
{
    return 3 * heed_weights_bytes(weights);
}

float *heed_step_moment(const heed_weights *weights, int i, int second)
{
    char *at = (char *)weights->list[i].data;

    return (float *)(void *)(at + (size_t)(1 + second) * heed_weights_bytes(weights));
}

void heed_step_place(const heed_step_graph *step, heed_weights *weights, void *block)
{
    heed_weights_place(weights, block, NULL);
    heed_weights_bind(weights, step->g);
    for (int i = 0; i < weights->n; i++) {
        if (step->m[i] == NULL)
            continue;
        step->m[i]->tensor.data = heed_step_moment(weights, i, 0);
        step->v[i]->tensor.data = heed_step_moment(weights, i, 1);
    }
}

heed_status heed_step_graph_plan(const heed_step_graph *step, heed_device *device, heed_plan **plan,
                                 heed_error *err)
{
    heed_node *targets[] = {step->loss, step->norm};
    const heed_plan_options options = {
        .device = device,
        .reference = device->kernels == NULL,
        .targets = targets,
        .n_targets = step->norm != NULL ? 2 : 1,
        .assign = step->norm != NULL,
    };

    return heed_plan_create(step->g, &options, plan, err);
}
