/* SPDX-License-Identifier: MIT */
#include "inspect/meaning.h"

#include <stdio.h>
#include <string.h>

#include "base/pattern.h"
#include "nn/part.h"

typedef struct meaning {
    const char *pattern; /* of a name without its layer */
    const char *text;
    bool lens; /* TransformerLens has the same name, with hook_ before its last part */
} meaning;

/* The first match counts. */
static const meaning by_name[] = {
    /* what goes in */
    {"ids", "tokens that are read", false},
    {"targets", "tokens to be predicted: the next ones", false},
    {"window", "number of the first window: picks the dropout masks", false},
    {"past", "tokens that the cache holds already", false},
    {"blocks.*.attn.k_cache", "keys of all that was read, with room for the whole context", false},
    {"blocks.*.attn.v_cache", "values of all that was read, with room for the whole context", false},
    {"d.objective", "what the backward pass begins with: 1", false},

    /* rows as heads and back */
    {"x", "a row for each position: its heads side by side", false},
    {"split", "the columns of each head as an axis of their own", false},
    {"heads", "heads before positions: a matrix for each head; no number has moved", false},
    {"joined", "the same rows again", false},
    {"stored", "heads that lie one behind the other, each by itself", false},
    {"rows", "each head as one row", false},
    {"swapped", "positions before heads; no number has moved", false},
    {"copied", "the same numbers, those of a position now side by side", false},
    {"merged", "a row for each position again", false},

    /* activations, on a token's way through */
    {"embed", "row of each token in the token table", true},
    {"pos_embed", "row of each position", true},
    {"blocks.*.resid_pre", "residual stream before the block", true},
    {"blocks.*.ln1.normalized", "what attention reads: the stream, normalized", true},
    {"blocks.*.attn.qkv", "queries, keys and values side by side: x W + b", false},
    {"blocks.*.attn.q", "queries: what each position looks for", true},
    {"blocks.*.attn.k", "keys: what each position is found by", true},
    {"blocks.*.attn.v", "values: what each position hands over", true},
    {"blocks.*.attn.rot_q", "queries, turned by their position", true},
    {"blocks.*.attn.rot_k", "keys, turned by their position", true},
    {"blocks.*.attn.scores", "q.k / sqrt(head_dim), -inf where the mask hides the key", true},
    {"blocks.*.attn.pattern", "softmax of the scores: how much each query attends to each key", true},
    {"blocks.*.attn.lse", "log of the sum of exp(score), of each query", false},
    {"blocks.*.attn.entropy", "entropy of each query's pattern, in nats", false},
    {"blocks.*.attn.z", "mean of the values, weighed by the pattern", true},
    {"blocks.*.attn_out", "what attention adds to the stream: heads joined, times W + b", true},
    {"blocks.*.resid_mid", "residual stream between attention and feed-forward", true},
    {"blocks.*.ln2.normalized", "what the feed-forward reads: the stream, normalized", true},
    {"blocks.*.mlp.pre", "hidden units before the activation", true},
    {"blocks.*.mlp.pre_linear", "what the gate multiplies", true},
    {"blocks.*.mlp.post", "hidden units after the activation", true},
    {"blocks.*.mlp_out", "what the feed-forward adds to the stream", true},
    {"blocks.*.mlp.router_logits", "what the router gives each expert", false},
    {"blocks.*.mlp.router_probs", "softmax of it", false},
    {"blocks.*.mlp.expert_index", "experts that each token goes to", false},
    {"blocks.*.mlp.expert_gates", "what they weigh", false},
    {"blocks.*.mlp.expert_row", "where each assignment stands among the rows of all experts", false},
    {"blocks.*.mlp.expert_load", "share of the assignments that each expert gets", false},
    {"blocks.*.mlp.balance_loss", "how unevenly tokens are spread over experts", false},
    {"blocks.*.resid_post", "residual stream after the block", true},
    {"ln_final.normalized", "what the head reads: the last stream, normalized", true},
    {"logits", "score of each word of the vocabulary as the next token", false},
    {"token_loss", "-log p(target) at each position", false},
    {"loss", "mean of -log p(target)", false},
    {"objective", "what training makes smaller: the loss and the balance of experts", false},

    /* parameters */
    {"wte.weight", "token table", false},
    {"wpe.weight", "position table", false},
    {"lm_head.weight", "the head: a vector for each word", false},
    {"table.weight", "bigram table: logits after each token", false},
    {"*ln_*.weight", "gain of the norm", false},
    {"*ln_*.bias", "shift of the norm", false},
    {"h.*.attn.c_attn.weight", "map to queries, keys and values", false},
    {"h.*.attn.c_attn.bias", "bias of that map", false},
    {"h.*.attn.c_proj.weight", "map of the joined heads back to the stream", false},
    {"h.*.attn.c_proj.bias", "bias of that map", false},
    {"h.*.attn.c_relative.weight", "map of the waves of distance", false},
    {"h.*.attn.relative.weight", "a row for each distance", false},
    {"h.*.attn.relative_u.bias", "bias u of each head: added to q before the keys", false},
    {"h.*.attn.relative_v.bias", "bias v of each head: added to q before the distances", false},
    {"h.*.mlp.router.weight", "the router", false},
    {"h.*.c_fc.weight", "map to the hidden units", false},
    {"h.*.c_gate.weight", "map to the gate", false},
    {"h.*.c_proj.weight", "map of the hidden units back to the stream", false},
    {"h.*.bias", "bias of that map", false},
};

