/* SPDX-License-Identifier: MIT */
/*
 * Words as tokens: a text is cut by a pattern, and each piece is looked up whole.
 *
 *     "No, no!\n"   ->   "No" "," " " "no" "!" "\n"
 *
 * White space and signs are tokens, too, so the text of the tokens is the text. In tokenizer.json it is a WordLevel model
 * with a Split before it and "Fuse" behind. A word that is not in the vocabulary becomes the model's "unk_token" where
 * the vocabulary has that; otherwise it is an error that names the word and its place.
 */
#include "text/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/json_text.h"
#include "text/pieces.h"
#include "text/tokenizer_kind.h"

#define UNKNOWN "[UNK]" /* what it is called in files that are written here */

typedef struct words {
    heed_tokenizer base;
    heed_piece_table vocab; /* the number of a piece is its id */
    int32_t unknown;        /* its id, or -1 */
    char *pattern;
    heed_pieces *pieces;
} words;

static const words *of(const heed_tokenizer *tokenizer)
{
    return (const words *)tokenizer;
}

static void destroy(heed_tokenizer *tokenizer)
{
    words *w = (words *)tokenizer;

    heed_piece_table_free(&w->vocab);
    heed_pieces_destroy(w->pieces);
    free(w->pattern);
    free(w);
}

heed_status heed_words_create(heed_piece_table *vocab, int32_t unknown, const char *pattern, const char *name,
                              heed_tokenizer **tokenizer, heed_error *err)
{
    words *w = calloc(1, sizeof *w);
    heed_status status = HEED_OK;

    *tokenizer = NULL;
    if (w == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of words");
    w->base.kind = &heed_tokenizer_words_kind;
    w->vocab = *vocab;
    *vocab = (heed_piece_table){0};
    w->unknown = unknown;
    w->pattern = strdup(pattern);
    if (w->pattern == NULL || w->vocab.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of %zu words", w->vocab.n);
    if (status == HEED_OK)
        status = heed_pieces_create(pattern, name, &w->pieces, err);
    if (status == HEED_OK)
        *tokenizer = &w->base;
    else
        destroy(&w->base);
    return status;
}

static int64_t vocab_size(const heed_tokenizer *tokenizer)
{
    return (int64_t)of(tokenizer)->vocab.n;
}

static const char *piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n)
{
    const heed_piece_table *vocab = &of(tokenizer)->vocab;

    *n = vocab->pieces[id].length;
    return heed_piece_table_bytes(vocab, (uint32_t)id);
}

static int32_t find(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    const uint32_t id = heed_piece_table_find(&of(tokenizer)->vocab, text, n);

    return id == HEED_PIECE_NONE ? -1 : (int32_t)id;
}

/* ---- ids of a text --------------------------------------------------------------------------------------- */

/* Runs of words on their way to ids. */
typedef struct lookup {
    const words *w;
    int threads;
    heed_id_sink *sink;
    void *context;
    heed_text_position place; /* of the runs at hand */

    const heed_piece_run *runs; /* lent by the stream */
    size_t *first;              /* where the ids of each run begin */
    int32_t *ids;
    size_t runs_capacity, ids_capacity;
} lookup;

static void look_up_runs(void *context, int64_t begin, int64_t end, int thread)
{
    const lookup *l = context;

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const heed_piece_run *run = &l->runs[r];

        for (size_t i = 0; i < run->n; i++) {
            const heed_piece *p = &run->pieces[i];
            const int32_t id = find(&l->w->base, run->text + p->begin, p->end - p->begin);

            l->ids[l->first[r] + i] = id >= 0 ? id : l->w->unknown;
        }
    }
}

static heed_status refuse_word(const lookup *l, const heed_piece_run *run, size_t i, heed_error *err)
{
    const char *begin = run->text + run->pieces[0].begin, *word = run->text + run->pieces[i].begin;
    const size_t n = run->pieces[i].end - run->pieces[i].begin;
    const heed_text_position at = heed_text_position_after(l->place, begin, (size_t)(word - begin));
    char quoted[80];

    if (!heed_utf8_is_valid(word, n))
        return heed_fail(err, HEED_ERR_USAGE, "line %zu, column %zu: 0x%02x is not UTF-8", at.line, at.column,
                         (unsigned)(unsigned char)word[0]);
    return heed_fail(
        err, HEED_ERR_USAGE,
        "line %zu, column %zu: the word \"%s\" is not among the %zu of the vocabulary, which has no "
        "token for unknown words",
        at.line, at.column, heed_quote(quoted, sizeof quoted, word, n), l->w->vocab.n);
}

