/* SPDX-License-Identifier: MIT */
#include "workbook/demos/learner.h"

#include <math.h>
#include <stdio.h>

#include "nn/model.h"
#include "train/schedule.h"

enum { MOST_STEPS = 100000, MOST_WATCHED = 64 };

heed_train_options heed_learner_options(heed_demoing *d)
{
    heed_train_options o = heed_train_options_default();

    o.steps = heed_take_int(&d->s, "steps", 1, MOST_STEPS);
    o.learning_rate = 3e-3;
    o.warmup_steps = o.steps / 20;
    o.weight_decay = 0.0;
    o.clip_norm = 1.0;
    return o;
}

/* --- opening --- */

bool heed_learner_open(heed_learner *l, heed_demoing *d, const heed_train_options *options)
{
    heed_error err = {HEED_OK, ""};

    *l = (heed_learner){.d = d, .options = *options, .one = 1.0f};
    l->rng = heed_rng_make(d->options->seed, HEED_STREAM_LEARNER);
    if (d->s.status != HEED_OK)
        return false;
    l->g = heed_graph_create();
    if (l->g == NULL)
        return heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for a graph");
    l->has_device = heed_demo_ok(d, heed_device_open(&l->device, NULL, (int)options->threads, &err), &err);
    return l->has_device;
}

void heed_learner_close(heed_learner *l)
{
    heed_plan_destroy(l->training);
    heed_plan_destroy(l->looking);
    if (l->has_device)
        heed_device_close(&l->device);
    heed_graph_destroy(l->g);
    *l = (heed_learner){.d = l->d};
}

/* --- sources --- */

/* The zeros behind a source of `size` bytes an element. */
static void *zeros(heed_learner *l, heed_shape shape, size_t size)
{
    const int64_t n = heed_shape_count(&shape);

    return heed_demo_floats(l->d, (n * (int64_t)size + (int64_t)sizeof(float) - 1) / (int64_t)sizeof(float));
}

static heed_node *input(heed_learner *l, const char *name, heed_dtype dtype, heed_shape shape, void *numbers)
{
    return numbers != NULL ? heed_graph_bound_input(l->g, name, dtype, shape, numbers) : NULL;
}

heed_node *heed_learner_parameter(heed_learner *l, const char *name, heed_shape shape, double mean,
                                  double deviation)
{
    const int64_t n = heed_shape_count(&shape);
    float *numbers = zeros(l, shape, sizeof *numbers);
    heed_node *p = numbers != NULL ? heed_graph_parameter(l->g, name, shape) : NULL;

    if (p == NULL)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        numbers[i] = (float)(mean + deviation * (double)heed_rng_normal(&l->rng));
    p->tensor.data = numbers;
    return p;
}

heed_node *heed_learner_floats(heed_learner *l, const char *name, heed_shape shape, float **numbers)
{
    *numbers = zeros(l, shape, sizeof **numbers);
    return input(l, name, HEED_F32, shape, *numbers);
}

heed_node *heed_learner_ids(heed_learner *l, const char *name, heed_shape shape, int32_t **ids)
{
    *ids = zeros(l, shape, sizeof **ids);
    return input(l, name, HEED_I32, shape, *ids);
}

heed_node *heed_learner_bytes(heed_learner *l, const char *name, heed_shape shape, uint8_t **bytes)
{
    *bytes = zeros(l, shape, sizeof **bytes);
    return input(l, name, HEED_U8, shape, *bytes);
}

heed_gpt heed_learner_model(heed_learner *l, heed_model *model, heed_node *ids, heed_node *targets)
{
    heed_nn nn = {.g = l->g, .training = true};
    heed_gpt gpt = {0};

    if (l->d->s.status != HEED_OK || model == NULL)
        return gpt;
    nn.config = &model->config;
    gpt = heed_gpt_build(&nn, ids, targets);
    heed_weights_bind(model->weights, l->g);
    return gpt;
}

/* --- losses --- */

heed_node *heed_learner_square_error(heed_learner *l, heed_node *guess, heed_node *want)
{
    heed_node *apart = heed_add(l->g, guess, heed_scale(l->g, want, -1.0f)), *row;
    int64_t n;

    if (apart == NULL)
        return NULL;
    n = heed_tensor_count(&apart->tensor);
    row = heed_reshape(l->g, apart, heed_shape2(1, n));
    /* a row times itself: the sum of its squares, with a gradient */
    return heed_scale(l->g, heed_sum(l->g, heed_matmul(l->g, row, row, false, true)), 1.0f / (float)n);
}

/* --- the update, as train/step_update.c makes it --- */

static heed_node *moment(heed_learner *l, const char *which, const heed_node *p)
{
    char name[2 * HEED_MAX_NAME];
    heed_node *state;

    snprintf(name, sizeof name, "%s.%s", which, p->name);
    state = heed_graph_state(l->g, name, p->tensor.shape);
    if (state != NULL)
        state->tensor.data = zeros(l, p->tensor.shape, sizeof(float));
    return state;
}

