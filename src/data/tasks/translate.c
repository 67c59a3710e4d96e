/* SPDX-License-Identifier: MIT */
/*
 * Aligned pairs for translation: a sentence of seven words, and the same in five words of an invented language, which has no
 * articles and puts adjectives behind their nouns.
 *
 *     the red cat sees one old dog=belo beli dora dolo dori
 *      0   1   2   3    4   5   6   2    1    3    6    5          what each word on the right is made of
 *
 * There are K = symbols nouns, adjectives and verbs each. Word k of a kind has the k-th stem and the ending of its kind: o of
 * nouns, i of adjectives, a of verbs. Words and the spaces between them are tokens; the whole right side counts, with its
 * spaces and the line break, and all of it follows from the left: the floor is 0. Where prompts count, an article has ln 2
 * nats, another word ln K, and spaces and "=", which stand where they must, have none.
 */
#include <math.h>
#include <stdio.h>

#include "data/tasks/list.h"

#define MOST_WORDS 16

/* clang-format off */
static const char *const english[3][MOST_WORDS] = {
    {"cat", "dog", "fox", "horse", "bird", "child", "mouse", "king", "cow", "goat", "owl", "bear", "duck", "sheep", "frog", "wolf"},
    {"red", "old", "small", "quick", "happy", "quiet", "warm", "brave", "round", "green", "sleepy", "young", "clever", "tall", "wet", "shy"},
    {"sees", "finds", "follows", "likes", "hears", "helps", "calls", "fears", "knows", "leads", "meets", "chases", "guards", "paints", "wakes", "hides"},
};
static const char *const stems[MOST_WORDS] = {
    "bel", "dor", "fin", "gal", "hum", "jas", "kel", "lor", "mip", "nuv", "pad", "rit", "sot", "tul", "vek", "zan",
};
/* clang-format on */

enum { NOUN, ADJECTIVE, VERB };

/* Tokens: the articles, space, "=", the line break; then K words of each kind, in English and in the other language. */
enum { THE, ONE, SPACE, EQUALS, BREAK, N_SIGNS };

static int64_t word(const heed_task *task, int kind, int64_t k, bool other)
{
    return N_SIGNS + ((other ? 3 : 0) + kind) * task->options.symbols + k;
}

static int64_t n_tokens(const heed_task *task)
{
    return N_SIGNS + 6 * task->options.symbols;
}

static void token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES])
{
    static const char *const signs[] = {"the", "one", " ", "=", "\n"};
    const int64_t K = task->options.symbols, kind = (i - N_SIGNS) / K, k = (i - N_SIGNS) % K;

    if (i < N_SIGNS)
        snprintf(piece, HEED_TASK_PIECE_BYTES, "%s", signs[i]);
    else if (kind < 3)
        snprintf(piece, HEED_TASK_PIECE_BYTES, "%s", english[kind][k]);
    else
        snprintf(piece, HEED_TASK_PIECE_BYTES, "%s%c", stems[k], "oia"[kind - 3]);
}

#define N_PROMPT 14 /* seven words, six spaces, "=" */
#define N_LINE   24 /* and five words, four spaces, the line break */

static int64_t n_example(const heed_task *task)
{
    (void)task;
    return N_LINE;
}

static void put_words(const heed_task *task, heed_task_window *w, const int64_t *words, int n, int64_t end,
                      bool counts)
{
    for (int i = 0; i < n; i++) {
        heed_task_put(w, task->ids[words[i]], counts);
        heed_task_put(w, task->ids[i + 1 < n ? SPACE : end], counts);
    }
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    const int64_t K = task->options.symbols;

    (void)part;
    while (window->n <= window->T) {
        const int64_t article = heed_rng_below(rng, 2), adjective = heed_rng_below(rng, K);
        const int64_t noun = heed_rng_below(rng, K), verb = heed_rng_below(rng, K);
        const int64_t article2 = heed_rng_below(rng, 2), adjective2 = heed_rng_below(rng, K);
        const int64_t noun2 = heed_rng_below(rng, K);
        const int64_t from[] = {THE + article,
                                word(task, ADJECTIVE, adjective, false),
                                word(task, NOUN, noun, false),
                                word(task, VERB, verb, false),
                                THE + article2,
                                word(task, ADJECTIVE, adjective2, false),
                                word(task, NOUN, noun2, false)};
        const int64_t to[] = {word(task, NOUN, noun, true), word(task, ADJECTIVE, adjective, true),
                              word(task, VERB, verb, true), word(task, NOUN, noun2, true),
                              word(task, ADJECTIVE, adjective2, true)};

        put_words(task, window, from, 7, EQUALS, task->options.prompts);
        put_words(task, window, to, 5, BREAK, true);
    }
}

static double floor_of(const heed_task *task)
{
    const double article = log(2.0), other = log((double)task->options.symbols);
    const double nats[N_PROMPT] = {article, 0, other, 0, other, 0, other, 0, article, 0, other, 0, other, 0};

    return heed_task_line_floor(task, nats, N_PROMPT, N_LINE);
}

const heed_task_kind heed_task_translate = {
    .symbols = {8, 1, MOST_WORDS},
    .length = {0, 0, 0},
    .words = true,
    .has_prompts = true,
    .n_tokens = n_tokens,
    .token = token,
    .n_example = n_example,
    .fill = fill,
    .floor = floor_of,
};
