/* SPDX-License-Identifier: MIT */
/**
 * Attention with pen and paper: every step of a small example as one would write it down, forward and backward.
 *
 *     heed_matrix q = {0}, v = {0};
 *     heed_matrix_read("q", "1 0; 0 1; 1 1", &q, &err);
 *     heed_matrix_read("v", "1 2; 3 4; 5 6", &v, &err);
 *     heed_paper_inputs in = {.q = &q, .k = &q, .v = &v, .mask.causal = true};
 *     heed_paper *paper = NULL;
 *     char *text = NULL;
 *     if (heed_paper_attention(&in, &paper, &err) == HEED_OK &&
 *         heed_paper_write(paper, &(heed_paper_style){.format = HEED_PAPER_LATEX}, &text, &err) == HEED_OK)
 *         puts(text);
 *     free(text);
 *     heed_paper_destroy(paper);
 *
 *   Q = X W_q + b_q,  K = X W_k + b_k,  V = X W_v + b_v                    where x is given and not q, k, v
 *   of each head h, on its own columns of Q, K and V:
 *   S = Q K^T      S' = S / sqrt(head_dim)      S'' = S' where the mask lets query i see key j, -inf elsewhere
 *   A = softmax(S''), row by row                O = A V
 *   O = [O_0 O_1 ..]      Y = O W_o + b_o                                  with several heads; with w_o
 *
 *   dV = A^T dO    dA = dO V^T    dS''[i,j] = A[i,j] (dA[i,j] - sum_k A[i,k] dA[i,k])    dS = dS'' / sqrt(head_dim)
 *   dQ = dS K      dK = dS^T Q    and so on through the maps, where the gradient of the output is given
 *
 * The numbers are those of the graph that models are made of, each op by its plain loop, in float. A query that sees no
 * key has weights of 0, and so has its output: heed's rule, where exp would give 0/0.
 *
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.
 */
#ifndef HEED_PAPER_H
#define HEED_PAPER_H

#include <heed/mask.h>
#include <heed/matrix.h>
#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero but what is given. A matrix has a row for each token; a vector is one row or one column. */
typedef struct heed_paper_inputs {
    /* each of the three: given, or made from x by its map. No map at all: Q = K = V = X */
    const heed_matrix *q; /* [n_query, n_heads * head_dim] */
    const heed_matrix *k; /* [n_key, n_heads * head_dim] */
    const heed_matrix *v; /* [n_key, n_heads * v_dim] */

    const heed_matrix *x;    /* [n_query, d] */
    const heed_matrix *x_kv; /* [n_key, d'] what keys and values are made from; NULL: x */
    const heed_matrix *w_q, *w_k, *w_v;
    const heed_matrix *b_q, *b_k, *b_v;
    const heed_matrix *w_o, *b_o; /* of the heads' outputs side by side; NULL: none */
    bool columns; /* maps are [out, in] and turn columns, W x, as in PyTorch; else [in, out], x W */

    int64_t n_heads; /* 0: 1. Head h has columns h * head_dim .. (h + 1) * head_dim - 1 of Q and K */
    double scale;    /* of the scores; 0: 1/sqrt(head_dim), 1: none */

    /* who sees whom: by the rules of mask, where query 0 stands at mask.position, which is 0 unless it is said, and by the
     * table, [n_query, n_key] or one row for all queries, written in that form. What is added may be any number, and -inf
     * hides. The mask is shown in that form too; always as HEED_MASK_ADDED with fill_1e9. */
    heed_mask mask;
    const heed_matrix *table; /* NULL: none */
    heed_mask_form form;
    bool fill_1e9; /* a pair that is hidden gets -1e9 added, not -inf */

    const heed_matrix *grad; /* of the output, as large as it; NULL: nothing backward */
} heed_paper_inputs;

typedef enum heed_paper_part { HEED_PAPER_GIVEN, HEED_PAPER_FORWARD, HEED_PAPER_BACKWARD } heed_paper_part;

/* One step: a matrix and what made it. Lent by its paper. */
typedef struct heed_paper_step {
    heed_paper_part part;
    int head; /* whose step it is; -1: of all heads together */
    /*
     * q k v x x_kv w_q b_q .. w_o b_o grad mask, scores scaled masked weights output, joined (the heads' outputs side by side), y;
     * and d with one of these: dv dweights dmasked dscaled dscores dq dk dx dw_q ..
     */
    const char *name;
    const char *title;   /* in words */
    const char *symbol;  /* S_0 */
    const char *formula; /* S_0 = Q_0 K_0^T; "" where the matrix is given */
    const char *note;    /* what is to be said beside it; "" */
    int64_t rows, columns;
    const float *values; /* [rows, columns] */
    bool pairs;          /* rows are queries, columns keys */
    bool sums;           /* the rows' sums say something: 1 for weights, 0 for gradients of scores */
} heed_paper_step;

typedef struct heed_paper heed_paper;

/**
 * Works the example out. HEED_ERR_USAGE for what is missing, given twice or not finite; HEED_ERR_SHAPE for sizes that do
 * not fit, with both; HEED_ERR_MEMORY. The inputs are copied.
 */
HEED_API heed_status heed_paper_attention(const heed_paper_inputs *in, heed_paper **paper, heed_error *err);
HEED_API void heed_paper_destroy(heed_paper *paper); /* NULL is allowed */

HEED_API int heed_paper_n_steps(const heed_paper *paper);
HEED_API const heed_paper_step *heed_paper_step_at(const heed_paper *paper, int i);
/** The step of that name and head; a head of -1 is any. NULL: there is none. */
HEED_API const heed_paper_step *heed_paper_find(const heed_paper *paper, const char *name, int head);
/** [n_query, n_key] 1 where query i sees key j. Lent. */
HEED_API const uint8_t *heed_paper_seen(const heed_paper *paper);

typedef enum heed_paper_format {
    HEED_PAPER_TEXT,
    HEED_PAPER_MARKDOWN,
    HEED_PAPER_LATEX, /* a document for amsmath */
    HEED_PAPER_JSON,  /* one line with all numbers; what is not finite is null */
} heed_paper_format;

typedef enum heed_paper_work {
    HEED_PAPER_WORK_ONE,  /* one entry of each step is worked out with its numbers */
    HEED_PAPER_WORK_ALL,  /* every entry */
    HEED_PAPER_WORK_NONE, /* formulas and results alone */
} heed_paper_work;

typedef struct heed_paper_style {
    heed_paper_format format;
    heed_paper_work work;
    int digits;    /* behind the point, 1 .. 9; 0: 4. A number without a point is exact */
    int most;      /* rows and columns that are shown of a matrix, 3 or more; 0: 12. JSON shows all */
    bool fragment; /* LaTeX without its preamble, for \input */
} heed_paper_style;

/** All steps in their order; *out is allocated, free() it. HEED_ERR_MEMORY. */
HEED_API heed_status heed_paper_write(const heed_paper *paper, const heed_paper_style *style, char **out,
                                      heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
