/* SPDX-License-Identifier: MIT */
/*
 * A pronoun: a sentence about two things, one of which "it" means, and behind it which one.
 *
 *     the cat sat on the mat because it was so tired=cat
 *     the cat sat on the mat because it was dirty=mat
 *
 * Nouns are of four kinds (beings, cloths, dishes, machines), K = symbols of each, and the two of a sentence are of different
 * ones. Four words can be said of each kind and of no other. The last word of the sentence is drawn from those of either noun
 * with the same probability; up to m = length small words ("so", "very" ...), each number of them as likely, stand before it.
 *
 * Words and the spaces between them are tokens. The noun behind "=" counts, with the line break, and follows from the
 * sentence: the floor is 0. Neither the last word (it fits K nouns) nor the place of a noun tells it alone.
 *
 * Where prompts count, all T targets do. A noun has ln 4K nats, then ln 3K, a verb ln 4, what is said ln 8 (of which noun, and
 * what). Behind i small words comes another one or the last word: the entropy of 1/(m - i + 1), and ln 4 for a small word.
 * Lines have m + 1 lengths; e[o] being the nats that token o of a line has on average and u[s] the probability that a line
 * begins at token s of the window,
 *
 *     u[0] = 1    u[s] = sum_n u[s - 22 - 2n] / (m + 1), n = 0 … m      floor = sum_(t = 1 … T) sum_o u[t - o] e[o] / T
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/tasks/list.h"

enum { N_KINDS = 4, N_SAID = 4, N_VERBS = 4, N_SMALL = 4, MOST_NOUNS = 8, MOST_SMALL = 64 };

/* clang-format off */
static const char *const signs[] = {" ", "=", "\n"};
static const char *const frame[] = {"the", "because", "it", "was"};
static const char *const verbs[N_VERBS][2] = {{"sat", "on"}, {"lay", "by"}, {"stood", "near"}, {"slept", "under"}};
static const char *const small[N_SMALL] = {"so", "very", "quite", "really"};
static const char *const nouns[N_KINDS][MOST_NOUNS] = {
    {"cat", "dog", "girl", "boy", "fox", "owl", "horse", "goat"},
    {"mat", "rug", "coat", "shirt", "sheet", "scarf", "towel", "curtain"},
    {"soup", "cake", "bread", "stew", "rice", "pie", "salad", "porridge"},
    {"car", "clock", "radio", "drill", "lamp", "pump", "mill", "engine"},
};
static const char *const said[N_KINDS][N_SAID] = {
    {"tired", "hungry", "bored", "sleepy"},
    {"dirty", "woven", "torn", "soft"},
    {"salty", "burnt", "stale", "tasty"},
    {"broken", "loud", "rusty", "fast"},
};
/* clang-format on */

/* Tokens: signs, the frame, both words of the verbs, small words, what is said, nouns. */
enum {
    SPACE,
    EQUALS,
    BREAK,
    THE,
    BECAUSE,
    IT,
    WAS,
    VERBS,
    SMALL = VERBS + 2 * N_VERBS,
    SAID = SMALL + N_SMALL,
    NOUNS = SAID + N_KINDS * N_SAID
};

static int64_t n_tokens(const heed_task *task)
{
    return NOUNS + N_KINDS * task->options.symbols;
}

static const char *word(const heed_task *task, int64_t i)
{
    if (i < THE)
        return signs[i];
    if (i < VERBS)
        return frame[i - THE];
    if (i < SMALL)
        return verbs[(i - VERBS) / 2][(i - VERBS) % 2];
    if (i < SAID)
        return small[i - SMALL];
    if (i < NOUNS)
        return said[(i - SAID) / N_SAID][(i - SAID) % N_SAID];
    return nouns[(i - NOUNS) / task->options.symbols][(i - NOUNS) % task->options.symbols];
}

static void token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES])
{
    snprintf(piece, HEED_TASK_PIECE_BYTES, "%s", word(task, i));
}

/* "the cat sat on the mat because it was", m small words, what is said, each with a space or "=" behind; noun and break. */
static int64_t n_example(const heed_task *task)
{
    return 2 * (10 + task->options.length) + 2;
}

