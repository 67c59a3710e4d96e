/* SPDX-License-Identifier: MIT */
/*
 * A text ready to be read with parts of the model replaced, by any method or as a control: what one ablation and a sweep over
 * all parts have in common.
 *
 * A text of n tokens has n - 1 positions that predict: position p reads token p and is asked for token p + 1. They are read
 * in windows of the context, side by side as a batch; what fills the last window up is read, and counts for nothing.
 */
#ifndef HEED_INSPECT_ABLATE_H
#define HEED_INSPECT_ABLATE_H

#include <heed/ablation.h>

#include "base/memory.h"
#include "inspect/intervention.h"

/* An activation, or the piece of a head in it. */
typedef struct heed_ablate_unit {
    heed_node *node, *source; /* in the text's graph, and in that of the text that stands in for it */
    int head;                 /* -1: all */
} heed_ablate_unit;

typedef struct heed_ablator {
    const heed_model *model;
    heed_ablate_options options;
    heed_arena *arena;
    int64_t n_tokens, n_positions, n_windows;
    heed_intervention *text, *reference; /* reference: text itself where there is no other */
    int64_t n_reference;                 /* positions of it */
    int64_t *index;                      /* [n_positions] whose output each position gets, to resample */
    struct heed_ablate_mean {
        const heed_node *node;
        float *row;
    } * means; /* of the reference */
    int n_means;
    int64_t n_done, n_runs; /* for progress */
} heed_ablator;

/** Reads the text; units of all these parts, and of others of their kinds where controls will want them, are kept. */
heed_status heed_ablator_open(heed_ablator *a, const heed_model *model, const int32_t *ids, size_t n,
                              const heed_component *parts, int n_parts, const heed_ablate_options *options,
                              heed_error *err);
void heed_ablator_close(heed_ablator *a); /* zeros are allowed */

/** What a part is made of, one or two. HEED_ERR_USAGE: the model has it not. */
heed_status heed_ablator_units(const heed_ablator *a, const heed_component *part, heed_ablate_unit out[2],
                               int *n, heed_error *err);

/*
 * losses [n_positions] without the parts, or, from control number 0 on, with them moved as far in random directions.
 * No parts: of the model as it is.
 */
#define HEED_ABLATE_PLAINLY (-1)
heed_status heed_ablator_run(heed_ablator *a, const heed_component *parts, int n_parts, int64_t control,
                             double *losses, heed_error *err);

#endif
