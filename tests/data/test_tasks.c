/* SPDX-License-Identifier: MIT */
/* Tasks: every answer is right by a reader of its own, and every floor is the loss of an exact predictor. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tasks/task.h"

enum { MOST_T = 200 };

typedef struct bench {
    heed_task *task;
    heed_tokenizer *tokenizer;
    int64_t T;
    int32_t ids[MOST_T + 2], targets[MOST_T + 2]; /* a guard on either side */
} bench;

static void open_bench(bench *b, const heed_task_options *options)
{
    heed_error err = {0};

    b->T = options->context_length;
    if (heed_task_open(options, &b->task, &b->tokenizer, &err) != HEED_OK)
        fail_msg("%s: %s", heed_task_names[options->kind], err.message);
}

static void close_bench(bench *b)
{
    heed_tokenizer_destroy(b->tokenizer);
    heed_source_destroy(&b->task->source);
}

/* Window number w into ids + 1 and targets + 1. */
static void fill(bench *b, heed_part part, int64_t w)
{
    b->ids[0] = b->ids[b->T + 1] = b->targets[0] = b->targets[b->T + 1] = 77777;
    for (int64_t t = 1; t <= b->T; t++)
        b->ids[t] = b->targets[t] = 88888;
    b->task->source.fill(&b->task->source, part, w, b->T, b->ids + 1, b->targets + 1);
    if (b->ids[0] != 77777 || b->ids[b->T + 1] != 77777 || b->targets[0] != 77777 ||
        b->targets[b->T + 1] != 77777)
        fail_msg("window %lld: written outside of its %lld tokens", (long long)w, (long long)b->T);
    for (int64_t t = 1; t <= b->T; t++)
        if (b->ids[t] < 0 || b->ids[t] >= heed_tokenizer_vocab_size(b->tokenizer) ||
            (b->targets[t] != HEED_NO_TARGET &&
             (b->targets[t] < 0 || b->targets[t] >= heed_tokenizer_vocab_size(b->tokenizer))))
            fail_msg("window %lld, token %lld: id %d, target %d", (long long)w, (long long)(t - 1),
                     (int)b->ids[t], (int)b->targets[t]);
}

/* The window as text, and where each of its tokens begins in it. */
static char *spell(const bench *b)
{
    char *text = NULL;
    size_t n = 0;

    assert_int_equal(heed_tokenizer_decode(b->tokenizer, b->ids + 1, (size_t)b->T, &text, &n, NULL), HEED_OK);
    return text;
}

static heed_task_options options_of(const char *name, int64_t T)
{
    return (heed_task_options){
        .kind = heed_task_find(name), .held_out = 0.5, .seed = 1337, .context_length = T};
}

/* --- answers --- */

/* Each checks one whole line "prompt=answer". */
static bool copied(const char *prompt, const char *answer, const bench *b)
{
    (void)b;
    return strcmp(prompt, answer) == 0;
}

static bool reversed(const char *prompt, const char *answer, const bench *b)
{
    const size_t n = strlen(prompt);

    (void)b;
    for (size_t i = 0; i < n; i++)
        if (prompt[i] != answer[n - 1 - i])
            return false;
    return strlen(answer) == n;
}

static int rank_of(char c)
{
    return (int)(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c) -
                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}

static bool sorted(const char *prompt, const char *answer, const bench *b)
{
    int count[256] = {0};

    (void)b;
    for (size_t i = 0; prompt[i] != '\0'; i++)
        count[(unsigned char)prompt[i]]++;
    for (size_t i = 0; answer[i] != '\0'; i++) {
        count[(unsigned char)answer[i]]--;
        if (i > 0 && rank_of(answer[i]) < rank_of(answer[i - 1]))
            return false;
    }
    for (int i = 0; i < 256; i++)
        if (count[i] != 0)
            return false;
    return true;
}

static bool added(const char *prompt, const char *answer, const bench *b)
{
    int x, y;

    return sscanf(prompt, "%d+%d", &x, &y) == 2 && (x + y) % (int)b->task->options.symbols == atoi(answer);
}

/* A dictionary that is learned from what comes: each pair of words must agree with the first time it was seen. */
static char dictionary[64][2][16];
static int n_words;

