/* SPDX-License-Identifier: MIT */
/**
 * What a text would teach a model: the gradient of its loss beside the weights, parameter by parameter and by groups.
 *
 *     heed_gradients gradients;
 *     status = heed_model_gradients(model, ids, n, &gradients, &err);
 *     heed_gradient_norms all = heed_gradients_sum(&gradients, NULL, HEED_ANY_LAYER);
 *     heed_gradients_free(&gradients);
 */
#ifndef HEED_GRADIENTS_H
#define HEED_GRADIENTS_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_ANY_LAYER (-2)

/* Of one parameter, or of all of a group. */
typedef struct heed_gradient_norms {
    const char *name;      /* of a parameter; lent by the model. NULL for a group */
    const char *component; /* "attention", as heed_model_parameter() has it; NULL for a group of several */
    int layer;             /* -1: outside of blocks */
    int64_t count;         /* numbers */
    double gradient;       /* sqrt of the sum of squares of d loss / d w */
    double weight;         /* the same of the weights */
    int64_t n_zero;        /* gradients that are 0: what the text says nothing about */
    int64_t n_bad;         /* gradients that are not finite */
} heed_gradient_norms;

typedef struct heed_gradients {
    double loss; /* mean over the predicted tokens, nats */
    int n;
    heed_gradient_norms *list; /* in the order of the checkpoint */
} heed_gradients;

/**
 * One forward and backward pass over n ids, each token predicting the next; weights stay as they are. Narrow weights are
 * widened to single precision. HEED_ERR_USAGE: an id outside the vocabulary, fewer than two ids, more than positions have
 * values for; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_gradients(const heed_model *model, const int32_t *ids, size_t n,
                                          heed_gradients *out, heed_error *err);
HEED_API void heed_gradients_free(heed_gradients *gradients); /* an empty struct is allowed */
/** All parameters of a component (NULL: of any) in a layer (HEED_ANY_LAYER) together; count 0 where there is none. */
HEED_API heed_gradient_norms heed_gradients_sum(const heed_gradients *gradients, const char *component,
                                                int layer);

#ifdef __cplusplus
}
#endif
#endif
