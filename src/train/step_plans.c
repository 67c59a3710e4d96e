/* SPDX-License-Identifier: MIT */
/* The stages of a step as plans over its graph, and their runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/step_internal.h"

/* --- planning --- */

/* Where the gradient had to be made elsewhere, it is copied after the run, and nobody can be told before. */
static void tell(void *context, const heed_node *node, const heed_tensor *value)
{
    const heed_step_graph *step = context;

    for (int i = 0; i < step->n_parameters; i++) {
        if (step->complete[i] == node && value->data == step->grad[i]->tensor.data)
            step->watch.settled(step->watch.context, i);
    }
}

static heed_status plan_gradients(const heed_step_graph *step, heed_device *device, heed_plan **plan,
                                  heed_error *err)
{
    heed_node **observed = calloc((size_t)step->n_parameters + 1, sizeof *observed);
    heed_node *targets[] = {step->loss, step->kl};
    heed_plan_options options = {
        .device = device,
        .reference = device->kernels == NULL,
        .targets = targets,
        .n_targets = step->kl != NULL ? 2 : 1,
        .assign = step->norm != NULL ? 1u << HEED_STAGE_GRADIENTS : 0,
        .recompute = step->recompute,
        .observed = observed,
        .observe = tell,
        .observe_context = (void *)(uintptr_t)step,
    };
    heed_status status;

    if (observed == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the plan of a step");
    for (int i = 0; i < step->n_parameters && step->watch.settled != NULL; i++) {
        if (step->complete[i] != NULL)
            observed[options.n_observed++] = step->complete[i];
    }
    status = heed_plan_create(step->g, &options, plan, err);
    free(observed);
    return status;
}

static heed_status plan_stage(const heed_step_graph *step, heed_device *device, heed_node *target,
                              unsigned assign, heed_plan **plan, heed_error *err)
{
    const heed_plan_options options = {
        .device = device,
        .reference = device->kernels == NULL,
        .targets = &target,
        .n_targets = target != NULL,
        .assign = assign,
    };

    return heed_plan_create(step->g, &options, plan, err);
}

static heed_status plan_looks(const heed_step_graph *step, heed_device *device, heed_plan **plan,
                              heed_error *err)
{
    const size_t n = (size_t)step->n_parameters;
    heed_node **targets = calloc(3 * n + 1, sizeof *targets);
    heed_plan_options options = {.device = device, .reference = device->kernels == NULL, .targets = targets};
    heed_status status;

    if (targets == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the plan of a step");
    for (size_t i = 0; i < n; i++) {
        const heed_look *look = &step->looks[i];
        if (look->gradient == NULL)
            continue;
        targets[options.n_targets++] = look->gradient;
        targets[options.n_targets++] = look->weight;
        targets[options.n_targets++] = look->update;
    }
    status = heed_plan_create(step->g, &options, plan, err);
    free(targets);
    return status;
}

heed_status heed_step_plan(const heed_step_graph *step, heed_device *device, heed_step_plans *plans,
                           heed_error *err)
{
    const bool training = step->norm != NULL;
    heed_status status = plan_gradients(step, device, &plans->gradients, err);

    if (status == HEED_OK && training)
        status = plan_stage(step, device, step->norm, 0, &plans->norm, err);
    if (status == HEED_OK && training)
        status = plan_stage(step, device, NULL, 1u << HEED_STAGE_UPDATE, &plans->update, err);
    if (status == HEED_OK && step->looks != NULL)
        status = plan_looks(step, device, &plans->looks, err);
    if (status != HEED_OK)
        heed_step_plans_destroy(plans);
    return status;
}

void heed_step_plans_destroy(heed_step_plans *plans)
{
    heed_plan_destroy(plans->gradients);
    heed_plan_destroy(plans->norm);
    heed_plan_destroy(plans->update);
    heed_plan_destroy(plans->looks);
    *plans = (heed_step_plans){0};
}

size_t heed_step_plans_bytes(const heed_step_plans *plans)
{
    const heed_plan *all[] = {plans->gradients, plans->norm, plans->update, plans->looks};
    size_t most = 0;

    for (int i = 0; i < 4; i++) {
        if (all[i] != NULL && heed_plan_bytes(all[i]) > most)
            most = heed_plan_bytes(all[i]);
    }
    return most;
}

heed_status heed_step_plans_place(heed_step_plans *plans, void *block, heed_error *err)
{
    heed_plan *all[] = {plans->gradients, plans->norm, plans->update, plans->looks};
    heed_status status = HEED_OK;

    for (int i = 0; i < 4 && status == HEED_OK; i++) {
        if (all[i] != NULL)
            status = heed_plan_place(all[i], block, err);
    }
    return status;
}

heed_cost heed_step_plans_cost(const heed_step_plans *plans)
{
    const heed_plan *all[] = {plans->gradients, plans->norm, plans->update};
    heed_cost sum = {0};

    for (int i = 0; i < 3; i++) {
        const heed_cost cost = all[i] != NULL ? heed_plan_cost(all[i]) : (heed_cost){0};
        sum.flops += cost.flops;
        sum.bytes_read += cost.bytes_read;
        sum.bytes_written += cost.bytes_written;
    }
    return sum;
}

void heed_step_clear_gradients(const heed_step_graph *step, heed_weights *weights)
{
    memset(heed_step_gradients(weights), 0, heed_step_gradients_bytes(step, weights));
}

/* What the last step left in the gradients of tables goes; the rows of this step's tokens are marked. */
static void touch_rows(heed_step_graph *step)
{
    for (int i = 0; i < step->n_parameters; i++) {
        if (step->sparse[i])
            heed_touched_clear(&step->touched, &step->grad[i]->tensor);
    }
    heed_touched_mark(&step->touched, step->ids->tensor.data, heed_tensor_count(&step->ids->tensor));
}

float heed_step_run_gradients(heed_step_graph *step, const heed_step_plans *plans)
{
    if (step->touched.n_rows > 0)
        touch_rows(step);
    heed_plan_run(plans->gradients);
    return (float)heed_tensor_get(heed_plan_value(plans->gradients, step->loss), 0);
}

float heed_step_kl(const heed_step_graph *step, const heed_step_plans *plans)
{
    return step->kl != NULL ? heed_tensor_get(heed_plan_value(plans->gradients, step->kl), 0) : NAN;
}

float heed_step_run_norm(const heed_step_graph *step, const heed_step_plans *plans, heed_step_inputs *inputs)
{
    heed_plan_run(plans->norm);
    inputs->norm = (float)heed_tensor_get(heed_plan_value(plans->norm, step->norm), 0);
    return inputs->norm;
}

void heed_step_run_update(const heed_step_plans *plans)
{
    heed_plan_run(plans->update);
}
