/* SPDX-License-Identifier: MIT */
#include "inspect/symbols.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/divisor.h"
#include "nn/nn.h"

/* No factor of a whole number that models multiply by is as large as the least prime. */
enum { MOST_FACTOR = 64, MOST_DIVISOR = 8, MOST_TIMES = 4, MOST_MORE = 4 };

/* --- the sizes of a configuration --- */

/* The feed-forward is so many times as wide as the stream; 0: no whole number, or a width of its own. */
static int64_t whole_factor(const heed_config *c)
{
    const double factor = c->d_mlp > 0 ? 0.0 : c->mlp_factor;

    return factor == floor(factor) && factor <= MOST_FACTOR ? (int64_t)factor : 0;
}

static void name_size(heed_symbols *s, heed_symbol symbol, int64_t size)
{
    s->named[symbol] = true;
    s->size[symbol] = size;
}

heed_symbols heed_symbols_of(const heed_config *c, int64_t batch, int64_t length)
{
    heed_symbols s = {{false}, {0}, false, 0};
    const int64_t n_kv = heed_config_n_kv_heads(c);

    for (int i = 0; i < HEED_N_SYMBOLS; i++)
        s.size[i] = 1;
    name_size(&s, HEED_SYMBOL_BATCH, batch);
    name_size(&s, HEED_SYMBOL_LENGTH, length);
    name_size(&s, HEED_SYMBOL_VOCABULARY, c->vocab_size);
    if (c->kind == HEED_KIND_BIGRAM)
        return s;
    name_size(&s, HEED_SYMBOL_CONTEXT, c->context_length);
    s.length_above_context = length > c->context_length;
    name_size(&s, HEED_SYMBOL_KV_HEADS, n_kv);
    if (n_kv < c->n_heads)
        name_size(&s, HEED_SYMBOL_GROUP, c->n_heads / n_kv);
    name_size(&s, HEED_SYMBOL_HEAD_DIM, c->d_model / c->n_heads);
    if (c->window > 0) {
        name_size(&s, HEED_SYMBOL_WINDOW, c->window);
        s.window_above = (c->window >= length) + (c->window >= c->context_length);
    }
    if (c->mlp && whole_factor(c) == 0)
        name_size(&s, HEED_SYMBOL_MLP, heed_config_d_mlp(c));
    if (c->n_experts > 0) {
        name_size(&s, HEED_SYMBOL_EXPERTS, c->n_experts);
        name_size(&s, HEED_SYMBOL_CHOSEN, c->experts_per_token);
    }
    return s;
}

void heed_symbols_pin(heed_symbols *s, int level)
{
    for (int i = 0; i < HEED_N_SYMBOLS && level > 0; i++) {
        if (s->size[i] == 1 && (level > 1 || i == HEED_SYMBOL_KV_HEADS))
            s->named[i] = false;
    }
}

/* --- probes --- */

static void swap(int64_t *a, int64_t *b)
{
    const int64_t kept = *a;

    *a = *b;
    *b = kept;
}

/* A size for each name. Length, context and window are in the order that they really have. */
static void choose_primes(const heed_symbols *s, int number, int64_t *prime)
{
    static const int64_t primes[HEED_N_PROBES][HEED_N_SYMBOLS] = {
        {101, 151, 199, 0, 1009, 137, 107, 149, 0, 103, 109, 113},
        {127, 227, 311, 0, 2003, 211, 131, 163, 0, 139, 157, 167},
    };
    static const int64_t windows[HEED_N_PROBES][3] = {{71, 179, 251}, {73, 269, 349}};

    memcpy(prime, primes[number], sizeof primes[number]);
    prime[HEED_SYMBOL_WINDOW] = windows[number][s->window_above];
    if (s->length_above_context)
        swap(&prime[HEED_SYMBOL_LENGTH], &prime[HEED_SYMBOL_CONTEXT]);
    for (int i = 0; i < HEED_N_SYMBOLS; i++)
        prime[i] = s->named[i] ? prime[i] : 0;
}

