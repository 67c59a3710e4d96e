/* SPDX-License-Identifier: MIT */
/*
 * Attention with pen and paper, inside (<heed/paper.h> is the outside):
 *
 *     paper_check.c    are the inputs complete, and do their sizes fit
 *     paper_graph.c    the graph over them, run: the value and the gradient of every step
 *     paper_steps.c    the steps in the order in which one writes them down
 *     paper_words.c    symbols, formulas, and an entry worked out, in plain signs or in LaTeX
 *     paper_write.c    what all forms share; paper_text.c, paper_markdown.c, paper_latex.c, paper_json.c
 */
#ifndef HEED_INSPECT_PAPER_H
#define HEED_INSPECT_PAPER_H

#include <heed/paper.h>

#include "base/memory.h"
#include "base/text_buffer.h"

/* --- what is given --- */

/* The inputs with every size said. */
typedef struct heed_paper_sizes {
    int64_t n_query, n_key, n_heads, head_dim, v_dim;
    int64_t out; /* columns of the output */
    double scale;
    bool default_scale; /* 1/sqrt(head_dim) */
    bool masked;
    heed_mask_form form;
} heed_paper_sizes;

heed_status heed_paper_check(const heed_paper_inputs *in, heed_paper_sizes *sizes, heed_error *err);

/* --- the numbers --- */

/* All places that have a value; where nothing of the kind is there, it stays NULL. [rows, columns], of heads [n_heads, ..]. */
typedef enum heed_paper_place {
    HEED_PAPER_X,
    HEED_PAPER_X_KV,
    HEED_PAPER_W_Q,
    HEED_PAPER_W_K,
    HEED_PAPER_W_V,
    HEED_PAPER_W_O,
    HEED_PAPER_B_Q,
    HEED_PAPER_B_K,
    HEED_PAPER_B_V,
    HEED_PAPER_B_O,
    HEED_PAPER_Q,
    HEED_PAPER_K,
    HEED_PAPER_V,
    HEED_PAPER_Q_HEADS,
    HEED_PAPER_K_HEADS,
    HEED_PAPER_V_HEADS,
    HEED_PAPER_SCORES,
    HEED_PAPER_SCALED,
    HEED_PAPER_MASKED,
    HEED_PAPER_WEIGHTS,
    HEED_PAPER_OUT_HEADS,
    HEED_PAPER_OUT,
    HEED_PAPER_Y,
    HEED_PAPER_N_PLACES
} heed_paper_place;

typedef struct heed_paper_numbers {
    float *value[HEED_PAPER_N_PLACES], *grad[HEED_PAPER_N_PLACES];
    float *mask;   /* [n_query, n_key] what is added to the scaled scores */
    uint8_t *seen; /* [n_query, n_key] */
} heed_paper_numbers;

/** Runs the graph; the numbers lie in the arena. */
heed_status heed_paper_run(const heed_paper_inputs *in, const heed_paper_sizes *sizes, heed_arena *arena,
                           heed_paper_numbers *numbers, heed_error *err);

/* --- the steps --- */

typedef enum heed_paper_kind {
    HEED_PAPER_KIND_GIVEN,
    HEED_PAPER_KIND_PRODUCTS,         /* y = a b + c d + .. + bias in each row */
    HEED_PAPER_KIND_COLUMNS,          /* y = columns of from */
    HEED_PAPER_KIND_JOIN,             /* y = [from_0 from_1 ..] */
    HEED_PAPER_KIND_SCALE,            /* y = scale from */
    HEED_PAPER_KIND_MASK,             /* y: who sees whom */
    HEED_PAPER_KIND_MASKED,           /* y = from where the mask allows it */
    HEED_PAPER_KIND_SOFTMAX,          /* y = softmax(from) */
    HEED_PAPER_KIND_SOFTMAX_BACKWARD, /* y = products[0].a (products[0].b - their product's row sums) */
    HEED_PAPER_KIND_COLUMN_SUMS,      /* y = sum of the rows of from */
} heed_paper_kind;

