/* SPDX-License-Identifier: MIT */
/* J. What holds weights and steps down: decay and clipping. */
#include <math.h>

#include "workbook/groups.h"
#include "workbook/op_graph.h"

#define MOST 1e15 /* squares of it are floats */

/* A list of numbers least .. MOST. */
static heed_grid take_numbers(heed_solving *s, const char *name, double least)
{
    const heed_grid x = heed_take_list(s, name);

    for (int64_t i = 0; i < x.columns; i++) {
        if (!(x.data[i] >= least && x.data[i] <= MOST))
            heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected numbers from %g to %g, got %g", name, least, MOST,
                            x.data[i]);
    }
    return x;
}

static heed_grid one_number(heed_solving *s, double x)
{
    const heed_grid out = heed_grid_make(s, 1, 1);

    if (s->status == HEED_OK)
        out.data[0] = x;
    return out;
}

static double only(heed_grid x)
{
    return x.data != NULL ? x.data[0] : 0.0;
}

/* sum_i x_i^2, and the root of it, as the trainer takes them. */
static double squares(heed_solving *s, heed_grid x)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *in = heed_op_input(s, g, "x", heed_shape1(x.columns), x);

    return g != NULL ? only(heed_op_run(s, g, heed_sum_squares(g, in, NULL))) : 0.0;
}

static double norm_of(heed_solving *s, heed_grid x)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *in = heed_op_input(s, g, "x", heed_shape1(x.columns), x);

    return g != NULL ? only(heed_op_run(s, g, heed_sqrt(g, heed_sum_squares(g, in, NULL)))) : 0.0;
}

/* "0.5^2 + 2^2", of the arena. */
static const char *squares_text(heed_solving *s, heed_grid x)
{
    const char *text = "";

    for (int64_t i = 0; text != NULL && i < x.columns && i < 16; i++)
        text = heed_arena_format(s->arena, "%s%s%.5g^2", text, i > 0 ? " + " : "", fabs(x.data[i]));
    if (text != NULL && x.columns > 16)
        text = heed_arena_format(s->arena, "%s + ...", text);
    return text != NULL ? text : "";
}

/* --- hard.h7.4a --- */

static heed_grid scaled(heed_solving *s, heed_grid x, double factor)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *in = heed_op_input(s, g, "x", heed_shape1(x.columns), x);

    return g != NULL ? heed_op_run(s, g, heed_scale(g, in, (float)factor)) : x;
}

/* What is left of a weight of 1 after a step of rate 1 whose gradient is that of the penalty alone. */
static double left_of_one(heed_solving *s, double decay)
{
    const heed_grid one = one_number(s, 1.0), none = one_number(s, 0.0);
    heed_graph *g = heed_op_graph(s);
    heed_node *p = heed_op_input(s, g, "p", heed_shape1(1), one),
              *grad = heed_op_input(s, g, "grad", heed_shape1(1), none);
    heed_node *lr = heed_op_input(s, g, "lr", heed_shape0(), one);

    return g != NULL ? only(heed_op_run(s, g, heed_sgd(g, p, grad, lr, NULL, (float)decay))) : 0.0;
}

static void penalty(heed_solving *s)
{
    const double lam = heed_take_number(s, "lam");
    const heed_grid w = take_numbers(s, "weights", -MOST);
    const double decay = s->slip == HEED_SLIP_NO_TWO ? lam : 2.0 * lam;
    heed_grid extra;
    double sum, left;

    if (s->status == HEED_OK && !(lam >= 0.0 && lam <= 1e6))
        heed_solve_fail(s, HEED_ERR_USAGE, "lam: expected a number from 0 to 1e6, got %g", lam);
    extra = scaled(s, w, s->slip == HEED_SLIP_SIGN ? -decay : decay);
    sum = squares(s, w);
    left = left_of_one(s, decay);
    if (s->status != HEED_OK)
        return;
    heed_step_grid(s, extra, "extra gradient: 2 lam w, each weight times %g", 2.0 * lam);
    heed_step(s, "penalty: lam ||w||^2 = %g (%s) = %g * %.5g = %.5g", lam, squares_text(s, w), lam, sum,
              lam * sum);
    heed_step(s, "w' = w - rate * 2 lam w: with a rate of 1 a weight keeps 1 - 2 * %g = %.6g of itself", lam,
              left);
    heed_put_list(s, "extra_gradient", extra);
    heed_put_number(s, "penalty", lam * (s->slip == HEED_SLIP_NOT_SQUARED ? norm_of(s, w) : sum));
    heed_put_number(s, "shrink_factor_per_unit_step", left);
}

