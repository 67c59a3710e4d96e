/* SPDX-License-Identifier: MIT */
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/nn.h"
#include "ops/embedding.h"
#include "train/start.h"

enum { STAGE_GRADIENTS, STAGE_UPDATE };

static heed_node *state_of(heed_graph *g, const char *which, const heed_node *p)
{
    char name[HEED_MAX_NAME];

    snprintf(name, sizeof name, "%s.%s", which, p->name);
    return heed_graph_state(g, name, p->tensor.shape);
}

/* --- gradients --- */

typedef struct builder {
    heed_step_graph *step;
    const heed_weights *weights;
    bool adds_up, sparse;
} builder;

/* A table that is only looked up, by the tokens of the run: its gradient can be written row by row. */
static bool is_sparse(const builder *b, heed_graph *g, const heed_node *p)
{
    heed_touched *touched = &b->step->touched;
    const int64_t n_rows = p->tensor.shape.size[0];

    if (!b->sparse || !heed_is_lookup_gradient(p->grad) || p->grad->in[0] != b->step->ids)
        return false;
    if (touched->n_rows == 0 && !heed_touched_open(touched, n_rows))
        return heed_graph_fail(g, p, HEED_ERR_MEMORY, "not enough memory for marks of its rows");
    return touched->n_rows == n_rows;
}

/* What grad.p takes: the gradient of this run, added to what it holds where runs add up. */
static heed_node *whole_gradient(const builder *b, heed_graph *g, const heed_node *p, heed_node *grad, int i)
{
    b->step->sparse[i] = is_sparse(b, g, p);
    if (b->step->sparse[i] || (b->adds_up && heed_is_lookup_gradient(p->grad)))
        return heed_add_lookup_gradient(g, p->grad, grad);
    return b->adds_up ? heed_add(g, grad, p->grad) : p->grad;
}

/* The gradient of p is complete: it goes where gradients are kept, before anything else needs room. */
static void keep_gradient(void *context, heed_graph *g, heed_node *p)
{
    const builder *b = context;
    heed_node *grad = state_of(g, "grad", p);
    int i = 0;

    while (strcmp(b->weights->list[i].name, p->name) != 0)
        i++;
    b->step->grad[i] = grad;
    b->step->complete[i] = whole_gradient(b, g, p, grad, i);
    heed_graph_assign_in(g, STAGE_GRADIENTS, grad, b->step->complete[i]);
}

/* --- update --- */

/* Which rows of the gradient of parameter i are not 0; NULL: any. */
static heed_node *marks_of(const heed_step_graph *step, int i)
{
    return step->sparse[i] ? step->marks : NULL;
}

/* The length of all gradients together. */
static heed_node *norm_of(heed_graph *g, const heed_step_graph *step, const heed_weights *weights)
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

    *m = state_of(u->g, "adamw.m", p);
    *v = state_of(u->g, "adamw.v", p);
    after = heed_adamw_of_marked(u->g, p, *m, *v, grad, u->marks, lr, u->t, u->factor, &options);
    heed_graph_assign_in(u->g, STAGE_UPDATE, p, after.p);
    heed_graph_assign_in(u->g, STAGE_UPDATE, *m, after.m);
    heed_graph_assign_in(u->g, STAGE_UPDATE, *v, after.v);
    return after.p;
}

