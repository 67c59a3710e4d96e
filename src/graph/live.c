/* SPDX-License-Identifier: MIT */
/* What the arena of a plan holds while a step runs: values that somebody still reads, and the step's own scratch memory. */
#include <string.h>

#include "graph/plan_internal.h"

/* A place of its own in the arena, not a part of another one's. */
static bool is_root(const heed_plan *plan, int instance)
{
    const plan_storage *s = &plan->storage[instance];

    return s->bytes > 0 && s->root == instance && s->in_source == NULL &&
           heed_plan_instance_node(plan, instance)->op != NULL;
}

void heed_plan_live_bytes(const heed_plan *plan, double *bytes)
{
    memset(bytes, 0, (size_t)plan->n_steps * sizeof *bytes);
    for (int i = 0; i < 2 * plan->n_nodes; i++) {
        const plan_storage *s = &plan->storage[i];
        if (!is_root(plan, i))
            continue;
        for (int step = s->first; step <= s->last && step < plan->n_steps; step++)
            bytes[step] += (double)heed_size_align(s->bytes);
    }
    for (int step = 0; step < plan->n_steps; step++)
        bytes[step] += (double)heed_size_align(plan->steps[step].workspace_bytes);
}

/* Whose value lies in the place while the step runs: of those that follow each other there, the last to be written. */
static const heed_node *holder(const heed_plan *plan, int root, int step)
{
    int last = root;

    for (int i = 0; i < 2 * plan->n_nodes; i++) {
        const plan_storage *s = &plan->storage[i];
        if (i != root && s->root != i && s->bytes > 0 && s->first <= step &&
            s->first >= plan->storage[last].first && heed_plan_instance_root(plan, i) == root)
            last = i;
    }
    return heed_plan_instance_node(plan, last);
}

void heed_plan_list_live(const heed_plan *plan, int step, heed_live_fn *live, void *context)
{
    for (int i = 0; i < 2 * plan->n_nodes; i++) {
        const plan_storage *s = &plan->storage[i];
        if (is_root(plan, i) && s->first <= step && s->last >= step)
            live(context, holder(plan, i, step), heed_size_align(s->bytes), false);
    }
    if (plan->steps[step].workspace_bytes > 0)
        live(context, plan->steps[step].node, heed_size_align(plan->steps[step].workspace_bytes), true);
}
