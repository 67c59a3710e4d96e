/* SPDX-License-Identifier: MIT */
/* N. A word that means another, far before it. */
#include <ctype.h>
#include <heed/mask.h>
#include <stdio.h>
#include <string.h>

#include "workbook/attend.h"
#include "workbook/groups.h"

#define MOST_WORDS 1024
#define MOST_BYTES 256 /* of a word that is compared */

/* Letters and digits in lower case; everything else is a sign around a word. */
static void bare(const char *word, size_t n, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < n && used + 1 < MOST_BYTES; i++) {
        if (isalnum((unsigned char)word[i]) || (unsigned char)word[i] >= 0x80)
            out[used++] = (char)tolower((unsigned char)word[i]);
    }
    out[used] = '\0';
}

/* --- s5.e5.1b --- */

/* What a sentence is read with: a hand-set embedding of three features. */
static const struct {
    const char *word;
    double living, thing; /* a noun: what it is; else what the word says of a noun */
    bool noun;
} lexicon[] = {
    {"cat", 1, 0, true},    {"dog", 1, 0, true},     {"girl", 1, 0, true},    {"boy", 1, 0, true},
    {"mat", 0, 1, true},    {"box", 0, 1, true},     {"chair", 0, 1, true},   {"rug", 0, 1, true},
    {"tired", 1, 0, false}, {"hungry", 1, 0, false}, {"sleepy", 1, 0, false}, {"bored", 1, 0, false},
    {"woven", 0, 1, false}, {"soft", 0, 1, false},   {"wooden", 0, 1, false}, {"flat", 0, 1, false},
    {"dirty", 0, 1, false},
};

static int find_word(const char *word)
{
    for (size_t i = 0; i < sizeof lexicon / sizeof lexicon[0]; i++) {
        if (strcmp(lexicon[i].word, word) == 0)
            return (int)i;
    }
    return -1;
}

typedef struct sentence {
    char word[MOST_WORDS][MOST_BYTES];
    int64_t n, noun[MOST_WORDS], n_nouns, pronoun;
    int cue; /* in the lexicon; the last word that says something of a noun */
} sentence;

static void read_sentence(heed_solving *s, sentence *x)
{
    const char *text = heed_take_text(s, "sentence");

    *x = (sentence){.pronoun = -1, .cue = -1};
    while (*text != '\0' && s->status == HEED_OK) {
        const size_t n = strcspn(text, " \t\n");
        int known;

        if (x->n == MOST_WORDS)
            heed_solve_fail(s, HEED_ERR_USAGE, "sentence: expected at most %d words", MOST_WORDS);
        else if (n > 0) {
            bare(text, n, x->word[x->n]);
            known = find_word(x->word[x->n]);
            if (known >= 0 && lexicon[known].noun)
                x->noun[x->n_nouns++] = x->n;
            if (known >= 0 && !lexicon[known].noun)
                x->cue = known;
            if (strcmp(x->word[x->n], "it") == 0)
                x->pronoun = x->n;
            x->n++;
        }
        text += n + (text[n] != '\0');
    }
    if (s->status == HEED_OK && (x->pronoun < 0 || x->cue < 0 || x->n_nouns != 2 || x->noun[1] > x->pronoun))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "sentence: expected two nouns, then \"it\", and what it is, such as "
                        "\"The cat sat on the mat because it was tired.\"");
}

/* A head for it: nouns have a key that says what they are, "it" asks for what the last word says; 6 makes it sure. */
static void refers(heed_solving *s)
{
    sentence *x = heed_arena_alloc(s->arena, sizeof *x);
    heed_attend_inputs in;
    heed_attended a;
    int64_t best = 0;

    if (x == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a sentence");
        return;
    }
    read_sentence(s, x);
    if (s->status != HEED_OK)
        return;
    in = (heed_attend_inputs){.q = heed_grid_make(s, 1, 2), .k = heed_grid_make(s, x->n, 2), .scale = 1.0};
    if (s->status != HEED_OK)
        return;
    in.q.data[0] = 6.0 * lexicon[x->cue].living;
    in.q.data[1] = 6.0 * lexicon[x->cue].thing;
    for (int64_t i = 0; i < x->n_nouns; i++) {
        const int known = find_word(x->word[x->noun[i]]);
        in.k.data[2 * x->noun[i]] = lexicon[known].living;
        in.k.data[2 * x->noun[i] + 1] = lexicon[known].thing;
    }
    a = heed_attend(s, &in);
    if (s->status != HEED_OK)
        return;
    for (int64_t j = 0; j < x->n; j++)
        best = a.weights.data[j] > a.weights.data[best] ? j : best;
    heed_step(s, "\"%s\" is said of %s", lexicon[x->cue].word,
              lexicon[x->cue].living > 0 ? "living beings" : "things");
    heed_step(s,
              "with keys that say what a noun is, and a query of \"it\" that asks for that, the weights are:");
    for (int64_t j = 0; j < x->n; j++)
        heed_step(s, "  %-12s %.3f", x->word[j], a.weights.data[j]);
    heed_step(s, "most goes to \"%s\", and its value is copied to \"it\"", x->word[best]);
    heed_put_text(s, "choice", best == x->noun[0] ? "first" : best == x->noun[1] ? "second" : "nearest");
}

