/* SPDX-License-Identifier: MIT */
/*
 * Models that stay beside the checkpoint of a run: best (options.keep_best), and checkpoints such as step-000500
 * (options.keep_last).
 *
 *   best          config.json tokenizer.json model.safetensors: a model
 *   step-000500   these, optimizer.safetensors and trainer.json: also a run to go on from
 *
 * They are made of the run's checkpoint right after it is on the disk, as hard links to its files where the file system
 * has them: a checkpoint replaces its files and never writes into one, so they need no memory on the disk before that.
 * A folder appears as a whole (base/new_folder.h), and older ones go only when the new one is there. What holds anything
 * but such files (log.jsonl of a run that went on there, notes) is neither replaced nor removed (kept.h), nor is a link.
 * A run whose folder is a step folder of another run keeps nothing.
 */
#ifndef HEED_TRAIN_KEEP_H
#define HEED_TRAIN_KEEP_H

#include "train/trainer.h"

/** A new run: HEED_ERR_USAGE where its folder has something that it would replace or remove. */
heed_status heed_keep_check_unused(const heed_trainer *trainer, heed_error *err);
/** The folder best from the checkpoint that was just written. HEED_ERR_FILE: the earlier one is untouched. */
heed_status heed_keep_best(const heed_trainer *trainer, heed_error *err);
/** Likewise the folder of this step; then all but the newest options.keep_last go. HEED_ERR_FILE: all are untouched. */
heed_status heed_keep_step(const heed_trainer *trainer, heed_error *err);
/** What a process that died right after a checkpoint has not kept of it. HEED_ERR_FILE: something is in its way. */
heed_status heed_keep_again(const heed_trainer *trainer, heed_error *err);

#endif
