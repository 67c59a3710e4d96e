/* SPDX-License-Identifier: MIT */
/* A look at the groups of parameters: what the looks of a step (train/step.h) give, added up by component. */
#include <math.h>
#include <string.h>

#include "train/trainer.h"

static double value_of(const heed_trainer *t, const heed_node *node)
{
    return (double)heed_tensor_get(heed_plan_value(t->train_plans.looks, node), 0);
}

static heed_group_stats *group_named(heed_trainer *t, const char *name)
{
    for (int i = 0; i < t->n_groups; i++) {
        if (strcmp(t->groups[i].name, name) == 0)
            return &t->groups[i];
    }
    if (t->n_groups == HEED_MOST_GROUPS)
        return NULL;
    t->groups[t->n_groups] = (heed_group_stats){.name = name};
    return &t->groups[t->n_groups++];
}

/* The update must not have been made yet: the look makes it once more, beside the weights. */
void heed_looks_take(heed_trainer *t)
{
    const heed_weights *w = t->model->weights;

    t->n_groups = 0;
    heed_plan_run(t->train_plans.looks);
    for (int i = 0; i < w->n; i++) {
        const heed_look *look = &t->train.looks[i];
        heed_group_stats *group = look->gradient != NULL ? group_named(t, w->list[i].component) : NULL;
        if (group == NULL)
            continue;
        group->n_parameters += w->list[i].count;
        group->gradient_norm += value_of(t, look->gradient); /* squares until all are in */
        group->weight_norm += value_of(t, look->weight);
        group->update_norm += value_of(t, look->update);
    }
    for (int i = 0; i < t->n_groups; i++) {
        t->groups[i].gradient_norm = sqrt(t->groups[i].gradient_norm);
        t->groups[i].weight_norm = sqrt(t->groups[i].weight_norm);
        t->groups[i].update_norm = sqrt(t->groups[i].update_norm);
    }
}

bool heed_looks_due(const heed_trainer *t, int64_t step)
{
    return t->train_plans.looks != NULL &&
           (step == 1 || step % t->options.group_interval == 0 || heed_validation_due(t, step) > 0);
}

double heed_group_update_ratio(const heed_group_stats *g)
{
    return g->weight_norm > 0.0 ? g->update_norm / g->weight_norm : NAN;
}

const heed_group_stats *heed_trainer_groups(const heed_trainer *t, int *n)
{
    *n = t->n_groups;
    return t->groups;
}
