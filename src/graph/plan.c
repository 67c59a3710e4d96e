/* SPDX-License-Identifier: MIT */
/* Making a plan: what must run, in which order, with which arguments. Where it lies: layout.c. Running: run.c. */
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/plan_internal.h"

/* --- what is needed --- */

static void need(heed_plan *plan, const heed_node *node)
{
    plan->used[node->id] = true;
    if (!plan->given[node->id])
        plan->runs[node->first->id] = true;
}

bool heed_plan_assigns(const heed_plan *plan, int i, heed_node **source, heed_node **value)
{
    return plan->assign >> heed_graph_assign_at(plan->graph, i, source, value) & 1u;
}

/* Marks the targets and, from the last node to the first, whatever a needed node reads. */
static void mark_needed(heed_plan *plan, const heed_plan_options *options)
{
    const heed_graph *g = plan->graph;

    for (int i = 0; i < options->n_given; i++)
        plan->given[options->given[i]->id] = plan->kept[options->given[i]->id] = true;
    for (int i = 0; i < options->n_targets; i++) {
        need(plan, options->targets[i]);
        plan->kept[options->targets[i]->id] = true;
    }
    for (int i = 0; i < options->n_observed; i++) {
        need(plan, options->observed[i]);
        plan->observed[options->observed[i]->id] = true;
    }
    for (int i = 0; i < heed_graph_n_assigns(g); i++) {
        heed_node *source, *value;
        if (!heed_plan_assigns(plan, i, &source, &value))
            continue;
        need(plan, value);
        plan->used[source->id] = true;
    }
    for (int i = heed_graph_n_nodes(g) - 1; i >= 0; i--) {
        const heed_node *node = heed_graph_node(g, i);
        if (node->first != node || !plan->runs[i])
            continue;
        for (int k = 0; k < node->n_in; k++) {
            if (node->in[k] != NULL)
                need(plan, node->in[k]);
        }
    }
}

bool heed_plan_holds(const heed_plan *plan, const heed_node *node)
{
    return plan->given[node->id] || plan->runs[node->first->id];
}

/* --- what is done to it --- */

static heed_status check_given(const heed_plan *plan, const heed_node *node, heed_error *err)
{
    if (node->op == NULL || node->owner != node)
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: only what an op has computed into a place of its own can be given", node->name);
    if (plan->runs[node->first->id])
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: it cannot be given in a run that wants other outputs of its %s", node->name,
                         node->op->name);
    return HEED_OK;
}

/* Marks an edited node, which somebody must read. */
static heed_status mark_edited(heed_plan *plan, const heed_node *node, heed_error *err)
{
    for (int i = node->id + 1; i < plan->n_nodes && plan->runs[node->first->id]; i++) {
        const heed_node *reader = heed_graph_node(plan->graph, i);
        for (int k = 0; k < reader->n_in && plan->runs[reader->first->id]; k++) {
            if (reader->in[k] == node && node->op != NULL) {
                plan->edited[node->id] = true;
                return HEED_OK;
            }
        }
    }
    return heed_fail(err, HEED_ERR_USAGE,
                     "%s: nothing that is wanted is computed from it, so changing it changes nothing",
                     node->name);
}

static heed_status mark_interventions(heed_plan *plan, const heed_plan_options *options, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < options->n_given && status == HEED_OK; i++)
        status = check_given(plan, options->given[i], err);
    for (int i = 0; i < options->n_edited && status == HEED_OK; i++)
        status = mark_edited(plan, options->edited[i], err);
    return status;
}

static bool any_output(const heed_node *first, const bool *marks)
{
    for (int k = 0; k < HEED_MAX_OUTPUTS && first->outputs[k] != NULL; k++) {
        if (marks[first->outputs[k]->id])
            return true;
    }
    return false;
}

/* A view runs nothing, but someone may want to look at it, or change it, when its turn comes. */
static bool is_step(const heed_plan *plan, const heed_node *node)
{
    return node->op != NULL && node->first == node && plan->runs[node->id] &&
           (!node->op->is_view || any_output(node, plan->observed) || any_output(node, plan->edited));
}

/* --- the steps --- */

const heed_node *heed_plan_instance_node(const heed_plan *plan, int instance)
{
    return heed_graph_node(plan->graph, instance % plan->n_nodes);
}

