/* SPDX-License-Identifier: MIT */
/* Where the memory of a training step goes, by tensor and by moment. */
#include "train/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/part.h"

heed_account_options heed_account_options_default(void)
{
    const heed_train_options train = heed_train_options_default();

    return (heed_account_options){
        .batch_size = train.batch_size, .precision = train.precision, .optimizer = train.optimizer};
}

const char *heed_account_stage_name(heed_account_stage stage)
{
    static const char *const names[HEED_ACCOUNT_STAGES] = {"forward", "backward", "norm", "update"};

    return names[stage];
}

static heed_status no_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the account of a step");
}

/* --- moments --- */

heed_account_stage heed_account_stage_of(const heed_planned *p, const heed_plan *plan, int i)
{
    const heed_node *node = heed_plan_step(plan, i);

    if (plan == p->plans.norm)
        return HEED_ACCOUNT_NORM;
    if (plan == p->plans.update)
        return HEED_ACCOUNT_UPDATE;
    return node->id < heed_graph_n_forward(p->graph.g) && !heed_plan_is_again(plan, i) ? HEED_ACCOUNT_FORWARD
                                                                                       : HEED_ACCOUNT_BACKWARD;
}

static void note_moments(heed_account *a, const heed_plan *plan, int first)
{
    heed_plan_live_bytes(plan, a->live + first);
    for (int i = 0; i < heed_plan_n_steps(plan); i++) {
        const heed_node *node = heed_plan_step(plan, i);
        a->moments[first + i] = (heed_account_moment){.node = node->name,
                                                      .op = node->op->name,
                                                      .stage = heed_account_stage_of(&a->planned, plan, i),
                                                      .again = heed_plan_is_again(plan, i),
                                                      .live_bytes = a->live[first + i]};
        if (a->live[first + i] > a->live[a->total.peak])
            a->total.peak = first + i;
    }
}

/* --- what there is at the peak --- */

static void add_live(void *context, const heed_node *node, size_t bytes, bool scratch)
{
    heed_account *a = context;
    char name[sizeof a->peak[0].name];
    int i = 0;

    heed_part_name(name, sizeof name, node->name);
    while (i < a->n_peak && (a->peak[i].scratch != scratch || strcmp(a->peak[i].name, name) != 0))
        i++;
    if (i == a->peak_capacity) {
        heed_account_tensor *bigger = realloc(a->peak, (size_t)(2 * a->peak_capacity + 32) * sizeof *bigger);
        a->failed |= bigger == NULL;
        if (bigger == NULL)
            return;
        a->peak = bigger;
        a->peak_capacity = 2 * a->peak_capacity + 32;
    }
    if (i == a->n_peak) {
        a->peak[a->n_peak] = (heed_account_tensor){.scratch = scratch};
        memcpy(a->peak[a->n_peak++].name, name, sizeof name);
    }
    a->peak[i].n++;
    a->peak[i].bytes += (double)bytes;
}

