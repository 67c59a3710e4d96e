/* SPDX-License-Identifier: MIT */
/*
 * Products of groups of rows, each with a matrix of its own: what experts do with the tokens that were sent to them.
 *
 *     rows      C_r  = A_r op(B_e) (+ bias_e)     for the rows r of group e     A [R, k], B [G, k, n], C [R, n]
 *     weights   C_e  = sum over its rows r of A_r^T B_r                         A [R, m], B [R, n], C [G, m, n]
 *
 * Rows of a group lie one after the other: group e has rows offsets[e] .. offsets[e+1]-1, none when they are equal. The
 * offsets may differ from run to run; the workspace does not depend on them, and nothing is allocated. An element
 * has the same bits for any number of threads and whatever the other groups are. Rows behind the last group are left
 * as they are. All by heed's own register tile, on the kernels of the device.
 */
#ifndef HEED_KERNELS_PRODUCT_GROUPS_H
#define HEED_KERNELS_PRODUCT_GROUPS_H

#include "kernels/device.h"

typedef struct heed_groups {
    int64_t n_groups;
    const int32_t *offsets; /* [n_groups + 1], ascending */
    bool weights;           /* groups cut the summed axis; otherwise they cut the rows of C */
    int64_t m, n, k;        /* m: of weights only; k: of rows only */
    bool transpose_b;       /* of rows: B is [G, n, k] */
} heed_groups;

/** Bytes of workspace for any offsets (which are not read), aligned to 64. */
size_t heed_groups_workspace_bytes(const heed_groups *groups, const heed_device *device);
/** bias [G, n] or NULL, of rows only. a, b, c dense and not overlapping. */
void heed_groups_run(const heed_groups *groups, const heed_device *device, const float *a, const float *b,
                     const float *bias, float *c, void *workspace);

#endif