int heed_plan_instance_owner(const heed_plan *plan, int instance)
{
    const int id = heed_plan_instance_node(plan, instance)->owner->id;

    return instance < plan->n_nodes ? id : id + plan->n_nodes;
}

/* x is dropped after the forward pass: whoever reads it late reads its second instance. */
static bool is_dropped(const heed_plan *plan, const heed_node *x)
{
    return x->owner->op != NULL && plan->again[x->owner->first->id];
}

/* The step of a node, or the one that makes it again. */
static void add_step(heed_plan *plan, const heed_node *node, bool again)
{
    const bool late = again || node->id >= heed_graph_n_forward(plan->graph);
    plan_step *step = &plan->steps[plan->n_steps];
    heed_op_args *a = &step->args;

    *step = (plan_step){.node = node,
                        .again = again,
                        .observed = !again && any_output(node, plan->observed),
                        .edited = any_output(node, plan->edited)};
    *a = (heed_op_args){.node = node, .attrs = node->attrs, .device = plan->device};
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = node->in[i];
        step->in[i] = x == NULL ? -1 : late && is_dropped(plan, x) ? x->id + plan->n_nodes : x->id;
        a->in[i] = x != NULL ? &plan->value[step->in[i]] : NULL;
    }
    for (int k = 0; k < HEED_MAX_OUTPUTS; k++)
        step->out[k] = -1;
    for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++) {
        const int id = node->outputs[k]->id;
        if (k == 0 || plan->used[id] || plan->keep_all)
            step->out[k] = again ? id + plan->n_nodes : id;
        a->outs[k] = step->out[k] >= 0 ? &plan->value[step->out[k]] : NULL;
    }
    a->out = a->outs[0];
    if (!again)
        plan->step_of[node->id] = plan->n_steps;
    plan->n_steps++;
}

/* Marks in `wanted` the steps that make again what node reads. */
static bool want_inputs(const heed_plan *plan, const heed_node *node, const bool *made, bool *wanted)
{
    bool any = false;

    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = node->in[i];
        if (x != NULL && is_dropped(plan, x) && !made[x->owner->first->id])
            any = wanted[x->owner->first->id] = true;
    }
    return any;
}

/* Before a late node: what it reads, what that was made of and so on, as far as it has been dropped. */
static void add_steps_again(heed_plan *plan, const heed_node *node, bool *made, bool *wanted)
{
    const int n_forward = heed_graph_n_forward(plan->graph);

    if (node->id < n_forward || !want_inputs(plan, node, made, wanted))
        return;
    for (int i = n_forward - 1; i >= 0; i--) {
        if (wanted[i])
            want_inputs(plan, heed_graph_node(plan->graph, i), made, wanted);
    }
    for (int i = 0; i < n_forward; i++) {
        if (wanted[i]) {
            add_step(plan, heed_graph_node(plan->graph, i), true);
            made[i] = true;
            wanted[i] = false;
        }
    }
}

static heed_status make_steps(heed_plan *plan, heed_error *err)
{
    const heed_graph *g = plan->graph;
    const size_t n_nodes = (size_t)plan->n_nodes + 1;
    bool *made = calloc(n_nodes, sizeof *made), *wanted = calloc(n_nodes, sizeof *wanted);
    int most = 0;

    for (int i = 0; i < plan->n_nodes; i++)
        most += is_step(plan, heed_graph_node(g, i)) + plan->again[i];
    plan->steps = calloc((size_t)most + 1, sizeof *plan->steps);
    if (plan->steps != NULL && made != NULL && wanted != NULL) {
        for (int i = 0; i < plan->n_nodes; i++) {
            const heed_node *node = heed_graph_node(g, i);
            plan->step_of[i] = plan->step_of[node->first->id];
            if (node->first == node)
                plan->step_of[i] = -1;
            if (is_step(plan, node)) {
                add_steps_again(plan, node, made, wanted);
                add_step(plan, node, false);
            }
        }
    }
    free(made);
    free(wanted);
    if (plan->steps == NULL || made == NULL || wanted == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan of %d steps", most);
    return HEED_OK;
}

/* Asks every op for its workspace; ops plan their matrix products on the way. */
static heed_status ask_for_workspaces(heed_plan *plan, heed_error *err)
{
    for (int s = 0; s < plan->n_steps && !plan->reference; s++) {
        const heed_node *node = plan->steps[s].node;
        if (node->op->fast == NULL || node->op->workspace == NULL)
            continue;
        plan->steps[s].workspace_bytes = node->op->workspace(node, plan->device);
        if (plan->steps[s].workspace_bytes == SIZE_MAX)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: its %s cannot be planned for this device", node->name,
                             node->op->name);
    }
    return HEED_OK;
}

