/* SPDX-License-Identifier: MIT */
/**
 * Training: a text, a configuration, a folder, and one call a step.
 *
 *     heed_train_options options = heed_train_options_default();
 *     heed_trainer *trainer = NULL;
 *     if (heed_trainer_create("shakespeare.txt", &config, &options, "out", &trainer, &err) != HEED_OK) …
 *     heed_progress progress;
 *     while (heed_trainer_step(trainer, &progress, &err) == HEED_OK && !progress.done)
 *         …show it…
 *     heed_trainer_close(trainer);
 *
 * With options.ranks each call is made by every rank. They train one model, each on its share of a step's windows; the first
 * one alone touches the folder, and what fails at one of them fails at all.
 *
 * The folder is a model in Hugging Face's layout beside optimizer.safetensors, trainer.json and log.jsonl. It is
 * always whole: a process that is killed at any moment leaves the last checkpoint, and heed_trainer_resume() goes on from
 * it to the same bytes as if nothing had happened.
 */
#ifndef HEED_TRAIN_H
#define HEED_TRAIN_H

#include <heed/model.h>
#include <heed/ranks.h>
#include <heed/recompute.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_trainer heed_trainer;

/* What a token is, where no tokenizer is given; learned from the text. */
typedef enum heed_train_tokens {
    HEED_TRAIN_CHARACTERS,
    HEED_TRAIN_WORDS,
    HEED_TRAIN_BPE,
} heed_train_tokens;

/* Which window of a text comes when. */
typedef enum heed_train_order {
    HEED_TRAIN_WINDOWS, /* at any place of the text, drawn anew each time */
    HEED_TRAIN_EPOCHS,  /* side by side, each once an epoch, in another order each epoch */
} heed_train_order;
#define HEED_TRAIN_PATH_BYTES 4096

/* The learning rate after the warm-up: docs/numerics.md has the formulas. */
typedef enum heed_train_schedule {
    HEED_SCHEDULE_COSINE,
    HEED_SCHEDULE_CONSTANT,
    HEED_SCHEDULE_LINEAR,
    HEED_SCHEDULE_STEP, /* times decay_factor every decay_steps */
    HEED_SCHEDULE_WSD,  /* warm-up, stable, decay */
} heed_train_schedule;

typedef enum heed_optimizer {
    HEED_OPTIMIZER_ADAMW, /* decay of the weights apart from the gradient */
    HEED_OPTIMIZER_ADAM,
    HEED_OPTIMIZER_SGD,
} heed_optimizer;

#define HEED_TRAIN_TEXT_BYTES 1024 /* of options that are texts */

