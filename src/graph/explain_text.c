/* SPDX-License-Identifier: MIT */
/* Lines of a calculation as text. */
#include <math.h>
#include <string.h>

#include "graph/explain_internal.h"

int64_t heed_figure_index(const heed_explanation *e, heed_figure figure)
{
    const heed_operand *operand = &e->operands[figure.number];

    return operand->start + figure.element * operand->step;
}

void heed_figure_write_number(void *context, const heed_explanation *e, heed_figure figure,
                              heed_text_buffer *out)
{
    (void)context;
    (void)e;
    heed_text_printf(out, "%.6g", isnan(figure.value) ? NAN : figure.value); /* no sign before a nan */
}

/* "[0,3]"; nothing for a scalar. */
static void write_index(const heed_shape *shape, int64_t element, heed_text_buffer *out)
{
    int64_t below = 1;

    for (int axis = 0; axis < shape->rank; axis++)
        below *= shape->size[axis];
    for (int axis = 0; axis < shape->rank; axis++) {
        below /= shape->size[axis];
        heed_text_printf(out, "%s%lld", axis == 0 ? "[" : ",",
                         (long long)(element / below % shape->size[axis]));
    }
    heed_text_puts(out, shape->rank > 0 ? "]" : "");
}

void heed_figure_write_name(void *context, const heed_explanation *e, heed_figure figure, heed_text_buffer *out)
{
    if (figure.source == HEED_FIGURE_LINE) {
        heed_text_puts(out, e->lines[figure.number].label);
    } else if (figure.source == HEED_FIGURE_OPERAND) {
        const heed_operand *operand = &e->operands[figure.number];

        heed_text_puts(out, operand->role);
        write_index(&operand->node->tensor.shape, heed_figure_index(e, figure), out);
    } else {
        heed_figure_write_number(context, e, figure, out);
    }
}

/* Which of f's names stands here. */
static int name_at(const heed_formula *f, int at, int length)
{
    for (int k = 0; k < f->n_names; k++) {
        if (f->names[k].length == length && memcmp(f->text + f->names[k].at, f->text + at, (size_t)length) == 0)
            return k;
    }
    return -1;
}

void heed_explain_write(const heed_explanation *e, const heed_line *line, int64_t term,
                        heed_figure_writer *write, void *context, heed_text_buffer *out)
{
    int from = 0, at = 0, length = 0;
    heed_formula f;

    if (line->kind == HEED_LINE_FOUND || line->kind == HEED_LINE_NOTE || !heed_formula_parse(&f, line->text)) {
        heed_text_puts(out, line->text);
        return;
    }
    while (heed_formula_next_name(line->text, &at, &length)) {
        heed_text_append(out, line->text + from, (size_t)(at - from));
        write(context, e, heed_line_input(e, line, name_at(&f, at, length), term), out);
        from = at += length;
    }
    heed_text_puts(out, line->text + from);
}
