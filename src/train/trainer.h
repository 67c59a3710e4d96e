/* SPDX-License-Identifier: MIT */
/* A trainer from inside, for the files of this room. */
#ifndef HEED_TRAIN_TRAINER_H
#define HEED_TRAIN_TRAINER_H

#include <heed/train.h>
#include <stdio.h>

#include "base/file.h"
#include "data/batches.h"
#include "formats/safetensors.h"
#include "nn/model.h"
#include "train/best.h"
#include "train/guard.h"
#include "train/reduce.h"
#include "train/schedule.h"
#include "train/start.h"
#include "train/step.h"
#include "train/strict.h"

#define HEED_PATH_BYTES  4096
#define HEED_MOST_GROUPS 16 /* components of a model */

#define HEED_TRAIN_MOST_STEPS INT64_C(1000000000000)

/* What was trained on, so that a resumed run can tell whether it still is the same. */
typedef struct heed_text_identity {
    char path[HEED_PATH_BYTES]; /* absolute; empty: the built-in stories, or a task */
    char **more;                /* [n_more] further texts, likewise */
    int n_more;
    uint64_t bytes, hash; /* of all texts; FNV-1a */
} heed_text_identity;

/* What its tokenizer is, likewise. */
typedef struct heed_tokenizer_identity {
    char path[HEED_PATH_BYTES]; /* absolute; empty: it was made of the text */
    uint64_t hash;              /* FNV-1a of its tokenizer.json; 0: not known */
} heed_tokenizer_identity;

struct heed_trainer {
    char folder[HEED_PATH_BYTES]; /* empty: nothing is written */
    heed_train_options options;
    heed_text_identity text;
    heed_tokenizer_identity tokenizer;
    heed_train_plan plan;
    char task_prompt[128]; /* the plan's */
    char device_text[128];
    heed_device device;

    heed_source *source;
    heed_model *model; /* configuration, weights, tokenizer; the weights lie in block */
    heed_batches batches;
    int32_t *ids, *targets; /* [batch_size, T] all windows of a step */
    int64_t micro_batch;    /* of them in one run */
    heed_strict_sum strict; /* how they add up, with options.strict */
    int64_t n_runs;         /* of this rank in a step */
    heed_step_inputs inputs;
    heed_start start;            /* models that the run begins with or learns from */
    heed_step_graph train, eval; /* of micro_batch windows */
    heed_step_plans train_plans, eval_plans;
    heed_reduce *reduce; /* of several ranks' gradients; NULL with one process alone */
    /* weights, gradients, moments as train/step.h lays them, buffers of a strict sum, the larger arena */
    char *block;
    size_t block_bytes;

    int64_t step;       /* done */
    double rate;        /* of a range test, in the place of the schedule's; 0: there is none */
    FILE *log;          /* NULL where nothing is written */
    int64_t log_end;    /* bytes of its whole lines */
    int log_error;      /* why a line is missing, until that is told; 0: none is */
    int lock;           /* descriptor of the locked folder, -1 before */
    heed_guard guard;   /* of updates */
    heed_best best;     /* validation loss so far */
    bool diverged;      /* the weights are of no use, or no batch is */
    int64_t saved_step; /* of the checkpoint on the disk; -1: there is none */
    heed_group_stats groups[HEED_MOST_GROUPS]; /* of the last step, where it was looked at */
    int n_groups;
    double start_s, step_s; /* when it began; smoothed seconds of a step, 0 before the first */
    double eval_batch_s;    /* seconds of one batch of an evaluation, 0 before the first */
    double first_loss;      /* of the first step that had one; NaN before */
    double eval_targets;    /* that counted in the last evaluation */
    double kl, eval_kl;     /* divergence from the teacher in the last batch and evaluation; NaN without one */
};

/**
 * Opens the text or the task, makes the tokenizer or opens it, and fills in the trainer's source, the plan's numbers of
 * tokens and the configuration's vocab_size. *tokenizer is the caller's. HEED_ERR_FILE: also when a resumed run finds
 * another text or tokenizer.
 */
