#!/bin/sh
# SPDX-License-Identifier: MIT
# The baby GPT of nanoGPT: 6 layers, 6 heads, d_model 384, context 256, batch 64, dropout 0.2, on the characters of
# Shakespeare, where 5000 steps reach a validation loss of 1.47 (nanoGPT's README). The rate falls to 2e-5 here, within
# 2000 steps, and the best model stays in the folder best, as the validation loss may rise at the end. The run in
# bench/results, with 1.472, had another course of the rate.
#
#     examples/recipes/baby-gpt.sh --full shakespeare.txt      hours on a few cores
#     examples/recipes/baby-gpt.sh [TEXT]                      a small likeness, a minute; without TEXT the built-in stories
#
# HEED names the program (build/heed), OUT the folder of the run; an interrupted one goes on when the same is asked again.
set -eu
. "$(dirname "$0")/common.sh"

set -- --n-layers 3 --n-heads 3 --d-model 96 --context-length 64 --batch-size 16 --dropout 0.05 \
    --steps 400 --learning-rate 0.003 --warmup-steps 40 --eval-interval 100
[ $full = no ] || set -- --n-layers 6 --n-heads 6 --d-model 384 --context-length 256 --batch-size 64 --dropout 0.2 \
    --no-attention-bias --no-mlp-bias --no-norm-bias --steps 2000 --learning-rate 0.001 --min-learning-rate 0.00002 \
    --warmup-steps 100 --beta2 0.99 --eval-interval 100 --eval-batches 4 --save-interval 100 --keep-best

if [ -e "$out/baby/trainer.json" ]; then
    "$heed" train --resume "$out/baby"
else
    "$heed" train ${text:+"$text"} "$@" --out "$out/baby"
fi
