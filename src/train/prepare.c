/* SPDX-License-Identifier: MIT */
/* What a run needs before its first step: the batch, graphs and plans, and the one block of memory that holds everything. */
#include <stdlib.h>
#include <string.h>

#include "base/divisor.h"
#include "base/error.h"
#include "train/trainer.h"

static heed_status too_large(const heed_trainer *t, double bytes, heed_error *err)
{
    return heed_fail(
        err, HEED_ERR_MEMORY,
        "training this model (%lld parameters) needs %.1f GB of memory, the system has %.1f GB to give",
        (long long)t->plan.n_parameters, bytes / 1e9, t->plan.available_bytes / 1e9);
}

/* Weights, gradients and moments alone must fit, or nothing needs to be planned. */
static heed_status check_state(heed_trainer *t, heed_error *err)
{
    const heed_weights *w = t->model->weights;
    const size_t available = heed_memory_available();

    t->plan.n_parameters = heed_weights_count(w);
    t->plan.n_trained = t->train.groups.n_trained;
    t->plan.state_bytes = (double)heed_step_own_bytes(&t->train, w);
    /* what the system has to give is for all ranks of this machine */
    t->plan.available_bytes = available == SIZE_MAX
                                  ? 0.0
                                  : (double)available / heed_ranks_neighbours(t->options.ranks);
    if (t->plan.available_bytes > 0.0 && t->plan.state_bytes > t->plan.available_bytes)
        return too_large(t, t->plan.state_bytes, err);
    return HEED_OK;
}

double heed_trainer_batch_bytes(const heed_trainer *t)
{
    return 2.0 * (double)t->options.batch_size * (double)t->model->config.context_length * sizeof *t->ids;
}

/* The windows of a step, and how many of them run at once. */
static heed_status prepare_batch(heed_trainer *t, bool resumed, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const size_t n = (size_t)(o->batch_size * t->model->config.context_length);
    const int64_t size = heed_ranks_size(o->ranks), own = o->batch_size / size;

    if (o->batch_size % size != 0)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "batch_size: expected a multiple of the %lld ranks, so that each has as many windows; got %lld",
            (long long)size, (long long)o->batch_size);
    t->micro_batch = o->micro_batch > 0 ? o->micro_batch : own;
    /* other ranks than before: fewer windows at once, never more */
    if (resumed && o->batch_size % t->micro_batch == 0 && own % t->micro_batch != 0)
        t->micro_batch = heed_common_divisor(own, t->micro_batch);
    if (o->strict) {
        const heed_status status = heed_strict_cut(&t->strict, o, (int)size, err);

        if (status != HEED_OK)
            return status;
        t->micro_batch = t->strict.micro_batch;
    }
    if (own % t->micro_batch != 0)
        return heed_fail(err, HEED_ERR_USAGE, "micro_batch: expected a divisor of %s %lld, got %lld",
                         size > 1 ? "a rank's part of the batch," : "the batch_size", (long long)own,
                         (long long)o->micro_batch);
    t->n_runs = own / t->micro_batch;
    t->ids = malloc(n * sizeof *t->ids);
    t->targets = malloc(n * sizeof *t->targets);
    if (t->ids == NULL || t->targets == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a batch of %zu tokens", n);
    t->inputs.ids = t->ids;
    t->inputs.targets = t->targets;
    return HEED_OK;
}

static void gradient_settled(void *context, int i)
{
    const heed_trainer *t = context;

    if (t->reduce != NULL)
        heed_reduce_settled(t->reduce, i);
}

static heed_status make_graph(heed_trainer *t, bool training, heed_step_graph *graph, heed_step_plans *plans,
                              heed_error *err)
{
    const heed_step_shape shape = {
        .batch = t->micro_batch,
        .length = t->model->config.context_length,
        .training = training,
        /* with strict always: what is added to 0 has no -0, wherever the step is cut */
        .adds_up = t->options.strict ? t->micro_batch < t->options.batch_size : t->n_runs > 1,
        .rank = heed_ranks_rank(t->options.ranks),
        .n_ranks = heed_ranks_size(t->options.ranks),
        .teacher = t->start.teacher.model != NULL ? &t->start.teacher : NULL,
    };
    heed_status status = heed_step_graph_create(t->model->weights, &t->options, &shape, &t->inputs, graph, err);

    if (training && shape.n_ranks > 1)
        graph->watch = (heed_step_watch){gradient_settled, t};
    if (status == HEED_OK && training)
        status = check_state(t, err);
    return status == HEED_OK ? heed_step_plan(graph, &t->device, plans, err) : status;
}