static void vary_refers(heed_varying *v)
{
    static const char *const living[] = {"cat", "dog"}, *const things[] = {"mat", "box", "chair", "rug"};
    static const char *const cues[] = {"tired", "hungry", "sleepy", "bored", "woven", "soft", "wooden", "flat"};
    char text[128];

    snprintf(text, sizeof text, "The %s sat on the %s because it was %s.", living[heed_draw_int(v, 0, 1)],
             things[heed_draw_int(v, 0, 3)], cues[heed_draw_int(v, 0, 7)]);
    heed_vary_set_text(v, "sentence", text);
}

/* --- s5.e5.1c --- */

/* The last place before `before` where the word stands; -1: nowhere. */
static int64_t place_of(heed_solving *s, const json_t *words, const char *name, int64_t before)
{
    char wanted[MOST_BYTES], here[MOST_BYTES];
    const char *text = heed_take_text(s, name);

    bare(text, strlen(text), wanted);
    for (int64_t i = before - 1; i >= 0 && s->status == HEED_OK; i--) {
        const char *word = json_string_value(json_array_get(words, (size_t)i));
        if (word == NULL) {
            heed_solve_fail(s, HEED_ERR_USAGE, "words: expected texts, entry %lld is none", (long long)i + 1);
            return -1;
        }
        bare(word, strlen(word), here);
        if (strcmp(here, wanted) == 0)
            return i;
    }
    heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected one of the words%s, got \"%.60s\"", name,
                    strcmp(name, "source") == 0 ? " before the target" : "", text);
    return -1;
}

/* The word before the target is the last one read; a window counts the key of the query too. */
static void window(heed_solving *s)
{
    const json_t *words = heed_take_json(s, "words");
    const int64_t n = (int64_t)json_array_size(words);
    int64_t target, source;
    heed_mask mask = {.causal = true, .window = 1};

    if (s->status == HEED_OK && (!json_is_array(words) || n < 2 || n > MOST_WORDS))
        heed_solve_fail(s, HEED_ERR_USAGE, "words: expected a list of 2 to %d words", MOST_WORDS);
    target = s->status == HEED_OK ? place_of(s, words, "target", n) : -1;
    source = s->status == HEED_OK ? place_of(s, words, "source", target) : -1;
    if (s->status != HEED_OK)
        return;
    while (!heed_mask_sees(&mask, target - 1, source))
        mask.window++;
    heed_step(s, "counted from 1, \"%s\" is word %lld and \"%s\" word %lld: %lld - %lld = %lld",
              heed_take_text(s, "source"), (long long)source + 1, heed_take_text(s, "target"),
              (long long)target + 1, (long long)target + 1, (long long)source + 1,
              (long long)(target - source));
    heed_step(s, "a window of %lld words before the target begins at that noun; one word less misses it",
              (long long)mask.window);
    heed_put_number(s, "distance", (double)(target - source));
    heed_put_number(s, "smallest_window", (double)mask.window);
}

static void vary_window(heed_varying *v)
{
    static const char *const between[] = {"sat", "on",   "the", "old", "mat",   "because", "it",
                                          "was", "very", "and", "so",  "quite", "all",     "day"};
    json_t *words = json_array();
    const int64_t n_before = heed_draw_int(v, 0, 2), n_between = heed_draw_int(v, 2, 9);
    static const char *const before[] = {"Then", "the"};

    for (int64_t i = 2 - n_before; i < 2; i++)
        json_array_append_new(words, json_string(before[i]));
    json_array_append_new(words, json_string("cat"));
    for (int64_t i = 0; i < n_between; i++)
        json_array_append_new(words, json_string(between[heed_draw_int(v, 0, 13)]));
    json_array_append_new(words, json_string("tired."));
    heed_vary_set_json(v, "words", words);
}

const heed_exercise heed_exercises_pronoun[] = {
    {.id = "s5.e5.1b",
     .seed = "004 5.1b",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"sentence\": \"The cat sat on the mat because it was tired.\"}",
     .vary = vary_refers,
     .solve = refers,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D38"},
    {.id = "s5.e5.1c",
     .seed = "004 5.1c",
     .kind = HEED_EXERCISE_NUMBER,
     .params =
         "{\"words\": [\"The\", \"cat\", \"sat\", \"on\", \"the\", \"mat\", \"because\", \"it\", \"was\", "
         "\"tired.\"], \"source\": \"cat\", \"target\": \"tired\"}",
     .vary = vary_window,
     .solve = window,
     .fields = {{"distance", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"smallest_window", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION}},
     .demo = "D38"},
    {.id = NULL},
};
