/* SPDX-License-Identifier: MIT */
/*
 * A small model's model.safetensors from hostile bytes: what fits its configuration gives every parameter numbers that lie
 * inside the bytes or are copies, in each precision; what does not is refused in one sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/weights.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static heed_config small_config(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = 3;
    config.context_length = config.d_model = config.d_mlp = 2;
    config.n_layers = config.n_heads = 1;
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const heed_config config = small_config();
    heed_safetensors *file = NULL;
    heed_shards *shards = NULL;
    heed_weights *weights = NULL;
    heed_error err = {HEED_OK, ""};
    float numbers[64];

    if (heed_safetensors_parse(data, size, "fuzz", &file, &err) != HEED_OK)
        return 0;
    require(heed_shards_wrap(file, "fuzz", &shards, &err) == HEED_OK);
    require(heed_weights_create(&config, &weights, &err) == HEED_OK);
    if (heed_weights_load(weights, shards, &err) == HEED_OK) {
        for (int i = 0; i < weights->n; i++) {
            require(weights->list[i].count <= 64);
            heed_parameter_read(&weights->list[i], 0, weights->list[i].count, numbers);
        }
    } else {
        require(memchr(err.message, '\0', sizeof err.message) != NULL &&
                strpbrk(err.message, "\n\x1b") == NULL);
    }
    heed_weights_destroy(weights);
    heed_shards_close(shards);
    return 0;
}
