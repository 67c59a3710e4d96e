/* SPDX-License-Identifier: MIT */
/* Beam search. */
#ifndef HEED_INFER_BEAMS_H
#define HEED_INFER_BEAMS_H

#include "infer/generate.h"

/** Finds the options->n best texts of each prompt, one prompt after the other, and hands them on. */
heed_status heed_search_beams(heed_writing *writing, const heed_prompts *prompts, heed_generated *results,
                              heed_error *err);

#endif
