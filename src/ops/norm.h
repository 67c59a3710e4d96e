/* SPDX-License-Identifier: MIT */
/* What layernorm.c and rmsnorm.c share: what they check, and how the sums of their parameters' gradients are cut. */
#ifndef HEED_OPS_NORM_H
#define HEED_OPS_NORM_H

#include "graph/op.h"

/** Checks x (input 0) and gamma (input 1), which is as long as x's rows; false after heed_graph_fail(). */
bool heed_norm_check(heed_graph *g, const heed_node *node);

/** What a LayerNorm multiplies a row by once its mean is gone: 1 / sqrt(var + eps), as the plain loops take it. */
double heed_layernorm_rstd(const float *x, int64_t n, float eps);
/** 1 / sqrt(mean(x^2) + eps), the factor of an RMSNorm. */
double heed_rmsnorm_rstd(const float *x, int64_t n, float eps);

/*
 * A parameter's gradient is summed over blocks of rows, then over the blocks in order. Where a block ends follows from
 * the number of rows alone, so threads change no bit.
 */
int64_t heed_norm_block_rows(int64_t rows);
int64_t heed_norm_blocks(int64_t rows);

/** The output's numbers set to 0; NULL where the output is not needed. */
float *heed_norm_zeros(const heed_tensor *out);

#endif
