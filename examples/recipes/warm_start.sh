#!/bin/sh
# SPDX-License-Identifier: MIT
# A warm start: a new model, of another depth and over another vocabulary, begins with the embeddings of a trained one,
# beside the same model from random numbers.
#
#     examples/recipes/warm_start.sh [--full] [TEXT]      about a minute; without TEXT it learns the built-in stories
#
# HEED names the program (build/heed), STEPS how long each run is, OUT a folder that is kept; --full
# takes four times the steps.
set -eu
. "$(dirname "$0")/common.sh"
steps=${STEPS:-400}
[ $full = no ] || steps=$((4 * steps))

# begin NAME ARGUMENT...: a run into $out/NAME whose plan is kept in $out/NAME.log, and shown should it fail.
begin()
{
    name=$1
    shift
    "$heed" train ${text:+"$text"} "$@" --out "$out/$name" --json --sample-tokens 0 --eval-interval 0 \
        >"$out/$name.json" 2>"$out/$name.log" || {
        ended=$?
        cat "$out/$name.log" >&2
        exit $ended
    }
}

row()
{
    printf '%-30s %8s' "$1" "$2"
    for run in $3; do
        printf ' %12.4f' "$(value validation_nats_per_byte "$out/$run.json")"
    done
    printf '\n'
}

learn other --tokenizer bpe --tokenizer-vocab-size 512 --n-layers 3 --n-heads 4 --d-model 96 \
    --steps $((4 * steps))
for n in $((steps / 4)) "$steps"; do
    new="--tokenizer bpe --tokenizer-vocab-size 1024 --n-layers 2 --n-heads 4 --d-model 96 --steps $n"
    begin "cold-$n" $new
    begin "warm-$n" $new --init-embeddings "$out/other"
    begin "both-$n" $new --init-embeddings "$out/other" --init-positions
done
share=$(sed -n 's/^from .*(\([0-9.]* %\)).*/\1/p' "$out/warm-$steps.log")
printf '%-30s %8s %12s %12s\n' "validation, nats a byte" "mapped" "$((steps / 4)) steps" "$steps steps"
row "random numbers" "-" "cold-$((steps / 4)) cold-$steps"
row "embeddings of tokens" "$share" "warm-$((steps / 4)) warm-$steps"
row "embeddings and positions" "$share" "both-$((steps / 4)) both-$steps"
