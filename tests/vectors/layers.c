/* SPDX-License-Identifier: MIT */
#include "vectors.h"

static void check_out(vector_case *v, vector_graph *s, heed_node *out)
{
    vector_watch(s, "out", out);
    vector_graph_check(v, s, out, false);
}

void run_layernorm(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x"), *gamma = vector_parameter(v, &s, "gamma");
    heed_node *beta = vector_optional(v, &s, "beta");

    check_out(v, &s, heed_layernorm(s.g, x, gamma, beta, (float)vector_number(v, "eps")));
}

void run_rmsnorm(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x"), *gamma = vector_parameter(v, &s, "gamma");

    check_out(v, &s, heed_rmsnorm(s.g, x, gamma, (float)vector_number(v, "eps")));
}

static void run_map(vector_case *v)
{
    vector_graph s = vector_graph_open();

    check_out(v, &s, vector_activation(&s, vector_text(v, "op"), vector_parameter(v, &s, "x")));
}

void run_gelu_tanh(vector_case *v)
{
    run_map(v);
}

void run_gelu_erf(vector_case *v)
{
    run_map(v);
}

void run_relu(vector_case *v)
{
    run_map(v);
}

void run_silu(vector_case *v)
{
    run_map(v);
}

void run_sigmoid(vector_case *v)
{
    run_map(v);
}

void run_tanh(vector_case *v)
{
    run_map(v);
}

void run_swiglu(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *gate = vector_parameter(v, &s, "gate"), *up = vector_parameter(v, &s, "up");

    check_out(v, &s, heed_swiglu(s.g, gate, up));
}

void run_ffn_swiglu(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x"), *w_gate = vector_parameter(v, &s, "w_gate");
    heed_node *w_up = vector_parameter(v, &s, "w_up"), *w_down = vector_parameter(v, &s, "w_down");
    heed_node *gate = heed_linear(s.g, x, w_gate, NULL, HEED_WEIGHT_OUT_IN);
    heed_node *up = heed_linear(s.g, x, w_up, NULL, HEED_WEIGHT_OUT_IN);

    check_out(v, &s, heed_linear(s.g, heed_swiglu(s.g, gate, up), w_down, NULL, HEED_WEIGHT_OUT_IN));
}

void run_softmax(vector_case *v)
{
    vector_graph s = vector_graph_open();

    check_out(v, &s, heed_softmax(s.g, vector_parameter(v, &s, "x")));
}

void run_log_softmax(vector_case *v)
{
    vector_graph s = vector_graph_open();

    check_out(v, &s, heed_log_softmax(s.g, vector_parameter(v, &s, "x")));
}

void run_cross_entropy(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *logits = vector_parameter(v, &s, "logits"), *targets = vector_indices(v, &s, "targets");
    heed_node *loss = heed_cross_entropy(s.g, logits, targets);

    vector_watch(&s, "loss", loss);
    vector_watch(&s, "per_row", heed_cross_entropy_rows(s.g, logits, targets));
    vector_graph_check(v, &s, loss, true);
}

void run_distill_loss(vector_case *v)
{
    vector_graph s = vector_graph_open();
    const heed_distill_options options = {(float)vector_number(v, "temperature"),
                                          (float)vector_number(v, "weight_of_teacher")};
    heed_node *x = vector_parameter(v, &s, "x"), *weight = vector_parameter(v, &s, "weight");
    heed_node *targets = vector_indices(v, &s, "targets");
    heed_node *teacher_x = vector_parameter(v, &s, "teacher_x");
    heed_node *teacher_weight = vector_parameter(v, &s, "teacher_weight");
    const heed_distill_nodes out = heed_distill_loss(s.g, x, weight, targets, teacher_x, teacher_weight,
                                                     &options);

    vector_watch(&s, "loss", out.loss);
    vector_watch(&s, "ce", out.ce);
    vector_watch(&s, "kl", out.kl);
    vector_graph_check(v, &s, out.loss, true);
}

void run_embedding(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *table = vector_parameter(v, &s, "weight");

    check_out(v, &s, heed_embedding(s.g, table, vector_indices(v, &s, "ids")));
}

static void run_product(vector_case *v, heed_weight_layout layout)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x"), *w = vector_parameter(v, &s, "weight");

    check_out(v, &s, heed_linear(s.g, x, w, vector_optional(v, &s, "bias"), layout));
}

void run_linear(vector_case *v)
{
    run_product(v, HEED_WEIGHT_OUT_IN);
}

void run_conv1d(vector_case *v)
{
    run_product(v, HEED_WEIGHT_IN_OUT);
}

void run_mlp(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x");
    heed_node *w1 = vector_parameter(v, &s, "w1"), *b1 = vector_optional(v, &s, "b1");
    heed_node *w2 = vector_parameter(v, &s, "w2"), *b2 = vector_optional(v, &s, "b2");
    heed_node *pre = heed_linear(s.g, x, w1, b1, HEED_WEIGHT_OUT_IN);

    check_out(v, &s,
              heed_linear(s.g, vector_activation(&s, vector_text(v, "act"), pre), w2, b2, HEED_WEIGHT_OUT_IN));
}
