/* SPDX-License-Identifier: MIT */
#include "train/planned.h"

#include "base/error.h"

static heed_status check(const heed_config *config, const heed_account_options *o, heed_error *err)
{
    heed_status status = heed_config_check(config, err);

    if (status == HEED_OK && o->batch_size < 1)
        status = heed_fail(err, HEED_ERR_USAGE, "batch_size: expected at least 1, got %lld",
                           (long long)o->batch_size);
    if (status == HEED_OK &&
        (o->micro_batch < 0 || (o->micro_batch > 0 && o->batch_size % o->micro_batch != 0)))
        status = heed_fail(err, HEED_ERR_USAGE,
                           "micro_batch: expected a divisor of the batch_size %lld, got %lld",
                           (long long)o->batch_size, (long long)o->micro_batch);
    if (status == HEED_OK && o->precision != HEED_PRECISION_F32 && o->precision != HEED_PRECISION_BF16)
        status = heed_fail(err, HEED_ERR_USAGE, "training is in f32 or bf16, not in %s",
                           heed_precision_name((heed_precision)o->precision));
    if (status == HEED_OK && o->length != 0)
        status = heed_config_check_length(config, o->length, err);
    return status;
}

heed_status heed_planned_open(const heed_config *config, const heed_account_options *o, heed_planned *p,
                              heed_error *err)
{
    heed_train_options options = heed_train_options_default();
    heed_step_shape shape = {.training = true, .whole_logits = o->whole_logits};
    heed_status status = check(config, o, err);

    if (status != HEED_OK)
        return status;
    options.precision = o->precision;
    options.recompute = o->recompute;
    options.optimizer = o->optimizer;
    p->length = shape.length = o->length > 0 ? o->length : config->context_length;
    shape.batch = o->micro_batch > 0 ? o->micro_batch : o->batch_size;
    p->n_runs = o->batch_size / shape.batch;
    shape.adds_up = p->n_runs > 1;
    status = heed_device_open(&p->device, NULL, o->threads, err);
    if (status == HEED_OK)
        status = heed_weights_create(config, &p->weights, err);
    if (status == HEED_OK)
        status = heed_step_graph_create(p->weights, &options, &shape, &p->inputs, &p->graph, err);
    if (status == HEED_OK)
        status = heed_step_plan(&p->graph, &p->device, &p->plans, err);
    return status;
}

void heed_planned_close(heed_planned *p)
{
    heed_step_plans_destroy(&p->plans);
    heed_step_graph_destroy(&p->graph);
    heed_weights_destroy(p->weights);
    heed_device_close(&p->device);
}

size_t heed_planned_bytes(const heed_planned *p)
{
    return heed_step_own_bytes(&p->graph, p->weights) + heed_step_plans_bytes(&p->plans);
}

size_t heed_planned_batch_bytes(const heed_planned *p)
{
    return 2 * (size_t)heed_tensor_count(&p->graph.ids->tensor) * sizeof(int32_t);
}
