/* SPDX-License-Identifier: MIT */
/* What a model costs, counted on the nodes of the graph that would run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/model.h"
#include "nn/nn.h"
#include "nn/part.h"
#include "train/planned.h"

static void count(const heed_model *model, heed_cost cost, double arena_bytes, double state_bytes, int n_nodes,
                  heed_accounting *out)
{
    *out = (heed_accounting){
        .parameters = (double)heed_weights_count(model->weights),
        .flops = cost.flops,
        .bytes_read = cost.bytes_read,
        .bytes_written = cost.bytes_written,
        .arena_bytes = arena_bytes,
        .state_bytes = state_bytes,
        .n_nodes = n_nodes,
    };
}

heed_status heed_model_account_forward(const heed_model *model, int64_t batch, int64_t length,
                                       heed_accounting *out, heed_error *err)
{
    heed_device device = {0};
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .weights = model->weights};
    heed_plan *plan = NULL;
    heed_status status = heed_device_open(&device, NULL, 0, err);

    if (status == HEED_OK && g == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    if (status == HEED_OK) {
        heed_node *logits =
            heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(batch, length)), NULL).logits;
        const heed_plan_options options = {
            .device = &device, .reference = device.kernels == NULL, .targets = &logits, .n_targets = 1};
        status = heed_plan_create(g, &options, &plan, err);
    }
    if (status == HEED_OK)
        count(model, heed_plan_cost(plan), (double)heed_plan_bytes(plan),
              heed_weights_stored_bytes(model->weights), heed_plan_n_steps(plan), out);
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return status;
}

static heed_status plan_step_of(const heed_model *model, int64_t batch, heed_precision precision,
                                heed_recompute recompute, heed_planned *p, heed_error *err)
{
    heed_account_options options = heed_account_options_default();

    options.batch_size = batch;
    options.precision = (int)precision;
    options.recompute = (int)recompute;
    return heed_planned_open(&model->config, &options, p, err);
}

heed_status heed_model_account_training(const heed_model *model, int64_t batch, heed_precision precision,
                                        heed_recompute recompute, heed_accounting *out, heed_error *err)
{
    heed_planned p = {0};
    const heed_status status = plan_step_of(model, batch, precision, recompute, &p, err);

    if (status == HEED_OK) {
        count(model, heed_step_plans_cost(&p.plans), (double)heed_step_plans_bytes(&p.plans),
              (double)heed_step_own_bytes(&p.graph, model->weights),
              heed_plan_n_steps(p.plans.gradients) + heed_plan_n_steps(p.plans.norm) +
                  heed_plan_n_steps(p.plans.update),
              out);
        out->memory = heed_plan_memory(p.plans.gradients);
    }
    heed_planned_close(&p);
    return status;
}

/* --- activations by kind --- */

typedef struct collection {
    heed_activations *list;
    int n, capacity;
    bool failed;
} collection;

static void collect(void *context, const heed_node *node, size_t bytes, bool again)
{
    collection *c = context;
    char name[sizeof c->list[0].name];
    int i = 0;

    heed_part_name(name, sizeof name, node->name);
    while (i < c->n && (c->list[i].again != again || strcmp(c->list[i].name, name) != 0))
        i++;
    if (i == c->capacity) {
        heed_activations *bigger = realloc(c->list, (size_t)(2 * c->capacity + 16) * sizeof *bigger);
        c->failed |= bigger == NULL;
        if (bigger == NULL)
            return;
        c->list = bigger;
        c->capacity = 2 * c->capacity + 16;
    }
    if (i == c->n) {
        c->list[c->n] = (heed_activations){.again = again};
        memcpy(c->list[c->n++].name, name, sizeof name);
    }
    c->list[i].n++;
    c->list[i].bytes += (double)bytes;
}

heed_status heed_model_list_activations(const heed_model *model, int64_t batch, heed_precision precision,
                                        heed_recompute recompute, heed_activations **list, int *n,
                                        heed_error *err)
{
    heed_planned p = {0};
    collection c = {0};
    heed_status status = plan_step_of(model, batch, precision, recompute, &p, err);

    if (status == HEED_OK)
        heed_plan_list_waiting(p.plans.gradients, collect, &c);
    if (c.failed) {
        free(c.list);
        c = (collection){0};
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to list activations");
    }
    heed_planned_close(&p);
    *list = c.list;
    *n = c.n;
    return status;
}
