/* SPDX-License-Identifier: MIT */
/* One number explained. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/trace_internal.h"

/* What an explanation lends: it begins with what its owner sees. */
typedef struct explained {
    heed_trace_explanation public;
    heed_explanation *graph;
    heed_trace_operand *operands;
    heed_trace_line *lines;
} explained;

/* --- what is given --- */

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

const char *heed_trace_given_by(const heed_trace *t, const heed_node *source)
{
    const char *name = source->name;

    if (source->role == HEED_ROLE_PARAMETER)
        return t->given_weights;
    if (source->role == HEED_ROLE_STATE)
        return t->given_moments;
    if (strcmp(name, "ids") == 0)
        return t->given_text;
    if (strcmp(name, "targets") == 0)
        return "the token that follows; -100 where none counts";
    if (strcmp(name, "lr") == 0)
        return t->given_rate;
    if (strcmp(name, "t") == 0)
        return "the number of this update, from 1 on";
    if (strcmp(name, "window") == 0)
        return "the number of the step's first window, which the masks of dropout are drawn from";
    if (strcmp(name, "seed") == 0 || strcmp(name, "d.objective") == 0)
        return "1, the gradient of the loss by itself";
    return begins(name, "teacher") ? "the teacher" : "from outside of the run";
}

/* --- what is computed --- */

static heed_status explain_node(const heed_trace *t, const heed_trace_pass *pass, const heed_node *node,
                                int64_t element, heed_explanation *e, heed_error *err)
{
    const heed_op_args a = heed_trace_args(t, pass, node);

    return heed_explain(&a, node->output, element, e, err);
}

