#!/bin/sh
# SPDX-License-Identifier: MIT
# A warm start: a new model, of another depth and over another vocabulary, begins with the embeddings of a trained one,
# beside the same model from random numbers.
#
#     examples/recipes/warm_start.sh [TEXT]       about a minute on two cores; without TEXT it learns built-in stories
#
# HEED names the program (build/heed), STEPS how long each run is, OUT a folder that is kept.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
heed=${HEED:-$here/build/heed} steps=${STEPS:-400}
out=${OUT:-$(mktemp -d)}
[ -n "${OUT:-}" ] || trap 'rm -rf "$out"' EXIT
mkdir -p "$out"

# value KEY FILE: a number of the JSON that heed train has printed.
value()
{
    sed -n "s/.*\"$1\": \([-0-9.e]*\).*/\1/p" "$2"
}

# learn NAME ARGUMENT...: a run into $out/NAME; its JSON is $out/NAME.json, what it says $out/NAME.log.
learn()
{
    name=$1
    shift
    "$heed" train "$@" --out "$out/$name" --json --sample-tokens 0 >"$out/$name.json" 2>"$out/$name.log"
}

row()
{
    printf '%-30s %8s' "$1" "$2"
    for run in $3; do
        printf ' %12.4f' "$(value validation_nats_per_byte "$out/$run.json")"
    done
    printf '\n'
}

text=${1:-}
learn other ${text:+"$text"} --tokenizer bpe --tokenizer-vocab-size 512 --n-layers 3 --n-heads 4 --d-model 96 \
    --steps $((4 * steps)) --eval-interval 0
for n in $((steps / 4)) "$steps"; do
    new="--tokenizer bpe --tokenizer-vocab-size 1024 --n-layers 2 --n-heads 4 --d-model 96 --steps $n --eval-interval 0"
    learn "cold-$n" ${text:+"$text"} $new
    learn "warm-$n" ${text:+"$text"} $new --init-embeddings "$out/other"
    learn "both-$n" ${text:+"$text"} $new --init-embeddings "$out/other" --init-positions
done
share=$(sed -n 's/^from .*(\([0-9.]* %\)).*/\1/p' "$out/warm-$steps.log")
printf '%-30s %8s %12s %12s\n' "validation, nats a byte" "mapped" "$((steps / 4)) steps" "$steps steps"
row "random numbers" "-" "cold-$((steps / 4)) cold-$steps"
row "embeddings of tokens" "$share" "warm-$((steps / 4)) warm-$steps"
row "embeddings and positions" "$share" "both-$((steps / 4)) both-$steps"
