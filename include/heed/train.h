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

typedef struct heed_train_options {
    int64_t steps;
    int64_t batch_size;  /* windows a step */
    int64_t micro_batch; /* of them in one run; the gradients of the runs add up. 0: all at once */
    int recompute;       /* a heed_recompute: which activations are dropped and made again */
    int precision; /* a heed_precision, f32 or bf16: of products and what is kept for them; weights are f32 */
    double learning_rate;     /* the highest, after warm-up */
    double min_learning_rate; /* at the end of the cosine; below 0: a tenth of learning_rate */
    int64_t warmup_steps;
    double beta1, beta2, eps; /* AdamW */
    double weight_decay;      /* on matrices and tables, not on biases and norms */
    double clip_norm;         /* the longest gradient, over all parameters together; 0: not clipped */
    int64_t eval_interval;    /* steps between evaluations; 0: only at the end */
    int64_t eval_batches;     /* of each evaluation; the last one takes at least 200 */
    int64_t save_interval;    /* steps between checkpoints; 0: only at the end and when interrupted */
    int64_t seed;
    int64_t threads; /* 0: one a processor */
    /* the same bits for any number of threads and ranks: somewhat slower, and more memory for gradients */
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

    const char
        *tokenizer_path; /* a tokenizer to take (heed_tokenizer_open()) instead of making one; NULL: make it */
    heed_ranks
        *ranks; /* who trains together, each batch_size / size of the windows; NULL: this process alone */
} heed_train_options;

HEED_API heed_train_options heed_train_options_default(void);
HEED_API const heed_field *heed_train_fields(int *n);

/* What is known before the first step. */
typedef struct heed_train_plan {
    int64_t n_parameters;
    double flops_per_step;
    double state_bytes;      /* weights, gradients and moments */
    double step_bytes;       /* activations and workspaces of a run, or of an evaluation if that is more */
    heed_step_memory memory; /* of a run: what waits for its backward pass, what is made again */
    double process_bytes;    /* what the process will hold at its peak, text and program included */
    double available_bytes;  /* what the system would give; 0: unknown */
    int64_t n_train_tokens, n_validation_tokens;
    double bytes_per_token;   /* of validation: losses over it are nats a byte, whatever the tokenizer */
    double floor;             /* entropy of the built-in stories in nats a token; NaN for a text */
    double initial_loss;      /* that fresh weights should have at the first step; NaN: not known, or not fresh */
    double initial_tolerance; /* and how far off it may be: five standard errors and 2 % */
    double matrix_peak_flops; /* this machine's, measured now */
    double teacher_bytes;     /* weights of the teacher, mapped; 0: none */
    int64_t n_embeddings,
        n_embeddings_mapped; /* rows, and how many came from init_embeddings; 0: none asked for */
    const char *device;      /* "avx512, 2 threads, oneDNN 2.6.3" */
} heed_train_plan;

typedef struct heed_progress {
    int64_t step, steps; /* done so far, of how many */
    double loss;         /* of this step's batch */
    double gradient_norm, learning_rate;
    double validation_loss; /* NaN when this step had no evaluation */
    double kl,
        validation_kl; /* KL(teacher || model) at its temperature, beside loss and validation_loss; NaN: no teacher */
    double seconds;       /* since the trainer was made or resumed */
    double tokens_per_s;  /* of the last steps, evaluations not counted */
    double peak_share;    /* of matrix_peak_flops, of the last steps */
    double eta_s;         /* estimated seconds to the end */
    double epoch, epochs; /* of the text so far, and at the end; 0 where windows are random */
    bool saved;           /* a checkpoint was written after this step */
    bool done;
} heed_progress;

/**
 * text_path NULL: the built-in stories. config.vocab_size is taken from the tokenizer. The folder is made; one that holds a
 * checkpoint already, or in which another process trains, is refused (HEED_ERR_USAGE), so that no model is lost.
 * HEED_ERR_FILE: the text is missing, empty, too short, binary or, but for byte-level BPE, not UTF-8; a tokenizer that
 * cannot be opened. HEED_ERR_MEMORY, with the number, before
 * anything is trained. With options.from, config is that of heed_config_load(), whose dropout may be changed and whose
 * context_length be made smaller; HEED_ERR_USAGE names what contradicts the checkpoint, what does not fit the embeddings
 * to begin with, or the teacher.
 */
HEED_API heed_status heed_trainer_create(const char *text_path, const heed_config *config,
                                         const heed_train_options *options, const char *folder,
                                         heed_trainer **trainer, heed_error *err);
/**
 * Goes on from the checkpoint in folder, with the text and the options it was made with; only the threads may be other
 * ones (-1: as before, 0: one a processor). HEED_ERR_FILE: no checkpoint there, a damaged one, or a text that is gone or
 * has changed.
 */
HEED_API heed_status heed_trainer_resume(const char *folder, int threads, heed_trainer **trainer,
                                         heed_error *err);
/** The same by several ranks, as many as one likes; NULL: this process alone. */
HEED_API heed_status heed_trainer_resume_ranks(const char *folder, int threads, heed_ranks *ranks,
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
 * HEED_ERR_CHECK: the loss or its gradient is no longer a number; the last checkpoint is kept, nothing more is saved.
 */
HEED_API heed_status heed_trainer_step(heed_trainer *trainer, heed_progress *progress, heed_error *err);
/** Writes a checkpoint now. On failure (a full disk) the earlier checkpoint is untouched. */
HEED_API heed_status heed_trainer_save(heed_trainer *trainer, heed_error *err);
/** Mean validation loss over so many batches, always the same ones; changes nothing. */
HEED_API double heed_trainer_evaluate(heed_trainer *trainer, int64_t n_batches);

#ifdef __cplusplus
}
#endif
#endif
