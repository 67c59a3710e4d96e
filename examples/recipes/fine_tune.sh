#!/bin/sh
# SPDX-License-Identifier: MIT
# Fine-tuning: a model that has learned the built-in stories goes on with a text, at three rates, beside one that begins
# with the text. What it gains there and what it forgets of the stories stand in one table.
#
#     examples/recipes/fine_tune.sh [--full] [TEXT]      about a minute; without TEXT it reads this project's guides
#
# HEED names the program (build/heed), STEPS how long each run is, OUT a folder that is kept; --full
# takes four times the steps.
set -eu
. "$(dirname "$0")/common.sh"
steps=${STEPS:-300}
[ $full = no ] || steps=$((4 * steps))
document=$text
text= # the first model learns the stories
if [ -z "$document" ]; then
    document=$out/guides.txt
    for guide in "$here"/docs/*.md; do
        [ "${guide##*/}" = exercises.md ] || cat "$guide" # a book of questions would be most of it
    done >"$document"
fi

# stories NAME: the loss of a model on the stories, by a run of one step that moves nothing.
stories()
{
    learn "$1-stories" --from "$out/$1" --steps 1 --learning-rate 0
    value validation_loss "$out/$1-stories.json"
}

row()
{
    printf '%-38s %14.4f %14.4f\n' "$1" "$2" "$3"
}

model="--context-length 64 --n-layers 3 --n-heads 4 --d-model 96"
learn base --tokenizer bpe --tokenizer-vocab-size 512 $model --steps $((4 * steps))
printf '%-38s %14s %14s\n' "validation loss, nats a token" "of the text" "of the stories"
learn scratch "$document" --tokenizer "$out/base" $model --steps "$steps"
row "the text alone, rate 3e-3" "$(value validation_loss "$out/scratch.json")" "$(stories scratch)"
learn still "$document" --from "$out/base" --steps 1 --learning-rate 0
row "the stories alone" "$(value validation_loss "$out/still.json")" "$(stories base)"
for rate in 1e-4 5e-4 3e-3; do
    learn "fine-$rate" "$document" --from "$out/base" --steps "$steps" --learning-rate $rate --warmup-steps 20
    row "the stories, then the text at $rate" "$(value validation_loss "$out/fine-$rate.json")" "$(stories "fine-$rate")"
done
