/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "vectors.h"

/* Bytes of the file (U8) as an input; NULL when it has no such tensor. */
static heed_node *vector_bytes(vector_case *v, vector_graph *s, const char *name)
{
    const heed_safetensors_entry *entry = vector_find(v, name);
    heed_shape shape = {.rank = entry != NULL ? entry->rank : 0};

    if (entry == NULL)
        return NULL;
    for (int i = 0; i < entry->rank; i++)
        shape.size[i] = entry->size[i];
    return heed_graph_bound_input(s->g, name, HEED_U8, shape, (void *)(uintptr_t)entry->data);
}

/*
 * The text book: softmax of written-down scores, times values. The heads that share values lie one after the other, so
 * their queries are the rows of one larger matrix: nothing is repeated.
 */
static heed_node *by_the_book(vector_graph *s, heed_node *q, heed_node *k, heed_node *v,
                              const heed_attention_options *options)
{
    heed_node *pattern = heed_softmax(s->g, heed_attention_scores(s->g, q, k, options));
    const int64_t *size = pattern != NULL ? pattern->tensor.shape.size : NULL;

    vector_watch(s, "probs", pattern);
    if (pattern == NULL)
        return NULL;
    const int64_t B = size[0], H = size[1], T = size[2], n = size[3], Hkv = v->tensor.shape.size[1];
    heed_node *rows = heed_reshape(s->g, pattern, heed_shape4(B, Hkv, H / Hkv * T, n));

    return heed_reshape(s->g, heed_matmul(s->g, rows, v, false, false),
                        heed_shape4(B, H, T, heed_cols(&v->tensor)));
}

static heed_attention_options options_of(vector_case *v, vector_graph *s)
{
    return (heed_attention_options){
        .scale = (float)vector_number(v, "scale"),
        .causal = vector_number(v, "causal") > 0,
        .window = (int64_t)vector_number(v, "window"),
        .at_position = true,
        .position = (int64_t)vector_number(v, "causal_offset"),
        .alibi = vector_number(v, "alibi") > 0,
        .keys = vector_number(v, "key_padding") > 0 ? vector_bytes(v, s, "key_mask") : NULL,
        .pairs = vector_number(v, "explicit_mask") > 0 ? vector_bytes(v, s, "mask") : NULL,
        .bias = vector_optional(v, s, "bias"),
    };
}

/* x turned by its position where the case has rotary positions; the first row stands at `first`. */
static heed_node *turned(vector_case *v, vector_graph *s, heed_node *x, const char *past, int32_t first)
{
    const char *style = vector_text(v, "rope");
    const heed_rotary_options options = {.base = vector_number(v, "rope_base"),
                                         .interleaved = strcmp(style, "interleaved") == 0};

    return strcmp(style, "none") == 0 ? x
                                      : heed_rotary(s->g, x, vector_scalar_int(v, s, past, first), &options);
}

static heed_node *queries_of(vector_case *v, vector_graph *s)
{
    return turned(v, s, vector_parameter(v, s, "q"), "first query", (int32_t)vector_number(v, "causal_offset"));
}

static heed_node *keys_of(vector_case *v, vector_graph *s)
{
    return turned(v, s, vector_parameter(v, s, "k"), "first key", 0);
}

/* The case's own rules, or with from_mask the complete table of pairs, which it then has. */
static void run_sdpa_as(vector_case *v, bool from_mask)
{
    vector_graph s = vector_graph_open();
    heed_attention_options options = options_of(v, &s);
    heed_node *q = queries_of(v, &s), *k = keys_of(v, &s);
    heed_node *val = vector_parameter(v, &s, "v"), *z;

    if (from_mask) {
        options.causal = false;
        options.window = 0;
        options.keys = NULL;
        options.pairs = options.pairs != NULL ? options.pairs : vector_bytes(v, &s, "mask");
    }
    z = heed_attention(s.g, q, k, val, &options);
    vector_watch(&s, "out", z);
    if (z != NULL && vector_find(v, "lse") != NULL)
        vector_watch(&s, "lse", z->outputs[HEED_ATTENTION_LSE]);
    if (z != NULL && vector_find(v, "probs") != NULL) {
        vector_watch(&s, "probs", z->outputs[HEED_ATTENTION_PATTERN]);
        vector_watch(&s, "out", by_the_book(&s, q, k, val, &options));
    }
    vector_graph_check(v, &s, z, false);
}