heed_probe heed_symbols_probe(const heed_symbols *s, const heed_config *config, int number)
{
    heed_probe p = {.config = *config};
    heed_config *c = &p.config;

    choose_primes(s, number, p.prime);
    for (int i = 0; i < HEED_N_SYMBOLS; i++)
        p.size[i] = s->named[i] ? p.prime[i] : 1;
    if (s->named[HEED_SYMBOL_HEAD_DIM])
        p.size[HEED_SYMBOL_HEAD_DIM] *= 2; /* what turns, turns in pairs */
    p.batch = p.size[HEED_SYMBOL_BATCH];
    p.length = p.size[HEED_SYMBOL_LENGTH];
    c->vocab_size = p.size[HEED_SYMBOL_VOCABULARY];
    if (c->kind == HEED_KIND_BIGRAM)
        return p;
    c->context_length = p.size[HEED_SYMBOL_CONTEXT];
    c->n_heads = p.size[HEED_SYMBOL_KV_HEADS] * p.size[HEED_SYMBOL_GROUP];
    c->n_kv_heads = p.size[HEED_SYMBOL_KV_HEADS];
    c->d_model = c->n_heads * p.size[HEED_SYMBOL_HEAD_DIM];
    c->rotary_dim = 0;
    if (s->named[HEED_SYMBOL_MLP])
        c->d_mlp = p.size[HEED_SYMBOL_MLP];
    if (s->named[HEED_SYMBOL_WINDOW])
        c->window = p.size[HEED_SYMBOL_WINDOW];
    if (s->named[HEED_SYMBOL_EXPERTS]) {
        c->n_experts = p.size[HEED_SYMBOL_EXPERTS];
        c->experts_per_token = p.size[HEED_SYMBOL_CHOSEN];
    }
    return p;
}

/* --- reading a size --- */

/* Is e the number `expected` when the sizes are these? No rounding: a product is left off before it could pass 2^127. */
static bool gives(const heed_expression *e, const int64_t *size, int64_t expected)
{
    const __int128 most = (__int128)1 << 90;
    __int128 left = e->above, right = (__int128)expected * e->below;

    if (e->part >= 0)
        left *= e->times * size[e->part] + e->more;
    for (int i = 0; i < HEED_N_SYMBOLS; i++) {
        for (int k = 0; k < e->exponent[i] && left < most; k++)
            left *= size[i];
    }
    return left == right;
}

static bool agrees(const heed_symbols *s, const heed_probe *probes, const int64_t *sizes, int64_t real,
                   const heed_expression *e)
{
    for (int i = 0; i < HEED_N_PROBES; i++) {
        if (!gives(e, probes[i].size, sizes[i]))
            return false;
    }
    return gives(e, s->size, real);
}

/* What is left of a size is n (times part + more), as in K (H/K + 2) = H + 2K of queries, keys and values side by side. */
static bool read_sum(const heed_symbols *s, const heed_probe *probes, const int64_t *sizes, int64_t real,
                     heed_expression *e)
{
    const int64_t rest = e->above;
    const bool grouped = s->named[HEED_SYMBOL_KV_HEADS];

    for (e->part = HEED_N_SYMBOLS - 1; e->part >= 0; e->part--) {
        const bool stands_alone = e->part == HEED_SYMBOL_GROUP && grouped &&
                                  e->exponent[HEED_SYMBOL_KV_HEADS] == 0;
        for (e->times = 1; e->times <= MOST_TIMES && s->named[e->part] && !stands_alone; e->times++) {
            for (e->more = -MOST_MORE; e->more <= MOST_MORE; e->more++) {
                const int64_t sum = e->times * probes[0].size[e->part] + e->more;
                e->above = rest / sum;
                if (e->more != 0 && rest % sum == 0 && e->above <= MOST_FACTOR &&
                    agrees(s, probes, sizes, real, e))
                    return true;
            }
        }
    }
    return false;
}

/* A product, or one with a sum in it. */
static bool read_product(const heed_symbols *s, const heed_probe *probes, const int64_t *sizes, int64_t real,
                         heed_expression *out)
{
    heed_expression e = {.above = sizes[0], .below = 1, .part = -1};
    int64_t divisor;

    for (int i = 0; i < HEED_N_SYMBOLS; i++) {
        while (probes[0].prime[i] > 0 && e.above % probes[0].prime[i] == 0) {
            e.above /= probes[0].prime[i];
            e.below *= probes[0].size[i] / probes[0].prime[i];
            e.exponent[i]++;
        }
    }
    divisor = heed_common_divisor(e.above, e.below);
    e.above /= divisor;
    e.below /= divisor;
    *out = e;
    if (e.below > MOST_DIVISOR)
        return false;
    return e.above <= MOST_FACTOR ? agrees(s, probes, sizes, real, out) : read_sum(s, probes, sizes, real, out);
}

void heed_symbols_name_rows(heed_symbols *s, heed_probe *probes, int64_t real, const int64_t *sizes)
{
    s->named[HEED_SYMBOL_ROWS] = true;
    s->size[HEED_SYMBOL_ROWS] = real;
    for (int i = 0; i < HEED_N_PROBES; i++)
        probes[i].size[HEED_SYMBOL_ROWS] = sizes[i];
}

