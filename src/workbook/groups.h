/* SPDX-License-Identifier: MIT */
/* Each group is a file of its name: its exercises, ended by a NULL id. */
#ifndef HEED_WORKBOOK_GROUPS_H
#define HEED_WORKBOOK_GROUPS_H

#include "workbook/exercise.h"

extern const heed_exercise heed_exercises_attention[];
extern const heed_exercise heed_exercises_attention_code[];
extern const heed_exercise heed_exercises_averages[];
extern const heed_exercise heed_exercises_bigram[];
extern const heed_exercise heed_exercises_block[];
extern const heed_exercise heed_exercises_characters[];
extern const heed_exercise heed_exercises_collapse[];
extern const heed_exercise heed_exercises_counts[];
extern const heed_exercise heed_exercises_embeddings[];
extern const heed_exercise heed_exercises_first_head[];
extern const heed_exercise heed_exercises_generation[];
extern const heed_exercise heed_exercises_gradients[];
extern const heed_exercise heed_exercises_growth[];
extern const heed_exercise heed_exercises_head_code[];
extern const heed_exercise heed_exercises_head_shapes[];
extern const heed_exercise heed_exercises_interpret[];
extern const heed_exercise heed_exercises_layers[];
extern const heed_exercise heed_exercises_letter_consonants[];
extern const heed_exercise heed_exercises_letter_first[];
extern const heed_exercise heed_exercises_losses[];
extern const heed_exercise heed_exercises_mask_precision[];
extern const heed_exercise heed_exercises_masked[];
extern const heed_exercise heed_exercises_masks[];
extern const heed_exercise heed_exercises_memory[];
extern const heed_exercise heed_exercises_multi_head[];
extern const heed_exercise heed_exercises_next_token[];
extern const heed_exercise heed_exercises_perplexity[];
extern const heed_exercise heed_exercises_positions[];
extern const heed_exercise heed_exercises_predict_cheaper[];
extern const heed_exercise heed_exercises_predict_embeddings[];
extern const heed_exercise heed_exercises_predict_epochs[];
extern const heed_exercise heed_exercises_predict_mask[];
extern const heed_exercise heed_exercises_predict_gradients[];
extern const heed_exercise heed_exercises_predict_heads[];
extern const heed_exercise heed_exercises_predict_layout[];
extern const heed_exercise heed_exercises_predict_lookup[];
extern const heed_exercise heed_exercises_predict_memory[];
extern const heed_exercise heed_exercises_predict_neighbours[];
extern const heed_exercise heed_exercises_predict_patterns[];
extern const heed_exercise heed_exercises_predict_pronoun[];
extern const heed_exercise heed_exercises_predict_runs[];
extern const heed_exercise heed_exercises_predict_scale[];
extern const heed_exercise heed_exercises_predict_softmax[];
extern const heed_exercise heed_exercises_predict_stacks[];
extern const heed_exercise heed_exercises_predict_start[];
extern const heed_exercise heed_exercises_predict_student[];
extern const heed_exercise heed_exercises_predict_walk[];
extern const heed_exercise heed_exercises_predict_writing[];
extern const heed_exercise heed_exercises_pronoun[];
extern const heed_exercise heed_exercises_restraint[];
extern const heed_exercise heed_exercises_runs[];
extern const heed_exercise heed_exercises_scaling[];
extern const heed_exercise heed_exercises_shapes[];
extern const heed_exercise heed_exercises_softmax[];
extern const heed_exercise heed_exercises_sparse[];
extern const heed_exercise heed_exercises_videos[];

/* What a program is asked for: exercise.h. */
extern const heed_exercise heed_program_head_split;

#endif