/* Gradients of the text book's path: scores, softmax and product each send their own. */
static void run_sdpa_by_the_book(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_attention_options options = options_of(v, &s);
    heed_node *q = queries_of(v, &s), *k = keys_of(v, &s);
    heed_node *z = by_the_book(&s, q, k, vector_parameter(v, &s, "v"), &options);

    vector_watch(&s, "out", z);
    vector_graph_check(v, &s, z, false);
}

void run_sdpa(vector_case *v)
{
    run_sdpa_as(v, false);
    if (vector_number(v, "has_mask_tensor") > 0)
        run_sdpa_as(v, true);
    if (vector_find(v, "probs") != NULL)
        run_sdpa_by_the_book(v);
}

/* A bias, when the case has them: files that share weights between cases hold some that not every case uses. */
static heed_node *bias_of(vector_case *v, vector_graph *s, const char *name)
{
    return vector_number(v, "bias") > 0 ? vector_parameter(v, s, name) : NULL;
}

/* Multi-head attention of x over x_kv with separate maps [out, in]. */
static heed_node *attend(vector_case *v, vector_graph *s, heed_node *x, heed_node *x_kv, heed_node **pattern)
{
    const heed_attention_options options = {.causal = vector_number(v, "causal") > 0};
    const int64_t H = (int64_t)vector_number(v, "H");
    const int64_t Hkv = vector_number(v, "Hkv") > 0 ? (int64_t)vector_number(v, "Hkv") : H;
    heed_node *wq = vector_parameter(v, s, "wq"), *bq = bias_of(v, s, "bq");
    heed_node *wk = vector_parameter(v, s, "wk"), *bk = bias_of(v, s, "bk");
    heed_node *wv = vector_parameter(v, s, "wv"), *bv = bias_of(v, s, "bv");
    heed_node *wo = vector_parameter(v, s, "wo"), *bo = bias_of(v, s, "bo");
    heed_node *q = heed_split_heads(s->g, heed_linear(s->g, x, wq, bq, HEED_WEIGHT_OUT_IN), H);
    heed_node *k = heed_split_heads(s->g, heed_linear(s->g, x_kv, wk, bk, HEED_WEIGHT_OUT_IN), Hkv);
    heed_node *values = heed_split_heads(s->g, heed_linear(s->g, x_kv, wv, bv, HEED_WEIGHT_OUT_IN), Hkv);

    if (pattern != NULL)
        *pattern = heed_softmax(s->g, heed_attention_scores(s->g, q, k, &options));
    return heed_linear(s->g, heed_merge_heads(s->g, heed_attention(s->g, q, k, values, &options)), wo, bo,
                       HEED_WEIGHT_OUT_IN);
}

void run_mha(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *x = vector_parameter(v, &s, "x"),
              *x_kv = vector_number(v, "cross") > 0 ? vector_parameter(v, &s, "x_kv") : x;
    heed_node *pattern = NULL, *out = attend(v, &s, x, x_kv, &pattern);

    vector_watch(&s, "out", out);
    if (vector_find(v, "probs") != NULL)
        vector_watch(&s, "probs", pattern);
    vector_graph_check(v, &s, out, false);
}

void run_preln_block(vector_case *v)
{
    vector_graph s = vector_graph_open();
    const float eps = (float)vector_number(v, "eps");
    heed_node *x = vector_parameter(v, &s, "x");
    heed_node *g1 = vector_parameter(v, &s, "ln1_gamma"), *be1 = vector_optional(v, &s, "ln1_beta");
    heed_node *g2 = vector_parameter(v, &s, "ln2_gamma"), *be2 = vector_optional(v, &s, "ln2_beta");
    heed_node *w1 = vector_parameter(v, &s, "w1"), *b1 = vector_optional(v, &s, "b1");
    heed_node *w2 = vector_parameter(v, &s, "w2"), *b2 = vector_optional(v, &s, "b2");
    heed_node *n1 = heed_layernorm(s.g, x, g1, be1, eps);
    heed_node *mid = heed_add(s.g, x, attend(v, &s, n1, n1, NULL));
    heed_node *pre = heed_linear(s.g, heed_layernorm(s.g, mid, g2, be2, eps), w1, b1, HEED_WEIGHT_OUT_IN);
    heed_node *post = vector_activation(&s, vector_text(v, "act"), pre);
    heed_node *out = heed_add(s.g, mid, heed_linear(s.g, post, w2, b2, HEED_WEIGHT_OUT_IN));

    vector_watch(&s, "out", out);
    vector_watch(&s, "mid", mid);
    vector_graph_check(v, &s, out, false);
}