static void put_line(const heed_task *task, heed_rng *rng, heed_task_window *w)
{
    const int64_t K = task->options.symbols;
    const int64_t kind = heed_rng_below(rng, N_KINDS);
    const int64_t kinds[2] = {kind, (kind + 1 + heed_rng_below(rng, N_KINDS - 1)) % N_KINDS};
    const int64_t first = NOUNS + K * kinds[0] + heed_rng_below(rng, K),
                  second = NOUNS + K * kinds[1] + heed_rng_below(rng, K);
    const bool prompts = task->options.prompts;
    const int64_t verb = VERBS + 2 * heed_rng_below(rng, N_VERBS), meant = heed_rng_below(rng, 2),
                  n_small = heed_rng_below(rng, task->options.length + 1);
    const int64_t begin[] = {THE, first, verb, verb + 1, THE, second, BECAUSE, IT, WAS};

    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        heed_task_put(w, task->ids[begin[i]], prompts);
        heed_task_put(w, task->ids[SPACE], prompts);
    }
    for (int64_t i = 0; i < n_small; i++) {
        heed_task_put(w, task->ids[SMALL + heed_rng_below(rng, N_SMALL)], prompts);
        heed_task_put(w, task->ids[SPACE], prompts);
    }
    heed_task_put(w, task->ids[SAID + N_SAID * kinds[meant] + heed_rng_below(rng, N_SAID)], prompts);
    heed_task_put(w, task->ids[EQUALS], prompts);
    heed_task_put(w, task->ids[meant == 0 ? first : second], true);
    heed_task_put(w, task->ids[BREAK], true);
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    (void)part;
    while (window->n <= window->T)
        put_line(task, rng, window);
}

/* --- the floor with prompts --- */

enum { SHORTEST = 22, FIRST_NOUN = 2, VERB = 4, SECOND_NOUN = 10, FIRST_SMALL = 18 }; /* tokens of a line */

static double entropy(double p)
{
    return p > 0.0 && p < 1.0 ? -p * log(p) - (1.0 - p) * log(1.0 - p) : 0.0;
}

/* What token o of a line has on average, lines without such a token included. */
static double nats_at(const heed_task *task, int64_t o)
{
    const double K = (double)task->options.symbols, m = (double)task->options.length;
    const int64_t i = (o - FIRST_SMALL) / 2;

    if (o < FIRST_SMALL)
        return o == FIRST_NOUN    ? log(N_KINDS * K)
               : o == SECOND_NOUN ? log((N_KINDS - 1) * K)
               : o == VERB        ? log(N_VERBS)
                                  : 0.0;
    if (o % 2 != 0 || i > task->options.length)
        return 0.0;
    const double arrives = (m + 1.0 - (double)i) / (m + 1.0), stops = 1.0 / (m + 1.0 - (double)i);

    return arrives * (entropy(stops) + (1.0 - stops) * log(N_SMALL) + stops * log(2.0 * N_SAID));
}

static double floor_of(const heed_task *task)
{
    const int64_t T = task->options.context_length, m = task->options.length;
    double *begins = task->options.prompts ? calloc((size_t)T + 1, sizeof *begins) : NULL; /* u */
    double sum = 0.0;

    if (!task->options.prompts)
        return 0.0;
    if (begins == NULL)
        return NAN;
    begins[0] = 1.0;
    for (int64_t s = 0; s <= T; s++) {
        for (int64_t n = 0; n <= m && s - SHORTEST - 2 * n >= 0; n++)
            begins[s] += begins[s - SHORTEST - 2 * n] / (double)(m + 1);
        for (int64_t o = s == 0 ? 1 : 0; o <= FIRST_SMALL + 2 * m && s + o <= T; o++)
            sum += begins[s] * nats_at(task, o);
    }
    free(begins);
    return sum / (double)T;
}

const heed_task_kind heed_task_pronoun = {
    .symbols = {4, 1, MOST_NOUNS},
    .length = {3, 1, MOST_SMALL},
    .words = true,
    .has_prompts = true,
    .n_tokens = n_tokens,
    .token = token,
    .n_example = n_example,
    .fill = fill,
    .floor = floor_of,
};
