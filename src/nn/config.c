/* SPDX-License-Identifier: MIT */
/* What a model is: the fields of a configuration, the presets, and what must fit together. */
#include <heed/config.h>
#include <string.h>

#include "base/error.h"
#include "nn/nn.h"

static const char *const kinds[] = {"gpt", "bigram", NULL};
static const char *const norms[] = {"pre", "post", "none", NULL};
static const char *const norm_types[] = {"layernorm", "rmsnorm", NULL};
static const char *const activations[] = {"gelu_tanh", "gelu_erf", "relu", "none", "silu", "swiglu", NULL};
static const char *const positions[] = {"learned", "none",     "sinusoidal",     "rotary",
                                        "alibi",   "relative", "transformer_xl", NULL};
static const char *const rotary_scalings[] = {"none", "linear", "ntk", "yarn", NULL};

#define MOST        16777216.0 /* of any one size: products of two stay far below 2^63 */
#define LEAST_SCALE 1e-30      /* a float holds it, and what is divided by it */
#define AT(member)  offsetof(heed_config, member)

static const heed_field fields[] = {
    {"kind", "the model: attention blocks, or a table of bigrams", HEED_FIELD_CHOICE, AT(kind), 0, 0, kinds},
    {"vocab_size", "tokens in the vocabulary; 0: as many as the text needs", HEED_FIELD_INTEGER, AT(vocab_size),
     0, MOST, NULL},
    {"context_length", "tokens the model sees at once", HEED_FIELD_INTEGER, AT(context_length), 1, MOST, NULL},
    {"n_layers", "blocks", HEED_FIELD_INTEGER, AT(n_layers), 0, 1024, NULL},
    {"n_heads", "attention heads in a block; they divide d_model", HEED_FIELD_INTEGER, AT(n_heads), 1, 1024,
     NULL},
    {"d_model", "width of the residual stream", HEED_FIELD_INTEGER, AT(d_model), 1, MOST, NULL},
    {"d_mlp", "width of the feed-forward; 0: mlp_factor times d_model", HEED_FIELD_INTEGER, AT(d_mlp), 0, MOST,
     NULL},
    {"mlp_factor", "width of the feed-forward as a multiple of d_model", HEED_FIELD_NUMBER, AT(mlp_factor),
     0.001, 1024, NULL},
    {"activation", "of the feed-forward; swiglu multiplies it with a gate", HEED_FIELD_CHOICE, AT(activation),
     0, 0, activations},
    {"norm", "where the norm stands in a block", HEED_FIELD_CHOICE, AT(norm), 0, 0, norms},
    {"norm_type", "rmsnorm only scales: no mean is taken off and there is no shift", HEED_FIELD_CHOICE,
     AT(norm_type), 0, 0, norm_types},
    {"norm_eps", "added to the variance in the norm", HEED_FIELD_NUMBER, AT(norm_eps), 0, 1, NULL},
    {"attention", "blocks have attention", HEED_FIELD_BOOLEAN, AT(attention), 0, 0, NULL},
    {"mlp", "blocks have a feed-forward", HEED_FIELD_BOOLEAN, AT(mlp), 0, 0, NULL},
    {"residual", "each part of a block is added to its input", HEED_FIELD_BOOLEAN, AT(residual), 0, 0, NULL},
    {"attention_bias", "biases in the maps of attention", HEED_FIELD_BOOLEAN, AT(attention_bias), 0, 0, NULL},
    {"mlp_bias", "biases in the feed-forward", HEED_FIELD_BOOLEAN, AT(mlp_bias), 0, 0, NULL},
    {"norm_bias", "a shift in LayerNorm", HEED_FIELD_BOOLEAN, AT(norm_bias), 0, 0, NULL},
    {"positions", "how the model knows the order of tokens", HEED_FIELD_CHOICE, AT(positions), 0, 0, positions},
    {"n_kv_heads", "heads of keys and values, shared by the n_heads; 0: n_heads", HEED_FIELD_INTEGER,
     AT(n_kv_heads), 0, 1024, NULL},
    {"tied_kv", "the keys are the values too", HEED_FIELD_BOOLEAN, AT(tied_kv), 0, 0, NULL},
    {"uniform_attention", "every key that is seen weighs the same", HEED_FIELD_BOOLEAN, AT(uniform_attention),
     0, 0, NULL},
    {"causal", "a query sees no later token; needed to write text", HEED_FIELD_BOOLEAN, AT(causal), 0, 0, NULL},
    {"attention_scale", "of the scores; 0: 1/sqrt(head_dim)", HEED_FIELD_NUMBER, AT(attention_scale), 0, 1e6,
     NULL},
    {"window", "tokens a query sees, its own included; 0: all before it", HEED_FIELD_INTEGER, AT(window), 0,
     MOST, NULL},
    {"rotary_base", "of the wavelengths of rotary positions", HEED_FIELD_NUMBER, AT(rotary_base), 1.000001,
     1e12, NULL},
    {"rotary_dim", "dimensions of a head that turn; 0: all", HEED_FIELD_INTEGER, AT(rotary_dim), 0, MOST, NULL},
    {"rotary_interleaved", "neighbours turn together, not halves", HEED_FIELD_BOOLEAN, AT(rotary_interleaved),
     0, 0, NULL},
    {"rotary_scaling", "how rotary positions are stretched over a longer context", HEED_FIELD_CHOICE,
     AT(rotary_scaling), 0, 0, rotary_scalings},
    {"rotary_factor", "by how much", HEED_FIELD_NUMBER, AT(rotary_factor), 1, 4096, NULL},
    {"n_experts", "feed-forwards of which a token goes through some; 0: one, for all", HEED_FIELD_INTEGER,
     AT(n_experts), 0, 4096, NULL},
    {"experts_per_token", "how many", HEED_FIELD_INTEGER, AT(experts_per_token), 1, 4096, NULL},
    {"expert_capacity", "tokens an expert takes in training, as a multiple of an even share; 0: all",
     HEED_FIELD_NUMBER, AT(expert_capacity), 0, 1e6, NULL},
    {"balance_weight", "of the loss that spreads tokens over experts, beside cross-entropy", HEED_FIELD_NUMBER,
     AT(balance_weight), 0, 1e6, NULL},
    {"tied_head", "the head is the token embedding", HEED_FIELD_BOOLEAN, AT(tied_head), 0, 0, NULL},
    {"dropout", "share of activations dropped while training", HEED_FIELD_NUMBER, AT(dropout), 0, 0.99, NULL},
};

