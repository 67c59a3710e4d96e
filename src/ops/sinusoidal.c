/* SPDX-License-Identifier: MIT */
/*
 * Rows of the table of sines and cosines.      past (scalar or absent: 0)  ->  y [T, d]        past [B]  ->  y [B, T, d]
 *
 *   y[b, t, 2m]     = sin(p / 10000^(2m / d))
 *   y[b, t, 2m + 1] = cos(p / 10000^(2m / d))     p = past_b + t, or T - 1 - t for distances, the largest first
 *
 * For odd d the last column is a sine. Every position has a row, beyond any length that was trained and below 0 too.
 * Angles are in double: a row is right to float's last place at any position. No gradient flows.
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.5; distances: Dai et al. 2019 (arXiv:1901.02860) 3.3.
 */
#include <math.h>

#include "ops/angles.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"
#include "ops/ops.h"

typedef struct sinusoidal_attrs {
    int64_t T, d;
    bool back; /* distances T-1 .. 0 in place of positions */
} sinusoidal_attrs;

static bool sinusoidal_shape(heed_graph *g, heed_node *y)
{
    const sinusoidal_attrs *attrs = y->attrs;

    if (attrs->T < 1 || attrs->d < 1)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE,
                               "expected at least one row of at least one number, got [%lld, %lld]",
                               (long long)attrs->T, (long long)attrs->d);
    if (!heed_expect_past(g, y, 0, -1))
        return false;
    heed_node_set_shape(y, 0, HEED_F32, heed_shape2(attrs->T, attrs->d));
    if (y->in[0] != NULL && y->in[0]->tensor.shape.rank == 1)
        heed_node_set_shape(y, 0, HEED_F32, heed_shape3(y->in[0]->tensor.shape.size[0], attrs->T, attrs->d));
    return true;
}

/* Of a row of y, counted over the batch. */
static int64_t position_of(const heed_op_args *a, int64_t row)
{
    const sinusoidal_attrs *attrs = a->attrs;

    if (attrs->back)
        return attrs->T - 1 - row;
    return heed_past_of(a->in[0], row / attrs->T) + row % attrs->T;
}

static double frequency_of(int64_t m, int64_t d)
{
    return pow(10000.0, -2.0 * (double)m / (double)d);
}

static float sinusoidal_of(int64_t position, int64_t column, int64_t d)
{
    const double angle = (double)position * frequency_of(column / 2, d);

    return (float)(column % 2 == 0 ? sin(angle) : cos(angle));
}

static void sinusoidal_forward(const heed_op_args *a)
{
    const int64_t d = heed_cols(a->out);

    for (int64_t row = 0; row < heed_rows(a->out); row++) {
        float *y = heed_row(a->out, row);

        for (int64_t j = 0; j < d; j++)
            y[j] = sinusoidal_of(position_of(a, row), j, d);
    }
}

/* Frequencies and the scratch of angles, in doubles. */
static size_t sinusoidal_workspace(const heed_node *y, heed_device *device)
{
    const sinusoidal_attrs *attrs = y->attrs;
    const int64_t n = (attrs->d + 1) / 2;

    (void)device;
    return heed_floats_bytes(2 * n * (1 + 2 * HEED_ANGLES_BLOCK));
}

static void sinusoidal_fast(const heed_op_args *a)
{
    const sinusoidal_attrs *attrs = a->attrs;
    const int64_t T = attrs->T, d = attrs->d, n = (d + 1) / 2, last = d - 1;
    const bool back = attrs->back;
    double *frequency = a->workspace;

    /* Distances T-1 .. 0 are positions -(T-1) .. 0 turned the other way. */
    for (int64_t m = 0; m < n; m++)
        frequency[m] = back ? -frequency_of(m, d) : frequency_of(m, d);
    for (int64_t row = 0; row < heed_rows(a->out); row += T) {
        float *y = heed_row(a->out, row);

        heed_angles_fill(&(heed_angles){.frequency = frequency,
                                        .n = d / 2,
                                        .first = back ? 1 - T : position_of(a, row),
                                        .amplitude = 1.0,
                                        .cosine = y + 1,
                                        .sine = y,
                                        .row_stride = d,
                                        .column_stride = 2},
                         T, frequency + n, a->device->n_threads);
        for (int64_t t = 0; t < T && d % 2 == 1; t++)
            y[t * d + last] = sinusoidal_of(position_of(a, row + t), last, d);
    }
}

static void sinusoidal_cost(const heed_node *y, heed_cost *cost)
{
    heed_cost_add_traffic(y, cost);
    cost->flops += 2.0 * (double)heed_tensor_count(&y->tensor);
}

static void sinusoidal_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const int64_t d = heed_cols(a->out), t = element / d, j = element % d;

    (void)output;
    if (a->in[0] != NULL)
        heed_explain_read1(e, a, 0, "past",
                           a->in[0]->shape.rank == 0 ? 0 : t / ((const sinusoidal_attrs *)a->attrs)->T);
    heed_explain_formula(e, "y[t, %lld] = %s(p / 10000^(%lld / %lld)), p = %lld", (long long)j,
                         j % 2 == 0 ? "sin" : "cos", (long long)(j / 2 * 2), (long long)d,
                         (long long)position_of(a, t));
    const heed_figure frequency = heed_explain_step_in(e, HEED_IN_DOUBLE, "frequency", "pow(10000, -2 * m / d)",
                                                       heed_constant((double)(j / 2)),
                                                       heed_constant((double)d));
    const heed_figure angle = heed_explain_step_in(e, HEED_IN_DOUBLE, "angle", "p * frequency",
                                                   heed_constant((double)position_of(a, t)), frequency);

    heed_explain_step_in(e, HEED_IN_DOUBLE, "y", j % 2 == 0 ? "f32(sin(angle))" : "f32(cos(angle))", angle);
}

const heed_op heed_op_sinusoidal = {
    .name = "sinusoidal",
    .n_inputs = 1,
    .required_inputs = -1,
    .shape = sinusoidal_shape,
    .forward = sinusoidal_forward,
    .fast = sinusoidal_fast,
    .cost = sinusoidal_cost,
    .explain = sinusoidal_explain,
    .workspace = sinusoidal_workspace,
};

heed_node *heed_sinusoidal(heed_graph *g, heed_node *past, int64_t T, int64_t d)
{
    const sinusoidal_attrs attrs = {.T = T, .d = d};

    return heed_node_append_with(g, &heed_op_sinusoidal, &attrs, sizeof attrs, past);
}

heed_node *heed_sinusoidal_back(heed_graph *g, int64_t T, int64_t d)
{
    const sinusoidal_attrs attrs = {.T = T, .d = d, .back = true};

    return heed_node_append_with(g, &heed_op_sinusoidal, &attrs, sizeof attrs, (heed_node *)NULL);
}
