/* SPDX-License-Identifier: MIT */
#include "inspect/weight_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nn/nn.h"

/* What a name means: columns of a fused row, or a whole parameter. */
typedef enum part { WHOLE, TRANSPOSED, PART_Q, PART_K, PART_V, PART_O } part;

/* `name` in any case; %d in the place of the layer. Of the fused row there may be no such parameter: then nothing is meant. */
static const struct {
    const char *name, *parameter;
    part part;
} names[] = {
    {"tok_embed", "wte.weight", WHOLE},
    {"W_E", "wte.weight", WHOLE},
    {"embed.W_E", "wte.weight", WHOLE},
    {"pos_embed", "wpe.weight", WHOLE},
    {"W_pos", "wpe.weight", WHOLE},
    {"pos_embed.W_pos", "wpe.weight", WHOLE},
    {"unembed", "lm_head.weight", TRANSPOSED},
    {"W_U", "lm_head.weight", TRANSPOSED},
    {"unembed.W_U", "lm_head.weight", TRANSPOSED},
    {"blocks.%d.attn.W_Q", "h.%d.attn.c_attn.weight", PART_Q},
    {"blocks.%d.attn.W_K", "h.%d.attn.c_attn.weight", PART_K},
    {"blocks.%d.attn.W_V", "h.%d.attn.c_attn.weight", PART_V},
    {"blocks.%d.attn.W_O", "h.%d.attn.c_proj.weight", PART_O},
    {"blocks.%d.attn.b_Q", "h.%d.attn.c_attn.bias", PART_Q},
    {"blocks.%d.attn.b_K", "h.%d.attn.c_attn.bias", PART_K},
    {"blocks.%d.attn.b_V", "h.%d.attn.c_attn.bias", PART_V},
    {"blocks.%d.attn.b_O", "h.%d.attn.c_proj.bias", WHOLE},
    {"blocks.%d.mlp.W_in", "h.%d.mlp.c_fc.weight", WHOLE},
    {"blocks.%d.mlp.b_in", "h.%d.mlp.c_fc.bias", WHOLE},
    {"blocks.%d.mlp.W_gate", "h.%d.mlp.c_gate.weight", WHOLE},
    {"blocks.%d.mlp.W_out", "h.%d.mlp.c_proj.weight", WHOLE},
    {"blocks.%d.mlp.b_out", "h.%d.mlp.c_proj.bias", WHOLE},
    {"blocks.%d.ln1.w", "h.%d.ln_1.weight", WHOLE},
    {"blocks.%d.ln1.b", "h.%d.ln_1.bias", WHOLE},
    {"blocks.%d.ln2.w", "h.%d.ln_2.weight", WHOLE},
    {"blocks.%d.ln2.b", "h.%d.ln_2.bias", WHOLE},
    {"ln_final.w", "ln_f.weight", WHOLE},
    {"ln_final.b", "ln_f.bias", WHOLE},
};

/* Does name follow the pattern, in any case? *layer is the number in the place of %d. */
static bool follows(const char *name, const char *pattern, int *layer)
{
    const char *place = strstr(pattern, "%d");
    const size_t before = place != NULL ? (size_t)(place - pattern) : 0;
    size_t digits;

    if (place == NULL)
        return strcasecmp(name, pattern) == 0;
    if (strncasecmp(name, pattern, before) != 0)
        return false;
    digits = strspn(name + before, "0123456789");
    if (digits == 0 || digits > 4 || strcasecmp(name + before + digits, place + 2) != 0)
        return false;
    *layer = atoi(name + before);
    return true;
}