const heed_field *heed_config_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

heed_config heed_config_default(void)
{
    return (heed_config){
        .kind = HEED_KIND_GPT,
        .context_length = 64,
        .n_layers = 4,
        .n_heads = 4,
        .d_model = 128,
        .mlp_factor = 4.0,
        .activation = HEED_ACTIVATION_GELU_TANH,
        .norm = HEED_NORM_PRE,
        .norm_eps = 1e-5,
        .attention = true,
        .mlp = true,
        .residual = true,
        .causal = true,
        .attention_bias = true,
        .mlp_bias = true,
        .norm_bias = true,
        .tied_head = true,
        .rotary_base = 10000.0,
        .rotary_factor = 1.0,
        .experts_per_token = 2,
        .balance_weight = 0.01,
    };
}

/* --- presets --- */

static void make_gpt2(heed_config *c)
{
    c->vocab_size = 50257;
    c->context_length = 1024;
    c->n_layers = c->n_heads = 12;
    c->d_model = 768;
}

static void make_m0(heed_config *c)
{
    c->context_length = 256;
    c->n_layers = 1;
    c->d_model = 256;
    c->norm = HEED_NORM_NONE;
    c->mlp = c->residual = c->tied_head = false;
}

static void make_bigram(heed_config *c)
{
    c->kind = HEED_KIND_BIGRAM;
    c->n_layers = 0;
}

