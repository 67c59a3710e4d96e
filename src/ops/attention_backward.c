/* SPDX-License-Identifier: MIT */
/*
 * The gradient of attention (attention.c).      q, k, v, z, max, sum, dz, ..  ->  dq, dk, dv, dbias, dq_relative, drelative
 *
 *   p_ij    = exp(scale (s_ij - max_i)) / sum_i            formed again, with the scores of attention_pairs.c
 *   delta_i = dz_i . z_i               = sum_j p_ij (dz_i . v_j): what softmax subtracts
 *   g_ij    = p_ij (dz_i . v_j - delta_i)                  the gradient of a scaled score
 *
 *   dq_i = scale sum_j g_ij k_j        dk_j = scale sum_i g_ij q_i        dv_j = sum_i p_ij dz_i
 *   dbias_ij = g_ij                    dq_relative_i = scale sum_j g_ij relative[relative_zero + j - position_i]
 *   drelative[r] = scale sum_i g_ij q_relative_i           over the pairs whose distance is that of row r
 *
 * dk_j and dv_j sum over the query heads of their group too; a bias or a table that several heads or batches share gets
 * the sum over them. Keys that do not exist yet get zeros. A query that sees nothing sends nothing; where fill_1e9 has
 * it take the mean of n values, each of those gets dz_i / n, and q and k get nothing.
 *
 * When q, k and v are the columns of one fused row, so are dq, dk and dv: they share one storage in the same places,
 * and heed_accumulate() finds the gradient of the fused row finished. Otherwise each lies as [B, T, heads, head_dim].
 * Source: Dao et al. 2022 (arXiv:2205.14135), appendix B.
 */
#include "ops/attention_backward.h"

#include <string.h>

#include "ops/list.h"

enum { Q = HEED_BACKWARD_Q, K = HEED_BACKWARD_K, V = HEED_BACKWARD_V };

/* --- shape --------------------------------------------------------------------------------------- */

/* True when x, seen as [B, T, heads * head_dim], is columns x->offset .. of rows of `row` numbers. */
static bool is_columns_of(const heed_node *x, int64_t row)
{
    const heed_tensor *t = &x->tensor;
    const int64_t *size = t->shape.size;

    return (size[1] == 1 || t->stride[1] == size[3]) && (size[2] == 1 || t->stride[2] == row) &&
           (size[0] == 1 || t->stride[0] == size[2] * row) && x->offset + size[1] * size[3] <= row;
}

static int64_t columns_of(const heed_node *x)
{
    return x->tensor.shape.size[1] * x->tensor.shape.size[3];
}

/* True when q, k, v cut the rows of one dense tensor into three pieces, in any order. */
static bool cut_one_row(heed_node *const *in)
{
    const heed_node *owner = in[Q]->owner;
    const int64_t row = columns_of(in[Q]) + columns_of(in[K]) + columns_of(in[V]);
    int64_t covered = 0;

    if (in[K]->owner != owner || in[V]->owner != owner || !heed_tensor_is_dense(&owner->tensor) ||
        in[Q]->tensor.shape.size[2] != in[K]->tensor.shape.size[2] ||
        heed_tensor_count(&owner->tensor) != in[Q]->tensor.shape.size[0] * in[Q]->tensor.shape.size[2] * row)
        return false;
    for (int found = 0; found < 3; found++) {
        int i = Q;

        while (i <= V && in[i]->offset != covered)
            i++;
        if (i > V || !is_columns_of(in[i], row))
            return false;
        covered += columns_of(in[i]);
    }
    return true;
}

/* The gradient of an input that is not there has the shape of a scalar. */
static void shape_like(heed_node *dq, int output, const heed_node *x)
{
    heed_node_set_shape(dq, output, HEED_F32, x != NULL ? x->tensor.shape : heed_shape0());
}

static bool attention_backward_shape(heed_graph *g, heed_node *dq)
{
    const bool fused = cut_one_row(dq->in);

    (void)g;
    for (int k = 0; k < 3; k++) {
        const heed_node *x = dq->in[k];
        const int64_t *size = x->tensor.shape.size;
        int64_t *stride = dq->outputs[k]->tensor.stride;

        heed_node_set_shape(dq, k, x->tensor.dtype, x->tensor.shape);
        if (fused) {
            memcpy(stride, x->tensor.stride, sizeof x->tensor.stride);
            heed_node_share_storage(dq, k, dq, x->offset);
        } else {
            stride[0] = size[2] * size[1] * size[3];
            stride[1] = size[3];
            stride[2] = size[1] * size[3];
        }
    }
    shape_like(dq, HEED_BACKWARD_DBIAS, dq->in[HEED_BACKWARD_EXTRA + HEED_ATTENTION_BIAS]);
    shape_like(dq, HEED_BACKWARD_DQ_RELATIVE, dq->in[HEED_BACKWARD_EXTRA + HEED_ATTENTION_Q_RELATIVE]);
    shape_like(dq, HEED_BACKWARD_DRELATIVE, dq->in[HEED_BACKWARD_EXTRA + HEED_ATTENTION_RELATIVE]);
    return true;
}

/* --- running ------------------------------------------------------------------------------------- */

static void attention_backward_fast(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, HEED_BACKWARD_EXTRA, true);

    heed_attention_backward_fast(a, &run);
}

static size_t attention_backward_workspace(const heed_node *dq, heed_device *device)
{
    const heed_attention_run run = heed_attention_run_of_node(dq, HEED_BACKWARD_EXTRA, true);

    return heed_attention_backward_fast_workspace(&run, device);
}

/* Five products of the forward's two: scores again, dz . v, dq, dk, dv; and two more with a table of distances. */
static void attention_backward_cost(const heed_node *dq, heed_cost *cost)
{
    const heed_attention_run run = heed_attention_run_of_node(dq, HEED_BACKWARD_EXTRA, true);
    const int64_t products = run.extra[HEED_ATTENTION_RELATIVE] != NULL ? 6 : 3;

    cost->flops += 2.0 * (double)(products * run.head_dim + 2 * run.v_dim) * heed_attention_pairs(&run);
    heed_cost_add_traffic(dq, cost);
}

const heed_op heed_op_attention_backward = {
    .name = "attention_backward",
    .n_inputs = HEED_BACKWARD_INPUTS,
    .required_inputs = HEED_BACKWARD_EXTRA,
    .n_outputs = HEED_BACKWARD_OUTPUTS,
    .shape = attention_backward_shape,
    .forward = heed_attention_backward_plain,
    .fast = attention_backward_fast,
    .cost = attention_backward_cost,
    .explain = heed_attention_backward_explain,
    .workspace = attention_backward_workspace,
};

heed_node *heed_attention_backward(heed_graph *g, heed_node *const *in, int n_in,
                                   const heed_attention_attrs *attrs)
{
    return heed_node_append_list(g, &heed_op_attention_backward, attrs, sizeof *attrs, in, n_in);
}
