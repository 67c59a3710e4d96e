/* SPDX-License-Identifier: MIT */
#include "workbook/attend.h"

#include <heed/paper.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "workbook/by_hand.h"
#include "workbook/distribution.h"

#define MOST_SIZE 1e15 /* of a number: products of two stay floats */

/* --- what is given, with the slips that change it --- */

static bool given(heed_grid x)
{
    return x.data != NULL;
}

static void swap(heed_grid *a, heed_grid *b)
{
    const heed_grid x = *a;

    *a = *b;
    *b = x;
}

static int64_t n_tokens(const heed_attend_inputs *in)
{
    return given(in->q) ? in->q.rows : in->x.rows;
}

static int64_t n_keys(const heed_attend_inputs *in)
{
    return given(in->k) ? in->k.rows : given(in->x_kv) ? in->x_kv.rows : in->x.rows;
}

/* Columns of all queries together. */
static int64_t n_columns(const heed_attend_inputs *in)
{
    if (given(in->q))
        return in->q.columns;
    if (given(in->w_q))
        return in->columns ? in->w_q.rows : in->w_q.columns;
    return in->x.columns;
}

/* Queries for keys and keys for queries: where there are as many of each. */
static void exchange(heed_attend_inputs *in)
{
    if (n_tokens(in) != n_keys(in) || given(in->x_kv) || given(in->q) != given(in->k))
        return;
    swap(&in->q, &in->k);
    swap(&in->w_q, &in->w_k);
    swap(&in->b_q, &in->b_k);
}

/* Q K^T of the keys' transpose is Q K: where there are as many keys as columns. */
static void leave_unturned(heed_solving *s, heed_attend_inputs *in)
{
    if (given(in->k) && in->n_heads <= 1 && in->k.rows == in->k.columns)
        in->k = heed_grid_turn(s, in->k);
}

/* The causal mask and the table as one table, transposed; where it is square. */
static void turn_mask(heed_solving *s, heed_attend_inputs *in)
{
    const int64_t n = n_tokens(in);
    heed_grid all;

    if ((!in->causal && !given(in->mask)) || n_keys(in) != n)
        return;
    all = heed_grid_make(s, n, n);
    for (int64_t i = 0; i < all.rows; i++) {
        for (int64_t j = 0; j < n; j++)
            all.data[j * n + i] = (!in->causal || j <= i) &&
                                  (!given(in->mask) || in->mask.data[i * n + j] != 0.0);
    }
    in->mask = all;
    in->causal = false;
}

static void go_wrong(heed_solving *s, heed_attend_inputs *in)
{
    const int64_t n_heads = in->n_heads > 0 ? in->n_heads : 1;

    switch (s->slip) {
    case HEED_SLIP_NO_SCALE:
        in->scale = 1.0;
        break;
    case HEED_SLIP_HEAD_DIM:
        in->scale = (double)n_heads / (double)n_columns(in);
        break;
    case HEED_SLIP_TURNED_INPUT:
        exchange(in);
        break;
    case HEED_SLIP_NOT_TURNED:
        leave_unturned(s, in);
        break;
    case HEED_SLIP_MASK_TURNED:
        turn_mask(s, in);
        break;
    case HEED_SLIP_NO_MASK:
        in->causal = false;
        in->mask = (heed_grid){0, 0, NULL};
        break;
    case HEED_SLIP_NO_HEADS:
        in->n_heads = 1;
        break;
    case HEED_SLIP_NO_BIAS:
        in->b_q = in->b_k = in->b_v = in->b_o = (heed_grid){0, 0, NULL};
        break;
    default:
        break;
    }
}

/* --- to paper --- */

/* The grids of the inputs, under the names that messages use. */
static const struct {
    const char *name;
    size_t from, to;
} inputs[] = {
#define INPUT(word, field, member)                                                     \
    {                                                                                  \
        word, offsetof(heed_attend_inputs, field), offsetof(heed_paper_inputs, member) \
    }
    INPUT("Q", q, q),
    INPUT("K", k, k),
    INPUT("V", v, v),
    INPUT("x", x, x),
    INPUT("source", x_kv, x_kv),
    INPUT("W_q", w_q, w_q),
    INPUT("W_k", w_k, w_k),
    INPUT("W_v", w_v, w_v),
    INPUT("W_o", w_o, w_o),
    INPUT("b_q", b_q, b_q),
    INPUT("b_k", b_k, b_k),
    INPUT("b_v", b_v, b_v),
    INPUT("b_o", b_o, b_o),
    INPUT("mask", mask, table),
    INPUT("upstream gradient", grad, grad),
#undef INPUT
};
#define N_INPUTS (sizeof inputs / sizeof inputs[0])