static bool agree(const char *from, const char *to)
{
    for (int i = 0; i < n_words; i++)
        if (strcmp(dictionary[i][0], from) == 0 || strcmp(dictionary[i][1], to) == 0)
            return strcmp(dictionary[i][0], from) == 0 && strcmp(dictionary[i][1], to) == 0;
    snprintf(dictionary[n_words][0], 16, "%s", from);
    snprintf(dictionary[n_words++][1], 16, "%s", to);
    return true;
}

static bool translated(const char *prompt, const char *answer, const bench *b)
{
    static const int aligned[5] = {2, 1, 3, 6, 5};
    char from[7][16], to[5][16];
    bool right = sscanf(prompt, "%15s %15s %15s %15s %15s %15s %15s", from[0], from[1], from[2], from[3],
                        from[4], from[5], from[6]) == 7 &&
                 sscanf(answer, "%15s %15s %15s %15s %15s", to[0], to[1], to[2], to[3], to[4]) == 5;

    (void)b;
    for (int i = 0; right && i < 5; i++)
        right = agree(from[aligned[i]], to[i]);
    return right && (strcmp(from[0], "the") == 0 || strcmp(from[0], "one") == 0) && from[4][3] == '\0';
}

/* The noun behind "=" is one of the two of the sentence, and what is said of it is said of no noun of another kind. */
static char said[64][2][16]; /* of a noun, a word */
static int n_said;

static bool meant(const char *prompt, const char *answer, const bench *b)
{
    char words[10][16], last[16] = "";
    const char *space = strrchr(prompt, ' ');

    (void)b;
    snprintf(last, sizeof last, "%s", space != NULL ? space + 1 : "");
    if (sscanf(prompt, "%15s %15s %15s %15s %15s %15s %15s %15s %15s", words[0], words[1], words[2], words[3],
               words[4], words[5], words[6], words[7], words[8]) != 9)
        return false;
    for (int i = 0; i < n_said; i++)
        if (strcmp(said[i][0], answer) == 0 && strcmp(said[i][1], last) == 0)
            return strcmp(words[7], "it") == 0 &&
                   (strcmp(answer, words[1]) == 0) != (strcmp(answer, words[5]) == 0);
    if (n_said < 64) {
        snprintf(said[n_said][0], 16, "%s", answer);
        snprintf(said[n_said++][1], 16, "%s", last);
    }
    return n_said < 64 && strcmp(answer, words[strcmp(answer, words[1]) == 0 ? 1 : 5]) == 0;
}

/* Checks the whole lines of a window; how many there were. */
static int check_lines(const bench *b, bool (*right)(const char *, const char *, const bench *))
{
    char *text = spell(b), *line = text;
    int n = 0;

    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, n++) {
        char *equals;

        *end = '\0';
        equals = strchr(line, '=');
        if (equals == NULL)
            fail_msg("\"%s\" has no answer", line);
        *equals = '\0';
        if (!right(line, equals + 1, b))
            fail_msg("\"%s\" has the answer \"%s\"", line, equals + 1);
    }
    free(text);
    return n;
}

static void every_answer_is_right(void **state)
{
    static const struct {
        const char *name;
        int64_t symbols, length;
        bool (*right)(const char *, const char *, const bench *);
    } cases[] = {
        {"copy", 0, 0, copied},           {"copy", 62, 1, copied},         {"copy", 2, 60, copied},
        {"reverse", 0, 0, reversed},      {"reverse", 5, 3, reversed},     {"sort", 0, 0, sorted},
        {"sort", 62, 31, sorted},         {"sort", 3, 5, sorted},          {"addition", 0, 0, added},
        {"addition", 7, 0, added},        {"addition", 997, 0, added},     {"translate", 0, 0, translated},
        {"translate", 16, 0, translated}, {"translate", 1, 0, translated}, {"pronoun", 0, 0, meant},
        {"pronoun", 2, 9, meant},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int part = 0; part < 2; part++) {
            heed_task_options options = options_of(cases[i].name, 150);
            bench b;
            int n = 0;

            options.symbols = cases[i].symbols;
            options.length = cases[i].length;
            options.prompts = i % 2 == 0 && cases[i].right != added;
            open_bench(&b, &options);
            n_words = n_said = 0;
            for (int64_t w = 0; w < 50; w++) {
                fill(&b, (heed_part)part, w);
                n += check_lines(&b, cases[i].right);
                for (int64_t t = 1; t < b.T; t++) /* what counts is the next token */
                    assert_true(b.targets[t] == HEED_NO_TARGET || b.targets[t] == b.ids[t + 1]);
            }
            assert_true(n >= 50);
            close_bench(&b);
        }
    }
}

