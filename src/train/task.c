/* SPDX-License-Identifier: MIT */
/* A run that learns a synthetic task. */
#include "data/tasks/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/trainer.h"

#define LABELS_SHOWN 6 /* letters of a prompt, where each of them has an answer */

/* A prompt of the first validation window: what it shows before the first target that counts, and how many of those follow. */
static heed_status find_prompt(heed_trainer *t, heed_task *task, const heed_tokenizer *tokenizer, int64_t T,
                               heed_error *err)
{
    int32_t *ids = malloc(2 * (size_t)T * sizeof *ids), *targets = ids + T;
    int64_t n = 0, end;
    char *text = NULL;
    size_t n_text = 0;
    heed_status status;

    if (ids == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a window");
    task->options.prompts = false; /* where an answer begins */
    task->source.fill(&task->source, HEED_PART_VALIDATION, 0, T, ids, targets);
    task->options.prompts = t->options.task_prompts;
    while (n + 1 < T && targets[n] == HEED_NO_TARGET)
        n++;
    for (end = n; end < T && targets[end] != HEED_NO_TARGET; end++)
        ;
    t->plan.task_answer = end - n;
    if (n == 0) { /* all targets count */
        n = T < LABELS_SHOWN ? T - 1 : LABELS_SHOWN - 1;
        t->plan.task_answer = 1;
    }
    status = heed_tokenizer_decode(tokenizer, ids, (size_t)n + 1, &text, &n_text, err);
    if (status == HEED_OK && n_text < sizeof t->task_prompt) {
        memcpy(t->task_prompt, text, n_text + 1);
        t->plan.task_prompt = t->task_prompt;
    }
    free(text);
    free(ids);
    return status;
}

/* Weights that a run goes on from must know the task's tokens under the same ids. */
static heed_status check_from(const heed_trainer *t, const heed_tokenizer *tokenizer, heed_error *err)
{
    const heed_tokenizer *other = t->start.from != NULL ? t->start.from->tokenizer : NULL;

    if (other == NULL || heed_start_same_tokens(other, tokenizer))
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE, "task: the checkpoint %.300s has other tokens than the task %s",
                     t->options.from, t->plan.task);
}

heed_status heed_task_begin(heed_trainer *t, heed_config *config, heed_tokenizer **tokenizer, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const heed_task_options options = {.kind = o->task,
                                       .symbols = o->task_symbols,
                                       .length = o->task_length,
                                       .held_out = o->task_held_out,
                                       .prompts = o->task_prompts,
                                       .seed = (uint64_t)o->seed,
                                       .context_length = config->context_length};
    heed_task *task = NULL;
    heed_status status;

    if (t->text.path[0] != '\0' || t->tokenizer.path[0] != '\0')
        return heed_fail(err, HEED_ERR_USAGE,
                         "task: it has its own text and its own tokens, expected no %s beside it",
                         t->text.path[0] != '\0' ? "text" : "tokenizer");
    if (config->context_length < 1)
        return heed_fail(err, HEED_ERR_USAGE, "context_length: expected 1 or more, got %lld",
                         (long long)config->context_length);
    status = heed_task_open(&options, &task, tokenizer, err);
    if (status != HEED_OK)
        return status;
    t->source = &task->source;
    t->plan.task = heed_task_names[o->task];
    t->plan.floor = heed_task_floor(task);
    t->plan.bytes_per_token = 1.0; /* tokens are symbols: a loss a byte would say nothing */
    status = check_from(t, *tokenizer, err);
    if (status == HEED_OK)
        status = find_prompt(t, task, *tokenizer, config->context_length, err);
    return status == HEED_OK ? heed_text_fit_vocabulary(config, *tokenizer, err) : status;
}
