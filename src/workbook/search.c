/* SPDX-License-Identifier: MIT */
/* Exercises that have all words looked for: those with a word in the title come before those with it in the text. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workbook/book.h"

#define MOST_WORD 64

/* Does text hold word, in any case of ASCII? */
static bool holds(const char *text, const char *word, size_t n)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (strncasecmp(text, word, n) == 0)
            return true;
    }
    return false;
}

static bool any_holds(const char *const *texts, int n_texts, const char *word, size_t n)
{
    for (int i = 0; i < n_texts; i++) {
        if (holds(texts[i], word, n))
            return true;
    }
    return false;
}

/* How near the word is to the heart of a part; 0: it is not there. */
static int weigh(const heed_part *part, const char *word, size_t n)
{
    const heed_part_text *t = part->text;
    const char *id = part->info.id;

    if (strlen(id) == n && strncasecmp(id, word, n) == 0)
        return 16;
    if (holds(part->info.title, word, n))
        return 8;
    if (holds(id, word, n) || holds(part->info.seed, word, n) || holds(part->info.demo, word, n) ||
        holds(part->info.group_title, word, n) ||
        strncasecmp(heed_exercise_kind_name(part->info.kind), word, n) == 0)
        return 4;
    if (t == NULL)
        return 0;
    if (holds(t->question, word, n))
        return 3;
    if (holds(t->why, word, n) || any_holds(t->key_points, t->n_key_points, word, n))
        return 2;
    for (int i = 0; i < t->n_options; i++) {
        if (holds(t->options[i].text, word, n))
            return 1;
    }
    return any_holds(t->hints, t->n_hints, word, n);
}

/* 0: some word is missing. */
static int weigh_all(const heed_part *part, const char *words)
{
    int sum = 0;

    while (*words != '\0') {
        const size_t n = strcspn(words, " \t\n");
        const int weight = n > 0 && n <= MOST_WORD ? weigh(part, words, n) : 0;

        if (n > 0 && weight == 0)
            return 0;
        sum += weight;
        words += n + (words[n] != '\0');
    }
    return sum;
}

int heed_workbook_search(const heed_workbook *book, const char *words, int *found)
{
    int n = 0, most = 0, *weights = calloc((size_t)book->n + 1, sizeof *weights);

    for (int i = 0; weights != NULL && i < book->n; i++) {
        weights[i] = weigh_all(&book->parts[i], words);
        most = weights[i] > most ? weights[i] : most;
    }
    for (int weight = most; weight > 0; weight--) {
        for (int i = 0; i < book->n; i++) {
            if (weights[i] == weight)
                found[n++] = i;
        }
    }
    free(weights);
    return n;
}
