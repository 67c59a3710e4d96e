/* SPDX-License-Identifier: MIT */
/*
 * Attention for exercises: worked out by <heed/paper.h>, whose graph is the one that models are made of, and gone wrong
 * in the way of s->slip where it has one.
 *
 *     const heed_grid Q = heed_take_grid(s, "Q"), K = heed_take_grid(s, "K"), V = heed_take_grid(s, "V");
 *     const heed_attend_inputs in = {.q = Q, .k = K, .v = V, .causal = true};
 *     const heed_attended a = heed_attend(s, &in);
 *
 *     heed_attend_explain(s, &in, &a, HEED_ATTEND_OUTPUT);
 *     heed_put_grid(s, "weights", a.weights);
 *     heed_put_grid(s, "output", a.output);
 *
 * The slips that it knows: HEED_SLIPS_ATTENTION, with a mask HEED_SLIPS_MASKED, of several heads NO_HEADS (all columns
 * are one head), of maps with biases NO_BIAS. A slip that cannot happen (a mask that is not square has no transposed one)
 * changes nothing. All numbers are the engine's floats.
 */
#ifndef HEED_WORKBOOK_ATTEND_H
#define HEED_WORKBOOK_ATTEND_H

#include "workbook/exercise.h"

#define HEED_ATTEND_MOST 1024 /* tokens of one call, and columns */

/* All zero but what is given. A row is a token; a grid whose data is NULL is not given. */
typedef struct heed_attend_inputs {
    /* each of the three: given, or made from x by its map */
    heed_grid q, k; /* [n_query, n_heads * head_dim], [n_key, ..] */
    heed_grid v;    /* [n_key, n_heads * v_dim]; neither it nor x: only the weights are wanted */

    heed_grid x, x_kv;            /* x_kv: of keys and values; NULL: x */
    heed_grid w_q, w_k, w_v, w_o; /* [in, out], x W; with `columns` [out, in], W x */
    heed_grid b_q, b_k, b_v, b_o; /* one row each */
    bool columns;

    int64_t n_heads; /* 0: 1 */
    double scale;    /* of the scores; 0: 1/sqrt(head_dim), 1: none */
    bool causal;     /* query i sees keys 0 .. i */
    heed_grid mask;  /* [n_query, n_key] 1: seen, 0: hidden */
    heed_grid grad;  /* of the output; NULL: nothing backward */
} heed_attend_inputs;

/* What is not there (no gradient asked for, no map given) has no rows. The heads' matrices lie below each other. */
typedef struct heed_attended {
    heed_grid q, k, v;                         /* [n, n_heads * head_dim] */
    heed_grid scores, scaled, masked, weights; /* [n_heads * n_query, n_key] */
    heed_grid output;                          /* [n_query, n_heads * v_dim], the heads side by side */
    heed_grid y;                               /* [n_query, ..] through w_o; without it the output */

    /* gradients of sum(grad * y), as what they belong to; of a slip in the softmax there are none */
    heed_grid dq, dk, dv, dscores, dscaled, dmasked, dweights;
    heed_grid dx, dx_kv, dw_q, dw_k, dw_v, dw_o, db_q, db_k, db_v, db_o;
} heed_attended;

/** Works it out. What does not fit fails s, with HEED_ERR_USAGE; then everything is empty. */
heed_attended heed_attend(heed_solving *s, const heed_attend_inputs *in);

/** Steps of a worked solution, from the scores up to the last one that is wanted. */
typedef enum heed_attend_step {
    HEED_ATTEND_SCORES,
    HEED_ATTEND_SCALED,
    HEED_ATTEND_MASKED,
    HEED_ATTEND_WEIGHTS,
    HEED_ATTEND_OUTPUT,
} heed_attend_step;

void heed_attend_explain(heed_solving *s, const heed_attend_inputs *in, const heed_attended *a,
                         heed_attend_step last);

#endif