static heed_node *update_momentum(const updater *u, const heed_group *group, heed_node *lr, heed_node *p,
                                  heed_node *grad, heed_node **m)
{
    const heed_momentum_options options = {
        .momentum = (float)u->options->momentum, .l2 = (float)group->l2, .nesterov = u->options->nesterov};
    heed_momentum_nodes after;

    *m = state_of(u->g, "momentum.m", p);
    after = heed_momentum(u->g, p, *m, grad, lr, u->factor, &options);
    heed_graph_assign_in(u->g, STAGE_UPDATE, p, after.p);
    heed_graph_assign_in(u->g, STAGE_UPDATE, *m, after.m);
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
    heed_graph_assign_in(u->g, STAGE_UPDATE, p, after);
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

static void update(heed_step_graph *step, const heed_weights *weights, const heed_train_options *options,
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

/* --- the parts of this rank --- */

static heed_status list_parts(heed_step_graph *step, heed_error *err)
{
    const heed_split *s = step->split;

    step->parts = calloc((size_t)s->n_parts + 1, sizeof *step->parts);
    if (step->parts == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a step");
    for (int k = 0; k < s->n_parts; k++) {
        if (s->parts[k].rank == step->rank)
            step->parts[step->n_parts++].of = &s->parts[k];
    }
    return HEED_OK;
}

static heed_status split_over_ranks(heed_step_graph *step, const heed_weights *weights,
                                    const heed_step_shape *shape, heed_error *err)
{
    bool *wanted = calloc((size_t)weights->n + 1, sizeof *wanted);
    heed_status status;

    if (wanted == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a step");
    for (int i = 0; i < weights->n; i++)
        wanted[i] = step->grad[i] != NULL;
    step->rank = shape->rank;
    status = heed_split_create(weights, wanted, shape->n_ranks, heed_split_bucket_floats(weights), &step->split,
                               err);
    free(wanted);
    return status == HEED_OK ? list_parts(step, err) : status;
}

/* --- the graph --- */

static bool allocate(heed_step_graph *out, int n)
{
    out->n_parameters = n;
    out->g = heed_graph_create();
    out->grad = calloc((size_t)n, sizeof(heed_node *));
    out->complete = calloc((size_t)n, sizeof(heed_node *));
    out->sparse = calloc((size_t)n, sizeof(bool));
    out->m = calloc((size_t)n, sizeof(heed_node *));
    out->v = calloc((size_t)n, sizeof(heed_node *));
    return out->g != NULL && out->grad != NULL && out->complete != NULL && out->sparse != NULL &&
           out->m != NULL && out->v != NULL;
}

/* names has room for all and a NULL. */
static void list_frozen(const heed_weights *weights, const heed_groups *groups, const char **names)
{
    int n = 0;

    for (int i = 0; groups->list != NULL && i < weights->n; i++) {
        if (!groups->list[i].trains)
            names[n++] = weights->list[i].name;
    }
}

static heed_status backward(heed_step_graph *out, heed_node *objective, const heed_weights *weights,
                            const heed_train_options *options, const heed_step_shape *shape,
                            heed_step_inputs *inputs, heed_error *err)
{
    heed_graph *g = out->g;
    heed_node *share = heed_graph_bound_input(g, "d.objective", HEED_F32, heed_shape0(), &inputs->share);
    /* Ranks and sums over windows write gradients as a whole. */
    builder b = {.step = out,
                 .weights = weights,
                 .adds_up = shape->adds_up,
                 .sparse = !shape->adds_up && shape->n_ranks <= 1 && !options->strict};
    heed_status status = HEED_OK;

    inputs->share = 1.0f;
    if (!heed_graph_differentiate_with(g, objective, share, heed_accumulate, keep_gradient, &b))
        return HEED_OK; /* the graph knows why */
    if (shape->n_ranks > 1)
        status = split_over_ranks(out, weights, shape, err);
    if (status == HEED_OK && options->group_interval > 0 && shape->n_ranks <= 1) {
        out->looks = calloc((size_t)weights->n, sizeof *out->looks);
        if (out->looks == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a step");
    }
    if (status != HEED_OK)
        return status;
    if (out->touched.n_rows > 0)
        out->marks = heed_graph_bound_input(g, "touched", HEED_I32, heed_shape1(out->touched.n_rows),
                                            out->touched.marks);
    out->norm = norm_of(g, out, weights);
    update(out, weights, options, inputs);
    return HEED_OK;
}

/* The teacher's part joins the objective; the loss that is shown stays the cross-entropy. */
static void distill(heed_step_graph *out, const heed_train_options *options, const heed_teacher *teacher,
                    const heed_nn *nn, heed_gpt *gpt, heed_node *targets)
{
    heed_node *head = heed_graph_find(out->g, nn->config->tied_head ? "wte.weight" : "lm_head.weight");
    if (gpt->resid_final != NULL && gpt->resid_final->tensor.dtype == HEED_BF16)
        gpt->resid_final = heed_to_f32(out->g,
                                       gpt->resid_final); /* two heads are compared in single precision */
    const heed_distill_nodes nodes = heed_teacher_loss(teacher, options, out->g, gpt, head, targets);

    gpt->loss = nodes.ce;
    gpt->objective = nn->balance != NULL ? heed_add(out->g, nodes.loss, nn->balance) : nodes.loss;
    out->kl = nodes.kl;
}

heed_status heed_step_graph_create(const heed_weights *weights, const heed_train_options *options,
                                   const heed_step_shape *shape, heed_step_inputs *inputs, heed_step_graph *out,
                                   heed_error *err)
{
    const heed_config *config = &weights->config;
    const heed_shape rows = heed_shape2(shape->batch, shape->length);
    heed_nn nn = {.config = config,
                  .seed = (uint64_t)options->seed,
                  .precision = (heed_precision)options->precision,
                  .training = shape->training};
    const char **frozen = calloc((size_t)weights->n + 1, sizeof *frozen);
    heed_status status = HEED_OK;
    heed_node *ids, *targets;
    heed_gpt gpt;

    *out = (heed_step_graph){.recompute = (heed_recompute)options->recompute};
    if (frozen == NULL || !allocate(out, weights->n))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the graph of a step");
    else if (shape->training)
        status = heed_groups_create(weights, options, &out->groups, err);
    if (status != HEED_OK)
        goto cleanup;
    list_frozen(weights, &out->groups, frozen);
    nn.g = out->g;
    nn.frozen = frozen;
    ids = heed_graph_bound_input(out->g, "ids", HEED_I32, rows, inputs->ids);
    out->ids = ids;
    targets = heed_graph_bound_input(out->g, "targets", HEED_I32, rows, inputs->targets);
    if (shape->training && config->dropout > 0.0)
        nn.window = heed_graph_bound_input(out->g, "window", HEED_I32, heed_shape0(), &inputs->window);
    gpt = heed_gpt_build(&nn, ids, targets);
    if (shape->teacher != NULL)
        distill(out, options, shape->teacher, &nn, &gpt, targets);
    out->loss = gpt.loss;
    if (shape->training) {
        status = backward(out, gpt.objective, weights, options, shape, inputs, err);
        out->loss = heed_graph_value_of(out->loss);
        out->kl = out->kl != NULL ? heed_graph_value_of(out->kl) : NULL;
    }
    heed_weights_bind(weights, out->g);
    if (status == HEED_OK)
        status = heed_graph_status(out->g, err);
cleanup:
    free(frozen);
    if (status != HEED_OK)
        heed_step_graph_destroy(out);
    return status;
}

void heed_step_graph_destroy(heed_step_graph *step)
{
    heed_graph_destroy(step->g);
    heed_split_destroy(step->split);
    free(step->parts);
    free(step->grad);
    free(step->complete);
    free(step->sparse);
    heed_touched_close(&step->touched);
    free(step->m);
    free(step->v);
    free(step->looks);
    heed_groups_destroy(&step->groups);
    *step = (heed_step_graph){0};
}

/* --- where the numbers lie --- */

size_t heed_step_gradients_bytes(const heed_step_graph *step, const heed_weights *weights)
{
    return step->split != NULL ? heed_weights_bytes(weights) : step->groups.part_bytes;
}

static size_t moment_bytes(const heed_step_graph *step)
{
    return step->split != NULL ? heed_size_align((size_t)step->split->n_moments[step->rank] * sizeof(float))
                               : step->groups.part_bytes;
}

size_t heed_step_own_bytes(const heed_step_graph *step, const heed_weights *weights)
{
    return heed_weights_bytes(weights) + heed_step_gradients_bytes(step, weights) +
           (size_t)step->groups.n_moments * moment_bytes(step);
}

float *heed_step_gradients(const heed_step_graph *step, const heed_weights *weights)
{
    (void)step;
    return (float *)(void *)((char *)weights->list[0].data + heed_weights_bytes(weights));
}

static float *moments(const heed_step_graph *step, const heed_weights *weights, int second)
{
    return (float *)(void *)((char *)heed_step_gradients(step, weights) +
                             heed_step_gradients_bytes(step, weights) + (second ? moment_bytes(step) : 0));
}

float *heed_step_gradient(const heed_step_graph *step, const heed_weights *weights, int i)
{
    if (step->grad[i] == NULL)
        return NULL;
    if (step->split != NULL)
        return heed_step_gradients(step, weights) + step->split->places[i];
    return heed_step_gradients(step, weights) + step->groups.list[i].at / sizeof(float);
}

float *heed_step_moment(const heed_step_graph *step, const heed_weights *weights, int i, int second)
{
    if ((second ? step->v[i] : step->m[i]) == NULL)
        return NULL;
    return moments(step, weights, second) + step->groups.list[i].at / sizeof(float);
}

bool heed_step_has_moment(const heed_step_graph *step, int i, int second)
{
    return step->grad[i] != NULL && second < step->groups.n_moments;
}

/* Of this rank's parts: the first ones of all before the second ones. */
float *heed_step_part_moment(const heed_step_graph *step, const heed_weights *weights, int k, int second)
{
    return moments(step, weights, second) + step->parts[k].of->at;
}

static void place_parts(const heed_step_graph *step, const heed_weights *weights)
{
    for (int k = 0; k < step->n_parts; k++) {
        const heed_step_part *part = &step->parts[k];
        const int64_t at = step->split->places[part->of->parameter] + part->of->first;
        part->p->tensor.data = (float *)(uintptr_t)weights->list[0].data + at;
        part->grad->tensor.data = heed_step_gradients(step, weights) + at;
        if (part->m != NULL)
            part->m->tensor.data = heed_step_part_moment(step, weights, k, 0);
        if (part->v != NULL)
            part->v->tensor.data = heed_step_part_moment(step, weights, k, 1);
    }
}

void heed_step_place(const heed_step_graph *step, heed_weights *weights, void *block)
{
    heed_weights_place(weights, block, NULL);
    heed_weights_bind(weights, step->g);
    for (int i = 0; i < weights->n; i++) {
        if (step->grad[i] != NULL)
            step->grad[i]->tensor.data = heed_step_gradient(step, weights, i);
        if (step->m[i] != NULL)
            step->m[i]->tensor.data = heed_step_moment(step, weights, i, 0);
        if (step->v[i] != NULL)
            step->v[i]->tensor.data = heed_step_moment(step, weights, i, 1);
    }
    place_parts(step, weights);
}

/* --- the stages --- */

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
        .assign = step->norm != NULL ? 1u << STAGE_GRADIENTS : 0,
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
        status = plan_stage(step, device, NULL, 1u << STAGE_UPDATE, &plans->update, err);
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
    memset(heed_step_gradients(step, weights), 0, heed_step_gradients_bytes(step, weights));
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
