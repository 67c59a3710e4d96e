/* SPDX-License-Identifier: MIT */
/* Learning a vocabulary: what is counted, and which kind makes what of it. */
#include <heed/vocab.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/letters.h"
#include "text/piece_counter.h"
#include "text/position.h"
#include "text/special_filter.h"
#include "text/vocab_kinds.h"
#include "text/vocabulary.h"

#define USUAL_VOCAB_SIZE 32768
#define N_BYTES          256

#define AT(member) offsetof(heed_vocab_options, member)

static const char *const kind_names[] = {"bpe", "words", "characters", NULL};

static const heed_field fields[] = {
    {"kind", "what a token is", HEED_FIELD_CHOICE, AT(kind), 0, 0, kind_names},
    {"vocab_size", "tokens in all; 0: 32768, or every character that occurs", HEED_FIELD_INTEGER,
     AT(vocab_size), 0, HEED_MAX_TOKENS, NULL},
    {"min_frequency", "how often a pair or a word has to occur", HEED_FIELD_INTEGER, AT(min_frequency), 1, 1e15,
     NULL},
    {"max_pieces", "different pieces of text that are counted at a time; the rare ones go when there are more",
     HEED_FIELD_INTEGER, AT(max_pieces), 16, 1 << 30, NULL},
    {"unknown", "words: a token [UNK] for those that have no place", HEED_FIELD_BOOLEAN, AT(unknown), 0, 0,
     NULL},
    {"threads", "0: one a processor; the vocabulary does not depend on it", HEED_FIELD_INTEGER, AT(threads), 0,
     1024, NULL},
};
#define N_FIELDS ((int)(sizeof fields / sizeof fields[0]))

struct heed_vocab {
    heed_vocab_options options;
    int64_t vocab_size;
    heed_pieces *pieces; /* of bpe and words */
    heed_piece_counter counter;
    heed_character_set *characters; /* that occur; of characters */
    heed_vocab_progress state;
    bool learned;
};

const heed_field *heed_vocab_fields(int *n)
{
    *n = N_FIELDS;
    return fields;
}

heed_vocab_options heed_vocab_options_default(void)
{
    return (heed_vocab_options){
        .kind = HEED_VOCAB_BPE, .min_frequency = 2, .max_pieces = 1 << 21, .unknown = true, .pattern = "gpt2"};
}

/* --- making one --- */

static heed_status check_special(const heed_vocab_options *o, heed_error *err)
{
    char shown[80], bytes[2];

    if (o->n_special > 0 && o->kind != HEED_VOCAB_BPE)
        return heed_fail(err, HEED_ERR_USAGE, "special tokens: a vocabulary of %s has none",
                         kind_names[o->kind]);
    for (int i = 0; i < o->n_special; i++) {
        const char *special = o->special[i];
        const size_t n = strlen(special);

        if (n == 0)
            return heed_fail(err, HEED_ERR_USAGE, "special tokens: expected a text, got an empty one");
        if (!heed_utf8_is_valid(special, n))
            return heed_fail(err, HEED_ERR_USAGE, "special tokens: expected UTF-8, got \"%s\"",
                             heed_quote(shown, sizeof shown, special, n));
        if (n <= 2 && heed_letters_decode(special, n, bytes) == 1)
            return heed_fail(
                err, HEED_ERR_USAGE,
                "special tokens: \"%s\" is how the vocabulary writes the byte 0x%02x; expected a text "
                "like <|endoftext|>",
                heed_quote(shown, sizeof shown, special, n), (unsigned)(unsigned char)bytes[0]);
        for (int k = 0; k < i; k++) {
            if (strcmp(o->special[k], special) == 0)
                return heed_fail(err, HEED_ERR_USAGE, "special tokens: \"%s\" came twice",
                                 heed_quote(shown, sizeof shown, special, n));
        }
    }
    return HEED_OK;
}

static heed_status check_size(const heed_vocab *v, heed_error *err)
{
    const heed_vocab_options *o = &v->options;
    const int64_t least = o->n_special + (o->kind == HEED_VOCAB_BPE ? N_BYTES : 1 + o->unknown);

    if (o->kind == HEED_VOCAB_CHARACTERS || v->vocab_size >= least)
        return HEED_OK;
    if (o->kind == HEED_VOCAB_BPE)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "vocab_size: expected at least %lld for the 256 bytes and %d special token%s, got %lld",
            (long long)least, o->n_special, o->n_special == 1 ? "" : "s", (long long)v->vocab_size);
    return heed_fail(err, HEED_ERR_USAGE, "vocab_size: expected at least %lld, got %lld", (long long)least,
                     (long long)v->vocab_size);
}

