/* SPDX-License-Identifier: MIT */
#include "workbook/demos/d23_parts.h"

#include <math.h>
#include <string.h>

#include "train/trainer.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"
#include "workbook/exact_block.h"

/* --- one map in the place of two --- */

static const float *parameter(const heed_model *model, const char *name)
{
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        if (strcmp(p.name, name) == 0)
            return p.data;
    }
    return NULL;
}

/* y = x W + b over rows of x; W [in, out] */
static heed_grid map(heed_demoing *d, heed_grid x, const double *W, const double *b, int64_t n_out)
{
    heed_grid y = heed_grid_make(&d->s, x.rows, n_out);

    for (int64_t i = 0; i < y.rows * n_out; i++) {
        y.data[i] = b[i % n_out];
        for (int64_t k = 0; k < x.columns; k++)
            y.data[i] += x.data[i / n_out * x.columns + k] * W[k * n_out + i % n_out];
    }
    return y;
}

static heed_grid widened(heed_demoing *d, const float *x, int64_t rows, int64_t columns)
{
    heed_grid y = heed_grid_make(&d->s, rows, columns);

    for (int64_t i = 0; i < y.rows * y.columns; i++)
        y.data[i] = (double)x[i];
    return y;
}

/* What the merged map makes of x. */
static heed_grid merged(heed_demoing *d, const heed_model *model, heed_grid x)
{
    const heed_config *c = heed_model_config(model);
    const int64_t n = c->d_model, h = c->d_mlp > 0 ? c->d_mlp : (int64_t)(c->mlp_factor * (double)n);
    const heed_grid fc = widened(d, parameter(model, "h.0.mlp.c_fc.weight"), n, h),
                    fc_bias = widened(d, parameter(model, "h.0.mlp.c_fc.bias"), 1, h),
                    proj = widened(d, parameter(model, "h.0.mlp.c_proj.weight"), h, n),
                    proj_bias = widened(d, parameter(model, "h.0.mlp.c_proj.bias"), 1, n),
                    none = heed_grid_make(&d->s, 1, n);
    const heed_grid W = map(d, fc, proj.data, none.data, n), b = map(d, fc_bias, proj.data, proj_bias.data, n);

    return map(d, x, W.data, b.data, n);
}

double heed_demo_23_merged(heed_demoing *d, const heed_trainer *trainer)
{
    const int64_t T = trainer != NULL ? heed_trainer_config(trainer)->context_length : 0;
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, T),
            *targets = (int32_t *)(void *)heed_demo_floats(d, T);
    heed_grid x, y, z;
    double size = 1.0;

    if (d->s.status != HEED_OK)
        return NAN;
    trainer->source->fill(trainer->source, HEED_PART_TRAIN, 0, T, ids, targets);
    x = heed_demo_read(d, heed_trainer_model(trainer), &(heed_forward_ids){ids, NULL, 1, T},
                       heed_trainer_config(trainer)->norm == HEED_NORM_PRE ? "blocks.0.ln2.normalized"
                                                                           : "blocks.0.resid_mid");
    y = heed_demo_read(d, heed_trainer_model(trainer), &(heed_forward_ids){ids, NULL, 1, T},
                       "blocks.0.mlp_out");
    z = merged(d, heed_trainer_model(trainer), x);
    for (int64_t i = 0; d->s.status == HEED_OK && i < z.rows * z.columns; i++)
        size = fmax(size, fabs(z.data[i]));
    return d->s.status == HEED_OK ? heed_demo_difference(y, z) / size : NAN;
}

/* --- a whole block --- */

/* Normal numbers over sqrt(rows), as floats hold them; gains around 1. */
static heed_grid draw(heed_demoing *d, int64_t rows, int64_t columns, double around, double scale)
{
    heed_grid x = heed_demo_normal(d, rows, columns);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = (double)(float)(around + scale * x.data[i]);
    return x;
}