static int by_falling_bytes(const void *a, const void *b)
{
    const heed_account_tensor *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static heed_status list_moments(heed_account *a, heed_error *err)
{
    const heed_plan *plans[] = {a->planned.plans.gradients, a->planned.plans.norm, a->planned.plans.update};
    int n = 0, at_peak;

    for (int i = 0; i < 3; i++)
        n += heed_plan_n_steps(plans[i]);
    a->total.n_moments = n;
    a->moments = calloc((size_t)n + 1, sizeof *a->moments);
    a->live = calloc((size_t)n + 1, sizeof *a->live);
    if (a->moments == NULL || a->live == NULL)
        return no_memory(err);
    n = 0;
    for (int i = 0; i < 3; i++) {
        note_moments(a, plans[i], n);
        n += heed_plan_n_steps(plans[i]);
    }
    at_peak = a->total.peak;
    a->total.peak_bytes = a->live[at_peak];
    for (int i = 0; i < 3; i++) {
        if (at_peak >= 0 && at_peak < heed_plan_n_steps(plans[i]))
            heed_plan_list_live(plans[i], at_peak, add_live, a);
        at_peak -= heed_plan_n_steps(plans[i]);
    }
    if (a->n_peak > 0)
        qsort(a->peak, (size_t)a->n_peak, sizeof *a->peak, by_falling_bytes);
    return a->failed ? no_memory(err) : HEED_OK;
}

/* --- parameters --- */

static heed_status list_components(heed_account *a, heed_error *err)
{
    const heed_weights *w = a->planned.weights;
    const heed_step_graph *graph = &a->planned.graph;

    a->components = calloc((size_t)w->n + 1, sizeof *a->components);
    if (a->components == NULL)
        return no_memory(err);
    for (int i = 0; i < w->n; i++) {
        const double bytes = (double)heed_size_align((size_t)w->list[i].count * sizeof(float));
        heed_account_component *c = a->components;
        while (c->name != NULL && strcmp(c->name, w->list[i].component) != 0)
            c++;
        a->n_components += c->name == NULL;
        c->name = w->list[i].component;
        c->n_parameters += w->list[i].count;
        c->weights_bytes += bytes;
        if (graph->grad[i] != NULL) {
            c->gradients_bytes += bytes;
            c->moments_bytes += graph->groups.n_moments * bytes;
        }
    }
    return HEED_OK;
}

/* --- totals --- */

/* Of all nodes of this kind, whether they run or not. */
static double bytes_of_kind(const heed_graph *g, const char *kind)
{
    char name[HEED_MAX_NAME];
    double bytes = 0.0;

    for (int i = 0; i < heed_graph_n_nodes(g); i++) {
        const heed_node *node = heed_graph_node(g, i);
        heed_part_name(name, sizeof name, node->name);
        if (strcmp(name, kind) == 0)
            bytes += (double)heed_tensor_count(&node->tensor) * (double)heed_dtype_bytes(node->tensor.dtype);
    }
    return bytes;
}

static void add_up(heed_account *a, const heed_config *config, const heed_account_options *options)
{
    const heed_planned *p = &a->planned;
    const double runs = (double)p->n_runs;
    heed_account_total *t = &a->total;

    t->n_parameters = (double)heed_weights_count(p->weights);
    t->weights_bytes = (double)heed_weights_bytes(p->weights);
    t->gradients_bytes = (double)heed_step_gradients_bytes(&p->graph, p->weights);
    t->moments_bytes = (double)heed_step_own_bytes(&p->graph, p->weights) - t->weights_bytes -
                       t->gradients_bytes;
    t->arena_bytes = (double)heed_step_plans_bytes(&p->plans);
    t->batch_bytes = (double)heed_planned_batch_bytes(p);
    t->planned_bytes = t->weights_bytes + t->gradients_bytes + t->moments_bytes + t->arena_bytes +
                       t->batch_bytes;
    t->logits_bytes = bytes_of_kind(p->graph.g, "logits");
    t->scores_bytes = bytes_of_kind(p->graph.g, "blocks.*.attn.scores");
    t->logits_stored = options->whole_logits || config->kind == HEED_KIND_BIGRAM;
    t->memory = heed_plan_memory(p->plans.gradients);
    t->flops = heed_step_plans_cost(&p->plans).flops + (runs - 1.0) * heed_plan_cost(p->plans.gradients).flops;
    t->again_flops = runs * t->memory.again_flops;
}

heed_status heed_account_create(const heed_config *config, const heed_account_options *options,
                                heed_account **account, heed_error *err)
{
    heed_account *a = calloc(1, sizeof *a);
    heed_status status;

    *account = NULL;
    if (a == NULL)
        return no_memory(err);
    status = heed_planned_open(config, options, &a->planned, err);
    if (status == HEED_OK)
        status = list_moments(a, err);
    if (status == HEED_OK)
        status = list_components(a, err);
    if (status == HEED_OK)
        status = heed_account_count_flops(a, err);
    if (status != HEED_OK) {
        heed_account_destroy(a);
        return status;
    }
    add_up(a, config, options);
    *account = a;
    return HEED_OK;
}

void heed_account_destroy(heed_account *a)
{
    if (a == NULL)
        return;
    heed_planned_close(&a->planned);
    free(a->moments);
    free(a->live);
    free(a->peak);
    free(a->components);
    free(a->by_op);
    free(a->by_part);
    free(a);
}

/* --- reading it --- */

const heed_account_total *heed_account_totals(const heed_account *a)
{
    return &a->total;
}

heed_account_moment heed_account_at(const heed_account *a, int moment)
{
    return a->moments[moment];
}

const heed_account_tensor *heed_account_peak(const heed_account *a, int *n)
{
    *n = a->n_peak;
    return a->peak;
}

const heed_account_component *heed_account_components(const heed_account *a, int *n)
{
    *n = a->n_components;
    return a->components;
}

const heed_account_flops *heed_account_flops_by_op(const heed_account *a, int *n)
{
    *n = a->n_ops;
    return a->by_op;
}

const heed_account_flops *heed_account_flops_by_part(const heed_account *a, int *n)
{
    *n = a->n_parts;
    return a->by_part;
}