static void make_gpt(heed_config *c)
{
    (void)c;
}

static const char *const preset_names[] = {"gpt", "gpt2", "m0", "bigram", NULL};
static void (*const preset_makers[])(heed_config *) = {make_gpt, make_gpt2, make_m0, make_bigram};

const char *const *heed_config_presets(void)
{
    return preset_names;
}

heed_status heed_config_preset(const char *name, heed_config *config, heed_error *err)
{
    char shown[64];

    for (int i = 0; preset_names[i] != NULL; i++) {
        if (strcmp(name, preset_names[i]) == 0) {
            *config = heed_config_default();
            preset_makers[i](config);
            return HEED_OK;
        }
    }
    return heed_fail(err, HEED_ERR_USAGE, "expected a preset (gpt, gpt2, m0 or bigram), got \"%s\"",
                     heed_quote(shown, sizeof shown, name, strlen(name)));
}

/* --- what must fit --- */

static heed_status check_rotary(const heed_config *c, heed_error *err)
{
    const int64_t head_dim = c->d_model / c->n_heads;
    const int64_t turned = c->rotary_dim > 0 ? c->rotary_dim : head_dim;

    if (c->rotary_dim > head_dim)
        return heed_fail(err, HEED_ERR_USAGE, "rotary_dim: expected at most head_dim = %lld, got %lld",
                         (long long)head_dim, (long long)c->rotary_dim);
    if (turned % 2 != 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "rotary positions turn pairs of dimensions: expected an even %s, got %lld",
                         c->rotary_dim > 0 ? "rotary_dim" : "head_dim", (long long)turned);
    if (c->rotary_factor > 1.0 && c->rotary_scaling == HEED_ROTARY_NONE)
        return heed_fail(err, HEED_ERR_USAGE, "rotary_factor %g needs a rotary_scaling, which is none",
                         c->rotary_factor);
    return HEED_OK;
}

/* Distances and windows are counted back from a query. */
static heed_status check_two_ways(const heed_config *c, heed_error *err)
{
    if (c->positions == HEED_POSITIONS_ALIBI || c->positions == HEED_POSITIONS_RELATIVE ||
        c->positions == HEED_POSITIONS_TRANSFORMER_XL)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "positions %s count back from a query: expected learned, none, sinusoidal or rotary in a "
            "model that is not causal",
            positions[c->positions]);
    if (c->window > 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "window counts back from a query: expected 0 in a model that is not causal, got %lld",
                         (long long)c->window);
    return HEED_OK;
}

static heed_status check_attention(const heed_config *c, heed_error *err)
{
    const char *kind = positions[c->positions];

    if (c->d_model % c->n_heads != 0)
        return heed_fail(err, HEED_ERR_USAGE, "n_heads: expected a divisor of d_model = %lld, got %lld",
                         (long long)c->d_model, (long long)c->n_heads);
    if (c->n_heads % heed_config_n_kv_heads(c) != 0)
        return heed_fail(err, HEED_ERR_USAGE, "n_kv_heads: expected a divisor of n_heads = %lld, got %lld",
                         (long long)c->n_heads, (long long)c->n_kv_heads);
    if (c->attention_scale != 0.0 && c->attention_scale < LEAST_SCALE)
        return heed_fail(err, HEED_ERR_USAGE, "attention_scale: expected 0 or at least %g, got %g", LEAST_SCALE,
                         c->attention_scale);
    if (c->uniform_attention && heed_config_positions_in_attention(c))
        return heed_fail(err, HEED_ERR_USAGE,
                         "uniform_attention has no scores that positions %s could change; expected learned, "
                         "none or sinusoidal",
                         kind);
    if (c->uniform_attention && (c->tied_kv || c->attention_scale != 0.0))
        return heed_fail(err, HEED_ERR_USAGE, "uniform_attention has no keys and no scores: %s does not fit",
                         c->tied_kv ? "tied_kv" : "attention_scale");
    if (!c->causal && check_two_ways(c, err) != HEED_OK)
        return HEED_ERR_USAGE;
    return c->positions == HEED_POSITIONS_ROTARY ? check_rotary(c, err) : HEED_OK;
}

