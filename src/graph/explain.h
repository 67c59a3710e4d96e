/* SPDX-License-Identifier: MIT */
/*
 * An explanation: where one element of one node came from, line by line.
 *
 * An op's explain() reads operands and records what is done with them. The calculation is the record: a formula is
 * computed as it is written, in float or in double, and the last line's result is the value. In reference arithmetic it
 * has the bits of the element itself, so the lines are the plain loop's own steps, in its order.
 *
 *     const heed_figures x = heed_explain_operand(e, a, 0, "x", row * n, 1, n);     n elements from row * n, step 1
 *     const heed_figure m = heed_explain_largest(e, "m", n, x);
 *     const heed_figure sum = heed_explain_sum(e, "sum", n, "exp(x[j] - m)", x, heed_explain_same(e, m));
 *
 *     heed_explain_formula(e, "y[%d] = exp(x[%d] - m) / sum", i, i);            the whole on one line
 *     heed_explain_step(e, "y", "exp(x - m) / sum", heed_explain_at(e, x, i), m, sum);
 *
 * A figure is a number that knows where it is from: an operand's element, the result of an earlier line, or neither (an
 * attribute of the op). A line keeps its figures, not their text; heed_explain_write() puts names or numbers into the
 * formula for those who show it.
 */
#ifndef HEED_GRAPH_EXPLAIN_H
#define HEED_GRAPH_EXPLAIN_H

#include "base/text_buffer.h"
#include "graph/formula.h"
#include "graph/op.h"

/* `count` elements of one operand: logical (row-major) indices start, start + step, … */
typedef struct heed_operand {
    const heed_node *node;
    const char *role; /* its letter in the formula */
    int64_t start, step, count;
    const float *values;
} heed_operand;

typedef enum heed_figure_source {
    HEED_FIGURE_CONSTANT, /* an attribute, a count; or a line that is not kept */
    HEED_FIGURE_OPERAND,
    HEED_FIGURE_LINE,
} heed_figure_source;

typedef struct heed_figure {
    double value; /* a float's, unless its line is in double */
    heed_figure_source source;
    int number;      /* of the operand or line */
    int64_t element; /* of the operand's values, 0 .. count - 1 */
} heed_figure;

/* Figures one by one, or elements of an operand. */
typedef struct heed_figures {
    const heed_figure *figures; /* NULL: elements of the operand */
    int operand;
    int64_t first, step;
} heed_figures;

typedef enum heed_line_kind {
    HEED_LINE_STEP,    /* label = formula */
    HEED_LINE_SUM,     /* label = start + the formula for each term, one after the other */
    HEED_LINE_LARGEST, /* label = the largest term; -inf where there is none */
    HEED_LINE_FOUND,   /* label = result, looked up or decided, not computed; text says how */
    HEED_LINE_NOTE,    /* text alone */
} heed_line_kind;

typedef struct heed_line {
    heed_line_kind kind;
    heed_arithmetic in;
    int depth; /* 0: the calculation itself; deeper: how a number in it came about, before the line that needs it */
    const char *label; /* what later formulas call the result; NULL in a note */
    const char *text;  /* the formula; a sentence where found or noted */
    int n_inputs;
    const heed_figures *inputs; /* for each name in the formula, in order */
    heed_figure start;          /* of a sum */
    int64_t n_terms;            /* of a sum, or of those of which the largest is taken */
    /* n_terms each: a term, and the total (or the largest) up to and with it. NULL: too many to be kept. */
    const double *terms, *running;
    double result;
} heed_line;

heed_explanation *heed_explanation_create(void);
void heed_explanation_destroy(heed_explanation *e);
/** Explains element `element` (row-major) of output `output`; clears what e held. HEED_ERR_MEMORY, HEED_ERR_USAGE. */
heed_status heed_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e,
                         heed_error *err);

const char *heed_explanation_formula(const heed_explanation *e);
float heed_explanation_value(const heed_explanation *e);
int heed_explanation_n_operands(const heed_explanation *e);
const heed_operand *heed_explanation_operand(const heed_explanation *e, int i);

/*
 * In the order of the calculation. Lines of depth 0 are all there. Deeper ones are left out from some number on, and so
 * are the terms of deeper sums, and those of a single sum that is that long; heed_explanation_left_out() counts lines.
 */
