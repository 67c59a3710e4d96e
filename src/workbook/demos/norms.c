/* SPDX-License-Identifier: MIT */
#include "workbook/demos/norms.h"

#include <math.h>
#include <string.h>

#include "inspect/forward.h"
#include "nn/part.h"
#include "train/trainer.h"
#include "workbook/demos/training.h"

const char heed_demo_kind_names[] = "token table|position table|queries|keys|values|out maps|"
                                    "query biases|key biases|value biases|feed-forward|norms|head";

/* --- which kind a number of a parameter is of --- */

static bool is_of(const heed_parameter *p, const char *component)
{
    return strcmp(p->component, component) == 0;
}

/* Of column c of n; of a bias, entry c. */
static heed_demo_kind kind_of(const heed_parameter *p, int64_t c, int64_t n)
{
    const bool bias = p->rank == 1;

    if (is_of(p, "attention") && strstr(p->name, "c_attn") != NULL)
        return (heed_demo_kind)((bias ? HEED_DEMO_QUERY_BIAS : HEED_DEMO_QUERY) + c * 3 / n);
    if (is_of(p, "attention"))
        return HEED_DEMO_OUT;
    if (is_of(p, "position embedding"))
        return HEED_DEMO_POSITIONS;
    if (is_of(p, "mlp"))
        return HEED_DEMO_MLP;
    if (is_of(p, "norm"))
        return HEED_DEMO_NORM;
    return is_of(p, "head") ? HEED_DEMO_HEAD : HEED_DEMO_TOKENS;
}

/* --- sums of squares --- */

typedef double number_fn(const void *at, int64_t i);

static void add_squares(const heed_parameter *p, number_fn *number, const void *at, heed_grid out)
{
    const int64_t row = 1 + heed_part_name(NULL, 0, p->name), columns = p->size[p->rank - 1];

    for (int64_t i = 0; out.data != NULL && i < p->count; i++) {
        double *sum = &out.data[row * HEED_DEMO_KINDS + (int64_t)kind_of(p, i % columns, columns)];
        const double x = number(at, i);

        *sum = (isnan(*sum) ? 0.0 : *sum) + x * x;
    }
}

static heed_grid begin(heed_demoing *d, const heed_model *model)
{
    heed_grid x = heed_grid_make(&d->s, 1 + heed_model_config(model)->n_layers, HEED_DEMO_KINDS);

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = NAN;
    return x;
}

static heed_grid root(heed_grid x)
{
    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] = sqrt(x.data[i]);
    return x;
}

static double plain(const void *at, int64_t i)
{
    return (double)((const float *)at)[i];
}

static heed_grid weights_of(heed_demoing *d, const heed_model *model)
{
    heed_grid out = begin(d, model);

    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        add_squares(&p, plain, p.data, out);
    }
    return root(out);
}

/* --- gradients --- */

typedef struct measuring {
    const heed_model *model;
    const heed_graph *g;
    heed_grid out;
} measuring;

static double of_tensor(const void *at, int64_t i)
{
    return (double)heed_tensor_get(at, i);
}

static void measure(void *context, const heed_node *node, const heed_tensor *value)
{
    measuring *m = context;

    for (int i = 0; i < heed_model_n_parameters(m->model); i++) {
        const heed_parameter p = heed_model_parameter(m->model, i);
        if (heed_graph_find(m->g, p.name)->grad == node)
            add_squares(&p, of_tensor, value, m->out);
    }
}

static void run(heed_demoing *d, const heed_model *model, heed_forward *f, heed_grid out)
{
    const int n = heed_model_n_parameters(model);
    heed_node **nodes = heed_arena_alloc(d->s.arena, ((size_t)n + 1) * sizeof(heed_node *));
    measuring m = {model, heed_forward_graph(f), out};
    heed_error err = {HEED_OK, ""};
    int n_nodes = 0;

    if (nodes == NULL) {
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for a list of gradients");
        return;
    }
    for (int i = 0; i < n; i++) {
        heed_node *gradient = heed_graph_find(m.g, heed_model_parameter(model, i).name)->grad;
        if (gradient != NULL)
            nodes[n_nodes++] = gradient;
    }
    heed_demo_ok(d, heed_forward_run(f, nodes, n_nodes, measure, &m, &err), &err);
}

