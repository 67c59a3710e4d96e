#!/bin/sh
# SPDX-License-Identifier: MIT
# test_record.sh PROGRAM: heed train --record-heads and heed inspect --run: a run that stops and goes on has the record of
# one that never did.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
task="--task induction --task-length 6 --task-symbols 8 --n-layers 2 --n-heads 2 --d-model 16 --no-mlp --context-length 24"
run="--batch-size 4 --threads 1 --eval-interval 2 --eval-batches 1 --save-interval 3 --quiet"
record="--record-heads --record-length 6 --record-patterns 0.1,1.0 --record-text abcabc"

. "$here/functions.sh"

: >input
: >err
allow train $task $run --steps 6 $record --out whole
[ "$(wc -l <whole/heads.jsonl)" -eq 5 ] || fail "expected the settings and evaluations at steps 0, 2, 4 and 6"

# as if it had died between steps 4 and 6: the checkpoint is that of step 3, the record has step 4 already
cp -R whole cut
allow train $task $run --steps 6 $record --keep-last 3 --out kept
at3=$(ls -d kept/step-*3 2>/dev/null | head -n 1)
[ -n "$at3" ] || fail "expected a kept checkpoint of step 3"
rm -rf cut && cp -R "$at3" cut && head -n 4 whole/heads.jsonl >cut/heads.jsonl
allow train --resume cut --quiet
cmp -s whole/heads.jsonl cut/heads.jsonl || fail "expected the same record after resuming"

allow inspect --run whole
[ "$(awk '/^    step/ { on = 1 } on && length > 80' out | wc -l)" -eq 0 ] || fail "expected at most 80 columns"
grep -q "2 layers of 2 heads, 4 evaluations" out || fail "expected the record's size"
grep -q "layer 0 head 1, step 6" out || fail "expected the recorded pattern as it is in the end"
allow train $task ${run% --quiet} --sample-tokens 0 --steps 2 $record --out talks
grep -q "^      heed inspect --run talks$" err || fail "expected a word on heads over the run at its end"
allow inspect --run whole --at 2
grep -q "layer 1 head 0, step 2" out || fail "expected the recorded pattern of step 2"
allow inspect --run whole --json
grep -q '"appears": \[' out || fail "expected JSON"
allow inspect --run whole --curves heads.png
[ -s heads.png ] || fail "expected a picture"

for setting in "patterns 0.0" "text abc" "length 6"; do
    refuse 2 'expected --record-heads beside it' train $task $run --record-$setting --out o
done
refuse 2 'there is no layer 5' train $task $run --record-heads --record-patterns 5.0 --out o2
absent o2
refuse 2 'expected a model with attention' train --preset bigram --record-heads --out o2
absent o2
refuse 2 'cannot be given' train $task --range-test --record-heads
refuse 3 'it has no record of its heads' inspect --run .
refuse 2 'there was no evaluation at step 3; the last was at step 6' inspect --run whole --at 3
refuse 2 'expected --run DIR' inspect --show run
refuse 2 'ends in .png, .svg or .pdf' inspect --run whole --curves heads.gif
absent o

[ $failures -eq 0 ] || { echo "$failures failed"; exit 1; }