static void vary_penalty(heed_varying *v)
{
    heed_vary_pick(v, "lam", 4, 0.001, 0.01, 0.05, 0.1);
    heed_vary_normal(v, "weights", 0, heed_draw_int(v, 2, 5), 1.5);
}

/* --- hard.h7.5a --- */

static double sum_of(heed_grid x)
{
    double sum = 0.0;

    for (int64_t i = 0; i < x.columns; i++)
        sum += x.data[i];
    return sum;
}

/* min(1, limit / total). */
static double factor_of(heed_solving *s, double total, double limit)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *norm = heed_op_input(s, g, "norm", heed_shape0(), one_number(s, total));

    return g != NULL ? only(heed_op_run(s, g, heed_clip_factor(g, norm, (float)limit))) : 0.0;
}

static void clipping(heed_solving *s)
{
    const heed_grid norms = take_numbers(s, "norms", 0.0);
    const double limit = heed_take_number(s, "max_norm");
    const heed_grid clipped = heed_grid_make(s, 1, norms.columns);
    double total, factor, after;

    if (s->status == HEED_OK && !(limit >= 1e-3 && limit <= MOST))
        heed_solve_fail(s, HEED_ERR_USAGE, "max_norm: expected a number from 0.001 to %g, got %g", MOST, limit);
    total = s->slip == HEED_SLIP_SUM_NORMS ? sum_of(norms) : norm_of(s, norms);
    factor = s->slip == HEED_SLIP_SCALED_UP && total > 0.0 ? limit / total : factor_of(s, total, limit);
    for (int64_t i = 0; s->status == HEED_OK && i < norms.columns; i++) {
        const double n = norms.data[i];
        clipped.data[i] = s->slip == HEED_SLIP_EACH_ALONE ? fmin(n, limit) : n * factor;
    }
    after = s->slip == HEED_SLIP_SUM_NORMS ? sum_of(clipped) : norm_of(s, clipped);
    heed_step(s, "global norm: sqrt(%s) = %.5g", squares_text(s, norms), total);
    heed_step(s,
              total > limit ? "it passes the limit: factor %g / %.5g = %.5g"
                            : "it does not pass the limit %g (%.5g does not), so the factor is %g",
              limit, total, factor);
    heed_step_grid(s, clipped, "every norm times the factor:");
    heed_step(s, "norm of all of them afterwards: %.5g", after);
    heed_put_number(s, "total", total);
    heed_put_number(s, "factor", factor);
    heed_put_list(s, "clipped", clipped);
    heed_put_number(s, "total_after", after);
}

static void vary_clipping(heed_varying *v)
{
    heed_vary_whole(v, "norms", 0, heed_draw_int(v, 2, 4), 1, 12);
    heed_vary_pick(v, "max_norm", 4, 0.5, 1.0, 5.0, 20.0);
}

#define R1(name, kind)                        \
    {                                         \
        name, HEED_ANSWER_##kind, HEED_R1, 0, \
    }

const heed_exercise heed_exercises_restraint[] = {
    {.id = "hard.h7.4a",
     .seed = "001 H7.4",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"lam\": 0.01, \"weights\": [0.5, -2, 3]}",
     .vary = vary_penalty,
     .solve = penalty,
     .slips = HEED_SLIP(HEED_SLIP_NO_TWO) | HEED_SLIP(HEED_SLIP_NOT_SQUARED) | HEED_SLIP(HEED_SLIP_SIGN),
     .fields = {{"extra_gradient", HEED_ANSWER_LIST, HEED_ABS_OR_R1(1e-6), 0},
                R1("penalty", NUMBER),
                {"shrink_factor_per_unit_step", HEED_ANSWER_NUMBER, HEED_MIXED, 0}},
     .demo = "D32"},
    {.id = "hard.h7.5a",
     .seed = "001 H7.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"norms\": [3, 4], \"max_norm\": 1}",
     .vary = vary_clipping,
     .solve = clipping,
     .slips = HEED_SLIP(HEED_SLIP_SUM_NORMS) | HEED_SLIP(HEED_SLIP_EACH_ALONE) | HEED_SLIP(HEED_SLIP_SCALED_UP),
     .fields = {R1("total", NUMBER), R1("factor", NUMBER), R1("clipped", LIST), R1("total_after", NUMBER)},
     .demo = "D12"},
    {.id = NULL},
};
