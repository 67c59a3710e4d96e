/* SPDX-License-Identifier: MIT */
/*
 * Where the loss of distillation and its gradients come from, line by line: the steps of the plain loops in
 * distill_loss.c, whose head says what the letters mean.
 */
#include <math.h>

#include "ops/distill_loss.h"
#include "ops/loss_lines.h"

typedef struct given {
    heed_figures x, w, teacher_x, teacher_w;
    const float *target;
    int64_t rows, d, teacher_d, V, n; /* n: rows that count */
    heed_figure scale;                /* 1 / T */
    const heed_distill_options *options;
} given;

static heed_figures read_all(const heed_op_args *a, int input, const char *role, heed_explanation *e)
{
    return heed_explain_operand(e, a, input, role, 0, 1, heed_tensor_count(a->in[input]));
}

static given read_given(const heed_op_args *a, heed_explanation *e)
{
    given all = {.rows = heed_rows(a->in[HEED_DISTILL_X]),
                 .d = heed_cols(a->in[HEED_DISTILL_W]),
                 .teacher_d = heed_cols(a->in[HEED_DISTILL_TEACHER_W]),
                 .V = heed_rows(a->in[HEED_DISTILL_W]),
                 .options = a->attrs};

    all.x = read_all(a, HEED_DISTILL_X, "x", e);
    all.w = read_all(a, HEED_DISTILL_W, "W", e);
    all.target = heed_explain_values(e, read_all(a, HEED_DISTILL_TARGETS, "target", e));
    all.teacher_x = read_all(a, HEED_DISTILL_TEACHER_X, "x'", e);
    all.teacher_w = read_all(a, HEED_DISTILL_TEACHER_W, "W'", e);
    for (int64_t r = 0; r < all.rows; r++)
        all.n += (int64_t)all.target[r] != HEED_IGNORE_TARGET;
    all.scale = heed_explain_step(e, "scale", "1 / T", heed_constant((double)all.options->temperature));
    return all;
}

/* --- one row: p, q or u --------------------------------------------------------------------------- */

typedef struct soft {
    heed_figures logits;
    heed_row_figures row;
} soft;

/* softmax of the logits x . W_j, times scale. */
static soft explain_soft(heed_explanation *e, const given *all, const char *what, int64_t r, heed_figures x,
                         heed_figures w, int64_t d, heed_figure scale)
{
    heed_figure *logits = heed_explain_room(e, all->V);
    soft s = {.logits = heed_figures_of(logits)};

    heed_explain_enter(e);
    for (int64_t j = 0; j < all->V; j++) {
        const heed_figure dot = heed_explain_sum(e, "dot", d, "x[k] * W[k]", x, heed_figures_part(w, j * d, 1));

        logits[j] = heed_explain_step(e,
                                      heed_explain_label(e, "%s[%lld,%lld]", what, (long long)r, (long long)j),
                                      "dot * scale", dot, scale);
    }
    heed_explain_leave(e);
    s.row = heed_explain_row(e, s.logits, all->V);
    return s;
}

static soft explain_hard(heed_explanation *e, const given *all, int64_t r)
{
    return explain_soft(e, all, "s", r, heed_figures_part(all->x, r * all->d, 1), all->w, all->d,
                        heed_constant(1.0));
}

static soft explain_student(heed_explanation *e, const given *all, int64_t r)
{
    return explain_soft(e, all, "s/T", r, heed_figures_part(all->x, r * all->d, 1), all->w, all->d, all->scale);
}

static soft explain_teacher(heed_explanation *e, const given *all, int64_t r)
{
    return explain_soft(e, all, "t/T", r, heed_figures_part(all->teacher_x, r * all->teacher_d, 1),
                        all->teacher_w, all->teacher_d, all->scale);
}

static heed_figure explain_log(heed_explanation *e, const soft *s)
{
    return heed_explain_step_in(e, HEED_IN_DOUBLE, "log sum", "log(sum)", s->row.sum);
}

