/* SPDX-License-Identifier: MIT */
/* What a run learns from: a text, the tokenizer that is made of it or given, and the tokens. */
#include <heed/vocab.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "data/stories.h"
#include "data/token_file.h"
#include "text/tokenizer_kind.h"
#include "train/trainer.h"

#define END_OF_TEXT   "<|endoftext|>" /* of byte pairs that are learned from documents */
#define LONGEST_STORY 100000          /* bytes; the grammar's have about a thousand */

/* What is known on the way from a text to its tokens. */
typedef struct opening {
    heed_trainer *t;
    bool resumed, large; /* large: its tokens go to a file */
    heed_corpus_options options;
    heed_tokenizer **tokenizer;
    heed_documents *texts;
    const char **paths;
    heed_text_buffer stories;
    heed_corpus *corpus;
    uint64_t texts_hash;
} opening;

/* --- the text --- */

/* A resumed run must find the text it began with. */
static heed_status identify_text(opening *o, const char *name, uint64_t bytes, uint64_t hash, heed_error *err)
{
    heed_text_identity *text = &o->t->text;

    if (o->resumed && (text->bytes != bytes || text->hash != hash))
        return heed_fail(
            err, HEED_ERR_FILE,
            "%.300s: the text has changed since the run began (it had %llu bytes, now %llu or other ones)",
            name, (unsigned long long)text->bytes, (unsigned long long)bytes);
    text->bytes = bytes;
    text->hash = hash;
    return HEED_OK;
}

static heed_status open_files(opening *o, heed_error *err)
{
    heed_trainer *t = o->t;
    const bool any_bytes = *o->tokenizer != NULL ? !heed_tokenizer_needs_utf8(*o->tokenizer)
                                                 : t->options.tokenizer == HEED_TRAIN_BPE;

    o->paths = malloc((size_t)(t->text.n_more + 1) * sizeof *o->paths);
    if (o->paths == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the paths of texts");
    o->paths[0] = t->text.path;
    for (int i = 0; i < t->text.n_more; i++)
        o->paths[i + 1] = t->text.more[i];
    const heed_documents_options options = {.paths = o->paths,
                                            .n_paths = t->text.n_more + 1,
                                            .text_field = t->options.text_field,
                                            .target_field = t->options.target_field,
                                            .any_bytes = any_bytes};
    return heed_documents_open(&options, &o->texts, err);
}

/* Stories end with the first one that reaches corpus_bytes. Another number in a file is not to make a gigabyte of them first. */
static heed_status check_stories(const opening *o, heed_error *err)
{
    const uint64_t least = (uint64_t)o->t->options.corpus_bytes, bytes = o->t->text.bytes;

    if (!o->resumed || (bytes >= least && bytes - least < LONGEST_STORY))
        return HEED_OK;
    return heed_fail(err, HEED_ERR_FILE,
                     "%.300s/trainer.json: expected text_bytes of %llu and less than a story more, got %llu",
                     o->t->folder, (unsigned long long)least, (unsigned long long)bytes);
}

/* Files, or the built-in stories. */
static heed_status open_texts(opening *o, heed_error *err)
{
    heed_trainer *t = o->t;
    heed_status status;

    if (t->text.path[0] != '\0') {
        status = open_files(o, err);
    } else {
        status = check_stories(o, err);
        if (status == HEED_OK)
            status = heed_stories_generate((uint64_t)t->options.seed, (size_t)t->options.corpus_bytes,
                                           &o->stories, NULL, err);
        if (status == HEED_OK)
            status = heed_documents_wrap(o->stories.data, o->stories.size, "the built-in stories", &o->texts,
                                         err);
        t->plan.floor = heed_stories_entropy().nats_per_character;
    }
    return status == HEED_OK ? identify_text(o, heed_documents_name(o->texts), heed_documents_bytes(o->texts),
                                             heed_documents_hash(o->texts), err)
                             : status;
}

/* --- the tokenizer --- */

/*
 * One that is there already: in the folder of a resumed run, or where the options say. Characters of a text in memory are
 * taken from it each time, and so is any vocabulary whose run was stopped before its folder had it.
 */
static heed_status open_tokenizer(const opening *o, heed_error *err)
{
    heed_trainer *t = o->t;
    const bool lent = heed_start_gives_tokenizer(t), given = lent || t->tokenizer.path[0] != '\0';
    char path[HEED_PATH_BYTES];
    heed_status status = heed_path_join(path, sizeof path, t->folder, "tokenizer.json", err);

    if (status != HEED_OK)
        return status;
    if (o->resumed && (given || o->large || t->options.tokenizer != HEED_TRAIN_CHARACTERS) &&
        heed_file_exists(path))
        return heed_tokenizer_load(path, o->tokenizer, err);
    if (lent)
        return heed_start_tokenizer(t, o->tokenizer, err);
    return given ? heed_tokenizer_open(t->tokenizer.path, NULL, o->tokenizer, err) : HEED_OK;
}

static heed_status make_tokenizer(const opening *o, heed_error *err)
{
    static const char *const special[] = {END_OF_TEXT};
    static const int kinds[] = {HEED_VOCAB_CHARACTERS, HEED_VOCAB_WORDS, HEED_VOCAB_BPE};
    const heed_train_options *train = &o->t->options;
    heed_vocab_options options = heed_vocab_options_default();
    heed_vocab *vocab = NULL;
    heed_status status;

    if (*o->tokenizer != NULL)
        return HEED_OK;
    options.kind = kinds[train->tokenizer];
    options.vocab_size = options.kind == HEED_VOCAB_CHARACTERS ? 0 : train->tokenizer_vocab_size;
    options.threads = heed_trainer_threads(o->t);
    if (options.kind == HEED_VOCAB_BPE && train->end_of_text && heed_documents_many(o->texts)) {
        options.special = special;
        options.n_special = 1;
    }
    heed_documents_rewind(o->texts);
    status = heed_vocab_create(&options, &vocab, err);
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, heed_documents_read, o->texts, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, o->tokenizer, err);
    heed_vocab_destroy(vocab);
    return status;
}

