/* SPDX-License-Identifier: MIT */
/*
 * Matrix product over the last two axes.      a [..., m, k], b [..., k, n]  ->  y [..., m, n]
 *
 *   matmul     y = A B          y_ij = sum_l A_il B_lj        A = a or a^T, B = b or b^T, as the flags say
 *
 *   dA = dy B^T, dB = A^T dy: matrix products again. Of an operand that is stored transposed the gradient is
 *   transposed too, da = B dy^T and db = dy^T A.
 *
 * Leading axes are equal; one product follows the other.
 */
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct matmul_flags {
    bool transpose_a, transpose_b;
} matmul_flags;

static const matmul_flags *flags_of(const heed_node *node)
{
    return node->attrs;
}

/* Size of one of the last two axes, axis 0 or 1, after transposing. */
static int64_t matrix_size(const heed_tensor *x, bool transpose, int axis)
{
    return heed_shape_size(&x->shape, transpose ? -1 - axis : axis - 2);
}

static bool leading_axes_agree(const heed_tensor *a, const heed_tensor *b)
{
    if (a->shape.rank < 2 || a->shape.rank != b->shape.rank)
        return false;
    for (int axis = 0; axis < a->shape.rank - 2; axis++) {
        if (a->shape.size[axis] != b->shape.size[axis])
            return false;
    }
    return true;
}

static bool matmul_shape(heed_graph *g, heed_node *y)
{
    const heed_tensor *a = &y->in[0]->tensor, *b = &y->in[1]->tensor;
    const matmul_flags *flags = flags_of(y);
    heed_shape shape = a->shape;
    char a_text[96], b_text[96];

    if (!heed_expect_dtype(g, y, 0, "a", HEED_F32) || !heed_expect_dtype(g, y, 1, "b", HEED_F32))
        return false;
    if (!leading_axes_agree(a, b) ||
        matrix_size(a, flags->transpose_a, 1) != matrix_size(b, flags->transpose_b, 0))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "%s %s%s and %s %s%s cannot be multiplied", y->in[0]->name,
                               heed_shape_format(a_text, sizeof a_text, &a->shape),
                               flags->transpose_a ? " (transposed)" : "", y->in[1]->name,
                               heed_shape_format(b_text, sizeof b_text, &b->shape),
                               flags->transpose_b ? " (transposed)" : "");
    shape.size[shape.rank - 2] = matrix_size(a, flags->transpose_a, 0);
    shape.size[shape.rank - 1] = matrix_size(b, flags->transpose_b, 1);
    heed_node_set_shape(y, 0, HEED_F32, shape);
    return true;
}

/* Matrices that the leading axes count. */
static int64_t n_matrices(const heed_tensor *x)
{
    return heed_rows(x) / heed_shape_size(&x->shape, -2);
}

/* Row r of matrix number `which`. */
static float *matrix_row(const heed_tensor *x, int64_t which, int64_t r)
{
    return heed_row(x, which * heed_shape_size(&x->shape, -2) + r);
}

static void matmul_forward(const heed_op_args *args)
{
    const heed_tensor *a = args->in[0], *b = args->in[1];
    const matmul_flags *flags = args->attrs;
    const int64_t m = heed_shape_size(&args->out->shape, -2), n = heed_cols(args->out);
    const int64_t k = matrix_size(a, flags->transpose_a, 1);

    for (int64_t which = 0; which < n_matrices(args->out); which++) {
        for (int64_t i = 0; i < m; i++) {
            float *y = matrix_row(args->out, which, i);

            for (int64_t j = 0; j < n; j++) {
                float sum = 0.0f;

                for (int64_t l = 0; l < k; l++) {
                    const float a_il = flags->transpose_a ? matrix_row(a, which, l)[i]
                                                          : matrix_row(a, which, i)[l];
                    const float b_lj = flags->transpose_b ? matrix_row(b, which, j)[l]
                                                          : matrix_row(b, which, l)[j];
                    sum += a_il * b_lj;
                }
                y[j] = sum;
            }
        }
    }
}