/* - log p_target */
static heed_figure explain_ce(heed_explanation *e, const given *all, int64_t r)
{
    const char *label = heed_explain_label(e, "ce[%lld]", (long long)r);
    heed_figure none;

    if (heed_explain_no_target(e, label, (int64_t)all->target[r], all->V, &none))
        return none;
    const soft s = explain_hard(e, all, r);
    const heed_figure log_sum = explain_log(e, &s);

    return heed_explain_step_in(e, HEED_IN_DOUBLE, label, "-(s - m - log_sum)",
                                heed_explain_at(e, s.logits, (int64_t)all->target[r]), s.row.max, log_sum);
}

/* sum_j u_j (log u_j - log q_j), where u_j = exp(t_j - t_m) / t_sum */
static heed_figure explain_kl(heed_explanation *e, const given *all, int64_t r)
{
    const char *label = heed_explain_label(e, "kl[%lld]", (long long)r);

    if ((int64_t)all->target[r] == HEED_IGNORE_TARGET)
        return heed_explain_found(e, label, 0.0, "the target is %d: the row does not count",
                                  HEED_IGNORE_TARGET);
    const soft t = explain_teacher(e, all, r), s = explain_student(e, all, r);
    const heed_figure t_log = explain_log(e, &t), s_log = explain_log(e, &s);
    heed_figure *share = heed_explain_room(e, all->V);

    for (int64_t j = 0; j < all->V; j++)
        share[j] = heed_explain_step(e, heed_explain_label(e, "share[%lld]", (long long)j), "exp(t - t_m)",
                                     heed_explain_at(e, t.logits, j), t.row.max);
    return heed_explain_sum_from(e, HEED_IN_DOUBLE, label, heed_constant(0.0), all->V,
                                 "share[j] / t_sum * (t[j] - t_m - t_log - (s[j] - s_m - s_log))",
                                 heed_figures_of(share), heed_explain_same(e, t.row.sum), t.logits,
                                 heed_explain_same(e, t.row.max), heed_explain_same(e, t_log), s.logits,
                                 heed_explain_same(e, s.row.max), heed_explain_same(e, s_log));
}

/* The gradient of the loss at logits `from` .. `to` - 1 of a row, into ds; dW asks for one of them. */
static void explain_ds(heed_explanation *e, const given *all, int64_t r, int64_t from, int64_t to,
                       heed_figure factor, heed_figure *ds)
{
    const int64_t target = (int64_t)all->target[r];
    heed_figure none;

    if (heed_explain_no_target(e, "ds", target, all->V, &none)) {
        for (int64_t j = from; j < to; j++)
            ds[j - from] = none;
        return;
    }
    const soft hard = explain_hard(e, all, r), student = explain_student(e, all, r);
    const soft teacher = explain_teacher(e, all, r);
    const heed_figure w = heed_constant((double)all->options->weight);
    const heed_figure T = heed_constant((double)all->options->temperature);

    for (int64_t j = from; j < to; j++) {
        const heed_figure p = heed_explain_probability(e, "p", &hard.row, heed_explain_at(e, hard.logits, j));
        const heed_figure missed = heed_explain_step(e, "hard", j == target ? "p - 1" : "p", p);
        const heed_figure q = heed_explain_probability(e, "q", &student.row,
                                                       heed_explain_at(e, student.logits, j));
        const heed_figure u = heed_explain_probability(e, "u", &teacher.row,
                                                       heed_explain_at(e, teacher.logits, j));

        ds[j - from] = heed_explain_step(e, heed_explain_label(e, "ds[%lld]", (long long)j),
                                         "((1 - w) * hard + w * T * (q - u)) * factor", w, missed, T, q, u,
                                         factor);
    }
}

/* --- all rows ------------------------------------------------------------------------------------- */

static heed_figure total_of(heed_explanation *e, const char *label, const given *all,
                            heed_figure (*term)(heed_explanation *, const given *, int64_t))
{
    heed_figure *terms = heed_explain_room(e, all->rows);

    heed_explain_enter(e);
    for (int64_t r = 0; r < all->rows; r++)
        terms[r] = term(e, all, r);
    heed_explain_leave(e);
    return heed_explain_sum_from(e, HEED_IN_DOUBLE, label, heed_constant(0.0), all->rows, "term[r]",
                                 heed_figures_of(terms));
}

