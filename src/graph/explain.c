/* SPDX-License-Identifier: MIT */
#include "graph/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct heed_explanation {
    heed_arena *arena; /* values of operands; renewed for each explanation */
    heed_operand *operands;
    int n_operands, capacity;
    char formula[512];
    float value;
    jmp_buf
        out_of_memory; /* where a failed read ends up; an op's explain() holds nothing that must be released */
};

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
    free(e);
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
    heed_arena_destroy(e->arena);
    e->arena = heed_arena_create();
    e->n_operands = 0;
    e->formula[0] = '\0';
    e->value = 0.0f;
    if (e->arena == NULL || setjmp(e->out_of_memory) != 0)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory to list its operands", node->name);
    a->node->op->explain(a, output, element, e);
    if (node->tensor.dtype == HEED_BF16) /* the op says what it found; this is what the output holds of it */
        e->value = heed_float_of_bf16(heed_bf16_of_float(e->value));
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

static heed_operand *new_operand(heed_explanation *e)
{
    if (e->n_operands == e->capacity) {
        heed_operand *bigger = realloc(e->operands, (size_t)(e->capacity * 2 + 8) * sizeof *bigger);
        if (bigger == NULL)
            return NULL;
        e->operands = bigger;
        e->capacity = e->capacity * 2 + 8;
    }
    return &e->operands[e->n_operands++];
}

const float *heed_explain_read(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                               int64_t start, int64_t step, int64_t count)
{
    float *values = heed_arena_alloc(e->arena, (size_t)(count > 0 ? count : 1) * sizeof *values);
    heed_operand *operand = values != NULL ? new_operand(e) : NULL;

    if (operand == NULL)
        longjmp(e->out_of_memory, 1);
    for (int64_t i = 0; i < count; i++)
        values[i] = heed_tensor_get(a->in[input], start + i * step);
    *operand = (heed_operand){a->node->in[input], role, start, step, count, values};
    return values;
}

float heed_explain_read1(heed_explanation *e, const heed_op_args *a, int input, const char *role,
                         int64_t element)
{
    const float *value = heed_explain_read(e, a, input, role, element, 0, 1);
    return value[0];
}

void heed_explain_formula(heed_explanation *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(e->formula, sizeof e->formula, format, args);
    va_end(args);
}

void heed_explain_value(heed_explanation *e, float value)
{
    e->value = value;
}
