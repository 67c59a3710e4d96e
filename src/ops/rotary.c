/* SPDX-License-Identifier: MIT */
/*
 * Rotary positions: pairs of a head's numbers turned by angles that grow with the position.
 *
 *   x [B, H, T, D], past (scalar, [B] or absent: 0), positions [T] or absent  ->  y [B, H, T, D] in memory as [B, T, H, D]
 *
 *   y_a = A (x_a cos w - x_b sin w)        w = p_t f_m,  p_t = past_b + t or positions[t]
 *   y_b = A (x_a sin w + x_b cos w)        (a, b) = (2m, 2m + 1) interleaved, else (m, m + R/2),  m = 0 .. R/2 - 1
 *
 * The first R = rotary_dim of the D numbers turn, the others pass. So q_i . k_j depends on i - j alone. With b the base
 * and s = factor, how many times longer the context is than the one that was trained:
 *
 *   none     f_m = b^(-2m/R)
 *   linear   f_m = b^(-2m/R) / s                       positions divided by s: Chen et al. 2023 (arXiv:2306.15595) 2.3
 *   ntk      f_m = (b s^(R/(R-2)))^(-2m/R)             a larger base: the fastest pair keeps its frequency, the slowest
 *                                                      is divided by s: Peng et al. 2023 (arXiv:2309.00071) 3.1
 *   yarn     f_m = g b^(-2m/R) + (1 - g) b^(-2m/R)/s   by parts: the same, 3.2, with
 *            r = trained_length b^(-2m/R) / (2 pi)     turns of the pair within the trained length
 *            g = 0 for r < 1, (r - 1) / 31, 1 for r > 32
 *            A = 0.1 ln s + 1                          the same, 3.4; A = 1 in all others. Scores grow by A^2.
 *
 * The ramp of yarn is the paper's, linear in r. The code published beside it has one that is linear in m.
 *
 * Every position has a value: beyond any trained length, and below 0. Angles are formed in double, so that positions of
 * millions lose no digits, and rounded as cosines and sines. The fast path makes one table of them for all heads.
 * The gradient is the turn by the opposite angle, times A: the same op.
 * Source: Su et al. 2021 (arXiv:2104.09864) 3.2; pairs (m, m + R/2) are those of GPT-NeoX.
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/angles.h"
#include "ops/common.h"
#include "ops/dense.h"
#include "ops/list.h"
#include "ops/ops.h"

enum { X, PAST, POSITIONS };

typedef struct rotary_attrs {
    double base, factor;
    int64_t rotary_dim, trained_length;
    heed_rotary_scaling scaling;
    bool interleaved, back; /* back: by the opposite angle */
} rotary_attrs;

/* --- shape --------------------------------------------------------------------------------------- */

static bool options_fit(heed_graph *g, const heed_node *y, const rotary_attrs *attrs, int64_t head_dim)
{
    if (attrs->rotary_dim < 2 || attrs->rotary_dim % 2 != 0 || attrs->rotary_dim > head_dim)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE,
                               "expected a rotary_dim that is even and from 2 to head_dim %lld, got %lld",
                               (long long)head_dim, (long long)attrs->rotary_dim);
    if (!(attrs->base > 0.0) || isinf(attrs->base))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected a rotary base above 0, got %g", attrs->base);
    if (attrs->scaling != HEED_ROTARY_NONE && (!(attrs->factor >= 1.0) || isinf(attrs->factor)))
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected a rotary factor of 1 or more, got %g",
                               attrs->factor);
    if (attrs->scaling == HEED_ROTARY_YARN && attrs->trained_length < 1)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE,
                               "expected a trained_length of 1 or more for yarn, got %lld",
                               (long long)attrs->trained_length);
    return true;
}

