/* SPDX-License-Identifier: MIT */
/* What a model costs, counted on the nodes of the graph that would run. */
#include <stdlib.h>

#include "base/error.h"
#include "nn/model.h"
#include "nn/nn.h"
#include "train/step.h"

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

heed_status heed_model_account_training(const heed_model *model, int64_t batch, heed_accounting *out,
                                        heed_error *err)
{
    const heed_train_options options = heed_train_options_default();
    const heed_step_shape shape = {.batch = batch, .length = model->config.context_length, .training = true};
    heed_step_inputs inputs = {0};
    heed_step_graph step = {0};
    heed_step_plans plans = {0};
    heed_device device = {0};
    heed_status status = heed_device_open(&device, NULL, 0, err);

    if (status == HEED_OK)
        status = heed_step_graph_create(model->weights, &options, &shape, &inputs, &step, err);
    if (status == HEED_OK)
        status = heed_step_plan(&step, &device, &plans, err);
    if (status == HEED_OK)
        count(model, heed_step_plans_cost(&plans), (double)heed_step_plans_bytes(&plans),
              4.0 * (double)heed_weights_bytes(model->weights),
              heed_plan_n_steps(plans.gradients) + heed_plan_n_steps(plans.norm) +
                  heed_plan_n_steps(plans.update),
              out);
    heed_step_plans_destroy(&plans);
    heed_step_graph_destroy(&step);
    heed_device_close(&device);
    return status;
}
