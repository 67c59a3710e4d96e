/* SPDX-License-Identifier: MIT */
#include "graph/explain.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "graph/explain_internal.h"

heed_explanation *heed_explanation_create(void)
{
    return calloc(1, sizeof(heed_explanation));
}

void heed_explanation_destroy(heed_explanation *e)
{
    if (e == NULL)
        return;
    heed_arena_destroy(e->arena);
    free(e->operands);
    free(e->lines);
    free(e);
}

static void clear(heed_explanation *e)
{
    heed_arena_destroy(e->arena);
    e->arena = heed_arena_create();
    e->n_operands = e->n_lines = e->depth = 0;
    e->n_terms = e->left_out = 0;
    e->formula[0] = '\0';
    e->value = 0.0f;
}

/* The last line's result; with one more line where the output holds only some of its bits. */
static void conclude(heed_explanation *e, heed_dtype dtype)
{
    const heed_line *last = &e->lines[e->n_lines - 1];
    heed_figure y = {last->result, HEED_FIGURE_LINE, e->n_lines - 1, 0};

    assert(e->depth == 0 && last->kind != HEED_LINE_NOTE);
    if (dtype == HEED_BF16)
        y = heed_explain_step(e, last->label, "bf16(y)", y);
    e->value = (float)y.value;
    assert((double)e->value == y.value || isnan(y.value));
}

heed_status heed_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e,
                         heed_error *err)
{
    const heed_node *node = a->node->outputs[output];

    if (a->node->op->explain == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: a %s has nothing to explain", node->name, a->node->op->name);
    if (element < 0 || element >= heed_tensor_count(&node->tensor))
        return heed_fail(err, HEED_ERR_USAGE, "%s: expected an element below %lld, got %lld", node->name,
                         (long long)heed_tensor_count(&node->tensor), (long long)element);
    clear(e);
    if (e->arena == NULL || setjmp(e->out_of_memory) != 0)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory to list its operands", node->name);
    a->node->op->explain(a, output, element, e);
    if (e->n_lines == 0)
        return heed_fail(err, HEED_ERR_INTERNAL, "%s: a %s explains nothing", node->name, a->node->op->name);
    conclude(e, node->tensor.dtype);
    return HEED_OK;
}

const char *heed_explanation_formula(const heed_explanation *e)
{
    return e->formula;
}

float heed_explanation_value(const heed_explanation *e)
{
    return e->value;
}

int heed_explanation_n_operands(const heed_explanation *e)
{
    return e->n_operands;
}

const heed_operand *heed_explanation_operand(const heed_explanation *e, int i)
{
    return &e->operands[i];
}

/* --- for ops -------------------------------------------------------------------------------------- */

void *heed_explain_alloc(heed_explanation *e, size_t bytes)
{
    void *memory = heed_arena_alloc(e->arena, bytes > 0 ? bytes : 1);

    if (memory == NULL)
        longjmp(e->out_of_memory, 1);
    return memory;
}

void *heed_explain_grow(heed_explanation *e, void *array, int n, int *capacity, size_t element_bytes)
{
    void *bigger;

    if (n < *capacity)
        return array;
    bigger = realloc(array, (size_t)(*capacity * 2 + 8) * element_bytes);
    if (bigger == NULL)
        longjmp(e->out_of_memory, 1);
    *capacity = *capacity * 2 + 8;
    return bigger;
}

const float *heed_explain_read(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                               int64_t start, int64_t step, int64_t count)
{
    float *values = heed_explain_alloc(e, (size_t)count * sizeof *values);

    for (int64_t i = 0; i < count; i++)
        values[i] = heed_tensor_get(a->in[input], start + i * step);
    e->operands = heed_explain_grow(e, e->operands, e->n_operands, &e->operands_capacity, sizeof *e->operands);
    e->operands[e->n_operands++] = (heed_operand){a->node->in[input], role, start, step, count, values};
    return values;
}

float heed_explain_read1(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                         int64_t element)
{
    const float *value = heed_explain_read(e, a, input, role, element, 0, 1);
    return value[0];
}

heed_figures heed_explain_operand(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                  int64_t start, int64_t step, int64_t count)
{
    heed_explain_read(e, a, input, role, start, step, count);
    return (heed_figures){.operand = e->n_operands - 1, .step = 1};
}

heed_figure heed_explain_figure(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                                int64_t element)
{
    const float value = heed_explain_read1(e, a, input, role, element);

    return (heed_figure){(double)value, HEED_FIGURE_OPERAND, e->n_operands - 1, 0};
}

const float *heed_explain_values(const heed_explanation *e, heed_figures series)
{
    return e->operands[series.operand].values + series.first;
}

void heed_explain_formula(heed_explanation *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(e->formula, sizeof e->formula, format, args);
    va_end(args);
}
