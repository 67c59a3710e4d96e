/* SPDX-License-Identifier: MIT */
/* The arithmetic of a step, by op and by part of the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/part.h"
#include "train/account.h"

/*
 * Parts in their order: embedding, blocks.0 and so on, head, update. What belongs to no block comes before the first block
 * or behind the last one, in the forward pass as in the backward pass, which goes the other way.
 */
typedef struct parts {
    const heed_graph *g;
    int *layer; /* of each node */
    int n_layers;
    int first_forward, first_backward, last_backward; /* nodes of blocks */
} parts;

static bool find_parts(parts *p, const heed_graph *g)
{
    const int n = heed_graph_n_nodes(g), n_forward = heed_graph_n_forward(g);

    *p = (parts){.g = g, .first_forward = n, .first_backward = n, .last_backward = -1};
    p->layer = calloc((size_t)n + 1, sizeof *p->layer);
    if (p->layer == NULL)
        return false;
    heed_part_layers(g, p->layer);
    for (int i = n - 1; i >= 0; i--) {
        if (p->layer[i] < 0 || heed_graph_node(g, i)->op == NULL)
            continue;
        p->n_layers = p->layer[i] >= p->n_layers ? p->layer[i] + 1 : p->n_layers;
        if (i < n_forward)
            p->first_forward = i;
        else {
            p->first_backward = i;
            p->last_backward = p->last_backward < 0 ? i : p->last_backward;
        }
    }
    return true;
}

/* embedding is 0, block l is 1 + l, then head and update. */
static int part_of(const parts *p, const heed_node *node, heed_account_stage stage)
{
    const int head = p->n_layers + 1;

    if (stage == HEED_ACCOUNT_NORM || stage == HEED_ACCOUNT_UPDATE)
        return head + 1;
    if (p->layer[node->id] >= 0)
        return 1 + p->layer[node->id];
    if (p->n_layers == 0)
        return strstr(node->op->name, "embedding") != NULL ? 0 : head;
    if (node->id < heed_graph_n_forward(p->g))
        return node->id < p->first_forward ? 0 : head;
    return node->id < p->first_backward ? head : node->id > p->last_backward ? 0 : head;
}

static void name_part(const parts *p, int part, char *out, size_t size)
{
    if (part == 0)
        snprintf(out, size, "embedding");
    else if (part <= p->n_layers)
        snprintf(out, size, "blocks.%d", part - 1);
    else
        snprintf(out, size, "%s", part == p->n_layers + 1 ? "head" : "update");
}

/* --- counting --- */

static void add_step(heed_account_flops *row, double flops, heed_account_stage stage, bool again)
{
    *(again ? &row->again : &row->stage[stage]) += flops;
    row->n_nodes += !again;
}

/* by_op has room for a row a step. */
static heed_account_flops *row_of_op(heed_account *a, const char *op)
{
    int i = 0;

    while (i < a->n_ops && strcmp(a->by_op[i].name, op) != 0)
        i++;
    if (i == a->n_ops)
        snprintf(a->by_op[a->n_ops++].name, sizeof a->by_op[0].name, "%s", op);
    return &a->by_op[i];
}

static void count_plan(heed_account *a, const parts *p, const heed_plan *plan, double runs)
{
    for (int i = 0; i < heed_plan_n_steps(plan); i++) {
        const heed_node *node = heed_plan_step(plan, i);
        const heed_account_stage stage = heed_account_stage_of(&a->planned, plan, i);
        const bool again = heed_plan_is_again(plan, i);
        heed_cost cost = {0};
        if (node->op->is_view)
            continue;
        node->op->cost(node, &cost);
        add_step(row_of_op(a, node->op->name), runs * cost.flops, stage, again);
        add_step(&a->by_part[part_of(p, node, stage)], runs * cost.flops, stage, again);
    }
}

static double sum_of(const heed_account_flops *row)
{
    double sum = row->again;

    for (int i = 0; i < HEED_ACCOUNT_STAGES; i++)
        sum += row->stage[i];
    return sum;
}

static int by_falling_flops(const void *a, const void *b)
{
    const double x = sum_of(a), y = sum_of(b);

    return x != y ? (x < y ? 1 : -1)
                  : strcmp(((const heed_account_flops *)a)->name, ((const heed_account_flops *)b)->name);
}

heed_status heed_account_count_flops(heed_account *a, heed_error *err)
{
    const heed_step_plans *plans = &a->planned.plans;
    const double runs = (double)a->planned.n_runs;
    parts p;

    if (find_parts(&p, a->planned.graph.g)) {
        a->by_op = calloc((size_t)a->total.n_moments + 1, sizeof *a->by_op);
        a->by_part = calloc((size_t)p.n_layers + 3, sizeof *a->by_part);
    }
    if (a->by_op == NULL || a->by_part == NULL) {
        free(p.layer);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the account of a step");
    }
    a->n_parts = p.n_layers + 3;
    for (int i = 0; i < a->n_parts; i++)
        name_part(&p, i, a->by_part[i].name, sizeof a->by_part[i].name);
    count_plan(a, &p, plans->gradients, runs);
    count_plan(a, &p, plans->norm, 1.0);
    count_plan(a, &p, plans->update, 1.0);
    qsort(a->by_op, (size_t)a->n_ops, sizeof *a->by_op, by_falling_flops);
    free(p.layer);
    return HEED_OK;
}
