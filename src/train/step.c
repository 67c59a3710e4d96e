/* SPDX-License-Identifier: MIT */
/* The graph of a step: forward, backward, and what its other files append. */
#include "train/step.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/nn.h"
#include "ops/embedding.h"
#include "train/start.h"
#include "train/step_internal.h"

/* --- gradients --- */

typedef struct builder {
    heed_step_graph *step;
    const heed_weights *weights;
    bool adds_up, sparse, strict;
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

/*
 * What grad.p takes: the gradient of this run, added to what it holds where runs add up. Rows of a look-up are added to it
 * one by one, without a table of this run alone; not in a strict step, where the sum of a run must be complete before it is
 * added: ((a + b) + c) + d is not (a + b) + (c + d).
 */
static heed_node *whole_gradient(const builder *b, heed_graph *g, const heed_node *p, heed_node *grad, int i)
{
    b->step->sparse[i] = is_sparse(b, g, p);
    if (b->step->sparse[i] || (b->adds_up && !b->strict && heed_is_lookup_gradient(p->grad)))
        return heed_add_lookup_gradient(g, p->grad, grad);
    return b->adds_up ? heed_add(g, grad, p->grad) : p->grad;
}

/* The gradient of p is complete: it goes where gradients are kept, before anything else needs room. */
static void keep_gradient(void *context, heed_graph *g, heed_node *p)
{
    const builder *b = context;
    heed_node *grad = heed_step_state(g, "grad", p);
    int i = 0;

    while (strcmp(b->weights->list[i].name, p->name) != 0)
        i++;
    b->step->grad[i] = grad;
    b->step->complete[i] = whole_gradient(b, g, p, grad, i);
    heed_graph_assign_in(g, HEED_STAGE_GRADIENTS, grad, b->step->complete[i]);
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
                 .sparse = !shape->adds_up && shape->n_ranks <= 1 && !options->strict,
                 .strict = options->strict};
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
    out->norm = heed_step_norm(g, out, weights);
    heed_step_update(out, weights, options, inputs);
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

/* The text book: all logits first, then their loss. */
static void store_logits(heed_graph *g, const heed_nn *nn, heed_gpt *gpt, heed_node *targets)
{
    gpt->loss = heed_name(g, heed_cross_entropy(g, gpt->logits, targets), "loss");
    gpt->objective = nn->balance != NULL ? heed_add(g, gpt->loss, nn->balance) : gpt->loss;
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
    else if (shape->whole_logits)
        store_logits(out->g, &nn, &gpt, targets);
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