typedef struct heed_train_options {
    int64_t steps;
    int64_t batch_size;  /* windows a step */
    int64_t micro_batch; /* of them in one run; the gradients of the runs add up. 0: all at once */
    int recompute;       /* a heed_recompute: which activations are dropped and made again */
    int precision; /* a heed_precision, f32 or bf16: of products and what is kept for them; weights are f32 */

    double learning_rate;     /* the highest, after warm-up */
    double min_learning_rate; /* where the schedule ends; -1: a tenth of learning_rate, for steps 0 */
    int64_t warmup_steps;
    int schedule;        /* a heed_train_schedule: what follows the warm-up */
    int64_t decay_steps; /* its length; 0: what suits the schedule */
    double decay_factor; /* of the schedule in steps */

    int optimizer;            /* a heed_optimizer */
    double beta1, beta2, eps; /* Adam and AdamW; eps is not 0 */
    double momentum;          /* gradient descent; 0: none, and no memory for it */
    bool nesterov;
    double weight_decay; /* apart from the gradient, AdamW; -1: 0.1 for AdamW, none for the others */
    double l2;           /* decay in the gradient, any optimizer */
    double clip_norm;    /* the longest gradient, over all parameters together; 0: not clipped */
    char groups[HEED_TRAIN_TEXT_BYTES]; /* "*.attn.*: lr 0.1, weight_decay 0; wte.weight: lr 0.5" */
    char freeze[HEED_TRAIN_TEXT_BYTES]; /* patterns of names with commas between: what stays as it is */

    /* an update is not made when its loss or its gradient's norm is so many deviations above what they were; 0: it is */
    double skip_outliers;
    int64_t patience;  /* ends after so many evaluations in a row without a lower validation loss; 0: never */
    bool keep_best;    /* the model of the lowest validation loss stays in the folder best */
    int64_t keep_last; /* checkpoints that stay in folders such as step-000500 */

    int64_t eval_interval; /* steps between evaluations; 0: only at the end */
    int64_t
        eval_batches; /* of each evaluation; the last one takes at least 200; none more than the part for it has */
    int64_t
        save_interval; /* steps between checkpoints; 0: only at the end. keep_best saves the better ones, too */
    /* steps between looks at the groups of parameters (heed_trainer_groups()), beside those before evaluations; 0: none */
    int64_t group_interval;
    int64_t seed;
    int64_t threads; /* 0: one a processor */
    /* the same bits for any number of threads and for 1, 2, 4, ... ranks: a third slower with four parts, which also take
     * memory for gradients */
    bool strict;
    int64_t
        strict_parts; /* of a step's windows, which ranks share: a power of two; 0: 4, or fewer to divide batch_size */
    int64_t corpus_bytes;         /* of the built-in stories, when no text is given */
    int tokenizer;                /* a heed_train_tokens */
    int64_t tokenizer_vocab_size; /* of words and bpe (heed/vocab.h) */

    /* what is read, and in which order: docs/formats.md */
    int order;        /* a heed_train_order */
    int64_t epochs;   /* of the text, in place of steps; 0: steps say how long */
    bool end_of_text; /* between documents, where the tokenizer has such a token; else a line break */
    char
        text_field[256]; /* of .jsonl files: names with commas between, whose texts are joined by line breaks */
    char target_field[64];    /* the only one of them that is to be learned; "": all are */
    int64_t token_file_bytes; /* a text of more bytes is tokenized into a file in the cache, and mapped */

    /* a synthetic task in place of a text: what it is, its sizes and its floor stand in src/data/tasks */
    int task;             /* heed_train_fields() has the names; 0: none */
    int64_t task_symbols; /* different ones, numbers below it, or words of a kind; 0: the task's own number */
    int64_t task_length;  /* symbols of a prompt, or of the longest period; 0: the task's own */
    double task_held_out; /* addition: the share of the pairs that is kept for validation */
    bool task_prompts;    /* targets in prompts count, too, and the floor is no longer 0 */

    const char *const
        *more_texts; /* [n_more_texts] read behind the trainer's text, as one; lent for heed_trainer_create() */
    int n_more_texts;

    /* what the run starts from; folders of models, "" for none */
    char from[HEED_TRAIN_PATH_BYTES]; /* go on from this checkpoint: its configuration, tokenizer and weights */
    char init_embeddings[HEED_TRAIN_PATH_BYTES]; /* embeddings begin as this model's, token by token */
    bool init_positions;                         /* those of positions too */
    char distill
        [HEED_TRAIN_PATH_BYTES]; /* a teacher: (1 - distill_weight) CE + distill_weight T^2 KL(teacher || model) */
    double temperature;          /* T */
    double distill_weight;

    bool
        unmeasured; /* no time is spent on this machine's matrix peak: matrix_peak_flops and peak_share are 0 */
    const char
        *tokenizer_path; /* a tokenizer to take (heed_tokenizer_open()) instead of making one; NULL: make it */
    heed_ranks
        *ranks; /* who trains together, each batch_size / size of the windows; NULL: this process alone */
} heed_train_options;

HEED_API heed_train_options heed_train_options_default(void);
HEED_API const heed_field *heed_train_fields(int *n);

/**
 * Tokenizes texts into a token file, which heed_trainer_create() takes as a text with this tokenizer. Of the options it
 * reads text_field, target_field, end_of_text and threads. The file is whole or not there; memory does not grow with the
 * texts. *n_tokens and *n_bytes, which may be NULL: how many there are. HEED_ERR_FILE: a text that cannot be read or has no ids.
 */
HEED_API heed_status heed_tokenizer_write_tokens(const heed_tokenizer *tokenizer, const char *const *texts,
                                                 int n_texts, const heed_train_options *options,
                                                 const char *path, int64_t *n_tokens, int64_t *n_bytes,
                                                 heed_error *err);

