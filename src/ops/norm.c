/* SPDX-License-Identifier: MIT */
#include "ops/norm.h"

#include <string.h>

#include "ops/common.h"

bool heed_norm_check(heed_graph *g, const heed_node *node)
{
    const heed_shape *x = &node->in[0]->tensor.shape;

    if (!heed_expect_dtype(g, node, 0, "x", HEED_F32))
        return false;
    if (x->rank < 1)
        return heed_graph_fail(g, node, HEED_ERR_SHAPE, "expected x with rows to normalize, got a scalar");
    return heed_expect_shape(g, node, 1, "gamma", HEED_F32, heed_shape_last(x, 1));
}

enum { MAX_BLOCKS = 32, MIN_BLOCK_ROWS = 16 };

int64_t heed_norm_block_rows(int64_t rows)
{
    const int64_t block = (rows + MAX_BLOCKS - 1) / MAX_BLOCKS;

    return block < MIN_BLOCK_ROWS ? MIN_BLOCK_ROWS : block;
}

int64_t heed_norm_blocks(int64_t rows)
{
    return (rows + heed_norm_block_rows(rows) - 1) / heed_norm_block_rows(rows);
}

float *heed_norm_zeros(const heed_tensor *out)
{
    if (out == NULL)
        return NULL;
    memset(out->data, 0, (size_t)heed_tensor_count(out) * sizeof(float));
    return out->data;
}
