/* SPDX-License-Identifier: MIT */
/**
 * What is known about a head from its pattern: how it spreads its attention, what it looks for, which heads are alike.
 *
 *     heed_heads *heads = NULL;
 *     heed_repeated_options options = {.seed = 1};
 *     heed_repeated test;
 *     heed_status s = heed_heads_repeat(model, &options, &heads, &test, &err);
 *     heed_head_scores scores;
 *     heed_heads_scores(heads, HEED_HEADS_ALL, layer, head, &scores);
 *     if (scores.roles[HEED_HEAD_INDUCTION].named) …
 *     heed_heads_destroy(heads);
 *
 * A pattern A [n, n] has a row for each query i and a column for each key j; a row adds up to 1 over the keys that the
 * query sees. All figures are made of visible pairs. A row that holds a NaN or an infinity is left out and counted, and
 * so is one whose weights are all 0.
 */
#ifndef HEED_HEADS_H
#define HEED_HEADS_H

#include <heed/mask.h>
#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a head may be good for -------------------------------------------------------------------------- */

/*
 * Each role is a set of pairs, the detection pattern D (1: the head would look there):
 *
 *   previous    j = i - 1
 *   duplicate   j < i   and  id_j = id_i                the token stood there before
 *   induction   1 <= j <= i  and  id_(j-1) = id_i       what came behind it then
 *   delimiter   1 <= j <= i  and  token j parts words or sentences (heed_head_delimiters)
 *   first       j = 0                                   an attention sink
 *
 * The first three are those of TransformerLens (transformer_lens/head_detector.py); so an induction head may look at its own
 * token where that repeats the one before. Delimiters: Clark et al. 2019 (arXiv:1906.04341) 3.2, where heads rest on
 * separators, periods and commas; token 0 is left to the sink. First token: Xiao et al. 2024 (arXiv:2309.17453) 3.1; the
 * score is alpha_1 of Gu et al. 2025 (arXiv:2410.10781).
 */
typedef enum heed_head_role {
    HEED_HEAD_PREVIOUS,
    HEED_HEAD_DUPLICATE,
    HEED_HEAD_INDUCTION,
    HEED_HEAD_DELIMITER,
    HEED_HEAD_FIRST,
    HEED_N_HEAD_ROLES
} heed_head_role;

/** "previous token", "duplicate token", "induction", "delimiter", "first token". */
HEED_API const char *heed_head_role_name(heed_head_role role);

/* When a role is named and a head is called collapsed. */
#define HEED_HEAD_GAIN             0.4  /* at least so much of what chance leaves */
#define HEED_HEAD_ODDS             1e-4 /* and at most such odds that random rows do as well */
#define HEED_HEAD_COLLAPSE_KEYS    4    /* rows that see so many keys count */
#define HEED_HEAD_COLLAPSE_ENTROPY 0.1  /* at most so much of the possible entropy */
#define HEED_HEAD_COLLAPSE_LARGEST 0.9  /* and at least so large a largest weight */

/*
 * How well a head plays a role. Sums are over visible pairs; NaN: not known (no ids, no delimiters, no row).
 *
 *   mul     sum A D / sum A                   TransformerLens' error measure "mul": the share of all attention
 *   abs     1 - sum |A - D| / n               its "abs", not rounded to three digits; n: rows
 *
 * Both also count rows that have nothing to find. For the verdict only those count that see two keys or more and have some
 * of D among them:
 *
 *   found   the mean share of such a row's weight that lies on D
 *   chance  the same for uniform attention:  |D in the row| / |keys that it sees|
 *   gain    (found - chance) / (1 - chance)   0: as good as chance, 1: perfect
 *   odds    exp(-rows KL(found || chance)),   KL(a || b) = a ln(a/b) + (1-a) ln((1-a)/(1-b));  1 where found <= chance
 *
 * odds bounds the probability that rows which spread their weights by lot, however they spread them, find as much
 * (Hoeffding 1963, JASA 58, theorem 1). named: gain >= HEED_HEAD_GAIN and odds <= HEED_HEAD_ODDS. So a text of fewer than
 * eight tokens names no head: there, looking at the right key in each row may be luck.
 */
