#!/bin/sh
# SPDX-License-Identifier: MIT
# test_interventions.sh PROGRAM: heed inspect's ablation and patching, from the command line.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

. "$here/functions.sh"

: >input
: >err

expect()
{
    grep -q -- "$1" out || { fail "expected \"$1\""; sed 's/^/    /' out; }
}

# Every line but the text's fits 80 columns; what is not ASCII counts as one.
narrow()
{
    n=$(tail -n +3 out | awk '{ gsub(/[^ -~]+/, "x"); if (length($0) > n) n = length($0) } END { print n }')
    [ "$n" -le 80 ] || fail "expected at most 80 columns, got $n"
}

# The same words give the same bytes.
again()
{
    cp out first
    allow "$@"
    cmp -s out first || fail "$*: another run gives other bytes"
}

allow train --out m --steps 20 --n-layers 2 --n-heads 2 --d-model 32 --context-length 24 --quiet
allow train --out two --steps 1 --preset bigram --quiet
text='Once upon a time'

# ---- ablation ----

allow inspect m --text "$text" --ablate 1.0,0.mlp
expect '^without 1.0,0.mlp; in their place: zeros; 15 tokens to predict in 1 window$'
expect '^  change   *[-+][0-9.]*, 95 % interval [-+][0-9.]* to [-+][0-9.]* '
awk '/^  change/ { none = $6 <= 0 && $8 >= 0 } /^  the interval holds 0/ { said = 1 } END { exit none != said }' out ||
    fail "expected a word on an interval that holds 0, and none on another"
expect '^other parts            1 '
expect '^random directions     10 '
expect '^position  behind '
narrow
again inspect m --text "$text" --ablate 1.0,0.mlp
allow inspect m --text "$text$text$text" --ablate 0 --ablate-method mean --controls 2
expect '47 tokens to predict in 2'
expect 'in their place: means over the text'
allow inspect m --text "$text" --ablate '*.*' --ablate-method resample --ablate-reference 'There was a cat'
expect 'outputs at positions of the reference'
expect '^other parts         none'
allow inspect m --text "$text" --ablate blocks.1.mlp.post --json
expect '"ablation": {"parts": \["blocks.1.mlp.post"\], "method": "zero", "windows": 1, "change": {"mean": '
expect '"losses": \[null, [0-9.]*, '

allow inspect m --text "$text" --ablate each
expect '^each part by itself; in its place: zeros; 15 tokens to predict'
expect '^layer .* 0 .* 1  *mlp'
expect '^part       change  95 % interval'
expect 'The middle nine tenths of all controls'
narrow
allow inspect m --text "$text" --show ablation --json
again inspect m --text "$text" --show ablation --json
expect '"parts": \[{"part": "0.0", "layer": 0, "head": 0, "change": {"mean": '
expect '{"part": "1.mlp", "layer": 1, "change": '

refuse 2 'ablate: "1.2": there is no head 2: heads are 0 to 1' inspect m --text "$text" --ablate 1.2
refuse 2 'ablate: "7.mlp": there is no layer 7: layers are 0 to 1' inspect m --text "$text" --ablate 7.mlp
refuse 2 'did you mean "mlp"' inspect m --text "$text" --ablate 1.mpl --json
[ -s out ] && fail 'a refusal under --json: expected nothing on stdout'
refuse 2 "take the head's output, blocks.0.attn.z" inspect m --text "$text" --ablate blocks.0.attn.pattern
refuse 2 'the model has no activation "0.pre"' inspect m --text "$text" --activation 0.pre --to x.npy --json
absent x.npy
refuse 2 'no attention to look at' inspect two --text "$text"
refuse 2 'no attention to look at' inspect two --text "$text" --show lens,maps --json
refuse 2 'no layers to patch' inspect two --text "$text" --patch-text "$text"
refuse 2 'expected an answer and a wrong token that differ' inspect m --text "$text" --patch-text "$text" --json
refuse 2 'ablation: expected a text of at least two tokens' inspect m --text O --ablate 0.0
refuse 2 'ablate-reference: zeros need no other text' inspect m --text "$text" --ablate 0 --ablate-reference a
refuse 2 'ablate-reference: expected at least two tokens, got 1' \
    inspect m --text "$text" --ablate 0 --ablate-method mean --ablate-reference a