static bool rotary_shape(heed_graph *g, heed_node *y)
{
    const heed_shape *x = &y->in[X]->tensor.shape;
    char text[96];

    if (!heed_expect_dtype(g, y, X, "x", HEED_F32))
        return false;
    if (x->rank != 4)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected x [batch, heads, T, head_dim], got %s",
                               heed_shape_format(text, sizeof text, x));
    const int64_t H = x->size[1], T = x->size[2], D = x->size[3];

    if (!options_fit(g, y, y->attrs, D) || !heed_expect_past(g, y, PAST, x->size[0]) ||
        !heed_expect_shape(g, y, POSITIONS, "positions", HEED_I32, heed_shape1(T)))
        return false;
    if (y->in[PAST] != NULL && y->in[POSITIONS] != NULL)
        return heed_graph_fail(g, y, HEED_ERR_SHAPE, "expected past or positions, got both");
    heed_node_set_shape(y, 0, HEED_F32, *x);
    y->tensor.stride[0] = T * H * D;
    y->tensor.stride[1] = D;
    y->tensor.stride[2] = H * D;
    return true;
}

/* --- angles -------------------------------------------------------------------------------------- */

/* How much of its own frequency a pair keeps that turns r times within the trained length. */
static double yarn_share(double r)
{
    return r < 1.0 ? 0.0 : r > 32.0 ? 1.0 : (r - 1.0) / 31.0;
}

static double frequency_of(const rotary_attrs *attrs, int64_t m)
{
    const double R = (double)attrs->rotary_dim, s = attrs->factor, f = pow(attrs->base, -2.0 * (double)m / R);
    double share;

    switch (attrs->scaling) {
    case HEED_ROTARY_LINEAR:
        return f / s;
    case HEED_ROTARY_NTK: /* m = 0 is all there is where R = 2 */
        return m == 0 ? f : f * pow(s, -2.0 * (double)m / (R - 2.0));
    case HEED_ROTARY_YARN:
        share = yarn_share((double)attrs->trained_length * f / (2.0 * acos(-1.0)));
        return share * f + (1.0 - share) * f / s;
    case HEED_ROTARY_NONE:
        break;
    }
    return f;
}

static double amplitude_of(const rotary_attrs *attrs)
{
    return attrs->scaling == HEED_ROTARY_YARN ? 0.1 * log(attrs->factor) + 1.0 : 1.0;
}

static int64_t position_of(const heed_op_args *a, int64_t b, int64_t t)
{
    if (a->in[POSITIONS] != NULL)
        return ((const int32_t *)a->in[POSITIONS]->data)[t];
    return heed_past_of(a->in[PAST], b) + t;
}

/* A cos w and A sin w of a pair. */
typedef struct turn {
    float cosine, sine;
} turn;

static turn turn_of(const rotary_attrs *attrs, int64_t position, int64_t m)
{
    const double angle = (double)position * frequency_of(attrs, m) * (attrs->back ? -1.0 : 1.0);
    const double amplitude = amplitude_of(attrs);

    return (turn){(float)(amplitude * cos(angle)), (float)(amplitude * sin(angle))};
}

/* --- the reference ------------------------------------------------------------------------------- */

/* Where the numbers of pair m lie in a head. */
static int64_t first_of_pair(const rotary_attrs *attrs, int64_t m)
{
    return attrs->interleaved ? 2 * m : m;
}

static int64_t second_of_pair(const rotary_attrs *attrs, int64_t m)
{
    return attrs->interleaved ? 2 * m + 1 : m + attrs->rotary_dim / 2;
}

static float first_turned(float x_a, float x_b, turn w)
{
    return x_a * w.cosine - x_b * w.sine;
}

static float second_turned(float x_a, float x_b, turn w)
{
    return x_a * w.sine + x_b * w.cosine;
}