heed_status heed_text_open(heed_trainer *trainer, heed_config *config, bool resumed, heed_tokenizer **tokenizer,
                           heed_error *err);
/** The same for a task: there is no text to open. */
heed_status heed_task_begin(heed_trainer *trainer, heed_config *config, heed_tokenizer **tokenizer,
                            heed_error *err);
/** FNV-1a of its tokenizer.json. */
heed_status heed_text_hash_tokenizer(const heed_tokenizer *tokenizer, uint64_t *hash, heed_error *err);
/** The tokenizer is the one that the run began with, or it has no such run yet. */
heed_status heed_text_identify_tokenizer(heed_trainer *trainer, const heed_tokenizer *tokenizer, bool resumed,
                                         heed_error *err);
/** The model has a logit for each token; vocab_size 0 becomes their number. */
heed_status heed_text_fit_vocabulary(heed_config *config, const heed_tokenizer *tokenizer, heed_error *err);
/** Further texts of a run; *more is allocated, each of them too. */
heed_status heed_text_add(heed_text_identity *text, const char *path, heed_error *err);
/** Bytes of all texts as the file system has them; 0: one of them is not there. */
uint64_t heed_text_size(const heed_text_identity *text);
/**
 * The tokens of a large text: from the cache, or made from texts and put there; without texts (NULL), HEED_ERR_FILE where the
 * cache has none.
 */
heed_status heed_token_cache_open(const heed_trainer *trainer, const heed_tokenizer *tokenizer,
                                  heed_documents *texts, const heed_corpus_options *options,
                                  heed_corpus **corpus, uint64_t *texts_hash, heed_error *err);

/** The source of the run's windows, from which number on; steps from epochs where those are given. */
heed_status heed_order_begin(heed_trainer *trainer, int64_t context_length, heed_error *err);
/** Before heed_order_begin(), of a run that goes on: HEED_ERR_USAGE where that makes no step more. */
heed_status heed_order_change_steps(heed_trainer *trainer, int64_t steps, heed_error *err);
/** Epochs that so many steps are; 0 where the order has none. */
double heed_order_epochs(const heed_trainer *trainer, int64_t steps);

/** The path of an existing file or folder from the root on; out may be path. `what` it is of, in messages. */
heed_status heed_absolute_path(char *out, const char *path, const char *what, heed_error *err);

/** Graphs, plans and memory of a run whose model and text are there. HEED_ERR_USAGE, HEED_ERR_MEMORY with the number. */
heed_status heed_trainer_prepare(heed_trainer *trainer, bool resumed, heed_error *err);
/** The ids and targets of a step's windows. */
double heed_trainer_batch_bytes(const heed_trainer *trainer);

/** The files of a checkpoint: what a run has more, then from number HEED_FIRST_OF_MODEL on those of a model. */
enum { HEED_FIRST_OF_MODEL = 2, HEED_N_CHECKPOINT_FILES = 5 };
extern const char *const heed_checkpoint_files[HEED_N_CHECKPOINT_FILES];

/** trainer.json alone, between two checkpoints; as a whole or not at all. */
heed_status heed_checkpoint_write_state(const heed_trainer *trainer, heed_error *err);
/** trainer.json, and a tokenizer that is not of characters, before the first step: what a run needs to begin again. */
heed_status heed_checkpoint_begin(heed_trainer *trainer, heed_error *err);
/** The whole checkpoint. The earlier one stays until all of it is on the disk. */
heed_status heed_checkpoint_save(heed_trainer *trainer, heed_error *err);
/** Finishes or drops what an interrupted save has left. */
heed_status heed_checkpoint_recover(const char *folder, heed_error *err);
/** No set of files is about to take the place of another. */
bool heed_checkpoint_is_settled(const char *folder);
/** True when the folder holds a run or a model already, or any file that a run would write over. */
bool heed_checkpoint_exists(const char *folder);
/** Reads trainer.json: options, configuration, text, step, position. */
heed_status heed_checkpoint_read_state(const char *folder, heed_trainer *trainer, heed_config *config,
                                       uint64_t *position, heed_error *err);