/* `pattern` with the layer in the place of %d, and in a mixture its experts' maps. */
static void name_parameter(const heed_config *c, char *out, size_t size, const char *pattern, int layer)
{
    const char *place = strstr(pattern, "%d"), *rest = place != NULL ? place + 2 : "";
    const bool expert = c->n_experts > 0 && strncmp(rest, ".mlp.", 5) == 0;

    if (place == NULL)
        snprintf(out, size, "%s",
                 c->tied_head && strcmp(pattern, "lm_head.weight") == 0 ? "wte.weight" : pattern);
    else if (expert)
        snprintf(out, size, "%.*s%d.mlp.experts.%s", (int)(place - pattern), pattern, layer, rest + 5);
    else
        snprintf(out, size, "%.*s%d%s", (int)(place - pattern), pattern, layer, rest);
}

/* Columns of the fused row that stand before the heads of this part, and those heads. */
static int64_t columns_before(const heed_config *c, part which, int64_t *n_heads)
{
    const int64_t head_dim = c->d_model / c->n_heads, n_kv = heed_config_n_kv_heads(c);

    *n_heads = which == PART_Q ? c->n_heads : n_kv;
    if (which == PART_Q || (c->uniform_attention && which == PART_V))
        return 0;
    return head_dim * (which == PART_K || c->tied_kv ? c->n_heads : c->n_heads + n_kv);
}

/* [head, in, head_dim] or [in, heads * head_dim] within [in, columns]; of a bias without the axis `in`. */
static void view_columns(const heed_config *c, heed_weight_view *v, part which, bool bias, bool by_head)
{
    const int64_t D = c->d_model / c->n_heads, n_kv = heed_config_n_kv_heads(c);
    const int64_t columns = c->uniform_attention ? n_kv * D : (c->n_heads + (c->tied_kv ? 1 : 2) * n_kv) * D;
    int64_t n_heads;

    v->offset = columns_before(c, which, &n_heads);
    if (bias && by_head) {
        v->shape = heed_shape2(n_heads, D);
        v->stride[0] = D;
    } else if (bias) {
        v->shape = heed_shape1(n_heads * D);
    } else if (by_head) {
        v->shape = heed_shape3(n_heads, c->d_model, D);
        v->stride[0] = D;
        v->stride[1] = columns;
    } else {
        v->shape = heed_shape2(c->d_model, n_heads * D);
        v->stride[0] = columns;
    }
    v->stride[v->shape.rank - 1] = 1;
}

static void view_output(const heed_config *c, heed_weight_view *v, bool by_head)
{
    const int64_t D = c->d_model / c->n_heads;

    v->shape = by_head ? heed_shape3(c->n_heads, D, c->d_model) : heed_shape2(c->d_model, c->d_model);
    v->stride[0] = by_head ? D * c->d_model : c->d_model;
    v->stride[v->shape.rank - 2] = c->d_model;
    v->stride[v->shape.rank - 1] = 1;
}

bool heed_weight_view_find(const heed_config *c, const char *name, int rank, heed_weight_view *v)
{
    size_t i = 0;
    int layer = 0;

    while (i < sizeof names / sizeof names[0] && !follows(name, names[i].name, &layer))
        i++;
    if (i == sizeof names / sizeof names[0] || c->kind != HEED_KIND_GPT)
        return false;
    *v = (heed_weight_view){.shape = {.rank = -1}}; /* a whole parameter: the caller knows its shape */
    name_parameter(c, v->parameter, sizeof v->parameter, names[i].parameter, layer);
    switch (names[i].part) {
    case WHOLE:
        break;
    case TRANSPOSED:
        v->shape = heed_shape2(c->d_model, c->vocab_size);
        v->stride[0] = 1;
        v->stride[1] = c->d_model;
        break;
    case PART_O:
        view_output(c, v, rank == 3);
        break;
    case PART_Q:
    case PART_K:
    case PART_V: {
        const bool bias = strstr(names[i].parameter, ".bias") != NULL;
        if (c->uniform_attention && names[i].part != PART_V)
            return false;
        view_columns(c, v, names[i].part, bias, rank == (bias ? 2 : 3));
        break;
    }
    }
    return true;
}