/* Of a line, the answer counts and nothing else; with prompts, all does. */
static void only_answers_count_unless_prompts_do(void **state)
{
    static const struct {
        const char *name, *marks; /* of the tokens of a line, from its first on */
    } cases[] = {
        {"copy", "----+++"}, /* aaa=aaa and the line break, of length 3, below */
        {"translate", "--------------++++++++++"},
        {"addition", "----+-"},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (int prompts = 0; prompts < (i < 2 ? 2 : 1); prompts++) {
            heed_task_options options = options_of(cases[i].name, 100);
            const size_t n = strlen(cases[i].marks) + (i == 0);
            bench b;

            options.length = i == 0 ? 3 : 0;
            options.prompts = prompts == 1;
            open_bench(&b, &options);
            fill(&b, HEED_PART_TRAIN, 3);
            for (int64_t t = 0; t < 100; t++) {
                const char mark = i == 0 && (size_t)(t + 1) % n == n - 1 ? '+'
                                                                         : cases[i].marks[(size_t)(t + 1) % n];
                if ((b.targets[t + 1] != HEED_NO_TARGET) != (prompts == 1 || mark == '+'))
                    fail_msg("%s: target %d", cases[i].name, (int)t);
            }
            close_bench(&b);
        }
    }
}

static void labels_say_what_the_letters_say(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        for (int64_t T = 1; T <= 40; T += 13) {
            const heed_task_options options = options_of(first ? "first-letter" : "consonant", T);
            double yes = 0.0;
            bench b;
            enum { N = 4000 };

            open_bench(&b, &options);
            for (int64_t w = 0; w < N; w++) {
                char *text;
                bool so_far = false;

                fill(&b, HEED_PART_TRAIN, w);
                text = spell(&b);
                assert_int_equal(strlen(text), T);
                for (int64_t t = 0; t < T; t++) {
                    const bool consonant = strchr("aeiou", text[t]) == NULL;
                    size_t n = 0;

                    assert_in_range(text[t], 'a', 'z');
                    so_far = first ? (t == 0 ? consonant : so_far) : so_far || consonant;
                    const char *label = heed_tokenizer_piece(b.tokenizer, b.targets[t + 1], &n);
                    if (n != 1 || label[0] != (so_far ? '+' : '-'))
                        fail_msg("%s: letter %d got \"%s\"", text, (int)t, label);
                    yes += so_far ? 1.0 / (double)T : 0.0;
                }
                free(text);
            }
            /* a window's share of yes is 1/2 on average, and off by 1/2 at most: 5 standard errors */
            if (fabs(yes / N - 0.5) > 5.0 * 0.5 / sqrt(N))
                fail_msg("T %d: yes in %.3f of all places", (int)T, yes / N);
            close_bench(&b);
        }
    }
}

static void held_out_pairs_are_never_learned(void **state)
{
    static const double shares[] = {0.0, 0.2, 0.5, 1.0};
    static const int expected[] = {1, 10, 25, 48}; /* of 49 */

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        heed_task_options options = options_of("addition", 5);
        bool seen[2][49] = {{false}};
        int n[2] = {0};
        bench b;

        options.symbols = 7;
        options.held_out = shares[i];
        open_bench(&b, &options);
        for (int part = 0; part < 2; part++)
            for (int64_t w = 0; w < 1000; w++) {
                int x, y;
                char *text;

                fill(&b, (heed_part)part, w);
                text = spell(&b);
                assert_int_equal(sscanf(text, "%d+%d=", &x, &y), 2);
                seen[part][7 * x + y] = true;
                free(text);
            }
        for (int pair = 0; pair < 49; pair++) {
            n[0] += seen[0][pair];
            n[1] += seen[1][pair];
            assert_false(seen[0][pair] && seen[1][pair]);
        }
        /* a pair that is missed in 1000 draws of 49: once in 10^9 */
        assert_int_equal(n[1], expected[i]);
        assert_int_equal(n[0], 49 - expected[i]);
        close_bench(&b);
    }
}

/* --- induction --- */

static bool is_periodic(const int32_t *x, int64_t n, int64_t P)
{
    for (int64_t i = 0; i < n && i < P; i++)
        for (int64_t k = 0; k < i; k++)
            if (x[i] == x[k])
                return false;
    for (int64_t i = P; i < n; i++)
        if (x[i] != x[i - P])
            return false;
    return true;
}