static heed_grid gradients_of(heed_demoing *d, const heed_trainer *trainer)
{
    const heed_model *model = heed_trainer_model(trainer);
    const int64_t T = heed_model_config(model)->context_length, B = heed_trainer_options(trainer)->batch_size;
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, B * T),
            *targets = (int32_t *)(void *)heed_demo_floats(d, B * T);
    const heed_grid out = begin(d, model);
    heed_forward *f = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return out;
    for (int64_t i = 0; i < B; i++)
        trainer->source->fill(trainer->source, HEED_PART_TRAIN, i * T, T, ids + i * T, targets + i * T);
    if (heed_demo_ok(d, heed_forward_create(model, &(heed_forward_ids){ids, targets, B, T}, true, 0, &f, &err),
                     &err))
        run(d, model, f, out);
    heed_forward_destroy(f);
    return root(out);
}

/* --- a step --- */

typedef struct change {
    const float *before, *after;
} change;

static double moved(const void *at, int64_t i)
{
    const change *c = at;

    return (double)c->after[i] - (double)c->before[i];
}

static const float *copy_of(heed_demoing *d, const heed_model *model)
{
    int64_t n = 0;
    float *copy, *at;

    for (int i = 0; i < heed_model_n_parameters(model); i++)
        n += heed_model_parameter(model, i).count;
    at = copy = heed_demo_floats(d, n);
    for (int i = 0; copy != NULL && i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        memcpy(at, p.data, (size_t)p.count * sizeof *at);
        at += p.count;
    }
    return copy;
}

static heed_grid update_of(heed_demoing *d, heed_trainer *trainer, double *loss)
{
    const heed_model *model = heed_trainer_model(trainer);
    const float *before = copy_of(d, model);
    heed_grid out = begin(d, model);
    heed_progress progress;

    if (!heed_demo_train_step(d, trainer, &progress))
        return out;
    *loss = progress.loss;
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        add_squares(&p, moved, &(change){before, p.data}, out);
        before += p.count;
    }
    return root(out);
}

heed_demo_norms heed_demo_gradients_of(heed_demoing *d, const heed_trainer *trainer)
{
    heed_demo_norms norms = {.gradient = {0, 0, NULL}};

    if (trainer == NULL || d->s.status != HEED_OK)
        return norms;
    norms.weight = weights_of(d, heed_trainer_model(trainer));
    norms.gradient = gradients_of(d, trainer);
    return norms;
}

heed_demo_norms heed_demo_update_of(heed_demoing *d, heed_trainer *trainer)
{
    heed_demo_norms norms = {.gradient = {0, 0, NULL}};

    if (trainer == NULL || d->s.status != HEED_OK)
        return norms;
    norms.weight = weights_of(d, heed_trainer_model(trainer));
    norms.update = update_of(d, trainer, &norms.loss);
    return norms;
}

heed_demo_norms heed_demo_norms_of(heed_demoing *d, heed_trainer *trainer)
{
    heed_demo_norms norms = heed_demo_gradients_of(d, trainer);

    if (trainer != NULL && d->s.status == HEED_OK)
        norms.update = update_of(d, trainer, &norms.loss);
    return norms;
}

double heed_demo_norm(heed_grid norms, heed_demo_kind kind)
{
    double squares = NAN;

    for (int64_t i = 0; i < norms.rows; i++) {
        const double x = norms.data[i * norms.columns + (int64_t)kind];
        if (!isnan(x))
            squares = (isnan(squares) ? 0.0 : squares) + x * x;
    }
    return sqrt(squares);
}
