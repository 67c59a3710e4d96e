/* SPDX-License-Identifier: MIT */
/*
 * Who reads a number. Only an op's explain() knows which elements of its inputs an element was made from, so the elements
 * of every output are asked, one by one: exact, and as much work as computing them. Beyond a bound on the numbers that are
 * read the rest is left out, and the answer says how many were asked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/trace_internal.h"

#define MOST_READ 2e8 /* numbers that are looked at for one tensor: about a second */

static bool covers(const heed_operand *o, const heed_node *node, int64_t element)
{
    const int64_t from = element - o->start;

    if (o->node != node || o->count <= 0)
        return false;
    if (o->step == 0)
        return from == 0;
    return from % o->step == 0 && from / o->step >= 0 && from / o->step < o->count;
}

/* Does this explanation list the number? *n_read grows by what it lists. */
static bool lists(const heed_explanation *e, const heed_node *node, int64_t element, double *n_read)
{
    bool found = false;

    for (int i = 0; i < heed_explanation_n_operands(e); i++) {
        const heed_operand *o = heed_explanation_operand(e, i);
        *n_read += (double)o->count;
        found = found || covers(o, node, element);
    }
    return found;
}

/* Asks output k of a node. */
static heed_status ask(const heed_op_args *a, int k, const heed_node *node, int64_t element,
                       heed_explanation *e, heed_trace_reader *reader, heed_error *err)
{
    const int id = a->node->outputs[k]->id;
    double n_read = 0.0;
    heed_status status = HEED_OK;

    reader->n_elements = heed_tensor_count(a->outs[k]);
    for (int64_t i = 0; i < reader->n_elements && n_read < MOST_READ && status == HEED_OK; i++) {
        status = heed_explain(a, k, i, e, err);
        n_read += 16.0; /* an explanation of nothing takes its time, too */
        reader->n_asked++;
        if (status == HEED_OK && lists(e, node, element, &n_read)) {
            if (reader->n < HEED_TRACE_SHOWN)
                reader->first[reader->n] = (heed_trace_element){id, i};
            reader->n++;
        }
    }
    return status;
}

static bool reads(const heed_node *first, const heed_node *node)
{
    for (int i = 0; i < first->n_in; i++) {
        if (first->in[i] == node)
            return true;
    }
    return false;
}

static bool is_read(const heed_trace *t, const heed_node *node)
{
    for (int i = node->id + 1; i < heed_graph_n_nodes(t->g); i++) {
        const heed_node *user = heed_graph_node(t->g, i);
        if (user->op != NULL && reads(user->first, node))
            return true;
    }
    return false;
}

/* Differentiation appends steps that a sum then goes around (ops/accumulate.c): nothing comes of them. */
static bool is_left_over(const heed_trace *t, const heed_node *node)
{
    if (node->named || node->output > 0 || strncmp(node->name, "d.", 2) == 0 || is_read(t, node))
        return false;
    for (int i = 0; i < t->n_links; i++) {
        if (t->links[i].value == node)
            return false;
    }
    return heed_trace_updated_by(t, node) == NULL;
}

static int count_candidates(const heed_trace *t, const heed_node *node)
{
    int n = t->n_links + heed_graph_n_assigns(t->g);

    for (int i = 0; i < heed_graph_n_nodes(t->g); i++) {
        const heed_node *user = heed_graph_node(t->g, i);
        n += user->op != NULL && reads(user->first, node);
    }
    return n;
}

/* The number itself under another name: grad.p of d.p, norm of grad_norm, a parameter of its update. */
static void add_taken(const heed_trace *t, const heed_node *node, int64_t element, heed_trace_reader *list,
                      int *n)
{
    const heed_node *updated = heed_trace_updated_by(t, node);

    for (int i = 0; i < t->n_links; i++) {
        if (t->links[i].value == node)
            list[(*n)++] = (heed_trace_reader){.first = {{t->links[i].source->id, element}},
                                               .n = 1,
                                               .n_asked = 1,
                                               .n_elements = 1,
                                               .is_taken = true};
    }
    if (updated != NULL)
        list[(*n)++] = (heed_trace_reader){
            .first = {{updated->id, element}}, .n = 1, .n_asked = 1, .n_elements = 1, .is_taken = true};
}

heed_status heed_trace_readers(const heed_trace *t, heed_trace_element element, heed_trace_reader **list,
                               int *n, heed_error *err)
{
    const heed_node *node = heed_graph_node(t->g, element.tensor);
    heed_explanation *e = heed_explanation_create();
    heed_status status = HEED_OK;

    *n = 0;
    *list = calloc((size_t)count_candidates(t, node) + 1, sizeof **list);
    if (!t->reference.open)
        status = heed_fail(err, HEED_ERR_USAGE, "expected a trace that has run");
    else if (*list == NULL || e == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to list who reads a number");
    for (int i = node->id + 1; status == HEED_OK && i < heed_graph_n_nodes(t->g); i++) {
        const heed_node *user = heed_graph_node(t->g, i);
        heed_trace_reader found = {.n = 0};
        heed_op_args a;
        if (user->op == NULL || !reads(user->first, node) || is_left_over(t, user))
            continue;
        a = heed_trace_args(t, &t->reference, user);
        status = ask(&a, user->output, node, element.element, e, &found, err);
        if (status == HEED_OK && (found.n > 0 || found.n_asked < found.n_elements))
            (*list)[(*n)++] = found;
    }
    if (status == HEED_OK)
        add_taken(t, node, element.element, *list, n);
    heed_explanation_destroy(e);
    if (status != HEED_OK) {
        free(*list);
        *list = NULL;
        *n = 0;
    }
    return status;
}