/* What is known before the first step. */
typedef struct heed_train_plan {
    int64_t n_parameters;
    int64_t n_trained; /* of them; the others are frozen */
    double flops_per_step;
    double state_bytes;      /* weights, gradients and moments */
    double step_bytes;       /* activations and workspaces of a run, or of an evaluation if that is more */
    heed_step_memory memory; /* of a run: what waits for its backward pass, what is made again */
    double process_bytes;    /* what the process will hold at its peak, text and program included */
    double available_bytes;  /* what the system would give; 0: unknown */
    int64_t n_train_tokens, n_validation_tokens;
    double bytes_per_token; /* of validation: losses over it are nats a byte, whatever the tokenizer */
    /* The least loss that any model can have on average: the stories' entropy, or the task's; NaN for a text. */
    double floor;
    const char *task;        /* its name; NULL: a text or the stories */
    const char *task_prompt; /* one of its prompts, from validation; NULL where it has 128 bytes or more */
    int64_t task_answer;     /* tokens of the answer to it */
    double initial_loss; /* that fresh weights should have at the first step; NaN: not known, or not fresh */
    double initial_tolerance; /* and how far off it may be: five standard errors and 2 % */
    double highest_rate;      /* that the schedule reaches: a short run may end in its warm-up */
    double matrix_peak_flops; /* this machine's, measured now; 0: not measured */
    double teacher_bytes;     /* weights of the teacher, mapped; 0: none */
    int64_t n_embeddings,
        n_embeddings_mapped; /* rows, and how many came from init_embeddings; 0: none asked for */
    const char *device;      /* "avx512, 2 threads, oneDNN 2.6.3" */
} heed_train_plan;

/* Why an update was not made. */
typedef enum heed_skip {
    HEED_SKIP_NONE,       /* it was */
    HEED_SKIP_NOT_FINITE, /* the loss or a gradient is no number */
    HEED_SKIP_NORM,       /* an outlying gradient */
    HEED_SKIP_LOSS,       /* an outlying loss */
    HEED_SKIP_NO_TARGET,  /* nothing in the step's windows is to be learned: loss and norm are NaN */
} heed_skip;

/** "", "not finite", "norm", "loss", "no target". */
HEED_API const char *heed_skip_name(heed_skip skip);

typedef struct heed_progress {
    int64_t step, steps; /* done so far, of how many */
    double loss;         /* of this step's batch */
    double gradient_norm, learning_rate;
    double clipped_share;   /* of the updates so far; NaN before the first, or where nothing is clipped */
    heed_skip skipped;      /* this step's update was not made, and the batch is passed over */
    double deviations;      /* of an outlier: how far above the running mean */
    int64_t n_skipped;      /* so far */
    double validation_loss; /* NaN when this step had no evaluation, or one without targets */
    double kl,
        validation_kl; /* KL(teacher || model) at its temperature, beside loss and validation_loss; NaN: no teacher */
    /* the lowest validation loss so far, over eval_batches batches; NaN before the first, and with neither keep_best nor
     * patience */
    double best_loss;
    int64_t best_step;
    double seconds;       /* since the trainer was made or resumed */
    double tokens_per_s;  /* of the last steps, evaluations not counted */
    double peak_share;    /* of matrix_peak_flops, of the last steps */
    double eta_s;         /* estimated seconds to the end */
    double epoch, epochs; /* of the text so far, and at the end; 0 where windows are random */
    bool saved;           /* a checkpoint was written after this step */
    bool done;
    bool stopped_early; /* done before the last step: patience is at its end */
} heed_progress;

/* The parameters of one component (heed_parameter.component) at one step; frozen ones count in none of these. */
typedef struct heed_group_stats {
    const char *name;     /* "token embedding", "attention", "mlp", "norm", "head" … */
    int64_t n_parameters; /* numbers */
    double gradient_norm; /* before clipping */
    double weight_norm;   /* before the update */
    double update_norm;   /* |new weights - old weights| */
} heed_group_stats;

/** The update ratio, update_norm over weight_norm; NaN: the weights are all 0. */
HEED_API double heed_group_update_ratio(const heed_group_stats *group);