static void update(heed_learner *l, heed_node *p, heed_node *lr, heed_node *t, heed_node *factor)
{
    const heed_train_options *o = &l->options;
    const bool decays = o->optimizer == HEED_OPTIMIZER_ADAMW && o->weight_decay > 0.0;
    const heed_adamw_options adamw = {.beta1 = (float)o->beta1,
                                      .beta2 = (float)o->beta2,
                                      .eps = (float)o->eps,
                                      .weight_decay = decays ? (float)o->weight_decay : 0.0f,
                                      .l2 = (float)o->l2};
    heed_node *m, *v;
    heed_adamw_nodes after;

    if (o->optimizer == HEED_OPTIMIZER_SGD) {
        heed_graph_assign(l->g, p, heed_sgd(l->g, p, p->grad, lr, factor, (float)o->l2));
        return;
    }
    m = moment(l, "m", p);
    v = moment(l, "v", p);
    after = heed_adamw(l->g, p, m, v, p->grad, lr, t, factor, &adamw);
    heed_graph_assign(l->g, p, after.p);
    heed_graph_assign(l->g, m, after.m);
    heed_graph_assign(l->g, v, after.v);
}

static void update_all(heed_learner *l, int n_forward)
{
    heed_node *lr = heed_graph_bound_input(l->g, "lr", HEED_F32, heed_shape0(), &l->lr),
              *t = heed_graph_bound_input(l->g, "t", HEED_I32, heed_shape0(), &l->t), *squares = NULL, *factor;

    for (int i = 0; i < n_forward; i++) {
        heed_node *p = heed_graph_node(l->g, i);
        if (p->role == HEED_ROLE_PARAMETER && p->grad != NULL)
            squares = heed_sum_squares(l->g, p->grad, squares);
    }
    l->norm = heed_name(l->g, heed_sqrt(l->g, squares), "grad_norm");
    factor = heed_clip_factor(l->g, l->norm, (float)l->options.clip_norm);
    for (int i = 0; i < n_forward; i++) {
        heed_node *p = heed_graph_node(l->g, i);
        if (p->role == HEED_ROLE_PARAMETER && p->grad != NULL)
            update(l, p, lr, t, factor);
    }
}

/* --- plans --- */

static bool plan(heed_learner *l, heed_plan_options *options, heed_plan **out)
{
    heed_error err = {HEED_OK, ""};

    options->device = &l->device;
    options->reference = l->device.kernels == NULL;
    return heed_demo_ok(l->d, heed_plan_create(l->g, options, out, &err), &err) &&
           heed_demo_ok(l->d, heed_plan_place(*out, NULL, &err), &err);
}

bool heed_learner_ready(heed_learner *l, heed_node *loss, heed_node *const *watched, int n_watched)
{
    heed_node *targets[MOST_WATCHED + 1], *one;
    heed_plan_options training = {.targets = targets, .n_targets = 1, .assign = 1},
                      looking = {.targets = targets, .n_targets = 1};
    heed_error err = {HEED_OK, ""};
    const int n_forward = l->d->s.status == HEED_OK ? heed_graph_n_nodes(l->g) : 0;

    if (l->d->s.status != HEED_OK || !heed_demo_ok(l->d, heed_graph_status(l->g, &err), &err))
        return false;
    if (loss == NULL || n_watched > MOST_WATCHED)
        return heed_solve_fail(&l->d->s, HEED_ERR_INTERNAL, "there is nothing to train, or too much to watch");
    l->loss = loss;
    one = heed_graph_bound_input(l->g, "one", HEED_F32, heed_shape0(), &l->one);
    if (heed_graph_differentiate(l->g, loss, one, heed_accumulate))
        update_all(l, n_forward);
    if (!heed_demo_ok(l->d, heed_graph_status(l->g, &err), &err))
        return false;
    l->trained_loss = targets[0] = heed_graph_value_of(loss);
    if (!plan(l, &training, &l->training))
        return false;
    targets[0] = loss;
    for (int i = 0; i < n_watched; i++) {
        if (watched[i] != NULL)
            targets[looking.n_targets++] = watched[i];
    }
    return plan(l, &looking, &l->looking);
}

/* --- runs --- */

double heed_learner_step(heed_learner *l)
{
    const heed_schedule schedule = heed_schedule_of(&l->options);

    if (l->d->s.status != HEED_OK || l->training == NULL)
        return NAN;
    l->lr = (float)heed_schedule_rate(&schedule, l->t);
    l->t++;
    heed_plan_run(l->training);
    return (double)heed_tensor_get(heed_plan_value(l->training, l->trained_loss), 0);
}

heed_grid heed_learner_train(heed_learner *l, heed_learner_fill *fill, void *context, const char *words,
                             double from, double to)
{
    const int64_t steps = l->options.steps;
    heed_grid curve = heed_grid_make(&l->d->s, 1, steps);

    for (int64_t i = 0; l->d->s.status == HEED_OK && i < steps; i++) {
        fill(context, &l->rng);
        curve.data[i] = heed_learner_step(l);
        heed_demo_progress(l->d, from + (to - from) * (double)(i + 1) / (double)steps, words);
    }
    return curve;
}

double heed_learner_look(heed_learner *l)
{
    if (l->d->s.status != HEED_OK || l->looking == NULL)
        return NAN;
    heed_plan_run(l->looking);
    return (double)heed_tensor_get(heed_plan_value(l->looking, l->loss), 0);
}

heed_grid heed_learner_value(heed_learner *l, const heed_node *node)
{
    const heed_tensor *value = NULL;
    heed_grid out = {0, 0, NULL};

    if (l->d->s.status == HEED_OK && node != NULL && l->looking != NULL)
        value = heed_plan_value(l->looking, node);
    if (value == NULL && node != NULL && node->op == NULL)
        value = &node->tensor;
    if (value == NULL || value->data == NULL)
        return out;
    out = heed_grid_make(&l->d->s, heed_rows(value), heed_cols(value));
    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = (double)heed_tensor_get(value, i);
    return out;
}