refuse 2 'expected one of zero, mean, resample, got "resampel"' inspect m --text "$text" --ablate 0 --ablate-method resampel
refuse 2 'the model has no layers' inspect two --text "$text" --ablate 0
refuse 2 'neither heads nor feed-forwards' inspect two --text "$text" --show ablation

# ---- patching ----

allow inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer e --wrong t
expect '^answer "e"$'
expect '^logit of the answer - logit of the wrong token: '
expect '^recovery by the residual stream before a layer, at one position'
expect "^recovery by a head's output, at all positions"
expect '^ *4 c '
narrow
again inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer e --wrong t
allow inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer e --wrong t --patch blocks.0.resid_pre
expect '^with blocks.0.resid_pre of the clean run: .*, recovery 1.0000$'
allow inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer e --wrong t --patch 0.1 --patch-position 5 \
    --patch-metric loss --json
expect '"patch": {"corrupted_text": "the dog sat", "metric": "loss", "answer": {"id": '
expect '"parts": "0.1", "position": 5, "patched": '
allow inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer e --wrong t --patch mlp --json
expect '"mlp": {"rows": "position", "columns": "layer", "recovery": \[\[0, 0\], '

refuse 2 'patch-text: expected as many tokens as --text, 11, got 10' \
    inspect m --text 'the cat sat' --patch-text 'the cat sa' --json
[ -s out ] && fail 'a refusal under --json: expected nothing on stdout'
refuse 2 'expected --patch-text' inspect m --text 'the cat sat' --patch heads
refuse 2 'answer: expected one token' inspect m --text 'the cat sat' --patch-text 'the dog sat' --answer et
refuse 2 'there is no head 5' inspect m --text 'the cat sat' --patch-text 'the dog sat' --patch 0.5
refuse 2 'patch-position: expected positions from 0 to 10' \
    inspect m --text 'the cat sat' --patch-text 'the dog sat' --patch 0.1 --patch-position 11
refuse 2 'a grid has all positions' inspect m --text 'the cat sat' --patch-text 'the dog sat' --patch-position 3
# ---- comparing ----

allow train --out later --steps 40 --n-layers 2 --n-heads 2 --d-model 32 --context-length 24 --quiet
allow inspect m --text "$text" --compare later --compare-list 3
expect '^loss [0-9.]* nats a token, now [0-9.]*$'
expect '^change [-+]'
expect '^layer 1 attention '
expect '^how far patterns moved'
expect '^heads whose role changed (->): [0-9]* of 4$'
expect '^position  token '
narrow
allow inspect m --text "$text" --compare m --json
expect '"compare": {"with": "m", "loss_change": {"mean": 0, "low": 0, "high": 0}, "roles_on_repeated_tokens": true, '
expect '"variation": 0, "divergence": 0, "roles_before": \['
expect '{"component": "attention", "layer": 0, "numbers": 4224, '
allow inspect two --text "$text" --compare two
refuse 2 'compare: expected two models of one shape, their kind is gpt and bigram' \
    inspect m --text "$text" --compare two --json
[ -s out ] && fail 'a refusal under --json: expected nothing on stdout'
refuse 2 'compare: expected a text of at least two tokens' inspect m --text O --compare later
refuse 3 'nowhere' inspect m --text "$text" --compare nowhere

# ---- numbers that are not finite ----

cp -r m bad
size=$(wc -c <bad/model.safetensors)
printf '\000\000\300\177' | dd of=bad/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>err # a nan at the end
allow inspect bad --text "$text" --ablate 1.0
expect '^  loss  *nan nats a token'
allow inspect bad --text "$text" --ablate each
expect '^NOT FINITE'
allow inspect bad --text "$text" --ablate 1.0 --json
expect '"change": {"mean": null, '

exit $((failures > 0))
