/* SPDX-License-Identifier: MIT */
/* M. The way back through attention. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/counting.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

/* --- s5.e5.10 --- */

static void put_if_there(heed_solving *s, const char *name, heed_grid x)
{
    if (x.data != NULL)
        heed_put_grid(s, name, x);
}

/* sum(grad * output) with entry 0 of Q moved by h. */
static double loss_with(heed_solving *s, const heed_attend_inputs *in, double h)
{
    heed_attend_inputs moved = *in;
    heed_attended a;
    double loss = 0.0;

    moved.q = heed_grid_make(s, in->q.rows, in->q.columns);
    for (int64_t i = 0; i < moved.q.rows * moved.q.columns; i++)
        moved.q.data[i] = in->q.data[i] + (i == 0 ? h : 0.0);
    a = heed_attend(s, &moved);
    for (int64_t i = 0; i < a.output.rows * a.output.columns; i++)
        loss += in->grad.data[i] * a.output.data[i];
    return loss;
}

static void explain_backward(heed_solving *s, const heed_attend_inputs *in, const heed_attended *a)
{
    const double h = 0.01;

    if (s->status != HEED_OK || s->steps == NULL)
        return;
    heed_attend_explain(s, in, a, HEED_ATTEND_OUTPUT);
    heed_step_grid(s, a->dv, "dV = A^T G: a value gets from each query what that query took of it");
    heed_step_grid(s, a->dweights, "dA = G V^T");
    heed_step_grid(s, a->dscaled,
                   "dS = A * (dA - rowsum(dA * A)), entry by entry: the way back through softmax; "
                   "its rows add up to 0");
    heed_step_grid(s, a->dq, "dQ = dS K / sqrt(%lld)", (long long)in->q.columns);
    heed_step_grid(s, a->dk, "dK = dS^T Q / sqrt(%lld)", (long long)in->q.columns);
    heed_step(
        s, "a check: Q[1,1] moved by %g and by -%g changes sum(G * output) by a slope of %.4g; dQ[1,1] is %.4g",
        h, h, (loss_with(s, in, h) - loss_with(s, in, -h)) / (2.0 * h), a->dq.data[0]);
}

static heed_grid times_scale(heed_grid x, double scale)
{
    for (int64_t i = 0; i < x.rows * x.columns; i++)
        x.data[i] *= scale;
    return x;
}

/* dS = A * dA, and what follows from it. */
static void forget_mean(heed_solving *s, heed_attended *a)
{
    const double scale = 1.0 / sqrt((double)a->q.columns);
    heed_grid ds = heed_grid_make(s, a->weights.rows, a->weights.columns);

    for (int64_t i = 0; i < ds.rows * ds.columns; i++)
        ds.data[i] = a->weights.data[i] * a->dweights.data[i];
    a->dscaled = ds;
    a->dq = times_scale(heed_grid_times(s, ds, a->k), scale);
    a->dk = times_scale(heed_grid_times(s, heed_grid_turn(s, ds), a->q), scale);
}

static void attention_backward(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"),
                                   .k = heed_take_grid(s, "K"),
                                   .v = heed_take_grid(s, "V"),
                                   .grad = heed_take_grid(s, "grad_output"),
                                   .causal = heed_take_bool(s, "causal")};
    heed_attended a = heed_attend(s, &in);

    if (s->status != HEED_OK)
        return;
    explain_backward(s, &in, &a);
    if (s->slip == HEED_SLIP_NO_MEAN)
        forget_mean(s, &a);
    if (s->slip == HEED_SLIP_SCALE_BACK) {
        times_scale(a.dq, sqrt((double)a.q.columns));
        times_scale(a.dk, sqrt((double)a.q.columns));
    }
    put_if_there(s, "output", a.output);
    put_if_there(s, "weights", a.weights);
    put_if_there(s, "grad_scaled_scores", a.dscaled);
    put_if_there(s, "grad_Q", a.dq);
    put_if_there(s, "grad_K", a.dk);
    put_if_there(s, "grad_V", a.dv);
}

static void vary_attention_backward(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 2, 4), d = heed_draw_int(v, 2, 3), d_v = heed_draw_int(v, 2, 3);

    heed_vary_normal(v, "Q", T, d, 1.0);
    heed_vary_normal(v, "K", T, d, 1.0);
    heed_vary_normal(v, "V", T, d_v, 1.0);
    heed_vary_normal(v, "grad_output", T, d_v, 1.0);
    heed_vary_set_json(v, "causal", json_boolean(heed_draw_int(v, 0, 1)));
}

/* --- ch12.e20a --- */

static void block_parameters(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    heed_config c;
    double norms, attention, mlp;

    heed_config_preset("gpt2", &c, NULL);
    c.n_layers = c.n_heads = c.vocab_size = c.context_length = 1;
    c.d_model = d;
    c.attention_bias = c.mlp_bias = c.norm_bias = s->slip != HEED_SLIP_NO_BIAS;
    norms = heed_count_parameters(s, &c, "h.0.ln_*");
    attention = heed_count_parameters(s, &c, "h.0.attn.*");
    mlp = heed_count_parameters(s, &c, "h.0.mlp.*");
    heed_step(s, "two LayerNorms with a gain and a shift of d each: 2 * 2d = %s", heed_count_text(s, norms));
    heed_step(s, "attention, four maps of d^2 weights and d biases: 4d^2 + 4d = %s",
              heed_count_text(s, attention));
    heed_step(s, "feed-forward, d to 4d and back: d * 4d + 4d + 4d * d + d = 8d^2 + 5d = %s",
              heed_count_text(s, mlp));
    heed_step(s, "together 12d^2 + 13d = %s", heed_count_text(s, norms + attention + mlp));
    heed_put_number(s, "layernorms", norms);
    heed_put_number(s, "attention", attention);
    heed_put_number(s, "ffn", mlp);
    heed_put_number(s, "block", heed_count_parameters(s, &c, "h.0.*"));
}

static void vary_block_parameters(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 7, INT64_C(32), INT64_C(64), INT64_C(128), INT64_C(192), INT64_C(384),
                       INT64_C(512), INT64_C(768));
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_gradients[] = {
    {.id = "s5.e5.10",
     .seed = "004 5.10",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": [[-0.87, -0.62, 0.16], [-0.12, 0.35, -0.06]],"
               " \"K\": [[-0.16, -0.55, 0.51], [-0.97, 0.68, -1.31]],"
               " \"V\": [[-0.69, -0.46], [0.57, 0.51]],"
               " \"grad_output\": [[-0.66, -0.08], [-0.91, 0.91]], \"causal\": false}",
     .vary = vary_attention_backward,
     .solve = attention_backward,
     .slips = HEED_SLIPS_MASKED | HEED_SLIP(HEED_SLIP_NO_MEAN) | HEED_SLIP(HEED_SLIP_SCALE_BACK),
     .fields = {{"output", HEED_ANSWER_MATRIX, HEED_T2, 0},
                {"weights", HEED_ANSWER_MATRIX, HEED_T2, 0},
                {"grad_scaled_scores", HEED_ANSWER_MATRIX, HEED_T2, 0},
                {"grad_Q", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"grad_K", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"grad_V", HEED_ANSWER_MATRIX, HEED_E5, 0}},
     .demo = "D29"},
    {.id = "ch12.e20a",
     .seed = "002 e20",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256}",
     .vary = vary_block_parameters,
     .solve = block_parameters,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("layernorms"), WHOLE("attention"), WHOLE("ffn"), WHOLE("block")}},
    {.id = NULL},
};