enum { HEED_EXPLAIN_LINES = 1 << 17, HEED_EXPLAIN_TERMS = 1 << 21 };
int heed_explanation_n_lines(const heed_explanation *e);
const heed_line *heed_explanation_line(const heed_explanation *e, int i);
int64_t heed_explanation_left_out(const heed_explanation *e);

/** What goes in for name `input` of the line's formula; in a step, term is 0. */
heed_figure heed_line_input(const heed_explanation *e, const heed_line *line, int input, int64_t term);

/* Puts a figure's name or number behind what `out` holds. */
typedef void heed_figure_writer(void *context, const heed_explanation *e, heed_figure figure,
                                heed_text_buffer *out);
/**
 * The line's formula with something else in the place of each name, by `write`. term: 0 .. n_terms - 1 in a sum, 0 in a
 * step. A sentence is appended as it is.
 */
void heed_explain_write(const heed_explanation *e, const heed_line *line, int64_t term,
                        heed_figure_writer *write, void *context, heed_text_buffer *out);
/** Two writers, which need no context: "W[0,3]", "sum", and what has no name as a number; and the number, as %.6g. */
void heed_figure_write_name(void *context, const heed_explanation *e, heed_figure figure,
                            heed_text_buffer *out);
void heed_figure_write_number(void *context, const heed_explanation *e, heed_figure figure,
                              heed_text_buffer *out);
/** Index of a figure of an operand in its tensor, row-major. */
int64_t heed_figure_index(const heed_explanation *e, heed_figure figure);

/*
 * For ops. What finds no memory leaves explain() at once (longjmp) and heed_explain() reports it, so explain() must not
 * hold anything that needs releasing.
 */

/* --- operands: to calculate with, and to decide by (an id, a mask) */
heed_figures heed_explain_operand(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                  int64_t start, int64_t step, int64_t count);
heed_figure heed_explain_figure(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                int64_t element);
const float *heed_explain_read(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                               int64_t start, int64_t step, int64_t count);
float heed_explain_read1(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                         int64_t element);
/** The values of a series that was read, for what is decided by them. */
const float *heed_explain_values(const heed_explanation *e, heed_figures series);
void heed_explain_formula(heed_explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- figures */
heed_figure heed_constant(double value);
heed_figure heed_explain_at(const heed_explanation *e, heed_figures series, int64_t i);
/** The same figure again and again, as in sum_j exp(x_j - m). */
heed_figures heed_explain_same(heed_explanation *e, heed_figure figure);
/** Elements start, start + step, … of a series. */
heed_figures heed_figures_part(heed_figures series, int64_t start, int64_t step);
/** Room for n figures that are found one by one, and the series of them. */
heed_figure *heed_explain_room(heed_explanation *e, int64_t n);
heed_figures heed_figures_of(const heed_figure *figures);
/* Figures of which nobody knows beforehand how many there are: {0} at first. */
typedef struct heed_figure_list {
    heed_figure *figures;
    int64_t n, capacity;
} heed_figure_list;
void heed_explain_add(heed_explanation *e, heed_figure_list *list, heed_figure figure);
/** A label with an index, "s[3]". */
const char *heed_explain_label(heed_explanation *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * --- lines. For each name in the formula follows one heed_figure (in a step) or one heed_figures of n figures (in a sum).
 * Every result may go into later lines.
 */
heed_figure heed_explain_step(heed_explanation *e, const char *label, const char *formula, ...);
heed_figure heed_explain_step_in(heed_explanation *e, heed_arithmetic in, const char *label,
                                 const char *formula, ...);
heed_figure heed_explain_sum(heed_explanation *e, const char *label, int64_t n, const char *formula, ...);
/** The same from `start` on instead of 0, and in double if so wished. */
heed_figure heed_explain_sum_from(heed_explanation *e, heed_arithmetic in, const char *label, heed_figure start,
                                  int64_t n, const char *formula, ...);
/** The running one is x > running ? x : running, from -inf on. */
heed_figure heed_explain_largest(heed_explanation *e, const char *label, int64_t n, heed_figures x);
/** A number that is looked up or decided; the sentence says how. */
heed_figure heed_explain_found(heed_explanation *e, const char *label, double value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void heed_explain_note(heed_explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** What is recorded in between goes one deeper: how one number of a longer calculation came about. */
void heed_explain_enter(heed_explanation *e);
void heed_explain_leave(heed_explanation *e);

#endif
