#!/bin/sh
# SPDX-License-Identifier: MIT
# Induction heads: two attention-only models learn sequences that repeat with a random period, one with two layers and one
# with one. In the first, heads of the lower layer come to look at the token before, heads of the upper one at what stood
# behind the same token earlier, and the loss falls; the second can have no such pair.
#
#     examples/recipes/induction.sh            ten seconds on two free cores; --full trains longer
#
# HEED names the program (build/heed), OUT a folder that is kept.
set -eu
. "$(dirname "$0")/common.sh"
steps=700
[ $full = no ] || steps=4000

for layers in 2 1; do
    "$heed" train --task induction --n-layers $layers --n-heads 4 --d-model 64 --no-mlp --context-length 64 \
        --batch-size 32 --learning-rate 3e-3 --steps $steps --eval-interval $((steps / 14)) --eval-batches 4 \
        --record-heads --record-length 16 --record-patterns 0.0 --quiet --out "$out/layers-$layers"
    "$heed" inspect --run "$out/layers-$layers" --curves "$out/layers-$layers/heads.png"
done