/**
 * text_path NULL: the built-in stories. config.vocab_size is taken from the tokenizer. The folder is made; one that holds a
 * checkpoint already, or in which another process trains, is refused (HEED_ERR_USAGE), so that no model is lost. Without
 * one (NULL) nothing is written.
 * HEED_ERR_FILE: the text is missing, empty, too short, binary or, but for byte-level BPE, not UTF-8; a tokenizer that
 * cannot be opened. HEED_ERR_MEMORY, with the number, before
 * anything is trained. With options.from, config is that of heed_config_load(), whose dropout, expert_capacity and
 * balance_weight may be changed, and whose context_length be made smaller, or larger where positions have a formula;
 * HEED_ERR_USAGE names what contradicts the checkpoint, what does not fit the embeddings to begin with, or the teacher.
 */
HEED_API heed_status heed_trainer_create(const char *text_path, const heed_config *config,
                                         const heed_train_options *options, const char *folder,
                                         heed_trainer **trainer, heed_error *err);
/**
 * Goes on from the checkpoint in folder, with the text and the options it was made with; the threads may be other ones
 * (-1: as before, 0: one a processor). HEED_ERR_FILE: no checkpoint there, a damaged one, or a text that is gone or
 * has changed.
 */
HEED_API heed_status heed_trainer_resume(const char *folder, int threads, heed_trainer **trainer,
                                         heed_error *err);
/** What may be another than before. */
typedef struct heed_resume_options {
    int threads;   /* -1: as before */
    int64_t steps; /* of the whole run, those that are done included; its schedule follows. 0: as before */
    /* so many as divide batch_size, as before or not, and with strict a power of two; NULL: this process alone. Where
     * micro_batch does not divide what one has, the largest divisor of both is taken. */
    heed_ranks *ranks;
} heed_resume_options;

HEED_API heed_resume_options heed_resume_options_default(void); /* as before, by this process alone */
/**
 * heed_trainer_resume() with what the options change; the folder keeps other steps from here on. HEED_ERR_USAGE: another
 * number of steps that is none beyond those that are done, or for a run that its patience has ended early; ranks that do not
 * divide batch_size.
 */
HEED_API heed_status heed_trainer_resume_with(const char *folder, const heed_resume_options *options,
                                              heed_trainer **trainer, heed_error *err);
HEED_API void heed_trainer_close(heed_trainer *trainer); /* NULL is allowed; saves nothing */

/** Lent by the trainer. The plan, what it trains, the folder. */
HEED_API const heed_train_plan *heed_trainer_plan(const heed_trainer *trainer);
HEED_API const heed_config *heed_trainer_config(const heed_trainer *trainer);
HEED_API const heed_train_options *heed_trainer_options(const heed_trainer *trainer);
HEED_API const heed_model *heed_trainer_model(const heed_trainer *trainer);
HEED_API const char *heed_trainer_folder(const heed_trainer *trainer);

/** Where the run stands, before the first step of this process too; losses are NaN. */
HEED_API heed_progress heed_trainer_progress(const heed_trainer *trainer);
/**
 * One step, with the evaluation and the checkpoint that fall due after it. After the last one, done is set.
 * An update that is not finite is passed over (heed_progress.skipped). HEED_ERR_CHECK: ten in a row were, the weights
 * themselves are no numbers any more or predict nothing that is one where they are to be saved, or the last evaluation is none;
 * the last checkpoint is kept, nothing more is saved.
 */
HEED_API heed_status heed_trainer_step(heed_trainer *trainer, heed_progress *progress, heed_error *err);
/**
 * The groups of the last step, in the order of a token's way through the model; lent until the next one. *n is 0 after a
 * step that was not looked at (options.group_interval) or made no update, and with several ranks.
 */
HEED_API const heed_group_stats *heed_trainer_groups(const heed_trainer *trainer, int *n);
/**
 * Writes a checkpoint now. On failure (a full disk) the earlier checkpoint is untouched. HEED_ERR_CHECK: the run has diverged,
 * as above.
 */
HEED_API heed_status heed_trainer_save(heed_trainer *trainer, heed_error *err);
/**
 * Mean validation loss over so many batches, always the same ones; changes nothing. Where they would hold as many windows
 * as the validation part, that is read once from begin to end instead. NaN where none of them holds a target. n_batches -1:
 * as many as the evaluation after the run's last step takes.
 */
HEED_API double heed_trainer_evaluate(heed_trainer *trainer, int64_t n_batches);

#ifdef __cplusplus
}
#endif
#endif
