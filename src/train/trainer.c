/* SPDX-License-Identifier: MIT */
/* Training: one step, evaluation, progress. The graph is step.c's, the files are checkpoint.c's, the beginning is open.c's. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "train/keep.h"

/* --- a part of a step's windows --- */

/*
 * The graphs read their windows where inputs.ids and inputs.targets pointed when they were built: the front of the
 * step's. A later part is moved there, over windows that are done.
 */
static void bring_part(heed_trainer *t, int64_t part)
{
    const size_t n = (size_t)(t->micro_batch * t->model->config.context_length);

    if (part > 0) {
        memcpy(t->ids, t->ids + (size_t)part * n, n * sizeof *t->ids);
        memcpy(t->targets, t->targets + (size_t)part * n, n * sizeof *t->targets);
    }
}

/* Which of the step's runs are made here: with several ranks each has its share of a step, and all of an evaluation's batch. */
typedef struct run_range {
    int64_t begin, end;
} run_range;

static run_range all_runs(const heed_trainer *t)
{
    return (run_range){0, t->options.batch_size / t->micro_batch};
}

static run_range own_runs(const heed_trainer *t)
{
    const int64_t first = heed_ranks_rank(t->options.ranks) * t->n_runs;

    return (run_range){first, first + t->n_runs};
}

/* The last run completes the sums over runs, and its gradients may leave while it runs. */
static bool gradients_end_in_run(const heed_trainer *t)
{
    return !t->options.strict || heed_strict_ends_in_run(&t->strict);
}

/*
 * The loss of those windows that t->ids and t->targets hold, weighed by their share of all targets there; with gradients,
 * or in an evaluation without.
 */
static double run_parts(heed_trainer *t, run_range runs, bool training)
{
    const int64_t T = t->model->config.context_length, n_parts = t->options.batch_size / t->micro_batch;
    const int64_t n_targets = heed_count_targets(t->targets, t->options.batch_size * T);
    double loss = 0.0, kl = 0.0;

    for (int64_t part = runs.begin; part < runs.end; part++) {
        bring_part(t, part);
        if (training && t->options.strict)
            heed_strict_begin(&t->strict, part - runs.begin);
        const int64_t here = n_parts > 1 ? heed_count_targets(t->targets, t->micro_batch * T) : n_targets;
        if (here == 0 && !training)
            continue; /* the end of a sweep */
        heed_teacher_run(&t->start.teacher);
        const double share = n_parts > 1 && n_targets > 0 ? (double)here / (double)n_targets : 1.0;
        t->inputs.share = (float)share;
        t->inputs.window = (int32_t)(uint32_t)(t->step * t->options.batch_size + part * t->micro_batch);
        if (training && t->reduce != NULL && part == runs.end - 1 && gradients_end_in_run(t))
            heed_reduce_begin(t->reduce, heed_step_gradients(t->model->weights));
        const double here_loss = share *
                                 (double)heed_step_run_gradients(training ? &t->train : &t->eval,
                                                                 training ? &t->train_plans : &t->eval_plans);
        loss += here_loss;
        if (training && t->options.strict)
            heed_strict_end(&t->strict, part - runs.begin, here_loss);
        kl += share * (double)heed_step_kl(training ? &t->train : &t->eval,
                                           training ? &t->train_plans : &t->eval_plans);
    }
    t->kl = kl;
    if (training && t->reduce != NULL && !gradients_end_in_run(t))
        heed_reduce_begin(t->reduce, heed_step_gradients(t->model->weights));
    return training && t->options.strict ? t->strict.loss : loss;
}

/* --- evaluation --- */

/*
 * Batch i is run by rank i mod size, and the losses are added in the order of the batches. So the mean is the same however
 * many ranks there are, as far as one batch is.
 */