static heed_block random_block(heed_demoing *d, int64_t T, int64_t n, int64_t n_heads)
{
    heed_block b = {.upstream = draw(d, T, n, 0.0, 1.0), .n_heads = n_heads, .causal = true};

    for (int i = 0; i < HEED_BLOCK_PARTS; i++) {
        const int64_t rows = i == HEED_BLOCK_X ? T : i == HEED_BLOCK_W2 ? 4 * n : n;
        const int64_t columns = i == HEED_BLOCK_W1 || i == HEED_BLOCK_B1 ? 4 * n : n;
        const bool matrix = i == HEED_BLOCK_WQ || i == HEED_BLOCK_WK || i == HEED_BLOCK_WV ||
                            i == HEED_BLOCK_WO || i == HEED_BLOCK_W1 || i == HEED_BLOCK_W2;

        if (i == HEED_BLOCK_X)
            b.part[i] = draw(d, T, n, 0.0, 1.0);
        else if (matrix)
            b.part[i] = draw(d, rows, columns, 0.0, 1.0 / sqrt((double)rows));
        else
            b.part[i] = draw(d, 1, columns, i == HEED_BLOCK_LN1_G || i == HEED_BLOCK_LN2_G ? 1.0 : 0.0, 0.1);
    }
    return b;
}

static double apart(heed_grid a, heed_grid b)
{
    double most = 0.0, size = 0.0;

    for (int64_t i = 0; i < b.rows * b.columns; i++) {
        most = fmax(most, fabs(a.data[i] - b.data[i]));
        size = fmax(size, fabs(b.data[i]));
    }
    return most / size;
}

double heed_demo_23_block(heed_demoing *d, int64_t tokens, int64_t d_model, int64_t n_heads)
{
    const heed_block b = random_block(d, tokens, d_model, n_heads);
    const heed_block_values exact = d->s.status == HEED_OK ? heed_exact_block(&d->s, &b)
                                                           : (heed_block_values){.out = {0, 0, NULL}},
                            ops = heed_ops_block(&d->s, &b);
    double most;

    if (d->s.status != HEED_OK)
        return NAN;
    most = apart(ops.out, exact.out);
    for (int i = 0; i < HEED_BLOCK_PARTS; i++) {
        if (i != HEED_BLOCK_BK) /* its gradient is 0, and so is nothing but rounding */
            most = fmax(most, apart(ops.grad[i], exact.grad[i]));
    }
    return most;
}

/* --- rates --- */

/* Plain gradient descent: nothing takes the rate's place. */
static heed_trainer *descend(heed_demoing *d, const heed_config *config, int64_t steps, double rate)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);

    t.config = *config;
    t.options.steps = steps;
    t.options.optimizer = HEED_OPTIMIZER_SGD;
    t.options.weight_decay = 0.0;
    t.options.clip_norm = 0.0;
    t.options.learning_rate = t.options.min_learning_rate = rate;
    t.options.schedule = HEED_SCHEDULE_CONSTANT;
    t.options.warmup_steps = 0;
    return heed_demo_train_begin(d, &t);
}

/* The loss of the first batch less the mean of the last fifth of them; -inf where it has diverged. */
static double gained(heed_demoing *d, const heed_config *config, int64_t steps, double rate)
{
    const int64_t last = steps / 5 > 0 ? steps / 5 : 1;
    heed_trainer *trainer = descend(d, config, steps, rate);
    heed_error err = {HEED_OK, ""};
    heed_status status = HEED_OK;
    heed_progress progress;
    double first = NAN, sum = 0.0;

    for (int64_t i = 0; trainer != NULL && i < steps && status == HEED_OK; i++) {
        status = heed_trainer_step(trainer, &progress, &err);
        first = i == 0 && status == HEED_OK ? progress.loss : first;
        if (status == HEED_OK && i >= steps - last)
            sum += progress.loss / (double)last;
    }
    heed_trainer_close(trainer);
    if (status != HEED_ERR_CHECK) /* which says that the weights are no numbers any more */
        heed_demo_ok(d, status, &err);
    return status == HEED_OK && isfinite(sum) ? first - sum : -INFINITY;
}

double heed_demo_23_stable(heed_demoing *d, const heed_config *config, int64_t steps, const double *rates,
                           int n, double *into)
{
    double best = 0.0;

    for (int i = 0; d->s.status == HEED_OK && i < n; i++) {
        into[i] = gained(d, config, steps, rates[i]);
        if (into[i] > HEED_DEMO_23_LEARNED)
            best = rates[i];
    }
    return best;
}
