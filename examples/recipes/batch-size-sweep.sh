#!/bin/sh
# SPDX-License-Identifier: MIT
# Batch sizes over the same number of tokens. Small batches make more steps, large ones steps of less noise; the rate grows
# with the root of the batch, as is usual for Adam (Malladi et al. 2022, arXiv:2205.10287).
#
#     examples/recipes/batch-size-sweep.sh [--full] [TEXT]      about a minute; without TEXT they learn built-in stories
#
# --full takes the default model and the tokens of 2000 steps of 12 windows: some ten minutes on two cores.
set -eu
. "$(dirname "$0")/common.sh"

windows=4800 model="--n-layers 2 --d-model 64"
[ $full = no ] || windows=24000 model=""

printf '%6s %7s %14s %16s %12s\n' batch steps "learning rate" "validation loss" "tokens/s"
for batch in 3 6 12 24 48; do
    rate=$(awk "BEGIN { printf \"%.2g\", 0.003 * sqrt($batch / 12) }")
    steps=$((windows / batch))
    learn "batch-$batch" $model --batch-size $batch --steps $steps --warmup-steps $((steps / 20)) --learning-rate "$rate"
    printf '%6s %7s %14s %16.4f %12.0f\n' $batch $steps "$rate" "$(value validation_loss "$out/batch-$batch.json")" \
        "$(value tokens_per_s "$out/batch-$batch.json")"
done
"$heed" plot "$out"/batch-*/ --x tokens --out "$out/batches.png" # kept where OUT names the folder