static void rotary_forward(const heed_op_args *a)
{
    const rotary_attrs *attrs = a->attrs;
    const int64_t *size = a->out->shape.size, H = size[1], T = size[2], D = size[3];

    for (int64_t bt = 0; bt < size[0] * T; bt++) {
        const int64_t b = bt / T, t = bt % T;

        for (int64_t m = 0; m < attrs->rotary_dim / 2; m++) {
            const int64_t i = first_of_pair(attrs, m), j = second_of_pair(attrs, m);
            const turn w = turn_of(attrs, position_of(a, b, t), m);

            for (int64_t h = b * H; h < (b + 1) * H; h++) {
                const float *x = heed_row(a->in[X], h * T + t);
                float *y = heed_row(a->out, h * T + t);

                y[i] = first_turned(x[i], x[j], w);
                y[j] = second_turned(x[i], x[j], w);
            }
        }
        for (int64_t h = b * H; h < (b + 1) * H; h++) {
            for (int64_t d = attrs->rotary_dim; d < D; d++)
                heed_row(a->out, h * T + t)[d] = heed_row(a->in[X], h * T + t)[d];
        }
    }
}

/* --- fast ---------------------------------------------------------------------------------------- */

typedef struct rotary_job {
    const heed_op_args *a;
    const float
        *table; /* rows of width cosines, then width sines: [T], or [B, T] where each row has its past */
    int64_t width;
} rotary_job;

/* Cosines in a row of the table: one a pair, or one a number where pairs are interleaved. */
static int64_t width_of(const rotary_attrs *attrs)
{
    return attrs->interleaved ? attrs->rotary_dim : attrs->rotary_dim / 2;
}

/* Doubles for the frequencies and the scratch of angles, then the table. */
static size_t rotary_workspace(const heed_node *y, heed_device *device)
{
    const rotary_attrs *attrs = y->attrs;

    (void)device;
    return heed_bytes_add(heed_floats_bytes(attrs->rotary_dim * (1 + 2 * HEED_ANGLES_BLOCK)),
                          heed_floats_bytes(2 * width_of(attrs) * y->tensor.shape.size[2] *
                                            heed_past_rows(y->in[PAST] != NULL ? &y->in[PAST]->tensor : NULL)));
}

/* Each number twice, the first sine negated: see the kernel. */
static void spread_pairs(float *row, int64_t width)
{
    for (int64_t i = 0; i < width; i += 2) {
        row[i + 1] = row[i];
        row[width + i] = -row[width + i + 1];
    }
}

/* The [T] rows of batch b. */
static void fill_table(const heed_op_args *a, int64_t b, double *frequency, double *scratch, float *table)
{
    const rotary_attrs *attrs = a->attrs;
    const int64_t T = a->out->shape.size[2], width = width_of(attrs), step = attrs->interleaved ? 2 : 1;

    for (int64_t m = 0; m < attrs->rotary_dim / 2; m++)
        frequency[m] = frequency_of(attrs, m) * (attrs->back ? -1.0 : 1.0);
    heed_angles_fill(&(heed_angles){.frequency = frequency,
                                    .n = attrs->rotary_dim / 2,
                                    .positions = a->in[POSITIONS] != NULL ? a->in[POSITIONS]->data : NULL,
                                    .first = position_of(a, b, 0),
                                    .amplitude = amplitude_of(attrs),
                                    .cosine = table,
                                    .sine = table + width + step - 1,
                                    .row_stride = 2 * width,
                                    .column_stride = step},
                     T, scratch, a->device->n_threads);
    for (int64_t t = 0; t < T && attrs->interleaved; t++)
        spread_pairs(table + t * 2 * width, width);
}

/* Positions begin .. end-1, counted over the batch: all heads of each. */
static void turn_positions(void *context, int64_t begin, int64_t end, int thread)
{
    const rotary_job *job = context;
    const heed_tensor *x = job->a->in[X], *y = job->a->out;
    const rotary_attrs *attrs = job->a->attrs;
    const int64_t T = y->shape.size[2];

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const int64_t b = row / T, t = row % T;
        const float *cosine = job->table + (heed_past_rows(job->a->in[PAST]) > 1 ? row : t) * 2 * job->width;

        job->a->device->kernels->rotary((float *)y->data + b * y->stride[0] + t * y->stride[2],
                                        (const float *)x->data + b * x->stride[0] + t * x->stride[2], cosine,
                                        cosine + job->width, y->shape.size[1], y->stride[1], x->stride[1],
                                        attrs->rotary_dim, y->shape.size[3], attrs->interleaved);
    }
}

