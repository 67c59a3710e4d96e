/* SPDX-License-Identifier: MIT */
#include "train/guard.h"

#include <float.h>
#include <math.h>

#define LEAST_LOG_NORM  0.2
#define LEAST_LOSS      0.01
#define LEAST_LOSS_PART 0.05
#define MOST_LOG_NORM   710.0 /* log(DBL_MAX) */
#define MOST_LOSS       1e39  /* sums of floats; its square is far from infinite */

/* --- running averages --- */

static void follow(heed_guard_average *a, double x)
{
    const double weight = 1.0 / (double)(a->n < HEED_GUARD_MEMORY ? a->n + 1 : HEED_GUARD_MEMORY);
    const double d = x - a->mean;

    a->mean += weight * d;
    a->variance = (1.0 - weight) * (a->variance + weight * d * d);
    a->n++;
}

/* Deviations above the mean; 0 while too little has been seen. */
static double deviations_above(const heed_guard_average *a, double x, double least)
{
    return a->n < HEED_GUARD_MEMORY ? 0.0 : (x - a->mean) / fmax(least, sqrt(a->variance));
}

/* --- judging --- */

static void count_update(heed_guard *g, double clip_norm, double loss, double norm, double log_norm)
{
    g->n_updates++;
    g->n_clipped += clip_norm > 0.0 && norm > clip_norm;
    follow(&g->log_norm, log_norm);
    follow(&g->loss, loss);
}

heed_skip heed_guard_judge(heed_guard *g, double k, double clip_norm, double loss, double norm,
                           double *deviations)
{
    *deviations = 0.0;
    if (!isfinite(loss) || !isfinite(norm)) {
        g->n_broken++;
        g->n_skipped++;
        return HEED_SKIP_NOT_FINITE;
    }
    g->n_broken = 0;
    const double log_norm = log(fmax(norm, DBL_MIN));
    const double of_norm = deviations_above(&g->log_norm, log_norm, LEAST_LOG_NORM);
    const double of_loss = deviations_above(&g->loss, loss,
                                            fmax(LEAST_LOSS, LEAST_LOSS_PART * fabs(g->loss.mean)));
    const bool outlying = k > 0.0 && (of_norm > k || of_loss > k);

    if (outlying && g->n_outliers < HEED_GUARD_MOST_OUTLIERS) {
        g->n_outliers++;
        g->n_skipped++;
        *deviations = fmax(of_norm, of_loss);
        return of_norm >= of_loss ? HEED_SKIP_NORM : HEED_SKIP_LOSS;
    }
    if (outlying) /* a new level: what was before says nothing about it */
        g->log_norm = g->loss = (heed_guard_average){0};
    g->n_outliers = 0;
    count_update(g, clip_norm, loss, norm, log_norm);
    return HEED_SKIP_NONE;
}

heed_skip heed_guard_pass_over(heed_guard *g)
{
    g->n_skipped++;
    return HEED_SKIP_NO_TARGET;
}

double heed_guard_clipped_share(const heed_guard *g)
{
    return g->n_updates > 0 ? (double)g->n_clipped / (double)g->n_updates : NAN;
}

bool heed_guard_weights_are_finite(const heed_weights *weights)
{
    for (int i = 0; i < weights->n; i++) {
        const heed_parameter *p = &weights->list[i];
        for (int64_t k = 0; k < p->count; k++) {
            if (!isfinite(p->data[k]))
                return false;
        }
    }
    return true;
}

const char *heed_skip_name(heed_skip skip)
{
    switch (skip) {
    case HEED_SKIP_NOT_FINITE:
        return "not finite";
    case HEED_SKIP_NORM:
        return "norm";
    case HEED_SKIP_LOSS:
        return "loss";
    case HEED_SKIP_NO_TARGET:
        return "no target";
    case HEED_SKIP_NONE:
        break;
    }
    return "";
}

/* --- in a checkpoint --- */

json_t *heed_guard_to_json(const heed_guard *g)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:f, s:I}", "updates",
                     (json_int_t)g->n_updates, "clipped", (json_int_t)g->n_clipped, "skipped",
                     (json_int_t)g->n_skipped, "broken_in_a_row", (json_int_t)g->n_broken, "outliers_in_a_row",
                     (json_int_t)g->n_outliers, "log_norm_mean", g->log_norm.mean, "log_norm_variance",
                     g->log_norm.variance, "log_norm_n", (json_int_t)g->log_norm.n, "loss_mean", g->loss.mean,
                     "loss_variance", g->loss.variance, "loss_n", (json_int_t)g->loss.n);
}

/* most: of the mean; no difference of two such is larger than twice that. */
static heed_guard_average read_average(heed_json_reader *r, const char *mean, const char *variance,
                                       const char *n, double most)
{
    return (heed_guard_average){
        .mean = heed_json_number(r, mean, 0.0, -most, most),
        .variance = heed_json_number(r, variance, 0.0, 0.0, 4.0 * most * most),
        .n = heed_json_int(r, n, 0, 0, INT64_MAX / 2),
    };
}

void heed_guard_from_json(heed_guard *g, int64_t step, heed_json_reader *reader)
{
    if (!heed_json_has(reader, "guard"))
        return;
    heed_json_reader r = heed_json_read(heed_json_object(reader, "guard"), reader->where, reader->err);
    const int64_t n_updates = heed_json_int(&r, "updates", 0, 0, step);
    *g = (heed_guard){
        .n_updates = n_updates,
        .n_clipped = heed_json_int(&r, "clipped", 0, 0, n_updates),
        .n_skipped = heed_json_int(&r, "skipped", 0, 0, step - n_updates),
        .n_broken = heed_json_int(&r, "broken_in_a_row", 0, 0, HEED_GUARD_MOST_BROKEN),
        .n_outliers = heed_json_int(&r, "outliers_in_a_row", 0, 0, HEED_GUARD_MOST_OUTLIERS),
        .log_norm = read_average(&r, "log_norm_mean", "log_norm_variance", "log_norm_n", MOST_LOG_NORM),
        .loss = read_average(&r, "loss_mean", "loss_variance", "loss_n", MOST_LOSS),
    };
    if (reader->status == HEED_OK)
        reader->status = r.status;
}