static heed_product_shape product_of(const heed_node *y)
{
    const matmul_flags *flags = flags_of(y);

    return (heed_product_shape){.m = heed_shape_size(&y->tensor.shape, -2),
                                .n = heed_cols(&y->tensor),
                                .k = matrix_size(&y->in[0]->tensor, flags->transpose_a, 1),
                                .transpose_a = flags->transpose_a,
                                .transpose_b = flags->transpose_b};
}

static void matmul_fast(const heed_op_args *args)
{
    const heed_product_shape shape = product_of(args->node);
    char *free_space = args->workspace;
    const float *a = heed_dense_operand(args->in[0], &free_space);
    const float *b = heed_dense_operand(args->in[1], &free_space);
    float *y = args->out->data;

    for (int64_t which = 0; which < n_matrices(args->out); which++)
        heed_product_compute(args->device, &shape, a + which * shape.m * shape.k, b + which * shape.k * shape.n,
                             NULL, y + which * shape.m * shape.n, free_space);
}

static size_t matmul_workspace(const heed_node *y, heed_device *device)
{
    const heed_product_shape shape = product_of(y);
    const size_t copies = heed_bytes_add(heed_dense_bytes(&y->in[0]->tensor),
                                         heed_dense_bytes(&y->in[1]->tensor));

    return heed_bytes_add(copies, heed_product_bytes(device, &shape));
}

static void matmul_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    const matmul_flags *flags = flags_of(y);
    heed_node *a = y->in[0], *b = y->in[1];

    if (heed_node_wants_grad(a))
        dx[0] = flags->transpose_a ? heed_matmul(g, b, dy[0], flags->transpose_b, true)
                                   : heed_matmul(g, dy[0], b, false, !flags->transpose_b);
    if (heed_node_wants_grad(b))
        dx[1] = flags->transpose_b ? heed_matmul(g, dy[0], a, true, flags->transpose_a)
                                   : heed_matmul(g, a, dy[0], !flags->transpose_a, false);
}

static void matmul_cost(const heed_node *y, heed_cost *cost)
{
    cost->flops += 2.0 * (double)heed_tensor_count(&y->tensor) * (double)product_of(y).k;
    heed_cost_add_traffic(y, cost);
}

static void matmul_explain(const heed_op_args *args, int output, int64_t element, heed_explanation *e)
{
    const heed_product_shape s = product_of(args->node);
    const int64_t which = element / (s.m * s.n), i = element / s.n % s.m, j = element % s.n;
    const int64_t a_start = which * s.m * s.k + (s.transpose_a ? i : i * s.k);
    const int64_t b_start = which * s.k * s.n + (s.transpose_b ? j * s.k : j);
    const heed_figures a = heed_explain_operand(e, args, 0, "a", a_start, s.transpose_a ? s.m : 1, s.k);
    const heed_figures b = heed_explain_operand(e, args, 1, "b", b_start, s.transpose_b ? 1 : s.n, s.k);

    (void)output;
    heed_explain_formula(e, "y[i, j] = sum_l a[%s] b[%s]", s.transpose_a ? "l, i" : "i, l",
                         s.transpose_b ? "j, l" : "l, j");
    heed_explain_sum(e, "y", s.k, "a[l] * b[l]", a, b);
}

const heed_op heed_op_matmul = {
    .name = "matmul",
    .n_inputs = 2,
    .shape = matmul_shape,
    .forward = matmul_forward,
    .fast = matmul_fast,
    .grad = matmul_grad,
    .cost = matmul_cost,
    .explain = matmul_explain,
    .workspace = matmul_workspace,
};

heed_node *heed_matmul(heed_graph *g, heed_node *a, heed_node *b, bool transpose_a, bool transpose_b)
{
    const matmul_flags flags = {transpose_a, transpose_b};

    return heed_node_append_with(g, &heed_op_matmul, &flags, sizeof flags, a, b);
}
