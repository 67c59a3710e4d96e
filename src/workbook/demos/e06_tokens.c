/* SPDX-License-Identifier: MIT */
/* E06: one text as characters, as words and as byte pairs. */
#include <heed/tokenizer.h>
#include <heed/vocab.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/plain_text.h"

enum { CHARACTERS, WORDS, BPE, N_KINDS };

typedef struct reading {
    const char *data;
    size_t n, at;
} reading;

static heed_status read_more(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    reading *r = context;

    (void)err;
    *n = r->n - r->at < capacity ? r->n - r->at : capacity;
    memcpy(buffer, r->data + r->at, *n);
    r->at += *n;
    return HEED_OK;
}

static heed_tokenizer *learn(heed_demoing *d, const heed_demo_plain_text *text, int kind, int64_t vocab_size)
{
    reading r = {text->data, text->n, 0};
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_tokenizer *tokenizer = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return NULL;
    options.kind = kind;
    options.vocab_size = kind == HEED_VOCAB_BPE ? vocab_size : 0;
    options.min_frequency = kind == HEED_VOCAB_BPE ? 2 : 1;
    options.threads = 1;
    if (heed_demo_ok(d, heed_vocab_create(&options, &vocab, &err), &err) &&
        heed_demo_ok(d, heed_vocab_add(vocab, read_more, &r, &err), &err))
        heed_demo_ok(d, heed_vocab_learn(vocab, &tokenizer, &err), &err);
    heed_vocab_destroy(vocab);
    return tokenizer;
}

typedef struct counts {
    double tokens, blanks, vocab_size; /* blanks: tokens of nothing but white space */
    bool same;                         /* decoded, they are the text again */
} counts;

static bool is_blank(const heed_tokenizer *tokenizer, int32_t id)
{
    size_t n = 0;
    const char *piece = heed_tokenizer_piece(tokenizer, id, &n);

    for (size_t i = 0; piece != NULL && i < n; i++) {
        if (strchr(" \n\t\r", piece[i]) == NULL)
            return false;
    }
    return true;
}

static counts measure(heed_demoing *d, const heed_tokenizer *tokenizer, const heed_demo_plain_text *text,
                      size_t n)
{
    counts c = {.tokens = 0.0};
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n_ids = 0, n_back = 0;

    if (d->s.status == HEED_OK &&
        heed_demo_ok(d, heed_tokenizer_encode(tokenizer, text->data, n, NULL, &ids, &n_ids, &err), &err) &&
        heed_demo_ok(d, heed_tokenizer_decode(tokenizer, ids, n_ids, &back, &n_back, &err), &err)) {
        c.tokens = (double)n_ids;
        c.vocab_size = (double)heed_tokenizer_vocab_size(tokenizer);
        c.same = n_back == n && memcmp(back, text->data, n) == 0;
        for (size_t i = 0; i < n_ids; i++)
            c.blanks += is_blank(tokenizer, ids[i]);
    }
    free(ids);
    free(back);
    return c;
}

static void show(heed_demoing *d, const counts c[N_KINDS])
{
    static const char *const names[N_KINDS][2] = {
        {"characters", "vocab_characters"}, {"words", "vocab_words"}, {"bpe", "vocab_bpe"}};
    heed_grid table = heed_grid_make(&d->s, N_KINDS, 3);

    if (d->s.status != HEED_OK)
        return;
    for (int i = 0; i < N_KINDS; i++) {
        table.data[3 * i] = c[i].tokens;
        table.data[3 * i + 1] = c[i].blanks;
        table.data[3 * i + 2] = c[i].vocab_size;
        heed_show_figure(d, names[i][0], i == WORDS ? c[i].tokens - c[i].blanks : c[i].tokens,
                         i == WORDS ? "words and signs of the text, white space not counted"
                                    : "tokens of the text");
        heed_show_figure(d, names[i][1], c[i].vocab_size, "tokens of the vocabulary");
    }
    heed_show_figure(d, "characters_per_bpe", c[CHARACTERS].tokens / c[BPE].tokens,
                     "characters that a byte pair token has");
    heed_show_table(d, table, "Tokens of the text", "characters|words|byte pairs",
                    "tokens|of white space|vocabulary", false);
}

static void judge(heed_demoing *d, const counts c[N_KINDS])
{
    const double words = c[WORDS].tokens - c[WORDS].blanks;

    heed_show_check(d, c[CHARACTERS].tokens > c[BPE].tokens, "%.0f characters, more than %.0f byte pair tokens",
                    c[CHARACTERS].tokens, c[BPE].tokens);
    heed_show_check(d, c[BPE].tokens > words, "these are more than %.0f words and signs", words);
    heed_show_check(d, c[CHARACTERS].same && c[WORDS].same && c[BPE].same,
                    "all three decode to the text, byte by byte");
}

static void run(heed_demoing *d)
{
    const int64_t vocab_size = heed_take_int(&d->s, "vocab_size", 256, 65536),
                  bytes = heed_take_int(&d->s, "bytes", 100, 10000000);
    heed_demo_plain_text text = heed_demo_plain_text_of(d, 200000);
    static const int kinds[N_KINDS] = {HEED_VOCAB_CHARACTERS, HEED_VOCAB_WORDS, HEED_VOCAB_BPE};
    size_t n = text.n < (size_t)bytes ? text.n : (size_t)bytes;
    counts c[N_KINDS] = {{0}};

    while (n > 1 && n < text.n && strchr(" \n\t", text.data[n]) == NULL)
        n--; /* no word is cut in two */
    for (int i = 0; i < N_KINDS; i++) {
        /* Sabotaged, byte pairs are never merged. */
        heed_tokenizer *tokenizer = learn(d, &text, kinds[i], d->sabotage ? 256 : vocab_size);

        c[i] = measure(d, tokenizer, &text, n);
        heed_tokenizer_destroy(tokenizer);
        heed_demo_progress(d, (i + 1) / 3.0, "vocabularies");
    }
    show(d, c);
    if (d->s.status == HEED_OK)
        judge(d, c);
    heed_demo_plain_text_close(&text);
}

const heed_demo heed_demo_e06 = {
    .info = {.id = "E06",
             .title = "Characters, words and byte pairs",
             .shows =
                 "Learns three vocabularies from one text and counts the tokens of a part of it. Characters "
                 "need the "
                 "smallest vocabulary and the longest rows of ids; words the other way round, and words that "
                 "the text "
                 "lacks have no id at all. Byte pairs lie between: frequent words become one token, rare ones "
                 "several, and every text can be written.",
             .rule = "There are more characters than byte pair tokens, and more of these than words and signs; "
                     "all three "
                     "decode to the same bytes.",
             .sabotage = "The byte pair vocabulary has only single bytes.",
             .params = "{\"text\": \"\", \"bytes\": 20000, \"vocab_size\": 1024}"},
    .full = "{\"vocab_size\": 4096}",
    .run = run,
};
