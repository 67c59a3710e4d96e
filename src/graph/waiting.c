/* SPDX-License-Identifier: MIT */
/* What the forward pass of a plan leaves for the backward pass: what waits in memory, and what is made again. */
#include <stdlib.h>

#include "graph/plan_internal.h"

/* The first step that belongs to the backward pass, or serves it. */
static int turn_of(const heed_plan *plan)
{
    int turn = 0;

    while (turn < plan->n_steps && !plan->steps[turn].again &&
           plan->steps[turn].node->id < heed_graph_n_forward(plan->graph))
        turn++;
    return turn;
}

/* From the last step before the turn to the first: in a place that several had, the last one is what waits. */
static void list_held(const heed_plan *plan, int turn, bool *seen, heed_waiting_fn *waiting, void *context)
{
    for (int s = turn - 1; s >= 0; s--) {
        const plan_step *step = &plan->steps[s];
        for (int k = 0; k < HEED_MAX_OUTPUTS; k++) {
            const int root = step->out[k] >= 0 ? heed_plan_instance_root(plan, step->out[k]) : -1;
            const plan_storage *place = root >= 0 ? &plan->storage[root] : NULL;
            if (root < 0 || seen[root] || place->bytes == 0 || place->in_source != NULL ||
                place->first >= turn || place->last < turn || heed_plan_instance_node(plan, root)->op == NULL)
                continue;
            seen[root] = true;
            waiting(context, step->node->outputs[k], heed_size_align(place->bytes), false);
        }
    }
}

void heed_plan_list_waiting(const heed_plan *plan, heed_waiting_fn *waiting, void *context)
{
    const int turn = turn_of(plan);
    bool *seen = turn < plan->n_steps ? calloc(2 * (size_t)plan->n_nodes + 1, sizeof *seen) : NULL;

    if (seen == NULL)
        return;
    list_held(plan, turn, seen, waiting, context);
    free(seen);
    for (int s = turn; s < plan->n_steps; s++) {
        const plan_step *step = &plan->steps[s];
        for (int k = 0; k < HEED_MAX_OUTPUTS && step->again; k++) {
            if (step->out[k] >= 0 && plan->storage[step->out[k]].bytes > 0)
                waiting(context, step->node->outputs[k], heed_size_align(plan->storage[step->out[k]].bytes),
                        true);
        }
    }
}

static void add_up(void *context, const heed_node *node, size_t bytes, bool again)
{
    heed_step_memory *memory = context;

    (void)node;
    *(again ? &memory->again_bytes : &memory->held_bytes) += (double)bytes;
}

heed_step_memory heed_plan_memory(const heed_plan *plan)
{
    heed_step_memory memory = {0};
    heed_cost cost = {0};

    heed_plan_list_waiting(plan, add_up, &memory);
    for (int s = 0; s < plan->n_steps; s++) {
        if (plan->steps[s].again) {
            plan->steps[s].node->op->cost(plan->steps[s].node, &cost);
            memory.n_again++;
        }
    }
    memory.again_flops = cost.flops;
    return memory;
}
