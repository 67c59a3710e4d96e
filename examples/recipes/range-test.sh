#!/bin/sh
# SPDX-License-Identifier: MIT
# A learning-rate range test, its picture, and a short run at the rate that it suggests.
#
#     examples/recipes/range-test.sh [--full] [TEXT]      half a minute; without TEXT the built-in stories
#
# --full takes the default model and 2000 steps.
set -eu
. "$(dirname "$0")/common.sh"

steps=400 model="--n-layers 2 --d-model 64"
[ $full = no ] || steps=2000 model=""

"$heed" train ${text:+"$text"} $model --range-test --out "$out/range" --json --quiet >"$out/range.json"
"$heed" plot "$out/range/log.jsonl" --x lr # and range/range.png, which is kept where OUT names the folder
rate=$(value suggestion "$out/range.json")
learn suggested $model --steps $steps --learning-rate "$rate"
echo "validation loss $(value validation_loss "$out/suggested.json") after $steps steps at $rate"
