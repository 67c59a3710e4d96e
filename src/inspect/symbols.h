/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write them: [B, H, T, d/H] for [4, 12, 256, 64].
 *
 * No size is guessed from a number, as T and head_dim may both be 4. The graph of a configuration is built again for two
 * others, its *probes*, in which every named size has a prime factor of its own. A size of a node there says by its factors
 * what it is made of, and is believed only when it gives the right number at the other probe and at the real one.
 *
 *     heed_symbols symbols = heed_symbols_of(&config, batch, length);
 *     heed_probe probe = heed_symbols_probe(&symbols, &config, 0);        probe.config, probe.batch, probe.length
 *     if (heed_symbols_read(&symbols, probes, sizes, real, &e))           sizes[2] at the probes, real
 *         heed_expression_format(out, size, &symbols, &e);                "3d"
 *
 * The rows of experts with a bounded capacity are a minimum, and so a name for themselves: they have no prime, and stand in an
 * expression where nothing else explains the size.
 */
#ifndef HEED_INSPECT_SYMBOLS_H
#define HEED_INSPECT_SYMBOLS_H

#include <heed/config.h>
#include <stddef.h>

/* What sizes are products of. n_heads = KV_HEADS GROUP, d_model = n_heads HEAD_DIM. */
typedef enum heed_symbol {
    HEED_SYMBOL_BATCH,
    HEED_SYMBOL_LENGTH,
    HEED_SYMBOL_CONTEXT,
    HEED_SYMBOL_WINDOW,
    HEED_SYMBOL_VOCABULARY,
    HEED_SYMBOL_EXPERTS,
    HEED_SYMBOL_CHOSEN, /* experts_per_token */
    HEED_SYMBOL_MLP,    /* d_mlp, where it is no whole multiple of d_model */
    HEED_SYMBOL_ROWS,   /* of all experts, where their capacity is bounded: read off each graph */
    HEED_SYMBOL_KV_HEADS,
    HEED_SYMBOL_GROUP,
    HEED_SYMBOL_HEAD_DIM,
    HEED_N_SYMBOLS,
} heed_symbol;

enum { HEED_N_PROBES = 2, HEED_SYMBOL_TEXT = 32, HEED_PINNED_LEVELS = 3 };

/* Of one configuration. A size that it does not name is 1 everywhere. */
typedef struct heed_symbols {
    bool named[HEED_N_SYMBOLS];
    int64_t size[HEED_N_SYMBOLS];
    bool length_above_context;
    int window_above; /* of length and context so many are no longer than the window */
} heed_symbols;

typedef struct heed_probe {
    heed_config config;
    int64_t batch, length;
    int64_t size[HEED_N_SYMBOLS];
    int64_t prime[HEED_N_SYMBOLS]; /* that divides size and no other size; 0: not named */
} heed_probe;

/* above / below times the sizes to their exponents, times (times part + more) where there is a part. */
typedef struct heed_expression {
    int64_t above, below;
    int exponent[HEED_N_SYMBOLS];
    int part; /* -1: none */
    int64_t times, more;
} heed_expression;

/** Takes the names of sizes that are 1 away: at level 1 those of heads, at 2 all, at 0 none. */
void heed_symbols_pin(heed_symbols *symbols, int level);
/** Names the rows of experts: their number here and at the probes. */
void heed_symbols_name_rows(heed_symbols *symbols, heed_probe *probes, int64_t real, const int64_t *sizes);
heed_symbols heed_symbols_of(const heed_config *config, int64_t batch, int64_t length);
/** number: 0 .. HEED_N_PROBES - 1. */
heed_probe heed_symbols_probe(const heed_symbols *symbols, const heed_config *config, int number);
/** What a size is that is sizes[i] at probe i; false: it is no such product, or not `real` here. */
bool heed_symbols_read(const heed_symbols *symbols, const heed_probe *probes, const int64_t *sizes,
                       int64_t real, heed_expression *out);
/** "(H + 2K)d/H" in out, HEED_SYMBOL_TEXT bytes at least; returns out. */
const char *heed_expression_format(char *out, size_t size, const heed_symbols *symbols,
                                   const heed_expression *e);

#endif
