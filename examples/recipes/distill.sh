#!/bin/sh
# SPDX-License-Identifier: MIT
# Distillation to one head: students with one head and less than a fifth of the numbers learn from a teacher with four,
# with other shares w of it in the loss and other temperatures T. The divergence from the teacher is that at temperature 1.
#
#     examples/recipes/distill.sh [--full] [TEXT]      about a minute; without TEXT they learn the built-in stories
#
# HEED names the program (build/heed), STEPS how long each run is, OUT a folder that is kept; --full
# takes four times the steps.
set -eu
. "$(dirname "$0")/common.sh"
steps=${STEPS:-450}
[ $full = no ] || steps=$((4 * steps))

# divergence NAME: of a student as it is, by a run of one step that moves nothing.
divergence()
{
    learn "$1-seen" --from "$out/$1" --distill "$out/teacher" --temperature 1 --steps 1 --learning-rate 0 --batch-size 4
    value val_kl "$out/$1-seen/log.jsonl"
}

# row NAME WHAT DIVERGENCE
row()
{
    printf '%-30s %12s %10.4f %10.4f\n' "$2" "$(value parameters "$out/$1.json")" \
        "$(value validation_loss "$out/$1.json")" "$3"
}

size="--context-length 32 --batch-size 16"
learn teacher $size --n-layers 3 --n-heads 4 --d-model 96 --steps $((2 * steps))
printf '%-30s %12s %10s %10s\n' "validation, nats a token" "parameters" "loss" "KL"
row teacher "teacher: 3 layers, 4 heads" 0
for mix in "0 1" "0.5 1" "0.5 2" "0.9 2" "0.9 4"; do
    w=${mix% *} T=${mix#* }
    learn "student-$w-$T" --distill "$out/teacher" --distill-weight "$w" --temperature "$T" \
        $size --n-layers 2 --n-heads 1 --d-model 48 --steps "$steps"
    what="one head, w $w, T $T"
    [ "$w" != 0 ] || what="one head, the text alone"
    row "student-$w-$T" "$what" "$(divergence "student-$w-$T")"
done