static bool to_matrix(heed_solving *s, const char *name, heed_grid x, heed_matrix *m)
{
    const int64_t n = x.rows * x.columns;

    if (x.rows < 1 || x.columns < 1 || x.rows > HEED_ATTEND_MOST || x.columns > HEED_ATTEND_MOST)
        return heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected at most %d rows and columns, got %lld x %lld",
                               name, HEED_ATTEND_MOST, (long long)x.rows, (long long)x.columns);
    *m = (heed_matrix){x.rows, x.columns, heed_arena_alloc(s->arena, (size_t)n * sizeof *m->data)};
    if (m->data == NULL)
        return heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld numbers", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(x.data[i]) <= MOST_SIZE))
            return heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected numbers up to %g, got %g", name, MOST_SIZE,
                                   x.data[i]);
        m->data[i] = (float)x.data[i];
    }
    return true;
}

static void to_paper(heed_solving *s, const heed_attend_inputs *in, heed_matrix *matrices,
                     heed_paper_inputs *out)
{
    *out = (heed_paper_inputs){.columns = in->columns,
                               .n_heads = in->n_heads,
                               .scale = in->scale,
                               .mask.causal = in->causal,
                               .form = HEED_MASK_SEEN};
    for (size_t i = 0; i < N_INPUTS; i++) {
        const heed_grid *x = (const heed_grid *)(const void *)((const char *)in + inputs[i].from);
        const heed_matrix *m = &matrices[i];

        if (given(*x) && to_matrix(s, inputs[i].name, *x, &matrices[i]))
            memcpy((char *)out + inputs[i].to, &m, sizeof m);
    }
}

/* --- from paper --- */

/* The results that have a step of their own; of those of heads each has one. */
static const struct {
    const char *name;
    size_t to;
    bool of_heads;
} results[] = {
#define RESULT(field, of_heads)                          \
    {                                                    \
#field, offsetof(heed_attended, field), of_heads \
    }
    RESULT(q, false),      RESULT(k, false),      RESULT(v, false),       RESULT(scores, true),
    RESULT(scaled, true),  RESULT(masked, true),  RESULT(weights, true),  RESULT(y, false),
    RESULT(dq, false),     RESULT(dk, false),     RESULT(dv, false),      RESULT(dscores, true),
    RESULT(dscaled, true), RESULT(dmasked, true), RESULT(dweights, true), RESULT(dx, false),
    RESULT(dx_kv, false),  RESULT(dw_q, false),   RESULT(dw_k, false),    RESULT(dw_v, false),
    RESULT(dw_o, false),   RESULT(db_q, false),   RESULT(db_k, false),    RESULT(db_v, false),
    RESULT(db_o, false),
#undef RESULT
};

static const heed_paper_step *find(const heed_paper *p, const char *name, int64_t n_heads, int head)
{
    for (int i = 0; i < heed_paper_n_steps(p); i++) {
        const heed_paper_step *step = heed_paper_step_at(p, i);
        if (strcmp(step->name, name) == 0 && (step->head == head || n_heads == 1))
            return step;
    }
    return NULL;
}

/* Copies the step to row and column of out. */
static void place(heed_grid out, int64_t row, int64_t column, const heed_paper_step *step)
{
    for (int64_t i = 0; i < step->rows; i++) {
        for (int64_t j = 0; j < step->columns; j++)
            out.data[(row + i) * out.columns + column + j] = (double)step->values[i * step->columns + j];
    }
}

/* What the step is in all heads: one below the other, or side by side. */
static heed_grid collect(heed_solving *s, const heed_paper *p, const char *name, int64_t n_heads, bool beside)
{
    const heed_paper_step *first = find(p, name, n_heads, 0);
    heed_grid out = {0, 0, NULL};

    if (first == NULL)
        return out;
    out = heed_grid_make(s, first->rows * (beside ? 1 : n_heads), first->columns * (beside ? n_heads : 1));
    for (int h = 0; s->status == HEED_OK && h < n_heads; h++) {
        const heed_paper_step *step = find(p, name, n_heads, h);
        place(out, beside ? 0 : h * step->rows, beside ? h * step->columns : 0, step);
    }
    return out;
}