static heed_status evaluate(heed_trainer *t, int64_t n_batches, double *mean, heed_error *err)
{
    const int64_t size = heed_ranks_size(t->options.ranks), rank = heed_ranks_rank(t->options.ranks);
    heed_batches batches = heed_batches_make(t->source, HEED_PART_VALIDATION, t->options.batch_size,
                                             t->model->config.context_length, (uint64_t)t->options.seed,
                                             HEED_STREAM_EVAL);
    const double begin = heed_clock_s();
    heed_status status = HEED_OK;
    double sums[] = {0.0, 0.0}, own[] = {0.0, 0.0}, n_targets = 0.0; /* of losses and divergences */

    *mean = NAN;
    n_batches = heed_validation_batches(t, n_batches);
    for (int64_t i = 0; i < n_batches && status == HEED_OK; i++) {
        heed_validation_next(t, &batches, n_batches, i);
        const double n = (double)heed_count_targets(t->targets,
                                                    t->options.batch_size * t->model->config.context_length);
        n_targets += n;
        if (i % size == rank) {
            own[0] = n * run_parts(t, all_runs(t), false);
            own[1] = n * t->kl;
        }
        for (int k = 0; k < 2 && size == 1; k++)
            sums[k] += own[k];
        if (size > 1 && (i % size == size - 1 || i == n_batches - 1))
            status = heed_reduce_evaluated(t->reduce, own, (int)(i % size + 1), sums, err);
    }
    if (n_batches <= 0 || status != HEED_OK)
        return status;
    t->eval_batch_s = (heed_clock_s() - begin) / (double)n_batches;
    t->eval_targets = n_targets;
    *mean = sums[0] / n_targets; /* NaN where nothing was to be predicted */
    t->eval_kl = sums[1] / n_targets;
    return HEED_OK;
}

double heed_trainer_evaluate(heed_trainer *t, int64_t n_batches)
{
    double mean;

    if (n_batches < 0)
        n_batches = heed_validation_due(t, t->options.steps);
    return evaluate(t, n_batches, &mean, NULL) == HEED_OK ? mean : NAN;
}

/* --- one step --- */

double heed_trainer_rate(const heed_trainer *t)
{
    const heed_schedule schedule = heed_schedule_of(&t->options);

    return t->rate > 0.0 ? t->rate : heed_schedule_rate(&schedule, t->step);
}

/* The update of the weights that lie here, unless the guard skips it; all ranks judge the same numbers. */
static void update(heed_trainer *t, heed_progress *p)
{
    const heed_train_options *o = &t->options;

    t->n_groups = 0;
    p->skipped = heed_guard_judge(&t->guard, o->skip_outliers, o->clip_norm, p->loss, p->gradient_norm,
                                  &p->deviations);
    if (p->skipped == HEED_SKIP_NONE) {
        if (heed_looks_due(t, t->step + 1))
            heed_looks_take(t);
        heed_step_run_update(&t->train_plans);
    } else if (p->skipped == HEED_SKIP_NOT_FINITE)
        t->diverged = t->guard.n_broken >= HEED_GUARD_MOST_BROKEN ||
                      !heed_guard_weights_are_finite(t->model->weights);
}

