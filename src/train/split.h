/* SPDX-License-Identifier: MIT */
/*
 * How the numbers of a model are split over ranks (ZeRO, stage 1).
 *
 * Every rank holds all weights and all gradients, which lie one parameter behind the other (nn/weights.h). They are cut
 * into buckets, runs of them that travel at once, and each bucket into one piece for each rank. A rank adds up the
 * gradients of its pieces alone, keeps the optimizer's moments of these alone, and updates their weights, which then go
 * to all others:
 *
 *     gradients   [ bucket 2: | rank 0 | rank 1 | ][ bucket 1: | rank 0 | rank 1 | ][ bucket 0: | rank 0 | rank 1 | ]
 *
 * Buckets count from the end of the model on, as backward finishes gradients. Cuts lie at multiples of HEED_SPLIT_BLOCK
 * numbers from the begin of a parameter: the norm's sums over blocks of so many numbers are the same for any number of
 * ranks. A part is what one piece has of one parameter.
 *
 * Source: Rajbhandari et al. 2020, ZeRO (arXiv:1910.02054) 5.1; buckets: Li et al. 2020 (arXiv:2006.15704) 3.2.3.
 */
#ifndef HEED_TRAIN_SPLIT_H
#define HEED_TRAIN_SPLIT_H

#include "nn/weights.h"
#include "ops/total.h"

#define HEED_SPLIT_BLOCK   HEED_TOTAL_BLOCK
#define HEED_BUCKET_FLOATS (1600 * (int64_t)HEED_SPLIT_BLOCK) /* 26 MB, the largest bucket */

typedef struct heed_split_part {
    int parameter, rank;
    int64_t first, n; /* numbers of the parameter */
    int64_t at;       /* where its moments begin among those of its rank; a multiple of 16 */
} heed_split_part;

typedef struct heed_split_bucket {
    int64_t begin, end;                /* floats from the begin of the weights */
    int first_parameter, n_parameters; /* that it has numbers of */
    int64_t *cuts;                     /* [size + 1]: rank r's piece is cuts[r] .. cuts[r + 1] - 1 */
} heed_split_bucket;

typedef struct heed_split {
    int size; /* ranks */
    heed_split_bucket *buckets;
    int n_buckets;
    heed_split_part *parts; /* by parameter, and there from its begin to its end */
    int n_parts;
    int64_t *places; /* [parameters]: where each begins, in floats from the begin of the weights */
    int64_t *blocks; /* [size + 1]: blocks of all ranks before this one */
    int64_t
        *n_moments; /* [size]: floats of one moment that a rank keeps, the gaps between its parts included */
    int64_t most;   /* floats of the longest piece */
    int64_t *cuts;  /* of all buckets */
} heed_split;

/** Blocks that n numbers of one parameter are cut into; the last one may be shorter. */
int64_t heed_split_blocks(int64_t n);
/** A good length of buckets: an eighth of the weights, so that a small model has several, and a large one none too long. */
int64_t heed_split_bucket_floats(const heed_weights *weights);
/**
 * wanted[i]: parameter i gets a gradient; the others are in no bucket. HEED_ERR_MEMORY.
 */
heed_status heed_split_create(const heed_weights *weights, const bool *wanted, int size, int64_t bucket_floats,
                              heed_split **split, heed_error *err);
void heed_split_destroy(heed_split *split); /* NULL is allowed */

#endif
