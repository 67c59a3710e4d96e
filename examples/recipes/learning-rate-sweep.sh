#!/bin/sh
# SPDX-License-Identifier: MIT
# Learning rates, each a run of its own, beside what the range test suggests for the same model.
#
#     examples/recipes/learning-rate-sweep.sh [--full] [TEXT]      about a minute; without TEXT they learn built-in stories
#
# --full takes the default model and 2000 steps a run: some ten minutes on two cores.
set -eu
. "$(dirname "$0")/common.sh"

steps=400 model="--n-layers 2 --d-model 64"
[ $full = no ] || steps=2000 model=""

"$heed" train ${text:+"$text"} $model --range-test --json --quiet >"$out/range.json"
echo "the range test suggests $(value suggestion "$out/range.json"); its loss is lowest at $(value lowest_rate "$out/range.json")"

printf '%14s %16s %16s\n' "learning rate" "training loss" "validation loss"
for rate in 0.0003 0.001 0.003 0.01 0.03; do
    learn "rate-$rate" $model --steps $steps --learning-rate $rate
    printf '%14s %16.4f %16.4f\n' $rate "$(value loss "$out/rate-$rate.json")" \
        "$(value validation_loss "$out/rate-$rate.json")"
done
"$heed" plot "$out"/rate-*/ --out "$out/rates.png" # kept where OUT names the folder
