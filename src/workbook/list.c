/* SPDX-License-Identifier: MIT */
/* The groups of exercises, in the order of the workbook: a new one is one line in each list. */
#include "workbook/groups.h"

const heed_exercise *const heed_exercise_groups[] = {
    heed_exercises_shapes,
    heed_exercises_head_shapes,
    heed_exercises_attention,
    heed_exercises_scaling,
    heed_exercises_softmax,
    heed_exercises_attention_code,
    heed_exercises_masks,
    heed_exercises_masked,
    heed_exercises_mask_precision,
    heed_exercises_multi_head,
    heed_exercises_head_code,
    heed_exercises_letter_tables,
    heed_exercises_letter_heads,
    heed_exercises_next_token,
    heed_exercises_counts,
    heed_exercises_losses,
    heed_exercises_memory,
    heed_exercises_growth,
    heed_exercises_sparse,
    heed_exercises_collapse,
    heed_exercises_perplexity,
    heed_exercises_restraint,
    heed_exercises_runs,
    heed_exercises_layers,
    heed_exercises_generation,
    NULL,
};