static void rotary_fast(const heed_op_args *a)
{
    const rotary_attrs *attrs = a->attrs;
    const int64_t *size = a->out->shape.size, numbers = size[1] * size[3];
    char *free_space = a->workspace;
    double *frequency = (double *)(void *)heed_floats_take(&free_space,
                                                           attrs->rotary_dim * (1 + 2 * HEED_ANGLES_BLOCK));
    const int64_t tables = heed_past_rows(a->in[PAST]), table_floats = 2 * width_of(attrs) * size[2];
    float *table = heed_floats_take(&free_space, tables * table_floats);
    rotary_job job = {.a = a, .table = table, .width = width_of(attrs)};

    for (int64_t b = 0; b < tables; b++)
        fill_table(a, b, frequency, frequency + attrs->rotary_dim / 2, table + b * table_floats);
    heed_parallel(a->device->n_threads, size[0] * size[2], numbers < HEED_PIECE ? HEED_PIECE / numbers : 1,
                  turn_positions, &job);
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void rotary_grad(heed_graph *g, heed_node *y, heed_node *const *dy, heed_node **dx)
{
    rotary_attrs attrs = *(const rotary_attrs *)y->attrs;

    attrs.back = !attrs.back;
    if (heed_node_wants_grad(y->in[X]))
        dx[X] = heed_node_append_with(g, &heed_op_rotary, &attrs, sizeof attrs, dy[0], y->in[PAST],
                                      y->in[POSITIONS]);
}

static void rotary_cost(const heed_node *y, heed_cost *cost)
{
    const rotary_attrs *attrs = y->attrs;
    const double share = (double)attrs->rotary_dim / (double)heed_cols(&y->tensor);

    heed_cost_elementwise(y, 3.0 * share, cost);
}

/* --- its lines ----------------------------------------------------------------------------------- */

static heed_figure explain_frequency(heed_explanation *e, const rotary_attrs *attrs, int64_t m_)
{
    const heed_figure m = heed_constant((double)m_), R = heed_constant((double)attrs->rotary_dim);
    const heed_figure s = heed_constant(attrs->factor);
    const heed_figure f = heed_explain_step_in(e, HEED_IN_DOUBLE, "f", "pow(base, -2 * m / R)",
                                               heed_constant(attrs->base), m, R);
    const double turns = (double)attrs->trained_length * f.value / (2.0 * acos(-1.0));
    heed_figure share;

    switch (attrs->scaling) {
    case HEED_ROTARY_LINEAR:
        return heed_explain_step_in(e, HEED_IN_DOUBLE, "frequency", "f / s", f, s);
    case HEED_ROTARY_NTK:
        if (m_ == 0)
            break;
        return heed_explain_step_in(e, HEED_IN_DOUBLE, "frequency", "f * pow(s, -2 * m / (R - 2))", f, s, m, R);
    case HEED_ROTARY_YARN:
        share = heed_explain_found(e, "share", yarn_share(turns),
                                   "the pair turns %.6g times within %lld positions", turns,
                                   (long long)attrs->trained_length);
        return heed_explain_step_in(e, HEED_IN_DOUBLE, "frequency", "share * f + (1 - share) * f / s", share, f,
                                    s);
    case HEED_ROTARY_NONE:
        break;
    }
    return f;
}

/* A cos w or A sin w of pair m. */
static heed_figure explain_turn(heed_explanation *e, const rotary_attrs *attrs, const char *label,
                                heed_figure angle)
{
    const bool cosine = label[0] == 'c';

    if (attrs->scaling != HEED_ROTARY_YARN)
        return heed_explain_step_in(e, HEED_IN_DOUBLE, label, cosine ? "f32(cos(angle))" : "f32(sin(angle))",
                                    angle);
    const heed_figure A = heed_explain_step_in(e, HEED_IN_DOUBLE, "A", "0.1 * log(s) + 1",
                                               heed_constant(attrs->factor));

    return heed_explain_step_in(e, HEED_IN_DOUBLE, label,
                                cosine ? "f32(A * cos(angle))" : "f32(A * sin(angle))", A, angle);
}

static void rotary_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const rotary_attrs *attrs = a->attrs;
    const int64_t *size = a->out->shape.size, D = size[3], d = element % D, t = element / D % size[2];
    const int64_t b = a->in[PAST] == NULL || a->in[PAST]->shape.rank == 0 ? 0
                                                                          : element / (D * size[1] * size[2]);
    const int64_t half = attrs->rotary_dim / 2, head = element - d;

    (void)output;
    if (d >= attrs->rotary_dim) {
        heed_explain_formula(e, "y[%lld] = x[%lld]", (long long)d, (long long)d);
        heed_explain_step(e, "y", "x", heed_explain_figure(e, a, X, "x", element));
        return;
    }
    const int64_t m = attrs->interleaved ? d / 2 : d % half;
    const int64_t i = first_of_pair(attrs, m), j = second_of_pair(attrs, m);
    const heed_figure x_a = heed_explain_figure(e, a, X, "x_a", head + i);
    const heed_figure x_b = heed_explain_figure(e, a, X, "x_b", head + j);

    if (a->in[POSITIONS] != NULL)
        heed_explain_read1(e, a, POSITIONS, "position", t);
    else if (a->in[PAST] != NULL)
        heed_explain_read1(e, a, PAST, "past", b);
    const heed_figure angle = heed_explain_step_in(
        e, HEED_IN_DOUBLE, "angle", attrs->back ? "-(p * frequency)" : "p * frequency",
        heed_constant((double)position_of(a, b, t)), explain_frequency(e, attrs, m));
    const heed_figure c = explain_turn(e, attrs, "c", angle), s = explain_turn(e, attrs, "s", angle);

    heed_explain_formula(e, "y[%lld] = %.9g (x[%lld] cos w %s x[%lld] sin w), w = %s%lld * %.9g", (long long)d,
                         amplitude_of(attrs), (long long)(d == i ? i : j), d == i ? "-" : "+",
                         (long long)(d == i ? j : i), attrs->back ? "-" : "", (long long)position_of(a, b, t),
                         frequency_of(attrs, m));
    if (d == i)
        heed_explain_step(e, "y", "x_a * c - x_b * s", x_a, c, x_b, s);
    else
        heed_explain_step(e, "y", "x_a * s + x_b * c", x_a, s, x_b, c);
}

const heed_op heed_op_rotary = {
    .name = "rotary",
    .n_inputs = 3,
    .required_inputs = 1,
    .shape = rotary_shape,
    .forward = rotary_forward,
    .fast = rotary_fast,
    .grad = rotary_grad,
    .cost = rotary_cost,
    .explain = rotary_explain,
    .workspace = rotary_workspace,
};

heed_node *heed_rotary(heed_graph *g, heed_node *x, heed_node *past, const heed_rotary_options *options)
{
    rotary_attrs attrs;

    if (x == NULL)
        return NULL;
    attrs = (rotary_attrs){
        .base = options->base == 0.0 ? 10000.0 : options->base,
        .factor = options->factor,
        .rotary_dim = options->rotary_dim != 0 || x->tensor.shape.rank == 0 ? options->rotary_dim
                                                                            : heed_cols(&x->tensor),
        .trained_length = options->trained_length,
        .scaling = options->scaling,
        .interleaved = options->interleaved,
    };
    return heed_node_append_with(g, &heed_op_rotary, &attrs, sizeof attrs, x, past, options->positions);
}
