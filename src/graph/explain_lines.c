/* SPDX-License-Identifier: MIT */
/* Recording a calculation: each line is computed here, as its formula says. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/explain_internal.h"

int heed_explanation_n_lines(const heed_explanation *e)
{
    return e->n_lines;
}

const heed_line *heed_explanation_line(const heed_explanation *e, int i)
{
    return &e->lines[i];
}

int64_t heed_explanation_left_out(const heed_explanation *e)
{
    return e->left_out;
}

heed_figure heed_line_input(const heed_explanation *e, const heed_line *line, int input, int64_t term)
{
    return heed_explain_at(e, line->inputs[input], term);
}

/* --- figures and series --------------------------------------------------------------------------- */

heed_figure heed_constant(double value)
{
    return (heed_figure){value, HEED_FIGURE_CONSTANT, 0, 0};
}

heed_figure heed_explain_at(const heed_explanation *e, heed_figures series, int64_t i)
{
    const int64_t element = series.first + i * series.step;

    if (series.figures != NULL)
        return series.figures[element];
    return (heed_figure){(double)e->operands[series.operand].values[element], HEED_FIGURE_OPERAND,
                         series.operand, element};
}

heed_figures heed_figures_part(heed_figures series, int64_t start, int64_t step)
{
    series.first += start * series.step;
    series.step *= step;
    return series;
}

heed_figure *heed_explain_room(heed_explanation *e, int64_t n)
{
    return heed_explain_alloc(e, (size_t)n * sizeof(heed_figure));
}

heed_figures heed_figures_of(const heed_figure *figures)
{
    return (heed_figures){.figures = figures, .step = 1};
}

void heed_explain_add(heed_explanation *e, heed_figure_list *list, heed_figure figure)
{
    if (list->n == list->capacity) {
        const int64_t capacity = list->capacity * 2 + 8;
        heed_figure *bigger = heed_explain_room(e, capacity);

        if (list->n > 0)
            memcpy(bigger, list->figures, (size_t)list->n * sizeof *bigger);
        list->figures = bigger;
        list->capacity = capacity;
    }
    list->figures[list->n++] = figure;
}

heed_figures heed_explain_same(heed_explanation *e, heed_figure figure)
{
    heed_figure *copy = heed_explain_room(e, 1);

    *copy = figure;
    return (heed_figures){.figures = copy};
}

static const char *keep_text(heed_explanation *e, const char *format, va_list args)
{
    char text[512];
    char *copy;
    int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = vsnprintf(text, sizeof text, format, args);
#pragma GCC diagnostic pop
    n = n < 0 ? 0 : n < (int)sizeof text ? n : (int)sizeof text - 1;
    copy = heed_explain_alloc(e, (size_t)n + 1);
    memcpy(copy, text, (size_t)n);
    return copy;
}

/* Deeper lines from some number on are only computed. */
static bool is_full(const heed_explanation *e)
{
    return e->depth > 0 && e->n_lines >= HEED_EXPLAIN_LINES;
}

const char *heed_explain_label(heed_explanation *e, const char *format, ...)
{
    const char *label;
    va_list args;

    if (is_full(e))
        return "";
    va_start(args, format);
    label = keep_text(e, format, args);
    va_end(args);
    return label;
}

/* --- keeping a line ------------------------------------------------------------------------------- */

static heed_figure keep_line(heed_explanation *e, heed_line line)
{
    if (is_full(e)) {
        e->left_out++;
        return heed_constant(line.result);
    }
    e->lines = heed_explain_grow(e, e->lines, e->n_lines, &e->lines_capacity, sizeof *e->lines);
    line.depth = e->depth;
    e->lines[e->n_lines] = line;
    return (heed_figure){line.result, HEED_FIGURE_LINE, e->n_lines++, 0};
}

static const heed_figures *keep_inputs(heed_explanation *e, const heed_figures *inputs, int n)
{
    heed_figures *copy;

    if (is_full(e))
        return NULL;
    copy = heed_explain_alloc(e, (size_t)n * sizeof *copy);
    memcpy(copy, inputs, (size_t)n * sizeof *copy);
    return copy;
}

static void parse(heed_formula *f, const char *text)
{
    const bool parsed = heed_formula_parse(f, text);

    assert(parsed); /* an op's own text */
    (void)parsed;
}

/* --- steps ---------------------------------------------------------------------------------------- */

static heed_figure step(heed_explanation *e, heed_arithmetic in, const char *label, const char *text,
                        va_list figures)
{
    heed_line line = {.kind = HEED_LINE_STEP, .in = in, .label = label, .text = text};
    heed_figures inputs[HEED_FORMULA_NAMES];
    double values[HEED_FORMULA_NAMES];
    heed_formula f;

    parse(&f, text);
    line.n_inputs = f.n_names;
    for (int k = 0; k < f.n_names; k++) {
        const heed_figure figure = va_arg(figures, heed_figure);

        values[k] = figure.value;
        if (!is_full(e))
            inputs[k] = heed_explain_same(e, figure);
    }
    line.result = heed_formula_compute(&f, in, values);
    line.inputs = keep_inputs(e, inputs, f.n_names);
    return keep_line(e, line);
}

heed_figure heed_explain_step(heed_explanation *e, const char *label, const char *formula, ...)
{
    heed_figure result;
    va_list figures;

    va_start(figures, formula);
    result = step(e, HEED_IN_FLOAT, label, formula, figures);
    va_end(figures);
    return result;
}

heed_figure heed_explain_step_in(heed_explanation *e, heed_arithmetic in, const char *label,
                                 const char *formula, ...)
{
    heed_figure result;
    va_list figures;

    va_start(figures, formula);
    result = step(e, in, label, formula, figures);
    va_end(figures);
    return result;
}

