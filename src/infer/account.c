/* SPDX-License-Identifier: MIT */
/* What the next token costs, counted on the graphs that read it. */
#include <heed/accounting.h>

#include "base/error.h"
#include "graph/plan.h"
#include "nn/nn.h"

/* Reading n tokens with a cache of so many (0: none), up to the logits of the last one. */
typedef struct reading {
    double flops, bytes_read, cache_bytes;
} reading;

static double bytes_of(const heed_node *node)
{
    return (double)heed_tensor_count(&node->tensor) * (double)heed_dtype_bytes(node->tensor.dtype);
}

static heed_status count_reading(const heed_config *config, int64_t n, int64_t cache_length, reading *out,
                                 heed_error *err)
{
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = config, .cache_length = cache_length};
    heed_plan *plan = NULL;
    heed_status status;
    heed_node *logits;
    heed_gpt gpt;

    *out = (reading){0};
    if (g == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a graph");
    if (cache_length > 0)
        nn.past = heed_graph_input(g, "past", HEED_I32, heed_shape0());
    gpt = heed_gpt_build(&nn, heed_graph_input(g, "ids", HEED_I32, heed_shape2(1, n)), NULL);
    logits = heed_gpt_last_logits(&nn, &gpt);
    /* costs do not depend on the device, and a reference plan asks for no scratch memory */
    const heed_plan_options options = {.reference = true, .targets = &logits, .n_targets = 1};
    status = heed_plan_create(g, &options, &plan, err);
    if (status == HEED_OK) {
        const heed_cost cost = heed_plan_cost(plan);
        out->flops = cost.flops;
        out->bytes_read = cost.bytes_read;
    }
    for (int i = 0; status == HEED_OK && i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        out->cache_bytes += node->role == HEED_ROLE_STATE ? bytes_of(node) : 0.0;
    }
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    return status;
}

heed_status heed_account_generate(const heed_config *config, int64_t length, heed_account_generation *out,
                                  heed_error *err)
{
    reading cached, uncached, full;
    heed_status status = heed_config_check(config, err);

    *out = (heed_account_generation){.length = length};
    if (status == HEED_OK && length < 0)
        status = heed_fail(err, HEED_ERR_USAGE, "length: expected 0 or more tokens, got %lld",
                           (long long)length);
    if (status == HEED_OK)
        status = heed_config_check_length(config, length + 1, err);
    if (status == HEED_OK)
        status = count_reading(config, 1, length + 1, &cached, err);
    if (status == HEED_OK)
        status = count_reading(config, length + 1, 0, &uncached, err);
    if (status == HEED_OK)
        status = count_reading(config, 1, config->context_length, &full, err);
    if (status != HEED_OK)
        return status;
    out->cache_bytes = full.cache_bytes / (double)config->context_length;
    out->cache_full_bytes = full.cache_bytes;
    out->flops_cached = cached.flops;
    out->flops_uncached = uncached.flops;
    out->bytes_read = cached.bytes_read;
    return HEED_OK;
}
