/* SPDX-License-Identifier: MIT */
/* The norm of a step's gradients, and what the optimizers make of them: ordinary nodes. */
#include <stdio.h>

#include "ops/ops.h"
#include "train/step_internal.h"

heed_node *heed_step_state(heed_graph *g, const char *which, const heed_node *p)
{
    char name[HEED_MAX_NAME];

    snprintf(name, sizeof name, "%s.%s", which, p->name);
    return heed_graph_state(g, name, p->tensor.shape);
}

/* Which rows of the gradient of parameter i are not 0; NULL: any. */
static heed_node *marks_of(const heed_step_graph *step, int i)
{
    return step->sparse[i] ? step->marks : NULL;
}

/* The length of all gradients together. */
heed_node *heed_step_norm(heed_graph *g, const heed_step_graph *step, const heed_weights *weights)
{
    heed_node *squares = NULL;

    for (int i = 0; i < weights->n; i++) {
        if (step->grad[i] != NULL)
            squares = heed_sum_squares_of_marked(g, step->grad[i], marks_of(step, i), squares);
    }
    return heed_name(g, heed_sqrt(g, squares), "grad_norm");
}

/* What the updates of all parameters have in common. */
typedef struct updater {
    heed_graph *g;
    const heed_train_options *options;
    heed_node *lr, *t, *factor;
    heed_node *marks; /* of the parameter whose turn it is, or NULL */
} updater;

static heed_node *update_adamw(const updater *u, const heed_group *group, heed_node *lr, heed_node *p,
                               heed_node *grad, heed_node **m, heed_node **v)
{
    const heed_adamw_options options = {
        .beta1 = (float)u->options->beta1,
        .beta2 = (float)u->options->beta2,
        .eps = (float)u->options->eps,
        .weight_decay = (float)group->weight_decay,
        .l2 = (float)group->l2,
    };
    heed_adamw_nodes after;

    *m = heed_step_state(u->g, "adamw.m", p);
    *v = heed_step_state(u->g, "adamw.v", p);
    after = heed_adamw_of_marked(u->g, p, *m, *v, grad, u->marks, lr, u->t, u->factor, &options);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, p, after.p);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, *m, after.m);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, *v, after.v);
    return after.p;
}

static heed_node *update_momentum(const updater *u, const heed_group *group, heed_node *lr, heed_node *p,
                                  heed_node *grad, heed_node **m)
{
    const heed_momentum_options options = {
        .momentum = (float)u->options->momentum, .l2 = (float)group->l2, .nesterov = u->options->nesterov};
    heed_momentum_nodes after;

    *m = heed_step_state(u->g, "momentum.m", p);
    after = heed_momentum(u->g, p, *m, grad, lr, u->factor, &options);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, p, after.p);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, *m, after.m);
    return after.p;
}

/* p, a parameter of that group or a part of one, and its moments from grad. Returns the new p. */
static heed_node *update_one(const updater *u, const heed_group *group, heed_node *p, heed_node *grad,
                             heed_node **m, heed_node **v)
{
    const float part = (float)group->lr;
    heed_node *lr = part == 1.0f ? u->lr : heed_scale(u->g, u->lr, part), *after;

    if (u->options->optimizer != HEED_OPTIMIZER_SGD)
        return update_adamw(u, group, lr, p, grad, m, v);
    if (u->options->momentum > 0.0)
        return update_momentum(u, group, lr, p, grad, m);
    after = heed_sgd(u->g, p, grad, lr, u->factor, (float)group->l2);
    heed_graph_assign_in(u->g, HEED_STAGE_UPDATE, p, after);
    return after;
}

static heed_look look_at(heed_graph *g, heed_node *p, heed_node *grad, heed_node *after)
{
    return (heed_look){
        .gradient = heed_sum_squares(g, grad, NULL),
        .weight = heed_sum_squares(g, p, NULL),
        .update = heed_sum_squares(g, heed_add(g, after, heed_scale(g, p, -1.0f)), NULL),
    };
}

static void update_all(heed_step_graph *step, const heed_weights *weights, const updater *u)
{
    updater mine = *u;

    for (int i = 0; i < weights->n; i++) {
        heed_node *p = heed_graph_find(u->g, weights->list[i].name), *after;
        if (step->grad[i] == NULL)
            continue;
        mine.marks = marks_of(step, i);
        after = update_one(&mine, &step->groups.list[i], p, step->grad[i], &step->m[i], &step->v[i]);
        if (step->looks != NULL)
            step->looks[i] = look_at(u->g, p, step->grad[i], after);
    }
}

static heed_node *part_of(heed_graph *g, const char *which, const heed_node *whole, const heed_split_part *of)
{
    char name[HEED_MAX_NAME];

    snprintf(name, sizeof name, "%s.%s.%lld", which, whole->name, (long long)of->first);
    return heed_graph_state(g, name, heed_shape1(of->n));
}

static void update_parts(heed_step_graph *step, const heed_weights *weights, const updater *u)
{
    for (int k = 0; k < step->n_parts; k++) {
        heed_step_part *part = &step->parts[k];
        const heed_node *p = heed_graph_find(u->g, weights->list[part->of->parameter].name);
        part->p = part_of(u->g, "part", p, part->of);
        part->grad = part_of(u->g, "grad.part", p, part->of);
        if (part->p == NULL)
            return;
        update_one(u, &step->groups.list[part->of->parameter], part->p, part->grad, &part->m, &part->v);
    }
}

void heed_step_update(heed_step_graph *step, const heed_weights *weights, const heed_train_options *options,
                      heed_step_inputs *inputs)
{
    heed_graph *g = step->g;
    heed_node *norm = heed_graph_bound_input(g, "norm", HEED_F32, heed_shape0(), &inputs->norm);
    const updater u = {
        .g = g,
        .options = options,
        .lr = heed_graph_bound_input(g, "lr", HEED_F32, heed_shape0(), &inputs->lr),
        .t = heed_graph_bound_input(g, "t", HEED_I32, heed_shape0(), &inputs->t),
        .factor = heed_name(g, heed_clip_factor(g, norm, (float)options->clip_norm), "clip_factor"),
    };

    if (step->split != NULL) /* nobody sees a whole parameter here */
        update_parts(step, weights, &u);
    else
        update_all(step, weights, &u);
}