typedef struct heed_head_role_score {
    double mul, abs;
    double found, chance, gain, odds;
    int64_t rows;
    bool named;
} heed_head_role_score;

/*
 * Figures of one head. Means are over the rows that see two keys or more, as the first one has no choice; NaN where there
 * is no such row.
 *
 *   entropy        -sum_j A_ij ln A_ij, in nats
 *   max_entropy    ln(keys that i sees): that of uniform attention
 *   entropy_share  entropy / max_entropy
 *   largest        max_j A_ij
 *   distance       sum_j A_ij (i - j)
 *   itself         A_ii
 *   collapsed      over rows that see HEED_HEAD_COLLAPSE_KEYS keys or more, entropy is at most HEED_HEAD_COLLAPSE_ENTROPY
 *                  of the possible one and the largest weight at least HEED_HEAD_COLLAPSE_LARGEST, each in the mean: the
 *                  head looks at one key at a time (entropy collapse: Zhai et al. 2023, arXiv:2303.06296). A head whose
 *                  role is named may be so sharp for a reason.
 *   stripe         of repeated random tokens alone (heed_heads_repeat), else NaN
 */
typedef struct heed_head_scores {
    int64_t rows;              /* that means are over */
    int64_t not_finite, empty; /* left out */
    double entropy, max_entropy, entropy_share;
    double largest, distance, itself;
    double stripe;
    bool collapsed;
    heed_head_role_score roles[HEED_N_HEAD_ROLES];
} heed_head_scores;

#define HEED_HEAD_WORDS 160 /* bytes of what is said of a head, with the zero */
/** The roles that are named, with the share that they find, and "collapsed": "induction 0.93, first token 0.41". Returns out. */
HEED_API const char *heed_head_say(const heed_head_scores *scores, char out[HEED_HEAD_WORDS]);

/* ---- of a pattern, wherever it comes from ------------------------------------------------------------------ */

typedef struct heed_head_pattern {
    const float *weights;      /* [n, n] */
    const int32_t *ids;        /* [n]; NULL: not known, then duplicate, induction are not either */
    const uint8_t *delimiters; /* [n] 1: token j is one; NULL: not known */
    int64_t n;
    const heed_mask *mask; /* which keys a query sees; NULL: causal */
} heed_head_pattern;

/** HEED_ERR_USAGE: n < 1 or a mask that cannot be; HEED_ERR_MEMORY: n * n bytes. */
HEED_API heed_status heed_head_measure(const heed_head_pattern *pattern, heed_head_scores *out,
                                       heed_error *err);

/** D of a role as numbers 0 and 1, out [n, n], causal. Of the pattern it reads ids, delimiters, n. HEED_ERR_USAGE: without what the role needs. */
HEED_API heed_status heed_head_detection(heed_head_role role, const heed_head_pattern *pattern, float *out,
                                         heed_error *err);

typedef struct heed_head_match {
    bool abs;             /* error measure "abs"; else "mul" */
    bool exclude_first;   /* leave out attention to token 0, as exclude_bos does */
    bool exclude_current; /* leave out attention of a token to itself */
} heed_head_match;

/**
 * How alike two matrices [n, n] are by TransformerLens' compute_head_attention_similarity_score(): for a detection pattern
 * of your own. Pairs left out count as 0 in the pattern ("mul") or in the difference ("abs"). NaN where the pattern is 0.
 */
HEED_API double heed_head_matches(const float *pattern, const float *detection, int64_t n,
                                  const heed_head_match *how);

/* ---- of all heads of a model ------------------------------------------------------------------------------- */

typedef struct heed_heads heed_heads;

typedef struct heed_heads_options {
    int n_largest;   /* largest weights to keep for each head and element */
    bool similarity; /* keep all patterns, to compare heads */
    int threads;     /* 0: one a processor */
} heed_heads_options;

#define HEED_HEADS_ALL (-1) /* in the place of an element: all of them together */

/**
 * Runs the model over ids [batch, length] and measures each head. Patterns are looked at one layer at a time and kept only
 * for similarity. options NULL: all zero. HEED_ERR_USAGE: no attention, an id outside the vocabulary, more tokens than the
 * model can read; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_heads_look(const heed_model *model, const int32_t *ids, int64_t batch, int64_t length,
                                     const heed_heads_options *options, heed_heads **heads, heed_error *err);
HEED_API void heed_heads_destroy(heed_heads *heads); /* NULL is allowed */

