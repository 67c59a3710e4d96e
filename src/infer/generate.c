/* SPDX-License-Identifier: MIT */
/*
 * Texts written side by side.
 *
 * The texts of a call wait in order. Each takes a row as soon as one is free, reads its prompt there, and draws its first
 * token; then all rows read the token that each has drawn, in one run. A row whose text has ended goes to the next text
 * that waits, or the last row moves into its place, so that a run has no idle rows. Texts of one prompt share its reading:
 * what the cache holds of it is copied from a neighbour.
 */
#include <heed/generate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "infer/beams.h"
#include "infer/generate.h"
#include "infer/session.h"
#include "nn/model.h"

#define AT(member) offsetof(heed_generate_options, member)

static const heed_field fields[] = {
    {"max_tokens", "tokens to write", HEED_FIELD_INTEGER, AT(max_tokens), 0, 1e12, NULL},
    {"n", "texts of each prompt; with --beams the n best", HEED_FIELD_INTEGER, AT(n), 1, 65536, NULL},
    {"batch_size", "texts written side by side, at most", HEED_FIELD_INTEGER, AT(batch_size), 1, 4096, NULL},
    {"beams", "search for the likeliest text with so many beams, in place of drawing; 0: draw",
     HEED_FIELD_INTEGER, AT(beams), 0, 256, NULL},
    {"length_penalty", "of beams: log-probability / ((5 + tokens) / 6)^X; 0: none", HEED_FIELD_NUMBER,
     AT(length_penalty), 0, 10, NULL},
    {"ignore_end_of_text", "write on after the token that ends a text", HEED_FIELD_BOOLEAN,
     AT(ignore_end_of_text), 0, 0, NULL},
    {"special", "special tokens act where the prompt spells them, such as <|endoftext|>", HEED_FIELD_BOOLEAN,
     AT(special), 0, 0, NULL},
    {"log_probabilities", "how likely each token was, of the model's own distribution", HEED_FIELD_BOOLEAN,
     AT(log_probabilities), 0, 0, NULL},
    {"likeliest", "and so many of the likeliest tokens in its place", HEED_FIELD_INTEGER, AT(likeliest), 0,
     16777216, NULL},
    {"prompt_log_probabilities", "the same of the prompt's tokens", HEED_FIELD_BOOLEAN,
     AT(prompt_log_probabilities), 0, 0, NULL},
};

const heed_field *heed_generate_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

heed_generate_options heed_generate_default(void)
{
    return (heed_generate_options){
        .max_tokens = 200, .n = 1, .batch_size = 8, .sampling = heed_sampling_default()};
}

const char *heed_finish_name(heed_finish finish)
{
    static const char *const names[] = {"none", "length", "stop", "end_of_text", "context", "caller"};

    return (size_t)finish < sizeof names / sizeof names[0] ? names[finish] : "none";
}

/* --- prompts --- */

/* The token that an empty text begins with. */
static int32_t first_token(const heed_model *model)
{
    const int32_t newline = heed_tokenizer_find(model->tokenizer, "\n", 1);

    return model->end_of_text >= 0 ? model->end_of_text : newline >= 0 ? newline : 0;
}