/* The value of one of the three. */
static void conclude(heed_explanation *e, const given *all, int output)
{
    const heed_figure N = heed_constant((double)all->n), w = heed_constant((double)all->options->weight);
    heed_figure ce = heed_constant(0.0), kl = ce;

    if (all->n == 0) {
        heed_explain_found(e, "loss", 0.0, "no row counts");
        return;
    }
    if (output != HEED_DISTILL_KL)
        ce = total_of(e, "ce", all, explain_ce);
    if (output != HEED_DISTILL_CE)
        kl = total_of(e, "kl", all, explain_kl);
    if (output == HEED_DISTILL_LOSS)
        heed_explain_step_in(e, HEED_IN_DOUBLE, "loss", "f32(((1 - w) * ce + w * T * T * kl) / N)", w, ce,
                             heed_constant((double)all->options->temperature), kl, N);
    else
        heed_explain_step_in(e, HEED_IN_DOUBLE, output == HEED_DISTILL_CE ? "CE" : "KL", "f32(total / N)",
                             output == HEED_DISTILL_CE ? ce : kl, N);
}

void heed_distill_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const given all = read_given(a, e);
    const double T = (double)all.options->temperature, w = (double)all.options->weight;

    (void)element;
    if (output == HEED_DISTILL_LOSS)
        heed_explain_formula(e, "loss = (1 - %g) CE + %g %g^2 KL over the %lld rows that have a target", w, w,
                             T, (long long)all.n);
    else if (output == HEED_DISTILL_CE)
        heed_explain_formula(e, "CE = - sum_r log softmax(x_r W)_target / %lld", (long long)all.n);
    else
        heed_explain_formula(e,
                             "KL = sum_r sum_j u_rj (log u_rj - log q_rj) / %lld, u = softmax(x' W' / %g), "
                             "q = softmax(x W / %g)",
                             (long long)all.n, T, T);
    conclude(e, &all, output);
}

/* --- gradients ------------------------------------------------------------------------------------ */

static void explain_dx(heed_explanation *e, const given *all, int64_t r, int64_t k, heed_figure factor)
{
    heed_figure *ds = heed_explain_room(e, all->V);

    heed_explain_enter(e);
    explain_ds(e, all, r, 0, all->V, factor, ds);
    heed_explain_leave(e);
    heed_explain_sum(e, "dx", all->V, "ds[j] * W[j]", heed_figures_of(ds),
                     heed_figures_part(all->w, k, all->d));
}

static void explain_dw(heed_explanation *e, const given *all, int64_t j, int64_t k, heed_figure factor)
{
    heed_figure *ds = heed_explain_room(e, all->rows);

    heed_explain_enter(e);
    for (int64_t r = 0; r < all->rows; r++)
        explain_ds(e, all, r, j, j + 1, factor, ds + r);
    heed_explain_leave(e);
    heed_explain_sum(e, "dW", all->rows, "ds[r] * x[r]", heed_figures_of(ds),
                     heed_figures_part(all->x, k, all->d));
}

void heed_distill_backward_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    if (output <= HEED_DISTILL_KL) {
        heed_distill_explain(a, output, element, e);
        return;
    }
    const given all = read_given(a, e);
    const double T = (double)all.options->temperature, w = (double)all.options->weight;
    const heed_figure dloss = heed_explain_figure(e, a, HEED_DISTILL_DLOSS, "dloss", 0);
    const heed_figure factor = all.n == 0 ? heed_explain_found(e, "factor", 0.0, "no row counts")
                                          : heed_explain_step(e, "factor", "dloss / N", dloss,
                                                              heed_constant((double)all.n));

    heed_explain_formula(e, "%s, ds_rj = ((1 - %g) (p_rj - [j = target_r]) + %g %g (q_rj - u_rj)) dloss / %lld",
                         output == HEED_DISTILL_DX ? "dx_rk = sum_j ds_rj W_jk" : "dW_jk = sum_r ds_rj x_rk", w,
                         w, T, (long long)all.n);
    if (output == HEED_DISTILL_DX)
        explain_dx(e, &all, element / all.d, element % all.d, factor);
    else
        explain_dw(e, &all, element / all.d, element % all.d, factor);
}
