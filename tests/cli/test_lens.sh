#!/bin/sh
# SPDX-License-Identifier: MIT
# test_lens.sh PROGRAM: heed inspect's views of predictions, from the command line.
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

# Every line of out fits 80 columns; what is not ASCII counts as one.
narrow()
{
    n=$(tail -n +3 out | awk '{ gsub(/[^ -~]+/, "x"); if (length($0) > n) n = length($0) } END { print n }')
    [ "$n" -le 80 ] || fail "expected at most 80 columns, got $n"
}

allow train --out m --steps 20 --n-layers 2 --n-heads 2 --d-model 32 --context-length 24 --quiet
allow train --out two --steps 1 --preset bigram --quiet
text='Once upon a time'

# ---- lens ----

allow inspect m --text "$text" --show lens
expect '^position 9 '
expect '^comes  '
expect '^pre: before a layer, mid: behind its attention'
expect ' 1 post'
expect 'positions 9 to 15 of 16; --lens-positions all shows them all'
narrow
for cells in next entropy divergence; do
    allow inspect m --text "$text" --lens-cells $cells
    narrow
done
expect ' 1 post  0.000 '
allow inspect m --text "$text" --lens-positions 0-2 --json
expect '"first_position": 0, "last_position": 2'
expect '"name": "blocks.1.resid_post"'
refuse 2 'lens-positions: expected positions from 0 to 15, got "9-99"' inspect m --text "$text" --lens-positions 9-99
refuse 2 'lens-positions: expected positions such as 3-9' inspect m --text "$text" --lens-positions 3-x
refuse 2 'expected a text of 1 to 24 tokens' inspect m --text "$text$text" --show lens
refuse 2 'show: there is no "lence"; did you mean "lens"?' inspect m --text "$text" --show lence
refuse 2 'a bigram model is a table' inspect two --text "$text" --show lens

# ---- predictions ----

allow inspect m --text "$text" --show predictions
expect '^loss .* nats a token over 15 tokens'
expect '\[\.\.\] had a probability below 10 %'
narrow
[ "$(grep -c '^ *[0-9][0-9]* ' out)" -eq 15 ] || fail "predictions: expected a row for each of 15 tokens"
allow inspect m --text "$text" --hardest 4
[ "$(grep -c '^ *[0-9][0-9]* ' out)" -eq 4 ] || fail "predictions: expected the four hardest"
allow inspect two --text "$text" --show predictions --json
expect '"mean_loss"'
printf '%s' "$text" >text
"$program" eval m text --json >eval 2>err
"$program" inspect m --file text --show predictions --json >out 2>err
[ "$(sed 's/.*"predictions": {"loss": \([0-9]*\.[0-9][0-9][0-9]\).*/\1/' out)" = \
  "$(sed 's/.*"loss": \([0-9]*\.[0-9][0-9][0-9]\).*/\1/' eval)" ] ||
    fail "predictions: expected the loss of heed eval"

# ---- attribution ----

allow inspect m --text "$text" --attribute e --against t
expect 'logit of "e" less that of "t" at position 15, behind "e"'
expect 'blocks.1.attn head 1'
expect 'remainder'
narrow
allow inspect m --text "$text" --attribute '#3' --position 2 --json
expect '"remainder_bound"'
expect '"name": "ln_f.bias"'
refuse 2 'attribute: expected one token, or an id such as #12; "ab" is 2 tokens: "a" "b"' \
    inspect m --text "$text" --attribute ab
refuse 2 'attribute: expected an id from #0 to' inspect m --text "$text" --attribute '#999999'
refuse 2 'position: expected 0 to 15, got 16' inspect m --text "$text" --attribute e --position 16
refuse 2 'there are no parts' inspect two --text "$text" --attribute e

# ---- gradients, neighbours ----

allow inspect m --text "$text" --show gradients
expect '^  attention '
expect '^  all '
narrow
allow inspect m --text "$text" --show gradients --json
expect '"gradient_norm"'
refuse 2 'gradients: expected a text of at least two tokens' inspect m --text a --show gradients
allow inspect m --near 'ab' --near-by dot --near-centred
expect 'the mean row is taken off'
narrow
refuse 2 'neighbours: expected --near TEXT, or a --text' inspect m --show neighbours
refuse 2 'near: expected an id from #0 to' inspect m --near '#4096'