static heed_grid whole(heed_solving *s, const heed_paper *p, const char *name, int64_t n_heads)
{
    const heed_paper_step *step = find(p, name, n_heads, -1);
    heed_grid out = {0, 0, NULL};

    if (step == NULL)
        return out;
    out = heed_grid_make(s, step->rows, step->columns);
    if (out.data != NULL)
        place(out, 0, 0, step);
    return out;
}

/* A step that is left out because nothing happens in it is the one before it; so with gradients, the other way round. */
static void fill_gaps(heed_attended *a)
{
    if (!given(a->scaled))
        a->scaled = a->scores;
    if (!given(a->masked))
        a->masked = a->scaled;
    if (!given(a->y))
        a->y = a->output;
    if (!given(a->dscaled))
        a->dscaled = given(a->dmasked) ? a->dmasked : a->dscores;
    if (!given(a->dmasked))
        a->dmasked = a->dscaled;
    if (!given(a->dscores))
        a->dscores = a->dscaled;
}

static heed_attended from_paper(heed_solving *s, const heed_paper *p, int64_t n_heads)
{
    heed_attended a = {0};

    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        const heed_grid x = results[i].of_heads ? collect(s, p, results[i].name, n_heads, false)
                                                : whole(s, p, results[i].name, n_heads);
        memcpy((char *)&a + results[i].to, &x, sizeof x);
    }
    a.output = collect(s, p, "output", n_heads, true);
    fill_gaps(&a);
    return a;
}

/* --- slips behind the scores --- */

/* Rows first .. first + n - 1, lent by x. */
static heed_grid rows_of(heed_grid x, int64_t first, int64_t n)
{
    return (heed_grid){n, x.columns, x.data + first * x.columns};
}

/* x with 0 where the masked scores are -inf. */
static heed_grid with_zeros(heed_solving *s, heed_grid x, heed_grid masked)
{
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = isinf(masked.data[i]) ? 0.0 : x.data[i];
    return out;
}

/* W of one head: by columns, with the mask behind it, or with zeros in front of it. */
static heed_grid other_weights(heed_solving *s, const heed_attended *a, int64_t first, int64_t n)
{
    const heed_grid scaled = rows_of(a->scaled, first, n), masked = rows_of(a->masked, first, n);

    if (s->slip == HEED_SLIP_COLUMNS)
        return heed_softmax_of_columns(s, masked);
    if (s->slip == HEED_SLIP_ZERO_MASK)
        return heed_softmax_of_rows(s, with_zeros(s, scaled, masked));
    return with_zeros(s, heed_softmax_of_rows(s, scaled), masked);
}

/* The output of one head with weights w, in its columns. */
static void set_output(heed_solving *s, heed_attended *a, int64_t head, int64_t n_heads, heed_grid w)
{
    const int64_t v_dim = a->v.columns / n_heads;
    heed_grid v = heed_grid_make(s, a->v.rows, v_dim), out;

    for (int64_t i = 0; i < v.rows * v_dim; i++)
        v.data[i] = a->v.data[i / v_dim * a->v.columns + head * v_dim + i % v_dim];
    out = heed_grid_times(s, w, v);
    for (int64_t i = 0; i < out.rows * v_dim; i++)
        a->output.data[i / v_dim * a->output.columns + head * v_dim + i % v_dim] = out.data[i];
}

static heed_grid map_out(heed_solving *s, const heed_attend_inputs *in, heed_grid x)
{
    heed_grid y;

    if (!given(in->w_o))
        return x;
    y = heed_grid_times(s, x, in->columns ? heed_grid_turn(s, in->w_o) : in->w_o);
    for (int64_t i = 0; given(in->b_o) && i < y.rows * y.columns; i++)
        y.data[i] += in->b_o.data[i % y.columns];
    return y;
}

static void go_wrong_in_softmax(heed_solving *s, const heed_attend_inputs *in, heed_attended *a,
                                int64_t n_heads)
{
    const int64_t n = a->output.rows;
    heed_attended forward;

    for (int64_t h = 0; s->status == HEED_OK && h < n_heads; h++) {
        const heed_grid w = other_weights(s, a, h * n, n);
        if (s->status != HEED_OK)
            return;
        memcpy(rows_of(a->weights, h * n, n).data, w.data, (size_t)(n * w.columns) * sizeof *w.data);
        set_output(s, a, h, n_heads, w);
    }
    a->y = map_out(s, in, a->output);
    forward = (heed_attended){.q = a->q, .k = a->k, .v = a->v, .scores = a->scores, .scaled = a->scaled};
    forward.masked = s->slip == HEED_SLIP_MASK_LATE   ? a->scaled
                     : s->slip == HEED_SLIP_ZERO_MASK ? with_zeros(s, a->scaled, a->masked)
                                                      : a->masked;
    forward.weights = a->weights;
    forward.output = a->output;
    forward.y = a->y;
    *a = forward;
}

