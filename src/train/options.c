/* SPDX-License-Identifier: MIT */
#include <heed/train.h>

#include "data/documents.h"
#include "data/tasks/task.h"

#define AT(member) offsetof(heed_train_options, member)

/* More than 0 in f32, too: a number whose gradient has always been 0 is updated by 0 / (0 + eps). */
#define LEAST_EPS 1e-30

static const char *const levels[] = {"none", "cheap", "blocks", NULL}; /* a heed_recompute */
static const char *const tokenizers[] = {"characters", "words", "bpe", NULL};

static const char *const orders[] = {"windows", "epochs", NULL};
static const char *const precisions[] = {"f32", "bf16", NULL}; /* as heed_precision counts them */

static const char *const schedules[] = {"cosine", "constant", "linear", "step", "wsd", NULL};
static const char *const optimizers[] = {"adamw", "adam", "sgd", NULL};

static const heed_field fields[] = {
    {"steps", "optimizer steps", HEED_FIELD_INTEGER, AT(steps), 1, 1e12, NULL},
    {"batch_size", "windows of the text in a step, those of all ranks together", HEED_FIELD_INTEGER,
     AT(batch_size), 1, 1 << 20, NULL},
    {"micro_batch", "of them at once, for less memory; 0: all", HEED_FIELD_INTEGER, AT(micro_batch), 0, 1 << 20,
     NULL},
    {"recompute", "activations that are dropped and made again, for less memory", HEED_FIELD_CHOICE,
     AT(recompute), 0, 0, levels},
    {"precision", "of products and what is kept for them; weights are f32", HEED_FIELD_CHOICE, AT(precision), 0,
     0, precisions},
    {"learning_rate", "the highest, after the warm-up", HEED_FIELD_NUMBER, AT(learning_rate), 0, 1e3, NULL},
    {"min_learning_rate", "where the schedule ends; -1: a tenth of learning_rate, with step 0",
     HEED_FIELD_NUMBER, AT(min_learning_rate), -1, 1e3, NULL},
    {"warmup_steps", "steps of linear warm-up", HEED_FIELD_INTEGER, AT(warmup_steps), 0, 1e12, NULL},
    {"schedule", "of the learning rate after the warm-up; wsd: stable, then decay", HEED_FIELD_CHOICE,
     AT(schedule), 0, 0, schedules},
    {"decay_steps", "length of the decay, for step of each; 0: to the end, step a third, wsd a tenth",
     HEED_FIELD_INTEGER, AT(decay_steps), 0, 1e12, NULL},
    {"decay_factor", "step: times the learning rate every decay_steps", HEED_FIELD_NUMBER, AT(decay_factor), 0,
     1, NULL},
    {"optimizer", "what makes an update of a gradient; sgd: descent with momentum", HEED_FIELD_CHOICE,
     AT(optimizer), 0, 0, optimizers},
    {"beta1", "Adam: memory of the mean gradient", HEED_FIELD_NUMBER, AT(beta1), 0, 0.9999999, NULL},
    {"beta2", "Adam: memory of the squared gradient", HEED_FIELD_NUMBER, AT(beta2), 0, 0.9999999, NULL},
    {"eps", "Adam: added to the root of the squared gradient", HEED_FIELD_NUMBER, AT(eps), LEAST_EPS, 1, NULL},
    {"momentum", "sgd: how much of the last update goes on; 0: none", HEED_FIELD_NUMBER, AT(momentum), 0,
     0.9999999, NULL},
    {"nesterov", "sgd: look ahead along the momentum", HEED_FIELD_BOOLEAN, AT(nesterov), 0, 0, NULL},
    {"weight_decay", "adamw: of matrices, not of embeddings, biases and norms; -1: 0.1", HEED_FIELD_NUMBER,
     AT(weight_decay), -1, 1e3, NULL},
    {"l2", "decay of the same in the gradient, with any optimizer", HEED_FIELD_NUMBER, AT(l2), 0, 1e3, NULL},
    {"clip_norm", "longest gradient; 0: never clipped", HEED_FIELD_NUMBER, AT(clip_norm), 0, 1e9, NULL},
    {"groups", "rules by name: \"*.attn.*: lr 0.1, weight_decay 0; wte.weight: l2 0.1\"", HEED_FIELD_TEXT,
     AT(groups), 0, HEED_TRAIN_TEXT_BYTES, NULL},
    {"freeze", "parameters that stay as they are, by name: \"wte.weight,h.0.*\"", HEED_FIELD_TEXT, AT(freeze),
     0, HEED_TRAIN_TEXT_BYTES, NULL},
    {"skip_outliers", "no update so many deviations above the running loss or gradient norm; 0: any",
     HEED_FIELD_NUMBER, AT(skip_outliers), 0, 1e6, NULL},
    {"patience", "evaluations in a row without a lower loss, and it ends; 0: never", HEED_FIELD_INTEGER,
     AT(patience), 0, 1e9, NULL},
    {"keep_best", "the best model so far stays in the folder best", HEED_FIELD_BOOLEAN, AT(keep_best), 0, 0,
     NULL},
    {"keep_last", "checkpoints that stay, in folders such as step-000500", HEED_FIELD_INTEGER, AT(keep_last), 0,
     1e6, NULL},
    {"eval_interval", "steps between evaluations; 0: only at the end", HEED_FIELD_INTEGER, AT(eval_interval), 0,
     1e12, NULL},
    {"eval_batches", "batches of an evaluation; the last takes 200 or more, none more than there are",
     HEED_FIELD_INTEGER, AT(eval_batches), 1, 1e9, NULL},
    {"save_interval", "steps between checkpoints; 0: only at the end", HEED_FIELD_INTEGER, AT(save_interval), 0,
     1e12, NULL},
    {"group_interval", "steps between looks at the groups of parameters, beside those of evaluations; 0: none",
     HEED_FIELD_INTEGER, AT(group_interval), 0, 1e12, NULL},
    {"seed", "of weights, batches, dropout and stories", HEED_FIELD_INTEGER, AT(seed), 0, 9007199254740992.0,
     NULL},
    {"threads", "of each rank; 0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"strict", "the same bits for any number of threads and 1, 2, 4, ... ranks; a third slower with 4 parts",
     HEED_FIELD_BOOLEAN, AT(strict), 0, 0, NULL},
    {"strict_parts", "of a strict step, at most so many ranks; a power of two; 0: up to 4", HEED_FIELD_INTEGER,
     AT(strict_parts), 0, 1 << 20, NULL},
    {"corpus_bytes", "size of the built-in stories", HEED_FIELD_INTEGER, AT(corpus_bytes), 1000, 1e9, NULL},
    {"tokenizer", "what a token is, learned from the text; or a file or folder with a tokenizer",
     HEED_FIELD_CHOICE, AT(tokenizer), 0, 0, tokenizers},
    {"tokenizer_vocab_size", "tokens of words and bpe, at most", HEED_FIELD_INTEGER, AT(tokenizer_vocab_size),
     1, 1 << 24, NULL},

    /* what is read, and in which order */
    {"order", "random windows of the text, or epochs: every window once, in a seeded order", HEED_FIELD_CHOICE,
     AT(order), 0, 0, orders},
    {"epochs", "of the text, in place of steps; 0: by steps", HEED_FIELD_INTEGER, AT(epochs), 0, 1e6, NULL},
    {"end_of_text", "an end-of-text token between documents, where the tokenizer has one", HEED_FIELD_BOOLEAN,
     AT(end_of_text), 0, 0, NULL},
    {"text_field", "of .jsonl files: what to read, names with commas between", HEED_FIELD_TEXT, AT(text_field),
     0, 256, NULL},
    {"target_field", "of .jsonl files: the only field whose tokens are to be learned", HEED_FIELD_TEXT,
     AT(target_field), 0, 64, NULL},
    {"token_file_bytes", "a text of more bytes is tokenized into a file, once, and mapped", HEED_FIELD_INTEGER,
     AT(token_file_bytes), 0, 1e15, NULL},

    /* what the run starts from */
    {"from", "fine-tune this model: its configuration, tokenizer and weights", HEED_FIELD_TEXT, AT(from), 0,
     HEED_TRAIN_PATH_BYTES, NULL},
    {"init_embeddings", "token embeddings begin as this model's, matched by their tokens", HEED_FIELD_TEXT,
     AT(init_embeddings), 0, HEED_TRAIN_PATH_BYTES, NULL},
    {"init_positions", "and so do those of positions", HEED_FIELD_BOOLEAN, AT(init_positions), 0, 0, NULL},
    {"distill", "learn from this model too, the teacher, which has the same tokens", HEED_FIELD_TEXT,
     AT(distill), 0, HEED_TRAIN_PATH_BYTES, NULL},
    {"temperature", "distillation: softens both distributions", HEED_FIELD_NUMBER, AT(temperature), 0.01, 100,
     NULL},
    {"distill_weight", "share of the teacher in the loss; 1: the teacher alone", HEED_FIELD_NUMBER,
     AT(distill_weight), 0, 1, NULL},

    /* a synthetic task in place of a text */
    {"task", "a task that is made as it is learned, in place of a text", HEED_FIELD_CHOICE, AT(task), 0, 0,
     heed_task_names},
    {"task_symbols", "how many different ones a task has; 0: its own number", HEED_FIELD_INTEGER,
     AT(task_symbols), 0, 1e6, NULL},
    {"task_length", "symbols of a prompt, or of the longest period; 0: its own", HEED_FIELD_INTEGER,
     AT(task_length), 0, 1e6, NULL},
    {"task_held_out", "addition: share of the pairs that is kept for validation", HEED_FIELD_NUMBER,
     AT(task_held_out), 0, 1, NULL},
    {"task_prompts", "targets in prompts count, too; the floor then is above 0", HEED_FIELD_BOOLEAN,
     AT(task_prompts), 0, 0, NULL},
};

const heed_field *heed_train_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

heed_train_options heed_train_options_default(void)
{
    return (heed_train_options){
        .steps = 2000,
        .batch_size = 12,
        .learning_rate = 3e-3,
        .min_learning_rate = -1.0,
        .warmup_steps = 100,
        .beta1 = 0.9,
        .beta2 = 0.99,
        .eps = 1e-8,
        .momentum = 0.9,
        .decay_factor = 0.1,
        .weight_decay = -1.0,
        .clip_norm = 1.0,
        .skip_outliers = 6.0,
        .eval_interval = 250,
        .eval_batches = 40,
        .save_interval = 500,
        .seed = 1337,
        .corpus_bytes = 1000000,
        .tokenizer_vocab_size = 4096,
        .end_of_text = true,
        .text_field = HEED_DOCUMENTS_FIELD,
        .token_file_bytes = 100000000,
        .temperature = 2.0,
        .distill_weight = 0.5,
        .task_held_out = 0.5,
    };
}