/* The pattern that cuts pieces: one that has a name, or the pattern itself. */
static heed_status open_pieces(heed_vocab *v, heed_error *err)
{
    const heed_vocab_options *o = &v->options;
    const char *named = o->kind == HEED_VOCAB_WORDS ? HEED_WORDS_PATTERN : heed_pieces_named(o->pattern);

    return heed_pieces_create(named != NULL ? named : o->pattern, "pattern", &v->pieces, err);
}

heed_status heed_vocab_create(const heed_vocab_options *options, heed_vocab **vocab, heed_error *err)
{
    heed_vocab *v = calloc(1, sizeof *v);
    heed_status status = heed_fields_check(fields, N_FIELDS, options, err);

    *vocab = NULL;
    if (v == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary");
    v->options = *options;
    v->vocab_size = options->vocab_size > 0 ? options->vocab_size : USUAL_VOCAB_SIZE;
    v->state.vocab_size = v->vocab_size;
    v->counter.max_pieces = (size_t)options->max_pieces;
    v->counter.threads = options->threads > 0 ? (int)options->threads : heed_processor_count();
    if (status == HEED_OK)
        status = check_special(&v->options, err);
    if (status == HEED_OK)
        status = check_size(v, err);
    if (status == HEED_OK && options->kind != HEED_VOCAB_CHARACTERS)
        status = open_pieces(v, err);
    if (status == HEED_OK && options->kind == HEED_VOCAB_CHARACTERS) {
        v->characters = heed_character_set_create();
        if (v->characters == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary");
    }
    if (status != HEED_OK) {
        heed_vocab_destroy(v);
        return status;
    }
    *vocab = v;
    return HEED_OK;
}

void heed_vocab_destroy(heed_vocab *v)
{
    if (v == NULL)
        return;
    heed_pieces_destroy(v->pieces);
    heed_piece_counter_free(&v->counter);
    heed_character_set_destroy(v->characters);
    free(v);
}

/* --- counting --- */

static heed_status report(heed_vocab *v, heed_error *err)
{
    const heed_vocab_options *o = &v->options;

    if (o->progress == NULL || o->progress(o->progress_context, &v->state))
        return HEED_OK;
    return heed_fail(err, HEED_ERR_INTERRUPTED, "interrupted while a vocabulary was learned");
}

/* One text on its way. */
typedef struct reading {
    heed_vocab *v;
    heed_text_position place; /* of what comes next */
} reading;

/* Words are characters, and JSON has no NUL. */
static heed_status check_words(reading *r, const heed_piece_run *run, heed_error *err)
{
    for (size_t i = 0; i < run->n; i++) {
        const char *word = run->text + run->pieces[i].begin;
        const size_t n = run->pieces[i].end - run->pieces[i].begin;

        if (word[0] != '\0' && ((unsigned char)word[0] < 0x80 || heed_utf8_is_valid(word, n)))
            continue;
        r->place = heed_text_position_after(r->place, run->text + run->pieces[0].begin,
                                            run->pieces[i].begin - run->pieces[0].begin);
        return heed_fail(err, HEED_ERR_USAGE, "line %zu, column %zu: expected UTF-8, got %s0x%02x",
                         r->place.line, r->place.column, word[0] == '\0' ? "a NUL, " : "",
                         (unsigned)(unsigned char)word[0]);
    }
    if (run->n > 0)
        r->place = heed_text_position_after(r->place, run->text + run->pieces[0].begin,
                                            run->pieces[run->n - 1].end - run->pieces[0].begin);
    return HEED_OK;
}

static heed_status count_pieces(void *context, const heed_piece_run *runs, size_t n_runs, heed_error *err)
{
    reading *r = context;
    heed_vocab *v = r->v;
    heed_status status = HEED_OK;

    for (size_t i = 0; i < n_runs && status == HEED_OK && v->options.kind == HEED_VOCAB_WORDS; i++)
        status = check_words(r, &runs[i], err);
    if (status == HEED_OK)
        status = heed_piece_counter_add(&v->counter, runs, n_runs, err);
    v->state.n_bytes = (double)v->counter.n_bytes;
    v->state.n_pieces = (int64_t)v->counter.all.n;
    v->state.n_dropped = v->counter.n_dropped;
    return status == HEED_OK ? report(v, err) : status;
}

static heed_status read_characters(heed_vocab *v, heed_text_source *source, void *context, heed_error *err)
{
    heed_status status = HEED_OK;
    bool more = true;

    while (status == HEED_OK && more) {
        size_t n = 0;

        status = heed_character_set_read(v->characters, source, context, &n, err);
        more = n > 0;
        v->state.n_bytes += (double)n;
        v->state.n_pieces = heed_character_set_count(v->characters);
        if (status == HEED_OK)
            status = report(v, err);
    }
    return status;
}

heed_status heed_vocab_add(heed_vocab *v, heed_text_source *source, void *context, heed_error *err)
{
    reading r = {.v = v, .place = {1, 1}};
    heed_special_filter filter;
    heed_status status;

    if (v->learned)
        return heed_fail(err, HEED_ERR_USAGE, "the vocabulary has been learned, no text can be added");
    if (v->characters != NULL)
        return read_characters(v, source, context, err);
    if (v->options.n_special == 0)
        return heed_pieces_stream(v->pieces, source, context, v->counter.threads, count_pieces, &r, err);
    status = heed_special_filter_open(&filter, v->options.special, v->options.n_special, source, context, err);
    if (status == HEED_OK)
        status = heed_pieces_stream(v->pieces, heed_special_filter_read, &filter, v->counter.threads,
                                    count_pieces, &r, err);
    heed_special_filter_close(&filter);
    return status;
}

/* --- learning --- */

/* Merges are quick: not each is reported. */
#define TOKENS_PER_REPORT 256

typedef struct learning {
    heed_vocab *v;
    heed_status status;
    heed_error *err;
} learning;

static bool after_merge(void *context, int64_t n_tokens)
{
    learning *l = context;

    l->v->state.n_tokens = n_tokens + l->v->options.n_special;
    if (n_tokens % TOKENS_PER_REPORT == 0)
        l->status = report(l->v, l->err);
    return l->status == HEED_OK;
}

static heed_status learn_bpe(heed_vocab *v, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_bpe_merges merges;
    learning l = {.v = v, .err = err};
    heed_status status = heed_bpe_learn(&v->counter.all, v->vocab_size - v->options.n_special,
                                        v->options.min_frequency, after_merge, &l, &merges, err);

    if (status == HEED_OK)
        status = l.status;
    if (status == HEED_OK)
        status = heed_vocab_make_bpe(&v->options, &merges, tokenizer, err);
    heed_bpe_merges_free(&merges);
    return status;
}

static heed_status learn_characters(heed_vocab *v, heed_tokenizer **tokenizer, heed_error *err)
{
    const int64_t n = heed_character_set_count(v->characters);

    if (v->options.vocab_size > 0 && n > v->options.vocab_size)
        return heed_fail(err, HEED_ERR_USAGE, "vocab_size: the text has %lld different characters, got %lld",
                         (long long)n, (long long)v->options.vocab_size);
    return heed_character_set_make(v->characters, tokenizer, err);
}

heed_status heed_vocab_learn(heed_vocab *v, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_status status;

    *tokenizer = NULL;
    if (v->learned)
        return heed_fail(err, HEED_ERR_USAGE, "the vocabulary has been learned already");
    v->learned = true;
    if (v->state.n_bytes == 0.0)
        return heed_fail(err, HEED_ERR_USAGE, "expected a text to learn a vocabulary from, got an empty one");
    if (v->options.kind == HEED_VOCAB_BPE)
        status = learn_bpe(v, tokenizer, err);
    else if (v->options.kind == HEED_VOCAB_WORDS)
        status = heed_vocab_make_words(&v->options, &v->counter.all, v->vocab_size, tokenizer, err);
    else
        status = learn_characters(v, tokenizer, err);
    if (status == HEED_OK)
        v->state.n_tokens = heed_tokenizer_vocab_size(*tokenizer);
    return status;
}

heed_vocab_progress heed_vocab_state(const heed_vocab *v)
{
    return v->state;
}