/* --- all of it --- */

/* Where only weights are wanted, the values are zeros, one column a head. */
static heed_attend_inputs complete(heed_solving *s, const heed_attend_inputs *in)
{
    heed_attend_inputs out = *in;

    if (!given(in->v) && !given(in->x) && !given(in->x_kv) && s->status == HEED_OK)
        out.v = heed_grid_make(s, in->k.rows, in->n_heads > 0 ? in->n_heads : 1);
    return out;
}

heed_attended heed_attend(heed_solving *s, const heed_attend_inputs *given_inputs)
{
    heed_attend_inputs in = complete(s, given_inputs);
    heed_matrix matrices[N_INPUTS] = {{0}};
    heed_paper_inputs on_paper;
    heed_paper *paper = NULL;
    heed_error err = {HEED_OK, ""};
    heed_attended a = {0};
    int64_t n_heads;
    heed_status status;

    if (s->status != HEED_OK)
        return a;
    go_wrong(s, &in);
    to_paper(s, &in, matrices, &on_paper);
    if (s->status != HEED_OK)
        return a;
    status = heed_paper_attention(&on_paper, &paper, &err);
    if (status != HEED_OK) {
        heed_solve_fail(s, status == HEED_ERR_SHAPE ? HEED_ERR_USAGE : status, "%s", err.message);
        return a;
    }
    n_heads = in.n_heads > 0 ? in.n_heads : 1;
    a = from_paper(s, paper, n_heads);
    heed_paper_destroy(paper);
    if (s->status == HEED_OK &&
        (s->slip == HEED_SLIP_COLUMNS || s->slip == HEED_SLIP_MASK_LATE || s->slip == HEED_SLIP_ZERO_MASK))
        go_wrong_in_softmax(s, &in, &a, n_heads);
    return s->status == HEED_OK ? a : (heed_attended){0};
}

/* --- in words --- */

static void explain_score(heed_solving *s, const heed_attended *a, int64_t head_dim)
{
    char sum[400] = "";
    size_t used = 0;

    for (int64_t i = 0; i < head_dim && i < 8 && used + 40 < sizeof sum; i++)
        used += (size_t)snprintf(sum + used, sizeof sum - used, "%s(%.5g)(%.5g)", i > 0 ? " + " : "",
                                 a->q.data[i], a->k.data[i]);
    heed_step(s, "the score of query 1 and key 1 is their dot product: %s%s = %.5g", sum,
              head_dim > 8 ? " + .." : "", a->scores.data[0]);
}

static void explain_scaled(heed_solving *s, const heed_attend_inputs *in, const heed_attended *a,
                           int64_t head_dim)
{
    if (in->scale != 0.0)
        heed_step_grid(s, a->scaled, "scaled by %.5g", in->scale);
    else
        heed_step_grid(s, a->scaled, "divided by sqrt(head_dim) = sqrt(%lld) = %.5g", (long long)head_dim,
                       sqrt((double)head_dim));
}

void heed_attend_explain(heed_solving *s, const heed_attend_inputs *in, const heed_attended *a,
                         heed_attend_step last)
{
    const int64_t n_heads = in->n_heads > 0 ? in->n_heads : 1;
    const bool masked = in->causal || given(in->mask);

    if (s->status != HEED_OK || s->steps == NULL)
        return;
    explain_score(s, a, a->q.columns / n_heads);
    heed_step_grid(s, a->scores, "scores S = Q K^T%s", n_heads > 1 ? ", of the heads below each other" : "");
    if (last >= HEED_ATTEND_SCALED && in->scale != 1.0)
        explain_scaled(s, in, a, a->q.columns / n_heads);
    if (last >= HEED_ATTEND_MASKED && masked)
        heed_step_grid(s, a->masked, "-inf where the query may not look%s",
                       in->causal ? ": at later keys, above the diagonal" : "");
    if (last >= HEED_ATTEND_WEIGHTS) {
        heed_step_softmax(s, a->masked, a->weights, a->masked.rows - 1);
        heed_step_grid(s, a->weights, "weights A = softmax of every row");
    }
    if (last >= HEED_ATTEND_OUTPUT)
        heed_step_grid(s, a->output, "output A V: each row the mean of the values, by its weights");
}
