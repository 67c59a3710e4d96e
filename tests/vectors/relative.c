/* SPDX-License-Identifier: MIT */
/* Positions that enter through the scores: ALiBi's distances, and Transformer-XL's table of distances. */
#include <string.h>

#include "vectors.h"

/* Zeros of a shape, as an input. */
static heed_node *zeros(vector_case *v, vector_graph *s, const char *name, heed_shape shape)
{
    const size_t bytes = (size_t)heed_shape_count(&shape) * sizeof(float);

    return heed_graph_bound_input(s->g, name, HEED_F32, shape, heed_arena_alloc(v->arena, bytes));
}

/* Runs the graph for what is watched alone. */
static void check_values(vector_case *v, vector_graph *s)
{
    heed_plan_options options = {.device = v->device,
                                 .reference = v->device->kernels == NULL,
                                 .targets = s->watched,
                                 .n_targets = s->n_watched};
    heed_plan *plan = NULL;
    heed_error err = {HEED_OK, ""};
    heed_status status = heed_graph_status(s->g, &err);

    if (status == HEED_OK)
        status = heed_plan_create(s->g, &options, &plan, &err);
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, &err);
    if (status != HEED_OK) {
        vector_fail(v, err.message);
    } else {
        heed_plan_run(plan);
        for (int i = 0; i < s->n_watched; i++)
            vector_compare_tensor(v, s->watched_name[i], heed_plan_value(plan, s->watched[i]));
    }
    heed_plan_destroy(plan);
    heed_graph_destroy(s->g);
}

/* Scores of queries that are 0 are what ALiBi takes off. */
void run_alibi_bias(vector_case *v)
{
    const int64_t H = (int64_t)vector_number(v, "H"), n_query = (int64_t)vector_number(v, "Tq");
    const int64_t n_key = (int64_t)vector_number(v, "Tk");
    const heed_attention_options options = {
        .alibi = true, .at_position = true, .position = (int64_t)vector_number(v, "causal_offset")};
    vector_graph s = vector_graph_open();
    heed_node *q = zeros(v, &s, "q", heed_shape4(1, H, n_query, 4));

    vector_watch(&s, "bias",
                 heed_attention_scores(s.g, q, zeros(v, &s, "k", heed_shape4(1, H, n_key, 4)), &options));
    check_values(v, &s);
}

/* x [B, H, T, D] + bias [H, D] */
static heed_node *with_head_bias(vector_graph *s, heed_node *x, heed_node *bias)
{
    const heed_shape *shape = &x->tensor.shape;
    heed_node *rows = heed_reshape(s->g, bias, heed_shape1(shape->size[1] * shape->size[3]));

    return heed_split_heads(s->g, heed_add(s->g, heed_merge_heads(s->g, x), rows), shape->size[1]);
}

/* Keys so far back have row 0, the query's own the last of `rows`. */
static heed_attention_options options_of(const vector_case *v, heed_node *q_relative, heed_node *relative,
                                         int64_t rows)
{
    return (heed_attention_options){.scale = (float)vector_number(v, "scale"),
                                    .causal = true,
                                    .q_relative = q_relative,
                                    .relative = relative,
                                    .relative_zero = rows - 1};
}

void run_txl_core(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *q = vector_parameter(v, &s, "q"), *k = vector_parameter(v, &s, "k"),
              *val = vector_parameter(v, &s, "v");
    heed_node *r = vector_parameter(v, &s, "r");
    heed_node *with_u = with_head_bias(&s, q, vector_parameter(v, &s, "u"));
    heed_node *with_v = with_head_bias(&s, q, vector_parameter(v, &s, "vb"));
    const heed_attention_options options = options_of(v, with_v, r, r->tensor.shape.size[1]);
    heed_node *z = heed_attention(s.g, with_u, k, val, &options);

    vector_watch(&s, "out", z);
    if (z != NULL)
        vector_watch(&s, "probs", z->outputs[HEED_ATTENTION_PATTERN]);
    vector_watch(&s, "probs", heed_softmax(s.g, heed_attention_scores(s.g, with_u, k, &options)));
    vector_graph_check(v, &s, z, false);
}

/* memory and x, one after the other: [B, M + T, d_model]; the memory sends no gradient. */
static heed_node *with_memory(vector_case *v, vector_graph *s, heed_node *x)
{
    const int64_t *size = x->tensor.shape.size, B = size[0], T = size[1], d = size[2];
    const int64_t M = (int64_t)vector_number(v, "M"), rows = M + T;
    float *memory = M > 0 ? vector_floats(v, "mem") : NULL, *before, *place;
    heed_node *shifted;

    if (M == 0)
        return x;
    /* x moved down by M rows is a product with a matrix of ones; the memory stands in the rows above */
    place = heed_arena_alloc(v->arena, (size_t)(B * rows * T) * sizeof *place);
    before = heed_arena_alloc(v->arena, (size_t)(B * rows * d) * sizeof *before);
    for (int64_t b = 0; b < B; b++) {
        for (int64_t t = 0; t < T; t++)
            place[(b * rows + M + t) * T + t] = 1.0f;
        memcpy(before + b * rows * d, memory + b * M * d, (size_t)(M * d) * sizeof *before);
    }
    shifted = heed_matmul(s->g, heed_graph_bound_input(s->g, "place", HEED_F32, heed_shape3(B, rows, T), place),
                          x, false, false);
    return heed_add(s->g, shifted,
                    heed_graph_bound_input(s->g, "before", HEED_F32, heed_shape3(B, rows, d), before));
}

static heed_node *map(vector_case *v, vector_graph *s, heed_node *x, const char *weight)
{
    return heed_linear(s->g, x, vector_parameter(v, s, weight), NULL, HEED_WEIGHT_OUT_IN);
}

void run_txl_module(vector_case *v)
{
    vector_graph s = vector_graph_open();
    const int64_t H = (int64_t)vector_number(v, "H"), D = (int64_t)vector_number(v, "D");
    const int64_t K = (int64_t)vector_number(v, "K"), d_model = (int64_t)vector_number(v, "d_model");
    heed_node *x = vector_parameter(v, &s, "x"), *all = with_memory(v, &s, x);
    heed_node *distances = heed_graph_bound_input(s.g, "pos_emb", HEED_F32, heed_shape3(1, K, d_model),
                                                  vector_floats(v, "pos_emb"));
    heed_node *q = heed_split_heads(s.g, map(v, &s, x, "wq"), H),
              *k = heed_split_heads(s.g, map(v, &s, all, "wk"), H);
    heed_node *val = heed_split_heads(s.g, map(v, &s, all, "wv"), H);
    heed_node *r = heed_reshape(s.g, heed_split_heads(s.g, map(v, &s, distances, "wr"), H),
                                heed_shape3(H, K, D));
    heed_node *with_u = with_head_bias(&s, q, vector_parameter(v, &s, "u"));
    heed_node *with_v = with_head_bias(&s, q, vector_parameter(v, &s, "vb"));
    const heed_attention_options options = options_of(v, with_v, r, K);
    heed_node *z = heed_attention(s.g, with_u, k, val, &options), *out;

    out = map(v, &s, heed_merge_heads(s.g, z), "wo");
    vector_watch(&s, "out", out);
    if (z != NULL)
        vector_watch(&s, "probs", z->outputs[HEED_ATTENTION_PATTERN]);
    vector_graph_check(v, &s, out, false);
}