/* Multiplications and additions of one step here: the runs of its parts, one update. */
static double flops_of_step(const heed_trainer *t)
{
    const double taught = t->start.teacher.plan != NULL ? heed_plan_cost(t->start.teacher.plan).flops : 0.0;

    return heed_step_plans_cost(&t->train_plans).flops + (double)t->n_runs * taught +
           (double)(t->n_runs - 1) * heed_plan_cost(t->train_plans.gradients).flops;
}

static heed_status join_ranks(heed_trainer *t, heed_error *err)
{
    if (t->train.split == NULL)
        return HEED_OK;
    return heed_reduce_create(t->options.ranks, &t->device, t->model->weights, t->train.split, &t->reduce, err);
}

/* Sums over all of grad.p. */
static size_t strict_bytes(const heed_trainer *t)
{
    const size_t n = heed_step_gradients_bytes(&t->train, t->model->weights) / sizeof(float);

    return t->options.strict ? heed_strict_bytes(&t->strict, (int64_t)n) : 0;
}

static void place_strict(heed_trainer *t)
{
    const heed_weights *w = t->model->weights;
    const int64_t n = (int64_t)(heed_step_gradients_bytes(&t->train, w) / sizeof(float));

    if (t->options.strict)
        heed_strict_place(&t->strict, &t->device, heed_step_gradients(w), n,
                          (float *)(void *)(t->block + heed_step_own_bytes(&t->train, w)));
}

/* Graphs, plans, and the one block that holds everything. */
heed_status heed_trainer_prepare(heed_trainer *t, bool resumed, heed_error *err)
{
    heed_weights *w = t->model->weights;
    size_t state, arena;
    heed_status status = prepare_batch(t, resumed, err);

    if (status == HEED_OK && t->start.teacher.model != NULL)
        status = heed_teacher_plan(t, t->ids, err);
    if (status == HEED_OK)
        status = make_graph(t, true, &t->train, &t->train_plans, err);
    if (status == HEED_OK)
        status = make_graph(t, false, &t->eval, &t->eval_plans, err);
    if (status == HEED_OK)
        status = join_ranks(t, err);
    if (status != HEED_OK)
        return status;
    state = heed_step_own_bytes(&t->train, w);
    arena = heed_step_plans_bytes(&t->train_plans);
    if (heed_step_plans_bytes(&t->eval_plans) > arena)
        arena = heed_step_plans_bytes(&t->eval_plans);
    if (t->start.teacher.plan != NULL && heed_plan_bytes(t->start.teacher.plan) > arena)
        arena = heed_plan_bytes(t->start.teacher.plan);
    state += strict_bytes(t);
    t->plan.state_bytes += (double)strict_bytes(t);
    t->block_bytes = state + arena;
    t->plan.step_bytes = (double)arena;
    t->plan.memory = heed_plan_memory(t->train_plans.gradients);
    t->plan.flops_per_step = flops_of_step(t);
    if (t->plan.available_bytes > 0.0 && (double)t->block_bytes > t->plan.available_bytes)
        return too_large(t, (double)t->block_bytes, err);
    t->block = heed_memory_reserve(t->block_bytes);
    if (t->block == NULL)
        return too_large(t, (double)t->block_bytes, err);
    heed_step_place(&t->train, w, t->block);
    heed_weights_bind(w, t->eval.g);
    place_strict(t);
    if (t->start.teacher.plan != NULL)
        status = heed_plan_place(t->start.teacher.plan, t->block + state, err);
    if (status == HEED_OK)
        status = heed_step_plans_place(&t->train_plans, t->block + state, err);
    return status == HEED_OK ? heed_step_plans_place(&t->eval_plans, t->block + state, err) : status;
}