/** Reads weights and moments of the saved step into the block; at step 0 the weights are made from the seed. */
heed_status heed_checkpoint_read_numbers(heed_trainer *trainer, heed_error *err);

/**
 * The loss that a model with fresh weights should have on n_targets tokens, in nats, and how far off it may be; NaN where
 * no formula holds (train/initial_loss.c) and for no targets.
 */
double heed_initial_loss(const heed_config *config, int64_t n_targets, double *tolerance);

/**
 * Has every rank the same text, tokenizer, models, configuration, options and step? All call it, with the trainer set up.
 * HEED_ERR_USAGE, the same at all, names the rank and what it has another of.
 */
heed_status heed_trainer_compare(const heed_trainer *trainer, heed_error *err);
/**
 * A run as its folder has it, to look at: the folder is only read, and nothing is locked, so the run may go on. It must not
 * be stepped or saved. HEED_ERR_FILE as heed_trainer_resume(), and where a checkpoint is written meanwhile.
 */
heed_status heed_trainer_look(const char *folder, heed_trainer **trainer, heed_error *err);
/** The learning rate of the next step, and the number of its update: 1 at the first that is made. */
double heed_trainer_rate(const heed_trainer *trainer);
int32_t heed_trainer_update_number(const heed_trainer *trainer);
/** Of the option threads; several ranks of a machine divide its processors. 0: one a processor. */
int heed_trainer_threads(const heed_trainer *trainer);
/** True for the one rank that writes. */
bool heed_trainer_writes(const heed_trainer *trainer);

/*
 * Moments of several ranks (rank_state.c). For a checkpoint they come to rank 0 one parameter after the other, first all m,
 * then all v, so that its memory is bounded; every rank takes part whatever has failed.
 */
typedef struct heed_gathering {
    heed_trainer *trainer;
    size_t next; /* of the parameters' m and v, in that order */
} heed_gathering;

/** Puts the moments number i into the sink; what comes before it is dropped. */
heed_status heed_gathering_put(heed_gathering *gathering, size_t i, heed_file_sink *sink, heed_error *err);
/** Drops what is left. */
heed_status heed_gathering_end(heed_gathering *gathering, heed_error *err);
/** What the other ranks do meanwhile. */
heed_status heed_moments_send(heed_trainer *trainer, heed_error *err);
/** This rank's parts of a parameter's moments from a file. */
heed_status heed_moments_read(heed_trainer *trainer, const heed_safetensors_entry *entry, int i, int second,
                              heed_error *err);
/** Batches of the evaluation that is due after so many steps, were there no end to the validation part; 0: none is. */
int64_t heed_validation_due(const heed_trainer *trainer, int64_t step);
/** Batches that an evaluation of n_batches takes: no more than a sweep of the validation part. */
int64_t heed_validation_batches(const heed_trainer *trainer, int64_t n_batches);
/** Fills batch i of so many: the next of random, the same ones each time, or of a sweep. */
void heed_validation_next(heed_trainer *trainer, heed_batches *random, int64_t n_batches, int64_t i);

/** Is a look at the groups of parameters due at this step, counted from 1? One comes before each evaluation. */
bool heed_looks_due(const heed_trainer *trainer, int64_t step);
/** Takes it: after the norm, before the update. */
void heed_looks_take(heed_trainer *trainer);

/** Opens log.jsonl; lines of steps that the checkpoint has not seen are dropped. */
heed_status heed_log_open(heed_trainer *trainer, heed_error *err);
/** Adds the line of one step, for everybody to read. A full disk is reported at the next checkpoint, not here. */
void heed_log_step(heed_trainer *trainer, const heed_progress *progress);
/** What was logged is on the disk when this returns. */
heed_status heed_log_sync(heed_trainer *trainer, heed_error *err);

#endif