/* --- sums ----------------------------------------------------------------------------------------- */

/* Where terms and running totals go; NULL when there are too many. */
static double *room_for_terms(heed_explanation *e, int64_t n)
{
    const int64_t kept = e->depth > 0 ? e->n_terms : 0; /* what is left is for the calculation itself */

    if (is_full(e) || n > HEED_EXPLAIN_TERMS - kept)
        return NULL;
    e->n_terms += n;
    return heed_explain_alloc(e, (size_t)(2 * n) * sizeof(double));
}

static double joined(const heed_line *line, double running, double term)
{
    if (line->kind == HEED_LINE_LARGEST)
        return term > running ? term : running;
    return line->in == HEED_IN_FLOAT ? (double)((float)running + (float)term) : running + term;
}

static double term_of(const heed_explanation *e, const heed_line *line, const heed_formula *f,
                      const heed_figures *inputs, int64_t i)
{
    double values[HEED_FORMULA_NAMES];

    for (int k = 0; k < f->n_names; k++)
        values[k] = heed_explain_at(e, inputs[k], i).value;
    return heed_formula_compute(f, line->in, values);
}

/* A product of two rows that is only computed, as most of those of a loss over a vocabulary are: at the speed of a loop. */
static bool is_plain_product(const heed_line *line, const heed_formula *f, const heed_figures *inputs)
{
    return line->kind == HEED_LINE_SUM && line->in == HEED_IN_FLOAT && heed_formula_is_product(f) &&
           inputs[0].figures == NULL && inputs[1].figures == NULL;
}

static double plain_product(const heed_explanation *e, const heed_line *line, const heed_figures *inputs)
{
    const float *x = e->operands[inputs[0].operand].values + inputs[0].first;
    const float *y = e->operands[inputs[1].operand].values + inputs[1].first;
    float sum = (float)line->start.value;

    for (int64_t i = 0; i < line->n_terms; i++)
        sum += x[i * inputs[0].step] * y[i * inputs[1].step];
    return (double)sum;
}

/* Adds up line's terms, from line->start on, and keeps it. */
static heed_figure add_up(heed_explanation *e, heed_line line, const heed_formula *f,
                          const heed_figures *inputs)
{
    double *terms = room_for_terms(e, line.n_terms), *running = terms != NULL ? terms + line.n_terms : NULL;

    line.n_inputs = f->n_names;
    line.inputs = keep_inputs(e, inputs, f->n_names);
    line.terms = terms;
    line.running = running;
    if (terms == NULL && is_plain_product(&line, f, inputs)) {
        line.result = plain_product(e, &line, inputs);
        return keep_line(e, line);
    }
    line.result = line.start.value;
    for (int64_t i = 0; i < line.n_terms; i++) {
        const double term = term_of(e, &line, f, inputs, i);

        line.result = joined(&line, line.result, term);
        if (terms != NULL) {
            terms[i] = term;
            running[i] = line.result;
        }
    }
    return keep_line(e, line);
}

static heed_figure sum_of(heed_explanation *e, heed_line line, va_list series)
{
    heed_figures inputs[HEED_FORMULA_NAMES];
    heed_formula f;

    parse(&f, line.text);
    for (int k = 0; k < f.n_names; k++)
        inputs[k] = va_arg(series, heed_figures);
    return add_up(e, line, &f, inputs);
}

heed_figure heed_explain_sum(heed_explanation *e, const char *label, int64_t n, const char *formula, ...)
{
    const heed_line line = {.kind = HEED_LINE_SUM, .label = label, .text = formula, .n_terms = n};
    heed_figure result;
    va_list series;

    va_start(series, formula);
    result = sum_of(e, line, series);
    va_end(series);
    return result;
}

heed_figure heed_explain_sum_from(heed_explanation *e, heed_arithmetic in, const char *label, heed_figure start,
                                  int64_t n, const char *formula, ...)
{
    const heed_line line = {
        .kind = HEED_LINE_SUM, .in = in, .label = label, .text = formula, .start = start, .n_terms = n};
    heed_figure result;
    va_list series;

    va_start(series, formula);
    result = sum_of(e, line, series);
    va_end(series);
    return result;
}

heed_figure heed_explain_largest(heed_explanation *e, const char *label, int64_t n, heed_figures x)
{
    const heed_line line = {.kind = HEED_LINE_LARGEST,
                            .label = label,
                            .text = "x",
                            .start = heed_constant((double)-INFINITY),
                            .n_terms = n};
    heed_formula f;

    parse(&f, line.text);
    return add_up(e, line, &f, &x);
}

/* --- words ---------------------------------------------------------------------------------------- */

heed_figure heed_explain_found(heed_explanation *e, const char *label, double value, const char *format, ...)
{
    heed_line line = {.kind = HEED_LINE_FOUND, .label = label, .text = "", .result = value};
    va_list args;

    va_start(args, format);
    if (!is_full(e))
        line.text = keep_text(e, format, args);
    va_end(args);
    return keep_line(e, line);
}

void heed_explain_note(heed_explanation *e, const char *format, ...)
{
    heed_line line = {.kind = HEED_LINE_NOTE, .text = ""};
    va_list args;

    va_start(args, format);
    if (!is_full(e))
        line.text = keep_text(e, format, args);
    va_end(args);
    keep_line(e, line);
}

void heed_explain_enter(heed_explanation *e)
{
    e->depth++;
}

void heed_explain_leave(heed_explanation *e)
{
    e->depth--;
}