typedef struct op_meaning {
    const char *op;
    int output; /* -1: any */
    const char *text;
} op_meaning;

/* Of nodes without a name of their own. */
static const op_meaning by_op[] = {
    {"narrow", -1, "some of the columns"},
    {"split_heads", -1, "each head's columns as an axis of their own"},
    {"merge_heads", -1, "the heads of a position side by side again"},
    {"reshape", -1, "the same numbers under another shape"},
    {"alias", -1, "gradients that already lie side by side"},
    {"copy", -1, "the same numbers, in order"},
    {"widen", -1, "a gradient among zeros: of some columns, seen from all"},
    {"add", -1, "a sum"},
    {"cache_append", -1, "the cache, with what is new behind the rest"},
    {"scale", -1, "times a number"},
    {"dropout", -1, "some set to 0, the others scaled up"},
    {"to_bf16", -1, "rounded to bf16 for products"},
    {"to_f32", -1, "widened to f32"},
    {"rotary", -1, "turned by position"},
    {"sinusoidal", -1, "sines and cosines of each position"},
    {"sinusoidal_back", -1, "sines and cosines of each distance"},
    {"linear", -1, "x W + b"},
    {"attention", 2, "largest score of each query"},
    {"attention", 3, "sum of exp(score - largest) of each query"},
    {"attention_backward", 0, "gradient by the queries"},
    {"attention_backward", 1, "gradient by the keys"},
    {"attention_backward", 2, "gradient by the values"},
    {"attention_backward", 3, "gradient by what is added to scores"},
    {"attention_backward", 4, "gradient by the queries, through their distances"},
    {"attention_backward", 5, "gradient by the rows of distances"},
    {"expert_linear_backward_input", -1, "gradient by what the experts read"},
    {"expert_rows", 1, "the assignment that stands in each row"},
    {"expert_rows", 2, "where each expert's rows begin"},
    {"expert_dispatch", -1, "tokens, copied to the rows of their experts"},
    {"expert_linear", -1, "each row times the matrix of its expert"},
    {"linear_backward_input", -1, "gradient by what a map reads"},
    {"linear_backward_weight", 0, "gradient by a map"},
    {"linear_backward_weight", 1, "gradient by a map's bias"},
    {"layernorm_backward", 0, "gradient through the norm"},
    {"rmsnorm_backward", 0, "gradient through the norm"},
    {"embedding_backward", -1, "gradient by a table: rows of the tokens that were read"},
    {"sum_leading", -1, "added up over all rows"},
    {"expert_dispatch_backward", -1, "gradient by the tokens, back from the rows of their experts"},
    {"expert_gates_backward", -1, "gradient by the router's probabilities, through the gates"},
    {"balance_loss_backward", -1, "gradient by the router's probabilities, through the balance"},
    {"linear_cross_entropy", -1, "logits, softmax and loss tile by tile"},
    {"linear_cross_entropy_backward", 0, "the loss, found on the way to its gradient"},
    {"linear_cross_entropy_backward", 1, "gradient by what the head reads"},
    {"linear_cross_entropy_backward", 2, "gradient by the head"},
    {"cross_entropy_backward", 1, "the loss, found on the way to its gradient"},
};

/* --- looking up --- */

static const meaning *find_name(const char *name)
{
    char kind[HEED_MAX_NAME];

    heed_part_name(kind, sizeof kind, name);
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
        if (heed_pattern_matches(by_name[i].pattern, kind))
            return &by_name[i];
    }
    return NULL;
}

static const char *find_op(const char *op, size_t n, int output)
{
    for (size_t i = 0; i < sizeof by_op / sizeof by_op[0]; i++) {
        if (strlen(by_op[i].op) == n && strncmp(by_op[i].op, op, n) == 0 &&
            (by_op[i].output < 0 || by_op[i].output == output))
            return by_op[i].text;
    }
    return "";
}

/* The last part of a name that was made from an op: of blocks.0.attn.narrow.2 it is narrow. */
static const char *op_in(const char *name, size_t *n)
{
    const char *end = name + strlen(name), *number = end, *begin;

    while (number > name && number[-1] >= '0' && number[-1] <= '9')
        number--;
    if (number > name && number < end && number[-1] == '.')
        end = number - 1;
    for (begin = end; begin > name && begin[-1] != '.'; begin--)
        ;
    *n = (size_t)(end - begin);
    return begin;
}

const char *heed_meaning_of(const heed_node *node)
{
    const char *name = node->name, *op;
    const bool gradient = strncmp(name, "d.", 2) == 0;
    const meaning *m = find_name(name);
    size_t n;

    if (m == NULL && gradient)
        m = find_name(name + 2);
    if (m != NULL)
        return m->text;
    if (gradient) {
        op = op_in(name, &n);
        return find_op(op, n, 0);
    }
    return node->op != NULL ? find_op(node->op->name, strlen(node->op->name), node->output) : "";
}

const char *heed_meaning_lens_name(char *out, size_t size, const char *name)
{
    const meaning *m = find_name(name);
    const char *last = strrchr(name, '.');
    const int head = last != NULL ? (int)(last + 1 - name) : 0;

    if (m == NULL || !m->lens)
        out[0] = '\0';
    else
        snprintf(out, size, "%.*shook_%s%s", head, name, strcmp(name + head, "scores") == 0 ? "attn_" : "",
                 name + head);
    return out;
}
