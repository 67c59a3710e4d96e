/* SPDX-License-Identifier: MIT */
#include "data/stories.h"

#include "base/error.h"
#include "base/rng.h"

heed_status heed_stories_generate(uint64_t seed, size_t min_bytes, heed_text_buffer *out,
                                  double *log_probability, heed_error *err)
{
    heed_rng rng = heed_rng_make(seed, HEED_STREAM_CORPUS);
    const size_t before = out->size;
    double sum = 0.0;

    while (!out->failed && out->size - before < min_bytes)
        sum += heed_grammar_write(&heed_stories_grammar, &rng, out);
    if (out->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory for %zu bytes of stories", min_bytes);
    if (log_probability != NULL)
        *log_probability = sum;
    return HEED_OK;
}

heed_stories_floor heed_stories_entropy(void)
{
    heed_stories_floor floor = {0};

    heed_grammar_entropy(&heed_stories_grammar, &floor.nats_per_story, &floor.characters_per_story);
    floor.nats_per_character = floor.nats_per_story / floor.characters_per_story;
    return floor;
}