/* 1 at the first update that is made. */
int32_t heed_trainer_update_number(const heed_trainer *t)
{
    const int64_t n = t->step - t->guard.n_skipped + 1;

    return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

/* The runs' gradients have become the step's, at every rank for its parts; then the update, and everybody has the weights. */
static heed_status update_with_ranks(heed_trainer *t, heed_progress *p, heed_error *err)
{
    double sums[] = {p->loss, p->kl};
    heed_status status = heed_reduce_finish(t->reduce, err);

    if (status == HEED_OK)
        status = heed_reduce_losses(t->reduce, sums, err);
    p->loss = sums[0];
    p->kl = sums[1];
    if (status == HEED_OK)
        status = heed_reduce_norm(t->reduce, &t->inputs.norm, err);
    if (status != HEED_OK)
        return status;
    p->gradient_norm = (double)t->inputs.norm;
    update(t, p);
    return p->skipped == HEED_SKIP_NONE ? heed_reduce_share(t->reduce, err) : HEED_OK;
}

/* A step whose windows hold no target, at any rank: it has no loss, and an update would be decay and old momentum alone. */
static heed_status pass_over(heed_trainer *t, heed_progress *p)
{
    p->skipped = heed_guard_pass_over(&t->guard);
    p->loss = p->gradient_norm = p->kl = NAN;
    t->n_groups = 0;
    t->step++;
    return HEED_OK;
}

/* One step, and how long it took. */
static heed_status run_step(heed_trainer *t, heed_progress *p, heed_error *err)
{
    const double begin = heed_clock_s();
    heed_status status = HEED_OK;
    double seconds;

    p->learning_rate = heed_trainer_rate(t);
    heed_batches_next(&t->batches, t->ids, t->targets);
    if (heed_count_targets(t->targets, t->options.batch_size * t->model->config.context_length) == 0)
        return pass_over(t, p);
    if (t->n_runs > 1 && !t->options.strict)
        heed_step_clear_gradients(&t->train, t->model->weights);
    t->inputs.lr = (float)p->learning_rate;
    t->inputs.t = heed_trainer_update_number(t);
    p->loss = run_parts(t, own_runs(t), true);
    p->kl = t->kl;
    if (t->reduce != NULL) {
        status = update_with_ranks(t, p, err);
    } else {
        p->gradient_norm = (double)heed_step_run_norm(&t->train, &t->train_plans, &t->inputs);
        update(t, p);
    }
    if (isnan(t->first_loss) && isfinite(p->loss))
        t->first_loss = p->loss;
    t->step++;
    seconds = heed_clock_s() - begin;
    t->step_s = t->step_s > 0.0 ? 0.95 * t->step_s + 0.05 * seconds : seconds;
    return status;
}

/* Seconds for the steps and evaluations that are left. */
static double seconds_left(const heed_trainer *t)
{
    const heed_train_options *o = &t->options;
    const int64_t left = o->steps - t->step;
    const int64_t evals = o->eval_interval > 0 && left > 0
                              ? (o->steps - 1) / o->eval_interval - t->step / o->eval_interval
                              : 0;
    const int64_t batches = left > 0 ? evals * heed_validation_batches(t, o->eval_batches) +
                                           heed_validation_batches(t, heed_validation_due(t, o->steps))
                                     : 0;
    const double batch_s = t->eval_batch_s > 0.0 ? t->eval_batch_s
                                                 : t->step_s / 3.0; /* forward is a third of a step */

    return (double)left * t->step_s + (double)batches * batch_s;
}

static void fill_progress(const heed_trainer *t, heed_progress *p)
{
    const double tokens = (double)(t->options.batch_size * t->model->config.context_length);

    p->step = t->step;
    p->steps = t->options.steps;
    p->epoch = heed_order_epochs(t, t->step);
    p->epochs = heed_order_epochs(t, t->options.steps);
    p->seconds = heed_clock_s() - t->start_s;
    p->stopped_early = t->best.stopped && t->step < t->options.steps;
    p->done = t->step >= t->options.steps || t->best.stopped;
    p->clipped_share = t->options.clip_norm > 0.0 ? heed_guard_clipped_share(&t->guard) : NAN;
    p->n_skipped = t->guard.n_skipped;
    p->best_loss = t->best.loss;
    p->best_step = t->best.step;
    if (t->step_s > 0.0) {
        p->tokens_per_s = tokens / t->step_s;
        p->eta_s = p->done ? 0.0 : seconds_left(t);
        if (t->plan.matrix_peak_flops > 0.0)
            p->peak_share = t->plan.flops_per_step / t->step_s / t->plan.matrix_peak_flops;
    }
}

static heed_status fail_diverged(const heed_trainer *t, heed_error *err)
{
    char kept[64] = "nothing has been saved";

    if (t->saved_step >= 0)
        snprintf(kept, sizeof kept, "the checkpoint of step %lld is kept", (long long)t->saved_step);
    return heed_fail(err, HEED_ERR_CHECK,
                     "step %lld: the loss, its gradient or a weight is no longer a number, the run has "
                     "diverged; %s; a smaller learning_rate helps, and so does clip_norm",
                     (long long)t->step, kept);
}

heed_progress heed_trainer_progress(const heed_trainer *t)
{
    heed_progress p = {
        .validation_loss = NAN, .loss = NAN, .gradient_norm = NAN, .kl = NAN, .validation_kl = NAN};

    fill_progress(t, &p);
    return p;
}

/* What an evaluation says of the weights. */
typedef struct verdict {
    bool best;   /* the lowest loss so far */
    bool broken; /* the loss is no number, though there were targets */
} verdict;

/* The evaluation that is due. */
static heed_status evaluate_due(heed_trainer *t, heed_progress *p, verdict *v, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const int64_t n = heed_validation_batches(t, heed_validation_due(t, t->step));
    heed_status status;
    double comparable;

    *v = (verdict){false, false};
    if (n == 0)
        return HEED_OK;
    status = evaluate(t, n, &p->validation_loss, err);
    p->validation_kl = t->eval_kl;
    v->broken = status == HEED_OK && t->eval_targets > 0.0 && !isfinite(p->validation_loss);
    if (!o->keep_best && o->patience == 0)
        return status; /* nobody asks for the best, and to compare would cost another evaluation */
    comparable = p->validation_loss;
    if (status == HEED_OK &&
        n != heed_validation_batches(t, o->eval_batches)) /* over the windows of the others */
        status = evaluate(t, o->eval_batches, &comparable, err);
    if (status == HEED_OK && t->eval_targets > 0.0)
        v->best = heed_best_judge(&t->best, o->patience, t->step, comparable);
    return status;
}

/* The checkpoint that is due, and what stays of it. The last one is better than weights that cannot predict. */
static heed_status save_due(heed_trainer *t, verdict v, heed_progress *p, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const bool due = p->done || (o->save_interval > 0 && t->step % o->save_interval == 0);
    const bool keep_best = v.best && o->keep_best, keep_step = due && o->keep_last > 0;
    heed_status status;

    if (t->folder[0] == '\0' || v.broken || (!due && !keep_best))
        return HEED_OK;
    status = heed_trainer_save(t, err);
    p->saved = status == HEED_OK;
    if (status != HEED_OK || !(keep_best || keep_step))
        return status;
    if (keep_best && heed_trainer_writes(t))
        status = heed_keep_best(t, err);
    if (keep_step && heed_trainer_writes(t) && status == HEED_OK)
        status = heed_keep_step(t, err);
    return heed_ranks_agree(o->ranks, status, err);
}

heed_status heed_trainer_step(heed_trainer *t, heed_progress *p, heed_error *err)
{
    heed_status status;
    verdict v = {false, false};

    *p = heed_trainer_progress(t);
    if (t->diverged)
        return fail_diverged(t, err);
    if (p->done)
        return HEED_OK;
    status = run_step(t, p, err);
    if (status == HEED_OK && !t->diverged)
        status = evaluate_due(t, p, &v, err);
    if (status != HEED_OK)
        return status;
    fill_progress(t, p);
    heed_log_step(t, p);
    t->diverged = t->diverged || (v.broken && p->done); /* no step comes that would say so */
    return t->diverged ? fail_diverged(t, err) : save_due(t, v, p, err);
}

/*
 * Are the weights worth a checkpoint? After a step whose loss or norm was not finite, its batch or the weights are to blame: a
 * batch of validation tells. All ranks come here, and find the same.
 */
static heed_status judge_weights(heed_trainer *t, heed_error *err)
{
    heed_status status = HEED_OK;
    double loss = 0.0;

    t->diverged = t->diverged || !heed_guard_weights_are_finite(t->model->weights);
    if (t->diverged || t->guard.n_broken == 0)
        return HEED_OK;
    status = evaluate(t, 1, &loss, err);
    t->diverged = status == HEED_OK && t->eval_targets > 0.0 && !isfinite(loss);
    return status;
}

heed_status heed_trainer_save(heed_trainer *t, heed_error *err)
{
    heed_status status;

    if (t->folder[0] == '\0')
        return heed_fail(err, HEED_ERR_USAGE, "a run without a folder cannot be saved");
    status = judge_weights(t, err);
    if (status == HEED_OK)
        status = t->diverged ? fail_diverged(t, err) : heed_checkpoint_save(t, err);
    if (status == HEED_OK)
        t->saved_step = t->step;
    return status;
}

/* --- looking at it --- */

const heed_train_plan *heed_trainer_plan(const heed_trainer *t)
{
    return &t->plan;
}

const heed_config *heed_trainer_config(const heed_trainer *t)
{
    return &t->model->config;
}

const heed_train_options *heed_trainer_options(const heed_trainer *t)
{
    return &t->options;
}

const heed_model *heed_trainer_model(const heed_trainer *t)
{
    return t->model;
}

const char *heed_trainer_folder(const heed_trainer *t)
{
    return t->folder;
}
