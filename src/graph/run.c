/* SPDX-License-Identifier: MIT */
/* Running a plan: the steps in order, then the assignments that could not be made in place. */
#include <assert.h>

#include "base/clock.h"
#include "base/error.h"
#include "graph/plan_internal.h"

static void *place_of(const heed_plan *plan, int instance)
{
    const heed_node *node = heed_plan_instance_node(plan, instance);
    const plan_storage *storage = &plan->storage[heed_plan_instance_owner(plan, instance)];
    const size_t element = heed_dtype_bytes(node->tensor.dtype);
    char *base;

    if (node->owner->op == NULL)
        base = node->owner->tensor.data;
    else if (storage->in_source != NULL)
        base = storage->in_source->tensor.data;
    else {
        int root = storage->root;
        while (plan->storage[root].root != root)
            root = plan->storage[root].root;
        base = plan->storage[root].bytes > 0 ? (char *)plan->block + plan->storage[root].offset : NULL;
    }
    return base != NULL ? base + (size_t)node->offset * element : NULL;
}

heed_status heed_plan_rebind(heed_plan *plan, heed_error *err)
{
    for (int i = 0; i < 2 * plan->n_nodes; i++) {
        const heed_node *node = heed_plan_instance_node(plan, i);
        if (node->op == NULL || heed_plan_holds(plan, node))
            plan->value[i].data = place_of(plan, i);
        if (node->op == NULL && plan->used[node->id] && node->tensor.data == NULL)
            return heed_fail(err, HEED_ERR_INTERNAL, "%s: no numbers are bound to this source", node->name);
    }
    return HEED_OK;
}

/* What is free stands in up to ten files of the system; reading them takes 60 us, as long as a small run. */
#define SMALL_BLOCK 1048576

heed_status heed_plan_place(heed_plan *plan, void *block, heed_error *err)
{
    if (plan->owns_block)
        heed_memory_release(plan->block, plan->bytes);
    plan->owns_block = block == NULL;
    plan->block = block;
    if (block == NULL && (plan->bytes < SMALL_BLOCK || plan->bytes < heed_memory_available()))
        plan->block = heed_memory_reserve(plan->bytes);
    if (plan->block == NULL) {
        plan->owns_block = false;
        return heed_fail(err, HEED_ERR_MEMORY,
                         "one run of the model needs %.1f MB of memory, the system has %.1f MB to give",
                         (double)plan->bytes / 1e6, (double)heed_memory_available() / 1e6);
    }
    for (int s = 0; s < plan->n_steps; s++)
        plan->steps[s].args.workspace = (char *)plan->block + plan->steps[s].workspace_offset;
    return heed_plan_rebind(plan, err);
}

/* What this step has made: of a node that is made twice, its own instance. */
static void show(const heed_plan *plan, const plan_step *step)
{
    const heed_node *first = step->node;

    for (int k = 0; k < HEED_MAX_OUTPUTS && first->outputs[k] != NULL; k++) {
        const heed_node *output = first->outputs[k];
        if (plan->observed[output->id] && plan->observe != NULL && step->args.outs[k] != NULL)
            plan->observe(plan->observe_context, output, step->args.outs[k]);
    }
}

static void edit(const heed_plan *plan, const plan_step *step)
{
    const heed_node *first = step->node;

    for (int k = 0; k < HEED_MAX_OUTPUTS && first->outputs[k] != NULL; k++) {
        const heed_node *output = first->outputs[k];
        if (plan->edited[output->id] && plan->edit != NULL && step->args.outs[k] != NULL)
            plan->edit(plan->edit_context, output, step->args.outs[k]);
    }
}

void heed_plan_run(heed_plan *plan)
{
    assert(plan->block != NULL);
    for (int s = 0; s < plan->n_steps; s++) {
        plan_step *step = &plan->steps[s];
        const heed_op *op = step->node->op;
        const double start = plan->profile ? heed_clock_s() : 0.0;

        if (!op->is_view)
            (plan->reference || op->fast == NULL ? op->forward : op->fast)(&step->args);
        if (plan->profile)
            step->seconds += heed_clock_s() - start;
        if (step->edited)
            edit(plan, step);
        if (step->observed)
            show(plan, step);
    }
    for (int i = 0; i < plan->n_copies; i++)
        heed_tensor_copy(&plan->value[plan->copies[i].source->id], &plan->value[plan->copies[i].value->id]);
}

const heed_tensor *heed_plan_value(const heed_plan *plan, const heed_node *node)
{
    const bool readable = node->op == NULL || plan->kept[node->id] ||
                          (plan->keep_all && plan->runs[node->first->id]) || node->owner->op == NULL;

    return readable && plan->value[node->id].data != NULL ? &plan->value[node->id] : NULL;
}

const heed_tensor *heed_plan_given(const heed_plan *plan, const heed_node *node)
{
    return plan->given[node->id] ? &plan->value[node->id] : NULL;
}

void heed_plan_profile(heed_plan *plan, bool on)
{
    plan->profile = on;
    for (int s = 0; s < plan->n_steps; s++)
        plan->steps[s].seconds = 0.0;
}

double heed_plan_step_seconds(const heed_plan *plan, int i)
{
    return plan->steps[i].seconds;
}