/* Room for the ids of all runs, and where each begins. */
static bool make_room(lookup *l, size_t n_runs, size_t *n_ids)
{
    if (n_runs > l->runs_capacity) {
        size_t *first = realloc(l->first, n_runs * sizeof *first);
        if (first == NULL)
            return false;
        l->first = first;
        l->runs_capacity = n_runs;
    }
    *n_ids = 0;
    for (size_t r = 0; r < n_runs; r++) {
        l->first[r] = *n_ids;
        *n_ids += l->runs[r].n;
    }
    if (*n_ids > l->ids_capacity) {
        int32_t *ids = realloc(l->ids, *n_ids * sizeof *ids);
        if (ids == NULL)
            return false;
        l->ids = ids;
        l->ids_capacity = *n_ids;
    }
    return true;
}

/* The first word of a run without an id is refused; otherwise the place moves on. */
static heed_status check_run(lookup *l, size_t r, heed_error *err)
{
    const heed_piece_run *run = &l->runs[r];

    for (size_t i = 0; i < run->n && l->w->unknown < 0; i++) {
        if (l->ids[l->first[r] + i] < 0)
            return refuse_word(l, run, i, err);
    }
    if (run->n > 0 && l->w->unknown < 0)
        l->place = heed_text_position_after(l->place, run->text + run->pieces[0].begin,
                                            run->pieces[run->n - 1].end - run->pieces[0].begin);
    return HEED_OK;
}

static heed_status look_up(void *context, const heed_piece_run *runs, size_t n_runs, heed_error *err)
{
    lookup *l = context;
    size_t n_ids = 0;
    heed_status status = HEED_OK;

    l->runs = runs;
    if (!make_room(l, n_runs, &n_ids))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the ids of a text");
    heed_parallel(l->threads, (int64_t)n_runs, 1, look_up_runs, l);
    for (size_t r = 0; r < n_runs && status == HEED_OK; r++)
        status = check_run(l, r, err);
    return status == HEED_OK && n_ids > 0 ? l->sink(l->context, l->ids, n_ids, err) : status;
}

static heed_status stream(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                          heed_text_source *source, void *source_context, heed_id_sink *sink,
                          void *sink_context, heed_error *err)
{
    lookup l = {.w = of(tokenizer),
                .threads = options->threads,
                .sink = sink,
                .context = sink_context,
                .place = {1, 1}};
    const heed_status status = heed_pieces_stream(l.w->pieces, source, source_context, options->threads,
                                                  look_up, &l, err);

    free(l.first);
    free(l.ids);
    return status;
}

/* A text in memory as a source. */
typedef struct rest {
    const char *text;
    size_t n;
} rest;

static heed_status read_rest(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    rest *r = context;

    (void)err;
    *n = r->n < capacity ? r->n : capacity;
    memcpy(buffer, r->text, *n);
    r->text += *n;
    r->n -= *n;
    return HEED_OK;
}

static heed_status encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                          const heed_encode_options *options, heed_id_sink *sink, void *context,
                          heed_error *err)
{
    rest r = {text, n};

    return stream(tokenizer, options, read_rest, &r, sink, context, err);
}

/* ---- tokenizer.json -------------------------------------------------------------------------------------- */

static void write_json(const heed_tokenizer *tokenizer, heed_text_buffer *out)
{
    const words *w = of(tokenizer);
    size_t n = 0;
    const char *unknown = w->unknown >= 0 ? piece(tokenizer, w->unknown, &n) : UNKNOWN;

    heed_text_puts(out, "{\n"
                        "  \"version\": \"1.0\",\n"
                        "  \"truncation\": null,\n"
                        "  \"padding\": null,\n"
                        "  \"added_tokens\": [],\n"
                        "  \"normalizer\": null,\n"
                        "  \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": ");
    heed_json_put_string(out, w->pattern, strlen(w->pattern));
    heed_text_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false},\n"
                        "  \"post_processor\": null,\n"
                        "  \"decoder\": {\"type\": \"Fuse\"},\n"
                        "  \"model\": {\n"
                        "    \"type\": \"WordLevel\",\n"
                        "    \"unk_token\": ");
    heed_json_put_string(out, unknown, strlen(unknown));
    heed_text_puts(out, ",\n    \"vocab\": {\n");
    for (size_t id = 0; id < w->vocab.n; id++) {
        const char *word = piece(tokenizer, (int64_t)id, &n);

        heed_text_puts(out, "      ");
        heed_json_put_string(out, word, n);
        heed_text_printf(out, ": %zu%s\n", id, id + 1 < w->vocab.n ? "," : "");
    }
    heed_text_puts(out, "    }\n"
                        "  }\n"
                        "}\n");
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "";
}