heed_status heed_text_hash_tokenizer(const heed_tokenizer *tokenizer, uint64_t *hash, heed_error *err)
{
    heed_text_buffer text = {0};
    const heed_status status = heed_tokenizer_write(tokenizer, &text, err);

    *hash = status == HEED_OK ? heed_fnv(HEED_FNV_BEGIN, text.data, text.size) : 0;
    heed_text_free(&text);
    return status;
}

/* The same ids as before, or the weights mean nothing. */
heed_status heed_text_identify_tokenizer(heed_trainer *t, const heed_tokenizer *tokenizer, bool resumed,
                                         heed_error *err)
{
    uint64_t hash;
    const heed_status status = heed_text_hash_tokenizer(tokenizer, &hash, err);

    if (status == HEED_OK && resumed && t->tokenizer.hash != 0 && t->tokenizer.hash != hash)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: the tokenizer has changed since the run began",
                         t->folder);
    t->tokenizer.hash = hash;
    return status;
}

static heed_status identify_tokenizer(const opening *o, heed_error *err)
{
    return heed_text_identify_tokenizer(o->t, *o->tokenizer, o->resumed, err);
}

/* --- the tokens --- */

heed_status heed_text_fit_vocabulary(heed_config *config, const heed_tokenizer *tokenizer, heed_error *err)
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

/* The text is a token file: it names no bytes, so its tokenizer must be there. */
static heed_status open_token_file(opening *o, heed_error *err)
{
    heed_trainer *t = o->t;
    heed_status status;

    if (*o->tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "%.300s: a token file needs the tokenizer that made it (tokenizer)", t->text.path);
    if (!o->resumed &&
        (t->options.target_field[0] != '\0' || strcmp(t->options.text_field, HEED_DOCUMENTS_FIELD) != 0))
        return heed_fail(
            err, HEED_ERR_USAGE,
            "%.300s: a token file has its fields behind it, expected no text_field or target_field",
            t->text.path);
    if (t->text.n_more > 0)
        return heed_fail(err, HEED_ERR_USAGE, "%.300s: a token file is a whole corpus, no text can be added",
                         t->text.path);
    status = identify_tokenizer(o, err);
    if (status == HEED_OK) {
        const heed_token_file_key key = {.tokenizer_hash = t->tokenizer.hash};
        status = heed_token_file_open(t->text.path, *o->tokenizer, &key, &o->options, &o->corpus,
                                      &o->texts_hash, err);
    }
    return status == HEED_OK ? identify_text(o, t->text.path, (uint64_t)o->corpus->n_bytes, o->texts_hash, err)
                             : status;
}