static heed_status list_operands(explained *x, heed_error *err)
{
    heed_trace_explanation *out = &x->public;

    out->n_operands = heed_explanation_n_operands(x->graph);
    x->operands = calloc((size_t)out->n_operands + 1, sizeof *x->operands);
    if (x->operands == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to list %d operands", out->n_operands);
    for (int i = 0; i < out->n_operands; i++) {
        const heed_operand *o = heed_explanation_operand(x->graph, i);
        x->operands[i] = (heed_trace_operand){o->role, {o->node->id, o->start}, o->step, o->count, o->values};
    }
    out->operands = x->operands;
    return HEED_OK;
}

static const heed_trace_line_kind kinds[] = {
    [HEED_LINE_STEP] = HEED_TRACE_STEP_OF,    [HEED_LINE_SUM] = HEED_TRACE_SUM_OF,
    [HEED_LINE_LARGEST] = HEED_TRACE_LARGEST, [HEED_LINE_FOUND] = HEED_TRACE_FOUND,
    [HEED_LINE_NOTE] = HEED_TRACE_NOTE,
};

static heed_status list_lines(explained *x, heed_error *err)
{
    heed_trace_explanation *out = &x->public;

    out->n_lines = heed_explanation_n_lines(x->graph);
    out->n_left_out = heed_explanation_left_out(x->graph);
    x->lines = calloc((size_t)out->n_lines + 1, sizeof *x->lines);
    if (x->lines == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to list %d lines", out->n_lines);
    for (int i = 0; i < out->n_lines; i++) {
        const heed_line *line = heed_explanation_line(x->graph, i);
        x->lines[i] = (heed_trace_line){.kind = kinds[line->kind],
                                        .depth = line->depth,
                                        .in_double = line->in != HEED_IN_FLOAT,
                                        .label = line->label,
                                        .formula = line->text,
                                        .n_inputs = line->n_inputs,
                                        .n_terms = line->n_terms,
                                        .start = line->start.value,
                                        .terms = line->terms,
                                        .running = line->running,
                                        .result = line->result};
    }
    out->lines = x->lines;
    return HEED_OK;
}

const char *heed_trace_line_write(const heed_trace_explanation *e, int i, int64_t term, heed_trace_words words,
                                  char *out, size_t size)
{
    const explained *x = (const explained *)e;
    heed_text_buffer text = {0};

    heed_explain_write(x->graph, heed_explanation_line(x->graph, i), term,
                       words == HEED_TRACE_NUMBERS ? heed_figure_write_number : heed_figure_write_name, NULL,
                       &text);
    snprintf(out, size, "%s", text.data != NULL ? text.data : "");
    if (text.size >= size && size > 3)
        memcpy(out + size - 4, "...", 4);
    heed_text_free(&text);
    return out;
}

bool heed_trace_line_element(const heed_trace_explanation *e, int i, int input, int64_t term,
                             heed_trace_element *element)
{
    const explained *x = (const explained *)e;
    const heed_figure figure = heed_line_input(x->graph, heed_explanation_line(x->graph, i), input, term);

    if (figure.source != HEED_FIGURE_OPERAND)
        return false;
    *element = (heed_trace_element){e->operands[figure.number].first.tensor,
                                    heed_figure_index(x->graph, figure)};
    return true;
}

static heed_status explain_computed(const heed_trace *t, const heed_node *node, explained *x, heed_error *err)
{
    heed_trace_explanation *out = &x->public;
    heed_status status;

    x->graph = heed_explanation_create();
    if (x->graph == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an explanation");
    status = explain_node(t, &t->reference, node, out->element.element, x->graph, err);
    if (status != HEED_OK)
        return status;
    out->op = node->op->name;
    out->is_view = node->op->is_view;
    out->formula = heed_explanation_formula(x->graph);
    out->recomputed = heed_explanation_value(x->graph);
    out->same_bits = memcmp(&out->recomputed, &out->value, sizeof out->value) == 0;
    status = list_operands(x, err);
    return status == HEED_OK ? list_lines(x, err) : status;
}

heed_status heed_trace_explain(const heed_trace *t, heed_trace_element element, heed_trace_explanation **e,
                               heed_error *err)
{
    const heed_node *node = heed_graph_node(t->g, element.tensor), *link;
    explained *x = calloc(1, sizeof *x);
    heed_status status = HEED_OK;

    *e = NULL;
    if (x == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an explanation");
    if (!t->reference.open) {
        free(x);
        return heed_fail(err, HEED_ERR_USAGE, "expected a trace that has run");
    }
    x->public = (heed_trace_explanation){
        .element = element, .value = heed_trace_value(t, element), .formula = "", .same_bits = true};
    x->public.recomputed = x->public.value;
    link = node->op == NULL ? heed_trace_link_of(t, node) : NULL;
    if (node->op != NULL) {
        status = explain_computed(t, node, x, err);
    } else if (link != NULL) {
        x->public.is_taken = true;
        x->public.from = (heed_trace_element){link->id, element.element};
    } else {
        x->public.given = heed_trace_given_by(t, node);
    }
    if (status != HEED_OK) {
        heed_trace_explanation_free(&x->public);
        return status;
    }
    *e = &x->public;
    return HEED_OK;
}

void heed_trace_explanation_free(heed_trace_explanation *e)
{
    explained *x = (explained *)e;

    if (x == NULL)
        return;
    heed_explanation_destroy(x->graph);
    free(x->operands);
    free(x->lines);
    free(x);
}

heed_status heed_trace_fast_recomputed(const heed_trace *t, heed_trace_element element, float *value,
                                       heed_error *err)
{
    const heed_node *node = heed_graph_node(t->g, element.tensor);
    heed_explanation *e;
    heed_status status;

    *value = heed_trace_fast_value(t, element);
    if (!t->fast.open || node->op == NULL)
        return HEED_OK;
    e = heed_explanation_create();
    if (e == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an explanation");
    status = explain_node(t, &t->fast, node, element.element, e, err);
    if (status == HEED_OK)
        *value = heed_explanation_value(e);
    heed_explanation_destroy(e);
    return status;
}
