/* SPDX-License-Identifier: MIT */
/*
 * The built-in corpus: short stories of animals who look for what they lost, written by a grammar.
 *
 * What happens, where and to whom is drawn at random; who it is, what was lost and where it was found then stays
 * the same to the end of the story, so names, pronouns and things can be predicted only by looking back.
 * Stories are drawn independently and end with an empty line. Because the grammar is known, so is the entropy of
 * the text: the loss below which no model can get on average, however large and however long it trains.
 */
#ifndef HEED_DATA_STORIES_H
#define HEED_DATA_STORIES_H

#include <heed/status.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text_buffer.h"
#include "data/grammar.h"

typedef struct heed_stories_floor {
    double nats_per_character; /* nats_per_story / characters_per_story */
    double nats_per_story, characters_per_story;
} heed_stories_floor;

/**
 * Appends whole stories to out until at least min_bytes are there; a function of the seed alone.
 * The log probability of all of them, in nats, goes to log_probability unless that is NULL.
 * HEED_ERR_MEMORY: the text does not fit.
 */
heed_status heed_stories_generate(uint64_t seed, size_t min_bytes, heed_text_buffer *out,
                                  double *log_probability, heed_error *err);

/** The entropy of the stories, from the grammar and not from samples. */
heed_stories_floor heed_stories_entropy(void);

/** The grammar itself (stories_grammar.c). */
extern const heed_grammar heed_stories_grammar;

#endif