heed_status heed_config_check(const heed_config *c, heed_error *err)
{
    int n;
    const heed_field *table = heed_config_fields(&n);
    const heed_status status = heed_fields_check(table, n, c, err);

    if (status != HEED_OK)
        return status;
    if (c->vocab_size < 1)
        return heed_fail(err, HEED_ERR_USAGE, "vocab_size: expected at least 1, got %lld",
                         (long long)c->vocab_size);
    if (c->kind == HEED_KIND_BIGRAM)
        return HEED_OK;
    if (c->n_layers > 0 && !c->attention && !c->mlp)
        return heed_fail(err, HEED_ERR_USAGE,
                         "a block needs attention or a feed-forward, both are switched off");
    if (!c->attention && heed_config_positions_in_attention(c))
        return heed_fail(err, HEED_ERR_USAGE, "positions %s are a part of attention, which is switched off",
                         positions[c->positions]);
    if (!c->attention && c->window > 0)
        return heed_fail(err, HEED_ERR_USAGE, "window is a part of attention, which is switched off");
    if (c->positions != HEED_POSITIONS_ROTARY &&
        (c->rotary_scaling != HEED_ROTARY_NONE || c->rotary_factor > 1.0))
        return heed_fail(err, HEED_ERR_USAGE, "%s is for positions rotary, these are %s",
                         c->rotary_scaling != HEED_ROTARY_NONE ? "rotary_scaling" : "rotary_factor",
                         positions[c->positions]);
    if (heed_config_d_mlp(c) < 1 || heed_config_d_mlp(c) > (int64_t)MOST)
        return heed_fail(err, HEED_ERR_USAGE, "the feed-forward would be %lld wide, expected 1 to %lld",
                         (long long)heed_config_d_mlp(c), (long long)MOST);
    if (c->n_experts > 0 && !c->mlp)
        return heed_fail(err, HEED_ERR_USAGE, "experts are feed-forwards, which are switched off");
    if (c->n_experts > 0 && c->experts_per_token > c->n_experts)
        return heed_fail(err, HEED_ERR_USAGE, "experts_per_token: expected at most n_experts = %lld, got %lld",
                         (long long)c->n_experts, (long long)c->experts_per_token);
    return c->attention ? check_attention(c, err) : HEED_OK;
}

/* --- how far positions reach --- */

bool heed_config_looks_ahead(const heed_config *c)
{
    return c->kind == HEED_KIND_GPT && c->n_layers > 0 && c->attention && !c->causal;
}

int64_t heed_config_reach(const heed_config *c)
{
    const bool windowed = c->window > 0 && c->window <= c->context_length; /* no distance is longer */

    if (c->kind != HEED_KIND_GPT)
        return INT64_MAX;
    return c->positions == HEED_POSITIONS_LEARNED || (c->positions == HEED_POSITIONS_RELATIVE && !windowed)
               ? c->context_length
               : INT64_MAX;
}

heed_status heed_config_check_length(const heed_config *c, int64_t length, heed_error *err)
{
    const int64_t reach = heed_config_reach(c);

    if (length < 1 || length > (int64_t)MOST)
        return heed_fail(err, HEED_ERR_USAGE, "context_length: expected 1 to %lld, got %lld", (long long)MOST,
                         (long long)length);
    if (length > reach)
        return heed_fail(err, HEED_ERR_USAGE, "the model has no row for %s %lld: its %s table has %lld rows",
                         c->positions == HEED_POSITIONS_LEARNED ? "position" : "a distance of",
                         (long long)reach, positions[c->positions], (long long)reach);
    return HEED_OK;
}
