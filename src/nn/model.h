/* SPDX-License-Identifier: MIT */
/* A model from inside: what heed/model.h hides. */
#ifndef HEED_NN_MODEL_H
#define HEED_NN_MODEL_H

#include <heed/model.h>

#include "nn/weights.h"
#include "text/tokenizer.h"

struct heed_model {
    heed_config config;
    heed_weights *weights;
    heed_tokenizer *tokenizer; /* NULL: none */
    int32_t end_of_text;       /* -1: none */
    heed_shards *shards;       /* hold the numbers when they are used in place */
};

/** A model over weights and a tokenizer, which it takes over (also after a failure). tokenizer may be NULL. */
heed_status heed_model_wrap(heed_weights *weights, heed_tokenizer *tokenizer, heed_model **model,
                            heed_error *err);

#endif
