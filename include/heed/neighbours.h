/* SPDX-License-Identifier: MIT */
/**
 * Which tokens lie near each other in a model's tables: the rows of the token embedding, or of the head.
 *
 *     heed_neighbour near[5];
 *     status = heed_model_neighbours(model, &id, 1, &(heed_neighbour_options){0}, 5, near, &err);
 */
#ifndef HEED_NEIGHBOURS_H
#define HEED_NEIGHBOURS_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_neighbour_options {
    bool head;    /* rows of the head, which a tied one shares with the embedding; otherwise of the embedding */
    bool by_dot;  /* the largest dot products; otherwise the largest cosines */
    bool centred; /* after the mean row is taken off: embeddings often share a large part that says nothing */
} heed_neighbour_options;

typedef struct heed_neighbour {
    int32_t id;         /* -1: there are no more tokens */
    double cosine, dot; /* of the two rows; a row of zeros has a cosine of 0 with all */
} heed_neighbour;

/**
 * The n_out nearest tokens of each of n ids, itself left out, the nearest first, equal ones by their ids.
 * out [n, n_out]. HEED_ERR_USAGE: an id outside the vocabulary, n_out below 1, a bigram model, which has no embedding;
 * HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_neighbours(const heed_model *model, const int32_t *ids, int n,
                                           const heed_neighbour_options *options, int n_out,
                                           heed_neighbour *out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