/* p(x_0 … x_(n-1), P) by its definition. */
static double joint(const bench *b, const int32_t *x, int64_t n, int64_t P, int64_t least)
{
    const heed_task_options *o = &b->task->options;
    double p = 1.0 / (double)(o->length - least + 1);

    if (!is_periodic(x, n, P))
        return 0.0;
    for (int64_t i = 0; i < n && i < P; i++)
        p /= (double)(o->symbols - i);
    return p;
}

/*
 * The best predictor, by summing over every period that there can be: p(x_n | x_0 … x_(n-1)). Where only targets of later
 * periods count, it knows that this one does, so that no longer period is possible.
 */
static double predicted(const bench *b, const int32_t *x, int64_t n, int64_t least)
{
    double with = 0.0, without = 0.0;

    for (int64_t P = least; P <= b->task->options.length; P++) {
        if (!b->task->options.prompts && P > n)
            continue;
        with += joint(b, x, n + 1, P, least);
        without += joint(b, x, n, P, least);
    }
    return with / without;
}

static void the_floor_of_induction_is_the_loss_of_the_best_predictor(void **state)
{
    static const struct {
        int64_t symbols, length, least, T;
        bool prompts;
    } cases[] = {{32, 24, 6, 64, true},
                 {5, 5, 2, 9, true},
                 {8, 6, 2, 6, true},
                 {32, 24, 6, 64, false},
                 {5, 5, 2, 9, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum { N = 2000 };
        heed_task_options options = options_of("induction", cases[i].T);
        double sum = 0.0, squares = 0.0, mean, error, least_loss;
        bench b;

        options.symbols = cases[i].symbols;
        options.length = cases[i].length;
        options.prompts = cases[i].prompts;
        open_bench(&b, &options);
        least_loss = heed_task_floor(b.task);
        for (int64_t w = 0; w < N; w++) {
            int32_t x[MOST_T + 1];
            double loss = 0.0;
            int64_t n = 0;

            fill(&b, HEED_PART_VALIDATION, w);
            memcpy(x, b.ids + 1, (size_t)b.T * sizeof *x);
            x[b.T] = b.targets[b.T];
            for (int64_t t = 0; t < b.T; t++) {
                if (b.targets[t + 1] == HEED_NO_TARGET)
                    continue;
                assert_int_equal(b.targets[t + 1], x[t + 1]);
                loss -= log(predicted(&b, x, t + 1, cases[i].least));
                n++;
            }
            assert_true(cases[i].prompts ? n == b.T : n >= b.T - cases[i].length + 1 && n > 0);
            loss /= (double)n;
            sum += loss;
            squares += loss * loss;
        }
        mean = sum / N;
        error = sqrt((squares / N - mean * mean > 0.0 ? squares / N - mean * mean : 0.0) / N);
        /* 5 standard errors, and the rounding of some hundred logarithms */
        if (fabs(mean - least_loss) > 5.0 * error + 1e-12)
            fail_msg("%d symbols, period to %d: the floor is %.6f, the best predictor has %.6f +- %.6f",
                     (int)options.symbols, (int)options.length, least_loss, mean, error);
        close_bench(&b);
    }
}

/* --- floors of lines --- */

/* Nats of a token for whoever knows the rule, by what stands before it in its line. */
static double nats_of(const bench *b, const char *line, size_t n)
{
    const double K = (double)b->task->options.symbols;

    if (memchr(line, '=', n) != NULL) /* the answer */
        return 0.0;
    if (strchr("crs", heed_task_names[b->task->options.kind][0]) != NULL) /* copy, reverse, sort */
        return n < (size_t)b->task->options.length ? log(K) : 0.0;
    int spaces = 0;
    for (size_t i = 0; i < n; i++)
        spaces += line[i] == ' ';
    if (n > 0 && line[n - 1] != ' ')
        return 0.0; /* a space, or "=" */
    return spaces == 0 || spaces == 4 ? log(2.0) : log(K);
}

static void the_floor_of_lines_is_the_loss_of_who_knows_the_rule(void **state)
{
    static const char *const names[] = {"copy",     "reverse",   "sort",        "translate",
                                        "addition", "consonant", "first-letter"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (int prompts = 0; prompts < (i < 4 ? 2 : 1); prompts++) {
            for (int64_t T = 23; T < 130; T += 17) {
                heed_task_options options = options_of(names[i], T);
                double sum = 0.0;
                int64_t n = 0;
                bench b;

                options.prompts = prompts == 1;
                open_bench(&b, &options);
                for (int64_t w = 0; w < 20; w++) {
                    char line[256] = "";
                    size_t used = 0;

                    fill(&b, HEED_PART_TRAIN, w);
                    for (int64_t t = 0; t < T; t++) {
                        size_t length = 0;
                        const char *piece = heed_tokenizer_piece(b.tokenizer, b.ids[t + 1], &length);

                        memcpy(line + used, piece, length);
                        used = piece[0] == '\n' ? 0 : used + length;
                        if (b.targets[t + 1] == HEED_NO_TARGET)
                            continue;
                        n++;
                        sum += i < 4 ? nats_of(&b, line, used) : 0.0; /* the others follow from what was seen */
                    }
                }
                /* every window has the same nats: nothing but rounding is between the two */
                if (fabs(sum / (double)n - heed_task_floor(b.task)) > 1e-12)
                    fail_msg("%s, T %d: the floor is %.9f, the predictor has %.9f", names[i], (int)T,
                             heed_task_floor(b.task), sum / (double)n);
                close_bench(&b);
            }
        }
    }
}

/* Nats of the token at ids[t + 1], from what its line has before it, for whoever knows how sentences are made. */
static double sentence_nats(const bench *b, const char *line)
{
    const double K = (double)b->task->options.symbols, m = (double)b->task->options.length;
    int spaces = 0;
    double left;
    const char *was = strstr(line, " was ");

    for (size_t i = 0; line[i] != '\0'; i++)
        spaces += line[i] == ' ';
    if (line[0] == '\0' || line[strlen(line) - 1] != ' ' || strchr(line, '=') != NULL)
        return 0.0;
    if (was == NULL)
        return spaces == 1 ? log(4.0 * K) : spaces == 2 ? log(4.0) : spaces == 5 ? log(3.0 * K) : 0.0;
    left = m - (double)(spaces - 9); /* small words that there may still be */
    return -1.0 - left;              /* told apart by what comes */
}

static void the_floor_of_sentences_is_the_loss_of_who_knows_how_they_are_made(void **state)
{
    (void)state;
    for (int64_t m = 1; m < 12; m += 5) {
        enum { N = 3000 };
        heed_task_options options = options_of("pronoun", 90);
        double sum = 0.0, squares = 0.0;
        bench b;

        options.length = m;
        options.prompts = true;
        open_bench(&b, &options);
        for (int64_t w = 0; w < N; w++) {
            char line[1024] = "";
            double nats = 0.0;

            fill(&b, HEED_PART_VALIDATION, w);
            for (int64_t t = 0; t < b.T; t++) {
                size_t n = 0, used = strlen(line);
                const char *piece = heed_tokenizer_piece(b.tokenizer, b.ids[t + 1], &n);
                double x;

                memcpy(line + used, piece, n);
                line[used + n] = '\0';
                if (piece[0] == '\n')
                    line[0] = '\0';
                x = sentence_nats(&b, line);
                if (x < 0.0) { /* of left + 1 numbers of small words, 0 is the last word */
                    const double left = -1.0 - x;
                    const char *next = heed_tokenizer_piece(b.tokenizer, b.targets[t + 1], &n);
                    const bool is_small = (n == 2 && memcmp(next, "so", n) == 0) ||
                                          (n == 4 && memcmp(next, "very", n) == 0) ||
                                          (n == 5 && memcmp(next, "quite", n) == 0) ||
                                          (n == 6 && memcmp(next, "really", n) == 0);
                    x = is_small ? log((left + 1.0) / left) + log(4.0) : log(left + 1.0) + log(8.0);
                }
                nats += x;
            }
            sum += nats / (double)b.T;
            squares += nats * nats / (double)(b.T * b.T);
        }
        sum /= N;
        /* 5 standard errors */
        if (fabs(sum - heed_task_floor(b.task)) > 5.0 * sqrt((squares / N - sum * sum) / N) + 1e-12)
            fail_msg("%d small words: the floor is %.6f, whoever knows has %.6f", (int)m,
                     heed_task_floor(b.task), sum);
        close_bench(&b);
    }
}

/* --- windows by number --- */

static void a_window_is_a_function_of_seed_part_and_number(void **state)
{
    (void)state;
    for (int kind = 1; heed_task_names[kind] != NULL; kind++) {
        heed_task_options options = options_of(heed_task_names[kind], 60);
        int32_t first[60], targets[60];
        int same_number = 0, same_part = 0, same_seed = 0;
        bench b, other;

        open_bench(&b, &options);
        options.seed = 4;
        open_bench(&other, &options);
        for (int64_t w = 0; w < 50; w++) {
            fill(&b, HEED_PART_TRAIN, w);
            memcpy(first, b.ids + 1, sizeof first);
            memcpy(targets, b.targets + 1, sizeof targets);
            fill(&b, HEED_PART_TRAIN, w + 1);
            same_number += memcmp(first, b.ids + 1, sizeof first) == 0;
            fill(&b, HEED_PART_VALIDATION, w);
            same_part += memcmp(first, b.ids + 1, sizeof first) == 0;
            fill(&other, HEED_PART_TRAIN, w);
            same_seed += memcmp(first, other.ids + 1, sizeof first) == 0;
            fill(&b, HEED_PART_TRAIN, w);
            assert_memory_equal(first, b.ids + 1, sizeof first);
            assert_memory_equal(targets, b.targets + 1, sizeof targets);
        }
        assert_int_equal(same_number + same_part + same_seed, 0);
        close_bench(&b);
        close_bench(&other);
    }
}

/* Windows of every length from the shortest on: fill() checks that nothing is written outside. */
static void every_length_fits(void **state)
{
    (void)state;
    for (int kind = 1; heed_task_names[kind] != NULL; kind++) {
        int fitting = 0;

        for (int64_t T = 1; T < 80; T++) {
            const heed_task_options options = options_of(heed_task_names[kind], T);
            bench b = {.T = T};
            heed_error err = {0};

            if (heed_task_open(&options, &b.task, &b.tokenizer, &err) != HEED_OK) {
                assert_int_equal(err.status, HEED_ERR_USAGE);
                assert_int_equal(fitting, 0); /* longer ones fit, too */
                assert_null(b.task);
                assert_null(b.tokenizer);
                continue;
            }
            fitting++;
            for (int64_t w = 0; w < 5; w++) {
                int counted = 0;

                fill(&b, HEED_PART_TRAIN, w);
                for (int64_t t = 1; t <= T; t++)
                    counted += b.targets[t] != HEED_NO_TARGET;
                assert_true(counted > 0); /* a window without a target would teach nothing */
            }
            close_bench(&b);
        }
        assert_true(fitting > 50);
    }
}

static void sizes_that_a_task_cannot_have_are_refused(void **state)
{
    static const struct {
        const char *name;
        int64_t symbols, length;
        bool prompts;
        const char *part;
    } cases[] = {
        {"copy", 63, 0, false, "task_symbols: the task copy takes 2 to 62, got 63"},
        {"copy", 0, 257, false, "task_length: the task copy takes 1 to 256, got 257"},
        {"sort", 0, 100, false, "an example of the task sort takes 202 tokens, and a window has 101"},
        {"addition", 0, 3, false, "task_length: the task addition has none to choose, got 3"},
        {"consonant", 5, 0, false, "task_symbols: the task consonant has none to choose, got 5"},
        {"addition", 0, 0, true, "task_prompts"},
        {"first-letter", 0, 0, true, "task_prompts"},
        {"induction", 20, 0, false, "as its longest period has, 24, got 20"},
        {"translate", 17, 0, false, "takes 1 to 16"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_task_options options = options_of(cases[i].name, 100);
        heed_task *task = NULL;
        heed_tokenizer *tokenizer = NULL;
        heed_error err = {0};

        options.symbols = cases[i].symbols;
        options.length = cases[i].length;
        options.prompts = cases[i].prompts;
        assert_int_equal(heed_task_open(&options, &task, &tokenizer, &err), HEED_ERR_USAGE);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("expected \"%s\" in \"%s\"", cases[i].part, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_right),
        cmocka_unit_test(only_answers_count_unless_prompts_do),
        cmocka_unit_test(labels_say_what_the_letters_say),
        cmocka_unit_test(held_out_pairs_are_never_learned),
        cmocka_unit_test(the_floor_of_induction_is_the_loss_of_the_best_predictor),
        cmocka_unit_test(the_floor_of_lines_is_the_loss_of_who_knows_the_rule),
        cmocka_unit_test(the_floor_of_sentences_is_the_loss_of_who_knows_how_they_are_made),
        cmocka_unit_test(a_window_is_a_function_of_seed_part_and_number),
        cmocka_unit_test(every_length_fits),
        cmocka_unit_test(sizes_that_a_task_cannot_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
