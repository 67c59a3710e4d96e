/* SPDX-License-Identifier: MIT */
/*
 * Asks random numbers of a trace where they came from, and checks the answers; shared by the tests and bench/trace.c.
 *
 *     trace_walk walk = {.rng = heed_rng_make(seed, 1)};
 *     if (!trace_walk_ask(trace, n, &walk)) puts(walk.fault);
 *
 * For each number: its address leads back to it; what is computed again from the operands has its bits; every operand has
 * the value that its own address has, and is explained in the same way; lines end in the number.
 */
#ifndef HEED_TESTS_INSPECT_TRACE_WALK_H
#define HEED_TESTS_INSPECT_TRACE_WALK_H

#include <heed/trace.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

typedef struct trace_walk {
    heed_rng rng;
    int64_t n_numbers, n_operands, n_given, n_with_lines;
    char fault[640];
} trace_walk;

static inline bool trace_walk_same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static inline bool trace_walk_fail(trace_walk *w, const heed_trace *trace, heed_trace_element element,
                                   const char *why, double got)
{
    char address[HEED_TRACE_ADDRESS_BYTES];

    snprintf(w->fault, sizeof w->fault, "%s = %.9g: %s (%.9g)", heed_trace_address(trace, element, address),
             (double)heed_trace_value(trace, element), why, got);
    return false;
}

/* The number of the last line that has one. */
static inline bool trace_walk_lines_agree(const heed_trace_explanation *e)
{
    int last = e->n_lines - 1;

    while (last >= 0 && e->lines[last].kind == HEED_TRACE_NOTE)
        last--;
    return last < 0 || trace_walk_same((float)e->lines[last].result, e->recomputed);
}

/* One number alone. */
static inline bool trace_walk_one(const heed_trace *trace, heed_trace_element element, trace_walk *w,
                                  heed_trace_explanation **e)
{
    char address[HEED_TRACE_ADDRESS_BYTES];
    heed_trace_element back;
    heed_error err = {0};

    *e = NULL;
    if (heed_trace_find(trace, heed_trace_address(trace, element, address), &back, &err) != HEED_OK)
        return trace_walk_fail(w, trace, element, err.message, 0.0);
    if (back.tensor != element.tensor || back.element != element.element)
        return trace_walk_fail(w, trace, element, "its address leads elsewhere", (double)back.element);
    if (heed_trace_explain(trace, element, e, &err) != HEED_OK)
        return trace_walk_fail(w, trace, element, err.message, 0.0);
    if (!(*e)->same_bits)
        return trace_walk_fail(w, trace, element, "explained as another number", (double)(*e)->recomputed);
    if (((*e)->op != NULL) + ((*e)->given != NULL) + (*e)->is_taken != 1)
        return trace_walk_fail(w, trace, element, "it must come from one place", 0.0);
    if ((*e)->op != NULL && (*e)->formula[0] == '\0')
        return trace_walk_fail(w, trace, element, "there is no formula", 0.0);
    if (!trace_walk_lines_agree(*e))
        return trace_walk_fail(w, trace, element, "the last line has another number",
                               (*e)->lines[(*e)->n_lines - 1].result);
    w->n_given += (*e)->given != NULL;
    w->n_with_lines += (*e)->n_lines > 0;
    return true;
}

/* A random one of the numbers that an operand lists. */
static inline bool trace_walk_operand(const heed_trace *trace, const heed_trace_operand *o, trace_walk *w)
{
    const int64_t i = o->count > 0 ? heed_rng_below(&w->rng, o->count) : 0;
    const heed_trace_element at = {o->first.tensor, o->first.element + i * o->step};
    heed_trace_explanation *e;
    char range[HEED_TRACE_ADDRESS_BYTES];
    bool fine;

    if (o->count == 0)
        return true;
    if (!trace_walk_same(heed_trace_value(trace, at), o->values[i]))
        return trace_walk_fail(w, trace, at, "an explanation read another number", (double)o->values[i]);
    if (strlen(heed_trace_range(trace, o, range)) == 0)
        return trace_walk_fail(w, trace, at, "its range has no address", 0.0);
    fine = trace_walk_one(trace, at, w, &e);
    heed_trace_explanation_free(e);
    w->n_operands++;
    return fine;
}

/* n numbers, each of any tensor with the same chance. */
static inline bool trace_walk_ask(const heed_trace *trace, int64_t n, trace_walk *w)
{
    for (int64_t i = 0; i < n; i++) {
        const int tensor = (int)heed_rng_below(&w->rng, heed_trace_n_tensors(trace));
        const heed_trace_tensor x = heed_trace_tensor_at(trace, tensor);
        heed_trace_explanation *e;
        int64_t count = 1;
        bool fine;

        for (int axis = 0; axis < x.rank; axis++)
            count *= x.size[axis];
        fine = trace_walk_one(trace, (heed_trace_element){tensor, heed_rng_below(&w->rng, count)}, w, &e);
        for (int k = 0; fine && k < e->n_operands; k++)
            fine = trace_walk_operand(trace, &e->operands[k], w);
        heed_trace_explanation_free(e);
        if (!fine)
            return false;
        w->n_numbers++;
    }
    return true;
}

#endif
