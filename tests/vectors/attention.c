/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "vectors.h"

/* What a case asks of attention that heed has not got, or NULL. */
static const char *beyond(const vector_case *v)
{
    if (vector_number(v, "window") > 0)
        return "sliding window";
    if (vector_number(v, "key_padding") > 0)
        return "key padding";
    if (vector_number(v, "explicit_mask") > 0)
        return "explicit mask";
    if (vector_number(v, "alibi") > 0)
        return "ALiBi";
    if (strcmp(vector_text(v, "bias"), "none") != 0 && strcmp(vector_text(v, "bias"), "0") != 0)
        return "score bias";
    return strcmp(vector_text(v, "rope"), "none") != 0 ? "rotary positions" : NULL;
}

void run_sdpa(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_attention_options options = {.scale = (float)vector_number(v, "scale"),
                                      .causal = vector_number(v, "causal") > 0};
    const double offset = vector_number(v, "causal_offset");
    heed_node *q, *k, *val, *z;

    if (beyond(v) != NULL) {
        vector_skip(v, beyond(v));
        heed_graph_destroy(s.g);
        return;
    }
    q = vector_parameter(v, &s, "q");
    k = vector_parameter(v, &s, "k");
    val = vector_parameter(v, &s, "v");
    if (options.causal && offset != vector_number(v, "Tk") - vector_number(v, "Tq")) {
        if (offset < 0) {
            vector_skip(v, "queries before the first key");
            heed_graph_destroy(s.g);
            return;
        }
        options.past = vector_scalar_int(v, &s, "past", (int32_t)offset);
    }
    z = heed_attention(s.g, q, k, val, &options);
    vector_watch(&s, "out", z);
    if (z != NULL && vector_find(v, "lse") != NULL)
        vector_watch(&s, "lse", z->outputs[1]);
    if (vector_find(v, "probs") != NULL)
        vector_watch(&s, "probs", heed_softmax(s.g, heed_attention_scores(s.g, q, k, &options)));
    vector_graph_check(v, &s, z, false);
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
