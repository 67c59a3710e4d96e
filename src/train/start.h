/* SPDX-License-Identifier: MIT */
/*
 * What a run starts from when it does not start from random numbers and the text alone:
 *
 *   from.c         a checkpoint: its configuration, tokenizer and weights                 options.from
 *   warm_start.c   the embeddings of another model, by their tokens                       options.init_embeddings
 *   distill.c      a teacher, whose probabilities are learned beside the targets          options.distill
 *
 * Each model is opened where it lies, mapped; the first two are closed again before the first step.
 */
#ifndef HEED_TRAIN_START_H
#define HEED_TRAIN_START_H

#include <heed/train.h>

#include "formats/json.h"
#include "graph/plan.h"
#include "nn/model.h"
#include "nn/nn.h"

struct heed_trainer;

/* A teacher at work: a plan of its own over its own graph, read-only weights in the precision of their file. */
typedef struct heed_teacher {
    heed_model *model;
    heed_graph *g;
    heed_node *resid; /* [micro_batch, T, d_model] what its head reads */
    heed_plan *plan;
    float *out; /* resid, kept while the student's step uses the same arena */
    size_t out_bytes;
} heed_teacher;

typedef struct heed_start {
    heed_model *from;                                  /* NULL, or open until its weights are taken */
    uint64_t from_hash, embeddings_hash, teacher_hash; /* of the numbers; 0: not known */
    json_t *ids; /* of special tokens, from the checkpoint's config.json; NULL: none */
    heed_teacher teacher;
} heed_start;

/* --- every kind --- */

/** Paths of the options made absolute; options that exclude each other are HEED_ERR_USAGE. */
heed_status heed_start_check(struct heed_trainer *t, heed_error *err);
/** Closes what is open. */
void heed_start_close(struct heed_trainer *t);
/** True when a run has its tokenizer from the checkpoint it goes on from, or from its teacher. */
bool heed_start_gives_tokenizer(const struct heed_trainer *t);
/** That tokenizer; the caller's. HEED_ERR_USAGE: the model has none. */
heed_status heed_start_tokenizer(struct heed_trainer *t, heed_tokenizer **tokenizer, heed_error *err);
/** The weights before the first step, as the options and the seed say. */
heed_status heed_start_weights(struct heed_trainer *t, heed_error *err);
/** What trainer.json keeps, so that a resumed run notices another model in the place of the one it began with. */
bool heed_start_put(const struct heed_trainer *t, json_t *root);
void heed_start_get(struct heed_trainer *t, heed_json_reader *r);

/** HEED_ERR_FILE when the hash of its numbers that is known is another one; *known is set. */
heed_status heed_start_identify(const heed_model *model, const char *path, uint64_t *known, heed_error *err);
/** The same tokens under the same ids. */
bool heed_start_same_tokens(const heed_tokenizer *a, const heed_tokenizer *b);

/* --- from.c --- */

/**
 * Opens the checkpoint and holds the configuration against it: it must be the checkpoint's but for dropout, the balance
 * and room of experts, and a context its positions reach. vocab_size 0 becomes the checkpoint's. HEED_ERR_USAGE.
 */
heed_status heed_from_open(struct heed_trainer *t, heed_config *config, heed_error *err);
/** Keeps the ids of special tokens that config.json names, the checkpoint's or that of a resumed run: HEED_ERR_FILE. */
heed_status heed_from_keep_ids(struct heed_trainer *t, bool resumed, heed_error *err);
/** Copies its numbers into the weights, widened to f32, and closes it. */
heed_status heed_from_take(struct heed_trainer *t, heed_error *err);

/* --- warm_start.c --- */

/** Rows of the embeddings from the other model; the plan says how many. HEED_ERR_USAGE: what does not fit. */
heed_status heed_warm_start(struct heed_trainer *t, heed_error *err);

/* --- distill.c --- */

/** Opens the teacher. HEED_ERR_USAGE: it cannot teach this student. */
heed_status heed_teacher_open(struct heed_trainer *t, const heed_config *config, heed_error *err);
/** Holds its tokens against the student's. HEED_ERR_USAGE. */
heed_status heed_teacher_check_tokens(struct heed_trainer *t, const heed_tokenizer *tokenizer, heed_error *err);
/** Plans its forward pass over one run's windows, which lie at ids. HEED_ERR_MEMORY. */
heed_status heed_teacher_plan(struct heed_trainer *t, int32_t *ids, heed_error *err);
/** Runs it; the student's loss reads what comes out. */
void heed_teacher_run(const heed_teacher *teacher);
/** The student's loss in its graph, beside the teacher's: nodes of it. */
heed_distill_nodes heed_teacher_loss(const heed_teacher *teacher, const heed_train_options *options,
                                     heed_graph *g, const heed_gpt *gpt, heed_node *head, heed_node *targets);
void heed_teacher_close(heed_teacher *teacher);

#endif