/* Tokens that an earlier run has left in the cache; *o->corpus stays NULL where there are none. */
static heed_status find_tokens(opening *o, heed_error *err)
{
    const heed_status status = identify_tokenizer(o, err);

    if (status != HEED_OK || heed_token_cache_open(o->t, *o->tokenizer, NULL, &o->options, &o->corpus,
                                                   &o->texts_hash, NULL) != HEED_OK)
        return status;
    return identify_text(o, o->t->text.path, (uint64_t)o->corpus->n_bytes, o->texts_hash, err);
}

static heed_status make_tokens(opening *o, heed_error *err)
{
    heed_status status = open_texts(o, err);

    if (status == HEED_OK)
        status = make_tokenizer(o, err);
    if (status == HEED_OK)
        status = identify_tokenizer(o, err);
    if (status != HEED_OK)
        return status;
    if (o->large)
        return heed_token_cache_open(o->t, *o->tokenizer, o->texts, &o->options, &o->corpus, &o->texts_hash,
                                     err);
    return heed_corpus_read_documents(*o->tokenizer, o->texts, &o->options, &o->corpus, err);
}

static heed_status open_corpus(opening *o, heed_error *err)
{
    const heed_trainer *t = o->t;
    const bool is_file = t->text.path[0] != '\0';
    heed_status status;

    o->large = is_file && heed_text_size(&t->text) > (uint64_t)t->options.token_file_bytes;
    status = open_tokenizer(o, err);
    if (status == HEED_OK && is_file && heed_token_file_is(t->text.path))
        return open_token_file(o, err);
    if (status == HEED_OK && o->large && *o->tokenizer != NULL)
        status = find_tokens(o, err);
    return status == HEED_OK && o->corpus == NULL ? make_tokens(o, err) : status;
}

static void describe(heed_trainer *t, const heed_corpus *corpus, const heed_tokenizer *tokenizer)
{
    t->plan.n_train_tokens = heed_corpus_part(corpus, HEED_PART_TRAIN).n;
    t->plan.n_validation_tokens = heed_corpus_part(corpus, HEED_PART_VALIDATION).n;
    t->plan.bytes_per_token = heed_corpus_bytes_per_token(corpus, tokenizer, HEED_PART_VALIDATION);
    t->plan.floor *= t->plan.bytes_per_token; /* the stories are ASCII: a byte is a character */
}

heed_status heed_text_open(heed_trainer *t, heed_config *config, bool resumed, heed_tokenizer **tokenizer,
                           heed_error *err)
{
    opening o = {.t = t,
                 .resumed = resumed,
                 .tokenizer = tokenizer,
                 .options = {.context_length = config->context_length,
                             .end_of_text = t->options.end_of_text,
                             .threads = heed_trainer_threads(t)}};
    heed_status status;

    t->plan.floor = NAN;
    if (t->options.task != 0) {
        status = heed_task_begin(t, config, tokenizer, err);
        return status == HEED_OK ? heed_text_identify_tokenizer(t, *tokenizer, resumed, err) : status;
    }
    status = open_corpus(&o, err);
    if (status == HEED_OK)
        status = heed_text_fit_vocabulary(config, *tokenizer, err);
    if (status == HEED_OK)
        describe(t, o.corpus, *tokenizer);
    if (o.corpus != NULL)
        t->source = &o.corpus->source;
    heed_documents_close(o.texts);
    heed_text_free(&o.stories);
    free(o.paths);
    return status;
}
