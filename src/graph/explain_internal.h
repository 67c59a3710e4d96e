/* SPDX-License-Identifier: MIT */
/* What an explanation is made of: explain.c reads operands, explain_lines.c records lines, explain_text.c writes them. */
#ifndef HEED_GRAPH_EXPLAIN_INTERNAL_H
#define HEED_GRAPH_EXPLAIN_INTERNAL_H

#include <setjmp.h>

#include "base/memory.h"
#include "graph/explain.h"

struct heed_explanation {
    heed_arena *arena; /* values of operands, what lines point to; renewed for each explanation */
    heed_operand *operands;
    int n_operands, operands_capacity;
    heed_line *lines;
    int n_lines, lines_capacity;
    int64_t n_terms, left_out; /* terms that are kept; lines that are not */
    int depth;
    char formula[512];
    float value;
    jmp_buf
        out_of_memory; /* where a failed read ends up; an op's explain() holds nothing that must be released */
};

/** Memory of the explanation's arena; leaves explain() when there is none. */
void *heed_explain_alloc(heed_explanation *e, size_t bytes);
/** array with room for one more, in `capacity`; leaves explain() when there is no memory. */
void *heed_explain_grow(heed_explanation *e, void *array, int n, int *capacity, size_t element_bytes);

#endif