HEED_API int heed_heads_n_layers(const heed_heads *heads);
HEED_API int heed_heads_n_heads(const heed_heads *heads);
HEED_API int64_t heed_heads_batch(const heed_heads *heads);
HEED_API int64_t heed_heads_length(const heed_heads *heads);
/** [batch, length]; lent by heads. */
HEED_API const int32_t *heed_heads_ids(const heed_heads *heads);

/** Of a batch element, or HEED_HEADS_ALL: means over the rows of all. Numbers must be in range. */
HEED_API void heed_heads_scores(const heed_heads *heads, int64_t element, int layer, int head,
                                heed_head_scores *out);

/**
 * out [length]: the mean weight at each distance i - j, over all elements' pairs at that distance that are visible, without
 * rows that see one key. NaN where there is none.
 */
HEED_API void heed_heads_profile(const heed_heads *heads, int layer, int head, double *out);

typedef struct heed_head_weight {
    int64_t query, key;
    float weight;
} heed_head_weight;

/** The largest weights of rows that see two keys or more, largest first, equal ones in reading order; lent. *n: how many. */
HEED_API const heed_head_weight *heed_heads_largest(const heed_heads *heads, int64_t element, int layer,
                                                    int head, int *n);

/**
 * out [N, N], N = n_layers * n_heads, head `layer * n_heads + head`: the cosine of the angle between two heads' patterns,
 * as lists of the weights of all visible pairs of all elements, without rows that see one key. NaN where a weight is not
 * finite or all are 0. HEED_ERR_USAGE: heads were looked at without `similarity`.
 */
HEED_API heed_status heed_heads_similarity(const heed_heads *heads, float *out, heed_error *err);

/**
 * out [n], 1 where a token parts words or sentences: apart from white space around it, it is nothing, or made of the
 * characters . , ; : ! ? and their wide forms; or it is a special token, such as the end of a text. False when the model
 * has no tokenizer, then out is not touched.
 */
HEED_API bool heed_head_delimiters(const heed_model *model, const int32_t *ids, int64_t n, uint8_t *out);

/* ---- repeated random tokens -------------------------------------------------------------------------------- */

typedef struct heed_repeated_options {
    int64_t length; /* T; 0: 50, or what the context has room and the vocabulary different tokens for */
    int64_t batch;  /* 0: 4 */
    uint64_t seed;
    int threads;
} heed_repeated_options;

typedef struct heed_repeated {
    int64_t batch, length; /* as they were */
    int32_t first;         /* the token in front; -1: none */
    bool distinct;         /* no token comes twice in a half */
    double first_loss,
        second_loss; /* mean -ln p in nats of the tokens of a half; the first half's first only behind `first` */
} heed_repeated;

/**
 * The test for induction heads: T random tokens and the same T again. Nothing tells the second half but the first.
 *
 *   stripe   the mean of A_(i, i - T + 1) over the queries i of the second half
 *
 * It is the diagonal of offset 1 - T that TransformerLens' demonstrations average; they take in the last query of the first
 * half too (and the token in front), which has nothing to find, and so give at most about T / (T + 1). Roles are measured on
 * all rows as on any other text; the induction head of the verdict is the detector's, which also counts earlier places where
 * a token repeats within a half.
 *
 * Tokens are ordinary ones (of the vocabulary's ids those that have a text and are not special), drawn from the seed; all
 * different within a half where the vocabulary has as many, else drawn independently. In front stands the token that begins
 * a text (by the tokenizer's template, else the end of a text) where the model has one. heads has length 2 T or 2 T + 1.
 * HEED_ERR_USAGE: a context without room for two times two tokens, a T without room, a vocabulary of fewer than two.
 * Source: Olsson et al. 2022 (arXiv:2209.11895); TransformerLens, Main_Demo.
 */
HEED_API heed_status heed_heads_repeat(const heed_model *model, const heed_repeated_options *options,
                                       heed_heads **heads, heed_repeated *test, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