static bool claims(const json_t *root)
{
    return strcmp(text_of(json_object_get(root, "model"), "type"), "WordLevel") == 0;
}

/* Refuses, by name, what would make other ids, or another text, of the same words. *pattern is lent by root. */
static heed_status check_surroundings(const json_t *root, const char *name, const char **pattern,
                                      heed_error *err)
{
    static const char *const unused[] = {"truncation", "padding", "normalizer", "post_processor"};
    const json_t *split = json_object_get(root, "pre_tokenizer");
    char quoted[64];

    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        const json_t *part = json_object_get(root, unused[i]);
        if (part != NULL && !json_is_null(part))
            return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of words with a \"%s\" is not read here",
                             name, unused[i]);
    }
    if (json_array_size(json_object_get(root, "added_tokens")) > 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: a tokenizer of words with added tokens is not read here",
                         name);
    if (strcmp(text_of(json_object_get(root, "decoder"), "type"), "Fuse") != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected the decoder \"Fuse\" of a tokenizer of words", name);
    *pattern = json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    if (strcmp(text_of(split, "type"), "Split") != 0 || *pattern == NULL ||
        strcmp(text_of(split, "behavior"), "Isolated") != 0 || json_is_true(json_object_get(split, "invert"))) {
        heed_quote(quoted, sizeof quoted, text_of(split, "type"), strlen(text_of(split, "type")));
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: expected words to be cut by a \"Split\" with a \"Regex\" whose matches are "
                         "\"Isolated\", found the pre_tokenizer \"%s\"",
                         name, quoted);
    }
    return HEED_OK;
}

/* The words by their ids: n distinct ids below n leave no hole. */
static heed_status sort_words(json_t *vocab, const char **by_id, const char *name, heed_error *err)
{
    const size_t n = json_object_size(vocab);
    const char *word = NULL;
    json_t *value = NULL;

    json_object_foreach(vocab, word, value)
    {
        const json_int_t id = json_integer_value(value);
        char quoted[64];

        heed_quote(quoted, sizeof quoted, word, strlen(word));
        if (word[0] == '\0')
            return heed_fail(err, HEED_ERR_FILE, "%s: the vocabulary has an empty word", name);
        if (!json_is_integer(value) || id < 0 || (size_t)id >= n)
            return heed_fail(err, HEED_ERR_FILE, "%s: the word \"%s\" needs an id of 0 to %zu", name, quoted,
                             n - 1);
        if (by_id[id] != NULL)
            return heed_fail(err, HEED_ERR_FILE, "%s: the id %lld belongs to two words, one of them \"%s\"",
                             name, (long long)id, quoted);
        by_id[id] = word;
    }
    return HEED_OK;
}

static heed_status read_json(const json_t *root, const char *name, heed_tokenizer **tokenizer, heed_error *err)
{
    const json_t *model = json_object_get(root, "model");
    json_t *vocab = json_object_get(model, "vocab");
    const size_t n = json_object_size(vocab);
    const char **by_id = NULL, *pattern = NULL, *unknown = text_of(model, "unk_token");
    heed_piece_table table = {0};
    uint32_t unknown_id;
    heed_status status = check_surroundings(root, name, &pattern, err);

    if (status != HEED_OK)
        return status;
    if (n == 0 || n > INT32_MAX)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary of words, found %zu", name, n);
    by_id = calloc(n, sizeof *by_id);
    if (by_id == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of %zu words", n);
    status = sort_words(vocab, by_id, name, err);
    for (size_t id = 0; id < n && status == HEED_OK; id++)
        heed_piece_table_add(&table, by_id[id], strlen(by_id[id]), 0);
    unknown_id = heed_piece_table_find(&table, unknown, strlen(unknown));
    if (status == HEED_OK)
        status = heed_words_create(&table, unknown_id == HEED_PIECE_NONE ? -1 : (int32_t)unknown_id, pattern,
                                   name, tokenizer, err);
    heed_piece_table_free(&table);
    free(by_id);
    return status;
}

const heed_tokenizer_kind heed_tokenizer_words_kind = {
    .name = "words",
    .needs_utf8 = true,
    .claims = claims,
    .read = read_json,
    .write = write_json,
    .destroy = destroy,
    .vocab_size = vocab_size,
    .piece = piece,
    .find = find,
    .encode = encode,
    .stream = stream,
};
