/* SPDX-License-Identifier: MIT */
/*
 * Training of a graph of one's own, for what heed's trainer is not made for: other inputs, other targets, several of each.
 *
 *     heed_train_options o = heed_learner_options(d);                  "steps", AdamW at 3e-3, warm-up, cosine, clipped at 1
 *     heed_learner l;
 *     float *x, *y;
 *
 *     if (heed_learner_open(&l, d, &o)) {
 *         heed_node *in = heed_learner_floats(&l, "x", heed_shape2(16, 3), &x),
 *                   *want = heed_learner_floats(&l, "y", heed_shape2(16, 2), &y),
 *                   *W = heed_learner_parameter(&l, "W", heed_shape2(3, 2), 0.0, 0.02),          0 + 0.02 normal
 *                   *guess = heed_name(l.g, heed_linear(l.g, in, W, NULL, HEED_WEIGHT_IN_OUT), "guess");
 *         heed_learner_ready(&l, heed_learner_square_error(&l, guess, want), &guess, 1);
 *         curve = heed_learner_train(&l, fill, context, "a linear map", 0.0, 0.9);     fill() writes x and y
 *         fill(context, &other);
 *         loss = heed_learner_look(&l);                                               no update, of what x and y hold now
 *         values = heed_learner_value(&l, guess);                                     so does W's, at any time
 *     }
 *     heed_learner_close(&l);
 *
 * Or step by step: write the inputs, then heed_learner_step(). A whole model of a configuration is one call:
 *
 *     heed_learner_ids(&l, "ids", heed_shape2(16, 64), &ids), heed_learner_ids(&l, "targets", …, &targets)
 *     heed_gpt gpt = heed_learner_model(&l, model, ids, targets);                     its weights are what is trained
 *     heed_learner_ready(&l, gpt.loss, NULL, 0);
 *
 * Everything is built by heed's ops in l.g, differentiated and updated as heed train does it. What fails fails d, after which
 * nodes are NULL, losses NaN and values empty; so only pointers to inputs, which are then NULL, must not be written to.
 */
#ifndef HEED_WORKBOOK_DEMOS_LEARNER_H
#define HEED_WORKBOOK_DEMOS_LEARNER_H

#include <heed/train.h>

#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/nn.h"
#include "ops/ops.h"
#include "workbook/demo.h"

typedef struct heed_learner {
    heed_demoing *d;
    heed_graph *g; /* what is to be trained is built into it, between open and ready */
    heed_train_options options;
    heed_rng rng; /* of parameters, and then of inputs */
    heed_device device;
    bool has_device;
    heed_plan *training, *looking;
    heed_node *loss, *trained_loss, *norm; /* trained_loss: who holds it in a training run */
    float one, lr;
    int32_t t; /* updates made */
} heed_learner;

/** Writes the inputs of a step, drawing from rng. */
typedef void heed_learner_fill(void *context, heed_rng *rng);

/** "steps" of d; AdamW without decay at 3e-3, warm-up and cosine, the gradient clipped at 1. */
heed_train_options heed_learner_options(heed_demoing *d);
/**
 * Of the options count: steps, optimizer (momentum apart), its numbers, weight_decay, l2, clip_norm, the schedule, threads. false:
 * d has failed. The struct must stay where it is until it is closed, which it may be in any case.
 */
bool heed_learner_open(heed_learner *l, heed_demoing *d, const heed_train_options *options);
void heed_learner_close(heed_learner *l);

/* --- sources; their numbers are of d's arena --- */

/** mean + deviation times standard normal numbers of the seed. Equal calls in equal order make equal numbers in a run. */
heed_node *heed_learner_parameter(heed_learner *l, const char *name, heed_shape shape, double mean,
                                  double deviation);
heed_node *heed_learner_floats(heed_learner *l, const char *name, heed_shape shape,
                               float **numbers);                                                 /* zeros */
heed_node *heed_learner_ids(heed_learner *l, const char *name, heed_shape shape, int32_t **ids); /* zeros */
/** For masks: 1 seen, 0 not. */
heed_node *heed_learner_bytes(heed_learner *l, const char *name, heed_shape shape, uint8_t **bytes); /* zeros */
/** A model as it reads ids [B, T] for targets [B, T] (HEED_IGNORE_TARGET: none there). Its own weights are trained. */
heed_gpt heed_learner_model(heed_learner *l, heed_model *model, heed_node *ids, heed_node *targets);

/* --- losses beside those of ops.h --- */

/** mean (guess - want)^2 of equal shapes; a scalar. */
heed_node *heed_learner_square_error(heed_learner *l, heed_node *guess, heed_node *want);

/* --- training --- */

/** Differentiates loss, a scalar, and plans the runs. Nodes that are to be looked at, NULL ones left out. */
bool heed_learner_ready(heed_learner *l, heed_node *loss, heed_node *const *watched, int n_watched);
/** One update by what the inputs hold; the loss before it. */
double heed_learner_step(heed_learner *l);
/** All steps, while progress goes from `from` to `to`: [1, steps] the losses. */
heed_grid heed_learner_train(heed_learner *l, heed_learner_fill *fill, void *context, const char *words,
                             double from, double to);

/* --- looking --- */

/** The loss of what the inputs hold; changes nothing. */
double heed_learner_look(heed_learner *l);
/** Of a watched node after a look, or of a source: the last axis as columns, all others as rows. */
heed_grid heed_learner_value(heed_learner *l, const heed_node *node);

#endif
