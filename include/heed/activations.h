/* SPDX-License-Identifier: MIT */
/**
 * Activations by name into a file, what looking at them costs, and where numbers stop being finite.
 *
 *     const char *names[] = {"blocks.0.attn.pattern"};
 *     status = heed_model_write_activations(model, ids, n, names, 1, "pattern.npy", &err);
 *
 * Names are those of heed/verify.h: heed's, TransformerLens', those of transformers; d.NAME and grad/PARAMETER for the
 * gradients of the text's loss.
 */
#ifndef HEED_ACTIVATIONS_H
#define HEED_ACTIVATIONS_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Writes activations of a model that reads n ids, in the form that the path's ending names:
 *
 *     .safetensors   the ids and all of them, as heed_model_record() does
 *     .npy           one, as floats
 *     .json          {"ids": [..], "activations": [{"name": .., "shape": [..], "values": [..]}, ..]}, values with the last
 *                    axis fastest and as many digits as tell floats apart; what is not finite as "nan", "inf", "-inf"
 *
 * HEED_ERR_USAGE: an id or a name that there is not (with the near one), another ending, several names for a .npy;
 * HEED_ERR_FILE, HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_write_activations(const heed_model *model, const int32_t *ids, size_t n,
                                                  const char *const *names, int n_names, const char *path,
                                                  heed_error *err);

/* What looking at activations costs beside reading for the logits alone. */
typedef struct heed_observing {
    double seconds, seconds_without; /* of a reading, planning and copying included: the shortest of three */
    double bytes;                    /* of the activations, as floats */
    bool same_logits;                /* to the last bit */
} heed_observing;

/** Reads the ids with and without looking. Errors as above. */
HEED_API heed_status heed_model_measure_observing(const heed_model *model, const int32_t *ids, size_t n,
                                                  const char *const *names, int n_names, heed_observing *out,
                                                  heed_error *err);

/* The first number that is not finite, in the order of the computation. */
typedef struct heed_nonfinite {
    bool found;
    char node[128];   /* "blocks.1.mlp.pre" */
    int rank;         /* of the node */
    int64_t index[5]; /* of the number in it */
    int64_t position; /* of the token it belongs to; -1: of none */
    double value;     /* nan, inf or -inf */
    int64_t n;        /* such numbers in that node */
    /* The weight that brings it in: of those that the node reads the first with a number that is not finite. */
    char parameter[128]; /* "" where all weights it reads are finite: the numbers grew too large */
    int parameter_rank;
    int64_t parameter_index[5];
    int64_t parameter_n;
} heed_nonfinite;

/**
 * Reads the ids and looks at every number on the way to the logits. A score of -inf is none of them: it hides a key.
 * HEED_ERR_USAGE: an id outside the vocabulary, more than positions have values for; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_model_find_nonfinite(const heed_model *model, const int32_t *ids, size_t n,
                                               heed_nonfinite *out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
