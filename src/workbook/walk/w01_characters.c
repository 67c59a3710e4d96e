/* SPDX-License-Identifier: MIT */
/* Step 1: a text becomes numbers. */
#include <stdlib.h>
#include <string.h>

#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { PER_LINE = 12, MOST_IDS = 48 };

static void show_vocabulary(heed_walking *w)
{
    int32_t *all = heed_arena_alloc(w->d->s.arena, ((size_t)w->V + 1) * sizeof *all);

    heed_walk_line(w, "text        %s", w->name);
    heed_walk_line(w, "bytes       %zu", w->n_text);
    heed_walk_line(w, "characters  %lld", (long long)w->corpus->n);
    heed_walk_line(w, "different   %lld: the vocabulary, in the order of their codes", (long long)w->V);
    for (int64_t i = 0; all != NULL && i < w->V; i++)
        all[i] = (int32_t)i;
    for (int64_t at = 0; all != NULL && at < w->V && at < 240; at += 30)
        heed_walk_line(w, "  %4lld  %s", (long long)at,
                       heed_walk_signs(w, all + at, w->V - at < 30 ? w->V - at : 30));
}

static void show_ids(heed_walking *w, const int32_t *ids, size_t n)
{
    for (size_t at = 0; at < n && at < MOST_IDS; at += PER_LINE) {
        const size_t some = n - at < PER_LINE ? n - at : PER_LINE;
        char numbers[256];
        int used = 0;

        for (size_t i = 0; i < some; i++)
            used += snprintf(numbers + used, sizeof numbers - (size_t)used, "%4d", (int)ids[at + i]);
        heed_walk_line(w, "  %s %s", heed_walk_pad(w, heed_walk_signs(w, ids + at, (int64_t)some), PER_LINE),
                       numbers);
    }
    if (n > MOST_IDS)
        heed_walk_line(w, "  .. %zu ids in all", n);
}

/* What is to be encoded: what the reader said, or the first line that has something in it. */
static const char *first_line(const heed_walking *w, size_t *n)
{
    const char *begin = w->text, *end = w->text + w->n_text;

    if (w->walk->encode != NULL) {
        *n = strlen(w->walk->encode);
        return w->walk->encode;
    }
    while (begin < end && *begin == '\n')
        begin++;
    for (*n = 0; begin + *n < end && begin[*n] != '\n' && *n < 48;)
        (*n)++;
    while (*n > 0 && ((unsigned char)begin[*n] & 0xc0) == 0x80 && begin + *n < end)
        (*n)--; /* no character is cut in two */
    return begin;
}

static void encode(heed_walking *w)
{
    size_t n = 0, n_ids = 0, n_back = 0;
    const char *text = first_line(w, &n);
    int32_t *ids = NULL;
    char *back = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_demo_ok(w->d, heed_tokenizer_encode(w->tokenizer, text, n, NULL, &ids, &n_ids, &err), &err) &&
        heed_demo_ok(w->d, heed_tokenizer_decode(w->tokenizer, ids, n_ids, &back, &n_back, &err), &err)) {
        heed_walk_line(w, "%s", "");
        heed_walk_line(w, "encoded: the place of each character in the vocabulary");
        show_ids(w, ids, n_ids);
        heed_walk_line(w, "decoded: the same table, read the other way");
        heed_walk_quote(w, back, n_back, 4);
        heed_show_figure(w->d, "ids", (double)n_ids, "ids of the text that was encoded");
        heed_show_check(w->d, n_back == n && memcmp(back, text, n) == 0,
                        "decoding gives back the %zu bytes that were encoded", n);
    }
    free(back);
    free(ids);
}

/* A snowman, or where the text has it another sign. */
static void refuse(heed_walking *w)
{
    static const char *const rare[] = {"\xe2\x98\x83", "\xe2\x99\x9e", "\xe2\x8c\x98"};
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    size_t n = 0;
    int i = 0;

    while (i < 2 && heed_tokenizer_find(w->tokenizer, rare[i], 3) >= 0)
        i++;
    if (heed_tokenizer_encode(w->tokenizer, rare[i], 3, NULL, &ids, &n, &err) != HEED_OK)
        heed_walk_say(w, "A character that the text never has gets no id, and its place is named: %s",
                      err.message);
    free(ids);
}

static void run(heed_walking *w)
{
    show_vocabulary(w);
    heed_show_figure(w->d, "characters", (double)w->corpus->n, "of the text");
    heed_show_figure(w->d, "vocab_size", (double)w->V, "different ones");
    encode(w);
    refuse(w);
}

const heed_walk_step heed_walk_step_01 = {
    .info =
        {.number = 1,
         .time = "10:13",
         .title = "Characters become numbers",
         .words =
             "A model computes with numbers, so the first thing that it needs is a table from characters to "
             "numbers. The table is made of the text itself: every character that occurs in it, sorted. Its "
             "place in the table is its id. Encoding looks characters up, decoding looks ids up, and nothing "
             "is lost on the way.\n\n"
             "Larger vocabularies (words, or parts of words) make shorter rows of ids; for a first model "
             "characters are best, because the table is small.",
         .exercises = "a12.n01 a12.k01",
         .demos = "E06 D36"},
    .run = run,
};