typedef struct heed_paper_line heed_paper_line;

/* A product of two matrices, each as it is or transposed. */
typedef struct heed_paper_product {
    const heed_paper_line *a, *b;
    bool transpose_a, transpose_b;
} heed_paper_product;

#define HEED_PAPER_MAX_PRODUCTS 3

/* A step, and from what it was made. */
struct heed_paper_line {
    heed_paper_step step;
    heed_paper_kind kind;
    const char *base; /* the symbol without its head: S'' */
    bool numbered;    /* the head belongs to the symbol: there are several */
    bool late;        /* a row is a query's, and follows from its weights */
    heed_paper_product products[HEED_PAPER_MAX_PRODUCTS];
    int n_products;
    const heed_paper_line *bias, *from;
    const heed_paper_line *mask; /* of MASKED */
    int64_t first;               /* column, of COLUMNS */
};

struct heed_paper {
    heed_arena *arena;
    heed_paper_sizes sizes;
    heed_paper_numbers numbers;
    heed_paper_line *lines; /* [n_lines] */
    int n_lines, capacity;
};

/** Fills the lines from the numbers. */
heed_status heed_paper_list(heed_paper *paper, const heed_paper_inputs *in, heed_error *err);

/* --- words --- */

typedef struct heed_paper_notation {
    bool latex;
    int digits;
} heed_paper_notation;

/** 0.7071, 3 where the number is exact, -inf; digits behind the point. */
void heed_paper_put_number(heed_text_buffer *out, const heed_paper_notation *n, double value);
void heed_paper_put_symbol(heed_text_buffer *out, const heed_paper_notation *n, const heed_paper_line *line);
/** "S = Q K^T"; nothing for a matrix that is given. */
void heed_paper_put_formula(heed_text_buffer *out, const heed_paper_notation *n, const heed_paper *paper,
                            const heed_paper_line *line);
/** "S[0,0] = 1*1 + 0*0 = 1"; false, and nothing, where there is nothing to work out. */
bool heed_paper_put_work(heed_text_buffer *out, const heed_paper_notation *n, const heed_paper *paper,
                         const heed_paper_line *line, int64_t i, int64_t j);
/** The entry that shows most: of a row that sees two keys rather than one. */
void heed_paper_choose_entry(const heed_paper *paper, const heed_paper_line *line, int64_t *i, int64_t *j);

/* --- writing; the style is complete --- */

/** "3 queries, 3 keys; 2 heads, head_dim 2, v_dim 2; scale 1/sqrt(2)" */
void heed_paper_put_summary(heed_text_buffer *out, const heed_paper *paper);
/** The words for a part of the steps, of a head where it has one. */
void heed_paper_put_part(heed_text_buffer *out, const heed_paper *paper, const heed_paper_line *line);
/** Does the line begin another part or head than the one before it? */
bool heed_paper_begins_part(const heed_paper *paper, int line);
double heed_paper_row_sum(const heed_paper_line *line, int64_t i);

/** Of n rows or columns the first and the last are shown: how many, dots among them. */
int64_t heed_paper_n_shown(int64_t n, int most);
/** The row or column at place k = 0 .. n_shown - 1; -1: the dots. */
int64_t heed_paper_shown(int64_t n, int most, int64_t k);

/** Called for each entry that is to be worked out; text is one line. */
typedef void heed_paper_work_fn(void *context, const char *text);
/** The entries that the style asks for. */
void heed_paper_work_out(const heed_paper *paper, const heed_paper_line *line, const heed_paper_style *style,
                         heed_paper_work_fn *each, void *context, heed_text_buffer *out);

void heed_paper_write_text(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out);
void heed_paper_write_markdown(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out);
void heed_paper_write_latex(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out);
void heed_paper_write_json(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out);

#endif
