/* SPDX-License-Identifier: MIT */
/* What a run learns from: a text, the tokenizer that is made of it or given, and the tokens. */
#include <heed/vocab.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/stories.h"
#include "text/tokenizer_kind.h"
#include "train/trainer.h"

static uint64_t hash_of(const char *text, size_t n)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash;
}

/* --- the text --- */

/* A file, or the built-in stories. */
typedef struct source {
    heed_file file;
    heed_text_buffer stories;
    const char *name, *text;
    size_t n, at; /* at: read so far by heed_vocab_add() */
} source;

static void release(source *s)
{
    heed_text_free(&s->stories);
    heed_file_close(&s->file);
}

static heed_status get_text(heed_trainer *t, bool any_bytes, source *s, heed_error *err)
{
    heed_status status;

    if (t->text.path[0] != '\0') {
        status = heed_corpus_open_text(&s->file, t->text.path, any_bytes, err);
        s->name = t->text.path;
        s->text = s->file.data;
        s->n = s->file.size;
        t->plan.floor = NAN;
        return status;
    }
    status = heed_stories_generate((uint64_t)t->options.seed, (size_t)t->options.corpus_bytes, &s->stories,
                                   NULL, err);
    s->name = "the built-in stories";
    s->text = s->stories.data;
    s->n = s->stories.size;
    t->plan.floor = heed_stories_entropy().nats_per_character;
    return status;
}

/* A resumed run must find the text it began with. */
static heed_status identify_text(heed_trainer *t, const source *s, bool resumed, heed_error *err)
{
    const uint64_t hash = hash_of(s->text, s->n);

    if (resumed && (t->text.bytes != s->n || t->text.hash != hash))
        return heed_fail(
            err, HEED_ERR_FILE,
            "%.300s: the text has changed since the run began (it had %llu bytes, now %zu or other ones)",
            s->name, (unsigned long long)t->text.bytes, s->n);
    t->text.bytes = s->n;
    t->text.hash = hash;
    return HEED_OK;
}

/* --- the tokenizer --- */

/*
 * One that is there already: in the folder of a resumed run, or where the options say. Characters are taken from the text
 * each time, and so is any vocabulary whose run was stopped before its folder had it.
 */
static heed_status open_tokenizer(const heed_trainer *t, bool resumed, heed_tokenizer **tokenizer,
                                  heed_error *err)
{
    const bool given = t->tokenizer.path[0] != '\0';
    char path[HEED_PATH_BYTES];
    heed_status status = heed_path_join(path, sizeof path, t->folder, "tokenizer.json", err);

    if (status != HEED_OK)
        return status;
    if (resumed && (given || t->options.tokenizer != HEED_TRAIN_CHARACTERS) && heed_file_exists(path))
        return heed_tokenizer_load(path, tokenizer, err);
    return given ? heed_tokenizer_open(t->tokenizer.path, NULL, tokenizer, err) : HEED_OK;
}

static heed_status read_source(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    source *s = context;

    (void)err;
    *n = s->n - s->at < capacity ? s->n - s->at : capacity;
    memcpy(buffer, s->text + s->at, *n);
    s->at += *n;
    return HEED_OK;
}

static heed_status learn_vocabulary(const heed_trainer *t, source *s, heed_tokenizer **tokenizer,
                                    heed_error *err)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_status status;

    options.kind = t->options.tokenizer == HEED_TRAIN_WORDS ? HEED_VOCAB_WORDS : HEED_VOCAB_BPE;
    options.vocab_size = t->options.tokenizer_vocab_size;
    options.threads = t->options.threads;
    status = heed_vocab_create(&options, &vocab, err);
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, read_source, s, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, tokenizer, err);
    heed_vocab_destroy(vocab);
    return status;
}

static heed_status make_tokenizer(const heed_trainer *t, source *s, heed_tokenizer **tokenizer, heed_error *err)
{
    if (*tokenizer != NULL)
        return HEED_OK;
    if (t->options.tokenizer == HEED_TRAIN_CHARACTERS)
        return heed_tokenizer_characters(s->text, s->n, tokenizer, err);
    return learn_vocabulary(t, s, tokenizer, err);
}

/* The same ids as before, or the weights mean nothing. */
static heed_status identify_tokenizer(heed_trainer *t, const heed_tokenizer *tokenizer, bool resumed,
                                      heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status = heed_tokenizer_write(tokenizer, &text, err);
    uint64_t hash = 0;

    if (status == HEED_OK)
        hash = hash_of(text.data, text.size);
    heed_text_free(&text);
    if (status == HEED_OK && resumed && t->tokenizer.hash != 0 && t->tokenizer.hash != hash)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: the tokenizer has changed since the run began",
                         t->folder);
    t->tokenizer.hash = hash;
    return status;
}

/* --- both --- */

static heed_status fit_vocabulary(heed_config *config, const heed_tokenizer *tokenizer, heed_error *err)
{
    const int64_t n = heed_tokenizer_vocab_size(tokenizer);

    if (config->vocab_size == 0)
        config->vocab_size = n;
    if (config->vocab_size >= n)
        return HEED_OK;
    if (strcmp(heed_tokenizer_kind_name(tokenizer), "characters") == 0)
        return heed_fail(err, HEED_ERR_USAGE, "vocab_size: the text has %lld different characters, got %lld",
                         (long long)n, (long long)config->vocab_size);
    return heed_fail(err, HEED_ERR_USAGE, "vocab_size: the tokenizer has %lld tokens, got %lld", (long long)n,
                     (long long)config->vocab_size);
}

heed_status heed_text_open(heed_trainer *t, heed_config *config, bool resumed, heed_tokenizer **tokenizer,
                           heed_error *err)
{
    const heed_corpus_options options = {.context_length = config->context_length,
                                         .threads = (int)t->options.threads};
    source s = {.name = ""};
    heed_status status = open_tokenizer(t, resumed, tokenizer, err);
    const bool any_bytes = *tokenizer != NULL ? !heed_tokenizer_needs_utf8(*tokenizer)
                                              : t->options.tokenizer == HEED_TRAIN_BPE;

    if (status == HEED_OK)
        status = get_text(t, any_bytes, &s, err);
    if (status == HEED_OK)
        status = identify_text(t, &s, resumed, err);
    if (status == HEED_OK)
        status = make_tokenizer(t, &s, tokenizer, err);
    if (status == HEED_OK)
        status = identify_tokenizer(t, *tokenizer, resumed, err);
    if (status == HEED_OK)
        status = heed_corpus_create(*tokenizer, s.text, s.n, s.name, &options, &t->corpus, err);
    if (status == HEED_OK)
        status = fit_vocabulary(config, *tokenizer, err);
    release(&s);
    return status;
}
