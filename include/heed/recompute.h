/* SPDX-License-Identifier: MIT */
/**
 * Memory of training: values of the forward pass that wait for the backward pass, or are dropped and made again.
 *
 * Whatever the level, every number is the same to the last bit: the same op runs on the same inputs.
 */
#ifndef HEED_RECOMPUTE_H
#define HEED_RECOMPUTE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_recompute {
    HEED_RECOMPUTE_NONE,   /* all wait */
    HEED_RECOMPUTE_CHEAP,  /* dropped: what moves more bytes than it computes; norms, activations, dropout */
    HEED_RECOMPUTE_BLOCKS, /* dropped: all between the narrow places, where one tensor carries everything on */
} heed_recompute;

/* What the forward pass of a step leaves for the backward pass. */
typedef struct heed_step_memory {
    double held_bytes;  /* that wait when the backward pass begins */
    double again_bytes; /* that have been dropped by then, and are made again ... */
    double again_flops; /* ... with so much arithmetic, which a count of the step's leaves out */
    int n_again;        /* steps that run again */
} heed_step_memory;

#ifdef __cplusplus
}
#endif
#endif
