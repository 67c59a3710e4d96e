/* SPDX-License-Identifier: MIT */
#include "infer/reader.h"

#include "base/error.h"
#include "nn/nn.h"

void heed_reader_close(heed_reader *r)
{
    heed_plan_destroy(r->plan);
    heed_graph_destroy(r->g);
    heed_device_close(&r->device);
    *r = (heed_reader){0};
}

static bool same(const heed_reader_options *a, const heed_reader_options *b)
{
    return a->model == b->model && a->threads == b->threads && a->batch == b->batch && a->n == b->n &&
           a->cache_length == b->cache_length && a->all == b->all && a->ids == b->ids && a->past == b->past;
}

/* One text has a scalar past: its positions are then the same for all that is computed. */
static void build(heed_reader *r)
{
    const heed_reader_options *o = &r->options;
    heed_nn nn = {
        .g = r->g, .config = &o->model->config, .weights = o->model->weights, .cache_length = o->cache_length};
    heed_node *ids = heed_graph_bound_input(r->g, "ids", HEED_I32, heed_shape2(o->batch, o->n), o->ids);
    heed_gpt gpt;

    if (o->cache_length > 0)
        nn.past = heed_graph_bound_input(r->g, "past", HEED_I32,
                                         o->batch == 1 ? heed_shape0() : heed_shape1(o->batch), o->past);
    gpt = heed_gpt_build(&nn, ids, NULL);
    r->logits = o->all ? gpt.logits : heed_gpt_last_logits(&nn, &gpt);
    heed_weights_bind(o->model->weights, r->g);
}

heed_status heed_reader_prepare(heed_reader *r, const heed_reader_options *options, heed_error *err)
{
    heed_plan_options plan = {.device = &r->device, .targets = &r->logits, .n_targets = 1};
    heed_status status;

    if (r->plan != NULL && same(&r->options, options))
        return HEED_OK;
    heed_reader_close(r);
    status = heed_device_open(&r->device, NULL, options->threads, err);
    if (status != HEED_OK)
        return status;
    r->options = *options;
    r->row = -1;
    r->g = heed_graph_create();
    if (r->g == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a session");
    else
        build(r);
    plan.reference = r->device.kernels == NULL;
    if (status == HEED_OK)
        status = heed_plan_create(r->g, &plan, &r->plan, err);
    if (status != HEED_OK)
        heed_reader_close(r);
    return status;
}

heed_status heed_reader_bind(heed_reader *r, const heed_cache *cache, int64_t row, heed_error *err)
{
    const bool first = r->row < 0;
    heed_status status;

    if (r->row == row)
        return HEED_OK;
    heed_cache_bind(cache, r->g, row);
    status = first ? heed_plan_place(r->plan, NULL, err) : heed_plan_rebind(r->plan, err);
    r->row = row;
    if (status != HEED_OK)
        heed_reader_close(r);
    return status;
}

const float *heed_reader_run(heed_reader *r)
{
    heed_plan_run(r->plan);
    return heed_plan_value(r->plan, r->logits)->data;
}
