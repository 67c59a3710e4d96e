/* SPDX-License-Identifier: MIT */
/* Every line of an explanation follows from what it says it is made of. */
#ifndef HEED_TESTS_GRAPH_CHECK_LINES_H
#define HEED_TESTS_GRAPH_CHECK_LINES_H

#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "graph/explain.h"

static bool lines_same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* A figure is what it says: an element of an operand that was read, or the result of a line before this one. */
static void check_figure(const heed_explanation *e, int i, heed_figure figure, const char *where)
{
    double expected = figure.value;

    if (figure.source == HEED_FIGURE_OPERAND) {
        const heed_operand *operand = NULL;

        if (figure.number < 0 || figure.number >= heed_explanation_n_operands(e))
            fail_msg("%s: line %d reads operand %d, which is not there", where, i, figure.number);
        operand = heed_explanation_operand(e, figure.number);
        if (figure.element < 0 || figure.element >= operand->count)
            fail_msg("%s: line %d reads %s[%lld], which was not read", where, i, operand->role,
                     (long long)figure.element);
        expected = (double)operand->values[figure.element];
    } else if (figure.source == HEED_FIGURE_LINE) {
        if (figure.number < 0 || figure.number >= i)
            fail_msg("%s: line %d reads line %d", where, i, figure.number);
        expected = heed_explanation_line(e, figure.number)->result;
    }
    if (!lines_same(figure.value, expected))
        fail_msg("%s: line %d reads %.17g, which is %.17g", where, i, figure.value, expected);
}

/* The formula of one term, or of a step, computed again. */
static double recomputed(const heed_explanation *e, int i, int64_t term, const char *where)
{
    const heed_line *line = heed_explanation_line(e, i);
    double values[HEED_FORMULA_NAMES];
    heed_formula f;

    if (!heed_formula_parse(&f, line->text) || f.n_names != line->n_inputs)
        fail_msg("%s: line %d: %s does not fit its %d inputs", where, i, line->text, line->n_inputs);
    for (int k = 0; k < f.n_names; k++) {
        const heed_figure figure = heed_line_input(e, line, k, term);

        check_figure(e, i, figure, where);
        values[k] = figure.value;
    }
    return heed_formula_compute(&f, line->in, values);
}

static double joined(const heed_line *line, double running, double term)
{
    if (line->kind == HEED_LINE_LARGEST)
        return term > running ? term : running;
    return line->in == HEED_IN_FLOAT ? (double)((float)running + (float)term) : running + term;
}

static void check_terms(const heed_explanation *e, int i, const char *where)
{
    const heed_line *line = heed_explanation_line(e, i);
    double running = line->start.value;

    check_figure(e, i, line->start, where);
    if (line->terms == NULL && line->n_terms > 0)
        fail_msg("%s: line %d, %s has no terms", where, i, line->label);
    for (int64_t t = 0; t < line->n_terms; t++) {
        const double term = recomputed(e, i, t, where);

        running = joined(line, running, term);
        if (!lines_same(line->terms[t], term) || !lines_same(line->running[t], running))
            fail_msg("%s: line %d, %s: term %lld is %.17g, total %.17g; expected %.17g and %.17g", where, i,
                     line->label, (long long)t, line->terms[t], line->running[t], term, running);
    }
    if (!lines_same(line->result, running))
        fail_msg("%s: line %d, %s is %.17g, its terms make %.17g", where, i, line->label, line->result,
                 running);
}

static void check_line(const heed_explanation *e, int i, const char *where)
{
    const heed_line *line = heed_explanation_line(e, i);

    if (line->text == NULL || line->text[0] == '\0' || (line->kind != HEED_LINE_NOTE && line->label == NULL))
        fail_msg("%s: line %d says nothing", where, i);
    if (line->kind == HEED_LINE_SUM || line->kind == HEED_LINE_LARGEST)
        check_terms(e, i, where);
    if (line->kind == HEED_LINE_STEP) {
        const double expected = recomputed(e, i, 0, where);

        if (!lines_same(line->result, expected))
            fail_msg("%s: line %d, %s = %s is %.17g, expected %.17g", where, i, line->label, line->text,
                     line->result, expected);
    }
}

/* Lines lead to the value; everything in them follows from operands that were read. */
static void check_lines(const heed_explanation *e, const char *where)
{
    const int n = heed_explanation_n_lines(e);
    const heed_line *last = n > 0 ? heed_explanation_line(e, n - 1) : NULL;

    if (last == NULL || last->kind == HEED_LINE_NOTE || last->depth != 0)
        fail_msg("%s: %d lines, and none that gives the value", where, n);
    if (!lines_same(last->result, (double)heed_explanation_value(e)))
        fail_msg("%s: the last line gives %.17g, the value is %.17g", where, last->result,
                 (double)heed_explanation_value(e));
    for (int i = 0; i < n; i++)
        check_line(e, i, where);
}

#endif