heed_status heed_model_encode_prompt(const heed_model *model, const heed_prompt *prompt, bool special,
                                     int32_t **ids, size_t *n_ids, heed_error *err)
{
    const heed_encode_options how = {.special = special};

    *ids = NULL;
    *n_ids = 0;
    if (prompt->ids == NULL && model->tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "the model has no tokenizer.json, so a text cannot become tokens");
    if (prompt->ids == NULL && prompt->n_text > 0)
        return heed_tokenizer_encode(model->tokenizer, prompt->text, prompt->n_text, &how, ids, n_ids, err);
    *n_ids = prompt->ids != NULL ? prompt->n_ids : 1;
    if (*n_ids == 0)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token in a prompt, got none");
    *ids = malloc(*n_ids * sizeof **ids);
    if (*ids == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a prompt of %zu tokens", *n_ids);
    if (prompt->ids != NULL)
        memcpy(*ids, prompt->ids, *n_ids * sizeof **ids);
    else
        **ids = first_token(model);
    return HEED_OK;
}

static heed_status check_length(const heed_model *model, const heed_generate_options *o, size_t n,
                                heed_error *err)
{
    const int64_t context = o->session.context_length > 0 ? o->session.context_length
                                                          : model->config.context_length;

    if (o->session.overflow == HEED_OVERFLOW_STOP && (int64_t)n > context)
        return heed_fail(err, HEED_ERR_USAGE, "the prompt has %zu tokens, the context holds %lld", n,
                         (long long)context);
    if (o->session.overflow == HEED_OVERFLOW_ERROR &&
        ((int64_t)n > context || o->max_tokens > context - (int64_t)n))
        return heed_fail(err, HEED_ERR_USAGE,
                         "the prompt has %zu tokens and %lld more are to be written, the context holds %lld", n,
                         (long long)o->max_tokens, (long long)context);
    return HEED_OK;
}

/* Says which of several prompts an error is about. */
static heed_status name_prompt(heed_status status, int64_t i, int64_t n, heed_error *err)
{
    char message[sizeof err->message];

    if (status == HEED_OK || err == NULL || n < 2)
        return status;
    snprintf(message, sizeof message, "prompt %lld: %.480s", (long long)i + 1, err->message);
    memcpy(err->message, message, sizeof message);
    return status;
}

void heed_prompts_close(heed_prompts *p)
{
    for (int64_t i = 0; p->ids != NULL && i < p->n; i++)
        free(p->ids[i]);
    free(p->ids);
    free(p->n_ids);
    *p = (heed_prompts){0};
}

static heed_status encode_prompts(const heed_model *model, const heed_prompt *prompts, int64_t n,
                                  const heed_generate_options *o, heed_prompts *out, heed_error *err)
{
    heed_status status = HEED_OK;

    *out = (heed_prompts){.ids = calloc((size_t)n, sizeof *out->ids),
                          .n_ids = calloc((size_t)n, sizeof *out->n_ids)};
    if (out->ids == NULL || out->n_ids == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld prompts", (long long)n);
    while (status == HEED_OK && out->n < n) {
        const int64_t i = out->n++;
        status = heed_model_encode_prompt(model, &prompts[i], o->special, &out->ids[i], &out->n_ids[i], err);
        if (status == HEED_OK)
            status = check_length(model, o, out->n_ids[i], err);
        status = name_prompt(status, i, n, err);
    }
    return status;
}

/* --- reading a prompt while its tokens are shown --- */

typedef struct prompt_show {
    heed_writer *writer;
    heed_writing *writing;
} prompt_show;

static void show_next(void *context, size_t i, const float *logits)
{
    prompt_show *show = context;

    if (i + 1 < show->writer->history.n)
        heed_writer_show_prompt(show->writer, show->writing, i + 1, logits);
}

heed_status heed_read_prompt(heed_texts *texts, int64_t row, heed_writer *writer, heed_writing *writing,
                             bool shown, heed_error *err)
{
    const heed_history *h = &writer->history;
    prompt_show show = {writer, writing};
    const heed_texts_seen seen = {show_next, &show};

    heed_texts_clear(texts, row);
    if (!shown)
        return heed_texts_feed(texts, row, h->ids, h->n, NULL, err);
    if (h->n > 0 && h->ids[0] >= 0 && h->ids[0] < texts->model->config.vocab_size)
        heed_writer_show_prompt(writer, writing, 0, NULL);
    return heed_texts_feed(texts, row, h->ids, h->n, &seen, err);
}

/* --- the batch --- */

/* A row of the batch, and the text that is written in it. */
typedef struct slot {
    heed_writer writer;
    heed_rng rng;
    int64_t slides; /* of its window when the prompt had been read */
    bool open;
} slot;

typedef struct batch {
    heed_writing *writing;
    const heed_prompts *prompts;
    heed_texts *texts;
    heed_generated *results;
    slot *slots;  /* [rows] */
    int32_t *ids; /* [rows] that were drawn */
    int64_t rows, active, next, n_texts;
    float *logits;    /* [vocab_size] behind the prompt of `read` */
    int64_t read;     /* the prompt that was read last; -1: none */
    int64_t n_window; /* tokens that the window then held */
} batch;

/* A row whose cache still begins with the prompt; -1: none. */
static int64_t row_with_prompt(const batch *b, int64_t prompt)
{
    for (int64_t r = 0; r < b->rows && prompt == b->read; r++) {
        const slot *s = &b->slots[r];
        if (s->open && s->writer.prompt == prompt && b->texts->window[r].slides.n == s->slides)
            return r;
    }
    return -1;
}

/* Brings row r to the end of the prompt, by reading or by copying. */
static heed_status begin_text(batch *b, int64_t r, int64_t prompt, heed_writer *writer, heed_error *err)
{
    const size_t logits_bytes = (size_t)b->texts->model->config.vocab_size * sizeof *b->logits;
    const heed_generate_options *o = b->writing->options;
    const int64_t from = row_with_prompt(b, prompt);
    heed_status status = HEED_OK;

    if (from >= 0) {
        heed_texts_copy(b->texts, r, from, b->n_window);
        memcpy(b->texts->window[r].logits, b->logits, logits_bytes);
        return HEED_OK;
    }
    status = heed_read_prompt(b->texts, r, writer, b->writing,
                              o->prompt_log_probabilities && writer->sample == 0, err);
    if (status != HEED_OK)
        return status;
    b->read = prompt;
    b->n_window = b->texts->window[r].length;
    memcpy(b->logits, heed_texts_logits(b->texts, r), logits_bytes);
    return HEED_OK;
}

/* Gives row r to the next text that waits. */
static heed_status start(batch *b, int64_t r, heed_error *err)
{
    const heed_generate_options *o = b->writing->options;
    const int64_t prompt = b->next / o->n, sample = b->next % o->n;
    slot *s = &b->slots[r];
    heed_writer writer;
    heed_status status = heed_writer_open(&writer, b->writing, prompt, sample, b->prompts->ids[prompt],
                                          b->prompts->n_ids[prompt], err);

    if (status == HEED_OK)
        status = name_prompt(begin_text(b, r, prompt, &writer, err), prompt, b->prompts->n, err);
    heed_writer_close(&s->writer);
    *s = (slot){.writer = writer, .open = status == HEED_OK};
    s->rng = heed_rng_make(o->session.seed + (uint64_t)sample, HEED_STREAM_SAMPLE);
    s->slides = b->texts->window[r].slides.n;
    b->next++;
    return status;
}

/* Tokens that may follow before the context is full; -1 where it slides. */
static int64_t room_of(const heed_texts *texts, int64_t r)
{
    return texts->overflow == HEED_OVERFLOW_SLIDE ? -1 : heed_texts_room(texts, r);
}

heed_status heed_write_token(heed_texts *texts, int64_t r, heed_writer *writer, heed_writing *writing,
                             heed_rng *rng, int32_t *id, heed_error *err)
{
    const float *logits = heed_texts_logits(texts, r);
    const int64_t room = room_of(texts, r);
    heed_status status;

    if (writer->result.finish != HEED_FINISH_NONE)
        return HEED_OK; /* the prompt was not to be shown to its end */
    status = heed_check_logits(logits, texts->model->config.vocab_size, err);
    if (status != HEED_OK)
        return status;
    if (writing->options->max_tokens == writer->result.n_written || room == 0) {
        heed_writer_end(writer, writing, room == 0 ? HEED_FINISH_CONTEXT : HEED_FINISH_LENGTH);
        return HEED_OK;
    }
    *id = heed_writer_draw(writer, writing, logits, rng);
    return heed_writer_add(writer, writing, *id, logits, NAN, room, err);
}

/* The text of row r has ended: its row goes to one that waits, or to the last that is active. */
static heed_status retire(batch *b, int64_t r, heed_error *err)
{
    slot *s = &b->slots[r], *last = &b->slots[b->active - 1];

    s->writer.result.slides = b->texts->window[r].slides;
    if (b->results != NULL)
        b->results[s->writer.prompt * b->writing->options->n + s->writer.sample] = s->writer.result;
    if (b->next < b->n_texts)
        return start(b, r, err);
    if (s != last) {
        const slot ended = *s;
        heed_texts_copy(b->texts, r, b->active - 1, b->texts->window[b->active - 1].length);
        *s = *last;
        *last = ended;
    }
    last->open = false;
    b->active--;
    return HEED_OK;
}

/* Each row writes its next token, and so do the rows that new texts get. */
static heed_status write_tokens(batch *b, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int64_t r = 0; r < b->active && status == HEED_OK;) {
        slot *s = &b->slots[r];
        status = heed_write_token(b->texts, r, &s->writer, b->writing, &s->rng, &b->ids[r], err);
        if (status == HEED_OK && s->writer.result.finish != HEED_FINISH_NONE)
            status = retire(b, r, err); /* what stands in row r now has not written yet */
        else
            r++;
    }
    return status;
}

static heed_status run_batch(batch *b, heed_error *err)
{
    heed_status status = HEED_OK;

    while (status == HEED_OK && b->active < b->rows)
        status = start(b, b->active++, err);
    while (status == HEED_OK && b->active > 0) {
        status = write_tokens(b, err);
        if (status == HEED_OK && b->active > 0)
            status = heed_texts_step(b->texts, b->active, b->ids, err);
    }
    return status;
}

static void close_batch(batch *b)
{
    for (int64_t r = 0; b->slots != NULL && r < b->rows; r++)
        heed_writer_close(&b->slots[r].writer);
    heed_texts_close(b->texts);
    free(b->slots);
    free(b->ids);
    free(b->logits);
}

static heed_status write_texts(heed_writing *writing, const heed_prompts *prompts, heed_generated *results,
                               heed_error *err)
{
    const heed_generate_options *o = writing->options;
    batch b = {
        .writing = writing, .prompts = prompts, .results = results, .read = -1, .n_texts = prompts->n * o->n};
    heed_status status;

    b.rows = b.n_texts < o->batch_size ? b.n_texts : o->batch_size;
    b.slots = calloc((size_t)b.rows, sizeof *b.slots);
    b.ids = calloc((size_t)b.rows, sizeof *b.ids);
    b.logits = malloc((size_t)writing->model->config.vocab_size * sizeof *b.logits);
    if (b.slots == NULL || b.ids == NULL || b.logits == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld texts side by side",
                           (long long)b.rows);
    else
        status = heed_texts_open(writing->model, &o->session, b.rows, &b.texts, err);
    if (status == HEED_OK)
        status = run_batch(&b, err);
    close_batch(&b);
    return status;
}

heed_status heed_generate(const heed_model *model, const heed_prompt *prompts, int64_t n_prompts,
                          const heed_generate_options *options, heed_generate_fn *each, void *context,
                          heed_generated *results, heed_error *err)
{
    const heed_generate_options defaults = heed_generate_default(), *o = options != NULL ? options : &defaults;
    heed_writing writing;
    heed_prompts encoded = {0};
    heed_status status;

    if (n_prompts < 1 || n_prompts > (1 << 30) / (o->n > 0 ? o->n : 1))
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected 1 prompt or more, and at most 2^30 texts of them, got %lld",
                         (long long)n_prompts);
    if (o->beams > 0 && o->likeliest > 0)
        return heed_fail(err, HEED_ERR_USAGE,
                         "beams and likeliest: beam search does not keep the other tokens");
    if (o->beams > 0 && o->n > o->beams)
        return heed_fail(err, HEED_ERR_USAGE, "expected at most as many texts as beams, got n %lld of %lld",
                         (long long)o->n, (long long)o->beams);
    status = heed_writing_open(&writing, model, o, each, context, err);
    if (status != HEED_OK)
        return status;
    status = encode_prompts(model, prompts, n_prompts, o, &encoded, err);
    if (status == HEED_OK)
        status = (o->beams > 0 ? heed_search_beams : write_texts)(&writing, &encoded, results, err);
    heed_prompts_close(&encoded);
    heed_writing_close(&writing);
    return status;
}
