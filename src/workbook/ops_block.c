/* SPDX-License-Identifier: MIT */
#include "workbook/exact_block.h"
#include "workbook/small_graph.h"

static const char *const names[HEED_BLOCK_PARTS] = {"x",     "Wq", "bq", "Wk",    "bk",    "Wv",
                                                    "bv",    "Wo", "bo", "ln1_g", "ln1_b", "ln2_g",
                                                    "ln2_b", "W1", "b1", "W2",    "b2"};

static bool is_matrix(int part)
{
    return part == HEED_BLOCK_WQ || part == HEED_BLOCK_WK || part == HEED_BLOCK_WV || part == HEED_BLOCK_WO ||
           part == HEED_BLOCK_W1 || part == HEED_BLOCK_W2;
}

typedef struct of_ops {
    heed_small m;
    heed_node *node[HEED_BLOCK_PARTS], *out;
} of_ops;

static heed_node *linear(of_ops *o, heed_node *x, heed_block_part weight)
{
    return heed_linear(o->m.g, x, o->node[weight], o->node[weight + 1], HEED_WEIGHT_IN_OUT);
}

static heed_node *heads(of_ops *o, const heed_block *b, heed_node *x, heed_block_part weight)
{
    return heed_split_heads(o->m.g, linear(o, x, weight), b->n_heads);
}

static void build(of_ops *o, const heed_block *b)
{
    heed_graph *g = o->m.g;
    const heed_attention_options options = {.causal = b->causal, .scale = (float)b->scale};
    heed_node *x, *z, *y, *mid;

    o->node[HEED_BLOCK_X] = heed_small_batch(&o->m, "x", b->part[HEED_BLOCK_X]);
    for (int i = 1; i < HEED_BLOCK_PARTS; i++) {
        if (b->part[i].data == NULL)
            continue;
        o->node[i] = is_matrix(i) ? heed_small_matrix(&o->m, names[i], b->part[i])
                                  : heed_small_vector(&o->m, names[i], b->part[i]);
    }
    x = heed_layernorm(g, o->node[HEED_BLOCK_X], o->node[HEED_BLOCK_LN1_G], o->node[HEED_BLOCK_LN1_B],
                       (float)HEED_BLOCK_EPS);
    z = heed_attention(g, heads(o, b, x, HEED_BLOCK_WQ), heads(o, b, x, HEED_BLOCK_WK),
                       heads(o, b, x, HEED_BLOCK_WV), &options);
    y = linear(o, heed_merge_heads(g, z), HEED_BLOCK_WO);
    mid = b->no_residual ? y : heed_add(g, o->node[HEED_BLOCK_X], y);
    x = heed_layernorm(g, mid, o->node[HEED_BLOCK_LN2_G], o->node[HEED_BLOCK_LN2_B], (float)HEED_BLOCK_EPS);
    y = linear(o, heed_relu(g, linear(o, x, HEED_BLOCK_W1)), HEED_BLOCK_W2);
    o->out = b->no_residual ? y : heed_add(g, mid, y);
}

heed_block_values heed_ops_block(heed_solving *s, const heed_block *b)
{
    heed_block_values v = {.out = {0, 0, NULL}};
    of_ops o = {.out = NULL};

    if (!heed_small_begin(s, &o.m))
        return v;
    build(&o, b);
    if (heed_small_differentiate(&o.m, o.out, b->upstream)) {
        heed_node *wanted[HEED_BLOCK_PARTS + 1] = {o.out};

        for (int i = 0; i < HEED_BLOCK_PARTS; i++)
            wanted[i + 1] = o.node[i] != NULL ? o.node[i]->grad : NULL;
        heed_small_run(&o.m, wanted, HEED_BLOCK_PARTS + 1);
        v.out = heed_small_value(&o.m, o.out);
        for (int i = 0; i < HEED_BLOCK_PARTS; i++)
            v.grad[i] = heed_small_value(&o.m, wanted[i + 1]);
    }
    heed_small_end(&o.m);
    return v;
}