bool heed_symbols_read(const heed_symbols *s, const heed_probe *probes, const int64_t *sizes, int64_t real,
                       heed_expression *out)
{
    int64_t rest[HEED_N_PROBES], here = s->size[HEED_SYMBOL_ROWS];

    *out = (heed_expression){.above = 0, .below = 1, .part = -1};
    if (sizes[0] <= 0)
        return sizes[0] == 0 && agrees(s, probes, sizes, real, out);
    if (read_product(s, probes, sizes, real, out))
        return true;
    if (!s->named[HEED_SYMBOL_ROWS] || real % here != 0)
        return false;
    for (int i = 0; i < HEED_N_PROBES; i++) {
        if (sizes[i] % probes[i].size[HEED_SYMBOL_ROWS] != 0)
            return false;
        rest[i] = sizes[i] / probes[i].size[HEED_SYMBOL_ROWS];
    }
    if (!read_product(s, probes, rest, real / here, out))
        return false;
    out->exponent[HEED_SYMBOL_ROWS]++;
    return agrees(s, probes, sizes, real, out);
}

/* --- writing it --- */

static void append(char *out, size_t size, const char *text)
{
    const size_t used = strlen(out);

    snprintf(out + used, size - used, "%s", text);
}

static void append_times(char *out, size_t size, const char *symbol, int times)
{
    for (int i = 0; i < times; i++)
        append(out, size, symbol);
}

static const char *letter_of(const heed_symbols *s, int symbol)
{
    static const char *const letters[HEED_N_SYMBOLS] = {"B", "T", "C", "W", "V",   "E",
                                                        "k", "m", "R", "K", "H/K", "d/H"};

    return symbol == HEED_SYMBOL_KV_HEADS && !s->named[HEED_SYMBOL_GROUP] ? "H" : letters[symbol];
}

/* (3E + 1); of heads in groups, K (H/K + 2) is written as H + 2K. */
static void append_sum(char *out, size_t size, const heed_symbols *s, const heed_expression *e)
{
    const bool heads = e->part == HEED_SYMBOL_GROUP && s->named[HEED_SYMBOL_KV_HEADS];
    char times[24] = "", more[24];
    const long long distance = e->more < 0 ? -(long long)e->more : (long long)e->more;

    if (e->times > 1)
        snprintf(times, sizeof times, "%lld", (long long)e->times);
    if (heads && distance == 1)
        snprintf(more, sizeof more, "K");
    else
        snprintf(more, sizeof more, "%lld%s", distance, heads ? "K" : "");
    append(out, size, "(");
    append(out, size, times);
    append(out, size, heads || e->part == HEED_SYMBOL_GROUP ? "H" : letter_of(s, e->part));
    append(out, size, e->more < 0 ? " - " : " + ");
    append(out, size, more);
    append(out, size, ")");
}

/* Heads and their width in the words of a configuration: together they are d, alone H, K and d/H. */
typedef struct heads_part {
    int d, heads, kv_heads, group, head_dim;
} heads_part;

static int least(int a, int b)
{
    return a < b ? a : b;
}

static heads_part split_heads_part(const heed_symbols *s, const heed_expression *e)
{
    const bool kv = s->named[HEED_SYMBOL_KV_HEADS], grouped = s->named[HEED_SYMBOL_GROUP];
    heads_part p = {.kv_heads = e->exponent[HEED_SYMBOL_KV_HEADS],
                    .group = e->exponent[HEED_SYMBOL_GROUP],
                    .head_dim = e->exponent[HEED_SYMBOL_HEAD_DIM]};

    if (e->part == HEED_SYMBOL_GROUP && kv)
        p.kv_heads--;                                                            /* it stands in the sum */
    p.heads = kv && grouped ? least(p.kv_heads, p.group) : p.kv_heads + p.group; /* one of them is 1 */
    p.kv_heads -= kv ? p.heads : 0;
    p.group -= grouped ? p.heads : 0;
    p.d = kv || grouped ? least(p.heads, p.head_dim) : p.head_dim; /* of one head alone */
    p.heads -= kv || grouped ? p.d : 0;
    p.head_dim -= p.d;
    return p;
}

const char *heed_expression_format(char *out, size_t size, const heed_symbols *s, const heed_expression *e)
{
    const heads_part p = split_heads_part(s, e);
    char number[24];

    out[0] = '\0';
    if (e->above != 1) {
        snprintf(number, sizeof number, "%lld", (long long)e->above);
        append(out, size, number);
    }
    if (e->part >= 0)
        append_sum(out, size, s, e);
    for (int i = 0; i < HEED_SYMBOL_KV_HEADS; i++)
        append_times(out, size, letter_of(s, i), e->exponent[i]);
    append_times(out, size, "K", p.kv_heads);
    append_times(out, size, "H", p.heads + p.group);
    append_times(out, size, "d", p.d + p.head_dim);
    if (out[0] == '\0')
        append(out, size, "1");
    append_times(out, size, "/H", p.head_dim);
    append_times(out, size, "/K", p.group);
    if (e->below != 1) {
        snprintf(number, sizeof number, "/%lld", (long long)e->below);
        append(out, size, number);
    }
    return out;
}
