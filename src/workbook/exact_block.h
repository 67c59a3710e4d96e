/* SPDX-License-Identifier: MIT */
/*
 * A pre-norm block of a GPT and the way back through it, as loops in double precision: what programs in double precision are
 * compared with. nn/block.c makes it of ops, whose floats hold 7 digits; answers of any size need more.
 *
 *     mid = x + attention(LayerNorm(x)),  out = mid + W2 relu(W1 LayerNorm(mid) + b1) + b2,  loss = sum(out * upstream)
 */
#ifndef HEED_WORKBOOK_EXACT_BLOCK_H
#define HEED_WORKBOOK_EXACT_BLOCK_H

#include "workbook/exercise.h"

/* What has a gradient. The bias of a map stands behind its matrix. */
typedef enum heed_block_part {
    HEED_BLOCK_X,
    HEED_BLOCK_WQ,
    HEED_BLOCK_BQ,
    HEED_BLOCK_WK,
    HEED_BLOCK_BK,
    HEED_BLOCK_WV,
    HEED_BLOCK_BV,
    HEED_BLOCK_WO,
    HEED_BLOCK_BO,
    HEED_BLOCK_LN1_G,
    HEED_BLOCK_LN1_B,
    HEED_BLOCK_LN2_G,
    HEED_BLOCK_LN2_B,
    HEED_BLOCK_W1,
    HEED_BLOCK_B1,
    HEED_BLOCK_W2,
    HEED_BLOCK_B2,
    HEED_BLOCK_PARTS
} heed_block_part;

#define HEED_BLOCK_EPS 1e-5

typedef struct heed_block {
    /* x [T, d], square maps [d, d], W1 [d, hidden], W2 [hidden, d], vectors one row; a bias without data is not there */
    heed_grid part[HEED_BLOCK_PARTS];
    heed_grid upstream; /* [T, d] */
    int64_t n_heads;    /* divides d */
    double scale;       /* of scores; 0: 1/sqrt(d / n_heads) */
    bool causal, no_residual;
} heed_block;

typedef struct heed_block_values {
    heed_grid ln1, z, mid, ln2, hidden, out; /* z [T, d]: the heads side by side, before the out map */
    heed_grid d_mid;
    heed_grid grad[HEED_BLOCK_PARTS]; /* as the parts are; no data: it was not there */
} heed_block_values;

/** Sizes must fit each other. */
heed_block_values heed_exact_block(heed_solving *s, const heed_block *block);
/**
 * The same by a program that rounds: each term of each sum is off by up to `share` of itself, by lot. How far its values lie
 * from the exact ones says how many digits of them a program can know.
 */
heed_block_values heed_shaken_block(heed_solving *s, const heed_block *block, double share, uint64_t seed);
/** `out` and `grad` by the ops that models are made of, in single precision. Fails for parts whose sizes do not fit each other. */
heed_block_values heed_ops_block(heed_solving *s, const heed_block *block);

#endif
