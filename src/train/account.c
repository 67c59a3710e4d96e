/* SPDX-License-Identifier: MIT */
/* What a model costs, counted on the nodes of the graph that would run. */
#include <stdlib.h>

#include "base/error.h"
#include "nn/model.h"
#include "nn/nn.h"
#include "train/step.h"

static void count(const heed_model *model, const heed_plan *plan, double state_bytes, heed_accounting *out)
{
    const heed_cost cost = heed_plan_cost(plan);

    *out = (heed_accounting){
        .parameters = (double)heed_weights_count(model->weights),
        .flops = cost.flops,
        .bytes_read = cost.bytes_read,
        .bytes_written = cost.bytes_written,
        .arena_bytes = (double)heed_plan_bytes(plan),
        .state_bytes = state_bytes,
        .n_nodes = heed_plan_n_steps(plan),
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
        count(model, plan, heed_weights_stored_bytes(model->weights), out);
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return status;
}

heed_status heed_model_account_training(const heed_model *model, int64_t batch, heed_accounting *out,
                                        heed_error *err)
{
    const heed_train_options options = heed_train_options_default();
    heed_step_inputs inputs = {0};
    heed_step_graph step = {0};
    heed_device device = {0};
    heed_plan *plan = NULL;
    heed_status status = heed_device_open(&device, NULL, 0, err);

    if (status == HEED_OK)
        status = heed_step_graph_create(model->weights, &options, batch, model->config.context_length, true,
                                        &inputs, &step, err);
    if (status == HEED_OK)
        status = heed_step_graph_plan(&step, &device, &plan, err);
    if (status == HEED_OK)
        count(model, plan, 3.0 * (double)heed_weights_bytes(model->weights), out);
    heed_plan_destroy(plan);
    heed_step_graph_destroy(&step);
    heed_device_close(&device);
    return status;
}