heed_status heed_plan_create(const heed_graph *g, const heed_plan_options *options, heed_plan **out,
                             heed_error *err)
{
    const size_t n_nodes = (size_t)heed_graph_n_nodes(g) + 1;
    heed_plan *plan = NULL;
    heed_status status = heed_graph_status(g, err);

    *out = NULL;
    if (status != HEED_OK)
        return status;
    plan = calloc(1, sizeof *plan);
    if (plan == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan");
    plan->graph = g;
    plan->device = options->device;
    plan->reference = options->reference;
    plan->assign = options->assign;
    plan->keep_all = options->keep_all;
    plan->recompute = options->keep_all ? HEED_RECOMPUTE_NONE : options->recompute;
    plan->n_nodes = heed_graph_n_nodes(g);
    plan->observe = options->observe;
    plan->observe_context = options->observe_context;
    plan->edit = options->edit;
    plan->edit_context = options->edit_context;
    plan->used = calloc(n_nodes, sizeof *plan->used);
    plan->runs = calloc(n_nodes, sizeof *plan->runs);
    plan->kept = calloc(n_nodes, sizeof *plan->kept);
    plan->observed = calloc(n_nodes, sizeof *plan->observed);
    plan->given = calloc(n_nodes, sizeof *plan->given);
    plan->edited = calloc(n_nodes, sizeof *plan->edited);
    plan->again = calloc(n_nodes, sizeof *plan->again);
    plan->step_of = calloc(n_nodes, sizeof *plan->step_of);
    plan->value = calloc(2 * n_nodes, sizeof *plan->value);
    plan->storage = calloc(2 * n_nodes, sizeof *plan->storage);
    if (!plan->used || !plan->runs || !plan->kept || !plan->observed || !plan->given || !plan->edited ||
        !plan->again || !plan->step_of || !plan->value || !plan->storage) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a plan of %zu nodes", n_nodes);
        goto cleanup;
    }
    for (int i = 0; i < 2 * plan->n_nodes; i++)
        plan->value[i] = heed_plan_instance_node(plan, i)->tensor;
    mark_needed(plan, options);
    status = mark_interventions(plan, options, err);
    if (status == HEED_OK)
        status = heed_plan_choose_again(plan, err);
    if (status == HEED_OK)
        status = make_steps(plan, err);
    if (status == HEED_OK)
        status = ask_for_workspaces(plan, err);
    if (status == HEED_OK)
        status = heed_plan_layout(plan, err);
cleanup:
    if (status != HEED_OK) {
        heed_plan_destroy(plan);
        plan = NULL;
    }
    *out = plan;
    return status;
}

void heed_plan_destroy(heed_plan *plan)
{
    if (plan == NULL)
        return;
    if (plan->owns_block)
        heed_memory_release(plan->block, plan->bytes);
    free(plan->used);
    free(plan->runs);
    free(plan->kept);
    free(plan->observed);
    free(plan->given);
    free(plan->edited);
    free(plan->again);
    free(plan->step_of);
    free(plan->value);
    free(plan->storage);
    free(plan->copies);
    free(plan->steps);
    free(plan);
}

size_t heed_plan_bytes(const heed_plan *plan)
{
    return plan->bytes;
}

int heed_plan_n_steps(const heed_plan *plan)
{
    return plan->n_steps;
}

const heed_node *heed_plan_step(const heed_plan *plan, int i)
{
    return plan->steps[i].node;
}

const heed_op_args *heed_plan_args(const heed_plan *plan, int i)
{
    return &plan->steps[i].args;
}

heed_cost heed_plan_cost(const heed_plan *plan)
{
    heed_cost cost = {0};

    for (int s = 0; s < plan->n_steps; s++) {
        const heed_node *node = plan->steps[s].node;
        if (!node->op->is_view && !plan->steps[s].again)
            node->op->cost(node, &cost);
    }
    return cost;
}

bool heed_plan_is_again(const heed_plan *plan, int i)
{
    return plan->steps[i].again;
}
