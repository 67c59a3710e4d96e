/* SPDX-License-Identifier: MIT */
#include "data/tasks/task.h"

#include <heed/vocab.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"

/* --- for the tasks --- */

void heed_task_put(heed_task_window *w, int32_t id, bool counts)
{
    if (w->n < w->T)
        w->ids[w->n] = id;
    if (w->n > 0 && w->n <= w->T)
        w->targets[w->n - 1] = counts ? id : HEED_NO_TARGET;
    w->n++;
}

char heed_task_symbol(int64_t i)
{
    return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[i];
}

double heed_task_line_floor(const heed_task *task, const double *nats, int64_t n_prompt, int64_t n_line)
{
    double sum = 0.0;
    int64_t n = 0;

    for (int64_t t = 1; t <= task->options.context_length; t++) {
        const int64_t place = t % n_line;
        const bool counts = place >= n_prompt || task->options.prompts;

        n += counts;
        sum += counts && place < n_prompt ? nats[place] : 0.0;
    }
    return n > 0 ? sum / (double)n : 0.0;
}

/* --- the source --- */

static void fill(const heed_source *source, heed_part part, int64_t at, int64_t T, int32_t *ids,
                 int32_t *targets)
{
    const heed_task *task = (const heed_task *)source;
    const uint64_t stream = part == HEED_PART_TRAIN ? HEED_STREAM_TASK : HEED_STREAM_TASK_VALIDATION;
    heed_rng rng = heed_rng_make(task->options.seed, (uint64_t)at << 8 | stream);
    heed_task_window window = {.ids = ids, .targets = targets, .T = T};

    task->kind->fill(task, part, &rng, &window);
}

static void destroy(heed_source *source)
{
    heed_task *task = (heed_task *)source;

    free(task->ids);
    free(task);
}

/* --- opening --- */

/* Puts the usual number in the place of 0. */
static heed_status settle(int64_t *value, const heed_task_range *range, const char *name, const char *task,
                          heed_error *err)
{
    if (*value == 0)
        *value = range->usual;
    if (*value >= range->least && *value <= range->most)
        return HEED_OK;
    if (range->least == range->most)
        return heed_fail(err, HEED_ERR_USAGE, "%s: the task %s has none to choose, got %lld", name, task,
                         (long long)*value);
    return heed_fail(err, HEED_ERR_USAGE, "%s: the task %s takes %lld to %lld, got %lld", name, task,
                     (long long)range->least, (long long)range->most, (long long)*value);
}

static heed_status check(heed_task *task, heed_error *err)
{
    heed_task_options *o = &task->options;
    const char *name = heed_task_names[o->kind];
    heed_status status = settle(&o->symbols, &task->kind->symbols, "task_symbols", name, err);

    if (status == HEED_OK)
        status = settle(&o->length, &task->kind->length, "task_length", name, err);
    if (status != HEED_OK)
        return status;
    if (o->prompts && !task->kind->has_prompts)
        return heed_fail(err, HEED_ERR_USAGE, "task_prompts: the task %s has none that could be learned", name);
    if (task->kind->check != NULL && task->kind->check(task, err) != HEED_OK)
        return HEED_ERR_USAGE;
    if (o->context_length + 1 < task->kind->n_example(task))
        return heed_fail(err, HEED_ERR_USAGE,
                         "context_length: an example of the task %s takes %lld tokens, and a window has %lld",
                         name, (long long)task->kind->n_example(task), (long long)o->context_length + 1);
    return HEED_OK;
}

/* A text in which every token occurs; words stand on lines of their own. */
static heed_status write_all(const heed_task *task, heed_text_buffer *out, heed_error *err)
{
    char piece[HEED_TASK_PIECE_BYTES];

    for (int64_t i = 0; i < task->n_tokens; i++) {
        task->kind->token(task, i, piece);
        heed_text_puts(out, piece);
        if (task->kind->words)
            heed_text_puts(out, "\n");
    }
    return out->failed ? heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the tokens of a task")
                       : HEED_OK;
}

typedef struct reading {
    const heed_text_buffer *text;
    size_t at;
} reading;

static heed_status read_text(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    reading *r = context;

    (void)err;
    *n = r->text->size - r->at < capacity ? r->text->size - r->at : capacity;
    memcpy(buffer, r->text->data + r->at, *n);
    r->at += *n;
    return HEED_OK;
}

static heed_status make_tokenizer(const heed_task *task, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_vocab_options options = heed_vocab_options_default();
    heed_text_buffer text = {0};
    reading r = {.text = &text};
    heed_vocab *vocab = NULL;
    heed_status status = write_all(task, &text, err);

    options.kind = task->kind->words ? HEED_VOCAB_WORDS : HEED_VOCAB_CHARACTERS;
    options.vocab_size = task->kind->words ? task->n_tokens : 0;
    options.min_frequency = 1;
    options.unknown = false;
    options.threads = 1;
    if (status == HEED_OK)
        status = heed_vocab_create(&options, &vocab, err);
    if (status == HEED_OK)
        status = heed_vocab_add(vocab, read_text, &r, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, tokenizer, err);
    heed_vocab_destroy(vocab);
    heed_text_free(&text);
    return status;
}

static heed_status find_ids(heed_task *task, const heed_tokenizer *tokenizer, heed_error *err)
{
    char piece[HEED_TASK_PIECE_BYTES];

    for (int64_t i = 0; i < task->n_tokens; i++) {
        task->kind->token(task, i, piece);
        task->ids[i] = heed_tokenizer_find(tokenizer, piece, strlen(piece));
        if (task->ids[i] < 0)
            return heed_fail(err, HEED_ERR_INTERNAL, "the task's token \"%s\" has no id", piece);
    }
    return HEED_OK;
}

heed_status heed_task_open(const heed_task_options *options, heed_task **out, heed_tokenizer **tokenizer,
                           heed_error *err)
{
    heed_task *task = calloc(1, sizeof *task);
    heed_status status;

    *out = NULL;
    *tokenizer = NULL;
    if (task == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a task");
    task->source = (heed_source){.fill = fill, .destroy = destroy};
    task->kind = heed_task_kinds[options->kind];
    task->options = *options;
    status = check(task, err);
    if (status == HEED_OK) {
        task->n_tokens = task->kind->n_tokens(task);
        task->ids = malloc((size_t)task->n_tokens * sizeof *task->ids);
        if (task->ids == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the tokens of a task");
    }
    if (status == HEED_OK)
        status = make_tokenizer(task, tokenizer, err);
    if (status == HEED_OK)
        status = find_ids(task, *tokenizer, err);
    if (status != HEED_OK) {
        heed_tokenizer_destroy(*tokenizer);
        *tokenizer = NULL;
        destroy(&task->source);
        return status;
    }
    *out = task;
    return HEED_OK;
}

double heed_task_floor(const heed_task *task)
{
    return task->kind->floor(task);
}
