/* SPDX-License-Identifier: MIT */
/* The learning-rate range test: the trainer's own steps, at rates of the test's own. */
#include <heed/range_test.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/trainer.h"

#define MIN_STEPS 20
#define MAX_STEPS 1000000
#define BROKEN    1.5  /* times the lowest loss so far */
#define KEEP      0.8  /* of the running average that says so: about the last five steps */
#define WIDTH     0.05 /* of the final average, to each side, as a share of the test */
#define WAY       0.95 /* of the fall from the first loss to the lowest, at the knee */
#define MOST      0.5  /* of the rate of the lowest loss: a suggestion is not above it */

heed_range_options heed_range_options_default(void)
{
    return (heed_range_options){.low = 1e-5, .high = 1.0, .steps = 200};
}

static heed_status check(const heed_trainer *t, const heed_range_options *o, heed_error *err)
{
    if (t->step > 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "a range test begins with a run that has made no step, this one has made %lld",
                         (long long)t->step);
    if (!(o->low > 0.0 && o->high > o->low && o->high <= 1e3))
        return heed_fail(err, HEED_ERR_USAGE,
                         "range test: expected rates 0 < low < high <= 1000, got %g and %g", o->low, o->high);
    if (o->steps < MIN_STEPS || o->steps > MAX_STEPS)
        return heed_fail(err, HEED_ERR_USAGE, "range test: expected %d to %d steps, got %lld", MIN_STEPS,
                         MAX_STEPS, (long long)o->steps);
    return HEED_OK;
}

/* --- the steps --- */

/* Nothing but steps: no evaluation, no checkpoint, and none of the mechanisms that would hide what breaks. */
static void clear_the_way(heed_trainer *t, int64_t steps)
{
    t->options.steps = steps + 1;
    t->options.eval_interval = 0;
    t->options.save_interval = 0;
    t->options.skip_outliers = 0.0;
    t->options.patience = 0;
    t->options.keep_best = false;
}

/* True when the loss of a step that has targets has left for good. */
static bool is_broken(double loss, double *average, double *weight, double *lowest)
{
    if (!isfinite(loss))
        return true;
    *average = KEEP * *average + (1.0 - KEEP) * loss;
    *weight = KEEP * *weight + 1.0 - KEEP;
    *lowest = fmin(*lowest, *average / *weight);
    return *average / *weight > BROKEN * *lowest;
}

/* All ranks have come as far as this one, and test the same rates. */
static heed_status begin_together(heed_trainer *t, const heed_range_options *o, heed_status status,
                                  heed_error *err)
{
    heed_ranks *ranks = t->options.ranks;
    heed_range_options first = *o;

    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = heed_ranks_broadcast(ranks, 0, &first, sizeof first, err);
    if (status == HEED_OK && (first.low != o->low || first.high != o->high || first.steps != o->steps))
        status = heed_fail(err, HEED_ERR_USAGE, "the range test has other rates or steps than that of rank 0");
    return heed_ranks_agree(ranks, status, err);
}

/* All ranks end after the same step: the others would wait for the one that has left. */
static heed_status run(heed_trainer *t, const heed_range_options *o, heed_range_fn *told, void *context,
                       heed_range_result *out, heed_error *err)
{
    double average = 0.0, weight = 0.0, lowest = INFINITY;
    bool broken = false, goes_on = true;

    for (int64_t i = 0; i < o->steps && !broken; i++) {
        heed_range_point *p = &out->points[i];
        heed_progress now;
        heed_status status = heed_ranks_any(t->options.ranks, !goes_on, &out->stopped, err);

        if (status != HEED_OK || out->stopped)
            return status;
        t->rate = o->low * pow(o->high / o->low, (double)i / (double)(o->steps - 1));
        status = heed_trainer_step(t, &now, err);
        if (status != HEED_OK && status != HEED_ERR_CHECK) /* a loss that is no number is a result here */
            return status;
        *p = (heed_range_point){i + 1, t->rate, status == HEED_OK && isfinite(now.loss) ? now.loss : NAN, NAN,
                                now.gradient_norm};
        out->n = i + 1;
        broken = now.skipped != HEED_SKIP_NO_TARGET && is_broken(p->loss, &average, &weight, &lowest);
        if (broken)
            out->broken_rate = p->rate;
        goes_on = told == NULL || told(context, p, &now);
    }
    return HEED_OK;
}

/* --- what they say --- */

/* A triangle over `width` steps to each side; at the ends it is cut. */
static void average(heed_range_result *r, int64_t steps)
{
    const int64_t width = (int64_t)ceil(WIDTH * (double)steps);

    for (int64_t i = 0; i < r->n; i++) {
        double sum = 0.0, weights = 0.0;

        for (int64_t k = i - width > 0 ? i - width : 0; k < r->n && k <= i + width; k++) {
            const double weight = (double)(width + 1 - llabs(k - i));

            if (isnan(r->points[k].loss))
                continue;
            sum += weight * r->points[k].loss;
            weights += weight;
        }
        r->points[i].average = weights > 0.0 ? sum / weights : NAN;
    }
}

static void find_lowest(heed_range_result *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        const heed_range_point *p = &r->points[i];

        if (!isnan(p->average) && !(p->average >= r->lowest_loss)) {
            r->lowest_loss = p->average;
            r->lowest_rate = p->rate;
        }
    }
}

/* Steps have the same distance on the logarithm of the rate, so differences of the average are its slope. */
static void find_steepest(heed_range_result *r)
{
    double steepest = 0.0;

    for (int64_t i = 1; i + 1 < r->n && r->points[i].rate <= r->lowest_rate; i++) {
        const double slope = r->points[i + 1].average - r->points[i - 1].average;

        if (slope < steepest) {
            steepest = slope;
            r->steepest_rate = r->points[i].rate;
        }
    }
}

static void find_knee(heed_range_result *r)
{
    int64_t i = 0;
    double first, there;

    while (i < r->n && isnan(r->points[i].average)) /* the first steps may have no targets, and then no loss */
        i++;
    if (i == r->n || r->lowest_rate == r->points[i].rate)
        return;
    first = r->points[i].average;
    there = first - WAY * (first - r->lowest_loss);
    for (; i < r->n; i++)
        if (r->points[i].average <= there) {
            r->knee_rate = r->points[i].rate;
            return;
        }
}

heed_status heed_trainer_range_test(heed_trainer *t, const heed_range_options *options, heed_range_fn *told,
                                    void *context, heed_range_result *out, heed_error *err)
{
    heed_status status = check(t, options, err);

    *out = (heed_range_result){.lowest_rate = NAN,
                               .lowest_loss = NAN,
                               .steepest_rate = NAN,
                               .broken_rate = NAN,
                               .knee_rate = NAN,
                               .suggestion = NAN};
    if (status == HEED_OK)
        out->points = calloc((size_t)options->steps, sizeof *out->points);
    if (status == HEED_OK && out->points == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld steps", (long long)options->steps);
    status = begin_together(t, options, status, err);
    if (status != HEED_OK) {
        heed_range_free(out);
        return status;
    }
    clear_the_way(t, options->steps);
    status = run(t, options, told, context, out, err);
    if (status != HEED_OK) {
        heed_range_free(out);
        return status;
    }
    average(out, options->steps);
    find_lowest(out);
    find_steepest(out);
    find_knee(out);
    if (!isnan(out->knee_rate))
        out->suggestion = fmin(out->knee_rate, MOST * out->lowest_rate);
    return HEED_OK;
}

void heed_range_free(heed_range_result *r)
{
    free(r->points);
    r->points = NULL;
    r->n = 0;
}