# ---- activations ----

allow inspect m --text "$text" --activation blocks.0.attn.pattern,d.blocks.1.attn.q --to a.safetensors
expect 'a.safetensors: 2 activations'
expect 'the logits are the same, bit for bit'
allow verify m --against a.safetensors --atol 0 --rtol 0
allow inspect m --text "$text" --activation blocks.0.attn.hook_pattern --to a.npy
[ "$(wc -c <a.npy)" -eq $((128 + 4 * 2 * 16 * 16)) ] || fail "activation: expected the bytes of [1, 2, 16, 16]"
for name in blocks.0.resid_post blocks.1.resid_pre h.0; do # one tensor, its gradient too
    allow inspect m --text "$text" --activation "d.$name" --to "$name.npy"
    cmp -s blocks.0.resid_post.npy "$name.npy" || fail "activation: expected d.$name to be d.blocks.0.resid_post"
done
refuse 2 'that weight is h.0.attn.c_attn.weight, its gradient "grad/h.0.attn.c_attn.weight"' \
    inspect m --text "$text" --activation d.blocks.0.attn.W_Q --to x.npy
refuse 2 'is a weight, no activation; its gradient is "grad/wte.weight"' \
    inspect m --text "$text" --activation wte.weight --to b.npy
refuse 2 'activation: expected --to FILE as well' inspect m --text "$text" --activation embed
allow inspect m --text ab --activation embed,logits --to a.json --json
grep -q '"bytes": 0' out && fail 'activation: expected the bytes of logits, which are asked for'
allow inspect m --text ab --activation logits --to a.npy
expect '^a.npy: 1 activation, [1-9]'
name=$(printf 'a\033[31m.npy')
allow inspect m --text ab --activation logits --to "$name"
expect '^a\\x1B\[31m.npy: 1 activation'
name=$(printf 'a\033[31m.png')
allow inspect m --text ab --picture "$name"
expect '^all heads: a\\x1B\[31m.png'
for line in '2 did.you.mean."embed" --activation embd --to b.npy' '2 one.activation --activation embed,logits --to b.npy' \
    '2 ends.in..npy --activation embed --to b.txt'; do
    set -- $line
    code=$1 words=$2
    shift 2
    "$program" inspect m --text "$text" "$@" >out 2>err
    [ $? -eq "$code" ] || fail "inspect $*: expected exit code $code"
    grep -q "$words" err || fail "inspect $*: expected \"$words\""
done
absent b.npy
absent b.txt

# ---- diagnosis ----

allow generate m --prompt One --temperature 0 --max-tokens 40 --diagnose
expect '^  step  token '
expect '^verdict ('
narrow
allow generate two --prompt One --temperature 0 --max-tokens 4 --diagnose
narrow

# ---- numbers that are not finite ----

cp -r m bad
size=$(wc -c <bad/model.safetensors)
printf '\000\000\300\177' | dd of=bad/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>err # a nan at the end
allow inspect bad --text "$text" --show predictions
expect '^NOT FINITE$'
expect ' is nan'
tr -s ' \n' '  ' <out | grep -q 'of which 1 is not finite, the first at \[' || fail "expected the weight of the first nan"
expect 'the likeliest token was right for 0 of them'
narrow
allow inspect bad --text "$text" --hardest 4
[ "$(grep -c '^ *[0-9][0-9]* !! ' out)" -eq 4 ] || fail "predictions: expected four of those that are no numbers"
allow inspect bad --text "$text" --show gradients
grep -q -e '-nan' out && fail "gradients: a nan has no sign"
printf '\000\000\200\177' | dd of=bad/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>err # inf
allow trace bad loss 'blocks.1.attn.pattern[0,0,2,1]' 'new.wte.weight[0,0]' --step --text "$text"
grep -q nan out || fail "trace: expected a nan"
grep -q -e '-nan' out && fail "trace: a nan has no sign"
allow inspect bad --text "$text" --show lens --json
expect '"not_finite": {"node"'

exit $((failures > 0))
